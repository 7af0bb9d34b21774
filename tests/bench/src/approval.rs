//! How soon an approval shows in Clio.

use std::sync::Arc;
use std::time::{Duration, Instant};

use casehug_clio::{MatterSyncState, Trigger, WorkerConfig};
use casehug_clio_store_sqlite::SqliteStore;
use clio_sim::Config;

use crate::percentile;
use crate::setup::{Bench, admin, connect, matter};

const TRIGGERS: usize = 300;

/// A worker that has nothing to do, and one trigger after the other.
pub(crate) async fn trigger_to_first_call() {
    let bench = Bench::new(Config { rate_limit: 1_000_000_000, ..Config::default() }).await;
    let (sdk, watched) = bench.sdk(Arc::new(SqliteStore::open(bench.path("sync.db")).await.unwrap()));
    connect(&sdk).await;
    let mut waits = Vec::new();
    let work = async {
        for n in 0..TRIGGERS {
            let id = format!("m{n}");
            bench.matter(&id, 0, 0);
            let before = watched.calls.lock().unwrap().len();
            let began = Instant::now();
            sdk.firm(&admin()).matters().trigger(&matter(&id), Trigger::Approved).await.unwrap();
            let first = loop {
                if let Some(first) = watched.calls.lock().unwrap().get(before) {
                    break *first;
                }
                tokio::time::sleep(Duration::from_micros(200)).await;
            };
            waits.push(first.duration_since(began).as_secs_f64() * 1000.0);
            while sdk.firm(&admin()).matters().state(&matter(&id)).await.unwrap().status != MatterSyncState::Synced {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    };
    sdk.worker(WorkerConfig::default()).run(work).await;
    waits.sort_by(f64::total_cmp);
    println!("## From the trigger to the first call, one process, SQLite, {TRIGGERS} triggers\n");
    println!(
        "p50 {:.1} ms, p99 {:.1} ms, worst {:.1} ms (goal: p99 below 100 ms)\n",
        percentile(&waits, 0.5),
        percentile(&waits, 0.99),
        percentile(&waits, 1.0)
    );
    bench.sim.stop();
}

/// A new client with ten documents of 2 MB; every call and upload takes 300 ms; 50 calls a minute.
pub(crate) async fn ten_documents() {
    let bench = Bench::new(Config::default()).await;
    let (sdk, watched) = bench.sdk(Arc::new(SqliteStore::open(bench.path("sync.db")).await.unwrap()));
    connect(&sdk).await;
    bench.slow_down(Duration::from_millis(300));
    bench.matter("m1", 10, 2_000_000);
    let before = watched.calls.lock().unwrap().len();
    let began = Instant::now();
    let work = async {
        sdk.firm(&admin()).matters().trigger(&matter("m1"), Trigger::Approved).await.unwrap();
        while sdk.firm(&admin()).matters().state(&matter("m1")).await.unwrap().status != MatterSyncState::Synced {
            assert!(began.elapsed() < Duration::from_secs(120), "it never arrives");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    sdk.worker(WorkerConfig::default()).run(work).await;
    let took = began.elapsed();
    let calls = watched.calls.lock().unwrap();
    println!(
        "## From approval to everything in Clio: a new client, 10 documents of 2 MB, 300 ms a call, 50 calls a minute\n"
    );
    println!(
        "first call after {:.0} ms (goal: 1 s), everything after {:.1} s (goal: 30 s), {} requests\n",
        calls[before].duration_since(began).as_secs_f64() * 1000.0,
        took.as_secs_f64(),
        calls.len() - before
    );
    bench.sim.stop();
}
