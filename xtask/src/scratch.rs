//! Proof that a new operation needs no line outside core: one is added to a copy of the workspace,
//! the faces are generated there, and C, Go, Node, Python and Kotlin call it against the simulated
//! Clio.

use std::path::Path;
use std::process::Command;

use crate::{Outcome, command, done, root, target};

/// The handler and its result type, at the end of the module of a group.
const HANDLER: &str = r#"
/// What the scratch operation gives.
#[derive(Clone, Debug, serde::Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ScratchAnswer {
    /// What it was asked.
    pub asked: MatterId,
    /// How often.
    pub times: u64,
}

pub(super) async fn scratch_matter(
    _: &Sdk,
    _: &Actor,
    matter: MatterId,
    times: u64,
) -> Result<ScratchAnswer> {
    Ok(ScratchAnswer { asked: matter, times })
}
"#;

/// Its row in the table, at the head of a group.
const ROW: &str = r"
        /// Only a test asks for it.
        scratch_matter as scratch(
            /// The matter.
            matter: MatterId,
            /// How often.
            times = u64,
        ) -> super::contacts::ScratchAnswer, access: Member, effect: Reads, errors: [];
";

/// Where it has to be found after the faces were generated.
const FACES: &[(&str, &str)] = &[
    ("api/operations.json", "\"scratch_matter\""),
    ("docs/operations.md", "scratch_matter"),
    ("ffi/include/casehug_clio_operations.h", "casehug_clio_scratch_matter("),
    ("bindings/node/src/operations.d.mts", "scratch("),
    ("bindings/go/operations.go", ") Scratch("),
    ("bindings/python/src/casehug_clio/operations.py", "def scratch("),
    ("bindings/kotlin/src/main/kotlin/com/casehug/clio/Operations.kt", "fun scratch("),
];

/// What then calls every operation, by language.
const CALLS: &[(&str, &[&str])] = &[
    ("C", &["test", "--quiet", "--package", "casehug-clio-ffi", "--test", "c_programs", "every_operation"]),
    ("Go", &["xtask", "test", "go"]),
    ("Node", &["xtask", "test", "node"]),
    ("Python", &["xtask", "test", "python"]),
    ("Kotlin", &["xtask", "test", "kotlin"]),
];

pub(crate) fn scratch() -> Outcome {
    let copy = target().join("scratch/tree");
    copy_workspace(&copy)?;
    insert(&copy.join("core/src/api/contacts.rs"), None, HANDLER)?;
    insert(&copy.join("core/src/api/operations.rs"), Some("firm contacts: ContactOperations {\n"), ROW)?;
    in_copy(&copy, &["xtask", "faces"])?;
    for (face, text) in FACES {
        if !std::fs::read_to_string(copy.join(face)).is_ok_and(|content| content.contains(text)) {
            return Err(format!("{face}: the scratch operation is not there ({text})"));
        }
        println!("{face}: it is there");
    }
    for (language, args) in CALLS {
        in_copy(&copy, args)?;
        println!("{language}: called");
    }
    Ok(())
}

/// All files that git knows or would take up, in a fresh folder.
fn copy_workspace(copy: &Path) -> Outcome {
    let failed = |error: std::io::Error| error.to_string();
    if copy.exists() {
        std::fs::remove_dir_all(copy).map_err(failed)?;
    }
    let list = command("git", &["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).output();
    let list = list.map_err(failed)?;
    for name in list.stdout.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let name = String::from_utf8_lossy(name).into_owned();
        let (from, to) = (root().join(&name), copy.join(&name));
        if from.is_file() {
            std::fs::create_dir_all(to.parent().unwrap_or(copy)).map_err(failed)?;
            std::fs::copy(&from, &to).map_err(failed)?;
        }
    }
    Ok(())
}

/// Adds `text` behind `place`, or at the end.
fn insert(path: &Path, place: Option<&str>, text: &str) -> Outcome {
    let old = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let at = match place {
        Some(place) => old.find(place).map(|at| at + place.len()).ok_or_else(|| format!("{place} is nowhere"))?,
        None => old.len(),
    };
    std::fs::write(path, [&old[..at], text, &old[at..]].concat()).map_err(|error| error.to_string())
}

/// Runs cargo in the copy, with a folder of its own for what it builds.
fn in_copy(copy: &Path, args: &[&str]) -> Outcome {
    let target = target().join("scratch/target");
    // A step that is skipped calls nothing.
    done(Command::new("cargo").args(args).current_dir(copy).env("CARGO_TARGET_DIR", target).env("CI", "true"))
}
