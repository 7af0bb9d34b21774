//! `cargo xtask dist`: what is handed to consumers, one language at a time.

use std::path::Path;

use crate::hide::hide;
use crate::{Outcome, command, root, target};

pub(crate) fn dist(args: &[String]) -> Outcome {
    match args {
        [language] if language == "c" => c(),
        [language] if language == "node" => crate::node::dist(),
        [language] if language == "go" => go(),
        _ => Err(String::from("usage: cargo xtask dist c | go | node")),
    }
}

/// The Go module with its library, in `target/dist/go`.
fn go() -> Outcome {
    build()?;
    let folder = target().join("dist/go");
    crate::go::assemble(&target().join("release/libcasehug_clio_ffi.a"), &folder)?;
    println!("{}", folder.display());
    Ok(())
}

/// The headers and both libraries, in `target/dist/c`.
fn c() -> Outcome {
    build()?;
    let (built, folder) = (target().join("release"), target().join("dist/c"));
    std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let header = root().join("ffi/include/casehug_clio.h");
    hide(&header, &built.join("libcasehug_clio_ffi.a"), &folder.join("libcasehug_clio_ffi.a"))?;
    let copy = |from: &Path, name: &str| {
        std::fs::copy(from, folder.join(name)).map(drop).map_err(|error| format!("{name}: {error}"))
    };
    copy(&header, "casehug_clio.h")?;
    copy(&header.with_file_name("casehug_clio_operations.h"), "casehug_clio_operations.h")?;
    copy(&built.join("libcasehug_clio_ffi.so"), "libcasehug_clio_ffi.so")?;
    println!("{}", folder.display());
    Ok(())
}

/// Builds both libraries, optimised as a whole.
fn build() -> Outcome {
    // Crate types told here: beside the `rlib` of the manifest cargo leaves link-time optimisation out, and the archive is three times as large.
    let arguments =
        ["rustc", "--release", "--package", "casehug-clio-ffi", "--lib", "--crate-type", "cdylib,staticlib"];
    let status = command("cargo", &arguments).status().map_err(|error| error.to_string())?;
    if !status.success() {
        return Err(format!("cargo rustc: {status}"));
    }
    Ok(())
}
