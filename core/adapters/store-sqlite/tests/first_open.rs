//! Several processes open one missing file at the same moment, as a fleet does that is deployed for
//! the first time: none is refused.
//!
//! The test starts this same binary again; `child` opens each path that it reads and prints what
//! came of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)] // Tests.

use std::io::{BufRead, BufReader, Lines, Write as _};
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::common::{commit_new, ids};
use casehug_clio_store_sqlite::SqliteStore;
use tempfile::tempdir;

const NAME: &str = "CASEHUG_STORE_OPENER";

struct Opener {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Opener {
    fn start(name: usize) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "first_open::child", "--nocapture", "--test-threads=1"])
            .env(NAME, name.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, lines }
    }

    fn tell(&mut self, path: &str) {
        writeln!(self.process.stdin.as_mut().unwrap(), "{path}").unwrap();
    }

    fn answer(&mut self) -> String {
        let mut lines = self.lines.by_ref().map_while(Result::ok);
        // The harness writes the name of the test before the first one.
        lines.find_map(|line| Some(line.split_once("said ")?.1.to_owned())).expect("the child has died")
    }
}

/// Not a test of its own: the body of every child process.
#[tokio::test]
async fn child() {
    let Ok(name) = std::env::var(NAME) else { return };
    for path in std::io::stdin().lines().map_while(Result::ok) {
        match SqliteStore::open(&path).await {
            Ok(store) => {
                commit_new(&store, &name).await.unwrap();
                println!("said opened");
                // Some leave at once, so that the last to close and the next to open meet.
                if name.parse::<usize>().unwrap() % 2 == 0 {
                    store.close().await;
                }
            }
            Err(error) => println!("said {error}"),
        }
    }
}

#[tokio::test]
async fn a_missing_file_is_opened_by_all_processes_that_want_it_at_the_same_moment() {
    let rounds = std::env::var("CASEHUG_ROUNDS").map_or(20, |rounds| rounds.parse().unwrap());
    const PROCESSES: usize = 4;
    let folder = tempdir().unwrap();
    let mut openers: Vec<Opener> = (0..PROCESSES).map(Opener::start).collect();
    let mut refused = Vec::new();
    for round in 0..rounds {
        let path = folder.path().join(format!("{round}.db"));
        openers.iter_mut().for_each(|opener| opener.tell(path.to_str().unwrap()));
        let answers = openers.iter_mut().map(Opener::answer);
        refused.extend(answers.filter(|answer| answer != "opened"));
        if round % 8 == 0 {
            let store = SqliteStore::open(&path).await.unwrap();
            assert_eq!(ids(&store).await, ["0", "1", "2", "3"], "round {round}");
        }
    }
    assert!(refused.is_empty(), "{} of {}: {refused:#?}", refused.len(), rounds * PROCESSES);
    for mut opener in openers {
        drop(opener.process.stdin.take());
        assert!(opener.process.wait().unwrap().success());
    }
}
