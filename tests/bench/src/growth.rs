//! Whether reading stays as fast as it was, however many matters a firm has synced.

use std::sync::Arc;
use std::time::{Duration, Instant};

use casehug_clio::RunQuery;
use casehug_clio::ports::{Commit, Expect, Key, Store as _, Version, Write};
use casehug_clio_store_sqlite::SqliteStore;
use clio_sim::Config;
use serde_json::json;

use crate::percentile;
use crate::setup::{Bench, admin, connect, matter};

const LOOKS: usize = 300;

pub(crate) async fn run(most: usize) {
    println!("## Reading, by linked matters (SQLite)\n");
    println!(
        "| linked matters | a page of 50 runs | the runs of a matter | a matter's state | whose is this Clio id | database |"
    );
    println!("| --- | --- | --- | --- | --- | --- |");
    let bench = Bench::new(Config::default()).await;
    let store = SqliteStore::open(bench.path("sync.db")).await.unwrap();
    let (sdk, _) = bench.sdk(Arc::new(store.clone()));
    connect(&sdk).await;
    let stored = store.get(&Key::new(&admin().firm, "connection", "current")).await.unwrap().unwrap();
    let set: serde_json::Value = serde_json::from_str(&stored.body).unwrap();
    let set: String = serde_json::from_value(set["link_set"].clone()).unwrap();
    let mut there = 0;
    let mut first: Option<[f64; 4]> = None;
    for level in [10_000, 100_000, 1_000_000].into_iter().filter(|level| *level <= most) {
        for chunk in (there..level).step_by(500) {
            fill(&store, &set, chunk..(chunk + 500).min(level)).await;
        }
        there = level;
        let mut times: [Vec<f64>; 4] = Default::default();
        for look in 0..LOOKS {
            let n = look * 7919 % level;
            let id = matter(&format!("m{n:07}"));
            times[0].push(
                timed(async {
                    assert_eq!(sdk.firm(&admin()).matters().runs(RunQuery::default()).await.unwrap().items.len(), 50)
                })
                .await,
            );
            let one = RunQuery { matter: Some(id.clone()), ..RunQuery::default() };
            times[1].push(
                timed(async {
                    assert_eq!(sdk.firm(&admin()).matters().runs(one.clone()).await.unwrap().items.len(), 1)
                })
                .await,
            );
            times[2].push(
                timed(async { assert!(sdk.firm(&admin()).matters().state(&id).await.unwrap().clio_matter.is_some()) })
                    .await,
            );
            let owner = Key::new(&admin().firm, "clio", format!("{}/matter/{}", set.as_str(), 1_000_000 + n));
            times[3].push(timed(async { assert!(store.get(&owner).await.unwrap().is_some()) }).await);
        }
        let medians = times.map(|mut times| {
            times.sort_by(f64::total_cmp);
            percentile(&times, 0.5)
        });
        let base = *first.get_or_insert(medians);
        let size = std::fs::metadata(bench.path("sync.db")).unwrap().len() / 1_000_000;
        let cell = |n: usize| format!("{:.3} ms ({:.2})", medians[n], medians[n] / base[n]);
        println!("| {level} | {} | {} | {} | {} | {size} MB |", cell(0), cell(1), cell(2), cell(3));
    }
    println!("\nMedians of {LOOKS}; in brackets the ratio to the first line.\n");
    bench.sim.stop();
}

async fn timed(work: impl Future<Output = ()>) -> f64 {
    let began = Instant::now();
    work.await;
    began.elapsed().as_secs_f64() * 1000.0
}

/// The records that the sync of a matter leaves behind, as the SDK writes them.
async fn fill(store: &SqliteStore, set: &str, matters: std::ops::Range<usize>) {
    let mut writes = Vec::new();
    for n in matters {
        let (id, clio) = (format!("m{n:07}"), (1_000_000 + n).to_string());
        let run = format!("{:08x}-{:04x}-7000-8000-{n:012x}", 0x019d_0000 + (n >> 16), n & 0xffff);
        let step = json!({ "step": "matter", "id": id, "outcome": "created", "clio": clio });
        let records = [
            ("matter", format!("{set}/{id}"), json!({ "state": "link", "clio": clio, "how": "created", "at": 0 })),
            ("clio", format!("{set}/matter/{clio}"), json!({ "owner": id })),
            ("matter-run", format!("{id}/{run}"), json!({})),
            (
                "run",
                run.clone(),
                json!({ "matter": id, "actor": "usr_1", "trigger": "approved", "started_at": 0, "ended_at": 1,
                "status": "succeeded", "calls": 9, "attempt": 1, "steps": [step.clone(), step] }),
            ),
            (
                "job",
                id.clone(),
                json!({ "matter": id, "generation": 1, "served": 1, "trigger": "approved", "actor": "usr_1",
                "last": { "run": run, "status": "succeeded", "at": 0 } }),
            ),
        ];
        for (collection, id, body) in records {
            let key = Key::new(&admin().firm, collection, id);
            let version = Version(format!("v{n}"));
            writes.push(Write::Put { key, expect: Expect::Absent, version, due_in: None, body: body.to_string() });
        }
    }
    assert!(matches!(store.commit(&writes).await.unwrap(), Commit::Done { .. }), "filled");
    // Let SQLite write its log back.
    tokio::time::sleep(Duration::from_micros(1)).await;
}
