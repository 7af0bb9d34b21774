//! The record of a firm's connection: `connection/current`. It holds no secret, and every part of
//! the SDK reads it.
//!
//! Its *generation* grows with each connect, when newer tokens take a mark off (`mark.rs`), and
//! when the firm's plan gets its API access back. Work that depends on the connection checks the
//! record's version in its commit, so that nothing is written under a connection that meanwhile was
//! replaced.

use core::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use url::Url;

use super::ScopeName;
use crate::clio::{ClioHost, Resource};
use crate::domain::{ActorId, ClioId, ConnectionId, FirmId, Timestamp};
use crate::error::{ALL_CODES, Code, Error, Result};
use crate::ports::Key;
use crate::store::{Repository, Versioned};

const CONNECTIONS: &str = "connection";
const CURRENT: &str = "current";

/// A firm's connection to one Clio account. `Debug` leaves out names and addresses.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Connection {
    /// Unique; a new one at each connect.
    pub id: ConnectionId,
    /// 1 at the first connect, one more at each later one, and whenever it works again without one:
    /// newer tokens were found, or the firm's plan got its API access back.
    pub generation: u64,
    /// Whether it works.
    pub state: ConnectionState,
    /// What an admin should correct, when it is not simply connected.
    #[serde(with = "code_names")]
    pub advice: Vec<Code>,
    /// The region's name. A token of one region is worth nothing in another.
    pub region: String,
    /// The origin of its Clio.
    pub root: String,
    /// The account. `None`: the app may not read it ([`Code::AppPermissionMissing`] is in the
    /// advice).
    pub account: Option<ClioAccount>,
    /// The person whose authorization this is. `None` as with the account.
    pub user: Option<ClioUser>,
    /// The set that its links are in: one for each account.
    pub link_set: ScopeName,
    /// What the token could read when it was tried.
    pub readable: Readable,
    /// When, on the host's clock.
    pub connected_at: Timestamp,
    /// The firm admin who connected.
    pub connected_by: ActorId,
    /// When an admin, or the firm inside Clio, ended it; on the host's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// The version of the tokens that were found dead, while a reconnect is required; empty if
    /// there were none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judged: Option<String>,
    /// What Clio may still honour after a disconnect, as a fixed word: remove the app in Clio's
    /// settings to be sure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unrevoked: Option<String>,
    /// Where Clio posts what changes, as a process that was told the address knew it last: a worker
    /// that was not told it keeps the subscriptions too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook_url: Option<Url>,
}

/// Whether a connection works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ConnectionState {
    /// Yes.
    Connected,
    /// In part: see the advice.
    Degraded,
    /// No longer: an admin must reconnect.
    ReconnectRequired,
    /// An admin ended it; what Clio granted is being given back.
    Revoking,
    /// An admin ended it. Links, logs and settings are kept for the next one.
    Disconnected,
}

/// A firm's account in Clio.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ClioAccount {
    /// Its id.
    pub id: ClioId,
    /// The firm's name in Clio.
    #[cfg_attr(feature = "schema", schemars(extend("x-confidential" = true)))]
    pub name: String,
}

/// A user in Clio.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ClioUser {
    /// Their id.
    pub id: ClioId,
    /// Their name.
    #[cfg_attr(feature = "schema", schemars(extend("x-confidential" = true)))]
    pub name: String,
    /// Their address.
    #[cfg_attr(feature = "schema", schemars(extend("x-confidential" = true)))]
    pub email: String,
}

/// Which records the token could list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Readable {
    /// Contacts.
    pub contacts: bool,
    /// Matters.
    pub matters: bool,
    /// Documents.
    pub documents: bool,
}

impl Connection {
    /// Whether the token could read this resource when it was tried. Without it, a 403 is a matter
    /// of the app's permissions, not of a role. Webhooks are not tried: only creating one would
    /// tell.
    #[must_use]
    pub fn can_read(&self, resource: Resource) -> bool {
        match resource {
            Resource::Contacts => self.readable.contacts,
            Resource::Matters | Resource::PracticeAreas => self.readable.matters,
            Resource::Documents => self.readable.documents,
            Resource::Users => self.user.is_some(),
            Resource::Webhooks => false,
        }
    }

    /// Whether somebody ended it: what comes is held until the firm is connected anew.
    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.state, ConnectionState::Revoking | ConnectionState::Disconnected)
    }

    /// Whether it is a connection to this Clio. The origin tells: earlier versions called a region
    /// `custom` when it was named by its URL.
    pub(crate) fn is_of(&self, host: &ClioHost) -> bool {
        self.root == host.root().as_str()
    }

    /// Its tokens are for its own Clio only.
    ///
    /// # Errors
    /// [`Code::ConnectedElsewhere`].
    pub(crate) fn require_of(&self, host: &ClioHost) -> Result<()> {
        if self.is_of(host) {
            return Ok(());
        }
        Err(Error::new(Code::ConnectedElsewhere).with("connected", &self.region))
    }

    pub(crate) fn key(firm: &FirmId) -> Key {
        Key::new(firm, CONNECTIONS, CURRENT)
    }

    pub(crate) async fn load(repository: &Repository, firm: &FirmId) -> Result<Option<Versioned<Self>>> {
        repository.get(&Self::key(firm)).await
    }

    /// The connection, if there is one that can be used.
    ///
    /// # Errors
    /// [`Code::NotConnected`], [`Code::ReconnectRequired`], [`Code::StoreFailed`].
    pub(crate) async fn load_usable(repository: &Repository, firm: &FirmId) -> Result<Versioned<Self>> {
        Self::usable(Self::load(repository, firm).await?)
    }

    /// The same of a record that was read.
    ///
    /// # Errors
    /// [`Code::NotConnected`], [`Code::ReconnectRequired`].
    pub(crate) fn usable(stored: Option<Versioned<Self>>) -> Result<Versioned<Self>> {
        let stored = stored.ok_or(Code::NotConnected)?;
        match stored.value.state {
            ConnectionState::Connected | ConnectionState::Degraded => Ok(stored),
            ConnectionState::ReconnectRequired => {
                Err(Error::new(Code::ReconnectRequired).with("connection", &stored.value.id))
            }
            ConnectionState::Revoking if mutated!(UsableConnection) => Ok(stored),
            ConnectionState::Revoking | ConnectionState::Disconnected => Err(Code::NotConnected.into()),
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("id", &self.id)
            .field("generation", &self.generation)
            .field("state", &self.state)
            .field("advice", &self.advice)
            .field("region", &self.region)
            .field("account", &self.account)
            .field("user", &self.user)
            .field("link_set", &self.link_set)
            .field("readable", &self.readable)
            .field("connected_at", &self.connected_at)
            .field("connected_by", &self.connected_by)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ClioAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClioAccount").field("id", &self.id).finish_non_exhaustive()
    }
}

impl fmt::Debug for ClioUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClioUser").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Codes by their stable names. A name that only a later SDK knows is left out.
mod code_names {
    use super::*;

    pub fn serialize<S: Serializer>(codes: &[Code], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(codes.iter().map(|code| code.name()))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Code>, D::Error> {
        let names = Vec::<String>::deserialize(deserializer)?;
        let known = |name: &String| ALL_CODES.iter().find(|code| code.name() == name).copied();
        Ok(names.iter().filter_map(known).collect())
    }
}
