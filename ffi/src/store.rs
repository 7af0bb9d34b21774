//! A store in the host's language, behind three functions.
//!
//! Each call is copied, handed to a pool of ours (`threads.rs`), and its answer copied back before
//! anything is believed. A function that blocks delays its own caller, and nobody else before all
//! threads of the pool are taken. What is not exactly one of the documented answers is an error,
//! and an error means *unknown* (see the store port): core reads again.

use core::ffi::{c_char, c_void};

use casehug_clio::ports::{BoxFuture, Commit, Expect, Key, Order, Record, Scan, Store, Version, Write};
use casehug_clio::{Code, Error, FirmId, Result, Timestamp};
use tokio::runtime::Handle;

use crate::host::{CONFLICT, Functions, Host, OK, Table, copy};
use crate::text::{Misuse, Owned, casehug_clio_str};

const NEVER_DUE: i64 = -1;

/// A store written in the host's language. Every function is called on threads of the SDK, several
/// at once.
///
/// The answers of `get`, `scan` and `commit` are 1 for success (`commit`: durable) and, for
/// `commit`, 2 for a conflict: an expectation did not hold and nothing was written. **Anything
/// else, 0 included, means that it is unknown what happened**, and the SDK reads again. No
/// exception may leave a function: it would end the process. `casehug_clio_check_store` finds what
/// they do wrong.
///
/// What a check expects MUST hold until the commit: of two that each check what the other one
/// writes, one is a conflict. At READ COMMITTED a plain SELECT is not enough.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct casehug_clio_store {
    /// `sizeof(casehug_clio_store)`.
    pub size: usize,
    /// Passed to every function.
    pub context: *mut c_void,
    /// Pushes the record of this key into `into`, if there is one.
    pub get: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            firm: casehug_clio_str,
            collection: casehug_clio_str,
            id: casehug_clio_str,
            into: *mut casehug_clio_records,
        ) -> i32,
    >,
    /// Pushes the records that the scan asks for, in its order.
    pub scan: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            scan: *const casehug_clio_scan,
            into: *mut casehug_clio_records,
        ) -> i32,
    >,
    /// Does all writes or none, and sets `now_ms` to the store's clock (milliseconds since 1970) at
    /// the commit. `count` may be 0.
    pub commit: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            writes: *const casehug_clio_write,
            count: usize,
            now_ms: *mut i64,
        ) -> i32,
    >,
    /// May be NULL. Called once, when the SDK will never call the others again: at close, and also
    /// when opening failed or was refused.
    pub release: Option<unsafe extern "C" fn(context: *mut c_void)>,
}

/// What to scan.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct casehug_clio_scan {
    /// 1: records of one firm with `from <= id < until`, ordered by the bytes of the id. 2: records
    /// that are due on the store's clock, earliest first.
    pub kind: i32,
    /// The firm. For kind 2 `data` may be NULL: all firms.
    pub firm: casehug_clio_str,
    /// The collection.
    pub collection: casehug_clio_str,
    /// The first id, inclusive.
    pub from: casehug_clio_str,
    /// The first id that is no longer wanted; `data` NULL: to the end of the collection.
    pub until: casehug_clio_str,
    /// 1: highest id first.
    pub descending: i32,
    /// At most so many.
    pub limit: u64,
}

/// One entry of a commit. A key occurs at most once in it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct casehug_clio_write {
    /// 1: put the whole record. 2: delete it. 3: check only, write nothing.
    pub kind: i32,
    /// The firm.
    pub firm: casehug_clio_str,
    /// The collection.
    pub collection: casehug_clio_str,
    /// The id.
    pub id: casehug_clio_str,
    /// The version that must be there; `data` NULL: no record may be there.
    pub expect: casehug_clio_str,
    /// Put only: the new version.
    pub version: casehug_clio_str,
    /// Put only: due this many milliseconds after the store's clock; -1: never.
    pub due_in_ms: i64,
    /// Put only: the body, JSON without NUL bytes. Returned byte for byte.
    pub body: casehug_clio_str,
}

/// Takes the records that `get` and `scan` find. Valid during the callback only.
#[derive(Debug)]
pub struct casehug_clio_records {
    firm: Option<FirmId>,
    collection: &'static str,
    limit: usize,
    found: Vec<Record>,
    wrong: Option<&'static str>,
}

/// Pushes one record; everything is copied. `firm` with `data` NULL means the firm that was asked
/// for. `due_at_ms`: milliseconds since 1970, or a negative number for never. Answers 1, or 0 when
/// the record is not usable; the whole answer then counts as failed.
///
/// # Safety
/// `into` is what the callback was given, and every text is NULL or `len` readable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn casehug_clio_records_push(
    into: *mut casehug_clio_records,
    firm: casehug_clio_str,
    id: casehug_clio_str,
    version: casehug_clio_str,
    due_at_ms: i64,
    body: casehug_clio_str,
) -> i32 {
    // SAFETY: NULL, or the sink of the callback that is running on this thread.
    let Some(into) = (unsafe { into.as_mut() }) else { return 0 };
    // SAFETY: readable by the caller's promise.
    let record = unsafe { record(into, firm, id, version, due_at_ms, body) };
    match record {
        Ok(record) if into.found.len() < into.limit => into.found.push(record),
        Ok(_) => into.wrong = Some("more_than_the_limit"),
        Err(wrong) => into.wrong = Some(wrong),
    }
    i32::from(into.wrong.is_none())
}

/// # Safety
/// Every text is NULL or `len` readable bytes.
unsafe fn record(
    into: &casehug_clio_records,
    firm: casehug_clio_str,
    id: casehug_clio_str,
    version: casehug_clio_str,
    due_at_ms: i64,
    body: casehug_clio_str,
) -> Result<Record, &'static str> {
    // SAFETY: readable by the caller's promise.
    let text = |text| unsafe { copy(text) };
    let firm = match text(firm)? {
        Some(firm) => FirmId::new(firm).map_err(|_| "firm")?,
        None => into.firm.clone().ok_or("firm")?,
    };
    let id = text(id)?.ok_or("id")?;
    let version = Version(text(version)?.ok_or("version")?);
    let body = text(body)?.ok_or("body")?;
    let due_at = (due_at_ms >= 0).then_some(Timestamp(due_at_ms));
    Ok(Record { key: Key::new(&firm, into.collection, id), version, due_at, body })
}

impl Functions for casehug_clio_store {
    const NAME: &'static str = "store";

    fn is_whole(&self) -> bool {
        self.get.is_some() && self.scan.is_some() && self.commit.is_some()
    }

    fn context(&self) -> *mut c_void {
        self.context
    }

    fn release(&self) -> Option<unsafe extern "C" fn(*mut c_void)> {
        self.release
    }
}

impl casehug_clio_store {
    /// Whether both are the same functions with the same context: one store, which is released
    /// once.
    pub(crate) fn is(&self, other: &Self) -> bool {
        let parts = |store: &Self| {
            let release = store.release.map_or(0, |release| release as usize);
            let scan = store.scan.map_or(0, |scan| scan as usize);
            let commit = store.commit.map_or(0, |commit| commit as usize);
            [store.context.addr(), store.get.map_or(0, |get| get as usize), scan, commit, release]
        };
        parts(self) == parts(other)
    }
}

/// The [`Store`] port over a host's functions.
#[derive(Clone, Debug)]
pub struct HostStore(Host<casehug_clio_store>);

impl From<Host<casehug_clio_store>> for HostStore {
    fn from(host: Host<casehug_clio_store>) -> Self {
        Self(host)
    }
}

impl HostStore {
    /// Takes the host's functions; from here on `release` is called exactly once, whatever happens.
    ///
    /// # Errors
    /// `SettingInvalid` for a wrong size or a missing function.
    ///
    /// # Safety
    /// `store` points to a [`casehug_clio_store`] of its stated size, whose functions may be called
    /// on any thread until `release` was.
    pub unsafe fn new(store: *const casehug_clio_store, pool: Handle) -> Result<Self> {
        // SAFETY: by this function's own contract.
        let table = unsafe { Table::take(store) }?.ok_or_else(|| Misuse::Null.of("store"))?;
        Host::new(table, &pool).map(Self)
    }

    /// Runs a callback on the pool.
    async fn on_pool<T: Send + 'static>(
        &self,
        work: impl FnOnce(&casehug_clio_store) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.0.on_pool(failed, work).await
    }
}

fn failed(reason: &'static str) -> Error {
    Error::new(Code::StoreFailed).with("reason", reason)
}

/// Calls a function that pushes records, and takes them if everything is right.
fn collect(
    firm: Option<FirmId>,
    collection: &'static str,
    limit: usize,
    call: impl FnOnce(*mut casehug_clio_records) -> i32,
) -> Result<Vec<Record>> {
    let mut sink = casehug_clio_records { firm, collection, limit, found: Vec::new(), wrong: None };
    let answer = call(&raw mut sink);
    match (answer, sink.wrong) {
        (OK, None) => Ok(sink.found),
        (OK, Some(wrong)) => Err(failed("callback_answer").with("field", wrong)),
        (answer, _) => Err(failed("callback_failed").with("answer", answer)),
    }
}

impl Store for HostStore {
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Record>>> {
        let key = key.clone();
        Box::pin(self.on_pool(move |store| {
            let get = store.get.ok_or_else(|| failed("no_function"))?;
            let (firm, collection, id) =
                (Owned::new(key.firm.as_str()), Owned::new(key.collection), Owned::new(&key.id));
            // SAFETY: the host's function; the texts and the sink live until it returns.
            let call = |sink| unsafe { get(store.context, firm.view(), collection.view(), id.view(), sink) };
            let found = collect(Some(key.firm.clone()), key.collection, 1, call)?.pop();
            match found {
                Some(record) if record.key != key => Err(failed("callback_answer").with("field", "key")),
                found => Ok(found),
            }
        }))
    }

    fn scan<'a>(&'a self, scan: &'a Scan) -> BoxFuture<'a, Result<Vec<Record>>> {
        let scan = scan.clone();
        Box::pin(self.on_pool(move |store| {
            let function = store.scan.ok_or_else(|| failed("no_function"))?;
            let (firm, collection, limit) = match &scan {
                Scan::Ids { firm, collection, limit, .. } => (Some(firm.clone()), *collection, *limit),
                Scan::Due { firm, collection, limit } => (firm.clone(), *collection, *limit),
            };
            let text = |text: &str| Owned::new(text);
            let firm_text = firm.as_ref().map(|firm| text(firm.as_str()));
            let collection_text = text(collection);
            let (from, until) = match &scan {
                Scan::Ids { from, until, .. } => (Some(text(from)), until.as_deref().map(text)),
                Scan::Due { .. } => (None, None),
            };
            let view = |text: &Option<Owned>| text.as_ref().map_or(casehug_clio_str::NONE, Owned::view);
            let request = casehug_clio_scan {
                kind: if matches!(scan, Scan::Ids { .. }) { 1 } else { 2 },
                firm: view(&firm_text),
                collection: collection_text.view(),
                from: view(&from),
                until: view(&until),
                descending: i32::from(matches!(scan, Scan::Ids { order: Order::Descending, .. })),
                limit: u64::try_from(limit).unwrap_or(u64::MAX),
            };
            // SAFETY: the host's function; the request and the sink live until it returns.
            let found =
                collect(firm, collection, limit, |sink| unsafe { function(store.context, &raw const request, sink) })?;
            if scan.is_answered_by(&found) { Ok(found) } else { Err(failed("callback_answer").with("field", "order")) }
        }))
    }

    fn commit<'a>(&'a self, writes: &'a [Write]) -> BoxFuture<'a, Result<Commit>> {
        let writes = writes.to_vec();
        Box::pin(async move {
            Write::require_distinct_keys(&writes)?;
            self.on_pool(move |store| {
                let commit = store.commit.ok_or_else(|| failed("no_function"))?;
                let texts: Vec<WriteTexts> = writes.iter().map(WriteTexts::new).collect();
                let entries: Vec<casehug_clio_write> = texts.iter().map(WriteTexts::view).collect();
                let mut now = i64::MIN;
                // SAFETY: the host's function; entries, their texts and `now` live until it
                // returns.
                let answer = unsafe { commit(store.context, entries.as_ptr(), entries.len(), &raw mut now) };
                match answer {
                    OK if now >= 0 => Ok(Commit::Done { at: Timestamp(now) }),
                    // Done, or so it says; without its time it cannot be used, and reading again
                    // will tell.
                    OK => Err(failed("callback_answer").with("field", "now_ms")),
                    CONFLICT => Ok(Commit::Conflict),
                    answer => Err(failed("callback_failed").with("answer", answer)),
                }
            })
            .await
        })
    }
}

struct WriteTexts {
    kind: i32,
    key: [Owned; 3],
    expect: Option<Owned>,
    version: Option<Owned>,
    due_in_ms: i64,
    body: Option<Owned>,
}

impl WriteTexts {
    fn new(write: &Write) -> Self {
        let key = write.key();
        let key = [Owned::new(key.firm.as_str()), Owned::new(key.collection), Owned::new(&key.id)];
        let none = Self { kind: 0, key, expect: None, version: None, due_in_ms: NEVER_DUE, body: None };
        let expected = |expect: &Expect| match expect {
            Expect::Absent => None,
            Expect::Version(version) => Some(Owned::new(&version.0)),
        };
        match write {
            Write::Put { expect, version, due_in, body, .. } => Self {
                kind: 1,
                expect: expected(expect),
                version: Some(Owned::new(&version.0)),
                due_in_ms: due_in.map_or(NEVER_DUE, |due| i64::try_from(due.as_millis()).unwrap_or(i64::MAX)),
                body: Some(Owned::new(body)),
                ..none
            },
            Write::Delete { version, .. } => Self { kind: 2, expect: Some(Owned::new(&version.0)), ..none },
            Write::Check { expect, .. } => Self { kind: 3, expect: expected(expect), ..none },
        }
    }

    fn view(&self) -> casehug_clio_write {
        let view = |text: &Option<Owned>| text.as_ref().map_or(casehug_clio_str::NONE, Owned::view);
        let [firm, collection, id] = &self.key;
        casehug_clio_write {
            kind: self.kind,
            firm: firm.view(),
            collection: collection.view(),
            id: id.view(),
            expect: view(&self.expect),
            version: view(&self.version),
            due_in_ms: self.due_in_ms,
            body: view(&self.body),
        }
    }
}

const _: () = assert!(size_of::<c_char>() == 1);
