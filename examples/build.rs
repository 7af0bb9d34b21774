//! Lists the files of the integration card, which `service` carries and serves: those that
//! `bindings/node/card/dist` holds, so that a new one needs no line here.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

const CARD: &str = "../bindings/node/card/dist";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed={CARD}");
    let folder = Path::new(CARD).canonicalize()?;
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    files.sort();
    let mut list = String::from("&[\n");
    for file in files {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        writeln!(list, "    ({name:?}, include_bytes!({:?})),", file.to_string_lossy())?;
    }
    list.push(']');
    fs::write(Path::new(&std::env::var("OUT_DIR")?).join("card_files.rs"), list)?;
    Ok(())
}
