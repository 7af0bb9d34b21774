//! `cargo xtask large`: a document of a gigabyte through C, Go, Python and Kotlin, and the memory
//! that it took.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::{Outcome, done, root, target};

/// MiB of the document, and how many more than a small one it may take.
const SIZE: &str = "1024";
const MOST: i64 = 16;

/// What makes a language's program, or a file for it in this folder.
type Program = fn(&Path) -> Result<Command, String>;

const PROGRAMS: [(&str, Program); 4] = [("c", of_c), ("go", of_go), ("python", of_python), ("kotlin", of_kotlin)];

/// Runs each program, or that of one language, against a simulated Clio, with the libraries of
/// `cargo xtask dist c`, `dist go`, `dist python` and `dist kotlin`.
pub(crate) fn large(only: Option<&str>) -> Outcome {
    let asked: Vec<_> = PROGRAMS.iter().filter(|(name, _)| only.is_none_or(|only| only == *name)).collect();
    if asked.is_empty() {
        return Err(String::from("usage: cargo xtask large [c | go | python | kotlin]"));
    }
    crate::run("cargo", &["build", "--quiet", "--package", "clio-sim"])?;
    let out = target().join("large");
    std::fs::create_dir_all(&out).map_err(|error| error.to_string())?;
    asked.into_iter().try_for_each(|(name, program)| {
        // C's has its store in memory.
        let database = (*name != "c").then(|| out.join(format!("{name}.db")));
        measured(name, &mut program(&out)?, database.as_deref())
    })
}

fn of_c(out: &Path) -> Result<Command, String> {
    let (c, sources, program) = (target().join("dist/c"), root().join("ffi/tests/c"), out.join("large-c"));
    let mut compile = Command::new("cc");
    compile.args(["-std=c99", "-O2", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-pthread"]);
    compile.args(["large.c", "memory_store.c"].map(|source| sources.join(source)));
    done(compile.args(crate::dist::static_flags(&c)?).arg("-o").arg(&program))?;
    Ok(Command::new(program))
}

fn of_go(out: &Path) -> Result<Command, String> {
    let program = out.join("large-go");
    let mut build = Command::new("go");
    build.args(["build", "-o"]).arg(&program).arg("./internal/large");
    done(build.current_dir(target().join("dist/go")))?;
    Ok(Command::new(program))
}

fn of_python(_: &Path) -> Result<Command, String> {
    let mut python = Command::new("python3");
    python.arg(root().join("bindings/python/bench/large.py")).env("PYTHONPATH", target().join("dist/python/package"));
    Ok(python)
}

/// Java's heap is there from the beginning, and its second compiler, which takes more than the
/// whole document does, is off: what these take is none of the library's.
fn of_kotlin(_: &Path) -> Result<Command, String> {
    let consumer = target().join("dist/kotlin/consumers/kotlin/target");
    let mut java = Command::new("java");
    java.args(["-Xms96m", "-Xmx96m", "-XX:+AlwaysPreTouch", "-XX:+UseSerialGC"]);
    java.args(["-XX:TieredStopAtLevel=1", "-cp"]);
    java.arg(format!("{0}/classes:{0}/jars/*", consumer.display())).arg("com.casehug.clio.bench.LargeKt");
    Ok(java)
}

fn measured(name: &str, command: &mut Command, database: Option<&Path>) -> Outcome {
    let (mut sim, url) = simulate()?;
    command.args([&url, SIZE]);
    if let Some(database) = database {
        for end in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{end}", database.display()));
        }
        command.arg(database);
    }
    let output = command.stderr(Stdio::inherit()).output().map_err(|error| error.to_string());
    let _ = sim.kill();
    let _ = sim.wait();
    let said = String::from_utf8_lossy(&output?.stdout).trim().to_owned();
    let kib: i64 = said.parse().map_err(|_| format!("{name}: {said}"))?;
    println!(
        "{name}: {SIZE} MiB took {:.1} MiB more than a small document (goal: at most {MOST})",
        kib as f64 / 1024.0
    );
    if kib <= MOST * 1024 { Ok(()) } else { Err(format!("{name} took too much")) }
}

fn simulate() -> Result<(Child, String), String> {
    let mut sim = Command::new(target().join("debug/clio-sim"));
    let mut sim = sim.arg("--auto-consent").stdout(Stdio::piped()).spawn().map_err(|error| error.to_string())?;
    let mut line = String::new();
    let stdout = sim.stdout.take().ok_or("no output")?;
    BufReader::new(stdout).read_line(&mut line).map_err(|error| error.to_string())?;
    let started: serde_json::Value = serde_json::from_str(&line).map_err(|error| error.to_string())?;
    Ok((sim, started["url"].as_str().unwrap_or_default().to_owned()))
}
