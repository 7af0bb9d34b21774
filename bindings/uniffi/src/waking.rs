//! The thread that wakes who awaits a call. A continuation of the host may block, as Python's does
//! while another thread holds the global lock: no thread that runs operations waits for it.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use casehug_clio::{Code, Error, Result};

use crate::call::Slot;

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Whether this is a thread that wakes: a host may go on right in its continuation.
pub(crate) fn inside_continuation() -> bool {
    INSIDE.get()
}

/// Its thread ends when this and all of its senders are dropped.
pub(crate) struct Waking {
    filled: Sender<Arc<Slot>>,
    thread: JoinHandle<()>,
}

impl Waking {
    pub(crate) fn start() -> Result<Self> {
        let (filled, waiting) = channel::<Arc<Slot>>();
        let thread = std::thread::Builder::new().name(String::from("casehug-clio-wake"));
        let thread = thread.spawn(move || {
            INSIDE.set(true);
            waiting.iter().for_each(|slot| slot.wake());
        });
        let thread = thread.map_err(|_| Error::new(Code::RuntimeFailed).with("source", "threads"))?;
        Ok(Self { filled, thread })
    }

    /// Takes the slots of calls that have ended.
    pub(crate) fn sender(&self) -> Sender<Arc<Slot>> {
        self.filled.clone()
    }

    /// Waits until everybody is woken, except in a continuation. The senders have to be dropped.
    pub(crate) fn end(self) {
        drop(self.filled);
        if !inside_continuation() {
            // A continuation that panicked was told nothing, and there is nobody else to tell.
            let _ = self.thread.join();
        }
    }
}
