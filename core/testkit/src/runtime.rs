//! The [`Runtime`] port on virtual time: a test of hours takes milliseconds, and the same seed
//! gives the same bytes.
//!
//! **The model.** The clock stands still until a sleep or [`VirtualRuntime::advance`] moves it. A
//! sleep gives every other task a turn first, lets sleeps with an earlier deadline end before it,
//! and then sets the clock to its own deadline. It knows nothing of the executor, so it cannot see
//! that a task waits for real I/O: virtual time runs on meanwhile.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

use casehug_clio::ports::{BoxFuture, Runtime};
use casehug_clio::{Code, Error, Monotonic, Result, Timestamp};

/// 2026-04-01T12:00:00Z: where every virtual clock starts.
const START: Timestamp = Timestamp(1_775_044_800_000);

/// How many turns a sleep leaves to sleeps that should end before it. They may be held by a task
/// that does not poll them now (a `select!` that is busy in another branch), so waiting for them
/// without a bound would never end.
const TURNS: u32 = 32;

/// Virtual time and seeded chance. A clone reads and moves the same clock.
#[derive(Clone)]
pub struct VirtualRuntime(Arc<Mutex<State>>);

struct State {
    /// Time since the runtime was created.
    elapsed: Duration,
    /// How far the wall clock was set ahead of that.
    ahead_ms: i64,
    /// Deadlines of the sleeps that are being polled, each with a number of its own.
    sleepers: BTreeSet<(Duration, u64)>,
    next_sleeper: u64,
    seed: u64,
    blocks: u64,
    random_fails: bool,
    spawned: Vec<BoxFuture<'static, ()>>,
}

impl VirtualRuntime {
    /// A clock at 2026-04-01T12:00:00Z, and random bytes that are a function of the seed and of the
    /// calls so far.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            elapsed: Duration::ZERO,
            ahead_ms: 0,
            sleepers: BTreeSet::new(),
            next_sleeper: 0,
            seed,
            blocks: 0,
            random_fails: false,
            spawned: Vec::new(),
        })))
    }

    /// Moves both clocks forward.
    pub fn advance(&self, duration: Duration) {
        let mut state = self.state();
        state.elapsed = state.elapsed.saturating_add(duration);
    }

    /// Sets the wall clock by so much, back if negative, as a person or a time server does. The
    /// monotonic clock goes on as it was.
    pub fn set_wall_clock(&self, by_ms: i64) {
        self.state().ahead_ms += by_ms;
    }

    /// From now on [`Runtime::random`] fails, or works again.
    pub fn set_random_fails(&self, fails: bool) {
        self.state().random_fails = fails;
    }

    /// Runs what was [spawned](Runtime::spawn) to its end: nothing of it goes on by itself.
    pub async fn run_spawned(&self) {
        loop {
            let Some(work) = self.state().spawned.pop() else { return };
            work.await;
        }
    }

    /// The process dies: what was spawned never ends, and what it leaves behind neither.
    pub fn drop_spawned(&self) {
        loop {
            let Some(work) = self.state().spawned.pop() else { return };
            drop(work);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Runtime for VirtualRuntime {
    fn now(&self) -> Timestamp {
        let state = self.state();
        let now = START + state.elapsed;
        Timestamp(now.0 + state.ahead_ms)
    }

    fn monotonic(&self) -> Monotonic {
        // An origin of its own, so that a test fails when the two clocks are mixed up.
        Monotonic(Duration::from_secs(1000) + self.state().elapsed)
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let deadline = self.state().elapsed.saturating_add(duration);
        Box::pin(Sleep { runtime: self.clone(), deadline, number: None, turns: 0 })
    }

    fn spawn(&self, work: BoxFuture<'static, ()>) {
        self.state().spawned.push(work);
    }

    fn random(&self, out: &mut [u8]) -> Result<()> {
        let mut state = self.state();
        if state.random_fails {
            return Err(Error::new(Code::RuntimeFailed).with("source", "random"));
        }
        for chunk in out.chunks_mut(32) {
            let block = Sha256::new()
                .chain_update(state.seed.to_be_bytes())
                .chain_update(state.blocks.to_be_bytes())
                .finalize();
            chunk.copy_from_slice(&block[..chunk.len()]);
            state.blocks += 1;
        }
        Ok(())
    }
}

/// The virtual time that has passed, never the random state.
impl fmt::Debug for VirtualRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VirtualRuntime").field("elapsed", &self.state().elapsed).finish_non_exhaustive()
    }
}

struct Sleep {
    runtime: VirtualRuntime,
    deadline: Duration,
    number: Option<u64>,
    turns: u32,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let mut state = this.runtime.state();
        if state.elapsed >= this.deadline {
            return Poll::Ready(());
        }
        let number = *this.number.get_or_insert_with(|| {
            state.next_sleeper += 1;
            state.next_sleeper
        });
        state.sleepers.insert((this.deadline, number));
        let is_next = state.sleepers.first() == Some(&(this.deadline, number));
        if this.turns == 0 || (!is_next && this.turns < TURNS) {
            this.turns += 1;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        state.elapsed = this.deadline;
        Poll::Ready(())
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.runtime.state().sleepers.remove(&(self.deadline, number));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::future::{join, join3};

    #[tokio::test]
    async fn a_sleep_moves_both_clocks_by_its_duration_and_nothing_else_does() {
        let runtime = VirtualRuntime::new(1);
        let (now, monotonic) = (runtime.now(), runtime.monotonic());
        assert_eq!(runtime.now(), now);
        runtime.clone().sleep(Duration::from_secs(86_400)).await;
        assert_eq!(runtime.now(), now + Duration::from_secs(86_400));
        runtime.advance(Duration::from_secs(1));
        assert_eq!(runtime.monotonic(), monotonic + Duration::from_secs(86_401));
    }

    #[tokio::test]
    async fn sleeps_overlap_and_end_in_the_order_of_their_deadlines() {
        let runtime = VirtualRuntime::new(1);
        let start = runtime.now();
        let ended = Mutex::new(Vec::new());
        let nap = |seconds| {
            let (runtime, ended) = (&runtime, &ended);
            async move {
                runtime.sleep(Duration::from_secs(seconds)).await;
                ended.lock().unwrap().push((seconds, runtime.now().millis_since(start)));
            }
        };
        join3(nap(30), nap(10), nap(20)).await;
        assert_eq!(*ended.lock().unwrap(), [(10, 10_000), (20, 20_000), (30, 30_000)]);
    }

    #[tokio::test]
    async fn an_earlier_sleep_that_nobody_polls_does_not_stop_time() {
        let runtime = VirtualRuntime::new(1);
        let mut held = runtime.sleep(Duration::from_secs(1));
        assert!(futures_util::poll!(&mut held).is_pending());
        runtime.sleep(Duration::from_secs(5)).await;
        held.await;
    }

    #[tokio::test]
    async fn a_loop_of_sleeps_lets_other_tasks_run() {
        let runtime = VirtualRuntime::new(1);
        let done = Mutex::new(false);
        let waits = async {
            while !*done.lock().unwrap() {
                runtime.sleep(Duration::from_secs(1)).await;
            }
        };
        join(waits, async { *done.lock().unwrap() = true }).await;
        assert!(runtime.state().elapsed <= Duration::from_secs(1));
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes_and_failure_is_on_request() {
        let draw = |runtime: &VirtualRuntime| {
            let mut bytes = [0; 70];
            runtime.random(&mut bytes).map(|()| bytes)
        };
        let (a, b, other) = (VirtualRuntime::new(7), VirtualRuntime::new(7), VirtualRuntime::new(8));
        let first = draw(&a).unwrap();
        assert_eq!(first, draw(&b).unwrap());
        assert_ne!(first, draw(&a).unwrap());
        assert_ne!(first, draw(&other).unwrap());
        assert!(first[64..].iter().any(|byte| *byte != 0));
        a.set_random_fails(true);
        assert_eq!(draw(&a).unwrap_err().code(), Code::RuntimeFailed);
    }
}
