//! Webhook subscriptions (Clio: Webhooks).

use core::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use super::decode;
use super::decode::Scalar;
use super::request::{ApiRequest, ORDER, PAGE, Page, Path, Resource};
use crate::domain::{ClioId, Confidential, Timestamp};
use crate::error::Result;
use crate::ports::Method;

/// The parameter selects the answer; `data.fields` of the body selects what is delivered.
const FIELDS: &str = "id,status,url,model,expires_at,shared_secret";

/// What a subscription is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HookModel {
    /// Matters: their status.
    Matter,
    /// Contacts: changes for review.
    Contact,
}

/// The events of a matter whose status was set.
const STATUS_EVENTS: [&str; 3] = ["matter_opened", "matter_pended", "matter_closed"];

/// Whether an event says that a matter's status was set, and not just that the matter was edited.
#[must_use]
pub fn is_status_event(event: &str) -> bool {
    STATUS_EVENTS.contains(&event)
}

impl HookModel {
    /// Clio's word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Matter => "matter",
            Self::Contact => "contact",
        }
    }

    fn events(self) -> &'static [&'static str] {
        match self {
            Self::Matter => &["matter_opened", "matter_pended", "matter_closed", "updated", "deleted"],
            Self::Contact => &["updated", "deleted"],
        }
    }

    /// What a delivery carries, and whose change fires `updated`. Contacts are the firm's, not only
    /// our clients: what they say is asked for, of those that are linked.
    fn delivered(self) -> &'static str {
        match self {
            Self::Matter => "id,etag,status,updated_at",
            Self::Contact => "id,etag,updated_at,email_addresses{id,etag},phone_numbers{id,etag}",
        }
    }
}

/// The status of a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookStatus {
    /// Its handshake was not answered yet.
    Pending,
    /// It delivers.
    Enabled,
    /// Clio gave up on it.
    Suspended,
}

impl Scalar for HookStatus {
    fn text(text: &str) -> Option<Self> {
        let named = |name: &str| text.eq_ignore_ascii_case(name);
        match () {
            () if named("pending") => Some(Self::Pending),
            () if named("enabled") => Some(Self::Enabled),
            () if named("suspended") => Some(Self::Suspended),
            () => None,
        }
    }
}

/// A subscription.
#[derive(Clone, Debug, Deserialize)]
pub struct Webhook {
    /// Clio's id.
    #[serde(deserialize_with = "decode::required")]
    pub id: ClioId,
    /// Its status; absent if Clio names one that is not known here.
    #[serde(default, deserialize_with = "decode::scalar")]
    pub status: Option<HookStatus>,
    /// Where it delivers to. It holds a secret.
    #[serde(default, deserialize_with = "decode::scalar")]
    pub url: Option<Confidential>,
    /// When it ends, on Clio's clock.
    #[serde(default, deserialize_with = "decode::scalar")]
    pub expires_at: Option<Timestamp>,
    /// The key of its signatures.
    #[serde(default, deserialize_with = "decode::scalar")]
    pub shared_secret: Option<SecretString>,
}

#[derive(Serialize)]
struct New<'a> {
    url: &'a str,
    model: &'static str,
    fields: &'static str,
    events: &'static [&'static str],
    expires_at: String,
}

impl fmt::Debug for New<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("New").field("model", &self.model).finish_non_exhaustive()
    }
}

#[derive(Serialize)]
struct Extension {
    fields: &'static str,
    expires_at: String,
}

/// All subscriptions of the application in this account.
#[must_use]
pub fn list() -> ApiRequest<Page<Webhook>> {
    let path = Path::new("webhooks.json").with("fields", FIELDS).with("limit", PAGE).with("order", ORDER);
    ApiRequest::list(Resource::Webhooks, path)
}

/// Subscribes. Not idempotent: nothing prevents several subscriptions with one URL.
///
/// # Errors
/// [`Code::Internal`](crate::Code::Internal) if the body cannot be built.
pub fn create(model: HookModel, url: &str, expires_at: Timestamp) -> Result<ApiRequest<Webhook>> {
    let new = New {
        url,
        model: model.name(),
        fields: model.delivered(),
        events: model.events(),
        expires_at: expires_at.to_rfc3339(),
    };
    ApiRequest::create(Resource::Webhooks, Path::new("webhooks.json").with("fields", FIELDS), &new)
}

/// Moves the end of a subscription; at most 31 days ahead. From then on it delivers what a new one
/// would.
///
/// # Errors
/// [`Code::Internal`](crate::Code::Internal) if the body cannot be built.
pub fn extend(id: ClioId, model: HookModel, expires_at: Timestamp) -> Result<ApiRequest<Webhook>> {
    let path = Path::of(Resource::Webhooks, id).with("fields", FIELDS);
    let body = Extension { fields: model.delivered(), expires_at: expires_at.to_rfc3339() };
    Ok(ApiRequest::change(Method::Patch, Resource::Webhooks, path, &body)?.about(id))
}

/// Answers a handshake later (Clio: Webhooks, delayed handshake).
#[must_use]
pub fn activate(id: ClioId, secret: &SecretString) -> ApiRequest<()> {
    let path = Path::new(&format!("webhooks/{id}/activate"));
    ApiRequest::act(Method::Put, Resource::Webhooks, path)
        .with_header("x-hook-secret", secret.expose_secret())
        .about(id)
}

/// Unsubscribes.
#[must_use]
pub fn delete(id: ClioId) -> ApiRequest<()> {
    ApiRequest::act(Method::Delete, Resource::Webhooks, Path::of(Resource::Webhooks, id)).about(id)
}
