//! Matters (Clio: Matters). The integration creates them, reads their status, and never changes or
//! adopts one.

use core::fmt;

use serde::{Deserialize, Serialize};

use super::decode;
use super::decode::Scalar;
use super::request::{ApiRequest, ORDER, PAGE, Page, Path, Resource};
use crate::domain::{ClioId, Confidential, Timestamp};
use crate::error::Result;

/// What is asked for with every call.
pub(super) const FIELDS: &str =
    "id,status,client_reference,description,created_at,updated_at,client{id},practice_area{id}";

/// The status of a matter. Clio writes it capitalised in answers and in lower case in requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum MatterStatus {
    /// Open
    Open,
    /// Pending
    Pending,
    /// Closed
    Closed,
}

impl MatterStatus {
    /// The name in lower case.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Pending => "pending",
            Self::Closed => "closed",
        }
    }

    /// Reads a name in any case. `None` if it is none of the three.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Open, Self::Pending, Self::Closed].into_iter().find(|status| status.name().eq_ignore_ascii_case(name))
    }
}

impl Scalar for MatterStatus {
    fn text(text: &str) -> Option<Self> {
        Self::parse(text)
    }
}

/// A matter as Clio shows it to the connected user.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "Shown")]
pub struct Matter {
    /// Clio's id.
    pub id: ClioId,
    /// The status; absent if Clio names one that is not known here.
    pub status: Option<MatterStatus>,
    /// The firm's own reference: CaseHug's case number.
    pub client_reference: Option<Confidential>,
    /// The description: CaseHug's title.
    pub description: Option<Confidential>,
    /// The client's contact.
    pub client_id: Option<ClioId>,
    /// The practice area.
    pub practice_area_id: Option<ClioId>,
    /// When it was created, on Clio's clock.
    pub created_at: Option<Timestamp>,
    /// When it was last changed, on Clio's clock.
    pub updated_at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Shown {
    #[serde(deserialize_with = "decode::required")]
    id: ClioId,
    #[serde(default, deserialize_with = "decode::scalar")]
    status: Option<MatterStatus>,
    #[serde(default, deserialize_with = "decode::scalar")]
    client_reference: Option<Confidential>,
    #[serde(default, deserialize_with = "decode::scalar")]
    description: Option<Confidential>,
    #[serde(default, deserialize_with = "decode::object")]
    client: Option<Linked>,
    #[serde(default, deserialize_with = "decode::object")]
    practice_area: Option<Linked>,
    #[serde(default, deserialize_with = "decode::scalar")]
    created_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "decode::scalar")]
    updated_at: Option<Timestamp>,
}

/// A nested record of which only the id is asked for.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Linked {
    #[serde(default, deserialize_with = "decode::scalar")]
    pub id: Option<ClioId>,
}

impl From<Shown> for Matter {
    fn from(shown: Shown) -> Self {
        Self {
            id: shown.id,
            status: shown.status,
            client_reference: shown.client_reference,
            description: shown.description,
            client_id: shown.client.and_then(|client| client.id),
            practice_area_id: shown.practice_area.and_then(|area| area.id),
            created_at: shown.created_at,
            updated_at: shown.updated_at,
        }
    }
}

/// A matter to create.
#[derive(Clone, Copy)]
pub struct NewMatter<'a> {
    /// The client's contact.
    pub client: ClioId,
    /// The title.
    pub description: &'a str,
    /// The case number.
    pub client_reference: Option<&'a str>,
    /// Only honoured for firms with manual numbering; others ignore it.
    pub display_number: Option<&'a str>,
    /// The practice area, by id: Clio takes no name.
    pub practice_area: Option<ClioId>,
}

impl fmt::Debug for NewMatter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewMatter")
            .field("client", &self.client)
            .field("practice_area", &self.practice_area)
            .finish_non_exhaustive()
    }
}

#[derive(Serialize)]
struct Body<'a> {
    client: Id,
    description: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_reference: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    display_number: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    practice_area: Option<Id>,
}

/// Clio's ids are numbers in its own JSON.
#[derive(Serialize)]
pub(super) struct Id {
    pub id: i64,
}

/// A client's matters, all or those created since a moment of Clio's clock.
#[must_use]
pub fn of_client_since(client: ClioId, since: Option<Timestamp>) -> ApiRequest<Page<Matter>> {
    let path = Path::new("matters.json")
        .with("fields", FIELDS)
        .with("client_id", &client.to_string())
        .with("limit", PAGE)
        .with("order", ORDER);
    let path = match since {
        Some(since) => path.with("created_since", &since.to_rfc3339()),
        None => path,
    };
    ApiRequest::list(Resource::Matters, path)
}

/// What is asked for to know a status.
const STATUS_FIELDS: &str = "id,status,updated_at";

/// Status and time of the matters that were changed since a moment of Clio's clock.
#[must_use]
pub fn changed_since(since: Timestamp) -> ApiRequest<Page<Matter>> {
    ApiRequest::list(Resource::Matters, statuses().with("updated_since", &since.to_rfc3339()))
}

/// Status and time of these matters, at most 200. One that is missing in the answer is gone, or
/// hidden.
#[must_use]
pub fn statuses_of(ids: &[ClioId]) -> ApiRequest<Page<Matter>> {
    let path = ids.iter().fold(statuses(), |path, id| path.with("ids[]", &id.to_string()));
    ApiRequest::list(Resource::Matters, path)
}

/// Status and time of one matter.
#[must_use]
pub fn status(id: ClioId) -> ApiRequest<Matter> {
    ApiRequest::show(Resource::Matters, Path::of(Resource::Matters, id).with("fields", STATUS_FIELDS)).about(id)
}

fn statuses() -> Path {
    Path::new("matters.json").with("fields", STATUS_FIELDS).with("limit", PAGE).with("order", ORDER)
}

/// One matter.
#[must_use]
pub fn show(id: ClioId) -> ApiRequest<Matter> {
    ApiRequest::show(Resource::Matters, Path::of(Resource::Matters, id).with("fields", FIELDS)).about(id)
}

/// Creates a matter. Not idempotent.
///
/// # Errors
/// [`Code::Internal`](crate::Code::Internal) if the body cannot be built.
pub fn create(matter: &NewMatter<'_>) -> Result<ApiRequest<Matter>> {
    let body = Body {
        client: Id { id: matter.client.0 },
        description: matter.description,
        client_reference: matter.client_reference,
        display_number: matter.display_number,
        practice_area: matter.practice_area.map(|area| Id { id: area.0 }),
    };
    ApiRequest::create(Resource::Matters, Path::new("matters.json").with("fields", FIELDS), &body)
}
