//! Several commits of one process at once.
#![allow(clippy::unwrap_used)]

use core::future::poll_fn;
use core::task::Poll;
use core::time::Duration;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::{join_all, pending, poll_immediate};

use super::{Action, AuditEntry, AuditStatus, Repository};
use crate::domain::{ActorId, FirmId, Monotonic, Timestamp};
use crate::error::Result;
use crate::maybe_send::BoxFuture;
use crate::memory::MemoryStore;
use crate::ports::{Commit, Key, Record, Runtime, Scan, Store, Write};
use crate::testkit::VirtualRuntime;

/// Takes its time, so that others come in between, and counts commits.
#[derive(Debug)]
struct Slow {
    inner: MemoryStore,
    commits: AtomicUsize,
}

impl Store for Slow {
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Record>>> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            self.inner.get(key).await
        })
    }

    fn scan<'a>(&'a self, scan: &'a Scan) -> BoxFuture<'a, Result<Vec<Record>>> {
        self.inner.scan(scan)
    }

    fn commit<'a>(&'a self, writes: &'a [Write]) -> BoxFuture<'a, Result<Commit>> {
        Box::pin(async move {
            self.commits.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            let outcome = self.inner.commit(writes).await;
            // The answer is on its way.
            tokio::task::yield_now().await;
            outcome
        })
    }
}

/// No time passes in it.
#[derive(Debug)]
struct Timeless(VirtualRuntime);

impl Runtime for Timeless {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn monotonic(&self) -> Monotonic {
        self.0.monotonic()
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(pending())
    }

    fn spawn(&self, work: BoxFuture<'static, ()>) {
        self.0.spawn(work);
    }

    fn random(&self, out: &mut [u8]) -> Result<()> {
        self.0.random(out)
    }
}

fn slow() -> (Arc<dyn Runtime>, Arc<Slow>) {
    let runtime: Arc<dyn Runtime> = Arc::new(VirtualRuntime::new(1));
    let inner = MemoryStore::new(Arc::clone(&runtime));
    (runtime, Arc::new(Slow { inner, commits: AtomicUsize::new(0) }))
}

async fn audited(repository: Repository) -> Commit {
    let mut transaction = repository.transaction(&FirmId::new("firm_1").unwrap()).unwrap();
    let actor = ActorId::new("usr_1").unwrap();
    transaction.audit(AuditEntry::by(&actor, Action::Settings, AuditStatus::Ok));
    repository.commit(&transaction).await.unwrap()
}

fn is_done(outcome: &Commit) -> bool {
    matches!(outcome, Commit::Done { .. })
}

#[tokio::test]
async fn commits_of_one_process_take_turns_on_the_audit_chain() {
    let (_, store) = slow();
    let runtime: Arc<dyn Runtime> = Arc::new(Timeless(VirtualRuntime::new(2)));
    let one = Repository::new(store.clone(), Arc::clone(&runtime));
    let other = Repository::new(store.clone(), runtime);
    let all = join_all((0..16).map(|_| audited(one.clone()))).await;
    assert!(all.iter().all(is_done));
    assert_eq!(store.commits.load(Ordering::Relaxed), 16, "none is in vain");
    // With another process there are conflicts, and each is overcome.
    let all = join_all((0..32).map(|n| audited(if n % 2 == 0 { one.clone() } else { other.clone() }))).await;
    assert!(all.iter().all(is_done));
}

#[tokio::test]
async fn a_commit_that_nobody_polls_holds_up_the_others_for_a_moment_only() {
    let (runtime, store) = slow();
    let repository = Repository::new(store, Arc::clone(&runtime));
    let mut left = Box::pin(audited(repository.clone()));
    assert!(poll_immediate(&mut left).await.is_none());
    let began = runtime.monotonic();
    assert!(is_done(&audited(repository.clone()).await));
    assert_eq!(began.until(runtime.monotonic()), Duration::from_secs(1));
    assert!(is_done(&left.await));
}

/// Waits until it was polled so many times: a clock for futures that are polled in turn.
async fn ticks(mut left: u128) {
    poll_fn(|context| {
        left = left.saturating_sub(1);
        context.waker().wake_by_ref();
        if left == 0 { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// A disk that is busy: a read takes a tenth of a second, a commit two.
#[derive(Debug)]
struct Busy(MemoryStore);

impl Store for Busy {
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Record>>> {
        Box::pin(async move {
            ticks(2).await;
            self.0.get(key).await
        })
    }

    fn scan<'a>(&'a self, scan: &'a Scan) -> BoxFuture<'a, Result<Vec<Record>>> {
        self.0.scan(scan)
    }

    fn commit<'a>(&'a self, writes: &'a [Write]) -> BoxFuture<'a, Result<Commit>> {
        Box::pin(async move {
            ticks(4).await;
            self.0.commit(writes).await
        })
    }
}

/// Twenty ticks a second.
#[derive(Debug)]
struct Ticking(VirtualRuntime);

impl Runtime for Ticking {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn monotonic(&self) -> Monotonic {
        self.0.monotonic()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(ticks(duration.as_millis() / 50))
    }

    fn spawn(&self, work: BoxFuture<'static, ()>) {
        self.0.spawn(work);
    }

    fn random(&self, out: &mut [u8]) -> Result<()> {
        self.0.random(out)
    }
}

#[tokio::test]
async fn none_of_many_commits_loses_again_and_again_on_a_busy_disk() {
    let runtime: Arc<dyn Runtime> = Arc::new(Ticking(VirtualRuntime::new(3)));
    let repository = Repository::new(Arc::new(Busy(MemoryStore::new(Arc::clone(&runtime)))), runtime);
    let many = (0..16).map(|_| async {
        for _ in 0..100 {
            assert!(is_done(&audited(repository.clone()).await));
        }
    });
    join_all(many).await;
}
