//! Case type → practice area: a pure function of the firm's settings and the firm's practice areas
//! in Clio.
//!
//! A case type leads where, in this order, the firm mapped it; the firm mapped what stands before a
//! dash in it; its default is; the default of what stands before that dash is. A default has what
//! is one of CaseHug's eight practice areas (`family_law`), or a common case type of the table
//! below. CaseHug's area then becomes one of the firm's areas in Clio: by name ignoring case, else
//! by Clio's `category`, the lowest id of several. That is found once, when the list is loaded, and
//! kept by id. Names are the firm's own and change; categories are Clio's fixed words (Clio:
//! Practice Areas).

use serde::{Deserialize, Serialize};

use super::{FirmSettings, PracticeArea};
use crate::domain::ClioId;

/// CaseHug's practice areas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CaseHugArea {
    /// `personal_injury`
    PersonalInjury,
    /// `estate_planning`
    EstatePlanning,
    /// `family_law`
    FamilyLaw,
    /// `immigration`
    Immigration,
    /// `criminal`
    Criminal,
    /// `business`
    Business,
    /// `real_estate`
    RealEstate,
    /// `other`
    Other,
}

impl CaseHugArea {
    /// All eight.
    pub const ALL: [Self; 8] = [
        Self::PersonalInjury,
        Self::EstatePlanning,
        Self::FamilyLaw,
        Self::Immigration,
        Self::Criminal,
        Self::Business,
        Self::RealEstate,
        Self::Other,
    ];

    /// The name in CaseHug's data.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::PersonalInjury => "personal_injury",
            Self::EstatePlanning => "estate_planning",
            Self::FamilyLaw => "family_law",
            Self::Immigration => "immigration",
            Self::Criminal => "criminal",
            Self::Business => "business",
            Self::RealEstate => "real_estate",
            Self::Other => "other",
        }
    }

    /// The category in Clio that means the same.
    #[must_use]
    pub fn clio_category(self) -> &'static str {
        match self {
            Self::EstatePlanning => "wills_and_estates",
            Self::FamilyLaw => "family",
            Self::Business => "business_formation_and_compliance",
            same => same.name(),
        }
    }
}

/// Common case types and CaseHug's area for each. Lower case, without what follows ` - `.
const COMMON_CASE_TYPES: &[(&str, CaseHugArea)] = &[
    ("adoption", CaseHugArea::FamilyLaw),
    ("alimony", CaseHugArea::FamilyLaw),
    ("annulment", CaseHugArea::FamilyLaw),
    ("asylum", CaseHugArea::Immigration),
    ("auto accident", CaseHugArea::PersonalInjury),
    ("business formation", CaseHugArea::Business),
    ("car accident", CaseHugArea::PersonalInjury),
    ("child custody", CaseHugArea::FamilyLaw),
    ("child support", CaseHugArea::FamilyLaw),
    ("citizenship", CaseHugArea::Immigration),
    ("commercial lease", CaseHugArea::RealEstate),
    ("contract dispute", CaseHugArea::Business),
    ("criminal defense", CaseHugArea::Criminal),
    ("custody", CaseHugArea::FamilyLaw),
    ("deportation defense", CaseHugArea::Immigration),
    ("divorce", CaseHugArea::FamilyLaw),
    ("domestic violence", CaseHugArea::FamilyLaw),
    ("dui", CaseHugArea::Criminal),
    ("dwi", CaseHugArea::Criminal),
    ("estate administration", CaseHugArea::EstatePlanning),
    ("eviction", CaseHugArea::RealEstate),
    ("expungement", CaseHugArea::Criminal),
    ("family", CaseHugArea::FamilyLaw),
    ("felony", CaseHugArea::Criminal),
    ("foreclosure", CaseHugArea::RealEstate),
    ("green card", CaseHugArea::Immigration),
    ("guardianship", CaseHugArea::FamilyLaw),
    ("home purchase", CaseHugArea::RealEstate),
    ("home sale", CaseHugArea::RealEstate),
    ("incorporation", CaseHugArea::Business),
    ("landlord/tenant", CaseHugArea::RealEstate),
    ("legal separation", CaseHugArea::FamilyLaw),
    ("llc formation", CaseHugArea::Business),
    ("medical malpractice", CaseHugArea::PersonalInjury),
    ("misdemeanor", CaseHugArea::Criminal),
    ("mergers and acquisitions", CaseHugArea::Business),
    ("motor vehicle accident", CaseHugArea::PersonalInjury),
    ("naturalization", CaseHugArea::Immigration),
    ("paternity", CaseHugArea::FamilyLaw),
    ("power of attorney", CaseHugArea::EstatePlanning),
    ("prenuptial agreement", CaseHugArea::FamilyLaw),
    ("premises liability", CaseHugArea::PersonalInjury),
    ("probate", CaseHugArea::EstatePlanning),
    ("product liability", CaseHugArea::PersonalInjury),
    ("real estate closing", CaseHugArea::RealEstate),
    ("slip and fall", CaseHugArea::PersonalInjury),
    ("traffic violation", CaseHugArea::Criminal),
    ("trust", CaseHugArea::EstatePlanning),
    ("visa", CaseHugArea::Immigration),
    ("will", CaseHugArea::EstatePlanning),
    ("wills and trusts", CaseHugArea::EstatePlanning),
    ("wrongful death", CaseHugArea::PersonalInjury),
];

/// What chose a practice area.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum MappedBy {
    /// The firm mapped this case type.
    Own,
    /// The firm mapped what stands before ` - ` in it.
    OwnBase,
    /// Its default.
    Default,
    /// The default of what stands before ` - ` in it.
    DefaultBase,
    /// It leads nowhere, and the firm chose an area for such.
    Fallback,
}

impl MappedBy {
    /// The stable name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::OwnBase => "own_base",
            Self::Default => "default",
            Self::DefaultBase => "default_base",
            Self::Fallback => "fallback",
        }
    }
}

/// A practice area, and what chose it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// The area's id in Clio.
    pub area: ClioId,
    /// What chose it.
    pub by: MappedBy,
}

/// Why a matter goes to Clio without a practice area.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Unmapped {
    /// The intake names no case type.
    NoCaseType,
    /// Nobody mapped this case type.
    UnknownCaseType,
    /// The case type is known, but the firm has no such practice area in Clio.
    #[serde(rename = "no_such_practice_area")]
    NoSuchArea,
    /// The case type is known, and the firm's practice areas are not: it was not connected yet.
    #[serde(rename = "practice_areas_not_known")]
    AreasNotKnown,
}

impl Unmapped {
    /// The stable name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NoCaseType => "no_case_type",
            Self::UnknownCaseType => "unknown_case_type",
            Self::NoSuchArea => "no_such_practice_area",
            Self::AreasNotKnown => "practice_areas_not_known",
        }
    }
}

/// The practice area of a matter. `areas`: the firm's; `None`, they were never loaded.
///
/// # Errors
/// [`Unmapped`] says why it is left out; that is no failure of the sync.
pub fn choose_area(
    case_type: Option<&str>,
    settings: &FirmSettings,
    areas: Option<&[PracticeArea]>,
) -> Result<Chosen, Unmapped> {
    let known = areas.unwrap_or_default();
    mapped_area(case_type, settings, known).or_else(|unmapped| {
        let fallback = settings.fallback_area.filter(|id| known.iter().any(|area| area.id == *id));
        fallback.map(|area| Chosen { area, by: MappedBy::Fallback }).ok_or(match unmapped {
            Unmapped::NoSuchArea if areas.is_none() => Unmapped::AreasNotKnown,
            other => other,
        })
    })
}

/// The first rule that says anything of the case type decides, also if what it names is gone.
fn mapped_area(case_type: Option<&str>, settings: &FirmSettings, areas: &[PracticeArea]) -> Result<Chosen, Unmapped> {
    let whole = normalise(case_type.unwrap_or_default());
    if whole.is_empty() {
        return Err(Unmapped::NoCaseType);
    }
    let own = |wanted: &str| {
        let (_, id) = settings.practice_areas.iter().find(|(name, _)| normalise(name) == wanted)?;
        Some(areas.iter().find(|area| area.id == *id))
    };
    let default = |wanted: &str| {
        let stands_for = known_area(wanted)?;
        Some(areas.iter().find(|area| area.stands_for.contains(&stands_for)))
    };
    let base = whole.split_once(" - ").map(|(base, _)| base);
    let (by, found) = own(&whole)
        .map(|found| (MappedBy::Own, found))
        .or_else(|| Some((MappedBy::OwnBase, own(base?)?)))
        .or_else(|| Some((MappedBy::Default, default(&whole)?)))
        .or_else(|| Some((MappedBy::DefaultBase, default(base?)?)))
        .ok_or(Unmapped::UnknownCaseType)?;
    found.map(|area| Chosen { area: area.id, by }).ok_or(Unmapped::NoSuchArea)
}

/// Finds the default of each of CaseHug's areas among the firm's: the one that was found `before`,
/// whatever it is called now; else by name, else by category.
pub(crate) fn resolve_defaults(areas: &mut [PracticeArea], before: &[PracticeArea]) {
    for area in CaseHugArea::ALL {
        let lowest = |matches: &dyn Fn(&&PracticeArea) -> bool| areas.iter().filter(matches).map(|area| area.id).min();
        let known = before.iter().find(|known| known.stands_for.contains(&area)).map(|known| known.id);
        let found = known
            .filter(|id| areas.iter().any(|choice| choice.id == *id))
            .or_else(|| lowest(&|choice| normalise(&choice.name) == normalise(area.name())))
            .or_else(|| lowest(&|choice| choice.category.as_deref() == Some(area.clio_category())));
        if let Some(choice) = areas.iter_mut().find(|choice| Some(choice.id) == found) {
            choice.stands_for.push(area);
        }
    }
}

fn known_area(wanted: &str) -> Option<CaseHugArea> {
    let common = || COMMON_CASE_TYPES.iter().find(|(name, _)| *name == wanted).map(|(_, area)| *area);
    CaseHugArea::ALL.into_iter().find(|area| normalise(area.name()) == wanted).or_else(common)
}

/// CaseHug's eight practice areas and the common case types, all of which have a default.
pub fn case_types() -> impl Iterator<Item = &'static str> {
    CaseHugArea::ALL.into_iter().map(CaseHugArea::name).chain(COMMON_CASE_TYPES.iter().map(|(name, _)| *name))
}

/// Whether two case types, or two names of practice areas, are the same.
pub(crate) fn same_type(one: &str, other: &str) -> bool {
    normalise(one) == normalise(other)
}

/// As case types and names are compared.
pub(crate) fn normalise(text: &str) -> String {
    let words: Vec<String> = text.to_lowercase().replace('_', " ").split_whitespace().map(str::to_owned).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where it leads.
    fn area_of(case_type: Option<&str>, settings: &FirmSettings, areas: &[PracticeArea]) -> Result<ClioId, Unmapped> {
        choose_area(case_type, settings, Some(areas)).map(|chosen| chosen.area)
    }

    fn areas(list: &[(i64, &str, Option<&str>)]) -> Vec<PracticeArea> {
        let choice = |(id, name, category): &(i64, &str, Option<&str>)| PracticeArea {
            id: ClioId(*id),
            name: (*name).to_owned(),
            category: category.map(str::to_owned),
            stands_for: Vec::new(),
        };
        let mut areas: Vec<_> = list.iter().map(choice).collect();
        resolve_defaults(&mut areas, &[]);
        areas
    }

    #[test]
    fn each_of_the_eight_areas_resolves_by_name_then_by_category() {
        for area in CaseHugArea::ALL {
            let shown = area.name().replace('_', " ").to_uppercase();
            let by_name = areas(&[(9, "Else", Some(area.clio_category())), (7, &shown, None), (8, &shown, None)]);
            assert_eq!(area_of(Some(area.name()), &FirmSettings::default(), &by_name), Ok(ClioId(7)));
            let by_category = areas(&[(9, "B", Some(area.clio_category())), (8, "A", Some(area.clio_category()))]);
            assert_eq!(area_of(Some(area.name()), &FirmSettings::default(), &by_category), Ok(ClioId(8)));
        }
    }

    #[test]
    fn common_case_types_map_with_and_without_their_variant() {
        let clio = areas(&[(1, "Family", Some("family")), (2, "Estates", Some("wills_and_estates"))]);
        for (case_type, id) in
            [("Divorce - Standard", 1), ("divorce", 1), ("  CHILD  custody ", 1), ("Probate - Small estate", 2)]
        {
            assert_eq!(area_of(Some(case_type), &FirmSettings::default(), &clio), Ok(ClioId(id)), "{case_type}");
        }
    }

    #[test]
    fn a_default_that_was_found_goes_on_whatever_it_is_called() {
        let before = areas(&[(1, "Family Law", None), (2, "Visas", Some("immigration"))]);
        let mut now = areas(&[(1, "Households", None), (2, "Visas", None), (3, "Family Law", Some("family"))]);
        now.iter_mut().for_each(|area| area.stands_for.clear());
        resolve_defaults(&mut now, &before);
        assert_eq!(area_of(Some("divorce"), &FirmSettings::default(), &now), Ok(ClioId(1)));
        assert_eq!(area_of(Some("asylum"), &FirmSettings::default(), &now), Ok(ClioId(2)));
        let mut gone = areas(&[(3, "Family Law", None)]);
        gone.iter_mut().for_each(|area| area.stands_for.clear());
        resolve_defaults(&mut gone, &now);
        assert_eq!(area_of(Some("divorce"), &FirmSettings::default(), &gone), Ok(ClioId(3)), "deleted: found anew");
    }

    #[test]
    fn what_is_not_mapped_is_left_out_with_its_reason() {
        let clio = areas(&[(1, "Family", Some("family"))]);
        let settings = FirmSettings::default();
        assert_eq!(area_of(None, &settings, &clio), Err(Unmapped::NoCaseType));
        assert_eq!(area_of(Some(" "), &settings, &clio), Err(Unmapped::NoCaseType));
        assert_eq!(area_of(Some("Maritime salvage"), &settings, &clio), Err(Unmapped::UnknownCaseType));
        assert_eq!(area_of(Some("visa"), &settings, &clio), Err(Unmapped::NoSuchArea));
    }

    #[test]
    fn the_firms_own_mapping_wins() {
        let clio = areas(&[(1, "Family", Some("family")), (5, "Collaborative", None)]);
        let own = |id| FirmSettings {
            practice_areas: [(String::from("Divorce - standard"), ClioId(id))].into(),
            ..FirmSettings::default()
        };
        assert_eq!(area_of(Some("Divorce - Standard"), &own(5), &clio), Ok(ClioId(5)));
        assert_eq!(area_of(Some("Divorce - Standard"), &own(6), &clio), Err(Unmapped::NoSuchArea));
    }

    #[test]
    fn the_firms_own_mapping_of_the_base_wins_over_every_default() {
        let clio = areas(&[(1, "Family", Some("family")), (5, "Employment", None), (6, "Collaborative", None)]);
        let own = |list: &[(&str, i64)]| FirmSettings {
            practice_areas: list.iter().map(|(case_type, id)| ((*case_type).to_owned(), ClioId(*id))).collect(),
            ..FirmSettings::default()
        };
        let by = |case_type: &str, settings: &FirmSettings| choose_area(Some(case_type), settings, Some(&clio));
        let chosen = |area, by| Ok(Chosen { area: ClioId(area), by });
        let divorce = own(&[("divorce", 5)]);
        assert_eq!(by("Divorce - Standard", &divorce), chosen(5, MappedBy::OwnBase));
        assert_eq!(by("Divorce", &divorce), chosen(5, MappedBy::Own));
        assert_eq!(by("Annulment - Standard", &divorce), chosen(1, MappedBy::DefaultBase));
        assert_eq!(by("Annulment", &divorce), chosen(1, MappedBy::Default));
        let both = own(&[("divorce", 5), ("Divorce - Collaborative", 6)]);
        assert_eq!(by("DIVORCE  -  collaborative", &both), chosen(6, MappedBy::Own));
        assert_eq!(by("Divorce - Standard - Short", &both), chosen(5, MappedBy::OwnBase));
        let gone = own(&[("divorce", 9)]);
        assert_eq!(by("Divorce - Standard", &gone), Err(Unmapped::NoSuchArea), "what the firm said counts");
        let words = own(&[("Maritime", 5)]);
        assert_eq!(by("Maritime - Salvage", &words), chosen(5, MappedBy::OwnBase));
        assert_eq!(by(" - Salvage", &words), Err(Unmapped::UnknownCaseType));
    }

    #[test]
    fn before_a_connection_areas_are_not_known_rather_than_missing() {
        let settings = FirmSettings::default();
        assert_eq!(choose_area(Some("divorce"), &settings, None), Err(Unmapped::AreasNotKnown));
        assert_eq!(choose_area(Some("Maritime"), &settings, None), Err(Unmapped::UnknownCaseType));
        assert_eq!(choose_area(None, &settings, None), Err(Unmapped::NoCaseType));
        assert_eq!(choose_area(Some("divorce"), &settings, Some(&[])), Err(Unmapped::NoSuchArea));
    }

    #[test]
    fn what_leads_nowhere_goes_to_the_fallback_if_it_is_still_there() {
        let clio = areas(&[(1, "Family", Some("family")), (5, "General", None)]);
        let with = |id| FirmSettings { fallback_area: Some(ClioId(id)), ..FirmSettings::default() };
        for case_type in [None, Some("Maritime salvage"), Some("visa")] {
            assert_eq!(area_of(case_type, &with(5), &clio), Ok(ClioId(5)));
        }
        assert_eq!(area_of(Some("divorce"), &with(5), &clio), Ok(ClioId(1)));
        assert_eq!(area_of(None, &with(6), &clio), Err(Unmapped::NoCaseType));
    }

    #[test]
    fn what_administrators_are_told_of_the_defaults_is_true() {
        let row = |what: &str, leads_to: &str| format!("| `{what}` | `{leads_to}` |");
        let eight = CaseHugArea::ALL.into_iter().map(|area| row(area.name(), area.clio_category()));
        let common = COMMON_CASE_TYPES.iter().map(|(name, area)| row(name, area.name()));
        let page = include_str!("../../../docs/mapping.md");
        let told: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
        assert_eq!(told, eight.chain(common).collect::<Vec<_>>());
        let guide = include_str!("../../../docs/admin.md");
        assert!(guide.contains(&format!("eight practice areas and {} common case types", COMMON_CASE_TYPES.len())));
    }
}
