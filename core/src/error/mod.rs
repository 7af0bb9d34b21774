//! One error struct for everything that can fail, and one table of stable codes.
//!
//! A message never holds client data: it is the fixed text of its [`Code`] plus context pairs whose
//! values are ids, numbers and fixed words. Text of third parties (an HTTP stack, a database,
//! Clio's own message) is never taken over, because nobody can say what it quotes.

mod codes;
mod failure;
#[cfg(test)]
mod places_tests;

use serde::{Deserialize, Serialize};

pub use codes::{ALL_CODES, Code};
pub use failure::Failure;

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

/// The `Result` of this crate.
pub type Result<T, E = Error> = core::result::Result<T, E>;

/// The class of a cause, as the sync log shows it to a firm's administrator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// The connection to Clio: not connected, expired, revoked.
    Auth,
    /// Clio's request budget.
    RateLimit,
    /// The way to Clio: name resolution, TLS, time-outs, gateways.
    Network,
    /// A permission of the Clio app, a role of the Clio user, or a role of the CaseHug user.
    Permission,
    /// The firm's Clio plan.
    Plan,
    /// What CaseHug handed in: an intake, a document, a setting.
    Input,
    /// Clio answered with a refusal or with something that it should not answer.
    Clio,
    /// The host's persistence, keys or runtime.
    Host,
    /// A bug of this SDK.
    Internal,
}

impl ErrorKind {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Auth,
        Self::RateLimit,
        Self::Network,
        Self::Permission,
        Self::Plan,
        Self::Input,
        Self::Clio,
        Self::Host,
        Self::Internal,
    ];

    /// The one of this [name](Self::name).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The stable name, as in the sync log and in every binding.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::RateLimit => "rate_limit",
            Self::Network => "network",
            Self::Permission => "permission",
            Self::Plan => "plan",
            Self::Input => "input",
            Self::Clio => "clio",
            Self::Host => "host",
            Self::Internal => "internal",
        }
    }
}

/// Whether, and how, the failed operation may be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Never by itself: somebody must change something first.
    Never,
    /// Yes, with backoff.
    Retry,
    /// Yes, but not before this much time has passed.
    After(Duration),
    /// Yes, once, after the access token was refreshed.
    RefreshThenRetry,
    /// The request may have been executed: look before it is sent again.
    LookupFirst,
}

impl Retry {
    /// The stable name of the verdict, without its delay.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Retry => "retry",
            Self::After(_) => "retry_after",
            Self::RefreshThenRetry => "refresh_then_retry",
            Self::LookupFirst => "probe_first",
        }
    }
}

/// What an error's context tells of Clio's answer.
pub(crate) const ANSWER: [&str; 3] = ["http_status", "clio_type", "operation"];

/// A failure: a stable code, a retry verdict and ids as context. Cheap to clone.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    code: Code,
    retry: Retry,
    context: Vec<(&'static str, String)>,
    detail: Option<Detail>,
    source: Option<Error>,
}

/// What core goes by beyond an error's code. Its context says the same to people, in words that
/// nothing depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    /// Clio no longer accepts the refresh token.
    InvalidGrant,
    /// The connection's data key was dropped, or never was.
    NoDataKey,
    /// Clio still waits for a document's bytes.
    UploadNotFound,
}

impl Error {
    /// An error with the code's own retry verdict.
    #[must_use]
    pub fn new(code: Code) -> Self {
        Self(Arc::new(Inner { code, retry: code.retry(), context: Vec::new(), detail: None, source: None }))
    }

    /// Adds an id, a number or a fixed word. MUST NOT be given names, emails, titles, file names,
    /// URLs or foreign text.
    #[must_use]
    pub fn with(self, key: &'static str, value: impl fmt::Display) -> Self {
        self.change(|inner| inner.context.push((key, value.to_string())))
    }

    pub(crate) fn known_as(self, detail: Option<Detail>) -> Self {
        self.change(|inner| inner.detail = detail)
    }

    pub(crate) fn is(&self, detail: Detail) -> bool {
        self.0.detail == Some(detail)
    }

    /// Replaces the code's usual retry verdict.
    #[must_use]
    pub fn retry_as(self, retry: Retry) -> Self {
        self.change(|inner| inner.retry = retry)
    }

    /// Keeps the error that led to this one. What Clio answered to that is told of this one too,
    /// unless this one has an answer of its own.
    #[must_use]
    pub fn caused_by(self, source: Error) -> Self {
        self.change(|inner| {
            // The two tell of one answer: a status without a type must not be given that of
            // another.
            if !inner.context.iter().any(|(key, _)| ANSWER.contains(key)) {
                let answer = source.context().iter().filter(|(key, _)| ANSWER.contains(key));
                inner.context.extend(answer.cloned());
            }
            inner.source = Some(source);
        })
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// The class of the cause.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.code.kind()
    }

    /// The retry verdict.
    #[must_use]
    pub fn retry(&self) -> Retry {
        self.0.retry
    }

    /// The context pairs, in the order in which they were added.
    #[must_use]
    pub fn context(&self) -> &[(&'static str, String)] {
        &self.0.context
    }

    /// The first context value of this key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.context.iter().find(|(k, _)| *k == key).map(|(_, v)| v.as_str())
    }

    fn change(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }
}

impl From<Code> for Error {
    fn from(code: Code) -> Self {
        Self::new(code)
    }
}

/// One line: code number, message, context.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} {}] {}", self.0.code.number(), self.0.code.name(), self.0.code.message())?;
        for (index, (key, value)) in self.0.context.iter().enumerate() {
            write!(f, "{}{key}={value}", if index == 0 { " (" } else { ", " })?;
        }
        if !self.0.context.is_empty() {
            f.write_str(")")?;
        }
        Ok(())
    }
}

/// As [`Display`](fmt::Display), then the verdict and what led to it: this is what a person sees
/// when a `main` gives an error back, or an `unwrap` panics.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}; retry: {}", self.0.retry.name())?;
        match &self.0.source {
            Some(source) => write!(f, "; because of {source:?}"),
            None => Ok(()),
        }
    }
}

impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        self.0.source.as_ref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_main_and_unwrap_print_of_an_error_is_its_message() {
        let error = Error::new(Code::StoreFailed).with("reason", "disk_full");
        let outer = Error::new(Code::Stopped).caused_by(error.clone());
        let told = format!("{outer:?}");
        assert_eq!(told, format!("{outer}; retry: retry; because of {error}; retry: retry"));
        assert!(told.contains(Code::StoreFailed.message()) && !told.contains('{'), "{told}");
    }

    #[test]
    fn an_error_tells_clios_answer_to_what_led_to_it_unless_it_has_one_of_its_own() {
        let refused = Error::new(Code::ClioValidation).with("http_status", 422).with("clio_type", "SomeError");
        let outer = Error::new(Code::LinkedRecordGone).with("clio", 11);
        let gone = outer.clone().caused_by(refused.clone().with("field", "x"));
        let told = [("clio", "11"), ("http_status", "422"), ("clio_type", "SomeError")];
        assert_eq!(gone.context(), told.map(|(key, value)| (key, value.to_owned())));
        assert_eq!((gone.code(), gone.retry()), (Code::LinkedRecordGone, Retry::Never));
        let own = outer.clone().with("http_status", 404).caused_by(refused);
        assert_eq!((own.get("http_status"), own.get("clio_type")), (Some("404"), None));
        let silent = outer.caused_by(Error::new(Code::StoreFailed).with("reason", "x"));
        assert_eq!((silent.get("http_status"), silent.get("reason")), (None, None));
    }
}
