//! The databases that this process has open. One store per file: two would be two writers that wait
//! for each other's locks, and whoever opens twice has usually configured something twice.
//!
//! The child of a fork inherits this table, and SQLite's own of the locks that it believes to hold,
//! which are its parent's. So it is refused every file that its parent had open.

use std::collections::BTreeMap;
use std::process::id;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};

use casehug_clio::Result;

use crate::error::refused;
use crate::files::FileId;

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    InUse,
    /// No handle is left, and the threads are about to close the file.
    Closing,
}

/// With the process that opened it.
static OPEN: Mutex<BTreeMap<FileId, (u32, State)>> = Mutex::new(BTreeMap::new());
static CLOSED: Condvar = Condvar::new();

/// The file's place in the registry, held by both threads until they have closed their connections.
#[derive(Debug)]
pub(crate) struct Registration(FileId);

/// Held by the handles: tells the registry that none is left. Weak, because a store may be closed
/// before its last handle is dropped, and then the file may have been opened anew.
#[derive(Debug)]
pub(crate) struct Closing(Weak<Registration>);

impl Registration {
    /// Takes the file. Waits if an earlier store of it is being closed; blocks, so it runs on a
    /// thread of ours.
    pub(crate) fn take(file: FileId) -> Result<Arc<Self>> {
        let mut open = open();
        loop {
            match open.get(&file) {
                None => break,
                // Who is closing it is not here, and would be waited for without an end.
                Some((process, _)) if *process != id() => return Err(refused("after_fork")),
                Some((_, State::InUse)) => return Err(refused("already_open")),
                Some((_, State::Closing)) => open = CLOSED.wait(open).unwrap_or_else(PoisonError::into_inner),
            }
        }
        open.insert(file.clone(), (id(), State::InUse));
        Ok(Arc::new(Self(file)))
    }
}

impl Closing {
    pub(crate) fn new(registration: &Arc<Registration>) -> Self {
        Self(Arc::downgrade(registration))
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        if let Some(registration) = self.0.upgrade() {
            // The lock ends here: should this be the last reference, its drop takes it again.
            open().insert(registration.0.clone(), (id(), State::Closing));
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        open().remove(&self.0);
        CLOSED.notify_all();
    }
}

fn open() -> MutexGuard<'static, BTreeMap<FileId, (u32, State)>> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}
