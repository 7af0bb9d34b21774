//! A backup: everything that is committed, in one new file that is whole by itself.
//!
//! It is written under another name (`.part`), put on the disk, and gets its own name last: a file
//! of that name is never half a backup, which would be opened as a store and taken for what the
//! firm had synced.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use casehug_clio::{Error, Result};

use crate::connection;
use crate::error::{failed, no_backup};
use crate::files::{OpenFiles, beside};

/// Writes the database into `target`, which must not exist. Takes as long as the disk takes;
/// commits and reads go on.
pub(crate) fn make(database: &Path, files: &OpenFiles, target: &Path) -> Result<()> {
    let target = absolute(target)?;
    if target.symlink_metadata().is_ok() {
        return Err(no_backup("already_exists"));
    }
    let part = beside(&target, ".part");
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(&part).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => no_backup("part_exists"),
        _ => refused(&error),
    })?;
    let made = write(database, files, &file, &part).and_then(|()| publish(&part, &target));
    if made.is_err() {
        // Best effort; should it stay, the next backup of this name says so.
        let _ = fs::remove_file(&part);
    }
    made
}

fn write(database: &Path, files: &OpenFiles, file: &fs::File, part: &Path) -> Result<()> {
    files.check()?;
    let path = part.to_str().ok_or_else(|| no_backup("not_utf8"))?;
    let connection = connection::open(database)?;
    connection::copy_into(&connection, path).map_err(|error| no_backup("database").caused_by(failed(&error)))?;
    files.check()?;
    // SQLite leaves this to whoever wants the copy.
    file.sync_all().map_err(|error| refused(&error))
}

/// Gives the finished file its name.
fn publish(part: &Path, target: &Path) -> Result<()> {
    if target.symlink_metadata().is_ok() {
        return Err(no_backup("already_exists"));
    }
    fs::rename(part, target).map_err(|error| refused(&error))?;
    // The name, too, must be on the disk.
    #[cfg(unix)]
    if let Some(folder) = target.parent() {
        fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| refused(&error))?;
    }
    Ok(())
}

/// SQLite takes some relative names for something else (`file:...`).
fn absolute(target: &Path) -> Result<PathBuf> {
    let name = target.file_name().ok_or_else(|| no_backup("not_a_file"))?;
    let folder = match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    Ok(folder.canonicalize().map_err(|error| refused(&error))?.join(name))
}

fn refused(error: &io::Error) -> Error {
    no_backup(match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => "directory_missing",
        ErrorKind::PermissionDenied => "permission",
        ErrorKind::ReadOnlyFilesystem => "read_only",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "disk_full",
        _ => "other",
    })
}
