//! `cargo xtask sanitize`: the C library built with AddressSanitizer under the C programs and the
//! golden scenarios, with ThreadSanitizer under 64 threads, and as it is under valgrind with the
//! golden scenarios.
//!
//! The first two need a nightly toolchain, the second with `rust-src`, and are builds of their own, in
//! `target/sanitize`; each takes minutes. AddressSanitizer sees Rust, SQLite and the programs in C;
//! std comes as it is. ThreadSanitizer sees Rust with std, and no C: the test brings a store in
//! Rust. Valgrind sees everything, on one processor.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::clio::Clio;
use crate::{Outcome, done, natives, positions, root, said, target};

const TRIPLE: &str = "x86_64-unknown-linux-gnu";
/// Programs that are given a Clio, a folder of intakes and a matter.
const PROGRAMS: [&str; 6] = ["every_argument", "sync_one", "misuse", "worker", "arguments", "ports"];

pub(crate) fn sanitize(only: Option<&str>) -> Outcome {
    match only {
        None => address().and_then(|()| thread()).and_then(|()| valgrind()),
        Some("address") => address(),
        Some("thread") => thread(),
        Some("valgrind") => valgrind(),
        Some(_) => Err(String::from("usage: cargo xtask sanitize [address | thread | valgrind]")),
    }
}

fn cargo(sanitizer: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.arg("+nightly").args(arguments).args(["--quiet", "--package", "casehug-clio-ffi", "--target", TRIPLE]);
    command.env("RUSTFLAGS", format!("-Zsanitizer={sanitizer} -Cdebuginfo=line-tables-only"));
    command.env("CARGO_INCREMENTAL", "0").env("CARGO_TARGET_DIR", target().join("sanitize").join(sanitizer));
    // Set by the cargo that runs this: the other toolchain is asked for by its name.
    command.env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO").env_remove("LD_LIBRARY_PATH").current_dir(root());
    command
}

fn address() -> Outcome {
    let mut build = cargo("address", &["rustc", "--lib", "--crate-type", "staticlib"]);
    done(build.env("CFLAGS", "-fsanitize=address -fno-omit-frame-pointer"))?;
    let out = target().join("sanitize/address/c");
    std::fs::create_dir_all(&out).map_err(|error| error.to_string())?;
    let include = root().join("ffi/include");
    let header = |name: &str| std::fs::read_to_string(include.join(name)).map_err(|error| error.to_string());
    let (calls, _) = positions::calls(&(header("casehug_clio.h")? + &header("casehug_clio_operations.h")?))?;
    std::fs::write(out.join("every_argument.h"), calls).map_err(|error| error.to_string())?;
    for name in PROGRAMS {
        let (program, clio) = (compile(name, &out)?, Clio::start()?);
        clio.post("/__sim/config", &serde_json::json!({ "rate_limit": 1_000_000 }))?;
        let mut command = Command::new(program);
        command.arg(clio.url()).arg(root().join("examples/intake")).arg("mat_0001").current_dir(&out);
        done(&mut command)?;
    }
    let agent = compile("golden_agent", &out)?;
    crate::run("cargo", &["build", "--quiet", "--package", "golden"])?;
    done(Command::new(target().join("debug/golden")).arg(agent).current_dir(&out))?;
    println!("AddressSanitizer: {} programs and the golden scenarios, without a report", PROGRAMS.len());
    Ok(())
}

/// Compiles a program with gcc's instrumentation; it is linked with the runtime of Rust's.
fn compile(name: &str, out: &Path) -> Result<PathBuf, String> {
    let (sources, program) = (root().join("ffi/tests/c"), out.join(name));
    let mut objects = Vec::new();
    for source in [name, "memory_store"] {
        let object = out.join(format!("{source}.o"));
        let mut compile = Command::new("gcc");
        compile.args(["-std=c99", "-g", "-fsanitize=address", "-fno-omit-frame-pointer", "-pthread", "-c", "-I"]);
        compile.arg(root().join("ffi/include")).arg("-I").arg(out).arg(sources.join(format!("{source}.c")));
        done(compile.arg("-o").arg(&object))?;
        objects.push(object);
    }
    let sysroot = said(Command::new("rustc").args(["+nightly", "--print", "sysroot"]).env_remove("RUSTUP_TOOLCHAIN"))?;
    let sysroot = Path::new(sysroot.trim()).join("lib/rustlib").join(TRIPLE).join("lib");
    let library = target().join("sanitize/address").join(TRIPLE).join("debug/libcasehug_clio_ffi.a");
    let mut link = Command::new("gcc");
    link.args(&objects).arg("-Wl,--whole-archive").arg(sysroot.join("librustc-nightly_rt.asan.a"));
    link.arg("-Wl,--no-whole-archive").arg(library).args(natives::of_rusts_own(out)?.split(' '));
    done(link.args(["-rdynamic", "-o"]).arg(&program))?;
    Ok(program)
}

fn thread() -> Outcome {
    crate::run("rustup", &["component", "add", "rust-src", "--toolchain", "nightly"])?;
    let mut test = cargo("thread", &["test", "-Zbuild-std", "--test", "threads"]);
    done(test.env("TSAN_OPTIONS", "halt_on_error=1"))?;
    println!("ThreadSanitizer: 64 threads on one handle, without a report");
    Ok(())
}

/// Each scenario's agent is a process, and fails at its end by what valgrind has found.
fn valgrind() -> Outcome {
    if Command::new("valgrind").arg("--version").output().is_err() {
        return crate::skipped("valgrind is not installed; the golden scenarios did NOT run under it");
    }
    crate::test::build()?;
    let (built, agent) = (target().join("debug"), target().join("sanitize/golden_agent"));
    std::fs::create_dir_all(target().join("sanitize")).map_err(|error| error.to_string())?;
    let mut compile = Command::new("cc");
    compile.args(["-std=c99", "-g", "-pthread", "-I"]).arg(root().join("ffi/include"));
    compile.arg(root().join("ffi/tests/c/golden_agent.c")).arg("-o").arg(&agent).arg("-L").arg(&built);
    done(compile.arg("-lcasehug_clio_ffi").arg(format!("-Wl,-rpath,{}", built.display())))?;
    let mut golden = Command::new(built.join("golden"));
    golden.args(["valgrind", "--quiet", "--leak-check=full", "--show-leak-kinds=definite"]);
    golden.args(["--errors-for-leak-kinds=definite", "--error-exitcode=99"]).arg(&agent);
    // Cargo's own path begins with the folder of an earlier build, whose library would be taken.
    done(golden.env_remove("LD_LIBRARY_PATH"))?;
    println!("valgrind: the golden scenarios, without a wrong access or a leak");
    Ok(())
}
