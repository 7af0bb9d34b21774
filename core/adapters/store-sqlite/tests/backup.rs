//! `backup`: one file that is whole by itself, made while the store works.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)] // Tests.

use std::fs;
use std::path::Path;

use crate::common::{commit_new, ids};
use casehug_clio::{Code, Error};
use casehug_clio_store_sqlite::SqliteStore;
use tempfile::tempdir;

async fn store_with(path: &Path, records: usize) -> SqliteStore {
    let store = SqliteStore::open(path).await.unwrap();
    for n in 0..records {
        commit_new(&store, &format!("{n:04}")).await.unwrap();
    }
    store
}

fn reason(error: &Error) -> (Code, &str) {
    (error.code(), error.get("reason").unwrap_or_default())
}

#[tokio::test]
async fn a_backup_is_a_whole_store_in_one_file() {
    let folder = tempdir().unwrap();
    let store = store_with(&folder.path().join("store.db"), 50).await;
    let backup = folder.path().join("ü backup 'quoted'.db");
    store.backup(&backup).await.unwrap();
    commit_new(&store, "later").await.unwrap();
    let names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 4, "{names:?}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&backup).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let restored = SqliteStore::open(&backup).await.unwrap();
    assert_eq!(ids(&restored).await.len(), 50);
    commit_new(&restored, "later").await.unwrap();
}

#[tokio::test]
async fn commits_and_reads_go_on_while_a_backup_is_made_and_close_waits_for_it() {
    let folder = tempdir().unwrap();
    let store = store_with(&folder.path().join("store.db"), 20).await;
    let backup = folder.path().join("backup.db");
    let making = tokio::spawn({
        let (store, backup) = (store.clone(), backup.clone());
        async move { store.backup(&backup).await }
    });
    for n in 100..150 {
        commit_new(&store, &format!("{n:04}")).await.unwrap();
    }
    assert_eq!(ids(&store).await.len(), 70);
    store.close().await;
    making.await.unwrap().unwrap();
    let found = ids(&SqliteStore::open(&backup).await.unwrap()).await;
    assert!((20..=70).contains(&found.len()), "one moment of it: {}", found.len());
}

#[tokio::test]
async fn nothing_is_overwritten_and_nothing_is_left_of_what_failed() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = store_with(&path, 1).await;
    let taken = folder.path().join("taken.db");
    fs::write(&taken, "").unwrap();
    let failed = |name: &'static str| {
        let store = store.clone();
        let target = folder.path().join(name);
        async move { store.backup(&target).await.unwrap_err() }
    };
    assert_eq!(reason(&failed("taken.db").await), (Code::BackupFailed, "already_exists"));
    assert_eq!(fs::read(&taken).unwrap(), b"");
    assert_eq!(reason(&failed("store.db").await), (Code::BackupFailed, "already_exists"));
    assert_eq!(reason(&failed("none/backup.db").await), (Code::BackupFailed, "directory_missing"));
    assert_eq!(reason(&failed("..").await), (Code::BackupFailed, "not_a_file"));
    fs::write(folder.path().join("begun.db.part"), "of another one").unwrap();
    assert_eq!(reason(&failed("begun.db").await), (Code::BackupFailed, "part_exists"));
    let mut names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["begun.db.part", "store.db", "store.db-shm", "store.db-wal", "taken.db"]);
    assert_eq!(ids(&store).await, ["0000"], "the store itself is as it was");
}
