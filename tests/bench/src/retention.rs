//! What history costs that is removed again: the size of the table after rounds of runs, each
//! pruned by the next, on a server whose autovacuum is as PostgreSQL ships it.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use casehug_clio::memory::MemoryIntake;
use casehug_clio::{Sdk, Timestamp, Trigger, WorkerConfig};
use clio_sim::Config;
use futures_util::{StreamExt as _, stream};
use postgres_server::Server;

use crate::postgres::open;
use crate::setup::{Bench, admin, connect, matter};

const ROUNDS: usize = 5;
const MATTERS: usize = 2_000;
/// Longer than autovacuum sleeps, which is a minute.
const ROUND: Duration = Duration::from_secs(75);

pub(crate) async fn run(server: &Server) {
    let bench = Bench::new(Config { rate_limit: 1_000_000_000, ..Config::default() }).await;
    let database = server.database();
    let (sdk, _) = bench.sdk_of(Arc::new(open(&database).await), MemoryIntake::new(), None);
    connect(&sdk).await;
    println!("{MATTERS} runs a round, each {} s long; what is older than its round is pruned in it\n", ROUND.as_secs());
    println!("| round | rows | table | indexes | rows that are dead | vacuums | updates in their page |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    for round in 1..=ROUNDS {
        let (began, before) = (Instant::now(), now());
        let trigger = async |n: usize| {
            sdk.firm(&admin()).matters().trigger(&matter(&format!("m{n}")), Trigger::Approved).await.unwrap();
        };
        stream::iter(0..MATTERS).for_each_concurrent(8, trigger).await;
        sdk.worker(WorkerConfig::default()).run(ended(&sdk, server, &database, before)).await;
        sdk.firm(&admin()).matters().prune_runs(before).await.unwrap();
        sdk.firm(&admin()).audit().prune(before).await.unwrap();
        tokio::time::sleep(ROUND.saturating_sub(began.elapsed())).await;
        let sizes = "SELECT (SELECT count(*) FROM casehug_clio.records), pg_size_pretty(pg_table_size(relid)), pg_size_pretty(pg_indexes_size(relid)),
                n_dead_tup, autovacuum_count, round(100.0 * n_tup_hot_upd / greatest(n_tup_upd, 1)) || ' %'
             FROM pg_stat_user_tables WHERE relid = 'casehug_clio.records'::regclass";
        println!("| {round} | {} |", server.sql(&database, sizes).replace('|', " | "));
    }
    println!();
    bench.sim.stop();
}

/// Until all runs of a round have ended and the host has taken their events, as hosts do.
async fn ended(sdk: &Sdk, server: &Server, database: &str, since: Timestamp) {
    let runs =
        format!("SELECT count(*) FROM casehug_clio.sync_log WHERE ended_at >= to_timestamp({} / 1000.0)", since.0);
    let mut events = 0;
    while events < MATTERS || server.sql(database, &runs).parse::<usize>().unwrap() < MATTERS {
        for event in sdk.host().next_events(None, 500, Duration::from_millis(100)).await.unwrap() {
            if let Some(id) = event.id {
                sdk.host().ack_event(&admin().firm, &id).await.unwrap();
                events += 1;
            }
        }
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp(i64::try_from(since.as_millis()).unwrap())
}
