//! What `intake.json` says of each document, read once for each state of the file. A sync asks for
//! every document several times.
//!
//! **A withdrawn approval must be seen.** `approved` and `rejected` have one length, and a file
//! that is changed twice within one tick of the file system's clock looks unchanged. So the times
//! of a file that was just written prove nothing: its bytes are read and compared until it has
//! rested for a while.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::fs::Metadata;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use casehug_clio::{Code, DocumentKey, DocumentOrigin, DocumentStatus, Error, FirmId, Intake, MatterId, Result};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::inside::revision;

/// After this long without a change the times of a file tell whether it is changed. FAT counts two
/// seconds as one.
const REST: Duration = Duration::from_secs(3);
/// Matters whose index is kept: as many as are synced at once, and some.
const KEPT: usize = 32;

/// What some editors begin a text with. Core takes one.
pub(crate) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What is known of one document.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub status: DocumentStatus,
    pub origin: DocumentOrigin,
    /// `None`: the intake names no file.
    pub path: Option<PathBuf>,
}

/// A file's times and identity, taken before it was read.
#[derive(Clone)]
pub(crate) struct Seen {
    pub file: Metadata,
    revision: String,
    /// Whether its last change was so long ago that another one would show.
    rested: bool,
}

impl Seen {
    pub(crate) fn new(file: Metadata) -> Self {
        let changed = file.modified().ok().map(|modified| changed(&file).map_or(modified, |time| time.max(modified)));
        let age = changed.and_then(|time| SystemTime::now().duration_since(time).ok());
        Self { revision: revision(&file), rested: age.is_some_and(|age| age > REST), file }
    }
}

#[cfg(unix)]
fn changed(file: &Metadata) -> Option<SystemTime> {
    use std::os::unix::fs::MetadataExt as _;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(file.ctime().try_into().ok()?))
}

#[cfg(not(unix))]
fn changed(_: &Metadata) -> Option<SystemTime> {
    None
}

/// One state of an `intake.json`.
#[derive(Clone)]
pub(crate) struct Index {
    seen: Seen,
    digest: [u8; 32],
    documents: Arc<HashMap<(String, String), Entry>>,
}

/// The one thing of a document that only this adapter needs.
#[derive(Deserialize)]
struct Paths {
    documents: Vec<DocumentPath>,
}

#[derive(Deserialize)]
struct DocumentPath {
    id: String,
    #[serde(default)]
    upload_id: Option<String>,
    #[serde(default)]
    path: Option<PathBuf>,
}

impl Index {
    /// Of an intake and the bytes that it was read from.
    pub(crate) fn new(intake: &Intake, json: &[u8], seen: Seen) -> Result<Self> {
        let invalid = |_| {
            let invalid = Error::new(Code::IntakeInvalid).with("field", "documents.path");
            invalid.with("matter", &intake.matter.id).with("reason", "not_a_path")
        };
        let text = json.strip_prefix(BYTE_ORDER_MARK).unwrap_or(json);
        let named: Paths = serde_json::from_slice(text).map_err(invalid)?;
        let named =
            named.documents.into_iter().map(|one| ((one.id.clone(), one.upload_id.unwrap_or(one.id)), one.path));
        let mut paths: HashMap<_, _> = named.collect();
        let documents = intake.documents.iter().map(|document| {
            let key = (document.id.as_str().to_owned(), document.upload_id.as_str().to_owned());
            let path = paths.remove(&key).flatten();
            (key, Entry { status: document.status, origin: document.origin, path })
        });
        Ok(Self { seen, digest: Sha256::digest(json).into(), documents: Arc::new(documents.collect()) })
    }

    pub(crate) fn document(&self, key: &DocumentKey) -> Option<&Entry> {
        self.documents.get(&(key.document.as_str().to_owned(), key.upload.as_str().to_owned()))
    }
}

/// The indexes of the matters that were asked for last.
#[derive(Clone, Default)]
pub(crate) struct Indexes(Arc<Mutex<VecDeque<Kept>>>);

struct Kept {
    firm: FirmId,
    matter: MatterId,
    index: Index,
}

impl Kept {
    fn is_of(&self, firm: &FirmId, matter: &MatterId) -> bool {
        self.firm == *firm && self.matter == *matter
    }
}

impl Indexes {
    /// The index of a file that certainly did not change since it was read.
    pub(crate) fn unchanged(&self, firm: &FirmId, matter: &MatterId, seen: &Seen) -> Option<Index> {
        self.of(firm, matter).filter(|index| index.seen.rested && index.seen.revision == seen.revision)
    }

    /// The index of a file that holds these bytes.
    pub(crate) fn same(&self, firm: &FirmId, matter: &MatterId, json: &[u8], seen: &Seen) -> Option<Index> {
        let index = self.of(firm, matter).filter(|index| index.digest[..] == Sha256::digest(json)[..])?;
        Some(self.keep(firm, matter, Index { seen: seen.clone(), ..index }))
    }

    pub(crate) fn keep(&self, firm: &FirmId, matter: &MatterId, index: Index) -> Index {
        let mut kept = self.kept();
        kept.retain(|one| !one.is_of(firm, matter));
        kept.push_front(Kept { firm: firm.clone(), matter: matter.clone(), index: index.clone() });
        kept.truncate(KEPT);
        index
    }

    fn of(&self, firm: &FirmId, matter: &MatterId) -> Option<Index> {
        self.kept().iter().find(|one| one.is_of(firm, matter)).map(|one| one.index.clone())
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Never what it holds: file names are client data.
impl fmt::Debug for Indexes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Indexes").finish_non_exhaustive()
    }
}
