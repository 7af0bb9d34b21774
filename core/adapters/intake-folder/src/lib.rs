//! A folder of approved intakes: `DIR/<matter id>/intake.json` beside the files that it names (docs/intake-format.md).
//!
//! For demos, tests and hosts that export files. It serves one firm: whoever asks, gets this folder. Everything is read afresh at each call, on the
//! blocking pool of the tokio runtime that polls it, or in place if there is none. A path in `intake.json` must stay inside the matter's folder, also
//! through symbolic links, and must be a regular file: a pipe would hang. `intake.json` itself must, too. Errors name ids, never paths: file names are client data.
//!
//! A file's revision is a digest of its length, modification and change times and inode number. Whoever changes bytes changes these (on Unix also when the
//! modification time is set back; two changes within one tick of the file system's clock, a few milliseconds, of equal length can look like one);
//! hashing a gigabyte before each upload and again before publishing would cost more than the upload.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

use casehug_clio::maybe_send::BoxFuture;
use casehug_clio::model::{DocumentKey, DocumentRef, FirmId, Intake, MatterId};
use casehug_clio::ports::{DocumentBytes, DocumentReader, DocumentStat, IntakeSource};
use casehug_clio::{Code, Error, Result};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokio::runtime::Handle;

/// The largest `intake.json` that is read.
const MAX_INTAKE: u64 = 8 * 1024 * 1024;
/// The most that a reader takes at once, whatever it is asked for.
const MAX_READ: usize = 256 * 1024;

/// Intakes in a folder.
#[derive(Clone, Debug)]
pub struct FolderIntake {
    root: PathBuf,
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
    path: PathBuf,
}

impl FolderIntake {
    /// A source over this folder. Nothing is read yet.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The matters of the folder, by id: every folder in it. One whose name is no id is listed as that error, without the name. Whether a
    /// listed matter has a good intake shows when it is loaded, so that a bad one is the failure of that matter.
    ///
    /// # Errors
    /// [`Code::IntakeUnreadable`] when the folder itself cannot be listed.
    pub fn matters(&self) -> Result<Vec<Result<MatterId>>> {
        let unreadable = |_: io::Error| Error::new(Code::IntakeUnreadable).with("reason", "folder");
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.root).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            if entry.path().is_dir() {
                names.push(entry.file_name());
            }
        }
        names.sort_unstable();
        Ok(names.into_iter().map(|name| MatterId::new(name.to_string_lossy())).collect())
    }

    async fn blocking<T: Send + 'static>(&self, work: impl FnOnce(&Self) -> Result<T> + Send + 'static) -> Result<T> {
        let this = self.clone();
        let failed = || Error::new(Code::IntakeUnreadable).with("reason", "task");
        off_the_polling_thread(move || work(&this)).await.unwrap_or_else(|| Err(failed()))
    }

    fn read_json(&self, matter: &MatterId) -> Result<Vec<u8>> {
        let failed = |code, reason| Error::new(code).with("matter", matter).with("reason", reason);
        let folder = self.root.join(matter.as_str());
        if !folder.is_dir() {
            return Err(failed(Code::MatterUnknown, "no_folder"));
        }
        let file = open_inside(&folder, Path::new("intake.json")).map_err(|refusal| match refusal {
            Refusal::Missing => failed(Code::MatterUnknown, "no_intake"),
            Refusal::Outside => failed(Code::IntakeUnreadable, "path_refused"),
            Refusal::NotAFile => failed(Code::IntakeUnreadable, "not_a_file"),
            Refusal::Unreadable => failed(Code::IntakeUnreadable, "io"),
        })?;
        let mut json = Vec::new();
        file.take(MAX_INTAKE + 1).read_to_end(&mut json).map_err(|_| failed(Code::IntakeUnreadable, "io"))?;
        Ok(json)
    }

    fn intake(&self, matter: &MatterId) -> Result<(Intake, Vec<u8>)> {
        let json = self.read_json(matter)?;
        let intake = Intake::from_json(&json).map_err(|error| error.with("matter", matter))?;
        if intake.matter.id != *matter {
            let invalid = Error::new(Code::IntakeInvalid).with("field", "matter.id").with("matter", matter);
            return Err(invalid.with("reason", "not_the_folders_name"));
        }
        Ok((intake, json))
    }

    /// The document as it is now, and its open file.
    fn locate(&self, document: &DocumentRef) -> Result<(DocumentStat, File)> {
        let key = &document.key;
        let failed = |code, reason| Error::new(code).with("document", key).with("reason", reason);
        let (intake, json) = self.intake(&key.matter)?;
        let entry = intake
            .documents
            .iter()
            .find(|entry| entry.id == key.document && entry.upload_id == key.upload)
            .ok_or_else(|| failed(Code::DocumentMissing, "not_in_the_intake"))?;
        let paths: Paths = serde_json::from_slice(&json).map_err(|_| {
            let invalid = Error::new(Code::IntakeInvalid).with("field", "documents.path");
            invalid.with("matter", &key.matter).with("reason", "missing")
        })?;
        let named = paths.documents.into_iter().find(|named| {
            named.id == key.document.as_str() && named.upload_id.as_ref().unwrap_or(&named.id) == key.upload.as_str()
        });
        let named = named.ok_or_else(|| failed(Code::DocumentMissing, "not_in_the_intake"))?;
        let folder = self.root.join(key.matter.as_str());
        let file = open_inside(&folder, &named.path).map_err(|refusal| match refusal {
            Refusal::Missing => failed(Code::DocumentMissing, "no_file"),
            Refusal::Outside => failed(Code::DocumentMissing, "path_refused"),
            Refusal::NotAFile => failed(Code::DocumentUnreadable, "not_a_file"),
            Refusal::Unreadable => failed(Code::DocumentUnreadable, "io"),
        })?;
        let metadata = file.metadata().map_err(|_| failed(Code::DocumentUnreadable, "io"))?;
        let stat = DocumentStat {
            len: metadata.len(),
            revision: revision(&metadata),
            status: entry.status,
            origin: entry.origin,
        };
        Ok((stat, file))
    }
}

/// Runs what may block where it stops nobody: on the pool of the runtime that polls us. `None`: it panicked.
async fn off_the_polling_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    match Handle::try_current() {
        Ok(runtime) => runtime.spawn_blocking(work).await.ok(),
        Err(_) => Some(work()),
    }
}

/// Why a file was not opened.
enum Refusal {
    Missing,
    Outside,
    NotAFile,
    Unreadable,
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Self::Missing,
            _ => Self::Unreadable,
        }
    }
}

/// Opens a regular file, if its real path is inside the folder.
fn open_inside(folder: &Path, path: &Path) -> Result<File, Refusal> {
    if !path.components().all(|part| matches!(part, Component::Normal(_))) {
        return Err(Refusal::Outside);
    }
    let folder = folder.canonicalize()?;
    let real = folder.join(path).canonicalize()?;
    if !real.starts_with(&folder) {
        return Err(Refusal::Outside);
    }
    // Before opening, as opening some devices does something; and after it, as the name may mean another file by now.
    if !std::fs::metadata(&real)?.is_file() {
        return Err(Refusal::NotAFile);
    }
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt as _;
        // Should it have become a link it is not followed, and should it have become a pipe nobody waits for a writer.
        options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
    }
    let file = options.open(&real)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(Refusal::NotAFile) }
}

fn revision(metadata: &Metadata) -> String {
    let mut digest = Sha256::new();
    digest.update(metadata.len().to_be_bytes());
    if let Ok(since) = metadata.modified().map(|time| time.duration_since(std::time::UNIX_EPOCH).unwrap_or_default()) {
        digest.update(since.as_nanos().to_be_bytes());
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        digest.update(metadata.ino().to_be_bytes());
        digest.update(metadata.ctime().to_be_bytes());
        digest.update(metadata.ctime_nsec().to_be_bytes());
    }
    hex::encode(&digest.finalize()[..16])
}

impl IntakeSource for FolderIntake {
    fn load<'a>(&'a self, _: &'a FirmId, matter: &'a MatterId) -> BoxFuture<'a, Result<Intake>> {
        let matter = matter.clone();
        Box::pin(self.blocking(move |this| this.intake(&matter).map(|(intake, _)| intake)))
    }

    fn stat<'a>(&'a self, document: &'a DocumentRef) -> BoxFuture<'a, Result<DocumentStat>> {
        let document = document.clone();
        Box::pin(self.blocking(move |this| this.locate(&document).map(|(stat, _)| stat)))
    }
}

impl DocumentBytes for FolderIntake {
    fn open<'a>(&'a self, document: &'a DocumentRef, offset: u64) -> BoxFuture<'a, Result<Box<dyn DocumentReader>>> {
        let document = document.clone();
        Box::pin(self.blocking(move |this| {
            let (_, mut file) = this.locate(&document)?;
            let unreadable = |_| unreadable(&document.key);
            file.seek(SeekFrom::Start(offset)).map_err(unreadable)?;
            let reader: Box<dyn DocumentReader> =
                Box::new(FileReader { key: document.key, file: Some(file), buffer: Vec::new() });
            Ok(reader)
        }))
    }
}

fn unreadable(key: &DocumentKey) -> Error {
    Error::new(Code::DocumentUnreadable).with("document", key).with("reason", "io")
}

/// Reads on the blocking pool through one buffer that travels there and back. A read whose future is dropped takes the file with it.
struct FileReader {
    key: DocumentKey,
    file: Option<File>,
    buffer: Vec<u8>,
}

impl DocumentReader for FileReader {
    fn read<'a>(&'a mut self, out: &'a mut [u8]) -> BoxFuture<'a, Result<usize>> {
        Box::pin(async move {
            let mut file = self.file.take().ok_or_else(|| unreadable(&self.key))?;
            let mut buffer = std::mem::take(&mut self.buffer);
            buffer.resize(out.len().min(MAX_READ), 0);
            let done = off_the_polling_thread(move || {
                let read = file.read(&mut buffer);
                (file, buffer, read)
            });
            let (file, buffer, read) = done.await.ok_or_else(|| unreadable(&self.key))?;
            let read = read.map_err(|_| unreadable(&self.key))?;
            out[..read].copy_from_slice(&buffer[..read]);
            (self.file, self.buffer) = (Some(file), buffer);
            Ok(read)
        })
    }
}

#[cfg(test)]
mod tests;
