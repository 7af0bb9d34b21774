//! The integration card: compiled by TypeScript, and tested in a browser against the service and
//! clio-sim.
//!
//! What was compiled is committed, so that the service can carry it without Node.

use std::path::{Path, PathBuf};

use crate::{Outcome, command, done, node, root, skipped, target};

/// Where distributions have it.
const BROWSERS: &[&str] = &["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

fn folder() -> PathBuf {
    root().join("bindings/node/card")
}

/// Writes what TypeScript makes of the card's sources.
pub(crate) fn card() -> Outcome {
    node::requires()?;
    node::install()?;
    let out = folder().join("dist");
    let _ = std::fs::remove_dir_all(&out);
    compile(&out)
}

/// Whether what is committed is what TypeScript makes of the sources.
fn is_compiled() -> Outcome {
    let (out, committed) = (target().join("card"), folder().join("dist"));
    let _ = std::fs::remove_dir_all(&out);
    compile(&out)?;
    let (made, known) = (files(&out)?, files(&committed)?);
    let differs = made.iter().chain(&known).find(|file| !made.contains(file) || !known.contains(file));
    match differs {
        Some((name, _)) => Err(format!("bindings/node/card/dist/{name} is stale; run `cargo xtask card`")),
        None => Ok(()),
    }
}

/// Compares what is committed with the sources, and tests the card in a browser.
pub(crate) fn check() -> Outcome {
    if let Err(reason) = node::requires() {
        return skipped(&format!("{reason}; the integration card was NOT tested"));
    }
    node::install()?;
    is_compiled()?;
    let Some(browser) = BROWSERS.iter().map(Path::new).find(|path| path.exists()) else {
        return skipped("Chromium (Debian's package chromium) is missing; the integration card was NOT tested");
    };
    crate::test::build()?;
    node::tests("test/browser", &[("CASEHUG_CLIO_BROWSER", browser)])
}

fn compile(out: &Path) -> Outcome {
    let arguments = ["--project", "card", "--outDir", &out.to_string_lossy()];
    done(command("node_modules/.bin/tsc", &arguments).current_dir(root().join("bindings/node")))
}

/// Names and texts, in order.
fn files(folder: &Path) -> Result<Vec<(String, String)>, String> {
    let read = || -> std::io::Result<_> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            files.push((name, std::fs::read_to_string(path)?));
        }
        files.sort();
        Ok(files)
    };
    read().map_err(|error| format!("{}: {error}", folder.display()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::root;

    #[test]
    fn what_the_guide_says_is_shown_in_a_browser_is_the_name_of_a_test_there() {
        let guide = fs::read_to_string(root().join("docs/admin.md")).unwrap();
        let tests: String = fs::read_dir(root().join("bindings/node/test/browser"))
            .unwrap()
            .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap())
            .collect();
        let named: Vec<&str> = guide.lines().filter_map(|line| line.strip_prefix("*In a browser:* ")).collect();
        assert!(!named.is_empty());
        for name in named {
            assert!(tests.contains(&format!("test('{name}', ")), "no test is named: {name}");
        }
    }

    #[test]
    fn the_guide_shows_every_picture_and_none_that_is_missing() {
        let guide = fs::read_to_string(root().join("docs/admin.md")).unwrap();
        let mut shown: Vec<&str> =
            guide.split("](pictures/").skip(1).map(|rest| rest.split(')').next().unwrap()).collect();
        let pictures = fs::read_dir(root().join("docs/pictures")).unwrap();
        let mut kept: Vec<String> =
            pictures.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        shown.sort_unstable();
        kept.sort_unstable();
        assert_eq!(shown, kept);
    }
}
