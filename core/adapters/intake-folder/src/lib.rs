//! A folder of approved intakes: `DIR/<matter id>/intake.json` beside the files that it names
//! (docs/intake-format.md).
//!
//! For demos, tests and hosts that export files. A folder is one firm's, and whoever asks gets it;
//! `{firm}` in its path makes it a folder for each firm. Every call looks at the files as they are
//! then (`intake.json` is read once for each state of it), on the blocking pool of the tokio
//! runtime that polls it, or in place if there is none. A matter's folder must stand in this one,
//! and a path in `intake.json` must stay inside the matter's folder, also through symbolic links,
//! and must be a regular file: a pipe would hang. `intake.json` itself must, too, and is no
//! document. Errors name ids, never paths: file names are client data.
//!
//! A file's revision is a digest of its length, modification and change times and inode number.
//! Whoever changes bytes changes these (on Unix also when the modification time is set back; two
//! changes within one tick of the file system's clock, a few milliseconds, of equal length can look
//! like one); hashing a gigabyte before each upload and again before publishing would cost more
//! than the upload.

mod firms;
mod index;
mod inside;

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use casehug_clio::ports::{BoxFuture, DocumentBytes, DocumentReader, DocumentStat, IntakeSource};
use casehug_clio::{Code, DocumentKey, DocumentRef, Error, FirmId, Intake, MatterId, Result, Retry};
use tokio::runtime::Handle;

use crate::firms::Firms;
use crate::index::{BYTE_ORDER_MARK, Index, Indexes, Seen};
use crate::inside::{Refusal, folder_inside, open_document, open_inside, revision};

/// The largest `intake.json` that is read, a byte order mark aside.
const MAX_INTAKE: u64 = 8 * 1024 * 1024;
/// The most that a reader takes at once, whatever it is asked for.
const MAX_READ: usize = 256 * 1024;

/// Intakes in a folder.
#[derive(Clone, Debug)]
pub struct FolderIntake {
    firms: Firms,
    /// Shared by all clones.
    indexes: Indexes,
    #[cfg(test)]
    parsed: std::sync::Arc<std::sync::atomic::AtomicUsize>,
}

impl FolderIntake {
    /// A source over this path. Nothing is read yet.
    ///
    /// With `{firm}` as one of its folders, `intakes/{firm}` say, each firm has the folder that is
    /// named by its id. An id that holds a `:` or ends in a dot has none. Without it the folder is
    /// **one firm's**: only an SDK that serves this firm and no other may have it, because it
    /// answers whatever firm is named.
    ///
    /// # Errors
    /// [`Code::SettingInvalid`] when `{firm}` is in the path twice, or is a part of a folder's
    /// name.
    pub fn new(path: impl Into<PathBuf>) -> Result<Self> {
        Firms::of_path(path.into()).map(Self::of)
    }

    /// A source over this firm's folder. To whoever names another firm it answers
    /// [`Code::IntakeUnreadable`], which passes: a job of that firm waits for a process that has
    /// its intakes.
    #[must_use]
    pub fn of_firm(folder: impl Into<PathBuf>, firm: FirmId) -> Self {
        Self::of(Firms::Only(firm, folder.into()))
    }

    fn of(firms: Firms) -> Self {
        Self {
            firms,
            indexes: Indexes::default(),
            #[cfg(test)]
            parsed: std::sync::Arc::default(),
        }
    }

    /// The firm's matters, by id: every folder in its folder. One whose name is no id is listed as
    /// that error, without the name. Whether a listed matter has a good intake shows when it is
    /// loaded, so that a bad one is the failure of that matter. Where each firm has a folder, one
    /// without it has no matters.
    ///
    /// # Errors
    /// [`Code::IntakeUnreadable`] when the folder itself cannot be listed.
    pub fn matters(&self, firm: &FirmId) -> Result<Vec<Result<MatterId>>> {
        let unreadable = |error: io::Error| {
            let unreadable = |reason| Error::new(Code::IntakeUnreadable).with("reason", reason);
            match error.kind() {
                // A name that is wrong stays wrong.
                io::ErrorKind::NotADirectory => unreadable("not_a_folder").retry_as(Retry::Never),
                _ => unreadable("io"),
            }
        };
        let folder = match self.firms.folder(firm) {
            Err(error) if error.code() == Code::MatterUnknown => return Ok(Vec::new()),
            Err(error) if error.get("reason") == Some("no_folder") => return Err(error.retry_as(Retry::Never)),
            folder => folder?,
        };
        let mut names = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            if entry.path().is_dir() {
                names.push(entry.file_name());
            }
        }
        names.sort_unstable();
        let no_id = |error: Error| error.with("reason", "folder_name");
        Ok(names.into_iter().map(|name| MatterId::new(name.to_string_lossy()).map_err(no_id)).collect())
    }

    async fn blocking<T: Send + 'static>(&self, work: impl FnOnce(&Self) -> Result<T> + Send + 'static) -> Result<T> {
        let this = self.clone();
        let failed = || Error::new(Code::IntakeUnreadable).with("reason", "task");
        off_the_polling_thread(move || work(&this)).await.unwrap_or_else(|| Err(failed()))
    }

    /// The matter's folder, by its real path, and its `intake.json`.
    fn open_intake(&self, firm: &FirmId, matter: &MatterId) -> Result<(PathBuf, File, Seen)> {
        let failed = |code, reason| Error::new(code).with("matter", matter).with("reason", reason);
        let of_firm = self.firms.folder(firm).map_err(|error| error.with("matter", matter))?;
        let folder = folder_inside(&of_firm, matter.as_str()).map_err(|refusal| match refusal {
            Refusal::Outside => failed(Code::IntakeUnreadable, "path_refused"),
            Refusal::Unreadable => failed(Code::IntakeUnreadable, "io"),
            Refusal::Missing | Refusal::NotAFile => failed(Code::MatterUnknown, "no_folder"),
        })?;
        let opened = open_inside(&folder, Path::new("intake.json")).map_err(|refusal| match refusal {
            Refusal::Missing => failed(Code::MatterUnknown, "no_intake"),
            Refusal::Outside => failed(Code::IntakeUnreadable, "path_refused"),
            Refusal::NotAFile => failed(Code::IntakeUnreadable, "not_a_file"),
            Refusal::Unreadable => failed(Code::IntakeUnreadable, "io"),
        });
        let (file, metadata) = opened?;
        Ok((folder, file, Seen::new(metadata)))
    }

    fn load_now(&self, firm: &FirmId, matter: &MatterId) -> Result<Intake> {
        let (_, file, seen) = self.open_intake(firm, matter)?;
        let json = read_json(matter, file)?;
        let intake = self.parse(matter, &json)?;
        // Its documents are asked for next. Without usable paths it is they that fail.
        if let Ok(index) = Index::new(&intake, &json, seen) {
            self.indexes.keep(firm, matter, index);
        }
        Ok(intake)
    }

    fn parse(&self, matter: &MatterId, json: &[u8]) -> Result<Intake> {
        #[cfg(test)]
        self.parsed.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let intake = Intake::from_json(json).map_err(|error| error.with("matter", matter))?;
        if intake.matter.id != *matter {
            let invalid = Error::new(Code::IntakeInvalid).with("field", "matter.id").with("matter", matter);
            return Err(invalid.with("reason", "not_the_folders_name"));
        }
        Ok(intake)
    }

    /// What the intake says of its documents now.
    fn index(&self, firm: &FirmId, matter: &MatterId, file: File, seen: Seen) -> Result<Index> {
        if let Some(index) = self.indexes.unchanged(firm, matter, &seen) {
            return Ok(index);
        }
        let json = read_json(matter, file)?;
        if let Some(index) = self.indexes.same(firm, matter, &json, &seen) {
            return Ok(index);
        }
        let index = Index::new(&self.parse(matter, &json)?, &json, seen)?;
        Ok(self.indexes.keep(firm, matter, index))
    }

    /// The document as it is now, and its open file.
    fn locate(&self, document: &DocumentRef) -> Result<(DocumentStat, File)> {
        let key = &document.key;
        let failed = |code, reason| Error::new(code).with("document", key).with("reason", reason);
        let (folder, file, seen) = self.open_intake(&document.firm, &key.matter)?;
        let intake = seen.file.clone();
        let index = self.index(&document.firm, &key.matter, file, seen)?;
        let entry = index.document(key).ok_or_else(|| failed(Code::DocumentMissing, "not_in_the_intake"))?;
        let path = entry.path.as_ref().ok_or_else(|| {
            let invalid = Error::new(Code::IntakeInvalid).with("field", "documents.path");
            invalid.with("document", key).with("reason", "missing")
        })?;
        let opened = open_document(&folder, path, &intake).map_err(|refusal| match refusal {
            Refusal::Missing => failed(Code::DocumentMissing, "no_file"),
            Refusal::Outside => failed(Code::DocumentMissing, "path_refused"),
            Refusal::NotAFile => failed(Code::DocumentUnreadable, "not_a_file"),
            Refusal::Unreadable => failed(Code::DocumentUnreadable, "io"),
        });
        let (file, metadata) = opened?;
        let (len, revision) = (metadata.len(), revision(&metadata));
        Ok((DocumentStat { len, revision, status: entry.status, origin: entry.origin }, file))
    }
}

fn read_json(matter: &MatterId, file: File) -> Result<Vec<u8>> {
    let unreadable = |_| Error::new(Code::IntakeUnreadable).with("matter", matter).with("reason", "io");
    let mut json = Vec::new();
    let most = MAX_INTAKE + 1 + BYTE_ORDER_MARK.len() as u64;
    file.take(most).read_to_end(&mut json).map_err(unreadable)?;
    Ok(json)
}

/// Runs what may block where it stops nobody: on the pool of the runtime that polls us. `None`: it
/// panicked.
async fn off_the_polling_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    match Handle::try_current() {
        Ok(runtime) => runtime.spawn_blocking(work).await.ok(),
        Err(_) => Some(work()),
    }
}

impl IntakeSource for FolderIntake {
    fn load<'a>(&'a self, firm: &'a FirmId, matter: &'a MatterId) -> BoxFuture<'a, Result<Intake>> {
        let (firm, matter) = (firm.clone(), matter.clone());
        Box::pin(self.blocking(move |this| this.load_now(&firm, &matter)))
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

/// Reads on the blocking pool through one buffer that travels there and back. A read whose future
/// is dropped takes the file with it.
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
mod firm_tests;
#[cfg(test)]
mod tests;
