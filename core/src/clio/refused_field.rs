//! Which field a refusal is about.
//!
//! Clio says so in a sentence, which may quote what was sent: a client's data. So of the sentence
//! nothing is kept. Only if it holds the name of a field that this SDK sends, and that this request
//! did send, that name is told, as it stands in the table below.

use serde::Deserialize;
use zeroize::Zeroizing;

/// The fields of what is sent to Clio that a firm's data decides. Of two that begin at one place in
/// the sentence the first counts.
const FIELDS: [&str; 13] = [
    "first_name",
    "last_name",
    "email_addresses",
    "address",
    "phone_numbers",
    "number",
    "client_reference",
    "display_number",
    "description",
    "practice_area",
    "client",
    "content_type",
    "name",
];

#[derive(Deserialize)]
struct Answer {
    error: Sentence,
}

#[derive(Deserialize)]
struct Sentence {
    message: String,
}

/// The field that the sentence names first. Rails writes `first_name`, `contact.first_name` or
/// "First name".
pub(super) fn named_field(sent: &[u8], answer: &[u8]) -> Option<&'static str> {
    let sentence = Zeroizing::new(serde_json::from_slice::<Answer>(answer).ok()?.error.message);
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { ' ' };
    let sentence = Zeroizing::new(format!(" {} ", sentence.chars().map(plain).collect::<String>()));
    let place = |field: &str| sentence.find(&format!(" {} ", field.replace('_', " ")));
    let was_sent = |field: &str| {
        let key = format!("\"{field}\":");
        sent.windows(key.len()).any(|bytes| bytes == key.as_bytes())
    };
    let named = FIELDS.into_iter().filter(|field| was_sent(field));
    named.filter_map(|field| Some((place(field)?, field))).min_by_key(|(at, _)| *at).map(|(_, field)| field)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn named(message: &str) -> Option<&'static str> {
        let sent = json!({ "data": { "first_name": "Zyx", "last_name": "Q", "email_addresses": [{ "address": "z@q.example" }] } });
        let answer = json!({ "error": { "type": "ArgumentError", "message": message } });
        named_field(sent.to_string().as_bytes(), answer.to_string().as_bytes())
    }

    #[test]
    fn a_field_that_was_sent_is_named_however_the_sentence_writes_it() {
        for (message, field) in [
            ("First name can't be blank", Some("first_name")),
            ("contact.last_name is too long", Some("last_name")),
            ("email_addresses[0].address 'z@q.example' is not valid", Some("email_addresses")),
            ("[Address] is invalid: Zyx", Some("address")),
            ("Validation failed.", None),
            ("Zyx Q z@q.example", None),
            ("description can't be blank", None),
            ("surname_first_namex", None),
        ] {
            assert_eq!(named(message), field, "{message}");
        }
        assert_eq!(named_field(b"", b"no json"), None);
    }
}
