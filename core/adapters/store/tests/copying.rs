//! From SQLite to PostgreSQL, from there to another database, and back: the same records, versions
//! and due times.
#![allow(clippy::unwrap_used, clippy::panic)] // Tests.
#![cfg(all(unix, feature = "sqlite", feature = "postgres"))]

use std::time::Duration;

use casehug_clio::FirmId;
use casehug_clio::ports::{Commit, Expect, Key, Record, Version, Write};
use casehug_clio_store::{OpenStore, StoreLocation, copy};
use postgres_server::Server;

const RECORDS: usize = 2_500;

async fn open(line: &str) -> OpenStore {
    line.parse::<StoreLocation>().unwrap().open().await.unwrap()
}

fn firm(n: usize) -> FirmId {
    FirmId::new(format!("firm_{n}")).unwrap()
}

fn key(n: usize) -> Key {
    // Of their firm, in an order by bytes that is not the one of a dictionary.
    Key::new(&firm(n % 3), "job", format!("{}{n}", ["a", "B", "\u{e9}", "\u{1F5C4}"][n % 4]))
}

async fn fill(store: &OpenStore) {
    let write = |n: usize| Write::Put {
        key: key(n),
        expect: Expect::Absent,
        version: Version(format!("v{n}")),
        due_in: n.is_multiple_of(2).then(|| Duration::from_secs(n as u64)),
        body: format!("{{\"n\":  {n}}}"),
    };
    let writes: Vec<Write> = (0..RECORDS).map(write).collect();
    assert!(matches!(store.store().commit(&writes).await.unwrap(), Commit::Done { .. }));
}

async fn all(store: &OpenStore) -> Vec<Option<Record>> {
    let mut records = Vec::new();
    for n in 0..RECORDS {
        records.push(store.store().get(&key(n)).await.unwrap());
    }
    records
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_is_copied_whole_and_one_firm_by_itself() {
    let Some(server) = Server::shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| format!("sqlite:{}", folder.path().join(name).display());
    let (first, second) = (open(&file("first.db")).await, open(&server.database()).await);
    fill(&first).await;
    let whole = all(&first).await;
    assert_eq!(copy(&first, &second, None).await.unwrap(), RECORDS);
    assert_eq!(all(&second).await, whole);

    // One firm, into a database that has another one.
    let third = open(&server.database()).await;
    let of_firm = |n: usize| whole.iter().flatten().filter(|record| record.key.firm == firm(n)).count();
    for n in [2, 0] {
        assert_eq!(copy(&second, &third, Some(&firm(n))).await.unwrap(), of_firm(n));
    }
    let without: Vec<_> =
        whole.iter().map(|record| record.clone().filter(|record| record.key.firm != firm(1))).collect();
    assert_eq!(all(&third).await, without);

    let fourth = open(&file("fourth.db")).await;
    assert_eq!(copy(&third, &fourth, None).await.unwrap(), of_firm(0) + of_firm(2));
    assert_eq!(all(&fourth).await, without);

    let again = copy(&first, &second, None).await.unwrap_err();
    assert_eq!((again.code().name(), again.get("reason")), ("copy_failed", Some("target_not_empty")));
    let again = copy(&first, &third, Some(&firm(2))).await.unwrap_err();
    assert_eq!(again.get("reason"), Some("target_not_empty"));
    assert_eq!(copy(&first, &third, Some(&firm(1))).await.unwrap(), of_firm(1), "the rest follows");
    assert_eq!(all(&third).await, whole);
}

/// A mistyped firm, or a database that is not the one that was meant.
#[tokio::test]
async fn nothing_is_no_copy() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let (full, empty, target) = (open(&file("a.db")).await, open(&file("b.db")).await, open(&file("c.db")).await);
    fill(&full).await;
    for (from, of) in [(&full, Some(firm(3))), (&empty, Some(firm(0))), (&empty, None)] {
        let error = copy(from, &target, of.as_ref()).await.unwrap_err();
        assert_eq!((error.code().name(), error.get("reason")), ("copy_failed", Some("nothing_to_copy")), "{of:?}");
    }
    assert_eq!(copy(&full, &target, None).await.unwrap(), RECORDS, "nothing is in the way");
}

/// A process that is still at work is noticed, whichever of the two it works on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_while_it_is_copied_is_noticed() {
    let Some(server) = Server::shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path().join("first.db").to_str().unwrap()).await;
    fill(&first).await;
    let second = open(&server.database()).await;
    let store = first.store();
    let at_work = tokio::spawn(async move {
        // Before all other keys of its firm: a copy that has begun has passed it.
        for n in 0.. {
            let key = Key::new(&firm(0), "a", format!("{n}"));
            let (expect, version) = (Expect::Absent, Version(String::from("v")));
            store.commit(&[Write::Put { key, expect, version, due_in: None, body: String::new() }]).await.unwrap();
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    let error = copy(&first, &second, None).await.unwrap_err();
    at_work.abort();
    assert_eq!((error.code().name(), error.get("reason")), ("copy_failed", Some("changed_meanwhile")));
}

/// It lacks what was never copied, which would be sent to Clio again.
#[tokio::test]
async fn a_copy_that_was_broken_off_is_not_opened() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let (first, second) = (open(&file("a.db")).await, open(&file("b.db")).await);
    fill(&first).await;
    // It is dropped when the first rows are there.
    let begun = async { while second.store().get(&key(9)).await.unwrap().is_none() {} };
    tokio::select! {
        biased;
        () = begun => {}
        done = copy(&first, &second, None) => panic!("it was not broken off: {done:?}"),
    }
    second.close().await;
    let error = file("b.db").parse::<StoreLocation>().unwrap().open().await.unwrap_err();
    assert_eq!((error.code().name(), error.get("reason")), ("store_open_failed", Some("copy_unfinished")));
    std::fs::remove_file(file("b.db")).unwrap();
    let second = open(&file("b.db")).await;
    assert_eq!(copy(&first, &second, None).await.unwrap(), RECORDS);
    second.close().await;
    assert_eq!(all(&open(&file("b.db")).await).await, all(&first).await);
}

#[tokio::test]
async fn a_database_that_a_process_works_on_is_not_copied() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let right = |collection: &'static str, body: &str, due_in: Option<u64>| Write::Put {
        key: Key::new(&firm(0), collection, "1"),
        expect: Expect::Absent,
        version: Version(String::from("v")),
        due_in: due_in.map(Duration::from_secs),
        body: body.to_owned(),
    };
    for (n, (write, held)) in [
        (right("lease", "{}", Some(30)), true),
        (right("lease", "{}", Some(0)), false),
        (right("refresh-lease", "{}", Some(60)), true),
        (right("chore", r#"{"chore":"poll","being_done":true}"#, Some(600)), true),
        (right("chore", r#"{"chore":"poll","being_done":false}"#, Some(600)), false),
        (right("job", "{}", Some(600)), false),
    ]
    .into_iter()
    .enumerate()
    {
        let (from, to) = (open(&file(&format!("{n}.db"))).await, open(&file(&format!("{n}-copy.db"))).await);
        from.store().commit(&[write]).await.unwrap();
        tokio::time::sleep(Duration::from_millis(3)).await;
        for of in [Some(firm(0)), None] {
            let copied = copy(&from, &to, of.as_ref()).await;
            let told = copied.as_ref().map_err(|error| error.get("reason"));
            if held {
                assert_eq!(told, Err(Some("in_use")), "{n}");
            } else {
                assert_eq!(told, Ok(&1), "{n}");
                break;
            }
        }
    }
}
