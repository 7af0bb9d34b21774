//! Executes a plan, step after step, and writes down what became of each.

use super::plan_input::{self, KnownDocuments};
use core::time::Duration;
use std::collections::VecDeque;

use super::ahead::Ahead;
use super::document::{Open, replaced};
use super::execute::Progress;
use super::order::{Followers, Order};
use super::plan::{Plan, PlannedContact, PlannedDocument, PlannedMatter};
use super::recovery::Recovery;
use super::review::Review;
use super::run::{Run, fallen_short};
use crate::calls::plan_access::{self, is_forbidden, refuses_all};
use crate::calls::{ApiClient, Context};
use crate::domain::report::{Note, RunStatus, StepKind, StepOutcome, StepReport, SyncReport};
use crate::domain::{ClioId, DocumentKey, FirmId, Intake, IntakeDocument};
use crate::error::{Code, Error, Result, Retry};
use crate::ports::{Commit, Expect, Key, Version};
use crate::settings::FirmSettings;
use crate::store::{Action, AuditEntry, AuditStatus, EventBody, Transaction};

/// One run of one matter.
pub(crate) struct Driver<'a> {
    pub ctx: &'a Context,
    pub order: &'a Order,
    pub followers: &'a dyn Followers,
    pub firm: &'a FirmId,
    pub intake: &'a Intake,
    /// What was known of the matter's documents when the run was planned.
    pub known: &'a KnownDocuments,
    pub settings: FirmSettings,
    pub client_api: ApiClient<'a>,
    pub run: &'a mut Run,
    pub recovery: Option<Recovery>,
    pub recovery_seen: Expect,
    /// The question that the present step raised.
    pub review: Option<(Review, (Key, Version))>,
    /// A document waited in vain for Clio's processing: the others of this run are asked once, and
    /// left to the next run.
    pub processing_is_slow: bool,
    pub plan_asked: bool,
    /// How often in a row what was just released had been in doubt.
    pub rounds: u32,
    pub progress: Option<&'a dyn Progress>,
    /// The documents that are to be uploaded and were not begun, in their order.
    pub uploads: VecDeque<&'a IntakeDocument>,
    /// Intents of the next ones, committed with what was done before.
    pub announced: Vec<(DocumentKey, Open)>,
    /// What was done for the next one while the bytes of another were on their way.
    pub ahead: Option<Ahead>,
}

impl Driver<'_> {
    pub(crate) async fn drive(&mut self, plan: &Plan) -> Result<()> {
        let planned = self.intake.documents.iter().zip(&plan.documents);
        let uploads = planned.filter(|(_, (_, planned))| matches!(planned, PlannedDocument::Upload { .. }));
        self.uploads = uploads.map(|(document, _)| document).collect();
        self.ctx.stop.check()?;
        // Each step on the heap: together they are too large for the stack of a small thread.
        let contact = Box::pin(self.contact(plan.contact)).await;
        let contact = self.settle(StepKind::Contact, self.intake.client.id.to_string(), contact).await?;
        // A matter that is in Clio takes documents, whatever became of its contact.
        let contact = match (plan.contact, plan.matter) {
            (
                PlannedContact::Linked(contact) | PlannedContact::Gone(contact),
                PlannedMatter::Linked(_) | PlannedMatter::Gone(_),
            ) => Some(contact),
            _ => contact,
        };
        self.ctx.stop.check()?;
        let matter = match contact {
            Some(client) => match Box::pin(self.matter(plan.matter, client)).await {
                Err(error) => {
                    let error = self.gone(error, StepKind::Contact, client).await;
                    Err(self.area_gone(error, plan.matter).await)
                }
                done => done,
            },
            None => Err(Error::new(Code::StepBlocked)),
        };
        let matter = self.settle(StepKind::Matter, self.intake.matter.id.to_string(), matter).await?;
        let mut matter = matter;
        for (document, (_, planned)) in self.intake.documents.iter().zip(&plan.documents) {
            self.document_step(document, *planned, matter).await?;
            // One document told that the matter is gone: the others need not try.
            let error = self.run.steps.last().and_then(|step| step.error.as_ref());
            matter = matter.filter(|_| error.is_none_or(|error| error.code() != Code::LinkedRecordGone));
        }
        if let (Some(matter), true) = (matter, self.order.trigger.sends_documents()) {
            for key in plan_input::orphans(self.known, self.intake)? {
                if let Some(step) = self.orphan(&key, matter).await.transpose() {
                    self.settle(StepKind::Document, key.to_string(), step).await?;
                }
            }
        }
        Ok(())
    }

    async fn document_step(
        &mut self,
        document: &IntakeDocument,
        planned: PlannedDocument,
        matter: Option<ClioId>,
    ) -> Result<()> {
        self.ctx.stop.check()?;
        let key = self.intake.key_of(document);
        if self.uploads.front().is_some_and(|next| self.intake.key_of(next) == key) {
            self.uploads.pop_front();
        }
        let id = key.to_string();
        let step = |outcome, code| {
            StepReport::error(StepKind::Document, &id, outcome, about(Error::new(code), StepKind::Document, &id))
        };
        let done = match planned {
            PlannedDocument::Linked(clio) => {
                Ok(StepReport::done(StepKind::Document, &id, StepOutcome::Unchanged, Some(clio)))
            }
            PlannedDocument::LinkedButWithdrawn(clio) => {
                let step = StepReport::done(StepKind::Document, &id, StepOutcome::Unchanged, Some(clio))
                    .noting([Note::ApprovalWithdrawn]);
                self.record(Action::DocumentSkipped, AuditStatus::Noted, step).await
            }
            PlannedDocument::Replaced(clio) => Err(replaced(clio)),
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
            PlannedDocument::Upload { .. }
            | PlannedDocument::Resume
            | PlannedDocument::Unsendable { .. }
            | PlannedDocument::Unreadable(_) => match matter {
                Some(matter) => match Box::pin(self.document(document, matter)).await {
                    Err(error) => Err(self.gone(error, StepKind::Matter, matter).await),
                    done => done,
                },
                None => Err(Error::new(Code::StepBlocked)),
            },
        };
        self.settle(StepKind::Document, id, done).await?;
        Ok(())
    }

    /// Commits a step that changed nothing in Clio, with its audit entry and the question that it
    /// raised.
    pub(crate) async fn record(&mut self, action: Action, status: AuditStatus, step: StepReport) -> Result<StepReport> {
        let mut transaction = self.transaction()?;
        if let Some((review, (key, version))) = self.review.take() {
            review.put(&self.ctx.repository, &mut transaction, &self.order.scope).await?;
            transaction.check(key, Expect::Version(version));
        }
        transaction.audit(self.audit(action, status, &step));
        // Nobody else writes this run's record, so only a question that was answered meanwhile, or
        // a defect, could conflict: the run ends, and is done again.
        if self.commit(transaction, &step).await? { Ok(step) } else { Err(Error::new(Code::StoreConflict)) }
    }

    /// Takes a step's result into the report; a failure is written to the logs first. Gives the
    /// record in Clio, if there is one.
    async fn settle(&mut self, kind: StepKind, id: String, result: Result<StepReport>) -> Result<Option<ClioId>> {
        let result = match result {
            Err(error) if self.ctx.is_of_this_process(self.firm, &error).await => return Err(error),
            Err(error) if is_forbidden(error.code()) => Err(self.plan_lost(error).await?),
            result => result,
        };
        let step = match result {
            Ok(step) => {
                if step.outcome == StepOutcome::Unchanged && step.note.is_none() {
                    self.run.note_step(&step);
                }
                step
            }
            Err(error) => {
                let action = match kind {
                    StepKind::Contact => Action::ContactFailed,
                    StepKind::Matter => Action::MatterFailed,
                    StepKind::Document => Action::DocumentFailed,
                };
                let error = about(error, kind, &id);
                match error.code() {
                    Code::StepBlocked => {
                        let step = StepReport::error(kind, id, StepOutcome::Blocked, error);
                        self.run.note_step(&step);
                        step
                    }
                    Code::SyncInDoubt => {
                        let step = StepReport::error(kind, id, StepOutcome::InDoubt, error);
                        self.record(action, AuditStatus::Noted, step).await?
                    }
                    _ => {
                        let step = StepReport::error(kind, id, StepOutcome::Failed, error);
                        self.record(action, AuditStatus::Failed, step).await?
                    }
                }
            }
        };
        if let Some(progress) = self.progress {
            progress.step(&self.intake.matter.id, &step);
        }
        let body = EventBody::Step {
            matter: self.intake.matter.id.clone(),
            step: step.step.name().to_owned(),
            id: step.id.clone(),
            outcome: step.outcome.name().to_owned(),
            done: self.run.steps.len() + 1,
            of: self.intake.documents.len() + 2,
        };
        self.ctx.progress.tell(self.firm, body);
        let clio = step.clio.filter(|_| !step.outcome.is_failure());
        self.run.steps.push(step);
        Ok(clio)
    }

    /// The report, and the matter in Clio if it is there.
    pub(crate) async fn finish(self) -> Result<(SyncReport, Option<ClioId>)> {
        let steps = core::mem::take(&mut self.run.steps);
        let failed = |kind| steps.iter().any(|step| step.step == kind && step.outcome.is_failure());
        let (status, linked) = if failed(StepKind::Contact) || failed(StepKind::Matter) {
            fallen_short(&self.ctx.repository, &self.order.scope, &self.order.matter).await?
        } else if failed(StepKind::Document) {
            (RunStatus::Partial, None)
        } else {
            (RunStatus::Succeeded, None)
        };
        let report = SyncReport {
            matter: self.intake.matter.id.clone(),
            run: self.run.id.clone(),
            status,
            calls: self.run.record.calls,
            retries: self.run.record.retries,
            survived: self.client_api.survived(),
            retry_after: steps.iter().filter_map(|step| come_back(step.error.as_ref()?)).min(),
            steps,
        };
        let clio_matter = report.clio_matter().or(linked);
        Ok((report, clio_matter))
    }

    pub(crate) fn transaction(&self) -> Result<Transaction> {
        let mut transaction = self.ctx.repository.transaction(self.firm)?;
        self.order.fence.check(&mut transaction);
        Ok(transaction)
    }

    /// Commits, unless the claim was lost meanwhile, or what the run goes by has changed.
    pub(crate) async fn commit_unit(&self, transaction: &Transaction) -> Result<Commit> {
        let outcome = self.ctx.repository.commit(transaction).await?;
        if outcome == Commit::Conflict {
            self.client_api.forget_grant();
            if !self.order.fence.holds(&self.ctx.repository).await? {
                return Err(Error::new(Code::LeaseLost).with("matter", &self.order.matter));
            }
            if self.is_recovery_news().await? {
                return Err(Error::new(Code::SyncBusy).with("reason", "recovery"));
            }
        }
        Ok(outcome)
    }

    pub(crate) fn audit(&self, action: Action, status: AuditStatus, step: &StepReport) -> AuditEntry {
        let mut entry = AuditEntry::by(&self.order.actor, action, status)
            .with("matter", &self.intake.matter.id)
            .with("run", &self.run.id);
        if step.step != StepKind::Matter {
            entry = entry.with(if step.step == StepKind::Contact { "client" } else { "document" }, &step.id);
        }
        if let Some(clio) = step.clio {
            entry = entry.with("clio", clio);
        }
        if !step.notes.is_empty() {
            let names: Vec<_> = step.notes.iter().map(|note| note.name()).collect();
            entry = entry.with("note", names.join(" "));
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
    ///
    /// A worker that lost its claim commits nothing; what it did in Clio is audited all the same,
    /// without the fence.
    pub(crate) async fn commit(&mut self, transaction: Transaction, step: &StepReport) -> Result<bool> {
        let entries = transaction.audits().to_vec();
        if matches!(self.run.commit_step(&self.ctx.repository, transaction, step).await?, Commit::Done { .. }) {
            return Ok(true);
        }
        if self.order.fence.holds(&self.ctx.repository).await? {
            return Ok(false);
        }
        let mut transaction = self.ctx.repository.transaction(self.firm)?;
        let lost = Error::new(Code::LeaseLost).with("matter", &self.order.matter);
        entries.into_iter().for_each(|entry| transaction.audit(entry.with("fenced", true).error(&lost)));
        self.ctx.repository.commit_or_conflict(&transaction).await?;
        Err(lost)
    }
}

impl Driver<'_> {
    /// A refusal may as well mean that the firm's plan has no API access any more: then everything
    /// is refused. Asked once a run.
    pub(crate) async fn plan_lost(&mut self, error: Error) -> Result<Error> {
        if core::mem::replace(&mut self.plan_asked, true) || !matches!(refuses_all(&self.client_api).await, Ok(true)) {
            return Ok(error);
        }
        plan_access::note_plan_lost(self.ctx, self.firm).await?;
        Ok(Error::new(Code::PlanWithoutApi).caused_by(error))
    }
}

/// Names the record that a step is about, for whoever sees its error without the step.
fn about(error: Error, kind: StepKind, id: &str) -> Error {
    let key = match kind {
        StepKind::Contact => "client",
        StepKind::Matter => "matter",
        StepKind::Document => "document",
    };
    let error = error.with("step", kind.name());
    if error.get(key).is_some() { error } else { error.with(key, id) }
}

/// When it makes sense to run again.
fn come_back(error: &Error) -> Option<Duration> {
    match error.retry() {
        Retry::After(wait) => Some(wait),
        Retry::Retry | Retry::LookupFirst | Retry::RefreshThenRetry if error.code() != Code::StepBlocked => {
            Some(Duration::from_secs(30))
        }
        _ => None,
    }
}
