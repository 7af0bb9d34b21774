//! The deterministic simulation, and the proof that it notices: with each safeguard switched off,
//! it must fail.

use std::process::Command;

use crate::{Outcome, command, run, target};

/// Seeds of `cargo xtask test`: within so many, a mutation must be noticed.
const ENOUGH: &str = "10000";

/// Runs seeds on all cores: `--seeds N`, `--first N`, `--seed N [--tell]`.
pub(crate) fn simulate(args: &[String]) -> Outcome {
    run("cargo", &["build", "--quiet", "--profile", "simulate", "--package", "simulation"])?;
    let program = target().join("simulate/simulation");
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    run(&program.to_string_lossy(), &args)
}

/// The step of `cargo xtask test`.
pub(crate) fn few() -> Outcome {
    simulate(&["--seeds".to_owned(), ENOUGH.to_owned()])
}

/// Switches off one safeguard after the other, or those whose name contains `only`: the simulation
/// must notice.
pub(crate) fn mutate(only: Option<&str>) -> Outcome {
    let folder = target().join("mutate");
    let mut build = command("cargo", &["build", "--quiet", "--profile", "simulate", "--package", "simulation"]);
    let built = build.env("CARGO_TARGET_DIR", &folder).env("RUSTFLAGS", "--cfg mutate").status();
    if !built.map_err(|error| format!("cargo: {error}"))?.success() {
        return Err(String::from("the simulation with its switches does not compile"));
    }
    let program = folder.join("simulate/simulation");
    let ask = |args: &[&str]| Command::new(&program).args(args).output().map_err(|error| error.to_string());
    let all = ask(&["--safeguards"])?;
    let listed = String::from_utf8_lossy(&all.stdout).into_owned();
    let named: Vec<&str> = listed.lines().filter(|name| only.is_none_or(|only| name.contains(only))).collect();
    if !all.status.success() || named.is_empty() {
        return Err(String::from("no safeguard has such a name"));
    }
    let mut unnoticed = Vec::new();
    println!("| switched off | noticed | after |\n| --- | --- | --- |");
    for name in named {
        let ran = ask(&["--seeds", ENOUGH, "--most", "1", "--without", name])?;
        let told = String::from_utf8_lossy(&ran.stdout).into_owned();
        let noticed: Option<String> =
            told.lines().find(|line| line.starts_with("seed ")).map(|line| line.chars().take(110).collect());
        let after = told.lines().last().and_then(|line| line.split(" in ").next()).unwrap_or_default();
        let reached = told.lines().find(|line| line.starts_with("its place")).unwrap_or("its place is unknown");
        println!("| {name} | {} | {after}, {reached} |", noticed.as_deref().unwrap_or("**no**"));
        if noticed.is_none() {
            unnoticed.push(format!("{name} ({reached})"));
        }
    }
    if unnoticed.is_empty() { Ok(()) } else { Err(format!("not noticed: {}", unnoticed.join(", "))) }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use crate::root;

    fn asked_in(folder: &Path, asked: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                asked_in(&path, asked);
            } else {
                let text = fs::read_to_string(&path).unwrap();
                let names = text.split("mutated!(").skip(1).filter_map(|rest| rest.split(')').next());
                asked.extend(names.filter(|name| *name != "Name").map(str::to_owned));
            }
        }
    }

    #[test]
    fn each_safeguard_has_one_switch_in_core() {
        let list = fs::read_to_string(root().join("core/src/mutate.rs")).unwrap();
        let list = list.split("    mutations! {").nth(1).unwrap().split("    }").next().unwrap();
        let names = list.lines().filter_map(|line| line.trim().strip_suffix(','));
        let mut names: Vec<String> = names.filter(|name| !name.starts_with('/')).map(str::to_owned).collect();
        let mut asked = Vec::new();
        asked_in(&root().join("core/src"), &mut asked);
        names.sort();
        asked.sort();
        assert!(names.len() > 10);
        assert_eq!(asked, names);
    }
}
