//! How a mapping is written for a host: flat, so that every language reads it as one object.

use serde::Serialize;

use super::areas::{MappedTo, Mapping, SeenMapping};
use super::mapping::{MappedBy, Unmapped};
use crate::domain::{ClioId, Timestamp};

/// Where a case type leads, in one word.
#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "MappedTo"))]
#[serde(rename_all = "snake_case")]
pub(crate) enum MappedWord {
    /// To the practice area of `id` and `name`.
    Area,
    /// To a practice area that is no longer in Clio, of `id`: matters go without one.
    Missing,
    /// Nowhere, for the reason in `why`: matters go without a practice area.
    Nothing,
    /// The firm's practice areas are not known: it was not connected yet, or not yet with the
    /// permission to read them.
    NotKnown,
}

/// A case type, and where it leads.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct MappingWire {
    /// CaseHug's case type.
    case_type: String,
    /// Where it leads.
    to: MappedWord,
    /// The practice area's id in Clio.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<ClioId>,
    /// The firm's name for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// Why it leads nowhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<Unmapped>,
    /// What chose the area; null, there is none.
    by: Option<MappedBy>,
    /// Whether the firm mapped this case type itself; else it goes by its base, or by a default.
    own: bool,
}

/// A case type that an intake named, where it leads, and when it was last seen.
#[derive(Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct SeenMappingWire {
    /// CaseHug's case type.
    #[cfg_attr(feature = "schema", schemars(extend("x-confidential" = true)))]
    case_type: String,
    /// Where it leads.
    to: MappedWord,
    /// The practice area's id in Clio.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<ClioId>,
    /// The firm's name for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// Why it leads nowhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<Unmapped>,
    /// What chose the area; null, there is none.
    by: Option<MappedBy>,
    /// Whether the firm mapped this case type itself; else it goes by its base, or by a default.
    own: bool,
    /// When it was last seen, to the day.
    seen_at: Timestamp,
}

impl From<Mapping> for MappingWire {
    fn from(mapping: Mapping) -> Self {
        let Mapping { case_type, mapped, by, own } = mapping;
        let (to, id, name, why) = match mapped {
            MappedTo::Area { id, name } => (MappedWord::Area, Some(id), Some(name), None),
            MappedTo::Missing { id } => (MappedWord::Missing, Some(id), None, None),
            MappedTo::Nothing { why } => (MappedWord::Nothing, None, None, Some(why)),
            MappedTo::NotKnown => (MappedWord::NotKnown, None, None, None),
        };
        Self { case_type, to, id, name, why, by, own }
    }
}

impl From<SeenMapping> for SeenMappingWire {
    fn from(seen: SeenMapping) -> Self {
        let MappingWire { case_type, to, id, name, why, by, own } = seen.mapping.into();
        Self { case_type, to, id, name, why, by, own, seen_at: seen.seen_at }
    }
}
