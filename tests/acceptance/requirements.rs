//! `docs/requirements.md` and `docs/admin.md` tell the truth: every row of the checklist once,
//! every question answered, every test that they name there.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::path::{Path, PathBuf};

/// The questions of the vendor's FAQ.
const QUESTIONS: [&str; 17] = [
    "What data syncs from CaseHug to Clio?",
    "Is the sync real-time?",
    "Does data sync back from Clio?",
    "What happens if a sync fails?",
    "How does duplicate detection work?",
    "Can I sync older matters that existed before the integration?",
    "Can I customize field mappings?",
    "Which Clio plans are supported?",
    "Is the connection per user or per firm?",
    "How do I disconnect?",
    "What happens if I reconnect?",
    "Is this HIPAA compliant?",
    "How are credentials stored?",
    "Is there an audit log?",
    "What about attorney-client privilege?",
    "What about rate limits?",
    "How does conflict resolution work?",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn sources(folder: &Path, into: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            into.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
}

/// Tests of the workspace, by the attribute before them.
fn is_test(sources: &str, name: &str) -> bool {
    let begins = format!("{name}()");
    let first_fn = |after: &str| after.find("fn ").is_some_and(|at| after[at + 3..].starts_with(&begins));
    ["#[test]", "#[tokio::test"].iter().any(|attribute| sources.split(attribute).skip(1).any(first_fn))
}

fn all_sources() -> String {
    let mut text = String::new();
    for folder in ["core", "tests"] {
        sources(&root().join(folder), &mut text);
    }
    text
}

fn in_backticks(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

#[test]
fn each_row_of_the_checklist_names_a_test_that_is_there() {
    let sources = all_sources();
    let table = std::fs::read_to_string(root().join("docs/requirements.md")).unwrap();
    let mut numbers = Vec::new();
    for line in table.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let Ok(number) = cells[0].parse::<u32>() else { continue };
        let names = in_backticks(cells.last().unwrap());
        assert_eq!(names.len(), 1, "row {number}");
        assert!(is_test(&sources, names[0]), "row {number}: {} is no test", names[0]);
        numbers.push(number);
    }
    assert_eq!(numbers, (1..=16).collect::<Vec<_>>());
}

#[test]
fn the_guide_answers_each_question_and_names_its_test() {
    let sources = all_sources();
    let guide = std::fs::read_to_string(root().join("docs/admin.md")).unwrap();
    for question in QUESTIONS {
        let (_, answer) = guide.split_once(&format!("**{question}**")).unwrap_or_else(|| panic!("{question}"));
        let answer = answer.split("\n\n").next().unwrap();
        let (_, tests) = answer.split_once("*Test").unwrap_or_else(|| panic!("no test: {question}"));
        let names = in_backticks(tests);
        assert!(!names.is_empty(), "{question}");
        for name in names {
            assert!(is_test(&sources, name), "{question}: {name} is no test");
        }
    }
    assert_eq!(guide.matches("BAA").count(), 2, "with both vendors, before and within the answer on HIPAA");
}

#[test]
fn a_name_that_is_no_test_is_noticed() {
    assert!(is_test("#[test]\nfn here() {}", "here"));
    assert!(!is_test("fn here() {}\n#[test]\nfn other() {}", "here"));
    assert!(!is_test("#[test]\nfn here_and_there() {}", "here"));
}
