//! Records that are rewritten and removed all the time: by the table's own settings autovacuum
//! comes early, most rewrites stay in their page, and the table stays as large as what is in it.

use std::ops::Range;
use std::time::{Duration, Instant};

use casehug_clio::ports::{Version, Write};
use postgres_server::Server;

use crate::common::{at, is_done, key, open, put, put_new};

/// Records that are there all the time.
const KEPT: usize = 10_000;
/// Of them those that go, and those that come, in a round: a twentieth, where PostgreSQL waits for
/// a fifth unless the table says otherwise.
const PRUNED: usize = 500;
const ROUNDS: usize = 6;
/// Records of one commit.
const TOGETHER: usize = 100;

fn id(n: usize) -> String {
    format!("{n:08}")
}

/// Over connections of their own: one that ends tells at once what it did, one that rests after ten
/// seconds.
async fn commit(url: &str, writes: &[Write]) {
    let store = open(url).await;
    for some in writes.chunks(TOGETHER) {
        assert!(is_done(&store, some).await);
    }
    store.close();
}

async fn add(url: &str, numbers: Range<usize>) {
    commit(url, &numbers.map(|n| put_new(&id(n), &"x".repeat(300))).collect::<Vec<_>>()).await;
}

async fn prune(url: &str, numbers: Range<usize>) {
    let version = || Version(String::from("v1"));
    commit(url, &numbers.map(|n| Write::Delete { key: key(&id(n)), version: version() }).collect::<Vec<_>>()).await;
}

/// A number that the server counts for the table.
fn counted(server: &Server, url: &str, what: &str) -> u64 {
    let asked = format!("SELECT {what} FROM pg_stat_user_tables WHERE relid = 'casehug_clio.records'::regclass");
    server.sql(url, &asked).parse().unwrap()
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(30), "{what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn history_that_comes_and_goes_leaves_the_table_as_large_as_it_was() {
    // As shipped, but that autovacuum looks every second, not every minute.
    let Some(server) = Server::start("fsync = off\nautovacuum_naptime = 1s") else { return };
    let url = server.database();
    add(&url, 0..KEPT).await;
    until("all are counted", || counted(&server, &url, "n_tup_ins") >= KEPT as u64).await;
    let mut sizes = Vec::new();
    for round in 0..ROUNDS {
        let vacuums = counted(&server, &url, "autovacuum_count");
        let (oldest, newest) = (round * PRUNED, KEPT + round * PRUNED);
        add(&url, newest..newest + PRUNED).await;
        prune(&url, oldest..oldest + PRUNED).await;
        until("one row of twenty is dead, and nobody comes", || counted(&server, &url, "autovacuum_count") > vacuums)
            .await;
        let size = server.sql(&url, "SELECT pg_table_size('casehug_clio.records')");
        sizes.push(size.parse::<u64>().unwrap());
    }
    println!("bytes of {KEPT} records after each round of {PRUNED}: {sizes:?}");
    let (early, late) = (sizes[1], sizes[ROUNDS - 1]);
    assert!(late < early + early / 20, "{sizes:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_is_rewritten_stays_in_its_page() {
    let Some(server) = Server::start("fsync = off\nautovacuum = off") else { return };
    let url = server.database();
    add(&url, 0..KEPT).await;
    // One of twenty, four times each, as links and states are.
    let states = || (0..KEPT).step_by(20);
    for turn in 1..=4 {
        let write = |n| put(&id(n), at(&format!("v{turn}")), &format!("v{}", turn + 1), &"y".repeat(300));
        commit(&url, &states().map(write).collect::<Vec<_>>()).await;
    }
    let updates = 4 * states().count() as u64;
    until("all are counted", || counted(&server, &url, "n_tup_upd") >= updates).await;
    let in_page = counted(&server, &url, "n_tup_hot_upd");
    println!("{in_page} of {updates} rewrites stayed in their page");
    assert!(in_page * 10 >= updates * 9, "{in_page} of {updates}");
}
