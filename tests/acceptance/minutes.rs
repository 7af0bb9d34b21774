//! What takes minutes, in seconds: a host whose clocks run faster than Clio's. Real HTTP all the
//! same.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::bench::{Bench, assert_each_once, intake};
use crate::embedded::{admin, connect, matter};
use casehug_clio::memory::MemoryStore;
use casehug_clio::ports::{BoxFuture, Runtime};
use casehug_clio::{
    ClioApp, ClioHost, Code, ConfiguredKeys, EventBody, MatterStatus, Monotonic, Ports, Result, RunQuery, RunStatus,
    Sdk, StepKind, Timestamp, WorkerConfig,
};
use casehug_clio_http_reqwest::ReqwestTransport;
use casehug_clio_intake_folder::FolderIntake;
use casehug_clio_runtime_tokio::TokioRuntime;
use clio_sim::{Action, Config, Fault, Level, Processing};

/// Every real second is so many of the host's.
const FASTER: u32 = 40;

#[derive(Debug)]
struct Hurried {
    began: Instant,
    wall: Timestamp,
}

impl Hurried {
    fn new() -> Arc<Self> {
        Arc::new(Self { began: Instant::now(), wall: TokioRuntime.now() })
    }
}

impl Runtime for Hurried {
    fn now(&self) -> Timestamp {
        self.wall + self.began.elapsed() * FASTER
    }

    fn monotonic(&self) -> Monotonic {
        Monotonic(self.began.elapsed() * FASTER)
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration / FASTER))
    }

    fn spawn(&self, work: BoxFuture<'static, ()>) {
        TokioRuntime.spawn(work);
    }

    fn random(&self, out: &mut [u8]) -> Result<()> {
        TokioRuntime.random(out)
    }
}

/// With what is real, an exchange over loopback, given the time that it takes.
fn hurried(bench: &Bench) -> Sdk {
    let runtime = Hurried::new();
    let intake = FolderIntake::new(bench.intakes()).unwrap();
    let app = ClioApp::new("casehug-dev", "casehug-dev-secret".to_owned().into()).unwrap();
    let key = "6f1c3a0e5b7d92486f1c3a0e5b7d92486f1c3a0e5b7d92486f1c3a0e5b7d9248";
    let ports = Ports {
        transport: Arc::new(ReqwestTransport::new(Arc::new(intake.clone()), runtime.clone()).unwrap()),
        store: Arc::new(MemoryStore::new(runtime.clone())),
        keys: Arc::new(ConfiguredKeys::from_text(runtime.clone(), "k", [("k", key)]).unwrap()),
        intake: Arc::new(intake),
        runtime,
    };
    Sdk::builder(app, ClioHost::custom(bench.sim.url().parse().unwrap()).unwrap(), ports)
        .send_window(Duration::from_secs(120))
        .request_timeout(Duration::from_secs(120))
        .lease(Duration::from_secs(600))
        .webhook_url("http://127.0.0.1:9/webhooks".parse().unwrap())
        .build()
        .unwrap()
}

/// FAQ: "Document processing on Clio's side may take up to 60 seconds." And if it takes longer than
/// anybody waits?
#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_clio_processes_for_too_long_fails_by_its_own_name_and_a_retry_finishes_it() {
    for answer in [Processing::Error, Processing::Pending] {
        let config = Config { rate_limit: 1_000_000, processing_answer: answer, ..Config::default() };
        let bench = Bench::with(Config { processing_delay_ms: 3_600_000, ..config }).await;
        bench.matter("m1", &intake("m1", "c1", None, &["d1"]));
        let sdk = hurried(&bench);
        connect(&sdk).await;
        let began = Instant::now();
        let report = sdk.firm(&admin()).matters().sync(&matter("m1")).await.unwrap();
        assert!(began.elapsed() * FASTER >= Duration::from_secs(60), "Clio had the time that it may take");
        assert_eq!(report.status, RunStatus::Partial, "{answer:?}");
        let failed: Vec<_> = report.steps.iter().filter(|step| step.error.is_some()).collect();
        let [step] = failed.as_slice() else { panic!("{failed:?}") };
        assert_eq!((step.step, step.error.as_ref().unwrap().code()), (StepKind::Document, Code::DocumentProcessing));
        let logged = sdk.firm(&admin()).matters().runs(RunQuery::default()).await.unwrap();
        assert_eq!(logged.items[0].failure.as_ref().unwrap().code, "document_processing");

        bench.sim.model().config_mut().clock_offset_ms = 3_600_000;
        let report = sdk.firm(&admin()).matters().sync(&matter("m1")).await.unwrap();
        assert_eq!(report.status, RunStatus::Succeeded, "{answer:?}: {report:?}");
        let state = bench.state();
        assert_each_once(&state, 1, 1, 1, &format!("{answer:?}"));
        assert_eq!(state["documents"].as_array().unwrap().len(), 1, "{answer:?}");
        assert_eq!(state["calls"]["by_route"]["PUT storage"], 1, "{answer:?}: the bytes were there");
        bench.sim.stop();
    }
}

/// Storage said that it has the bytes, and has not.
#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_storage_lost_are_sent_again_by_the_next_run() {
    let bench = Bench::with(Config { rate_limit: 1_000_000, ..Config::default() }).await;
    bench.matter("m1", &intake("m1", "c1", None, &["d1"]));
    let lost = Action::Status { status: 200, html: false, executed: false, retry_after: None };
    bench.sim.model().add_fault(Fault::new("PUT", "/manage-documents/", lost));
    let sdk = hurried(&bench);
    connect(&sdk).await;
    let report = sdk.firm(&admin()).matters().sync(&matter("m1")).await.unwrap();
    assert_eq!(report.first_failure().unwrap().error.as_ref().unwrap().code(), Code::DocumentProcessing);
    let report = sdk.firm(&admin()).matters().sync(&matter("m1")).await.unwrap();
    assert_eq!(report.status, RunStatus::Succeeded, "{report:?}");
    let state = bench.state();
    assert_each_once(&state, 1, 1, 1, "lost bytes");
    assert_eq!(state["documents"].as_array().unwrap().len(), 1, "another version of the same document");
    bench.sim.stop();
}

/// Without the permission for webhooks a change is found within five minutes.
#[tokio::test(flavor = "multi_thread")]
async fn without_webhooks_a_status_is_found_by_asking_within_minutes() {
    let bench = Bench::with(Config { rate_limit: 1_000_000, ..Config::default() }).await;
    bench.sim.model().config_mut().permissions.insert("webhooks".into(), Level::None);
    bench.matter("m1", &intake("m1", "c1", None, &[]));
    let sdk = Arc::new(hurried(&bench));
    connect(&sdk).await;
    let worker = tokio::spawn({
        let sdk = Arc::clone(&sdk);
        async move { sdk.worker(WorkerConfig::default()).run(std::future::pending::<()>()).await }
    });
    let report = sdk.firm(&admin()).matters().sync(&matter("m1")).await.unwrap();
    assert_eq!(report.status, RunStatus::Succeeded);
    let clio = report.steps.iter().find(|step| step.step == StepKind::Matter).unwrap().clio.unwrap();
    // What connecting has asked for is over.
    tokio::time::sleep(Duration::from_secs(60) / FASTER).await;
    bench.edit("matters", clio.0, &serde_json::json!({ "status": "closed" }));
    let began = Instant::now();
    let told = loop {
        let events = sdk.host().next_events(Some(admin().firm.clone()), 50, Duration::from_secs(5)).await.unwrap();
        for event in events.iter().filter(|event| event.id.is_some()) {
            sdk.host().ack_event(&event.firm, event.id.as_deref().unwrap()).await.unwrap();
        }
        let told = events.into_iter().find(|event| matches!(event.body, EventBody::MatterStatus { .. }));
        if let Some(told) = told {
            break told;
        }
        assert!(began.elapsed() * FASTER < Duration::from_secs(420), "five minutes, and what asking takes");
    };
    let EventBody::MatterStatus { matter: ours, status, .. } = told.body else { panic!() };
    assert_eq!((ours.as_str(), status), ("m1", MatterStatus::Closed));
    let health = sdk.firm(&admin()).connection().health().await.unwrap();
    assert_eq!((health.state, health.webhooks.unwrap().delivers), ("degraded", false));
    worker.abort();
}
