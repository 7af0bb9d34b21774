//! The JSON form of an intake: one reader for every host, so that a bad intake is refused with the
//! same words everywhere.
//!
//! Refused: malformed JSON, a repeated key anywhere, a missing key, an unknown `status` or
//! `origin`, an invalid id, two documents of one key, a blank title, a client without any name, an
//! email that cannot be one, control characters in what would be sent. What is wrong with one
//! document's name or type keeps back that document only. Keys that the format does not know are
//! left out (CaseHug's objects carry more than Clio may see); their values are never kept.
//! Errors name line, column and path of keys of the format: a value, or an unknown key, could be
//! client data.

use std::collections::HashSet;

use serde::Deserialize;
use serde::de::Deserializer;

use super::{
    Address, Confidential, DocumentId, DocumentOrigin, DocumentStatus, Intake, IntakeDocument, UploadId, text,
};
use crate::error::{Code, Error, Result};
use crate::json;

/// The largest intake in bytes; a thousand documents need about 300 KB.
const MAX_INTAKE: usize = 8 * 1024 * 1024;

impl Intake {
    /// Reads and checks an intake: `{"matter":{…},"client":{…},"documents":[…]}`
    /// (docs/intake-format.md).
    ///
    /// # Errors
    /// [`Code::IntakeMalformed`] with `line` and `column`, or [`Code::IntakeInvalid`] with `field`
    /// and `reason`.
    pub fn from_json(json: &[u8]) -> Result<Self> {
        let json = json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(json);
        if json.len() > MAX_INTAKE {
            return Err(Error::new(Code::IntakeMalformed).with("reason", "too_large").with("bytes", json.len()));
        }
        json::check(json).map_err(|(error, _, reason)| malformed(&error, reason))?;
        let intake: Self = json::typed(json).map_err(|(error, path)| malformed(&error, "format").with("path", path))?;
        intake.check()?;
        Ok(intake)
    }

    /// Checks what the types alone cannot say. Hosts that build an [`Intake`] without JSON get the
    /// same check at each run.
    ///
    /// # Errors
    /// [`Code::IntakeInvalid`] with `field` and `reason`.
    pub fn check(&self) -> Result<()> {
        let (matter, client) = (&self.matter, &self.client);
        let blank = |text: &Confidential| text::is_blank(text.expose());
        if blank(&matter.title) {
            return Err(invalid("matter.title", "blank"));
        }
        if blank(&client.first_name) && blank(&client.last_name) {
            return Err(invalid("client.first_name", "blank"));
        }
        if let Some(email) = &client.email
            && !blank(email)
            && Address::parse(email.expose()).is_none()
        {
            return Err(invalid("client.email", "not_an_address"));
        }
        let flaw = |text: &Confidential| text::flaw(text.expose());
        let flaws = [
            ("matter.title", text::flaw(&text::one_line(matter.title.expose()))),
            ("matter.case_number", matter.case_number.as_ref().and_then(flaw)),
            ("client.first_name", flaw(&client.first_name)),
            ("client.last_name", flaw(&client.last_name)),
            ("client.phone", client.phone.as_ref().and_then(flaw)),
        ];
        if let Some((field, reason)) = flaws.into_iter().find_map(|(field, flaw)| Some((field, flaw?))) {
            return Err(invalid(field, reason));
        }
        let mut keys = HashSet::new();
        for (index, document) in self.documents.iter().enumerate() {
            if !keys.insert((&document.id, &document.upload_id)) {
                return Err(invalid("documents.id", "repeated").with("index", index));
            }
        }
        Ok(())
    }
}

impl IntakeDocument {
    /// Checks what would be sent of it besides its bytes. The other documents of its intake do not
    /// wait for this one to be corrected.
    pub(crate) fn check(&self) -> Result<()> {
        self.flaw().map_or(Ok(()), |(field, reason)| Err(invalid(field, reason)))
    }

    /// Its media type, if it has one.
    pub(crate) fn content_type(&self) -> Option<&str> {
        (!text::is_blank(&self.content_type)).then_some(self.content_type.as_str())
    }

    /// The field that cannot be sent as it is, and why.
    pub(crate) fn flaw(&self) -> Option<(&'static str, &'static str)> {
        if let Some(reason) = text::file_name_flaw(self.file_name.expose()) {
            return Some(("documents.file_name", reason));
        }
        let given = self.content_type().is_none_or(is_media_type);
        (!given).then_some(("documents.content_type", "not_a_media_type"))
    }
}

fn invalid(field: &'static str, reason: &'static str) -> Error {
    Error::new(Code::IntakeInvalid).with("field", field).with("reason", reason)
}

fn malformed(error: &serde_json::Error, reason: &'static str) -> Error {
    Error::new(Code::IntakeMalformed).with("reason", reason).with("line", error.line()).with("column", error.column())
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
    #[serde(default)]
    content_type: Option<String>,
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
        Ok(Self { id, upload_id, file_name, content_type: content_type.unwrap_or_default(), status, origin })
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
            (GOOD.replace("jane@example.com", "<Smith@example.com>"), Code::IntakeInvalid, "not_an_address"),
            (GOOD.replace("Doe v. Roe", "\\u202eSmith"), Code::IntakeInvalid, "bidi_character"),
            (
                GOOD.replace("\"last_name\":\"\"", "\"last_name\":\"Smi\\nth\""),
                Code::IntakeInvalid,
                "control_character",
            ),
            (GOOD.replace("Jane", "\\u200b"), Code::IntakeInvalid, "blank"),
        ];
        for (json, code, reason) in cases {
            let (got, text) = code_of(&json);
            assert_eq!(got, code, "{text}");
            assert!(text.contains(&format!("reason={reason}")), "{text}");
            assert!(!text.contains("Smith") && !text.contains("Jane"), "{text}");
        }
    }

    #[test]
    fn a_field_that_nobody_meant_is_named() {
        let person = r#""first_name":"Jane","last_name":"","#;
        let cases = [
            (GOOD.replace("\"tags\":[\"x\"]", "\"case_number\":\"2026\\u0000\""), "matter.case_number"),
            (GOOD.replace(person, "\"first_name\":\"Ja\\tne\",\"last_name\":\"\","), "client.first_name"),
            (GOOD.replace(person, "\"first_name\":\"Jane\",\"last_name\":\"\\u2066D\","), "client.last_name"),
            (GOOD.replace(person, &format!("{person}\"phone\":\"\\u202a+1206\\u202c\",")), "client.phone"),
        ];
        for (json, field) in cases {
            assert_ne!(json, GOOD, "{field}");
            let error = Intake::from_json(json.as_bytes()).unwrap_err();
            assert_eq!((error.code(), error.get("field")), (Code::IntakeInvalid, Some(field)));
        }
        assert!(Intake::from_json(GOOD.replace("Doe v. Roe", "Doe\\r\\nv. Roe").as_bytes()).is_ok());
    }

    #[test]
    fn a_flaw_of_one_document_is_no_reason_to_refuse_the_intake() {
        let cases = [
            (GOOD.replace("application/pdf", "pdf\\u000d"), "documents.content_type", "not_a_media_type"),
            (GOOD.replace("\"file_name\":\"a.pdf\"", "\"file_name\":\" \""), "documents.file_name", "blank"),
            (GOOD.replace("\"file_name\":\"a", "\"file_name\":\"../a"), "documents.file_name", "path_separator"),
            (GOOD.replace("\"file_name\":\"a", "\"file_name\":\"a\\u202e"), "documents.file_name", "bidi_character"),
        ];
        for (json, field, reason) in cases {
            let error = Intake::from_json(json.as_bytes()).unwrap().documents[0].check().unwrap_err();
            assert_eq!((error.get("field"), error.get("reason")), (Some(field), Some(reason)));
        }
    }

    #[test]
    fn a_document_needs_no_media_type() {
        let given = r#","content_type":"application/pdf""#;
        for (without, left) in
            [(r#","content_type":"""#, ""), (r#","content_type":" ""#, " "), (r#","content_type":null"#, ""), ("", "")]
        {
            let intake = Intake::from_json(GOOD.replace(given, without).as_bytes()).unwrap();
            let document = &intake.documents[0];
            assert_eq!((document.content_type.as_str(), document.flaw()), (left, None), "{without}");
        }
        assert_eq!(code_of(&GOOD.replace(given, r#","content_type":7"#)).0, Code::IntakeMalformed);
    }

    #[test]
    fn deep_nesting_is_refused_not_overflowed() {
        let json = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(code_of(&json).0, Code::IntakeMalformed);
    }
}
