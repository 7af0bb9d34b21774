//! A connection that breaks: a read is asked again, a commit is unknown, and the record that only
//! it writes tells.

use std::sync::Arc;

use casehug_clio::Code;
use casehug_clio::ports::Store as _;
use futures_util::future::join_all;
use postgres_server::{Server, Stop};

use crate::common::{body, ids, is_done, key, open, put_new};
use crate::proxy::{Break, Proxy};

#[tokio::test]
async fn a_commit_whose_question_or_answer_is_lost_is_unknown_and_its_own_record_tells() {
    let Some(server) = Server::shared() else { return };
    let database = server.database();
    let proxy = Proxy::start(server.port()).await;
    let store = open(&proxy.url(&database)).await;
    for (n, (lost, landed)) in [(Break::Question, false), (Break::Answer, true)].into_iter().enumerate() {
        let marker = format!("marker/{n}");
        assert!(is_done(&store, &[put_new(&format!("before/{n}"), "x")]).await);
        proxy.break_next(lost);
        let error = store.commit(&[put_new(&marker, "x")]).await.unwrap_err();
        assert_eq!((error.code(), error.get("reason")), (Code::StoreFailed, Some("connection_lost")), "{lost:?}");
        // The answer was lost on the way, after the commit.
        assert_eq!(body(&store, &marker).await.is_some(), landed, "{lost:?}");
    }
}

#[tokio::test]
async fn a_read_whose_connection_breaks_is_asked_again_on_another_one() {
    let Some(server) = Server::shared() else { return };
    let database = server.database();
    let proxy = Proxy::start(server.port()).await;
    let store = open(&proxy.url(&database)).await;
    assert!(is_done(&store, &[put_new("a", "x")]).await);
    for lost in [Break::Question, Break::Answer] {
        proxy.break_next(lost);
        assert_eq!(store.get(&key("a")).await.unwrap().unwrap().body, "x", "{lost:?}");
        proxy.break_next(lost);
        assert_eq!(ids(&store).await, ["a"], "{lost:?}");
    }
}

/// A future that is dropped leaves its commit unknown, not its connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_future_harms_nobody_else() {
    let Some(server) = Server::shared() else { return };
    let url = server.database();
    let store = Arc::new(open(&format!("{url}?pool_size=2")).await);
    for n in 0..100 {
        let (id, own) = (format!("dropped/{n}"), format!("own/{n}"));
        let (writes, owns) = ([put_new(&id, "x")], [put_new(&own, &own)]);
        let dropped = tokio::time::timeout(std::time::Duration::from_micros(n * 10), store.commit(&writes));
        let (_, kept) = tokio::join!(dropped, store.commit(&owns));
        kept.unwrap();
        assert_eq!(body(&*store, &own).await, Some(own));
    }
    assert_eq!(server.sql(&url, "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'"), "0");
}

/// The one test that stops the server: it has its own, with a disk that is asked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_there_after_the_server_fell_and_so_is_all_or_nothing_of_the_rest() {
    let Some(server) = Server::start("") else { return };
    let url = server.database();
    let store = open(&url).await;
    let mut acknowledged = Vec::new();
    for how in [Stop::Immediate, Stop::Fast] {
        let writers = (0..4).map(|task| {
            let store = store.clone();
            async move {
                let mut done = Vec::new();
                for n in 0.. {
                    let pair = format!("{how:?}/{task}/{n}");
                    let halves = [put_new(&format!("{pair}/left"), "x"), put_new(&format!("{pair}/right"), "x")];
                    match store.commit(&halves).await {
                        Ok(_) => done.push(pair),
                        Err(error) => {
                            assert_eq!(error.code(), Code::StoreFailed);
                            return done;
                        }
                    }
                }
                done
            }
        });
        let writers = tokio::spawn(join_all(writers));
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        server.stop(how);
        acknowledged.extend(writers.await.unwrap().into_iter().flatten());
        server.start_again();
        // The same store goes on, with new connections.
        let found = ids(&store).await;
        for pair in &acknowledged {
            for half in ["left", "right"] {
                assert!(found.binary_search(&format!("{pair}/{half}")).is_ok(), "{pair} was acknowledged");
            }
        }
        assert!(found.len() % 2 == 0, "half a commit");
    }
    println!("{} acknowledged", acknowledged.len());
    assert!(acknowledged.len() > 20);
}
