//! The README's quickstart is the program in `src/quickstart.rs`, word for word, and the program
//! works.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clio_sim::{ClioSim, Config};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

#[test]
fn the_readme_shows_the_program_that_is_tested() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let (_, block) = readme.split_once("```rust\n").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    let program = include_str!("../../examples/src/quickstart.rs");
    let (_, program) = program.split_once("face\")]\n\n").unwrap();
    assert_eq!(block, program, "copy examples/src/quickstart.rs, without its head, into the README");
}

/// Runs the quickstart, allowing access if it asks; gives what it printed and whether it succeeded.
fn quickstart(url: &str, database: &Path) -> (String, bool) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_quickstart"))
        .args([url, "examples/intake", "mat_0001"])
        .arg(database)
        .current_dir(root())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut printed = String::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        if line.starts_with("http") {
            writeln!(stdin, "{}", crate::bench::redirect_of(&line)).unwrap();
        }
        printed += &line;
        printed.push('\n');
    }
    let success = child.wait().unwrap().success();
    (printed, success)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_quickstart_connects_and_syncs_once() {
    let sim = ClioSim::start(Config { auto_consent: true, ..Config::default() }).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (url, database) = (sim.url().to_owned(), folder.path().join("quickstart.db"));
    let runs = tokio::task::spawn_blocking(move || [quickstart(&url, &database), quickstart(&url, &database)]);
    let [(first, first_succeeded), (second, second_succeeded)] = runs.await.unwrap();
    assert!(
        first_succeeded && first.contains("matter mat_0001 created") && first.contains("succeeded: 7 calls"),
        "{first}"
    );
    assert!(second_succeeded && second.contains("succeeded: 0 calls"), "{second}");
    sim.stop();
}
