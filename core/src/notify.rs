//! Wakes the workers of this process when a trigger was committed, so that they need not wait for
//! their next look.

use core::future::Future;
use core::pin::Pin;
use core::sync::atomic::{AtomicU64, Ordering};
use core::task::{Context, Poll, Waker};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A count of notifications, and who waits for the next.
#[derive(Debug, Default)]
pub(crate) struct Notify {
    count: AtomicU64,
    next_wait: AtomicU64,
    waiting: Mutex<BTreeMap<u64, Waker>>,
}

impl Notify {
    /// Wakes everybody who waits.
    pub(crate) fn notify(&self) {
        self.count.fetch_add(1, Ordering::SeqCst);
        let waiting = core::mem::take(&mut *self.waiting());
        waiting.into_values().for_each(Waker::wake);
    }

    /// The notifications so far: taken before looking for work, given to [`after`](Self::after), so
    /// that none is missed in between.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::SeqCst)
    }

    /// Waits for a notification after the `seen` ones.
    pub(crate) fn after(&self, seen: u64) -> After<'_> {
        After { notify: self, seen, wait: self.next_wait.fetch_add(1, Ordering::Relaxed), known: None }
    }

    fn waiting(&self) -> MutexGuard<'_, BTreeMap<u64, Waker>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One wait: one waker, the latest, whatever the executor gives; none once it is over.
#[derive(Debug)]
pub(crate) struct After<'a> {
    notify: &'a Notify,
    seen: u64,
    wait: u64,
    /// Whom it wakes.
    known: Option<Waker>,
}

impl Future for After<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.notify.count() > self.seen {
            return Poll::Ready(());
        }
        // What waits is polled far more often than it is woken by this.
        if self.known.as_ref().is_some_and(|known| known.will_wake(context.waker())) {
            return Poll::Pending;
        }
        self.known = Some(context.waker().clone());
        self.notify.waiting().insert(self.wait, context.waker().clone());
        // A notification between the look and the lock found nobody waiting.
        if self.notify.count() > self.seen { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for After<'_> {
    fn drop(&mut self) {
        self.notify.waiting().remove(&self.wait);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::pin::pin;
    use std::sync::Arc;
    use std::task::Wake;

    #[derive(Default)]
    struct Fresh(AtomicU64);

    impl Wake for Fresh {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn a_wait_wakes_the_latest_waker_alone_and_keeps_none_afterwards() {
        let notify = Notify::default();
        {
            let mut wait = pin!(notify.after(notify.count()));
            // An executor may make a new waker for each poll.
            let all: Vec<Arc<Fresh>> = (0..100).map(|_| Arc::default()).collect();
            for fresh in &all {
                let waker = Waker::from(Arc::clone(fresh));
                assert!(wait.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            }
            assert_eq!(notify.waiting().len(), 1);
            notify.notify();
            let woken: Vec<u64> = all.iter().map(|fresh| fresh.0.load(Ordering::SeqCst)).collect();
            assert!(woken[..99].iter().all(|count| *count == 0) && woken[99] == 1, "{woken:?}");
        }
        assert_eq!(notify.waiting().len(), 0);
    }
}
