//! What of the system a program needs beside the static library, as rustc says it: nobody else
//! knows, and it changes with the toolchain.

use std::path::Path;
use std::process::Command;

/// The option that has rustc write its answer into this file, when it makes a static library.
pub fn option(file: &Path) -> String {
    format!("--print=native-static-libs={}", file.display())
}

/// The answer in the file: flags for the linker, in their order.
pub fn answer(file: &Path) -> Result<String, String> {
    let told = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let told = told.trim();
    if told.is_empty() || !told.split(' ').all(|flag| flag.starts_with("-l") && flag.len() > 2) {
        return Err(format!("{}: {told:?} are no libraries", file.display()));
    }
    Ok(told.to_owned())
}

/// The answer for a library of nothing, which needs what Rust's own needs. It is made in this
/// folder, and quickly: a build of ours need not be repeated for the question.
pub fn of_rusts_own(folder: &Path) -> Result<String, String> {
    std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let [source, library, told] = ["empty.rs", "libempty.a", "empty.libs"].map(|name| folder.join(name));
    std::fs::write(&source, "").map_err(|error| format!("{}: {error}", source.display()))?;
    let mut rustc = Command::new("rustc");
    rustc.args(["--crate-type=staticlib", &option(&told), "-o"]).arg(&library).arg(&source);
    let output = rustc.output().map_err(|error| format!("rustc: {error}"))?;
    if !output.status.success() {
        return Err(format!("rustc: {}", String::from_utf8_lossy(&output.stderr)));
    }
    // 20 MB of Rust's own.
    std::fs::remove_file(&library).map_err(|error| error.to_string())?;
    answer(&told)
}
