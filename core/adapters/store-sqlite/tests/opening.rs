//! What `open` accepts, refuses and creates.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)] // Tests.

use std::fs;
use std::path::Path;

use crate::common::{commit_new, ids, other_process};
use casehug_clio::{Code, Retry};
use casehug_clio_store_sqlite::SqliteStore;
use tempfile::tempdir;

async fn refusal(path: impl AsRef<Path>) -> String {
    let error = SqliteStore::open(path).await.expect_err("opened");
    assert_eq!((error.code(), error.retry()), (Code::StoreOpenFailed, Retry::Never));
    error.get("reason").unwrap().to_owned()
}

#[tokio::test]
async fn what_was_committed_is_there_after_the_file_is_opened_again() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = SqliteStore::open(&path).await.unwrap();
    commit_new(&store, "a").await.unwrap();
    drop(store);
    let store =
        SqliteStore::open(&path).await.expect("an open right after the last drop waits for the file to be closed");
    assert_eq!(ids(&store).await, ["a"]);
}

#[tokio::test]
async fn the_file_belongs_to_one_store_per_process_and_close_gives_it_back() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let clone = store.clone();
    assert_eq!(refusal(&path).await, "already_open");
    assert_eq!(refusal(folder.path().join(".").join("store.db")).await, "already_open");
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(&path, folder.path().join("link.db")).unwrap();
        assert_eq!(refusal(folder.path().join("link.db")).await, "already_open");
    }
    drop(store);
    assert_eq!(refusal(&path).await, "already_open");
    let left = clone.clone();
    clone.close().await;
    assert!(!folder.path().join("store.db-wal").exists(), "closed, so the log is in the database");
    let again = SqliteStore::open(&path).await.unwrap();
    let error = commit_new(&left, "a").await.unwrap_err();
    assert_eq!((error.code(), error.get("reason")), (Code::StoreFailed, Some("closed")));
    drop(left);
    assert_eq!(refusal(&path).await, "already_open", "a left-over handle of the closed store has no say");
    commit_new(&again, "a").await.unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn files_are_readable_by_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("store.db")).await.unwrap();
    commit_new(&store, "a").await.unwrap();
    for name in ["store.db", "store.db-wal", "store.db-shm"] {
        let mode = fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[tokio::test]
async fn a_missing_folder_and_what_is_not_a_file_are_refused() {
    let folder = tempdir().unwrap();
    assert_eq!(refusal(folder.path().join("none").join("store.db")).await, "directory_missing");
    assert_eq!(refusal(folder.path()).await, "not_a_file");
    assert_eq!(refusal("").await, "directory_missing");
    fs::write(folder.path().join("file"), "x").unwrap();
    assert_eq!(refusal(folder.path().join("file").join("store.db")).await, "directory_missing");
    #[cfg(unix)]
    assert_eq!(refusal("/dev/null").await, "not_a_file");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    let text = "not a database\n".repeat(1000);
    fs::write(&path, &text).unwrap();
    assert_eq!(refusal(&path).await, "not_a_database");
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    assert_eq!(refusal(&path).await, "not_a_database", "and the refused file is not held");
}

#[tokio::test]
async fn a_database_of_another_program_is_refused_and_left_alone() {
    let folder = tempdir().unwrap();
    for (name, sql) in [
        ("tables.db", "CREATE TABLE records (id)"),
        ("version.db", "PRAGMA user_version = 1"),
        ("application.db", "PRAGMA application_id = 77"),
    ] {
        let path = folder.path().join(name);
        if other_process(&path, sql).is_none() {
            return;
        }
        let before = fs::read(&path).unwrap();
        assert_eq!(refusal(&path).await, "not_ours", "{name}");
        assert!(fs::read(&path).unwrap() == before, "{name} was changed");
    }
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("store.db");
    SqliteStore::open(&path).await.unwrap().close().await;
    if other_process(&path, "PRAGMA user_version = 9999").is_some() {
        assert_eq!(refusal(&path).await, "newer_schema");
    }
}

#[tokio::test]
async fn a_read_only_file_is_refused() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("store.db");
    SqliteStore::open(&path).await.unwrap().close().await;
    let mut permissions = fs::metadata(&path).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&path, permissions).unwrap();
    assert_eq!(refusal(&path).await, "read_only");
}

#[tokio::test]
async fn an_empty_file_becomes_a_store() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("store.db");
    fs::write(&path, "").unwrap();
    let store = SqliteStore::open(&path).await.unwrap();
    commit_new(&store, "a").await.unwrap();
}

#[tokio::test]
async fn odd_names_are_names() {
    let folder = tempdir().unwrap();
    for name in ["file:x?mode=memory", ":memory:", "a b'c\"d%.db", "ü\u{1F5C4}"] {
        let path = folder.path().join(name);
        let store = SqliteStore::open(&path).await.unwrap();
        commit_new(&store, "a").await.unwrap();
        store.close().await;
        assert!(fs::metadata(&path).unwrap().len() > 0, "{name}");
    }
}

#[tokio::test]
async fn what_was_deleted_is_overwritten() {
    use casehug_clio::ports::{Store, Version, Write};
    let folder = tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let secret = "sealed-data-key-".repeat(40);
    store.commit(&[crate::common::put_new("key", &secret)]).await.unwrap();
    store.commit(&[Write::Delete { key: crate::common::key("key"), version: Version("v1".into()) }]).await.unwrap();
    store.close().await;
    let bytes = fs::read(&path).unwrap();
    assert!(!bytes.windows(16).any(|window| window == b"sealed-data-key-"), "found in the closed file");
}

#[test]
fn neither_handle_nor_error_shows_the_path() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let folder = tempfile::Builder::new().prefix("Jane-Doe").tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join("store.db")).await.unwrap();
        assert!(!format!("{store:?}").contains("Jane"));
        let error = SqliteStore::open(folder.path().join("none").join("store.db")).await.unwrap_err();
        assert!(!format!("{error:?} {error}").contains("Jane"));
    });
}
