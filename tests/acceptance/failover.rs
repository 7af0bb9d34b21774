//! A PostgreSQL that is lost, and the standby that takes its place: one line names both hosts.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime};

use casehug_clio::{MatterSyncState, Timestamp};
use casehug_clio_store_postgres::{PostgresAddress, PostgresStore};
use clio_sim::Config;
use postgres_server::{Server, Stop};

use crate::bench::{Bench, Processes, assert_each_once, assert_no_client_data, intake};
use crate::embedded::{admin, matter, sdk};

const WORKERS: usize = 3;
const MATTERS: usize = 12;

/// A bench whose line names a server and its standby; firm `firm_1` is connected.
async fn bench_on(server: &Server, standby: &Server) -> Bench {
    let database = server.database();
    let name = database.rsplit('/').next().unwrap();
    let line = format!("postgres://postgres@127.0.0.1:{},127.0.0.1:{}/{name}", server.port(), standby.port());
    // Few enough calls that much is left when the server dies, however slow this machine is.
    let config = Config { rate_limit: 12, rate_window_s: 2, search_delay_ms: 300, ..Config::default() };
    let bench = Bench { server: Some(line), ..Bench::with(config).await };
    std::fs::create_dir_all(bench.intakes()).unwrap();
    assert!(bench.run(&["--firm", "firm_1"]).await.0.status.success(), "connected");
    bench
}

fn add(bench: &Bench, n: usize) {
    let id = format!("m{n}");
    // Some clients have an email, by which they would be known again in any case.
    let email = n.is_multiple_of(2).then(|| format!("zyx.qwertz{n}@example.test"));
    bench.matter(&id, &intake(&id, &format!("c{n}"), email.as_deref(), &["d1"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_go_on_at_a_synchronous_standby_and_send_nothing_twice() {
    let Some(server) = Server::start("") else { return };
    let standby = server.standby("other");
    server.set("synchronous_standby_names = 'other'\n");
    let bench = bench_on(&server, &standby).await;
    (0..MATTERS).for_each(|n| add(&bench, n));
    let log = |n: usize| bench.folder.path().join(format!("worker-{n}.log"));
    let worker = |n: usize| {
        let log = std::fs::File::create(log(n)).unwrap();
        bench.worker().stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap()
    };
    let mut fleet = Processes((0..WORKERS).map(worker).collect());
    let began = Instant::now();
    let in_clio = || bench.state()["matters"].as_array().unwrap().len();
    while in_clio() < MATTERS / 4 {
        assert!(began.elapsed() < Duration::from_secs(60), "nothing arrives");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    server.stop(Stop::Immediate);
    assert!(in_clio() < MATTERS, "in the middle of it");
    // For a while nobody takes writes.
    tokio::time::sleep(Duration::from_millis(500)).await;
    standby.promote();
    let promoted = Instant::now();
    let store = PostgresStore::open(PostgresAddress::parse(bench.server.as_deref().unwrap()).unwrap()).await.unwrap();
    let sdk = sdk(&bench, &store);
    for n in 0..MATTERS {
        let id = matter(&format!("m{n}"));
        while sdk.firm(&admin()).matters().state(&id).await.unwrap().status != MatterSyncState::Synced {
            assert!(promoted.elapsed() < Duration::from_secs(120), "{id} never arrives");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    for (n, worker) in fleet.0.iter_mut().enumerate() {
        assert!(worker.try_wait().unwrap().is_none(), "no worker ended by itself");
        worker.kill().unwrap();
        worker.wait().unwrap();
        assert_no_client_data(&std::fs::read(log(n)).unwrap(), "a worker's log");
    }
    assert_each_once(&bench.state(), MATTERS, MATTERS, MATTERS, "after the switch");
    sdk.firm(&admin()).audit().verify().await.unwrap();
    bench.sim.stop();
}

/// As docs/running.md says: a restore to the time of the loss less a minute.
#[tokio::test(flavor = "multi_thread")]
async fn what_an_asynchronous_standby_lacks_is_found_in_clio_and_not_sent_again() {
    let Some(server) = Server::start("") else { return };
    let standby = server.standby("other");
    let bench = bench_on(&server, &standby).await;
    (0..2).for_each(|n| add(&bench, n));
    assert!(bench.run(&["--firm", "firm_1"]).await.0.status.success());
    server.is_followed_by(&standby);
    let name = bench.server.clone().unwrap();
    let links = || standby.sql(&name, "SELECT count(*) FROM casehug_clio.records WHERE collection = 'matter'");
    // From here on it hears of nothing.
    standby.stop(Stop::Fast);
    let loss = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap() - Duration::from_secs(60);
    let loss = Timestamp(i64::try_from(loss.as_millis()).unwrap()).to_rfc3339();
    (2..6).for_each(|n| add(&bench, n));
    assert!(bench.run(&["--firm", "firm_1"]).await.0.status.success());
    server.stop(Stop::Immediate);
    standby.start_again();
    standby.promote();
    assert_eq!(links(), "2", "the links of four matters are lost");
    let (output, report) = bench.run(&["--firm", "firm_1", "--recover-since", &loss]).await;
    assert!(output.status.success(), "{report:#}");
    assert_each_once(&bench.state(), 6, 6, 6, "after the loss");
    assert_eq!(links(), "6");
    assert!(bench.run(&["--firm", "firm_1", "--recover-since", "none"]).await.0.status.success());
    assert_each_once(&bench.state(), 6, 6, 6, "and after its end");
    bench.sim.stop();
}
