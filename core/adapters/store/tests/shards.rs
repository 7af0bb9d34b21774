//! Several databases as one store.
#![allow(clippy::unwrap_used, clippy::panic)] // Tests.
#![cfg(all(unix, feature = "sqlite", feature = "postgres"))]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use casehug_clio::ports::{Commit, Expect, Key, Scan, Version, Write};
use casehug_clio::{Code, FirmId};
use casehug_clio_runtime_tokio::TokioRuntime;
use casehug_clio_store::{OpenStore, StoreLocation};
use casehug_clio_testkit::store::{StoreUnderTest, run_all};
use postgres_server::{Server, Stop};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

async fn open(line: &str) -> OpenStore {
    line.parse::<StoreLocation>().unwrap().open().await.unwrap()
}

/// A file by which firm `of_b` is in the second database and all others are in the first.
fn plan(folder: &Path, databases: [&str; 2], of_b: &str) -> String {
    let file = folder.join("shards.json");
    let text = format!(
        r#"{{ "databases": {{ "a": "{}", "b": "{}" }}, "firms": {{ "{of_b}": "b" }}, "others": "a" }}"#,
        databases[0], databases[1]
    );
    std::fs::write(&file, text).unwrap();
    format!("shards:{}", file.display())
}

fn put(firm: &str, id: &str, due_in: Option<Duration>) -> Write {
    let key = Key::new(&FirmId::new(firm).unwrap(), "job", id);
    Write::Put { key, expect: Expect::Absent, version: Version(String::from("v1")), due_in, body: String::from("{}") }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn they_pass_the_suite_of_one_store() {
    let Some(server) = Server::shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let line = plan(folder.path(), [&server.database(), &server.database()], "firm_conformance");
    let (first, second) = (open(&line).await, open(&line).await);
    let under_test = async || StoreUnderTest::new(first.store(), second.store(), Arc::new(TokioRuntime));
    for (name, outcome) in run_all(under_test).await {
        assert_eq!(outcome, Ok(()), "{name}");
    }
}

#[tokio::test]
async fn what_is_due_comes_from_all_of_them_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| format!("sqlite:{}", folder.path().join(name).display());
    let store = open(&plan(folder.path(), [&file("a.db"), &file("b.db")], "firm_b")).await.store();
    for (firm, id) in [("firm_a", "1"), ("firm_b", "2"), ("firm_a", "3"), ("firm_b", "4")] {
        let done = store.commit(&[put(firm, id, Some(Duration::ZERO))]).await.unwrap();
        assert!(matches!(done, Commit::Done { .. }));
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    let due = async |limit| {
        let due = store.scan(&Scan::Due { firm: None, collection: "job", limit }).await.unwrap();
        due.into_iter().map(|record| record.key.id).collect::<Vec<_>>()
    };
    assert_eq!(due(10).await, ["1", "2", "3", "4"]);
    assert_eq!(due(3).await, ["1", "2", "3"]);
    let across = [put("firm_a", "5", None), put("firm_b", "5", None)];
    assert_eq!(store.commit(&across).await.unwrap_err().get("reason"), Some("several_databases"));
}

#[tokio::test]
async fn a_firm_with_records_in_another_database_is_refused_until_they_are_in_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| format!("sqlite:{}", folder.path().join(name).display());
    let before = open(&plan(folder.path(), [&file("a.db"), &file("b.db")], "firm_b")).await;
    for firm in ["firm_a", "firm_b"] {
        before.store().commit(&[put(firm, "1", None)]).await.unwrap();
    }
    before.close().await;
    // The file was changed, and the records were not moved.
    let changed = open(&plan(folder.path(), [&file("a.db"), &file("b.db")], "firm_a")).await;
    for firm in ["firm_a", "firm_b"] {
        let error = changed.store().commit(&[put(firm, "2", None)]).await.unwrap_err();
        assert_eq!(
            (error.code(), error.get("reason")),
            (Code::StoreFailed, Some("firm_in_another_database")),
            "{firm}"
        );
    }
    let fresh = changed.store().commit(&[put("firm_c", "1", None)]).await.unwrap();
    assert!(matches!(fresh, Commit::Done { .. }), "another firm goes on");
    changed.close().await;
    // The addresses were swapped.
    let swapped = open(&plan(folder.path(), [&file("b.db"), &file("a.db")], "firm_b")).await;
    assert!(swapped.store().commit(&[put("firm_a", "2", None)]).await.is_err());
}

#[tokio::test]
async fn a_refused_firm_hides_nothing_however_much_of_it_is_due() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| format!("sqlite:{}", folder.path().join(name).display());
    let before = open(&plan(folder.path(), [&file("a.db"), &file("b.db")], "firm_b")).await;
    let of_a: Vec<Write> = (0..500).map(|n| put("firm_a", &format!("{n}"), Some(Duration::ZERO))).collect();
    before.store().commit(&of_a).await.unwrap();
    tokio::time::sleep(Duration::from_millis(3)).await;
    before.store().commit(&[put("firm_c", "later", Some(Duration::ZERO))]).await.unwrap();
    before.close().await;
    let changed = open(&plan(folder.path(), [&file("a.db"), &file("b.db")], "firm_a")).await.store();
    tokio::time::sleep(Duration::from_millis(3)).await;
    let due = changed.scan(&Scan::Due { firm: None, collection: "job", limit: 10 }).await.unwrap();
    assert_eq!(due.iter().map(|record| record.key.id.as_str()).collect::<Vec<_>>(), ["later"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_away_holds_up_no_firm_of_another_one() {
    let (Some(server), Some(other)) = (Server::shared(), Server::start("")) else { return };
    let folder = tempfile::tempdir().unwrap();
    let line = plan(folder.path(), [&server.database(), &other.database()], "firm_b");
    let store = open(&line).await.store();
    store.commit(&[put("firm_a", "1", Some(Duration::ZERO))]).await.unwrap();
    store.commit(&[put("firm_b", "1", None)]).await.unwrap();
    other.stop(Stop::Fast);
    let scan = Scan::Due { firm: None, collection: "job", limit: 10 };
    assert_eq!(store.scan(&scan).await.unwrap().len(), 1);
    let Commit::Done { .. } = store.commit(&[put("firm_a", "2", None)]).await.unwrap() else { panic!("a conflict") };
    assert!(store.commit(&[put("firm_b", "2", None)]).await.is_err());
    // A look that finds nothing is none that failed: the next one would not come.
    let nothing = Scan::Due { firm: None, collection: "other", limit: 10 };
    assert_eq!(store.scan(&nothing).await.unwrap(), []);
    assert_eq!(store.scan(&scan).await.unwrap().len(), 1);
}

/// The time of a firm is that of its own database.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_database_of_all_others_holds_up_no_firm_of_another_one() {
    let (Some(server), Some(others)) = (Server::shared(), Server::start("")) else { return };
    let folder = tempfile::tempdir().unwrap();
    let store = open(&plan(folder.path(), [&others.database(), &server.database()], "firm_b")).await.store();
    let [a, b] = ["firm_a", "firm_b"].map(|firm| FirmId::new(firm).unwrap());
    for firm in [&a, &b] {
        let Commit::Done { at } = store.commit(&[put(firm.as_str(), "1", Some(Duration::ZERO))]).await.unwrap() else {
            panic!("a conflict")
        };
        assert!((0..10_000).contains(&store.now(firm).await.unwrap().millis_since(at)));
    }
    others.stop(Stop::Fast);
    assert!(store.now(&b).await.is_ok());
    assert!(store.now(&a).await.is_err());
    let scan = Scan::Due { firm: None, collection: "job", limit: 10 };
    assert_eq!(store.scan(&scan).await.unwrap().len(), 1);
    assert!(matches!(store.commit(&[put("firm_b", "2", None)]).await.unwrap(), Commit::Done { .. }));
    assert!(store.commit(&[put("firm_a", "2", None)]).await.is_err());
}

#[tokio::test]
async fn a_file_that_cannot_be_meant_is_refused_and_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shards.json");
    for (text, reason) in [
        ("{", "shards_not_valid"),
        (r#"{ "databases": {}, "others": "hunter2" }"#, "shards_unknown_database"),
        (r#"{ "databases": { "a": "mysql://u:hunter2@h/d" }, "others": "a" }"#, "unknown_scheme"),
        (r#"{ "databases": { "a": "shards:hunter2" }, "others": "a" }"#, "shards_in_shards"),
        (r#"{ "databases": { "a": "x.db" }, "firms": { "f": "hunter2" }, "others": "a" }"#, "shards_unknown_database"),
        (r#"{ "databases": { "a": "x.db" }, "others": "a", "hunter2": 1 }"#, "shards_not_valid"),
    ] {
        std::fs::write(&file, text).unwrap();
        let location: StoreLocation = format!("shards:{}", file.display()).parse().unwrap();
        let error = location.open().await.unwrap_err();
        assert_eq!((error.code(), error.get("reason")), (Code::SettingInvalid, Some(reason)), "{text}");
        assert!(!format!("{error} {error:?} {location:?}").contains("hunter2"));
    }
    let missing: StoreLocation = "shards:/nowhere/shards.json".parse().unwrap();
    assert_eq!(missing.open().await.unwrap_err().get("reason"), Some("shards_unreadable"));
}

/// The hint counts from the call on, whichever database it comes from.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_process_makes_due_in_any_of_them_is_told() {
    let Some(server) = Server::shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let line = plan(folder.path(), [&server.database(), &server.database()], "firm_b");
    let (here, elsewhere) = (open(&line).await.store(), open(&line).await.store());
    for firm in ["firm_a", "firm_b"] {
        // Both databases tell first that they are listened to.
        while tokio::time::timeout(Duration::from_secs(2), here.due_elsewhere()).await.is_ok() {}
        let hint = here.due_elsewhere();
        assert!(matches!(
            elsewhere.commit(&[put(firm, "1", Some(Duration::ZERO))]).await.unwrap(),
            Commit::Done { .. }
        ));
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert!(tokio::time::timeout(Duration::from_secs(20), hint).await.is_ok(), "{firm}");
    }
}

/// Between the store and a server; falls silent when it is told to.
struct Way {
    port: u16,
    silent: watch::Sender<bool>,
}

impl Way {
    async fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (silent, told) = watch::channel(false);
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let mut told = told.clone();
                tokio::spawn(async move {
                    let mut server = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
                    let silent = async { told.wait_for(|silent| *silent).await.map(drop) };
                    tokio::select! {
                        _ = silent => tokio::time::sleep(Duration::from_secs(600)).await,
                        _ = copy_bidirectional(&mut client, &mut server) => {}
                    }
                });
            }
        });
        Self { port, silent }
    }
}

/// A worker looks for five kinds of what is due, most of which is nothing, and gives up a look in
/// which failures took long.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_database_delays_one_look_and_fails_none() {
    let Some(server) = Server::shared() else { return };
    let (way, folder) = (Way::to(server.port()).await, tempfile::tempdir().unwrap());
    let database = server.database();
    let silent = format!("postgres://postgres@127.0.0.1:{}/{}", way.port, database.rsplit('/').next().unwrap());
    let store = open(&plan(folder.path(), [&server.database(), &silent], "firm_b")).await.store();
    for firm in ["firm_a", "firm_b"] {
        store.commit(&[put(firm, "1", Some(Duration::ZERO))]).await.unwrap();
    }
    way.silent.send(true).unwrap();
    let look = async || {
        let began = Instant::now();
        let mut found = Vec::new();
        for collection in ["release", "backfill", "job-first", "job", "incoming", "early"] {
            let scan = Scan::Due { firm: None, collection, limit: 10 };
            found.extend(store.scan(&scan).await.unwrap_or_else(|error| panic!("{collection}: {error}")));
        }
        (found.into_iter().map(|record| record.key.firm.as_str().to_owned()).collect::<Vec<_>>(), began.elapsed())
    };
    let (found, took) = look().await;
    assert_eq!(found, ["firm_a"]);
    assert!(took < Duration::from_secs(45), "{took:?}");
    // It is asked again meanwhile, and nobody waits for that.
    for _ in 0..8 {
        let (found, took) = look().await;
        assert_eq!(found, ["firm_a"]);
        assert!(took < Duration::from_secs(5), "{took:?}");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    way.silent.send(false).unwrap();
    let began = Instant::now();
    while look().await.0 != ["firm_a", "firm_b"] {
        assert!(began.elapsed() < Duration::from_secs(60), "it is found again");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
