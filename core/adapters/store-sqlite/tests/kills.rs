//! Real processes on one file: killed in the middle of commits, racing each other, out of disk.
//!
//! A test starts this same binary again with `CASEHUG_STORE_CHILD=<role>`; `child` then plays the
//! role and prints one line per acknowledged commit. SIGKILL proves that nothing acknowledged waits
//! in the process; that the disk is asked at every commit is set in `connection.rs` and checked
//! there.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)] // Tests.
#![cfg(unix)]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::common::{ids, key, put_new};
use casehug_clio::Code;
use casehug_clio::ports::{Commit, Expect, Runtime, Store, Version, Write};
use casehug_clio_runtime_tokio::TokioRuntime;
use casehug_clio_store_sqlite::SqliteStore;
use futures_util::future::join_all;
use tempfile::tempdir;

const ROLE: &str = "CASEHUG_STORE_CHILD";
const DATABASE: &str = "CASEHUG_STORE_DATABASE";
const NAME: &str = "CASEHUG_STORE_NAME";

fn command(program: Command, role: &str, name: &str, database: &Path) -> Child {
    let mut command = program;
    command.args(["--exact", "kills::child", "--nocapture", "--test-threads=1"]);
    command.env(ROLE, role).env(NAME, name).env(DATABASE, database);
    command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap()
}

fn start(role: &str, name: &str, database: &Path) -> Child {
    command(Command::new(std::env::current_exe().unwrap()), role, name, database)
}

/// The lines that the child printed after `said `, to the end of its life.
fn said(child: &mut Child) -> impl Iterator<Item = String> + use<> {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // The last line may be torn by the kill; without its mark it says nothing.
    lines.map_while(Result::ok).filter_map(|line| Some(line.strip_prefix("said ")?.strip_suffix(" end")?.to_owned()))
}

fn say(what: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "said {what} end").unwrap();
    out.flush().unwrap();
}

/// Not a test of its own: the body of every child process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let (name, database) = (std::env::var(NAME).unwrap(), std::env::var(DATABASE).unwrap());
    let store = SqliteStore::open(database).await.unwrap();
    say("open");
    match role.as_str() {
        "pairs" => write_pairs_for_ever(&store, &name).await,
        "count" => count_to(&store, 200).await,
        "fill" => fill(&store).await,
        other => panic!("{other}"),
    }
}

/// Four tasks, each commits two halves of a pair together, with a body that takes several pages.
async fn write_pairs_for_ever(store: &SqliteStore, name: &str) {
    let write = |task: usize| async move {
        for n in 0.. {
            let pair = format!("{name}/{task}/{n}");
            let body = "x".repeat(n * 997 % 20_000);
            let halves = [put_new(&format!("{pair}/left"), &body), put_new(&format!("{pair}/right"), &body)];
            assert!(matches!(store.commit(&halves).await.unwrap(), Commit::Done { .. }));
            say(&pair);
        }
    };
    join_all((0..4).map(write)).await;
}

#[tokio::test]
async fn acknowledged_commits_survive_sigkill_and_no_half_commit_does() {
    const KILLS: usize = 25;
    let folder = tempdir().unwrap();
    let database = folder.path().join("store.db");
    let mut acknowledged = BTreeSet::new();
    let mut unacknowledged = 0;
    for kill in 0..KILLS {
        let mut child = start("pairs", &format!("kill{kill}"), &database);
        let lines = said(&mut child);
        let before = acknowledged.len();
        let mut random = [0; 2];
        TokioRuntime.random(&mut random).unwrap();
        // Some are killed while they open and recover, most while they commit.
        let millis = u64::from(u16::from_be_bytes(random) % 150);
        let killer = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(millis));
            child.kill().unwrap();
            child.wait().unwrap();
        });
        acknowledged.extend(lines.filter(|line| line != "open"));
        killer.join().unwrap();
        println!("kill {kill} after {millis} ms: {} acknowledged", acknowledged.len() - before);
        if kill % 2 == 0 && kill + 1 < KILLS {
            // Nobody looks: the next child, not this process, recovers the log, and may be killed
            // while it does.
            continue;
        }

        let store = SqliteStore::open(&database).await.unwrap();
        let found: BTreeSet<String> = ids(&store).await.into_iter().collect();
        for pair in &acknowledged {
            let whole = found.contains(&format!("{pair}/left")) && found.contains(&format!("{pair}/right"));
            assert!(whole, "kill {kill}: {pair} was acknowledged and is not there");
        }
        for id in &found {
            let other = match id.strip_suffix("left") {
                Some(pair) => format!("{pair}right"),
                None => format!("{}left", id.strip_suffix("right").unwrap()),
            };
            assert!(found.contains(&other), "kill {kill}: only half of a commit: {id}");
        }
        unacknowledged = found.len() / 2 - acknowledged.len();
        store.close().await;
    }
    println!("{} acknowledged, {unacknowledged} done without having been acknowledged", acknowledged.len());
    assert!(acknowledged.len() > 100, "too few commits to prove anything: {}", acknowledged.len());
}

async fn count_to(store: &SqliteStore, additions: usize) {
    for n in 0..additions {
        loop {
            let found = store.get(&key("counter")).await.unwrap().unwrap();
            let add = Write::Put {
                key: key("counter"),
                expect: Expect::Version(found.version),
                version: Version(format!("{}/{n}", std::process::id())),
                due_in: None,
                body: (found.body.parse::<u32>().unwrap() + 1).to_string(),
            };
            if matches!(store.commit(&[add]).await.unwrap(), Commit::Done { .. }) {
                break;
            }
        }
    }
}

#[tokio::test]
async fn three_processes_and_this_one_lose_no_update() {
    let folder = tempdir().unwrap();
    let database = folder.path().join("store.db");
    let store = SqliteStore::open(&database).await.unwrap();
    store.commit(&[put_new("counter", "0")]).await.unwrap();
    let mut children: Vec<Child> = (0..3).map(|n| start("count", &n.to_string(), &database)).collect();
    count_to(&store, 200).await;
    for child in &mut children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(store.get(&key("counter")).await.unwrap().unwrap().body, "800");
}

/// Commits until the disk is full, then tells the error and goes on reading.
async fn fill(store: &SqliteStore) {
    for n in 0..10_000 {
        let id = format!("{n:05}");
        match store.commit(&[put_new(&id, &"x".repeat(5000))]).await {
            Ok(_) => say(&id),
            Err(error) => {
                assert_eq!(error.code(), Code::StoreFailed);
                assert!(matches!(error.context(), [.., ("sqlite", _)]), "{error:?}");
                say(&format!("error {}", error.get("sqlite").unwrap()));
                assert_eq!(ids(store).await.len(), n, "reads go on, without what failed");
                return;
            }
        }
    }
}

#[tokio::test]
async fn a_full_disk_is_an_error_with_sqlites_number_and_loses_nothing() {
    let folder = tempdir().unwrap();
    let database = folder.path().join("store.db");
    // No file may grow beyond 512 KiB; with the signal ignored, a write beyond fails as on a full
    // disk.
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; ulimit -f 1024; exec \"$@\"", "sh"]).arg(std::env::current_exe().unwrap());
    let mut child = command(shell, "fill", "", &database);
    let mut lines: Vec<String> = said(&mut child).filter(|line| line != "open").collect();
    assert!(child.wait().unwrap().success());
    let error = lines.pop().unwrap();
    // 778: SQLITE_IOERR_WRITE; 13: SQLITE_FULL.
    assert!(["error 778", "error 13"].contains(&error.as_str()), "{error}");
    assert!(lines.len() > 10);
    let store = SqliteStore::open(&database).await.unwrap();
    assert_eq!(ids(&store).await, lines);
    store.commit(&[put_new("after", "x")]).await.unwrap();
}
