//! Prism, the validator: installed from a committed lock file, and run as a proxy.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::{root, skipped, target};

/// What Prism 5.14 needs.
const NODE: (u32, &str) = (18, "Node 18.20 or newer, with npm");

/// Installs Prism below `target`, unless it is there. `None`, loudly, where that is impossible; in
/// CI that is a failure.
pub(super) fn install() -> Result<Option<PathBuf>, String> {
    match try_install() {
        Ok(program) => Ok(Some(program)),
        Err(reason) => skipped(&format!("{reason}; NOTHING was compared with Clio's contract")).map(|()| None),
    }
}

fn try_install() -> Result<PathBuf, String> {
    let version = Command::new("node").arg("--version").output().map_err(|_| format!("no node: needs {}", NODE.1))?;
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    let major = version.trim().trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major.is_none_or(|major| major < NODE.0) {
        return Err(format!("node {}: needs {}", version.trim(), NODE.1));
    }
    let folder = target().join("tools/prism");
    let program = folder.join("node_modules/@stoplight/prism-cli/dist/index.js");
    let stamp = folder.join("installed");
    let lock = fs::read(root().join("tests/contract/package-lock.json")).map_err(|error| error.to_string())?;
    if program.exists() && fs::read(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(program);
    }
    fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    for file in ["package.json", "package-lock.json", ".npmrc"] {
        fs::copy(root().join("tests/contract").join(file), folder.join(file)).map_err(|error| error.to_string())?;
    }
    println!("$ npm ci (Prism, into {})", folder.display());
    // No package needs its scripts, and none shall run here.
    let status = Command::new("npm")
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"])
        .current_dir(&folder)
        .status()
        .map_err(|_| format!("no npm: needs {}", NODE.1))?;
    if !status.success() {
        return Err(String::from("npm ci cannot install Prism"));
    }
    fs::write(&stamp, lock).map_err(|error| error.to_string())?;
    Ok(program)
}

/// Prism as a proxy, until it is dropped.
pub(super) struct Prism {
    child: Child,
    pub url: String,
}

impl Prism {
    pub(super) fn start(program: &Path, document: &str, upstream: &str) -> Result<Self, String> {
        let mut child = Command::new("node")
            .arg(program)
            .args(["proxy", document, upstream, "--host", "127.0.0.1", "--port", "0", "--cors", "false"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("node: {error}"))?;
        let stdout = child.stdout.take();
        let mut prism = Self { child, url: String::new() };
        let stdout = stdout.ok_or("Prism has no output")?;
        let mut log = fs::File::create(target().join("contract/prism.log")).map_err(|error| error.to_string())?;
        let (found, url) = mpsc::channel();
        // A pipe that nobody reads would stop Prism when it is full.
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = writeln!(log, "{line}");
                if let Some((_, url)) = line.split_once("Prism is listening on ") {
                    let _ = found.send(url.trim().to_owned());
                }
            }
        });
        prism.url = url
            .recv_timeout(Duration::from_secs(60))
            .map_err(|_| String::from("Prism does not start; see target/contract/prism.log"))?;
        Ok(prism)
    }
}

impl Drop for Prism {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
