//! HTTP: send one request, return one response.
//!
//! **MUST.**
//! - Write a request **at most once**: no retry of its own of what may have been written (reqwest:
//!   `retry::never()`), none in a proxy.
//! - Not start writing after [`HttpRequest::not_after`]; then fail with
//!   [`HttpFailureKind::NotAfter`] and [`Sent::No`].
//! - Send a request with [`HttpConnection::Own`] on a connection that is made for it and serves
//!   nothing else. One with [`HttpConnection::Kept`] may go on a connection that an earlier request
//!   left open; its [`not_after`](HttpRequest::not_after) is looked at when it begins.
//! - Close a kept connection that was idle for some seconds, sooner than any server does.
//! - Report [`Sent::No`] only if no byte of the request was written. In doubt: [`Sent::Maybe`].
//! - Honour [`HttpRequest::timeout`] over the whole exchange, and read at most
//!   [`HttpRequest::max_response`] bytes of body.
//! - Send a [`HttpBody::Document`] with a `Content-Length` of exactly `len`, opened afresh, and
//!   report [`HttpFailureKind::BodyShort`], [`BodyLong`](HttpFailureKind::BodyLong) or
//!   [`BodyUnreadable`](HttpFailureKind::BodyUnreadable) instead of success when the document does
//!   not have exactly the bytes asked for. "Long" means: the slice ends where the document should
//!   end ([`DocumentSlice::last`]), and there is more. A 2xx that comes before all `len` bytes were
//!   handed over is [`HttpFailureKind::Lost`]; any other answer is returned, early or not.
//! - Send exactly the given headers plus `Host`, `Content-Length`, and what the protocol itself
//!   needs (`Accept: */*` is tolerated: some stacks cannot leave it out).
//!
//! **MUST NOT.** Follow a redirect. Accept TLS below 1.2 or an invalid certificate. Use a proxy
//! from the environment. Keep cookies. Log or put into an error a URL, a header value or a body:
//! they hold secrets and client data.

use core::fmt;
use core::time::Duration;

use url::Url;
use zeroize::Zeroizing;

use crate::domain::{DocumentRef, Monotonic};
use crate::maybe_send::{BoxFuture, MaybeSend, MaybeSync};

/// Sends requests.
pub trait HttpTransport: fmt::Debug + MaybeSend + MaybeSync {
    /// Sends one request and returns its answer, whatever its status. Dropping the future abandons
    /// the exchange; the request may still be executed.
    ///
    /// # Errors
    /// [`HttpFailure`] when there is no complete answer.
    fn send<'a>(&'a self, request: HttpRequest) -> BoxFuture<'a, Result<HttpResponse, HttpFailure>>;
}

/// An HTTP method that the SDK uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// GET
    Get,
    /// POST
    Post,
    /// PUT
    Put,
    /// PATCH
    Patch,
    /// DELETE
    Delete,
}

impl Method {
    /// As on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// Which connection a request goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpConnection {
    /// One of its own: it is exactly known whether the request was written, and when.
    Own,
    /// Any to the same host: a second execution of the request does no harm.
    Kept,
}

/// One request. `Debug` shows method, host and sizes only.
#[derive(Clone)]
pub struct HttpRequest {
    /// The method.
    pub method: Method,
    /// The absolute URL: `https`, or `http` to a loopback address. Its query may hold a signature
    /// or client data.
    pub url: Url,
    /// The headers.
    pub headers: Headers,
    /// The body.
    pub body: HttpBody,
    /// Which connection it may go on.
    pub connection: HttpConnection,
    /// For the whole exchange, the last byte of the answer included.
    pub timeout: Duration,
    /// The last moment at which writing may begin, on the runtime's monotonic clock.
    pub not_after: Option<Monotonic>,
    /// The largest answer body in bytes.
    pub max_response: u64,
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpRequest")
            .field("method", &self.method.as_str())
            .field("host", &self.url.host_str().unwrap_or_default())
            .field("headers", &self.headers)
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}

/// A request body.
#[derive(Clone)]
pub enum HttpBody {
    /// None.
    Empty,
    /// Bytes, wiped on drop: they hold client data or secrets.
    Bytes(Zeroizing<Vec<u8>>),
    /// A part of a document, which the transport reads itself.
    Document(DocumentSlice),
}

impl fmt::Debug for HttpBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("Empty"),
            Self::Bytes(bytes) => write!(f, "Bytes({})", bytes.len()),
            Self::Document(slice) => slice.fmt(f),
        }
    }
}

/// Describes bytes of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentSlice {
    /// The document.
    pub document: DocumentRef,
    /// The first byte.
    pub offset: u64,
    /// How many bytes.
    pub len: u64,
    /// Whether the document ends with this slice.
    pub last: bool,
}

/// Header names (lower case) and values. `Debug` shows names only: values hold tokens.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// No headers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a header. The name is lower-cased.
    pub fn push(&mut self, name: &str, value: impl Into<String>) {
        self.0.push((name.to_ascii_lowercase(), value.into()));
    }

    /// Adds a header.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.push(name, value);
        self
    }

    /// The first value of this name, whatever its case.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// One answer. `Debug` shows status and sizes only.
#[derive(Clone)]
pub struct HttpResponse {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: Headers,
    /// The whole body.
    pub body: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for HttpResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpResponse")
            .field("status", &self.status)
            .field("headers", &self.headers)
            .field("body", &self.body.len())
            .finish()
    }
}

/// Why there is no complete answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpFailure {
    /// What happened.
    pub kind: HttpFailureKind,
    /// Whether any byte of the request may have been written.
    pub sent: Sent,
}

/// Whether a request was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// No byte of it: it cannot have been executed.
    No,
    /// Perhaps: it may have been executed, or may still be.
    Maybe,
}

/// What happened instead of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HttpFailureKind {
    /// Name resolution or connecting failed.
    Connect,
    /// No TLS session: version, certificate, handshake.
    Tls,
    /// [`HttpRequest::timeout`] passed.
    Timeout,
    /// The connection broke.
    Lost,
    /// [`HttpRequest::not_after`] passed before writing began.
    NotAfter,
    /// The answer's body was larger than [`HttpRequest::max_response`].
    ResponseTooLarge,
    /// The document ended before the slice did.
    BodyShort,
    /// The document went on after its last slice.
    BodyLong,
    /// The document could not be opened or read.
    BodyUnreadable,
    /// The request itself is not allowed: a URL scheme, a header value.
    Refused,
    /// Anything else.
    Other,
}
