//! A call in progress: awaited, waited for, cancelled, or forgotten.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use casehug_clio::Sdk;
use tokio::sync::Notify;

use crate::failure::{Failure, Misuse};
use crate::host::inside_callback;

/// What became of a call: its result as JSON.
pub(crate) type Outcome = Result<String, Failure>;

/// Where the outcome is put, once.
pub(crate) struct Slot {
    outcome: Mutex<Option<Outcome>>,
    filled: Condvar,
    wakes: Notify,
    /// What is told to stop, until there is an outcome: a host may keep a call for long, in an
    /// exception's traceback say, and keeps nothing of the SDK with it.
    part: Mutex<Option<Arc<Sdk>>>,
}

impl Slot {
    pub(crate) fn new(part: Option<Arc<Sdk>>) -> Self {
        let (outcome, part) = (Mutex::default(), Mutex::new(part));
        Self { outcome, filled: Condvar::new(), wakes: Notify::new(), part }
    }

    fn outcome(&self) -> MutexGuard<'_, Option<Outcome>> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn part(&self) -> MutexGuard<'_, Option<Arc<Sdk>>> {
        self.part.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whoever waits on a thread has it now; whoever awaits it, after [`Slot::wake`].
    pub(crate) fn fill(&self, outcome: Outcome) {
        // The lock is free again when it is dropped.
        let part = self.part().take();
        drop(part);
        *self.outcome() = Some(outcome);
        self.filled.notify_all();
    }

    /// Calls the host's continuations, which may block: Python's takes its global lock.
    pub(crate) fn wake(&self) {
        self.wakes.notify_waiters();
    }
}

/// What a waiting caller found.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Looked {
    /// The result as JSON, `{}` where there is nothing to tell; none if there is none yet.
    pub json: Option<String>,
}

/// A call in progress, on threads of the SDK. Dropping it ends nothing.
#[derive(uniffi::Object)]
pub struct Call {
    pid: u32,
    slot: Arc<Slot>,
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Call")
    }
}

impl Call {
    pub(crate) fn new(slot: Arc<Slot>) -> Self {
        Self { pid: std::process::id(), slot }
    }

    fn check(&self) -> Result<(), Failure> {
        if self.pid != std::process::id() {
            return Err(Misuse::AfterFork.of("call").into());
        }
        Ok(())
    }
}

#[uniffi::export]
impl Call {
    /// Waits without a thread. May be dropped: the call goes on.
    ///
    /// # Errors
    /// How the call failed.
    pub async fn finished(&self) -> Result<String, Failure> {
        self.check()?;
        loop {
            let wakes = self.slot.wakes.notified();
            if let Some(outcome) = self.slot.outcome().clone() {
                return outcome;
            }
            wakes.await;
        }
    }

    /// Waits on this thread, for so long at most.
    ///
    /// # Errors
    /// How the call failed.
    pub fn look(&self, wait_ms: u32) -> Result<Looked, Failure> {
        self.check()?;
        if inside_callback() {
            return Err(Misuse::InsideCallback.of("call").into());
        }
        let until = Instant::now() + Duration::from_millis(wait_ms.into());
        let mut outcome = self.slot.outcome();
        loop {
            if let Some(outcome) = outcome.clone() {
                return outcome.map(|json| Looked { json: Some(json) });
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Looked { json: None });
            }
            let waited = self.slot.filled.wait_timeout(outcome, left);
            outcome = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Ends the call at its next safe point, with `cancelled`: at once where it waits, else after
    /// the request to Clio that was sent. It leaves no lease; what it had begun is due for workers.
    pub fn cancel(&self) {
        // In the child of a fork a lock may be held by a thread that is not there.
        if self.check().is_err() {
            return;
        }
        let part = self.slot.part().clone();
        if let Some(part) = part {
            part.stop();
        }
    }
}
