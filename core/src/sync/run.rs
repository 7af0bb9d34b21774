//! The record of one run, written with every step that changes something.

use super::order;
use serde::{Deserialize, Serialize};

use crate::connection::AccountScope;
use crate::domain::report::{Note, RunStatus, StepKind, StepOutcome, StepReport};
use crate::domain::{ActorId, ClientId, ClioId, FirmId, MatterId, Timestamp, Trigger};
use crate::error::{Code, Failure, Result};
use crate::inbound::status::is_gone;
use crate::links::link_record::linked_matter;
use crate::ports::{Commit, Expect, Key, Order, Scan, Version};
use crate::store::{Repository, Transaction};

pub(crate) const RUNS: &str = "run";
pub(crate) const RUNS_OF_MATTERS: &str = "matter-run";
/// Runs of one matter that are looked through for the one that made it.
const MOST_RUNS_READ: usize = 50;

/// `run/<run id>`. Run ids are time-ordered, so a scan by id is the sync log.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RunRecord {
    pub matter: MatterId,
    pub actor: ActorId,
    pub trigger: Trigger,
    pub started_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<RunStatus>,
    /// Why the run broke off, before its first step or after some.
    #[serde(default, alias = "code", skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// Which try of the same work it is, from 1.
    #[serde(default)]
    pub attempt: u32,
    /// When the next one is due by itself, on the host's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_attempt_at: Option<Timestamp>,
    pub calls: u32,
    #[serde(default)]
    pub retries: u32,
    /// As in the report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub survived: Option<Failure>,
    pub steps: Vec<StepRecord>,
}

impl RunRecord {
    /// One that has just begun.
    pub(super) fn begun(order: &order::Order, started_at: Timestamp) -> Self {
        Self {
            matter: order.matter.clone(),
            actor: order.actor.clone(),
            trigger: order.trigger,
            started_at,
            ended_at: None,
            status: None,
            failure: None,
            attempt: order.attempt,
            next_attempt_at: None,
            calls: 0,
            retries: 0,
            survived: None,
            steps: Vec::new(),
        }
    }
}

/// A step as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StepRecord {
    pub step: StepKind,
    pub id: String,
    pub outcome: StepOutcome,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clio: Option<ClioId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Note>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
    #[serde(default, alias = "code", skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// Kept beside the code by earlier versions.
    #[serde(default, skip_serializing)]
    http_status: Option<u16>,
    #[serde(default, skip_serializing)]
    clio_type: Option<String>,
}

impl StepRecord {
    /// Why it did not arrive, with what earlier versions kept apart.
    pub(crate) fn told_failure(&self) -> Option<Failure> {
        let mut failure = self.failure.clone()?;
        failure.context.entry(String::from("step")).or_insert_with(|| self.step.name().to_owned());
        let apart =
            [("http_status", self.http_status.map(|status| status.to_string())), ("clio_type", self.clio_type.clone())];
        for (key, value) in apart.into_iter().filter_map(|(key, value)| Some((key, value?))) {
            failure.context.entry(key.to_owned()).or_insert(value);
        }
        Some(failure)
    }
}

impl From<&StepReport> for StepRecord {
    fn from(step: &StepReport) -> Self {
        Self {
            step: step.step,
            id: step.id.clone(),
            outcome: step.outcome,
            clio: step.clio,
            note: step.note,
            notes: step.notes.clone(),
            failure: step.error.as_ref().map(Failure::from),
            http_status: None,
            clio_type: None,
        }
    }
}

/// `matter-run/<matter>/<run>`: its key says all.
#[derive(Serialize)]
struct Pointer {}

/// A run in progress.
#[derive(Debug)]
pub(crate) struct Run {
    pub id: String,
    firm: FirmId,
    pub record: RunRecord,
    /// Whose matter it is; `None`: the intake could not be read.
    pub client: Option<ClientId>,
    /// There are documents that may be sent, and its trigger sends none.
    pub documents_left: bool,
    version: Option<Version>,
    pub steps: Vec<StepReport>,
}

impl Run {
    pub(crate) fn new(id: String, firm: &FirmId, record: RunRecord) -> Self {
        Self { id, firm: firm.clone(), record, client: None, documents_left: false, version: None, steps: Vec::new() }
    }

    /// Commits a step's result together with what it changed. On a conflict nothing is kept of it.
    pub(crate) async fn commit_step(
        &mut self,
        repository: &Repository,
        mut transaction: Transaction,
        step: &StepReport,
    ) -> Result<Commit> {
        let mut record = self.record.clone();
        record.steps.push(step.into());
        let version = self.attach(&mut transaction, &record)?;
        let outcome = repository.commit(&transaction).await?;
        if matches!(outcome, Commit::Done { .. }) {
            self.record = record;
            self.version = Some(version);
        }
        Ok(outcome)
    }

    /// Notes a step that changed nothing in the store; it is written with the next commit.
    pub(crate) fn note_step(&mut self, step: &StepReport) {
        self.record.steps.push(step.into());
    }

    /// Whether the store knows of it.
    pub(crate) fn is_written(&self) -> bool {
        self.version.is_some()
    }

    /// Adds the end of the run to its last commit.
    pub(crate) fn attach_end(&self, transaction: &mut Transaction) -> Result<()> {
        self.attach(transaction, &self.record).map(|_| ())
    }

    fn attach(&self, transaction: &mut Transaction, record: &RunRecord) -> Result<Version> {
        let expect = match &self.version {
            Some(version) => Expect::Version(version.clone()),
            None => {
                let pointer = Key::new(&self.firm, RUNS_OF_MATTERS, format!("{}/{}", record.matter, self.id));
                transaction.put(pointer, Expect::Absent, &Pointer {})?;
                Expect::Absent
            }
        };
        transaction.put(Key::new(&self.firm, RUNS, self.id.as_str()), expect, record)
    }
}

/// What a run is called that did not get as far as the matter, and the matter in Clio: an earlier
/// run may have brought it there.
pub(crate) async fn fallen_short(
    repository: &Repository,
    scope: &AccountScope,
    matter: &MatterId,
) -> Result<(RunStatus, Option<ClioId>)> {
    let linked = match linked_matter(repository, scope, matter).await {
        // A link that cannot be read must not keep the end of the run from being written.
        Err(error) if error.code() == Code::StoreCorrupt => None,
        linked => linked?,
    };
    let there = match linked {
        Some(clio) => !is_gone(repository, scope, clio).await?,
        None => false,
    };
    Ok((if there { RunStatus::Partial } else { RunStatus::Failed }, linked))
}

/// Adds to a takeover's commit the end of the run that is taken over. Its process died, or stands
/// still: nothing that it writes is taken any more.
pub(crate) async fn end_taken_over(
    repository: &Repository,
    transaction: &mut Transaction,
    scope: &AccountScope,
    run: &str,
) -> Result<()> {
    let key = Key::new(&scope.firm, RUNS, run);
    let stored = match repository.get::<RunRecord>(&key).await {
        // What is told of a run must not keep the matter from being synced.
        Err(error) if error.code() == Code::StoreCorrupt => return Ok(()),
        stored => stored?,
    };
    let Some(stored) = stored else {
        // It wrote nothing yet. Should its first commit come in this moment, the takeover is built
        // again.
        transaction.check(key, Expect::Absent);
        return Ok(());
    };
    let (status, _) = fallen_short(repository, scope, &stored.value.matter).await?;
    let (ended_at, failure) = (repository.runtime().now(), Failure::from(&Code::LeaseLost.into()));
    let ended = RunRecord { ended_at: Some(ended_at), status: Some(status), failure: Some(failure), ..stored.value };
    transaction.put(key, Expect::Version(stored.version), &ended)?;
    Ok(())
}

const MAKE_THE_LINK: [StepOutcome; 3] = [StepOutcome::Created, StepOutcome::Recovered, StepOutcome::Linked];

/// The contact in Clio for whom the matter was made or linked, if the sync log has that run. A later
/// one says nothing: the intake's client may have been changed before it.
pub(crate) async fn contact_in_log(
    repository: &Repository,
    firm: &FirmId,
    matter: &MatterId,
    linked: ClioId,
) -> Result<Option<ClioId>> {
    let (from, until) = (format!("{matter}/"), Some(format!("{matter}0")));
    let scan = Scan::Ids {
        firm: firm.clone(),
        collection: RUNS_OF_MATTERS,
        from,
        until,
        order: Order::Ascending,
        limit: MOST_RUNS_READ,
    };
    for pointer in repository.store().scan(&scan).await? {
        let Some((_, run)) = pointer.key.id.split_once('/') else { continue };
        let stored = match repository.get::<RunRecord>(&Key::new(firm, RUNS, run)).await {
            // A log that cannot be read must not keep the matter from being synced.
            Err(error) if error.code() == Code::StoreCorrupt => continue,
            stored => stored?,
        };
        let Some(record) = stored.map(|stored| stored.value) else { continue };
        let step = |kind| record.steps.iter().find(|step| step.step == kind);
        if step(StepKind::Matter).is_some_and(|step| step.clio == Some(linked) && MAKE_THE_LINK.contains(&step.outcome))
            && let Some(contact) = step(StepKind::Contact).and_then(|step| step.clio)
        {
            return Ok(Some(contact));
        }
    }
    Ok(None)
}
