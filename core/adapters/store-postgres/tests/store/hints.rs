//! Hints between processes: heard at once over a direct connection, and never behind a pooler.

use std::time::{Duration, Instant};

use casehug_clio::ports::Store;
use postgres_server::{Bouncer, Server};
use tokio::time::timeout;

use crate::common::{is_done, open, put_due, put_new};

/// Whether it completes within a time.
pub async fn hears(store: &impl Store, within: Duration) -> bool {
    timeout(within, store.due_elsewhere()).await.is_ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_made_due_is_heard_by_others_at_once_and_not_by_oneself() {
    let Some(server) = Server::shared() else { return };
    let url = server.database();
    let (one, other) = (open(&url).await, open(&url).await);
    // Both begin to listen, and hear that they have.
    assert!(hears(&one, Duration::from_secs(10)).await && hears(&other, Duration::from_secs(10)).await);
    let mut waits = Vec::new();
    for n in 0..20 {
        let (hint, own) = (other.due_elsewhere(), one.due_elsewhere());
        let began = Instant::now();
        assert!(is_done(&one, &[put_due(&format!("{n}"))]).await);
        timeout(Duration::from_secs(5), hint).await.expect("told");
        waits.push(began.elapsed());
        assert!(timeout(Duration::from_millis(10), own).await.is_err(), "it knows");
    }
    waits.sort();
    println!("heard after {:?}, at most {:?}", waits[10], waits[19]);
    assert!(waits[19] < Duration::from_secs(2), "{waits:?}");
    let hint = other.due_elsewhere();
    assert!(is_done(&one, &[put_new("never due", "x")]).await);
    assert!(timeout(Duration::from_millis(300), hint).await.is_err(), "nothing is due");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_listens_finds_its_way_back_after_its_connection_was_cut() {
    let Some(server) = Server::shared() else { return };
    let url = server.database();
    let store = open(&url).await;
    assert!(hears(&store, Duration::from_secs(10)).await);
    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()";
    assert_eq!(server.sql(&url, cut), "1");
    assert!(hears(&store, Duration::from_secs(30)).await, "that it listens again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_a_pooler_nobody_listens_and_everything_else_works() {
    let Some(server) = Server::shared() else { return };
    let Some(bouncer) = Bouncer::start(server, 2) else { return };
    let database = server.database();
    let name = database.rsplit('/').next().unwrap();
    server.sql(&database, &format!("ALTER DATABASE {name} SET log_statement = 'all'"));
    let (one, other) = (open(&bouncer.url(&database)).await, open(&bouncer.url(&database)).await);
    let hint = other.due_elsewhere();
    for n in 0..5 {
        assert!(is_done(&one, &[put_due(&format!("{n}"))]).await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(timeout(Duration::from_millis(500), hint).await.is_err());
    let log = server.log_of(&database);
    assert!(log.contains("pg_notify") && !log.contains("LISTEN"), "{log}");
}
