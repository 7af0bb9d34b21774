//! Email addresses in one form, for comparing, for the digest that they are looked up by, and for
//! sending.
//!
//! Two addresses are the same if nobody could tell them apart and every mail server takes them for
//! one: characters that show nothing are dropped, composed and decomposed letters are one (NFC),
//! upper and lower case too, and an international domain is compared as IDNA spells it in ASCII.
//! What is sent, and shown to people in Clio, has the domain in its own letters. `+tag` and the
//! dots of the local part stay: at most providers these are other mailboxes.

use icu_normalizer::ComposingNormalizerBorrowed;
use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};

use super::text::is_invisible;

/// What stands around an address, or between several, and never in one.
const STRAY: &str = "<>()[]\\\",;:“”„‟«»‹›";
/// Marks that stand in a local part, but not at its ends.
const QUOTES: &[char] = &['\'', '`', '´', '‘', '’', '‚', '‛'];

/// An address in its canonical form.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Address {
    local: String,
    ascii: String,
    domain: String,
}

impl Address {
    /// Reads what should be one address and nothing else. `None`: it is not.
    ///
    /// Clio checks no more than an `@`; a bracket or a comma that came along with a paste would be
    /// another address there for ever.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim_matches(|c: char| c.is_whitespace() || is_invisible(c));
        let (local, domain) = text.split_once('@')?;
        let local: String = local.chars().filter(|c| !is_invisible(*c)).collect();
        let stray = |c: char| c.is_whitespace() || c.is_control() || STRAY.contains(c);
        if local.is_empty() || local.chars().any(stray) || domain.chars().any(stray) {
            return None;
        }
        if local.starts_with('.') || local.starts_with(QUOTES) || local.ends_with(QUOTES) {
            return None;
        }
        let ascii = to_ascii(domain)?;
        let (domain, _) = Uts46::new().to_unicode(ascii.as_bytes(), AsciiDenyList::URL, Hyphens::Allow);
        let nfc = ComposingNormalizerBorrowed::new_nfc();
        let local = nfc.normalize(&nfc.normalize(&local).to_lowercase()).into_owned();
        Some(Self { local, domain: domain.into_owned(), ascii })
    }

    /// What it is compared by, and what its digest is made of.
    pub(crate) fn key(&self) -> String {
        format!("{}@{}", self.local, self.ascii)
    }

    /// As it is sent.
    pub(crate) fn shown(&self) -> String {
        format!("{}@{}", self.local, self.domain)
    }

    /// How else somebody may have written it in Clio: an international domain in ASCII.
    pub(crate) fn other_spelling(&self) -> Option<String> {
        (self.ascii != self.domain).then(|| self.key())
    }

    /// Whether this text of Clio's is the same address. People typed it, with brackets perhaps, or
    /// a scheme.
    pub(crate) fn is(&self, theirs: &str) -> bool {
        let theirs = theirs.rsplit_once('<').map_or(theirs, |(_, inner)| inner).trim();
        let theirs = match theirs.get(..7) {
            Some(scheme) if scheme.eq_ignore_ascii_case("mailto:") => &theirs[7..],
            _ => theirs,
        };
        let around =
            |c: char| c.is_whitespace() || is_invisible(c) || c == '.' || STRAY.contains(c) || QUOTES.contains(&c);
        Self::parse(theirs.trim_matches(around)).is_some_and(|theirs| theirs == *self)
    }

    /// What its digest may have been made of before there was this form; `text` is what the intake
    /// says.
    pub(crate) fn former_keys(&self, text: &str) -> Vec<String> {
        let mut former = vec![text.trim().to_lowercase(), self.shown()];
        former.sort_unstable();
        former.dedup();
        former.retain(|former| *former != self.key());
        former
    }
}

/// A domain as IDNA spells it in ASCII, if it is one.
fn to_ascii(domain: &str) -> Option<String> {
    let spelled = |domain: &str| {
        let idna = Uts46::new();
        let ascii = idna.to_ascii(domain.as_bytes(), AsciiDenyList::URL, Hyphens::Allow, DnsLength::Verify).ok()?;
        let is_host = ascii.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
        is_host.then(|| ascii.into_owned())
    };
    // In some scripts a joiner between letters makes another domain; anywhere else it is one of the
    // characters that show nothing, and IDNA refuses it.
    let is_joiner = |c: char| matches!(c, '\u{200c}' | '\u{200d}');
    let domain: String = domain.chars().filter(|c| is_joiner(*c) || !is_invisible(*c)).collect();
    spelled(&domain).or_else(|| spelled(&domain.replace(is_joiner, "")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Option<String> {
        Address::parse(text).map(|address| address.key())
    }

    #[test]
    fn addresses_that_nobody_could_tell_apart_are_one() {
        let same = [
            ("Jane@Example.com", "jane@example.com"),
            (" jane@example.com\u{200b}", "jane@example.com"),
            ("\u{feff}jane@exam\u{ad}ple.com\u{200c}", "jane@example.com"),
            ("ja\u{2060}ne@example.com", "jane@example.com"),
            ("\u{202a}jane@example.com\u{202c}", "jane@example.com"),
            ("jane@BÜCHER.example", "jane@xn--bcher-kva.example"),
            ("jane@bu\u{308}cher.example", "jane@xn--bcher-kva.example"),
            ("jane@xn--bcher-kva.example", "jane@xn--bcher-kva.example"),
            ("jane@bücher。example", "jane@xn--bcher-kva.example"),
            ("Jose\u{301}@example.com", "jos\u{e9}@example.com"),
            ("o'brien@example.com", "o'brien@example.com"),
            ("a_b@my_host", "a_b@my_host"),
        ];
        for (text, canonical) in same {
            assert_eq!(key(text).as_deref(), Some(canonical), "{text:?}");
        }
        // A joiner that IDNA knows to make another domain stays in it.
        assert_ne!(key("a@نامه\u{200c}ای.com"), key("a@نامهای.com"));
        for (one, other) in [("a+x@b.example", "a@b.example"), ("j.d@b.example", "jd@b.example")] {
            assert_ne!(key(one), key(other));
        }
    }

    #[test]
    fn what_is_not_one_address_is_refused() {
        let not = [
            "",
            "Jane Smith",
            "@example.com",
            "jane@",
            "jane@@example.com",
            "<jane@example.com>",
            "Jane <jane@example.com>",
            "mailto:jane@example.com",
            "jane@example.com.",
            "jane@example.com,",
            "jane@example.com;",
            "jane@example.com/",
            "\"jane@example.com\"",
            "'jane@example.com'",
            "“jane@example.com”",
            "‘jane@example.com’",
            ".jane@example.com",
            "a@b.example, c@d.example",
            "a@b.example;c@d.example",
            "jane @example.com",
            "jane@exam ple.com",
            "ja\u{7}ne@example.com",
            "jane@example..com",
            "jane@xn--a",
            "\u{200b}@example.com",
        ];
        for text in not {
            assert_eq!(key(text), None, "{text:?}");
        }
        assert_eq!(key(&format!("a@{}.example", "x".repeat(64))), None);
    }

    #[test]
    fn what_is_sent_is_for_people_to_read() {
        let shown = |text: &str| Address::parse(text).unwrap().shown();
        assert_eq!(shown(" Jane@XN--bcher-kva.Example\u{200b}"), "jane@bücher.example");
        let other = |text: &str| Address::parse(text).unwrap().other_spelling();
        assert_eq!(other("jane@bücher.example").as_deref(), Some("jane@xn--bcher-kva.example"));
        assert_eq!(other("josé@example.com"), None);
    }

    #[test]
    fn an_address_is_found_as_people_typed_it_into_clio() {
        let ours = Address::parse("jane@bücher.example").unwrap();
        for theirs in [
            "JANE@bücher.example",
            "<jane@xn--bcher-kva.example>",
            "Jane Doe <jane@bücher.example>",
            "MAILTO:jane@bücher.example",
            "jane@bu\u{308}cher.example,",
            "'jane@bücher.example'.",
            "jane@bücher.example\u{200b}",
        ] {
            assert!(ours.is(theirs), "{theirs:?}");
        }
        for other in ["jane@bucher.example", "x@bücher.example", "jane@bücher.example x@y.example", "", "é"] {
            assert!(!ours.is(other), "{other:?}");
        }
    }

    #[test]
    fn digests_of_before_are_of_these() {
        let former = |text: &str| Address::parse(text).unwrap().former_keys(text);
        assert!(former(" Jane@Example.com ").is_empty());
        assert_eq!(former("jane@example.com\u{200b}"), ["jane@example.com\u{200b}"]);
        assert_eq!(former("Jane@xn--bcher-kva.example"), ["jane@bücher.example"]);
        assert_eq!(former("jane@bücher.example"), ["jane@bücher.example"]);
    }
}
