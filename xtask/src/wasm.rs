//! WebAssembly: which compiler can build it here, and what wasm-bindgen makes of it.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::{Outcome, command, run, skipped, target};

const TARGET: &str = "wasm32-unknown-unknown";
/// Its version is pinned to that of the crate: they exchange a private format.
const GENERATOR: [&str; 9] =
    ["run", "--quiet", "--package", "xtask", "--features", "bindgen", "--bin", "bindgen", "--"];

/// Compiles core alone, and looks at the WebAssembly package with and without `testing`.
pub(crate) fn check() -> Outcome {
    cargo(&["check", "--quiet", "--package", "casehug-clio"])?;
    for more in [&[][..], &["--features", "testing"]] {
        let mut args = vec!["clippy", "--quiet", "--package", "casehug-clio-wasm"];
        args.extend(more);
        args.extend(["--target", TARGET, "--", "-D", "warnings"]);
        // Clippy comes with rustup's toolchain only.
        if !rustup_has_target() {
            return skipped(&format!("rustup cannot add {TARGET}, so clippy did NOT look at the WebAssembly package"));
        }
        run("cargo", &args)?;
    }
    Ok(())
}

/// Compiles the module, with the functions of tests if asked for, and makes the JavaScript around
/// it. Gives their folder.
pub(crate) fn bindings(testing: bool) -> Result<PathBuf, String> {
    let mut args = vec!["build", "--quiet", "--profile", "wasm", "--package", "casehug-clio-wasm"];
    if testing {
        args.extend(["--features", "testing"]);
    }
    let wasm = cargo(&args)?.join(TARGET).join("wasm/casehug_clio_wasm.wasm");
    let out = target().join(if testing { "wasm-bindgen/testing" } else { "wasm-bindgen/shipping" });
    std::fs::create_dir_all(&out).map_err(|error| error.to_string())?;
    let mut generate = GENERATOR.to_vec();
    let (wasm, folder) = (wasm.to_string_lossy().into_owned(), out.to_string_lossy().into_owned());
    generate.extend([wasm.as_str(), &folder]);
    run("cargo", &generate)?;
    Ok(out)
}

fn rustup_has_target() -> bool {
    static ADDED: OnceLock<bool> = OnceLock::new();
    *ADDED.get_or_init(|| run("rustup", &["target", "add", TARGET]).is_ok())
}

/// Runs cargo for the target: rustup's where it can be had, else Debian's compiler with the
/// standard library from source. Gives the folder of what it made.
fn cargo(args: &[&str]) -> Result<PathBuf, String> {
    if rustup_has_target() {
        let mut all = args.to_vec();
        all.extend(["--target", TARGET]);
        return run("cargo", &all).map(|()| target());
    }
    println!("rustup cannot add {TARGET}; trying Debian's rustc-web");
    run("apt-get", &["update", "--quiet"])?;
    run("apt-get", &["install", "--yes", "--quiet", "rustc-web", "cargo-web", "rust-web-src"])?;
    println!("$ cargo {} -Zbuild-std --target {TARGET}", args.join(" "));
    let folder = target().join("debian-web");
    let mut build = command("/usr/bin/cargo", args);
    build.args(["-Zbuild-std=std,panic_abort", "--target", TARGET]);
    build.env("RUSTC_BOOTSTRAP", "1").env("RUSTC", "/usr/bin/rustc").env("CARGO_TARGET_DIR", &folder);
    if let Some(path) = with_linker() {
        build.env("PATH", path);
    }
    let status = build.status().map_err(|error| error.to_string())?;
    if status.success() { Ok(folder) } else { Err(format!("cargo {}: {status}", args.join(" "))) }
}

/// Debian's compiler has no `rust-lld`; rustup's toolchain has, beside its own libraries.
fn with_linker() -> Option<std::ffi::OsString> {
    let sysroot = command("rustc", &["--print", "sysroot"]).output().ok()?;
    let host = command("rustc", &["--print", "host-tuple"]).output().ok()?;
    let (sysroot, host) = (String::from_utf8(sysroot.stdout).ok()?, String::from_utf8(host.stdout).ok()?);
    let linker = Path::new(sysroot.trim()).join("lib/rustlib").join(host.trim()).join("bin");
    let path = std::env::var_os("PATH")?;
    std::env::join_paths(std::iter::once(linker).chain(std::env::split_paths(&path))).ok()
}
