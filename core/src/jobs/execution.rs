//! A run from its claim to its end: heartbeats beside it, and one last commit that ends both.

use core::pin::pin;
use core::time::Duration;

use futures_util::future::{Either, select};

use super::claims::{Acquired, Claim, Claims, Ending, Why};
use super::held::{self, Held, hold};
use super::job::{Job, LastRun, Next};
use super::queue::Queue;
use crate::connection::Connection;
use crate::domain::{Actor, ClioId, MatterId, RunStatus, SyncReport, Trigger};
use crate::error::{Code, Error, Failure, Result};
use crate::ports::Commit;
use crate::store::{Action, AuditEntry, AuditStatus, Event, EventBody, counter_key};
use crate::sync::{Ended, Progress, Run, execute, fallen_short};

/// How much longer than a lease somebody who asks waits for a run of the same matter elsewhere.
const BUSY_WAIT: Duration = Duration::from_secs(30);
const BUSY_POLL_SHORTEST: Duration = Duration::from_millis(20);
const BUSY_POLL_LONGEST: Duration = Duration::from_millis(250);
/// How often the end of a run is built again because a trigger wrote the job.
const MOST_ATTEMPTS: usize = 50;

/// How a run ended.
struct End<'a> {
    status: RunStatus,
    failure: Option<&'a Error>,
    clio_matter: Option<ClioId>,
}

/// Syncs one matter because `actor` asks for it. Waits for a run of the same matter elsewhere, for
/// about as long as its lease; then a worker is to follow it.
pub(crate) async fn sync_now(
    queue: &Queue,
    actor: &Actor,
    matter: &MatterId,
    progress: Option<&dyn Progress>,
) -> Result<SyncReport> {
    let ctx = &queue.ctx;
    let mut found = queue.claims.find(&actor.firm, matter).await?;
    if found.connection.as_ref().is_some_and(Connection::has_ended)
        && hold(&ctx.repository, &actor.firm, matter, Trigger::Manual, &actor.id).await?
    {
        return Err(Code::NotConnected.into());
    }
    if found.connection.as_ref().is_some_and(|connection| !connection.is_of(ctx.clio.host())) {
        return Err(Code::ConnectedElsewhere.into());
    }
    if let Err(error) = ctx.keyring.prove(&actor.firm).await {
        // A process whose key is the right one does it.
        queue.claims.trigger(&actor.firm, matter, Trigger::Manual, &actor.id).await?;
        return Err(error);
    }
    let deadline = ctx.runtime.monotonic() + ctx.config.lease + BUSY_WAIT;
    loop {
        // Boxed, as the run is: both are large, and who asks may be deep in a small stack.
        let why = Why::Asked(Trigger::Manual, &actor.id);
        let acquired = Box::pin(queue.claims.acquire(&actor.firm, matter, found, why));
        let left = match acquired.await? {
            Acquired::Mine(claim) => return run_claimed(queue, &claim, progress).await,
            Acquired::Busy(left) => left,
            Acquired::Nothing => return Err(Error::new(Code::Internal).with("reason", "nothing_to_claim")),
        };
        if ctx.runtime.monotonic() >= deadline {
            // That run may have begun before what is asked for was there.
            queue.trigger(&actor.firm, matter, Trigger::Manual, &actor.id).await?;
            return Err(Error::new(Code::SyncBusy).with("matter", matter));
        }
        let wait = left.clamp(BUSY_POLL_SHORTEST, BUSY_POLL_LONGEST);
        if let Err(stopped) = ctx.stop.unless_stopped(ctx.runtime.sleep(wait)).await {
            queue.trigger(&actor.firm, matter, Trigger::Manual, &actor.id).await?;
            return Err(stopped);
        }
        found = queue.claims.find(&actor.firm, matter).await?;
    }
}

/// Runs a claimed job to its end, with heartbeats.
pub(crate) async fn run_claimed(queue: &Queue, claim: &Claim, progress: Option<&dyn Progress>) -> Result<SyncReport> {
    let work = pin!(run_and_close(queue, claim, progress));
    let beats = pin!(queue.claims.heartbeats(claim));
    match select(work, beats).await {
        Either::Left((result, _)) => result,
        // The claim is lost: the run ends at its next call or commit.
        Either::Right(((), work)) => work.await,
    }
}

async fn run_and_close(queue: &Queue, claim: &Claim, progress: Option<&dyn Progress>) -> Result<SyncReport> {
    let Ended { mut run, result } = Box::pin(execute(&queue.ctx, &claim.order, queue, progress)).await;
    let result = match result {
        Ok((report, clio_matter)) => {
            let failure = report.first_failure().and_then(|step| step.error.clone());
            let end = End { status: report.status, failure: failure.as_ref(), clio_matter };
            close(queue, claim, &mut run, end, |job| job.next(&report)).await.map(|()| report)
        }
        Err(error) => Err(error),
    };
    match result {
        Err(error) if queue.ctx.is_of_this_process(claim.firm(), &error).await => {
            give_back(queue, claim, &mut run, &error).await?;
            Err(error)
        }
        Err(error) if error.code() != Code::LeaseLost => {
            run.record.failure = Some(Failure::from(&error));
            // If the store is what failed, this fails too, and the job is taken over when the lease
            // ends.
            let order = &claim.order;
            let (status, clio_matter) = fallen_short(&queue.ctx.repository, &order.scope, &order.matter).await?;
            let end = End { status, failure: Some(&error), clio_matter };
            close(queue, claim, &mut run, end, |job| job.next_after(&error)).await?;
            Err(error)
        }
        result => result,
    }
}

/// The end of a run that others go on with. It tells the host nothing, and counts for no try.
async fn give_back(queue: &Queue, claim: &Claim, run: &mut Run, error: &Error) -> Result<()> {
    if mutated!(GiveBack) {
        return Ok(());
    }
    let (ctx, order) = (&queue.ctx, &claim.order);
    for _ in 0..MOST_ATTEMPTS {
        let mut transaction = ctx.repository.transaction(claim.firm())?;
        queue.claims.give_back(&mut transaction, claim).await?;
        if run.is_written() {
            run.record.failure = Some(Failure::from(error));
            run.record.status = Some(fallen_short(&ctx.repository, &order.scope, &order.matter).await?.0);
            let ended_at = ctx.runtime.now();
            (run.record.ended_at, run.record.next_attempt_at) = (Some(ended_at), Some(ended_at));
            run.attach_end(&mut transaction)?;
        }
        if matches!(ctx.repository.commit(&transaction).await?, Commit::Done { .. }) {
            ctx.workers.notify();
            return Ok(());
        }
        require_held(queue, claim).await?;
    }
    Err(contended())
}

/// The last commit of a run: its record, the audit entry, the event for the host, and the release
/// of the claim.
async fn close(queue: &Queue, claim: &Claim, run: &mut Run, end: End<'_>, next: impl Fn(&Job) -> Next) -> Result<()> {
    let (ctx, matter) = (&queue.ctx, &claim.order.matter);
    let ended_at = ctx.runtime.now();
    run.record.status = Some(end.status);
    run.record.ended_at = Some(ended_at);
    let entry = entry_of(claim, run, &end);
    let failed = end.failure.map(Failure::from);
    let event = EventBody::RunFinished {
        matter: matter.clone(),
        clio_matter: end.clio_matter,
        status: end.status.name().to_owned(),
        code: failed.as_ref().map(|failure| failure.code.clone()),
        run: Some(run.id.clone()),
        at: Some(ended_at),
    };
    let event = Event::about_matter(matter, event);
    for _ in 0..MOST_ATTEMPTS {
        let others = [counter_key(claim.firm(), &event), held::key(claim.firm(), matter)];
        let keys = [&Claims::keys_of_end(claim)[..], &others].concat();
        let read = ctx.repository.reading(&keys).await?;
        let mut transaction = read.transaction(claim.firm())?;
        let last = LastRun {
            run: run.id.clone(),
            status: end.status,
            at: ended_at,
            failure: failed.clone(),
            survived: run.record.survived.clone(),
            documents_left: run.documents_left,
        };
        let held = read.get::<Held>(&held::key(claim.firm(), matter)).await?;
        let follows = match end.clio_matter {
            Some(_) => held::follows(&read, &mut transaction, claim, held.as_ref()).await?,
            None => None,
        };
        let ending = Ending { last, client: run.client.clone(), follows };
        let due = queue.claims.end(&read, &mut transaction, claim, ending, &next).await?;
        if end.status == RunStatus::Succeeded {
            held::serve(&mut transaction, held.as_ref(), claim.order.trigger, claim.held.as_ref());
        }
        run.record.next_attempt_at = due.filter(|_| end.failure.is_some()).map(|due| ended_at + due);
        transaction.audit(entry.clone());
        transaction.event(event.clone());
        run.attach_end(&mut transaction)?;
        if matches!(read.commit(&transaction).await?, Commit::Done { .. }) {
            ctx.workers.notify();
            return Ok(());
        }
        require_held(queue, claim).await?;
    }
    Err(contended())
}

/// What the audit log tells of a run that has ended.
fn entry_of(claim: &Claim, run: &Run, end: &End<'_>) -> AuditEntry {
    let order = &claim.order;
    let status = if end.status == RunStatus::Succeeded { AuditStatus::Ok } else { AuditStatus::Failed };
    let entry = AuditEntry::by(&order.actor, Action::Sync, status)
        .with("matter", &order.matter)
        .with("run", &run.id)
        .with("trigger", order.trigger.name())
        .with("status", end.status.name())
        .with("calls", run.record.calls)
        .with("retries", run.record.retries);
    let entry = run.record.survived.as_ref().map_or(entry.clone(), |survived| entry.surviving(survived));
    match end.failure {
        Some(error) => entry.error(error),
        None => entry,
    }
}

async fn require_held(queue: &Queue, claim: &Claim) -> Result<()> {
    if claim.order.fence.holds(&queue.ctx.repository).await? {
        return Ok(());
    }
    Err(Error::new(Code::LeaseLost).with("matter", &claim.order.matter))
}

fn contended() -> Error {
    Error::new(Code::StoreConflict).with("reason", "job_contended")
}
