//! Work that is finished whatever becomes of its caller.
//!
//! **Problem.** A host may drop a future at any await: a browser closes its connection, a time-out
//! passes, a `select!` takes another branch. A grant that Clio has just answered with would then be
//! nobody's: no record names it, and no disconnect gives it back.
//!
//! **Model.** [`detached`] polls the work in its caller's place. Dropped before the end, it hands
//! the work to [`Runtime::spawn`], where it goes on. Only the death of the process ends it early,
//! and against that stands what was stored on the way.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::sync::Arc;

use crate::maybe_send::{BoxFuture, MaybeSend};
use crate::ports::Runtime;

/// Does `work` here, and elsewhere once nobody waits for it any more.
pub(crate) fn detached<T: 'static>(
    runtime: &Arc<dyn Runtime>,
    work: impl Future<Output = T> + MaybeSend + 'static,
) -> Detached<T> {
    Detached { runtime: Arc::clone(runtime), work: Some(Box::pin(work)), begun: false }
}

/// See [`detached`].
pub(crate) struct Detached<T: 'static> {
    runtime: Arc<dyn Runtime>,
    work: Option<BoxFuture<'static, T>>,
    begun: bool,
}

impl<T: 'static> Future for Detached<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        self.begun = true;
        let Some(work) = self.work.as_mut() else { return Poll::Pending };
        let polled = work.as_mut().poll(context);
        if polled.is_ready() {
            self.work = None;
        }
        polled
    }
}

impl<T: 'static> Drop for Detached<T> {
    fn drop(&mut self) {
        // What was never polled has not begun.
        if let Some(work) = self.work.take().filter(|_| self.begun) {
            self.runtime.spawn(Box::pin(async move {
                work.await;
            }));
        }
    }
}
