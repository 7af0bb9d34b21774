//! Everything about connections behind one object.

use std::sync::Arc;

use url::Url;

use super::connect::{Connect, ConnectStart};
use crate::clio::ClioApi;
use crate::connection::oauth::{ClioApp, OAuth};
use crate::connection::tokens::TokenVault;
use crate::connection::{Connection, Session};
use crate::crypto::Keyring;
use crate::detached::detached;
use crate::domain::{Actor, ConnectionId, FirmId};
use crate::error::Result;
use crate::ports::{HttpTransport, TokenStore};
use crate::store::Repository;

/// Connects firms, tells how they are connected, and hands out sessions.
#[derive(Clone, Debug)]
pub struct Auth {
    connect: Connect,
    session: Session,
}

impl Auth {
    /// With one developer application, in the region of `clio`. `webhook_url` goes into each
    /// connection, for processes that were not told it.
    #[must_use]
    pub fn new(
        app: ClioApp,
        clio: ClioApi,
        http: Arc<dyn HttpTransport>,
        repository: Repository,
        tokens: Arc<dyn TokenStore>,
        keyring: Keyring,
        webhook_url: Option<Url>,
    ) -> Self {
        let vault = TokenVault::new(repository.clone(), keyring.clone(), tokens);
        let oauth = OAuth::new(app, clio.host().clone(), http, repository.runtime().clone());
        let session = Session::new(repository.clone(), vault.clone(), oauth.clone());
        let connect = Connect { repository, keyring, vault, oauth, clio, reported: Arc::default(), webhook_url };
        Self { connect, session }
    }

    /// Begins to connect the actor's firm: returns Clio's consent page. `redirect_uri` is where
    /// Clio sends the browser back, and must be registered with the application: https, or http
    /// to a loopback address.
    ///
    /// # Errors
    /// [`NotAllowed`](crate::Code::NotAllowed) (audited) unless the actor is an admin;
    /// [`UrlRefused`](crate::Code::UrlRefused), [`KeyFailed`](crate::Code::KeyFailed),
    /// [`StoreFailed`](crate::Code::StoreFailed).
    pub async fn begin(&self, actor: &Actor, redirect_uri: &str) -> Result<ConnectStart> {
        self.connect.begin(actor, redirect_uri, false).await
    }

    /// As [`begin`](Self::begin), for another Clio account or region than the firm was connected
    /// to, after it was disconnected. What is synced from then on is linked apart; the earlier
    /// links are kept, and count again when the firm is connected to the earlier account. It may
    /// turn out to be the same account: then nothing is different.
    ///
    /// # Errors
    /// As [`begin`](Self::begin), and [`DisconnectFirst`](crate::Code::DisconnectFirst).
    pub async fn begin_separate(&self, actor: &Actor, redirect_uri: &str) -> Result<ConnectStart> {
        self.connect.begin(actor, redirect_uri, true).await
    }

    /// Finishes with the query of Clio's redirect. `actor` is the authenticated user of the browser
    /// that brought it, never taken from the query. Called again with the same state within ten
    /// minutes, it gives the same connection; dropped, it goes on.
    ///
    /// Every outcome is audited. No error of this call is to be retried: the attempt is over, a
    /// person begins again.
    ///
    /// # Errors
    /// [`NotAllowed`](crate::Code::NotAllowed) unless the actor is an admin;
    /// [`ConnectStateUnknown`](crate::Code::ConnectStateUnknown): never begun, used more than ten
    /// minutes ago, another actor's, or an unclear query;
    /// [`ConnectStateExpired`](crate::Code::ConnectStateExpired);
    /// [`ConnectDeclined`](crate::Code::ConnectDeclined);
    /// [`OauthRefused`](crate::Code::OauthRefused),
    /// [`OauthAnswerInvalid`](crate::Code::OauthAnswerInvalid);
    /// [`PlanWithoutApi`](crate::Code::PlanWithoutApi);
    /// [`AccountMismatch`](crate::Code::AccountMismatch);
    /// [`AppPermissionMissing`](crate::Code::AppPermissionMissing): the account cannot be compared
    /// with the earlier one; [`ConnectConflict`](crate::Code::ConnectConflict); the errors of
    /// the network, of keys and of the store.
    pub async fn finish(&self, actor: &Actor, callback_query: &str) -> Result<Connection> {
        self.connect.finish(actor, callback_query).await
    }

    /// How the firm is connected, without secrets; `None` if it never was.
    ///
    /// # Errors
    /// [`StoreFailed`](crate::Code::StoreFailed), [`StoreCorrupt`](crate::Code::StoreCorrupt).
    pub async fn connection(&self, firm: &FirmId) -> Result<Option<Connection>> {
        Ok(Connection::load(&self.connect.repository, firm).await?.map(|stored| stored.value))
    }

    /// Ends the firm's connection: gives back what Clio granted, as far as Clio can be reached, and
    /// goes on later otherwise
    /// ([`Disconnected`](crate::connection::ConnectionState::Disconnected) or
    /// [`Revoking`](crate::connection::ConnectionState::Revoking)). Nothing in Clio is deleted but
    /// our webhook subscriptions; links, logs and settings stay. `shown`: the connection that the
    /// actor means; another one is not ended.
    ///
    /// # Errors
    /// [`NotAllowed`](crate::Code::NotAllowed) unless the actor is an admin;
    /// [`NotConnected`](crate::Code::NotConnected);
    /// [`ConnectionChanged`](crate::Code::ConnectionChanged): the firm has another connection than
    /// the one that was shown; [`StoreFailed`](crate::Code::StoreFailed).
    pub async fn disconnect(&self, actor: &Actor, shown: Option<ConnectionId>) -> Result<Connection> {
        let (connect, actor) = (self.connect.clone(), actor.clone());
        let work = async move { connect.disconnect(&actor, shown.as_ref()).await };
        detached(self.connect.repository.runtime(), work).await
    }

    /// Clio's deauthorization callback came in, or seems to have. Gives whether the firm is
    /// disconnected now: Clio itself is asked.
    ///
    /// # Errors
    /// [`NotConnected`](crate::Code::NotConnected), or what kept Clio from answering.
    pub async fn deauthorization_reported(&self, firm: &FirmId) -> Result<bool> {
        self.connect.deauthorization_reported(&self.session, firm).await
    }

    /// Asks Clio about a deauthorization that was reported while it must not be asked. Gives when
    /// to come back.
    pub(crate) async fn ask_what_was_reported(&self, firm: &FirmId) -> Result<Option<core::time::Duration>> {
        self.connect.ask_what_was_reported(&self.session, firm).await
    }

    /// When the access token ends, on the host's clock.
    pub(crate) async fn token_ends(&self, firm: &FirmId) -> Result<Option<crate::domain::Timestamp>> {
        let Some(connection) = self.connection(firm).await? else { return Ok(None) };
        Ok(self.connect.open_tokens(firm, &connection).await?.and_then(|tokens| tokens.expires_at))
    }

    /// Drops data keys of earlier connections that seal nothing any more.
    pub(crate) async fn drop_unneeded_keys(&self, firm: &FirmId) -> Result<bool> {
        self.connect.drop_unneeded_keys(firm).await
    }

    pub(crate) async fn revoke(&self, firm: &FirmId) -> Result<Option<core::time::Duration>> {
        let (connect, firm) = (self.connect.clone(), firm.clone());
        detached(self.connect.repository.runtime(), async move { connect.revoke(&firm).await }).await
    }

    /// Gives back what Clio granted and nobody uses, and takes off a mark that newer tokens
    /// disprove. Gives when to come back.
    pub(crate) async fn look_after_grants(&self, firm: &FirmId) -> Result<Option<core::time::Duration>> {
        self.session.unmark(firm).await?;
        let (connect, firm) = (self.connect.clone(), firm.clone());
        detached(self.connect.repository.runtime(), async move { connect.sweep(&firm).await }).await
    }

    /// Access tokens for calls to Clio.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.session
    }
}
