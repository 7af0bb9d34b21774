//! What goes where, and what is noted of it.

use std::{
    convert::Infallible,
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Request, Response, StatusCode,
    body::Incoming,
    header::{CONTENT_LENGTH, HeaderMap},
};
use serde_json::{Value, json};

use crate::relay::{Failure, Origin, whole};

const API: &str = "/api/v4";
/// Where the proxy says what it found.
const VIOLATIONS: &str = "sl-violations";

/// The two ways onward, and the notes.
#[derive(Debug)]
pub(crate) struct Router {
    own: String,
    sim: Origin,
    proxy: Origin,
    calls: Mutex<Vec<Value>>,
}

impl Router {
    pub(crate) fn new(own: &str, sim: Origin, proxy: Origin) -> Self {
        Self { own: own.to_owned(), sim, proxy, calls: Mutex::new(Vec::new()) }
    }

    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let answer = match request.uri().path() {
            "/__contract/calls" => Ok(Response::new(Bytes::from(Value::from(self.calls().clone()).to_string()))),
            _ => self.forward(request).await,
        };
        let answer = answer.unwrap_or_else(|failure| {
            let mut answer = Response::new(Bytes::from(format!("router: {failure}\n")));
            *answer.status_mut() = StatusCode::BAD_GATEWAY;
            answer
        });
        Ok(answer.map(Full::new))
    }

    async fn forward(&self, request: Request<Incoming>) -> Result<Response<Bytes>, Failure> {
        let (parts, body) = request.into_parts();
        let request = Request::from_parts(parts, whole(body).await?);
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str()).to_owned();
        let Some(target) = target.strip_prefix(API).filter(|rest| rest.starts_with('/')) else {
            return self.sim.relay(request, &target).await;
        };
        let (method, path) = (request.method().to_string(), request.uri().path()[API.len()..].to_owned());
        let answer = self.proxy.relay(request, target).await;
        let (status, violations) = match &answer {
            Ok(answer) => (answer.status().as_u16(), violations(answer.headers())),
            Err(_) => (0, not_understood("the proxy gave no answer")),
        };
        self.calls().push(json!({ "method": method, "path": path, "status": status, "violations": violations }));
        answer.map(|answer| self.readdressed(answer))
    }

    /// The answer as if it came from this port: links to further pages too, or the SDK would refuse
    /// to follow them.
    fn readdressed(&self, answer: Response<Bytes>) -> Response<Bytes> {
        let (mut parts, body) = answer.into_parts();
        parts.headers.remove(VIOLATIONS);
        let body = match std::str::from_utf8(&body) {
            Ok(text) => Bytes::from(text.replace(&format!("{}{API}", self.sim), &format!("{}{API}", self.own))),
            Err(_) => body,
        };
        // The length may have changed; the server counts again.
        parts.headers.remove(CONTENT_LENGTH);
        Response::from_parts(parts, body)
    }

    fn calls(&self) -> std::sync::MutexGuard<'_, Vec<Value>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn violations(headers: &HeaderMap) -> Value {
    let Some(found) = headers.get(VIOLATIONS) else {
        return json!([]);
    };
    let found = String::from_utf8_lossy(found.as_bytes());
    // Too many violations for a header come cut off, and are no longer JSON.
    serde_json::from_str(&found).ok().filter(Value::is_array).unwrap_or_else(|| not_understood(&found))
}

fn not_understood(text: &str) -> Value {
    json!([{ "location": ["proxy"], "severity": "Error", "message": text }])
}
