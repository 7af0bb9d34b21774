//! The static library as it is handed out, in a program that has a SQLite of its own: each runs on
//! its own, whatever the order of linking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]
#![cfg(target_os = "linux")]

// The same code that makes the package.
#[path = "../../xtask/src/hide.rs"]
mod hide;
#[path = "../../xtask/src/natives.rs"]
mod natives;

use std::path::{Path, PathBuf};
use std::process::Command;

/// What the host's SQLite calls itself.
const HOSTS: (&str, &str) = ("3.1.4", "3001004");

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The source of the SQLite that is compiled into the SDK.
fn bundled_source() -> PathBuf {
    let metadata =
        run(Command::new(env!("CARGO")).args(["metadata", "--format-version=1", "--offline"]).current_dir(folder()));
    let metadata: serde_json::Value = serde_json::from_str(&metadata).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let sqlite = packages.iter().find(|package| package["name"] == "libsqlite3-sys").unwrap();
    Path::new(sqlite["manifest_path"].as_str().unwrap()).with_file_name("sqlite3").join("sqlite3.c")
}

/// The value of a `#define` of the source, with its quotes.
fn defined(source: &str, name: &str) -> String {
    let line = source.lines().find_map(|line| line.strip_prefix("#define ")?.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap().trim().to_owned()
}

/// The host's SQLite: the same source under another version, as an archive.
fn host_sqlite(source: &str, out: &Path) -> PathBuf {
    let (file, object, archive) = (out.join("sqlite3.c"), out.join("sqlite3.o"), out.join("libhost_sqlite.a"));
    let (name, number) = (defined(source, "SQLITE_VERSION"), defined(source, "SQLITE_VERSION_NUMBER"));
    let own = source.replace(&name, &format!("\"{}\"", HOSTS.0)).replace(&number, HOSTS.1);
    std::fs::write(&file, own).unwrap();
    run(Command::new("cc").args(["-O0", "-w", "-DSQLITE_OMIT_LOAD_EXTENSION", "-c", "-o"]).arg(&object).arg(&file));
    run(Command::new("ar").arg("crs").arg(&archive).arg(&object));
    archive
}

/// Links the program with these libraries in this order and runs it: the version of the host's
/// SQLite, and of the one that wrote the store.
fn versions(program: &Path, libraries: [&Path; 2], out: &Path) -> (String, u32) {
    run(Command::new("cc")
        .args(["-std=c99", "-Wall", "-Wextra", "-Werror", "-I"])
        .arg(folder().join("include"))
        .args(["own_sqlite.c", "memory_store.c"].map(|source| folder().join("tests/c").join(source)))
        .args(libraries)
        .args(natives::of_rusts_own(out).unwrap().split(' '))
        .arg("-o")
        .arg(program));
    let store = out.join(program.with_extension("db"));
    let host =
        run(Command::new(program).arg("http://127.0.0.1:9").arg(folder().join("../examples/intake")).arg(&store));
    // Where SQLite writes down which version last changed the file.
    let number = std::fs::read(store).unwrap()[96..100].try_into().unwrap();
    (host.trim().to_owned(), u32::from_be_bytes(number))
}

#[test]
fn the_sdk_and_a_host_with_its_own_sqlite_each_run_on_their_own_in_both_orders() {
    let temp = tempfile::tempdir().unwrap();
    let cargos = std::env::current_exe().unwrap().with_file_name("libcasehug_clio_ffi.a");
    let ours = temp.path().join("libcasehug_clio_ffi.a");
    hide::hide(&folder().join("include/casehug_clio.h"), &cargos, &ours).unwrap();
    assert_eq!(hide::global_symbols(&ours).unwrap().len(), 23);

    let source = std::fs::read_to_string(bundled_source()).unwrap();
    let bundled: u32 = defined(&source, "SQLITE_VERSION_NUMBER").parse().unwrap();
    let hosts = host_sqlite(&source, temp.path());
    for (name, libraries) in [("ours_first", [&*ours, &*hosts]), ("hosts_first", [&*hosts, &*ours])] {
        let (host, store) = versions(&temp.path().join(name), libraries, temp.path());
        assert_eq!((host.as_str(), store), (HOSTS.0, bundled), "{name}");
    }
}
