//! Practice areas (Clio: Practice Areas): the firm's own list, which a mapping names by id.

use serde::Deserialize;

use super::decode;
use super::request::{ApiRequest, ORDER, PAGE, Page, Path, Resource};
use crate::domain::ClioId;

/// What is asked for.
pub(super) const FIELDS: &str = "id,name,category";

/// A practice area of the firm.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct PracticeArea {
    /// Clio's id.
    #[serde(deserialize_with = "decode::required")]
    pub id: ClioId,
    /// The firm's name for it; renamed freely, so never a key. Empty if absent.
    #[serde(default, deserialize_with = "name")]
    pub name: String,
    /// One of Clio's 58 categories, e.g. `family`.
    #[serde(default, deserialize_with = "decode::scalar")]
    pub category: Option<String>,
}

fn name<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(decode::scalar(deserializer)?.unwrap_or_default())
}

/// All practice areas.
#[must_use]
pub fn list() -> ApiRequest<Page<PracticeArea>> {
    let path = Path::new("practice_areas.json").with("fields", FIELDS).with("limit", PAGE).with("order", ORDER);
    ApiRequest::list(Resource::PracticeAreas, path)
}
