//! Rust's documentation as plain prose: no links, no words of Rust, one paragraph a line.

/// JSON's word for what takes a value away; a face that has another one puts it there.
pub(super) const NULL: &str = "`null`";

/// ``[`X`](path)`` becomes `` `X` ``, `None` and `Some(None)` become null, lines of one paragraph are joined. Sentences on `Debug` are for Rust only.
pub(super) fn plain(docs: &str) -> String {
    let paragraphs = docs.split("\n\n").map(|paragraph| {
        let joined = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
        let sentences = joined.split_inclusive(". ").filter(|sentence| !sentence.contains("`Debug`"));
        let text =
            unlinked(sentences.collect::<String>().trim()).replace("`None`", "null").replace("`Some(None)`", NULL);
        text.replace(", which `Debug` leaves out", "")
    });
    paragraphs.filter(|paragraph| !paragraph.is_empty()).collect::<Vec<_>>().join("\n\n")
}

fn unlinked(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(start) = rest.find('[') {
        let (before, link) = rest.split_at(start);
        plain += before;
        let Some((shown, after)) = link[1..].split_once(']') else {
            plain += link;
            return plain;
        };
        let target = after.strip_prefix('(').and_then(|after| after.split_once(')'));
        // Of a path only the last name: it is the same in every language.
        match shown.strip_prefix('`').and_then(|code| code.rsplit("::").next()) {
            Some(last) => plain += &format!("`{last}"),
            None => plain += shown,
        }
        rest = target.map_or(after, |(_, rest)| rest);
    }
    plain + rest
}

/// Breaks a paragraph into lines of at most `width` characters.
pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.split("\n\n") {
        if !lines.is_empty() {
            lines.push(String::new());
        }
        let mut line = String::new();
        for word in paragraph.split_whitespace() {
            if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
                lines.push(core::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line += word;
        }
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rust_is_not_seen_in_other_languages() {
        for (rust, prose) in [
            (" A [`Code::NotConnected`](crate::Code), or\n `None`.\n", "A `NotConnected`, or null."),
            ("An account. `Debug` leaves out names. It stays.", "An account. It stays."),
            ("See [this](x) and [`that`].", "See this and `that`."),
            ("One.\n\nTwo\nlines.", "One.\n\nTwo lines."),
            ("An [open one", "An [open one"),
        ] {
            assert_eq!(plain(rust), prose);
        }
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
    }
}
