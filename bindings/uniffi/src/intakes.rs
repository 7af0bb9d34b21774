//! Intakes of the host: JSON of one matter at a time, and documents read piece by piece. Nothing
//! is ever held whole.

use std::sync::Arc;

use casehug_clio::ports::{BoxFuture, DocumentBytes, DocumentReader, DocumentStat, IntakeSource};
use casehug_clio::{
    Code, DocumentKey, DocumentOrigin, DocumentRef, DocumentStatus, Error, FirmId, Intake, MatterId, Result,
};
use serde_json::Value;
use tokio::runtime::Handle;

use crate::failure::HostFailure;
use crate::host::{Host, Inside, reason};

/// The most that is asked for at once.
const MOST_READ: usize = 256 * 1024;

/// An intake.
#[derive(Clone, uniffi::Record)]
pub struct IntakeText {
    /// JSON (docs/intake-format.md).
    pub json: String,
}

/// Which document.
#[derive(Clone, Debug, uniffi::Record)]
pub struct DocumentName {
    /// The firm.
    pub firm: String,
    /// The matter.
    pub matter: String,
    /// The document's slot.
    pub document: String,
    /// The upload in that slot.
    pub upload: String,
}

/// What a document is now.
#[derive(Clone, Debug, uniffi::Record)]
pub struct StatedDocument {
    /// Bytes.
    pub length: u64,
    /// Changes whenever the bytes do.
    pub revision: String,
    /// As in an intake.
    pub status: String,
    /// As in an intake.
    pub origin: String,
}

/// An open document.
#[derive(Clone, uniffi::Record)]
pub struct OpenedDocument {
    /// Reads it.
    pub reader: Arc<dyn HostReader>,
}

/// The next bytes.
#[derive(Clone, uniffi::Record)]
pub struct Chunk {
    /// None of them at the end only.
    pub bytes: Vec<u8>,
    /// Whether the host knows that nothing comes after them: then it is not asked again.
    pub last: bool,
}

/// Says that a reader was closed.
#[derive(Clone, Copy, Debug, uniffi::Record)]
pub struct ReaderClosed {
    /// Always true.
    pub closed: bool,
}

macro_rules! opaque {
    ($($name:ident),*) => {$(
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    )*};
}
opaque!(IntakeText, OpenedDocument, Chunk);

/// The host's matters and documents. Used by several threads at once.
#[uniffi::export(foreign)]
pub trait HostIntakes: Send + Sync {
    /// The matter as it is now.
    fn load(&self, firm: String, matter: String) -> Result<IntakeText, HostFailure>;
    /// The document as it is now, looked at afresh.
    fn stat(&self, document: DocumentName) -> Result<StatedDocument, HostFailure>;
    /// The document's bytes from `offset` on.
    fn open(&self, document: DocumentName, offset: u64) -> Result<OpenedDocument, HostFailure>;
}

/// Reads a document in order. Used by one thread at a time.
#[uniffi::export(foreign)]
pub trait HostReader: Send + Sync {
    /// At most so many bytes.
    fn read(&self, most: u32) -> Result<Chunk, HostFailure>;
    /// Called once, at its end or before.
    fn close(&self) -> Result<ReaderClosed, HostFailure>;
}

fn unreadable(reason: &'static str) -> Error {
    Error::new(Code::IntakeUnreadable).with("reason", reason)
}

fn document_unreadable(reason: &'static str) -> Error {
    Error::new(Code::DocumentUnreadable).with("reason", reason)
}

fn refused(document: &DocumentKey, failure: HostFailure) -> Error {
    match failure {
        HostFailure::Missing => Error::new(Code::DocumentMissing).with("reason", reason(failure)),
        HostFailure::Failed => document_unreadable(reason(failure)),
    }
    .with("document", document)
}

fn name(document: &DocumentRef) -> DocumentName {
    let key = &document.key;
    let text = |text: &str| text.to_owned();
    DocumentName {
        firm: text(document.firm.as_str()),
        matter: text(key.matter.as_str()),
        document: text(key.document.as_str()),
        upload: text(key.upload.as_str()),
    }
}

fn stat(stated: StatedDocument) -> Result<DocumentStat, &'static str> {
    if !(1..=128).contains(&stated.revision.len()) {
        return Err("revision");
    }
    let status: DocumentStatus = serde_json::from_value(Value::String(stated.status)).map_err(|_| "status")?;
    let origin: DocumentOrigin = serde_json::from_value(Value::String(stated.origin)).map_err(|_| "origin")?;
    Ok(DocumentStat { len: stated.length, revision: stated.revision, status, origin })
}

/// The [`IntakeSource`] and [`DocumentBytes`] ports over a host's object.
#[derive(Clone, Debug)]
pub(crate) struct IntakePort(pub Host<dyn HostIntakes>);

impl IntakeSource for IntakePort {
    fn load<'a>(&'a self, firm: &'a FirmId, matter: &'a MatterId) -> BoxFuture<'a, Result<Intake>> {
        let (firm, id) = (firm.as_str().to_owned(), matter.as_str().to_owned());
        Box::pin(async move {
            let loaded = self.0.on_pool(unreadable, move |host| {
                let loaded = host.load(firm, id).map_err(|failure| match failure {
                    HostFailure::Missing => Error::new(Code::MatterUnknown).with("reason", reason(failure)),
                    HostFailure::Failed => unreadable(reason(failure)),
                })?;
                Ok(loaded.json)
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
        let (named, key) = (name(document), document.key.clone());
        Box::pin(self.0.on_pool(document_unreadable, move |host| {
            let stated = host.stat(named).map_err(|failure| refused(&key, failure))?;
            stat(stated)
                .map_err(|field| document_unreadable("callback_answer").with("field", field).with("document", &key))
        }))
    }
}

impl DocumentBytes for IntakePort {
    fn open<'a>(&'a self, document: &'a DocumentRef, offset: u64) -> BoxFuture<'a, Result<Box<dyn DocumentReader>>> {
        let (named, key, pool) = (name(document), document.key.clone(), self.0.pool.clone());
        Box::pin(self.0.on_pool(document_unreadable, move |host| {
            let reader = host.open(named, offset).map_err(|failure| refused(&key, failure))?.reader;
            let opened = Arc::new(Opened { reader, pool });
            Ok(Box::new(PortReader { key, opened, ended: false }) as Box<dyn DocumentReader>)
        }))
    }
}

/// An open reader of the host. Dropped, it is closed on the pool.
struct Opened {
    reader: Arc<dyn HostReader>,
    pool: Handle,
}

impl Drop for Opened {
    fn drop(&mut self) {
        let closing = Closing(Arc::clone(&self.reader));
        // If the pool takes nothing any more, it is closed right here, by the drop of what was not
        // run.
        self.pool.spawn_blocking(move || drop(closing));
    }
}

/// Closes a reader when it is dropped.
struct Closing(Arc<dyn HostReader>);

impl Drop for Closing {
    fn drop(&mut self) {
        let _inside = Inside::enter();
        // Reading is over: what closing says changes nothing.
        let _ = self.0.close();
    }
}

/// A read whose future is dropped goes on, and the reader is closed after it.
struct PortReader {
    key: DocumentKey,
    opened: Arc<Opened>,
    /// The host said that this is all.
    ended: bool,
}

impl DocumentReader for PortReader {
    fn read<'a>(&'a mut self, out: &'a mut [u8]) -> BoxFuture<'a, Result<usize>> {
        Box::pin(async move {
            if self.ended {
                return Ok(0);
            }
            let (opened, key, most) = (Arc::clone(&self.opened), self.key.clone(), out.len().min(MOST_READ));
            let read = self.opened.pool.spawn_blocking(move || {
                let _inside = Inside::enter();
                let chunk = opened.reader.read(u32::try_from(most).unwrap_or(u32::MAX));
                chunk.map_err(|failure| refused(&key, failure))
            });
            let named = |error: Error| error.with("document", &self.key);
            let Chunk { bytes, last } = read.await.map_err(|_| named(document_unreadable("pool")))??;
            if bytes.len() > most {
                return Err(named(document_unreadable("callback_answer").with("field", "count")));
            }
            self.ended = last;
            out[..bytes.len()].copy_from_slice(&bytes);
            Ok(bytes.len())
        })
    }
}
