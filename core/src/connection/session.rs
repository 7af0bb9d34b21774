//! Sessions: an access token that works, for every call to Clio.
//!
//! **Problem.** All users, syncs and processes of a firm share one grant. Its access token ends,
//! Clio may refuse it earlier, and Clio may or may not replace the refresh token. However many
//! notice at once, one refresh should happen, nobody may write an older token over a newer one, and
//! only an authorization that is really gone may bother an admin.
//!
//! **Model.** The sealed envelope in the [`TokenStore`](crate::ports::TokenStore) is the truth;
//! every call compares its version (a read), and opens it only when it changed. Within a process
//! one caller per firm refreshes and the others wait for it; across processes a lease (`lease.rs`)
//! lets one do it, and the save is a compare-and-swap: a loser takes the winner's token. A refresh
//! that was begun is finished whatever becomes of its caller (`detached.rs`).
//!
//! **Life of a token.** Used until 5 minutes before its end, then refreshed. If the network or Clio
//! fails then, or another process is at it, it is used on to its very end; after a failure the
//! refresh is tried again half a minute later. A 401 forces one refresh
//! ([`rejected`](Session::rejected)), unless the stored token is already another.
//!
//! **Failure cases.**
//! - `invalid_grant`: the envelope is read again, and once more two seconds later; if it changed,
//!   somebody refreshed or reconnected, and theirs is used. Otherwise the connection is marked
//!   `reconnect_required`, and the mark names the envelope that it judged: one that is stored later
//!   takes it off (`mark.rs`).
//! - The envelope is gone at the save: the firm was disconnected meanwhile, so what was just
//!   granted is given back.
//! - A crash between Clio's answer and the save: Clio documents that refresh tokens stay valid, and
//!   Doorkeeper that they do until the new access token is used, so the next call refreshes again.
//!   Should Clio rotate and revoke at once, this ends in `reconnect_required`.

use core::fmt;
use core::time::Duration;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use secrecy::SecretString;

use super::lease::Lease;
use super::oauth::{Granted, OAuth};
use super::tokens::{TokenVault, Tokens};
use super::{Connection, ConnectionState};
use crate::clio::AccessToken;
use crate::detached::detached;
use crate::domain::{ConnectionId, FirmId, Monotonic};
use crate::error::{Code, Detail, Error, Result};
use crate::ports::Version;
use crate::store::{Action, AuditEntry, AuditStatus, Repository, Versioned};

/// How long after a failed early refresh the next one is tried.
const PAUSE: Duration = Duration::from_secs(30);
/// How long another process may take between Clio's answer and its save. Should Clio rotate, ours
/// is refused in that moment.
const GRACE: Duration = Duration::from_secs(2);
/// How long somebody waits for other processes' refreshes: two that die in it.
const LONGEST_WAIT: Duration = Duration::from_secs(150);
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// How often somebody else's change sends one call back to the start.
const MOST_ROUNDS: usize = 8;

/// Hands out access tokens. Clones share one memory.
#[derive(Clone, Debug)]
pub struct Session(pub(crate) Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub repository: Repository,
    pub vault: TokenVault,
    oauth: OAuth,
    firms: Mutex<HashMap<FirmId, Arc<FirmSlot>>>,
}

/// What this process remembers of a firm.
#[derive(Debug, Default)]
struct FirmSlot {
    /// Held by the one who refreshes.
    gate: futures_util::lock::Mutex<()>,
    memory: Mutex<Memory>,
}

#[derive(Debug, Default)]
struct Memory {
    opened: Option<Opened>,
    no_early_refresh_before: Option<Monotonic>,
}

/// An envelope that was opened. Wiped when it is replaced.
#[derive(Clone, Debug)]
struct Opened {
    version: Version,
    tokens: Arc<Tokens>,
}

/// An access token, and the connection that it belongs to.
#[derive(Clone)]
pub struct Grant {
    /// The token.
    pub token: AccessToken,
    /// The connection as it was read.
    pub connection: Arc<Connection>,
    /// The version of the connection's record: a commit that depends on the connection checks it.
    pub connection_version: Version,
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grant").field("connection", &self.connection).finish_non_exhaustive()
    }
}

/// What is stored right now.
struct Current {
    connection: Versioned<Connection>,
    opened: Opened,
}

impl Current {
    fn grant(self) -> Grant {
        Grant {
            token: self.opened.tokens.access.clone(),
            connection: Arc::new(self.connection.value),
            connection_version: self.connection.version,
        }
    }
}

/// Why a refresh is asked for.
enum Why {
    Ending,
    Rejected(AccessToken),
}

impl Session {
    pub(crate) fn new(repository: Repository, vault: TokenVault, oauth: OAuth) -> Self {
        Self(Arc::new(Inner { repository, vault, oauth, firms: Mutex::default() }))
    }

    /// A token that is believed to work.
    ///
    /// # Errors
    /// [`Code::NotConnected`], [`Code::ReconnectRequired`]; [`Code::OauthRefused`] (the
    /// application's id or secret); [`Code::KeyFailed`], [`Code::SealBroken`],
    /// [`Code::StoreFailed`]; a network error when the token has ended and could not be refreshed.
    pub async fn token(&self, firm: &FirmId) -> Result<Grant> {
        let slot = self.slot(firm);
        let current = self.current(firm, &slot).await?;
        if !self.is_due(&slot, &current, &Why::Ending) {
            return Ok(current.grant());
        }
        self.refresh(firm, Why::Ending).await
    }

    /// Clio answered 401 to `token`: another one. A caller asks once per call and then gives up
    /// with [`Code::TokenRejected`].
    ///
    /// # Errors
    /// As [`token`](Self::token).
    pub async fn rejected(&self, firm: &FirmId, token: &AccessToken) -> Result<Grant> {
        self.refresh(firm, Why::Rejected(token.clone())).await
    }

    /// Whatever becomes of the caller, a refresh that was begun is saved.
    async fn refresh(&self, firm: &FirmId, why: Why) -> Result<Grant> {
        let (this, firm) = (self.clone(), firm.clone());
        detached(self.0.repository.runtime(), async move { this.refresh_alone(&firm, &why).await }).await
    }

    async fn refresh_alone(&self, firm: &FirmId, why: &Why) -> Result<Grant> {
        let slot = self.slot(firm);
        let _alone = slot.gate.lock().await;
        let runtime = self.0.repository.runtime();
        let until = runtime.monotonic() + LONGEST_WAIT;
        let mut rounds = 0;
        while rounds < MOST_ROUNDS && runtime.monotonic() < until {
            let current = self.current(firm, &slot).await?;
            // Whoever waited, at the gate or for another process, finds the work done.
            if !self.is_due(&slot, &current, why) {
                return Ok(current.grant());
            }
            let Some(lease) = Lease::take(&self.0.repository, firm, &current.connection.value.id).await? else {
                if matches!(why, Why::Ending) && self.has_life(&current) {
                    return Ok(current.grant());
                }
                runtime.sleep(LOOK_AGAIN).await;
                continue;
            };
            let done = self.refresh_once(firm, &slot, why, lease.not_after).await;
            lease.release(&self.0.repository).await;
            if let Some(grant) = done? {
                return Ok(grant);
            }
            rounds += 1;
        }
        Err(Error::new(Code::StoreConflict).with("reason", "tokens_contended"))
    }

    /// One request under the lease. `None`: somebody else changed something; look again.
    async fn refresh_once(
        &self,
        firm: &FirmId,
        slot: &FirmSlot,
        why: &Why,
        not_after: Monotonic,
    ) -> Result<Option<Grant>> {
        // The lease may have been somebody else's a moment ago.
        let current = self.current(firm, slot).await?;
        if !self.is_due(slot, &current, why) {
            return Ok(Some(current.grant()));
        }
        match self.0.oauth.refresh(&current.opened.tokens.refresh, Some(not_after)).await {
            Ok(granted) => self.save(firm, slot, current, granted).await,
            Err(error) if error.is(Detail::InvalidGrant) => {
                let judged = Some(&current.opened.version);
                if !self.changes_soon(firm, &current).await?
                    && self.mark(firm, &current.connection, judged, &error).await?
                {
                    return Err(reconnect(&current.connection.value));
                }
                Ok(None)
            }
            Err(error) => {
                if matches!(why, Why::Ending) && self.has_life(&current) {
                    slot.memory().no_early_refresh_before = Some(self.0.repository.runtime().monotonic() + PAUSE);
                    return Ok(Some(current.grant()));
                }
                self.audit(firm, AuditStatus::Failed, &current.connection.value, Some(&error)).await?;
                Err(error)
            }
        }
    }

    /// Saves what Clio granted. `None`: somebody else changed the envelope; look again.
    async fn save(&self, firm: &FirmId, slot: &FirmSlot, current: Current, granted: Granted) -> Result<Option<Grant>> {
        let connection = &current.connection.value;
        let before: &SecretString = &current.opened.tokens.refresh;
        let tokens = Tokens {
            access: granted.access,
            refresh: granted.refresh.unwrap_or_else(|| before.clone()),
            refresh_at: granted.refresh_at,
            expires_at: granted.expires_at,
            replaced: current.opened.tokens.replaced.clone(),
        };
        let found = if mutated!(RefreshSwap) { self.0.vault.load(firm, &connection.id).await? } else { None };
        let over = found.map_or_else(|| current.opened.version.clone(), |found| found.version);
        let saved = match self.0.vault.swap(firm, &connection.id, Some(&over), &tokens).await {
            Ok(saved) => saved,
            Err(error) => {
                // Without its data key nothing can be sealed: it was disconnected meanwhile.
                if self.0.vault.load(firm, &connection.id).await.is_ok_and(|now| now.is_none()) {
                    self.give_back(firm, connection, &tokens.access).await?;
                }
                return Err(error);
            }
        };
        match saved {
            Some(version) => {
                let opened = Opened { version, tokens: Arc::new(tokens) };
                *slot.memory() = Memory { opened: Some(opened.clone()), no_early_refresh_before: None };
                self.audit(firm, AuditStatus::Ok, connection, None).await?;
                self.unmark(firm).await?;
                self.give_back_if_over(firm, &opened.tokens.access, &connection.id).await?;
                Ok(Some(Current { opened, ..current }.grant()))
            }
            None => {
                if self.0.vault.load(firm, &connection.id).await?.is_none() {
                    self.give_back(firm, connection, &tokens.access).await?;
                }
                Ok(None)
            }
        }
    }

    /// Whether the stored envelope is, or within a moment becomes, another one.
    async fn changes_soon(&self, firm: &FirmId, current: &Current) -> Result<bool> {
        for pause in [Duration::ZERO, GRACE] {
            self.0.repository.runtime().sleep(pause).await;
            let now = self.0.vault.load(firm, &current.connection.value.id).await?;
            if now.is_some_and(|now| now.version != current.opened.version) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Disconnected while Clio was asked: whoever gave the tokens back may not have found these.
    async fn give_back_if_over(&self, firm: &FirmId, access: &AccessToken, id: &ConnectionId) -> Result<()> {
        let now = Connection::load(&self.0.repository, firm).await?;
        let over = |state| matches!(state, ConnectionState::Revoking | ConnectionState::Disconnected);
        match now.filter(|now| now.value.id == *id && over(now.value.state)) {
            Some(now) => self.give_back(firm, &now.value, access).await,
            None => Ok(()),
        }
    }

    /// The envelope is gone. If the firm is connected anew, its new grant may rest on what we hold,
    /// so that is only forgotten.
    async fn give_back(&self, firm: &FirmId, connection: &Connection, access: &AccessToken) -> Result<()> {
        let now = Connection::load(&self.0.repository, firm).await?;
        if now.is_some_and(|now| now.value.id != connection.id) {
            return Ok(());
        }
        if let Err(error) = self.0.oauth.deauthorize(access).await {
            tracing::warn!(%firm, code = error.code().name(), "a token of a removed connection was not given back");
        }
        Ok(())
    }

    async fn audit(
        &self,
        firm: &FirmId,
        status: AuditStatus,
        connection: &Connection,
        error: Option<&Error>,
    ) -> Result<()> {
        let mut transaction = self.0.repository.transaction(firm)?;
        let entry = AuditEntry::by_system(Action::Refresh, status).with("connection", &connection.id);
        transaction.audit(match error {
            Some(error) => entry.error(error),
            None => entry,
        });
        self.0.repository.commit_or_conflict(&transaction).await.map(|_| ())
    }

    /// Reads connection and envelope, and opens the envelope if it is not the one in memory.
    async fn current(&self, firm: &FirmId, slot: &FirmSlot) -> Result<Current> {
        for _ in 0..MOST_ROUNDS {
            let connection = match Connection::load_usable(&self.0.repository, firm).await {
                Ok(connection) => connection,
                // Newer tokens than those that were judged.
                Err(error) if error.code() == Code::ReconnectRequired && self.unmark(firm).await? => continue,
                Err(error) => {
                    // Also wipes what a disconnected firm's token was.
                    slot.memory().opened = None;
                    return Err(error);
                }
            };
            connection.value.require_of(self.0.oauth.host())?;
            let id = &connection.value.id;
            if let Some(sealed) = self.0.vault.load(firm, id).await? {
                let known = slot.memory().opened.clone().filter(|known| known.version == sealed.version);
                let opened = match known {
                    Some(opened) => opened,
                    None => {
                        let tokens = Arc::new(self.0.vault.open(firm, id, &sealed).await?);
                        let opened = Opened { version: sealed.version, tokens };
                        slot.memory().opened = Some(opened.clone());
                        opened
                    }
                };
                return Ok(Current { connection, opened });
            }
            // Replaced between the two reads, or lost: the commit decides which, because it expects
            // the record that was read.
            let cause = Error::new(Code::NotConnected).with("reason", "tokens_missing");
            if self.mark(firm, &connection, None, &cause).await? {
                return Err(reconnect(&connection.value));
            }
        }
        Err(Error::new(Code::StoreConflict).with("reason", "connection_contended"))
    }

    fn is_due(&self, slot: &FirmSlot, current: &Current, why: &Why) -> bool {
        let tokens = &current.opened.tokens;
        let runtime = self.0.repository.runtime();
        match why {
            Why::Rejected(token) => tokens.access == *token,
            Why::Ending => {
                let ending = tokens.refresh_at.is_some_and(|at| runtime.now() >= at);
                let paused = slot.memory().no_early_refresh_before.is_some_and(|until| runtime.monotonic() < until);
                ending && !(paused && self.has_life(current))
            }
        }
    }

    fn has_life(&self, current: &Current) -> bool {
        current.opened.tokens.expires_at.is_none_or(|end| self.0.repository.runtime().now() < end)
    }

    fn slot(&self, firm: &FirmId) -> Arc<FirmSlot> {
        self.0.firms.lock().unwrap_or_else(PoisonError::into_inner).entry(firm.clone()).or_default().clone()
    }
}

impl FirmSlot {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) fn reconnect(connection: &Connection) -> Error {
    Error::new(Code::ReconnectRequired).with("connection", &connection.id)
}
