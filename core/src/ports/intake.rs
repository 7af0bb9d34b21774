//! The host's data.

use core::fmt::Debug;

use crate::domain::{DocumentOrigin, DocumentRef, DocumentStatus, FirmId, Intake, MatterId};
use crate::error::Result;
use crate::maybe_send::{BoxFuture, MaybeSend, MaybeSync};

/// Reads the firm's intakes. Client data is re-read at each run and never kept.
pub trait IntakeSource: Debug + MaybeSend + MaybeSync {
    /// The matter as it is now.
    ///
    /// # Errors
    /// [`MatterUnknown`](crate::Code::MatterUnknown),
    /// [`IntakeMalformed`](crate::Code::IntakeMalformed),
    /// [`IntakeInvalid`](crate::Code::IntakeInvalid) or
    /// [`IntakeUnreadable`](crate::Code::IntakeUnreadable).
    fn load<'a>(&'a self, firm: &'a FirmId, matter: &'a MatterId) -> BoxFuture<'a, Result<Intake>>;

    /// The document as it is now. MUST be read afresh: it is asked right before a document is
    /// published in Clio, so that nothing withdrawn or changed meanwhile is sent.
    ///
    /// # Errors
    /// [`DocumentMissing`](crate::Code::DocumentMissing) or
    /// [`DocumentUnreadable`](crate::Code::DocumentUnreadable).
    fn stat<'a>(&'a self, document: &'a DocumentRef) -> BoxFuture<'a, Result<DocumentStat>>;
}

/// One document, as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentStat {
    /// Length in bytes.
    pub len: u64,
    /// MUST change whenever the bytes change; at most 128 bytes. It is stored, so it MUST NOT hold
    /// client data: a digest, a version number.
    pub revision: String,
    /// Where its approval stands.
    pub status: DocumentStatus,
    /// Where it comes from.
    pub origin: DocumentOrigin,
}

/// Opens a document's bytes. Asked by transports that stream themselves (the native ones), never by
/// core: no byte of a document passes through core. A Node host reads its documents in JavaScript
/// instead.
pub trait DocumentBytes: Debug + MaybeSend + MaybeSync {
    /// A reader that starts at byte `offset`. Every attempt opens the document afresh.
    ///
    /// # Errors
    /// [`DocumentMissing`](crate::Code::DocumentMissing) or
    /// [`DocumentUnreadable`](crate::Code::DocumentUnreadable).
    fn open<'a>(&'a self, document: &'a DocumentRef, offset: u64) -> BoxFuture<'a, Result<Box<dyn DocumentReader>>>;
}

/// Reads bytes in order.
pub trait DocumentReader: MaybeSend {
    /// Fills the front of `buffer` and returns how many bytes it put there; 0 only at the end.
    ///
    /// # Errors
    /// [`DocumentUnreadable`](crate::Code::DocumentUnreadable).
    fn read<'a>(&'a mut self, buffer: &'a mut [u8]) -> BoxFuture<'a, Result<usize>>;
}
