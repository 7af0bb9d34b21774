//! PostgreSQL: statements of a matter, jobs of a full queue, the way from one process to another,
//! and what ten thousand firms cost that do nothing.

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use casehug_clio::memory::MemoryIntake;
use casehug_clio::{Actor, FirmId, Sdk, Trigger, WorkerConfig};
use casehug_clio_store_postgres::{PostgresAddress, PostgresStore};
use clio_sim::Config;
use futures_util::{StreamExt as _, stream};
use postgres_server::Server;

use crate::setup::{Bench, admin, connect, connect_as, matter};
use crate::{percentile, processor};

const MATTERS: usize = 50;
const TRIGGERS: usize = 300;
const FIRMS: usize = 10_000;
const IDLE: Duration = Duration::from_secs(60);
const WAITING: [usize; 2] = [20_000, 100_000];
const PEER: &str = "graphile-worker@0.18.0";
/// How long the jobs of a full queue are counted.
const COUNTED: Duration = Duration::from_secs(10);

/// All of it, or only `statements`, `between`, `queue`, `contention` or `idle`; and `retention`,
/// which takes six minutes, if it is asked for.
pub(crate) async fn run(only: Option<&str>) {
    // With fsync: commits are what they are in production.
    let Some(server) = Server::start("") else { return };
    println!("## PostgreSQL, with fsync\n");
    let is_wanted = |name| only.is_none_or(|only| only == name);
    if is_wanted("statements") {
        statements(&server).await;
    }
    if is_wanted("between") {
        between_processes(&server).await;
    }
    if is_wanted("queue") {
        full_queue(&server).await;
    }
    if is_wanted("contention") {
        crate::contention::run(&server).await;
    }
    if only == Some("retention") {
        crate::retention::run(&server).await;
    }
    if is_wanted("idle") {
        idle(&server).await;
    }
}

pub(crate) async fn open(url: &str) -> PostgresStore {
    PostgresStore::open(PostgresAddress::parse(url).unwrap()).await.unwrap()
}

fn unlimited() -> Config {
    Config { rate_limit: 1_000_000_000, ..Config::default() }
}

/// Transactions of a database so far. Each call of the store is one, and one round trip.
async fn transactions(server: &Server, database: &str) -> i64 {
    // A connection that rests tells what it did after ten seconds.
    tokio::time::sleep(Duration::from_secs(11)).await;
    committed(server, database)
}

/// Transactions of a database of which its connections have told: each does every second, while it
/// is at work.
fn committed(server: &Server, database: &str) -> i64 {
    let name = database.rsplit('/').next().unwrap();
    let counted = format!("SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = '{name}'");
    server.sql("postgres", &counted).parse().unwrap()
}

async fn statements(server: &Server) {
    let (bench, database) = (Bench::new(unlimited()).await, server.database());
    let (sdk, _) = bench.sdk(Arc::new(open(&database).await));
    connect(&sdk).await;
    (0..=MATTERS).for_each(|n| bench.matter(&format!("m{n}"), 3, 1_000));
    sdk.firm(&admin()).matters().sync(&matter(&format!("m{MATTERS}"))).await.unwrap();
    let before = transactions(server, &database).await;
    for n in 0..MATTERS {
        sdk.firm(&admin()).matters().sync(&matter(&format!("m{n}"))).await.unwrap();
    }
    let each = (transactions(server, &database).await - before) as f64 / MATTERS as f64;
    println!("A matter of three documents: {each:.1} round trips, counted by the server (goal: at most 30)\n");
    bench.sim.stop();
}

/// One has the worker, another one triggers; each has a pool of its own.
async fn between_processes(server: &Server) {
    let (bench, database) = (Bench::new(unlimited()).await, server.database());
    let (triggers, _) = bench.sdk(Arc::new(open(&database).await));
    let (works, watched) = bench.sdk(Arc::new(open(&database).await));
    connect(&triggers).await;
    let mut waits = Vec::new();
    let work = async {
        for n in 0..TRIGGERS {
            let id = format!("m{n}");
            bench.matter(&id, 0, 0);
            let (before, began) = (watched.calls.lock().unwrap().len(), Instant::now());
            triggers.firm(&admin()).matters().trigger(&matter(&id), Trigger::Approved).await.unwrap();
            let first = loop {
                if let Some(first) = watched.calls.lock().unwrap().get(before) {
                    break *first;
                }
                tokio::time::sleep(Duration::from_micros(200)).await;
            };
            waits.push(first.duration_since(began).as_secs_f64() * 1000.0);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    works.worker(WorkerConfig::default()).run(work).await;
    waits.sort_by(f64::total_cmp);
    let [p50, p99, worst] = [0.5, 0.99, 1.0].map(|share| percentile(&waits, share));
    println!(
        "From a trigger in one process to the first call of another's worker, {TRIGGERS} triggers: p50 {p50:.1} ms, p99 {p99:.1} ms, worst {worst:.1} ms (goal: p99 below 500 ms)\n"
    );
    bench.sim.stop();
}

/// Jobs without Clio: the intake is gone, so each is claimed, run, recorded, audited, told and
/// ended, and nothing is sent.
async fn full_queue(server: &Server) {
    println!(
        "| jobs waiting | jobs a second, of 100 firms | round trips a job | {PEER}, a queue for each job, a task that does nothing |\n| --- | --- | --- | --- |"
    );
    for waiting in WAITING {
        let (bench, database) = (Bench::new(unlimited()).await, server.database());
        let store = Arc::new(open(&format!("{database}?pool_size=32")).await);
        let (sdk, _) = bench.sdk_of(store.clone(), MemoryIntake::new(), None);
        let firms: Vec<Actor> = (0..100).map(firm).collect();
        for firm in &firms {
            connect_as(&sdk, firm).await;
        }
        let trigger = async |n: usize| {
            let (firm, id) = (&firms[n % firms.len()], matter(&format!("m{n}")));
            sdk.firm(firm).matters().trigger(&id, Trigger::Approved).await.unwrap();
        };
        stream::iter(0..waiting).for_each_concurrent(32, trigger).await;
        let ended = || -> i64 {
            let runs = "SELECT count(*) FROM casehug_clio.records WHERE collection = 'run'";
            server.sql(&database, runs).parse().unwrap()
        };
        let (mut took, mut done, mut trips) = (Duration::ZERO, 0, 0);
        let config = WorkerConfig { concurrency: 32, per_firm: 4, ..WorkerConfig::default() };
        let work = async {
            tokio::time::sleep(Duration::from_secs(2)).await;
            let (before, trips_before, began) = (ended(), committed(server, &database), Instant::now());
            tokio::time::sleep(COUNTED).await;
            (took, done) = (began.elapsed(), ended() - before);
            trips = committed(server, &database) - trips_before;
        };
        sdk.worker(config).run(work).await;
        let (rate, trips) = (done as f64 / took.as_secs_f64(), trips as f64 / done as f64);
        println!("| {waiting} | {rate:.0} | {trips:.1} | {} |", peer(server, waiting));
        bench.sim.stop();
    }
    println!();
}

/// The same of the queue that Node services would take otherwise.
fn peer(server: &Server, waiting: usize) -> String {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("graphile.mjs");
    std::fs::write(&script, include_str!("graphile.mjs")).unwrap();
    let run = |program: &str, args: &[&str]| {
        let output = Command::new(program).args(args).current_dir(folder.path()).output();
        let output = output.map_err(|error| format!("{program}: {error}"))?;
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() { Ok(said(&output.stdout)) } else { Err(said(&output.stderr)) }
    };
    let seconds = COUNTED.as_secs().to_string();
    let told = run("npm", &["install", "--no-audit", "--no-fund", PEER])
        .and_then(|_| run("node", &["graphile.mjs", &server.database(), &waiting.to_string(), &seconds]));
    told.unwrap_or_else(|reason| format!("not measured: {reason}"))
}

fn firm(n: usize) -> Actor {
    Actor { firm: FirmId::new(format!("firm_{n}")).unwrap(), ..admin() }
}

/// Until there is nothing to do, nor will be in the time that is measured.
async fn quiet(server: &Server, database: &str) {
    let due_soon = format!(
        "SELECT count(*) FROM casehug_clio.records WHERE collection IN ('chore', 'release') AND due_at < casehug_clio.now_ms() + {}",
        2 * IDLE.as_millis()
    );
    while server.sql(database, &due_soon) != "0" {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

async fn idle(server: &Server) {
    let (bench, database) = (Bench::new(unlimited()).await, server.database());
    let (sdk, _) = bench.sdk(Arc::new(open(&format!("{database}?pool_size=16")).await));
    let sdk: &Sdk = &sdk;
    stream::iter(0..FIRMS).for_each_concurrent(16, async |n| connect_as(sdk, &firm(n)).await).await;
    let (mut share, mut rate, mut each) = (0.0, 0.0, 0.0);
    let work = async {
        // What connecting asked for is done first.
        quiet(server, &database).await;
        let (used, before, began) = (processor(), transactions(server, &database).await, Instant::now());
        tokio::time::sleep(IDLE).await;
        let after = transactions(server, &database).await;
        rate = (after - before) as f64 / began.elapsed().as_secs_f64();
        share = (processor() - used).as_secs_f64() / began.elapsed().as_secs_f64() * 100.0;
        // A day later.
        server
            .sql(&database, "UPDATE casehug_clio.records SET due_at = casehug_clio.now_ms() WHERE due_at IS NOT NULL");
        quiet(server, &database).await;
        each = (transactions(server, &database).await - after) as f64 / FIRMS as f64;
    };
    sdk.worker(WorkerConfig::default()).run(work).await;
    println!(
        "{FIRMS} connected firms, nothing to do, {} s: {rate:.1} statements a second, {share:.2} % of a core in the process, the simulated Clio in it included (goals: fewer than 5, below 1 %). What is done for each once a day: {each:.1} statements, {:.1} a second on average\n",
        IDLE.as_secs(),
        each * FIRMS as f64 / 86_400.0,
    );
    bench.sim.stop();
}
