//! The suite is worth what it catches: a good transport spoiled in one way each, and the case that
//! must notice it.
#![allow(clippy::unwrap_used)] // Tests.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use casehug_clio::DocumentId;
use casehug_clio::ports::{
    BoxFuture, Headers, HttpBody, HttpConnection, HttpFailure, HttpFailureKind, HttpRequest, HttpResponse,
    HttpTransport, Method, Sent,
};
use casehug_clio_http_reqwest::ReqwestTransport;
use casehug_clio_runtime_tokio::TokioRuntime;
use casehug_clio_testkit::http::{HttpUnderTest, SuiteDocuments, run, run_all};
use http_conformance_server::Server;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    AddsAHeader,
    LosesARepeatedHeader,
    ChangesTheMethod,
    SortsTheQuery,
    EndsBodiesAtNul,
    KeepsCookies,
    MixesAnswers,
    IgnoresTheOffset,
    IgnoresLast,
    PadsShortDocuments,
    SkipsUnreadableDocuments,
    TriesAgainAfterALoss,
    SaysNotSent,
    SaysMaybeSent,
    IgnoresNotAfter,
    SharesAllConnections,
    FollowsRedirects,
    FailsOnErrorStatus,
    LosesAnswerHeaders,
    IgnoresTheLimit,
    LimitIsExclusive,
    IgnoresTheTimeout,
    SaysLostForTimeout,
    CutsHeadersAtLineBreaks,
    DropsTheUser,
    TurnsRefusalsIntoLosses,
}

/// Each fault but `None`, with the case that must notice it (others may too).
const NOTICED: &[(Fault, &str)] = &[
    (Fault::AddsAHeader, "nothing_is_added_but_what_the_protocol_needs"),
    (Fault::LosesARepeatedHeader, "method_target_headers_and_body_arrive_exactly"),
    (Fault::ChangesTheMethod, "method_target_headers_and_body_arrive_exactly"),
    (Fault::SortsTheQuery, "method_target_headers_and_body_arrive_exactly"),
    (Fault::EndsBodiesAtNul, "method_target_headers_and_body_arrive_exactly"),
    (Fault::KeepsCookies, "no_cookie_is_kept"),
    (Fault::MixesAnswers, "concurrent_exchanges_do_not_mix"),
    (Fault::IgnoresTheOffset, "a_slice_begins_at_its_offset_and_may_end_before_the_document"),
    (Fault::IgnoresLast, "a_document_that_goes_on_is_no_success"),
    (Fault::PadsShortDocuments, "a_document_that_is_too_short_is_no_success"),
    (Fault::SkipsUnreadableDocuments, "an_unreadable_document_is_no_success"),
    (Fault::TriesAgainAfterALoss, "a_request_is_written_once_whatever_the_server_does"),
    (Fault::SaysNotSent, "a_request_is_written_once_whatever_the_server_does"),
    (Fault::SaysMaybeSent, "a_refused_connection_is_not_sent"),
    (Fault::IgnoresNotAfter, "a_request_after_its_last_moment_is_not_sent"),
    (Fault::SharesAllConnections, "a_connection_of_its_own_serves_nothing_else"),
    (Fault::FollowsRedirects, "a_redirect_is_an_answer_and_is_not_followed"),
    (Fault::FailsOnErrorStatus, "every_status_is_an_answer"),
    (Fault::LosesAnswerHeaders, "the_headers_of_the_answer_come_back"),
    (Fault::IgnoresTheLimit, "a_larger_answer_is_refused"),
    (Fault::LimitIsExclusive, "an_answer_of_the_largest_size_is_read"),
    (Fault::IgnoresTheTimeout, "one_timeout_bounds_the_whole_exchange"),
    (Fault::SaysLostForTimeout, "one_timeout_bounds_the_whole_exchange"),
    (Fault::CutsHeadersAtLineBreaks, "a_header_that_would_split_the_request_is_refused"),
    (Fault::DropsTheUser, "a_url_with_a_user_is_refused"),
    (Fault::TurnsRefusalsIntoLosses, "other_schemes_are_refused"),
];

#[derive(Debug)]
struct Faulty {
    inner: ReqwestTransport,
    fault: Fault,
    cookie: Mutex<Option<String>>,
    other_answer: Mutex<Option<Vec<u8>>>,
}

impl Faulty {
    /// The request as the faulty transport understands it.
    fn spoil(&self, mut request: HttpRequest) -> HttpRequest {
        let rebuilt = |request: &HttpRequest, change: &dyn Fn(&str, &str) -> Option<String>| {
            let mut headers = Headers::new();
            for (name, value) in request.headers.iter() {
                if let Some(value) = change(name, value) {
                    headers.push(name, value);
                }
            }
            headers
        };
        match self.fault {
            Fault::AddsAHeader => request.headers.push("user-agent", "node"),
            Fault::LosesARepeatedHeader => {
                request.headers = rebuilt(&request, &|_, value| (value != "two").then(|| value.to_owned()));
            }
            Fault::ChangesTheMethod if request.method == Method::Patch => request.method = Method::Post,
            Fault::SortsTheQuery => {
                if let Some(query) = request.url.query() {
                    let mut pairs: Vec<&str> = query.split('&').collect();
                    pairs.sort_unstable();
                    let sorted = pairs.join("&");
                    request.url.set_query(Some(&sorted));
                }
            }
            Fault::EndsBodiesAtNul => {
                if let HttpBody::Bytes(bytes) = &mut request.body {
                    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
                    bytes.truncate(end);
                }
            }
            Fault::KeepsCookies => {
                if let Some(cookie) = &*self.cookie.lock().unwrap() {
                    request.headers.push("cookie", cookie.as_str());
                }
            }
            Fault::IgnoresNotAfter => request.not_after = None,
            Fault::SharesAllConnections => request.connection = HttpConnection::Kept,
            Fault::IgnoresTheLimit => request.max_response = u64::MAX,
            Fault::LimitIsExclusive => request.max_response = request.max_response.saturating_sub(1),
            Fault::IgnoresTheTimeout => request.timeout = Duration::from_secs(60),
            Fault::CutsHeadersAtLineBreaks => {
                request.headers =
                    rebuilt(&request, &|_, value| value.split(['\r', '\n', '\0']).next().map(str::to_owned));
            }
            Fault::DropsTheUser => {
                request.url.set_username("").ok();
                request.url.set_password(None).ok();
            }
            _ => {}
        }
        if let HttpBody::Document(slice) = &mut request.body {
            let id = slice.document.key.document.as_str().to_owned();
            match self.fault {
                Fault::IgnoresTheOffset => slice.offset = slice.offset.min(1),
                Fault::IgnoresLast => slice.last = false,
                Fault::PadsShortDocuments if id.starts_with("len_") && slice.last => {
                    let long = format!("len_{}", slice.offset + slice.len);
                    slice.document.key.document = DocumentId::new(long).unwrap();
                }
                Fault::SkipsUnreadableDocuments if id == "unopenable" => request.body = HttpBody::Empty,
                _ => {}
            }
        }
        request
    }

    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, HttpFailure> {
        let request = self.spoil(request);
        let mut outcome = self.inner.send(request.clone()).await;
        match &mut outcome {
            Err(failure) => match self.fault {
                Fault::TriesAgainAfterALoss if failure.kind == HttpFailureKind::Lost => {
                    return self.inner.send(request).await;
                }
                Fault::SaysNotSent => failure.sent = Sent::No,
                Fault::SaysMaybeSent => failure.sent = Sent::Maybe,
                Fault::SaysLostForTimeout if failure.kind == HttpFailureKind::Timeout => {
                    failure.kind = HttpFailureKind::Lost;
                }
                Fault::TurnsRefusalsIntoLosses if failure.kind == HttpFailureKind::Refused => {
                    failure.kind = HttpFailureKind::Lost;
                }
                _ => {}
            },
            Ok(answer) => match self.fault {
                Fault::KeepsCookies => {
                    if let Some(cookie) = answer.headers.get("set-cookie") {
                        *self.cookie.lock().unwrap() = Some(cookie.to_owned());
                    }
                }
                Fault::MixesAnswers if answer.body.len() == 16 => {
                    if let Some(other) = self.other_answer.lock().unwrap().replace(answer.body.to_vec()) {
                        answer.body = other.into();
                    }
                }
                Fault::FollowsRedirects if (300..400).contains(&answer.status) => {
                    let url = request.url.join(answer.headers.get("location").unwrap()).unwrap();
                    return self.inner.send(HttpRequest { url, ..request }).await;
                }
                Fault::FailsOnErrorStatus if answer.status >= 400 => {
                    return Err(HttpFailure { kind: HttpFailureKind::Other, sent: Sent::Maybe });
                }
                Fault::LosesAnswerHeaders => answer.headers = Headers::new(),
                _ => {}
            },
        }
        outcome
    }
}

impl HttpTransport for Faulty {
    fn send<'a>(&'a self, request: HttpRequest) -> BoxFuture<'a, Result<HttpResponse, HttpFailure>> {
        Box::pin(self.exchange(request))
    }
}

async fn open(fault: Fault) -> HttpUnderTest {
    let server = Server::start().await.unwrap();
    let runtime = Arc::new(TokioRuntime);
    let inner = ReqwestTransport::new(Arc::new(SuiteDocuments), runtime.clone()).unwrap();
    let transport = Faulty { inner, fault, cookie: Mutex::default(), other_answer: Mutex::default() };
    HttpUnderTest::new(Arc::new(transport), server.url().parse().unwrap(), runtime).keeping(server)
}

#[tokio::test]
async fn without_a_fault_every_case_passes_and_run_all_names_it() {
    let outcomes = run_all(async || open(Fault::None).await).await;
    assert_eq!(outcomes.len(), 32);
    for (case, outcome) in outcomes {
        assert_eq!(outcome, Ok(()), "{case}");
    }
}

#[tokio::test]
async fn every_fault_is_noticed_by_its_case() {
    let all = NOTICED.iter().map(|(fault, case)| async move { (fault, case, run(case, &open(*fault).await).await) });
    for (fault, case, outcome) in futures_util::future::join_all(all).await {
        let complaint = outcome.expect("no such case").expect_err(&format!("{fault:?} is not noticed by {case}"));
        println!("{fault:?}: {complaint}");
    }
}
