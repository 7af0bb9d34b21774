//! Tasks, polled by JavaScript.
//!
//! A task is a future under a number. Waking it asks the host to call [`poll`] with that number
//! soon; several wakes before that are one. When the future is done the host is given its result. A
//! panic leaves [`poll`] as a JavaScript exception; what is then in this module is of no use any
//! more, and the host drops the whole instance.
//!
//! What a task tells goes to the log of whoever started it ([`log`](crate::log)), also when it
//! starts others.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use casehug_clio::{Error, Result};
use tracing::Dispatch;
use tracing::dispatcher::{get_default, with_default};
use wasm_bindgen::prelude::*;

use crate::host;

/// The result of a task that has none.
pub(crate) const NOTHING: &str = "{}";

/// Its result is JSON text.
type Work = Pin<Box<dyn Future<Output = Result<String>>>>;

struct Task {
    work: Work,
    wake: Arc<Wakeup>,
    log: Dispatch,
}

thread_local! {
    static TASKS: RefCell<HashMap<u32, Task>> = RefCell::default();
    static LAST: Cell<u32> = const { Cell::new(0) };
}

struct Wakeup {
    task: u32,
    scheduled: AtomicBool,
}

impl Wake for Wakeup {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.scheduled.swap(true, Ordering::Relaxed) {
            // A host that cannot schedule cannot be told so either.
            let _ = host::with(|host| host.schedule(self.task));
        }
    }
}

/// Starts a task; its number stands for its promise.
pub(crate) fn spawn(work: impl Future<Output = Result<String>> + 'static) -> u32 {
    let task = LAST.get().wrapping_add(1);
    LAST.set(task);
    let wake = Arc::new(Wakeup { task, scheduled: AtomicBool::new(false) });
    let started = Task { work: Box::pin(work), wake: Arc::clone(&wake), log: get_default(Dispatch::clone) };
    TASKS.with_borrow_mut(|tasks| tasks.insert(task, started));
    wake.wake();
    task
}

/// Goes on with a task. Called by the host for each `schedule`.
#[wasm_bindgen]
pub fn poll(task: u32) {
    // Out of the table while it runs: it may start others.
    let Some(running) = TASKS.with_borrow_mut(|tasks| tasks.remove(&task)) else { return };
    with_default(&running.log.clone(), || go_on(task, running));
}

fn go_on(task: u32, mut running: Task) {
    running.wake.scheduled.store(false, Ordering::Relaxed);
    let waker = Waker::from(Arc::clone(&running.wake));
    match running.work.as_mut().poll(&mut Context::from_waker(&waker)) {
        Poll::Pending => {
            TASKS.with_borrow_mut(|tasks| tasks.insert(task, running));
        }
        Poll::Ready(result) => {
            // Before the host is told: what the future holds (timers, requests) ends first.
            drop(running);
            let (succeeded, json) = match result {
                Ok(json) => (true, json),
                Err(error) => (false, describe(&error)),
            };
            let _ = host::with(|host| host.settle(task, succeeded, &json));
        }
    }
}

/// The JSON text of which the host makes its `Error`.
pub(crate) fn describe(error: &Error) -> String {
    serde_json::to_string(error).unwrap_or_default()
}
