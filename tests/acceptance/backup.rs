//! `sync-intake --backup`: a whole database in one file, beside whatever uses it, and restored as
//! docs/admin.md says.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::process::{Command, Output};

use crate::bench::{Bench, intake};
use casehug_clio::Timestamp;
use casehug_clio::ports::Runtime as _;
use casehug_clio_runtime_tokio::TokioRuntime;
use casehug_clio_store_sqlite::SqliteStore;
use postgres_server::Server;
use serde_json::{Value, json};

fn back_up(db: &Path, file: &Path) -> Output {
    let mut tool = Command::new(env!("CARGO_BIN_EXE_sync-intake"));
    tool.arg("--db").arg(db).arg("--backup").arg(file).arg("--json").output().unwrap()
}

#[tokio::test]
async fn a_backup_is_made_beside_a_process_that_has_the_database_open() {
    let folder = tempfile::tempdir().unwrap();
    let (db, file) = (folder.path().join("store.db"), folder.path().join("backup.db"));
    let store = SqliteStore::open(&db).await.unwrap();
    let before = TokioRuntime.now();
    let first = back_up(&db, &file);
    assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));
    let told: Value = serde_json::from_slice(&first.stdout).unwrap();
    assert_eq!(told["ok"], true);
    let begun = told["begun_at"].as_str().and_then(Timestamp::parse).unwrap();
    assert!((before..=TokioRuntime.now()).contains(&begun), "the time for begin_recovery: {told}");
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
    assert_eq!((output.status.code(), &report["error"]["path"]), (Some(1), &json!("recover_since")));
    // As docs/running.md says: before anything starts, for every firm.
    let before = bench.state()["calls"].clone();
    let told = recover_alone(bench, "firm_demo", saved_at);
    assert_eq!(
        told,
        (
            Some(0),
            json!({ "ok": true, "firm": "firm_demo", "recover_since": "2020-01-01T00:00:00.000Z", "known": true })
        )
    );
    assert_eq!(bench.state()["calls"], before, "Clio was not asked");
    let (output, report) = bench.run(&[]).await;
    assert!(output.status.success(), "{report}");
    let state = bench.state();
    for records in ["contacts", "matters", "documents"] {
        assert_eq!(state[records].as_array().unwrap().len(), 2, "{records}: {report}");
    }
    // Or with all that follows.
    let (output, report) = bench.run(&["--recover-since", saved_at]).await;
    assert!(output.status.success(), "{report}");
    assert!(bench.run(&["--recover-since", "none"]).await.0.status.success());
    assert_eq!(recover_alone(bench, "firm_demo", "none").1["recover_since"], Value::Null);
}

/// `--recover-since` by itself, in an environment without any secret.
fn recover_alone(bench: &Bench, firm: &str, time: &str) -> (Option<i32>, Value) {
    let mut tool = Command::new(env!("CARGO_BIN_EXE_sync-intake"));
    tool.args(["--json", "--db", &bench.database("sync.db"), "--recover-since", time, "--firm", firm]);
    let output = tool.args(["--settle", "1"]).output().unwrap();
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recovery_by_itself_is_for_a_database_that_is_there_and_a_firm_that_is_named() {
    let bench = Bench::new().await;
    let (code, told) = recover_alone(&bench, "firm_1", "2020-01-01T00:00:00Z");
    assert_eq!((code, &told["error"]["context"]["reason"]), (Some(1), &json!("no_database")));
    assert!(!bench.folder.path().join("sync.db").exists());

    std::fs::create_dir_all(bench.intakes()).unwrap();
    assert!(bench.run(&["--firm", "firm_1"]).await.0.status.success());
    let (code, told) = recover_alone(&bench, "firm_1", "yesterday");
    assert_eq!((code, &told["error"]["path"]), (Some(1), &json!("recover_since")));
    assert_eq!(recover_alone(&bench, "firm_1", "2020-01-01T00:00:00Z").1["known"], true);
    // One that was connected after the backup needs it too, so it is done, and said.
    let (code, told) = recover_alone(&bench, "frm_1", "2020-01-01T00:00:00Z");
    assert_eq!((code, &told["known"]), (Some(0), &json!(false)));

    let db = bench.database("sync.db");
    let usage = |more: &[&str]| {
        let mut tool = Command::new(env!("CARGO_BIN_EXE_sync-intake"));
        tool.args(["--db", &db]).args(more).output().unwrap().status.code()
    };
    for more in [
        &["--recover-since", "none"][..],
        &["--recover-since", "none", "--firm", "firm_1", "--worker"],
        &["--recover-since", "none", "--firm", "firm_1", "--matter", "m1"],
        &["--recover-since", "none", "--firm", "firm_1", "--intake", "."],
        &["--firm", "firm_1"],
    ] {
        assert_eq!(usage(more), Some(2), "{more:?}");
    }
}

/// The next step of moving a firm is to delete it in the old database.
#[tokio::test(flavor = "multi_thread")]
async fn a_mistyped_firm_or_an_empty_database_is_not_told_to_be_copied() {
    let bench = Bench::new().await;
    std::fs::create_dir_all(bench.intakes()).unwrap();
    assert!(bench.run(&["--firm", "firm_1"]).await.0.status.success());
    let (db, empty, to) = (bench.database("sync.db"), bench.database("empty.db"), bench.database("to.db"));
    SqliteStore::open(&empty).await.unwrap().close().await;
    for (from, more) in [(&db, &["--copy-firm", "frm_1"][..]), (&empty, &["--copy-firm", "firm_1"]), (&empty, &[])] {
        let mut tool = Command::new(env!("CARGO_BIN_EXE_sync-intake"));
        let output = tool.args(["--json", "--db", from, "--copy-to", &to]).args(more).output().unwrap();
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((output.status.code(), &told["error"]["code"]), (Some(1), &json!("copy_failed")), "{more:?}");
        assert_eq!(told["error"]["context"]["reason"], "nothing_to_copy", "{more:?}");
    }
}
