//! A worker that is paused (SIGSTOP) in the middle of a creation, until another one has taken its
//! matter over and finished it. Woken up, it writes nothing of it, sends nothing, and works on.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use casehug_clio::ports::Store;
use casehug_clio::{Code, MatterSyncState, RunQuery, RunStatus, Sdk, Trigger};
use casehug_clio_store_postgres::{PostgresAddress, PostgresStore};
use clio_sim::{Action, Fault};
use postgres_server::Server;
use serde_json::Value;

use crate::bench::{Bench, assert_each_once, assert_no_client_data, intake};
use crate::embedded::{admin, matter, open, sdk};
use crate::stopping::send;

const PATIENCE: Duration = Duration::from_secs(60);

/// The creation of a matter is told to the database, and the answer finds its process asleep.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_on_postgresql_that_sleeps_between_its_intent_and_its_request_does_not_send_it_later() {
    let Some(server) = Server::shared() else { return };
    let (bench, store) = on_postgresql(server).await;
    let database = bench.server.as_deref().unwrap();
    server.sql(database, SLOW_INTENTS);
    overtaken(&bench, &store, async |worker| {
        until("an intent", async || server.sql(database, INTENTS_IN_PROGRESS) == "1").await;
        send("-STOP", worker);
        // This waits for the intent's commit: what follows finds it there, and its author asleep.
        server.sql(database, "DROP TRIGGER slow_intents ON casehug_clio.records");
        assert_eq!(server.sql(database, "SELECT state FROM casehug_clio.links WHERE kind = 'matter'"), "intent");
        assert_eq!(bench.state()["matters"].as_array().unwrap().len(), 0, "it was not sent");
    })
    .await;
    bench.sim.stop();
}

/// Clio has the document already, and tells it to nobody.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_on_postgresql_that_sleeps_while_clio_answers_makes_no_second_document() {
    let Some(server) = Server::shared() else { return };
    let (bench, store) = on_postgresql(server).await;
    overtaken(&bench, &store, async |worker| {
        sleeps_while_clio_answers(&bench, worker, "documents").await;
    })
    .await;
    bench.sim.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_on_sqlite_that_sleeps_while_clio_answers_makes_no_second_matter() {
    let bench = Bench::new().await;
    connected(&bench).await;
    let store = open(&bench.folder.path().join("sync.db")).await;
    overtaken(&bench, &store, async |worker| {
        sleeps_while_clio_answers(&bench, worker, "matters").await;
    })
    .await;
    bench.sim.stop();
}

/// Every intent takes so long to be committed that its process can be stopped meanwhile.
const SLOW_INTENTS: &str = "
    CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(4); RETURN NEW; END $$;
    CREATE TRIGGER slow_intents AFTER INSERT ON casehug_clio.records FOR EACH ROW
        WHEN (NEW.collection = 'matter' AND NEW.body LIKE '%intent%') EXECUTE FUNCTION slow()";
const INTENTS_IN_PROGRESS: &str =
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";

async fn on_postgresql(server: &Server) -> (Bench, PostgresStore) {
    let bench = Bench { server: Some(server.database()), ..Bench::new().await };
    connected(&bench).await;
    let address = PostgresAddress::parse(bench.server.as_deref().unwrap()).unwrap();
    (bench, PostgresStore::open(address).await.unwrap())
}

async fn connected(bench: &Bench) {
    std::fs::create_dir_all(bench.intakes()).unwrap();
    assert!(bench.run(&["--firm", "firm_1"]).await.0.status.success(), "connected");
}

async fn sleeps_while_clio_answers(bench: &Bench, worker: u32, what: &str) {
    until(what, async || !bench.state()[what].as_array().unwrap().is_empty()).await;
    send("-STOP", worker);
}

async fn until(what: &str, mut there: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !there().await {
        assert!(began.elapsed() < PATIENCE, "{what} never came");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A worker's process, and its log.
struct Worker {
    process: Child,
    log: PathBuf,
}

impl Worker {
    fn start(bench: &Bench, name: &str) -> Self {
        let log = bench.folder.path().join(name).with_extension("log");
        let file = std::fs::File::create(&log).unwrap();
        let process = bench.worker().stdout(Stdio::null()).stderr(file).spawn().unwrap();
        Self { process, log }
    }

    fn logged(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap()).into_owned()
    }

    /// SIGKILL; it must have been alive.
    fn kill(mut self) {
        assert!(self.process.try_wait().unwrap().is_none(), "it ended by itself: {}", self.logged());
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        assert_no_client_data(self.logged().as_bytes(), "a worker's log");
    }
}

async fn synced(sdk: &Sdk, id: &str) {
    let id = matter(id);
    until(id.as_str(), async || {
        sdk.firm(&admin()).matters().state(&id).await.unwrap().status == MatterSyncState::Synced
    })
    .await;
}

/// `pause` stops a worker at its work on the first matter, by its process id.
async fn overtaken(bench: &Bench, store: &(impl Store + Clone + 'static), pause: impl AsyncFnOnce(u32)) {
    let sdk = sdk(bench, store);
    bench.matter("m1", &intake("m1", "c1", Some("zyx.qwertz@example.test"), &["d1", "d2"]));
    for route in ["/api/v4/matters", "/api/v4/documents"] {
        bench.sim.model().add_fault(Fault::new("POST", route, Action::Slow { ms: 3_000 }));
    }
    let paused = Worker::start(bench, "paused");
    pause(paused.process.id()).await;
    let asleep = paused.logged().len();
    let other = Worker::start(bench, "other");
    synced(&sdk, "m1").await;
    assert_eq!(paused.logged().len(), asleep, "it slept all the time");
    let calls = || bench.state()["calls"]["total"].clone();
    let before: Value = calls();

    send("-CONT", paused.process.id());
    until("a sign of life", async || paused.logged().len() > asleep).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(calls(), before, "it sends nothing any more: {}", paused.logged());
    let runs = sdk.firm(&admin()).matters().runs(RunQuery::default()).await.unwrap().items;
    let ends = |end: fn(&casehug_clio::LoggedRun) -> bool| runs.iter().filter(|run| end(run)).count();
    let taken_over = ends(|run| run.failure.as_ref().is_some_and(|failure| failure.code == Code::LeaseLost.name()));
    let succeeded = ends(|run| run.status == Some(RunStatus::Succeeded));
    assert_eq!((taken_over, succeeded), (1, 1), "{runs:?}");

    // And it is a worker as before.
    other.kill();
    bench.matter("m2", &intake("m2", "c2", None, &["d1"]));
    sdk.firm(&admin()).matters().trigger(matter("m2"), Trigger::Approved).await.unwrap();
    synced(&sdk, "m2").await;
    paused.kill();
    assert_each_once(&bench.state(), 2, 2, 3, "a worker that slept");
    sdk.firm(&admin()).audit().verify().await.unwrap();
}
