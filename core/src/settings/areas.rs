//! What each case type maps to now, for a settings page.

use core::fmt;

use serde::Serialize;

use super::mapping::{Chosen, MappedBy, Unmapped, case_types, choose_area, same_type};
use super::mapping_wire::{MappingWire, SeenMappingWire};
use super::{FirmSettings, PracticeArea};
use crate::domain::{ClioId, Timestamp};
use crate::error::{Code, Error, Result};

/// Where a case type leads.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    Nothing {
        /// For this reason.
        why: Unmapped,
    },
    /// The firm's practice areas are not known: it was not connected yet, or not yet with the
    /// permission to read them.
    NotKnown,
}

/// A case type, and where it leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(into = "MappingWire")]
pub struct Mapping {
    /// CaseHug's case type.
    pub case_type: String,
    /// Where it leads.
    pub mapped: MappedTo,
    /// What chose that; `None`, there is no area.
    pub by: Option<MappedBy>,
    /// Whether the firm mapped this case type itself; else it goes by its base, or by a default.
    pub own: bool,
}

/// A case type that an intake named, where it leads, and when it was last seen, to the day. Nobody
/// of the firm chose that text: `Debug` leaves it out.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(into = "SeenMappingWire")]
pub struct SeenMapping {
    /// The case type, and where it leads.
    pub mapping: Mapping,
    /// When it was last seen, to the day.
    pub seen_at: Timestamp,
}

impl fmt::Debug for SeenMapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeenMapping")
            .field("mapped", &self.mapping.mapped)
            .field("by", &self.mapping.by)
            .field("own", &self.mapping.own)
            .field("seen_at", &self.seen_at)
            .finish_non_exhaustive()
    }
}

/// CaseHug's case types and the firm's own, and what each maps to now.
pub(crate) fn mappings(settings: &FirmSettings, areas: Option<&[PracticeArea]>) -> Vec<Mapping> {
    let lead = |case_type: &str| mapping(case_type, settings, areas);
    let own = settings.practice_areas.keys().map(|case_type| lead(case_type));
    own.chain(case_types().map(lead).filter(|mapping| !mapping.own)).collect()
}

/// Where this case type leads now.
pub(crate) fn mapping(case_type: &str, settings: &FirmSettings, areas: Option<&[PracticeArea]>) -> Mapping {
    let known = areas.unwrap_or_default();
    let own = settings.practice_areas.iter().find(|(own, _)| same_type(own, case_type)).map(|(_, id)| *id);
    let (mapped, by) = match (own, choose_area(Some(case_type), settings, areas)) {
        (Some(id), _) if areas.is_some() && known.iter().all(|area| area.id != id) => {
            (MappedTo::Missing { id }, Some(MappedBy::Own))
        }
        (_, Ok(Chosen { area: id, by })) => {
            let name = known.iter().find(|area| area.id == id).map(|area| area.name.clone()).unwrap_or_default();
            (MappedTo::Area { id, name }, Some(by))
        }
        (_, Err(Unmapped::AreasNotKnown)) => (MappedTo::NotKnown, None),
        (_, Err(why)) => (MappedTo::Nothing { why }, None),
    };
    Mapping { case_type: case_type.to_owned(), mapped, by, own: own.is_some() }
}

/// The firm's practice area of this id or name.
///
/// # Errors
/// As [`named`].
pub(crate) fn called(areas: &[PracticeArea], text: &str) -> Result<ClioId> {
    match areas.iter().find(|area| area.id.to_string() == text.trim()) {
        Some(area) => Ok(area.id),
        None => named(areas, text),
    }
}

/// The firm's practice area of this name, ignoring case and white space; the lowest id of several.
///
/// # Errors
/// [`Code::PracticeAreaGone`].
pub(crate) fn named(areas: &[PracticeArea], name: &str) -> Result<ClioId> {
    let same = |area: &&PracticeArea| same_type(&area.name, name);
    let found = areas.iter().filter(same).map(|area| area.id).min();
    found.ok_or_else(|| Error::new(Code::PracticeAreaGone).with("reason", "no_such_name"))
}
