//! Whether two names may be one person's.
//!
//! One address may be several people's: spouses share a mailbox, and a child writes from a
//! parent's. A name does not prove who somebody is, so agreeing is a low bar, and what fails it is
//! told or asked, never dropped. Ignored are case, accents, white space, hyphens and apostrophes;
//! initials (`J.` agrees with `Jane`); the order of given names (`Mary Ann`, `Ann Mary`); and given
//! names after the first that only one of the two has. The last name, and the first given name or
//! the order of all, must agree.
//!
//! What it cannot tell: a father and a son of the same name, unless one is called `Jr.`; nicknames
//! (`Bob`); other scripts and transcriptions (`Müller`, `Mueller`), which differ here.

use icu_normalizer::DecomposingNormalizerBorrowed;
use icu_properties::CodePointMapData;
use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory};
use serde::{Deserialize, Serialize};

use crate::clio::Contact;
use crate::domain::Confidential;

/// More given names than this are compared in their order only.
const MOST_WORDS: usize = 16;
/// Words that tell people of one name apart, wherever in the name they stand.
const GENERATIONS: &[&str] = &["jr", "junior", "sr", "senior", "ii", "iii", "iv"];

/// Letters whose stroke is no accent to Unicode, and is one to whoever has no key for it.
const STROKES: &[(char, &str)] =
    &[('ø', "o"), ('ł', "l"), ('đ', "d"), ('ħ', "h"), ('æ', "ae"), ('œ', "oe"), ('þ', "th"), ('ð', "d")];

/// A name as it is compared; or the digests of its pieces, which are compared in the same way.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Name {
    /// All letters.
    whole: String,
    last: String,
    given: String,
    words: Vec<Word>,
}

/// One of the given names.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Word {
    word: String,
    initial: String,
    /// The initial is all that there is.
    short: bool,
}

impl Name {
    pub(crate) fn new(first: &str, last: &str) -> Self {
        let (generations, given): (Vec<String>, Vec<String>) =
            words(first).into_iter().partition(|word| GENERATIONS.contains(&word.as_str()));
        let last = words(last).concat() + &generations.concat();
        let given_letters = given.concat();
        let words = given.into_iter().map(|word| {
            let initial = word.chars().next().map(String::from).unwrap_or_default();
            // Where letters have no case, one letter is a whole name.
            let short = word == initial && word.chars().all(char::is_lowercase);
            Word { word, initial, short }
        });
        Self { whole: format!("{given_letters}{last}"), last, given: given_letters, words: words.collect() }
    }

    /// The name without its letters: `digest` stands for each piece. Only what was made with the
    /// same one can be compared.
    pub(crate) fn digested(&self, digest: impl Fn(&str) -> String) -> Self {
        let digest = |text: &String| if text.is_empty() { String::new() } else { digest(text) };
        let words = self.words.iter().take(MOST_WORDS).map(|word| Word {
            word: digest(&word.word),
            initial: digest(&word.initial),
            short: word.short,
        });
        Self {
            whole: digest(&self.whole),
            last: digest(&self.last),
            given: digest(&self.given),
            words: words.collect(),
        }
    }

    /// Whether it may be the same person's.
    pub(crate) fn agrees(&self, other: &Self) -> bool {
        let given = || {
            self.given == other.given || in_order(&self.words, &other.words) || in_any_order(&self.words, &other.words)
        };
        !self.whole.is_empty() && (self.whole == other.whole || self.last == other.last && given())
    }
}

impl From<&Contact> for Name {
    fn from(contact: &Contact) -> Self {
        let text = |name: &Option<Confidential>| name.as_ref().map_or("", Confidential::expose).to_owned();
        Self::new(&text(&contact.first_name), &text(&contact.last_name))
    }
}

impl Word {
    fn agrees(&self, other: &Self) -> bool {
        self.word == other.word || self.short && self.word == other.initial || other.short && other.word == self.initial
    }
}

/// The first ones agree, and what else the shorter has, the longer has in the same order.
fn in_order(one: &[Word], other: &[Word]) -> bool {
    let (short, long) = if one.len() <= other.len() { (one, other) } else { (other, one) };
    let (Some((first, rest)), Some((long_first, long_rest))) = (short.split_first(), long.split_first()) else {
        return false;
    };
    let mut left = long_rest.iter();
    first.agrees(long_first) && rest.iter().all(|word| left.any(|other| word.agrees(other)))
}

/// All agree in some order. At least one of them is written out in both: initials alone would make
/// `John A.` of `Alan J.`
fn in_any_order(one: &[Word], other: &[Word]) -> bool {
    if one.len() != other.len() || one.len() > MOST_WORDS {
        return false;
    }
    let mut other: Vec<&Word> = other.iter().collect();
    let (mut left, mut written_out) = (Vec::new(), false);
    for word in one {
        match other.iter().position(|other| other.word == word.word) {
            Some(place) => written_out |= !other.remove(place).short,
            None => left.push(word),
        }
    }
    written_out && left.iter().zip(&other).all(|(word, other)| word.agrees(other))
}

/// The words of a name without accents and case.
fn words(text: &str) -> Vec<String> {
    let category = CodePointMapData::<GeneralCategory>::new();
    let ignorable = icu_properties::CodePointSetData::new::<DefaultIgnorableCodePoint>();
    let is_mark = |c: char| ('\u{300}'..='\u{36f}').contains(&c);
    let is_quote = |c: char| "'`’‘‛ʼʻʹ′\"“”".contains(c);
    let is_dropped = |c: char| is_mark(c) || is_quote(c) || ignorable.contains(c) || c.is_control();
    let is_between =
        |c: char| c.is_whitespace() || ".,·_/&".contains(c) || category.get(c) == GeneralCategory::DashPunctuation;
    let spaced: String = text.chars().map(|c| if is_between(c) { ' ' } else { c }).collect();
    let decomposed = DecomposingNormalizerBorrowed::new_nfkd().normalize(&spaced).into_owned();
    let kept: String = decomposed.chars().filter(|c| !is_dropped(*c)).collect();
    // Upper case first: it writes out what lower case leaves apart (`ß`, the final sigma).
    let folded: String = kept.to_uppercase().chars().flat_map(char::to_lowercase).collect();
    let plain = STROKES.iter().fold(folded, |text, (letter, plain)| text.replace(*letter, plain));
    plain.split_whitespace().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agree(one: (&str, &str), other: (&str, &str)) -> bool {
        let (one, other) = (Name::new(one.0, one.1), Name::new(other.0, other.1));
        let agrees = one.agrees(&other);
        assert_eq!(agrees, other.agrees(&one), "in both directions");
        let digest = |text: &str| format!("digest of {text}");
        assert_eq!(agrees, one.digested(digest).agrees(&other.digested(digest)), "without its letters");
        agrees
    }

    #[test]
    fn ways_of_writing_one_name_agree() {
        let same = [
            (("Jane", "Doe"), ("JANE", " doe ")),
            (("José", "Núñez"), ("Jose", "Nu\u{303}nez")),
            (("Mary  Ann", "Lee"), ("Mary-Ann", "Lee")),
            (("Mary Ann", "Lee"), ("Maryann", "Lee")),
            (("Mary Ann", "Lee"), ("Ann Mary", "Lee")),
            (("Jane", "Doe"), ("J.", "Doe")),
            (("Jane Marie", "Doe"), ("J. M.", "Doe")),
            (("J.M.", "Doe"), ("Jane Marie", "Doe")),
            (("Jane", "Doe"), ("Jane Marie", "Doe")),
            (("Jane Klara", "Doe"), ("Jane Marie Klara", "Doe")),
            (("Mary A.", "Doe"), ("Ann Mary", "Doe")),
            (("Sinead", "O'Brien"), ("Sinéad", "O’Brien")),
            (("Sinead", "OBrien"), ("Sinead", "O Brien")),
            (("Eva", "van der Berg"), ("Eva", "Vanderberg")),
            (("Ann", "Smith-Jones"), ("Ann", "Smith Jones")),
            (("Ann", "Smith\u{2010}Jones"), ("Ann", "Smith\u{2013}Jones")),
            (("Jan", "Groß"), ("Jan", "GROSS")),
            (("Łukasz", "Sørensen"), ("Lukasz", "Sorensen")),
            (("ΝΙΚΟΣ", "Παπάς"), ("Νίκος", "ΠΑΠΑΣ")),
            (("Mary", "Ann Lee"), ("Mary Ann", "Lee")),
            (("", "Jane Doe"), ("Jane", "Doe")),
            (("Jane\u{200b}", "Doe"), ("Jane", "Doe")),
            (("John Jr.", "Smith"), ("John", "Smith Jr")),
            (("小龙", "李"), ("小龙", "李")),
            (("Madonna", ""), ("", "Madonna")),
        ];
        for (one, other) in same {
            assert!(agree(one, other), "{one:?} {other:?}");
        }
    }

    #[test]
    fn names_of_two_people_do_not() {
        let different = [
            // Spouses.
            (("Jane", "Doe"), ("John", "Doe")),
            (("Jane J.", "Doe"), ("John J.", "Doe")),
            (("J. Jane", "Doe"), ("J. John", "Doe")),
            (("John A.", "Doe"), ("Alan J.", "Doe")),
            (("Jane", "Doe"), ("Jane", "Roe")),
            // Parents and children.
            (("Mary Ann", "Doe"), ("Ann", "Doe")),
            (("John Paul", "Doe"), ("John Peter", "Doe")),
            (("John", "Doe Jr."), ("John", "Doe")),
            (("John Jr.", "Doe"), ("John Sr.", "Doe")),
            (("John II", "Doe"), ("John III", "Doe")),
            // A name that is missing proves nothing.
            (("", "Doe"), ("Jane", "Doe")),
            (("Jane", ""), ("Jane", "Doe")),
            (("", ""), ("", "")),
            (("?", ""), ("!", "")),
            // Where letters have no case there are no initials; and marks there are no accents.
            (("伟", "王"), ("伟明", "王")),
            (("かな", "山田"), ("がな", "山田")),
            (("Bob", "Doe"), ("Robert", "Doe")),
        ];
        for (one, other) in different {
            assert!(!agree(one, other), "{one:?} {other:?}");
        }
    }

    #[test]
    fn a_name_of_a_million_words_is_compared_soon() {
        let (one, other) = ("a ".repeat(500_000), "b ".repeat(500_000));
        assert!(!agree((&one, "Doe"), (&other, "Doe")));
    }
}
