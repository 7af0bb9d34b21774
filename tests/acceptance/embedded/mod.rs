//! The SDK inside the test's own process.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use casehug_clio::ports::{Runtime, Store};
use casehug_clio::{Actor, ActorId, ClioApp, ClioHost, ConfiguredKeys, FirmId, MatterId, Ports, Role, Sdk, SdkBuilder};
use casehug_clio_http_reqwest::ReqwestTransport;
use casehug_clio_intake_folder::FolderIntake;
use casehug_clio_runtime_tokio::TokioRuntime;
use casehug_clio_store_sqlite::SqliteStore;

use crate::bench::{Bench, redirect_of};

const KEY: &str = "6f1c3a0e5b7d92486f1c3a0e5b7d92486f1c3a0e5b7d92486f1c3a0e5b7d9248";

pub fn admin() -> Actor {
    Actor { id: ActorId::new("usr_1").unwrap(), firm: FirmId::new("firm_1").unwrap(), role: Role::Admin }
}

/// Over real ports, with times short enough for tests.
pub fn sdk(bench: &Bench, store: &(impl Store + Clone + 'static)) -> Sdk {
    sdk_with(bench, store, Arc::new(TokioRuntime))
}

/// The same in another time.
pub fn sdk_with(bench: &Bench, store: &(impl Store + Clone + 'static), runtime: Arc<dyn Runtime>) -> Sdk {
    hasty(builder(bench, store, runtime))
}

/// The same with another sealing key.
pub fn sdk_sealing_with(bench: &Bench, store: &(impl Store + Clone + 'static), key: (&str, &str)) -> Sdk {
    hasty(builder_sealing_with(key, bench.sim.url(), bench, Arc::new(store.clone()), Arc::new(TokioRuntime)))
}

fn hasty(builder: SdkBuilder) -> Sdk {
    builder
        .late_execution_window(Duration::from_secs(1))
        .index_delay(Duration::from_secs(1))
        .request_timeout(Duration::from_secs(3))
        .send_window(Duration::from_secs(1))
        .lease(Duration::from_secs(2))
        .build()
        .unwrap()
}

/// Over real ports, with the default times.
pub fn builder(bench: &Bench, store: &(impl Store + Clone + 'static), runtime: Arc<dyn Runtime>) -> SdkBuilder {
    builder_at(bench.sim.url(), bench, store, runtime)
}

/// The same with Clio at another address.
pub fn builder_at(
    clio: &str,
    bench: &Bench,
    store: &(impl Store + Clone + 'static),
    runtime: Arc<dyn Runtime>,
) -> SdkBuilder {
    builder_on(clio, bench, Arc::new(store.clone()), runtime)
}

/// The same on a store whose type only its opener knows.
pub fn builder_on(clio: &str, bench: &Bench, store: Arc<dyn Store>, runtime: Arc<dyn Runtime>) -> SdkBuilder {
    builder_sealing_with(("k", KEY), clio, bench, store, runtime)
}

fn builder_sealing_with(
    (id, key): (&str, &str),
    clio: &str,
    bench: &Bench,
    store: Arc<dyn Store>,
    runtime: Arc<dyn Runtime>,
) -> SdkBuilder {
    let intake = FolderIntake::new(bench.intakes()).unwrap();
    let app = ClioApp::new("casehug-dev", "casehug-dev-secret".to_owned().into()).unwrap();
    let ports = Ports {
        transport: Arc::new(ReqwestTransport::new(Arc::new(intake.clone()), runtime.clone()).unwrap()),
        store,
        keys: Arc::new(ConfiguredKeys::from_text(runtime.clone(), id, [(id, key)]).unwrap()),
        intake: Arc::new(intake),
        runtime,
    };
    Sdk::builder(app, ClioHost::custom(clio.parse().unwrap()).unwrap(), ports)
}

pub async fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path).await.unwrap()
}

/// Allows access as a person would, and ends connecting.
pub async fn connect(sdk: &Sdk) {
    let start = sdk.firm(&admin()).connection().begin("http://127.0.0.1:9/callback").await.unwrap();
    let location = tokio::task::spawn_blocking(move || redirect_of(start.authorize_url.as_str())).await.unwrap();
    sdk.firm(&admin()).connection().finish(location.split_once('?').unwrap().1).await.unwrap();
}

pub fn matter(id: &str) -> MatterId {
    MatterId::new(id).unwrap()
}
