//! SQLite's errors become ours here, and only here. Its texts quote SQL and paths, so only its
//! number is kept.

use casehug_clio::{Code, Error, Retry};
use rusqlite::ffi::ErrorCode;

/// A call failed. After a failed commit nobody knows whether it is done.
pub(crate) fn failed(error: &rusqlite::Error) -> Error {
    match error.sqlite_error() {
        Some(sqlite) => {
            let error = Error::new(Code::StoreFailed);
            let error = if is_full(sqlite) { error.with("reason", "disk_full") } else { error };
            error.with("sqlite", sqlite.extended_code)
        }
        // A row that does not have the shape of a record: written by somebody else.
        None => Error::new(Code::StoreCorrupt).with("reason", "row_shape"),
    }
}

/// The database could not be opened.
pub(crate) fn open_failed(error: &rusqlite::Error) -> Error {
    let Some(sqlite) = error.sqlite_error() else {
        return refused("not_ours");
    };
    let reason = match sqlite.code {
        ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt => "not_a_database",
        ErrorCode::ReadOnly => "read_only",
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => "busy",
        ErrorCode::PermissionDenied => "permission",
        _ if is_full(sqlite) => "disk_full",
        _ => "other",
    };
    refused(reason).with("sqlite", sqlite.extended_code)
}

/// Whether another connection held a lock for too long.
pub(crate) fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// SQLite has its own word for a full disk, except where it makes room for `-shm`.
fn is_full(sqlite: &rusqlite::ffi::Error) -> bool {
    sqlite.code == ErrorCode::DiskFull || sqlite.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE
}

/// The database was not opened, for this reason.
pub(crate) fn refused(reason: &'static str) -> Error {
    let error = Error::new(Code::StoreOpenFailed).with("reason", reason);
    // What passes by itself.
    if matches!(reason, "busy" | "disk_full") { error.retry_as(Retry::Retry) } else { error }
}

/// The backup was not made, for this reason.
pub(crate) fn no_backup(reason: &'static str) -> Error {
    Error::new(Code::BackupFailed).with("reason", reason)
}

/// The store was closed, or one of its threads has ended.
pub(crate) fn closed() -> Error {
    Error::new(Code::StoreFailed).with("reason", "closed")
}
