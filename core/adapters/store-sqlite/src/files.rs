//! The files of a database on the disk: creating the main one, and noticing that somebody took one
//! away.
//!
//! **The problem.** Locks of POSIX belong to the process and end when *any* descriptor of the file
//! is closed. A second copy of SQLite in our process does not see our locks: when it closes the
//! file it takes itself for the last user, moves the log into the database, and deletes `-wal` and
//! `-shm` under us. Our next commits go to a file without a name, and are gone at the end of the
//! process.
//!
//! **What is done.** [`OpenFiles`] keeps device and inode of `.db`, `-wal` and `-shm`, as they were
//! when our locks were taken. While we hold them no well-behaved user, in any process, replaces
//! these files. So a difference is proof. It is looked for before every call (then nothing is lost:
//! the thief has moved the log into the database) and again after every commit.
//!
//! For the same reason this module opens an existing database only once, for a look at its header
//! before SQLite opens it: closing it would drop our own locks.

use std::ffi::OsString;
use std::fs;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use casehug_clio::{Code, Error, Result};

use crate::error::refused;

/// Where the header says by which means the file is written, and what it says of one without WAL
/// (<https://sqlite.org/fileformat2.html#file_format_version_numbers>).
const WRITE_VERSION: usize = 18;
const NO_WAL: u8 = 1;

/// Names a file whatever path leads to it: device and inode, or the canonical path on Windows,
/// where nobody can delete or replace a file that is open.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FileId(#[cfg(unix)] (u64, u64), #[cfg(not(unix))] PathBuf);

/// Creates the file if it is missing, readable by its owner only, and returns its canonical path.
/// SQLite gives `-wal` and `-shm` the mode of the main file.
pub(crate) fn create(path: &Path) -> Result<PathBuf> {
    // SQLite throws a log away whose database is empty. In this order: with a new database, the log
    // comes after it.
    if has_content(&beside(path, "-wal")) && !has_content(path) {
        return Err(refused("log_without_database"));
    }
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => {}
        Err(error) => match error.kind() {
            ErrorKind::AlreadyExists => {}
            ErrorKind::NotFound | ErrorKind::NotADirectory => return Err(refused("directory_missing")),
            ErrorKind::PermissionDenied => return Err(refused("permission")),
            ErrorKind::ReadOnlyFilesystem => return Err(refused("read_only")),
            ErrorKind::IsADirectory => return Err(refused("not_a_file")),
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => return Err(refused("disk_full")),
            _ => return Err(refused("other")),
        },
    }
    let path = fs::canonicalize(path).map_err(|_| refused("other"))?;
    let metadata = fs::metadata(&path).map_err(|_| refused("other"))?;
    if !metadata.is_file() {
        return Err(refused("not_a_file"));
    }
    // Root may write to it all the same; whoever took the permission away did not want that.
    if metadata.permissions().readonly() {
        return Err(refused("read_only"));
    }
    Ok(path)
}

fn has_content(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.len() > 0)
}

/// Refuses a database that never was in WAL mode beside a log: a backup that was put in the place
/// of another file, whose log was not removed. SQLite would write the pages of the one over those
/// of the other. To be called when the file is ours, and before SQLite has opened it.
pub(crate) fn require_own_log(database: &Path) -> Result<()> {
    // In this order: whoever makes the database writes the mode into it, and then the log.
    if !has_content(&beside(database, "-wal")) {
        return Ok(());
    }
    let mut header = [0; WRITE_VERSION + 1];
    let read = fs::File::open(database).and_then(|mut file| file.read_exact(&mut header));
    // What cannot be read SQLite refuses, with its reason.
    if read.is_ok() && header[WRITE_VERSION] == NO_WAL {
        return Err(refused("log_of_another_database"));
    }
    Ok(())
}

/// The identity of the file that has this name now. `None`: there is none.
pub(crate) fn file_id(path: &Path) -> Option<FileId> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        fs::metadata(path).ok().map(|metadata| FileId((metadata.dev(), metadata.ino())))
    }
    #[cfg(not(unix))]
    {
        path.exists().then(|| FileId(path.to_owned()))
    }
}

/// A file whose name is this one's with something added.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

/// The files as they were when the database was opened.
#[derive(Debug)]
pub(crate) struct OpenFiles {
    files: Vec<(PathBuf, FileId)>,
    tampered: AtomicBool,
}

impl OpenFiles {
    /// To be called while the connections hold their locks: after each has read once.
    pub(crate) fn new(database: &Path) -> Result<Self> {
        let mut files = Vec::new();
        for suffix in ["", "-wal", "-shm"] {
            let path = beside(database, suffix);
            let id = file_id(&path).ok_or_else(|| refused("other"))?;
            files.push((path, id));
        }
        Ok(Self { files, tampered: AtomicBool::new(false) })
    }

    /// Fails for ever once a file is not the one that was opened.
    pub(crate) fn check(&self) -> Result<()> {
        let intact = || self.files.iter().all(|(path, id)| file_id(path).as_ref() == Some(id));
        if !self.tampered.load(Ordering::Acquire) && intact() {
            return Ok(());
        }
        self.tampered.store(true, Ordering::Release);
        Err(Error::new(Code::StoreTampered))
    }
}
