//! The deterministic simulation, and the proof that it notices: each mutation takes one safeguard out of a copy of the tree, and the simulation must fail.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Outcome, root, run, target};

/// Seeds of `cargo xtask test`.
const FEW: &str = "20000";
/// Within so many seeds a mutation must be noticed.
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
    simulate(&["--seeds".to_owned(), FEW.to_owned()])
}

/// A safeguard, and how to take it out.
struct Mutation {
    name: &'static str,
    file: &'static str,
    /// Each text stands once in the file.
    edits: &'static [(&'static str, &'static str)],
}

const MUTATIONS: &[Mutation] = &[
    Mutation {
        name: "the probe",
        file: "core/src/sync/matter.rs",
        edits: &[(
            "        match after.probe(|after| dedupe::probe_matter(&sent, &free, after, intent.is_recovered())) {",
            "        let _ = (after, dedupe::probe_matter, free);\n        match Probe::Miss {",
        )],
    },
    Mutation {
        name: "the intent commit before sending",
        file: "core/src/sync/create.rs",
        edits: &[
            (
                "            let committed_at = match self.commit_unit(&unit).await? {",
                "            let early = self.caller.send_once(turn, request, Some(not_after)).await;\n            let committed_at = match self.commit_unit(&unit).await? {",
            ),
            (
                "            let failed = match self.caller.send_once(turn, request, Some(not_after)).await {",
                "            let failed = match early {",
            ),
        ],
    },
    Mutation {
        name: "the quiet time",
        file: "core/src/sync/create.rs",
        edits: &[(
            "intent.due_at.map(|quiet_at| quiet_at + ",
            "intent.due_at.map(|quiet_at| quiet_at.min(committed_at(&intent.value, None)) + ",
        )],
    },
    Mutation {
        name: "the index delay",
        file: "core/src/sync/create.rs",
        edits: &[("intent.due_at.map(|quiet_at| quiet_at + self.engine.config.index_delay)", "intent.due_at")],
    },
    Mutation {
        name: "`absent` on the contact key",
        file: "core/src/sync/create.rs",
        edits: &[(
            "                unit.put(key.clone(), Expect::Absent, value)?;",
            "                let was = self.engine.journal.store().get(key).await?;\n                unit.put(key.clone(), was.map_or(Expect::Absent, |was| Expect::Version(was.version)), value)?;",
        )],
    },
    Mutation {
        name: "the lease fence",
        file: "core/src/jobs/claims.rs",
        edits: &[(
            "        unit.check(self.key.clone(), Expect::Version(self.fence.clone()));",
            "        let _ = unit;",
        )],
    },
    Mutation {
        name: "the end of a run that is taken over",
        file: "core/src/jobs/claims.rs",
        edits: &[(
            "                end_taken_over(&self.journal, &mut unit, &links, &run).await?;",
            "                let _ = (run, end_taken_over);",
        )],
    },
    Mutation {
        name: "the send deadline",
        file: "core/src/calls/call.rs",
        edits: &[(
            "let limits = CallLimits { timeout: self.engine.config.request_timeout, not_after };",
            "let limits = CallLimits { timeout: self.engine.config.request_timeout, not_after: not_after.filter(|_| false) };",
        )],
    },
    Mutation {
        name: "the compare-and-swap on refresh",
        file: "core/src/connection/session.rs",
        edits: &[(
            "        let saved = match self.0.vault.swap(firm, &connection.id, Some(&current.opened.version), &tokens).await {",
            "        let now = self.0.vault.load(firm, &connection.id).await?.map(|sealed| sealed.version);\n        let saved = match self.0.vault.swap(firm, &connection.id, now.as_ref(), &tokens).await {",
        )],
    },
    Mutation {
        name: "the refresh lease",
        file: "core/src/connection/lease.rs",
        edits: &[("                    return Ok(None);", "                    let _ = held.due_at;")],
    },
    Mutation {
        name: "the budget wait",
        file: "core/src/calls/budget/mod.rs",
        edits: &[(
            "        let now = self.journal.runtime().monotonic();\n        let mut state = self.state();\n        let window = state.window.as_mut().filter(|window| window.ends > now && window.leased > 0)?;\n        window.leased -= 1;\n",
            "        let mut state = self.state();\n",
        )],
    },
    Mutation {
        name: "the question about a client that was corrected before a restore",
        file: "core/src/sync/contact.rs",
        edits: &[("sent.email.is_some() && !intent.is_recovered()", "sent.email.is_some()")],
    },
    Mutation {
        name: "the name check",
        file: "core/src/sync/same_email.rs",
        edits: &[("filter(|candidate| candidate.agrees)", "filter(|_| true)")],
    },
    Mutation {
        name: "the last write wins",
        file: "core/src/inbound/status.rs",
        edits: &[("    if at < known.updated_at || known", "    if known")],
    },
    Mutation {
        name: "the look at the connection before each call",
        file: "core/src/connection/record.rs",
        edits: &[(
            "            ConnectionState::Revoking | ConnectionState::Disconnected => Err(Code::NotConnected.into()),",
            "            ConnectionState::Revoking => Ok(stored),\n            ConnectionState::Disconnected => Err(Code::NotConnected.into()),",
        )],
    },
    Mutation {
        name: "the memory of a replaced grant",
        file: "core/src/lifecycle/connect.rs",
        edits: &[(
            "            tokens.replaced = self.replaced_by(firm, &earlier.value).await.map_err(failed)?;",
            "            self.replaced_by(firm, &earlier.value).await.map_err(failed)?;",
        )],
    },
    Mutation {
        name: "another address after a doubt",
        file: "core/src/sync/upload.rs",
        edits: &[("let elsewhere = in_doubt && after_a_doubt == Anew::Elsewhere;", "let elsewhere = false;")],
    },
];

/// Takes out one safeguard after the other, or those whose name contains `only`.
pub(crate) fn mutate(only: Option<&str>) -> Outcome {
    let folder = target().join("mutants");
    let tree = folder.join("tree");
    let mut unnoticed = Vec::new();
    println!("| taken out | noticed | after |\n| --- | --- | --- |");
    for mutation in MUTATIONS.iter().filter(|mutation| only.is_none_or(|only| mutation.name.contains(only))) {
        copy_tree(&tree)?;
        let path = tree.join(mutation.file);
        let mut text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        for (from, to) in mutation.edits {
            if text.matches(from).count() != 1 {
                return Err(format!("mutation \"{}\" does not fit {} any more", mutation.name, mutation.file));
            }
            text = text.replace(from, to);
        }
        fs::write(&path, text).map_err(|error| error.to_string())?;
        let build = cargo(&tree, &folder)
            .args(["build", "--quiet", "--profile", "simulate", "--package", "simulation"])
            .output();
        let build = build.map_err(|error| error.to_string())?;
        if !build.status.success() {
            return Err(format!(
                "mutation \"{}\" does not compile:\n{}",
                mutation.name,
                String::from_utf8_lossy(&build.stderr)
            ));
        }
        let program = folder.join("build/simulate/simulation");
        let ran = Command::new(program)
            .args(["--seeds", ENOUGH, "--most", "1"])
            .output()
            .map_err(|error| error.to_string())?;
        let told = String::from_utf8_lossy(&ran.stdout).into_owned();
        let last = told.lines().last().unwrap_or_default().to_owned();
        let first = told.lines().next().unwrap_or_default();
        let noticed = !ran.status.success();
        let what: String = if noticed { first.chars().take(110).collect() } else { String::from("**no**") };
        println!("| {} | {what} | {} |", mutation.name, last.split(" in ").next().unwrap_or_default());
        if !noticed {
            unnoticed.push(mutation.name);
        }
    }
    if unnoticed.is_empty() { Ok(()) } else { Err(format!("not noticed: {unnoticed:?}")) }
}

fn cargo(tree: &Path, folder: &Path) -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(tree).env("CARGO_TARGET_DIR", folder.join("build"));
    command
}

/// The tracked files, as they are in the work tree.
fn copy_tree(tree: &Path) -> Outcome {
    let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(root()).output();
    let listed = listed.map_err(|error| format!("git: {error}"))?;
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    for name in listed.split('\0').filter(|name| !name.is_empty()) {
        let (from, to): (PathBuf, PathBuf) = (root().join(name), tree.join(name));
        let Ok(bytes) = fs::read(&from) else { continue };
        // An unchanged file keeps its time, and need not be built again.
        if fs::read(&to).is_ok_and(|there| there == bytes) {
            continue;
        }
        let folder = to.parent().map(Path::to_path_buf).unwrap_or_default();
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(&to, bytes))
            .map_err(|error| format!("{}: {error}", to.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mutation_fits_the_code() {
        for mutation in MUTATIONS {
            let text = fs::read_to_string(root().join(mutation.file)).unwrap();
            for (from, _) in mutation.edits {
                assert_eq!(text.matches(from).count(), 1, "{}: {from}", mutation.name);
            }
        }
    }
}
