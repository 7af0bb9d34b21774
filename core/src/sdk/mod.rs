//! The SDK as a host sees it: one object over the six ports.

mod bulk;
mod card_words;
mod connection;
mod health;
mod logs;
mod matters;
mod settings;
#[cfg(test)]
mod tests;

pub use health::{Advice, BudgetHealth, ConnectionHealth, FailureHealth, Health, WebhookHealth};
pub use settings::MappingPage;

use core::time::Duration;
use std::sync::Arc;

use crate::clio::{ClioApi, ClioHost, USER_AGENT};
use crate::connection::{ClioApp, Connection, StoreTokens};
use crate::crypto::Keyring;
use crate::domain::{Actor, SyncConfig};
use crate::error::{Code, Error, Result};
use crate::jobs::Claims;
use crate::lifecycle::{Auth, ConnectStart};
use crate::ports::{HttpTransport, IntakeSource, KeyProvider, Runtime, Store, TokenStore};
use crate::stop::Stop;
use crate::store::Journal;
use crate::sync::Engine;
use url::Url;

/// The CaseHug to Clio sync. Cheap to share behind an [`Arc`]; every method may be called concurrently, for any firm.
#[derive(Debug)]
pub struct Sdk {
    journal: Journal,
    auth: Auth,
    engine: Engine,
}

/// Collects what the SDK needs and checks it once.
#[derive(Debug)]
pub struct SdkBuilder {
    app: ClioApp,
    host: ClioHost,
    transport: Option<Arc<dyn HttpTransport>>,
    store: Option<Arc<dyn Store>>,
    keys: Option<Arc<dyn KeyProvider>>,
    intake: Option<Arc<dyn IntakeSource>>,
    runtime: Option<Arc<dyn Runtime>>,
    tokens: Option<Arc<dyn TokenStore>>,
    config: SyncConfig,
    webhook_url: Option<Url>,
}

impl SdkBuilder {
    /// The HTTP transport.
    #[must_use]
    pub fn transport(mut self, transport: Arc<dyn HttpTransport>) -> Self {
        self.transport = Some(transport);
        self
    }

    /// Persistence.
    #[must_use]
    pub fn store(mut self, store: Arc<dyn Store>) -> Self {
        self.store = Some(store);
        self
    }

    /// The keys that wrap the data keys.
    #[must_use]
    pub fn keys(mut self, keys: Arc<dyn KeyProvider>) -> Self {
        self.keys = Some(keys);
        self
    }

    /// The firm's intakes.
    #[must_use]
    pub fn intake(mut self, intake: Arc<dyn IntakeSource>) -> Self {
        self.intake = Some(intake);
        self
    }

    /// Clocks, sleep and randomness.
    #[must_use]
    pub fn runtime(mut self, runtime: Arc<dyn Runtime>) -> Self {
        self.runtime = Some(runtime);
        self
    }

    /// Where sealed tokens are kept, if not in the store: a vault, for example.
    #[must_use]
    pub fn tokens(mut self, tokens: Arc<dyn TokenStore>) -> Self {
        self.tokens = Some(tokens);
        self
    }

    /// Where Clio is to deliver webhooks: a public https URL (or http to loopback, for tests) below which every path with one more segment reaches
    /// [`Sdk::handle_webhook`]. Without it the status of matters is polled.
    #[must_use]
    pub fn webhook_url(mut self, url: Url) -> Self {
        self.webhook_url = Some(url);
        self
    }

    /// See [`SyncConfig::settle`].
    #[must_use]
    pub fn settle(mut self, settle: Duration) -> Self {
        self.config.settle = settle;
        self
    }

    /// See [`SyncConfig::index_delay`].
    #[must_use]
    pub fn index_delay(mut self, delay: Duration) -> Self {
        self.config.index_delay = delay;
        self
    }

    /// See [`SyncConfig::request_timeout`].
    #[must_use]
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.config.request_timeout = timeout;
        self
    }

    /// See [`SyncConfig::send_window`].
    #[must_use]
    pub fn send_window(mut self, window: Duration) -> Self {
        self.config.send_window = window;
        self
    }

    /// See [`SyncConfig::lease`].
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.config.lease = lease;
        self
    }

    /// Checks that every port is there. Makes no call.
    ///
    /// # Errors
    /// [`Code::SettingInvalid`] naming the missing port or the time that is zero; [`Code::UrlRefused`] for a webhook URL that is neither https nor loopback, or that has more
    /// than a path.
    pub fn build(self) -> Result<Sdk> {
        let missing = |port| move || Error::new(Code::SettingInvalid).with("missing", port);
        let transport = self.transport.ok_or_else(missing("transport"))?;
        let store = self.store.ok_or_else(missing("store"))?;
        let keys = self.keys.ok_or_else(missing("keys"))?;
        let intake = self.intake.ok_or_else(missing("intake"))?;
        let runtime = self.runtime.ok_or_else(missing("runtime"))?;
        if [self.config.request_timeout, self.config.send_window, self.config.lease].iter().any(Duration::is_zero) {
            return Err(Error::new(Code::SettingInvalid).with("zero", "request_timeout, send_window or lease"));
        }
        if let Some(url) = &self.webhook_url {
            crate::lifecycle::check_public_url(url, "webhook_url")?;
            // Each subscription adds a segment to its path.
            if url.query().is_some() {
                return Err(Error::new(Code::UrlRefused).with("field", "webhook_url").with("reason", "query"));
            }
        }
        let tokens = self.tokens.unwrap_or_else(|| Arc::new(StoreTokens::new(Arc::clone(&store))));
        let journal = Journal::new(store, Arc::clone(&runtime));
        let keyring = Keyring::new(journal.clone(), keys);
        let clio = ClioApi::new(Arc::clone(&transport), Arc::clone(&runtime), self.host, USER_AGENT)?;
        let auth = Auth::new(self.app, clio.clone(), transport, journal.clone(), tokens, keyring.clone());
        let engine = Engine {
            journal: journal.clone(),
            runtime,
            intake,
            clio,
            session: auth.session().clone(),
            keyring,
            config: self.config,
            claims: Arc::new(Claims::new(journal.clone(), self.config.lease)?),
            progress: Arc::default(),
            auth: auth.clone(),
            webhook_url: self.webhook_url,
            firms: Arc::default(),
            stop: Stop::default(),
        };
        Ok(Sdk { journal, auth, engine })
    }
}

impl Sdk {
    /// Starts to build an SDK for one Clio app on one Clio host. Firms of other regions have SDKs of their own (Clio: each region has its own applications), which may share the
    /// store: each works for the firms that are connected to its Clio.
    #[must_use]
    pub fn builder(app: ClioApp, host: ClioHost) -> SdkBuilder {
        SdkBuilder {
            app,
            host,
            transport: None,
            store: None,
            keys: None,
            intake: None,
            runtime: None,
            tokens: None,
            config: SyncConfig::default(),
            webhook_url: None,
        }
    }

    /// Tells everything that this SDK does to end: what waits ends at once, with [`Code::Stopped`]; what works ends after the step in progress, and gives its matter back, which is
    /// due at once for other processes. [Workers](Self::worker) end. There is no way back: build another one.
    pub fn stop(&self) {
        self.engine.stop.tell();
    }

    /// Begins to connect the actor's firm: send the person's browser to the URL.
    ///
    /// # Errors
    /// [`Code::NotAllowed`] unless the actor is an admin, [`Code::UrlRefused`] for a redirect URI that is neither https nor loopback.
    pub async fn begin_connect(&self, actor: &Actor, redirect_uri: &str) -> Result<ConnectStart> {
        self.auth.begin(actor, redirect_uri).await
    }

    /// As [`begin_connect`](Self::begin_connect), after a [disconnect](Self::disconnect), for another Clio account than before: what is synced from then on is linked apart, the
    /// earlier links wait for the earlier account.
    ///
    /// # Errors
    /// As [`begin_connect`](Self::begin_connect), and [`Code::DisconnectFirst`].
    pub async fn begin_separate_connect(&self, actor: &Actor, redirect_uri: &str) -> Result<ConnectStart> {
        self.auth.begin_separate(actor, redirect_uri).await
    }

    /// Ends connecting with the query string that Clio sent the browser back with.
    ///
    /// # Errors
    /// The 2xxx codes, [`Code::PlanWithoutApi`], or what went wrong on the way to Clio.
    pub async fn finish_connect(&self, actor: &Actor, callback_query: &str) -> Result<Connection> {
        self.auth.finish(actor, callback_query).await
    }

    /// The connection of the actor's firm, without secrets; `None` if it was never connected.
    ///
    /// # Errors
    /// [`Code::StoreFailed`].
    pub async fn connection(&self, actor: &Actor) -> Result<Option<Connection>> {
        self.auth.connection(&actor.firm).await
    }
}
