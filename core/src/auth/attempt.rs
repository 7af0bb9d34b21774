//! Connection attempts: what stands in the store between "send the browser to Clio" and a connection.
//!
//! | record | what | ends |
//! | --- | --- | --- |
//! | `connect-state/<SHA-256 of the state>` | who began, where Clio sends the browser back; due after 10 minutes, on the store's clock | used, or swept |
//! | `connect-draft/<connection>` | a connection that may never come to be, or that was replaced; due when it may be swept | with the connection's commit, or swept |
//!
//! The state itself is never stored: 256 random bits that only the browser brings back. Using it deletes its record, so of two callbacks one proceeds.
//! A draft is a fence as well: the connection's commit deletes it, so a connect that was swept cannot finish.

use core::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use url::Url;
use zeroize::Zeroizing;

use crate::error::{Code, Error, Result};
use crate::model::{ActorId, ConnectionId, FirmId, Timestamp};
use crate::ports::{Commit, Expect, Key, Record, Scan, Version};
use crate::records::{Journal, Unit};

use super::tokens::TokenVault;
use super::{Actor, Keyring};

const STATES: &str = "connect-state";
pub(super) const DRAFTS: &str = "connect-draft";
/// How long a person has between beginning and Clio's redirect.
pub(super) const STATE_LIFE: Duration = Duration::from_secs(600);
/// Longer than the requests of one connect can take together.
const DRAFT_LIFE: Duration = Duration::from_secs(900);
const SWEPT_AT_ONCE: usize = 50;

#[derive(Serialize, Deserialize)]
struct StateRecord {
    actor: ActorId,
    redirect_uri: Url,
    /// Another account is allowed, with links of its own.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    separate: bool,
}

/// A state that was presented, is valid, and is not used yet.
pub(super) struct Attempt {
    pub redirect_uri: Url,
    pub separate: bool,
    key: Key,
    version: Version,
}

impl Attempt {
    /// Makes a state for this actor. Returns it, and when it ends on the store's clock.
    pub async fn begin(
        journal: &Journal,
        actor: &Actor,
        redirect_uri: &Url,
        separate: bool,
    ) -> Result<(Zeroizing<String>, Timestamp)> {
        let mut random = Zeroizing::new([0; 32]);
        journal.runtime().random(random.as_mut_slice())?;
        let state = Zeroizing::new(URL_SAFE_NO_PAD.encode(random.as_slice()));
        let record = StateRecord { actor: actor.id.clone(), redirect_uri: redirect_uri.clone(), separate };
        let mut unit = journal.unit(&actor.firm)?;
        unit.put_due(key_of(&actor.firm, &state), Expect::Absent, Some(STATE_LIFE), &record)?;
        let at = journal.commit_or_conflict(&unit).await?;
        Ok((state, at + STATE_LIFE))
    }

    /// Finds the attempt of a state that came back. One of another firm, of another actor, or used, is as unknown as one that never was.
    pub async fn find(journal: &Journal, actor: &Actor, state: &str) -> Result<Self> {
        let key = key_of(&actor.firm, state);
        let stored = journal.get::<StateRecord>(&key).await?.ok_or(Code::ConnectStateUnknown)?;
        if stored.value.actor != actor.id {
            return Err(Error::new(Code::ConnectStateUnknown).with("reason", "another_actor"));
        }
        let now = journal.store_now().await?;
        if stored.due_at.is_none_or(|end| end <= now) {
            return Err(Code::ConnectStateExpired.into());
        }
        let StateRecord { redirect_uri, separate, .. } = stored.value;
        Ok(Self { redirect_uri, separate, key, version: stored.version })
    }

    /// Uses the state up, together with the rest of the unit. Of several at once, one succeeds.
    pub async fn consume(self, journal: &Journal, mut unit: Unit) -> Result<Url> {
        unit.delete(self.key, self.version);
        match journal.commit(&unit).await? {
            Commit::Done { .. } => Ok(self.redirect_uri),
            Commit::Conflict => Err(Code::ConnectStateUnknown.into()),
        }
    }
}

/// What a connection that never came to be, or was replaced, leaves behind.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct DraftRecord {
    /// Whether its data key goes as well. Not if it was in use: open intents are sealed with it.
    drop_data_key: bool,
}

/// A connection that is being made.
pub(super) struct Draft {
    key: Key,
    version: Version,
}

impl Draft {
    /// Announces a connection, so that what is stored for it is swept if nothing comes of it.
    pub fn announce(unit: &mut Unit, connection: &ConnectionId) -> Result<Self> {
        let key = Key::new(unit.firm(), DRAFTS, connection.as_str());
        let record = DraftRecord { drop_data_key: true };
        let version = unit.put_due(key.clone(), Expect::Absent, Some(DRAFT_LIFE), &record)?;
        Ok(Self { key, version })
    }

    /// The connection has come to be. Conflicts if the draft was swept.
    pub fn complete(&self, unit: &mut Unit) {
        unit.delete(self.key.clone(), self.version.clone());
    }

    /// Whether it was not swept.
    pub async fn stands(&self, journal: &Journal) -> Result<bool> {
        Ok(journal.store().get(&self.key).await?.is_some_and(|record| record.version == self.version))
    }

    /// Leaves a replaced connection's tokens to the next sweep.
    pub fn retire(unit: &mut Unit, connection: &ConnectionId) -> Result<()> {
        let key = Key::new(unit.firm(), DRAFTS, connection.as_str());
        let record = DraftRecord { drop_data_key: false };
        unit.put_due(key, Expect::Absent, Some(Duration::ZERO), &record)?;
        Ok(())
    }
}

/// Removes what attempts left behind.
#[derive(Clone, Debug)]
pub(super) struct Sweeper {
    pub journal: Journal,
    pub keyring: Keyring,
    pub vault: TokenVault,
}

impl Sweeper {
    /// Sweeps what is due in this firm.
    pub async fn sweep(&self, firm: &FirmId) -> Result<()> {
        for record in self.due(firm, STATES).await? {
            let mut unit = self.journal.unit(firm)?;
            unit.delete(record.key, record.version);
            // A delete of unknown outcome is simply due again.
            self.journal.commit(&unit).await?;
        }
        for record in self.due(firm, DRAFTS).await? {
            self.remove(record.key, record.version).await?;
        }
        Ok(())
    }

    /// Removes a connection that did not come to be, now.
    pub async fn discard(&self, draft: Draft) -> Result<()> {
        self.remove(draft.key, draft.version).await
    }

    /// First the fence, so that the connect can no longer finish; then the tokens; the draft last, because it is what leads here again after a crash.
    async fn remove(&self, key: Key, version: Version) -> Result<()> {
        let Some(stored) = self.journal.get::<DraftRecord>(&key).await?.filter(|stored| stored.version == version)
        else {
            return Ok(());
        };
        let connection = ConnectionId::new(key.id.as_str())?;
        let mut unit = self.journal.unit(&key.firm)?;
        let fence = unit.put_due(key.clone(), Expect::Version(version), Some(Duration::ZERO), &stored.value)?;
        if stored.value.drop_data_key {
            self.keyring.drop_connection(&mut unit, &connection).await?;
        }
        if self.journal.commit(&unit).await? == Commit::Conflict {
            return Ok(());
        }
        self.vault.delete(&key.firm, &connection).await?;
        let mut unit = self.journal.unit(&key.firm)?;
        unit.delete(key, fence);
        self.journal.commit(&unit).await?;
        Ok(())
    }

    async fn due(&self, firm: &FirmId, collection: &'static str) -> Result<Vec<Record>> {
        self.journal.store().scan(&Scan::Due { firm: Some(firm.clone()), collection, limit: SWEPT_AT_ONCE }).await
    }
}

fn key_of(firm: &FirmId, state: &str) -> Key {
    Key::new(firm, STATES, hex::encode(Sha256::digest(state.as_bytes())))
}
