//! Commits that share one sync of the disk stand or conflict each by itself.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use casehug_clio::FirmId;
use casehug_clio::ports::{Commit, Expect, Key, Order, Scan, Store as _, Version, Write};
use casehug_clio_store_sqlite::SqliteStore;

fn put(id: &str, version: String, expect: Expect) -> Write {
    let key = Key::new(&FirmId::new("firm").unwrap(), "group", id);
    Write::Put { key, expect, version: Version(version), due_in: None, body: String::from("{}") }
}

#[tokio::test]
async fn of_many_at_once_each_stands_or_conflicts_by_itself_and_wholly() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("store.db")).await.unwrap();
    // Each round: 40 commits of a record of their own and one that only the first can put.
    let mut winners = 0;
    for round in 0..20 {
        let commits = (0..40).map(|number| {
            let own = put(&format!("{round}-{number}"), format!("{round}.{number}"), Expect::Absent);
            let shared = put(&format!("{round}-shared"), format!("{round}.{number}.s"), Expect::Absent);
            let (store, writes) = (store.clone(), if number % 2 == 0 { vec![own, shared] } else { vec![own] });
            async move { store.commit(&writes).await.unwrap() }
        });
        let outcomes = futures_util::future::join_all(commits).await;
        let done: Vec<usize> =
            outcomes.iter().enumerate().filter(|(_, out)| **out != Commit::Conflict).map(|(at, _)| at).collect();
        assert_eq!(done.iter().filter(|at| *at % 2 == 0).count(), 1, "one has the shared record");
        assert_eq!(done.iter().filter(|at| *at % 2 == 1).count(), 20, "nobody else is in their way");
        winners += done.len();
        // Of a commit that conflicted, nothing is there.
        let scan = Scan::Ids {
            firm: FirmId::new("firm").unwrap(),
            collection: "group",
            from: format!("{round}-"),
            until: Some(format!("{round}.")),
            order: Order::Ascending,
            limit: 100,
        };
        let there: BTreeSet<String> =
            store.scan(&scan).await.unwrap().into_iter().map(|record| record.key.id).collect();
        let expected: BTreeSet<String> =
            done.iter().map(|at| format!("{round}-{at}")).chain([format!("{round}-shared")]).collect();
        assert_eq!(there, expected);
    }
    assert_eq!(winners, 20 * 21);
}

#[tokio::test]
async fn a_commit_that_is_none_fails_alone() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("store.db")).await.unwrap();
    let twice = vec![put("a", "1".into(), Expect::Absent), put("a", "2".into(), Expect::Absent)];
    let commits = (0..30).map(|number| {
        let (store, bad) = (store.clone(), number % 3 == 0);
        let writes = if bad { twice.clone() } else { vec![put(&format!("{number}"), "1".into(), Expect::Absent)] };
        async move { (bad, store.commit(&writes).await.is_err()) }
    });
    let outcomes = futures_util::future::join_all(commits).await;
    assert!(outcomes.iter().all(|(bad, failed)| bad == failed), "{outcomes:?}");
}

#[tokio::test]
async fn a_check_that_fails_keeps_its_own_commit_back_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("store.db")).await.unwrap();
    store.commit(&[put("there", "1".into(), Expect::Absent)]).await.unwrap();
    let check = |expect| Write::Check { key: put("there", "1".into(), Expect::Absent).key().clone(), expect };
    let commits = (0..30).map(|number| {
        let (store, holds) = (store.clone(), number % 3 != 0);
        let expect = if holds { Expect::Version(Version("1".into())) } else { Expect::Absent };
        // The write comes first: nothing of it may stay when the check fails.
        let writes = [put(&format!("own-{number:02}"), "1".into(), Expect::Absent), check(expect)];
        async move { (number, holds, store.commit(&writes).await.unwrap() != Commit::Conflict) }
    });
    let outcomes = futures_util::future::join_all(commits).await;
    assert!(outcomes.iter().all(|(_, holds, done)| holds == done), "{outcomes:?}");
    for (number, holds, _) in outcomes {
        let key = put(&format!("own-{number:02}"), "1".into(), Expect::Absent).key().clone();
        assert_eq!(store.get(&key).await.unwrap().is_some(), holds, "{number}");
    }
}
