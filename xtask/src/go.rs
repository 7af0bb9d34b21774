//! The Go module as it is handed out, and its tests: the sources of `bindings/go` beside the header
//! and the library.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::dist::{TRIPLE, licences};
use crate::hide::hide;
use crate::{Outcome, copy, done, root, said, target};

const MODULE: &str = "github.com/casehug/clio-sync/bindings/go";
const LIBRARY: &str = "libcasehug_clio_linux_amd64.a";
/// Go's toolchain that the module asks for, at least: `context.AfterFunc`.
const LEAST_MINOR: u32 = 21;

/// Puts the module together around this archive of cargo's.
pub(crate) fn assemble(archive: &Path, folder: &Path) -> Outcome {
    let wrong = |error: std::io::Error| error.to_string();
    if folder.exists() {
        std::fs::remove_dir_all(folder).map_err(wrong)?;
    }
    copy(&root().join("bindings/go"), folder, &[]).map_err(wrong)?;
    let include = root().join("ffi/include");
    copy(&include, folder, &[]).map_err(wrong)?;
    licences::lay("casehug-clio-ffi", TRIPLE, folder)?;
    hide(&include.join("casehug_clio.h"), archive, &folder.join(LIBRARY))
}

/// Whether the module's line for the linker names these libraries, which rustc says it needs. Go
/// has the C library from the C compiler.
pub(crate) fn names(libraries: &str) -> Outcome {
    let line = format!("${{SRCDIR}}/{LIBRARY} {}\n", libraries.trim_end_matches(" -lc"));
    let source = root().join("bindings/go/doc.go");
    let told = std::fs::read_to_string(&source).map_err(|error| error.to_string())?;
    if told.contains(&line) { Ok(()) } else { Err(format!("{} lacks {line}", source.display())) }
}

/// The gate's step.
pub(crate) fn check() -> Outcome {
    if !is_there() {
        return crate::skipped(&format!("Go 1.{LEAST_MINOR} or newer is not installed; the Go module was NOT tested"));
    }
    crate::test::build()?;
    let (built, module) = (target().join("debug"), target().join("gate/go"));
    names(&crate::natives::of_rusts_own(&target().join("gate"))?)?;
    assemble(&built.join("libcasehug_clio_ffi.a"), &module)?;
    let told = said(&mut go(&module, &["run", "cmd/gofmt", "-l", "."]))?;
    if !told.is_empty() {
        return Err(format!("gofmt: {told}"));
    }
    done(&mut go(&module, &["vet", "./..."]))?;
    let mut tests = go(&module, &["test", "-race", "-parallel", "16", "./..."]);
    tests.env("CLIO_SIM", built.join("clio-sim")).env("GOLDEN", built.join("golden"));
    done(tests.env("INTAKES", root().join("examples/intake")))?;
    stores(&module)?;
    consumer(&module)
}

/// The store of `database/sql`, tested with drivers that are pinned there and not in the module:
/// one in Go, and one around SQLite's C.
fn stores(module: &Path) -> Outcome {
    let folder = root().join("tests/go-stores");
    // Its go.mod names the place in the workspace; cargo's folder may be elsewhere. Go reads what
    // go.mod names even if the same module is used here, unless it is replaced here too.
    let work = target().join("gate/go-stores.work");
    let uses = format!("go 1.24.0\n\nuse {folder:?}\n\nreplace {MODULE} => {module:?}\n");
    std::fs::write(&work, uses).map_err(|error| error.to_string())?;
    for command in ["vet", "test"] {
        for driver in ["modernc", "mattn"] {
            let mut go = go(&folder, &[command, "-tags", driver, "./..."]);
            // The tests take four seconds: SQLite's C need not be optimised for them.
            done(go.env("GOWORK", &work).env("CGO_CFLAGS", "-O0"))?;
        }
    }
    Ok(())
}

/// A program elsewhere gets the module from a proxy that is a folder, vendors it, and runs.
fn consumer(module: &Path) -> Outcome {
    let folder = target().join("gate/go-consumer");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(|error| error.to_string())?;
    }
    let versions = folder.join("proxy").join(MODULE).join("@v");
    let program = folder.join("program");
    let write = |path: PathBuf, text: &str| std::fs::write(path, text).map_err(|error| error.to_string());
    for made in [&versions, &program] {
        std::fs::create_dir_all(made).map_err(|error| error.to_string())?;
    }
    write(versions.join("list"), "v0.1.0\n")?;
    write(versions.join("v0.1.0.info"), "{\"Version\":\"v0.1.0\",\"Time\":\"2026-01-01T00:00:00Z\"}\n")?;
    std::fs::copy(module.join("go.mod"), versions.join("v0.1.0.mod")).map_err(|error| error.to_string())?;
    let zip = "import os, sys, zipfile\nroot, out, prefix = sys.argv[1:]\nwith zipfile.ZipFile(out, 'w') as made:\n    \
               for folder, _, files in os.walk(root):\n        for file in files:\n            path = os.path.join(folder, file)\n            \
               made.write(path, prefix + os.path.relpath(path, root))\n";
    let prefix = format!("{MODULE}@v0.1.0/");
    let out = versions.join("v0.1.0.zip");
    done(Command::new("python3").args(["-c", zip]).arg(module).arg(out).arg(prefix))?;
    write(program.join("go.mod"), &format!("module consumer\n\ngo 1.{LEAST_MINOR}\n\nrequire {MODULE} v0.1.0\n"))?;
    write(
        program.join("main.go"),
        &format!(
            "package main\n\nimport (\n\t\"fmt\"\n\n\tclio \"{MODULE}\"\n)\n\nfunc main() {{ fmt.Println(clio.Version()) }}\n"
        ),
    )?;
    let offline = |arguments: &[&str]| {
        let mut command = go(&program, arguments);
        command.env("GOPROXY", format!("file://{}", folder.join("proxy").display())).env("GONOSUMDB", "*");
        command.env("GOFLAGS", "-modcacherw").env("GOMODCACHE", folder.join("cache"));
        command
    };
    done(&mut offline(&["mod", "tidy"]))?;
    done(&mut offline(&["mod", "vendor"]))?;
    licences::look(&program.join("vendor").join(MODULE))?;
    let told = said(&mut offline(&["run", "-mod=vendor", "."]))?;
    if told.trim() != env!("CARGO_PKG_VERSION") {
        return Err(format!("the consumer says {told:?}"));
    }
    println!("a consumer with a vendored copy runs");
    Ok(())
}

fn is_there() -> bool {
    let told = Command::new("go").arg("version").output();
    let version = told.map(|told| String::from_utf8_lossy(&told.stdout).into_owned()).unwrap_or_default();
    let minor = version.split("go1.").nth(1).and_then(|rest| rest.split(['.', ' ']).next()?.parse::<u32>().ok());
    minor.is_some_and(|minor| minor >= LEAST_MINOR)
}

fn go(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("go");
    command.args(arguments).current_dir(folder);
    command
}
