//! Opening a file without leaving the folder that it belongs to, and what a file's revision is.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::path::{Component, Path, PathBuf};

use sha2::{Digest, Sha256};

/// Why a file was not opened.
pub(crate) enum Refusal {
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

/// The real path of a folder in this one, which is given by its own real path: a link may lead to
/// another of its folders, not elsewhere.
pub(crate) fn folder_inside(root: &Path, name: &str) -> Result<PathBuf, Refusal> {
    let folder = root.join(name).canonicalize()?;
    match () {
        () if folder.parent() != Some(root) => Err(Refusal::Outside),
        () if !folder.is_dir() => Err(Refusal::Missing),
        () => Ok(folder),
    }
}

/// Opens a regular file, if its real path is inside the folder, which is given by its own real
/// path.
pub(crate) fn open_inside(folder: &Path, path: &Path) -> Result<(File, Metadata), Refusal> {
    if !path.components().all(|part| matches!(part, Component::Normal(_))) {
        return Err(Refusal::Outside);
    }
    let real = folder.join(path).canonicalize()?;
    if !real.starts_with(folder) {
        return Err(Refusal::Outside);
    }
    // Before opening, as opening some devices does something; and after it, as the name may mean
    // another file by now.
    if !std::fs::metadata(&real)?.is_file() {
        return Err(Refusal::NotAFile);
    }
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt as _;
        // Should it have become a link it is not followed, and should it have become a pipe nobody
        // waits for a writer.
        options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
    }
    let file = options.open(&real)?;
    let metadata = file.metadata()?;
    if metadata.is_file() { Ok((file, metadata)) } else { Err(Refusal::NotAFile) }
}

/// Opens a document: any file inside but `intake.json`, by whatever name, which tells of everybody
/// in the matter.
pub(crate) fn open_document(folder: &Path, path: &Path, intake: &Metadata) -> Result<(File, Metadata), Refusal> {
    let (file, metadata) = open_inside(folder, path)?;
    let real = folder.join(path).canonicalize()?;
    let name = real.strip_prefix(folder).ok().and_then(Path::to_str);
    let is_named_so = name.is_none_or(|name| name.eq_ignore_ascii_case("intake.json"));
    if is_named_so || is_same(&metadata, intake) { Err(Refusal::Outside) } else { Ok((file, metadata)) }
}

#[cfg(unix)]
fn is_same(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

#[cfg(not(unix))]
fn is_same(_: &Metadata, _: &Metadata) -> bool {
    false
}

pub(crate) fn revision(metadata: &Metadata) -> String {
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
