//! A folder of approved intakes: `DIR/<matter id>/intake.json` beside the files that it names (docs/intake-format.md).
//!
//! For demos, tests and hosts that export files. It serves one firm: whoever asks, gets this folder. Everything is read afresh at each call, on tokio's
//! blocking pool, so it must be polled inside a tokio runtime. A path in `intake.json` must stay inside the matter's folder, also through symbolic links, and
//! must be a regular file: a pipe would hang. Errors name ids, never paths: file names are client data.
//!
//! A file's revision is a digest of its length, modification and change times and inode number. Whoever changes bytes changes these; hashing
//! a gigabyte before each upload and again before publishing would cost more than the upload.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use casehug_clio::maybe_send::BoxFuture;
use casehug_clio::model::{DocumentRef, FirmId, Intake, MatterId};
use casehug_clio::ports::{DocumentBytes, DocumentReader, DocumentStat, IntakeSource};
use casehug_clio::{Code, Error, Result};
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// The largest `intake.json` that is read.
const MAX_INTAKE: u64 = 8 * 1024 * 1024;

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

    /// The matters of the folder, by id: every folder in it. One whose name is no id, or that is not a readable intake, is its own failure:
    /// it is listed as the error that a sync of it would give.
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
        let done = tokio::task::spawn_blocking(move || work(&this)).await;
        done.unwrap_or_else(|_| Err(Error::new(Code::IntakeUnreadable).with("reason", "task")))
    }

    fn read_json(&self, matter: &MatterId) -> Result<Vec<u8>> {
        let path = self.root.join(matter.as_str()).join("intake.json");
        let failed = |error: io::Error| {
            let missing = error.kind() == io::ErrorKind::NotFound;
            Error::new(if missing { Code::MatterUnknown } else { Code::IntakeUnreadable }).with("matter", matter)
        };
        let metadata = std::fs::metadata(&path).map_err(failed)?;
        if !metadata.is_file() {
            return Err(Error::new(Code::IntakeUnreadable).with("matter", matter).with("reason", "not_a_file"));
        }
        let mut json = Vec::new();
        File::open(&path).and_then(|file| file.take(MAX_INTAKE + 1).read_to_end(&mut json)).map_err(failed)?;
        Ok(json)
    }

    fn intake(&self, matter: &MatterId) -> Result<(Intake, Vec<u8>)> {
        let json = self.read_json(matter)?;
        let intake = Intake::from_json(&json)?;
        if intake.matter.id != *matter {
            return Err(Error::new(Code::IntakeInvalid)
                .with("field", "matter.id")
                .with("reason", "not_the_folders_name"));
        }
        Ok((intake, json))
    }

    /// The document's entry, and its file if it is one that may be read.
    fn locate(&self, document: &DocumentRef) -> Result<(DocumentStat, PathBuf)> {
        let key = &document.key;
        let missing = || Error::new(Code::DocumentMissing).with("document", key);
        let (intake, json) = self.intake(&key.matter)?;
        let entry = intake
            .documents
            .iter()
            .find(|entry| entry.id == key.document && entry.upload_id == key.upload)
            .ok_or_else(missing)?;
        let paths: Paths = serde_json::from_slice(&json)
            .map_err(|_| Error::new(Code::IntakeInvalid).with("field", "documents.path").with("reason", "missing"))?;
        let named = paths.documents.into_iter().find(|named| {
            named.id == key.document.as_str() && named.upload_id.as_ref().unwrap_or(&named.id) == key.upload.as_str()
        });
        let folder = self.root.join(key.matter.as_str());
        let path = resolve(&folder, &named.ok_or_else(missing)?.path).ok_or_else(missing)?;
        let metadata = std::fs::metadata(&path).map_err(|error| of_io(&error).with("document", key))?;
        if !metadata.is_file() {
            return Err(Error::new(Code::DocumentUnreadable).with("document", key).with("reason", "not_a_file"));
        }
        let stat = DocumentStat {
            len: metadata.len(),
            revision: revision(&metadata),
            status: entry.status,
            origin: entry.origin,
        };
        Ok((stat, path))
    }
}

/// The real path, if it is inside the folder.
fn resolve(folder: &Path, path: &Path) -> Option<PathBuf> {
    let plain = path.components().all(|part| matches!(part, std::path::Component::Normal(_)));
    let folder = folder.canonicalize().ok()?;
    let resolved = folder.join(path).canonicalize().ok()?;
    (plain && resolved.starts_with(&folder)).then_some(resolved)
}

fn of_io(error: &io::Error) -> Error {
    Error::new(match error.kind() {
        io::ErrorKind::NotFound => Code::DocumentMissing,
        _ => Code::DocumentUnreadable,
    })
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
            let (_, path) = this.locate(&document)?;
            let mut file = File::open(path).map_err(|error| of_io(&error))?;
            file.seek(SeekFrom::Start(offset)).map_err(|error| of_io(&error))?;
            let reader: Box<dyn DocumentReader> = Box::new(FileReader { file: Some(file), buffer: Vec::new() });
            Ok(reader)
        }))
    }
}

/// Reads on the blocking pool through one buffer that travels there and back.
struct FileReader {
    file: Option<File>,
    buffer: Vec<u8>,
}

impl DocumentReader for FileReader {
    fn read<'a>(&'a mut self, out: &'a mut [u8]) -> BoxFuture<'a, Result<usize>> {
        Box::pin(async move {
            let unreadable = || Error::new(Code::DocumentUnreadable);
            let mut file = self.file.take().ok_or_else(unreadable)?;
            let mut buffer = std::mem::take(&mut self.buffer);
            buffer.resize(out.len(), 0);
            let (file, buffer, read) = tokio::task::spawn_blocking(move || {
                let read = file.read(&mut buffer);
                (file, buffer, read)
            })
            .await
            .map_err(|_| unreadable())?;
            let read = read.map_err(|_| unreadable())?;
            out[..read].copy_from_slice(&buffer[..read]);
            (self.file, self.buffer) = (Some(file), buffer);
            Ok(read)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use casehug_clio::model::{DocumentId, DocumentKey, UploadId};

    fn intake(folder: &Path, path: &str) {
        let json = format!(
            r#"{{"matter":{{"id":"m1","title":"T"}},"client":{{"id":"c1","first_name":"A","last_name":"B"}},
            "documents":[{{"id":"d1","file_name":"secret name.pdf","content_type":"application/pdf","path":"{path}","status":"approved","origin":"client_upload"}}]}}"#
        );
        std::fs::create_dir_all(folder.join("m1")).unwrap();
        std::fs::write(folder.join("m1/intake.json"), json).unwrap();
    }

    fn document() -> DocumentRef {
        DocumentRef {
            firm: FirmId::new("f").unwrap(),
            key: DocumentKey {
                matter: MatterId::new("m1").unwrap(),
                document: DocumentId::new("d1").unwrap(),
                upload: UploadId::new("d1").unwrap(),
            },
        }
    }

    #[tokio::test]
    async fn bytes_are_read_from_an_offset_and_a_change_changes_the_revision() {
        let folder = tempfile::tempdir().unwrap();
        intake(folder.path(), "a.pdf");
        std::fs::write(folder.path().join("m1/a.pdf"), b"0123456789").unwrap();
        let source = FolderIntake::new(folder.path());
        let before = source.stat(&document()).await.unwrap();
        assert_eq!(before.len, 10);
        let mut reader = source.open(&document(), 7).await.unwrap();
        let mut out = [0; 8];
        assert_eq!(reader.read(&mut out).await.unwrap(), 3);
        assert_eq!(&out[..3], b"789");
        assert_eq!(reader.read(&mut out).await.unwrap(), 0);
        std::fs::write(folder.path().join("m1/a.pdf"), b"9876543210").unwrap();
        assert_ne!(source.stat(&document()).await.unwrap().revision, before.revision);
    }

    #[tokio::test]
    async fn nothing_outside_the_matters_folder_is_read_and_no_path_is_told() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("outside.txt"), b"x").unwrap();
        let source = FolderIntake::new(folder.path());
        for path in ["../outside.txt", "/etc/hostname", "gone.pdf", "link.pdf", "."] {
            intake(folder.path(), path);
            #[cfg(unix)]
            if path == "link.pdf" {
                std::os::unix::fs::symlink(folder.path().join("outside.txt"), folder.path().join("m1/link.pdf"))
                    .unwrap();
            }
            let error = source.stat(&document()).await.unwrap_err();
            assert_eq!(error.code(), Code::DocumentMissing, "{path}");
            assert!(!error.to_string().contains("outside") && !error.to_string().contains("secret"), "{error}");
        }
    }

    #[tokio::test]
    async fn a_folder_or_an_unknown_matter_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        intake(folder.path(), "sub");
        std::fs::create_dir(folder.path().join("m1/sub")).unwrap();
        std::fs::create_dir(folder.path().join("not an id")).unwrap();
        let source = FolderIntake::new(folder.path());
        assert_eq!(source.stat(&document()).await.unwrap_err().code(), Code::DocumentUnreadable);
        let unknown = source.load(&document().firm, &MatterId::new("m2").unwrap()).await;
        assert_eq!(unknown.unwrap_err().code(), Code::MatterUnknown);
        let listed = source.matters().unwrap();
        assert_eq!(listed.len(), 2);
        assert_eq!(listed[1].as_ref().unwrap_err().code(), Code::IdInvalid);
    }
}
