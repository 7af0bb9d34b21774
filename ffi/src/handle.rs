//! Handles: numbers in a table, dressed as pointers.
//!
//! A ticket is a handle, too: the same SDK, whose calls can be cancelled alone. So every function
//! takes one, and none needs an argument more.

use core::ffi::c_char;
use core::future::pending;
use core::ptr;
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use ::casehug_clio_store::OpenStore;
use casehug_clio::{Result, Sdk};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::entry::answer;
use crate::host::inside_callback;
use crate::log::Log;
use crate::text::Misuse;
use crate::threads::Threads;
use crate::worker::Running;

/// An open SDK, or a ticket. Opaque: the pointer is a number, and is never followed.
#[derive(Debug)]
pub struct casehug_clio_sdk {
    _opaque: [u8; 0],
}

/// What a handle stands for.
pub(crate) struct Open {
    pub sdk: Arc<Sdk>,
    pub worker: Mutex<Option<Running>>,
    database: Option<OpenStore>,
    threads: Threads,
    log: Option<Log>,
    calls: Mutex<Calls>,
    idle: Condvar,
}

/// What was opened.
pub(crate) struct Opened {
    pub sdk: Sdk,
    /// If it is none of the host's.
    pub database: Option<OpenStore>,
    pub threads: Threads,
    pub log: Option<Log>,
}

/// Calls in progress, and whether somebody waits for their end: to wake nobody would be most of
/// what a short call costs.
#[derive(Default)]
struct Calls {
    running: usize,
    closing: bool,
}

/// What a ticket is.
struct Part {
    sdk: Sdk,
    cancelled: watch::Sender<bool>,
}

/// What a number stands for. Its `open` is dropped last: `close` waits for it, and `part` holds the
/// host's store, too.
#[derive(Clone)]
struct Entry {
    /// Of a ticket.
    part: Option<Arc<Part>>,
    open: Arc<Open>,
}

type Entries = BTreeMap<usize, Entry>;

/// The handles of one process. The child of a fork does not touch its parent's: their lock may be
/// held by a thread that the child does not have.
struct Table {
    pid: u32,
    entries: Mutex<Entries>,
}

/// Of the process that opened last.
static TABLE: AtomicPtr<Table> = AtomicPtr::new(ptr::null_mut());
/// Handles begin where no address is, grow by a pointer's alignment and are never used again.
static NEXT: AtomicUsize = AtomicUsize::new(4096);

impl Table {
    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The table of this process; its error says why there is none.
fn table() -> Result<&'static Table, Misuse> {
    // SAFETY: NULL, or a table that lives for ever.
    match unsafe { TABLE.load(Ordering::Acquire).as_ref() } {
        None => Err(Misuse::StaleHandle),
        Some(table) if table.pid == std::process::id() => Ok(table),
        Some(_) => Err(Misuse::AfterFork),
    }
}

/// The same, made if there is none yet.
fn own_table() -> &'static Table {
    loop {
        let known = TABLE.load(Ordering::Acquire);
        if let Ok(table) = table() {
            return table;
        }
        // A parent's table stays where it is, with all that is in it.
        let table = Box::into_raw(Box::new(Table { pid: std::process::id(), entries: Mutex::default() }));
        if TABLE.compare_exchange(known, table, Ordering::AcqRel, Ordering::Acquire).is_err() {
            // SAFETY: made right above, and seen by nobody.
            drop(unsafe { Box::from_raw(table) });
        }
    }
}

fn enter(entry: Entry) -> *mut casehug_clio_sdk {
    let handle = NEXT.fetch_add(align_of::<usize>(), Ordering::Relaxed);
    own_table().entries().insert(handle, entry);
    ptr::without_provenance_mut(handle)
}

/// A call in progress. `close` waits for it, and for its `open`, which is dropped last: `part`
/// holds the host's store, too.
pub(crate) struct Call {
    part: Option<Arc<Part>>,
    open: Arc<Open>,
}

impl Call {
    /// What is called.
    pub(crate) fn sdk(&self) -> &Sdk {
        self.part.as_ref().map_or(&self.open.sdk, |part| &part.sdk)
    }

    /// Ends when the ticket of this call is cancelled: for what core does not end then.
    pub(crate) async fn cancelled(&self) {
        match &self.part {
            Some(part) => {
                // The sender lives for as long as this call.
                let _ = part.cancelled.subscribe().wait_for(|told| *told).await;
            }
            None => pending().await,
        }
    }
}

impl core::ops::Deref for Call {
    type Target = Open;
    fn deref(&self) -> &Open {
        &self.open
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let mut calls = self.open.calls();
        calls.running -= 1;
        if calls.closing {
            self.open.idle.notify_all();
        }
    }
}

impl Open {
    /// Waits for what the SDK does for this handle.
    pub(crate) fn run<T>(&self, work: impl Future<Output = T>) -> T {
        Log::during(self.log.as_ref(), || self.threads.runtime.block_on(work))
    }

    /// Begins work on this handle's threads.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
        match &self.log {
            Some(log) => self.threads.runtime.spawn(log.take_lines_of(work)),
            None => self.threads.runtime.spawn(work),
        }
    }

    /// Ends everything, once nobody uses it.
    fn end(self) {
        let Self { sdk, database, threads: Threads { runtime, records, documents }, log, .. } = self;
        drop(sdk);
        // With what still used the database, or the host.
        drop(runtime);
        if let Some(database) = database {
            records.block_on(database.close());
        }
        // They wait for callbacks that are still running.
        drop((records, documents));
        // Its callback was told everything, and is never called again.
        drop(log);
    }

    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) fn register(opened: Opened) -> *mut casehug_clio_sdk {
    let Opened { sdk, database, threads, log } = opened;
    let (sdk, worker, calls) = (Arc::new(sdk), Mutex::default(), Mutex::default());
    let open = Open { sdk, worker, database, threads, log, calls, idle: Condvar::new() };
    enter(Entry { open: Arc::new(open), part: None })
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
    let table = table().map_err(|misuse| misuse.of("sdk"))?;
    let entries = table.entries();
    let Entry { open, part } = entries.get(&handle.addr()).ok_or_else(|| Misuse::StaleHandle.of("sdk"))?.clone();
    {
        let mut calls = open.calls();
        // Of a ticket, which stays for as long as a call on it may have to be cancelled.
        if calls.closing {
            return Err(Misuse::StaleHandle.of("sdk"));
        }
        calls.running += 1;
    }
    Ok(Call { open, part })
}

/// Takes a handle out of the table. Of an SDK the calls in progress and the worker are waited for;
/// then its tickets go, and what it stands for is dropped.
pub(crate) fn close(handle: *mut casehug_clio_sdk) -> Result<()> {
    drop(call(handle)?);
    let table = table().map_err(|misuse| misuse.of("sdk"))?;
    let mut open = {
        let entry = table.entries().remove(&handle.addr()).ok_or_else(|| Misuse::StaleHandle.of("sdk"))?;
        if entry.part.is_some() {
            return Ok(());
        }
        entry.open
    };
    let mut calls = open.calls();
    calls.closing = true;
    while calls.running > 0 {
        calls = open.idle.wait(calls).unwrap_or_else(PoisonError::into_inner);
    }
    drop(calls);
    // Until here the calls on them could be cancelled.
    table.entries().retain(|_, ticket| !Arc::ptr_eq(&ticket.open, &open));
    // After the calls, one of which may have started it. How it ended is of no use to the host any
    // more.
    let _ = open.stop_worker();
    // A call's own `Arc` lives a moment longer than its count. It must not be the last: the host
    // frees its store when this returns.
    loop {
        match Arc::try_unwrap(open) {
            Ok(open) => {
                open.end();
                return Ok(());
            }
            Err(shared) => open = shared,
        }
        std::thread::yield_now();
    }
}

/// Makes a ticket: a second handle of the same SDK, whose calls `casehug_clio_cancel` ends. Every
/// function takes it in place of the SDK. `casehug_clio_close` gives it back and ends nothing;
/// closing the SDK closes its tickets, after the calls on them have ended. Refused inside a
/// callback.
///
/// # Safety
/// `out` and `error` are NULL or point to a place for a pointer. Any `sdk` is allowed; one that is
/// not open is an error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn casehug_clio_ticket_new(
    sdk: *mut casehug_clio_sdk,
    out: *mut *mut casehug_clio_sdk,
    error: *mut *mut c_char,
) -> i32 {
    if !out.is_null() {
        // SAFETY: not null, and writable by the caller's promise.
        unsafe { out.write(ptr::null_mut()) };
    }
    let work = || {
        let call = call(sdk)?;
        if out.is_null() {
            return Err(Misuse::Null.of("out"));
        }
        let part = Some(Arc::new(Part { sdk: call.sdk().part(), cancelled: watch::Sender::new(false) }));
        // SAFETY: not null, and writable by the caller's promise.
        unsafe { out.write(enter(Entry { open: Arc::clone(&call.open), part })) };
        Ok(None)
    };
    // SAFETY: `error` is NULL or writable by the caller's promise.
    unsafe { answer(work, ptr::null_mut(), error) }
}

/// Ends the calls on a ticket, those in progress and later ones, with `CASEHUG_CLIO_CANCELLED`, and
/// returns at once. A call in progress ends at its next safe point: at once where it waits, else
/// after the request to Clio that was sent. It leaves no lease; what it had begun is due for
/// workers. `casehug_clio_next_events` gives what it has, if that is anything. May be called in a
/// callback, and twice.
///
/// # Safety
/// As of `casehug_clio_close`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn casehug_clio_cancel(ticket: *mut casehug_clio_sdk, error: *mut *mut c_char) -> i32 {
    let work = || {
        if ticket.is_null() {
            return Err(Misuse::Null.of("ticket"));
        }
        let table = table().map_err(|misuse| misuse.of("ticket"))?;
        // Under the table's lock: nothing of the SDK may be held here when `close` has returned.
        match table.entries().get(&ticket.addr()) {
            None => return Err(Misuse::StaleHandle.of("ticket")),
            Some(Entry { part: None, .. }) => return Err(Misuse::NotATicket.of("ticket")),
            Some(Entry { part: Some(part), .. }) => {
                part.sdk.stop();
                part.cancelled.send_replace(true);
            }
        }
        Ok(None)
    };
    // SAFETY: `error` is NULL or writable by the caller's promise.
    unsafe { answer(work, ptr::null_mut(), error) }
}
