//! What operations give that no other module has a type for. These types are the wire: a field that
//! is added here is seen in every language, one that is removed breaks hosts.

use core::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::card_words;
use super::health::Advice;
use crate::connection::{ClioAccount, ClioUser, Connection, ConnectionState, Readable};
use crate::contact_review::{ContactProposal, Direction};
use crate::domain::{ActorId, ClientId, ClioId, Confidential, ConnectionId, Timestamp};

/// A firm's connection to one Clio account, without secrets. `Debug` leaves out names and
/// addresses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ConnectionInfo {
    /// Unique; a new one at each connect.
    pub id: ConnectionId,
    /// Whether it works.
    pub state: ConnectionState,
    /// What an admin should correct, when it is not simply connected.
    pub advice: Vec<Advice>,
    /// `us`, `eu`, `ca`, `au`, or `custom` for another host.
    pub region: String,
    /// The account. `None`: the app may not read it, which the advice says.
    pub account: Option<ClioAccount>,
    /// The person whose authorization this is. `None` as with the account.
    pub user: Option<ClioUser>,
    /// Which records the token could list when it was tried.
    pub readable: Readable,
    /// When it was connected, on the host's clock.
    pub connected_at: Timestamp,
    /// The firm admin who connected.
    pub connected_by: ActorId,
    /// When it was ended, on the host's clock.
    pub ended_at: Option<Timestamp>,
    /// What Clio may still honour after a disconnect, and what to do to be sure.
    pub unrevoked: Option<Advice>,
}

impl From<Connection> for ConnectionInfo {
    fn from(stored: Connection) -> Self {
        Self {
            id: stored.id,
            state: stored.state,
            advice: stored.advice.into_iter().map(Advice::from).collect(),
            region: stored.region,
            account: stored.account,
            user: stored.user,
            readable: stored.readable,
            connected_at: stored.connected_at,
            connected_by: stored.connected_by,
            ended_at: stored.ended_at,
            unrevoked: stored.unrevoked.as_deref().map(card_words::unrevoked),
        }
    }
}

/// A change of a contact for review. It holds client data, which `Debug` leaves out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ProposedContact {
    /// Names it, and these values of it.
    pub id: String,
    /// Which way it would go.
    pub direction: Direction,
    /// CaseHug's client.
    pub client: ClientId,
    /// The contact in Clio.
    pub clio: ClioId,
    /// First name.
    #[serde(serialize_with = "shown")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("x-confidential" = true)))]
    pub first_name: Confidential,
    /// Last name.
    #[serde(serialize_with = "shown")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("x-confidential" = true)))]
    pub last_name: Confidential,
    /// All email addresses.
    #[serde(serialize_with = "all_shown")]
    #[cfg_attr(feature = "schema", schemars(with = "Vec<String>", extend("x-confidential" = true)))]
    pub emails: Vec<Confidential>,
    /// All phone numbers.
    #[serde(serialize_with = "all_shown")]
    #[cfg_attr(feature = "schema", schemars(with = "Vec<String>", extend("x-confidential" = true)))]
    pub phones: Vec<Confidential>,
    /// When it came up, on the host's clock.
    pub since: Timestamp,
    /// An admin accepted it, and it is not applied yet.
    pub accepted: bool,
}

/// The one place where client data is written for a host. [`ProposedContact`] goes to an admin's
/// eyes only.
fn shown<S: Serializer>(value: &Confidential, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(value.expose())
}

fn all_shown<S: Serializer>(values: &[Confidential], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(values.iter().map(Confidential::expose))
}

impl From<ContactProposal> for ProposedContact {
    fn from(proposal: ContactProposal) -> Self {
        let ContactProposal { id, direction, client, clio, values, since, accepted } = proposal;
        let crate::contact_review::ContactValues { first_name, last_name, emails, phones } = values;
        Self { id, direction, client, clio, first_name, last_name, emails, phones, since, accepted }
    }
}

/// A time span, in JSON whole milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Millis(pub Duration);

impl From<Duration> for Millis {
    fn from(span: Duration) -> Self {
        Self(span)
    }
}

impl<'de> Deserialize<'de> for Millis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis).map(Self)
    }
}

/// A value that has to be named, `null` included: what is left out is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nullable<T>(pub Option<T>);

impl<T> From<Option<T>> for Nullable<T> {
    fn from(value: Option<T>) -> Self {
        Self(value)
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Nullable<T> {
    /// Not by way of `Option`, which serde lets be missing.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        serde_json::from_value(value).map(Self).map_err(serde::de::Error::custom)
    }
}

/// Small results: one number or word, in an object so that more can join it.
macro_rules! small {
    ($( $(#[$docs:meta])* $name:ident { $( $(#[$field_docs:meta])* $field:ident: $Field:ty ),* } )+) => { $(
        $(#[$docs])*
        #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        pub struct $name { $( $(#[$field_docs])* pub $field: $Field ),* }
    )+ };
}

small! {
    /// The settings were saved.
    SettingsRevision {
        /// Their new revision.
        revision: u64
    }
    /// A document of settings.
    SettingsDocument {
        /// The document, JSON for people.
        document: String
    }
    /// Whether a trigger syncs something.
    TriggerAnswer {
        /// `false`: the firm's settings say that this kind of trigger syncs nothing.
        accepted: bool
    }
    /// How many matters it concerned.
    MatterCount {
        /// So many.
        matters: usize
    }
    /// A backfill began.
    BackfillStarted {
        /// Its id.
        id: String
    }
    /// A proposal for an admin.
    ProposalCreated {
        /// Its id; `None`: Clio says the same already, or the contact was linked although it has
        /// another name (`name_differs`): it may be another person's.
        proposal: Option<String>
    }
    /// Keys were wrapped again.
    RewrappedKeys {
        /// So many.
        keys: usize
    }
    /// Runs were removed.
    PrunedRuns {
        /// So many.
        runs: u64
    }
    /// Audit entries were removed.
    PrunedEntries {
        /// So many.
        entries: u64
    }
    /// The audit chain is whole.
    AuditCheck {
        /// It has so many entries.
        entries: u64
    }
    /// What Clio said of a deauthorization.
    Deauthorization {
        /// Whether the firm is disconnected now.
        disconnected: bool
    }
}
