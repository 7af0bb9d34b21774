//! Text as people type and paste it: what of it nobody meant, and what becomes of that.
//!
//! Which characters those are is Unicode's to say (ICU4X, which `url` brings along anyway); there
//! is no table here.

use icu_properties::props::{BidiControl, DefaultIgnorableCodePoint, GeneralCategory};
use icu_properties::{CodePointMapData, CodePointSetData};

/// The longest file name in bytes: what the file systems of Linux and macOS take. Clio states no
/// limit.
const MOST_FILE_NAME: usize = 255;
/// What follows the last dot is an extension up to this many bytes.
const MOST_EXTENSION: usize = 20;

/// Whether a character shows nothing and only says how others are shown: a zero-width space, a byte
/// order mark.
pub(crate) fn is_invisible(c: char) -> bool {
    CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
        || CodePointMapData::<GeneralCategory>::new().get(c) == GeneralCategory::Format
}

/// Whether nothing of a text can be seen.
pub(crate) fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || is_invisible(c))
}

fn breaks_line(c: char) -> bool {
    c.is_whitespace() && c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// What nobody means to have in a name, and what a reader would be deceived by: characters that
/// control a device, or the order in which others are shown.
///
/// White space at the ends is not sent, and so does not count.
pub(crate) fn flaw(text: &str) -> Option<&'static str> {
    let text = text.trim();
    if text.chars().any(|c| c.is_control() || breaks_line(c)) {
        return Some("control_character");
    }
    text.chars().any(|c| CodePointSetData::new::<BidiControl>().contains(c)).then_some("bidi_character")
}

/// A text in one line: each line break, and each tab, becomes a space.
pub(crate) fn one_line(text: &str) -> String {
    text.trim().replace("\r\n", " ").replace(breaks_line, " ")
}

/// What keeps a text from being the name of a file.
pub(crate) fn file_name_flaw(name: &str) -> Option<&'static str> {
    match name.trim() {
        blank if is_blank(blank) => Some("blank"),
        "." | ".." => Some("path_separator"),
        name if name.contains(['/', '\\']) => Some("path_separator"),
        name => flaw(name),
    }
}

/// A file name of a length that every file system takes: what is too much goes before the
/// extension.
pub(crate) fn file_name(name: &str) -> String {
    let name = name.trim();
    if name.len() <= MOST_FILE_NAME {
        return name.to_owned();
    }
    let (stem, extension) = match name.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() && extension.len() <= MOST_EXTENSION => (stem, &name[stem.len()..]),
        _ => (name, ""),
    };
    let room = MOST_FILE_NAME - extension.len();
    let cut = (0..=room.min(stem.len())).rev().find(|cut| stem.is_char_boundary(*cut)).unwrap_or(0);
    format!("{}{extension}", stem[..cut].trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_meant_is_a_flaw_and_what_people_write_is_none() {
        for good in
            ["Jane", "  Jane\n", "O’Brien-Núñez", "李小龙", "محمد", "نامه\u{200c}ای", "e\u{301}", "👩\u{200d}⚖\u{fe0f}"]
        {
            assert_eq!(flaw(good), None, "{good:?}");
        }
        let control = ["Ja\nne", "Ja\tne", "\u{1b}[2J", "a\0b", "a\u{7f}", "a\u{85}b", "a\u{2028}b", "a\u{9b}b"];
        for bad in control {
            assert_eq!(flaw(bad), Some("control_character"), "{bad:?}");
        }
        for bad in ["\u{202e}fdp.exe", "a\u{200f}", "\u{2066}a\u{2069}", "a\u{061c}b", "\u{202a}+1206\u{202c}"] {
            assert_eq!(flaw(bad), Some("bidi_character"), "{bad:?}");
        }
    }

    #[test]
    fn a_text_that_shows_nothing_is_blank() {
        for blank in ["", " \t\n", "\u{200b}", "\u{feff} \u{2060}", "\u{3164}", "\u{ad}"] {
            assert!(is_blank(blank), "{blank:?}");
        }
        assert!(!is_blank("."));
    }

    #[test]
    fn a_line_break_becomes_one_space() {
        assert_eq!(one_line(" Doe\r\nv.\tRoe\u{2028}2\n"), "Doe v. Roe 2");
    }

    #[test]
    fn a_file_name_is_a_name_and_no_path() {
        for bad in ["a/b.pdf", "..\\b.pdf", "C:\\fakepath\\scan.pdf", ".", " .. "] {
            assert_eq!(file_name_flaw(bad), Some("path_separator"), "{bad:?}");
        }
        assert_eq!(file_name_flaw("\u{200b}"), Some("blank"));
        assert_eq!(file_name_flaw("a\u{202e}fdp.exe"), Some("bidi_character"));
        assert_eq!(file_name_flaw("...pdf"), None);
    }

    #[test]
    fn a_long_file_name_keeps_its_extension() {
        assert_eq!(file_name(" scan.pdf "), "scan.pdf");
        let long = file_name(&format!("{}.tar.gz", "x".repeat(3_000)));
        assert_eq!((long.len(), &long[250..]), (255, "xx.gz"));
        // Never in the middle of a character.
        let umlauts = file_name(&format!("a{}.pdf", "ü".repeat(300)));
        assert!(umlauts.len() <= 255 && umlauts.len() > 250 && umlauts.ends_with("ü.pdf"), "{umlauts}");
        // A sentence with a dot in it is no extension.
        let sentence = file_name(&format!("Re. {}", "word ".repeat(100)));
        assert!(sentence.len() <= 255 && sentence.starts_with("Re. word") && !sentence.ends_with(' '));
        assert_eq!(file_name(&format!(".{}", "x".repeat(300))).len(), 255);
    }
}
