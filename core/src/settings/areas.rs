//! What each case type maps to now, for a settings page.

use serde::Serialize;

use super::FirmSettings;
use super::mapping::{Unmapped, case_types, choose_area};
use crate::auth::PracticeArea;
use crate::error::{Code, Error, Result};
use crate::model::ClioId;

/// Where a case type leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "to", rename_all = "snake_case")]
pub enum MappedTo {
    /// This practice area of the firm.
    Area {
        /// Its id in Clio.
        id: ClioId,
        /// The firm's name for it.
        name: String,
    },
    /// The firm mapped it to a practice area that is no longer in Clio: matters go without one.
    Missing {
        /// What its id was.
        id: ClioId,
    },
    /// None: matters go without one.
    Nothing,
}

/// A case type, and where it leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mapping {
    /// CaseHug's case type.
    pub case_type: String,
    /// Where it leads.
    #[serde(flatten)]
    pub mapped: MappedTo,
    /// Whether the firm said so; else it is a default.
    pub own: bool,
}

/// CaseHug's case types and the firm's own, and what each maps to now.
pub(crate) fn mappings(settings: &FirmSettings, areas: &[PracticeArea]) -> Vec<Mapping> {
    let own = settings.practice_areas.iter().map(|(case_type, id)| {
        let area = areas.iter().find(|area| area.id == *id);
        let mapped =
            area.map_or(MappedTo::Missing { id: *id }, |area| MappedTo::Area { id: *id, name: area.name.clone() });
        Mapping { case_type: case_type.clone(), mapped, own: true }
    });
    let is_own = |case_type: &str| settings.practice_areas.keys().any(|own| super::mapping::same_type(own, case_type));
    let defaults = case_types().filter(|case_type| !is_own(case_type)).map(|case_type| {
        let mapped = match choose_area(Some(case_type), settings, areas) {
            Ok(id) => {
                let name = areas.iter().find(|area| area.id == id).map(|area| area.name.clone()).unwrap_or_default();
                MappedTo::Area { id, name }
            }
            Err(Unmapped::NoCaseType | Unmapped::UnknownCaseType | Unmapped::NoSuchArea) => MappedTo::Nothing,
        };
        Mapping { case_type: case_type.to_owned(), mapped, own: false }
    });
    own.chain(defaults).collect()
}

/// The firm's practice area of this name, ignoring case and white space; the lowest id of several.
///
/// # Errors
/// [`Code::PracticeAreaGone`].
pub(crate) fn named(areas: &[PracticeArea], name: &str) -> Result<ClioId> {
    let same = |area: &&PracticeArea| super::mapping::same_type(&area.name, name);
    let found = areas.iter().filter(same).map(|area| area.id).min();
    found.ok_or_else(|| Error::new(Code::PracticeAreaGone).with("reason", "no_such_name"))
}
