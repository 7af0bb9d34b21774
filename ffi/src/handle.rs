//! Handles: numbers in a table, dressed as pointers.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use casehug_clio::{Result, Sdk};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use crate::log::Log;
use crate::store::inside_callback;
use crate::text::Misuse;
use crate::worker::Running;

/// An open SDK. Opaque: the pointer is a number, and is never followed.
#[derive(Debug)]
pub struct casehug_clio_sdk {
    _opaque: [u8; 0],
}

/// What a handle stands for.
pub(crate) struct Open {
    pub sdk: Arc<Sdk>,
    pub worker: Mutex<Option<Running>>,
    /// Dropped after the SDK: it waits for callbacks that are still running.
    runtime: Runtime,
    /// Dropped last: its callback is told everything, and then never called again.
    log: Option<Log>,
    pid: u32,
    calls: Mutex<usize>,
    idle: Condvar,
}

struct Table {
    next: usize,
    open: BTreeMap<usize, Arc<Open>>,
}

/// Handles begin where no address is, grow by a pointer's alignment and are never used again.
static TABLE: Mutex<Table> = Mutex::new(Table { next: 4096, open: BTreeMap::new() });

fn table() -> MutexGuard<'static, Table> {
    TABLE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A call in progress. `close` waits for it.
pub(crate) struct Call(Arc<Open>);

impl core::ops::Deref for Call {
    type Target = Open;
    fn deref(&self) -> &Open {
        &self.0
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        *self.0.calls() -= 1;
        self.0.idle.notify_all();
    }
}

impl Open {
    /// Waits for what the SDK does for this handle.
    pub(crate) fn run<T>(&self, work: impl Future<Output = T>) -> T {
        Log::during(self.log.as_ref(), || self.runtime.block_on(work))
    }

    /// Begins work on this handle's threads.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
        match &self.log {
            Some(log) => self.runtime.spawn(log.take_lines_of(work)),
            None => self.runtime.spawn(work),
        }
    }

    fn calls(&self) -> MutexGuard<'_, usize> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) fn register(sdk: Sdk, runtime: Runtime, log: Option<Log>) -> *mut casehug_clio_sdk {
    let (sdk, worker, calls) = (Arc::new(sdk), Mutex::default(), Mutex::new(0));
    let open = Open { sdk, worker, runtime, log, pid: std::process::id(), calls, idle: Condvar::new() };
    let mut table = table();
    let handle = table.next;
    table.next += align_of::<usize>();
    table.open.insert(handle, Arc::new(open));
    core::ptr::without_provenance_mut(handle)
}

/// Begins a call on an open handle.
pub(crate) fn call(handle: *mut casehug_clio_sdk) -> Result<Call> {
    if inside_callback() {
        return Err(Misuse::InsideCallback.of("sdk"));
    }
    if handle.is_null() {
        return Err(Misuse::Null.of("sdk"));
    }
    // The call is counted under the table's lock, so that `close` cannot miss it.
    let table = table();
    let open = table.open.get(&handle.addr()).ok_or_else(|| Misuse::StaleHandle.of("sdk"))?;
    if open.pid != std::process::id() {
        // The child of a fork has none of the parent's threads: any call would hang.
        return Err(Misuse::AfterFork.of("sdk"));
    }
    *open.calls() += 1;
    Ok(Call(Arc::clone(open)))
}

/// Takes a handle out of the table, waits for the calls in progress and the worker, and drops what it stands for.
pub(crate) fn close(handle: *mut casehug_clio_sdk) -> Result<()> {
    drop(call(handle)?);
    let Some(open) = table().open.remove(&handle.addr()) else { return Err(Misuse::StaleHandle.of("sdk")) };
    let mut calls = open.calls();
    while *calls > 0 {
        calls = open.idle.wait(calls).unwrap_or_else(PoisonError::into_inner);
    }
    drop(calls);
    // After the calls, one of which may have started it. How it ended is of no use to the host any more.
    let _ = open.stop_worker();
    // A call's own `Arc` lives a moment longer than its count. It must not be the last: the host frees its store when this returns.
    let mut open = open;
    loop {
        match Arc::try_unwrap(open) {
            Ok(open) => {
                drop(open);
                return Ok(());
            }
            Err(shared) => open = shared,
        }
        std::thread::yield_now();
    }
}
