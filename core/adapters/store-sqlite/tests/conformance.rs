//! The suite of the store port on SQLite: every case on a file of its own, and all of them on one
//! file.
#![allow(clippy::unwrap_used)] // Tests.

use std::sync::Arc;

use casehug_clio_runtime_tokio::TokioRuntime;
use casehug_clio_store_sqlite::SqliteStore;
use casehug_clio_testkit::store::{StoreUnderTest, run_all};

async fn open() -> StoreUnderTest {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::open(folder.path().join("store.db")).await.unwrap());
    StoreUnderTest::new(store.clone(), Arc::new((*store).clone()), Arc::new(TokioRuntime)).keeping(folder)
}

casehug_clio_testkit::store_conformance!(open);

#[tokio::test]
async fn all_cases_run_on_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::open(folder.path().join("store.db")).await.unwrap());
    let outcomes = run_all(async || StoreUnderTest::new(store.clone(), store.clone(), Arc::new(TokioRuntime))).await;
    assert!(outcomes.len() >= 29, "{}", outcomes.len());
    for (name, outcome) in outcomes {
        assert_eq!(outcome, Ok(()), "{name}");
    }
}
