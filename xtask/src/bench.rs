//! `cargo xtask bench bindings`: builds native Rust, and the programs in C and in Go on the
//! library, alike, and measures them.

use std::process::Command;

use crate::{Outcome, done, root, run, target};

/// Where cargo puts what the profile `bench` builds.
const BUILT: &str = "release";

pub(crate) fn bindings() -> Outcome {
    // In one build: native Rust and the library are the same code.
    run("cargo", &["build", "--quiet", "--profile", "bench", "--package", "bench", "--package", "casehug-clio-ffi"])?;
    let (built, out) = (target().join(BUILT), target().join("bench"));
    std::fs::create_dir_all(&out).map_err(|error| error.to_string())?;
    let (c, go) = (out.join("c"), out.join("go-program"));
    let mut compile = Command::new("cc");
    compile.args(["-std=c99", "-O2", "-pthread", "-I"]).arg(root().join("ffi/include"));
    compile.args(["bench.c", "memory_store.c"].map(|source| root().join("ffi/tests/c").join(source)));
    compile.arg("-o").arg(&c).arg("-L").arg(&built).arg("-lcasehug_clio_ffi");
    done(compile.arg(format!("-Wl,-rpath,{}", built.display())))?;
    let module = out.join("go");
    crate::go::assemble(&built.join("libcasehug_clio_ffi.a"), &module)?;
    done(Command::new("go").args(["build", "-o"]).arg(&go).arg("./internal/bench").current_dir(&module))?;
    done(Command::new(built.join("bench")).args(["bindings", "--programs"]).arg(c).arg(go))
}
