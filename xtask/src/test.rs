//! What CI runs, and what a developer runs.

use crate::{Outcome, command, run};

type Step = (&'static str, fn() -> Outcome);

/// In the order in which they are run: what fails fastest first.
const STEPS: &[Step] = &[
    ("format", || run("cargo", &["fmt", "--all", "--check"])),
    ("pure", core_is_pure),
    ("layers", crate::layers::layers),
    ("hosts", crate::hosts::resolve),
    ("lint", || run("cargo", &["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"])),
    ("wasm", crate::wasm::check),
    ("unit", || run("cargo", &["test", "--quiet", "--workspace"])),
    ("simulate", crate::simulate::few),
    ("node", crate::wasm::node),
    ("demo", crate::demo::demo),
    ("contract", crate::contract::contract),
];

pub(crate) fn all(only: Option<&str>) -> Outcome {
    let mut found = false;
    // The end-to-end tests start this program.
    run("cargo", &["build", "--quiet", "--package", "clio-sim", "--package", "casehug-clio-examples"])?;
    crate::demo::make_intake()?;
    for (name, step) in STEPS.iter().filter(|(name, _)| only.is_none_or(|only| only == *name)) {
        println!("\n=== {name}");
        step().map_err(|reason| format!("step {name}: {reason}"))?;
        found = true;
    }
    if found { Ok(()) } else { Err(String::from("no such step")) }
}

/// Core's dependency tree must not gain a runtime, an HTTP stack or a database.
fn core_is_pure() -> Outcome {
    let tree = command("cargo", &["tree", "--package", "casehug-clio", "--edges", "normal", "--prefix", "none"])
        .output()
        .map_err(|error| error.to_string())?;
    if !tree.status.success() {
        return Err(String::from("cargo tree failed"));
    }
    let tree = String::from_utf8_lossy(&tree.stdout).into_owned();
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
            } else if path.ends_with("Cargo.toml") && fs::read_to_string(&path).unwrap().contains("autotests = false") {
                found.push(path.with_file_name("tests"));
            }
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
                assert!(name == "main" || main.contains(&format!("mod {name};")), "{} never runs", path.display());
            }
        }
    }
}
