//! What of a Rust file counts: its code, without comments, strings and tests. Lines stay where they
//! are.

/// One file of core: the modules that lead to it, and its code.
pub(super) struct Source {
    /// `["store", "journal"]` for `store/journal.rs`, `["store"]` for `store/mod.rs`, none for
    /// `lib.rs`.
    pub module: Vec<String>,
    pub code: String,
}

impl Source {
    /// `path` is relative to `core/src`, with `/`. `None`: the file holds tests only.
    pub(super) fn new(path: &str, text: &str) -> Option<Self> {
        let module: Vec<String> = path.strip_suffix(".rs")?.split('/').map(String::from).collect();
        let is_test = |part: &String| part == "tests" || part.ends_with("_tests");
        if module.iter().any(is_test) {
            return None;
        }
        let named = module.len() - usize::from(matches!(module.last()?.as_str(), "mod" | "lib"));
        Some(Self { module: module[..named].to_vec(), code: without_tests(&code_of(text)) })
    }

    /// The folder, or the file's own name where it lies beside the folders. The crate's root: an
    /// empty one.
    pub(super) fn folder(&self) -> &str {
        self.module.first().map_or("", String::as_str)
    }
}

/// Comments, strings and characters become blanks.
fn code_of(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = skipped(&chars, at).unwrap_or(at);
        if end == at {
            code.push(chars[at]);
            at += 1;
            continue;
        }
        code.extend(chars[at..end].iter().map(|&it| if it == '\n' { '\n' } else { ' ' }));
        at = end;
    }
    code
}

/// Where the comment, string or character that begins here ends.
fn skipped(chars: &[char], at: usize) -> Option<usize> {
    let end_of = |from: usize, end: &str| {
        let end: Vec<char> = end.chars().collect();
        let found = chars[from..].windows(end.len()).position(|window| window == end);
        found.map_or(chars.len(), |found| from + found + end.len())
    };
    let before = at.checked_sub(1).map(|before| chars[before]);
    let in_word = before.is_some_and(|before| before.is_alphanumeric() || before == '_');
    match (chars[at], chars.get(at + 1)) {
        ('/', Some('/')) => Some(end_of(at, "\n") - 1),
        ('/', Some('*')) => Some(end_of(at + 2, "*/")),
        ('r', Some('"' | '#')) if !in_word => {
            let hashes = chars[at + 1..].iter().take_while(|&&it| it == '#').count();
            let quote = at + 1 + hashes;
            (chars.get(quote) == Some(&'"')).then(|| end_of(quote + 1, &format!("\"{}", "#".repeat(hashes))))
        }
        ('"', _) => {
            let mut end = at + 1;
            while end < chars.len() && chars[end] != '"' {
                end += if chars[end] == '\\' { 2 } else { 1 };
            }
            Some((end + 1).min(chars.len()))
        }
        ('\'', Some('\\')) => Some(end_of(at + 3, "'")),
        ('\'', Some(_)) if chars.get(at + 2) == Some(&'\'') => Some(at + 3),
        _ => None,
    }
}

/// Without what follows `#[cfg(test)]`, which is one item.
fn without_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut kept = code.to_owned();
    while let Some(from) = kept.find(MARK) {
        let item = &kept[from + MARK.len()..];
        let length = match (item.find('{'), item.find(';')) {
            (Some(brace), end) if end.is_none_or(|end| brace < end) => brace + closed(&item[brace..]),
            (_, end) => end.map_or(item.len(), |end| end + 1),
        };
        let gone = from..from + MARK.len() + length;
        let lines = "\n".repeat(kept[gone.clone()].matches('\n').count());
        kept.replace_range(gone, &lines);
    }
    kept
}

/// The length of what the first brace opens.
pub(super) fn closed(code: &str) -> usize {
    let mut depth = 0;
    for (at, it) in code.char_indices() {
        match it {
            '{' => depth += 1,
            '}' if depth == 1 => return at + 1,
            '}' => depth -= 1,
            _ => {}
        }
    }
    code.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_strings_characters_and_tests_are_no_code() {
        let text = concat!(
            "use a::b; // crate::sync\n/* crate::sync */ let x = \"crate::\\\"sync\";\n",
            "let y = r#\"crate::sync \"quoted\"\"#; let z: &'static str = '\"';\n",
            "#[cfg(test)]\nmod tests { use crate::sync::Engine; }\nfn after() {}\n",
            "#[cfg(test)]\nmod tests;\nfn last() {}\n",
        );
        let source = Source::new("store/journal.rs", text).unwrap();
        assert!(!source.code.contains("crate::sync") && !source.code.contains("quoted"), "{}", source.code);
        assert!(source.code.contains("fn after() {}") && source.code.contains("fn last() {}"), "{}", source.code);
        assert_eq!(source.code.lines().count(), text.lines().count(), "lines stay where they are");
        assert_eq!((source.folder(), source.module.len()), ("store", 2));
        assert!(Source::new("store/tests/journal.rs", text).is_none());
        assert!(Source::new("sync/plan_tests.rs", text).is_none());
    }
}
