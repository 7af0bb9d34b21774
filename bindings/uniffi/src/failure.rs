//! Errors across the boundary: ours as their one JSON shape, the host's without a word of theirs.

use casehug_clio::{Code, Error};
use uniffi::UnexpectedUniFFICallbackError;

/// An error of the SDK. Faces turn it into an exception of their own.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum Failure {
    /// See docs/errors.md for what the JSON holds.
    #[error("{json}")]
    Sdk {
        /// `code`, `number`, `kind`, `retry`, `message`, `context` and what else there is.
        json: String,
    },
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Sdk { json: serde_json::to_value(&error).unwrap_or_default().to_string() }
    }
}

/// How a method of the host failed. It has no text: that could quote a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum HostFailure {
    /// There is no such matter or document.
    #[error("missing")]
    Missing,
    /// Anything else. Of a store: it is unknown what happened.
    #[error("failed")]
    Failed,
}

impl From<UnexpectedUniFFICallbackError> for HostFailure {
    fn from(_: UnexpectedUniFFICallbackError) -> Self {
        Self::Failed
    }
}

/// What a caller did wrong. It becomes the `reason` of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Misuse {
    #[error("missing")]
    Missing,
    #[error("given_twice")]
    GivenTwice,
    #[error("too_short")]
    TooShort,
    #[error("closed")]
    Closed,
    #[error("after_fork")]
    AfterFork,
    #[error("call_inside_callback")]
    InsideCallback,
}

impl Misuse {
    /// The error, naming the argument.
    pub(crate) fn of(self, argument: &'static str) -> Error {
        Error::new(Code::SettingInvalid).with("argument", argument).with("reason", self)
    }
}
