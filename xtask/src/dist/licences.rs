//! The licences that each package carries: ours, and those of what is linked in.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

use super::TRIPLE;
use crate::{Outcome, command, root, said};

/// The files that no package may lack. `bindings/node/test/packed` and Kotlin's tests look for them
/// too.
pub(crate) const FILES: [&str; 3] = ["LICENSE-APACHE", "LICENSE-MIT", THEIRS];
const THEIRS: &str = "LICENCES.txt";
/// What npm's package is built for.
pub(crate) const WASM: &str = "wasm32-unknown-unknown";

/// Lays them into a folder, for what links this crate of ours.
pub(crate) fn lay(package: &str, triple: &str, folder: &Path) -> Outcome {
    let wrong = |error: std::io::Error| error.to_string();
    std::fs::create_dir_all(folder).map_err(wrong)?;
    for ours in FILES.iter().filter(|name| **name != THEIRS) {
        std::fs::copy(root().join(ours), folder.join(ours)).map_err(wrong)?;
    }
    std::fs::write(folder.join(THEIRS), of_target(package, triple)?).map_err(wrong)
}

/// Refuses a package in which they are not, or say nothing of a crate that it surely has.
pub(crate) fn look(folder: &Path) -> Outcome {
    for name in FILES {
        let text = std::fs::read_to_string(folder.join(name)).map_err(|_| format!("{name} is not in the package"))?;
        if name == THEIRS
            && !["chacha20poly1305 ", "Permission is hereby granted"].iter().all(|part| text.contains(part))
        {
            return Err(format!("{name} lacks what is linked in"));
        }
    }
    Ok(())
}

/// Every crate that the package links, with its licence's name and texts; equal texts once.
pub(super) fn of(package: &str) -> Result<String, String> {
    of_target(package, TRIPLE)
}

fn of_target(package: &str, triple: &str) -> Result<String, String> {
    let tree = ["tree", "--package", package, "--edges", "normal", "--prefix", "none", "--format", "{p}"];
    let tree = said(&mut command("cargo", &[&tree[..], &["--target", triple]].concat()))?;
    let linked: BTreeSet<(&str, &str)> = tree
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            Some((words.next()?, words.next()?.trim_start_matches('v')))
        })
        .collect();
    let metadata: Value = serde_json::from_str(&said(&mut command("cargo", &["metadata", "--format-version=1"]))?)
        .map_err(|error| error.to_string())?;
    let (mut list, mut texts) = (String::new(), BTreeMap::<String, Vec<String>>::new());
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let text = |key: &str| package[key].as_str().unwrap_or_default();
        let (name, version) = (text("name"), text("version"));
        if package["source"].is_null() || !linked.contains(&(name, version)) {
            continue;
        }
        let _ = writeln!(list, "{name} {version}: {}", text("license"));
        let folder = Path::new(text("manifest_path")).parent().unwrap_or(Path::new("."));
        for entry in std::fs::read_dir(folder).map_err(|error| error.to_string())?.flatten() {
            let file = entry.file_name().to_string_lossy().to_uppercase();
            let is_one = ["LICENSE", "LICENCE", "COPYING", "NOTICE"].iter().any(|start| file.starts_with(start));
            if let (true, Ok(text)) = (is_one, std::fs::read_to_string(entry.path())) {
                texts.entry(text.trim().replace('\r', "")).or_default().push(format!("{name} {version}"));
            }
        }
    }
    let sqlite = if list.contains("libsqlite3-sys ") { ", and SQLite, which is in the public domain" } else { "" };
    let mut page = format!("The library contains these packages{sqlite}. Itself: MIT or Apache-2.0.\n\n{list}");
    if list.contains("MPL-2.0") {
        // Section 3.2 of that licence.
        page += "\nThe source of the packages under MPL-2.0 is unchanged, and published in Rust's package registry under these \
                 names and versions. The licence: https://mozilla.org/MPL/2.0/\n";
    }
    for (text, of) in texts {
        let _ = write!(page, "\n{}\n{}\n\n{text}\n", "-".repeat(80), of.join(", "));
    }
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target;

    #[test]
    fn each_target_names_what_it_links() {
        let whole = of_target("casehug-clio-ffi", TRIPLE).unwrap();
        let module = of_target("casehug-clio-wasm", WASM).unwrap();
        for both in ["\nchacha20poly1305 ", "\nserde_json ", "Permission is hereby granted"] {
            assert!(whole.contains(both) && module.contains(both), "{both}");
        }
        for (of_whole, of_module) in [("\nlibsqlite3-sys ", "\nwasm-bindgen "), ("and SQLite,", "\njs-sys ")] {
            assert!(whole.contains(of_whole) && !module.contains(of_whole), "{of_whole}");
            assert!(module.contains(of_module) && !whole.contains(of_module), "{of_module}");
        }
    }

    #[test]
    fn a_package_without_them_is_refused() {
        let folder = target().join("tmp/licences");
        lay("casehug-clio-wasm", WASM, &folder).unwrap();
        look(&folder).unwrap();
        for name in FILES {
            let file = folder.join(name);
            let text = std::fs::read_to_string(&file).unwrap();
            std::fs::remove_file(&file).unwrap();
            assert!(look(&folder).unwrap_err().contains(name));
            std::fs::write(&file, text).unwrap();
        }
        std::fs::write(folder.join(THEIRS), "").unwrap();
        assert!(look(&folder).is_err());
    }
}
