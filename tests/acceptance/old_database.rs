//! A database that an older build wrote opens, and what it linked stays linked.
//!
//! `data/written-by-2746229.sqlite` was made by `sync-intake` of commit 2746229, from two of the
//! example intakes against clio-sim, and a third one whose matter was lost on the way: its intent
//! is still open. Nobody answers at the address of that Clio any more, so a call would fail.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use casehug_clio::{
    Actor, ActorId, ClioApp, ClioHost, ConfiguredKeys, ConnectionState, FirmId, MatterId, MatterSyncState, Ports, Role,
    Sdk,
};
use casehug_clio_http_reqwest::ReqwestTransport;
use casehug_clio_intake_folder::FolderIntake;
use casehug_clio_runtime_tokio::TokioRuntime;
use casehug_clio_store_sqlite::SqliteStore;
use serde_json::{Value, json};

const CLIO: &str = "http://127.0.0.1:45871";
const KEY: &str = "0101010101010101010101010101010101010101010101010101010101010101";

fn intakes() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("intake")
}

/// A copy of the old database, with the folder that it goes with.
fn database() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("old.db");
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/acceptance/data/written-by-2746229.sqlite");
    std::fs::copy(kept, &copy).unwrap();
    (folder, copy)
}

#[tokio::test]
async fn a_database_of_an_older_build_opens_and_its_matters_stay_linked() {
    let (_folder, database) = database();
    for matter in ["mat_0001", "mat_0003"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sync-intake"));
        command.arg("--intake").arg(intakes()).arg("--db").arg(&database);
        command.args(["--clio-url", CLIO, "--matter", matter, "--json"]);
        let output = command.env("CASEHUG_CLIO_SEALING_KEY", KEY).output().unwrap();
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&report["ok"], &report["calls"]), (&json!(true), &json!(0)), "{report}");
        let steps = report["matters"][0]["steps"].as_array().unwrap();
        assert!(steps.iter().all(|step| step["outcome"] == "unchanged" && step["clio"].is_string()), "{report}");
    }
}

#[tokio::test]
async fn what_an_older_build_left_open_is_still_open() {
    let (_folder, database) = database();
    let runtime = Arc::new(TokioRuntime);
    let intake = FolderIntake::new(intakes()).unwrap();
    let ports = Ports {
        transport: Arc::new(ReqwestTransport::new(Arc::new(intake.clone()), runtime.clone()).unwrap()),
        store: Arc::new(SqliteStore::open(&database).await.unwrap()),
        keys: Arc::new(ConfiguredKeys::from_text(runtime.clone(), "env", [("env", KEY)]).unwrap()),
        intake: Arc::new(intake),
        runtime,
    };
    let app = ClioApp::new("casehug-dev", "casehug-dev-secret".to_owned().into()).unwrap();
    let sdk = Sdk::builder(app, ClioHost::custom(CLIO.parse().unwrap()).unwrap(), ports).build().unwrap();
    let firm = FirmId::new("firm_demo").unwrap();
    let admin = Actor { id: ActorId::new("usr_1").unwrap(), firm, role: Role::Admin };
    let firm = sdk.firm(&admin);
    let connection = firm.connection().get().await.unwrap().unwrap();
    assert_eq!(connection.state, ConnectionState::Connected);
    let state = firm.matters().state(&MatterId::new("mat_0005").unwrap()).await.unwrap();
    assert_eq!(state.clio_matter, None, "its intent is open: {state:?}");
    assert_ne!(state.status, MatterSyncState::Synced, "{state:?}");
    let linked = firm.matters().state(&MatterId::new("mat_0001").unwrap()).await.unwrap();
    assert!(linked.clio_matter.is_some(), "{linked:?}");
    firm.audit().verify().await.unwrap();
}
