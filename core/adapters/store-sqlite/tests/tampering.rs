//! Somebody takes the log away under an open store: noticed at once, said loudly, and the database
//! stays whole. Other processes that use the file as they may are not accused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)] // Tests.
#![cfg(unix)]

use std::fs;
use std::path::{Path, PathBuf};

use crate::common::{commit_new, ids, key, other_process};
use casehug_clio::ports::Store;
use casehug_clio::{Code, Error, Retry};
use casehug_clio_store_sqlite::SqliteStore;
use tempfile::{TempDir, tempdir};

async fn store_with(records: &[&str]) -> (TempDir, PathBuf, SqliteStore) {
    let folder = tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = SqliteStore::open(&path).await.unwrap();
    for id in records {
        commit_new(&store, id).await.unwrap();
    }
    (folder, path, store)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    PathBuf::from(format!("{}{suffix}", path.display()))
}

fn assert_tampered(error: &Error) {
    assert_eq!((error.code(), error.retry()), (Code::StoreTampered, Retry::Never));
}

async fn assert_dead(store: &SqliteStore) {
    assert_tampered(&commit_new(store, "late").await.unwrap_err());
    assert_tampered(&store.commit(&[]).await.unwrap_err());
    assert_tampered(&store.get(&key("a")).await.unwrap_err());
    assert_tampered(&crate::common::all(store).await.unwrap_err());
}

#[tokio::test]
async fn a_deleted_file_stops_the_store_for_ever() {
    for suffix in ["-wal", "-shm", ""] {
        let (folder, path, store) = store_with(&["a"]).await;
        let (file, aside) = (beside(&path, suffix), folder.path().join("aside"));
        fs::rename(&file, &aside).unwrap();
        assert_dead(&store).await;
        // Putting it back heals nothing: nobody knows what happened in between.
        fs::rename(&aside, &file).unwrap();
        assert_dead(&store).await;
        assert_dead(&store.clone()).await;
    }
}

#[tokio::test]
async fn a_replaced_log_stops_the_store() {
    let (folder, path, store) = store_with(&["a"]).await;
    let copy = folder.path().join("copy");
    fs::copy(beside(&path, "-wal"), &copy).unwrap();
    fs::rename(&copy, beside(&path, "-wal")).unwrap();
    assert_dead(&store).await;
}

#[tokio::test]
async fn a_store_that_lost_its_log_does_not_overwrite_what_others_wrote_since() {
    let (_folder, path, store) = store_with(&["a", "b"]).await;
    // The log is emptied into the database first, as a second copy of SQLite does it before it
    // deletes the log.
    let Some(_) = other_process(&path, "PRAGMA wal_checkpoint(PASSIVE)") else { return };
    for suffix in ["-wal", "-shm"] {
        fs::remove_file(beside(&path, suffix)).unwrap();
    }
    let write = "INSERT INTO records SELECT firm, collection, 'by_other_' || id, version, due_at, body FROM records";
    other_process(&path, write).unwrap();
    assert_dead(&store).await;
    store.close().await;
    assert_eq!(other_process(&path, "PRAGMA integrity_check").unwrap(), "ok\n");
    let store = SqliteStore::open(&path).await.unwrap();
    assert_eq!(ids(&store).await, ["a", "b", "by_other_a", "by_other_b"]);
}

#[tokio::test]
async fn other_processes_may_open_read_write_and_close_at_any_time() {
    let (_folder, path, store) = store_with(&["a"]).await;
    for round in 0..5 {
        let Some(count) = other_process(&path, "SELECT count(*) FROM records") else { return };
        assert_eq!(count, format!("{}\n", 2 * round + 1));
        commit_new(&store, &format!("ours/{round}")).await.unwrap();
        let write = format!("INSERT INTO records VALUES ('firm_1', 'test', 'theirs/{round}', 'v1', NULL, 'x')");
        other_process(&path, &write).unwrap();
        assert!(store.get(&key(&format!("theirs/{round}"))).await.unwrap().is_some());
        other_process(&path, "PRAGMA wal_checkpoint(TRUNCATE); VACUUM").unwrap();
    }
    commit_new(&store, "last").await.unwrap();
    assert_eq!(other_process(&path, "PRAGMA integrity_check").unwrap(), "ok\n");
    assert_eq!(ids(&store).await.len(), 12);
}

/// The hazard itself: the system's SQLite, loaded beside the one that is linked into this binary.
#[tokio::test]
async fn a_second_copy_of_sqlite_in_this_process_is_noticed_before_anything_is_lost() {
    let (_folder, path, store) = store_with(&["a", "b"]).await;
    if !second_copy::reads_and_closes(&path) {
        crate::common::skipped("no shared library of SQLite on this machine");
        return;
    }
    assert!(!beside(&path, "-wal").exists(), "the second copy no longer deletes the log: is the hazard gone?");
    assert_dead(&store).await;
    store.close().await;
    let store = SqliteStore::open(&path).await.unwrap();
    assert_eq!(ids(&store).await, ["a", "b"]);
}

#[allow(unsafe_code)] // Calls C: the four functions of a SQLite that is not the linked one.
mod second_copy {
    use std::ffi::{CString, c_char, c_int, c_void};
    use std::path::Path;
    use std::ptr::{null, null_mut};

    use libloading::{Library, Symbol};

    type Open = unsafe extern "C" fn(*const c_char, *mut *mut c_void) -> c_int;
    type Exec = unsafe extern "C" fn(*mut c_void, *const c_char, *const c_void, *mut c_void, *mut *mut c_char) -> c_int;
    type Close = unsafe extern "C" fn(*mut c_void) -> c_int;

    /// What a host with a SQLite of its own might do to look into our file. `false`: there is no
    /// such library.
    pub fn reads_and_closes(path: &Path) -> bool {
        let name = if cfg!(target_os = "macos") { "libsqlite3.dylib" } else { "libsqlite3.so.0" };
        let path = CString::new(path.to_str().unwrap()).unwrap();
        let sql = CString::new("SELECT count(*) FROM records").unwrap();
        // SAFETY: the types are those of sqlite3.h, the strings end in NUL and outlive the calls,
        // and nothing else uses the connection.
        unsafe {
            let Ok(library) = Library::new(name) else { return false };
            let open: Symbol<'_, Open> = library.get(b"sqlite3_open").unwrap();
            let exec: Symbol<'_, Exec> = library.get(b"sqlite3_exec").unwrap();
            let close: Symbol<'_, Close> = library.get(b"sqlite3_close").unwrap();
            let mut connection = null_mut();
            assert_eq!(open(path.as_ptr(), &raw mut connection), 0);
            assert_eq!(exec(connection, sql.as_ptr(), null(), null_mut(), null_mut()), 0);
            assert_eq!(close(connection), 0);
        }
        true
    }
}
