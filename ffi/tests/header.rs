//! The committed header and code table are what the sources say, and C and C++ compilers take the
//! header.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]

use std::path::{Path, PathBuf};
use std::process::Command;

use casehug_clio::ALL_CODES;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Compares a committed file with what it should be; with `CASEHUG_BLESS=1` writes it.
fn check(path: &Path, expected: &str) {
    if std::env::var_os("CASEHUG_BLESS").is_some() {
        std::fs::write(path, expected).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == expected,
        "{} is stale: CASEHUG_BLESS=1 cargo test -p casehug-clio-ffi --test header",
        path.display()
    );
}

#[test]
fn the_code_table_is_cores() {
    let path = folder().join("src/codes.rs");
    let committed = std::fs::read_to_string(&path).unwrap();
    let head = committed.split("    /// Success.").next().unwrap();
    let mut expected = format!("{head}    /// Success.\n    CASEHUG_CLIO_OK = 1,\n");
    for code in ALL_CODES {
        expected += &format!("    /// {}\n", code.message());
        expected += &format!("    CASEHUG_CLIO_{} = {},\n", code.name().to_uppercase(), code.number());
    }
    expected += "}\n";
    check(&path, &expected);
}

#[test]
fn the_header_is_what_cbindgen_makes_of_the_sources() {
    let mut config = cbindgen::Config::from_file(folder().join("cbindgen.toml")).unwrap();
    // cbindgen evaluates no `env!`.
    config.after_includes = Some(format!(
        "\n// The version of the SDK that this header is of, as text and as numbers for `#if`.\n\
         #define CASEHUG_CLIO_VERSION \"{}\"\n#define CASEHUG_CLIO_VERSION_MAJOR {}\n\
         #define CASEHUG_CLIO_VERSION_MINOR {}\n#define CASEHUG_CLIO_VERSION_PATCH {}",
        env!("CARGO_PKG_VERSION"),
        env!("CARGO_PKG_VERSION_MAJOR"),
        env!("CARGO_PKG_VERSION_MINOR"),
        env!("CARGO_PKG_VERSION_PATCH"),
    ));
    let mut header = Vec::new();
    cbindgen::Builder::new().with_crate(folder()).with_config(config).generate().unwrap().write(&mut header);
    check(&folder().join("include/casehug_clio.h"), &String::from_utf8(header).unwrap());
}

#[test]
fn c99_and_cpp_compilers_take_the_header_without_a_warning() {
    let temp = tempfile::tempdir().unwrap();
    for (compiler, standard, file) in
        [("cc", "-std=c99", "header.c"), ("c++", "-std=c++11", "header.cpp"), ("c++", "-std=c++17", "header.cpp")]
    {
        let source = temp.path().join(file);
        std::fs::write(&source, "#include \"casehug_clio.h\"\nint main(void) { return CASEHUG_CLIO_OK - 1; }\n")
            .unwrap();
        let output = Command::new(compiler)
            .args([standard, "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", "-I"])
            .arg(folder().join("include"))
            .arg(&source)
            .output()
            .unwrap_or_else(|error| panic!("{compiler} is needed: {error}"));
        assert!(output.status.success(), "{compiler}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
