//! The intake port over a JavaScript object. An intake crosses as the text of its documented format
//! and is parsed by core, which refuses what JavaScript's own parser would let pass: repeated keys,
//! unknown statuses.

use core::fmt;

use casehug_clio::ports::{BoxFuture, DocumentStat, IntakeSource};
use casehug_clio::{Code, DocumentOrigin, DocumentRef, DocumentStatus, Error, FirmId, Intake, MatterId, Result, Retry};
use serde::de::DeserializeOwned;
use wasm_bindgen::prelude::*;

use crate::executor::describe;
use crate::host::{integer, object, require_functions, settled, within, word};

/// The largest intake that is read, in bytes, with a byte order mark before it.
const MOST_JSON: usize = 8 * 1024 * 1024 + 3;

#[wasm_bindgen]
extern "C" {
    /// `IntakeSource` of `js/index.d.ts`.
    #[derive(Clone)]
    pub type IntakeObject;

    #[wasm_bindgen(method, catch)]
    fn load(this: &IntakeObject, firm: &str, matter: &str) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn stat(this: &IntakeObject, document: JsValue) -> Result<JsValue, JsValue>;
}

/// The [`IntakeSource`] port over a JavaScript object.
#[derive(Clone)]
pub(crate) struct JsIntake(IntakeObject);

impl fmt::Debug for JsIntake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JsIntake")
    }
}

impl JsIntake {
    pub(crate) fn new(intake: IntakeObject) -> Result<Self> {
        require_functions(&intake, "intake", &["load", "stat"])?;
        Ok(Self(intake))
    }
}

/// The four ids of a document.
pub(crate) fn document_fields(document: &DocumentRef) -> [(&'static str, JsValue); 4] {
    let key = &document.key;
    [
        ("firm", document.firm.as_str().into()),
        ("matter", key.matter.as_str().into()),
        ("document", key.document.as_str().into()),
        ("upload", key.upload.as_str().into()),
    ]
}

/// Checks the text of an intake as `load` would. The error is the JSON text of one.
#[wasm_bindgen(js_name = checkIntake)]
pub fn check_intake(json: &str) -> Result<(), String> {
    Intake::from_json(json.as_bytes()).map(|_| ()).map_err(|error| describe(&error))
}

/// The codes that a source may throw, in the property `code`.
const THROWN: [Code; 6] = [
    Code::MatterUnknown,
    Code::IntakeMalformed,
    Code::IntakeInvalid,
    Code::IntakeUnreadable,
    Code::DocumentMissing,
    Code::DocumentUnreadable,
];

/// What was thrown, if it names one of the port's codes; of its text nothing is kept. One that says
/// so is not tried again.
fn thrown(thrown: &JsValue, otherwise: Code) -> Error {
    let named = word(thrown, "code").and_then(|name| THROWN.into_iter().find(|code| code.name() == name));
    match named {
        Some(code) if word(thrown, "retry").as_deref() == Some("never") => {
            Error::new(code).with("reason", "host").retry_as(Retry::Never)
        }
        Some(code) => Error::new(code).with("reason", "host"),
        None => Error::new(otherwise).with("reason", "callback_failed"),
    }
}

impl IntakeSource for JsIntake {
    fn load<'a>(&'a self, firm: &'a FirmId, matter: &'a MatterId) -> BoxFuture<'a, Result<Intake>> {
        Box::pin(async move {
            let loaded = settled(self.0.load(firm.as_str(), matter.as_str())).await;
            let json = loaded.map_err(|value| thrown(&value, Code::IntakeUnreadable).with("matter", matter))?;
            let refused = || match json.is_string() {
                true => Error::new(Code::IntakeMalformed).with("reason", "too_large").with("matter", matter),
                false => Error::new(Code::IntakeUnreadable).with("reason", "callback_answer").with("matter", matter),
            };
            let json = within(&json, MOST_JSON).ok_or_else(refused)?;
            let intake = Intake::from_json(json.as_bytes()).map_err(|error| error.with("matter", matter))?;
            if intake.matter.id != *matter {
                let invalid = Error::new(Code::IntakeInvalid).with("field", "matter.id").with("matter", matter);
                return Err(invalid.with("reason", "another_matter"));
            }
            Ok(intake)
        })
    }

    fn stat<'a>(&'a self, document: &'a DocumentRef) -> BoxFuture<'a, Result<DocumentStat>> {
        Box::pin(async move {
            let found = settled(self.0.stat(object(document_fields(document)))).await;
            let found =
                found.map_err(|value| thrown(&value, Code::DocumentUnreadable).with("document", &document.key))?;
            let wrong = |field| {
                let wrong = Error::new(Code::DocumentUnreadable).with("document", &document.key);
                wrong.with("reason", "callback_answer").with("field", field)
            };
            let len = integer(&found, "len").and_then(|len| u64::try_from(len).ok());
            let status: Option<DocumentStatus> = named(&found, "status");
            let origin: Option<DocumentOrigin> = named(&found, "origin");
            Ok(DocumentStat {
                len: len.ok_or_else(|| wrong("len"))?,
                revision: word(&found, "revision").ok_or_else(|| wrong("revision"))?,
                status: status.ok_or_else(|| wrong("status"))?,
                origin: origin.ok_or_else(|| wrong("origin"))?,
            })
        })
    }
}

/// A field that holds one of the format's names.
fn named<T: DeserializeOwned>(object: &JsValue, name: &str) -> Option<T> {
    serde_json::from_value(word(object, name)?.into()).ok()
}
