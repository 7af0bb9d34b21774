//! The wheel: one for every Python 3 on this platform, the sdist that builds one elsewhere, and
//! programs that know only these.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{GLIBC, SHIPPED, TRIPLE, bytes, licences, mib, package};
use crate::python::{Venv, assemble, sources};
use crate::{Outcome, done, said, target};

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// What the wheel is to weigh.
const GOAL_BYTES: u64 = 6 * 1024 * 1024;

/// A program as a user writes it, for the strict type checkers too.
const CONSUMER: &str = r#"import asyncio
import importlib.metadata
from typing import assert_type

import casehug_clio as clio
from casehug_clio import errors, types


def blocking(firm: clio.Firm) -> list[str]:
    report = assert_type(firm.matters.sync("mat_0001"), types.SyncReport)
    return [step.id for step in report.steps if step.outcome is types.StepOutcome.CREATED]


async def with_asyncio(sdk: clio.AsyncSdk, actor: clio.Actor) -> str | None:
    try:
        return (await sdk.firm(actor).matters.state("mat_0001")).clio_url
    except errors.AuthError as error:
        return error.message


def told(event: types.EventBody) -> str:
    match event:
        case types.EventBodyRunFinished(matter=matter, status=status):
            return f"{matter} {status}"
        case _:
            return ""


async def main() -> None:
    config = clio.Config(client_id="a", client_secret="b", clio="us", database="sqlite:consumer.db",
        sealing_key="00" * 31 + "01", sealing_key_id="k1", intake_folder=".")
    async with await clio.AsyncSdk.open(config) as sdk:
        actor = clio.Actor("usr_1", "firm_1", clio.Role.MEMBER)
        assert await sdk.firm(actor).connection.get() is None
        assert await with_asyncio(sdk, actor) is None
    assert clio.__version__ == importlib.metadata.version("casehug-clio")
    names = {path.name for path in importlib.metadata.files("casehug-clio") or []}
    assert {"LICENSE-APACHE", "LICENSE-MIT", "LICENCES.txt"} <= names


asyncio.run(main())
"#;

pub(super) fn dist() -> Outcome {
    let wrong = |error: std::io::Error| error.to_string();
    let (folder, made) = (target().join("dist/python"), target().join("dist/python/package"));
    let library = package(assemble, SHIPPED, &made, "casehug_clio/_native")?;
    let licences = folder.join("LICENCES.txt");
    fs::write(&licences, licences::of("casehug-clio-uniffi")?).map_err(wrong)?;
    let tag = format!("py3-none-manylinux_{}_x86_64", GLIBC.replace('.', "_"));
    let mut pack = Command::new("python3");
    pack.arg(sources().join("scripts/pack.py")).arg(&made).args([VERSION, &tag]).arg(&licences).arg(&folder);
    let wheel = PathBuf::from(said(&mut pack)?.trim());
    look(&wheel, &tag)?;
    use_it(&wheel, &folder.join("consumer"))?;
    weigh(&wheel, &library)?;
    sdist(&made, &licences, &folder)
}

/// What builds a wheel where cargo is, and nothing of this workspace.
fn sdist(package: &Path, licences: &Path, folder: &Path) -> Outcome {
    let mut pack = Command::new("python3");
    pack.arg(sources().join("scripts/sdist.py")).arg(package).arg(VERSION).arg(licences).arg(folder);
    let sdist = PathBuf::from(said(&mut pack)?.trim());
    let (tools, out) = (tools()?, folder.join("built"));
    done(tools.program("twine").args(["check", "--strict"]).arg(&sdist))?;
    if out.exists() {
        fs::remove_dir_all(&out).map_err(|error| error.to_string())?;
    }
    let mut build = tools.program("python");
    build.args(["-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-index", "--wheel-dir"]);
    // The crates are here: what a manifest or the lock file names beyond them would be missed.
    build.arg(&out).arg(&sdist).env("CARGO_TARGET_DIR", target()).env("CARGO_NET_OFFLINE", "true");
    done(&mut build)?;
    let mut made = fs::read_dir(&out).map_err(|error| error.to_string())?.flatten();
    let wheel = made.next().ok_or("the sdist built no wheel")?.path();
    use_it(&wheel, &folder.join("consumer-of-sdist"))?;
    println!("{}: {} KiB, builds {}", sdist.display(), bytes(&sdist)? / 1024, wheel.display());
    Ok(())
}

/// What an index and an installer would refuse.
fn look(wheel: &Path, tag: &str) -> Outcome {
    let venv = tools()?;
    done(venv.program("twine").args(["check", "--strict"]).arg(wheel))?;
    let told = said(venv.program("auditwheel").arg("show").arg(wheel))?;
    let floor = tag.rsplit_once("-").map_or(tag, |(_, platform)| platform);
    let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
    println!("{told}");
    let consistent = told.contains(&format!("consistent with the following platform tag: \"{floor}\""));
    if consistent { Ok(()) } else { Err(format!("auditwheel does not find {floor}")) }
}

/// A program in an environment that has nothing else.
fn use_it(wheel: &Path, clean: &Path) -> Outcome {
    let wrong = |error: std::io::Error| error.to_string();
    if clean.exists() {
        fs::remove_dir_all(clean).map_err(wrong)?;
    }
    done(Command::new("python3").args(["-m", "venv"]).arg(clean))?;
    let python = clean.join("bin/python");
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index"];
    done(Command::new(&python).args(install).arg(wheel))?;
    let program = clean.join("program.py");
    fs::write(&program, CONSUMER).map_err(wrong)?;
    let mut run = Command::new(&python);
    run.arg("-W").arg("error").arg(&program).current_dir(clean).env_remove("PYTHONPATH");
    done(&mut run)?;
    let tools = tools()?;
    done(tools.program("mypy").arg("--strict").arg("--python-executable").arg(&python).arg(&program))?;
    fs::write(clean.join("pyrightconfig.json"), r#"{"include": ["program.py"], "typeCheckingMode": "strict"}"#)
        .map_err(wrong)?;
    done(tools.program("pyright").arg("--project").arg(clean).arg("--pythonpath").arg(&python))?;
    // The module was written for the library of tests: the two are of one build if this holds.
    let same = "from casehug_clio._native import casehug_clio_uniffi as n; n._uniffi_check_api_checksums(n._UniffiLib)";
    done(Command::new(&python).args(["-c", same]).current_dir(clean).env_remove("PYTHONPATH"))?;
    println!("a program in a clean environment runs, and is well typed for mypy and pyright (strict)");
    let import = "import time; began = time.perf_counter(); import casehug_clio; print(time.perf_counter() - began)";
    let mut times = Vec::new();
    for _ in 0..5 {
        let told = said(Command::new(&python).args(["-c", import]).current_dir(clean).env_remove("PYTHONPATH"))?;
        times.push(told.trim().parse::<f64>().map_err(|error| error.to_string())?);
    }
    let best = times.iter().copied().fold(f64::INFINITY, f64::min);
    println!("import: {:.0} ms (the best of five)", best * 1000.0);
    Ok(())
}

fn weigh(wheel: &Path, library: &Path) -> Outcome {
    let weight = bytes(wheel)?;
    println!(
        "{}: {:.2} MiB (goal: {:.0}), with a library of {:.2} MiB for {TRIPLE}",
        wheel.display(),
        mib(weight),
        mib(GOAL_BYTES),
        mib(bytes(library)?)
    );
    if weight > GOAL_BYTES { Err(String::from("the wheel is too large")) } else { Ok(()) }
}

fn tools() -> Result<Venv, String> {
    Venv::new("wheel", &sources().join("scripts/requirements.txt"))
}
