//! Intakes of the host: JSON of one matter at a time, and documents read piece by piece into a
//! buffer of ours that is used again. Nothing is ever held whole.

use core::ffi::c_void;
use std::sync::Arc;

use casehug_clio::ports::{BoxFuture, DocumentBytes, DocumentReader, DocumentStat, IntakeSource};
use casehug_clio::{
    Code, DocumentKey, DocumentOrigin, DocumentRef, DocumentStatus, Error, FirmId, Intake, MatterId, Result,
};
use serde_json::Value;
use tokio::runtime::Handle;

use crate::host::{Functions, Host, Inside, OK, Table, copy};
use crate::text::{Owned, casehug_clio_str};

/// There is no such matter or document.
const MISSING: i32 = 2;
/// The largest intake that is read.
const MOST_JSON: usize = 8 * 1024 * 1024;
/// The most that is asked for at once.
const MOST_READ: usize = 256 * 1024;

/// Takes what `load` found. Valid during the callback only.
#[derive(Debug, Default)]
pub struct casehug_clio_intake_answer {
    json: Option<String>,
    /// The bytes of one that is too large.
    too_large: Option<usize>,
    wrong: Option<&'static str>,
}

/// Takes what `stat` found. Valid during the callback only.
#[derive(Debug, Default)]
pub struct casehug_clio_stat_answer {
    stat: Option<DocumentStat>,
    wrong: Option<&'static str>,
}

/// Which document.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct casehug_clio_document {
    /// The firm.
    pub firm: casehug_clio_str,
    /// The matter.
    pub matter: casehug_clio_str,
    /// The document's slot.
    pub document: casehug_clio_str,
    /// The upload in that slot.
    pub upload: casehug_clio_str,
}

/// Intakes of the host. Functions are called on threads of the SDK, several at once. They answer 1
/// for success and 2 if there is no such matter or document; anything else means that it could not
/// be read. No exception may leave a function.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct casehug_clio_intakes {
    /// `sizeof(casehug_clio_intakes)`.
    pub size: usize,
    /// Passed to every function.
    pub context: *mut c_void,
    /// Hands the matter as it is now to `casehug_clio_intake_set`.
    pub load: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            firm: casehug_clio_str,
            matter: casehug_clio_str,
            into: *mut casehug_clio_intake_answer,
        ) -> i32,
    >,
    /// Hands what the document is now to `casehug_clio_stat_set`. MUST look afresh: it is asked
    /// right before a document is published in Clio.
    pub stat: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            document: *const casehug_clio_document,
            into: *mut casehug_clio_stat_answer,
        ) -> i32,
    >,
    /// Opens the document's bytes from `offset` on and sets `*reader` to whatever `read` and
    /// `close` are to be given.
    pub open: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            document: *const casehug_clio_document,
            offset: u64,
            reader: *mut *mut c_void,
        ) -> i32,
    >,
    /// Fills the front of `buffer` and sets `*count` to how many bytes that were; 0 at the end
    /// only. A reader is used by one thread at a time.
    pub read: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            reader: *mut c_void,
            buffer: *mut u8,
            capacity: usize,
            count: *mut usize,
        ) -> i32,
    >,
    /// Closes a reader: once for each that was opened, at its end or before.
    pub close: Option<unsafe extern "C" fn(context: *mut c_void, reader: *mut c_void)>,
    /// May be NULL. Called once, when the SDK will never call the others again: at close, and also
    /// when opening failed or was refused.
    pub release: Option<unsafe extern "C" fn(context: *mut c_void)>,
}

impl Functions for casehug_clio_intakes {
    const NAME: &'static str = "intakes";

    fn is_whole(&self) -> bool {
        let reads = self.open.is_some() && self.read.is_some() && self.close.is_some();
        reads && self.load.is_some() && self.stat.is_some()
    }

    fn context(&self) -> *mut c_void {
        self.context
    }

    fn release(&self) -> Option<unsafe extern "C" fn(*mut c_void)> {
        self.release
    }
}

/// Hands over an intake (docs/intake-format.md, where `path` is of no meaning), at most 8 MiB of
/// JSON; it is copied. Answers 1, or 0 if it cannot be used; `load` then counts as failed. A larger
/// one is malformed (`CASEHUG_CLIO_INTAKE_MALFORMED`), whatever `load` answers.
///
/// # Safety
/// `into` is what the callback was given; `json` is NULL or `len` readable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn casehug_clio_intake_set(into: *mut casehug_clio_intake_answer, json: casehug_clio_str) -> i32 {
    // SAFETY: NULL, or the sink of the callback that is running on this thread.
    let Some(into) = (unsafe { into.as_mut() }) else { return 0 };
    if json.len > MOST_JSON {
        into.too_large = Some(json.len);
        return 0;
    }
    // SAFETY: readable by the caller's promise.
    match unsafe { copy(json) } {
        Ok(Some(json)) => into.json = Some(json),
        Ok(None) => into.wrong = Some("json"),
        Err(wrong) => into.wrong = Some(wrong),
    }
    i32::from(into.wrong.is_none())
}

/// Hands over what a document is: its length in bytes; its revision, which MUST change whenever the
/// bytes do and holds no client data (at most 128 bytes: a digest, a version number); its status
/// and origin by their names in an intake. Everything is copied. Answers 1, or 0 if it cannot be
/// used; `stat` then counts as failed.
///
/// # Safety
/// `into` is what the callback was given; every text is NULL or `len` readable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn casehug_clio_stat_set(
    into: *mut casehug_clio_stat_answer,
    length: u64,
    revision: casehug_clio_str,
    status: casehug_clio_str,
    origin: casehug_clio_str,
) -> i32 {
    // SAFETY: NULL, or the sink of the callback that is running on this thread.
    let Some(into) = (unsafe { into.as_mut() }) else { return 0 };
    // SAFETY: readable by the caller's promise.
    match unsafe { stat(length, revision, status, origin) } {
        Ok(stat) => into.stat = Some(stat),
        Err(wrong) => into.wrong = Some(wrong),
    }
    i32::from(into.wrong.is_none())
}

/// # Safety
/// Every text is NULL or `len` readable bytes.
unsafe fn stat(
    length: u64,
    revision: casehug_clio_str,
    status: casehug_clio_str,
    origin: casehug_clio_str,
) -> Result<DocumentStat, &'static str> {
    // SAFETY: readable by the caller's promise.
    let text = |text| unsafe { copy(text) };
    let revision = text(revision)?.filter(|revision| (1..=128).contains(&revision.len())).ok_or("revision")?;
    let status = Value::String(text(status)?.ok_or("status")?);
    let origin = Value::String(text(origin)?.ok_or("origin")?);
    let status: DocumentStatus = serde_json::from_value(status).map_err(|_| "status")?;
    let origin: DocumentOrigin = serde_json::from_value(origin).map_err(|_| "origin")?;
    Ok(DocumentStat { len: length, revision, status, origin })
}

fn unreadable(reason: &'static str) -> Error {
    Error::new(Code::IntakeUnreadable).with("reason", reason)
}

fn document_unreadable(reason: &'static str) -> Error {
    Error::new(Code::DocumentUnreadable).with("reason", reason)
}

/// The error of a function that answered something else than success.
fn refused(document: &DocumentKey, answer: i32) -> Error {
    match answer {
        MISSING => Error::new(Code::DocumentMissing).with("reason", "not_there"),
        answer => document_unreadable("callback_failed").with("answer", answer),
    }
    .with("document", document)
}

/// The texts of a document's name, for as long as a function may read them.
struct Named([Owned; 4]);

impl Named {
    fn new(document: &DocumentRef) -> Self {
        let key = &document.key;
        let texts = [document.firm.as_str(), key.matter.as_str(), key.document.as_str(), key.upload.as_str()];
        Self(texts.map(Owned::new))
    }

    fn view(&self) -> casehug_clio_document {
        let [firm, matter, document, upload] = &self.0;
        casehug_clio_document {
            firm: firm.view(),
            matter: matter.view(),
            document: document.view(),
            upload: upload.view(),
        }
    }
}

/// The [`IntakeSource`] and [`DocumentBytes`] ports over a host's functions.
#[derive(Clone, Debug)]
pub(crate) struct HostIntakes(pub Host<casehug_clio_intakes>);

impl IntakeSource for HostIntakes {
    fn load<'a>(&'a self, firm: &'a FirmId, matter: &'a MatterId) -> BoxFuture<'a, Result<Intake>> {
        let (firm, id) = (Owned::new(firm.as_str()), Owned::new(matter.as_str()));
        Box::pin(async move {
            let loaded = self.0.on_pool(unreadable, move |host| {
                let load = host.load.ok_or_else(|| unreadable("no_function"))?;
                let mut sink = casehug_clio_intake_answer::default();
                // SAFETY: the host's function; texts and sink live until it returns.
                let answer = unsafe { load(host.context, firm.view(), id.view(), &raw mut sink) };
                // As core says it of one that is handed over whole.
                if let Some(bytes) = sink.too_large {
                    return Err(Error::new(Code::IntakeMalformed).with("reason", "too_large").with("bytes", bytes));
                }
                match (answer, sink.json, sink.wrong) {
                    (OK, Some(json), None) => Ok(json),
                    (OK, _, wrong) => Err(unreadable("callback_answer").with("field", wrong.unwrap_or("json"))),
                    (MISSING, ..) => Err(Error::new(Code::MatterUnknown).with("reason", "not_there")),
                    (answer, ..) => Err(unreadable("callback_failed").with("answer", answer)),
                }
            });
            let named = |error: Error| error.with("matter", matter);
            let intake = Intake::from_json(loaded.await.map_err(named)?.as_bytes()).map_err(named)?;
            if intake.matter.id != *matter {
                let invalid = Error::new(Code::IntakeInvalid).with("field", "matter.id").with("matter", matter);
                return Err(invalid.with("reason", "another_matter"));
            }
            Ok(intake)
        })
    }

    fn stat<'a>(&'a self, document: &'a DocumentRef) -> BoxFuture<'a, Result<DocumentStat>> {
        let (named, key) = (Named::new(document), document.key.clone());
        Box::pin(self.0.on_pool(document_unreadable, move |host| {
            let stat = host.stat.ok_or_else(|| document_unreadable("no_function"))?;
            let (document, mut sink) = (named.view(), casehug_clio_stat_answer::default());
            // SAFETY: the host's function; the name and the sink live until it returns.
            let answer = unsafe { stat(host.context, &raw const document, &raw mut sink) };
            match (answer, sink.stat, sink.wrong) {
                (OK, Some(stat), None) => Ok(stat),
                (OK, _, wrong) => {
                    let error = document_unreadable("callback_answer").with("field", wrong.unwrap_or("stat"));
                    Err(error.with("document", &key))
                }
                (answer, ..) => Err(refused(&key, answer)),
            }
        }))
    }
}

impl DocumentBytes for HostIntakes {
    fn open<'a>(&'a self, document: &'a DocumentRef, offset: u64) -> BoxFuture<'a, Result<Box<dyn DocumentReader>>> {
        let (named, key) = (Named::new(document), document.key.clone());
        let (table, pool) = (Arc::clone(&self.0.table), self.0.pool.clone());
        Box::pin(self.0.on_pool(document_unreadable, move |host| {
            let open = host.open.ok_or_else(|| document_unreadable("no_function"))?;
            let (document, mut reader) = (named.view(), core::ptr::null_mut());
            // SAFETY: the host's function; the name and `reader` live until it returns.
            let answer = unsafe { open(host.context, &raw const document, offset, &raw mut reader) };
            if answer != OK {
                return Err(refused(&key, answer));
            }
            let opened = Arc::new(Opened { reader, table, pool });
            Ok(Box::new(HostReader { key, opened, buffer: Vec::new() }) as Box<dyn DocumentReader>)
        }))
    }
}

/// An open reader of the host. Dropped, it is closed on the pool.
struct Opened {
    reader: *mut c_void,
    table: Arc<Table<casehug_clio_intakes>>,
    pool: Handle,
}

// SAFETY: the header asks for a reader that any thread may use, one at a time.
unsafe impl Send for Opened {}
// SAFETY: as above; `HostReader` has one read in progress at most.
unsafe impl Sync for Opened {}

impl Drop for Opened {
    fn drop(&mut self) {
        let closing = Closing { reader: self.reader, table: Arc::clone(&self.table) };
        // If the pool takes nothing any more, it is closed right here, by the drop of what was not
        // run.
        self.pool.spawn_blocking(move || drop(closing));
    }
}

/// Closes a reader when it is dropped.
struct Closing {
    reader: *mut c_void,
    table: Arc<Table<casehug_clio_intakes>>,
}

// SAFETY: as of `Opened`.
unsafe impl Send for Closing {}

impl Drop for Closing {
    fn drop(&mut self) {
        let _inside = Inside::enter();
        if let Some(close) = self.table.0.close {
            // SAFETY: the host's function and its reader, for the last time.
            unsafe { close(self.table.0.context, self.reader) };
        }
    }
}

/// Reads through one buffer that travels to the pool and back. A read whose future is dropped takes
/// the buffer with it, and the reader is closed after that read.
struct HostReader {
    key: DocumentKey,
    opened: Arc<Opened>,
    buffer: Vec<u8>,
}

impl DocumentReader for HostReader {
    fn read<'a>(&'a mut self, out: &'a mut [u8]) -> BoxFuture<'a, Result<usize>> {
        Box::pin(async move {
            let (opened, key) = (Arc::clone(&self.opened), self.key.clone());
            let mut buffer = core::mem::take(&mut self.buffer);
            buffer.resize(out.len().min(MOST_READ), 0);
            let read = self.opened.pool.spawn_blocking(move || {
                let _inside = Inside::enter();
                let host = &opened.table.0;
                let read = host.read.ok_or_else(|| document_unreadable("no_function"))?;
                let (mut count, capacity) = (0, buffer.len());
                // SAFETY: the host's function; the buffer has so much room and lives until it
                // returns.
                let answer =
                    unsafe { read(host.context, opened.reader, buffer.as_mut_ptr(), capacity, &raw mut count) };
                match answer {
                    OK if count <= capacity => Ok((buffer, count)),
                    OK => Err(document_unreadable("callback_answer").with("field", "count")),
                    answer => Err(refused(&key, answer)),
                }
            });
            let read = read.await.unwrap_or_else(|_| Err(document_unreadable("pool")));
            let (buffer, count) = read.map_err(|error| error.with("document", &self.key))?;
            out[..count].copy_from_slice(&buffer[..count]);
            self.buffer = buffer;
            Ok(count)
        })
    }
}
