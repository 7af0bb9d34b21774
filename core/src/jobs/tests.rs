//! Jobs on a store in memory and on virtual time.

use core::time::Duration;
use std::sync::Arc;

use futures_util::FutureExt as _;

use super::blocked;
use super::claims::{Acquired, Claim, Claims, Ending, Why};
use super::job::{JOBS, Job, LastRun, Next, job_key};
use super::list_held;
use super::quarantine::PassedOver;
use crate::connection::{Connection, ConnectionState};
use crate::domain::{Actor, ActorId, FirmId, MatterId, Role, RunStatus, Trigger};
use crate::error::{Code, Error};
use crate::memory::MemoryStore;
use crate::notify::Notify;
use crate::ports::{Commit, Expect, Runtime as _, Scan};
use crate::settings;
use crate::settings::FirmSettings;
use crate::store::{Repository, release_in};
use crate::testkit::VirtualRuntime;

mod triggers;

const LEASE: Duration = Duration::from_secs(30);

struct Bench {
    runtime: VirtualRuntime,
    repository: Repository,
    firm: FirmId,
    matter: MatterId,
    actor: ActorId,
}

impl Bench {
    fn new() -> Self {
        let runtime = VirtualRuntime::new(1);
        let shared: Arc<dyn crate::ports::Runtime> = Arc::new(runtime.clone());
        let repository = Repository::new(Arc::new(MemoryStore::new(Arc::clone(&shared))), shared);
        Self {
            runtime,
            repository,
            firm: FirmId::new("firm_1").unwrap(),
            matter: MatterId::new("mat_1").unwrap(),
            actor: ActorId::new("usr_1").unwrap(),
        }
    }

    /// A process of its own.
    fn process(&self) -> Claims {
        Claims::new(self.repository.clone(), LEASE, Arc::default()).unwrap()
    }

    async fn allow(&self, sync_when_approved: bool, sync_when_created: bool) {
        let revision = settings::load(&self.repository, &self.firm).await.unwrap().revision;
        let settings = FirmSettings { revision, sync_when_approved, sync_when_created, ..FirmSettings::default() };
        let admin = Actor { id: self.actor.clone(), firm: self.firm.clone(), role: Role::Admin };
        settings::save(&self.repository, &admin, &settings, &[]).await.unwrap();
    }

    /// The firm's connection, from now on.
    async fn connected(&self, state: ConnectionState, generation: u64) {
        let key = Connection::key(&self.firm);
        let known = self.repository.get::<Connection>(&key).await.unwrap();
        let mut transaction = self.repository.transaction(&self.firm).unwrap();
        let expect = known.map_or(Expect::Absent, |known| Expect::Version(known.version));
        transaction.put(key, expect, &Connection { state, ..connection(generation) }).unwrap();
        self.repository.commit_or_conflict(&transaction).await.unwrap();
    }

    async fn trigger(&self, claims: &Claims, trigger: Trigger) {
        claims.trigger(&self.firm, &self.matter, trigger, &self.actor).await.unwrap();
    }

    async fn due(&self) -> usize {
        let scan = Scan::Due { firm: None, collection: JOBS, limit: 10 };
        self.repository.store().scan(&scan).await.unwrap().len()
    }

    async fn claim(&self, claims: &Claims) -> Option<Claim> {
        let found = claims.find(&self.firm, &self.matter).await.unwrap();
        let why = Why::Due(crate::domain::Timestamp(0));
        match claims.acquire(&self.firm, &self.matter, found, why).await.unwrap() {
            Acquired::Mine(claim) => Some(*claim),
            Acquired::Busy(_) | Acquired::Nothing => None,
        }
    }

    async fn job(&self) -> Job {
        self.repository.get::<Job>(&job_key(&self.firm, &self.matter)).await.unwrap().unwrap().value
    }

    /// As which trigger the matter is held.
    async fn held(&self) -> Option<Trigger> {
        list_held(&self.repository, &self.firm).await.unwrap().first().map(|held| held.trigger)
    }

    /// The firm's blocked jobs are released.
    async fn release(&self) {
        let mut transaction = self.repository.transaction(&self.firm).unwrap();
        release_in(&self.repository, &mut transaction).await.unwrap();
        self.repository.commit_or_conflict(&transaction).await.unwrap();
        assert!(release_due(self).await);
    }

    /// Ends a run; `false`: the claim was lost.
    async fn end(&self, claims: &Claims, claim: &Claim, next: Next) -> bool {
        let mut transaction = self.repository.transaction(&self.firm).unwrap();
        let status = if next == Next::Rest { RunStatus::Succeeded } else { RunStatus::Failed };
        let (run, at) = (String::from("run_1"), self.runtime.now());
        let last = LastRun { run, status, at, failure: None, survived: None, documents_left: false };
        let ending = Ending { last, client: None, follows: None };
        claims.end(&self.repository, &mut transaction, claim, ending, |_| next).await.unwrap();
        matches!(self.repository.commit(&transaction).await.unwrap(), Commit::Done { .. })
    }

    /// A commit of a run.
    async fn write(&self, claim: &Claim) -> Commit {
        let mut transaction = self.repository.transaction(&self.firm).unwrap();
        claim.order.fence.check(&mut transaction);
        self.repository.commit(&transaction).await.unwrap()
    }
}

#[tokio::test]
async fn several_triggers_are_one_run_and_the_widest_one_counts() {
    let bench = Bench::new();
    bench.allow(true, true).await;
    let claims = bench.process();
    for trigger in [Trigger::Created, Trigger::Approved, Trigger::Created] {
        bench.trigger(&claims, trigger).await;
    }
    let claim = bench.claim(&claims).await.unwrap();
    assert_eq!(claim.order.trigger, Trigger::Approved, "documents are sent although the last trigger sends none");
    assert!(bench.end(&claims, &claim, Next::Rest).await);
    assert_eq!(bench.due().await, 0);
    bench.trigger(&claims, Trigger::Created).await;
    assert_eq!(bench.claim(&claims).await.unwrap().order.trigger, Trigger::Created, "what was served is forgotten");
}

#[tokio::test]
async fn with_auto_sync_switched_off_nothing_leaves_by_itself_not_even_what_was_triggered_before() {
    let bench = Bench::new();
    let claims = bench.process();
    bench.trigger(&claims, Trigger::Approved).await;
    bench.allow(false, false).await;
    assert!(bench.claim(&claims).await.is_none());
    assert_eq!(bench.due().await, 0, "and it is not looked at again");
    bench.allow(true, false).await;
    assert_eq!(bench.due().await, 0, "switched on, it counts for what is approved from then on");
    bench.trigger(&claims, Trigger::Approved).await;
    bench.allow(false, false).await;
    bench.trigger(&claims, Trigger::Backfill).await;
    assert_eq!(
        bench.claim(&claims).await.unwrap().order.trigger,
        Trigger::Backfill,
        "what a person asked for is not held up"
    );
}

#[tokio::test]
async fn a_trigger_during_a_run_is_followed_by_exactly_one_more() {
    let bench = Bench::new();
    let claims = bench.process();
    bench.trigger(&claims, Trigger::Approved).await;
    let claim = bench.claim(&claims).await.unwrap();
    bench.trigger(&claims, Trigger::Approved).await;
    bench.trigger(&claims, Trigger::Approved).await;
    assert_eq!(bench.due().await, 0, "not while it is run");
    assert_eq!(bench.write(&claim).await, bench.write(&claim).await, "a trigger does not disturb the run's commits");
    assert!(bench.end(&claims, &claim, Next::Rest).await);
    assert_eq!(bench.due().await, 1);
    let claim = bench.claim(&claims).await.unwrap();
    assert!(bench.end(&claims, &claim, Next::Rest).await);
    assert_eq!(bench.due().await, 0);
}

#[tokio::test]
async fn a_dead_workers_job_is_taken_over_when_its_lease_ends_and_the_dead_write_nothing() {
    let bench = Bench::new();
    let (a, b) = (bench.process(), bench.process());
    bench.trigger(&a, Trigger::Approved).await;
    let dead = bench.claim(&a).await.unwrap();
    assert!(bench.claim(&b).await.is_none());
    bench.runtime.advance(LEASE - Duration::from_millis(1));
    assert_eq!(bench.due().await, 0);
    assert!(bench.claim(&b).await.is_none());
    bench.runtime.advance(Duration::from_millis(1));
    assert_eq!(bench.due().await, 1, "one scan finds the work of the dead");
    assert!(dead.order.fence.send_until() <= bench.runtime.monotonic(), "it may not send any more");
    let heir = bench.claim(&b).await.unwrap();
    assert_eq!(bench.write(&dead).await, Commit::Conflict);
    assert!(!bench.end(&a, &dead, Next::Rest).await);
    assert!(!dead.order.fence.holds(&bench.repository).await.unwrap() && dead.order.fence.is_lost());
    assert_ne!(bench.write(&heir).await, Commit::Conflict);
    assert!(bench.end(&b, &heir, Next::Rest).await);
}

/// What the run commits next expects the job as its claim left it.
#[tokio::test]
async fn whoever_finds_a_job_claimed_in_this_moment_writes_nothing() {
    let bench = Bench::new();
    let (a, b) = (bench.process(), bench.process());
    bench.trigger(&a, Trigger::Approved).await;
    bench.claim(&a).await.unwrap();
    let version = async || {
        let job = bench.repository.get::<Job>(&job_key(&bench.firm, &bench.matter)).await;
        job.unwrap().unwrap().version
    };
    let claimed = version().await;
    assert!(bench.claim(&b).await.is_none());
    assert_eq!(version().await, claimed);
}

#[tokio::test]
async fn heartbeats_keep_a_claim_and_stop_when_it_is_lost() {
    let bench = Bench::new();
    let (a, b) = (bench.process(), bench.process());
    bench.trigger(&a, Trigger::Approved).await;
    let claim = bench.claim(&a).await.unwrap();
    let work = bench.runtime.sleep(LEASE * 5);
    futures_util::future::select(work, std::pin::pin!(a.heartbeats(&claim))).await;
    assert!(bench.claim(&b).await.is_none(), "five leases later it is still held");
    assert!(claim.order.fence.send_until() > bench.runtime.monotonic());
    assert_eq!(bench.due().await, 0, "and does not show up in every scan");
    bench.runtime.advance(LEASE);
    let heir = bench.claim(&b).await.unwrap();
    a.heartbeats(&claim).await;
    assert!(claim.order.fence.is_lost());
    assert_ne!(bench.write(&heir).await, Commit::Conflict, "the late heartbeat did not disturb the heir");
}

#[tokio::test]
async fn a_heartbeat_in_the_moment_of_a_takeover_leaves_one_holder() {
    let bench = Bench::new();
    let (a, b) = (bench.process(), bench.process());
    bench.trigger(&a, Trigger::Approved).await;
    let old = bench.claim(&a).await.unwrap();
    bench.runtime.advance(LEASE);
    let (beat, heir) = futures_util::future::join(
        futures_util::future::select(Box::pin(a.heartbeats(&old)), bench.runtime.sleep(LEASE / 2)),
        bench.claim(&b),
    )
    .await;
    drop(beat);
    let (old_writes, new_writes) = (bench.write(&old).await != Commit::Conflict, heir.is_some());
    assert_ne!(old_writes, new_writes, "exactly one of them");
}

#[tokio::test]
async fn a_passing_cause_is_tried_again_ever_more_slowly_and_a_trigger_starts_afresh() {
    let bench = Bench::new();
    let claims = bench.process();
    bench.trigger(&claims, Trigger::Approved).await;
    let mut waits = Vec::new();
    for _ in 0..10 {
        let claim = bench.claim(&claims).await.unwrap();
        let failed = Error::new(Code::ClioUnavailable);
        let job = bench.job().await;
        let next = job.next_after(&failed);
        let Next::Due(wait) = next else { panic!("{next:?}") };
        waits.push(wait.as_secs());
        assert!(bench.end(&claims, &claim, next).await);
        assert_eq!(bench.due().await, 0);
        bench.runtime.advance(wait);
        assert_eq!(bench.due().await, 1);
    }
    assert_eq!(waits, [30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]);
    bench.trigger(&claims, Trigger::Manual).await;
    assert_eq!(bench.job().await.patience(), Duration::from_secs(30));
    assert_eq!(bench.job().await.next_after(&Error::new(Code::IntakeInvalid)), Next::Rest, "no use without a change");
}

#[tokio::test]
async fn a_job_that_needs_an_admin_waits_for_a_newer_connection() {
    let bench = Bench::new();
    let claims = bench.process();
    bench.connected(ConnectionState::Connected, 1).await;
    bench.trigger(&claims, Trigger::Approved).await;
    let claim = bench.claim(&claims).await.unwrap();
    assert_eq!(bench.job().await.next_after(&Error::new(Code::ReconnectRequired)), Next::Block);
    assert!(bench.end(&claims, &claim, Next::Block).await);
    bench.trigger(&claims, Trigger::Approved).await;
    assert_eq!(bench.due().await, 0, "another trigger does not mend the connection");
    assert_eq!(bench.job().await.parked, Some(1));

    bench.connected(ConnectionState::Connected, 2).await;
    bench.release().await;
    assert_eq!(bench.due().await, 1);
    assert!(!release_due(&bench).await, "once");
}

async fn release_due(bench: &Bench) -> bool {
    let mut passed = PassedOver::new(&bench.runtime);
    let released = blocked::release_due(&bench.repository, &mut passed).await.unwrap();
    passed.end().unwrap();
    released
}

/// Found by killing workers on PostgreSQL: the second page began at a NUL, which its text does not
/// hold, and the release of one firm with so many jobs held up the jobs of all.
#[tokio::test]
async fn more_jobs_than_a_page_are_released_and_listed() {
    const MANY: usize = 501;
    let bench = Bench::new();
    let claims = bench.process();
    for number in 0..MANY {
        let matter = MatterId::new(format!("mat_{number}")).unwrap();
        claims.trigger(&bench.firm, &matter, Trigger::Approved, &bench.actor).await.unwrap();
    }
    let mut transaction = bench.repository.transaction(&bench.firm).unwrap();
    release_in(&bench.repository, &mut transaction).await.unwrap();
    bench.repository.commit_or_conflict(&transaction).await.unwrap();
    release_due(&bench).await;
    assert!(!release_due(&bench).await, "once");
    assert_eq!(bench.repository.list::<Job>(&bench.firm, JOBS, "").await.unwrap().len(), MANY);
}

/// Found by simulation (seed 744715): the run's failure was the old connection's, and it ended just
/// after the new one's release.
#[tokio::test]
async fn a_run_that_ends_after_a_reconnect_is_not_parked_under_the_new_connection() {
    let bench = Bench::new();
    let claims = bench.process();
    bench.trigger(&claims, Trigger::Approved).await;
    let claim = bench.claim(&claims).await.unwrap();
    bench.connected(ConnectionState::Connected, 1).await;
    assert!(bench.end(&claims, &claim, Next::Block).await);
    assert_eq!(bench.due().await, 1, "it is tried with the new connection");
    assert!(bench.job().await.not_run, "and this run counts for none");
    let claim = bench.claim(&claims).await.unwrap();
    assert!(bench.end(&claims, &claim, Next::Block).await);
    assert_eq!(bench.job().await.parked, Some(1), "and parked if that is found wanting, too");
}

#[tokio::test]
async fn a_job_that_was_tried_before_the_first_connection_does_not_wait_for_it() {
    let bench = Bench::new();
    let claims = bench.process();
    bench.trigger(&claims, Trigger::Manual).await;
    let claim = bench.claim(&claims).await.unwrap();
    assert!(bench.end(&claims, &claim, Next::Block).await);
    assert_eq!((bench.due().await, bench.job().await.parked), (0, None));
    assert!(!bench.job().await.not_run);
}

fn connection(generation: u64) -> Connection {
    Connection {
        id: crate::domain::ConnectionId::new("con_1").unwrap(),
        generation,
        state: ConnectionState::Connected,
        advice: Vec::new(),
        region: String::from("us"),
        link_set: crate::connection::ScopeName::default(),
        root: String::from("https://app.clio.com"),
        account: None,
        user: None,
        readable: crate::connection::Readable { contacts: true, matters: true, documents: true },
        connected_at: crate::domain::Timestamp(0),
        connected_by: ActorId::new("usr_1").unwrap(),
        ended_at: None,
        judged: None,
        unrevoked: None,
        webhook_url: None,
    }
}

#[tokio::test]
async fn no_nudge_is_missed() {
    let notify = Notify::default();
    let seen = notify.count();
    notify.notify();
    assert!(notify.after(seen).now_or_never().is_some(), "one between the look and the wait counts");
    let seen = notify.count();
    let mut wait = Box::pin(notify.after(seen));
    assert!((&mut wait).now_or_never().is_none());
    notify.notify();
    wait.await;
}
