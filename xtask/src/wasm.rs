//! WebAssembly: which compiler can build it here, and the package that Node loads.

use std::path::Path;
use std::sync::OnceLock;

use crate::{Outcome, command, root, run, target};

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
        if rustup_has_target() {
            run("cargo", &args)?;
        }
    }
    Ok(())
}

/// Builds the package for Node, with what its tests need, into `target/node`, and runs its tests.
pub(crate) fn node() -> Outcome {
    let out = target().join("node");
    let built =
        cargo(&["build", "--quiet", "--profile", "wasm", "--package", "casehug-clio-wasm", "--features", "testing"])?;
    let wasm = built.join(TARGET).join("wasm/casehug_clio_wasm.wasm");
    std::fs::create_dir_all(&out).map_err(|error| error.to_string())?;
    let mut generate = GENERATOR.to_vec();
    let (wasm, folder) = (wasm.to_string_lossy().into_owned(), out.to_string_lossy().into_owned());
    generate.extend([wasm.as_str(), &folder]);
    run("cargo", &generate)?;
    copy_scripts(&root().join("wasm/js"), &out)?;
    print_size(&out.join("casehug_clio_wasm_bg.wasm"));
    crate::test::build()?;
    println!("$ node --test wasm/tests");
    let mut tests: Vec<String> = Vec::new();
    for entry in std::fs::read_dir(root().join("wasm/tests")).map_err(|error| error.to_string())?.flatten() {
        let path = entry.path().to_string_lossy().into_owned();
        if path.ends_with(".test.mjs") {
            tests.push(path);
        }
    }
    tests.sort_unstable();
    let status = command("node", &["--expose-gc", "--test", "--test-reporter=spec"])
        .args(tests)
        .env("CASEHUG_CLIO_NODE", &out)
        .env("CASEHUG_CLIO_PROGRAMS", target().join("debug"))
        .status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("node --test: {status}")),
        Err(error) if std::env::var_os("CI").is_none() => {
            println!("SKIPPED: node cannot be started ({error}); the Node build was NOT tested.");
            Ok(())
        }
        Err(error) => Err(format!("node: {error}")),
    }
}

/// What would be downloaded, and with what tests need in it. Not a check: a machine may be without Node.
fn print_size(wasm: &Path) {
    const SCRIPT: &str = "
        const { readFileSync } = require('node:fs');
        const { brotliCompressSync, gzipSync } = require('node:zlib');
        const raw = readFileSync(process.argv[1]);
        const sizes = { raw, gzip: gzipSync(raw, { level: 9 }), brotli: brotliCompressSync(raw) };
        const told = Object.entries(sizes).map(([name, bytes]) => `${name} ${Math.round(bytes.length / 1000)} kB`);
        console.log(`size with the functions of tests: ${told.join(', ')}`);";
    // Where it cannot be started the tests say so.
    let _ = command("node", &["-e", SCRIPT]).arg(wasm).status();
}

fn copy_scripts(from: &Path, to: &Path) -> Outcome {
    let copy = || -> std::io::Result<()> {
        for entry in std::fs::read_dir(from)? {
            let entry = entry?;
            std::fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
        // The generated bindings end in `.js` and are a module.
        std::fs::write(
            to.join("package.json"),
            "{\"name\":\"casehug-clio\",\"private\":true,\"type\":\"module\",\"main\":\"index.mjs\"}\n",
        )
    };
    copy().map_err(|error| format!("{}: {error}", to.display()))
}

fn rustup_has_target() -> bool {
    static ADDED: OnceLock<bool> = OnceLock::new();
    *ADDED.get_or_init(|| run("rustup", &["target", "add", TARGET]).is_ok())
}

/// Runs cargo for the target: rustup's where it can be had, else Debian's compiler with the standard library from source. Gives the folder of what it made.
fn cargo(args: &[&str]) -> Result<std::path::PathBuf, String> {
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
