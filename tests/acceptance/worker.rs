//! The worker, over real HTTP and SQLite: triggers, several processes' worth of workers, a
//! connection that breaks and is mended.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]

use std::sync::Arc;
use std::time::Duration;

use crate::bench::{Bench, assert_each_once, intake};
use crate::embedded::{admin, builder, connect, matter, open, sdk};
use casehug_clio::{MatterSyncState, Sdk, Trigger, WorkerConfig};
use casehug_clio_runtime_tokio::TokioRuntime;
use clio_sim::{Action, Config, Fault};
use tokio::sync::oneshot;

/// Waits until the matter's sync stands so.
async fn until(sdk: &Sdk, id: &str, status: MatterSyncState) {
    for _ in 0..600 {
        if sdk.firm(&admin()).matters().state(&matter(id)).await.unwrap().status == status {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{id} never became {status:?}: {:?}", sdk.firm(&admin()).matters().state(&matter(id)).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_is_followed_by_a_sync_and_the_state_tells() {
    let bench = Bench::new().await;
    bench.matter("m1", &intake("m1", "c1", Some("zyx.qwertz@example.test"), &["d1"]));
    let store = open(&bench.folder.path().join("sync.db")).await;
    let sdk = Arc::new(sdk(&bench, &store));
    connect(&sdk).await;
    assert_eq!(sdk.firm(&admin()).matters().state(&matter("m1")).await.unwrap().status, MatterSyncState::NotSynced);
    let (stop, stopped) = oneshot::channel::<()>();
    let worker = tokio::spawn({
        let sdk = Arc::clone(&sdk);
        async move { sdk.worker(WorkerConfig::default()).run(async { drop(stopped.await) }).await }
    });
    assert!(
        !sdk.firm(&admin()).matters().trigger(&matter("m1"), Trigger::Created).await.unwrap().accepted,
        "off by default"
    );
    assert!(sdk.firm(&admin()).matters().trigger(&matter("m1"), Trigger::Approved).await.unwrap().accepted);
    until(&sdk, "m1", MatterSyncState::Synced).await;
    let state = sdk.firm(&admin()).matters().state(&matter("m1")).await.unwrap();
    assert!(state.clio_url.unwrap().ends_with(&state.clio_matter.unwrap().to_string()));
    stop.send(()).unwrap();
    worker.await.unwrap();
    assert_each_once(&bench.state(), 1, 1, 1, "one trigger");
    bench.sim.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_matter_created_sends_no_document_before_the_approval() {
    let bench = Bench::new().await;
    bench.matter("m1", &intake("m1", "c1", None, &["d1"]));
    let store = open(&bench.folder.path().join("sync.db")).await;
    let sdk = sdk(&bench, &store);
    connect(&sdk).await;
    let mut settings = sdk.firm(&admin()).settings().get().await.unwrap();
    settings.sync_when_created = true;
    sdk.firm(&admin()).settings().save(settings.clone()).await.unwrap();
    assert!(sdk.firm(&admin()).matters().trigger(&matter("m1"), Trigger::Created).await.unwrap().accepted);
    assert_eq!(sdk.worker(WorkerConfig::default()).run_due().await.unwrap(), 1);
    assert_each_once(&bench.state(), 1, 1, 0, "created");
    assert!(sdk.firm(&admin()).matters().trigger(&matter("m1"), Trigger::Approved).await.unwrap().accepted);
    assert_eq!(sdk.worker(WorkerConfig::default()).run_due().await.unwrap(), 1);
    assert_each_once(&bench.state(), 1, 1, 1, "approved");
    bench.sim.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_and_people_who_ask_share_many_matters_and_each_arrives_once() {
    let bench = Bench::new().await;
    for n in 0..12 {
        let (id, email) = (format!("m{n}"), format!("client{}@example.test", n % 4));
        bench.matter(&id, &intake(&id, &format!("c{}", n % 4), Some(&email), &["d1", "d2"]));
    }
    let store = open(&bench.folder.path().join("sync.db")).await;
    let (a, b) = (Arc::new(sdk(&bench, &store)), Arc::new(sdk(&bench, &store)));
    connect(&a).await;
    for n in 0..12 {
        a.firm(&admin()).matters().trigger(matter(&format!("m{n}")), Trigger::Approved).await.unwrap();
    }
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let workers = [Arc::clone(&a), Arc::clone(&b)].map(|sdk| {
        let mut stopped = stopped.clone();
        tokio::spawn(async move {
            let shutdown = async { drop(stopped.wait_for(|stop| *stop).await) };
            sdk.worker(WorkerConfig { poll: Duration::from_millis(50), ..WorkerConfig::default() }).run(shutdown).await;
        })
    });
    for n in [3, 7, 11] {
        let report = b.firm(&admin()).matters().sync(matter(&format!("m{n}"))).await.unwrap();
        assert!(report.first_failure().is_none(), "{report:?}");
    }
    for n in 0..12 {
        until(&a, &format!("m{n}"), MatterSyncState::Synced).await;
    }
    stop.send(true).unwrap();
    for worker in workers {
        worker.await.unwrap();
    }
    assert_each_once(&bench.state(), 4, 12, 24, "two workers");
    a.firm(&admin()).audit().verify().await.unwrap();
    bench.sim.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_worker_vanished_is_taken_over() {
    let bench = Bench::new().await;
    bench.matter("m1", &intake("m1", "c1", None, &["d1"]));
    let store = open(&bench.folder.path().join("sync.db")).await;
    let sdk = Arc::new(sdk(&bench, &store));
    connect(&sdk).await;
    bench.sim.model().add_fault(Fault::new("POST", "/api/v4/matters", Action::Slow { ms: 1_500 }));
    sdk.firm(&admin()).matters().trigger(&matter("m1"), Trigger::Approved).await.unwrap();
    let doomed = tokio::spawn({
        let sdk = Arc::clone(&sdk);
        async move { sdk.worker(WorkerConfig::default()).run(std::future::pending()).await }
    });
    tokio::time::sleep(Duration::from_millis(700)).await;
    doomed.abort();
    until(&sdk, "m1", MatterSyncState::Running).await;
    let heir = tokio::spawn({
        let sdk = Arc::clone(&sdk);
        async move { sdk.worker(WorkerConfig::default()).run(std::future::pending()).await }
    });
    until(&sdk, "m1", MatterSyncState::Synced).await;
    heir.abort();
    assert_each_once(&bench.state(), 1, 1, 1, "taken over");
    sdk.firm(&admin()).audit().verify().await.unwrap();
    bench.sim.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_wait_for_a_reconnect_and_run_after_it() {
    let bench = Bench::with(Config { rate_limit: 1_000_000, ..Config::default() }).await;
    bench.matter("m1", &intake("m1", "c1", None, &["d1"]));
    let store = open(&bench.folder.path().join("sync.db")).await;
    let sdk = sdk(&bench, &store);
    connect(&sdk).await;
    bench.sim.model().revoke_all(true, true);
    sdk.firm(&admin()).matters().trigger(&matter("m1"), Trigger::Approved).await.unwrap();
    sdk.worker(WorkerConfig::default()).run_due().await.unwrap();
    let state = sdk.firm(&admin()).matters().state(&matter("m1")).await.unwrap();
    assert!(state.parked, "{state:?}");
    assert_eq!(state.status, MatterSyncState::Queued);
    connect(&sdk).await;
    assert_eq!(sdk.worker(WorkerConfig::default()).run_due().await.unwrap(), 1, "released by the reconnect");
    assert_eq!(sdk.firm(&admin()).matters().state(&matter("m1")).await.unwrap().status, MatterSyncState::Synced);
    assert_each_once(&bench.state(), 1, 1, 1, "after a reconnect");
    bench.sim.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_matter_of_a_new_client_waits_seconds_for_the_contact_that_the_first_one_makes() {
    // Its index lags: the second one does not find what the first one just made.
    let lags = Config { search_delay_ms: 3_000, filter_delay_ms: 3_000, rate_limit: 1_000_000, ..Config::default() };
    let bench = Bench::with(lags).await;
    for id in ["m1", "m2"] {
        bench.matter(id, &intake(id, "c1", Some("zyx.qwertz@example.test"), &[]));
    }
    let store = open(&bench.folder.path().join("sync.db")).await;
    // With the real times: what is in doubt is certain after two and a half minutes.
    let sdk = Arc::new(builder(&bench, &store, Arc::new(TokioRuntime)).build().unwrap());
    connect(&sdk).await;
    bench.sim.model().add_fault(Fault::new("POST", "/api/v4/contacts", Action::Slow { ms: 1_500 }));
    for id in ["m1", "m2"] {
        sdk.firm(&admin()).matters().trigger(&matter(id), Trigger::Approved).await.unwrap();
    }
    let (stop, stopped) = oneshot::channel::<()>();
    let worker = tokio::spawn({
        let sdk = Arc::clone(&sdk);
        async move { sdk.worker(WorkerConfig::default()).run(async { drop(stopped.await) }).await }
    });
    for id in ["m1", "m2"] {
        until(&sdk, id, MatterSyncState::Synced).await;
    }
    stop.send(()).unwrap();
    worker.await.unwrap();
    assert_each_once(&bench.state(), 1, 2, 0, "one client, two matters at once");
    bench.sim.stop();
}
