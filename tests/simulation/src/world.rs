//! Virtual time, and an executor that does nothing by itself: which task goes on, and when, is a
//! function of the seed.
//!
//! **Model.** Tasks belong to nodes. A node may be crashed (its tasks are dropped where they stand)
//! or paused (they are not polled until its time has come; what they sent goes on). When no task
//! can go on, the clock moves to the next timer.

use std::collections::BTreeMap;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use casehug_clio::ports::{BoxFuture, Runtime};
use casehug_clio::{Monotonic, Result, Timestamp};

/// 2026-04-01T12:00:00Z.
pub const START: i64 = 1_775_044_800_000;

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Whether [`World::tell`] prints.
pub static TELLING: AtomicBool = AtomicBool::new(false);

/// A node: a process that can die.
pub type Node = usize;

struct Task {
    node: Node,
    /// One for all polls, so that a timer sees that it is still the same.
    waker: Waker,
    work: Option<Work>,
}

/// Somebody who looks again and again whether there is something to do.
#[derive(Clone)]
pub struct Looking {
    pub pace: Duration,
    /// Since when there is, or from when on there will be, if nobody does anything until then.
    pub due: Arc<dyn Fn() -> Option<Timestamp> + Send + Sync>,
}

impl fmt::Debug for Looking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Looking").field("pace", &self.pace).finish_non_exhaustive()
    }
}

struct State {
    now: Duration,
    random: fastrand::Rng,
    /// By number. Numbers are not used again, so that a late waker wakes nobody else.
    tasks: Vec<Option<Task>>,
    timers: BTreeMap<(Duration, u64), Waker>,
    /// Those who look again and again, by when they look next.
    lookers: BTreeMap<(Duration, u64), (Waker, Looking)>,
    next_timer: u64,
    /// When each of them looks next.
    looks: BTreeMap<u64, Duration>,
    paused_until: BTreeMap<Node, Duration>,
    /// The node that dies in this moment: what its tasks leave behind dies with them.
    dying: Option<Node>,
    /// How long each node stood still in all.
    stood: BTreeMap<Node, Duration>,
    /// What happened, folded: two runs of one seed must agree.
    trace: u64,
    /// Polls since the clock moved.
    turns: u32,
    /// The first thing that must never happen, and did.
    violation: Option<String>,
}

/// More polls than this at one moment are a loop that never ends.
const MOST_TURNS: u32 = 100_000;

/// The world. A clone is the same one.
#[derive(Clone)]
pub struct World {
    state: Arc<Mutex<State>>,
    ready: Ready,
}

type Ready = Arc<Mutex<Vec<Arc<Wakeup>>>>;

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("now", &self.now()).finish_non_exhaustive()
    }
}

struct Wakeup {
    task: usize,
    /// Whether it is among the ready ones already.
    queued: AtomicBool,
    ready: Ready,
}

impl Wake for Wakeup {
    fn wake(self: Arc<Self>) {
        if !self.queued.swap(true, Ordering::Relaxed) {
            let ready = Arc::clone(&self.ready);
            lock(&ready).push(self);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl World {
    /// A world at its beginning.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let state = State {
            now: Duration::ZERO,
            random: fastrand::Rng::with_seed(seed),
            tasks: Vec::new(),
            timers: BTreeMap::new(),
            lookers: BTreeMap::new(),
            next_timer: 0,
            looks: BTreeMap::new(),
            paused_until: BTreeMap::new(),
            dying: None,
            stood: BTreeMap::new(),
            trace: 0,
            turns: 0,
            violation: None,
        };
        Self { state: Arc::new(Mutex::new(state)), ready: Arc::default() }
    }

    /// Time since the beginning.
    #[must_use]
    pub fn now(&self) -> Duration {
        lock(&self.state).now
    }

    /// Unix milliseconds of the true clock.
    #[must_use]
    pub fn unix_ms(&self) -> i64 {
        START + i64::try_from(self.now().as_millis()).unwrap_or(i64::MAX)
    }

    /// Draws from the world's chance.
    pub fn random<T>(&self, draw: impl FnOnce(&mut fastrand::Rng) -> T) -> T {
        draw(&mut lock(&self.state).random)
    }

    /// Whether something of this probability happens.
    #[must_use]
    pub fn chance(&self, probability: f64) -> bool {
        self.random(|random| random.f64() < probability)
    }

    /// A time between these.
    #[must_use]
    pub fn between(&self, least: Duration, most: Duration) -> Duration {
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(self.random(|random| random.u64(millis(least)..=millis(most))))
    }

    /// Folds something that happened into the trace.
    pub fn note(&self, what: &str) {
        let mut state = lock(&self.state);
        let at = u64::try_from(state.now.as_millis()).unwrap_or(u64::MAX);
        for byte in what.bytes().chain(at.to_le_bytes()) {
            state.trace = (state.trace ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    /// Something happened that must never happen.
    pub fn violated(&self, what: impl FnOnce() -> String) {
        lock(&self.state).violation.get_or_insert_with(what);
    }

    /// The first thing that must never happen, and did.
    #[must_use]
    pub fn violation(&self) -> Option<String> {
        lock(&self.state).violation.clone()
    }

    /// Tells what happens, when one seed is replayed to be understood.
    #[allow(clippy::print_stdout, reason = "asked for on the command line")]
    pub fn tell(&self, what: impl FnOnce() -> String) {
        if TELLING.load(Ordering::Relaxed) {
            println!("{:>10.3} {}", self.now().as_secs_f64(), what());
        }
    }

    /// The trace so far.
    #[must_use]
    pub fn trace(&self) -> u64 {
        lock(&self.state).trace
    }

    /// Starts a task on a node.
    pub fn spawn(&self, node: Node, work: impl Future<Output = ()> + Send + 'static) {
        let mut state = lock(&self.state);
        if state.dying == Some(node) {
            return;
        }
        let wakeup = Wakeup { task: state.tasks.len(), queued: AtomicBool::new(false), ready: Arc::clone(&self.ready) };
        let waker = Waker::from(Arc::new(wakeup));
        waker.wake_by_ref();
        state.tasks.push(Some(Task { node, waker, work: Some(Box::pin(work)) }));
    }

    /// Drops every task of a node where it stands.
    pub fn crash(&self, node: Node) {
        let gone: Vec<Task> = {
            let mut state = lock(&self.state);
            state.dying = Some(node);
            let (now, until) = (state.now, state.paused_until.remove(&node));
            if let (Some(until), Some(stood)) = (until, state.stood.get_mut(&node)) {
                *stood -= until.saturating_sub(now);
            }
            let on_it = |task: &&mut Option<Task>| task.as_ref().is_some_and(|task| task.node == node);
            state.tasks.iter_mut().filter(on_it).filter_map(Option::take).collect()
        };
        // Outside of the lock: what is dropped may wake others.
        drop(gone);
        lock(&self.state).dying = None;
    }

    /// Polls no task of the node until this much later, or until then if it stands still for longer
    /// already.
    pub fn pause(&self, node: Node, length: Duration) {
        let mut state = lock(&self.state);
        let (now, until) = (state.now, state.now + length);
        let from = state.paused_until.get(&node).copied().unwrap_or(now).max(now);
        if until > from {
            state.paused_until.insert(node, until);
            *state.stood.entry(node).or_default() += until - from;
        }
    }

    /// How long a node has been running, not counting when it stood still.
    #[must_use]
    pub fn ran(&self, node: Node) -> Duration {
        let state = lock(&self.state);
        state.now.saturating_sub(state.stood.get(&node).copied().unwrap_or_default())
    }

    /// What somebody asks for. `None`: they leave, sooner or later, and do not hear what becomes of
    /// it.
    pub async fn asked<T>(&self, work: impl Future<Output = T>, leaves: bool) -> Option<T> {
        if !leaves {
            return Some(work.await);
        }
        let mut polls = self.random(|random| random.u32(0..400));
        let mut work = pin!(work);
        poll_fn(|context| {
            if polls == 0 {
                return Poll::Ready(None);
            }
            polls -= 1;
            work.as_mut().poll(context).map(Some)
        })
        .await
    }

    /// Completes this much later.
    #[must_use]
    pub fn sleep(&self, length: Duration) -> Sleep {
        Sleep { world: self.clone(), until: self.now().saturating_add(length), timer: None }
    }

    /// Completes at the first look that finds something. A look that finds nothing would change
    /// nothing, so nobody is woken for it: most of a seed's time is spent idle.
    #[must_use]
    pub fn look(&self, looking: Looking) -> Look {
        Look { world: self.clone(), looking, timer: None }
    }

    /// Runs until this time, or until `enough` says so.
    pub fn run_until(&self, end: Duration, mut enough: impl FnMut() -> bool) {
        while !enough() {
            if !self.turn(end) {
                return;
            }
        }
    }

    /// One poll, or one step of the clock. `false`: the end is reached.
    fn turn(&self, end: Duration) -> bool {
        let next = {
            let mut ready = lock(&self.ready);
            match ready.len() {
                0 => None,
                count => {
                    let index = self.random(|random| random.usize(0..count));
                    Some(ready.swap_remove(index))
                }
            }
        };
        let Some(wakeup) = next else { return self.advance(end) };
        wakeup.queued.store(false, Ordering::Relaxed);
        let (waker, mut work) = {
            let mut guard = lock(&self.state);
            let state = &mut *guard;
            state.turns += 1;
            let Some(task) = state.tasks[wakeup.task].as_mut() else { return true };
            assert!(state.turns < MOST_TURNS, "a loop without an end, on node {:?}", task.node);
            if let Some(until) = state.paused_until.get(&task.node).copied().filter(|until| *until > state.now) {
                state.next_timer += 1;
                state.timers.insert((until, state.next_timer), task.waker.clone());
                return true;
            }
            let Some(work) = task.work.take() else { return true };
            (task.waker.clone(), work)
        };
        let done = work.as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
        let mut state = lock(&self.state);
        let task = &mut state.tasks[wakeup.task];
        match task {
            Some(task) if !done => {
                task.work = Some(work);
                return true;
            }
            _ => *task = None,
        }
        // Outside of the lock: what is dropped may wake others.
        drop(state);
        drop(work);
        true
    }

    fn advance(&self, end: Duration) -> bool {
        let mut state = lock(&self.state);
        let timer = state.timers.first_key_value().map(|(key, _)| *key);
        let look = state.lookers.first_key_value().map(|(key, _)| *key);
        let Some((at, number)) = timer.into_iter().chain(look).min().filter(|(at, _)| *at <= end) else {
            state.now = state.now.max(end);
            return false;
        };
        if at > state.now {
            state.turns = 0;
        }
        state.now = state.now.max(at);
        let waker =
            if look == Some((at, number)) { state.look(number, end) } else { state.timers.remove(&(at, number)) };
        drop(state);
        waker.into_iter().for_each(Waker::wake);
        true
    }
}

impl State {
    /// Whoever looks now is woken if there is something. Else they look next when there may be:
    /// until somebody is woken, nothing comes up.
    fn look(&mut self, number: u64, end: Duration) -> Option<Waker> {
        let now = self.now;
        let (waker, looking) = self.lookers.remove(&(now, number))?;
        let due = |looking: &Looking| (looking.due)().map(since_start);
        if due(&looking).is_some_and(|due| due <= now) {
            self.looks.remove(&number);
            return Some(waker);
        }
        let dues = self.lookers.values().map(|(_, other)| other).chain([&looking]).filter_map(due);
        let until = dues.chain(self.timers.keys().next().map(|(at, _)| *at)).min().unwrap_or(end).min(end);
        let idle = until.saturating_sub(now).as_millis().div_ceil(looking.pace.as_millis().max(1)).max(1);
        let next = now + looking.pace * u32::try_from(idle).unwrap_or(1);
        self.looks.insert(number, next);
        self.lookers.insert((next, number), (waker, looking));
        None
    }
}

/// What is due before the beginning is due at once.
fn since_start(at: Timestamp) -> Duration {
    Duration::from_millis(u64::try_from(at.0 - START).unwrap_or(0))
}

/// See [`World::look`].
#[derive(Debug)]
pub struct Look {
    world: World,
    looking: Looking,
    /// Its number among the timers, and whom it wakes.
    timer: Option<(u64, Waker)>,
}

impl Future for Look {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Self { world, looking, timer } = &mut *self;
        let mut guard = lock(&world.state);
        let state = &mut *guard;
        let (number, at) = match timer {
            None => {
                state.next_timer += 1;
                (state.next_timer, state.now.saturating_add(looking.pace))
            }
            Some((number, waker)) => {
                let Some(at) = state.looks.get(number).copied() else { return Poll::Ready(()) };
                if waker.will_wake(context.waker()) {
                    return Poll::Pending;
                }
                (*number, at)
            }
        };
        state.looks.insert(number, at);
        state.lookers.insert((at, number), (context.waker().clone(), looking.clone()));
        *timer = Some((number, context.waker().clone()));
        Poll::Pending
    }
}

impl Drop for Look {
    fn drop(&mut self) {
        let Some((number, _)) = self.timer.take() else { return };
        let mut state = lock(&self.world.state);
        if let Some(at) = state.looks.remove(&number) {
            state.lookers.remove(&(at, number));
        }
    }
}

/// See [`World::sleep`].
#[derive(Debug)]
pub struct Sleep {
    world: World,
    until: Duration,
    /// Its number among the timers, and whom it wakes.
    timer: Option<(u64, Waker)>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Self { world, until, timer } = &mut *self;
        let mut guard = lock(&world.state);
        let state = &mut *guard;
        if state.now >= *until {
            if let Some((number, _)) = timer.take() {
                state.timers.remove(&(*until, number));
            }
            return Poll::Ready(());
        }
        // A worker is polled far more often than it is woken by this timer.
        if timer.as_ref().is_some_and(|(_, waker)| waker.will_wake(context.waker())) {
            return Poll::Pending;
        }
        let number = timer.as_ref().map_or_else(
            || {
                state.next_timer += 1;
                state.next_timer
            },
            |(number, _)| *number,
        );
        state.timers.insert((*until, number), context.waker().clone());
        *timer = Some((number, context.waker().clone()));
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some((number, _)) = self.timer.take() {
            lock(&self.world.state).timers.remove(&(self.until, number));
        }
    }
}

/// The runtime port of one node: its wall clock may be wrong and may jump.
#[derive(Clone, Debug)]
pub struct NodeRuntime {
    world: World,
    node: Node,
    ahead_ms: Arc<Mutex<i64>>,
    looking: Option<Looking>,
}

impl NodeRuntime {
    /// A node whose clock is right.
    #[must_use]
    pub fn new(world: &World, node: Node) -> Self {
        Self { world: world.clone(), node, ahead_ms: Arc::default(), looking: None }
    }

    /// The same node, with something to look for whenever it sleeps for as long as it waits between
    /// two looks: `pace`, less up to a tenth by chance.
    #[must_use]
    pub fn looking(&self, looking: Looking) -> Self {
        Self { looking: Some(looking), ..self.clone() }
    }

    /// Sets the wall clock that much ahead of the truth.
    pub fn jump(&self, ahead_ms: i64) {
        *lock(&self.ahead_ms) = ahead_ms;
    }

    /// Sets the wall clock by so much.
    pub fn set(&self, by_ms: i64) {
        *lock(&self.ahead_ms) += by_ms;
    }

    /// What the wall clock says at a moment of the true one.
    #[must_use]
    pub fn at(&self, truth: Timestamp) -> Timestamp {
        Timestamp(truth.0 + *lock(&self.ahead_ms))
    }

    /// When the wall clock says this, as it is set now: a moment of the true one.
    #[must_use]
    pub fn truth(&self, at: Timestamp) -> Timestamp {
        Timestamp(at.0 - *lock(&self.ahead_ms))
    }
}

/// Whether a worker sleeps for this long between two looks (`Worker::tick` in core). With
/// [`PACE`](crate::PACE) these are no whole milliseconds, and nobody else sleeps for fractions.
fn is_between_looks(duration: Duration, pace: Duration) -> bool {
    let step = pace / (10 * 255);
    let less = pace.checked_sub(duration);
    less.is_some_and(|less| less <= step * 255 && less.as_nanos().is_multiple_of(step.as_nanos()))
}

impl Runtime for NodeRuntime {
    fn now(&self) -> Timestamp {
        self.at(Timestamp(self.world.unix_ms()))
    }

    fn monotonic(&self) -> Monotonic {
        Monotonic(Duration::from_secs(1000) + self.world.now())
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        match self.looking.as_ref().filter(|looking| is_between_looks(duration, looking.pace)) {
            Some(looking) => Box::pin(self.world.look(Looking { pace: duration, ..looking.clone() })),
            None => Box::pin(self.world.sleep(duration)),
        }
    }

    fn spawn(&self, work: BoxFuture<'static, ()>) {
        self.world.spawn(self.node, work);
    }

    fn random(&self, out: &mut [u8]) -> Result<()> {
        self.world.random(|random| random.fill(out));
        Ok(())
    }
}
