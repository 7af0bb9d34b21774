//! The SDK as a host holds it, and how it is built.

use core::future::Future;
use core::time::Duration;
use std::sync::Arc;

use url::Url;

use super::table::{Effect, Gate};
use crate::calls::Context;
use crate::clio::{ClioApi, ClioHost, USER_AGENT};
use crate::connection::{ClioApp, StoreTokens};
use crate::crypto::Keyring;
use crate::detached::detached;
use crate::domain::{Actor, MatterId, SyncConfig, SyncReport};
use crate::error::{Code, Error, Result};
use crate::inbound::{Caches, WebhookReply, receive};
use crate::jobs;
use crate::jobs::{Queue, Worker, WorkerConfig};
use crate::lifecycle::{Auth, check_public_url};
use crate::maybe_send::MaybeSend;
use crate::ports::{Headers, HttpTransport, IntakeSource, KeyProvider, Runtime, Store, TokenStore};
use crate::stop::Stop;
use crate::store::Repository;
use crate::sync::Progress;

/// The CaseHug to Clio sync. Cheap to share behind an [`Arc`]; every method may be called
/// concurrently, for any firm.
#[derive(Debug)]
pub struct Sdk {
    pub(super) repository: Repository,
    pub(super) auth: Auth,
    pub(super) queue: Queue,
    webhooks: Arc<Caches>,
    /// Made by [`Sdk::part`].
    pub(super) is_part: bool,
}

/// What the SDK needs of its host. All of it is required.
#[derive(Clone, Debug)]
pub struct Ports {
    /// Sends requests.
    pub transport: Arc<dyn HttpTransport>,
    /// Keeps records.
    pub store: Arc<dyn Store>,
    /// Wraps the data keys.
    pub keys: Arc<dyn KeyProvider>,
    /// Gives the firm's intakes and their documents.
    pub intake: Arc<dyn IntakeSource>,
    /// Clocks, sleep and randomness.
    pub runtime: Arc<dyn Runtime>,
}

/// Collects what is optional, and checks it once.
#[derive(Debug)]
pub struct SdkBuilder {
    app: ClioApp,
    host: ClioHost,
    ports: Ports,
    tokens: Option<Arc<dyn TokenStore>>,
    config: SyncConfig,
    webhook_url: Option<Url>,
}

impl SdkBuilder {
    /// Where sealed tokens are kept, if not in the store: a vault, for example.
    #[must_use]
    pub fn tokens(mut self, tokens: Arc<dyn TokenStore>) -> Self {
        self.tokens = Some(tokens);
        self
    }

    /// Where Clio is to deliver webhooks: a public https URL (or http to loopback, for tests) below
    /// which every path with one more segment reaches [`Sdk::handle_webhook`]. Without it the
    /// status of matters is polled.
    #[must_use]
    pub fn webhook_url(mut self, url: Url) -> Self {
        self.webhook_url = Some(url);
        self
    }

    /// How long after we gave up on a request Clio may still execute it. A creation in doubt is not
    /// repeated before. Default 2 minutes. None at all would let it be repeated while the first one
    /// may still come.
    #[must_use]
    pub fn late_execution_window(mut self, window: Duration) -> Self {
        self.config.late_execution_window = window;
        self
    }

    /// How long Clio's lists and search may not show yet what Clio has created. What they do not
    /// show counts as not created only when so much time has passed since it may have been.
    /// Default 60 s.
    #[must_use]
    pub fn index_delay(mut self, delay: Duration) -> Self {
        self.config.index_delay = delay;
        self
    }

    /// For one call to Clio's API. Default 30 s.
    #[must_use]
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.config.request_timeout = timeout;
        self
    }

    /// How long after its intent was committed a creating request may begin to be sent. Default 5
    /// s.
    #[must_use]
    pub fn send_window(mut self, window: Duration) -> Self {
        self.config.send_window = window;
        self
    }

    /// How long a run may be silent before another worker takes its matter over. No request begins
    /// after it. Default 30 s.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.config.lease = lease;
        self
    }

    /// Builds the SDK. Makes no call.
    ///
    /// # Errors
    /// [`Code::SettingInvalid`] naming the time that is zero; [`Code::UrlRefused`] for a webhook
    /// URL that is neither https nor loopback, or that has more than a path.
    pub fn build(self) -> Result<Sdk> {
        let times = [
            ("late_execution_window", self.config.late_execution_window),
            ("index_delay", self.config.index_delay),
            ("request_timeout", self.config.request_timeout),
            ("send_window", self.config.send_window),
            ("lease", self.config.lease),
        ];
        if let Some((name, _)) = times.iter().find(|(_, time)| time.is_zero()) {
            return Err(Error::new(Code::SettingInvalid).with("argument", name).with("reason", "zero"));
        }
        if let Some(url) = &self.webhook_url {
            check_public_url(url, "webhook_url")?;
            // Each subscription adds a segment to its path.
            if url.query().is_some() {
                return Err(Error::new(Code::UrlRefused).with("field", "webhook_url").with("reason", "query"));
            }
        }
        let Ports { transport, store, keys, intake, runtime } = self.ports;
        let tokens = self.tokens.unwrap_or_else(|| Arc::new(StoreTokens::new(Arc::clone(&store))));
        let repository = Repository::new(store, Arc::clone(&runtime));
        let keyring = Keyring::new(repository.clone(), keys);
        let clio = ClioApi::new(Arc::clone(&transport), Arc::clone(&runtime), self.host, USER_AGENT)?;
        let (hooks, ring) = (self.webhook_url.clone(), keyring.clone());
        let auth = Auth::new(self.app, clio.clone(), transport, repository.clone(), tokens, ring, hooks);
        let ctx = Context {
            repository: repository.clone(),
            runtime,
            intake,
            clio,
            session: auth.session().clone(),
            keyring,
            config: self.config,
            workers: Arc::default(),
            progress: Arc::default(),
            webhook_url: self.webhook_url,
            firms: Arc::default(),
            stop: Stop::default(),
        };
        let queue = Queue::new(ctx, auth.clone())?;
        Ok(Sdk { repository, auth, queue, webhooks: Arc::default(), is_part: false })
    }
}

impl Sdk {
    /// Starts to build an SDK for one Clio app on one Clio host. Firms of other regions have SDKs
    /// of their own (Clio: each region has its own applications), which may share the store:
    /// each works for the firms that are connected to its Clio.
    #[must_use]
    pub fn builder(app: ClioApp, host: ClioHost, ports: Ports) -> SdkBuilder {
        SdkBuilder { app, host, ports, tokens: None, config: SyncConfig::default(), webhook_url: None }
    }

    /// Tells everything that this SDK does to end: what waits ends at once, with [`Code::Stopped`];
    /// what works ends after the step in progress, and gives its matter back, which is due at
    /// once for other processes. [Workers](Self::worker) end. There is no way back: build
    /// another one.
    pub fn stop(&self) {
        self.queue.ctx.stop.tell();
    }

    /// The same SDK once more, whose calls can be cancelled alone: after [`stop`](Self::stop) on a
    /// part its calls end at their next safe point with [`Code::Cancelled`], leave no lease, and
    /// what they had begun is due at once for workers; further calls on it are refused the same
    /// way. What waits ends at once; a request to Clio in progress is waited for, since dropping it
    /// would leave a doubt. `next_events` gives what it has, if that is anything. Dropping a part
    /// ends nothing.
    #[must_use]
    pub fn part(&self) -> Self {
        Self {
            repository: self.repository.clone(),
            auth: self.auth.clone(),
            queue: self.queue.below(),
            webhooks: Arc::clone(&self.webhooks),
            is_part: true,
        }
    }

    /// Does what has more than one step and must not end between two of them because whoever asked
    /// leaves.
    pub(super) async fn to_the_end<T: 'static>(
        &self,
        work: impl Future<Output = Result<T>> + MaybeSend + 'static,
    ) -> Result<T> {
        detached(self.repository.runtime(), work).await
    }

    /// Runs an operation, unless it is cancelled.
    pub(super) async fn unless_cancelled<T>(
        &self,
        operation: Gate,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let is_cancelled = || self.is_part && self.queue.ctx.stop.is_told_alone();
        if is_cancelled() {
            return Err(Code::Cancelled.into());
        }
        let result = if self.is_part && operation.effect == Effect::Reads {
            // It may end anywhere, and asks nothing that would tell it to.
            self.queue.ctx.stop.unless_stopped(work).await.and_then(|done| done)
        } else {
            work.await
        };
        match result {
            Err(error) if error.code() == Code::Stopped && is_cancelled() => Err(Code::Cancelled.into()),
            result => result,
        }
    }

    /// A worker for the due jobs of all firms. Run it for as long as the service lives; several
    /// share the work, here or in other processes.
    #[must_use]
    pub fn worker(&self, config: WorkerConfig) -> Worker<'_> {
        Worker::new(&self.queue, config)
    }

    /// [`sync`](super::MatterOperations::sync), telling `progress` of each step as it ends.
    ///
    /// # Errors
    /// As [`sync`](super::MatterOperations::sync).
    pub async fn sync_matter_with(
        &self,
        actor: &Actor,
        matter: &MatterId,
        progress: &dyn Progress,
    ) -> Result<SyncReport> {
        jobs::sync_now(&self.queue, actor, matter, Some(progress)).await
    }

    /// Takes in what Clio posted to the [webhook URL](SdkBuilder::webhook_url): the last segment of
    /// the path, all headers and the raw body, as they came. The reply is to be sent with its
    /// headers and without a body. Answers after one durable commit; a [worker](Self::worker)
    /// applies it.
    pub async fn handle_webhook(&self, token: &str, headers: &Headers, body: &[u8]) -> WebhookReply {
        receive::receive(&self.queue.ctx, &self.webhooks, token, headers, body).await
    }
}
