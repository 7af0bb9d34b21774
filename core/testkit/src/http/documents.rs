//! The documents that a transport under test serves. Another language makes its own from this
//! description:
//!
//! | document id | bytes |
//! | --- | --- |
//! | `len_<n>` | `n` bytes |
//! | `breaks_<n>` | `n` bytes, and then reading fails |
//! | `unopenable` | opening fails |
//!
//! The byte at position `p` is `p mod 251`: a prime, so that no buffer size hides a slice that
//! begins in the wrong place.

use sha2::{Digest as _, Sha256};

use super::Outcome;
use casehug_clio::ports::{BoxFuture, DocumentBytes, DocumentReader, DocumentSlice, HttpBody};
use casehug_clio::{Code, DocumentId, DocumentKey, DocumentRef, Error, FirmId, MatterId, Result, UploadId};

/// The largest piece that a reader gives: never a whole buffer, so that a transport must ask again.
const PIECE: u64 = 10_007;

/// The byte at a position of every document.
#[must_use]
pub fn byte_at(position: u64) -> u8 {
    // The remainder is below 251.
    (position % 251) as u8
}

/// The suite's documents, made as they are read.
#[derive(Clone, Copy, Debug, Default)]
pub struct SuiteDocuments;

impl DocumentBytes for SuiteDocuments {
    fn open<'a>(&'a self, document: &'a DocumentRef, offset: u64) -> BoxFuture<'a, Result<Box<dyn DocumentReader>>> {
        Box::pin(async move {
            let missing = || Error::new(Code::DocumentMissing).with("document", &document.key);
            let (kind, len) = document.key.document.as_str().rsplit_once('_').ok_or_else(missing)?;
            let len: u64 = len.parse().map_err(|_| missing())?;
            let reader: Box<dyn DocumentReader> =
                Box::new(Reader { position: offset, end: len.max(offset), breaks: kind == "breaks" });
            Ok(reader)
        })
    }
}

struct Reader {
    position: u64,
    end: u64,
    breaks: bool,
}

impl DocumentReader for Reader {
    fn read<'a>(&'a mut self, buffer: &'a mut [u8]) -> BoxFuture<'a, Result<usize>> {
        Box::pin(async move {
            let left = self.end - self.position;
            if left == 0 && self.breaks {
                return Err(Error::new(Code::DocumentUnreadable));
            }
            let read = usize::try_from(left.min(PIECE)).unwrap_or(usize::MAX).min(buffer.len());
            for byte in &mut buffer[..read] {
                *byte = byte_at(self.position);
                self.position += 1;
            }
            Ok(read)
        })
    }
}

/// A body of these bytes of a document.
pub(super) fn slice(document: &str, offset: u64, len: u64, last: bool) -> Result<HttpBody, String> {
    let text = |error: Error| error.to_string();
    let key = DocumentKey {
        matter: MatterId::new("mat_1").map_err(text)?,
        document: DocumentId::new(document).map_err(text)?,
        upload: UploadId::new("upl_1").map_err(text)?,
    };
    let document = DocumentRef { firm: FirmId::new("firm_1").map_err(text)?, key };
    Ok(HttpBody::Document(DocumentSlice { document, offset, len, last }))
}

/// What the server must have got of such a body.
pub(super) fn same_bytes(got: &super::Got, offset: u64, len: u64, what: &str) -> Outcome {
    super::same(&got.values("content-length"), &vec![len.to_string().as_str()], &format!("{what}: content-length"))?;
    super::same(&got.values("transfer-encoding"), &vec![], &format!("{what}: transfer-encoding"))?;
    super::same(&(got.complete, got.body_len), &(true, len), &format!("{what}: complete and length"))?;
    let wanted: Vec<u8> = (offset..offset + len).map(byte_at).collect();
    super::same(&got.body_sha256, &Some(sha256(&wanted)), &format!("{what}: SHA-256 of the body"))
}

pub(super) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
