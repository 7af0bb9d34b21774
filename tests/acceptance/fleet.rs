//! Several workers on one PostgreSQL, killed again and again (SIGKILL) while they sync, with the
//! server restarted and connections cut under them. In the end everything is in Clio, once, and the
//! audit chain verifies.
//!
//! `CASEHUG_KILLS` says how often; `cargo xtask kills 1000 postgres` kills a thousand times.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "helpers of tests")]

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use casehug_clio::MatterSyncState;
use casehug_clio_store_postgres::{PostgresAddress, PostgresStore};
use clio_sim::Config;
use postgres_server::{Server, Stop};

use crate::bench::{Bench, Processes, assert_each_once, assert_no_client_data, intake};
use crate::embedded::{admin, matter, sdk};

/// Workers at once.
const WORKERS: usize = 3;
/// Kills between two restarts of the server.
const RESTART_EVERY: u32 = 10;
/// Kills between two times that half of the connections are cut.
const CUT_EVERY: u32 = 3;

/// What is killed next, and when. The same in every run.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// The workers, and what each has logged.
struct Fleet<'a> {
    bench: &'a Bench,
    workers: Processes,
}

impl<'a> Fleet<'a> {
    fn start(bench: &'a Bench) -> Self {
        let workers = Processes((0..WORKERS).map(|n| Self::worker(bench, n)).collect());
        Self { bench, workers }
    }

    fn worker(bench: &Bench, n: usize) -> Child {
        let log = std::fs::File::create(Self::log(bench, n)).unwrap();
        let mut command = bench.worker();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap()
    }

    fn log(bench: &Bench, n: usize) -> std::path::PathBuf {
        bench.folder.path().join(format!("worker-{n}.log"))
    }

    /// Ends one by SIGKILL. Whether it was at work until then: without its database at its start it
    /// ends by itself.
    fn kill(&mut self, n: usize) -> bool {
        let worker = &mut self.workers.0[n];
        let at_work = worker.try_wait().unwrap().is_none();
        worker.kill().unwrap();
        worker.wait().unwrap();
        assert_log_is_clean(&Self::log(self.bench, n));
        at_work
    }

    fn start_another(&mut self, n: usize) {
        self.workers.0[n] = Self::worker(self.bench, n);
    }
}

fn assert_log_is_clean(path: &Path) {
    let log = std::fs::read(path).unwrap();
    assert_no_client_data(&log, "a worker's log");
    assert!(!String::from_utf8_lossy(&log).contains("panicked"), "{}", path.display());
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_on_postgresql_that_are_killed_with_their_server_sync_everything_once() {
    let kills: u32 = std::env::var("CASEHUG_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(24);
    let Some(server) = Server::start("") else { return };
    let matters = 10 + kills as usize / 2;
    // A process that dies takes its share of a window with it: short windows, or it is idle
    // processes that are killed.
    let config = Config {
        rate_limit: 1_000_000,
        rate_window_s: 2,
        search_delay_ms: 300,
        filter_delay_ms: 100,
        ..Config::default()
    };
    let bench = Bench { server: Some(server.database()), ..Bench::with(config).await };
    let database = bench.server.clone().unwrap();
    std::fs::create_dir_all(bench.intakes()).unwrap();
    assert!(bench.run(&["--firm", "firm_1"]).await.0.status.success(), "connected");
    let add = |n: usize| {
        let (id, client) = (format!("m{n:05}"), format!("c{:05}", n / 2));
        let email = (n % 4 < 2).then(|| format!("zyx.qwertz{}@example.test", n / 2));
        bench.matter(&id, &intake(&id, &client, email.as_deref(), &["d1"]));
    };
    (0..10).for_each(add);
    let (began, mut draw) = (Instant::now(), Draw(0x9e37_79b9_7f4a_7c15));
    let mut fleet = Fleet::start(&bench);
    let (mut added, mut at_work, mut restarts, mut cuts) = (10, 0, 0, 0);
    for kill in 0..kills {
        if kill % 2 == 1 {
            add(added);
            added += 1;
        }
        tokio::time::sleep(Duration::from_millis(draw.below(300))).await;
        if kill % CUT_EVERY == 1 {
            cuts += server.sql(&database, CUT).lines().count();
        }
        let n = usize::try_from(draw.below(WORKERS as u64)).unwrap();
        at_work += u32::from(fleet.kill(n));
        if kill % RESTART_EVERY == RESTART_EVERY - 1 {
            // Those that are alive find it gone in the middle of whatever they do.
            server.stop(if restarts % 2 == 0 { Stop::Immediate } else { Stop::Fast });
            server.start_again();
            restarts += 1;
        }
        fleet.start_another(n);
    }
    assert!(at_work > kills / 2, "{at_work} of {kills} were at work");
    assert_eq!(added, matters);
    let healed = Instant::now();
    let store = PostgresStore::open(PostgresAddress::parse(&database).unwrap()).await.unwrap();
    let sdk = sdk(&bench, &store);
    let left = bench.state()["matters"].as_array().unwrap().len();
    // One that found the server gone at its start has ended; and the folder is read at the start
    // only.
    for n in 0..WORKERS {
        fleet.kill(n);
        fleet.start_another(n);
    }
    for n in 0..matters {
        let id = matter(&format!("m{n:05}"));
        while sdk.firm(&admin()).matters().state(&id).await.unwrap().status != MatterSyncState::Synced {
            let state = sdk.firm(&admin()).matters().state(&id).await.unwrap();
            assert!(healed.elapsed() < Duration::from_secs(240), "{id} never arrives: {state:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    (0..WORKERS).for_each(|n| assert!(fleet.kill(n), "no worker ended by itself"));
    // What was sent by a process that died has been executed by then.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_each_once(&bench.state(), matters.div_ceil(2), matters, matters, "kills on PostgreSQL");
    let entries = sdk.firm(&admin()).audit().verify().await.unwrap().entries;
    let dump = server.sql(&database, "SELECT * FROM casehug_clio.records");
    assert_no_client_data(dump.as_bytes(), "the database");
    println!(
        "{kills} kills, {restarts} restarts of the server and {cuts} cut connections in {:.0} s: {left} of {matters} matters had arrived by then; {matters} matters and documents, each once; {entries} audit entries verify",
        began.elapsed().as_secs_f64()
    );
    bench.sim.stop();
}

/// Half of them, whatever they do.
const CUT: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND pid % 2 = 0";
