//! Commits that race: what one checks, the other writes.

use casehug_clio::ports::{Commit, Store as _, Write};
use futures_util::future::{join, join_all};
use postgres_server::Server;

use crate::common::{at, check, is_done, key, open, put, put_new};

/// Each checks what the other one is about to write. One after the other, the second would
/// conflict.
async fn never_both(
    first: impl Fn(usize) -> Vec<Write>,
    second: impl Fn(usize) -> Vec<Write>,
    begin: impl Fn(usize) -> Vec<Write>,
) {
    let Some(server) = Server::shared() else { return };
    let store = open(&server.database()).await;
    let mut done = 0;
    for round in 0..100 {
        assert!(is_done(&store, &begin(round)).await);
        let (first, second) = (first(round), second(round));
        let (one, other) = join(store.commit(&first), store.commit(&second)).await;
        let both = [one.unwrap(), other.unwrap()].map(|outcome| usize::from(matches!(outcome, Commit::Done { .. })));
        assert!(both != [1, 1], "round {round}: each was done although the other one was");
        done += both[0] + both[1];
    }
    assert!(done > 50, "{done} of 100");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_commits_that_each_check_the_absence_of_what_the_other_creates_are_not_both_done() {
    let commit = |checked: &str, created: &str, round| {
        vec![
            check(&format!("{round}/{checked}"), casehug_clio::ports::Expect::Absent),
            put_new(&format!("{round}/{created}"), "x"),
        ]
    };
    never_both(|round| commit("a", "b", round), |round| commit("b", "a", round), |_| Vec::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_commits_that_each_check_the_version_that_the_other_replaces_are_not_both_done() {
    let commit = |checked: &str, replaced: &str, round| {
        vec![check(&format!("{round}/{checked}"), at("v1")), put(&format!("{round}/{replaced}"), at("v1"), "v2", "x")]
    };
    let begin = |round| vec![put_new(&format!("{round}/a"), "x"), put_new(&format!("{round}/b"), "x")];
    never_both(|round| commit("a", "b", round), |round| commit("b", "a", round), begin).await;
}

/// Whatever the order in a commit, records are taken in the order of their keys: nobody waits in a
/// circle, and no error comes of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_of_the_same_records_in_every_order_meet_no_deadlock() {
    let Some(server) = Server::shared() else { return };
    let url = server.database();
    let store = open(&url).await;
    let names: Vec<String> = (0..8).map(|n| format!("shared/{n}")).collect();
    assert!(is_done(&store, &names.iter().map(|name| put_new(name, "0")).collect::<Vec<_>>()).await);
    let race = (0..8).map(|racer| {
        let (store, names) = (store.clone(), names.clone());
        async move {
            for turn in 0..20 {
                let mut writes = Vec::new();
                for n in 0..names.len() {
                    let name = &names[(n * 3 + racer * 5 + turn) % names.len()];
                    let version = store.get(&key(name)).await.unwrap().unwrap().version;
                    writes.push(put(name, at(&version.0), &format!("{racer}/{turn}"), "x"));
                }
                store.commit(&writes).await.unwrap();
            }
        }
    });
    join_all(race).await;
    let log = server.log_of(&url);
    assert!(!log.contains("deadlock") && !log.contains("ERROR"), "{log}");
}
