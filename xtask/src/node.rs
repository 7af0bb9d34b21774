//! The npm package: putting it together, its tests, and the tarball that is handed out.

use std::path::{Path, PathBuf};

use crate::dist::licences;
use crate::{Outcome, command, done, root, skipped, target, wasm};

/// The last that Node 20 can load.
const BETTER_SQLITE3: &str = "better-sqlite3@12.11.1";

const LEAST_NODE: u32 = 20;

fn package() -> PathBuf {
    root().join("bindings/node")
}

/// Tests the tarball, installed as its users do: everything that it does, then projects like
/// theirs.
pub(crate) fn node() -> Outcome {
    if let Err(reason) = requires() {
        return skipped(&format!("{reason}; the npm package was NOT tested"));
    }
    let installed = Installed::new()?;
    let mut told = installed.told();
    let driver = better_sqlite3()?;
    told.extend(driver.as_deref().map(|driver| ("CASEHUG_CLIO_BETTER_SQLITE3", driver)));
    tests("test", &told)?;
    tests("test/packed", &told)
}

/// Workers in Rust and in Node on one PostgreSQL: `WORKERS MATTERS` of one firm.
pub(crate) fn fleet(size: &str) -> Outcome {
    requires()?;
    let installed = Installed::new()?;
    let mut told = installed.told();
    told.push(("CASEHUG_FLEET", Path::new(size)));
    let test = package().join("test/fleet.test.mjs").to_string_lossy().into_owned();
    run_tests("fleet", &[test], &told)
}

/// What the tests run against.
struct Installed {
    tarball: PathBuf,
    /// The package as npm installs it from the tarball.
    package: PathBuf,
    /// The same files over a module that also has the functions that only tests need.
    testing: PathBuf,
}

impl Installed {
    /// Packs and installs it, and builds the programs that its tests start.
    fn new() -> Result<Self, String> {
        dist()?;
        let (tarball, folder) = (tarball()?, target().join("node"));
        std::fs::remove_dir_all(&folder).ok();
        let project = folder.join("project");
        std::fs::create_dir_all(&project).map_err(|error| error.to_string())?;
        let prefix = project.to_string_lossy();
        let install = ["install", "--prefix", &prefix, "--offline", "--no-audit", "--no-fund", "--no-save", "--silent"];
        done(command("npm", &install).arg(&tarball))?;
        let package = project.join("node_modules/@casehug/clio-sync");
        let testing = folder.join("testing");
        let raw = wasm::bindings(true)?;
        let [raw, from, to] = [&raw, &package, &testing].map(|path| path.to_string_lossy());
        script(&["scripts/testing.mjs", &raw, &from, &to])?;
        crate::test::build()?;
        Ok(Self { tarball, package, testing })
    }

    fn told(&self) -> Vec<(&'static str, &Path)> {
        vec![
            ("CASEHUG_CLIO_TARBALL", &self.tarball),
            ("CASEHUG_CLIO_NODE", &self.package),
            ("CASEHUG_CLIO_NODE_TESTING", &self.testing),
        ]
    }
}

/// The tarball, in `target/dist/node`, and what it weighs.
pub(crate) fn dist() -> Outcome {
    install()?;
    let (folder, out) = (target().join("dist/node"), target().join("dist/node/package"));
    std::fs::remove_dir_all(&folder).ok();
    script(&["scripts/assemble.mjs", &wasm::bindings(false)?.to_string_lossy(), &out.to_string_lossy()])?;
    licences::lay("casehug-clio-wasm", licences::WASM, &out)?;
    let pack = ["pack", "--silent", "--pack-destination", &folder.to_string_lossy()];
    done(command("npm", &pack).current_dir(&out))?;
    script(&["scripts/sizes.mjs", &out.to_string_lossy(), &tarball()?.to_string_lossy()])
}

/// Measures the package as it is handed out, beside native Rust.
pub(crate) fn bench(names: &[String]) -> Outcome {
    dist()?;
    let mut arguments = vec!["run", "--quiet", "--profile", "bench", "--package", "bench", "--", "node"];
    arguments.extend(names.iter().map(String::as_str));
    let package = target().join("dist/node/package");
    done(command("cargo", &arguments).env("CASEHUG_CLIO_NODE", package))
}

fn tarball() -> Result<PathBuf, String> {
    let entries = std::fs::read_dir(target().join("dist/node")).map_err(|error| error.to_string())?;
    let mut packed = entries.flatten().map(|entry| entry.path());
    packed.find(|path| path.extension().is_some_and(|kind| kind == "tgz")).ok_or_else(|| String::from("no tarball"))
}

/// The tools that build and test it, as its lock file names them.
pub(crate) fn install() -> Outcome {
    let installed = package().join("node_modules/.package-lock.json");
    let age = |path: &Path| path.metadata().and_then(|facts| facts.modified()).ok();
    if age(&installed).is_some_and(|made| age(&package().join("package-lock.json")).is_some_and(|lock| lock <= made)) {
        return Ok(());
    }
    done(command("npm", &["ci", "--silent", "--no-audit", "--no-fund"]).current_dir(package()))
}

/// The SQLite of hosts of Node 20: its folder. Compiled here, as nobody hands it out compiled, and
/// without optimisation, which would take a minute.
fn better_sqlite3() -> Result<Option<PathBuf>, String> {
    let told = |program: &str, args: &[&str]| {
        let output = command(program, args).output().map_err(|error| format!("{program}: {error}"))?;
        Ok::<_, String>(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
    };
    let node = told("node", &["--print", "path.resolve(process.execPath, '../..')"])?;
    let compile = told("npm", &["root", "--global"])?.join("npm/node_modules/node-gyp/bin/node-gyp.js");
    if !node.join("include/node/node.h").exists() || !compile.exists() {
        let missing = format!("Node's headers or node-gyp are missing in {}", node.display());
        return skipped(&format!("{missing}; SqliteStore was NOT tested with better-sqlite3")).map(|()| None);
    }
    let folder = target().join("better-sqlite3");
    let driver = folder.join("node_modules/better-sqlite3");
    if !driver.join("build/Debug/better_sqlite3.node").exists() {
        std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        let (compile, headers) = (compile.to_string_lossy(), format!("--nodedir={}", node.display()));
        let install =
            ["install", "--prefix", ".", "--ignore-scripts", "--no-audit", "--no-fund", "--silent", BETTER_SQLITE3];
        for (program, args, at) in
            [("npm", &install[..], &folder), ("node", &[&compile, "rebuild", "--debug", "--silent", &headers], &driver)]
        {
            done(command(program, args).current_dir(at))?;
        }
    }
    Ok(Some(driver))
}

fn script(args: &[&str]) -> Outcome {
    done(command("node", args).current_dir(package()))
}

/// Runs every `*.test.mjs` of a folder.
pub(crate) fn tests(folder: &str, told: &[(&str, &Path)]) -> Outcome {
    println!("$ node --test bindings/node/{folder}");
    let mut files: Vec<String> = Vec::new();
    for entry in std::fs::read_dir(package().join(folder)).map_err(|error| error.to_string())?.flatten() {
        let path = entry.path().to_string_lossy().into_owned();
        if path.ends_with(".test.mjs") {
            files.push(path);
        }
    }
    files.sort_unstable();
    run_tests(folder, &files, told)
}

fn run_tests(name: &str, files: &[String], told: &[(&str, &Path)]) -> Outcome {
    let status = command("node", &["--expose-gc", "--test", "--test-reporter=spec"])
        .args(files)
        .envs(told.iter().copied())
        .env("CASEHUG_CLIO_PROGRAMS", target().join("debug"))
        .status()
        .map_err(|error| format!("node: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("node --test {name}: {status}")) }
}

/// Node as old as its users may have it, or newer, and npm.
pub(crate) fn requires() -> Outcome {
    let told = |program| {
        let told = command(program, &["--version"]).output().ok().filter(|told| told.status.success());
        told.map(|told| String::from_utf8_lossy(&told.stdout).trim().trim_start_matches('v').to_owned())
    };
    let found = told("node").unwrap_or_else(|| String::from("none"));
    let major = found.split('.').next().and_then(|major| major.parse::<u32>().ok()).unwrap_or(0);
    if major < LEAST_NODE || told("npm").is_none() {
        return Err(format!("Node {LEAST_NODE} or newer with npm is needed, and Node {found} was found"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_package_has_the_workspace_s_version() {
        for file in ["package.json", "package-lock.json"] {
            let text = std::fs::read_to_string(package().join(file)).unwrap();
            let told: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(told["version"], env!("CARGO_PKG_VERSION"), "{file}");
        }
    }
}
