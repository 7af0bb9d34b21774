//! `sync-intake --backup`: a whole database in one file, beside whatever uses it, and restored as docs/admin.md says.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::process::{Command, Output};

use casehug_clio_store_sqlite::SqliteStore;

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
