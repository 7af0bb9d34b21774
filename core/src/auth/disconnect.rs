//! Disconnecting a firm.
//!
//! **Problem.** The authorization must end on both sides, though Clio may be unreachable in that moment; nothing that was synced, set or logged may be lost; and what
//! could not be given back must be known.
//!
//! **Life.** [`disconnect`](Connect::disconnect) commits *revoking*: from then on nobody gets a token, so no step begins and nothing is refreshed; a step whose request is
//! on its way still closes its intent. Then [`revoke`](Connect::revoke), at once and again by workers until it is through: our subscriptions are deleted by id; the access token is
//! deauthorized; the refresh token is tried once, because Clio does not say what became of it: whatever it still grants is given back as well. Then
//! tokens and data key are dropped, and the connection is *disconnected*. Links, logs and settings stay.
//!
//! **Failure cases.** While Clio is unreachable the sealed tokens stay, for this only, at most until the access token ends. A reconnect cancels what is
//! left first: deauthorizing could end the new grant as well. What stays unrevoked is audited and shown. The data key stays for as long as an open
//! intent is sealed with it.

use core::time::Duration;

use super::attempt::Draft;
use super::connect::Connect;
use super::oauth::is_invalid_grant;
use super::tokens::Tokens;
use super::{Actor, Connection, ConnectionState};
use crate::clio::{AccessToken, CallLimits, webhooks};
use crate::error::{Code, Error, Result, Retry};
use crate::log::{Action, AuditEntry, AuditStatus, Event, EventBody};
use crate::model::FirmId;
use crate::ports::{Commit, Expect};
use crate::records::{Stored, Unit};
use crate::sync::holds_intents_of;
use crate::webhook::{Chore, HOOKS, Hook, HookState, drop_proposals, wake_in};

const LIMITS: CallLimits = CallLimits { timeout: Duration::from_secs(30), not_after: None };
const MOST_TURNS: usize = 8;
const TRY_AGAIN: Duration = Duration::from_secs(60);
/// How often it is looked whether the last open intent was resolved.
const LOOK_AGAIN: Duration = Duration::from_secs(24 * 3600);

/// What was given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Revoked {
    /// Everything.
    All,
    /// Clio may still honour a token or a subscription.
    Not(&'static str),
    /// Clio cannot be asked now.
    Later,
}

impl Connect {
    /// Ends the firm's connection.
    pub async fn disconnect(&self, actor: &Actor) -> Result<Connection> {
        actor.require_admin_of(&actor.firm, &self.journal, "disconnect").await?;
        let entry = AuditEntry::by(&actor.id, Action::Disconnect, AuditStatus::Ok);
        self.begin_revoking(&actor.firm, &entry).await?;
        if let Err(error) = self.revoke(&actor.firm).await {
            tracing::warn!(firm = %actor.firm, code = error.code().name(), "revoking goes on later");
        }
        Ok(Connection::load(&self.journal, &actor.firm).await?.ok_or(Code::NotConnected)?.value)
    }

    /// Somebody says that the firm deauthorized us inside Clio. Anybody can say so: Clio is asked. Gives whether it was true.
    pub async fn deauthorization_reported(&self, firm: &FirmId) -> Result<bool> {
        let stored = Connection::load(&self.journal, firm).await?.ok_or(Code::NotConnected)?;
        if matches!(stored.value.state, ConnectionState::Revoking | ConnectionState::Disconnected) {
            return Ok(true);
        }
        let dead = match self.open_tokens(firm, &stored.value).await? {
            None => true,
            Some(tokens) => match self.clio.call(&tokens.access, &crate::clio::probe::matters(), LIMITS).await {
                Err(failure) if failure.error.code() == Code::TokenRejected => true,
                Err(failure) if failure.http_status.is_none() => return Err(failure.error),
                _ => false,
            },
        };
        if !dead {
            let mut unit = self.journal.unit(firm)?;
            unit.audit(
                AuditEntry::by_system(Action::Disconnect, AuditStatus::Noted).with("reason", "not_deauthorized"),
            );
            self.journal.commit_or_conflict(&unit).await?;
            return Ok(false);
        }
        let entry = AuditEntry::by_system(Action::Disconnect, AuditStatus::Ok).with("reason", "deauthorized_in_clio");
        self.begin_revoking(firm, &entry).await?;
        self.revoke(firm).await?;
        Ok(true)
    }

    async fn begin_revoking(&self, firm: &FirmId, entry: &AuditEntry) -> Result<()> {
        loop {
            let stored = Connection::load(&self.journal, firm).await?.ok_or(Code::NotConnected)?;
            if matches!(stored.value.state, ConnectionState::Revoking | ConnectionState::Disconnected) {
                return Ok(());
            }
            let mut unit = self.journal.unit(firm)?;
            let connection = Connection { state: ConnectionState::Revoking, advice: Vec::new(), ..stored.value };
            unit.put(Connection::key(firm), Expect::Version(stored.version), &connection)?;
            unit.audit(entry.clone().with("connection", &connection.id));
            unit.event(Event::about_connection(EventBody::Disconnected));
            wake_in(&self.journal, &mut unit, Chore::Revocation).await?;
            if matches!(self.journal.commit(&unit).await?, Commit::Done { .. }) {
                return Ok(());
            }
        }
    }

    /// Gives back what a disconnected firm left in Clio. Gives when to come back; safe to repeat at any time.
    pub async fn revoke(&self, firm: &FirmId) -> Result<Option<Duration>> {
        let Some(stored) = Connection::load(&self.journal, firm).await? else { return Ok(None) };
        match stored.value.state {
            ConnectionState::Revoking => {}
            ConnectionState::Disconnected => return self.drop_key(firm, &stored.value).await,
            _ => return Ok(None),
        }
        let revoked = match self.open_tokens(firm, &stored.value).await {
            Ok(Some(tokens)) => self.give_back(firm, &stored.value, &tokens).await?,
            Ok(None) => Revoked::Not("tokens_missing"),
            Err(error) if matches!(error.code(), Code::KeyFailed | Code::SealBroken) => {
                Revoked::Not("tokens_unreadable")
            }
            Err(error) => return Err(error),
        };
        match revoked {
            Revoked::Later => Ok(Some(TRY_AGAIN)),
            Revoked::All => self.finish_revoking(firm, stored, None).await,
            Revoked::Not(reason) => self.finish_revoking(firm, stored, Some(reason)).await,
        }
    }

    /// A new grant must not end with the old one: what was not given back stays so, and is audited.
    pub(super) async fn cancel_revocation(&self, firm: &FirmId) -> Result<()> {
        for _ in 0..MOST_TURNS {
            let stored = Connection::load(&self.journal, firm).await?;
            let Some(stored) = stored.filter(|stored| stored.value.state == ConnectionState::Revoking) else {
                return Ok(());
            };
            self.finish_revoking(firm, stored, Some("reconnected")).await?;
        }
        Err(Error::new(Code::StoreConflict).with("reason", "revocation_contended"))
    }

    pub(super) async fn open_tokens(&self, firm: &FirmId, connection: &Connection) -> Result<Option<Tokens>> {
        match self.vault.load(firm, &connection.id).await? {
            Some(sealed) => self.vault.open(firm, &connection.id, &sealed).await.map(Some),
            None => Ok(None),
        }
    }

    async fn give_back(&self, firm: &FirmId, connection: &Connection, tokens: &Tokens) -> Result<Revoked> {
        let over = tokens.expires_at.is_some_and(|end| end <= self.journal.runtime().now());
        let later = if over { Revoked::Not("token_ended") } else { Revoked::Later };
        let mut left = None;
        for (_, hook) in self.journal.list::<Hook>(firm, HOOKS, "").await? {
            let ours = hook.value.connection == connection.id && hook.value.state != HookState::Retired;
            let Some(id) = hook.value.clio.filter(|_| ours) else { continue };
            match self.clio.call(&tokens.access, &webhooks::delete(id), LIMITS).await {
                Ok(_) => {}
                Err(failure) if failure.error.code() == Code::ClioNotFound => {}
                // Dead or not allowed: Clio ends it at its expiry.
                Err(failure) if is_refusal(&failure.error) => left = Some("webhooks"),
                Err(_) => return Ok(later),
            }
        }
        match self.oauth.deauthorize(&tokens.access).await {
            Ok(()) => {}
            // Ended already.
            Err(error) if is_refusal(&error) => {}
            Err(_) => return Ok(later),
        }
        match self.oauth.refresh(&tokens.refresh).await {
            Err(error) if is_invalid_grant(&error) => {}
            Ok(granted) => return Ok(self.give_back_again(&granted.access, left).await.unwrap_or(later)),
            Err(error) if is_refusal(&error) => left = Some("refresh_token"),
            Err(_) => return Ok(later),
        }
        Ok(left.map_or(Revoked::All, Revoked::Not))
    }

    /// The refresh token outlived its access token: what it granted is given back.
    async fn give_back_again(&self, access: &AccessToken, left: Option<&'static str>) -> Option<Revoked> {
        match self.oauth.deauthorize(access).await {
            Ok(()) => Some(left.map_or(Revoked::Not("refresh_token"), Revoked::Not)),
            Err(error) if is_refusal(&error) => Some(Revoked::Not("refresh_token")),
            Err(_) => None,
        }
    }

    async fn finish_revoking(
        &self,
        firm: &FirmId,
        stored: Stored<Connection>,
        unrevoked: Option<&'static str>,
    ) -> Result<Option<Duration>> {
        let connection = Connection {
            state: ConnectionState::Disconnected,
            unrevoked: unrevoked.map(str::to_owned),
            ..stored.value
        };
        self.vault.delete(firm, &connection.id).await?;
        let mut unit = self.journal.unit(firm)?;
        unit.put(Connection::key(firm), Expect::Version(stored.version), &connection)?;
        self.retire_hooks(firm, &mut unit, &connection).await?;
        drop_proposals(&self.journal, &mut unit, &connection.id).await?;
        let status = if unrevoked.is_some() { AuditStatus::Noted } else { AuditStatus::Ok };
        let entry = AuditEntry::by_system(Action::Disconnect, status).with("connection", &connection.id);
        unit.audit(match unrevoked {
            Some(reason) => entry.with("unrevoked", reason),
            None => entry.with("revoked", true),
        });
        if self.journal.commit(&unit).await? == Commit::Conflict {
            // Somebody else finished it, or a handshake came in.
            return Ok(Some(Duration::ZERO));
        }
        self.drop_key(firm, &connection).await
    }

    /// Their secrets are sealed with the data key that goes.
    async fn retire_hooks(&self, firm: &FirmId, unit: &mut Unit, connection: &Connection) -> Result<()> {
        for (digest, Stored { value: mut hook, version, .. }) in self.journal.list::<Hook>(firm, HOOKS, "").await? {
            if hook.connection == connection.id && hook.state != HookState::Retired {
                hook.retire();
                let key = crate::ports::Key::new(firm, HOOKS, digest);
                unit.put_due(key, Expect::Version(version), Some(LOOK_AGAIN), &hook)?;
            }
        }
        Ok(())
    }

    /// Drops the data key, once nothing that is still needed is sealed with it.
    async fn drop_key(&self, firm: &FirmId, connection: &Connection) -> Result<Option<Duration>> {
        if holds_intents_of(&self.journal, firm, &connection.id).await? {
            return Ok(Some(LOOK_AGAIN));
        }
        let mut unit = self.journal.unit(firm)?;
        self.keyring.drop_connection(&mut unit, &connection.id).await?;
        self.journal.commit(&unit).await?;
        Ok(None)
    }

    /// Leaves a replaced connection's tokens to the sweep, unless it was disconnected: then they are gone.
    pub(super) fn retire(unit: &mut Unit, earlier: &Connection) -> Result<()> {
        if earlier.state == ConnectionState::Disconnected {
            return Ok(());
        }
        Draft::retire(unit, &earlier.id)
    }
}

/// Whether Clio answered no, and will go on to.
fn is_refusal(error: &Error) -> bool {
    matches!(
        error.code(),
        Code::OauthRefused
            | Code::TokenRejected
            | Code::UserRoleForbids
            | Code::AppPermissionMissing
            | Code::PlanWithoutApi
    ) || (error.retry() == Retry::Never && error.code().number() / 1000 == 4)
}
