//! The [`HttpTransport`] port on reqwest: HTTP/1.1 over rustls with ring.
//!
//! No redirect, no proxy but a [configured](Network) one (none from the environment), no retry of
//! what was written, no cookie, no decompression. HTTP/1.1 only: with one request per connection at
//! a time it is certain which requests were written.
//!
//! Two clients. One keeps no connection: what must be written at most once counts as not sent
//! exactly until it has its connection, TLS included. The other keeps them for some seconds, for
//! what may be repeated: on a kept connection that the server closes in that moment "was anything
//! written?" is a guess, so there every failure after connecting is "perhaps". What was handed over
//! and not written it sends again by itself, on another connection (decision 002).
//!
//! The transport owns a small tokio runtime, unless it is [given](ReqwestTransport::on) the host's.
//! Its futures may be polled by any executor, and dropping one abandons the exchange.

mod attempt;
mod body;
mod failure;
mod network;
mod sigpipe;

pub use network::Network;
pub use sigpipe::block_sigpipe;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use casehug_clio::ports::{
    BoxFuture, DocumentBytes, Headers, HttpBody, HttpConnection, HttpFailure, HttpFailureKind, HttpRequest,
    HttpResponse, HttpTransport, Method, Runtime,
};
use casehug_clio::{Code, Error, Result};
use reqwest::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};

/// Sends requests with reqwest.
#[derive(Debug)]
pub struct ReqwestTransport {
    clients: Clients,
    documents: Arc<dyn DocumentBytes>,
    runtime: Arc<dyn Runtime>,
    executor: Executor,
}

/// One for each kind of connection.
#[derive(Clone, Debug)]
struct Clients {
    own: reqwest::Client,
    kept: reqwest::Client,
}

/// Before any server closes an idle connection: Node's close after five seconds, others later.
const IDLE: Duration = Duration::from_secs(4);
/// Then a connection that was to be kept has failed, and nothing was written; one of its own has
/// the request's whole time.
const CONNECT: Duration = Duration::from_secs(10);
/// Idle connections to one host: a worker syncs so many matters of a firm at once, and as many
/// documents.
const MOST_IDLE: usize = 8;

/// What drives the exchanges.
#[derive(Debug)]
enum Executor {
    /// `None` only while it is dropped.
    Own(Option<tokio::runtime::Runtime>),
    Host(tokio::runtime::Handle),
}

impl ReqwestTransport {
    /// A transport that trusts Mozilla's root certificates, compiled in, so that every machine
    /// trusts the same.
    ///
    /// # Errors
    /// [`Code::RuntimeFailed`] when its threads or the TLS stack cannot be set up.
    pub fn new(documents: Arc<dyn DocumentBytes>, runtime: Arc<dyn Runtime>) -> Result<Self> {
        Self::with(documents, runtime, &Network::default())
    }

    /// As [`new`](Self::new), by the way that the office's network demands.
    ///
    /// # Errors
    /// As [`new`](Self::new), and [`Code::SettingInvalid`] when the proxy is no URL or a
    /// certificate none.
    pub fn with(documents: Arc<dyn DocumentBytes>, runtime: Arc<dyn Runtime>, network: &Network) -> Result<Self> {
        let failed = |part| Error::new(Code::RuntimeFailed).with("part", part);
        let mut trusted = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        network.trust(&mut trusted)?;
        // Handed over, never installed: a process-wide provider is the host's to choose.
        let tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(|_| failed("tls"))?
            .with_root_certificates(trusted)
            .with_no_client_auth();
        let builder = || -> Result<reqwest::ClientBuilder> {
            Ok(network
                .apply(reqwest::Client::builder())?
                .tls_backend_preconfigured(tls.clone())
                .http1_only()
                .redirect(reqwest::redirect::Policy::none())
                .retry(reqwest::retry::never())
                .tcp_nodelay(true)
                .referer(false))
        };
        let own = builder()?.pool_max_idle_per_host(0).connector_layer(attempt::Guard).build();
        let kept = builder()?.pool_max_idle_per_host(MOST_IDLE).pool_idle_timeout(IDLE);
        let kept = kept.connector_layer(attempt::Guard).connect_timeout(CONNECT).build();
        let clients = Clients { own: own.map_err(|_| failed("client"))?, kept: kept.map_err(|_| failed("client"))? };
        let executor = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            // Name resolution, and documents whose readers use tokio's blocking pool: a few that
            // hang must not stop the rest.
            .max_blocking_threads(16)
            .thread_name("casehug-clio-http")
            .on_thread_start(block_sigpipe)
            .enable_all()
            .build()
            .map_err(|_| failed("threads"))?;
        Ok(Self { clients, documents, runtime, executor: Executor::Own(Some(executor)) })
    }

    /// Sends on this tokio runtime instead of a thread of its own: two hand-overs between threads
    /// less for each call. The runtime MUST drive IO and time, and lives longer than the transport
    /// is used. In a program that does not ignore SIGPIPE its threads begin with
    /// [`block_sigpipe`].
    #[must_use]
    pub fn on(mut self, handle: tokio::runtime::Handle) -> Self {
        self.executor = Executor::Host(handle);
        self
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        // A runtime must not be dropped where it would block: inside somebody's async code.
        if let Self::Own(own) = self
            && let Some(executor) = own.take()
        {
            executor.shutdown_background();
        }
    }
}

impl HttpTransport for ReqwestTransport {
    fn send<'a>(&'a self, request: HttpRequest) -> BoxFuture<'a, Result<HttpResponse, HttpFailure>> {
        Box::pin(async move {
            let executor = match &self.executor {
                Executor::Own(Some(own)) => own.handle(),
                Executor::Own(None) => return Err(failure::not_sent(HttpFailureKind::Other)),
                Executor::Host(handle) => handle,
            };
            let exchange = Exchange {
                clients: self.clients.clone(),
                documents: Arc::clone(&self.documents),
                runtime: Arc::clone(&self.runtime),
            };
            let mut task = Abandon(executor.spawn(exchange.run(request)));
            (&mut task.0).await.unwrap_or(Err(failure::maybe_sent(HttpFailureKind::Other)))
        })
    }
}

/// Ends the task when its future is dropped.
struct Abandon<T>(tokio::task::JoinHandle<T>);

impl<T> Drop for Abandon<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct Exchange {
    clients: Clients,
    documents: Arc<dyn DocumentBytes>,
    runtime: Arc<dyn Runtime>,
}

impl Exchange {
    async fn run(self, request: HttpRequest) -> Result<HttpResponse, HttpFailure> {
        if !is_allowed(&request.url) {
            return Err(failure::not_sent(HttpFailureKind::Refused));
        }
        let headers = headers_of(&request)?;
        let own = request.connection == HttpConnection::Own;
        let attempt = attempt::Attempt::new(own, request.not_after, Arc::clone(&self.runtime));
        attempt.in_time()?;
        let (timeout, exchange) = (request.timeout, self.exchange(request, headers, &attempt));
        let outcome = tokio::time::timeout(timeout, exchange).await;
        outcome
            .unwrap_or(Err(failure::maybe_sent(HttpFailureKind::Timeout)))
            .map_err(|failure| attempt.explain(failure))
    }

    async fn exchange(
        &self,
        request: HttpRequest,
        headers: HeaderMap,
        attempt: &attempt::Attempt,
    ) -> Result<HttpResponse, HttpFailure> {
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            Method::Put => reqwest::Method::PUT,
            Method::Patch => reqwest::Method::PATCH,
            Method::Delete => reqwest::Method::DELETE,
        };
        let (body, progress) = self.body(request.body).await?;
        // Opening the document took time.
        attempt.in_time()?;
        let client = match request.connection {
            HttpConnection::Own => &self.clients.own,
            HttpConnection::Kept => &self.clients.kept,
        };
        let builder = client.request(method, request.url).headers(headers);
        let sending = match body {
            Some(body) => builder.body(body),
            None => builder,
        };
        let outcome = attempt
            .scope(async {
                let response = sending.send().await.map_err(|error| failure::of(&error))?;
                read(response, request.max_response).await
            })
            .await;
        if let Some(kind) = progress.fault() {
            return Err(failure::maybe_sent(kind));
        }
        match outcome {
            // Whoever says "done" before the document was sent has not got it.
            Ok(answer) if (200..300).contains(&answer.status) && !progress.is_whole() => {
                Err(failure::maybe_sent(HttpFailureKind::Lost))
            }
            outcome => outcome,
        }
    }

    /// The body and where it tells how far it came.
    async fn body(&self, body: HttpBody) -> Result<(Option<reqwest::Body>, body::Progress), HttpFailure> {
        let slice = match body {
            HttpBody::Empty => return Ok((None, body::Progress::whole())),
            // Still wiped on drop.
            HttpBody::Bytes(bytes) => return Ok((Some(Bytes::from_owner(bytes).into()), body::Progress::whole())),
            HttpBody::Document(slice) => slice,
        };
        let unreadable = |_| failure::not_sent(HttpFailureKind::BodyUnreadable);
        let reader = self.documents.open(&slice.document, slice.offset).await.map_err(unreadable)?;
        if slice.len == 0 {
            body::require_end(reader, slice.last).await?;
            return Ok((None, body::Progress::whole()));
        }
        let progress = body::Progress::sending();
        Ok((Some(body::stream(reader, slice.len, slice.last, progress.clone())), progress))
    }
}

/// `https`, or `http` to this machine's own loopback; no user name or password in it.
fn is_allowed(url: &reqwest::Url) -> bool {
    let loopback = match url.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    };
    let scheme = url.scheme() == "https" || (url.scheme() == "http" && loopback);
    scheme && url.has_host() && url.username().is_empty() && url.password().is_none()
}

fn headers_of(request: &HttpRequest) -> Result<HeaderMap, HttpFailure> {
    let refused = || failure::not_sent(HttpFailureKind::Refused);
    let mut headers = HeaderMap::new();
    for (name, value) in request.headers.iter() {
        let name = HeaderName::try_from(name).map_err(|_| refused())?;
        let mut value = HeaderValue::try_from(value).map_err(|_| refused())?;
        value.set_sensitive(true);
        headers.append(name, value);
    }
    // Set by hand: reqwest sends none for an empty body, and a stream without it goes out chunked.
    let length = match &request.body {
        HttpBody::Empty if matches!(request.method, Method::Get | Method::Delete) => None,
        HttpBody::Empty => Some(0),
        HttpBody::Bytes(bytes) => Some(bytes.len() as u64),
        HttpBody::Document(slice) => Some(slice.len),
    };
    if let Some(length) = length {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    Ok(headers)
}

async fn read(mut response: reqwest::Response, most: u64) -> Result<HttpResponse, HttpFailure> {
    let too_large = || failure::maybe_sent(HttpFailureKind::ResponseTooLarge);
    if response.content_length().is_some_and(|length| length > most) {
        return Err(too_large());
    }
    let status = response.status().as_u16();
    let mut headers = Headers::new();
    for (name, value) in response.headers() {
        if let Ok(value) = value.to_str() {
            headers.push(name.as_str(), value);
        }
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| failure::of(&error))? {
        if body.len() as u64 + chunk.len() as u64 > most {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(HttpResponse { status, headers, body: body.into() })
}
