//! The budget on a virtual clock.

use core::time::Duration;
use std::sync::Arc;

use super::*;
use crate::memory::MemoryStore;
use crate::ports::Runtime;
use crate::testkit::VirtualRuntime;

/// 2026-04-01T12:00:00Z on Clio's clock, which is not ours.
const CLIO: i64 = 1_775_044_800;

struct Firm {
    runtime: VirtualRuntime,
    repository: Repository,
}

impl Firm {
    fn new() -> Self {
        let runtime = VirtualRuntime::new(1);
        let shared: Arc<dyn Runtime> = Arc::new(runtime.clone());
        let repository = Repository::new(Arc::new(MemoryStore::new(Arc::clone(&shared))), shared);
        Self { runtime, repository }
    }

    fn process(&self) -> Arc<Budget> {
        Arc::new(Budget::new(self.repository.clone(), FirmId::new("firm").unwrap()))
    }

    /// How long one has to wait for a call.
    async fn waits(&self, budget: &Arc<Budget>, class: Class) -> Duration {
        let before = self.runtime.monotonic();
        drop(budget.take(class, None, &Stop::default()).await.unwrap());
        before.until(self.runtime.monotonic())
    }
}

fn reported(limit: u64, remaining: u64, ends_in: i64) -> (RateWindow, Option<Timestamp>) {
    (RateWindow { limit, remaining, reset_unix_secs: CLIO + ends_in }, Some(Timestamp(CLIO * 1000)))
}

fn learn(budget: &Budget, limit: u64, remaining: u64, ends_in: i64) {
    let (rate, time) = reported(limit, remaining, ends_in);
    budget.learn(rate, time);
}

#[tokio::test]
async fn the_whole_window_is_spent_and_then_waited_out() {
    let firm = Firm::new();
    let budget = firm.process();
    for call in 0..50 {
        assert_eq!(firm.waits(&budget, Class::Waiting).await, Duration::ZERO, "call {call}");
    }
    assert_eq!(firm.waits(&budget, Class::Waiting).await, Duration::from_secs(60));
}

#[tokio::test]
async fn what_an_answer_says_is_believed() {
    let firm = Firm::new();
    let budget = firm.process();
    assert_eq!(firm.waits(&budget, Class::Waiting).await, Duration::ZERO);
    // Somebody else spends this token too, and the window is almost over.
    learn(&budget, 50, 2, 20);
    assert_eq!(firm.waits(&budget, Class::Waiting).await, Duration::ZERO);
    assert_eq!(firm.waits(&budget, Class::Waiting).await, Duration::ZERO);
    assert_eq!(firm.waits(&budget, Class::Waiting).await, Duration::from_secs(20));
    // Off peak, Clio allows more.
    learn(&budget, 120, 119, 60);
    for call in 0..119 {
        assert_eq!(firm.waits(&budget, Class::Waiting).await, Duration::ZERO, "call {call}");
    }
    assert!(firm.waits(&budget, Class::Waiting).await > Duration::from_secs(50));
}

#[tokio::test]
async fn an_end_that_was_guessed_gives_way_to_what_is_told() {
    let firm = Firm::new();
    let budget = firm.process();
    drop(budget.take(Class::Waiting, None, &Stop::default()).await.unwrap());
    // Told in whole seconds, near the guess at first, and then less near: one window all the same
    // (simulation, seed 19578).
    learn(&budget, 12, 6, 56);
    firm.runtime.advance(Duration::from_millis(400));
    for remaining in (0..6).rev() {
        assert_eq!(firm.waits(&budget, Class::Waiting).await, Duration::ZERO, "{remaining}");
        learn(&budget, 12, remaining, 54);
    }
    assert!(!firm.waits(&budget, Class::Waiting).await.is_zero(), "nothing is left");
}

#[tokio::test]
async fn processes_share_one_window_and_a_new_one_knows_it() {
    let firm = Firm::new();
    let (one, two) = (firm.process(), firm.process());
    for _ in 0..25 {
        assert_eq!(firm.waits(&one, Class::Waiting).await, Duration::ZERO);
    }
    let mut left = 0;
    while firm.waits(&two, Class::Waiting).await.is_zero() {
        left += 1;
    }
    assert!((19..=25).contains(&left), "at most one lease is idle: {left}");
}

#[tokio::test]
async fn people_who_wait_have_a_reserve_and_its_rest_goes_to_bulk_at_the_end() {
    let firm = Firm::new();
    let budget = firm.process();
    for (class, calls) in [(Class::Bulk, 30), (Class::Live, 10), (Class::Waiting, 5)] {
        for call in 0..calls {
            assert_eq!(firm.waits(&budget, class).await, Duration::ZERO, "{class:?} {call}");
        }
    }
    // A lease is shared: what a person's call left of one is spent first.
    let mut waited = Duration::ZERO;
    let mut calls = 0;
    while waited.is_zero() {
        waited = firm.waits(&budget, Class::Bulk).await;
        calls += 1;
    }
    assert!(calls <= 2, "{calls}");
    assert_eq!(waited, Duration::from_secs(50), "bulk gets the rest in the last ten seconds");
}

#[tokio::test]
async fn a_call_on_its_way_over_the_edge_is_counted_in_the_new_window() {
    let firm = Firm::new();
    let budget = firm.process();
    let out = budget.take(Class::Waiting, None, &Stop::default()).await.unwrap();
    firm.runtime.advance(Duration::from_secs(61));
    assert_eq!(firm.waits(&budget, Class::Waiting).await, DRAIN, "waited for it");
    for _ in 0..48 {
        assert_eq!(firm.waits(&budget, Class::Waiting).await, Duration::ZERO);
    }
    assert!(!firm.waits(&budget, Class::Waiting).await.is_zero(), "49 and the one that is out");
    drop(out);
}

#[tokio::test]
async fn garbage_in_headers_stalls_nothing_for_longer_than_a_window() {
    for (limit, remaining, ends_in) in
        [(0, 0, i64::MAX / 2000), (u64::MAX, 0, 0), (50, u64::MAX, -1), (0, 0, i64::MIN / 2000)]
    {
        let firm = Firm::new();
        let budget = firm.process();
        for _ in 0..100 {
            assert!(firm.waits(&budget, Class::Bulk).await <= LONGEST + DRAIN, "{limit} {remaining} {ends_in}");
            let (rate, time) =
                (RateWindow { limit, remaining, reset_unix_secs: CLIO.saturating_add(ends_in) }, Some(Timestamp(CLIO)));
            budget.learn(rate, time);
        }
    }
}

#[tokio::test]
async fn what_connecting_was_told_is_what_the_first_process_spends() {
    let firm = Firm::new();
    let (rate, time) = reported(12, 7, 60);
    let mut transaction = firm.repository.transaction(&FirmId::new("firm").unwrap()).unwrap();
    opened(&firm.repository, &mut transaction, rate, time).await.unwrap();
    firm.repository.commit_or_conflict(&transaction).await.unwrap();
    // Each process dies before it could write down an answer: what is left is spent once, and
    // nothing is guessed.
    let mut calls = 0;
    while firm.waits(&firm.process(), Class::Waiting).await == Duration::ZERO {
        calls += 1;
    }
    assert_eq!(calls, 7);
    // The limit outlives its window, whoever opens the next one.
    let budget = firm.process();
    for call in 1..12 {
        assert_eq!(firm.waits(&budget, Class::Waiting).await, Duration::ZERO, "call {call}");
    }
    assert!(firm.waits(&budget, Class::Waiting).await > Duration::ZERO);
}

#[tokio::test]
async fn a_call_that_waits_for_nothing_is_made_now_or_not_at_all() {
    let firm = Firm::new();
    let budget = firm.process();
    for call in 0..40 {
        assert!(budget.take_now(Class::Live, None).await.unwrap().is_some(), "call {call}");
    }
    let before = firm.runtime.monotonic();
    assert!(budget.take_now(Class::Live, None).await.unwrap().is_none(), "the rest is kept for people");
    assert_eq!(before, firm.runtime.monotonic());
    assert_eq!(firm.waits(&budget, Class::Waiting).await, Duration::ZERO);
}

#[tokio::test]
async fn a_run_that_is_near_its_end_has_what_it_needs_before_the_others() {
    let firm = Firm::new();
    let budget = firm.process();
    let [giant, small] = [100, 40].map(|calls| budget.begin_run(Class::Live, calls));
    let bulk = budget.begin_run(Class::Bulk, 5);
    let now = async |run| budget.take_now(Class::Live, Some(run)).await.unwrap().is_some();
    assert!(!now(&giant).await, "forty are not kept for people: the small one's");
    for call in 0..20 {
        assert!(now(&small).await, "call {call}");
    }
    assert!(!now(&giant).await);
    assert!(budget.take_now(Class::Bulk, Some(&bulk)).await.unwrap().is_some(), "classes have their own order");
    assert!(budget.take_now(Class::Live, None).await.unwrap().is_some(), "and what is no run has none");
    // It needs no more than that.
    let waited = async {
        let before = firm.runtime.monotonic();
        drop(budget.take(Class::Live, Some(&giant), &Stop::default()).await.unwrap());
        before.until(firm.runtime.monotonic())
    };
    drop(small);
    assert_eq!(waited.await, Duration::ZERO);
}

#[tokio::test]
async fn what_a_run_does_not_ask_for_is_not_kept_from_others() {
    let firm = Firm::new();
    let budget = firm.process();
    let (_silent, run) = (budget.begin_run(Class::Live, 50), budget.begin_run(Class::Live, 60));
    let before = firm.runtime.monotonic();
    drop(budget.take(Class::Live, Some(&run), &Stop::default()).await.unwrap());
    assert_eq!(before.until(firm.runtime.monotonic()), ASKING);
}

#[tokio::test]
async fn in_the_last_seconds_no_call_is_left_unused_for_another_run() {
    let firm = Firm::new();
    let budget = firm.process();
    let (other, run) = (budget.begin_run(Class::Live, 50), budget.begin_run(Class::Live, 60));
    let now = async |run| budget.take_now(Class::Live, Some(run)).await.unwrap().is_some();
    assert!(now(&other).await && !now(&run).await);
    firm.runtime.advance(Duration::from_secs(49));
    assert!(now(&other).await && !now(&run).await);
    firm.runtime.advance(Duration::from_secs(1));
    assert!(now(&other).await && now(&run).await);
}
