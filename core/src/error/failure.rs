//! The one JSON shape of an error: in reports, logs and states, in the example service and in every
//! binding.

use core::time::Duration;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer};

use super::{ALL_CODES, Code, Error, Retry};

/// Context keys that name a refused argument or field. The first that is there is the path.
const PATHS: [&str; 4] = ["path", "field", "setting", "argument"];

/// An error as it is kept and shown. Holds ids, numbers and fixed words; of a refused value it
/// holds the path, never the value.
///
/// Kind, number and message are those of this version of the SDK, also for what an earlier one
/// wrote. A code that only a newer one knows has an empty message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(from = "Kept")]
#[cfg_attr(feature = "schema", schemars(!from))]
pub struct Failure {
    /// [`Code::name`].
    pub code: String,
    /// [`Code::number`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<u16>,
    /// The class of the cause: [`ErrorKind::name`](super::ErrorKind::name).
    pub kind: String,
    /// Whether it may be tried again: [`Retry::name`].
    pub retry: String,
    /// Not before this much time has passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// What happened, and what an administrator can do.
    pub message: String,
    /// What it is about: `http_status`, `clio_type` and `operation` of what was answered, ids,
    /// reasons.
    pub context: BTreeMap<String, String>,
    /// The argument or field that was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// What is read of one that was stored. Earlier versions stored the name of the code only.
#[derive(Deserialize)]
#[serde(untagged)]
enum Kept {
    Name(String),
    Whole {
        code: String,
        #[serde(default)]
        retry: Option<String>,
        #[serde(default)]
        retry_after_ms: Option<u64>,
        #[serde(default)]
        context: BTreeMap<String, String>,
    },
}

impl Failure {
    /// The first value of this key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.context.get(key).map(String::as_str)
    }

    /// The HTTP status that was answered.
    #[must_use]
    pub fn http_status(&self) -> Option<u16> {
        self.get("http_status")?.parse().ok()
    }

    /// The type of the error as Clio, OAuth or the storage named it.
    #[must_use]
    pub fn clio_type(&self) -> Option<&str> {
        self.get("clio_type")
    }

    fn new(
        name: String,
        retry: Option<String>,
        retry_after_ms: Option<u64>,
        context: BTreeMap<String, String>,
    ) -> Self {
        let code = ALL_CODES.iter().copied().find(|code| code.name() == name);
        Self {
            code: name,
            number: code.map(Code::number),
            kind: code.map_or("internal", |code| code.kind().name()).to_owned(),
            retry: retry.unwrap_or_else(|| code.map_or(Retry::Never, Code::retry).name().to_owned()),
            retry_after_ms,
            message: code.map_or("", Code::message).to_owned(),
            path: path_in(&context),
            context,
        }
    }
}

/// Of an element of a list the path tells which: `documents[2].file_name`.
fn path_in(context: &BTreeMap<String, String>) -> Option<String> {
    let path = PATHS.iter().find_map(|key| context.get(*key))?;
    Some(match (path.split_once('.'), context.get("index")) {
        (Some((list, rest)), Some(index)) => format!("{list}[{index}].{rest}"),
        _ => path.clone(),
    })
}

impl From<Kept> for Failure {
    fn from(kept: Kept) -> Self {
        match kept {
            Kept::Name(code) => Self::new(code, None, None, BTreeMap::new()),
            Kept::Whole { code, retry, retry_after_ms, context } => Self::new(code, retry, retry_after_ms, context),
        }
    }
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        let millis = |delay: Duration| u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        let after = match error.retry() {
            Retry::After(delay) => Some(millis(delay)),
            _ => None,
        };
        // Of two values of one key the first counts, as in `Error::get`.
        let context = error.context().iter().rev().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
        Self::new(error.code().name().to_owned(), Some(error.retry().name().to_owned()), after, context)
    }
}

/// By its name.
impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl Serialize for Error {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Failure::from(self).serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn shape(error: &Error) -> Value {
        serde_json::to_value(error).unwrap()
    }

    #[test]
    fn an_error_has_one_shape_with_the_path_of_what_was_refused() {
        let limited = Error::new(Code::ClioRateLimited).retry_as(Retry::After(Duration::from_millis(1500)));
        let told = shape(&limited.with("http_status", 429).with("http_status", 503));
        assert_eq!(
            told,
            json!({ "code": "clio_rate_limited", "number": 4001, "kind": "rate_limit", "retry": "retry_after",
                "retry_after_ms": 1500, "message": Code::ClioRateLimited.message(), "context": { "http_status": "429" } })
        );
        let path = |error: Error| shape(&error)["path"].clone();
        let invalid = Error::new(Code::IntakeInvalid).with("reason", "blank");
        assert_eq!(path(invalid.clone()), Value::Null);
        assert_eq!(path(invalid.clone().with("field", "client.email")), "client.email");
        assert_eq!(path(invalid.with("field", "documents.file_name").with("index", 2)), "documents[2].file_name");
        assert_eq!(path(Error::new(Code::SettingInvalid).with("argument", "config")), "config");
    }

    #[test]
    fn what_was_stored_is_read_again_and_told_in_the_words_of_this_version() {
        let error = Error::new(Code::ClioValidation).with("http_status", 422).with("field", "first_name");
        let stored = serde_json::to_string(&error).unwrap();
        let read: Failure = serde_json::from_str(&stored.replace("Clio refused", "An old text: it refused")).unwrap();
        assert_eq!(read, Failure::from(&error));
        assert_eq!((read.http_status(), read.path.as_deref()), (Some(422), Some("first_name")));
        let old: Failure = serde_json::from_value(json!("timed_out")).unwrap();
        assert_eq!((old.number, old.kind.as_str(), old.retry.as_str()), (Some(3003), "network", "retry"));
        let newer: Failure = serde_json::from_value(json!({ "code": "from_the_future", "context": {} })).unwrap();
        assert_eq!((newer.number, newer.kind.as_str(), newer.message.as_str()), (None, "internal", ""));
    }
}
