//! What a sync works with, and the whole of one run: claimed, planned, driven, written down.

use crate::domain::SyncConfig;
use core::pin::pin;
use core::time::Duration;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use futures_util::future::{Either, select};
use url::Url;

use super::driver::Driver;
use super::plan::{Plan, PlannedMatter};
use super::recovery;
use super::recovery::Recovery;
use super::run::{Run, RunRecord, fallen_short};
use crate::calls::call::Caller;
use crate::calls::share::FirmShare;
use crate::clio::ClioApi;
use crate::connection::{Connection, Links, Session};
use crate::crypto::{Keyring, may_be_of_this_process};
use crate::domain::report::{RunStatus, StepReport, SyncReport};
use crate::domain::{Actor, ActorId, ClioId, FirmId, Intake, MatterId, Trigger};
use crate::error::{Code, Error, Failure, Result};
use crate::jobs::{Acquired, BackfillPlan, Claim, Claims, Job, LastRun, Next, Why, hold};
use crate::lifecycle::Auth;
use crate::maybe_send::{MaybeSend, MaybeSync};
use crate::ports::{Commit, Expect, IntakeSource, Runtime};
use crate::settings::{FirmSettings, note_seen};
use crate::stop::Stop;
use crate::store::{Action, AuditEntry, AuditStatus, Event, EventBody, Journal, ProgressFeed};

/// How much longer than a lease somebody who asks waits for a run of the same matter elsewhere.
const BUSY_WAIT: Duration = Duration::from_secs(30);
const BUSY_POLL_SHORTEST: Duration = Duration::from_millis(20);
const BUSY_POLL_LONGEST: Duration = Duration::from_millis(250);
/// How often the end of a run is built again because a trigger wrote the job.
const MOST_TURNS: usize = 50;

/// Is told of each step when it ends. For progress only: what it misses is in the report.
pub trait Progress: MaybeSend + MaybeSync {
    /// A step ended.
    fn step(&self, matter: &MatterId, step: &StepReport);
}

/// What a sync works with. Clones share everything but what tells them to stop.
#[derive(Clone, Debug)]
pub(crate) struct Engine {
    pub journal: Journal,
    pub runtime: Arc<dyn Runtime>,
    pub intake: Arc<dyn IntakeSource>,
    pub clio: ClioApi,
    pub session: Session,
    pub keyring: Keyring,
    pub config: SyncConfig,
    pub claims: Arc<Claims>,
    pub progress: Arc<ProgressFeed>,
    pub auth: Auth,
    /// Where Clio delivers to, without the token.
    pub webhook_url: Option<Url>,
    pub firms: Arc<Mutex<HashMap<FirmId, Arc<FirmShare>>>>,
    pub stop: Stop,
}

impl Engine {
    /// Whether the firm is connected to another Clio than this SDK's: its work is that of the SDK for its region, on the same store.
    pub(crate) async fn is_elsewhere(&self, firm: &FirmId) -> Result<bool> {
        let connection = Connection::load(&self.journal, firm).await?;
        Ok(connection.is_some_and(|stored| !stored.value.is_of(self.clio.host())))
    }

    /// Whether this process can work for the firm: the firm is not [elsewhere](Self::is_elsewhere), and its keys open here.
    pub(crate) async fn works_for(&self, firm: &FirmId) -> Result<bool> {
        if self.is_elsewhere(firm).await? {
            return Ok(false);
        }
        match self.keyring.prove(firm).await {
            Ok(()) => Ok(true),
            Err(error) if may_be_of_this_process(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether a failure says nothing of the work, but of this process: it was told to stop, or its key provider does not open the firm's key. Others can go on.
    pub(crate) async fn is_of_this_process(&self, firm: &FirmId, error: &Error) -> bool {
        if error.code() == Code::Stopped {
            return true;
        }
        may_be_of_this_process(error)
            && self.keyring.prove_anew(firm).await.is_err_and(|error| may_be_of_this_process(&error))
    }

    /// One that can be told to stop alone.
    pub(crate) fn below(&self) -> Self {
        Self { stop: self.stop.below(), ..self.clone() }
    }

    /// Has a worker sync a matter; while the firm is disconnected, keeps that an admin may ask for it later.
    pub(crate) async fn trigger(
        &self,
        firm: &FirmId,
        matter: &MatterId,
        trigger: Trigger,
        actor: &ActorId,
    ) -> Result<()> {
        if !hold(&self.journal, firm, matter, trigger, actor).await? {
            self.claims.trigger(firm, matter, trigger, actor).await?;
        }
        Ok(())
    }

    /// What a run of this matter would do now. Makes no call to Clio and changes nothing.
    pub(crate) async fn plan_matter(&self, firm: &FirmId, matter: &MatterId) -> Result<Plan> {
        let intake = self.load(firm, matter).await?;
        self.plan(&Links::current(&self.journal, firm).await?, &intake).await
    }

    /// What syncing these matters in bulk would cost.
    pub(crate) async fn plan_backfill(&self, firm: &FirmId, matters: &[MatterId]) -> Result<BackfillPlan> {
        let mut whole = BackfillPlan::default();
        let links = Links::current(&self.journal, firm).await?;
        for matter in matters {
            match self.load(firm, matter).await {
                Ok(intake) => {
                    let plan = self.plan(&links, &intake).await?;
                    whole.matters += 1;
                    whole.calls.add(plan.calls);
                }
                Err(_) => whole.unreadable += 1,
            }
        }
        let (limit, left) = self.share_of(firm).budget.told().await?;
        // The last call is made in a window of its own only if those before it are full.
        let later = u64::from(whole.calls.most).saturating_sub(left.unwrap_or(limit));
        whole.lasts_ms = later.div_ceil(limit.max(1)) * 60_000;
        Ok(whole)
    }

    /// Syncs one matter because `actor` asks for it. Waits for a run of the same matter elsewhere, for about as long as its lease; then a worker is to follow it.
    pub(crate) async fn sync_matter(
        &self,
        actor: &Actor,
        matter: &MatterId,
        progress: Option<&dyn Progress>,
    ) -> Result<SyncReport> {
        if hold(&self.journal, &actor.firm, matter, Trigger::Manual, &actor.id).await? {
            return Err(Code::NotConnected.into());
        }
        if self.is_elsewhere(&actor.firm).await? {
            return Err(Code::ConnectedElsewhere.into());
        }
        if let Err(error) = self.keyring.prove(&actor.firm).await {
            // A process whose key is the right one does it.
            self.claims.trigger(&actor.firm, matter, Trigger::Manual, &actor.id).await?;
            return Err(error);
        }
        let deadline = self.runtime.monotonic() + self.config.lease + BUSY_WAIT;
        loop {
            let left = match self.claims.acquire(&actor.firm, matter, Why::Asked(Trigger::Manual, &actor.id)).await? {
                Acquired::Mine(claim) => return self.run_job(&claim, progress).await,
                Acquired::Busy(left) => left,
                Acquired::Nothing => return Err(Error::new(Code::Internal).with("reason", "nothing_to_claim")),
            };
            if self.runtime.monotonic() >= deadline {
                // That run may have begun before what is asked for was there.
                self.trigger(&actor.firm, matter, Trigger::Manual, &actor.id).await?;
                return Err(Error::new(Code::SyncBusy).with("matter", matter));
            }
            let wait = left.clamp(BUSY_POLL_SHORTEST, BUSY_POLL_LONGEST);
            if let Err(stopped) = self.stop.unless_told(self.runtime.sleep(wait)).await {
                self.trigger(&actor.firm, matter, Trigger::Manual, &actor.id).await?;
                return Err(stopped);
            }
        }
    }

    /// Runs a claimed job to its end, with heartbeats.
    pub(crate) async fn run_job(&self, claim: &Claim, progress: Option<&dyn Progress>) -> Result<SyncReport> {
        let work = pin!(self.run_fenced(claim, progress));
        let beats = pin!(self.claims.heartbeats(claim));
        match select(work, beats).await {
            Either::Left((result, _)) => result,
            // The claim is lost: the run ends at its next call or commit.
            Either::Right(((), work)) => work.await,
        }
    }

    async fn run_fenced(&self, claim: &Claim, progress: Option<&dyn Progress>) -> Result<SyncReport> {
        let record = RunRecord {
            matter: claim.matter.clone(),
            actor: claim.actor.clone(),
            trigger: claim.trigger,
            started_at: self.runtime.now(),
            ended_at: None,
            status: None,
            failure: None,
            attempt: claim.attempt,
            next_attempt_at: None,
            calls: 0,
            retries: 0,
            survived: None,
            steps: Vec::new(),
        };
        let mut run = Run::new(claim.run.clone(), &claim.firm, record);
        let result = match self.prepare(claim, &mut run).await {
            Ok((intake, plan, settings, (recovery, recovery_seen))) => {
                let mut driver = Driver {
                    engine: self,
                    claim,
                    firm: &claim.firm,
                    intake: &intake,
                    settings,
                    caller: Caller::new(self, claim),
                    run: &mut run,
                    recovery,
                    recovery_seen,
                    review: None,
                    processing_is_slow: false,
                    plan_asked: false,
                    rounds: 0,
                    progress,
                };
                let driven = driver.drive(&plan).await;
                // However it ends, the log tells what it cost.
                driver.run.record.calls = driver.caller.calls();
                driver.run.record.retries = driver.caller.retries();
                let survived = driver.caller.survived();
                driver.run.record.survived = survived.as_ref().map(Failure::from);
                match driven {
                    Ok(()) => driver.finish().await,
                    Err(error) => Err(error),
                }
            }
            Err(error) => Err(error),
        };
        match result {
            Err(error) if self.is_of_this_process(&claim.firm, &error).await => {
                self.give_back(claim, &mut run, &error).await?;
                Err(error)
            }
            Err(error) if error.code() != Code::LeaseLost => {
                run.record.failure = Some(Failure::from(&error));
                // If the store is what failed, this fails too, and the job is taken over when the lease ends.
                let (status, linked) = fallen_short(&self.journal, &claim.links, &claim.matter).await?;
                self.close(claim, &mut run, status, Some(&error), linked, |job| job.next_after(&error)).await?;
                Err(error)
            }
            result => result,
        }
    }

    /// The end of a run that others go on with. It tells the host nothing, and counts for no try.
    async fn give_back(&self, claim: &Claim, run: &mut Run, error: &Error) -> Result<()> {
        for _ in 0..MOST_TURNS {
            let mut unit = self.journal.unit(&claim.firm)?;
            self.claims.give_back(&mut unit, claim).await?;
            if run.is_written() {
                run.record.failure = Some(Failure::from(error));
                run.record.status = Some(fallen_short(&self.journal, &claim.links, &claim.matter).await?.0);
                let ended_at = self.runtime.now();
                (run.record.ended_at, run.record.next_attempt_at) = (Some(ended_at), Some(ended_at));
                run.attach_end(&mut unit)?;
            }
            if matches!(self.journal.commit(&unit).await?, Commit::Done { .. }) {
                self.claims.nudge.nudge();
                return Ok(());
            }
            if !self.claims.holds(claim).await? {
                return Err(Error::new(Code::LeaseLost).with("matter", &claim.matter));
            }
        }
        Err(Error::new(Code::StoreConflict).with("reason", "job_contended"))
    }

    async fn prepare(
        &self,
        claim: &Claim,
        run: &mut Run,
    ) -> Result<(Intake, Plan, FirmSettings, (Option<Recovery>, Expect))> {
        let mut intake = self.load(&claim.firm, &claim.matter).await?;
        run.client = Some(intake.client.id.clone());
        let mut plan = self.plan(&claim.links, &intake).await?;
        if let (PlannedMatter::Create(_), Some(case_type)) = (plan.matter, &intake.matter.case_type) {
            let noted = note_seen(&self.journal, &self.keyring, &claim.firm, case_type.expose()).await;
            if let Err(error) = noted {
                tracing::debug!(firm = %claim.firm, code = error.code().name(), "a case type was not noted");
            }
        }
        if !claim.trigger.sends_documents() {
            run.documents_left = plan.documents.drain(..).any(|(_, document)| document.is_to_be_sent());
            intake.documents.clear();
        }
        let recovery = recovery::load(&self.journal, &claim.firm, self.config.index_delay).await?;
        Ok((intake, plan, self.settings(&claim.firm).await?, recovery))
    }

    /// The last commit of a run: its record, the audit entry, the event for the host, and the release of the claim.
    pub(crate) async fn close(
        &self,
        claim: &Claim,
        run: &mut Run,
        status: RunStatus,
        failure: Option<&Error>,
        clio_matter: Option<ClioId>,
        next: impl Fn(&Job) -> Next,
    ) -> Result<()> {
        let failed = failure.map(Failure::from);
        let ended_at = self.runtime.now();
        run.record.status = Some(status);
        run.record.ended_at = Some(ended_at);
        let audit_status = if status == RunStatus::Succeeded { AuditStatus::Ok } else { AuditStatus::Failed };
        let entry = AuditEntry::by(&claim.actor, Action::Sync, audit_status)
            .with("matter", &claim.matter)
            .with("run", &run.id)
            .with("trigger", claim.trigger.name())
            .with("status", status.name())
            .with("calls", run.record.calls)
            .with("retries", run.record.retries);
        let entry = run.record.survived.as_ref().map_or(entry.clone(), |survived| entry.surviving(survived));
        let entry = match failure {
            Some(error) => entry.error(error),
            None => entry,
        };
        let event = EventBody::RunFinished {
            matter: claim.matter.clone(),
            clio_matter,
            status: status.name().to_owned(),
            code: failed.as_ref().map(|failure| failure.code.clone()),
            run: Some(run.id.clone()),
            at: Some(ended_at),
        };
        for _ in 0..MOST_TURNS {
            let mut unit = self.journal.unit(&claim.firm)?;
            let last = LastRun {
                run: run.id.clone(),
                status,
                at: ended_at,
                failure: failed.clone(),
                survived: run.record.survived.clone(),
                documents_left: run.documents_left,
            };
            let due = self.claims.end(&mut unit, claim, last, run.client.clone(), &next).await?;
            run.record.next_attempt_at = due.filter(|_| failure.is_some()).map(|due| ended_at + due);
            unit.audit(entry.clone());
            unit.event(Event::about_matter(&claim.matter, event.clone()));
            run.attach_end(&mut unit)?;
            if matches!(self.journal.commit(&unit).await?, Commit::Done { .. }) {
                self.claims.nudge.nudge();
                return Ok(());
            }
            if !self.claims.holds(claim).await? {
                return Err(Error::new(Code::LeaseLost).with("matter", &claim.matter));
            }
        }
        Err(Error::new(Code::StoreConflict).with("reason", "job_contended"))
    }

    pub(crate) async fn load(&self, firm: &FirmId, matter: &MatterId) -> Result<Intake> {
        let intake = self.intake.load(firm, matter).await?;
        if intake.matter.id != *matter {
            return Err(Error::new(Code::IntakeInvalid).with("field", "matter.id").with("reason", "other_matter"));
        }
        intake.check()?;
        Ok(intake)
    }

    pub(crate) async fn settings(&self, firm: &FirmId) -> Result<FirmSettings> {
        crate::settings::load(&self.journal, firm).await
    }
}
