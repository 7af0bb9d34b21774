//! The licences of what is linked in.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

use super::TRIPLE;
use crate::{command, said};

/// Every crate that the package links, with its licence's name and texts; equal texts once.
pub(super) fn of(package: &str) -> Result<String, String> {
    let tree = ["tree", "--package", package, "--edges", "normal", "--prefix", "none", "--format", "{p}"];
    let tree = said(&mut command("cargo", &[&tree[..], &["--target", TRIPLE]].concat()))?;
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
    let mut page = format!(
        "The library contains these packages, and SQLite, which is in the public domain. Itself: MIT or Apache-2.0.\n\n{list}"
    );
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
