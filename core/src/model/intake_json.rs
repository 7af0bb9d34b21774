//! The JSON form of an intake: one reader for every host, so that a bad intake is refused with the same words everywhere.
//!
//! Refused: malformed JSON, a repeated key anywhere, a missing key, an unknown `status` or `origin`, an invalid id, two
//! documents of one key, a blank title, a client without any name, an email that cannot be one. Keys that the format does
//! not know are left out (CaseHug's objects carry more than Clio may see); their values are never kept.
//! Errors name line, column and path of keys of the format: a value, or an unknown key, could be client data.

use core::fmt;
use std::collections::HashSet;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::{Confidential, DocumentId, DocumentOrigin, DocumentStatus, Intake, IntakeDocument, UploadId};
use crate::error::{Code, Error, Result};

/// The largest intake in bytes; a thousand documents need about 300 KB.
const MAX_INTAKE: usize = 8 * 1024 * 1024;

impl Intake {
    /// Reads and checks an intake: `{"matter":{…},"client":{…},"documents":[…]}` (docs/intake-format.md).
    ///
    /// # Errors
    /// [`Code::IntakeMalformed`] with `line` and `column`, or [`Code::IntakeInvalid`] with `field` and `reason`.
    pub fn from_json(json: &[u8]) -> Result<Self> {
        let json = json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(json);
        if json.len() > MAX_INTAKE {
            return Err(Error::new(Code::IntakeMalformed).with("reason", "too_large").with("bytes", json.len()));
        }
        let mut repeated = false;
        let mut reader = serde_json::Deserializer::from_slice(json);
        NoRepeatedKeys(&mut repeated)
            .deserialize(&mut reader)
            .and_then(|()| reader.end())
            .map_err(|error| malformed(&error, if repeated { "repeated_key" } else { "syntax" }))?;
        let intake: Self = serde_json::from_slice(json).map_err(|error| malformed(&error, "format"))?;
        intake.check()?;
        Ok(intake)
    }

    /// Checks what the types alone cannot say. Hosts that build an [`Intake`] without JSON get the same check at each run.
    ///
    /// # Errors
    /// [`Code::IntakeInvalid`] with `field` and `reason`.
    pub fn check(&self) -> Result<()> {
        let blank = |text: &Confidential| text.expose().trim().is_empty();
        if blank(&self.matter.title) {
            return Err(invalid("matter.title", "blank"));
        }
        if blank(&self.client.first_name) && blank(&self.client.last_name) {
            return Err(invalid("client.first_name", "blank"));
        }
        if let Some(email) = &self.client.email
            && !blank(email)
            && !is_address(email.expose())
        {
            return Err(invalid("client.email", "not_an_address"));
        }
        let mut keys = HashSet::new();
        for (index, document) in self.documents.iter().enumerate() {
            if blank(&document.file_name) {
                return Err(invalid("documents.file_name", "blank").with("index", index));
            }
            if !is_media_type(&document.content_type) {
                return Err(invalid("documents.content_type", "not_a_media_type").with("index", index));
            }
            if !keys.insert((&document.id, &document.upload_id)) {
                return Err(invalid("documents.id", "repeated").with("index", index));
            }
        }
        Ok(())
    }
}

fn invalid(field: &'static str, reason: &'static str) -> Error {
    Error::new(Code::IntakeInvalid).with("field", field).with("reason", reason)
}

fn malformed(error: &serde_json::Error, reason: &'static str) -> Error {
    let reason = if error.is_eof() { "truncated" } else { reason };
    Error::new(Code::IntakeMalformed).with("reason", reason).with("line", error.line()).with("column", error.column())
}

/// One `@` with something on both sides, no white space or control characters. Clio checks no more.
fn is_address(text: &str) -> bool {
    let text = text.trim();
    let mut halves = text.split('@');
    matches!((halves.next(), halves.next(), halves.next()), (Some(local), Some(domain), None) if !local.is_empty() && !domain.is_empty())
        && !text.chars().any(|c| c.is_whitespace() || c.is_control())
}

/// `type/subtype` of printable ASCII: it becomes a signed header value.
fn is_media_type(text: &str) -> bool {
    text.len() <= 255
        && text.split_once('/').is_some_and(|(kind, rest)| !kind.is_empty() && !rest.is_empty())
        && text.bytes().all(|byte| (0x20..0x7f).contains(&byte))
}

#[derive(Deserialize)]
struct DocumentJson {
    id: DocumentId,
    #[serde(default)]
    upload_id: Option<UploadId>,
    file_name: Confidential,
    content_type: String,
    status: DocumentStatus,
    origin: DocumentOrigin,
}

impl<'de> Deserialize<'de> for IntakeDocument {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = DocumentJson::deserialize(deserializer)?;
        let upload_id = match json.upload_id {
            Some(upload) => upload,
            None => UploadId::new(json.id.as_str()).map_err(|_| serde::de::Error::custom("invalid UploadId"))?,
        };
        let DocumentJson { id, file_name, content_type, status, origin, .. } = json;
        Ok(Self { id, upload_id, file_name, content_type, status, origin })
    }
}

/// Walks any JSON and fails at the second of two equal keys of one object; serde's derive sees known keys only.
struct NoRepeatedKeys<'a>(&'a mut bool);

impl<'de> DeserializeSeed<'de> for NoRepeatedKeys<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for NoRepeatedKeys<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut keys = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            if !keys.insert(key) {
                *self.0 = true;
                return Err(serde::de::Error::custom("repeated key"));
            }
            map.next_value_seed(NoRepeatedKeys(self.0))?;
        }
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(NoRepeatedKeys(self.0))?.is_some() {}
        Ok(())
    }
    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"matter":{"id":"mat_1","title":"Doe v. Roe","case_type":"family_law","tags":["x"]},
        "client":{"id":"cli_1","first_name":"Jane","last_name":"","email":"jane@example.com","notes":"secret"},
        "documents":[{"id":"doc_1","file_name":"a.pdf","content_type":"application/pdf","path":"a.pdf","status":"approved","origin":"client_upload"}]}"#;

    fn code_of(json: &str) -> (Code, String) {
        let error = Intake::from_json(json.as_bytes()).unwrap_err();
        (error.code(), error.to_string())
    }

    #[test]
    fn upload_id_defaults_to_the_documents_id() {
        let intake = Intake::from_json(GOOD.as_bytes()).unwrap();
        assert_eq!(intake.documents[0].upload_id.as_str(), "doc_1");
        assert_eq!(intake.matter.case_number, None);
        assert_eq!(format!("{intake:?}").matches("[confidential]").count(), 6);
    }

    #[test]
    fn bad_intakes_are_refused_without_quoting_them() {
        let cases = [
            (GOOD.replace("\"status\":\"approved\"", "\"status\":\"Smith\""), Code::IntakeMalformed, "format"),
            (GOOD.replace("client_upload", "Smith"), Code::IntakeMalformed, "format"),
            (GOOD.replace("\"tags\"", "\"title\""), Code::IntakeMalformed, "repeated_key"),
            (GOOD.replace("\"notes\":", "\"x\":1,\"x\":"), Code::IntakeMalformed, "repeated_key"),
            (GOOD[..120].to_owned(), Code::IntakeMalformed, "truncated"),
            (format!("{GOOD}]"), Code::IntakeMalformed, "syntax"),
            (GOOD.replace("Doe v. Roe", "  "), Code::IntakeInvalid, "blank"),
            (GOOD.replace("Jane", ""), Code::IntakeInvalid, "blank"),
            (GOOD.replace("jane@example.com", "Jane Smith"), Code::IntakeInvalid, "not_an_address"),
            (GOOD.replace("mat_1", "Jane Smith"), Code::IntakeMalformed, "format"),
            (GOOD.replace("application/pdf", "pdf\\u000d"), Code::IntakeInvalid, "not_a_media_type"),
        ];
        for (json, code, reason) in cases {
            let (got, text) = code_of(&json);
            assert_eq!(got, code, "{text}");
            assert!(text.contains(&format!("reason={reason}")), "{text}");
            assert!(!text.contains("Smith") && !text.contains("Jane"), "{text}");
        }
    }

    #[test]
    fn deep_nesting_is_refused_not_overflowed() {
        let json = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(code_of(&json).0, Code::IntakeMalformed);
    }
}
