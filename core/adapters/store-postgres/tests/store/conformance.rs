//! The suite of the store port: two stores of several connections each, on one database whose own
//! order is English.

use std::sync::Arc;

use casehug_clio_runtime_tokio::TokioRuntime;
use casehug_clio_testkit::store::{StoreUnderTest, run_all};
use postgres_server::{Bouncer, Server};

use crate::common::open;

async fn every_case_passes(url: &str) {
    let (store, second) = (Arc::new(open(url).await), Arc::new(open(url).await));
    let under_test = async || StoreUnderTest::new(store.clone(), second.clone(), Arc::new(TokioRuntime));
    let outcomes = run_all(under_test).await;
    assert!(outcomes.len() >= 29, "{}", outcomes.len());
    for (name, outcome) in outcomes {
        assert_eq!(outcome, Ok(()), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_case_passes_with_two_pools() {
    let Some(server) = Server::shared() else { return };
    every_case_passes(&server.database()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_case_passes_through_a_pooler() {
    let Some(server) = Server::shared() else { return };
    let Some(bouncer) = Bouncer::start(server, 2) else { return };
    every_case_passes(&bouncer.url(&server.database())).await;
}
