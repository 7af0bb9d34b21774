//! The suite of the store port on PostgreSQL: two stores of several connections each, on one database whose own order is English.
#![allow(clippy::unwrap_used)] // Tests.

mod common;

use std::sync::Arc;

use casehug_clio::testing::store::{StoreUnderTest, run_all};
use casehug_clio_runtime_tokio::TokioRuntime;
use postgres_server::Server;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_case_passes_on_one_database_with_two_pools() {
    let Some(server) = Server::shared() else { return };
    let url = server.database();
    let (store, second) = (Arc::new(common::open(&url).await), Arc::new(common::open(&url).await));
    let under_test = async || StoreUnderTest::new(store.clone(), second.clone(), Arc::new(TokioRuntime));
    let outcomes = run_all(under_test).await;
    assert!(outcomes.len() >= 29, "{}", outcomes.len());
    for (name, outcome) in outcomes {
        assert_eq!(outcome, Ok(()), "{name}");
    }
}
