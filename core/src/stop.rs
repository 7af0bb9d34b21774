//! Being told to stop: whoever waits ends at once, whoever works ends after the step in progress.

use core::future::Future;
use core::pin::pin;
use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use futures_util::future::{Either, pending, select};

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
    above: Option<Arc<Flag>>,
}

impl Stop {
    /// One that ends with this one, and can be told alone.
    pub(crate) fn below(&self) -> Self {
        Self { own: Arc::default(), above: Some(Arc::clone(&self.own)) }
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
        let own = self.own.wake.after(0);
        let above = async {
            match &self.above {
                Some(above) => above.wake.after(0).await,
                None => pending().await,
            }
        };
        select(pin!(own), pin!(above)).await;
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

    fn flags(&self) -> impl Iterator<Item = &Flag> {
        core::iter::once(&*self.own).chain(self.above.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    #[test]
    fn a_worker_can_be_told_alone_and_ends_with_its_sdk() {
        let sdk = Stop::default();
        let (one, other) = (sdk.below(), sdk.below());
        one.tell();
        assert!(one.is_told() && !other.is_told() && !sdk.is_told());
        assert!(other.requested().now_or_never().is_none());
        sdk.tell();
        assert!(other.requested().now_or_never().is_some());
        let waited = other.unless_stopped(pending::<()>()).now_or_never().unwrap();
        assert_eq!(waited.unwrap_err().code(), Code::Stopped);
    }
}
