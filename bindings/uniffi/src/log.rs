//! The log of one engine: lines go through a bounded queue to a thread that does nothing but call
//! the host. A host that blocks holds up no sync. The thread ends, and is waited for, at close.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use casehug_clio::{Code, Error, Result, lines};
use tracing::instrument::{WithDispatch, WithSubscriber as _};
use tracing::{Dispatch, Level};

use crate::failure::HostFailure;
use crate::host::Inside;

/// Lines that wait for the host.
const WAITING: usize = 1024;

/// How grave a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum LogLevel {
    /// Something failed for good.
    Error,
    /// Something needs a look.
    Warning,
    /// What happens.
    Info,
    /// Each call.
    Debug,
}

impl From<LogLevel> for Level {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::ERROR,
            LogLevel::Warning => Self::WARN,
            LogLevel::Info => Self::INFO,
            LogLevel::Debug => Self::DEBUG,
        }
    }
}

impl From<Level> for LogLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::ERROR => Self::Error,
            Level::WARN => Self::Warning,
            Level::INFO => Self::Info,
            _ => Self::Debug,
        }
    }
}

/// Says that a line was taken.
#[derive(Clone, Copy, Debug, uniffi::Record)]
pub struct LineTaken {
    /// Always true.
    pub taken: bool,
}

/// Takes what the SDK tells: ids, counts and codes, no client data.
#[uniffi::export(foreign)]
pub trait HostLog: Send + Sync {
    /// Takes a line.
    fn line(&self, level: LogLevel, target: String, message: String) -> Result<LineTaken, HostFailure>;
}

enum Line {
    Told(Level, String, String),
    End,
}

/// Drop ends it and waits: what was told before is still delivered.
pub(crate) struct Log {
    dispatch: Dispatch,
    lines: SyncSender<Line>,
    thread: Option<JoinHandle<()>>,
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Log")
    }
}

impl Log {
    pub(crate) fn start(host: Arc<dyn HostLog>, level: LogLevel) -> Result<Self> {
        let (lines, waiting) = sync_channel(WAITING);
        let dropped = Arc::new(AtomicU64::new(0));
        let (lost, told) = (Arc::clone(&dropped), lines.clone());
        let thread = std::thread::Builder::new().name(String::from("casehug-clio-log"));
        let thread = thread.spawn(move || deliver(&*host, &waiting, &lost));
        let thread = thread.map_err(|_| Error::new(Code::RuntimeFailed).with("source", "threads"))?;
        let dispatch = lines::to(level.into(), move |level, target, message| {
            if told.try_send(Line::Told(level, target.to_owned(), message.to_owned())).is_err() {
                dropped.fetch_add(1, Ordering::Relaxed);
            }
        });
        Ok(Self { dispatch, lines, thread: Some(thread) })
    }

    /// Work whose lines are this engine's.
    pub(crate) fn take_lines_of<F: Future>(&self, work: F) -> WithDispatch<F> {
        work.with_subscriber(self.dispatch.clone())
    }

    /// Does not wait for the thread: it ends when whoever may still tell it something is gone.
    pub(crate) fn leave(mut self) {
        self.thread = None;
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            // An error says that the thread has ended already.
            let _ = self.lines.send(Line::End);
            let _ = thread.join();
        }
    }
}

fn deliver(host: &dyn HostLog, lines: &Receiver<Line>, dropped: &AtomicU64) {
    let _inside = Inside::enter();
    // A line that the host does not take is lost: there is nobody to tell.
    let tell = |level: Level, target, message| {
        let _ = host.line(level.into(), target, message);
    };
    while let Ok(Line::Told(level, target, message)) = lines.recv() {
        match dropped.swap(0, Ordering::Relaxed) {
            0 => {}
            lost => tell(Level::WARN, "casehug_clio".into(), format!("lines were dropped count={lost}")),
        }
        tell(level, target, message);
    }
}
