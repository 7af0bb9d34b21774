//! A database that was copied as one file: never an empty installation, whose matters would be
//! created in Clio once more.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)] // Tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::common::{commit_new, ids, other_process};
use casehug_clio::{Code, Retry};
use casehug_clio_store_sqlite::SqliteStore;
use tempfile::tempdir;

fn beside(path: &Path, suffix: &str) -> PathBuf {
    PathBuf::from(format!("{}{suffix}", path.display()))
}

/// What a copy of the main file alone holds.
async fn copy_of(path: &Path) -> Vec<String> {
    let copy = path.with_file_name("copy.db");
    fs::copy(path, &copy).unwrap();
    let store = SqliteStore::open(&copy).await.unwrap();
    let found = ids(&store).await;
    store.close().await;
    fs::remove_file(&copy).unwrap();
    found
}

#[tokio::test]
async fn the_main_file_of_a_new_database_has_its_schema_at_once() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("store.db");
    let _open = SqliteStore::open(&path).await.unwrap();
    let copy = folder.path().join("copy.db");
    fs::copy(&path, &copy).unwrap();
    if let Some(tables) = other_process(&copy, "SELECT count(*) FROM records; PRAGMA application_id") {
        assert_eq!(tables, "0\n1128809299\n");
    }
}

#[tokio::test]
async fn what_was_committed_is_in_the_main_file_as_soon_as_the_store_is_idle() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = SqliteStore::open(&path).await.unwrap();
    for id in ["a", "b"] {
        commit_new(&store, id).await.unwrap();
        let start = Instant::now();
        // No asking of the store meanwhile: it must come by itself.
        while !fs::metadata(beside(&path, "-wal")).is_ok_and(|log| log.len() == 0) {
            assert!(start.elapsed() < Duration::from_secs(20), "the log was never moved into the main file");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    assert_eq!(copy_of(&path).await, ["a", "b"]);
}

#[tokio::test]
async fn closing_moves_the_log_into_the_main_file_although_another_process_has_it_open() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let hold = "import sqlite3,sys; c=sqlite3.connect(sys.argv[1]); c.execute('SELECT count(*) FROM records').fetchall(); print('open',flush=True); sys.stdin.read()";
    let mut python = std::process::Command::new("python3");
    python.args(["-c", hold]).arg(&path);
    python.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let Ok(mut other) = python.spawn() else {
        crate::common::skipped("python3 is not there, so no other process has the database open");
        return;
    };
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(other.stdout.as_mut().unwrap()), &mut line).unwrap();
    commit_new(&store, "a").await.unwrap();
    store.close().await;
    assert!(beside(&path, "-wal").exists(), "the other process has it open");
    assert_eq!(copy_of(&path).await, ["a"]);
    drop(other.stdin.take());
    other.wait().unwrap();
}

/// Version 0.1.0 wrote the schema into the log. One that was killed is opened, and its main file is
/// hollow no longer.
#[tokio::test]
async fn a_database_whose_schema_is_in_the_log_only_is_a_database() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("store.db");
    let killed = "import os,sqlite3,sys; c=sqlite3.connect(sys.argv[1], isolation_level=None); c.execute('PRAGMA journal_mode=WAL'); c.executescript('BEGIN;'+open(sys.argv[2]).read()+\"PRAGMA user_version=1; PRAGMA application_id=1128809299; INSERT INTO records VALUES ('firm_1','test','a','v1',NULL,'x'); COMMIT\"); os._exit(0)";
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/sql/0001_records.sql");
    let mut python = std::process::Command::new("python3");
    let Ok(status) = python.args(["-c", killed]).arg(&path).arg(schema).status() else {
        crate::common::skipped("python3 is not there");
        return;
    };
    assert!(status.success());
    assert_eq!(fs::metadata(&path).unwrap().len(), 4096, "hollow");
    let store = SqliteStore::open(&path).await.unwrap();
    assert_eq!(copy_of(&path).await, ["a"]);
    assert_eq!(ids(&store).await, ["a"]);
}

/// As version 0.1.0 left it while it was open: WAL before the schema, so the schema stands in the
/// log only.
fn hollow(path: &Path) -> bool {
    fs::write(path, "").unwrap();
    other_process(path, "PRAGMA journal_mode = WAL").is_some()
}

#[tokio::test]
async fn a_file_in_wal_mode_without_its_schema_is_refused_and_left_alone() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("store.db");
    if !hollow(&path) {
        return;
    }
    let before = fs::read(&path).unwrap();
    for _ in 0..2 {
        let error = SqliteStore::open(&path).await.expect_err("opened as an empty installation");
        assert_eq!((error.code(), error.retry()), (Code::StoreLogMissing, Retry::Never));
        assert!(error.to_string().contains("-wal"), "it says what is missing: {error}");
        assert!(fs::read(&path).unwrap() == before, "it was changed");
    }
}

#[tokio::test]
async fn a_log_without_its_main_file_is_not_thrown_away() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = SqliteStore::open(&path).await.unwrap();
    commit_new(&store, "a").await.unwrap();
    let elsewhere = folder.path().join("moved.db");
    fs::copy(beside(&path, "-wal"), beside(&elsewhere, "-wal")).unwrap();
    let log = fs::read(beside(&elsewhere, "-wal")).unwrap();
    assert!(!log.is_empty());
    for main in [None, Some("")] {
        if let Some(text) = main {
            fs::write(&elsewhere, text).unwrap();
        }
        let error = SqliteStore::open(&elsewhere).await.expect_err("opened as an empty installation");
        assert_eq!((error.code(), error.get("reason")), (Code::StoreOpenFailed, Some("log_without_database")));
        assert!(fs::read(beside(&elsewhere, "-wal")).unwrap() == log, "the log was changed");
        assert_eq!(elsewhere.exists(), main.is_some());
    }
    // The log beside its own main file is a database again.
    fs::copy(&path, &elsewhere).unwrap();
    assert_eq!(ids(&SqliteStore::open(&elsewhere).await.unwrap()).await, ["a"]);
}

/// SQLite would write the pages of the one over those of the other.
#[tokio::test]
async fn a_backup_beside_the_log_of_what_it_replaces_is_refused_and_left_alone() {
    let folder = tempdir().unwrap();
    let (path, backup) = (folder.path().join("store.db"), folder.path().join("backup.db"));
    let store = SqliteStore::open(&path).await.unwrap();
    commit_new(&store, "a").await.unwrap();
    store.backup(&backup).await.unwrap();
    for n in 0..50 {
        commit_new(&store, &format!("b{n}")).await.unwrap();
    }
    // As a killed process leaves it.
    let log = fs::read(beside(&path, "-wal")).unwrap();
    assert!(!log.is_empty());
    store.close().await;
    fs::copy(&backup, &path).unwrap();
    fs::write(beside(&path, "-wal"), &log).unwrap();
    let before = fs::read(&path).unwrap();
    for _ in 0..2 {
        let error = SqliteStore::open(&path).await.expect_err("opened with another one's log");
        assert_eq!((error.code(), error.get("reason")), (Code::StoreOpenFailed, Some("log_of_another_database")));
        assert!(fs::read(&path).unwrap() == before, "it was changed");
        assert!(fs::read(beside(&path, "-wal")).unwrap() == log, "the log was changed");
    }
    fs::remove_file(beside(&path, "-wal")).unwrap();
    assert_eq!(ids(&SqliteStore::open(&path).await.unwrap()).await, ["a"]);
}
