//! One call: headers, one exchange, and what the answer means. Retries, budget and refresh are the
//! driver's.

use core::time::Duration;
use std::sync::{Arc, Mutex, PoisonError};

use url::Url;

use super::errors;
use super::errors::{CallError, Meters, RateWindow, SendOutcome};
use super::host::ClioHost;
use super::request::{ApiRequest, Resource};
use super::token::AccessToken;
use super::upload::UploadTarget;
use crate::domain::{Monotonic, Timestamp};
use crate::error::{Code, Error, Result};
use crate::ports::{
    DocumentSlice, Headers, HttpBody, HttpConnection, HttpRequest, HttpResponse, HttpTransport, Method, Runtime,
};

/// The API version that this crate is written for. Without it Clio uses a default that moves (Clio:
/// API versioning policy).
pub const API_VERSION: &str = "4.0.13";

/// How this SDK names itself. Clio's firewall refuses agents that are empty or contain a URL.
pub const USER_AGENT: &str = concat!("casehug-clio/", env!("CARGO_PKG_VERSION"));

/// The largest answer of the document storage: an error document.
const MAX_STORAGE_ANSWER: u64 = 64 * 1024;

/// Bounds of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallLimits {
    /// For the whole call.
    pub timeout: Duration,
    /// The last moment at which writing may begin.
    pub not_after: Option<Monotonic>,
}

/// A success.
#[derive(Clone, Debug)]
pub struct Answered<A> {
    /// What was asked for.
    pub value: A,
    /// The answer's `Date`: Clio's clock.
    pub clio_time: Option<Timestamp>,
    /// The budget, if the answer told it.
    pub rate: Option<RateWindow>,
}

/// Clio's API on one host. Cheap to clone; holds no token.
#[derive(Clone, Debug)]
pub struct ClioApi {
    transport: Arc<dyn HttpTransport>,
    runtime: Arc<dyn Runtime>,
    host: ClioHost,
    user_agent: Arc<str>,
    /// Clio's clock at its last answer, and when that was.
    clock: Arc<Mutex<Option<(Timestamp, Monotonic)>>>,
}

impl ClioApi {
    /// Clio on `host`, reached through `transport`. `user_agent` is usually [`USER_AGENT`].
    ///
    /// # Errors
    /// [`Code::SettingInvalid`] when the user agent is blank, is no header value or contains a URL:
    /// Clio's firewall refuses it.
    pub fn new(
        transport: Arc<dyn HttpTransport>,
        runtime: Arc<dyn Runtime>,
        host: ClioHost,
        user_agent: &str,
    ) -> Result<Self> {
        let printable = user_agent.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
        if user_agent.trim().is_empty() || !printable || user_agent.contains("://") {
            return Err(Error::new(Code::SettingInvalid).with("setting", "user_agent"));
        }
        Ok(Self { transport, runtime, host, user_agent: user_agent.into(), clock: Arc::default() })
    }

    /// The host.
    #[must_use]
    pub fn host(&self) -> &ClioHost {
        &self.host
    }

    /// Clio's clock now, once an answer was seen. Counted on from there by the monotonic clock: the
    /// host's wall clock may jump meanwhile, and what an intent created would then look older
    /// than the intent.
    #[must_use]
    pub fn clio_now(&self) -> Option<Timestamp> {
        let (time, at) = (*self.clock.lock().unwrap_or_else(PoisonError::into_inner))?;
        Some(time + at.until(self.runtime.monotonic()))
    }

    /// Sends one request and reads its answer. Sent once; practice areas follow one 307 on the same
    /// host (some firms' lists moved; Clio: help centre 5650128005403).
    ///
    /// # Errors
    /// [`CallError`], which says whether the request may have been executed.
    pub async fn call<A>(
        &self,
        token: &AccessToken,
        request: &ApiRequest<A>,
        limits: CallLimits,
    ) -> Result<Answered<A>, CallError> {
        let started = self.runtime.monotonic();
        let answer = self.exchange(token, request, limits, started).await;
        let answer = answer.map_err(|failed| if request.idempotent() { failed } else { failed.of_creation() });
        let answer = answer.map_err(|failed| failed.of_operation(&request.operation()));
        // Only what Clio itself answered tells its time: the clock of a proxy in between may be
        // wrong by much.
        let time = match &answer {
            Ok((_, answered)) => answered.clio_time,
            Err(failure) if failure.outcome == SendOutcome::Rejected => failure.clio_time,
            Err(_) => None,
        };
        if let Some(time) = time {
            let seen = (time, self.runtime.monotonic());
            *self.clock.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
        }
        let status = answer.as_ref().map(|(status, _)| *status);
        self.trace(request.method.as_str(), request.resource.name(), request.record.map(|id| id.0), started, status);
        answer.map(|(_, answered)| answered)
    }

    /// Sends bytes of a document to the storage, with exactly the signed headers and without the
    /// token.
    ///
    /// # Errors
    /// [`Code::UploadUrlRefused`] before anything is sent; else what the storage or the transport
    /// answered.
    pub async fn put_document(
        &self,
        target: &UploadTarget,
        slice: DocumentSlice,
        limits: CallLimits,
    ) -> Result<(), CallError> {
        let started = self.runtime.monotonic();
        let answer = self.put(target, slice, limits).await.map_err(|failed| failed.of_operation("PUT storage"));
        self.trace("PUT", "storage", None, started, answer.as_ref().copied());
        answer.map(|_| ())
    }

    async fn exchange<A>(
        &self,
        token: &AccessToken,
        request: &ApiRequest<A>,
        limits: CallLimits,
        started: Monotonic,
    ) -> Result<(u16, Answered<A>), CallError> {
        let mut response = self.send(token, request, request.url(&self.host), limits).await?;
        if response.status == 307
            && request.resource == Resource::PracticeAreas
            && let Some(url) = self.moved(request, &response)
        {
            let spent = started.until(self.runtime.monotonic());
            let limits = CallLimits { timeout: limits.timeout.saturating_sub(spent), ..limits };
            response = self.send(token, request, url, limits).await?;
        }
        Ok((response.status, self.read(request, &response)?))
    }

    async fn send<A>(
        &self,
        token: &AccessToken,
        request: &ApiRequest<A>,
        url: Url,
        limits: CallLimits,
    ) -> Result<HttpResponse, CallError> {
        let Some(bearer) = token.header() else {
            return Err(CallError::not_sent(Error::new(Code::TokenRejected).with("reason", "not_a_header_value")));
        };
        let mut headers = Headers::new()
            .with("authorization", bearer)
            .with("accept", "application/json")
            .with("user-agent", &*self.user_agent)
            .with("x-api-version", API_VERSION);
        if let Some((name, value)) = &request.header {
            headers.push(name, value.as_str());
        }
        let body = match &request.body {
            Some(bytes) => {
                headers.push("content-type", "application/json");
                HttpBody::Bytes(bytes.clone())
            }
            None => HttpBody::Empty,
        };
        let request = HttpRequest {
            method: request.method,
            url,
            headers,
            body,
            connection: request.connection(),
            timeout: limits.timeout,
            not_after: limits.not_after,
            max_response: request.max_response,
        };
        self.transport.send(request).await.map_err(CallError::of_transport)
    }

    fn read<A>(&self, request: &ApiRequest<A>, response: &HttpResponse) -> Result<Answered<A>, CallError> {
        let meters = Meters::of(&response.headers);
        if !(200..=299).contains(&response.status) {
            let sent = request.body.as_ref().map_or(&[][..], |body| body.as_slice());
            return Err(errors::refusal(response, meters, self.runtime.now()).about_field_of(sent, &response.body));
        }
        let json = response.headers.get("content-type").is_none_or(|kind| kind.to_ascii_lowercase().contains("json"));
        if !json {
            return Err(errors::unreadable(response, meters, "content_type"));
        }
        match request.decode(&self.host, &response.body) {
            Ok(value) => Ok(Answered { value, clio_time: meters.clio_time, rate: meters.rate }),
            Err(unreadable) => Err(errors::unreadable(response, meters, unreadable.0)),
        }
    }

    /// Where a 307 leads, if it may be followed. A location without a query would lose `fields`, so
    /// it gets the request's own.
    fn moved<A>(&self, request: &ApiRequest<A>, response: &HttpResponse) -> Option<Url> {
        let location = response.headers.get("location")?;
        let mut url = if location.starts_with('/') {
            let origin = self.host.root().as_str().trim_end_matches('/');
            self.host.same_api(&format!("{origin}{location}"))?
        } else {
            self.host.same_api(location)?
        };
        if url.query().is_none() {
            url.set_query(request.url(&self.host).query());
        }
        Some(url)
    }

    async fn put(&self, target: &UploadTarget, slice: DocumentSlice, limits: CallLimits) -> Result<u16, CallError> {
        let (url, headers) = target.resolve(&self.host, slice.len).map_err(CallError::not_sent)?;
        let request = HttpRequest {
            method: Method::Put,
            url,
            headers,
            body: HttpBody::Document(slice),
            connection: HttpConnection::Kept,
            timeout: limits.timeout,
            not_after: limits.not_after,
            max_response: MAX_STORAGE_ANSWER,
        };
        let response = self.transport.send(request).await.map_err(CallError::of_transport)?;
        if (200..=299).contains(&response.status) {
            Ok(response.status)
        } else {
            Err(errors::storage_refusal(&response))
        }
    }

    /// Says what was called, never with what: paths and queries hold client data.
    fn trace(
        &self,
        method: &str,
        resource: &str,
        record: Option<i64>,
        started: Monotonic,
        status: Result<u16, &CallError>,
    ) {
        let failed = status.err();
        tracing::debug!(
            method,
            resource,
            record,
            status = failed.map_or(status.ok(), |failed| failed.http_status),
            code = failed.map_or("ok", |failed| failed.error.code().name()),
            outcome = failed.map_or("done", |failed| failed.outcome.name()),
            ms = u64::try_from(started.until(self.runtime.monotonic()).as_millis()).unwrap_or(u64::MAX),
            "called Clio"
        );
    }
}
