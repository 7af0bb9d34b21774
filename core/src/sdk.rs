//! The SDK as a host sees it: one object over the six ports.

use core::time::Duration;
use std::sync::{Arc, Mutex};

use crate::auth::{Actor, Auth, ClioApp, ConnectStart, Connection, Keyring, StoreTokens};
use crate::clio::{ClioApi, ClioHost, USER_AGENT};
use crate::error::{Code, Error, Result};
use crate::log::{
    Action, AuditEntry, AuditExport, AuditLog, AuditQuery, AuditRecord, AuditStatus, LogPage, LoggedRun, Outbox,
    OutboxEvent, ProgressFeed, RunQuery, SyncLog,
};
use crate::model::{FirmId, MatterId, Timestamp};
use crate::ports::{HttpTransport, IntakeSource, KeyProvider, Runtime, Store, TokenStore};
use crate::queue::{
    self, BackfillPlan, BackfillState, BackfillStatus, Claims, MatterState, Trigger, Worker, WorkerConfig,
};
use crate::records::Journal;
use crate::settings::{self, FirmSettings};
use crate::sync::{self, Decision, Engine, Plan, Progress, Review, StepKind, SyncConfig, SyncReport};

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

    /// See [`SyncConfig::settle`].
    #[must_use]
    pub fn settle(mut self, settle: Duration) -> Self {
        self.config.settle = settle;
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
    /// [`Code::SettingInvalid`] naming the missing port or the time that is zero.
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
            claims: Claims::new(journal.clone(), self.config.lease)?,
            progress: ProgressFeed::default(),
            firms: Mutex::default(),
        };
        Ok(Sdk { journal, auth, engine })
    }
}

impl Sdk {
    /// Starts to build an SDK for one Clio app on one Clio host.
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
        }
    }

    /// Begins to connect the actor's firm: send the person's browser to the URL.
    ///
    /// # Errors
    /// [`Code::NotAllowed`] unless the actor is an admin, [`Code::UrlRefused`] for a redirect URI that is neither https nor loopback.
    pub async fn begin_connect(&self, actor: &Actor, redirect_uri: &str) -> Result<ConnectStart> {
        self.auth.begin(actor, redirect_uri).await
    }

    /// Ends connecting with the query string that Clio sent the browser back with.
    ///
    /// # Errors
    /// The 2xxx codes, [`Code::PlanWithoutApi`], or what went wrong on the way to Clio.
    pub async fn finish_connect(&self, actor: &Actor, callback_query: &str) -> Result<Connection> {
        self.auth.finish(actor, callback_query).await
    }

    /// The firm's connection, without secrets; `None` if it was never connected.
    ///
    /// # Errors
    /// [`Code::StoreFailed`].
    pub async fn connection(&self, firm: &FirmId) -> Result<Option<Connection>> {
        self.auth.connection(firm).await
    }

    /// What a sync of this matter would do now, with its calls: a dry run. Makes no call to Clio and changes nothing.
    ///
    /// # Errors
    /// What the intake source reports, or [`Code::StoreFailed`].
    pub async fn plan_matter(&self, actor: &Actor, matter: &MatterId) -> Result<Plan> {
        self.engine.plan_matter(&actor.firm, matter).await
    }

    /// Syncs one matter, whatever its age. What failed inside is in the report; a rerun does only what is missing.
    ///
    /// # Errors
    /// What the intake source reports, or a failure of the store.
    pub async fn sync_matter(&self, actor: &Actor, matter: &MatterId) -> Result<SyncReport> {
        self.engine.sync_matter(actor, matter, None).await
    }

    /// [`sync_matter`](Self::sync_matter), telling `progress` of each step as it ends.
    ///
    /// # Errors
    /// As [`sync_matter`](Self::sync_matter).
    pub async fn sync_matter_with(
        &self,
        actor: &Actor,
        matter: &MatterId,
        progress: &dyn Progress,
    ) -> Result<SyncReport> {
        self.engine.sync_matter(actor, matter, Some(progress)).await
    }

    /// Says that there is a reason to sync a matter; a [worker](Self::worker) does it. Several triggers before its run are one, and a trigger during a run
    /// is followed by exactly one more. `false`: the firm's settings say that this kind of trigger syncs nothing.
    ///
    /// # Errors
    /// [`Code::StoreFailed`]: unknown whether it was taken; trigger again.
    pub async fn trigger(&self, actor: &Actor, matter: &MatterId, trigger: Trigger) -> Result<bool> {
        let settings = settings::load(&self.journal, &actor.firm).await?;
        let wanted = match trigger {
            Trigger::Approved => settings.sync_when_approved,
            Trigger::Created => settings.sync_when_created,
            Trigger::Manual | Trigger::Retry | Trigger::Backfill => true,
        };
        if wanted {
            self.engine.claims.trigger(&actor.firm, matter, trigger, &actor.id).await?;
        }
        Ok(wanted)
    }

    /// Runs of the firm's matters, newest first.
    ///
    /// # Errors
    /// [`Code::StoreFailed`].
    pub async fn sync_log(&self, actor: &Actor, query: &RunQuery) -> Result<LogPage<LoggedRun>> {
        SyncLog { journal: &self.journal }.query(&actor.firm, query).await
    }

    /// Has a worker try again what a run left out; it does only what is missing.
    ///
    /// # Errors
    /// [`Code::IdInvalid`] when the firm has no such run; [`Code::StoreFailed`].
    pub async fn retry(&self, actor: &Actor, run: &str) -> Result<()> {
        let log = SyncLog { journal: &self.journal };
        let run = log.run(&actor.firm, run).await?.ok_or_else(|| Error::new(Code::IdInvalid).with("type", "run"))?;
        self.engine.claims.trigger(&actor.firm, &run.matter, Trigger::Retry, &actor.id).await?;
        self.audit_retry(actor, "run", &run.run).await
    }

    /// Has workers try again every matter whose last run did not succeed. Gives how many those are.
    ///
    /// # Errors
    /// [`Code::StoreFailed`]: some may have been triggered; ask again.
    pub async fn retry_failed(&self, actor: &Actor) -> Result<usize> {
        let failed = queue::failed_matters(&self.journal, &actor.firm).await?;
        for matter in &failed {
            self.engine.claims.trigger(&actor.firm, matter, Trigger::Retry, &actor.id).await?;
        }
        self.audit_retry(actor, "matters", failed.len()).await?;
        Ok(failed.len())
    }

    /// What a backfill of these matters would do. Makes no call to Clio and changes nothing, but loads every intake.
    ///
    /// # Errors
    /// [`Code::StoreFailed`].
    pub async fn plan_backfill(&self, actor: &Actor, matters: &[MatterId]) -> Result<BackfillPlan> {
        self.engine.plan_backfill(&actor.firm, matters).await
    }

    /// Begins to sync these matters in bulk, behind all other work, in [workers](Self::worker). Gives the backfill's id.
    ///
    /// # Errors
    /// [`Code::NotAllowed`] unless the actor is an admin; [`Code::StoreFailed`].
    pub async fn backfill(&self, actor: &Actor, matters: &[MatterId]) -> Result<String> {
        self.auth.require_admin(actor, "backfill").await?;
        let id = queue::begin_backfill(&self.journal, actor, matters).await?;
        self.engine.claims.nudge.nudge();
        Ok(id)
    }

    /// The firm's backfills, oldest first.
    ///
    /// # Errors
    /// [`Code::StoreFailed`].
    pub async fn backfills(&self, actor: &Actor) -> Result<Vec<BackfillState>> {
        queue::list_backfills(&self.journal, &actor.firm).await
    }

    /// Starts nothing more of a backfill until it is resumed.
    ///
    /// # Errors
    /// [`Code::NotAllowed`] unless the actor is an admin; [`Code::IdInvalid`].
    pub async fn pause_backfill(&self, actor: &Actor, id: &str) -> Result<BackfillState> {
        self.change_backfill(actor, id, BackfillStatus::Paused).await
    }

    /// Goes on with a backfill.
    ///
    /// # Errors
    /// As [`pause_backfill`](Self::pause_backfill).
    pub async fn resume_backfill(&self, actor: &Actor, id: &str) -> Result<BackfillState> {
        self.change_backfill(actor, id, BackfillStatus::Running).await
    }

    /// Ends a backfill: nothing more of it is started. What is in Clio stays there.
    ///
    /// # Errors
    /// As [`pause_backfill`](Self::pause_backfill).
    pub async fn cancel_backfill(&self, actor: &Actor, id: &str) -> Result<BackfillState> {
        self.change_backfill(actor, id, BackfillStatus::Cancelled).await
    }

    async fn audit_retry(&self, actor: &Actor, what: &'static str, value: impl core::fmt::Display) -> Result<()> {
        let mut unit = self.journal.unit(&actor.firm)?;
        unit.audit(AuditEntry::by(&actor.id, Action::Retry, AuditStatus::Ok).with(what, value));
        self.journal.commit_or_conflict(&unit).await.map(|_| ())
    }

    async fn change_backfill(&self, actor: &Actor, id: &str, to: BackfillStatus) -> Result<BackfillState> {
        self.auth.require_admin(actor, "backfill").await?;
        let state = queue::change_backfill(&self.journal, actor, id, to).await?;
        self.engine.claims.nudge.nudge();
        Ok(state)
    }

    /// Where the sync of a matter stands.
    ///
    /// # Errors
    /// [`Code::StoreFailed`].
    pub async fn matter_state(&self, actor: &Actor, matter: &MatterId) -> Result<MatterState> {
        let host = self.engine.clio.host();
        queue::matter_state(&self.journal, &actor.firm, matter, |id| host.matter_url(id).to_string()).await
    }

    /// A worker for the due jobs of all firms. Run it for as long as the service lives; several share the work, here or in other processes.
    #[must_use]
    pub fn worker(&self, config: WorkerConfig) -> Worker<'_> {
        Worker::new(&self.engine, config)
    }

    /// The questions that only an admin can answer: is this record in Clio ours?
    ///
    /// # Errors
    /// [`Code::NotAllowed`] unless the actor is an admin.
    pub async fn reviews(&self, actor: &Actor) -> Result<Vec<Review>> {
        self.auth.require_admin(actor, "review").await?;
        self.engine.reviews(&actor.firm).await
    }

    /// Answers a [review](Self::reviews), named by its `step` and `id`. The matter is synced again by a [worker](Self::worker).
    ///
    /// # Errors
    /// [`Code::NotAllowed`] unless the actor is an admin; [`Code::IdInvalid`] when there is no such question, or it answered itself;
    /// [`Code::SettingInvalid`] when the chosen record belongs to another matter or document; [`Code::StoreConflict`]: ask again.
    pub async fn decide(&self, actor: &Actor, step: StepKind, id: &str, decision: Decision) -> Result<()> {
        self.auth.require_admin(actor, "review").await?;
        self.engine.decide(actor, step, id, decision).await
    }

    /// After the database lost records (a restore, a failover): whatever is missing may have been created in Clio since `since`, so Clio is asked before anything
    /// is created. `None` ends that; until then each new record costs one call more. Trigger the matters of that time again, too.
    ///
    /// # Errors
    /// [`Code::NotAllowed`] unless the actor is an admin; [`Code::StoreConflict`]: say it again.
    pub async fn recover_since(&self, actor: &Actor, since: Option<Timestamp>) -> Result<()> {
        self.auth.require_admin(actor, "recovery").await?;
        sync::recover(&self.journal, actor, &self.engine.config, since).await
    }

    /// The firm's settings.
    ///
    /// # Errors
    /// [`Code::NotAllowed`] unless the actor is an admin.
    pub async fn settings(&self, actor: &Actor) -> Result<FirmSettings> {
        self.auth.require_admin(actor, "settings").await?;
        settings::load(&self.journal, &actor.firm).await
    }

    /// Replaces the firm's settings.
    ///
    /// # Errors
    /// [`Code::NotAllowed`] unless the actor is an admin; [`Code::StoreConflict`] when another admin saved at the same moment.
    pub async fn save_settings(&self, actor: &Actor, settings: &FirmSettings) -> Result<()> {
        self.auth.require_admin(actor, "settings").await?;
        settings::save(&self.journal, actor, settings).await
    }

    /// Audit entries from position `from` (1 is the first), at most `limit`.
    ///
    /// # Errors
    /// [`Code::NotAllowed`] unless the actor is an admin.
    pub async fn audit_log(&self, actor: &Actor, from: u64, limit: usize) -> Result<Vec<AuditRecord>> {
        self.auth.require_admin(actor, "audit").await?;
        AuditLog::new(&self.journal).page(&actor.firm, from, limit).await
    }

    /// Audit entries that the query asks for, newest first.
    ///
    /// # Errors
    /// [`Code::NotAllowed`] unless the actor is an admin.
    pub async fn query_audit_log(&self, actor: &Actor, query: &AuditQuery) -> Result<LogPage<AuditRecord>> {
        self.auth.require_admin(actor, "audit").await?;
        AuditLog::new(&self.journal).query(&actor.firm, query).await
    }

    /// Up to `limit` (100 to 5,000) audit entries from position `from` (1 is the first) on, as lines of JSON, exactly as they are chained. Audited.
    ///
    /// # Errors
    /// [`Code::NotAllowed`] unless the actor is an admin.
    pub async fn export_audit_log(&self, actor: &Actor, from: u64, limit: usize) -> Result<AuditExport> {
        self.auth.require_admin(actor, "audit").await?;
        AuditLog::new(&self.journal).export(actor, from, limit).await
    }

    /// Removes the audit entries from before a time, the oldest first; what remains still verifies. The SDK never does this by itself. HIPAA asks for six years.
    ///
    /// # Errors
    /// [`Code::NotAllowed`] unless the actor is an admin.
    pub async fn prune_audit_log(&self, actor: &Actor, before: Timestamp) -> Result<u64> {
        self.auth.require_admin(actor, "audit").await?;
        AuditLog::new(&self.journal).prune(actor, before).await
    }

    /// Checks the whole audit chain of the actor's firm; gives the number of entries.
    ///
    /// # Errors
    /// [`Code::NotAllowed`] unless the actor is an admin; [`Code::StoreTampered`] with the first position that does not fit.
    pub async fn verify_audit_log(&self, actor: &Actor) -> Result<u64> {
        self.auth.require_admin(actor, "audit").await?;
        AuditLog::new(&self.journal).verify(&actor.firm).await
    }

    /// Leases up to `limit` outbox events, waiting up to `wait` for the first. An event that is not acknowledged within a minute is given again. Comes with up to
    /// `limit` of this process's progress, which has no id and needs no acknowledgement.
    ///
    /// # Errors
    /// [`Code::StoreFailed`].
    pub async fn next_events(&self, firm: Option<&FirmId>, limit: usize, wait: Duration) -> Result<Vec<OutboxEvent>> {
        const LEASE: Duration = Duration::from_secs(60);
        Outbox::new(&self.journal).with_progress(&self.engine.progress).next_events(firm, limit, LEASE, wait).await
    }

    /// Acknowledges an event.
    ///
    /// # Errors
    /// [`Code::IdInvalid`], [`Code::StoreFailed`].
    pub async fn ack(&self, firm: &FirmId, id: &str) -> Result<()> {
        Outbox::new(&self.journal).ack(firm, id).await
    }
}
