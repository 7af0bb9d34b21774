//! Connection attempts: what stands in the store between "send the browser to Clio" and a
//! connection.
//!
//! | record | what | ends |
//! | --- | --- | --- |
//! | `connect-state/<SHA-256 of the state>` | who began, where Clio sends the browser back, and what came of it; due 10 minutes after it was begun, or used, on the store's clock | swept |
//! | `connect-draft/<connection>` | a connection that may never come to be, or that was replaced; due when it may be swept | with the connection's commit, or swept |
//!
//! The state itself is never stored: 256 random bits that only the browser brings back. Using it
//! says so in its record, so of two callbacks one proceeds and the other one hears what came of
//! that. A draft is a fence as well: the connection's commit deletes it, so a connect that was
//! swept cannot finish.

use core::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use url::Url;
use zeroize::Zeroizing;

use crate::domain::{ActorId, ConnectionId, FirmId, Timestamp};
use crate::error::{Code, Error, Result};
use crate::ports::{Commit, Expect, Key, Version};
use crate::store::{Repository, Transaction};

use crate::domain::Actor;

pub(crate) const STATES: &str = "connect-state";
pub(crate) const DRAFTS: &str = "connect-draft";
/// How long a person has between beginning and Clio's redirect.
pub(crate) const STATE_LIFE: Duration = Duration::from_secs(600);
/// Longer than the requests of one connect can take together.
pub(crate) const DRAFT_LIFE: Duration = Duration::from_secs(900);

#[derive(Serialize, Deserialize)]
struct StateRecord {
    actor: ActorId,
    redirect_uri: Url,
    /// Another account is allowed, with links of its own.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    separate: bool,
    /// What came of it, once it was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    used: Option<Used>,
}

/// What came of a state.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Used {
    /// A connection of this id is being made, or was.
    For(ConnectionId),
    /// Nothing: the name of the code.
    Refused(String),
}

/// What is known of a state that came back.
pub(crate) enum Found {
    Unused(Attempt),
    Used(Used),
}

/// A state that was presented, is valid, and is not used yet.
pub(crate) struct Attempt {
    pub redirect_uri: Url,
    pub separate: bool,
    actor: ActorId,
    key: Key,
    version: Version,
}

/// A state that is used up, by us.
pub(crate) struct Spent {
    key: Key,
    version: Version,
    record: StateRecord,
}

impl Attempt {
    /// Makes a state for this actor. Returns it, and when it ends on the store's clock.
    pub async fn begin(
        repository: &Repository,
        actor: &Actor,
        redirect_uri: &Url,
        separate: bool,
    ) -> Result<(Zeroizing<String>, Timestamp)> {
        let mut random = Zeroizing::new([0; 32]);
        repository.runtime().random(random.as_mut_slice())?;
        let state = Zeroizing::new(URL_SAFE_NO_PAD.encode(random.as_slice()));
        let record = StateRecord { actor: actor.id.clone(), redirect_uri: redirect_uri.clone(), separate, used: None };
        let mut transaction = repository.transaction(&actor.firm)?;
        transaction.put_due(key_of(&actor.firm, &state), Expect::Absent, Some(STATE_LIFE), &record)?;
        let at = repository.commit_or_conflict(&transaction).await?;
        Ok((state, at + STATE_LIFE))
    }

    /// Finds what is known of a state that came back. One of another firm, of another actor, or
    /// used for too long, is as unknown as one that never was.
    pub async fn find(repository: &Repository, actor: &Actor, state: &str) -> Result<Found> {
        let key = key_of(&actor.firm, state);
        let stored = repository.get::<StateRecord>(&key).await?.ok_or(Code::ConnectStateUnknown)?;
        if stored.value.actor != actor.id {
            return Err(Error::new(Code::ConnectStateUnknown).with("reason", "another_actor"));
        }
        let now = repository.store_now(&actor.firm).await?;
        let over = stored.due_at.is_none_or(|end| end <= now);
        let StateRecord { actor, redirect_uri, separate, used } = stored.value;
        match used {
            Some(_) if over => Err(Error::new(Code::ConnectStateUnknown).with("reason", "used")),
            Some(used) => Ok(Found::Used(used)),
            None if over => Err(Code::ConnectStateExpired.into()),
            None => Ok(Found::Unused(Self { redirect_uri, separate, actor, key, version: stored.version })),
        }
    }

    /// Uses the state up, together with the rest of the transaction. Of several at once, one
    /// succeeds; `None`: look again.
    pub async fn consume(
        self,
        repository: &Repository,
        mut transaction: Transaction,
        used: Used,
    ) -> Result<Option<Spent>> {
        let Self { redirect_uri, separate, actor, key, version } = self;
        let record = StateRecord { actor, redirect_uri, separate, used: Some(used) };
        let version = transaction.put_due(key.clone(), Expect::Version(version), Some(STATE_LIFE), &record)?;
        let done = repository.commit(&transaction).await?;
        Ok(matches!(done, Commit::Done { .. }).then_some(Spent { key, version, record }))
    }
}

impl Spent {
    pub fn redirect_uri(&self) -> &Url {
        &self.record.redirect_uri
    }

    /// Nothing came of it: whoever comes with the same state hears the same.
    pub async fn refuse(self, repository: &Repository, code: Code) -> Result<()> {
        let Self { key, version, mut record } = self;
        record.used = Some(Used::Refused(code.name().to_owned()));
        let mut transaction = repository.transaction(&key.firm)?;
        transaction.put_due(key, Expect::Version(version), Some(STATE_LIFE), &record)?;
        repository.commit_or_conflict(&transaction).await.map(|_| ())
    }
}

/// What a connection that never came to be, or was replaced, leaves behind.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct DraftRecord {
    /// It never came to be: its data key goes as well, and what Clio granted for it is given back.
    /// Otherwise it was in use: open intents are sealed with that key, and whatever replaced it
    /// remembers its grant.
    pub drop_data_key: bool,
    /// It is being swept, and cannot come to be any more.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub fenced: bool,
    /// What Clio granted for it is dealt with: only its records are still to go.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub given_back: bool,
    /// It was in use: the version of its envelope from which its grants were taken over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_over: Option<String>,
}

impl DraftRecord {
    /// Whether a connection may still come of it.
    pub fn is_open(&self) -> bool {
        self.drop_data_key && !self.fenced
    }
}

/// A connection that is being made.
pub(crate) struct Draft {
    pub key: Key,
    pub version: Version,
}

impl Draft {
    /// Announces a connection, so that what is stored for it is swept if nothing comes of it.
    pub fn announce(transaction: &mut Transaction, connection: &ConnectionId) -> Result<Self> {
        let key = Key::new(transaction.firm(), DRAFTS, connection.as_str());
        let record = DraftRecord { drop_data_key: true, fenced: false, given_back: false, taken_over: None };
        let version = transaction.put_due(key.clone(), Expect::Absent, Some(DRAFT_LIFE), &record)?;
        Ok(Self { key, version })
    }

    /// The connection has come to be. Conflicts if the draft was swept.
    pub fn complete(&self, transaction: &mut Transaction) {
        transaction.delete(self.key.clone(), self.version.clone());
    }

    /// Whether it was not swept.
    pub async fn stands(&self, repository: &Repository) -> Result<bool> {
        Ok(repository.store().get(&self.key).await?.is_some_and(|record| record.version == self.version))
    }

    /// Whether a connection of this id is being made.
    pub async fn is_made(repository: &Repository, firm: &FirmId, connection: &ConnectionId) -> Result<bool> {
        let draft = repository.get::<DraftRecord>(&Key::new(firm, DRAFTS, connection.as_str())).await?;
        Ok(draft.is_some_and(|draft| draft.value.is_open()))
    }

    /// Leaves a replaced connection's tokens to the next sweep. `taken_over`: the version of them
    /// whose grants its successor holds.
    pub fn retire(transaction: &mut Transaction, connection: &ConnectionId, taken_over: Option<String>) -> Result<()> {
        let key = Key::new(transaction.firm(), DRAFTS, connection.as_str());
        let record = DraftRecord { drop_data_key: false, fenced: false, given_back: false, taken_over };
        transaction.put_due(key, Expect::Absent, Some(Duration::ZERO), &record)?;
        Ok(())
    }
}

fn key_of(firm: &FirmId, state: &str) -> Key {
    Key::new(firm, STATES, hex::encode(Sha256::digest(state.as_bytes())))
}
