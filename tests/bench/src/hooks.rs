//! Taking in webhook deliveries: token, signature, parsing, one durable record, against commits of
//! the same record alone.

use std::sync::Arc;
use std::time::Instant;

use casehug_clio::WorkerConfig;
use casehug_clio::ports::{Commit, Expect, Headers, Key, Store, Version, Write};
use casehug_clio_store_sqlite::SqliteStore;
use clio_sim::Config;
use futures_util::stream::{self, StreamExt as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::json;
use sha2::Digest as _;

use crate::setup::{Bench, admin, connect};

const DELIVERIES: usize = 1_000;
const ROUNDS: usize = 5;

pub(crate) async fn run() {
    println!("## Taking in {DELIVERIES} webhook deliveries on SQLite, median of {ROUNDS} rounds\n");
    let bench = Bench::new(Config { rate_limit: 1_000_000_000, http_webhooks: true, ..Config::default() }).await;
    let store = SqliteStore::open(bench.path("hooks.db")).await.unwrap();
    let sdk = Arc::new(bench.sdk_with(Arc::new(store.clone()), Some("http://127.0.0.1:9/hooks")).0);
    connect(&sdk).await;
    sdk.worker(WorkerConfig::default()).run_due().await.unwrap();
    let now = bench.sim.now();
    let hook = bench.sim.model().state(now)["webhooks"][0].clone();
    let token = hook["url"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let secret = bench.sim.model().webhook_secrets().remove(0);
    println!("| at once | bare commits a second | deliveries a second | to one bare commit at a time | to as many |");
    println!("| --- | --- | --- | --- | --- |");
    let mut one_at_a_time = None;
    for at_once in [1, 2, 8, 32] {
        let (mut bare, mut taken) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            bare.push(commits(&store, &format!("{at_once}-{round}"), at_once).await);
            let began = Instant::now();
            let mut work = stream::iter((0..DELIVERIES).map(|number| {
                let body = json!({ "data": { "id": 1_700_000_000 + number, "status": "Closed", "updated_at": "2026-04-01T08:00:00-04:00",
                    "etag": format!("{at_once}-{round}-{number}") }, "meta": { "event": "matter_closed", "webhook_id": 1 } });
                let body = body.to_string();
                let signed = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap().chain_update(&body);
                let headers = Headers::new().with("X-Hook-Signature", hex::encode(signed.finalize().into_bytes()));
                let (sdk, token) = (Arc::clone(&sdk), token.clone());
                async move { assert_eq!(sdk.handle_webhook(&token, &headers, body.as_bytes()).await.status, 200) }
            }))
            .buffer_unordered(at_once);
            while work.next().await.is_some() {}
            taken.push(DELIVERIES as f64 / began.elapsed().as_secs_f64());
        }
        let (bare, taken) = (median(bare), median(taken));
        let alone = *one_at_a_time.get_or_insert(bare);
        println!("| {at_once} | {bare:.0} | {taken:.0} | {:.2} | {:.2} |", taken / alone, taken / bare);
    }
    println!();
    bench.sim.stop();
}

/// Commits of one record each, of a delivery's size and under a digest, as deliveries are: keys in
/// their order would fall into one page of the database.
async fn commits(store: &SqliteStore, round: &str, at_once: usize) -> f64 {
    let body = "x".repeat(180);
    let began = Instant::now();
    let mut work = stream::iter((0..DELIVERIES).map(|number| {
        let id = hex::encode(sha2::Sha256::digest(format!("{round}-{number}")));
        let key = Key::new(&admin().firm, "bare", id);
        let version = Version(format!("{round}.{number:036}"));
        let write = Write::Put {
            key,
            expect: Expect::Absent,
            version,
            due_in: Some(core::time::Duration::ZERO),
            body: body.clone(),
        };
        async move { assert_ne!(store.commit(&[write]).await.unwrap(), Commit::Conflict) }
    }))
    .buffer_unordered(at_once);
    while work.next().await.is_some() {}
    DELIVERIES as f64 / began.elapsed().as_secs_f64()
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}
