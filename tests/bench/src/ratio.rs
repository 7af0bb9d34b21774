//! The engine against a loop written by hand, which makes the same calls to the same Clio and keeps
//! nothing.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use casehug_clio::memory::MemoryStore;
use casehug_clio::ports::Store;
use casehug_clio_runtime_tokio::TokioRuntime;
use casehug_clio_store_sqlite::SqliteStore;
use clio_sim::Config;
use serde_json::{Value, json};

use crate::setup::{Bench, Counted, admin, connect, matter};

const DOCUMENTS: usize = 3;
const LEN: usize = 70_000;

/// How slow Clio is, and how many matters are synced how often.
struct Setting {
    latency: Duration,
    matters: usize,
    rounds: usize,
}

pub(crate) async fn run() {
    compare(Setting { latency: Duration::ZERO, matters: 60, rounds: 5 }).await;
    compare(Setting { latency: Duration::from_millis(20), matters: 10, rounds: 3 }).await;
}

async fn compare(setting: Setting) {
    let Setting { latency, matters, rounds } = setting;
    println!(
        "## The engine and a loop by hand, {matters} matters of new clients with {DOCUMENTS} documents of {LEN} bytes, {} ms a call, median of {rounds} rounds\n",
        latency.as_millis()
    );
    // A Clio for each: its searches take longer the more it holds.
    let clio = async || {
        let bench = Bench::new(Config { rate_limit: 1_000_000_000, ..Config::default() }).await;
        bench.slow_down(latency);
        bench
    };
    let (one, other, bench, kept_in) = (clio().await, clio().await, clio().await, clio().await);
    let sqlite = Counted::new(Arc::new(SqliteStore::open(bench.path("sync.db")).await.unwrap()));
    let memory: Arc<dyn Store> = Arc::new(MemoryStore::new(Arc::new(TokioRuntime)));
    let (on_sqlite, watched) = bench.sdk(Arc::new(sqlite.clone()));
    let (in_memory, quiet) = kept_in.sdk(memory);
    connect(&on_sqlite).await;
    connect(&in_memory).await;
    let (mut by_hand, mut pooled, mut durable, mut kept) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut calls = 0;
    let before_all = quiet.nanos.load(Ordering::Relaxed);
    // Round by round, so that a slower minute of the machine slows all of them.
    for round in 0..rounds {
        let names = |kind: &str| (0..matters).map(|n| format!("{kind}{round}-{n}")).collect::<Vec<_>>();
        for id in names("s") {
            bench.matter(&id, DOCUMENTS, LEN);
        }
        for id in names("m") {
            kept_in.matter(&id, DOCUMENTS, LEN);
        }
        by_hand.push(hand(&one, &names("h"), false).await);
        pooled.push(hand(&other, &names("p"), true).await);
        let before = watched.calls.lock().unwrap().len();
        durable.push(engine(&on_sqlite, &names("s")).await);
        calls += watched.calls.lock().unwrap().len() - before;
        kept.push(engine(&in_memory, &names("m")).await);
    }
    let (by_hand, pooled, durable, kept) = (median(by_hand), median(pooled), median(durable), median(kept));
    let all = matters * rounds;
    let commits = sqlite.commits.load(Ordering::Relaxed) as f64 / all as f64;
    let reads = sqlite.reads.load(Ordering::Relaxed) as f64 / all as f64;
    let spent = Duration::from_nanos(sqlite.nanos.load(Ordering::Relaxed)) / u32::try_from(all).unwrap();
    let per = |whole: Duration| whole.as_secs_f64() * 1000.0 / matters as f64;
    println!("| | ms a matter | to the loop |\n| --- | --- | --- |");
    println!("| loop by hand, a connection for each call | {:.2} | 1.00 |", per(by_hand));
    println!("| loop by hand, connections used again | {:.2} | {:.2} |", per(pooled), ratio(pooled, by_hand));
    println!("| engine, records in memory | {:.2} | {:.2} |", per(kept), ratio(kept, by_hand));
    println!("| engine, SQLite, every commit durable | {:.2} | {:.2} |", per(durable), ratio(durable, by_hand));
    let in_calls = Duration::from_nanos(quiet.nanos.load(Ordering::Relaxed) - before_all).as_secs_f64() * 1000.0;
    println!("\nin memory, {:.2} ms a matter are spent in the transport", in_calls / all as f64);
    println!(
        "{:.1} requests, {reads:.1} reads and {commits:.1} commits a matter; commits take {:.2} ms of it ({:.0} %), {:.2} ms each\n",
        calls as f64 / all as f64,
        spent.as_secs_f64() * 1000.0,
        spent.as_secs_f64() * 100_000.0 / per(durable),
        spent.as_secs_f64() * 1000.0 / commits,
    );
    [one, other, bench, kept_in].into_iter().for_each(|bench| bench.sim.stop());
}

fn ratio(one: Duration, other: Duration) -> f64 {
    one.as_secs_f64() / other.as_secs_f64()
}

fn median(mut all: Vec<Duration>) -> Duration {
    all.sort();
    all[all.len() / 2]
}

async fn engine(sdk: &casehug_clio::Sdk, names: &[String]) -> Duration {
    let began = Instant::now();
    for id in names {
        let report = sdk.firm(&admin()).matters().sync(&matter(id)).await.unwrap();
        assert!(report.first_failure().is_none(), "{report:?}");
    }
    began.elapsed()
}

/// The fields that the engine asks for: "the same calls" have the same answers.
const CONTACT: &[(&str, &str)] =
    &[("fields", "id,type,first_name,last_name,created_at,email_addresses{address},phone_numbers{number}")];
const MATTER: &[(&str, &str)] =
    &[("fields", "id,status,client_reference,description,created_at,updated_at,client{id},practice_area{id}")];
const STUB: &[(&str, &str)] = &[("fields", "id,latest_document_version{uuid,put_url,put_headers}")];
const DOCUMENT: &[(&str, &str)] =
    &[("fields", "id,matter{id},external_properties{name,value},latest_document_version{uuid,fully_uploaded}")];

async fn hand(bench: &Bench, names: &[String], pooled: bool) -> Duration {
    let now = bench.sim.now();
    let token = bench.sim.model().grant(now).access_token;
    let client = reqwest::Client::builder().user_agent("by-hand");
    let client = if pooled { client } else { client.pool_max_idle_per_host(0) };
    let client = client.build().unwrap();
    let root = format!("{}/api/v4", bench.sim.url().trim_end_matches('/'));
    let began = Instant::now();
    for id in names {
        one_by_hand(&client, &root, &token, id, DOCUMENTS, LEN).await;
    }
    began.elapsed()
}

/// Search, contact, matter, then POST, PUT and PATCH of each document: what anybody would write
/// first.
pub(crate) async fn one_by_hand(
    client: &reqwest::Client,
    root: &str,
    token: &str,
    id: &str,
    documents: usize,
    len: usize,
) {
    let email = format!("{id}@{id}.test");
    let search = client.get(format!("{root}/contacts.json")).query(CONTACT);
    let search = search.query(&[("type", "Person"), ("limit", "200"), ("order", "id(asc)"), ("query", email.as_str())]);
    answer(search.bearer_auth(token)).await;
    let contact = json!({ "data": { "type": "Person", "first_name": "Ana", "last_name": format!("Doe {id}"),
        "email_addresses": [{ "name": "Home", "address": email, "default_email": true }] } });
    let contact =
        answer(client.post(format!("{root}/contacts.json")).query(CONTACT).bearer_auth(token).json(&contact)).await;
    let body =
        json!({ "data": { "client": { "id": contact["data"]["id"] }, "description": format!("Doe v. Roe {id}") } });
    let matter = answer(client.post(format!("{root}/matters.json")).query(MATTER).bearer_auth(token).json(&body)).await;
    for n in 0..documents {
        let property = |name: &str, value: String| json!({ "name": name, "value": value });
        let body = json!({ "data": { "name": format!("d{n}.pdf"), "parent": { "id": matter["data"]["id"], "type": "Matter" },
            "external_properties": [property("matter", id.to_owned()), property("document", format!("d{n}")), property("upload", "u".into())] } });
        let stub =
            answer(client.post(format!("{root}/documents.json")).query(STUB).bearer_auth(token).json(&body)).await;
        let version = &stub["data"]["latest_document_version"];
        let mut put = client.put(version["put_url"].as_str().unwrap()).body(vec![b'x'; len]);
        for header in version["put_headers"].as_array().unwrap() {
            put = put.header(header["name"].as_str().unwrap(), header["value"].as_str().unwrap());
        }
        assert!(put.send().await.unwrap().status().is_success());
        let body = json!({ "data": { "uuid": version["uuid"], "fully_uploaded": true } });
        let patch = client.patch(format!("{root}/documents/{}.json", stub["data"]["id"])).query(DOCUMENT);
        answer(patch.bearer_auth(token).json(&body)).await;
    }
}

async fn answer(request: reqwest::RequestBuilder) -> Value {
    let response = request.send().await.unwrap();
    let status = response.status();
    let body: Value = response.json().await.unwrap();
    assert!(status.is_success(), "{status} {body}");
    body
}
