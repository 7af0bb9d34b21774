//! The Python package: putting it together around the library, and its checks and tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::uniffi::{LIBRARY, for_tests, module};
use crate::{Outcome, copy, done, root, skipped, target};

/// Beside each other, however few processors there are: most tests wait.
const WORKERS: &str = "8";

pub(crate) fn sources() -> PathBuf {
    root().join("bindings/python")
}

/// The gate's step.
pub(crate) fn check() -> Outcome {
    let venv = match Venv::new("python", &sources().join("tests/requirements.txt")) {
        Ok(venv) => venv,
        Err(reason) => {
            let needs = "Python 3.10 or newer with venv, and PyPI, are needed";
            return skipped(&format!("{needs}; the Python package was NOT tested: {reason}"));
        }
    };
    crate::test::build()?;
    let package = target().join("gate/python");
    assemble(&for_tests(), &package)?;
    let run = |program: &str, arguments: &[&str]| done(venv.program(program).args(arguments).current_dir(sources()));
    run("ruff", &["check", "--quiet"])?;
    run("ruff", &["format", "--quiet", "--check"])?;
    run("mypy", &["--no-error-summary"])?;
    let python = venv.path("python").to_string_lossy().into_owned();
    run("pyright", &["--pythonpath", &python])?;
    let mut tests = venv.program("python");
    tests.args(["-m", "pytest", "-p", "no:cacheprovider", "-rs", "-n", WORKERS]).current_dir(sources());
    tests.env("PYTHONPATH", &package).env("PYTHONDONTWRITEBYTECODE", "1");
    done(tests.env("CASEHUG_CLIO_PROGRAMS", target().join("debug")))
}

/// Puts the package together in this folder: its sources, the library, and UniFFI's module over it.
pub(crate) fn assemble(library: &Path, folder: &Path) -> Outcome {
    let wrong = |error: std::io::Error| error.to_string();
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(wrong)?;
    }
    let package = folder.join("casehug_clio");
    copy(&sources().join("src/casehug_clio"), &package, &["__pycache__"]).map_err(wrong)?;
    let native = package.join("_native");
    fs::copy(library, native.join(LIBRARY)).map_err(wrong)?;
    module("python", &native)
}

/// A virtual environment in the target folder with what a file of requirements names.
pub(crate) struct Venv(PathBuf);

impl Venv {
    /// Makes it, unless it is there with just that.
    pub(crate) fn new(name: &str, requirements: &Path) -> Result<Self, String> {
        let wrong = |error: std::io::Error| format!("{}: {error}", requirements.display());
        let venv = Self(target().join("venv").join(name));
        let (wanted, mark) = (fs::read_to_string(requirements).map_err(wrong)?, venv.0.join("requirements.txt"));
        if fs::read_to_string(&mark).is_ok_and(|known| known == wanted) {
            return Ok(venv);
        }
        if venv.0.exists() {
            fs::remove_dir_all(&venv.0).map_err(wrong)?;
        }
        done(Command::new("python3").args(["-m", "venv"]).arg(&venv.0))?;
        let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"];
        done(venv.program("python").args(install).arg(requirements))?;
        fs::write(&mark, wanted).map_err(wrong)?;
        Ok(venv)
    }

    pub(crate) fn path(&self, program: &str) -> PathBuf {
        self.0.join("bin").join(program)
    }

    pub(crate) fn program(&self, program: &str) -> Command {
        let mut command = Command::new(self.path(program));
        // A host's own settings are none of the package's.
        for name in ["PYTHONPATH", "PYTHONHOME"] {
            command.env_remove(name);
        }
        command
    }
}
