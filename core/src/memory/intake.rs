//! Intakes and document bytes in memory.

use core::fmt;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::{DocumentKey, DocumentRef, DocumentStatus, FirmId, Intake, IntakeDocument, MatterId};
use crate::error::{Code, Error, Result};
use crate::maybe_send::BoxFuture;
use crate::ports::{DocumentBytes, DocumentReader, DocumentStat, IntakeSource};

/// An [`IntakeSource`] and its [`DocumentBytes`] that can be edited between two calls, as a host's
/// data is. A clone is the same data.
///
/// A revision is the number of the edit that put the bytes there: it never comes back, not even
/// with the same bytes.
#[derive(Clone, Default)]
pub struct MemoryIntake(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    intakes: HashMap<(FirmId, MatterId), Intake>,
    files: HashMap<DocumentRef, File>,
    edits: u64,
}

#[derive(Clone)]
struct File {
    bytes: Arc<[u8]>,
    revision: u64,
}

impl MemoryIntake {
    /// No intakes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a firm's intake, or replaces the one of the same matter. Its documents have no bytes
    /// until [`put_bytes`](Self::put_bytes).
    pub fn put(&self, firm: &FirmId, intake: Intake) {
        self.state().intakes.insert((firm.clone(), intake.matter.id.clone()), intake);
    }

    /// Gives a document these bytes, with a new revision. A reader that is already open goes on
    /// with the old ones.
    pub fn put_bytes(&self, document: &DocumentRef, bytes: impl Into<Vec<u8>>) {
        let mut state = self.state();
        state.edits += 1;
        let file = File { bytes: bytes.into().into(), revision: state.edits };
        state.files.insert(document.clone(), file);
    }

    /// Sets where a document's approval stands.
    ///
    /// # Errors
    /// [`Code::MatterUnknown`] or [`Code::DocumentMissing`].
    pub fn set_status(&self, document: &DocumentRef, status: DocumentStatus) -> Result<()> {
        self.state().entry(document)?.status = status;
        Ok(())
    }

    /// Takes a document's bytes away; its entry in the intake stays.
    pub fn remove_bytes(&self, document: &DocumentRef) {
        self.state().files.remove(document);
    }

    /// Takes a matter away, with the bytes of its documents.
    pub fn remove(&self, firm: &FirmId, matter: &MatterId) {
        let mut state = self.state();
        state.intakes.remove(&(firm.clone(), matter.clone()));
        state.files.retain(|document, _| document.firm != *firm || document.key.matter != *matter);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn entry(&mut self, document: &DocumentRef) -> Result<&mut IntakeDocument> {
        let DocumentKey { matter, document: id, upload } = &document.key;
        let unknown = || Error::new(Code::MatterUnknown).with("matter", matter);
        let intake = self.intakes.get_mut(&(document.firm.clone(), matter.clone())).ok_or_else(unknown)?;
        let entry = intake.documents.iter_mut().find(|entry| entry.id == *id && entry.upload_id == *upload);
        entry.ok_or_else(|| missing(document))
    }

    fn file(&self, document: &DocumentRef) -> Result<File> {
        self.files.get(document).cloned().ok_or_else(|| missing(document))
    }
}

fn missing(document: &DocumentRef) -> Error {
    Error::new(Code::DocumentMissing).with("document", &document.key)
}

impl IntakeSource for MemoryIntake {
    fn load<'a>(&'a self, firm: &'a FirmId, matter: &'a MatterId) -> BoxFuture<'a, Result<Intake>> {
        Box::pin(async move {
            let found = self.state().intakes.get(&(firm.clone(), matter.clone())).cloned();
            found.ok_or_else(|| Error::new(Code::MatterUnknown).with("matter", matter))
        })
    }

    fn stat<'a>(&'a self, document: &'a DocumentRef) -> BoxFuture<'a, Result<DocumentStat>> {
        Box::pin(async move {
            let mut state = self.state();
            let IntakeDocument { status, origin, .. } = *state.entry(document)?;
            let file = state.file(document)?;
            Ok(DocumentStat { len: file.bytes.len() as u64, revision: file.revision.to_string(), status, origin })
        })
    }
}

impl DocumentBytes for MemoryIntake {
    fn open<'a>(&'a self, document: &'a DocumentRef, offset: u64) -> BoxFuture<'a, Result<Box<dyn DocumentReader>>> {
        Box::pin(async move {
            let mut state = self.state();
            state.entry(document)?;
            let bytes = state.file(document)?.bytes;
            let position = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
            let reader: Box<dyn DocumentReader> = Box::new(Reader { bytes, position });
            Ok(reader)
        })
    }
}

struct Reader {
    bytes: Arc<[u8]>,
    position: usize,
}

impl DocumentReader for Reader {
    fn read<'a>(&'a mut self, buffer: &'a mut [u8]) -> BoxFuture<'a, Result<usize>> {
        Box::pin(async move {
            let left = &self.bytes[self.position..];
            let read = left.len().min(buffer.len());
            buffer[..read].copy_from_slice(&left[..read]);
            self.position += read;
            Ok(read)
        })
    }
}

/// Counts only: everything else is client data.
impl fmt::Debug for MemoryIntake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("MemoryIntake")
            .field("intakes", &state.intakes.len())
            .field("files", &state.files.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{DocumentId, DocumentOrigin, UploadId};

    const INTAKE: &str = r#"{"matter":{"id":"m1","title":"T"},"client":{"id":"c1","first_name":"Jane","last_name":"Doe"},
        "documents":[{"id":"d1","upload_id":"u1","file_name":"secret.pdf","content_type":"application/pdf","status":"approved","origin":"client_upload"}]}"#;

    fn document_of(firm: &str) -> DocumentRef {
        let (matter, document) = (MatterId::new("m1").unwrap(), DocumentId::new("d1").unwrap());
        let key = DocumentKey { matter, document, upload: UploadId::new("u1").unwrap() };
        DocumentRef { firm: FirmId::new(firm).unwrap(), key }
    }

    fn filled() -> (MemoryIntake, DocumentRef) {
        let (source, document) = (MemoryIntake::new(), document_of("f1"));
        source.put(&document.firm, Intake::from_json(INTAKE.as_bytes()).unwrap());
        source.put_bytes(&document, b"0123456789");
        (source, document)
    }

    async fn read_from(source: &MemoryIntake, document: &DocumentRef, offset: u64) -> Result<Vec<u8>> {
        let mut reader = source.open(document, offset).await?;
        let (mut all, mut buffer) = (Vec::new(), [0; 3]);
        loop {
            match reader.read(&mut buffer).await? {
                0 => return Ok(all),
                read => all.extend_from_slice(&buffer[..read]),
            }
        }
    }

    #[tokio::test]
    async fn bytes_are_read_from_an_offset_to_the_end_and_beyond_it_there_are_none() {
        let (source, document) = filled();
        assert_eq!(read_from(&source, &document, 0).await.unwrap(), b"0123456789");
        assert_eq!(read_from(&source, &document, 7).await.unwrap(), b"789");
        for beyond in [10, 11, u64::MAX] {
            assert_eq!(read_from(&source, &document, beyond).await.unwrap(), b"", "{beyond}");
        }
    }

    #[tokio::test]
    async fn every_edit_is_seen_by_the_next_call_of_every_clone() {
        let (source, document) = filled();
        let first = source.stat(&document).await.unwrap();
        assert_eq!(
            (first.len, first.status, first.origin),
            (10, DocumentStatus::Approved, DocumentOrigin::ClientUpload)
        );
        let mut open = source.open(&document, 0).await.unwrap();
        source.clone().put_bytes(&document, b"9876543210");
        let second = source.stat(&document).await.unwrap();
        assert_ne!(second.revision, first.revision);
        source.put_bytes(&document, b"0123456789");
        let third = source.stat(&document).await.unwrap().revision;
        assert!(third != first.revision && third != second.revision, "a revision came back");
        let mut buffer = [0; 10];
        assert_eq!(open.read(&mut buffer).await.unwrap(), 10);
        assert_eq!(&buffer, b"0123456789", "an open reader changed its bytes");

        source.set_status(&document, DocumentStatus::Rejected).unwrap();
        let rejected = source.stat(&document).await.unwrap();
        assert_eq!((rejected.status, rejected.revision), (DocumentStatus::Rejected, third));
        let loaded = source.load(&document.firm, &document.key.matter).await.unwrap();
        assert_eq!(loaded.documents[0].status, DocumentStatus::Rejected);
    }

    #[tokio::test]
    async fn what_was_removed_or_belongs_to_another_firm_is_an_error_with_ids() {
        let (source, document) = filled();
        let foreign = document_of("f2");
        source.put_bytes(&foreign, b"x");
        assert_eq!(source.load(&foreign.firm, &foreign.key.matter).await.unwrap_err().code(), Code::MatterUnknown);
        assert_eq!(source.stat(&foreign).await.unwrap_err().code(), Code::MatterUnknown);
        assert_eq!(source.open(&foreign, 0).await.err().unwrap().code(), Code::MatterUnknown);
        source.remove_bytes(&document);
        let error = source.stat(&document).await.unwrap_err();
        assert_eq!((error.code(), error.get("document")), (Code::DocumentMissing, Some("m1/d1/u1")));
        assert_eq!(source.open(&document, 0).await.err().unwrap().code(), Code::DocumentMissing);
        source.put_bytes(&document, b"back");
        source.remove(&document.firm, &document.key.matter);
        assert_eq!(source.load(&document.firm, &document.key.matter).await.unwrap_err().code(), Code::MatterUnknown);
        source.put(&document.firm, Intake::from_json(INTAKE.as_bytes()).unwrap());
        assert_eq!(
            source.stat(&document).await.unwrap_err().code(),
            Code::DocumentMissing,
            "bytes outlived the matter"
        );
        source.remove(&foreign.firm, &foreign.key.matter);
        assert_eq!(format!("{source:?}"), "MemoryIntake { intakes: 1, files: 0, .. }");
    }
}
