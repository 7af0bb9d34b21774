//! Four processes through Debian's PgBouncer in transaction mode, with fewer connections than
//! processes: nobody gets another one's answer.
//!
//! The test starts this same binary again with `CASEHUG_STORE_CHILD=<database>`; `child` then plays
//! the process.

use std::process::{Child, Command, Stdio};

use casehug_clio::ports::{Commit, Store as _};
use futures_util::future::join_all;
use postgres_server::{Bouncer, Server};

use crate::common::{at, body, ids, is_done, key, open, put, put_new};

const DATABASE: &str = "CASEHUG_STORE_CHILD";
const NAME: &str = "CASEHUG_STORE_NAME";
const PROCESSES: usize = 4;
const TASKS: usize = 6;
const ADDITIONS: usize = 25;
const COUNTERS: usize = 5;

fn start(name: usize, url: &str) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "pooler::child", "--nocapture", "--test-threads=1"]).stdout(Stdio::null());
    command.env(DATABASE, url).env(NAME, name.to_string()).spawn().unwrap()
}

/// Not a test of its own: the body of every child process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child() {
    let Ok(url) = std::env::var(DATABASE) else { return };
    let name = std::env::var(NAME).unwrap();
    let store = open(&url).await;
    let adds = (0..TASKS).map(|task| {
        let (store, name) = (&store, &name);
        async move {
            for n in 0..ADDITIONS {
                let counter = format!("counter/{}", (task + n) % COUNTERS);
                let mine = format!("log/{}/{name}/{task}/{n}", (task + n) % COUNTERS);
                loop {
                    let found = store.get(&key(&counter)).await.unwrap().unwrap();
                    // Another client's answer would be another record, or another version of it.
                    assert_eq!(found.key.id, counter);
                    let sum = found.body.parse::<u32>().unwrap() + 1;
                    let add = put(&counter, at(&found.version.0), &mine, &sum.to_string());
                    if let Commit::Done { .. } = store.commit(&[add, put_new(&mine, &sum.to_string())]).await.unwrap() {
                        break;
                    }
                }
                assert!(body(store, &mine).await.is_some());
            }
        }
    });
    join_all(adds).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_processes_through_a_pooler_lose_no_update_and_see_their_own_answers_only() {
    let Some(server) = Server::shared() else { return };
    let Some(bouncer) = Bouncer::start(server, 3) else { return };
    let database = server.database();
    let url = bouncer.url(&database);
    let store = open(&url).await;
    let zeros: Vec<_> = (0..COUNTERS).map(|n| put_new(&format!("counter/{n}"), "0")).collect();
    assert!(is_done(&store, &zeros).await);
    let children: Vec<Child> = (0..PROCESSES).map(|name| start(name, &url)).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let all = ids(&store).await;
    for n in 0..COUNTERS {
        let logged = all.iter().filter(|id| id.starts_with(&format!("log/{n}/"))).count();
        assert_eq!(body(&store, &format!("counter/{n}")).await, Some(logged.to_string()));
    }
    assert_eq!(all.len(), COUNTERS + PROCESSES * TASKS * ADDITIONS);
    let open_transactions = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%' AND datname = current_database()";
    assert_eq!(server.sql(&database, open_transactions), "0");
    let log = server.log_of(&database);
    assert!(!log.contains("ERROR"), "{log}");
}
