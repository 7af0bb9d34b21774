//! A worker on the threads of a handle.

use core::ffi::c_char;
use core::ptr;
use std::sync::{Arc, PoisonError};

use casehug_clio::{Code, Error, Result, WorkerConfig};
use casehug_clio_runtime_tokio::keep_working;
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
            keep_working(&sdk, WorkerConfig::default(), shutdown).await;
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
/// it works already, nothing changes. Several handles and processes share the work. A worker that a
/// defect of the SDK ends begins again after five seconds, and the log is told (an error, `panic`).
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
///
/// # Safety
/// As of `casehug_clio_worker_start`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn casehug_clio_worker_stop(sdk: *mut casehug_clio_sdk, error: *mut *mut c_char) -> i32 {
    // SAFETY: `error` is NULL or writable by the caller's promise.
    unsafe { answer(|| handle::call(sdk)?.stop_worker().map(|()| None), ptr::null_mut(), error) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use core::ffi::{CStr, c_void};
    use std::sync::Mutex;
    use std::time::{Duration, Instant};

    use casehug_clio::memory::{MemoryIntake, MemoryStore};
    use casehug_clio::{ClioApp, ClioHost, ConfiguredKeys, Ports, Region, Sdk};
    use casehug_clio_runtime_tokio::TokioRuntime;
    use casehug_clio_testkit::{PanicsOnce, ScriptedHttp};

    use crate::entry::casehug_clio_close;
    use crate::handle::Opened;
    use crate::log::Log;
    use crate::threads::Threads;

    static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

    unsafe extern "C" fn keep(_: *mut c_void, level: i32, _: *const c_char, message: *const c_char) {
        // SAFETY: NUL-terminated, as the header says.
        let message = unsafe { CStr::from_ptr(message) }.to_str().unwrap();
        LINES.lock().unwrap().push(format!("{level} {message}"));
    }

    #[test]
    fn a_worker_that_a_defect_ends_is_told_and_begins_again() {
        let runtime = Arc::new(TokioRuntime);
        let store = Arc::new(PanicsOnce::new(MemoryStore::new(runtime.clone())));
        let keys = ConfiguredKeys::from_text(runtime.clone(), "k1", [("k1", &*"6f1c3a0e5b7d9248".repeat(4))]).unwrap();
        let ports = Ports {
            transport: Arc::new(ScriptedHttp::new()),
            store: store.clone(),
            keys: Arc::new(keys),
            intake: Arc::new(MemoryIntake::new()),
            runtime,
        };
        let app = ClioApp::new("id", "secret".to_owned().into()).unwrap();
        let sdk = Sdk::builder(app, ClioHost::region(Region::Us), ports).build().unwrap();
        let log = Log::start(keep, ptr::null_mut(), 1).unwrap();
        let (threads, log) = (Threads::start().unwrap(), Some(log));
        let handle = handle::register(Opened { sdk, database: None, threads, log });
        // SAFETY: an open handle, and no place for an error.
        assert_eq!(unsafe { casehug_clio_worker_start(handle, ptr::null_mut()) }, 1);
        let begun = Instant::now();
        while store.looks() < 3 && begun.elapsed() < Duration::from_secs(30) {
            std::thread::sleep(Duration::from_millis(50));
        }
        assert!(store.looks() >= 3, "it goes on by itself: {}", store.looks());
        // SAFETY: as before.
        assert_eq!(unsafe { casehug_clio_worker_stop(handle, ptr::null_mut()) }, 1, "and is no failure");
        // SAFETY: as before. All lines are told before it returns.
        assert_eq!(unsafe { casehug_clio_close(handle, ptr::null_mut()) }, 1);
        let lines = LINES.lock().unwrap();
        let [line] = &**lines else { unreachable!("{lines:?}") };
        assert!(line.starts_with("1 ") && line.contains("code=panic") && !line.contains("to order"), "{line}");
    }
}
