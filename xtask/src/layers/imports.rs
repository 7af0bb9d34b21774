//! Which folder of core a path leads to.

use super::source::Source;

/// Every folder that the code names, with the line: by `crate::…`, and by as many `super::…` as
/// lead to the crate's root.
pub(super) fn of(source: &Source) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, rest) in statements(&source.code) {
        for name in first_names(rest) {
            found.push((number, name.to_owned()));
        }
    }
    for (at, _) in source.code.match_indices("super::") {
        if source.code[..at].ends_with("super::") || source.code[..at].ends_with(is_word) {
            continue;
        }
        let mut rest = &source.code[at..];
        let mut levels = 0;
        while let Some(after) = rest.strip_prefix("super::") {
            (rest, levels) = (after, levels + 1);
        }
        if levels == source.module.len() {
            found.extend(first_names(rest).into_iter().map(|name| (line_of(&source.code, at), name.to_owned())));
        }
    }
    found
}

/// What follows each `crate::`, with its line.
fn statements(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let paths = code.match_indices("crate::").filter(|(at, _)| {
        // `$crate::` is a macro's, and `casehug_crate::` another crate's.
        !code[..*at].ends_with(|it| is_word(it) || it == '$' || it == ':')
    });
    paths.map(|(at, mark)| (line_of(code, at), &code[at + mark.len()..]))
}

/// `a` of `a::b`; `a` and `c` of `{a::b, c::{d, e}}`.
fn first_names(rest: &str) -> Vec<&str> {
    let Some(group) = rest.strip_prefix('{') else {
        return vec![word(rest)];
    };
    let (mut depth, mut from, mut names) = (0, 0, Vec::new());
    for (at, it) in group.char_indices() {
        match it {
            '{' => depth += 1,
            '}' | ',' if depth == 0 => {
                names.push(word(group[from..at].trim()));
                from = at + 1;
                if it == '}' {
                    break;
                }
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

fn word(text: &str) -> &str {
    text.split(|it| !is_word(it)).next().unwrap_or_default()
}

pub(super) fn is_word(it: char) -> bool {
    it.is_alphanumeric() || it == '_'
}

pub(super) fn line_of(code: &str, at: usize) -> usize {
    code[..at].matches('\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_name_another_folder_is_seen() {
        let code = "use crate::{error::{Code, Error}, sync};\nfn f() -> crate::jobs::Job { super::super::links::x() }\n\
                    pub use super::unit::Unit;\nmacro_rules! m { () => { $crate::api::x() } }\n";
        let source = Source::new("store/journal.rs", code).unwrap();
        let found: Vec<_> = of(&source);
        let expected = [(1, "error"), (1, "sync"), (2, "jobs"), (2, "links")];
        assert_eq!(found, expected.map(|(line, name)| (line, name.to_owned())));
        let beside = Source::new("store/mod.rs", "use super::ports::Key;").unwrap();
        assert_eq!(of(&beside), [(1, String::from("ports"))]);
    }
}
