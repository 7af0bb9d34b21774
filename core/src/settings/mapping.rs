//! Case type → practice area: a pure function of the firm's settings and the firm's practice areas in Clio.
//!
//! A case type is, in this order: one that the firm mapped itself; one of CaseHug's eight practice areas (`family_law`); a common case type
//! of the table below (`Divorce - Standard`: the part before ` - ` counts). CaseHug's area then becomes one of the firm's
//! areas in Clio: by name ignoring case, else by Clio's `category`, the lowest id of several. That is found once, when the list is loaded, and kept by id. Names are the firm's own and change; categories are
//! Clio's fixed words (Clio: Practice Areas).

use serde::{Deserialize, Serialize};

use super::FirmSettings;
use crate::auth::PracticeArea;
use crate::model::ClioId;

/// CaseHug's practice areas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

/// Why a matter goes to Clio without a practice area.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmapped {
    /// The intake names no case type.
    NoCaseType,
    /// Nobody mapped this case type.
    UnknownCaseType,
    /// The case type is known, but the firm has no such practice area in Clio.
    NoSuchArea,
}

impl Unmapped {
    /// The stable name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NoCaseType => "no_case_type",
            Self::UnknownCaseType => "unknown_case_type",
            Self::NoSuchArea => "no_such_practice_area",
        }
    }
}

/// The practice area of a matter.
///
/// # Errors
/// [`Unmapped`] says why it is left out; that is no failure of the sync.
pub fn choose_area(
    case_type: Option<&str>,
    settings: &FirmSettings,
    areas: &[PracticeArea],
) -> Result<ClioId, Unmapped> {
    let fallback = || settings.fallback_area.filter(|id| areas.iter().any(|area| area.id == *id));
    mapped_area(case_type, settings, areas).or_else(|unmapped| fallback().ok_or(unmapped))
}

fn mapped_area(case_type: Option<&str>, settings: &FirmSettings, areas: &[PracticeArea]) -> Result<ClioId, Unmapped> {
    let wanted = normalise(case_type.unwrap_or_default());
    if wanted.is_empty() {
        return Err(Unmapped::NoCaseType);
    }
    let own = settings.practice_areas.iter().find(|(name, _)| normalise(name) == wanted);
    if let Some((_, id)) = own {
        return if areas.iter().any(|area| area.id == *id) { Ok(*id) } else { Err(Unmapped::NoSuchArea) };
    }
    let area = known_area(&wanted).ok_or(Unmapped::UnknownCaseType)?;
    let default = areas.iter().find(|choice| choice.stands_for.contains(&area));
    default.map(|choice| choice.id).ok_or(Unmapped::NoSuchArea)
}

/// Finds the default of each of CaseHug's areas among the firm's: the one that was found `before`, whatever it is called now; else by name, else by category.
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
    let base = wanted.split(" - ").next().unwrap_or(wanted).trim_end();
    let eight = CaseHugArea::ALL.into_iter();
    let common = COMMON_CASE_TYPES.iter();
    eight.clone().find(|area| normalise(area.name()) == wanted).or_else(|| {
        common
            .clone()
            .find(|(name, _)| *name == wanted)
            .or_else(|| common.clone().find(|(name, _)| *name == base))
            .map(|(_, area)| *area)
            .or_else(|| eight.clone().find(|area| normalise(area.name()) == base))
    })
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
pub(super) fn normalise(text: &str) -> String {
    let words: Vec<String> = text.to_lowercase().replace('_', " ").split_whitespace().map(str::to_owned).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

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
            assert_eq!(choose_area(Some(area.name()), &FirmSettings::default(), &by_name), Ok(ClioId(7)));
            let by_category = areas(&[(9, "B", Some(area.clio_category())), (8, "A", Some(area.clio_category()))]);
            assert_eq!(choose_area(Some(area.name()), &FirmSettings::default(), &by_category), Ok(ClioId(8)));
        }
    }

    #[test]
    fn common_case_types_map_with_and_without_their_variant() {
        let clio = areas(&[(1, "Family", Some("family")), (2, "Estates", Some("wills_and_estates"))]);
        for (case_type, id) in
            [("Divorce - Standard", 1), ("divorce", 1), ("  CHILD  custody ", 1), ("Probate - Small estate", 2)]
        {
            assert_eq!(choose_area(Some(case_type), &FirmSettings::default(), &clio), Ok(ClioId(id)), "{case_type}");
        }
    }

    #[test]
    fn a_default_that_was_found_goes_on_whatever_it_is_called() {
        let before = areas(&[(1, "Family Law", None), (2, "Visas", Some("immigration"))]);
        let mut now = areas(&[(1, "Households", None), (2, "Visas", None), (3, "Family Law", Some("family"))]);
        now.iter_mut().for_each(|area| area.stands_for.clear());
        resolve_defaults(&mut now, &before);
        assert_eq!(choose_area(Some("divorce"), &FirmSettings::default(), &now), Ok(ClioId(1)));
        assert_eq!(choose_area(Some("asylum"), &FirmSettings::default(), &now), Ok(ClioId(2)));
        let mut gone = areas(&[(3, "Family Law", None)]);
        gone.iter_mut().for_each(|area| area.stands_for.clear());
        resolve_defaults(&mut gone, &now);
        assert_eq!(choose_area(Some("divorce"), &FirmSettings::default(), &gone), Ok(ClioId(3)), "deleted: found anew");
    }

    #[test]
    fn what_is_not_mapped_is_left_out_with_its_reason() {
        let clio = areas(&[(1, "Family", Some("family"))]);
        let settings = FirmSettings::default();
        assert_eq!(choose_area(None, &settings, &clio), Err(Unmapped::NoCaseType));
        assert_eq!(choose_area(Some(" "), &settings, &clio), Err(Unmapped::NoCaseType));
        assert_eq!(choose_area(Some("Maritime salvage"), &settings, &clio), Err(Unmapped::UnknownCaseType));
        assert_eq!(choose_area(Some("visa"), &settings, &clio), Err(Unmapped::NoSuchArea));
    }

    #[test]
    fn the_firms_own_mapping_wins() {
        let clio = areas(&[(1, "Family", Some("family")), (5, "Collaborative", None)]);
        let own = |id| FirmSettings {
            practice_areas: [(String::from("Divorce - standard"), ClioId(id))].into(),
            ..FirmSettings::default()
        };
        assert_eq!(choose_area(Some("Divorce - Standard"), &own(5), &clio), Ok(ClioId(5)));
        assert_eq!(choose_area(Some("Divorce - Standard"), &own(6), &clio), Err(Unmapped::NoSuchArea));
    }

    #[test]
    fn what_leads_nowhere_goes_to_the_fallback_if_it_is_still_there() {
        let clio = areas(&[(1, "Family", Some("family")), (5, "General", None)]);
        let with = |id| FirmSettings { fallback_area: Some(ClioId(id)), ..FirmSettings::default() };
        for case_type in [None, Some("Maritime salvage"), Some("visa")] {
            assert_eq!(choose_area(case_type, &with(5), &clio), Ok(ClioId(5)));
        }
        assert_eq!(choose_area(Some("divorce"), &with(5), &clio), Ok(ClioId(1)));
        assert_eq!(choose_area(None, &with(6), &clio), Err(Unmapped::NoCaseType));
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
