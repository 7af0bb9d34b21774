//! Sixty-four threads on one handle, with everything that a host may do at once: calls, tickets
//! that others cancel, webhooks, a worker that starts and stops, and in the end a close in the
//! midst of it. `cargo xtask sanitize` runs it under ThreadSanitizer.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
#![allow(clippy::undocumented_unsafe_blocks, reason = "a host, in a few lines")]

use core::ffi::{c_char, c_void};
use core::ptr;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::sync::{Arc, Barrier, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use casehug_clio_ffi::{
    casehug_clio_actor, casehug_clio_call_host_json, casehug_clio_call_json, casehug_clio_cancel, casehug_clio_close,
    casehug_clio_code as Code, casehug_clio_config, casehug_clio_free, casehug_clio_handle_webhook, casehug_clio_open,
    casehug_clio_records, casehug_clio_records_push, casehug_clio_scan, casehug_clio_sdk, casehug_clio_store,
    casehug_clio_str, casehug_clio_ticket_new, casehug_clio_worker_start, casehug_clio_worker_stop, casehug_clio_write,
};

const THREADS: usize = 64;
const ROUNDS: usize = 12;
/// How often an SDK is closed while so many threads take tickets and give them back.
const CLOSES: usize = 100;
const TICKETS: usize = 4;
const OK: i32 = 1;

/// Firm, collection and id; version, due time and body.
type Records = BTreeMap<[String; 3], (String, i64, String)>;

/// What the store was asked for.
#[derive(Default)]
struct Seen {
    scans: AtomicUsize,
    released: AtomicUsize,
}

struct Memory {
    records: Mutex<Records>,
    seen: Arc<Seen>,
}

fn text(text: casehug_clio_str) -> Option<String> {
    (!text.data.is_null()).then(|| {
        let bytes = unsafe { core::slice::from_raw_parts(text.data.cast::<u8>(), text.len) };
        String::from_utf8(bytes.to_vec()).unwrap()
    })
}

fn view(text: &str) -> casehug_clio_str {
    casehug_clio_str { data: text.as_ptr().cast(), len: text.len() }
}

fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

fn push(
    into: *mut casehug_clio_records,
    [firm, _, id]: &[String; 3],
    (version, due, body): &(String, i64, String),
) -> bool {
    unsafe { casehug_clio_records_push(into, view(firm), view(id), view(version), *due, view(body)) == OK }
}

unsafe extern "C" fn get(
    context: *mut c_void,
    firm: casehug_clio_str,
    collection: casehug_clio_str,
    id: casehug_clio_str,
    into: *mut casehug_clio_records,
) -> i32 {
    let memory = unsafe { &*context.cast::<Memory>() };
    let key = [firm, collection, id].map(|part| text(part).unwrap());
    i32::from(memory.records.lock().unwrap().get(&key).is_none_or(|record| push(into, &key, record)))
}

unsafe extern "C" fn scan(
    context: *mut c_void,
    scan: *const casehug_clio_scan,
    into: *mut casehug_clio_records,
) -> i32 {
    let (memory, scan) = unsafe { (&*context.cast::<Memory>(), &*scan) };
    memory.seen.scans.fetch_add(1, Ordering::SeqCst);
    let (firm, until, now) = (text(scan.firm), text(scan.until), now());
    let (collection, from) = (text(scan.collection).unwrap(), text(scan.from).unwrap_or_default());
    let records = memory.records.lock().unwrap();
    let mut found: Vec<_> = records
        .iter()
        .filter(|(key, _)| firm.as_ref().is_none_or(|firm| key[0] == *firm) && key[1] == collection)
        .filter(|(key, record)| match scan.kind {
            1 => key[2] >= from && until.as_ref().is_none_or(|until| key[2] < *until),
            _ => (0..=now).contains(&record.1),
        })
        .collect();
    if scan.kind == 2 {
        found.sort_by_key(|(_, record)| record.1);
    } else if scan.descending == 1 {
        found.reverse();
    }
    let limit = usize::try_from(scan.limit).unwrap_or(usize::MAX);
    i32::from(found.into_iter().take(limit).all(|(key, record)| push(into, key, record)))
}

unsafe extern "C" fn commit(
    context: *mut c_void,
    writes: *const casehug_clio_write,
    count: usize,
    now_ms: *mut i64,
) -> i32 {
    let memory = unsafe { &*context.cast::<Memory>() };
    let writes = if count == 0 { &[] } else { unsafe { core::slice::from_raw_parts(writes, count) } };
    let mut records = memory.records.lock().unwrap();
    let at = now();
    unsafe { now_ms.write(at) };
    let key = |write: &casehug_clio_write| [write.firm, write.collection, write.id].map(|part| text(part).unwrap());
    let is = |write: &casehug_clio_write, records: &Records| records.get(&key(write)).map(|record| record.0.clone());
    if writes.iter().any(|write| is(write, &records) != text(write.expect)) {
        return 2;
    }
    for write in writes {
        let due = if write.due_in_ms < 0 { -1 } else { at.saturating_add(write.due_in_ms) };
        match write.kind {
            1 => drop(records.insert(key(write), (text(write.version).unwrap(), due, text(write.body).unwrap()))),
            2 => drop(records.remove(&key(write))),
            _ => {}
        }
    }
    OK
}

unsafe extern "C" fn release(context: *mut c_void) {
    let memory = unsafe { Box::from_raw(context.cast::<Memory>()) };
    // A close that does not wait for it returns meanwhile.
    std::thread::sleep(Duration::from_millis(5));
    memory.seen.released.fetch_add(1, Ordering::SeqCst);
}

/// A handle that threads share. It is a number.
#[derive(Clone, Copy)]
struct Handle(*mut casehug_clio_sdk);
unsafe impl Send for Handle {}

fn open(seen: &Arc<Seen>) -> Handle {
    let memory = Box::new(Memory { records: Mutex::default(), seen: Arc::clone(seen) });
    let store = casehug_clio_store {
        size: size_of::<casehug_clio_store>(),
        context: Box::into_raw(memory).cast(),
        get: Some(get),
        scan: Some(scan),
        commit: Some(commit),
        release: Some(release),
    };
    let mut config: casehug_clio_config = unsafe { core::mem::zeroed() };
    config.size = size_of::<casehug_clio_config>();
    config.client_id = c"casehug-dev".as_ptr();
    config.client_secret = c"casehug-dev-secret".as_ptr();
    config.clio_url = c"http://127.0.0.1:9".as_ptr();
    config.sealing_key_id = c"k1".as_ptr();
    config.sealing_key = c"6f1c3a0e5b7d92486f1c3a0e5b7d92486f1c3a0e5b7d92486f1c3a0e5b7d9248".as_ptr();
    config.intake_folder = c"/nonexistent".as_ptr();
    let mut sdk = ptr::null_mut();
    assert_eq!(unsafe { casehug_clio_open(&raw const config, &raw const store, &raw mut sdk, ptr::null_mut()) }, OK);
    Handle(sdk)
}

/// Calls an operation as this thread's firm, or as the host; frees what it gives.
fn call(sdk: Handle, firm: Option<&CStr>, operation: &CStr, arguments: &CStr) -> i32 {
    let actor = firm.map(|firm| casehug_clio_actor { user: c"usr_1".as_ptr(), firm: firm.as_ptr(), role: 1 });
    let (mut out, mut error): (*mut c_char, *mut c_char) = (ptr::null_mut(), ptr::null_mut());
    let (operation, arguments) = (operation.as_ptr(), arguments.as_ptr());
    let status = unsafe {
        match &actor {
            Some(actor) => casehug_clio_call_json(sdk.0, actor, operation, arguments, &raw mut out, &raw mut error),
            None => casehug_clio_call_host_json(sdk.0, operation, arguments, &raw mut out, &raw mut error),
        }
    };
    assert_eq!(status == OK, error.is_null());
    assert_eq!(status != OK, out.is_null());
    unsafe {
        casehug_clio_free(out);
        casehug_clio_free(error);
    }
    status
}

fn ticket(sdk: Handle) -> Option<Handle> {
    let mut ticket = ptr::null_mut();
    let status = unsafe { casehug_clio_ticket_new(sdk.0, &raw mut ticket, ptr::null_mut()) };
    assert_eq!(status == OK, !ticket.is_null());
    (status == OK).then_some(Handle(ticket))
}

/// One turn of a thread. A call on a handle that is closed meanwhile is told so.
fn turn(sdk: Handle, thread: usize, allowed: &[Code]) {
    let allowed = |status: i32| assert!(status == OK || allowed.iter().any(|code| *code as i32 == status), "{status}");
    // Eight firms, so that threads meet at records.
    let firm = CString::new(format!("firm_{}", thread % 8)).unwrap();
    match thread % 6 {
        0 => allowed(call(sdk, Some(&firm), c"begin_connect", c"{\"redirect_uri\":\"http://127.0.0.1:9/\"}")),
        1 => allowed(call(sdk, Some(&firm), c"get_settings", c"{}")),
        2 => {
            let Some(waits) = ticket(sdk) else { return };
            let waiting = std::thread::spawn(move || {
                let waits = waits;
                call(waits, None, c"next_events", c"{\"limit\":1,\"wait_ms\":60000}")
            });
            std::thread::yield_now();
            unsafe { casehug_clio_cancel(waits.0, ptr::null_mut()) };
            allowed(waiting.join().unwrap());
            unsafe { casehug_clio_close(waits.0, ptr::null_mut()) };
        }
        3 => {
            let (none, mut out) = (casehug_clio_str { data: ptr::null(), len: 0 }, ptr::null_mut());
            let body = b"{}";
            let status = unsafe {
                casehug_clio_handle_webhook(
                    sdk.0,
                    none,
                    ptr::null(),
                    0,
                    body.as_ptr(),
                    2,
                    &raw mut out,
                    ptr::null_mut(),
                )
            };
            allowed(status);
            unsafe { casehug_clio_free(out) };
        }
        4 => {
            unsafe { casehug_clio_worker_start(sdk.0, ptr::null_mut()) };
            unsafe { casehug_clio_worker_stop(sdk.0, ptr::null_mut()) };
        }
        _ => allowed(call(sdk, Some(&firm), c"list_audit", c"{\"query\":{}}")),
    }
}

/// Tries until it holds; far longer than it may take on a busy machine is a failure.
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn sixty_four_threads_share_a_handle_until_one_of_them_closes_it() {
    let seen = Arc::<Seen>::default();
    let sdk = open(&seen);
    let together = Arc::new(Barrier::new(THREADS));
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let (together, seen) = (Arc::clone(&together), Arc::clone(&seen));
            std::thread::spawn(move || {
                let sdk = sdk;
                together.wait();
                for _ in 0..ROUNDS {
                    // What 64 threads on eight firms' settings may also end with.
                    turn(sdk, thread, &[Code::CASEHUG_CLIO_CANCELLED, Code::CASEHUG_CLIO_STORE_CONFLICT]);
                }
                together.wait();
                // In the midst of the others' calls. Only one closes it.
                if thread == THREADS / 2 {
                    assert_eq!(unsafe { casehug_clio_close(sdk.0, ptr::null_mut()) }, OK);
                    assert_eq!(seen.released.load(Ordering::SeqCst), 1, "when close returned");
                }
                let over = [
                    Code::CASEHUG_CLIO_CANCELLED,
                    Code::CASEHUG_CLIO_STORE_CONFLICT,
                    Code::CASEHUG_CLIO_SETTING_INVALID,
                ];
                turn(sdk, thread, &over);
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(seen.released.load(Ordering::SeqCst), 1);
    assert_eq!(
        call(sdk, None, c"next_events", c"{\"limit\":1,\"wait_ms\":0}"),
        Code::CASEHUG_CLIO_SETTING_INVALID as i32
    );
}

/// A ticket that is given back meanwhile holds the store, too.
#[test]
fn the_store_is_released_when_close_returns_however_tickets_come_and_go() {
    for round in 0..CLOSES {
        let seen = Arc::default();
        let sdk = open(&seen);
        let together = Arc::new(Barrier::new(TICKETS + 1));
        let threads: Vec<_> = (0..TICKETS)
            .map(|_| {
                let together = Arc::clone(&together);
                std::thread::spawn(move || {
                    let sdk = sdk;
                    together.wait();
                    while let Some(ticket) = ticket(sdk) {
                        unsafe { casehug_clio_close(ticket.0, ptr::null_mut()) };
                    }
                })
            })
            .collect();
        together.wait();
        assert_eq!(unsafe { casehug_clio_close(sdk.0, ptr::null_mut()) }, OK);
        assert_eq!(seen.released.load(Ordering::SeqCst), 1, "round {round}");
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }
}

#[test]
fn a_call_on_a_ticket_can_be_cancelled_while_the_sdk_closes() {
    let seen = Arc::<Seen>::default();
    let sdk = open(&seen);
    let waits = ticket(sdk).unwrap();
    let began = Instant::now();
    let waiting = std::thread::spawn(move || {
        let waits = waits;
        call(waits, None, c"next_events", c"{\"limit\":1,\"wait_ms\":60000}")
    });
    eventually("the call looks for events", || seen.scans.load(Ordering::SeqCst) > 0);
    let closing = std::thread::spawn(move || {
        let sdk = sdk;
        unsafe { casehug_clio_close(sdk.0, ptr::null_mut()) }
    });
    // What begins now is refused; what waits can be ended.
    eventually("calls are refused", || {
        let status = call(waits, None, c"next_events", c"{\"limit\":1,\"wait_ms\":0}");
        assert!(status == OK || status == Code::CASEHUG_CLIO_SETTING_INVALID as i32, "{status}");
        status != OK
    });
    assert!(!waiting.is_finished() && !closing.is_finished());
    assert_eq!(unsafe { casehug_clio_cancel(waits.0, ptr::null_mut()) }, OK);
    let status = waiting.join().unwrap();
    assert!(status == OK || status == Code::CASEHUG_CLIO_CANCELLED as i32, "{status}");
    assert_eq!(closing.join().unwrap(), OK);
    assert!(began.elapsed() < Duration::from_secs(45), "{:?}", began.elapsed());
    assert_eq!(unsafe { casehug_clio_cancel(waits.0, ptr::null_mut()) }, Code::CASEHUG_CLIO_SETTING_INVALID as i32);
}
