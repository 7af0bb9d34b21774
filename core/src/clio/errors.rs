//! What went wrong with a call, told by status and type, never by message text.
//!
//! Four shapes of refusals reach the client (Clio's own JSON, OAuth's JSON, the storage's XML, a
//! firewall's or gateway's page), and the shape matters as much as the status: only an answer of
//! Clio or of the storage itself says that the request is over. An answer from something in
//! between, a page or JSON, says nothing about what Clio did, or will still do, with a request that
//! was forwarded.
//!
//! The strongest evidence decides. A `Bearer` challenge with an `error` is written by whoever
//! checks tokens, so it comes before the body and its type: Doorkeeper, the usual OAuth server of
//! Rails applications, refuses a dead token with an empty body that calls itself HTML.

use core::time::Duration;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::challenge::Bearer;
use super::refused_field::named_field;
use crate::domain::Timestamp;
use crate::error::{Code, Detail, Error, Retry};
use crate::ports::{Headers, HttpFailure, HttpFailureKind, HttpResponse, Sent};

/// The longest wait that a server may ask for; its window is 60 s (Clio: Rate limits).
const LONGEST_WAIT: Duration = Duration::from_secs(120);
/// A server that says "0" would be asked again in the same instant.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);

/// What a failed call means for what it was to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SendOutcome {
    /// Not one byte was written.
    NotSent,
    /// Clio itself answered (its JSON), or the storage (its XML): the request is over. With a
    /// status of 5xx it may have been executed.
    Rejected,
    /// It may have been executed, or may still be: time-out, broken connection, a gateway's answer,
    /// a success that cannot be read.
    Unknown,
}

impl SendOutcome {
    /// The stable name, for logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NotSent => "not_sent",
            Self::Rejected => "refused",
            Self::Unknown => "unknown",
        }
    }
}

/// The request budget as the last answer told it (Clio: Rate limits).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RateWindow {
    /// Requests of a window.
    pub limit: u64,
    /// What is left of them.
    pub remaining: u64,
    /// When the window ends, in seconds since the Unix epoch on Clio's clock.
    pub reset_unix_secs: i64,
}

/// A call that brought no value.
#[derive(Clone, Debug)]
pub(crate) struct CallError {
    /// Code, retry verdict, and status and Clio's error type as context.
    pub error: Error,
    /// What it means for what the call was to do.
    pub outcome: SendOutcome,
    /// The status, if there was an answer.
    pub http_status: Option<u16>,
    /// The type of the error as Clio, OAuth or the storage names it: `^[A-Za-z0-9_]{1,64}$`, else
    /// absent.
    pub clio_type: Option<String>,
    /// The budget, if the answer told it.
    pub rate: Option<RateWindow>,
    /// The answer's `Date`: Clio's clock.
    pub clio_time: Option<Timestamp>,
}

impl CallError {
    /// Something that went wrong before anything was sent.
    #[must_use]
    pub fn not_sent(error: Error) -> Self {
        Self { error, outcome: SendOutcome::NotSent, http_status: None, clio_type: None, rate: None, clio_time: None }
    }

    /// A 403 of Clio has two causes (Clio: FAQ): the role of the user, or a permission of the app.
    /// If the resource could not even be listed when the firm connected, it is the permission:
    /// [`Code::AppPermissionMissing`] instead of [`Code::UserRoleForbids`].
    #[must_use]
    pub fn refine_forbidden(mut self, resource_readable: bool) -> Self {
        if self.error.code() == Code::UserRoleForbids && !resource_readable {
            self.error = Error::new(Code::AppPermissionMissing).caused_by(self.error.clone());
        }
        self
    }

    pub(super) fn of_transport(failure: HttpFailure) -> Self {
        let mut failed = Self::not_sent(transport_error(failure));
        if failure.sent == Sent::Maybe {
            failed.outcome = SendOutcome::Unknown;
        }
        failed
    }

    /// Notes which of our requests it was.
    pub(super) fn of_operation(mut self, operation: &str) -> Self {
        self.error = self.error.with("operation", operation);
        self
    }

    /// Notes which of the fields that were sent a refusal of Clio's own names.
    pub(super) fn about_field_of(mut self, sent: &[u8], answer: &[u8]) -> Self {
        if self.outcome == SendOutcome::Rejected
            && matches!(self.http_status, Some(400 | 422))
            && let Some(field) = named_field(sent, answer)
        {
            self.error = self.error.with("field", field);
        }
        self
    }

    /// What a request that creates a record leaves behind: if it may have been executed, it must be
    /// looked for before it is repeated.
    pub(super) fn of_creation(mut self) -> Self {
        if self.outcome == SendOutcome::Unknown {
            self.error = self.error.retry_as(Retry::LookupFirst);
        }
        self
    }
}

impl From<CallError> for Error {
    fn from(failed: CallError) -> Self {
        failed.error
    }
}

/// The error of a request that has no complete answer.
pub(crate) fn transport_error(failure: HttpFailure) -> Error {
    let code = match failure.kind {
        HttpFailureKind::Connect => Code::ConnectFailed,
        HttpFailureKind::Tls => Code::TlsRefused,
        HttpFailureKind::Timeout => Code::TimedOut,
        HttpFailureKind::Lost => Code::ConnectionLost,
        HttpFailureKind::NotAfter => Code::SendWindowClosed,
        HttpFailureKind::ResponseTooLarge => Code::ResponseTooLarge,
        // The length was asked for moments ago.
        HttpFailureKind::BodyShort | HttpFailureKind::BodyLong => Code::DocumentChanged,
        HttpFailureKind::BodyUnreadable => Code::DocumentUnreadable,
        HttpFailureKind::Refused => {
            return Error::new(Code::TransportFailed).with("reason", "refused").retry_as(Retry::Never);
        }
        HttpFailureKind::Other => Code::TransportFailed,
    };
    Error::new(code)
}

/// Clock and budget of an answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Meters {
    pub clio_time: Option<Timestamp>,
    pub rate: Option<RateWindow>,
}

impl Meters {
    pub fn of(headers: &Headers) -> Self {
        let number = |name: &str| headers.get(name).and_then(|value| value.trim().parse::<u64>().ok());
        let rate = || {
            Some(RateWindow {
                limit: number("x-ratelimit-limit")?,
                remaining: number("x-ratelimit-remaining")?,
                reset_unix_secs: i64::try_from(number("x-ratelimit-reset")?).ok()?,
            })
        };
        Self { clio_time: headers.get("date").and_then(http_date), rate: rate() }
    }
}

fn http_date(text: &str) -> Option<Timestamp> {
    let since = httpdate::parse_http_date(text.trim()).ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(Timestamp(i64::try_from(since.as_millis()).ok()?))
}

/// Whether Clio says that it does not find an upload in its storage yet.
fn is_of_upload(status: u16, kind: Option<&str>) -> bool {
    status < 500 && matches!(kind, Some("UploadNotFoundError" | "UploadTimeoutError"))
}

/// An answer of Clio's API that is no success.
pub(super) fn refusal(response: &HttpResponse, meters: Meters, now: Timestamp) -> CallError {
    let shape = Shape::of(response);
    let status = response.status;
    let (kind, own) = match &shape {
        // These say that the server behind did not answer, or not in time: whatever their shape,
        // Clio's API did not write them, unless it names an upload.
        Shape::Api(kind) => (kind.clone(), !matches!(status, 408 | 502 | 504) || is_of_upload(status, kind.as_deref())),
        // Gateways write JSON of this shape too, for a request that may still be executed behind
        // them.
        Shape::OAuth(kind) => (kind.clone(), status < 500 && status != 408),
        Shape::Bearer => (None, matches!(status, 401 | 403)),
        Shape::Page | Shape::Other => (None, false),
    };
    let kind = kind.filter(|_| own);
    let page = matches!(shape, Shape::Page);
    let code = match (status, kind.as_deref()) {
        (300..=399, _) => Code::RedirectRefused,
        (429, _) => Code::ClioRateLimited,
        // Clio verifies uploads with its storage; both mean "ask again" (Clio: Documents).
        (_, kind) if is_of_upload(status, kind) => Code::DocumentProcessing,
        (500.., _) => Code::ClioUnavailable,
        (408, _) => Code::TimedOut,
        _ if page => Code::FirewallAnswer,
        (401, _) | (403, Some("invalid_token")) => Code::TokenRejected,
        // RFC 6750: the token lacks a permission.
        (403, Some("insufficient_scope")) => Code::AppPermissionMissing,
        // Only Clio's own words say something about a role; a bare 403 is a firewall's.
        (403, _) if own => Code::UserRoleForbids,
        (403, _) => Code::FirewallAnswer,
        // A refusal that cannot be read may be anyone's, or a "still processing": it decides
        // nothing for good.
        _ if !own => Code::ClioAnswerInvalid,
        (404, _) => Code::ClioNotFound,
        (409 | 412, _) => Code::ClioConflict,
        (410, _) => Code::ClioVersionUnsupported,
        (422, _) => Code::ClioValidation,
        _ => Code::ClioBadRequest,
    };
    let mut error = described(code, Some(status), kind.as_deref());
    if code == Code::ClioRateLimited
        && let Some(wait) = asked_wait(&response.headers, meters, now)
    {
        error = error.retry_as(Retry::After(wait));
    }
    CallError {
        error,
        outcome: if own { SendOutcome::Rejected } else { SendOutcome::Unknown },
        http_status: Some(status),
        clio_type: kind,
        rate: meters.rate,
        clio_time: meters.clio_time,
    }
}

/// A success that is none: the body cannot be read, or is a page.
pub(super) fn unreadable(response: &HttpResponse, meters: Meters, reason: &'static str) -> CallError {
    let code = if is_page(response) { Code::FirewallAnswer } else { Code::ClioAnswerInvalid };
    CallError {
        error: described(code, Some(response.status), None).with("reason", reason),
        outcome: SendOutcome::Unknown,
        http_status: Some(response.status),
        clio_type: None,
        rate: meters.rate,
        clio_time: meters.clio_time,
    }
}

/// An answer of the document storage that is no success. S3 answers in XML: `Error`, `Code`,
/// `Message` (Clio: Documents).
pub(super) fn storage_refusal(response: &HttpResponse) -> CallError {
    let status = response.status;
    let kind = if is_page(response) { None } else { storage_code(&response.body) };
    let code = match (status, kind.as_deref()) {
        (300..=399, _) => Code::RedirectRefused,
        // S3 waited too long for the bytes: the address is still good.
        (500.., _) | (_, Some("RequestTimeout" | "SlowDown")) => Code::ClioUnavailable,
        (_, Some("EntityTooLarge")) => Code::DocumentTooLarge,
        _ if is_page(response) => Code::FirewallAnswer,
        _ => Code::UploadRefused,
    };
    CallError {
        error: described(code, Some(status), kind.as_deref()).with("at", "storage"),
        outcome: if kind.is_some() { SendOutcome::Rejected } else { SendOutcome::Unknown },
        http_status: Some(status),
        clio_type: kind,
        rate: None,
        clio_time: None,
    }
}

fn described(code: Code, status: Option<u16>, kind: Option<&str>) -> Error {
    let mut error = Error::new(code);
    if let Some(status) = status {
        error = error.with("http_status", status);
    }
    if let Some(kind) = kind {
        let detail = (kind == "UploadNotFoundError").then_some(Detail::UploadNotFound);
        error = error.with("clio_type", kind).known_as(detail);
    }
    error
}

/// Who speaks in an answer that is no success.
enum Shape {
    /// `{"error": {"type", "message"}}`
    Api(Option<String>),
    /// `{"error", "error_description"}`, or the same in the header of RFC 6750.
    OAuth(Option<String>),
    /// No readable body, but the header of RFC 6750: an OAuth resource server.
    Bearer,
    /// A page for people: a firewall or gateway.
    Page,
    Other,
}

impl Shape {
    fn of(response: &HttpResponse) -> Self {
        // RFC 6750 §3.1 ties these statuses to the errors of a bearer token.
        let challenge = Bearer::of(&response.headers).filter(|_| matches!(response.status, 400 | 401 | 403));
        if let Some(kind) = challenge.as_ref().and_then(|bearer| bearer.error.clone()).and_then(word) {
            return Self::OAuth(Some(kind));
        }
        // An empty page is nobody's.
        let empty = response.body.trim_ascii().is_empty();
        if challenge.is_some() && empty {
            return Self::Bearer;
        }
        if is_page(response) {
            return Self::Page;
        }
        if let Ok(api) = serde_json::from_slice::<ApiError>(&response.body) {
            return Self::Api(word(api.error.kind));
        }
        if let Ok(oauth) = serde_json::from_slice::<OAuthError>(&response.body) {
            return Self::OAuth(word(oauth.error));
        }
        if challenge.is_some() { Self::Bearer } else { Self::Other }
    }
}

#[derive(Deserialize)]
struct ApiError {
    error: ApiErrorDetail,
}

#[derive(Deserialize)]
struct ApiErrorDetail {
    #[serde(rename = "type")]
    kind: String,
    #[serde(rename = "message")]
    _message: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct OAuthError {
    error: String,
}

/// An error type is only kept if it is a plain word: anything else may quote a value.
fn word(kind: String) -> Option<String> {
    let plain = (1..=64).contains(&kind.len()) && kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    plain.then_some(kind)
}

/// Whether the body is a page for people, by its declared type or by its looks.
pub(super) fn is_page(response: &HttpResponse) -> bool {
    let declared = response.headers.get("content-type").unwrap_or_default().to_ascii_lowercase();
    let start: Vec<u8> = response.body.trim_ascii_start().iter().take(14).map(u8::to_ascii_lowercase).collect();
    declared.contains("html") || start.starts_with(b"<!doctype html") || start.starts_with(b"<html")
}

/// The text of the `Code` element of S3's error document. Not an XML parser: a plain word between
/// two literal tags, or nothing.
fn storage_code(body: &[u8]) -> Option<String> {
    let text = core::str::from_utf8(body).ok()?;
    let (_, rest) = text.split_once("<Error>")?.1.split_once("<Code>")?;
    word(rest.split_once("</Code>")?.0.to_owned())
}

/// How long a rate-limited client is to wait: `Retry-After` in seconds, else the end of the window
/// against Clio's own clock.
fn asked_wait(headers: &Headers, meters: Meters, now: Timestamp) -> Option<Duration> {
    let told = headers.get("retry-after").and_then(|value| value.trim().parse::<u64>().ok()).map(Duration::from_secs);
    let window = || {
        let ends = Timestamp(meters.rate?.reset_unix_secs.checked_mul(1000)?);
        let left = ends.millis_since(meters.clio_time.unwrap_or(now));
        Some(Duration::from_millis(u64::try_from(left).ok()?))
    };
    told.or_else(window).map(|wait| wait.clamp(SHORTEST_WAIT, LONGEST_WAIT))
}
