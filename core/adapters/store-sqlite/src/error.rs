//! SQLite's errors become ours here, and only here. Its texts quote SQL and paths, so only its number is kept.

use casehug_clio::{Code, Error};
use rusqlite::ffi::ErrorCode;

/// A call failed. After a failed commit nobody knows whether it is done.
pub(crate) fn failed(error: &rusqlite::Error) -> Error {
    match error.sqlite_error() {
        Some(sqlite) => Error::new(Code::StoreFailed).with("sqlite", sqlite.extended_code),
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
        _ => "other",
    };
    refused(reason).with("sqlite", sqlite.extended_code)
}

/// The database was not opened, for this reason.
pub(crate) fn refused(reason: &'static str) -> Error {
    Error::new(Code::StoreOpenFailed).with("reason", reason)
}

/// The store was closed, or one of its threads has ended.
pub(crate) fn closed() -> Error {
    Error::new(Code::StoreFailed).with("reason", "closed")
}
