//! `cargo xtask large`: a document of a gigabyte through C, Go, Python and Kotlin, and the memory
//! that it took.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::{Outcome, done, root, target};

/// MiB of the document, and how many more than a small one it may take.
const SIZE: &str = "1024";
const MOST: i64 = 16;

/// Runs each program against a simulated Clio, with the libraries of `cargo xtask dist c`, `dist
/// go`, `dist python` and `dist kotlin`.
pub(crate) fn large() -> Outcome {
    crate::run("cargo", &["build", "--quiet", "--package", "clio-sim"])?;
    let (c, go, out) = (target().join("dist/c"), target().join("dist/go"), target().join("large"));
    std::fs::create_dir_all(&out).map_err(|error| error.to_string())?;
    let sources = root().join("ffi/tests/c");
    let program = out.join("large-c");
    let mut compile = Command::new("cc");
    compile
        .args(["-std=c99", "-O2", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-pthread", "-I"])
        .arg(c.join("include"));
    compile.args(["large.c", "memory_store.c"].map(|source| sources.join(source))).arg(c.join("lib/libcasehug_clio.a"));
    done(compile.args(["-lgcc_s", "-lm", "-ldl", "-o"]).arg(&program))?;
    let of_go = out.join("large-go");
    done(Command::new("go").args(["build", "-o"]).arg(&of_go).arg("./internal/large").current_dir(go))?;
    measured("C", &mut Command::new(&program), None)?;
    measured("Go", &mut Command::new(&of_go), Some(&out.join("large-go.db")))?;
    let mut python = Command::new("python3");
    python.arg(root().join("bindings/python/bench/large.py")).env("PYTHONPATH", target().join("dist/python/package"));
    measured("Python", &mut python, Some(&out.join("large-python.db")))?;
    // Java's heap is there from the beginning: what it takes is none of the library's.
    let consumer = target().join("dist/kotlin/consumers/kotlin/target");
    let mut java = Command::new("java");
    java.args(["-Xms96m", "-Xmx96m", "-XX:+AlwaysPreTouch", "-XX:+UseSerialGC", "-cp"]);
    java.arg(format!("{0}/classes:{0}/jars/*", consumer.display())).arg("com.casehug.clio.bench.LargeKt");
    measured("Kotlin", &mut java, Some(&out.join("large-kotlin.db")))
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
