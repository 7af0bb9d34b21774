//! What it costs that several workers look at the head of one queue, each with a pool of its own:
//! commits that conflict, and what a scan that locks what it finds would cost in their place.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use casehug_clio::memory::MemoryIntake;
use casehug_clio::{Actor, FirmId, Sdk, Trigger, WorkerConfig};
use clio_sim::Config;
use futures_util::future::join_all;
use futures_util::{StreamExt as _, stream};
use postgres_server::Server;

use crate::postgres::open;
use crate::setup::{Bench, Counted, admin, connect_as, matter};

const WORKERS: [usize; 3] = [1, 2, 8];
const FIRMS: usize = 100;
const WAITING: usize = 8_000;
const COUNTED: Duration = Duration::from_secs(10);

/// Jobs without Clio: the intake is gone, so each is claimed, run, recorded and ended.
pub(crate) async fn run(server: &Server) {
    println!(
        "| workers | jobs a second | reads a job | commits a job | conflicts, of claims | of ends | of other commits of a job |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    for workers in WORKERS {
        let bench = Bench::new(Config { rate_limit: 1_000_000_000, ..Config::default() }).await;
        let database = server.database();
        let mut fleet = Vec::new();
        for _ in 0..workers {
            let store = Counted::new(Arc::new(open(&database).await));
            fleet.push((bench.sdk_of(Arc::new(store.clone()), MemoryIntake::new(), None).0, store));
        }
        fill(&fleet[0].0).await;
        let sum = |of: fn(&Counted) -> &AtomicU64| -> u64 {
            fleet.iter().map(|(_, store)| of(store).load(Ordering::Relaxed)).sum()
        };
        let kinds = || {
            let mut all: BTreeMap<&str, [u64; 2]> = BTreeMap::new();
            for (_, store) in &fleet {
                for (name, kind) in store.kinds.lock().unwrap().iter() {
                    let [commits, conflicts] = all.entry(name).or_default();
                    (*commits, *conflicts) = (*commits + kind.commits, *conflicts + kind.conflicts);
                }
            }
            all
        };
        let counts = || {
            let runs = "SELECT count(*) FROM casehug_clio.records WHERE collection = 'run'";
            let jobs: u64 = server.sql(&database, runs).parse().unwrap();
            ([jobs, sum(|store| &store.reads), sum(|store| &store.commits)], kinds())
        };
        let mut counted = [0.0; 3];
        let mut of_kind = BTreeMap::new();
        let mut took = Duration::ZERO;
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let work = join_all(fleet.iter().map(|(sdk, _)| {
            let mut stopped = stopped.clone();
            async move { sdk.worker(WorkerConfig::default()).run(async { drop(stopped.changed().await) }).await }
        }));
        let count = async {
            tokio::time::sleep(Duration::from_secs(2)).await;
            let (before, began) = (counts(), Instant::now());
            tokio::time::sleep(COUNTED).await;
            took = began.elapsed();
            let after = counts();
            counted = core::array::from_fn(|n| (after.0[n] - before.0[n]) as f64);
            for (name, now) in after.1 {
                let before = before.1.get(name).copied().unwrap_or_default();
                of_kind.insert(name, [now[0] - before[0], now[1] - before[1]]);
            }
            stop.send(true).unwrap();
        };
        tokio::join!(work, count);
        let [jobs, reads, commits] = counted;
        let share = |name: &str| {
            let [commits, conflicts] = of_kind.get(name).copied().unwrap_or_default();
            format!("{conflicts} of {commits}")
        };
        println!(
            "| {workers} | {:.0} | {:.1} | {:.2} | {} | {} | {} |",
            jobs / took.as_secs_f64(),
            reads / jobs,
            commits / jobs,
            share("claim"),
            share("end"),
            share("job alone")
        );
        bench.sim.stop();
    }
    println!();
    locking(server).await;
}

async fn fill(sdk: &Sdk) {
    let firms: Vec<Actor> =
        (0..FIRMS).map(|n| Actor { firm: FirmId::new(format!("firm_{n}")).unwrap(), ..admin() }).collect();
    for firm in &firms {
        connect_as(sdk, firm).await;
    }
    // What connecting asked for: it is not what is measured.
    sdk.worker(WorkerConfig::default()).run_due().await.unwrap();
    let trigger = async |n: usize| {
        let (firm, id) = (&firms[n % firms.len()], matter(&format!("m{n}")));
        sdk.firm(firm).matters().trigger(&id, Trigger::Approved).await.unwrap();
    };
    stream::iter(0..WAITING).for_each_concurrent(16, trigger).await;
}

/// A look at the first 32 due jobs as it is, and one that locks what it finds and skips what others
/// have locked.
async fn locking(server: &Server) {
    let database = server.database();
    drop(open(&database).await);
    server.sql(
        &database,
        "INSERT INTO casehug_clio.records SELECT 'firm_' || n % 100, 'job', n::text, 'v', n, repeat('x', 200)
         FROM generate_series(1, 20000) n; ANALYZE casehug_clio.records",
    );
    println!("| a look at 32 due jobs | ms | bytes of log |\n| --- | --- | --- |");
    for (name, locks) in [("as it is", ""), ("FOR UPDATE SKIP LOCKED", "FOR UPDATE SKIP LOCKED")] {
        let look = include_str!("../../../core/adapters/store-postgres/sql/due_of_all.sql");
        let look = look.trim_end().trim_end_matches(';').replace("$1", "'job'").replace("$2", "32");
        let look = look.trim_start_matches("SELECT");
        let logged = || -> u64 {
            let bytes = "SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint";
            server.sql(&database, bytes).parse().unwrap()
        };
        // Each its own transaction, as it is for the SDK.
        let looks = format!("DO $$ BEGIN FOR n IN 1..1000 LOOP PERFORM {look} {locks}; COMMIT; END LOOP; END $$");
        let (before, began) = (logged(), Instant::now());
        server.sql(&database, &looks);
        let (ms, bytes) = (began.elapsed().as_secs_f64(), (logged() - before) as f64 / 1000.0);
        println!("| {name} | {ms:.2} | {bytes:.0} |");
    }
    println!();
}
