//! Programs as hosts would write them, outside the workspace: tests/hosts/README.md.

use crate::{Outcome, command, root, run};

/// Each with the rusqlite that Cargo has to choose for it, the only one in its build.
const HOSTS: &[(&str, &str)] =
    &[("alone", "0.40."), ("postgres", "0.31."), ("rusqlite", "0.37."), ("sqlx-0.8", "0.32.1"), ("sqlx-0.9", "0.39.")];

fn manifest(host: &str) -> String {
    root().join("tests/hosts").join(host).join("Cargo.toml").display().to_string()
}

/// Whether each lock file still fits, and at the version that it is there for. Builds nothing.
pub(crate) fn resolve() -> Outcome {
    for (host, wanted) in HOSTS {
        let manifest = manifest(host);
        let arguments = ["tree", "--locked", "--manifest-path", &manifest, "--invert", "rusqlite", "--depth", "0"];
        let output = command("cargo", &arguments).output().map_err(|error| error.to_string())?;
        let chosen = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if !output.status.success() || !chosen.starts_with(&format!("rusqlite v{wanted}")) {
            return Err(format!("{host}: {chosen}{}", String::from_utf8_lossy(&output.stderr)));
        }
        println!("{host}: {chosen}");
    }
    Ok(())
}

/// Builds and runs them all: some minutes the first time.
pub(crate) fn run_all() -> Outcome {
    let target = crate::target().join("hosts").display().to_string();
    HOSTS.iter().try_for_each(|(host, _)| {
        run("cargo", &["run", "--quiet", "--locked", "--target-dir", &target, "--manifest-path", &manifest(host)])
    })
}
