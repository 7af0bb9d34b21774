//! The log callback of one handle.
//!
//! Lines go through a bounded queue to a thread that does nothing but call the host: a callback
//! that blocks holds up no sync. The thread ends, and is waited for, when the handle is closed, so
//! that the host may then free what the callback uses.

use core::ffi::{c_char, c_void};
use std::ffi::CString;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use casehug_clio::{Code, Error, Result, lines};
use tracing::dispatcher::with_default;
use tracing::instrument::{WithDispatch, WithSubscriber as _};
use tracing::{Dispatch, Level};

use crate::host::Inside;
use crate::text::Misuse;

/// Lines that wait for the callback.
const WAITING: usize = 1024;

type Callback = unsafe extern "C" fn(*mut c_void, i32, *const c_char, *const c_char);

enum Line {
    Told(Level, String, String),
    End,
}

/// The host's function and what it wants to be given.
struct Host {
    callback: Callback,
    context: *mut c_void,
}

// SAFETY: the header says that the function is called on a thread of the SDK, and the pointer is
// only passed on.
unsafe impl Send for Host {}

/// Drop ends it: what was told before is still delivered.
pub(crate) struct Log {
    dispatch: Dispatch,
    lines: SyncSender<Line>,
    thread: Option<JoinHandle<()>>,
}

impl Log {
    pub(crate) fn start(callback: Callback, context: *mut c_void, level: i32) -> Result<Self> {
        let most = match level {
            1 => Level::ERROR,
            0 | 2 => Level::WARN,
            3 => Level::INFO,
            4 => Level::DEBUG,
            _ => return Err(Misuse::UnknownValue.of("log_level")),
        };
        let (lines, waiting) = sync_channel(WAITING);
        let dropped = Arc::new(AtomicU64::new(0));
        let (host, lost, told) = (Host { callback, context }, Arc::clone(&dropped), lines.clone());
        let thread = std::thread::Builder::new().name(String::from("casehug-clio-log"));
        let thread = thread.spawn(move || deliver(&host, &waiting, &lost));
        let thread = thread.map_err(|_| Error::new(Code::RuntimeFailed).with("source", "threads"))?;
        let dispatch = lines::to(most, move |level, target, message| {
            if told.try_send(Line::Told(level, target.to_owned(), message.to_owned())).is_err() {
                dropped.fetch_add(1, Ordering::Relaxed);
            }
        });
        Ok(Self { dispatch, lines, thread: Some(thread) })
    }

    /// Does something whose lines are this handle's.
    pub(crate) fn during<T>(log: Option<&Self>, work: impl FnOnce() -> T) -> T {
        match log {
            Some(log) => with_default(&log.dispatch, work),
            None => work(),
        }
    }

    /// The same for what is polled on other threads.
    pub(crate) fn take_lines_of<F: Future>(&self, work: F) -> WithDispatch<F> {
        work.with_subscriber(self.dispatch.clone())
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        // An error says that the thread has ended already.
        let _ = self.lines.send(Line::End);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn deliver(host: &Host, lines: &Receiver<Line>, dropped: &AtomicU64) {
    while let Ok(Line::Told(level, target, message)) = lines.recv() {
        match dropped.swap(0, Ordering::Relaxed) {
            0 => {}
            lost => host.call(Level::WARN, "casehug_clio", &format!("lines were dropped count={lost}")),
        }
        host.call(level, &target, &message);
    }
}

impl Host {
    fn call(&self, level: Level, target: &str, message: &str) {
        let level = match level {
            Level::ERROR => 1,
            Level::WARN => 2,
            Level::INFO => 3,
            _ => 4,
        };
        let (Ok(target), Ok(message)) = (CString::new(target), CString::new(message)) else { return };
        let _inside = Inside::enter();
        // SAFETY: the host's function, with texts that live until it returns.
        unsafe { (self.callback)(self.context, level, target.as_ptr(), message.as_ptr()) };
    }
}
