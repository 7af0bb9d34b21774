//! A worker on the threads of a handle.

use core::ffi::c_char;
use core::ptr;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use casehug_clio::{Code, Error, Result, WorkerConfig};
use casehug_clio_runtime_tokio::keep_working;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::entry::answer;
use crate::handle::{self, Open, casehug_clio_sdk};
use crate::text::Misuse;

/// A worker, from its start until it is waited for.
pub(crate) struct Running {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// How a worker works. Set all bytes to 0, then `size`, then what you need.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct casehug_clio_worker_config {
    /// `sizeof(casehug_clio_worker_config)`.
    pub size: usize,
    /// Runs at once. 0: the default, 16. Bulk runs (backfill, retries of all that failed) hold
    /// three quarters of them at most.
    pub concurrency: u32,
    /// Runs of one firm at once. 0: the default, 4. They share the firm's request budget.
    pub per_firm: u32,
    /// The longest wait before it looks for work of other processes, in milliseconds: 10 at least.
    /// 0: the default, 1,000.
    pub poll_ms: u64,
}

/// Below it the database is asked without a pause.
const LEAST_POLL: Duration = Duration::from_millis(10);

impl casehug_clio_worker_config {
    /// # Errors
    /// `SettingInvalid`, naming what is wrong.
    ///
    /// # Safety
    /// `config` is NULL or points to a configuration that begins with its size.
    unsafe fn read(config: *const Self) -> Result<WorkerConfig> {
        if config.is_null() {
            return Err(Misuse::Null.of("config"));
        }
        // SAFETY: not null, and `size` is its first field.
        if unsafe { (&raw const (*config).size).read() } < size_of::<Self>() {
            return Err(Misuse::WrongSize.of("config"));
        }
        // SAFETY: at least as large as ours, by its own word.
        let config = unsafe { config.read() };
        let default = WorkerConfig::default();
        let count = |count: u32, default| usize::try_from(count).ok().filter(|count| *count > 0).unwrap_or(default);
        let poll = if config.poll_ms == 0 { default.poll } else { Duration::from_millis(config.poll_ms) };
        if poll < LEAST_POLL {
            return Err(Misuse::TooShort.of("poll_ms"));
        }
        Ok(WorkerConfig {
            concurrency: count(config.concurrency, default.concurrency),
            per_firm: count(config.per_firm, default.per_firm),
            poll,
        })
    }
}

impl Open {
    fn start_worker(&self, config: WorkerConfig) {
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
            keep_working(&sdk, config, shutdown).await;
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
        handle::call(sdk)?.start_worker(WorkerConfig::default());
        Ok(None)
    };
    // SAFETY: `error` is NULL or writable by the caller's promise.
    unsafe { answer(work, ptr::null_mut(), error) }
}

/// As `casehug_clio_worker_start`, and says how it works. A value that cannot be meant is refused,
/// named by `path`; then no worker is started. One that works already goes on as it was started.
///
/// # Safety
/// As of `casehug_clio_worker_start`; `config` is NULL, which is refused, or as its type says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn casehug_clio_worker_start_with(
    sdk: *mut casehug_clio_sdk,
    config: *const casehug_clio_worker_config,
    error: *mut *mut c_char,
) -> i32 {
    let work = || {
        let call = handle::call(sdk)?;
        // SAFETY: by the caller's promise.
        call.start_worker(unsafe { casehug_clio_worker_config::read(config) }?);
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
    use std::time::Instant;

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
    fn a_configuration_is_what_it_says_or_refused_by_its_path() {
        let read = |config: casehug_clio_worker_config| {
            // SAFETY: a configuration of ours.
            unsafe { casehug_clio_worker_config::read(&raw const config) }
        };
        let size = size_of::<casehug_clio_worker_config>();
        let zeroed = casehug_clio_worker_config { size, concurrency: 0, per_firm: 0, poll_ms: 0 };
        assert_eq!(read(zeroed).unwrap(), WorkerConfig::default());
        let said = read(casehug_clio_worker_config { concurrency: 3, per_firm: 2, poll_ms: 50, ..zeroed }).unwrap();
        assert_eq!(said, WorkerConfig { concurrency: 3, per_firm: 2, poll: Duration::from_millis(50) });
        let refused = |config, argument, reason| {
            let error = read(config).unwrap_err();
            assert_eq!((error.code(), error.get("argument")), (Code::SettingInvalid, Some(argument)));
            assert_eq!(error.get("reason"), Some(reason));
        };
        refused(casehug_clio_worker_config { poll_ms: 9, ..zeroed }, "poll_ms", "too_short");
        refused(casehug_clio_worker_config { size: size - 1, ..zeroed }, "config", "wrong_size");
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
