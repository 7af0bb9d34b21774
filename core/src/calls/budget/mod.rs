//! Clio's request budget: one fixed window of 60 s per access token, 50 calls at peak (Clio: Rate
//! limits).
//!
//! **Problem.** Everything a firm does, in all processes, spends one window. Spending too fast
//! provokes refusals; spending too carefully leaves a firm's documents waiting for minutes; and a
//! person who waits must not stand behind a thousand matters in bulk.
//!
//! **Model.** The window is a record of the store, due at its end, on the one clock that all
//! processes share. It holds what nobody has taken yet. A process leases a few calls of it in one
//! commit and spends them without asking again. The headers of every answer say what is really left
//! and when the window really ends, and are believed. Spent down to zero, the window is waited out.
//!
//! **Classes.** A fifth of the window is kept for [people who wait](Class::Waiting), another fifth
//! from [bulk](Class::Bulk); what is left of both in the window's last seconds is anyone's.
//!
//! **Depth first.** A run says how many calls it expects to make ([`InRun`]). Of the runs of a
//! class in progress in this process, the one that needs the fewest more has them before the
//! others: a matter that was begun is complete in Clio before others have their halves there, and a
//! small one that has a slot waits for no giant. A run that asked for nothing lately (its bytes
//! travel, Clio is slow) keeps nothing from the others, and in the window's last seconds none does:
//! no call goes unused.
//!
//! **The edge.** A call that is on its way when the window ends counts in one of the two, nobody
//! knows which. So a new window is opened only when this process's own calls have come back, or
//! after [`DRAIN`], less what is still out.
//!
//! **Failure cases.** A process that dies loses its lease for the rest of the window: too little is
//! spent, never too much. What it was reported and had not yet written is lost too, so the first
//! guess is none: connecting [writes down](opened) what its own calls were reported, and each
//! window passes its limit on to the next. Garbled headers stall nothing for longer than a window.
//! Clocks of hosts play no part: the end is counted from an answer's own `Date`, and kept by
//! monotonic clocks and the store's.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::select;
use serde::{Deserialize, Serialize};

use crate::clio::RateWindow;
use crate::domain::{FirmId, Monotonic, Timestamp};
use crate::error::Result;
use crate::notify::Notify;
use crate::ports::{Commit, Expect, Key};
use crate::stop::Stop;
use crate::store::{Repository, Transaction};

/// The length of a window (Clio: Rate limits), until an answer tells its end.
const WINDOW: Duration = Duration::from_secs(60);
/// Calls of a window (Clio: Rate limits), until an answer tells.
const LIMIT: u64 = 50;
/// A larger limit than this is no limit.
const MOST: u64 = 1 << 32;
/// No window ends later than this, whatever a header says.
const LONGEST: Duration = Duration::from_secs(65);
/// In the last seconds of a window nothing is kept for anyone.
const LAST_SECONDS: Duration = Duration::from_secs(10);
/// How long a new window waits for the calls of the old one.
const DRAIN: Duration = Duration::from_secs(5);
/// A run that asked for no call so long has no use for one now.
const ASKING: Duration = Duration::from_secs(3);
/// How often it looks meanwhile.
const LOOK: Duration = Duration::from_millis(20);
/// Times are reported in whole seconds: ends as near as this are one window's.
const BLUR: Duration = Duration::from_secs(5);

/// Who wants to call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// For a person who waits for it.
    Waiting,
    /// By itself, for what was just approved.
    Live,
    /// Older matters.
    Bulk,
}

impl Class {
    /// How much of a window is kept from this class.
    fn kept(self, limit: u64) -> u64 {
        match self {
            Self::Waiting => 0,
            Self::Live => limit / 5,
            Self::Bulk => limit / 5 * 2,
        }
    }
}

/// `budget/window`, due at the window's end.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Ledger {
    limit: u64,
    /// What no process has leased yet.
    left: u64,
}

impl Ledger {
    fn key(firm: &FirmId) -> Key {
        Key::new(firm, "budget", "window")
    }

    fn reported(rate: RateWindow) -> Self {
        let limit = rate.limit.clamp(1, MOST);
        Self { limit, left: rate.remaining.min(limit) }
    }
}

/// How long the window of an answer still lasts: a matter of Clio's clock alone.
fn lasts(rate: RateWindow, clio_time: Option<Timestamp>) -> Option<Duration> {
    let reset = Timestamp(rate.reset_unix_secs.saturating_mul(1000));
    Some(clio_time?.until(reset).min(LONGEST))
}

/// Adds to the commit that makes a connection the window of its token, as the connection's own
/// calls left it.
///
/// # Errors
/// [`Code::StoreFailed`](crate::Code::StoreFailed).
pub(crate) async fn opened(
    repository: &Repository,
    transaction: &mut Transaction,
    rate: RateWindow,
    clio_time: Option<Timestamp>,
) -> Result<()> {
    let key = Ledger::key(transaction.firm());
    let stored = repository.get::<Ledger>(&key).await?;
    let expect = stored.map_or(Expect::Absent, |stored| Expect::Version(stored.version));
    transaction.put_due(key, expect, Some(lasts(rate, clio_time).unwrap_or(WINDOW)), &Ledger::reported(rate))?;
    Ok(())
}

/// A process's share of a firm's budget.
#[derive(Debug)]
pub(crate) struct Budget {
    repository: Repository,
    firm: FirmId,
    /// Held by the one who leases.
    gate: futures_util::lock::Mutex<()>,
    state: Mutex<State>,
    run_ended: Notify,
}

#[derive(Debug, Default)]
struct State {
    window: Option<Window>,
    /// The limit that was reported last.
    limit: Option<u64>,
    in_flight: u64,
    draining_since: Option<Monotonic>,
    /// The calls that runs in progress still expect to make.
    runs: BTreeMap<u64, Expected>,
    next_run: u64,
}

#[derive(Clone, Copy, Debug)]
struct Expected {
    class: Class,
    calls: u64,
    /// When it last asked for one.
    asked: Monotonic,
}

impl State {
    /// What runs of its class still need that are nearer to their end, or as near and older.
    fn needed_before(&self, run: Option<&InRun>, now: Monotonic) -> u64 {
        let Some((number, of_this)) = run.and_then(|run| self.runs.get_key_value(&run.number)) else { return 0 };
        let asks = |other: &Expected| other.class == of_this.class && other.asked.until(now) < ASKING;
        let others = self.runs.iter().filter(|(_, other)| asks(other));
        let nearer = others.filter(|(other, expected)| (expected.calls, *other) < (of_this.calls, number));
        nearer.map(|(_, expected)| expected.calls).sum()
    }
}

#[derive(Clone, Copy, Debug)]
struct Window {
    ends: Monotonic,
    limit: u64,
    /// Leased and not spent.
    leased: u64,
    /// What no process had leased when this one last looked.
    rest: u64,
    /// The least that an answer said was left.
    reported: Option<u64>,
}

/// A window that calls may be leased from.
struct Open {
    limit: u64,
    /// What the ledger holds.
    whole: u64,
    /// What may be leased of it now: less, as long as it is not known whether the calls that are
    /// out are counted in what was reported.
    left: u64,
    lasts: Duration,
}

/// A run's place among those that share a budget. Given back when it is dropped: the run is over.
#[derive(Debug)]
pub(crate) struct InRun {
    budget: Arc<Budget>,
    number: u64,
}

impl Drop for InRun {
    fn drop(&mut self) {
        self.budget.state().runs.remove(&self.number);
        self.budget.run_ended.notify();
    }
}

/// Whether a call may be made.
enum Place {
    Now(InFlight),
    /// What is left is other runs'. So long at most.
    AfterOthers(Duration),
    /// Nothing is leased.
    None,
}

/// When to look again.
enum Wait {
    For(Duration),
    /// For the end of another run; so long at most.
    ForOthers(Duration),
}

/// The right to make one call. Given back when it is dropped: the call has come back.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<Budget>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.state().in_flight -= 1;
    }
}

impl Budget {
    pub(crate) fn new(repository: Repository, firm: FirmId) -> Self {
        let gate = futures_util::lock::Mutex::new(());
        Self { repository, firm, gate, state: Mutex::default(), run_ended: Notify::default() }
    }

    /// A run begins, which expects to make so many calls.
    pub(crate) fn begin_run(self: &Arc<Self>, class: Class, calls: u32) -> InRun {
        let asked = self.repository.runtime().monotonic();
        let mut state = self.state();
        let number = state.next_run;
        state.next_run += 1;
        state.runs.insert(number, Expected { class, calls: calls.into(), asked });
        InRun { budget: Arc::clone(self), number }
    }

    /// Calls of a window, and what is left of the present one: as this process was reported, else
    /// as the store has it; `None`: no window is open.
    ///
    /// # Errors
    /// [`Code::StoreFailed`](crate::Code::StoreFailed).
    pub(crate) async fn limit_and_left(&self) -> Result<(u64, Option<u64>)> {
        let now = self.repository.runtime().monotonic();
        let (limit, reported) = {
            let state = self.state();
            (state.limit, state.window.filter(|window| window.ends > now).and_then(|window| window.reported))
        };
        let stored = self.repository.get::<Ledger>(&Ledger::key(&self.firm)).await?;
        let limit = limit.or(stored.as_ref().map(|stored| stored.value.limit)).unwrap_or(LIMIT);
        if let (None, Some(stored)) = (reported, stored) {
            let open = stored.due_at > Some(self.repository.store_now(&self.firm).await?);
            return Ok((limit, open.then_some(stored.value.left)));
        }
        Ok((limit, reported))
    }

    /// Waits until a call may be made.
    ///
    /// # Errors
    /// [`Code::Stopped`](crate::Code::Stopped) if it would have to wait;
    /// [`Code::StoreFailed`](crate::Code::StoreFailed).
    pub(crate) async fn take(self: &Arc<Self>, class: Class, run: Option<&InRun>, stop: &Stop) -> Result<InFlight> {
        loop {
            let ended = self.run_ended.count();
            let runtime = self.repository.runtime();
            match self.look(class, run).await? {
                Ok(in_flight) => return Ok(in_flight),
                Err(Wait::For(wait)) => {
                    if wait > LAST_SECONDS {
                        tracing::info!(seconds = wait.as_secs(), "waiting for Clio's request limit to reset");
                    }
                    stop.unless_stopped(runtime.sleep(wait)).await?;
                }
                Err(Wait::ForOthers(wait)) => {
                    stop.unless_stopped(select(self.run_ended.after(ended), runtime.sleep(wait))).await?;
                }
            }
        }
    }

    /// The right to make a call now, if there is one.
    ///
    /// # Errors
    /// [`Code::StoreFailed`](crate::Code::StoreFailed).
    pub(crate) async fn take_now(self: &Arc<Self>, class: Class, run: Option<&InRun>) -> Result<Option<InFlight>> {
        Ok(self.look(class, run).await?.ok())
    }

    /// A place, or when to look again.
    async fn look(self: &Arc<Self>, class: Class, run: Option<&InRun>) -> Result<Result<InFlight, Wait>> {
        let mut alone = None;
        loop {
            match self.place(class, run) {
                Place::Now(in_flight) => return Ok(Ok(in_flight)),
                Place::AfterOthers(wait) => return Ok(Err(Wait::ForOthers(wait))),
                // Whoever leases meanwhile may lease more than it needs.
                Place::None if alone.is_none() => alone = Some(self.gate.lock().await),
                Place::None => {
                    if let Some(wait) = self.lease(class, run).await? {
                        return Ok(Err(wait));
                    }
                }
            }
        }
    }

    /// Takes in the headers of an answer. `clio_time` is its `Date`.
    pub(crate) fn learn(&self, rate: RateWindow, clio_time: Option<Timestamp>) {
        let now = self.repository.runtime().monotonic();
        let mut state = self.state();
        let known = state.window.filter(|window| window.ends > now);
        let ends = match (lasts(rate, clio_time), known) {
            (Some(lasts), _) => now + lasts,
            (None, Some(window)) => window.ends,
            (None, None) => now + WINDOW,
        };
        let Ledger { limit, left: remaining } = Ledger::reported(rate);
        state.limit = Some(limit);
        state.window = match known {
            Some(window) if same(ends, window.ends) => {
                let reported = window.reported.map_or(remaining, |reported| reported.min(remaining));
                let leased = window.leased.min(reported);
                // An end that was only guessed gives way; reported ones differ by their whole
                // seconds.
                let ends = if window.reported.is_some() { window.ends.max(ends) } else { ends };
                let rest = window.rest.min(reported - leased);
                Some(Window { ends, limit, leased, rest, reported: Some(reported) })
            }
            // The answer to a call of the window before.
            Some(window) if ends < window.ends && window.reported.is_some() => Some(window),
            _ => Some(Window { ends, limit, leased: 0, rest: remaining, reported: Some(remaining) }),
        };
    }

    /// A call of what this process has leased.
    fn place(self: &Arc<Self>, class: Class, run: Option<&InRun>) -> Place {
        let now = self.repository.runtime().monotonic();
        let mut state = self.state();
        if let Some(expected) = run.and_then(|run| state.runs.get_mut(&run.number)) {
            expected.asked = now;
        }
        let needed = state.needed_before(run, now);
        if !mutated!(BudgetWait) {
            let Some(window) = state.window.as_mut().filter(|window| window.ends > now && window.leased > 0) else {
                return Place::None;
            };
            let lasts = now.until(window.ends);
            let free = window.leased + window.rest.saturating_sub(class.kept(window.limit));
            if free <= needed && lasts > LAST_SECONDS {
                return Place::AfterOthers((lasts - LAST_SECONDS).min(ASKING));
            }
            window.leased -= 1;
        }
        if let Some(expected) = run.and_then(|run| state.runs.get_mut(&run.number)) {
            expected.calls = expected.calls.saturating_sub(1);
        }
        state.in_flight += 1;
        Place::Now(InFlight(Arc::clone(self)))
    }

    /// The window as the ledger and the answers of this process show it. `None`: nothing is known,
    /// and calls are out whose answers will tell.
    fn open_window(&self, now: Monotonic, ledger: Option<(Ledger, Duration)>, last_limit: Option<u64>) -> Option<Open> {
        let mut state = self.state();
        let known = state.window.filter(|window| window.ends > now);
        if ledger.is_some() || known.is_some() {
            state.draining_since = None;
        }
        let out = state.in_flight;
        match (known, ledger) {
            (Some(window), Some((ledger, lasts))) if same(window.ends, now + lasts) => {
                let reported = window.reported.unwrap_or(u64::MAX);
                // The window may have been opened under another limit than was reported since.
                let unleased = (ledger.left + window.limit).saturating_sub(ledger.limit);
                let whole = if out == 0 { unleased.min(reported) } else { unleased };
                Some(Open {
                    limit: window.limit,
                    whole,
                    left: unleased.min(reported.saturating_sub(out)),
                    lasts: now.until(window.ends),
                })
            }
            (Some(window), _) => {
                let reported = window.reported.unwrap_or(window.limit);
                Some(Open {
                    limit: window.limit,
                    whole: reported,
                    left: reported.saturating_sub(out),
                    lasts: now.until(window.ends),
                })
            }
            (None, Some((ledger, lasts))) => {
                Some(Open { limit: ledger.limit, whole: ledger.left, left: ledger.left, lasts })
            }
            (None, None) => {
                let since = *state.draining_since.get_or_insert(now);
                if out > 0 && since.until(now) < DRAIN {
                    return None;
                }
                state.draining_since = None;
                let limit = state.limit.or(last_limit).unwrap_or(LIMIT);
                let left = limit.saturating_sub(out);
                Some(Open { limit, whole: left, left, lasts: WINDOW })
            }
        }
    }

    /// Leases some of the window, or says when to look again.
    async fn lease(&self, class: Class, run: Option<&InRun>) -> Result<Option<Wait>> {
        let key = Ledger::key(&self.firm);
        let stored = self.repository.get::<Ledger>(&key).await?;
        let store_now = self.repository.store_now(&self.firm).await?;
        let now = self.repository.runtime().monotonic();
        let last_limit = stored.as_ref().map(|stored| stored.value.limit);
        let ledger = stored.as_ref().and_then(|stored| {
            let left = Some(store_now.until(stored.due_at?)).filter(|left| !left.is_zero())?;
            Some((stored.value, left.min(LONGEST)))
        });
        let Some(Open { limit, whole, left, lasts }) = self.open_window(now, ledger, last_limit) else {
            return Ok(Some(Wait::For(LOOK)));
        };
        let kept = if lasts <= LAST_SECONDS { 0 } else { class.kept(limit) };
        let free = left.saturating_sub(kept);
        if free == 0 {
            let rest = if left > 0 { lasts.saturating_sub(LAST_SECONDS) } else { lasts };
            let soon = whole > left && whole > kept;
            return Ok(Some(Wait::For(if soon { LOOK } else { rest.max(Duration::from_millis(1)) })));
        }
        // Of a window that nobody has opened somebody must: until then it has no end.
        if lasts > LAST_SECONDS && whole < limit && free <= self.state().needed_before(run, now) {
            return Ok(Some(Wait::ForOthers((lasts - LAST_SECONDS).min(ASKING))));
        }
        let taken = free.min((limit / 8).max(1));
        let mut transaction = self.repository.transaction(&self.firm)?;
        let expect = stored.map_or(Expect::Absent, |stored| Expect::Version(stored.version));
        transaction.put_due(key, expect, Some(lasts), &Ledger { limit, left: whole - taken })?;
        if matches!(self.repository.commit(&transaction).await?, Commit::Done { .. }) {
            let mut state = self.state();
            let ends = now + lasts;
            let reported = state.window.filter(|window| same(window.ends, ends)).and_then(|window| window.reported);
            state.window = Some(Window { ends, limit, leased: taken, rest: left - taken, reported });
        }
        Ok(None)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn same(one: Monotonic, other: Monotonic) -> bool {
    one.until(other) <= BLUR && other.until(one) <= BLUR
}

#[cfg(test)]
mod tests;
