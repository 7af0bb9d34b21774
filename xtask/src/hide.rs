//! A static library that shows nothing but the functions of its header.
//!
//! **The problem.** The archive that cargo makes has 15,000 global symbols, among them all of
//! SQLite's. A host that has a SQLite of its own is linked to ours, or the SDK to the host's, as
//! the order on the linker's command line will have it, without a word. Hiding them when the host
//! links is too late.
//!
//! **What is done.** All objects become one (`ld -r`), from what the header's functions reach; then
//! every other symbol is made local to it.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// Makes `output` from the archive `input` with the functions of `header` as its only global
/// symbols. Needs GNU binutils.
pub fn hide(header: &Path, input: &Path, output: &Path) -> Result<(), String> {
    let header = std::fs::read_to_string(header).map_err(|error| format!("{}: {error}", header.display()))?;
    let wanted = functions(&header);
    if wanted.is_empty() {
        return Err(String::from("the header has no functions"));
    }
    let folder = output.parent().unwrap_or(Path::new("."));
    let (whole, object) = (folder.join("casehug_clio_whole.o"), folder.join("casehug_clio.o"));
    let roots = wanted.iter().flat_map(|name| ["-u", name]);
    // Without groups: a linker throws one away when another library has one of the same name.
    let link = Command::new("ld")
        .args(["-r", "--force-group-allocation", "--gc-sections"])
        .args(roots)
        .args(["-o"])
        .arg(&whole)
        .arg(input)
        .output();
    succeeded("ld", link)?;
    // std's objects carry LLVM bitcode. Where binutils have LLVM's plugin they look at that, and
    // see no symbols.
    let mut objcopy = Command::new("objcopy");
    objcopy.args(["--remove-section=.llvmbc", "--remove-section=.llvmcmd", "--strip-debug"]);
    objcopy.args(wanted.iter().map(|name| format!("--keep-global-symbol={name}")));
    succeeded("objcopy", objcopy.arg(&whole).arg(&object).output())?;
    std::fs::remove_file(&whole).map_err(|error| error.to_string())?;
    if output.exists() {
        std::fs::remove_file(output).map_err(|error| error.to_string())?;
    }
    succeeded("ar", Command::new("ar").arg("crsD").arg(output).arg(&object).output())?;
    std::fs::remove_file(&object).map_err(|error| error.to_string())?;
    let shown = global_symbols(output)?;
    if shown == wanted { Ok(()) } else { Err(format!("the archive shows {shown:?}, the header {wanted:?}")) }
}

/// The functions that the header declares.
pub fn functions(header: &str) -> BTreeSet<String> {
    let is_name = |char: char| char.is_ascii_alphanumeric() || char == '_';
    let code = header.lines().filter(|line| !line.trim_start().starts_with("//"));
    let calls = code.flat_map(|line| line.match_indices('(').map(move |(at, _)| &line[..at]));
    let names = calls.filter_map(|before| before.rsplit(|char| !is_name(char)).next());
    names.filter(|name| name.starts_with("casehug_clio_")).map(str::to_owned).collect()
}

/// What the archive defines for everybody. By readelf, which does not ask plugins.
pub fn global_symbols(archive: &Path) -> Result<BTreeSet<String>, String> {
    Ok(exported(&succeeded("readelf", Command::new("readelf").arg("-sW").arg(archive).output())?))
}

/// What a table of readelf's defines for everybody.
pub fn exported(table: &str) -> BTreeSet<String> {
    let fields = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let defined = fields.filter_map(|fields| match fields.as_slice() {
        [_, _, _, _, "GLOBAL" | "WEAK", _, section, name, ..] if *section != "UND" => Some((*name).to_owned()),
        _ => None,
    });
    defined.collect()
}

fn succeeded(program: &str, output: std::io::Result<std::process::Output>) -> Result<String, String> {
    let output = output.map_err(|error| format!("{program} (GNU binutils) is needed: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!("{program}: {}: {}", output.status, String::from_utf8_lossy(&output.stderr)))
}
