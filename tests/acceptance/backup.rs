//! `sync-intake --backup`: a whole database in one file, beside whatever uses it, and restored as
//! docs/admin.md says.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::process::{Command, Output};

use crate::bench::{Bench, intake};
use casehug_clio_store_sqlite::SqliteStore;
use postgres_server::Server;

fn back_up(db: &Path, file: &Path) -> Output {
    let mut tool = Command::new(env!("CARGO_BIN_EXE_sync-intake"));
    tool.arg("--db").arg(db).arg("--backup").arg(file).arg("--json").output().unwrap()
}

#[tokio::test]
async fn a_backup_is_made_beside_a_process_that_has_the_database_open() {
    let folder = tempfile::tempdir().unwrap();
    let (db, file) = (folder.path().join("store.db"), folder.path().join("backup.db"));
    let store = SqliteStore::open(&db).await.unwrap();
    let first = back_up(&db, &file);
    assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));
    assert_eq!(first.stdout, b"{\"ok\":true}\n");
    let again = back_up(&db, &file);
    assert!(!again.status.success());
    assert!(String::from_utf8_lossy(&again.stdout).contains("already_exists"));
    drop(store);
    SqliteStore::open(&file).await.unwrap().close().await;
}

#[test]
fn a_mistyped_database_is_not_made_and_backed_up_empty() {
    let folder = tempfile::tempdir().unwrap();
    let (db, file) = (folder.path().join("no.db"), folder.path().join("backup.db"));
    let output = back_up(&db, &file);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains("no_database"));
    assert!(!db.exists() && !file.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restore_what_was_sent_meanwhile_is_found_and_not_sent_again() {
    let bench = Bench::new().await;
    let (db, backup) = (bench.folder.path().join("sync.db"), bench.folder.path().join("backup.db"));
    let restore = || {
        assert!(back_up(&db, &backup).status.success());
        || {
            std::fs::rename(&backup, &db).unwrap();
            for beside in ["sync.db-wal", "sync.db-shm"] {
                std::fs::remove_file(bench.folder.path().join(beside)).ok();
            }
        }
    };
    sync_more_and_go_back(&bench, restore).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restore_of_postgres_what_was_sent_meanwhile_is_found_and_not_sent_again() {
    let Some(server) = Server::shared() else { return };
    let database = server.database();
    let bench = Bench { server: Some(database.clone()), ..Bench::new().await };
    let restore = || {
        let dumped = server.dump(&database, "casehug_clio");
        let database = database.clone();
        move || server.restore(&database, "casehug_clio", &dumped)
    };
    sync_more_and_go_back(&bench, restore).await;
}

/// `back_up` makes a backup and gives what restores it.
async fn sync_more_and_go_back<R: FnOnce()>(bench: &Bench, back_up: impl FnOnce() -> R) {
    bench.matter("m1", &intake("m1", "c1", None, &["d1"]));
    assert!(bench.run(&[]).await.0.status.success());
    let restore = back_up();
    let saved_at = "2020-01-01T00:00:00Z";
    bench.matter("m2", &intake("m2", "c2", None, &["d1"]));
    assert!(bench.run(&[]).await.0.status.success());
    restore();
    let (output, report) = bench.run(&["--recover-since", "yesterday"]).await;
    assert_eq!((output.status.code(), &report["error"]["path"]), (Some(1), &serde_json::json!("recover_since")));
    let (output, report) = bench.run(&["--recover-since", saved_at]).await;
    assert!(output.status.success(), "{report}");
    let state = bench.state();
    for records in ["contacts", "matters", "documents"] {
        assert_eq!(state[records].as_array().unwrap().len(), 2, "{records}: {report}");
    }
    assert!(bench.run(&["--recover-since", "none"]).await.0.status.success());
}
