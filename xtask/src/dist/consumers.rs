//! Programs that know the moved tree only: C99 and C++17, shared and static, by pkg-config and
//! CMake.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::licences;
use crate::{Outcome, said};

const STRICT: [&str; 5] = ["-Wall", "-Wextra", "-pedantic", "-Werror", "-pthread"];
const PROGRAM: &str = r#"#include <casehug_clio.h>
#include <stdio.h>
#include <string.h>

int main(void) {
    casehug_clio_sdk *sdk = NULL;
    char *error = NULL;
    if (casehug_clio_abi() != CASEHUG_CLIO_ABI) return 2;
    if (strcmp(casehug_clio_version(), CASEHUG_CLIO_VERSION) != 0) return 4;
    if (casehug_clio_open(NULL, NULL, &sdk, &error) != CASEHUG_CLIO_SETTING_INVALID || error == NULL) return 3;
    casehug_clio_free(error);
    puts(casehug_clio_version());
    return 0;
}
"#;
const CMAKE: &str = r"cmake_minimum_required(VERSION 3.16)
project(consumer C CXX)
find_package(casehug_clio 0.1 REQUIRED)
foreach(kind casehug_clio static)
  foreach(language c cpp)
    set(program ${language}_with_${kind})
    add_executable(${program} program.${language})
    target_compile_options(${program} PRIVATE -Wall -Wextra -pedantic -Werror)
    set_target_properties(${program} PROPERTIES C_STANDARD 99 CXX_STANDARD 17 C_EXTENSIONS OFF CXX_EXTENSIONS OFF)
    target_link_libraries(${program} PRIVATE casehug_clio::${kind})
  endforeach()
endforeach()
";

/// Copies the tree to a folder beside it and builds against that copy, whose place it gives.
pub(super) fn use_a_moved(tree: &Path) -> Result<PathBuf, String> {
    let folder = tree.with_file_name("c-consumers");
    let wrong = |error: std::io::Error| error.to_string();
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(wrong)?;
    }
    fs::create_dir_all(&folder).map_err(wrong)?;
    let moved = folder.join("moved tree");
    said(Command::new("cp").arg("-a").arg(tree).arg(&moved))?;
    licences::look(&moved)?;
    let project = folder.join("cmake");
    fs::create_dir_all(&project).map_err(wrong)?;
    for name in ["program.c", "program.cpp"] {
        fs::write(folder.join(name), PROGRAM).map_err(wrong)?;
        fs::write(project.join(name), PROGRAM).map_err(wrong)?;
    }
    let lib = moved.join("lib");
    let (of_shared, of_static) = (pkg_config(&moved, "casehug_clio")?, static_flags(&moved)?);
    for (compiler, standard, source) in [("cc", "-std=c99", "program.c"), ("c++", "-std=c++17", "program.cpp")] {
        for (kind, flags, shared) in [("shared", &of_shared, Some(&lib)), ("static", &of_static, None)] {
            let program = folder.join(format!("{kind}-{source}.out"));
            let mut command = Command::new(compiler);
            command.arg(standard).args(STRICT).arg(folder.join(source)).arg("-o").arg(&program).args(flags);
            said(&mut command)?;
            runs(&program, shared)?;
        }
    }
    fs::write(project.join("CMakeLists.txt"), CMAKE).map_err(wrong)?;
    let mut configure = Command::new("cmake");
    configure.arg("-S").arg(&project).arg("-B").arg(project.join("build"));
    said(configure.arg(format!("-DCMAKE_PREFIX_PATH={}", moved.display())))?;
    said(Command::new("cmake").arg("--build").arg(project.join("build")))?;
    for (kind, shared) in [("casehug_clio", Some(&lib)), ("static", None)] {
        for language in ["c", "cpp"] {
            runs(&project.join("build").join(format!("{language}_with_{kind}")), shared)?;
        }
    }
    println!("consumers of a moved tree: C99 and C++17, shared and static, pkg-config and CMake");
    Ok(moved)
}

/// What a program that takes the tree's static library gives its compiler.
pub(crate) fn static_flags(tree: &Path) -> Result<Vec<String>, String> {
    pkg_config(tree, "casehug_clio-static")
}

fn pkg_config(tree: &Path, package: &str) -> Result<Vec<String>, String> {
    let mut config = Command::new("pkg-config");
    config.args(["--cflags", "--libs", package]);
    said(config.env("PKG_CONFIG_PATH", tree.join("lib/pkgconfig"))).map(|flags| words(&flags))
}

/// Splits as a shell does, where a backslash takes a blank in.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut letters = line.trim().chars();
    while let Some(letter) = letters.next() {
        match (letter, words.last_mut()) {
            (' ', _) => words.push(String::new()),
            ('\\', Some(word)) => word.extend(letters.next()),
            (letter, Some(word)) => word.push(letter),
            (_, None) => {}
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Runs it where it finds the shared library's folder, or none.
fn runs(program: &Path, shared: Option<&PathBuf>) -> Outcome {
    let mut command = Command::new(program);
    match shared {
        Some(lib) => command.env("LD_LIBRARY_PATH", lib),
        None => command.env_remove("LD_LIBRARY_PATH"),
    };
    let version = said(&mut command)?;
    if version.trim() == env!("CARGO_PKG_VERSION") { Ok(()) } else { Err(format!("{}: {version}", program.display())) }
}
