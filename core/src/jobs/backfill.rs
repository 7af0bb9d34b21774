//! Backfill: many older matters, in bulk, behind everything else.
//!
//! **Model.** A backfill is a record with a place in a list of matters. Whenever it is due, a
//! worker looks which of the matters it started have ended, starts as many others, and writes down
//! where it is. So at any time only a handful of its matters are in the queue: live work need not
//! overtake a thousand jobs, a pause takes effect at once, and a process that dies loses nothing
//! but the time until another one looks.
//!
//! **Failure.** A crash between starting a matter and writing it down starts it twice, and the
//! second run finds nothing to do. A matter that fails is counted and left to the queue, which
//! tries again as after any failure. While the firm is not connected its jobs are blocked, and the
//! backfill with them; cancelled then, it ends at once, and leaves to the queue what it had started.
//! Connected to another account, it is paused: an admin may resume it there. What it had started,
//! and was put to rest or run for another account, is started again, also when the firm is back in
//! the first account before anybody looked; of one that is cancelled it is left.

use crate::calls::Context;
use crate::connection::{AccountScope, Connection, ScopeName};
use crate::sync::execute::load_intake;
use crate::sync::plan_input;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::claims::Claims;
use super::job::{Job, job_key};
use super::quarantine::{PassedOver, or_quarantine};
use crate::domain::{Actor, ActorId, FirmId, MatterId, RunStatus, Timestamp, Trigger};
use crate::error::{Code, Error, Result};
use crate::ports::{Commit, Expect, Key, Scan, Version};
use crate::store::{Action, AuditEntry, AuditStatus, Event, EventBody, ProgressFeed, Repository, Versioned};
use crate::sync::Calls;

const BACKFILLS: &str = "backfill";
const PARTS: &str = "backfill-part";
/// Matters of one backfill in the queue at once.
const WIDTH: usize = 4;
/// Matters of one part record.
const PART: usize = 200;
/// How often a worker looks: at every poll of a second, which by chance comes up to a tenth early.
const LOOK: Duration = Duration::from_millis(900);
/// How often while all that it started is blocked: until an admin acts, for months maybe.
const LOOK_BLOCKED: Duration = Duration::from_secs(60);

/// What a backfill would do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BackfillPlan {
    /// Matters that can be planned.
    pub matters: usize,
    /// Matters whose intake cannot be loaded: they will fail.
    pub unreadable: usize,
    /// Calls to Clio without faults.
    pub calls: Calls,
    /// How long that takes at least, in milliseconds, if nothing else is done: whole windows of the
    /// firm's request limit.
    pub lasts_ms: u64,
}

/// What a backfill is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum BackfillStatus {
    /// It goes on by itself.
    Running,
    /// It was paused.
    Paused,
    /// It was cancelled. What had been started was finished; what waited for an admin is synced once
    /// it can be.
    Cancelled,
    /// All its matters had their run.
    Done,
}

/// Where a backfill stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BackfillState {
    /// Its id.
    pub id: String,
    /// In one word.
    pub status: BackfillStatus,
    /// Who began it.
    pub actor: ActorId,
    /// When, on the host's clock.
    pub started_at: Timestamp,
    /// Matters in all.
    pub total: usize,
    /// Matters in the queue now.
    pub running: usize,
    /// Matters whose first run succeeded.
    pub succeeded: usize,
    /// Matters whose first run did not.
    pub failed: usize,
}

/// `backfill/<id>`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Backfill {
    status: BackfillStatus,
    actor: ActorId,
    started_at: Timestamp,
    total: usize,
    /// The next matter of the list to be started.
    next: usize,
    /// Started, with the job's generation that the start made.
    running: Vec<(MatterId, u64)>,
    succeeded: usize,
    failed: usize,
    /// The account that the firm was connected to when it was begun, or resumed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    account: Option<ScopeName>,
}

impl Backfill {
    fn state(&self, id: &str) -> BackfillState {
        BackfillState {
            id: id.to_owned(),
            status: self.status,
            actor: self.actor.clone(),
            started_at: self.started_at,
            total: self.total,
            running: self.running.len(),
            succeeded: self.succeeded,
            failed: self.failed,
        }
    }

    /// Whether it was begun, or resumed, for another account than this one.
    fn is_of_another(&self, account: Option<ScopeName>) -> bool {
        self.account.as_ref().zip(account.as_ref()).is_some_and(|(own, now)| own != now)
    }

    fn finished(&self, id: &str) -> Event {
        let left = self.total - self.succeeded - self.failed - self.running.len();
        let (succeeded, failed) = (self.succeeded, self.failed);
        Event::about_backfill(id, EventBody::BackfillFinished { backfill: id.to_owned(), succeeded, failed, left })
    }
}

/// The account that the firm is connected to, or was last.
async fn account(repository: &Repository, firm: &FirmId) -> Result<Option<ScopeName>> {
    Ok(Connection::load(repository, firm).await?.map(|stored| stored.value.link_set))
}

fn key(firm: &FirmId, id: &str) -> Key {
    Key::new(firm, BACKFILLS, id)
}

fn part_key(firm: &FirmId, id: &str, part: usize) -> Key {
    Key::new(firm, PARTS, format!("{id}/{part:08}"))
}

/// What syncing these matters in bulk would cost.
pub(crate) async fn plan_backfill(ctx: &Context, firm: &FirmId, matters: &[MatterId]) -> Result<BackfillPlan> {
    let mut whole = BackfillPlan::default();
    let scope = AccountScope::current(&ctx.repository, firm).await?;
    let settings = crate::settings::load(&ctx.repository, firm).await?;
    for matter in matters {
        match load_intake(ctx, firm, matter).await {
            Ok(intake) => {
                let (plan, _) = plan_input::plan(ctx, &scope, &intake, &settings).await?;
                whole.matters += 1;
                whole.calls.add(plan.calls);
            }
            Err(_) => whole.unreadable += 1,
        }
    }
    let (limit, left) = ctx.firm_state_of(firm).budget.limit_and_left().await?;
    // The last call is made in a window of its own only if those before it are full.
    let later = u64::from(whole.calls.most).saturating_sub(left.unwrap_or(limit));
    whole.lasts_ms = later.div_ceil(limit.max(1)) * 60_000;
    Ok(whole)
}

/// Writes the list, then the record that makes it count.
pub(crate) async fn begin(repository: &Repository, actor: &Actor, matters: &[MatterId]) -> Result<String> {
    let firm = &actor.firm;
    let id = repository.new_id()?;
    for (part, matters) in matters.chunks(PART).enumerate() {
        let mut transaction = repository.transaction(firm)?;
        transaction.put(part_key(firm, &id, part), Expect::Absent, &matters)?;
        repository.commit_or_conflict(&transaction).await?;
    }
    let backfill = Backfill {
        status: BackfillStatus::Running,
        actor: actor.id.clone(),
        started_at: repository.runtime().now(),
        total: matters.len(),
        next: 0,
        running: Vec::new(),
        succeeded: 0,
        failed: 0,
        account: account(repository, firm).await?,
    };
    let mut transaction = repository.transaction(firm)?;
    transaction.put_due(key(firm, &id), Expect::Absent, Some(Duration::ZERO), &backfill)?;
    transaction.audit(audit(&actor.id, &id, "begun").with("matters", matters.len()));
    repository.commit_or_conflict(&transaction).await?;
    Ok(id)
}

/// The firm's backfills, oldest first.
pub(crate) async fn list(repository: &Repository, firm: &FirmId) -> Result<Vec<BackfillState>> {
    let all = repository.list::<Backfill>(firm, BACKFILLS, "").await?;
    Ok(all.into_iter().map(|(id, stored)| stored.value.state(&id)).collect())
}

/// Pauses, resumes or cancels. What has ended stays ended.
pub(crate) async fn change(
    repository: &Repository,
    actor: &Actor,
    id: &str,
    to: BackfillStatus,
) -> Result<BackfillState> {
    loop {
        let stored = repository.get::<Backfill>(&key(&actor.firm, id)).await?;
        let Versioned { value: mut backfill, version, .. } =
            stored.ok_or_else(|| Error::new(Code::RecordUnknown).with("type", "backfill"))?;
        let ended = matches!(backfill.status, BackfillStatus::Cancelled | BackfillStatus::Done);
        if ended || backfill.status == to {
            return Ok(backfill.state(id));
        }
        backfill.status = to;
        if to == BackfillStatus::Running {
            backfill.account = account(repository, &actor.firm).await?;
        }
        let mut transaction = repository.transaction(&actor.firm)?;
        // One that is cancelled is looked at until what it started has ended.
        let due = (to != BackfillStatus::Paused).then_some(Duration::ZERO);
        transaction.put_due(key(&actor.firm, id), Expect::Version(version), due, &backfill)?;
        let word = match to {
            BackfillStatus::Running => "resumed",
            BackfillStatus::Paused => "paused",
            BackfillStatus::Cancelled | BackfillStatus::Done => "cancelled",
        };
        transaction.audit(audit(&actor.id, id, word));
        if matches!(repository.commit(&transaction).await?, Commit::Done { .. }) {
            return Ok(backfill.state(id));
        }
    }
}

fn audit(actor: &ActorId, id: &str, word: &'static str) -> AuditEntry {
    AuditEntry::by(actor, Action::Backfill, AuditStatus::Ok).with("backfill", id).with("status", word)
}

/// Looks after the backfills that are due.
pub(crate) async fn feed_due(
    repository: &Repository,
    claims: &Claims,
    progress: &ProgressFeed,
    passed: &mut PassedOver<'_>,
) -> Result<()> {
    let due = Scan::Due { firm: None, collection: BACKFILLS, limit: 20 };
    for record in repository.store().scan(&due).await? {
        let fed = async {
            let stored = repository.get::<Backfill>(&record.key).await?;
            match stored.filter(|stored| stored.version == record.version) {
                Some(stored) => feed(repository, claims, progress, &record.key, stored).await,
                // Another worker looks after it at this moment.
                None => Ok(()),
            }
        };
        passed.unless(or_quarantine(repository, &record, fed.await).await)?;
    }
    Ok(())
}

async fn feed(
    repository: &Repository,
    claims: &Claims,
    progress: &ProgressFeed,
    key: &Key,
    stored: Versioned<Backfill>,
) -> Result<()> {
    let (firm, id) = (&key.firm, key.id.as_str());
    let mut backfill = stored.value;
    if backfill.status == BackfillStatus::Running && backfill.is_of_another(account(repository, firm).await?) {
        return pause(repository, key, backfill, stored.version).await;
    }
    let before = backfill.clone();
    let blocked = take_in_ends(repository, claims, firm, &mut backfill).await?;
    while backfill.status == BackfillStatus::Running && backfill.running.len() < WIDTH && backfill.next < backfill.total
    {
        let part = repository.get::<Vec<MatterId>>(&part_key(firm, id, backfill.next / PART)).await?;
        let matter = part.and_then(|part| part.value.get(backfill.next % PART).cloned());
        let matter = matter.ok_or_else(|| Error::new(Code::StoreCorrupt).with("collection", PARTS))?;
        let generation = claims.trigger(firm, &matter, Trigger::Backfill, &backfill.actor).await?;
        backfill.running.push((matter, generation));
        backfill.next += 1;
    }
    let through = backfill.running.is_empty()
        && (backfill.status == BackfillStatus::Cancelled || backfill.next == backfill.total);
    let mut transaction = repository.transaction(firm)?;
    if through {
        if backfill.status == BackfillStatus::Running {
            backfill.status = BackfillStatus::Done;
        }
        transaction.event(backfill.finished(id));
        let entry = audit(&backfill.actor, id, "ended");
        transaction.audit(entry.with("succeeded", backfill.succeeded).with("failed", backfill.failed));
        for part in 0..backfill.total.div_ceil(PART) {
            if let Some(record) = repository.store().get(&part_key(firm, id, part)).await? {
                transaction.delete(record.key, record.version);
            }
        }
    }
    let look = if blocked == backfill.running.len() && backfill == before { LOOK_BLOCKED } else { LOOK };
    transaction.put_due(key.clone(), Expect::Version(stored.version), (!through).then_some(look), &backfill)?;
    // A conflict: it was paused or cancelled in this moment, or another worker was faster. What was
    // started twice finds nothing to do.
    repository.commit(&transaction).await?;
    let done = backfill.succeeded + backfill.failed;
    if done != before.succeeded + before.failed {
        let body = EventBody::BackfillProgress { backfill: id.to_owned(), done, of: backfill.total };
        progress.tell(firm, body);
    }
    Ok(())
}

/// Takes in what became of the matters that were started. Gives how many wait for an admin.
async fn take_in_ends(
    repository: &Repository,
    claims: &Claims,
    firm: &FirmId,
    backfill: &mut Backfill,
) -> Result<usize> {
    let mut blocked = 0;
    for (matter, generation) in core::mem::take(&mut backfill.running) {
        match standing(repository, firm, &matter, generation, backfill.account.as_ref()).await? {
            Standing::Waits => backfill.running.push((matter, generation)),
            Standing::NotRun if backfill.status == BackfillStatus::Running => {
                let generation = claims.trigger(firm, &matter, Trigger::Backfill, &backfill.actor).await?;
                backfill.running.push((matter, generation));
            }
            Standing::Blocked if backfill.status == BackfillStatus::Running => {
                blocked += 1;
                backfill.running.push((matter, generation));
            }
            // Left.
            Standing::NotRun | Standing::Blocked => {}
            Standing::Ended(RunStatus::Succeeded) => backfill.succeeded += 1,
            Standing::Ended(_) => backfill.failed += 1,
        }
    }
    Ok(blocked)
}

/// The firm was connected to another account than the one that it was begun for.
async fn pause(repository: &Repository, key: &Key, backfill: Backfill, version: Version) -> Result<()> {
    let paused = Backfill { status: BackfillStatus::Paused, ..backfill };
    let mut transaction = repository.transaction(&key.firm)?;
    transaction.put_due(key.clone(), Expect::Version(version), None, &paused)?;
    transaction.audit(audit(&paused.actor, &key.id, "paused").with("reason", "another_account"));
    // A conflict: it was changed in this moment, and is looked at again.
    repository.commit(&transaction).await.map(|_| ())
}

/// What became of a matter that was started.
enum Standing {
    /// It waits for its run, or is being run.
    Waits,
    /// It waits for an admin.
    Blocked,
    /// It was put to rest without one, or the last one was for another account.
    NotRun,
    Ended(RunStatus),
}

/// What became of this generation of a job, for this account.
async fn standing(
    repository: &Repository,
    firm: &FirmId,
    matter: &MatterId,
    generation: u64,
    account: Option<&ScopeName>,
) -> Result<Standing> {
    let Some(stored) = repository.get::<Job>(&job_key(firm, matter)).await? else { return Ok(Standing::NotRun) };
    let job = stored.value;
    Ok(match job.last {
        _ if job.account.as_ref().zip(account).is_some_and(|(of_job, own)| of_job != own) => Standing::NotRun,
        _ if job.parked.is_some() => Standing::Blocked,
        _ if job.served < generation => Standing::Waits,
        Some(last) if !job.not_run => Standing::Ended(last.status),
        // It was blocked, and is released.
        _ if stored.due_at.is_some() => Standing::Waits,
        _ => Standing::NotRun,
    })
}
