//! Many workers on one PostgreSQL and one firm: one refresh, one run of a matter at a time, one
//! budget.
//!
//! `CASEHUG_FLEET="WORKERS MATTERS"` says how many; `cargo xtask fleet` takes 8 and 300.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "helpers of tests")]

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::{Duration, Instant};

use casehug_clio::{LoggedRun, RunQuery, Sdk, Trigger};
use casehug_clio_store_postgres::{PostgresAddress, PostgresStore};
use clio_sim::Config;
use clio_sim::model::Request;
use postgres_server::Server;
use serde_json::{Value, json};

use crate::bench::{Bench, Processes, assert_each_once, assert_no_client_data, intake};
use crate::embedded::{admin, matter, sdk};

fn size() -> (usize, usize) {
    let told = std::env::var("CASEHUG_FLEET").unwrap_or_default();
    let mut numbers = told.split_whitespace().filter_map(|number| number.parse().ok());
    (numbers.next().unwrap_or(4), numbers.next().unwrap_or(24))
}

/// All of them, whatever the page's size.
async fn runs(sdk: &Sdk) -> Vec<LoggedRun> {
    let (mut runs, mut after) = (Vec::new(), None);
    loop {
        let query = RunQuery { after, ..RunQuery::default() };
        let page = sdk.firm(&admin()).matters().runs(query).await.unwrap();
        runs.extend(page.items);
        after = page.next;
        if after.is_none() {
            return runs;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_workers_share_one_refresh_one_budget_and_never_a_matter() {
    let (workers, matters) = size();
    let Some(server) = Server::shared() else { return };
    // Not all calls of so many matters fit into one window. One of fifteen seconds is as short as
    // the budget takes for one: Clio's times are whole seconds.
    let rate_limit = u32::try_from(matters * 5).unwrap();
    let config = Config { rate_limit, rate_window_s: 15, search_delay_ms: 300, ..Config::default() };
    let bench = Bench { server: Some(server.database()), ..Bench::with(config).await };
    let database = bench.server.clone().unwrap();
    std::fs::create_dir_all(bench.intakes()).unwrap();
    assert!(bench.run(&["--firm", "firm_1"]).await.0.status.success(), "connected");
    for n in 0..matters {
        let (id, client) = (format!("m{n:05}"), format!("c{:05}", n / 2));
        let email = (n % 4 < 2).then(|| format!("zyx.qwertz{}@example.test", n / 2));
        bench.matter(&id, &intake(&id, &client, email.as_deref(), &["d1"]));
    }
    // The access token has ended, and nobody knows.
    let revoke = Request::new("POST", "/__sim/revoke").with_json(&json!({ "access": true, "refresh": false }));
    let now = bench.sim.now();
    assert_eq!(bench.sim.model().handle(now, &revoke).status, 200);
    let store = PostgresStore::open(PostgresAddress::parse(&database).unwrap()).await.unwrap();
    let sdk = sdk(&bench, &store);
    let began = Instant::now();
    // Each triggers every matter of the folder at its start.
    let worker = |n: usize| {
        let log = std::fs::File::create(bench.folder.path().join(format!("worker-{n}.log"))).unwrap();
        bench.worker().stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap()
    };
    let mut fleet = Processes((0..workers).map(worker).collect());
    let synced = async || {
        let arrived = bench.state()["documents"].as_array().unwrap().iter().filter(|d| d["complete"] == true).count();
        arrived == matters && runs(&sdk).await.iter().all(|run| run.ended_at.is_some())
    };
    let mut turn = 0;
    while !synced().await {
        assert!(began.elapsed() < Duration::from_secs(600), "{}", bench.state()["calls"]);
        // And others ask for the same once more.
        let id = matter(&format!("m{:05}", turn * 7 % matters));
        sdk.firm(&admin()).matters().trigger(id, Trigger::Approved).await.unwrap();
        turn += 1;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let took = began.elapsed();
    for (n, worker) in fleet.0.iter_mut().enumerate() {
        assert!(worker.try_wait().unwrap().is_none(), "no worker ended by itself");
        worker.kill().unwrap();
        worker.wait().unwrap();
        let log = std::fs::read(bench.folder.path().join(format!("worker-{n}.log"))).unwrap();
        assert_no_client_data(&log, "a worker's log");
    }
    assert_each_once(&bench.state(), matters.div_ceil(2), matters, matters, "many workers");
    let calls = bench.state()["calls"].clone();
    assert_eq!(calls["by_route"]["POST /oauth/token"], 2, "the code, and one refresh: {calls}");
    assert_eq!(calls["rejected"]["429"], Value::Null, "the window is never exceeded: {calls}");
    let mut of_matter: BTreeMap<String, Vec<LoggedRun>> = BTreeMap::new();
    let runs = runs(&sdk).await;
    let all = runs.len();
    runs.into_iter().for_each(|run| of_matter.entry(run.matter.to_string()).or_default().push(run));
    for (id, mut runs) in of_matter {
        runs.sort_by_key(|run| run.started_at);
        for pair in runs.windows(2) {
            // All processes are of one machine, so of one clock.
            assert!(pair[0].ended_at.unwrap() <= pair[1].started_at, "two workers on {id}: {pair:?}");
        }
    }
    let entries = sdk.firm(&admin()).audit().verify().await.unwrap().entries;
    println!(
        "{workers} workers, {matters} matters in {:.1} s: {all} runs, {} calls, one refresh, no call refused for the limit; {entries} audit entries verify",
        took.as_secs_f64(),
        calls["total"]
    );
    bench.sim.stop();
}
