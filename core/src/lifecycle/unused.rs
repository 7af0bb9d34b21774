//! What attempts to connect leave behind, and above all what Clio granted for them.
//!
//! **Problem.** A connect may fail, or its process die, when Clio has granted access already. A
//! grant that nobody knows of lives for years.
//!
//! **Model.** The tokens are sealed and stored under the draft's id before anything else is done
//! with them, so a draft that is due leads to them. First the fence: the draft is written anew, so
//! that its connect can no longer finish. Then the grant is given back, as at a disconnect. Only
//! then do data key, tokens and draft go.
//!
//! Clio does not say whether deauthorizing one token ends the person's other grants. So while the
//! firm has a connection in use, the grant is remembered with that one's tokens and given back with
//! them; and while another connect is under way, it waits. Whoever remembers it looks afterwards
//! whether that connection still is in use: whoever ends one reads its tokens after saying so, so
//! one of both sees the other.
//!
//! Tokens that could not be stored are given back with what is in hand. What may live on then, and
//! of a draft that is swept without tokens, the audit log says: Clio may have granted.
//!
//! A connection that was replaced is swept in the same way. Its successor has taken its grants
//! over, unless they changed in that moment.

use core::time::Duration;

use secrecy::ExposeSecret;

use super::attempt::{DRAFTS, Draft, DraftRecord, STATES};
use super::connect::Connect;
use super::disconnect::is_unreadable;
use super::give_back::{GrantOf, Held, Revoked, contended};
use crate::connection::tokens::{Replaced, Tokens};
use crate::connection::{Connection, ConnectionState};
use crate::domain::{ConnectionId, FirmId};
use crate::error::{Code, Detail, Error, Result};
use crate::ports::{Commit, Expect, Key, Record, Scan, Version};
use crate::store::{Action, AuditEntry, AuditStatus};

const SWEPT_AT_ONCE: usize = 50;
/// Longer than giving a grant back takes; and so soon it is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(120);
const MOST_ATTEMPTS: usize = 8;

/// When a grant is given back that came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// Its attempt fails.
    Failed,
    /// Its attempt is refused for what the grant is: it goes though another connection is in use.
    Refused,
    /// Its tokens could not be stored, so it was given back without a record; this is what Clio may
    /// still honour.
    Unstored(Option<&'static str>),
    /// Nobody heard of its attempt again.
    Swept,
}

impl Connect {
    /// Sweeps what is due in this firm. Gives when something else will be.
    pub(crate) async fn sweep(&self, firm: &FirmId) -> Result<Option<Duration>> {
        for record in self.due(firm, STATES).await? {
            let mut transaction = self.repository.transaction(firm)?;
            transaction.delete(record.key, record.version);
            // A delete of unknown outcome is simply due again.
            self.repository.commit(&transaction).await?;
        }
        for record in self.due(firm, DRAFTS).await? {
            self.remove(record.key, record.version, Occasion::Swept).await?;
        }
        let now = self.repository.store_now(firm).await?;
        // A fence that ends later than any would is of before that clock was set back.
        for (id, draft) in self.repository.list::<DraftRecord>(firm, DRAFTS, "").await? {
            if draft.value.fenced && draft.due_at.is_some_and(|due| due > now + TRY_AGAIN * 2) {
                self.remove(Key::new(firm, DRAFTS, id), draft.version, Occasion::Swept).await?;
            }
        }
        let left = self.repository.list::<DraftRecord>(firm, DRAFTS, "").await?;
        let Some(next) = left.iter().filter_map(|(_, draft)| draft.due_at).min() else { return Ok(None) };
        Ok(Some(self.repository.store_now(firm).await?.until(next) + Duration::from_millis(1)))
    }

    /// Removes a connection that did not come to be, now.
    pub(crate) async fn discard(&self, draft: Draft, occasion: Occasion) -> Result<()> {
        self.remove(draft.key, draft.version, occasion).await
    }

    async fn remove(&self, key: Key, version: Version, occasion: Occasion) -> Result<()> {
        let Some(stored) = self.repository.get::<DraftRecord>(&key).await?.filter(|stored| stored.version == version)
        else {
            return Ok(());
        };
        let connection = ConnectionId::new(key.id.as_str())?;
        let mut transaction = self.repository.transaction(&key.firm)?;
        let fenced = DraftRecord { fenced: true, ..stored.value };
        let fence = transaction.put_due(key.clone(), Expect::Version(version), Some(TRY_AGAIN), &fenced)?;
        if self.repository.commit(&transaction).await? == Commit::Conflict {
            return Ok(());
        }
        let settled = match &fenced.taken_over {
            _ if fenced.given_back => true,
            _ if fenced.drop_data_key => self.let_go(&key.firm, &connection, occasion).await?,
            taken_over => self.pass_on(&key.firm, &connection, taken_over.as_deref()).await?,
        };
        if !settled {
            return Ok(());
        }
        let mut transaction = self.repository.transaction(&key.firm)?;
        // The draft stays, because it is what leads here again after a crash.
        let fenced = DraftRecord { given_back: true, ..fenced };
        let fence = transaction.put_due(key.clone(), Expect::Version(fence), Some(Duration::ZERO), &fenced)?;
        if fenced.drop_data_key {
            self.keyring.drop_connection(&mut transaction, &connection).await?;
        }
        if self.repository.commit(&transaction).await? == Commit::Conflict {
            return Ok(());
        }
        self.vault.delete(&key.firm, &connection).await?;
        let mut transaction = self.repository.transaction(&key.firm)?;
        transaction.delete(key, fence);
        self.repository.commit(&transaction).await?;
        Ok(())
    }

    /// Gives back tokens that could not be stored: no record leads to them, so now or never. Gives
    /// what Clio may still honour.
    ///
    /// `alone`: the firm had no connection in use when the attempt began.
    pub(crate) async fn give_back_unstored(
        &self,
        firm: &FirmId,
        draft: &ConnectionId,
        tokens: &Tokens,
        alone: bool,
    ) -> Option<&'static str> {
        if !self.may_end(firm, draft).await.unwrap_or(alone) {
            return Some("tokens_not_stored");
        }
        if let Err(error) = self.oauth.deauthorize(&tokens.access).await {
            tracing::warn!(%firm, code = error.code().name(), "an unused token was not given back");
            return Some("tokens_not_stored");
        }
        if tokens.refresh.expose_secret().is_empty() {
            return None;
        }
        match self.oauth.refresh(&tokens.refresh, None).await {
            Err(error) if error.is(Detail::InvalidGrant) => None,
            Err(_) => Some("refresh_token"),
            Ok(granted) => {
                // It outlived its access token: what it granted is given back, and it may live on.
                let again = self.oauth.deauthorize(&granted.access).await;
                again.map_or(Some("tokens_not_stored"), |()| Some("refresh_token"))
            }
        }
    }

    /// Gives back what Clio granted for a connection that never came to be. `false`: later.
    async fn let_go(&self, firm: &FirmId, id: &ConnectionId, occasion: Occasion) -> Result<bool> {
        let held = match self.hold(firm, id).await {
            Ok(Some(held)) => held,
            Ok(None) => {
                let unrevoked = match occasion {
                    Occasion::Failed | Occasion::Refused => None,
                    Occasion::Unstored(unrevoked) => unrevoked,
                    // Its process died, or could write nothing, when Clio may have granted already.
                    Occasion::Swept => Some("tokens_missing"),
                };
                return match unrevoked {
                    Some(_) => self.failures(firm, id, unrevoked).await,
                    None => Ok(true),
                };
            }
            Err(error) if is_unreadable(&error) => return self.failures(firm, id, Some("tokens_unreadable")).await,
            Err(error) => return Err(error),
        };
        if occasion == Occasion::Refused {
            return self.end_unused(firm, GrantOf::Refused, held, occasion).await;
        }
        // Those that it would have replaced are known by what is in use.
        let mut own = held.tokens.clone();
        own.replaced.clear();
        if self.is_remembered(firm, id, &own.into_replaced(false)).await? {
            return Ok(true);
        }
        self.end_unused(firm, GrantOf::Draft(id), held, occasion).await
    }

    /// A connection was replaced: its successor learns of what came to its tokens after it took
    /// them over. `false`: later.
    async fn pass_on(&self, firm: &FirmId, id: &ConnectionId, taken_over: Option<&str>) -> Result<bool> {
        let Some(sealed) = self.vault.load(firm, id).await? else { return Ok(true) };
        if taken_over == Some(sealed.version.0.as_str()) {
            return Ok(true);
        }
        let held = match self.hold(firm, id).await {
            Ok(Some(held)) => held,
            Ok(None) => return Ok(true),
            // Nobody can give back what nobody can read.
            Err(error) if is_unreadable(&error) => return Ok(true),
            Err(error) => return Err(error),
        };
        if self.is_remembered(firm, id, &held.tokens.clone().into_replaced(false)).await? {
            return Ok(true);
        }
        self.end_unused(firm, GrantOf::Replaced(id), held, Occasion::Swept).await
    }

    async fn end_unused(&self, firm: &FirmId, of: GrantOf<'_>, mut held: Held, occasion: Occasion) -> Result<bool> {
        let (id, end) = (held.id.clone(), held.tokens.expires_at);
        let over = end.is_some_and(|end| end <= self.repository.runtime().now());
        match self.end_grants(firm, of, &mut held).await {
            // The audit log tells of the attempt itself.
            Ok(Revoked::All) if occasion != Occasion::Swept => Ok(true),
            Ok(Revoked::All) => self.failures(firm, &id, None).await,
            Ok(Revoked::Not(reason)) => self.failures(firm, &id, Some(reason)).await,
            Ok(Revoked::Stopped | Revoked::Wait(_)) => Ok(false),
            Err(error) if over && error.code().number() / 1000 != 7 => {
                self.failures(firm, &id, Some("token_ended")).await
            }
            Err(error) => {
                if self.repository.failures().is_news(format!("grant {firm} {id}"), error.code()) {
                    tracing::warn!(%firm, code = error.code().name(), "an unused grant is given back later");
                }
                Ok(false)
            }
        }
    }

    /// Whether nothing that is in use, or may come to be, could end with the grant of this draft.
    pub(crate) async fn may_end(&self, firm: &FirmId, draft: &ConnectionId) -> Result<bool> {
        if self.in_use(firm).await?.is_some() {
            return Ok(false);
        }
        let now = self.repository.store_now(firm).await?;
        let drafts = self.repository.list::<DraftRecord>(firm, DRAFTS, "").await?;
        Ok(!drafts.iter().any(|(id, other)| {
            id != draft.as_str() && other.value.is_open() && other.due_at.is_some_and(|due| due > now)
        }))
    }

    /// The connection that would end with a grant that is given back. One that Clio honours no more
    /// cannot; and what is written into its envelope would pass for newer tokens.
    async fn in_use(&self, firm: &FirmId) -> Result<Option<Connection>> {
        let stored = Connection::load(&self.repository, firm).await?.map(|stored| stored.value);
        Ok(stored.filter(|it| matches!(it.state, ConnectionState::Connected | ConnectionState::Degraded)))
    }

    /// Remembers grants with the tokens of the connection in use, another one than `id`. `false`:
    /// there is none.
    async fn is_remembered(&self, firm: &FirmId, id: &ConnectionId, grants: &[Replaced]) -> Result<bool> {
        for _ in 0..MOST_ATTEMPTS {
            let Some(current) = self.in_use(firm).await?.filter(|current| current.id != *id) else { return Ok(false) };
            // A refresh that is on its way could not save what it gets.
            let lease = self.lease(firm, &current.id).await?;
            let added = self.add_replaced(firm, &current, grants).await;
            lease.release(&self.repository).await;
            // Whoever ends it from now on finds them.
            if added? && self.in_use(firm).await?.is_some_and(|now| now.id == current.id) {
                return Ok(true);
            }
        }
        Err(contended())
    }

    /// `false`: the tokens changed meanwhile, look again.
    async fn add_replaced(&self, firm: &FirmId, current: &Connection, grants: &[Replaced]) -> Result<bool> {
        let Some(mut held) = self.hold(firm, &current.id).await? else {
            return Err(Error::new(Code::NotConnected).with("reason", "tokens_missing"));
        };
        let before = held.tokens.replaced.len();
        held.tokens.remember(grants.to_vec());
        if held.tokens.replaced.len() == before {
            return Ok(true);
        }
        Ok(self.vault.swap(firm, &current.id, Some(&held.version), &held.tokens).await?.is_some())
    }

    async fn failures(&self, firm: &FirmId, id: &ConnectionId, unrevoked: Option<&'static str>) -> Result<bool> {
        let entry = AuditEntry::by_system(Action::Connect, AuditStatus::Noted).with("connection", id);
        let mut transaction = self.repository.transaction(firm)?;
        transaction.audit(match unrevoked {
            Some(reason) => entry.with("unrevoked", reason),
            None => entry.with("revoked", true),
        });
        self.repository.commit_or_conflict(&transaction).await?;
        Ok(true)
    }

    async fn due(&self, firm: &FirmId, collection: &'static str) -> Result<Vec<Record>> {
        self.repository.store().scan(&Scan::Due { firm: Some(firm.clone()), collection, limit: SWEPT_AT_ONCE }).await
    }
}
