//! Wakes the workers of this process when a trigger was committed, so that they need not wait for their next look.

use core::future::poll_fn;
use core::sync::atomic::{AtomicU64, Ordering};
use core::task::{Poll, Waker};
use std::sync::{Mutex, PoisonError};

/// A count of nudges, and who waits for the next.
#[derive(Debug, Default)]
pub(crate) struct Nudge {
    count: AtomicU64,
    waiting: Mutex<Vec<Waker>>,
}

impl Nudge {
    /// Wakes everybody who waits.
    pub(crate) fn nudge(&self) {
        self.count.fetch_add(1, Ordering::SeqCst);
        let waiting = core::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        waiting.into_iter().for_each(Waker::wake);
    }

    /// The nudges so far: taken before looking for work, given to [`after`](Self::after), so that none is missed in between.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::SeqCst)
    }

    /// Waits for a nudge after the `seen` ones.
    pub(crate) async fn after(&self, seen: u64) {
        poll_fn(|context| {
            if self.count() > seen {
                return Poll::Ready(());
            }
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            // Waits that were given up left theirs behind.
            waiting.retain(|known| !known.will_wake(context.waker()));
            waiting.push(context.waker().clone());
            drop(waiting);
            // A nudge between the look and the lock found nobody waiting.
            if self.count() > seen { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}
