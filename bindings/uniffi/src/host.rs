//! Methods of the host: called on a bounded pool of ours, never on a thread that polls. One that
//! blocks delays its own caller, and nobody else before all threads of its pool are taken: eight
//! for the store, the vault and the keys together, eight for the intakes.

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;

use casehug_clio::{Error, Result};
use tokio::runtime::Handle;

use crate::failure::HostFailure;

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Marks this thread while it is in a method of the host, a panic included.
pub(crate) struct Inside(bool);

impl Inside {
    pub(crate) fn enter() -> Self {
        Self(INSIDE.replace(true))
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        INSIDE.set(self.0);
    }
}

/// Whether this thread is in a method of the host: a call from there could wait for the pool that
/// it occupies.
pub(crate) fn inside_callback() -> bool {
    INSIDE.get()
}

/// An object of the host and the pool that calls it.
pub(crate) struct Host<T: ?Sized> {
    pub object: Arc<T>,
    pub pool: Handle,
}

impl<T: ?Sized> Clone for Host<T> {
    fn clone(&self) -> Self {
        Self { object: Arc::clone(&self.object), pool: self.pool.clone() }
    }
}

impl<T: ?Sized> fmt::Debug for Host<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Host")
    }
}

impl<T: ?Sized + Send + Sync + 'static> Host<T> {
    /// Runs a method on the pool. `failed` makes the error of one that did not succeed: `answer` of
    /// what it answered, `pool` if it never came to its end.
    pub(crate) async fn on_pool<R: Send + 'static>(
        &self,
        failed: fn(&'static str) -> Error,
        work: impl FnOnce(&T) -> Result<R> + Send + 'static,
    ) -> Result<R> {
        let object = Arc::clone(&self.object);
        let task = self.pool.spawn_blocking(move || {
            let _inside = Inside::enter();
            work(&object)
        });
        task.await.unwrap_or_else(|_| Err(failed("pool")))
    }
}

/// What a failed method is called in the context of an error.
pub(crate) fn reason(failure: HostFailure) -> &'static str {
    match failure {
        HostFailure::Missing => "not_there",
        HostFailure::Failed => "callback_failed",
    }
}
