//! A request as data: what to ask, and how to read the answer.

use core::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;
use zeroize::Zeroizing;

use super::decode;
use super::decode::Unreadable;
use super::host::ClioHost;
use crate::domain::ClioId;
use crate::error::{Code, Error, Result};
use crate::ports::{HttpConnection, Method};

/// Everything but the unreserved characters of RFC 3986. Clio reads braces and commas of `fields`
/// literally and encoded; its own `next` links carry them encoded, and so do we: a literal brace is
/// no valid URL, and not every HTTP stack passes it.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The largest answer with one record.
const MAX_RECORD: u64 = 1024 * 1024;
/// The largest answer with a page of 200 records.
const MAX_LIST: u64 = 8 * 1024 * 1024;
/// Records of one page (Clio: Paging).
pub(super) const PAGE: &str = "200";
/// The order in which Clio pages without a limit on depth (Clio: Paging).
pub(super) const ORDER: &str = "id(asc)";

/// What a request is about: permissions are given by resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Resource {
    /// Contacts
    Contacts,
    /// Matters
    Matters,
    /// Documents
    Documents,
    /// Practice areas; they belong to the permission for matters.
    PracticeAreas,
    /// Users
    Users,
    /// Webhooks
    Webhooks,
}

impl Resource {
    /// The name, as in Clio's paths.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Contacts => "contacts",
            Self::Matters => "matters",
            Self::Documents => "documents",
            Self::PracticeAreas => "practice_areas",
            Self::Users => "users",
            Self::Webhooks => "webhooks",
        }
    }
}

/// One call of Clio's API whose answer is an `A`. Built by the functions of
/// [`contacts`](super::contacts), [`matters`](super::matters) and the other modules; sent by
/// [`ClioApi::call`](super::ClioApi::call). It holds client data: `Debug` shows method and resource
/// only.
pub struct ApiRequest<A> {
    pub(super) method: Method,
    pub(super) resource: Resource,
    pub(super) record: Option<ClioId>,
    target: Target,
    pub(super) body: Option<Zeroizing<Vec<u8>>>,
    /// A header that only this request has.
    pub(super) header: Option<(&'static str, Zeroizing<String>)>,
    idempotent: bool,
    pub(super) max_response: u64,
    decode: Decode<A>,
}

/// Reads the body of a success. The host tells whether a `next` link is its own.
type Decode<A> = fn(&ClioHost, Resource, &[u8]) -> Result<A, Unreadable>;

#[derive(Clone)]
enum Target {
    /// Below `/api/v4/`.
    Path(Zeroizing<String>),
    /// A link that Clio gave, checked.
    Link(Url),
}

impl<A> ApiRequest<A> {
    /// What it is about.
    #[must_use]
    pub fn resource(&self) -> Resource {
        self.resource
    }

    /// What it is called in logs: method and resource, without record, query or host.
    pub(super) fn operation(&self) -> String {
        format!("{} /{}", self.method.as_str(), self.resource.name())
    }

    /// Whether sending it twice leaves Clio as sending it once does. Requests that create a record
    /// are not idempotent: Clio has no idempotency key.
    #[must_use]
    pub fn idempotent(&self) -> bool {
        self.idempotent
    }

    /// What creates a record goes on a connection of its own, so that it is known whether it was
    /// written. A second stub of a document is never seen.
    pub(super) fn connection(&self) -> HttpConnection {
        if self.idempotent || self.resource == Resource::Documents { HttpConnection::Kept } else { HttpConnection::Own }
    }

    pub(super) fn url(&self, host: &ClioHost) -> Url {
        match &self.target {
            Target::Path(path) => host.api(path),
            Target::Link(url) => url.clone(),
        }
    }

    pub(super) fn decode(&self, host: &ClioHost, body: &[u8]) -> Result<A, Unreadable> {
        (self.decode)(host, self.resource, body)
    }

    pub(super) fn with_header(mut self, name: &'static str, value: &str) -> Self {
        self.header = Some((name, Zeroizing::new(value.to_owned())));
        self
    }

    pub(super) fn about(mut self, record: ClioId) -> Self {
        self.record = Some(record);
        self
    }
}

impl<A: DeserializeOwned> ApiRequest<A> {
    /// GET of one record.
    pub(super) fn show(resource: Resource, path: Path) -> Self {
        Self::new(Method::Get, resource, path, None, true, decode::record::<A>)
    }

    /// A request that creates a record.
    pub(super) fn create(resource: Resource, path: Path, data: &impl Serialize) -> Result<Self> {
        Ok(Self::new(Method::Post, resource, path, Some(body(data)?), false, decode::record::<A>))
    }

    /// A request that changes a record, and may be repeated.
    pub(super) fn change(method: Method, resource: Resource, path: Path, data: &impl Serialize) -> Result<Self> {
        Ok(Self::new(method, resource, path, Some(body(data)?), true, decode::record::<A>))
    }
}

impl<T: DeserializeOwned> ApiRequest<Page<T>> {
    /// GET of a list.
    pub(super) fn list(resource: Resource, path: Path) -> Self {
        let mut list = Self::new(Method::Get, resource, path, None, true, decode::page::<T>);
        list.max_response = MAX_LIST;
        list
    }

    /// GET of a further page.
    pub(super) fn next_page(resource: Resource, link: Url) -> Self {
        let mut list = Self::list(resource, Path::new(""));
        list.target = Target::Link(link);
        list
    }
}

impl ApiRequest<()> {
    /// GET whose answer is of no interest, only that there is one.
    pub(super) fn lookup(resource: Resource, path: Path) -> Self {
        Self::new(Method::Get, resource, path, None, true, decode::any_list)
    }

    /// A request whose answer is its status.
    pub(super) fn act(method: Method, resource: Resource, path: Path) -> Self {
        Self::new(method, resource, path, None, true, decode::nothing)
    }
}

impl<A> ApiRequest<A> {
    fn new(
        method: Method,
        resource: Resource,
        path: Path,
        body: Option<Zeroizing<Vec<u8>>>,
        idempotent: bool,
        decode: Decode<A>,
    ) -> Self {
        Self {
            method,
            resource,
            record: None,
            target: Target::Path(path.0),
            body,
            header: None,
            idempotent,
            max_response: MAX_RECORD,
            decode,
        }
    }
}

impl<A> Clone for ApiRequest<A> {
    fn clone(&self) -> Self {
        Self {
            method: self.method,
            resource: self.resource,
            record: self.record,
            target: self.target.clone(),
            body: self.body.clone(),
            header: self.header.clone(),
            idempotent: self.idempotent,
            max_response: self.max_response,
            decode: self.decode,
        }
    }
}

impl<A> fmt::Debug for ApiRequest<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiRequest")
            .field("method", &self.method.as_str())
            .field("resource", &self.resource)
            .field("record", &self.record)
            .finish_non_exhaustive()
    }
}

/// A page of a list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The records. Clio ignores filters that it does not know, so each is compared again before it
    /// is trusted.
    pub items: Vec<T>,
    /// The request for the next page; `None` at the end.
    pub next: Option<ApiRequest<Page<T>>>,
}

/// A path below `/api/v4/` with a query, percent-encoded.
pub(super) struct Path(Zeroizing<String>);

impl Path {
    pub(super) fn new(path: &str) -> Self {
        Self(Zeroizing::new(path.to_owned()))
    }

    /// The path of one record.
    pub(super) fn of(resource: Resource, id: ClioId) -> Self {
        Self::new(&format!("{}/{id}.json", resource.name()))
    }

    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        let separator = if self.0.contains('?') { '&' } else { '?' };
        self.0.push(separator);
        self.0.extend(utf8_percent_encode(name, QUERY));
        self.0.push('=');
        self.0.extend(utf8_percent_encode(value, QUERY));
        self
    }
}

/// Clio wraps what is sent in `data`.
#[derive(Serialize)]
struct Envelope<'a, T> {
    data: &'a T,
}

fn body(data: &impl Serialize) -> Result<Zeroizing<Vec<u8>>> {
    // A first pass counts: a buffer that grows leaves copies of client data behind.
    let failed = |_| Error::new(Code::Internal).with("reason", "request_body");
    let envelope = Envelope { data };
    let mut count = Count(0);
    serde_json::to_writer(&mut count, &envelope).map_err(failed)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(count.0));
    serde_json::to_writer(&mut *bytes, &envelope).map_err(failed)?;
    Ok(bytes)
}

struct Count(usize);

impl std::io::Write for Count {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
