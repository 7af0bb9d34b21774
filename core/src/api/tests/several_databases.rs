//! Firms in several databases of one store: each has a clock of its own, and any may be away.

use core::time::Duration;
use std::sync::Arc;

use super::doubts::{LISTED, MATTERS, put, slow};
use super::world::{World, admin, firm, matter};
use crate::calls::budget::Budget;
use crate::connection::lease::{LEASE, Lease};
use crate::domain::{FirmId, Monotonic, Timestamp};
use crate::error::{Code, Result};
use crate::jobs::WorkerConfig;
use crate::jobs::claims::{Acquired, Why};
use crate::maybe_send::BoxFuture;
use crate::memory::MemoryStore;
use crate::ports::{Commit, Key, Record, Runtime, Scan, Store, Write};
use crate::store::Repository;
use crate::testkit::VirtualRuntime;

/// So far apart are the clocks of the two databases.
const APART_MS: i64 = 600_000;

/// The runtime of a machine whose clock is wrong.
#[derive(Debug)]
struct Shifted(VirtualRuntime, i64);

impl Runtime for Shifted {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.now().0 + self.1)
    }

    fn monotonic(&self) -> Monotonic {
        self.0.monotonic()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.0.sleep(duration)
    }

    fn spawn(&self, work: BoxFuture<'static, ()>) {
        self.0.spawn(work);
    }

    fn random(&self, out: &mut [u8]) -> Result<()> {
        self.0.random(out)
    }
}

/// The firm's database, and the one of all others, which a commit of nothing goes to. `None`: that
/// one is away.
#[derive(Debug)]
struct Several {
    of_firm: MemoryStore,
    others: Option<MemoryStore>,
}

impl Store for Several {
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Record>>> {
        self.of_firm.get(key)
    }

    fn scan<'a>(&'a self, scan: &'a Scan) -> BoxFuture<'a, Result<Vec<Record>>> {
        self.of_firm.scan(scan)
    }

    fn commit<'a>(&'a self, writes: &'a [Write]) -> BoxFuture<'a, Result<Commit>> {
        match &self.others {
            _ if !writes.is_empty() => self.of_firm.commit(writes),
            Some(others) => others.commit(writes),
            None => Box::pin(async { Err(Code::StoreFailed.into()) }),
        }
    }

    fn now<'a>(&'a self, firm: &'a FirmId) -> BoxFuture<'a, Result<Timestamp>> {
        self.of_firm.now(firm)
    }
}

impl World {
    fn beside(&self, others: Option<MemoryStore>) -> Arc<dyn Store> {
        Arc::new(Several { of_firm: self.store.clone(), others })
    }

    /// The store, beside a database whose clock is so much ahead of the firm's.
    fn beside_a_clock(&self, ahead_ms: i64) -> Arc<dyn Store> {
        self.beside(Some(MemoryStore::new(Arc::new(Shifted(self.runtime.clone(), ahead_ms)))))
    }
}

#[tokio::test]
async fn what_a_firm_does_needs_no_other_database() {
    let mut world = World::new();
    world.sdk = world.process_on(world.beside(None));
    world.connect().await.unwrap();
    world.work().await;
    world.synced().await;
    for _ in 0..4 {
        world.later(Duration::from_secs(86_400)).await;
        world.synced().await;
    }
    assert_eq!(world.health().await.last_failure, None);
    world.sdk.firm(&admin()).connection().end(None).await.unwrap();
    world.work().await;
}

#[tokio::test]
async fn the_lease_of_a_run_ends_by_the_clock_of_its_firm() {
    for ahead_ms in [APART_MS, -APART_MS] {
        let world = World::new();
        world.connect().await.unwrap();
        world.put("m1");
        let _claim = world.begun().await;
        let other = world.process_on(world.beside_a_clock(ahead_ms));
        let claim = async || {
            let found = other.queue.claims.find(&firm(), &matter()).await.unwrap();
            other.queue.claims.acquire(&firm(), &matter(), found, Why::Due(Timestamp(0))).await.unwrap()
        };
        assert!(matches!(claim().await, Acquired::Busy(_)), "{ahead_ms}");
        world.runtime.advance(Duration::from_secs(31));
        assert!(matches!(claim().await, Acquired::Mine(_)), "{ahead_ms}");
    }
}

#[tokio::test]
async fn the_lease_of_a_refresh_ends_by_the_clock_of_its_firm() {
    for ahead_ms in [APART_MS, -APART_MS] {
        let world = World::new();
        let runtime: Arc<dyn Runtime> = Arc::new(world.runtime.clone());
        let repository = Repository::new(world.beside_a_clock(ahead_ms), runtime);
        world.connect().await.unwrap();
        let id = world.connection().await.id;
        let take = async || Lease::take(&repository, &firm(), &id).await.unwrap().is_some();
        assert!(take().await, "{ahead_ms}");
        world.runtime.advance(LEASE / 2);
        assert!(!take().await, "{ahead_ms}");
        world.runtime.advance(LEASE / 2);
        assert!(take().await, "{ahead_ms}");
    }
}

#[tokio::test]
async fn the_window_of_clios_limit_ends_by_the_clock_of_its_firm() {
    for ahead_ms in [APART_MS, -APART_MS] {
        let world = World::new();
        world.connect().await.unwrap();
        world.synced().await;
        let runtime: Arc<dyn Runtime> = Arc::new(world.runtime.clone());
        let budget = Budget::new(Repository::new(world.beside_a_clock(ahead_ms), runtime), firm());
        let left = async || budget.limit_and_left().await.unwrap().1;
        assert!(left().await.is_some(), "{ahead_ms}");
        world.runtime.advance(Duration::from_secs(66));
        assert_eq!(left().await, None, "{ahead_ms}");
    }
}

/// A request that may still be executed would create a second matter.
#[tokio::test]
async fn what_is_in_doubt_is_settled_by_the_clock_of_its_firm() {
    for ahead_ms in [APART_MS, -APART_MS] {
        let (world, slow) = slow(MATTERS, &[500]).await;
        put(&world, None);
        let other = world.process_on(world.beside_a_clock(ahead_ms));
        for _ in 0..3 {
            let report = other.firm(&admin()).matters().sync(&matter()).await.unwrap();
            assert_eq!(report.clio_matter(), None, "{ahead_ms}");
        }
        assert_eq!(slow.lock().unwrap().sent.len(), 1, "{ahead_ms}");
        world.runtime.advance(LISTED);
        other.worker(WorkerConfig::default()).run_due().await.unwrap();
        let state = other.firm(&admin()).matters().state(&matter()).await.unwrap();
        assert_eq!(state.clio_matter.map(|id| id.0), Some(21), "{ahead_ms}");
        assert_eq!(slow.lock().unwrap().sent.len(), 2, "{ahead_ms}");
    }
}
