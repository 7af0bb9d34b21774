//! A worker on the threads of a handle.

use core::ffi::c_char;
use core::ptr;
use std::sync::{Arc, PoisonError};

use casehug_clio::{Code, Error, Result, WorkerConfig};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::entry::answer;
use crate::handle::{self, Open, casehug_clio_sdk};

/// A worker, from its start until it is waited for.
pub(crate) struct Running {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Open {
    fn start_worker(&self) {
        let mut running = self.worker.lock().unwrap_or_else(PoisonError::into_inner);
        if running.as_ref().is_some_and(|running| !running.task.is_finished()) {
            return;
        }
        let (stop, told) = oneshot::channel();
        let sdk = Arc::clone(&self.sdk);
        let task = self.spawn(async move {
            let shutdown = async {
                // A sender that is gone says the same.
                let _ = told.await;
            };
            sdk.worker(WorkerConfig::default()).run(shutdown).await;
        });
        *running = Some(Running { stop, task });
    }

    /// Ends the worker, if there is one, and waits for its steps in progress.
    pub(crate) fn stop_worker(&self) -> Result<()> {
        let running = self.worker.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Running { stop, task }) = running else { return Ok(()) };
        // A worker that has ended already does not hear it.
        let _ = stop.send(());
        self.run(task).map_err(|_| Error::new(Code::Panic).with("source", "worker"))
    }
}

/// Starts a worker on threads of the SDK: it runs the due syncs of all firms, applies what Clio
/// delivered, and does what is to be done from time to time. One handle has one worker at most; if
/// it works already, nothing changes. Several handles and processes share the work.
///
/// # Safety
/// `error` is NULL or points to a place for a pointer. Any `sdk` is allowed; one that is not open
/// is an error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn casehug_clio_worker_start(sdk: *mut casehug_clio_sdk, error: *mut *mut c_char) -> i32 {
    let work = || {
        handle::call(sdk)?.start_worker();
        Ok(None)
    };
    // SAFETY: `error` is NULL or writable by the caller's promise.
    unsafe { answer(work, ptr::null_mut(), error) }
}

/// Stops the worker and waits for its steps in progress; what is not done is due at once for other
/// workers. Without a worker nothing happens. `casehug_clio_close` does this too.
/// `CASEHUG_CLIO_PANIC`: the worker had ended by a defect of the SDK; it can be started again.
///
/// # Safety
/// As of `casehug_clio_worker_start`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn casehug_clio_worker_stop(sdk: *mut casehug_clio_sdk, error: *mut *mut c_char) -> i32 {
    // SAFETY: `error` is NULL or writable by the caller's promise.
    unsafe { answer(|| handle::call(sdk)?.stop_worker().map(|()| None), ptr::null_mut(), error) }
}
