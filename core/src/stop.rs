//! Being told to stop: whoever waits ends at once, whoever works ends after the step in progress.

use core::future::Future;
use core::pin::pin;
use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use futures_util::future::{Either, select, select_all};

use crate::error::{Code, Result};
use crate::notify::Notify;

#[derive(Debug, Default)]
struct Flag {
    told: AtomicBool,
    wake: Notify,
}

/// Says that work is to end: that of a whole SDK, or that of one worker. Clones are one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stop {
    own: Arc<Flag>,
    above: Vec<Arc<Flag>>,
}

impl Stop {
    /// One that ends with this one, and can be told alone.
    pub(crate) fn below(&self) -> Self {
        let above = core::iter::once(&self.own).chain(&self.above).cloned().collect();
        Self { own: Arc::default(), above }
    }

    /// The one that all others are below.
    pub(crate) fn whole(&self) -> Self {
        Self { own: Arc::clone(self.above.last().unwrap_or(&self.own)), above: Vec::new() }
    }

    pub(crate) fn tell(&self) {
        self.own.told.store(true, Ordering::SeqCst);
        self.own.wake.notify();
    }

    pub(crate) fn is_told(&self) -> bool {
        self.flags().any(|flag| flag.told.load(Ordering::SeqCst))
    }

    /// # Errors
    /// [`Code::Stopped`].
    pub(crate) fn check(&self) -> Result<()> {
        if self.is_told() { Err(Code::Stopped.into()) } else { Ok(()) }
    }

    /// Completes when it is told.
    pub(crate) async fn requested(&self) {
        select_all(self.flags().map(|flag| Box::pin(flag.wake.after(0)))).await;
    }

    /// Waits, unless it is told to stop.
    ///
    /// # Errors
    /// [`Code::Stopped`].
    pub(crate) async fn unless_stopped<T>(&self, wait: impl Future<Output = T>) -> Result<T> {
        self.check()?;
        match select(pin!(self.requested()), pin!(wait)).await {
            Either::Left(_) => Err(Code::Stopped.into()),
            Either::Right((done, _)) => Ok(done),
        }
    }

    /// Whether what is above goes on: this one alone was told.
    pub(crate) fn is_told_alone(&self) -> bool {
        self.is_told() && !self.above.iter().any(|flag| flag.told.load(Ordering::SeqCst))
    }

    fn flags(&self) -> impl Iterator<Item = &Flag> {
        core::iter::once(&*self.own).chain(self.above.iter().map(|flag| &**flag))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::future::pending;

    use futures_util::FutureExt as _;

    #[test]
    fn a_worker_can_be_told_alone_and_ends_with_its_sdk() {
        let sdk = Stop::default();
        let (one, other) = (sdk.below(), sdk.below());
        one.tell();
        assert!(one.is_told() && !other.is_told() && !sdk.is_told());
        assert!(one.is_told_alone() && one.below().is_told());
        assert!(!one.below().whole().is_told(), "that of the SDK");
        assert!(other.requested().now_or_never().is_none());
        sdk.whole().tell();
        assert!(other.requested().now_or_never().is_some() && other.below().requested().now_or_never().is_some());
        assert!(!one.is_told_alone());
        let waited = other.unless_stopped(pending::<()>()).now_or_never().unwrap();
        assert_eq!(waited.unwrap_err().code(), Code::Stopped);
    }
}
