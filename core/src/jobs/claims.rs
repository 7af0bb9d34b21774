//! Triggers, claims, heartbeats and releases: everything that writes the three records of a job.

use core::time::Duration;
use std::sync::Arc;

use super::held::{self, Held, HeldMatter, hold_in};
use super::job::{
    ClaimRecord, First, Job, LastRun, Lease, Next, claim_key, first_key, job_key, lease_key, needs_admin,
};
use crate::calls::Fence;
use crate::calls::budget::Class;
use crate::connection::{AccountScope, Connection};
use crate::domain::{ActorId, ClientId, FirmId, MatterId, Timestamp, Trigger};
use crate::error::{Code, Error, Result};
use crate::failure_log::FailureLog;
use crate::notify::Notify;
use crate::ports::{Commit, Expect, Key, Version};
use crate::settings;
use crate::store::{Repository, Transaction, Versioned};
use crate::sync::{Order, end_taken_over};

/// How often one change is built again because somebody else wrote the job meanwhile.
const MOST_ATTEMPTS: usize = 50;

/// Writes the records of jobs.
#[derive(Debug)]
pub(crate) struct Claims {
    repository: Repository,
    lease: Duration,
    holder: String,
    notify: Arc<Notify>,
}

/// What came of asking for a claim.
#[derive(Debug)]
pub(crate) enum Acquired {
    /// The run may begin.
    Mine(Box<Claim>),
    /// Another holder's lease lasts so long, unless it is extended.
    Busy(Duration),
    /// There is nothing to run: it was done meanwhile, or is not due.
    Nothing,
}

/// The right to run one matter, until the lease ends.
#[derive(Debug)]
pub(crate) struct Claim {
    pub order: Order,
    /// Nobody waits for it.
    pub bulk: bool,
    /// The connection's generation when it was claimed: what the run finds wanting may be mended
    /// while it still runs.
    pub(super) connection: u64,
    /// What was held for the matter when it was claimed: the run takes it in.
    pub(super) held: Option<Version>,
    /// Nobody asked for it.
    pub(super) by_itself: bool,
}

/// What a run leaves behind in its job.
#[derive(Debug)]
pub(crate) struct Ending {
    pub last: LastRun,
    /// Whose matter it is, if that is known.
    pub client: Option<ClientId>,
    /// What is held, and is to follow the run under this connection if nothing else does.
    pub follows: Option<(HeldMatter, Connection)>,
}

/// What a claim goes by, read at once, for one try.
#[derive(Debug)]
pub(crate) struct Found {
    job: Job,
    expect: Expect,
    due_at: Option<Timestamp>,
    claim: Option<Versioned<ClaimRecord>>,
    lease: Option<Versioned<Lease>>,
    held: Option<Versioned<Held>>,
    /// The firm's connection, if there ever was one.
    pub connection: Option<Connection>,
    /// Has read what else the claim may need.
    read: Repository,
}

/// Why a job is claimed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Why<'a> {
    /// Its record, or another one that was written with it, was seen to be due at this time.
    Due(Timestamp),
    /// Somebody asks for it, now.
    Asked(Trigger, &'a ActorId),
}

impl Claim {
    pub(crate) fn firm(&self) -> &FirmId {
        &self.order.scope.firm
    }

    pub(crate) fn matter(&self) -> &MatterId {
        &self.order.matter
    }
}

/// Whether a person asked for a trigger.
#[derive(Clone, Copy)]
enum Asked<'a> {
    No,
    Alone,
    /// With others that are held, each in this version.
    Held(&'a Version),
}

/// The place in the request budget of what this job asks for.
fn class_of(job: &Job) -> Class {
    match job.trigger {
        _ if job.is_bulk() => Class::Bulk,
        Trigger::Manual | Trigger::Retry => Class::Waiting,
        Trigger::Approved | Trigger::Created | Trigger::Backfill => Class::Live,
    }
}

impl Claims {
    pub(crate) fn new(repository: Repository, lease: Duration, notify: Arc<Notify>) -> Result<Self> {
        let holder = repository.new_id()?;
        Ok(Self { repository, lease, holder, notify })
    }

    /// Raises the job's generation and makes it due. Gives the generation.
    pub(crate) async fn trigger(
        &self,
        firm: &FirmId,
        matter: &MatterId,
        trigger: Trigger,
        actor: &ActorId,
    ) -> Result<u64> {
        self.raise(firm, matter, trigger, actor, Asked::No).await?.ok_or_else(|| contended(matter))
    }

    /// As [`trigger`](Self::trigger), because a person asks for it: the firm's settings, which say
    /// what is synced by itself, do not count.
    pub(crate) async fn ask(&self, firm: &FirmId, matter: &MatterId, trigger: Trigger, actor: &ActorId) -> Result<u64> {
        self.raise(firm, matter, trigger, actor, Asked::Alone).await?.ok_or_else(|| contended(matter))
    }

    /// As [`ask`](Self::ask), of a held matter, which is not held any more then: it is behind what
    /// is approved meanwhile. `false`: it is not held in this version any more.
    pub(crate) async fn release(
        &self,
        firm: &FirmId,
        (held, version): &(HeldMatter, Version),
        actor: &ActorId,
    ) -> Result<bool> {
        Ok(self.raise(firm, &held.matter, held.trigger, actor, Asked::Held(version)).await?.is_some())
    }

    async fn raise(
        &self,
        firm: &FirmId,
        matter: &MatterId,
        trigger: Trigger,
        actor: &ActorId,
        asked: Asked<'_>,
    ) -> Result<Option<u64>> {
        let by_a_person = !matches!(asked, Asked::No);
        let key = job_key(firm, matter);
        for _ in 0..MOST_ATTEMPTS {
            let mut transaction = self.repository.transaction(firm)?;
            let read = [key.clone(), Connection::key(firm), held::key(firm, matter)];
            let read = self.repository.reading(&read).await?;
            let (mut job, expect, due_at) = job_of(&read, firm, matter).await?;
            let connection = Connection::load(&read, firm).await?.map(|stored| stored.value);
            let held = read.get::<Held>(&held::key(firm, matter)).await?;
            if let Asked::Held(version) = asked {
                if held.as_ref().is_none_or(|held| held.version != *version) {
                    return Ok(None);
                }
                transaction.delete(held::key(firm, matter), version.clone());
            }
            let is_held = !by_a_person && held.as_ref().is_some_and(|held| held.value.stops(&job));
            if is_held || !job.is_allowed(&settings::load(&self.repository, firm).await?) {
                // It must not stand before one that counts, nor leave with it. Of documents that
                // this one does not send an admin is asked.
                let is_lost = job.trigger.sends_documents() && !(trigger.sends_documents() || by_a_person);
                if is_lost && job.waits(due_at) {
                    hold_in(&self.repository, &mut transaction, held.as_ref(), &job, true)?;
                }
                job.rest();
            }
            let is_behind = job.is_at_rest() || job.is_bulk();
            job.raise(trigger, actor, connection.as_ref());
            // Merged with one that asks for more, it is that one's settings that count.
            job.asked |= by_a_person && job.trigger == trigger;
            // What waited already is as urgent as it was.
            job.with_others = matches!(asked, Asked::Held(_)) && is_behind;
            // Whoever asks may have mended what was missing, if it is not the connection itself.
            if job.parked.is_some() && (by_a_person || trigger.is_interactive()) && self.is_usable(firm).await? {
                job.parked = None;
            }
            let due = self.due_of(firm, &job, due_at).await?;
            transaction.put_due(key.clone(), expect, due, &job)?;
            if trigger.is_interactive() && job.is_awaited() && due.is_some() {
                let known = self.repository.get::<First>(&first_key(firm, matter)).await?;
                let first = First { matter: matter.clone() };
                transaction.put_due(first_key(firm, matter), expectation(known.as_ref()), due, &first)?;
            }
            if matches!(self.repository.commit(&transaction).await?, Commit::Done { .. }) {
                self.notify.notify();
                return Ok(Some(job.generation));
            }
        }
        Err(contended(matter))
    }

    /// When a job that was asked for is due. Parked: what is missing is missing for this trigger
    /// too. Running: its end makes it due again, or else the lease's end, which no trigger
    /// postpones.
    async fn due_of(&self, firm: &FirmId, job: &Job, due_at: Option<Timestamp>) -> Result<Option<Duration>> {
        Ok(match (job.parked, job.running) {
            (Some(_), _) => None,
            (None, Some(_)) => Some(left(self.repository.store_now(firm).await?, due_at)),
            (None, None) => Some(Duration::ZERO),
        })
    }

    async fn is_usable(&self, firm: &FirmId) -> Result<bool> {
        match Connection::load_usable(&self.repository, firm).await {
            Ok(_) => Ok(true),
            Err(error) if needs_admin(error.code()) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Claims a job, or takes it over from a holder whose lease has ended. `found` is looked at
    /// first; whenever somebody else is faster, all is read anew.
    pub(crate) async fn acquire(
        &self,
        firm: &FirmId,
        matter: &MatterId,
        found: Found,
        why: Why<'_>,
    ) -> Result<Acquired> {
        let mut looked = Some(found);
        for _ in 0..MOST_ATTEMPTS {
            let mut found = match looked.take() {
                Some(found) => found,
                None => self.find(firm, matter).await?,
            };
            if let Some(answer) = self.not_now(firm, &found, why).await? {
                return Ok(answer);
            }
            if matches!(why, Why::Due(_))
                && (found.job.is_of_another_account(found.connection.as_ref())
                    || found.held.as_ref().is_some_and(|held| held.value.stops(&found.job))
                    || !found.job.is_allowed(&settings::load(&found.read, firm).await?))
            {
                self.put_to_rest(firm, matter, found).await?;
                return Ok(Acquired::Nothing);
            }
            if let Why::Asked(trigger, actor) = why {
                found.job.raise(trigger, actor, found.connection.as_ref());
                found.job.parked = None;
            }
            let Some(actor) = found.job.actor.clone() else { return Ok(Acquired::Nothing) };
            if let Some(claim) = self.claim(firm, matter, found, actor).await? {
                return Ok(Acquired::Mine(Box::new(claim)));
            }
        }
        Err(contended(matter))
    }

    /// What a claim goes by.
    pub(crate) async fn find(&self, firm: &FirmId, matter: &MatterId) -> Result<Found> {
        let (claim, lease) = (claim_key(firm, matter), lease_key(firm, matter));
        let more =
            [first_key(firm, matter), held::key(firm, matter), Connection::key(firm), settings::settings_key(firm)];
        let keys = [job_key(firm, matter), claim.clone(), lease.clone()].into_iter().chain(more).collect::<Vec<_>>();
        let read = self.repository.reading(&keys).await?;
        let (job, expect, due_at) = job_of(&read, firm, matter).await?;
        let connection = Connection::load(&read, firm).await?.map(|stored| stored.value);
        let (claim, lease) = (read.get(&claim).await?, read.get(&lease).await?);
        let held = read.get(&held::key(firm, matter)).await?;
        Ok(Found { job, expect, due_at, claim, lease, held, connection, read })
    }

    /// Why a job is not to be claimed now, if it is not.
    async fn not_now(&self, firm: &FirmId, found: &Found, why: Why<'_>) -> Result<Option<Acquired>> {
        if found.claim.is_some() || found.job.running.is_some() {
            let now = self.repository.store_now(firm).await?;
            let left = left(now, found.lease.as_ref().and_then(|lease| lease.due_at));
            if left.is_zero() {
                return Ok(None);
            }
            // One that is not due will not be found again: a write would only make its run's own
            // commits conflict.
            if matches!(why, Why::Due(_)) && found.due_at <= Some(now) {
                self.look_again(firm, &found.job, found.expect.clone(), left).await?;
            }
            return Ok(Some(Acquired::Busy(left)));
        }
        Ok(match why {
            Why::Due(seen) if !self.is_due(firm, found.due_at, seen).await? => Some(Acquired::Nothing),
            Why::Due(_) | Why::Asked(..) => None,
        })
    }

    /// Switched off since it was triggered, meant for another account, or held since: nothing
    /// leaves by itself any more. An admin is asked; a backfill pauses, and asks itself.
    async fn put_to_rest(&self, firm: &FirmId, matter: &MatterId, found: Found) -> Result<()> {
        let Found { mut job, expect, claim, lease, held, connection, .. } = found;
        let mut transaction = self.repository.transaction(firm)?;
        if job.trigger != Trigger::Backfill {
            let switched_off = !job.is_of_another_account(connection.as_ref());
            hold_in(&self.repository, &mut transaction, held.as_ref(), &job, switched_off)?;
        }
        job.running = None;
        job.rest();
        transaction.put(job_key(firm, matter), expect, &job)?;
        // Whoever was silent for longer than its lease is given up on all the same: its end must
        // not serve what is asked for next.
        if let Some(claim) = claim {
            if let Some(run) = claim.value.run {
                let scope = AccountScope::current(&self.repository, firm).await?;
                end_taken_over(&self.repository, &mut transaction, &scope, &run).await?;
            }
            transaction.delete(claim_key(firm, matter), claim.version);
        }
        lease.into_iter().for_each(|lease| transaction.delete(lease_key(firm, matter), lease.version));
        self.repository.commit(&transaction).await.map(|_| ())
    }

    /// Commits a claim. `None`: somebody else was faster.
    async fn claim(&self, firm: &FirmId, matter: &MatterId, found: Found, actor: ActorId) -> Result<Option<Claim>> {
        let Found { mut job, expect, claim, lease, held, connection, read, .. } = found;
        let scope = AccountScope::of_maybe(firm, connection.as_ref());
        job.running = Some(job.generation);
        let before = self.repository.runtime().monotonic();
        let mut transaction = self.repository.transaction(firm)?;
        transaction.put_due(job_key(firm, matter), expect, Some(self.lease), &job)?;
        let run = self.repository.new_id()?;
        let record = ClaimRecord { holder: self.holder.clone(), run: Some(run.clone()) };
        let fence = transaction.put(claim_key(firm, matter), expectation(claim.as_ref()), &record)?;
        let key = lease_key(firm, matter);
        transaction.put_due(key, expectation(lease.as_ref()), Some(self.lease), &Lease {})?;
        if let Some(run) = claim.and_then(|claim| claim.value.run)
            && !mutated!(TakenOverRunEnds)
        {
            end_taken_over(&self.repository, &mut transaction, &scope, &run).await?;
        }
        if job.trigger.is_interactive()
            && let Some(first) = read.store().get(&first_key(firm, matter)).await?
        {
            transaction.delete(first.key, first.version);
        }
        if self.repository.commit(&transaction).await? == Commit::Conflict {
            return Ok(None);
        }
        let order = Order {
            run,
            matter: matter.clone(),
            trigger: job.trigger,
            class: class_of(&job),
            attempt: job.failures.saturating_add(1),
            actor,
            scope,
            fence: Fence::new(claim_key(firm, matter), fence, before + self.lease),
        };
        let connection = connection.as_ref().map_or(0, |connection| connection.generation);
        let held = held.map(|held| held.version);
        Ok(Some(Claim { order, bulk: job.is_bulk(), connection, held, by_itself: job.is_by_itself() }))
    }

    /// Extends the lease for as long as this is polled. Ends when the claim is lost.
    pub(crate) async fn heartbeats(&self, claim: &Claim) {
        let failures = FailureLog::default();
        loop {
            self.repository.runtime().sleep(self.lease / 3).await;
            let before = self.repository.runtime().monotonic();
            let beat = self.heartbeat(claim).await;
            failures.note("heartbeat", "a heartbeat", &beat);
            match beat {
                Ok(true) => claim.order.fence.extend(before + self.lease),
                Ok(false) => return,
                // Unknown whether it landed: the next one, or the next commit of the run, will
                // tell.
                Err(_) => {}
            }
        }
    }

    async fn heartbeat(&self, claim: &Claim) -> Result<bool> {
        let key = lease_key(claim.firm(), claim.matter());
        for _ in 0..MOST_ATTEMPTS {
            let stored = self.repository.get::<Lease>(&key).await?;
            if !claim.order.fence.holds(&self.repository).await? {
                return Ok(false);
            }
            let mut transaction = self.repository.transaction(claim.firm())?;
            claim.order.fence.check(&mut transaction);
            transaction.put_due(key.clone(), expectation(stored.as_ref()), Some(self.lease), &Lease {})?;
            if matches!(self.repository.commit(&transaction).await?, Commit::Done { .. }) {
                return Ok(true);
            }
        }
        Err(contended(claim.matter()))
    }

    /// What [`end`](Self::end) reads.
    pub(crate) fn keys_of_end(claim: &Claim) -> [Key; 3] {
        let (firm, matter) = (claim.firm(), claim.matter());
        [job_key(firm, matter), lease_key(firm, matter), first_key(firm, matter)]
    }

    /// Adds the end of a run to the transaction of its last commit, and says when the job is due
    /// again. The transaction must not be fenced otherwise: the claim is deleted by it.
    pub(crate) async fn end(
        &self,
        read: &Repository,
        transaction: &mut Transaction,
        claim: &Claim,
        ending: Ending,
        next: impl FnOnce(&Job) -> Next,
    ) -> Result<Option<Duration>> {
        let (firm, matter) = (claim.firm(), claim.matter());
        let (mut job, expect, _) = job_of(read, firm, matter).await?;
        let asked_for = next(&job);
        let (next, connection) = match asked_for {
            Next::Block => match self.connection(transaction, firm).await? {
                // The firm was connected anew meanwhile, and its release may be over: nobody would
                // wake the job.
                now if now > claim.connection => (Next::Due(Duration::ZERO), None),
                // What was tried before the first connection is older than it: an admin asks.
                0 => (Next::Rest, None),
                now => (Next::Block, Some(now)),
            },
            next => (next, None),
        };
        let mut due = job.end(ending.last, next, connection);
        job.not_run |= asked_for == Next::Block && due.is_some();
        job.client = ending.client.or(job.client);
        if let (Next::Rest, None, Some((held, connection))) = (next, due, ending.follows) {
            job.raise(held.trigger, &held.actor, Some(&connection));
            due = Some(Duration::ZERO);
        }
        transaction.put_due(job_key(firm, matter), expect, due, &job)?;
        if due.is_some_and(|due| due.is_zero())
            && let Some(first) = read.store().get(&first_key(firm, matter)).await?
        {
            // A person asked during the run.
            transaction.defer(&first, Duration::ZERO);
        }
        release(read, transaction, claim).await?;
        Ok(due)
    }

    /// Adds to `transaction` that a run is given back: the job is as it was before, and due at
    /// once, for others or for this process's successor.
    pub(crate) async fn give_back(&self, transaction: &mut Transaction, claim: &Claim) -> Result<()> {
        let (mut job, expect, _) = job_of(&self.repository, claim.firm(), claim.matter()).await?;
        job.running = None;
        transaction.put_due(job_key(claim.firm(), claim.matter()), expect, Some(Duration::ZERO), &job)?;
        if job.is_awaited() {
            let known = self.repository.get::<First>(&first_key(claim.firm(), claim.matter())).await?;
            let first = First { matter: claim.matter().clone() };
            let key = first_key(claim.firm(), claim.matter());
            transaction.put_due(key, expectation(known.as_ref()), Some(Duration::ZERO), &first)?;
        }
        release(&self.repository, transaction, claim).await
    }

    /// The generation to block under. The commit checks that the connection is still the one that
    /// was found wanting.
    async fn connection(&self, transaction: &mut Transaction, firm: &FirmId) -> Result<u64> {
        let key = Connection::key(firm);
        Ok(match Connection::load(&self.repository, firm).await? {
            Some(stored) => {
                transaction.check(key, Expect::Version(stored.version));
                stored.value.generation
            }
            None => {
                transaction.check(key, Expect::Absent);
                0
            }
        })
    }

    /// A job that is run elsewhere shows up in every scan once its first lease has ended; it is
    /// moved to the end of the present one.
    async fn look_again(&self, firm: &FirmId, job: &Job, expect: Expect, left: Duration) -> Result<()> {
        let mut transaction = self.repository.transaction(firm)?;
        transaction.put_due(job_key(firm, &job.matter), expect, Some(left), job)?;
        // A conflict: somebody changed it, and knows better when it is due.
        self.repository.commit(&transaction).await.map(|_| ())
    }

    /// Whether a job still is due. It may have been run, or deferred, since it was seen.
    async fn is_due(&self, firm: &FirmId, due_at: Option<Timestamp>, seen: Timestamp) -> Result<bool> {
        Ok(match due_at {
            None => false,
            // What was due then is due now; only what was written since is compared with the clock.
            Some(due_at) => due_at <= seen || due_at <= self.repository.store_now(firm).await?,
        })
    }
}

async fn job_of(repository: &Repository, firm: &FirmId, matter: &MatterId) -> Result<(Job, Expect, Option<Timestamp>)> {
    let stored = repository.get::<Job>(&job_key(firm, matter)).await?;
    let (expect, due_at) = (expectation(stored.as_ref()), stored.as_ref().and_then(|stored| stored.due_at));
    Ok((stored.map_or_else(|| Job::new(matter), |stored| stored.value), expect, due_at))
}

/// Adds to `transaction` that nobody holds the claim any more.
async fn release(repository: &Repository, transaction: &mut Transaction, claim: &Claim) -> Result<()> {
    claim.order.fence.remove(transaction);
    if let Some(lease) = repository.store().get(&lease_key(claim.firm(), claim.matter())).await? {
        transaction.delete(lease.key, lease.version);
    }
    Ok(())
}

fn expectation<T>(stored: Option<&Versioned<T>>) -> Expect {
    stored.map_or(Expect::Absent, |stored| Expect::Version(stored.version.clone()))
}

/// Zero if it has passed, or if there is no such time.
fn left(now: Timestamp, until: Option<Timestamp>) -> Duration {
    until.map_or(Duration::ZERO, |until| now.until(until))
}

fn contended(matter: &MatterId) -> Error {
    Error::new(Code::StoreConflict).with("matter", matter).with("reason", "job_contended")
}
