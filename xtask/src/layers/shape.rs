//! Where methods stand, and how long functions are.

use std::collections::BTreeMap;

use super::imports::{is_word, line_of};
use super::source::{Source, closed};

/// Lines of a function, from `fn` to its closing brace.
const MOST_LINES: usize = 60;

/// Methods of a type in another folder than the type's.
pub(super) fn strangers(sources: &[Source]) -> Vec<String> {
    let mut homes: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for source in sources {
        for mark in ["struct ", "enum "] {
            for (_, name) in items(&source.code, mark) {
                homes.entry(name).or_default().push(source.folder());
            }
        }
    }
    let mut found = Vec::new();
    for source in sources {
        for (at, rest) in heads(&source.code, "impl") {
            let name = implemented(rest);
            if name.is_empty() {
                continue;
            }
            let Some(home) = homes.get(name).filter(|homes| !homes.contains(&source.folder())) else { continue };
            let (folder, home) = (source.folder(), home.join(", "));
            let place = format!("{}:{}", source.module.join("/"), line_of(&source.code, at));
            found.push(format!("{place}: {name} has methods in {folder}, and is of {home}"));
        }
    }
    found
}

/// Functions with too many lines.
pub(super) fn long(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        for (at, name) in items(&source.code, "fn ") {
            let rest = &source.code[at..];
            let Some(brace) = rest.find('{').filter(|brace| rest.find(';').is_none_or(|end| *brace < end)) else {
                continue;
            };
            let lines = rest[..brace + closed(&rest[brace..])].lines().count();
            if lines > MOST_LINES {
                let file = source.module.join("/");
                let line = line_of(&source.code, at);
                found.push(format!("{file}:{line}: {name} has {lines} lines; {MOST_LINES} are the most"));
            }
        }
    }
    found
}

/// The items that a keyword begins, by place and name.
fn items<'a>(code: &'a str, keyword: &'a str) -> impl Iterator<Item = (usize, &'a str)> {
    let named = heads(code, keyword).map(|(at, rest)| (at, rest.split(|it| !is_word(it)).next().unwrap_or_default()));
    named.filter(|(_, name)| !name.is_empty())
}

/// What follows a word.
fn heads<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = (usize, &'a str)> {
    let alone = move |at: &usize| {
        let before = code[..*at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        !before.is_some_and(is_word) && (word.ends_with(' ') || !after.is_some_and(is_word))
    };
    code.match_indices(word).map(|(at, _)| at).filter(alone).map(move |at| (at, &code[at + word.len()..]))
}

/// The type of an inherent `impl`; nothing for a trait's, and for `impl Trait` in a signature.
fn implemented(rest: &str) -> &str {
    let Some(brace) = rest.find('{') else { return "" };
    let mut head = rest[..brace].trim();
    if let Some(generics) = head.strip_prefix('<') {
        let mut depth = 1;
        let end = generics.find(|it| {
            depth += i32::from(it == '<') - i32::from(it == '>');
            depth == 0
        });
        head = end.map_or("", |end| generics[end + 1..].trim());
    }
    if head.contains(" for ") || head.contains(['(', ')', ';', ',', '=']) {
        return "";
    }
    let path = head.split(|it: char| !is_word(it) && it != ':').next().unwrap_or_default();
    path.rsplit("::").next().unwrap_or_default()
}
