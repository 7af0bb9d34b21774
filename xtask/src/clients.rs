//! `cargo xtask clients`: other people's clients against clio-sim, beside the demo. Outside the
//! gate: it needs PyPI.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::clio::Clio;
use crate::{Outcome, command, demo, done, root, target};

const SCRIPT: &str = "tests/clients/clio_manage_api_client.py";
const PINNED: &str = "tests/clients/requirements.txt";

pub(crate) fn clients() -> Outcome {
    demo::demo()?;
    println!("\n== PyPI's clio-manage-api-client\n");
    let python = match install() {
        Ok(python) => python,
        Err(reason) => {
            println!("SKIPPED: {reason}.");
            println!("         NOTHING was asked by somebody else's client.");
            return Ok(());
        }
    };
    let clio = Clio::start()?;
    let tokens = clio.post("/__sim/tokens", &json!({}))?;
    let token = tokens["access_token"].as_str().unwrap_or_default();
    let mut client = command(&python.to_string_lossy(), &[SCRIPT]);
    done(client.env("CLIO_URL", clio.url()).env("CLIO_TOKEN", token))
}

/// A Python with the pinned packages, below `target`.
fn install() -> Result<PathBuf, String> {
    let folder = target().join("tools/clients");
    let python = folder.join("bin/python");
    let stamp = folder.join("installed");
    let pinned = std::fs::read(root().join(PINNED)).map_err(|error| error.to_string())?;
    if python.exists() && std::fs::read(&stamp).is_ok_and(|installed| installed == pinned) {
        return Ok(python);
    }
    let ran = |program: &Path, args: &[&str], otherwise: &str| match Command::new(program).args(args).status() {
        Ok(status) if status.success() => Ok(()),
        _ => Err(otherwise.to_owned()),
    };
    ran(Path::new("python3"), &["-m", "venv", "--clear", &folder.to_string_lossy()], "no Python 3 with venv")?;
    let pinned_at = root().join(PINNED);
    let args = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", &pinned_at.to_string_lossy()];
    ran(&python, &args, "pip could not install the pinned packages (Python 3.11 or 3.12, and a way to PyPI)")?;
    std::fs::write(&stamp, pinned).map_err(|error| error.to_string())?;
    Ok(python)
}
