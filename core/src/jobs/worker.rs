//! The worker: claims due jobs and runs them, several at once, until it is told to stop.
//!
//! It looks for work when a trigger of this process notifies it, when a run ends, and
//! otherwise at a slow interval, for the triggers of other processes and for the work of the dead.
//! Told to stop, it claims nothing more; its runs end after the step in progress, at once in a
//! wait, and give back what is not done.
//!
//! It takes no work of a firm whose keys do not open in this process: others can do it.
//!
//! One firm holds up no other: a firm has its share of runs, some are kept for firms that have none,
//! what cannot be read is quarantined, and jobs of firms that have their share are deferred for a
//! while when they fill the widest look. And looking holds up no run: the runs go on meanwhile.

use core::pin::pin;
use core::time::Duration;
use std::collections::HashSet;

use futures_util::future::{Either, join, join_all, ready, select};
use futures_util::stream::{FuturesUnordered, StreamExt as _};

use super::backfill::feed_due;
use super::blocked::release_due;
use super::claims::{Acquired, Claim, Why};
use super::due_tasks::Look;
use super::execution::run_claimed;
use super::idle::Idle;
use super::job::{FIRST, First, JOBS, Job, first_key};
use super::quarantine::{PassedOver, or_quarantine};
use super::queue::Queue;
use super::slots::{Offer, Slot, Slots};
use crate::domain::{FirmId, Timestamp};
use crate::error::{Code, Error, Result};
use crate::maybe_send::BoxFuture;
use crate::ports::{Record, Scan};

/// The widest look at what is due.
pub(super) const WIDEST_SCAN: usize = 2_000;
/// How long due jobs are deferred that filled the widest look though their firms have their share.
const DEFERRAL: Duration = Duration::from_secs(30);
/// Jobs of one firm that are deferred in one commit.
const DEFER_TOGETHER: usize = 100;
/// Between two looks that the store asks for.
const LEAST_BETWEEN_HINTS: Duration = Duration::from_millis(100);

/// How a worker works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkerConfig {
    /// Runs at once; 0 counts as 1. Default 16. Bulk runs (backfill, retries of all that failed)
    /// hold three quarters of them at most, unless there is only one. The last quarter is kept for
    /// firms that have no run in progress; while no other firm has work, one has its whole share.
    pub concurrency: usize,
    /// Runs of one firm at once; 0 counts as 1. A firm's runs share its request budget, so more
    /// than a few gain nothing. Default 4, of which bulk runs hold three at most.
    pub per_firm: usize,
    /// The longest wait before it looks for work of other processes, less up to a tenth by chance:
    /// processes that were started together do not ask the database together. Backfills, the
    /// releases of blocked jobs and maintenance have three times as long while nothing is done.
    /// Default 1 s.
    pub poll: Duration,
}

impl Default for WorkerConfig {
    fn default() -> Self {
        Self { concurrency: 16, per_firm: 4, poll: Duration::from_secs(1) }
    }
}

/// What a due record turned out to be.
enum Due {
    /// This SDK's: so it could be claimed, or not.
    Here(Acquired),
    /// Of a firm that is another SDK's, or whose keys do not open here, or the store fails on it:
    /// it is left alone.
    Elsewhere,
    /// Unreadable, and quarantined; or written all the time.
    Aside,
}

/// Due records that were not claimed in a look.
#[derive(Default)]
struct Left {
    /// There is no room for them.
    waiting: Vec<Record>,
    elsewhere: Vec<Record>,
    /// How many others.
    passed_over: usize,
}

/// Runs due jobs of all firms, applies what Clio delivered, and does what is to be done from time
/// to time. Several may work on one store, in one process or in many.
#[derive(Debug)]
pub struct Worker<'a> {
    pub(super) queue: &'a Queue,
    pub(super) config: WorkerConfig,
}

impl<'a> Worker<'a> {
    pub(crate) fn new(queue: &'a Queue, config: WorkerConfig) -> Self {
        // With none a worker would wait for ever, and say nothing.
        let (concurrency, per_firm) = (config.concurrency.max(1), config.per_firm.max(1));
        Self { queue, config: WorkerConfig { concurrency, per_firm, ..config } }
    }

    /// Works until `shutdown` completes, or the SDK is [told to stop](crate::Sdk::stop), and the
    /// steps in progress have ended; runs that wait, for Clio's limit say, end at once. What is
    /// not done is due at once for other processes. Failures of the store are logged and waited
    /// out. Dropping the future stops at once: what was in progress is taken over when its
    /// lease ends.
    pub async fn run(&self, shutdown: impl Future<Output = ()>) {
        let queue = self.queue.below();
        let told = async {
            select(pin!(shutdown), pin!(queue.ctx.stop.requested())).await;
            queue.ctx.stop.tell();
        };
        let worker = Worker::new(&queue, self.config);
        let loops: [BoxFuture<'_, ()>; 4] = [
            Box::pin(worker.run_jobs()),
            Box::pin(worker.run_due_tasks(Look::Deliveries)),
            Box::pin(worker.run_due_tasks(Look::Maintenance)),
            Box::pin(worker.hear_of_others()),
        ];
        // Each is polled when it is woken itself, not with every step of a run.
        let loops = FuturesUnordered::from_iter(loops);
        join(told, loops.for_each(|()| ready(()))).await;
    }

    /// Looks for work as soon as the store tells of another process's, not only at the next
    /// interval.
    async fn hear_of_others(&self) {
        let ctx = &self.queue.ctx;
        let mut hint = ctx.repository.store().due_elsewhere();
        loop {
            let told = async {
                hint.as_mut().await;
                hint = ctx.repository.store().due_elsewhere();
                ctx.workers.notify();
                // However often the store tells of it, looking is not all that is done.
                ctx.runtime.sleep(LEAST_BETWEEN_HINTS).await;
            };
            if matches!(select(pin!(ctx.stop.requested()), pin!(told)).await, Either::Left(_)) {
                return;
            }
        }
    }

    async fn run_jobs(&self) {
        let mut stop = pin!(self.queue.ctx.stop.requested());
        let mut running = FuturesUnordered::new();
        let mut slots = Slots::new(self.config);
        let (mut told, mut idle) = (0, Idle::new(self.queue.ctx.runtime.monotonic(), self.config.poll));
        loop {
            let seen = self.queue.ctx.workers.count();
            let now = self.queue.ctx.runtime.monotonic();
            if seen != told || !running.is_empty() {
                idle.is_active(now);
            }
            told = seen;
            let all = idle.looks_at_all(now);
            let mut claims = Vec::new();
            let (looked, ended) = meanwhile(self.claim_due(all, &mut slots, &mut claims), &mut running).await;
            self.queue.ctx.repository.failures().note("jobs", "looking for jobs", &looked);
            if !claims.is_empty() {
                idle.is_active(now);
            }
            running.extend(claims.into_iter().map(|claim| self.run_claimed(claim)));
            ended.iter().for_each(|slot| slots.leave(slot));
            let look_again = async {
                // Where a run ended during the look there is room again.
                if ended.is_empty() {
                    select(pin!(self.queue.ctx.workers.after(seen)), self.tick()).await;
                }
            };
            match select(stop.as_mut(), select(pin!(next_end(&mut running)), pin!(look_again))).await {
                Either::Left(_) => break,
                Either::Right((Either::Left((slot, _)), _)) => slots.leave(&slot),
                Either::Right(_) => {}
            }
        }
        while running.next().await.is_some() {}
    }

    /// Runs what is due now, one after the other, until nothing is; gives how many runs that were.
    /// For hosts that call on a schedule of their own.
    ///
    /// # Errors
    /// What failed, [`Code::StoreFailed`](crate::Code::StoreFailed) for example, after everything
    /// else was run.
    pub async fn run_due(&self) -> Result<usize> {
        let mut runs = 0;
        let (mut failed, mut failure) = (HashSet::new(), None);
        while !self.queue.ctx.stop.is_told() {
            // All of it: a look releases a part, and finds nothing to run if the firm's settings
            // forbid that part.
            let released = async {
                let mut passed = PassedOver::new(self.queue.ctx.runtime.as_ref());
                while release_due(&self.queue.ctx.repository, &mut passed).await? {}
                passed.end()
            };
            let released = released.await;
            let mut claims = Vec::new();
            let mut one = Slots::new(WorkerConfig { concurrency: 1, ..self.config });
            let claimed = self.claim_due(true, &mut one, &mut claims).await;
            let idle = claims.is_empty();
            for claim in claims {
                self.run_claimed(claim).await;
                runs += 1;
            }
            let mut due_tasks = Vec::new();
            let mut looked = Ok(());
            for look in [Look::Deliveries, Look::Maintenance] {
                match self.due_tasks(look, true, |task| !failed.contains(&task.name())).await {
                    Ok(found) => due_tasks.extend(found),
                    Err(error) => looked = Err(error),
                }
            }
            failure = failure.or(released.and(claimed).and(looked).err());
            if idle && due_tasks.is_empty() {
                return failure.map_or(Ok(runs), Err);
            }
            for task in due_tasks {
                let (name, done) = self.run_due_task(task).await;
                if !done {
                    failed.insert(name);
                }
            }
        }
        failure.map_or(Ok(runs), Err)
    }

    async fn run_claimed(&self, claim: Claim) -> Slot {
        let (failures, name) =
            (self.queue.ctx.repository.failures(), format!("run {} {}", claim.firm(), claim.matter()));
        match run_claimed(self.queue, &claim, None).await {
            Err(error) if error.code() == Code::Stopped => {}
            Err(error) => {
                if failures.is_news(name, error.code()) {
                    tracing::warn!(code = error.code().name(), matter = %claim.matter(), "a run ended early");
                }
            }
            Ok(_) => {
                failures.works(&name);
            }
        }
        Slot::of(&claim)
    }

    /// The longest wait before a look that nobody asked for.
    pub(super) fn tick(&self) -> BoxFuture<'static, ()> {
        let (runtime, poll) = (&self.queue.ctx.runtime, self.config.poll);
        let mut chance = [0];
        // Without chance it looks in step with the others.
        let _ = runtime.random(&mut chance);
        runtime.sleep(poll - poll / (10 * 255) * u32::from(chance[0]))
    }

    /// Claims due jobs for which there is room. What was claimed before a failure is claimed, and
    /// must be run. `all`: also looks for what makes jobs due.
    async fn claim_due(&self, all: bool, slots: &mut Slots, claims: &mut Vec<Claim>) -> Result<()> {
        if slots.free() == 0 {
            return Ok(());
        }
        let (ctx, mut passed) = (&self.queue.ctx, PassedOver::new(self.queue.ctx.runtime.as_ref()));
        if all {
            let released = release_due(&ctx.repository, &mut passed).await;
            if passed.unless(released)?.unwrap_or(false) {
                // There may be more of it.
                ctx.workers.notify();
            }
            let fed = feed_due(&ctx.repository, &self.queue.claims, &ctx.progress, &mut passed).await;
            passed.unless(fed)?;
        }
        let (mut waiting, mut all_seen) = (Vec::new(), true);
        // Who is waited for is first.
        for collection in [FIRST, JOBS] {
            let claimed = self.claim_due_of(collection, slots, claims, &mut passed).await;
            match passed.unless(claimed)?.flatten() {
                Some(left) => waiting.extend(left),
                None => all_seen = false,
            }
        }
        if all_seen && slots.are_kept() {
            let claimed = self.claim_these(waiting, Offer::Kept, slots, claims, &mut passed).await;
            passed.unless(claimed)?;
        }
        passed.end()
    }

    /// Gives what waits for room, if all that is due was seen.
    async fn claim_due_of(
        &self,
        collection: &'static str,
        slots: &mut Slots,
        claims: &mut Vec<Claim>,
        passed: &mut PassedOver<'_>,
    ) -> Result<Option<Vec<Record>>> {
        let repository = &self.queue.ctx.repository;
        let mut limit = 2 * self.config.concurrency;
        loop {
            let due = repository.store().scan(&Scan::Due { firm: None, collection, limit }).await?;
            let all = due.len() < limit;
            let mut left = self.claim_these(due, Offer::All, slots, claims, passed).await?;
            if all {
                return Ok(Some(left.waiting));
            }
            left.waiting.append(&mut left.elsewhere);
            if slots.free() == 0 || left.passed_over + left.waiting.len() == 0 {
                return Ok(None);
            }
            if limit >= WIDEST_SCAN {
                return self.defer_half(left.waiting).await.map(|()| None);
            }
            // Only firms that have their share, or that are another SDK's: look past them.
            limit *= 4;
        }
    }

    /// Claims those of these for which there is room.
    async fn claim_these(
        &self,
        due: Vec<Record>,
        offer: Offer,
        slots: &mut Slots,
        claims: &mut Vec<Claim>,
        passed: &mut PassedOver<'_>,
    ) -> Result<Left> {
        let (mut due, mut left) = (due.into_iter(), Left::default());
        loop {
            let chosen = slots.choose(&mut due, offer, passed, &mut left.waiting);
            if chosen.is_empty() {
                return Ok(left);
            }
            // Together: a database that is far away answers none of them sooner if they wait for
            // each other.
            let tried = join_all(chosen.iter().map(|(record, _)| self.claim(record))).await;
            let mut failed = None;
            for ((record, slot), tried) in chosen.into_iter().zip(tried) {
                slots.leave(&slot);
                match passed.due(&record, tried).map(|due| due.unwrap_or(Due::Elsewhere)) {
                    Ok(Due::Here(Acquired::Mine(claim))) => {
                        slots.take(&Slot::of(&claim));
                        claims.push(*claim);
                    }
                    Ok(Due::Here(outcome)) => {
                        left.passed_over += 1;
                        if record.key.collection == FIRST {
                            failed = self.not_first_now(record, &outcome).await.err().or(failed);
                        }
                    }
                    Ok(Due::Aside) => left.passed_over += 1,
                    Ok(Due::Elsewhere) => left.elsewhere.push(record),
                    // What was claimed beside it is claimed.
                    Err(error) => failed = Some(error),
                }
            }
            if let Some(error) = failed {
                return Err(error);
            }
        }
    }

    /// Who was first could not be claimed.
    async fn not_first_now(&self, record: Record, outcome: &Acquired) -> Result<()> {
        let mut transaction = self.queue.ctx.repository.transaction(&record.key.firm)?;
        if let Acquired::Busy(left) = outcome {
            // Asked for during a run: it is first once that has ended.
            transaction.defer(&record, *left);
        } else {
            transaction.delete(record.key, record.version);
        }
        // A conflict: it was claimed, or asked for again, in this moment.
        self.queue.ctx.repository.commit(&transaction).await.map(|_| ())
    }

    /// Puts the later half of these off a little, and looks again: they hide what is due behind
    /// them, of firms that are this SDK's and do not have their share.
    pub(super) async fn defer_half(&self, mut waiting: Vec<Record>) -> Result<()> {
        if self.queue.ctx.keyring.opens_nothing() {
            // A process that can do none of it must not take it from those that can.
            return Ok(());
        }
        let repository = &self.queue.ctx.repository;
        let job_of = |record: &Record| serde_json::from_str::<Job>(&record.body).ok();
        // Nobody is to wait longer for the work of the dead.
        waiting.retain(|record| job_of(record).is_none_or(|job| job.running.is_none()));
        // And not for what a person asked for, as long as there is other work.
        waiting.sort_by_cached_key(|record| !job_of(record).is_some_and(|job| job.is_awaited()));
        let mut aside = waiting.split_off(waiting.len() / 2);
        aside.sort_by(|one, other| one.key.firm.cmp(&other.key.firm));
        for of_firm in aside.chunk_by(|one, other| one.key.firm == other.key.firm) {
            for some in of_firm.chunks(DEFER_TOGETHER) {
                let mut transaction = repository.transaction(&some[0].key.firm)?;
                for record in some {
                    transaction.defer(record, DEFERRAL);
                    // Who is first is deferred with the job: due before it, there would be nothing
                    // to run.
                    if let Some(job) = job_of(record).filter(Job::is_awaited)
                        && let Some(first) = repository.store().get(&first_key(&record.key.firm, &job.matter)).await?
                    {
                        transaction.defer(&first, DEFERRAL);
                    }
                }
                // A conflict: one of them was written in this moment. The next look sees.
                repository.commit(&transaction).await?;
            }
        }
        if !aside.is_empty() {
            self.queue.ctx.workers.notify();
        }
        Ok(())
    }

    /// Claims what a due record stands for: a job, or who is first.
    async fn claim(&self, record: &Record) -> Result<Due> {
        let firm = &record.key.firm;
        let tried = async {
            // Both name the matter.
            let (matter, found) = match serde_json::from_str(&record.body) {
                Ok(First { matter }) => (matter.clone(), self.queue.claims.find(firm, &matter).await),
                Err(_) => return self.unreadable(firm, Code::StoreCorrupt.into()).await,
            };
            let found = match found {
                Ok(found) => found,
                Err(error) => return self.unreadable(firm, error).await,
            };
            if !self.queue.ctx.works_for_connection(firm, found.connection.as_ref()).await? {
                return Ok(Due::Elsewhere);
            }
            let seen = Why::Due(record.due_at.unwrap_or(Timestamp(0)));
            self.queue.claims.acquire(firm, &matter, found, seen).await.map(Due::Here)
        };
        Ok(or_quarantine(&self.queue.ctx.repository, record, tried.await).await?.unwrap_or(Due::Aside))
    }

    /// What cannot be read is this worker's to put aside only if the firm is.
    async fn unreadable(&self, firm: &FirmId, error: Error) -> Result<Due> {
        if self.queue.ctx.works_for(firm).await? { Err(error) } else { Ok(Due::Elsewhere) }
    }
}

/// The end of the next of these; never, while there is none.
pub(super) async fn next_end<T>(running: &mut FuturesUnordered<impl Future<Output = T>>) -> T {
    match running.next().await {
        Some(ended) => ended,
        None => futures_util::future::pending().await,
    }
}

/// A look, and the ends of what goes on meanwhile, however long it takes: runs with their
/// heartbeats, tasks that others wait for.
pub(super) async fn meanwhile<L, T>(
    look: impl Future<Output = L>,
    running: &mut FuturesUnordered<impl Future<Output = T>>,
) -> (L, Vec<T>) {
    let (mut look, mut ended) = (pin!(look), Vec::new());
    loop {
        match select(look.as_mut(), pin!(next_end(running))).await {
            Either::Left((looked, _)) => return (looked, ended),
            Either::Right((end, _)) => ended.push(end),
        }
    }
}
