//! Giving back what Clio granted, token by token.
//!
//! **Problem.** Clio does not say what becomes of a refresh token when its access token is
//! deauthorized, others may add to the tokens meanwhile, and whatever Clio grants on the
//! way must not be lost: its first use may end the tokens before it.
//!
//! **Model.** An access token is deauthorized; then its refresh token is tried, and whatever that
//! still grants is stored in place of what it came from before it is given back as well. A crash,
//! or a Clio that is away, leaves tokens that work. At the end the envelope is read again: what
//! came to be there meanwhile follows.

use core::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::connect::Connect;
use crate::clio::AccessToken;
use crate::connection::lease::Lease;
use crate::connection::tokens::Tokens;
use crate::connection::{Connection, ConnectionState};
use crate::domain::{ConnectionId, FirmId};
use crate::error::{Code, Detail, Error, Result, Retry};
use crate::ports::Version;

const MOST_ATTEMPTS: usize = 8;
/// A refresh that is on its way is soon through.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// What was given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Revoked {
    /// Everything.
    All,
    /// Clio may still honour a token or a subscription.
    Not(&'static str),
    /// Not to be gone on with: a reconnect cancelled it.
    Stopped,
    /// A subscription that was asked for may come to be yet; after this it is there or never will
    /// be.
    Wait(Duration),
}

/// Whose grant is given back, and so what may stop that.
#[derive(Clone, Copy, Debug)]
pub(crate) enum GrantOf<'a> {
    /// A connection that an admin ended, and those that it replaced.
    Connection(&'a Connection),
    /// A connection that was replaced, and those that it replaced itself.
    Replaced(&'a ConnectionId),
    /// An attempt of which nothing came.
    Draft(&'a ConnectionId),
    /// An attempt that was refused for what its grant is: another account's, or nothing's.
    Refused,
}

/// The tokens of an envelope, as they are stored.
#[derive(Debug)]
pub(crate) struct Held {
    pub id: ConnectionId,
    pub tokens: Tokens,
    pub version: Version,
}

impl Held {
    /// Its own grant first, then those that it replaced.
    fn access(&self, place: usize) -> Option<&AccessToken> {
        match place {
            0 => Some(&self.tokens.access),
            _ => self.tokens.replaced.get(place - 1).map(|grant| &grant.access),
        }
    }

    fn refresh(&self, place: usize) -> SecretString {
        match place {
            0 => self.tokens.refresh.clone(),
            _ => self.tokens.replaced.get(place - 1).map(|grant| grant.refresh.clone()).unwrap_or_default(),
        }
    }
}

impl Connect {
    /// The tokens that are stored under this id.
    pub(crate) async fn hold(&self, firm: &FirmId, id: &ConnectionId) -> Result<Option<Held>> {
        let Some(sealed) = self.vault.load(firm, id).await? else { return Ok(None) };
        let tokens = self.vault.open(firm, id, &sealed).await?;
        Ok(Some(Held { id: id.clone(), tokens, version: sealed.version }))
    }

    /// Gives back the grants of an envelope, those that come into it meanwhile as well.
    pub(crate) async fn end_grants(&self, firm: &FirmId, of: GrantOf<'_>, held: &mut Held) -> Result<Revoked> {
        let (mut ended, mut left) = (Vec::<AccessToken>::new(), None);
        for _ in 0..MOST_ATTEMPTS {
            let mut place = 0;
            while let Some(access) = held.access(place) {
                if !ended.contains(access) {
                    match self.end_grant(firm, of, held, place).await? {
                        Revoked::All => {}
                        Revoked::Not(reason) => left = left.or(Some(reason)),
                        other => return Ok(other),
                    }
                    ended.extend(held.access(place).cloned());
                }
                place += 1;
                // An attempt only names those that it would have replaced: they are another's.
                if matches!(of, GrantOf::Draft(_) | GrantOf::Refused) {
                    break;
                }
            }
            match self.hold(firm, &held.id).await? {
                Some(now) if now.version != held.version => *held = now,
                _ => return Ok(left.map_or(Revoked::All, Revoked::Not)),
            }
        }
        Err(contended())
    }

    /// Deauthorizes a grant by its access token, or, if that has ended, by one that its refresh
    /// token still gets.
    async fn end_grant(&self, firm: &FirmId, of: GrantOf<'_>, held: &mut Held, place: usize) -> Result<Revoked> {
        if !self.may_go_on(firm, of).await? {
            return Ok(Revoked::Stopped);
        }
        let mut ended = self.deauthorize(held, place).await?;
        loop {
            // Clio granted an access token alone.
            if held.refresh(place).expose_secret().is_empty() {
                return Ok(Revoked::All);
            }
            if !self.may_go_on(firm, of).await? {
                return Ok(Revoked::Stopped);
            }
            match self.renew(firm, held, place).await {
                Err(error) if error.is(Detail::InvalidGrant) => return Ok(Revoked::All),
                Err(error) if is_refusal(&error) => return Ok(Revoked::Not("refresh_token")),
                Err(error) => return Err(error),
                Ok(()) => {
                    // The refresh token outlived its access token: what it granted is given back.
                    let again = self.deauthorize(held, place).await?;
                    if ended || !again {
                        return Ok(Revoked::Not("refresh_token"));
                    }
                    ended = again;
                }
            }
        }
    }

    /// `false`: Clio refused, because it had ended before.
    async fn deauthorize(&self, held: &Held, place: usize) -> Result<bool> {
        let Some(access) = held.access(place) else { return Ok(false) };
        match self.oauth.deauthorize(access).await {
            Ok(()) => Ok(true),
            Err(error) if is_refusal(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The right to change these tokens.
    pub(crate) async fn lease(&self, firm: &FirmId, id: &ConnectionId) -> Result<Lease> {
        let runtime = self.repository.runtime();
        let until = runtime.monotonic() + LONGEST_WAIT;
        loop {
            match Lease::take(&self.repository, firm, id).await? {
                Some(lease) => return Ok(lease),
                None if runtime.monotonic() >= until => return Err(contended()),
                None => runtime.sleep(LOOK_AGAIN).await,
            }
        }
    }

    /// Refreshes one grant, and stores what that brings.
    ///
    /// # Errors
    /// What Clio answered; [`Code::StoreConflict`] if others are at these tokens.
    pub(crate) async fn renew(&self, firm: &FirmId, held: &mut Held, place: usize) -> Result<()> {
        let lease = self.lease(firm, &held.id).await?;
        let renewed = self.renew_under(&lease, firm, held, place).await;
        lease.release(&self.repository).await;
        renewed
    }

    async fn renew_under(&self, lease: &Lease, firm: &FirmId, held: &mut Held, place: usize) -> Result<()> {
        // The lease may have been somebody else's a moment ago.
        let now = self.vault.load(firm, &held.id).await?;
        if now.is_none_or(|now| now.version != held.version) {
            return Err(contended());
        }
        let before = held.refresh(place);
        let granted = self.oauth.refresh(&before, Some(lease.not_after)).await?;
        let refresh = granted.refresh.unwrap_or(before);
        match held.tokens.replaced.get_mut(place.wrapping_sub(1)) {
            Some(replaced) => (replaced.access, replaced.refresh) = (granted.access, refresh),
            None => {
                (held.tokens.access, held.tokens.refresh) = (granted.access, refresh);
                (held.tokens.refresh_at, held.tokens.expires_at) = (granted.refresh_at, granted.expires_at);
            }
        }
        let stored = self.vault.swap(firm, &held.id, Some(&held.version), &held.tokens).await?;
        held.version = stored.ok_or_else(contended)?;
        Ok(())
    }

    /// Whether the grant is still to be given back: somebody may have connected meanwhile.
    async fn may_go_on(&self, firm: &FirmId, of: GrantOf<'_>) -> Result<bool> {
        match of {
            GrantOf::Connection(connection) => self.goes_on(firm, connection).await,
            GrantOf::Draft(id) | GrantOf::Replaced(id) => self.may_end(firm, id).await,
            GrantOf::Refused => Ok(true),
        }
    }

    /// Whether this connection is still to be revoked: a reconnect may have cancelled that.
    pub(crate) async fn goes_on(&self, firm: &FirmId, connection: &Connection) -> Result<bool> {
        let now = Connection::load(&self.repository, firm).await?;
        Ok(now.is_some_and(|now| now.value.id == connection.id && now.value.state == ConnectionState::Revoking))
    }
}

/// Somebody else changes the tokens: tried again later.
pub(crate) fn contended() -> Error {
    Error::new(Code::StoreConflict).with("reason", "tokens_contended")
}

/// Whether Clio answered no, and will go on to.
pub(crate) fn is_refusal(error: &Error) -> bool {
    matches!(
        error.code(),
        Code::OauthRefused
            | Code::TokenRejected
            | Code::UserRoleForbids
            | Code::AppPermissionMissing
            | Code::PlanWithoutApi
    ) || (error.retry() == Retry::Never && error.code().number() / 1000 == 4)
}
