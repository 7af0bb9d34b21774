//! `cargo xtask dist`: what is handed to consumers, one language at a time.

mod c;
mod consumers;
mod kotlin;
pub(crate) mod licences;
mod python;
mod stores;

use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) use c::check_stores;
pub(crate) use consumers::static_flags;

use crate::uniffi::LIBRARY;
use crate::{Outcome, command, done, natives, target};

/// The oldest glibc that a program with the library runs on: RHEL 8, Debian 10, Ubuntu 18.10.
const GLIBC: &str = "2.28";
/// The profile of what is to be small.
const SHIPPED: &str = "shipped";
pub(crate) const TRIPLE: &str = "x86_64-unknown-linux-gnu";
/// The linker that knows old glibcs, and cargo's way to it: packages of PyPI.
const ZIG: [&str; 2] = ["ziglang==0.17.1", "cargo-zigbuild==0.24.1"];

pub(crate) fn dist(args: &[String]) -> Outcome {
    match args {
        [language] if language == "c" => c::dist(),
        [language] if language == "go" => go(),
        [language] if language == "kotlin" => kotlin::dist(),
        [language] if language == "node" => crate::node::dist(),
        [language] if language == "python" => python::dist(),
        _ => Err(String::from("usage: cargo xtask dist c | go | kotlin | node | python")),
    }
}

/// The Go module with its library, in `target/dist/go`.
fn go() -> Outcome {
    let folder = target().join("dist/go");
    let (built, libraries) = build()?;
    crate::go::assemble(&built.join("libcasehug_clio_ffi.a"), &folder)?;
    crate::go::names(&libraries)?;
    println!("{}", folder.display());
    Ok(())
}

/// Builds C's libraries; gives the folder that they are in, and what the static one needs.
fn build() -> Result<(PathBuf, String), String> {
    let soname = format!("link-arg=-Wl,-soname,{}", c::soname());
    // Beside the libraries, as cargo asks again only when it builds again.
    let built = target().join(TRIPLE).join(SHIPPED);
    let libraries = built.join("libcasehug_clio_ffi.libs");
    std::fs::create_dir_all(&built).map_err(|error| error.to_string())?;
    let ask = natives::option(&libraries);
    let built = zigbuild("casehug-clio-ffi", SHIPPED, "cdylib,staticlib", &["-C", &soname, &ask])?;
    Ok((built, natives::answer(&libraries)?))
}

/// Builds the library that Python and Kotlin carry, and puts a package together around it in this
/// folder; gives the library's file in it, without what only debuggers read.
fn package(
    assemble: fn(&Path, &Path) -> Outcome,
    profile: &str,
    folder: &Path,
    place: &str,
) -> Result<PathBuf, String> {
    crate::run(
        "cargo",
        &["build", "--quiet", "--package", "casehug-clio-uniffi", "--package", "casehug-clio-bindgen"],
    )?;
    assemble(&zigbuild("casehug-clio-uniffi", profile, "cdylib", &[])?.join(LIBRARY), folder)?;
    let library = folder.join(place).join(LIBRARY);
    done(Command::new("strip").arg("--strip-all").arg(&library))?;
    stays_loaded(&readelf(&library, "-d")?)?;
    Ok(library)
}

/// What readelf tells of a library.
fn readelf(library: &Path, option: &str) -> Result<String, String> {
    let told = Command::new("readelf").args(["-W", option]).arg(library).output();
    told.map(|told| String::from_utf8_lossy(&told.stdout).into_owned()).map_err(|error| format!("readelf: {error}"))
}

/// Refuses a library, by its `readelf -d`, that a host can unload under the library's own threads.
fn stays_loaded(dynamic: &str) -> Outcome {
    if dynamic.contains("NODELETE") {
        Ok(())
    } else {
        Err(String::from("unloading would end it under its own threads"))
    }
}

fn bytes(path: &Path) -> Result<u64, String> {
    std::fs::metadata(path).map(|facts| facts.len()).map_err(|error| format!("{}: {error}", path.display()))
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / 1_048_576.0
}

/// Builds a package's library for the oldest glibc; gives the folder that it is in.
fn zigbuild(package: &str, profile: &str, crate_types: &str, options: &[&str]) -> Result<PathBuf, String> {
    let zig = target().join("zig/bin");
    if !zig.join("cargo-zigbuild").exists() {
        crate::run("python3", &["-m", "venv", &target().join("zig").to_string_lossy()])?;
        let pip = zig.join("pip").to_string_lossy().into_owned();
        crate::run(&pip, &["install", "--quiet", ZIG[0], ZIG[1]])?;
    }
    let path = format!("{}:{}", zig.display(), std::env::var("PATH").unwrap_or_default());
    // Crate types told here: beside the `rlib` of the manifest cargo leaves link-time optimisation
    // out, and the archive is three times as large.
    let target_of = format!("{TRIPLE}.{GLIBC}");
    let mut arguments = vec!["rustc", "--profile", profile, "--package", package, "--lib"];
    arguments.extend(["--crate-type", crate_types, "--target", &target_of, "--"]);
    arguments.extend(options);
    done(command("cargo-zigbuild", &arguments).env("PATH", path))?;
    Ok(target().join(TRIPLE).join(profile))
}
