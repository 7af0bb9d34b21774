//! `cargo xtask demo` and `cargo xtask test`: set up what they need, then run.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command's face")]

mod bench;
mod card;
mod clients;
mod clio;
mod contract;
mod demo;
mod dist;
mod faces;
mod go;
mod hide;
mod hosts;
mod kotlin;
mod large;
mod layers;
mod natives;
mod node;
mod positions;
mod python;
mod sanitize;
mod scratch;
mod simulate;
mod test;
mod uniffi;
mod wasm;
mod web_demo;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Why a command failed.
pub(crate) type Outcome = Result<(), String>;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match args.first().map(String::as_str) {
        Some("card") => card::card(),
        Some("demo") if args.get(1).is_some_and(|flag| flag == "--web") => {
            web_demo::demo(args.get(2).map(String::as_str))
        }
        Some("demo") => demo::demo(),
        Some("test") => test::all(args.get(1).map(String::as_str)),
        Some("simulate") => simulate::simulate(&args[1..]),
        Some("bench") if args.get(1).is_some_and(|name| name == "node") => node::bench(&args[2..]),
        Some("bench") if args.get(1).is_some_and(|name| name == "bindings") => bench::bindings(),
        Some("bench") => {
            let mut arguments = vec!["run", "--quiet", "--profile", "bench", "--package", "bench", "--"];
            arguments.extend(args[1..].iter().map(String::as_str));
            run("cargo", &arguments)
        }
        Some("clients") => clients::clients(),
        Some("kills") => kills(args.get(1).map_or("1000", String::as_str), args.get(2).map(String::as_str)),
        Some("fleet") => fleet(&args[1..]),
        Some("mutate") => simulate::mutate(args.get(1).map(String::as_str)),
        Some("hosts") => hosts::run_all(),
        Some("faces") => faces::faces(args.get(1).is_some_and(|flag| flag == "--check")),
        Some("sanitize") => sanitize::sanitize(args.get(1).map(String::as_str)),
        Some("scratch") => scratch::scratch(),
        Some("large") => large::large(args.get(1).map(String::as_str)),
        Some("dist") => dist::dist(&args[1..]),
        Some("intake") => demo::make_intake(),
        _ => Err(String::from(
            "usage: cargo xtask card | demo | test [STEP] | simulate [--seeds N] [--seed N --tell] | mutate [NAME] | kills [TIMES [sqlite | postgres]] | fleet [WORKERS MATTERS] | clients | bench [NAME | line | postgres | bindings | python | kotlin | node [NAME]] | hosts | dist c | go | kotlin | node | python | faces [--check] | large [c | go | python | kotlin] | sanitize [address | thread | valgrind] | scratch | intake\n  \
             bench: bindings (C and Go beside Rust), ratio, trigger, approval, hooks, folder, growth; --most N: the largest number of linked matters; node [start | syncs | large | flat]: the npm package beside native Rust; postgres [statements | between | queue | contention | idle | retention]: round trips, wake-up, a full queue, workers that compete, idle firms, history that is removed; python, kotlin: syncs of the package beside native Rust (dist python or kotlin first)\n  \
             card: compiles the integration card, bindings/node/card, with TypeScript\n  \
             clients: the demo, and a client from PyPI, against clio-sim\n  \
             demo: the example intakes, synced twice to a simulated Clio; --web: pages of CaseHug and of the simulated Clio to play with, until ctrl-c; --check: connects, syncs and ends\n  \
             fleet: so many workers (8) sync so many matters (300) of one firm on PostgreSQL, and share its token and its limit\n  \
             kills: kills workers (SIGKILL) while they sync, 1000 times unless told, on SQLite and on PostgreSQL, whose server is restarted meanwhile\n  \
             hosts: builds and runs the programs of tests/hosts, beside sqlx 0.8 and 0.9, rusqlite, PostgreSQL and alone\n  \
             faces: generates every binding and page from the table of operations; --check compares only\n  \
             scratch: adds an operation to a copy, generates its faces and calls it from C, Go, Node, Python and Kotlin\n  \
             dist c: the C library as an install tree, in target/dist/c, and consumers of a moved copy\n  \
             sanitize: the C library under AddressSanitizer and ThreadSanitizer (nightly) and valgrind (minutes)\n  \
             large: a document of 1 GiB through C, Go, Python and Kotlin, or one of them (dist c, go, python and kotlin first), and the memory that it takes\n  \
             dist go: the Go module with its library, in target/dist/go\n  \
             dist kotlin: a Maven repository, in target/dist/kotlin/repository, used by a Kotlin and a Java project, and what it weighs\n  \
             dist node: the npm package, in target/dist/node, and what it weighs\n  \
             dist python: the wheel and the sdist, in target/dist/python, used in clean environments, and what they weigh\n  \
             mutate: switches off one safeguard after the other, and the simulation must notice\n  \
             intake: copies the example intakes to out/intake, with a file of 120 MB",
        )),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("xtask: {reason}");
            ExitCode::FAILURE
        }
    }
}

/// Something cannot be tested here: said loudly, and a failure where nothing may be skipped.
pub(crate) fn skipped(reason: &str) -> Outcome {
    if std::env::var_os("CI").is_some_and(|ci| ci == "true") {
        return Err(format!("{reason}; in CI nothing is skipped"));
    }
    println!("SKIPPED: {reason}");
    Ok(())
}

/// Kills workers so often, on each database or on one.
fn kills(times: &str, only: Option<&str>) -> Outcome {
    for test in tests_of_kills(only, postgres_server::missing_server())? {
        let test = ["test", "--package", "casehug-clio-examples", "--test", "acceptance", test, "--", "--nocapture"];
        done(command("cargo", &test).env("CASEHUG_KILLS", times))?;
    }
    Ok(())
}

/// The tests that kill workers on each database, or on one. Nothing is begun that could not be
/// ended here.
fn tests_of_kills(only: Option<&str>, missing: Option<&str>) -> Result<Vec<&'static str>, String> {
    let databases = [("sqlite", "kills::", None), ("postgres", "fleet::", missing)];
    let wanted = databases.into_iter().filter(|(name, ..)| only.is_none_or(|only| only == *name));
    let tests = wanted.map(|(_, test, missing)| missing.map_or(Ok(test), |missing| Err(untested(missing))));
    let tests = tests.collect::<Result<Vec<_>, _>>()?;
    if tests.is_empty() { Err(String::from("no such database")) } else { Ok(tests) }
}

/// Has so many workers sync so many matters of one firm on PostgreSQL: Rust's, then Rust's and
/// Node's.
fn fleet(size: &[String]) -> Outcome {
    if let Some(missing) = postgres_server::missing_server() {
        return Err(untested(missing));
    }
    let size = if size.is_empty() { String::from("8 300") } else { size.join(" ") };
    let test = ["test", "--package", "casehug-clio-examples", "--test", "acceptance", "many::", "--", "--nocapture"];
    done(command("cargo", &test).env("CASEHUG_FLEET", &size))?;
    node::fleet(&size)
}

/// Whoever asks for one thing by name is not told that all went well where it was left out.
fn untested(missing: &str) -> String {
    format!("{missing}; nothing was tested")
}

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().map(PathBuf::from).unwrap_or_default()
}

/// Where cargo puts programs.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// A command in the workspace's root.
pub(crate) fn command(program: &str, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args).current_dir(root());
    command
}

/// Runs a command in the workspace's root to its end.
pub(crate) fn run(program: &str, args: &[&str]) -> Outcome {
    done(&mut command(program, args))
}

/// Names a command and runs it to its end.
pub(crate) fn done(command: &mut Command) -> Outcome {
    let name = named(command);
    println!("$ {name}");
    let spent = test::Spent::begin();
    let status = command.status().map_err(|error| format!("{name}: {error}"))?;
    if spent.is_worth_telling() {
        println!("  {}: {spent}", name.split(' ').next().unwrap_or_default());
    }
    if status.success() { Ok(()) } else { Err(format!("{name}: {status}")) }
}

/// Runs a command to its end; gives what it said. One that fails says it in the error.
pub(crate) fn said(command: &mut Command) -> Result<String, String> {
    let name = named(command);
    let output = command.output().map_err(|error| format!("{name}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let told = [output.stdout, output.stderr].concat();
    Err(format!("{name}: {}: {}", output.status, String::from_utf8_lossy(&told)))
}

fn named(command: &Command) -> String {
    let words = core::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// Copies a folder, without what has one of these names.
pub(crate) fn copy(from: &Path, to: &Path, but: &[&str]) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if but.iter().any(|name| path.ends_with(name)) {
            continue;
        }
        if path.is_dir() {
            copy(&path, &to, but)?;
        } else {
            std::fs::copy(path, to)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::tests_of_kills;

    #[test]
    fn without_postgresql_its_kills_fail_at_once_and_say_why() {
        assert_eq!(tests_of_kills(None, None).unwrap(), ["kills::", "fleet::"]);
        assert_eq!(tests_of_kills(Some("sqlite"), Some("no server")).unwrap(), ["kills::"]);
        for only in [None, Some("postgres")] {
            assert_eq!(tests_of_kills(only, Some("no server")).unwrap_err(), "no server; nothing was tested");
        }
        assert_eq!(tests_of_kills(Some("oracle"), None).unwrap_err(), "no such database");
    }
}
