//! What CI runs, and what a developer runs.
//!
//! Steps are in lanes, which run beside each other: what waits for time-outs and processes leaves
//! the processors to what computes. A lane's steps share one folder of cargo's, which one cargo at
//! a time may use. What a step says is shown when it is through, whole.

use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::{Outcome, command, done, run, said, skipped, target};

type Step = (&'static str, fn() -> Outcome);

/// In the order in which they are run: what fails fastest first.
const LANES: &[&[Step]] = &[
    &[
        ("format", || run("cargo", &["fmt", "--all", "--check"])),
        ("pure", core_is_pure),
        ("layers", crate::layers::layers),
        ("faces", || crate::faces::faces(true)),
        ("hosts", crate::hosts::resolve),
        ("lint", lint),
        ("shipping", ships),
        ("unit", unit),
        ("stores", crate::dist::check_stores),
        ("go", crate::go::check),
        ("python", crate::python::check),
        ("demo", demos),
        ("contract", crate::contract::contract),
    ],
    &[
        ("simulate", crate::simulate::few),
        ("wasm", crate::wasm::check),
        ("node", crate::node::node),
        ("card", crate::card::check),
        ("kotlin", crate::kotlin::check),
    ],
];

/// Tests that run beside each other, however few processors there are: most of those that take long
/// wait.
const THREADS: usize = 8;

/// Runs one step, or all.
pub(crate) fn all(only: Option<&str>) -> Outcome {
    let spent = Spent::begin();
    if let Some(only) = only {
        let step = LANES.iter().copied().flatten().find(|(name, _)| *name == only).ok_or("no such step")?;
        let outcome = step.1().map_err(|reason| format!("step {only}: {reason}"));
        println!("{spent}");
        return outcome;
    }
    let (failed, rows) = (AtomicBool::new(false), Mutex::new(String::new()));
    std::thread::scope(|scope| {
        for lane in LANES {
            scope.spawn(|| {
                for (name, _) in lane.iter().take_while(|_| !failed.load(Ordering::Relaxed)) {
                    let ran = in_a_process(name);
                    let mut rows = rows.lock().unwrap_or_else(PoisonError::into_inner);
                    let said = ran.unwrap_or_else(|said| {
                        failed.store(true, Ordering::Relaxed);
                        format!("{said}FAILED")
                    });
                    println!("\n=== {name}\n{}", said.trim_end());
                    *rows += &row(name, said.trim_end());
                }
            });
        }
    });
    print!("\n{}", rows.into_inner().unwrap_or_default());
    println!("all: {spent}");
    if failed.into_inner() { Err(String::from("a step failed: see above")) } else { Ok(()) }
}

/// A step in the summary: how it ended, and what of it was left out.
fn row(name: &str, said: &str) -> String {
    let skipped = said.lines().filter(|line| line.starts_with("SKIPPED"));
    let ended = format!("{name}: {}\n", said.lines().last().unwrap_or_default());
    core::iter::once(ended).chain(skipped.map(|line| format!("  {line}\n"))).collect()
}

/// The time since, by the clock and of the processors.
pub(crate) struct Spent(Instant, Option<f64>);

impl Spent {
    pub(crate) fn begin() -> Self {
        Self(Instant::now(), processors())
    }

    /// Ten seconds of a gate are worth looking into.
    pub(crate) fn is_worth_telling(&self) -> bool {
        self.0.elapsed().as_secs() >= 10
    }
}

impl core::fmt::Display for Spent {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "took {:.1} s", self.0.elapsed().as_secs_f64())?;
        let processors = processors().zip(self.1).map(|(now, before)| now - before);
        processors.map_or(Ok(()), |seconds| write!(f, ", processors {seconds:.1} s"))
    }
}

/// The processor time of all that this process started and waited for, where Linux tells.
fn processors() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // After the name, which may hold anything: the 14th and 15th field, in ticks of a hundredth.
    let mut fields = stat.rsplit(") ").next()?.split(' ').skip(13);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / 100.0)
}

/// Runs a step as a process of its own: what it said, which is also in `target/gate`.
fn in_a_process(step: &str) -> Result<String, String> {
    let log = target().join("gate").join(step).with_extension("log");
    let run = || -> std::io::Result<_> {
        std::fs::create_dir_all(target().join("gate"))?;
        let file = std::fs::File::create(&log)?;
        let mut child = command(&std::env::current_exe()?.to_string_lossy(), &["test", step]);
        child.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file).status()
    };
    let status = run().map_err(|error| format!("{}: {error}\n", log.display()))?;
    let said = String::from_utf8_lossy(&std::fs::read(&log).unwrap_or_default()).into_owned();
    if status.success() { Ok(said) } else { Err(said) }
}

/// Builds all that tests and steps start, with the features that tests bring: once, for all steps.
pub(crate) fn build() -> Outcome {
    run("cargo", &["build", "--quiet", "--workspace", "--exclude", "xtask", "--all-targets"])
}

/// Clippy over all, but for the 25 lines around UniFFI's generator: to check that crate (0.32.2) took
/// rustc 1.95 more than 90 s.
fn lint() -> Outcome {
    let exclude = ["clippy", "--quiet", "--workspace", "--exclude", "casehug-clio-bindgen"];
    run("cargo", &[&exclude[..], &["--all-targets", "--", "-D", "warnings"]].concat())
}

/// Whether what ships compiles without the features that only tests bring.
fn ships() -> Outcome {
    let packages = ["examples", "ffi", "store-postgres", "uniffi"].map(|name| format!("casehug-clio-{name}"));
    let mut arguments = vec!["check", "--quiet", "--package", "clio-sim"];
    packages.iter().for_each(|package| arguments.extend(["--package", package]));
    run("cargo", &arguments)
}

fn unit() -> Outcome {
    // What those tests say of it themselves, nobody hears: they count as passed.
    for missing in postgres_server::missing() {
        skipped(&format!("{missing}; what needs it was NOT tested"))?;
    }
    build()?;
    crate::demo::make_intake()?;
    // With this program's own dependencies UniFFI's generator, and what stands on it, would be built
    // once more.
    for of in [&["--workspace", "--exclude", "xtask"][..], &["--package", "xtask"]] {
        let mut tests = command("cargo", &[&["test", "--quiet"], of].concat());
        if std::env::var_os("RUST_TEST_THREADS").is_none() {
            tests.env("RUST_TEST_THREADS", THREADS.to_string());
        }
        done(&mut tests)?;
    }
    Ok(())
}

fn demos() -> Outcome {
    build()?;
    crate::demo::make_intake()?;
    crate::demo::show()?;
    crate::web_demo::check()
}

/// Core's dependency tree must not gain a runtime, an HTTP stack or a database.
fn core_is_pure() -> Outcome {
    let arguments = ["tree", "--package", "casehug-clio", "--edges", "normal", "--prefix", "none"];
    let tree = said(&mut command("cargo", &arguments))?;
    let banned = ["tokio ", "reqwest ", "hyper ", "rusqlite ", "libsqlite3-sys ", "tokio-postgres ", "sqlx "];
    match tree.lines().find(|line| banned.iter().any(|name| line.starts_with(name))) {
        Some(line) => Err(format!("core depends on {line}")),
        None => {
            println!("core's dependency tree: {} lines, none of {banned:?}", tree.lines().count());
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use crate::root;

    /// Crates whose tests are one program.
    fn crates(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("target") && !path.ends_with("node_modules") {
                crates(&path, found);
            } else if path.ends_with("Cargo.toml") {
                let crate_ = fs::read_to_string(&path).unwrap();
                if let Some((_, test)) = crate_.split_once("[[test]]").filter(|_| crate_.contains("autotests = false"))
                {
                    let main = test.split("path = \"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
                    found.push(path.with_file_name(main).parent().unwrap().to_path_buf());
                }
            }
        }
    }

    #[test]
    fn what_a_step_skipped_is_in_the_summary() {
        let row = super::row("unit", "$ cargo build\nSKIPPED: PostgreSQL is missing\nrunning 3 tests\ntook 1.0 s");
        assert_eq!(row, "unit: took 1.0 s\n  SKIPPED: PostgreSQL is missing\n");
    }

    #[test]
    fn the_readme_names_every_step() {
        let readme = fs::read_to_string(root().join("README.md")).unwrap();
        for (name, _) in super::LANES.iter().copied().flatten() {
            assert!(readme.contains(&format!("`{name}`")), "{name}");
        }
    }

    #[test]
    fn no_file_of_tests_is_left_out_of_its_program() {
        let mut folders = Vec::new();
        crates(&root(), &mut folders);
        assert!(folders.len() >= 4, "{folders:?}");
        for folder in folders {
            let main = fs::read_to_string(folder.join("main.rs")).unwrap();
            for entry in fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                let name = path.file_stem().unwrap().to_string_lossy().into_owned();
                // A folder of data.
                if path.is_dir() && !path.join("mod.rs").exists() {
                    continue;
                }
                assert!(name == "main" || main.contains(&format!("mod {name};")), "{} never runs", path.display());
            }
        }
    }
}
