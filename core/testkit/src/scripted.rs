//! An [`HttpTransport`] whose answers are a script.

use core::fmt;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use zeroize::Zeroizing;

use casehug_clio::ports::{
    BoxFuture, Headers, HttpBody, HttpFailure, HttpFailureKind, HttpRequest, HttpResponse, HttpTransport, Sent,
};

/// Answers each request with the next line of its script, and remembers what was sent. A request
/// beyond the script fails as not sent. A clone shares script and memory.
#[derive(Clone, Default)]
pub struct ScriptedHttp(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    script: VecDeque<Result<HttpResponse, HttpFailure>>,
    requests: Vec<HttpRequest>,
}

impl ScriptedHttp {
    /// An empty script.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an answer.
    pub fn answer(&self, status: u16, headers: Headers, body: impl Into<Vec<u8>>) {
        self.state().script.push_back(Ok(HttpResponse { status, headers, body: Zeroizing::new(body.into()) }));
    }

    /// Adds an answer of Clio: JSON.
    pub fn json(&self, status: u16, body: impl Into<Vec<u8>>) {
        self.answer(status, Headers::new().with("content-type", "application/json; charset=utf-8"), body);
    }

    /// Adds a failure.
    pub fn fail(&self, kind: HttpFailureKind, sent: Sent) {
        self.state().script.push_back(Err(HttpFailure { kind, sent }));
    }

    /// What was sent so far.
    #[must_use]
    pub fn requests(&self) -> Vec<HttpRequest> {
        self.state().requests.clone()
    }

    /// The last request. `None`: there was none.
    #[must_use]
    pub fn last(&self) -> Option<HttpRequest> {
        self.state().requests.last().cloned()
    }

    /// How many lines of the script are left.
    #[must_use]
    pub fn left(&self) -> usize {
        self.state().script.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HttpTransport for ScriptedHttp {
    fn send<'a>(&'a self, request: HttpRequest) -> BoxFuture<'a, Result<HttpResponse, HttpFailure>> {
        Box::pin(async move {
            let mut state = self.state();
            state.requests.push(request);
            let beyond = HttpFailure { kind: HttpFailureKind::Other, sent: Sent::No };
            state.script.pop_front().unwrap_or(Err(beyond))
        })
    }
}

impl fmt::Debug for ScriptedHttp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("ScriptedHttp")
            .field("left", &state.script.len())
            .field("sent", &state.requests.len())
            .finish_non_exhaustive()
    }
}

/// The bytes of a request's body, empty if it has none or describes a document.
#[must_use]
pub fn body_of(request: &HttpRequest) -> &[u8] {
    match &request.body {
        HttpBody::Bytes(bytes) => bytes,
        HttpBody::Empty | HttpBody::Document(_) => &[],
    }
}
