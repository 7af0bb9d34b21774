//! `cargo xtask test layers`: core is laid out in layers (`docs/architecture.md`), and nothing runs
//! back up.
//!
//! Judged is what ships: the code of `core/src` without its tests. It fails on
//!
//! - an import that runs up, or that names an item by the crate's root instead of its folder;
//! - a cycle between folders, those of one layer included;
//! - a type with methods in another folder than its own: who reads `x.y()` knows where `y` is;
//! - a function over 60 lines.

mod imports;
mod shape;
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use self::source::Source;
use crate::{Outcome, root};

/// From the lowest to the highest. A folder imports from those below it, and from its own row as
/// long as there is no cycle.
const LAYERS: &[&[&str]] = &[
    &["error"],
    &["json", "lines", "maybe_send", "mutate", "notify", "stop", "failure_log"],
    &["domain"],
    &["ports"],
    &["detached", "memory"],
    &["clio"],
    &["store"],
    &["crypto"],
    &["connection"],
    &["settings", "links", "calls"],
    &["sync", "inbound", "contact_review"],
    &["lifecycle", "jobs", "history"],
    &["api"],
];

pub(crate) fn layers() -> Outcome {
    let sources = read(&root().join("core/src"))?;
    let faults = judge(&sources);
    let (arrows, folders) = (arrows(&sources).len(), LAYERS.concat().len());
    if faults.is_empty() {
        println!("core: {} files, {folders} folders, {arrows} arrows, none up and none in a circle", sources.len());
        return Ok(());
    }
    for fault in &faults {
        eprintln!("{fault}");
    }
    Err(format!("{} faults", faults.len()))
}

fn read(folder: &Path) -> Result<Vec<Source>, String> {
    let (mut sources, mut folders) = (Vec::new(), vec![folder.to_path_buf()]);
    while let Some(next) = folders.pop() {
        let entries = fs::read_dir(&next).map_err(|error| format!("{}: {error}", next.display()))?;
        for path in entries.filter_map(|entry| entry.ok().map(|entry| entry.path())) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
                let name = path.strip_prefix(folder).unwrap_or(&path).to_string_lossy().replace('\\', "/");
                sources.extend(Source::new(&name, &text));
            }
        }
    }
    sources.sort_by(|one, other| one.module.cmp(&other.module));
    Ok(sources)
}

/// Which folder names which, and where it does so first.
fn arrows(sources: &[Source]) -> BTreeMap<(&str, String), String> {
    let mut found = BTreeMap::new();
    for source in sources.iter().filter(|source| !source.folder().is_empty()) {
        for (line, name) in imports::of(source).into_iter().filter(|(_, name)| name != source.folder()) {
            found.entry((source.folder(), name)).or_insert_with(|| format!("{}:{line}", source.module.join("/")));
        }
    }
    found
}

fn rank(folder: &str) -> Option<usize> {
    LAYERS.iter().position(|row| row.contains(&folder))
}

fn judge(sources: &[Source]) -> Vec<String> {
    let mut faults = Vec::new();
    let folders: BTreeSet<&str> = sources.iter().map(Source::folder).filter(|folder| !folder.is_empty()).collect();
    for folder in folders.iter().filter(|folder| rank(folder).is_none()) {
        faults.push(format!("{folder}: stands in no layer; see LAYERS in xtask/src/layers"));
    }
    let mut good = BTreeSet::new();
    let arrows = arrows(sources);
    for ((from, to), place) in &arrows {
        match (rank(from), rank(to)) {
            (_, None) => faults.push(format!("{place}: crate::{to} is no folder; name the item by its folder")),
            (Some(above), Some(below)) if above < below => {
                faults.push(format!("{place}: {from} -> {to} runs up"));
            }
            (Some(above), Some(below)) if above >= below => {
                good.insert((*from, to.as_str()));
            }
            _ => {}
        }
    }
    faults.extend(cycle(&good).map(|cycle| format!("a cycle: {}", cycle.join(" -> "))));
    faults.extend(shape::strangers(sources));
    faults.extend(shape::long(sources));
    faults
}

/// A cycle, if there is one.
fn cycle<'a>(arrows: &BTreeSet<(&'a str, &'a str)>) -> Option<Vec<&'a str>> {
    fn walk<'a>(
        at: &'a str,
        arrows: &BTreeSet<(&'a str, &'a str)>,
        done: &mut BTreeSet<&'a str>,
        way: &mut Vec<&'a str>,
    ) -> bool {
        if let Some(from) = way.iter().position(|step| *step == at) {
            way.drain(..from);
            way.push(at);
            return true;
        }
        if !done.insert(at) {
            return false;
        }
        way.push(at);
        if arrows.iter().filter(|(from, _)| *from == at).any(|(_, to)| walk(to, arrows, done, way)) {
            return true;
        }
        way.pop();
        false
    }
    let (mut done, mut way) = (BTreeSet::new(), Vec::new());
    arrows.iter().any(|(from, _)| walk(from, arrows, &mut done, &mut way)).then_some(way)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(files: &[(&str, &str)]) -> Vec<String> {
        let sources: Vec<Source> = files.iter().filter_map(|(path, text)| Source::new(path, text)).collect();
        judge(&sources)
    }

    #[test]
    fn core_is_laid_out_in_layers() {
        let faults = judge(&read(&root().join("core/src")).unwrap());
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }

    #[test]
    fn the_pages_name_sources_that_are_there() {
        let mut pages = Vec::new();
        for folder in ["docs", "docs/decisions"] {
            let entries = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
            pages.extend(entries.filter(|path| path.extension().is_some_and(|extension| extension == "md")));
        }
        assert!(pages.len() > 20);
        for path in pages {
            let page = fs::read_to_string(&path).unwrap();
            for name in page.split('`').filter(|name| name.ends_with(".rs") && !name.contains(' ')) {
                let there = root().join("core/src").join(name).exists() || root().join(name).exists();
                assert!(there, "{} names {name}", path.display());
            }
        }
    }

    #[test]
    fn the_comments_name_sources_that_are_there() {
        fn files(folder: &Path, found: &mut Vec<String>) {
            for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                if path.is_dir() {
                    files(&path, found);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    found.push(path.to_string_lossy().replace('\\', "/"));
                }
            }
        }
        let mut all = Vec::new();
        for folder in ["core", "examples", "ffi", "tests", "wasm", "xtask"] {
            files(&root().join(folder), &mut all);
        }
        let mut missing = Vec::new();
        for path in all.iter().filter(|path| !path.contains("/xtask/")) {
            let text = fs::read_to_string(path).unwrap();
            let comments = text.lines().filter_map(|line| Some(line.split_once("//")?.1));
            // Every second piece stands between back quotes.
            let quoted = comments.flat_map(|comment| comment.split('`').skip(1).step_by(2));
            for name in quoted.filter(|name| name.ends_with(".rs") && !name.contains([' ', '*'])) {
                if !all.iter().any(|path| path.ends_with(&format!("/{name}"))) {
                    missing.push(format!("{path} names {name}"));
                }
            }
        }
        assert!(missing.is_empty(), "{}", missing.join("\n"));
    }

    #[test]
    fn the_page_about_the_architecture_names_every_layer() {
        let page = fs::read_to_string(root().join("docs/architecture.md")).unwrap();
        let core = root().join("core/src");
        for folder in LAYERS.concat().iter().filter(|folder| core.join(folder).is_dir()) {
            assert!(page.contains(&format!("\n {folder} ")) || page.contains(&format!("`{folder}/`")), "{folder}");
        }
    }

    #[test]
    fn a_planted_violation_of_each_kind_is_found() {
        let sound = ("sync/run.rs", "use crate::links::Link;\nuse crate::store::Repository;\n");
        assert_eq!(judged(&[sound]), [""; 0]);
        let up = judged(&[sound, ("store/repository.rs", "fn f() { crate::jobs::run() }")]);
        assert_eq!(up, ["store/repository:1: store -> jobs runs up"]);
        let tested = judged(&[("store/repository.rs", "#[cfg(test)]\nmod tests { use crate::sync::run; }")]);
        assert_eq!(tested, [""; 0], "tests may look at everything");
        let round = judged(&[("history/a.rs", "use crate::jobs::b;"), ("jobs/b.rs", "use crate::history::a;")]);
        assert_eq!(round, ["a cycle: history -> jobs -> history"]);
        let rootly = judged(&[("sync/a.rs", "use crate::Error;")]);
        assert_eq!(rootly, ["sync/a:1: crate::Error is no folder; name the item by its folder"]);
        assert_eq!(judged(&[("utils/a.rs", "")]), ["utils: stands in no layer; see LAYERS in xtask/src/layers"]);
        let strange = judged(&[("store/a.rs", "pub struct Own;"), ("sync/b.rs", "impl Own {\n fn f() {} }")]);
        assert_eq!(strange, ["sync/b:1: Own has methods in sync, and is of store"]);
        let long = format!("fn long() {{\n{}}}\n", "    x();\n".repeat(60));
        assert_eq!(judged(&[("sync/b.rs", &long)]), ["sync/b:1: long has 62 lines; 60 are the most"]);
    }
}
