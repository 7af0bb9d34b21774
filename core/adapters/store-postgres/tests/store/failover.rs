//! Two servers, of which one takes writes: which one is used, and what a switch loses.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use casehug_clio::Code;
use casehug_clio::ports::Store as _;
use futures_util::future::join_all;
use postgres_server::{Server, Stop};
use tokio::time::timeout;

use crate::common::{body, ids, is_done, key, open, put_new, try_open};

/// A line with both servers.
fn both(first: u16, second: u16, database: &str) -> String {
    let name = database.rsplit('/').next().unwrap();
    format!("postgres://postgres@127.0.0.1:{first},127.0.0.1:{second}/{name}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_hosts_the_one_that_takes_writes_is_used_whatever_the_other_one_is() {
    let Some(server) = Server::start("fsync = off") else { return };
    let (database, standby) = (server.database(), server.standby("other"));
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    // Takes connections, and never says a word.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = listener.local_addr().unwrap().port();
    for (what, other) in [("a standby", standby.port()), ("down", nobody), ("silent", silent)] {
        for line in [both(other, server.port(), &database), both(server.port(), other, &database)] {
            let began = Instant::now();
            let store = open(&format!("{line}?connect_timeout=2")).await;
            assert!(is_done(&store, &[put_new(&line, what)]).await, "{what}");
            // Both connections of a pool go the same way, and the second knows where.
            let at_once = join_all((0..8).map(|_| body(&store, &line))).await;
            assert!(at_once.iter().all(|found| found.as_deref() == Some(what)));
            assert!(began.elapsed() < Duration::from_secs(4), "{what}: {:?}", began.elapsed());
        }
    }
    for (line, reason) in [
        (both(standby.port(), standby.port(), &database), "read_only"),
        (both(standby.port(), nobody, &database), "unreachable"),
        (format!("{}?connect_timeout=1", both(nobody, silent, &database)), "timed_out"),
    ] {
        let error = timeout(Duration::from_secs(4), try_open(&line)).await.expect("an end").unwrap_err();
        assert_eq!((error.code(), error.get("reason")), (Code::StoreOpenFailed, Some(reason)));
    }
}

/// Whatever the database's default is: it is the database's, and the port says that what was
/// acknowledged stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_switch_to_a_synchronous_standby_loses_nothing_that_was_acknowledged() {
    let Some(server) = Server::start("") else { return };
    let (database, standby) = (server.database(), server.standby("other"));
    let name = database.rsplit('/').next().unwrap();
    server.sql(&database, &format!("ALTER DATABASE {name} SET synchronous_commit = off"));
    let store = open(&both(server.port(), standby.port(), &database)).await;
    server.set("synchronous_standby_names = 'other'\n");
    assert!(is_done(&store, &[put_new("before", "x")]).await);
    let writers = (0..4).map(|task| {
        let store = store.clone();
        async move {
            let mut done = Vec::new();
            for n in 0.. {
                let id = format!("{task}/{n}");
                match store.commit(&[put_new(&id, "x")]).await {
                    Ok(_) => done.push(id),
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
    tokio::time::sleep(Duration::from_millis(300)).await;
    server.stop(Stop::Immediate);
    let acknowledged: Vec<String> = writers.await.unwrap().into_iter().flatten().collect();
    // Until somebody takes writes again the store fails; it is not one that could not be opened.
    let errors = [store.get(&key("before")).await.unwrap_err(), store.commit(&[]).await.unwrap_err()];
    for error in errors {
        assert_eq!((error.code(), error.get("reason")), (Code::StoreFailed, Some("read_only")));
    }
    standby.promote();
    // The same store goes on, at the other host.
    let found = ids(&store).await;
    for id in acknowledged.iter().map(String::as_str).chain(["before"]) {
        assert!(found.binary_search(&id.to_owned()).is_ok(), "{id} was acknowledged");
    }
    println!("{} acknowledged", acknowledged.len());
    assert!(acknowledged.len() > 20);
    assert!(is_done(&store, &[put_new("after", "x")]).await);
}

/// Acknowledged is what the standby has: without it a commit is not done.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_waits_for_a_synchronous_standby_that_is_away() {
    let Some(server) = Server::start("") else { return };
    let (database, standby) = (server.database(), server.standby("other"));
    let name = database.rsplit('/').next().unwrap();
    drop(open(&database).await);
    server.set("synchronous_standby_names = 'other'\n");
    for default in ["on", "off"] {
        server.sql(&database, &format!("ALTER DATABASE {name} SET synchronous_commit = {default}"));
        let store = open(&database).await;
        assert!(is_done(&store, &[put_new(&format!("{default}/there"), "x")]).await);
        standby.stop(Stop::Fast);
        let writes = [put_new(&format!("{default}/away"), "x")];
        let mut commit = core::pin::pin!(is_done(&store, &writes));
        assert!(timeout(Duration::from_secs(1), &mut commit).await.is_err(), "{default}: nobody else has it");
        standby.start_again();
        assert!(timeout(Duration::from_secs(20), commit).await.expect("it is back"), "{default}");
    }
}
