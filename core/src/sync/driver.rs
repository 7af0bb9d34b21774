//! Executes a plan, step after step, and writes down what became of each.

use core::time::Duration;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use super::call::Caller;
use super::plan::{Plan, PlanInput, PlannedDocument, plan};
use super::report::{Note, RunStatus, StepKind, StepOutcome, StepReport, SyncReport};
use super::run::{Run, RunRecord};
use super::things::{self, ContactKey, DocumentThing, Thing};
use super::{LinkState, dedupe};
use crate::auth::{Actor, Keyring, PracticeAreas, Session};
use crate::budget::Budget;
use crate::clio::ClioApi;
use crate::error::{Code, Error, Result, Retry};
use crate::log::{Action, AuditEntry, AuditStatus, Event, EventBody};
use crate::maybe_send::{MaybeSend, MaybeSync};
use crate::model::{ClioId, DocumentRef, FirmId, Intake, IntakeDocument, MatterId};
use crate::ports::{Commit, IntakeSource, Runtime};
use crate::records::{Journal, Unit};
use crate::settings::FirmSettings;

/// Times of a sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyncConfig {
    /// How long after we gave up on a request Clio may still execute it. A creation in doubt is not repeated before. Default 2 minutes.
    pub settle: Duration,
    /// For one call to Clio's API. Default 30 s.
    pub request_timeout: Duration,
    /// How long after its intent was committed a creating request may begin to be sent. Default 5 s.
    pub send_window: Duration,
}

impl Default for SyncConfig {
    fn default() -> Self {
        Self {
            settle: Duration::from_secs(120),
            request_timeout: Duration::from_secs(30),
            send_window: Duration::from_secs(5),
        }
    }
}

/// Is told of each step when it ends. For progress only: what it misses is in the report.
pub trait Progress: MaybeSend + MaybeSync {
    /// A step ended.
    fn step(&self, matter: &MatterId, step: &StepReport);
}

/// What a sync works with.
#[derive(Debug)]
pub(crate) struct Engine {
    pub journal: Journal,
    pub runtime: Arc<dyn Runtime>,
    pub intake: Arc<dyn IntakeSource>,
    pub clio: ClioApi,
    pub session: Session,
    pub keyring: Keyring,
    pub config: SyncConfig,
    pub budgets: Mutex<HashMap<FirmId, Arc<Budget>>>,
}

/// One run of one matter.
pub(super) struct Driver<'a> {
    pub engine: &'a Engine,
    pub firm: &'a FirmId,
    pub actor: &'a Actor,
    pub intake: &'a Intake,
    pub settings: FirmSettings,
    pub caller: Caller<'a>,
    pub run: Run,
    progress: Option<&'a dyn Progress>,
}

impl Engine {
    pub(crate) fn budget_of(&self, firm: &FirmId) -> Arc<Budget> {
        let mut budgets = self.budgets.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Arc::clone(budgets.entry(firm.clone()).or_default())
    }

    /// What a run of this matter would do now. Makes no call to Clio and changes nothing.
    pub(crate) async fn plan_matter(&self, firm: &FirmId, matter: &MatterId) -> Result<Plan> {
        let intake = self.load(firm, matter).await?;
        self.plan(firm, &intake).await
    }

    /// Syncs one matter.
    pub(crate) async fn sync_matter(
        &self,
        actor: &Actor,
        matter: &MatterId,
        progress: Option<&dyn Progress>,
    ) -> Result<SyncReport> {
        let firm = &actor.firm;
        let intake = self.load(firm, matter).await?;
        let plan = self.plan(firm, &intake).await?;
        let record = RunRecord {
            matter: matter.clone(),
            actor: actor.id.to_string(),
            started_at: self.runtime.now(),
            ended_at: None,
            status: None,
            calls: 0,
            steps: Vec::new(),
        };
        let driver = Driver {
            engine: self,
            firm,
            actor,
            intake: &intake,
            settings: self.settings(firm).await?,
            caller: Caller::new(self, firm),
            run: Run::new(self.journal.new_id()?, firm, record),
            progress,
        };
        driver.drive(&plan).await
    }

    async fn load(&self, firm: &FirmId, matter: &MatterId) -> Result<Intake> {
        let intake = self.intake.load(firm, matter).await?;
        if intake.matter.id != *matter {
            return Err(Error::new(Code::IntakeInvalid).with("field", "matter.id").with("reason", "other_matter"));
        }
        intake.check()?;
        Ok(intake)
    }

    async fn settings(&self, firm: &FirmId) -> Result<FirmSettings> {
        crate::settings::load(&self.journal, firm).await
    }

    async fn plan(&self, firm: &FirmId, intake: &Intake) -> Result<Plan> {
        let contact = self.journal.get::<Thing>(&things::contact_key(firm, &intake.client.id)).await?;
        let matter = self.journal.get::<Thing>(&things::matter_key(firm, &intake.matter.id)).await?;
        let (mut documents, mut lengths) = (Vec::new(), Vec::new());
        for document in &intake.documents {
            let key = intake.key_of(document);
            let thing = self.journal.get::<DocumentThing>(&things::document_key(firm, &key)).await?;
            let state = DocumentThing::state(thing.as_ref());
            let document = DocumentRef { firm: firm.clone(), key };
            // Only what would be uploaded is looked at; a file that cannot be read is the step's failure, not the plan's.
            let len = match state {
                LinkState::Unknown => self.intake.stat(&document).await.ok().map(|stat| stat.len),
                _ => None,
            };
            documents.push(state);
            lengths.push(len);
        }
        let areas = PracticeAreas::load(&self.journal, firm).await?;
        let contact = Thing::state(contact.as_ref());
        let same_email = match contact {
            LinkState::Unknown => self.same_email(firm, intake).await?,
            _ => LinkState::Unknown,
        };
        Ok(plan(&PlanInput {
            intake,
            contact,
            same_email,
            matter: Thing::state(matter.as_ref()),
            documents: &documents,
            lengths: &lengths,
            settings: &self.settings(firm).await?,
            areas: &areas.map_or_else(Vec::new, |stored| stored.value.areas),
        }))
    }

    async fn same_email(&self, firm: &FirmId, intake: &Intake) -> Result<LinkState> {
        let Some(digest) = self.email_digest(firm, intake).await? else { return Ok(LinkState::Unknown) };
        let Some(key) = self.journal.get::<ContactKey>(&things::email_key(firm, &digest)).await? else {
            return Ok(LinkState::Unknown);
        };
        let thing = self.journal.get::<Thing>(&things::contact_key(firm, &key.value.client)).await?;
        Ok(Thing::state(thing.as_ref()))
    }

    /// The keyed digest of the client's email: what an address is looked up by.
    pub(super) async fn email_digest(&self, firm: &FirmId, intake: &Intake) -> Result<Option<String>> {
        match &intake.client.email {
            Some(email) if !email.expose().trim().is_empty() => {
                let normal = dedupe::normal_email(email.expose());
                Ok(Some(self.keyring.address_digest(firm, &normal).await?))
            }
            _ => Ok(None),
        }
    }
}

impl Driver<'_> {
    async fn drive(mut self, plan: &Plan) -> Result<SyncReport> {
        let contact = self.contact(plan.contact).await;
        let contact = self.settle(StepKind::Contact, self.intake.client.id.to_string(), contact).await?;
        let matter = match contact {
            Some(client) => self.matter(plan.matter, client).await,
            None => Err(Error::new(Code::StepBlocked)),
        };
        let matter = self.settle(StepKind::Matter, self.intake.matter.id.to_string(), matter).await?;
        for (document, (_, planned)) in self.intake.documents.iter().zip(&plan.documents) {
            self.document_step(document, *planned, matter).await?;
        }
        self.finish().await
    }

    async fn document_step(
        &mut self,
        document: &IntakeDocument,
        planned: PlannedDocument,
        matter: Option<ClioId>,
    ) -> Result<()> {
        let key = self.intake.key_of(document);
        let id = key.to_string();
        let step = |outcome, code| StepReport::error(StepKind::Document, &id, outcome, Error::new(code));
        let done = match planned {
            PlannedDocument::Linked(clio) => {
                Ok(StepReport::done(StepKind::Document, &id, StepOutcome::Unchanged, Some(clio)))
            }
            PlannedDocument::LinkedButWithdrawn(clio) => {
                let step = StepReport::done(StepKind::Document, &id, StepOutcome::Unchanged, Some(clio))
                    .note(Some(Note::ApprovalWithdrawn));
                self.record(Action::DocumentSkipped, AuditStatus::Noted, step).await
            }
            PlannedDocument::NotApproved(status) => {
                let mut step = step(StepOutcome::NotApproved, Code::DocumentNotApproved);
                step.error = step.error.map(|error| error.with("status", status.name()));
                self.record(Action::DocumentSkipped, AuditStatus::Noted, step).await
            }
            PlannedDocument::Refused(origin) => {
                let mut step = step(StepOutcome::Refused, Code::DocumentNotClientUpload);
                step.error = step.error.map(|error| error.with("origin", origin.name()));
                self.record(Action::DocumentRefused, AuditStatus::Refused, step).await
            }
            PlannedDocument::Upload { .. } | PlannedDocument::Resume => match matter {
                Some(matter) => self.document(document, matter).await,
                None => Err(Error::new(Code::StepBlocked)),
            },
        };
        self.settle(StepKind::Document, id, done).await?;
        Ok(())
    }

    /// Commits a step that changed nothing in Clio, with its audit entry.
    pub(super) async fn record(&mut self, action: Action, status: AuditStatus, step: StepReport) -> Result<StepReport> {
        let mut unit = self.unit()?;
        unit.audit(self.audit(action, status, &step));
        // Nobody else writes this run's record, so only a defect could conflict; an audit entry is never dropped in silence.
        if self.commit(unit, &step).await? { Ok(step) } else { Err(Error::new(Code::StoreConflict)) }
    }

    /// Takes a step's result into the report; a failure is written to the logs first. Gives the record in Clio, if there is one.
    async fn settle(&mut self, kind: StepKind, id: String, result: Result<StepReport>) -> Result<Option<ClioId>> {
        let step = match result {
            Ok(step) => {
                if step.outcome == StepOutcome::Unchanged && step.note.is_none() {
                    self.run.note_step(&step);
                }
                step
            }
            Err(error) => {
                let (outcome, action) = match (error.code(), kind) {
                    (Code::SyncInDoubt, _) => (StepOutcome::InDoubt, None),
                    (Code::StepBlocked, _) => (StepOutcome::Blocked, None),
                    (_, StepKind::Contact) => (StepOutcome::Failed, Some(Action::ContactFailed)),
                    (_, StepKind::Matter) => (StepOutcome::Failed, Some(Action::MatterFailed)),
                    (_, StepKind::Document) => (StepOutcome::Failed, Some(Action::DocumentFailed)),
                };
                let step = StepReport::error(kind, id, outcome, error);
                match action {
                    Some(action) => self.record(action, AuditStatus::Failed, step).await?,
                    None => {
                        self.run.note_step(&step);
                        step
                    }
                }
            }
        };
        if let Some(progress) = self.progress {
            progress.step(&self.intake.matter.id, &step);
        }
        let clio = step.clio.filter(|_| !step.outcome.is_failure());
        self.run.steps.push(step);
        Ok(clio)
    }

    async fn finish(mut self) -> Result<SyncReport> {
        let steps = core::mem::take(&mut self.run.steps);
        let failed = |kind| steps.iter().any(|step| step.step == kind && step.outcome.is_failure());
        let status = if failed(StepKind::Contact) || failed(StepKind::Matter) {
            RunStatus::Failed
        } else if failed(StepKind::Document) {
            RunStatus::Partial
        } else {
            RunStatus::Succeeded
        };
        let report = SyncReport {
            matter: self.intake.matter.id.clone(),
            run: self.run.id.clone(),
            status,
            calls: self.caller.calls(),
            retry_after: steps.iter().filter_map(|step| come_back(step.error.as_ref()?)).min(),
            steps,
        };
        self.run.record.status = Some(status);
        self.run.record.calls = report.calls;
        self.run.record.ended_at = Some(self.engine.runtime.now());
        let mut unit = self.unit()?;
        let audit_status = if status == RunStatus::Succeeded { AuditStatus::Ok } else { AuditStatus::Failed };
        let entry = AuditEntry::by(&self.actor.id, Action::Sync, audit_status)
            .with("matter", &report.matter)
            .with("run", &report.run)
            .with("status", status.name())
            .with("calls", report.calls);
        unit.audit(match report.first_failure().and_then(|step| step.error.as_ref()) {
            Some(error) => entry.error(error),
            None => entry,
        });
        unit.event(Event::about_matter(
            &report.matter,
            EventBody::RunFinished {
                matter: report.matter.clone(),
                clio_matter: report.clio_matter(),
                status: status.name().to_owned(),
                code: report
                    .first_failure()
                    .and_then(|step| step.error.as_ref())
                    .map(|error| error.code().name().to_owned()),
            },
        ));
        self.run.finish(&self.engine.journal, unit).await?;
        Ok(report)
    }

    pub(super) fn unit(&self) -> Result<Unit> {
        self.engine.journal.unit(self.firm)
    }

    pub(super) fn audit(&self, action: Action, status: AuditStatus, step: &StepReport) -> AuditEntry {
        let mut entry = AuditEntry::by(&self.actor.id, action, status)
            .with("matter", &self.intake.matter.id)
            .with("run", &self.run.id);
        if step.step != StepKind::Matter {
            entry = entry.with(if step.step == StepKind::Contact { "client" } else { "document" }, &step.id);
        }
        if let Some(clio) = step.clio {
            entry = entry.with("clio", clio);
        }
        if let Some(note) = step.note {
            entry = entry.with("note", note.name());
        }
        if step.outcome == StepOutcome::Recovered {
            entry = entry.with("recovered", true);
        }
        match &step.error {
            Some(error) => entry.error(error),
            None => entry,
        }
    }

    /// Commits a step that changed something. `false`: somebody else was faster; read again.
    pub(super) async fn commit(&mut self, unit: Unit, step: &StepReport) -> Result<bool> {
        Ok(matches!(self.run.commit_step(&self.engine.journal, unit, step).await?, Commit::Done { .. }))
    }
}

/// When it makes sense to run again.
fn come_back(error: &Error) -> Option<Duration> {
    match error.retry() {
        Retry::After(wait) => Some(wait),
        Retry::Retry | Retry::ProbeFirst | Retry::RefreshThenRetry if error.code() != Code::StepBlocked => {
            Some(Duration::from_secs(30))
        }
        _ => None,
    }
}
