//! Disconnecting a firm.
//!
//! **Problem.** The authorization must end on both sides, though Clio may be unreachable in that
//! moment; nothing that was synced, set or logged may be lost; and what could not be given back
//! must be known.
//!
//! **Life.** [`disconnect`](Connect::disconnect) commits *revoking*: from then on nobody gets a
//! token, so no step begins and nothing is refreshed; a step whose request is on its way still
//! closes its intent. Then [`revoke`](Connect::revoke), at once and again by workers until it is
//! through: our subscriptions are deleted in Clio; the access token is deauthorized, and its
//! refresh token tried (`give_back.rs`). The grants that this one replaced follow in the same way.
//! Then the connection is *disconnected*, and tokens and data keys are dropped. Links, logs and
//! settings stay.
//!
//! **Failure cases.** While Clio is unreachable the sealed tokens stay, for this only, at most
//! until the access token ends. A reconnect cancels what is left first: deauthorizing could end the
//! new grant as well; a revocation that is on its way looks before each request whether it still is
//! to go on. What stays unrevoked is audited and shown. A data key stays for as long as something
//! that is needed is sealed with it (`leftovers.rs`).

use core::time::Duration;

use super::connect::Connect;
use super::give_back::{GrantOf, Held, Revoked, is_refusal};
use crate::clio::{AccessToken, CallLimits, Webhook, webhooks};
use crate::connection::tokens::Tokens;
use crate::connection::{Connection, ConnectionState, Session};
use crate::contact_review::drop_proposals;
use crate::crypto::may_be_of_this_process;
use crate::domain::{Actor, ClioId, ConnectionId, FirmId};
use crate::error::{Code, Detail, Error, Result, Retry};
use crate::inbound::{HOOKS, Hook, HookState, digest_in, forget_health, is_ours};
use crate::ports::{Commit, Expect};
use crate::store::{
    Action, AuditEntry, AuditStatus, Event, EventBody, MaintenanceTask, Transaction, Versioned, is_due_within,
    require_admin, schedule_within,
};

const LIMITS: CallLimits = CallLimits { timeout: Duration::from_secs(30), not_after: None };
const MOST_ATTEMPTS: usize = 8;
const TRY_AGAIN: Duration = Duration::from_secs(60);
/// The life of an access token that does not tell its own (Clio: FAQ).
const LONGEST_TOKEN: Duration = Duration::from_secs(30 * 24 * 3600);
/// A report of a deauthorization makes one call at most in this time: anybody can make one.
const ASK_AGAIN: Duration = Duration::from_secs(60);
/// Pages of a firm's subscriptions.
const MOST_PAGES: usize = 20;
/// How long a key provider may fail before what it does not open counts as lost: another process
/// may have the key, or a KMS be back.
const KEY_PATIENCE: Duration = Duration::from_secs(24 * 3600);
/// How often it is looked whether the last open intent was resolved.
const LOOK_AGAIN: Duration = Duration::from_secs(24 * 3600);

impl Connect {
    /// Ends the firm's connection, if it is the one that was `shown`.
    pub async fn disconnect(&self, actor: &Actor, shown: Option<&ConnectionId>) -> Result<Connection> {
        require_admin(&self.repository, actor, &actor.firm, "disconnect").await?;
        let connection = Connection::load(&self.repository, &actor.firm).await?.ok_or(Code::NotConnected)?;
        connection.value.require_of(self.oauth.host())?;
        let entry = AuditEntry::by(&actor.id, Action::Disconnect, AuditStatus::Ok);
        if self.begin_revoking(&actor.firm, shown, &entry).await?
            && let Err(error) = self.revoke(&actor.firm).await
        {
            tracing::warn!(firm = %actor.firm, code = error.code().name(), "revoking goes on later");
        }
        Ok(Connection::load(&self.repository, &actor.firm).await?.ok_or(Code::NotConnected)?.value)
    }

    /// Somebody says that the firm deauthorized us inside Clio. Anybody can say so: Clio is asked,
    /// once a minute at most. Gives whether it is known to be true.
    ///
    /// An access token that Clio rejects proves nothing, because it may only have ended; a refresh
    /// token that Clio rejects does.
    pub async fn deauthorization_reported(&self, session: &Session, firm: &FirmId) -> Result<bool> {
        let stored = Connection::load(&self.repository, firm).await?.ok_or(Code::NotConnected)?;
        stored.value.require_of(self.oauth.host())?;
        if matches!(stored.value.state, ConnectionState::Revoking | ConnectionState::Disconnected) {
            return Ok(true);
        }
        if !self.may_ask_again(firm) {
            self.ask_later(firm).await?;
            return Ok(false);
        }
        self.ask_whether_deauthorized(session, firm).await
    }

    /// A report that had to wait, made by a worker. Gives when it may be asked, if not yet.
    pub async fn ask_what_was_reported(&self, session: &Session, firm: &FirmId) -> Result<Option<Duration>> {
        match self.may_ask_again(firm) {
            true => self.ask_whether_deauthorized(session, firm).await.map(|_| None),
            false => Ok(Some(ASK_AGAIN)),
        }
    }

    async fn ask_whether_deauthorized(&self, session: &Session, firm: &FirmId) -> Result<bool> {
        let asked = Connection::load(&self.repository, firm).await?.map(|stored| stored.value.id);
        if self.accepts_us(session, firm).await? {
            let mut transaction = self.repository.transaction(firm)?;
            transaction.audit(
                AuditEntry::by_system(Action::Disconnect, AuditStatus::Noted).with("reason", "not_deauthorized"),
            );
            self.repository.commit_or_conflict(&transaction).await?;
            return Ok(false);
        }
        let entry = AuditEntry::by_system(Action::Disconnect, AuditStatus::Ok).with("reason", "deauthorized_in_clio");
        match self.begin_revoking(firm, asked.as_ref(), &entry).await {
            Ok(true) => self.revoke(firm).await.map(|_| true),
            Ok(false) => Ok(true),
            // An admin connected the firm anew while Clio was asked.
            Err(error) if error.code() == Code::ConnectionChanged => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn may_ask_again(&self, firm: &FirmId) -> bool {
        let now = self.repository.runtime().monotonic();
        let mut reported = self.reported.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let again = reported.get(firm).is_none_or(|at| at.until(now) >= ASK_AGAIN);
        if again {
            reported.insert(firm.clone(), now);
        }
        again
    }

    /// What is reported while it must not be asked is asked by a worker. Written down once, however
    /// often it is reported.
    async fn ask_later(&self, firm: &FirmId) -> Result<()> {
        if is_due_within(&self.repository, firm, MaintenanceTask::Authorization, ASK_AGAIN).await? {
            return Ok(());
        }
        let mut transaction = self.repository.transaction(firm)?;
        schedule_within(&self.repository, &mut transaction, MaintenanceTask::Authorization, ASK_AGAIN).await?;
        // A conflict: it was just reported, or is being asked.
        self.repository.commit(&transaction).await.map(|_| ())
    }

    async fn accepts_us(&self, session: &Session, firm: &FirmId) -> Result<bool> {
        let grant = match session.token(firm).await {
            Ok(grant) => grant,
            Err(error) if error.code() == Code::ReconnectRequired => return Ok(false),
            Err(error) => return Err(error),
        };
        match self.clio.call(&grant.token, &crate::clio::lookup::matters(), LIMITS).await {
            Ok(_) => Ok(true),
            Err(failure) if failure.error.code() == Code::TokenRejected => {
                match session.rejected(firm, &grant.token).await {
                    Ok(_) => Ok(true),
                    Err(error) if error.code() == Code::ReconnectRequired => Ok(false),
                    Err(error) => Err(error),
                }
            }
            Err(failure) if is_refusal(&failure.error) => Ok(true),
            Err(failure) => Err(failure.error),
        }
    }

    /// Of this connection, if one is named. `false`: it was begun before, and is somebody else's to
    /// carry on.
    async fn begin_revoking(&self, firm: &FirmId, of: Option<&ConnectionId>, entry: &AuditEntry) -> Result<bool> {
        loop {
            let stored = Connection::load(&self.repository, firm).await?.ok_or(Code::NotConnected)?;
            if of.is_some_and(|of| *of != stored.value.id) {
                return Err(Error::new(Code::ConnectionChanged).with("connection", &stored.value.id));
            }
            if matches!(stored.value.state, ConnectionState::Revoking | ConnectionState::Disconnected) {
                return Ok(false);
            }
            let mut transaction = self.repository.transaction(firm)?;
            let connection = Connection {
                state: ConnectionState::Revoking,
                advice: Vec::new(),
                judged: None,
                ended_at: Some(self.repository.runtime().now()),
                ..stored.value
            };
            transaction.put(Connection::key(firm), Expect::Version(stored.version), &connection)?;
            transaction.audit(entry.clone().with("connection", &connection.id));
            transaction.event(Event::about_connection(EventBody::Disconnected));
            forget_health(&self.repository, &mut transaction).await?;
            // Whoever began it does it now; a worker should that fail.
            schedule_within(&self.repository, &mut transaction, MaintenanceTask::Revocation, TRY_AGAIN).await?;
            if matches!(self.repository.commit(&transaction).await?, Commit::Done { .. }) {
                return Ok(true);
            }
        }
    }

    /// Gives back what a disconnected firm left in Clio. Gives when to come back; safe to repeat at
    /// any time.
    ///
    /// # Errors
    /// What kept Clio from taking it.
    pub async fn revoke(&self, firm: &FirmId) -> Result<Option<Duration>> {
        let Some(stored) = Connection::load(&self.repository, firm).await? else { return Ok(None) };
        match stored.value.state {
            ConnectionState::Revoking => {}
            ConnectionState::Disconnected => return self.clean_up(firm, &stored.value).await,
            _ => return Ok(None),
        }
        stored.value.require_of(self.oauth.host())?;
        let revoked = match self.hold(firm, &stored.value.id).await {
            Ok(None) => Revoked::Not("tokens_missing"),
            Ok(Some(held)) => self.give_back(firm, &stored.value, held).await?,
            Err(error) if self.is_lost(&error, &stored.value) => Revoked::Not("tokens_unreadable"),
            Err(error) => return Err(error),
        };
        let unrevoked = match revoked {
            Revoked::Stopped => return Ok(None),
            Revoked::Wait(left) => return Ok(Some(left)),
            Revoked::All => None,
            Revoked::Not(reason) => Some(reason),
        };
        self.finish_revoking(firm, stored, unrevoked).await
    }

    /// Whether the tokens will not open later either, wherever it is tried.
    fn is_lost(&self, error: &Error, connection: &Connection) -> bool {
        let provider = may_be_of_this_process(error) && !error.is(Detail::NoDataKey);
        let waited = connection.ended_at.is_none_or(|at| at + KEY_PATIENCE <= self.repository.runtime().now());
        (provider && waited) || (!provider && is_unreadable(error))
    }

    /// A new grant must not end with the old one: what was not given back stays so, and is audited.
    pub(crate) async fn cancel_revocation(&self, firm: &FirmId) -> Result<()> {
        for _ in 0..MOST_ATTEMPTS {
            let stored = Connection::load(&self.repository, firm).await?;
            let Some(stored) = stored.filter(|stored| stored.value.state == ConnectionState::Revoking) else {
                return Ok(());
            };
            self.finish_revoking(firm, stored, Some("reconnected")).await?;
        }
        Err(Error::new(Code::StoreConflict).with("reason", "revocation_contended"))
    }

    pub(crate) async fn open_tokens(&self, firm: &FirmId, connection: &Connection) -> Result<Option<Tokens>> {
        match self.vault.load(firm, &connection.id).await? {
            Some(sealed) => self.vault.open(firm, &connection.id, &sealed).await.map(Some),
            None => Ok(None),
        }
    }

    /// Deletes our subscriptions, then gives the grants back.
    async fn give_back(&self, firm: &FirmId, connection: &Connection, mut held: Held) -> Result<Revoked> {
        let end = held.tokens.expires_at.or(connection.ended_at.map(|at| at + LONGEST_TOKEN));
        let over = end.is_some_and(|end| end <= self.repository.runtime().now());
        // What is this side's own doing does not end with the token.
        let later = |error: Error| match error.code().number() / 1000 {
            7 => Err(error),
            _ if over => Ok(Revoked::Not("token_ended")),
            _ => Err(error),
        };
        let mut left = None;
        let mut found = self.our_webhooks(firm, connection, &held.tokens.access).await;
        if found.as_ref().is_err_and(|error| error.code() == Code::TokenRejected) {
            match self.renew(firm, &mut held, 0).await {
                // Only the access token had ended.
                Ok(()) => found = self.our_webhooks(firm, connection, &held.tokens.access).await,
                Err(error) if is_refusal(&error) => {}
                Err(error) => return later(error),
            }
        }
        match found {
            Ok((ids, doubt)) => {
                for id in ids {
                    if !self.goes_on(firm, connection).await? {
                        return Ok(Revoked::Stopped);
                    }
                    match self.clio.call(&held.tokens.access, &webhooks::delete(id), LIMITS).await {
                        Ok(_) => {}
                        Err(failure) if failure.error.code() == Code::ClioNotFound => {}
                        Err(failure) if is_refusal(&failure.error) => left = Some("webhooks"),
                        Err(failure) => return later(failure.error),
                    }
                }
                match doubt {
                    // Its token is needed to delete it.
                    Some(_) if over => left = Some("webhooks"),
                    Some(wait) => return Ok(Revoked::Wait(wait)),
                    None => {}
                }
            }
            // Dead or not allowed: Clio ends them at their expiry.
            Err(error) if is_refusal(&error) => {
                let known = self.repository.list::<Hook>(firm, HOOKS, "").await?;
                let there = |hook: &Hook| hook.link_set == connection.link_set && hook.may_be_in_clio();
                left = known.iter().any(|(_, hook)| there(&hook.value)).then_some("webhooks");
            }
            Err(error) => return later(error),
        }
        match self.end_grants(firm, GrantOf::Connection(connection), &mut held).await {
            Ok(Revoked::All) => {}
            Ok(Revoked::Not(reason)) => left = left.or(Some(reason)),
            Ok(other) => return Ok(other),
            Err(error) => return later(error),
        }
        Ok(left.map_or(Revoked::All, Revoked::Not))
    }

    /// Our subscriptions in this account, those of replaced connections too: those whose URL holds
    /// a token of ours, whether or not we heard that they came to be, or the database has lost its
    /// record. And how long another one may still come to be.
    async fn our_webhooks(
        &self,
        firm: &FirmId,
        connection: &Connection,
        access: &AccessToken,
    ) -> Result<(Vec<ClioId>, Option<Duration>)> {
        // Before Clio is asked: what is over by then is in the answer.
        let now = self.repository.store_now(firm).await?;
        let known = self.repository.list::<Hook>(firm, HOOKS, "").await?;
        let ours = |digest: &str| {
            known.iter().any(|(known, hook)| known == digest && hook.value.link_set == connection.link_set)
        };
        if !known.iter().any(|(_, hook)| hook.value.link_set == connection.link_set) {
            return Ok((Vec::new(), None));
        }
        let is_lost = |webhook: &Webhook| {
            let (base, url) = (connection.webhook_url.as_ref(), webhook.url.as_ref());
            base.zip(url).is_some_and(|(base, url)| is_ours(base, url.expose(), firm))
        };
        let mut seen = Vec::new();
        let (mut ids, mut next) = (Vec::new(), Some(webhooks::list()));
        for _ in 0..MOST_PAGES {
            let Some(request) = next.take() else { break };
            let page = self.clio.call(access, &request, LIMITS).await.map_err(|failure| failure.error)?.value;
            let of = |webhook: &Webhook| webhook.url.as_ref().and_then(|url| digest_in(url.expose()));
            for webhook in &page.items {
                if let Some(digest) = of(webhook).filter(|digest| ours(digest)) {
                    ids.push(webhook.id);
                    seen.push(digest);
                } else if is_lost(webhook) {
                    ids.push(webhook.id);
                }
            }
            next = page.next;
        }
        let asked = known.iter().filter(|(digest, hook)| {
            let it = &hook.value;
            it.link_set == connection.link_set && it.state == HookState::Creating && !seen.contains(digest)
        });
        let left = asked.filter_map(|(_, hook)| Some(now.until(hook.due_at?))).max();
        Ok((ids, left.filter(|left| !left.is_zero()).map(|left| left + Duration::from_millis(1))))
    }

    async fn finish_revoking(
        &self,
        firm: &FirmId,
        stored: Versioned<Connection>,
        unrevoked: Option<&'static str>,
    ) -> Result<Option<Duration>> {
        let connection = Connection {
            state: ConnectionState::Disconnected,
            unrevoked: unrevoked.map(str::to_owned),
            ..stored.value
        };
        let status = if unrevoked.is_some() { AuditStatus::Noted } else { AuditStatus::Ok };
        let entry = AuditEntry::by_system(Action::Disconnect, status).with("connection", &connection.id);
        let entry = match unrevoked {
            Some(reason) => entry.with("unrevoked", reason),
            None => entry.with("revoked", true),
        };
        for _ in 0..MOST_ATTEMPTS {
            let mut transaction = self.repository.transaction(firm)?;
            transaction.put(Connection::key(firm), Expect::Version(stored.version.clone()), &connection)?;
            self.retire_hooks(firm, &mut transaction, unrevoked.is_none()).await?;
            drop_proposals(&self.repository, &mut transaction).await?;
            // Should we die before the tokens are gone.
            schedule_within(&self.repository, &mut transaction, MaintenanceTask::Revocation, TRY_AGAIN).await?;
            transaction.audit(entry.clone());
            if self.repository.commit(&transaction).await? != Commit::Conflict {
                return self.clean_up(firm, &connection).await;
            }
            let now = Connection::load(&self.repository, firm).await?;
            if now.is_none_or(|now| now.version != stored.version) {
                // Somebody else finished it.
                break;
            }
            // A handshake came in, or a maintenance task was woken. That everything was given back
            // is known only here: another try would find dead tokens, and could not tell.
        }
        Ok(Some(Duration::ZERO))
    }

    /// Drops what a connection that is over leaves here. Gives when to look again for what is still
    /// needed.
    async fn clean_up(&self, firm: &FirmId, connection: &Connection) -> Result<Option<Duration>> {
        self.vault.delete(firm, &connection.id).await?;
        Ok(if self.drop_unneeded_keys(firm).await? { None } else { Some(LOOK_AGAIN) })
    }

    /// Their secrets are sealed with the data key that goes. `gone`: they are in Clio no more.
    async fn retire_hooks(&self, firm: &FirmId, transaction: &mut Transaction, gone: bool) -> Result<()> {
        for (digest, Versioned { value: mut hook, version, .. }) in
            self.repository.list::<Hook>(firm, HOOKS, "").await?
        {
            let forgotten = gone && hook.clio.take().is_some();
            if forgotten || hook.state != HookState::Retired {
                hook.retire();
                let key = crate::ports::Key::new(firm, HOOKS, digest);
                transaction.put_due(key, Expect::Version(version), Some(LOOK_AGAIN), &hook)?;
            }
        }
        Ok(())
    }
}

/// Whether a seal will not open later either.
pub(crate) fn is_unreadable(error: &Error) -> bool {
    matches!(error.code(), Code::KeyFailed | Code::SealBroken) && error.retry() == Retry::Never
}
