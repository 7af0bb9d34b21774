//! The conformance suite of the [`HttpTransport`] port: one suite for every transport, those of
//! other languages included.
//!
//! It needs three things: the transport, which serves [the suite's documents](SuiteDocuments); the
//! base URL of a running `http-conformance-server`, the package that misbehaves byte for byte; and
//! a real [`Runtime`], as the faults take real time. The suite asks that server, through the
//! transport, what reached it: a transport that says "not sent" is believed only if nothing did.
//!
//! In Rust, [`http_conformance!`](crate::http_conformance) makes one `#[tokio::test]` of each case.
//! A host of another language calls [`run_all`] and prints what it returns.
//!
//! What the suite cannot see is an adapter's own duty to prove: TLS versions and certificates, and
//! that a proxy of the environment is ignored.

mod answers;
mod bodies;
mod documents;
mod once;
mod refusals;
mod requests;

use core::time::Duration;
use std::any::Any;
use std::sync::Arc;

use futures_util::future::try_join_all;
use serde::Deserialize;
use url::Url;

use casehug_clio::ports::{
    Headers, HttpBody, HttpConnection, HttpFailure, HttpFailureKind, HttpRequest, HttpResponse, HttpTransport, Method,
    Runtime, Sent,
};

pub use documents::{SuiteDocuments, byte_at};

/// What a case tells: nothing, or what the transport did wrong.
pub type Outcome = Result<(), String>;

/// A second attempt that a transport makes by itself comes within this time, or the suite does not
/// see it.
const SETTLE: Duration = Duration::from_millis(250);
/// The timeout of most requests.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The largest answer of most requests, in bytes.
const MAX_RESPONSE: u64 = 20_000;

/// The transport to be tested, the server that it meets and the time in which both live.
#[derive(Debug)]
pub struct HttpUnderTest {
    transport: Arc<dyn HttpTransport>,
    server: Url,
    runtime: Arc<dyn Runtime>,
    _guard: Option<Box<dyn Any>>,
}

impl HttpUnderTest {
    /// A transport over [`SuiteDocuments`], and the base URL of a running
    /// `http-conformance-server`.
    #[must_use]
    pub fn new(transport: Arc<dyn HttpTransport>, server: Url, runtime: Arc<dyn Runtime>) -> Self {
        Self { transport, server, runtime, _guard: None }
    }

    /// Keeps a value (the server) for as long as the case runs.
    #[must_use]
    pub fn keeping(mut self, guard: impl Any) -> Self {
        self._guard = Some(Box::new(guard));
        self
    }

    /// A name under which the server notes requests, new at each call.
    fn id(&self) -> Result<String, String> {
        let mut random = [0; 8];
        self.runtime.random(&mut random).map_err(|error| error.to_string())?;
        Ok(hex::encode(random))
    }

    /// A GET of one of the server's behaviours.
    fn get(&self, behaviour: &str, id: &str) -> Result<HttpRequest, String> {
        self.to(self.server.join(&format!("/b/{behaviour}/{id}")).map_err(|error| error.to_string())?.as_str())
    }

    /// A GET of any URL.
    fn to(&self, url: &str) -> Result<HttpRequest, String> {
        Ok(HttpRequest {
            method: Method::Get,
            url: Url::parse(url).map_err(|error| format!("{url}: {error}"))?,
            headers: Headers::new(),
            body: HttpBody::Empty,
            connection: HttpConnection::Own,
            timeout: TIMEOUT,
            not_after: None,
            max_response: MAX_RESPONSE,
        })
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpFailure> {
        self.transport.send(request).await
    }

    /// Sends what must be answered.
    async fn answer(&self, request: HttpRequest, what: &str) -> Result<HttpResponse, String> {
        self.send(request).await.map_err(|failure| format!("{what}: failed with {failure:?}"))
    }

    /// What reached the server under this id.
    async fn got(&self, id: &str) -> Result<Vec<Got>, String> {
        let url = self.server.join(&format!("/__got/{id}")).map_err(|error| error.to_string())?;
        let answer = self.answer(self.to(url.as_str())?, "asking the server what it got").await?;
        serde_json::from_slice(&answer.body).map_err(|error| format!("what the server got cannot be read: {error}"))
    }

    /// The one request that reached the server under this id.
    async fn got_one(&self, id: &str, what: &str) -> Result<Got, String> {
        let mut got = self.got(id).await?;
        match (got.pop(), got.len()) {
            (Some(one), 0) => Ok(one),
            (last, others) => {
                Err(format!("{what}: {} requests reached the server", others + usize::from(last.is_some())))
            }
        }
    }

    /// Sends what must fail in one of these ways. A request must reach the server at most once, and
    /// not at all if the transport says so.
    async fn fails(
        &self,
        request: HttpRequest,
        id: &str,
        kinds: &[HttpFailureKind],
        what: &str,
    ) -> Result<Sent, String> {
        let failure = match self.send(request).await {
            Ok(answer) => return Err(format!("{what}: answered with {}, must fail", answer.status)),
            Err(failure) => failure,
        };
        is(kinds.contains(&failure.kind), || format!("{what}: failed with {failure:?}, wanted {kinds:?}"))?;
        self.runtime.sleep(SETTLE).await;
        let got = self.got(id).await?.len();
        is(got <= 1, || format!("{what}: written {got} times"))?;
        is(got == 0 || failure.sent == Sent::Maybe, || {
            format!("{what}: said not to be sent, but it reached the server")
        })?;
        Ok(failure.sent)
    }

    /// Sends what must be refused before a byte of it is written.
    async fn not_sent(&self, request: HttpRequest, id: &str, kind: HttpFailureKind, what: &str) -> Outcome {
        let sent = self.fails(request, id, &[kind], what).await?;
        is(sent == Sent::No, || format!("{what}: nothing can have been written, but the transport does not say so"))
    }
}

/// A request as the server tells it.
#[derive(Debug, Deserialize)]
struct Got {
    /// Which connection it came on.
    connection: u64,
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body_len: u64,
    body_sha256: Option<String>,
    complete: bool,
}

impl Got {
    /// All values of a header.
    fn values(&self, name: &str) -> Vec<&str> {
        let named = self.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str()).collect()
    }
}

/// The one list of cases; hands it to the macro `$then`, after `$args`.
#[doc(hidden)]
#[macro_export]
macro_rules! __with_http_cases {
    ($then:path, $($args:tt)*) => {
        $then! { ($($args)*)
            requests:
                method_target_headers_and_body_arrive_exactly
                nothing_is_added_but_what_the_protocol_needs
                the_length_of_a_body_is_declared
                no_cookie_is_kept
                concurrent_exchanges_do_not_mix;
            bodies:
                a_document_goes_out_whole_with_its_exact_length
                a_slice_begins_at_its_offset_and_may_end_before_the_document
                every_attempt_opens_the_document_afresh
                a_document_that_is_too_short_is_no_success
                a_document_that_goes_on_is_no_success
                an_unreadable_document_is_no_success;
            once:
                a_request_is_written_once_whatever_the_server_does
                a_request_on_a_connection_that_died_is_written_once
                a_connection_that_was_closed_while_idle_is_not_used_again
                a_connection_of_its_own_serves_nothing_else
                a_refused_connection_is_not_sent
                a_request_after_its_last_moment_is_not_sent;
            answers:
                every_status_is_an_answer
                a_redirect_is_an_answer_and_is_not_followed
                an_interim_answer_is_not_the_answer
                the_headers_of_the_answer_come_back
                an_answer_of_the_largest_size_is_read
                a_larger_answer_is_refused
                a_compressed_answer_is_not_unpacked
                one_timeout_bounds_the_whole_exchange
                what_is_not_http_is_a_failure
                a_refusal_in_the_middle_of_an_upload_is_the_answer
                a_success_in_the_middle_of_an_upload_is_not_believed;
            refusals:
                plain_http_leaves_this_machine_for_nobody
                other_schemes_are_refused
                a_url_with_a_user_is_refused
                a_header_that_would_split_the_request_is_refused;
        }
    };
}

/// Makes a module `http_conformance` with one `#[tokio::test]` per case of [the
/// suite](crate::http). The argument is a function `async fn() -> HttpUnderTest`.
///
/// The calling crate needs `tokio` with `macros` and `rt-multi-thread`.
#[macro_export]
macro_rules! http_conformance {
    ($open:path) => {
        mod http_conformance {
            use super::*;
            $crate::__with_http_cases! { $crate::__http_case_tests, $open }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __http_case_tests {
    (($open:path) $( $module:ident: $( $name:ident )* ; )*) => { $( $(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() -> $crate::testkit::http::Outcome {
            $crate::testkit::http::case::$name(&$open().await).await
        }
    )* )* };
}

macro_rules! run_all {
    (() $( $module:ident: $( $name:ident )* ; )*) => {
        /// Runs every case on what `open` gives, one after the other. The result names all cases,
        /// in a fixed order.
        pub async fn run_all(open: impl AsyncFn() -> HttpUnderTest) -> Vec<(&'static str, Outcome)> {
            let mut outcomes = Vec::new();
            $( $( outcomes.push((stringify!($name), $module::$name(&open().await).await)); )* )*
            outcomes
        }

        /// Runs one case by its name. `None`: there is no such case.
        pub async fn run(case: &str, test: &HttpUnderTest) -> Option<Outcome> {
            match case {
                $( $( stringify!($name) => Some($module::$name(test).await), )* )*
                _ => None,
            }
        }

        /// The cases one by one, for [`http_conformance!`](crate::http_conformance).
        #[doc(hidden)]
        pub mod case {
            $( pub use super::$module::{$( $name ),*}; )*
        }
    };
}

__with_http_cases! { run_all, }

/// All at once: most of what is checked here is waiting.
async fn each<T>(items: impl IntoIterator<Item = T>, check: impl AsyncFn(T) -> Outcome) -> Outcome {
    let check = &check;
    try_join_all(items.into_iter().map(|item| async move { check(item).await })).await.map(|_| ())
}

fn same<T: PartialEq + core::fmt::Debug + ?Sized>(found: &T, wanted: &T, what: &str) -> Outcome {
    is(found == wanted, || format!("{what}: found {found:?}, wanted {wanted:?}"))
}

fn is(holds: bool, what: impl FnOnce() -> String) -> Outcome {
    if holds { Ok(()) } else { Err(what()) }
}
