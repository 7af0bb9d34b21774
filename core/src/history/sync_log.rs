//! The sync log: what became of every run, as the firm's administrator reads it.
//!
//! A run's record is `run/<id>`, its id is time-ordered, and `matter-run/<matter>/<id>` points to
//! it: so the newest runs of a firm or of one matter are a scan of their own, however long the log
//! is. A filter looks at a bounded number of runs per page and says where to go on.
//!
//! A run of a newer release may say what this one does not know: while an upgrade rolls, or after
//! it was taken back. It is passed over, and hides no other one.

use serde::{Deserialize, Serialize};

use crate::domain::{ActorId, ClioId, FirmId, MatterId, Note, RunStatus, StepKind, StepOutcome, Timestamp, Trigger};
use crate::error::{Code, Error, ErrorKind, Failure, Result};
use crate::links::all_second_records;
use crate::ports::{Key, Order, Scan};
use crate::store::Repository;
use crate::sync::{RUNS, RUNS_OF_MATTERS, RunRecord, StepRecord};

/// The largest page.
const MOST: usize = 500;
/// Runs that a filter looks at for one page.
const MOST_LOOKED_AT: usize = 5_000;

/// Which runs are asked for. Newest first.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct RunQuery {
    /// Of this matter only.
    pub matter: Option<MatterId>,
    /// With this end only.
    pub status: Option<RunStatus>,
    /// With a failure of this class of cause only, be it the run's own or that of any step.
    pub cause: Option<ErrorKind>,
    /// Begun at this time or later.
    pub since: Option<Timestamp>,
    /// Begun before this time.
    pub until: Option<Timestamp>,
    /// Where the page before ended: its `next`.
    pub after: Option<String>,
    /// At most so many, up to 500; 0 is 50.
    pub limit: usize,
}

/// A page of something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "{T}Page"))]
pub struct LogPage<T> {
    /// What was found. May be empty although there is more, when a filter passes over many.
    pub items: Vec<T>,
    /// Ask for the next page with this; `None`: that was all.
    pub next: Option<String>,
}

/// One run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LoggedRun {
    /// Its id.
    pub run: String,
    /// The matter.
    pub matter: MatterId,
    /// Who asked for it.
    pub actor: ActorId,
    /// Why.
    pub trigger: Trigger,
    /// When it began, on the host's clock.
    pub started_at: Timestamp,
    /// When it ended; `None`: it is running, or its process died and nobody has taken the matter
    /// over yet. Whoever does ends it with [`Code::LeaseLost`].
    pub ended_at: Option<Timestamp>,
    /// How it ended.
    pub status: Option<RunStatus>,
    /// Why not everything arrived: what the run broke off with, else the first failure, with its
    /// `step` and record in the context.
    pub failure: Option<Failure>,
    /// Which try of the same work it was, from 1.
    pub attempt: u32,
    /// When it is tried again by itself.
    pub next_attempt_at: Option<Timestamp>,
    /// Calls to Clio's API; of a run whose process died they are not known, and 0.
    pub calls: u32,
    /// Failures that were survived by trying again, within those calls.
    pub retries: u32,
    /// What was answered, or not, where the run went on all the same: what left a creation in
    /// doubt, else what was tried again last.
    pub survived: Option<Failure>,
    /// What it did, in order.
    pub steps: Vec<LoggedStep>,
}

/// One step of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LoggedStep {
    /// What it was about.
    pub step: StepKind,
    /// CaseHug's id.
    pub id: String,
    /// How it ended.
    pub outcome: StepOutcome,
    /// The record in Clio.
    pub clio: Option<ClioId>,
    /// Something worth knowing: the first of [`notes`](Self::notes).
    pub note: Option<Note>,
    /// All that is.
    pub notes: Vec<Note>,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// What in Clio is the same, as was found later.
    pub second_records: Vec<ClioId>,
}

/// Reads runs.
pub(crate) struct SyncLog<'a> {
    pub repository: &'a Repository,
}

impl SyncLog<'_> {
    pub(crate) async fn run(&self, firm: &FirmId, run: &str) -> Result<Option<LoggedRun>> {
        let mut run = self.read(firm, run).await?;
        self.add_second_records(firm, run.as_mut_slice()).await?;
        Ok(run)
    }

    async fn read(&self, firm: &FirmId, run: &str) -> Result<Option<LoggedRun>> {
        let stored = self.repository.get::<RunRecord>(&Key::new(firm, RUNS, run)).await?;
        Ok(stored.map(|stored| logged(run.to_owned(), stored.value)))
    }

    /// `None` in place of a run that cannot be read, which is told once.
    fn unless_unreadable(&self, firm: &FirmId, run: Result<Option<LoggedRun>>) -> Result<Option<LoggedRun>> {
        match run {
            Err(error) if error.code() == Code::StoreCorrupt => {
                if self.repository.failures().is_news(format!("sync log {firm}"), error.code()) {
                    tracing::warn!(%firm, code = error.code().name(), "a run cannot be read, and is left out of the sync log");
                }
                Ok(None)
            }
            run => run,
        }
    }

    /// They are found after the run.
    async fn add_second_records(&self, firm: &FirmId, runs: &mut [LoggedRun]) -> Result<()> {
        for found in all_second_records(self.repository, firm).await? {
            let steps = runs.iter_mut().flat_map(|run| &mut run.steps);
            let same = |step: &&mut LoggedStep| {
                step.step == found.step && step.id == found.id && step.clio == Some(found.clio)
            };
            steps.filter(same).for_each(|step| step.second_records.extend(&found.others));
        }
        Ok(())
    }

    pub(crate) async fn query(&self, firm: &FirmId, query: &RunQuery) -> Result<LogPage<LoggedRun>> {
        let mut page = self.page(firm, query, MOST_LOOKED_AT, |run| query.takes(run)).await?;
        self.add_second_records(firm, &mut page.items).await?;
        Ok(page)
    }

    /// Those of the newest `looked_at` runs that did not succeed, newest first, up to `limit`.
    pub(crate) async fn unsuccessful(&self, firm: &FirmId, looked_at: usize, limit: usize) -> Result<Vec<LoggedRun>> {
        let query = RunQuery { limit, ..RunQuery::default() };
        let takes = |run: &LoggedRun| matches!(run.status, Some(RunStatus::Failed | RunStatus::Partial));
        Ok(self.page(firm, &query, looked_at, takes).await?.items)
    }

    async fn page(
        &self,
        firm: &FirmId,
        query: &RunQuery,
        most: usize,
        takes: impl Fn(&LoggedRun) -> bool,
    ) -> Result<LogPage<LoggedRun>> {
        let limit = if query.limit == 0 { 50 } else { query.limit.min(MOST) };
        let prefix = query.matter.as_ref().map_or_else(String::new, |matter| format!("{matter}/"));
        let collection = if query.matter.is_some() { RUNS_OF_MATTERS } else { RUNS };
        let from = format!("{prefix}{}", query.since.map(first_id).unwrap_or_default());
        if query.after.as_ref().is_some_and(|after| uuid::Uuid::try_parse(after).is_err()) {
            return Err(Error::new(Code::SettingInvalid).with("argument", "after").with("reason", "not_of_a_page"));
        }
        let mut until = match (&query.after, query.until) {
            (Some(after), _) => format!("{prefix}{after}"),
            (None, Some(until)) => format!("{prefix}{}", first_id(until)),
            // Behind every id of hexadecimal digits.
            (None, None) => format!("{prefix}g"),
        };
        let mut page = LogPage { items: Vec::new(), next: None };
        let mut looked_at = 0;
        loop {
            let scan = Scan::Ids {
                firm: firm.clone(),
                collection,
                from: from.clone(),
                until: Some(until.clone()),
                order: Order::Descending,
                limit: limit.max(50),
            };
            let found = self.repository.store().scan(&scan).await?;
            let all = found.len() < limit.max(50);
            for record in found {
                let id = record.key.id[prefix.len()..].to_owned();
                looked_at += 1;
                let run = match query.matter {
                    Some(_) => self.read(firm, &id).await,
                    None => decode(&record.body).map(|record| Some(logged(id.clone(), record))),
                };
                let run = self.unless_unreadable(firm, run)?;
                page.items.extend(run.filter(&takes));
                if page.items.len() == limit || looked_at == most {
                    page.next = Some(id);
                    return Ok(page);
                }
                until = record.key.id;
            }
            if all {
                return Ok(page);
            }
        }
    }
}

impl RunQuery {
    fn takes(&self, run: &LoggedRun) -> bool {
        self.status.is_none_or(|status| run.status == Some(status))
            && self.cause.is_none_or(|cause| {
                // A blocked step has no cause of its own, and what may not be sent is no failure.
                let failed = |step: &&LoggedStep| matches!(step.outcome, StepOutcome::Failed | StepOutcome::InDoubt);
                let of_steps = run.steps.iter().filter(failed).filter_map(|step| step.failure.as_ref());
                run.failure.iter().chain(of_steps).any(|failure| failure.kind == cause.name())
            })
    }
}

/// The smallest id of that millisecond (UUIDv7).
pub(super) fn first_id(at: Timestamp) -> String {
    let millis = u64::try_from(at.0).unwrap_or(0) & 0xffff_ffff_ffff;
    format!("{:08x}-{:04x}", millis >> 16, millis & 0xffff)
}

pub(super) fn decode(body: &str) -> Result<RunRecord> {
    serde_json::from_str(body).map_err(|_| Error::new(Code::StoreCorrupt).with("collection", RUNS))
}

fn logged(run: String, record: RunRecord) -> LoggedRun {
    let first = record.steps.iter().find(|step| step.outcome.is_failure()).and_then(StepRecord::told_failure);
    LoggedRun {
        run,
        matter: record.matter,
        actor: record.actor,
        trigger: record.trigger,
        started_at: record.started_at,
        ended_at: record.ended_at,
        status: record.status,
        failure: record.failure.or(first),
        attempt: record.attempt,
        next_attempt_at: record.next_attempt_at,
        calls: record.calls,
        retries: record.retries,
        survived: record.survived,
        steps: record.steps.into_iter().map(step).collect(),
    }
}

fn step(record: StepRecord) -> LoggedStep {
    let failure = record.told_failure();
    let StepRecord { step, id, outcome, clio, note, mut notes, .. } = record;
    if notes.is_empty() {
        // Of a time when there was one at most.
        notes.extend(note);
    }
    LoggedStep { step, id, outcome, clio, note, notes, failure, second_records: Vec::new() }
}
