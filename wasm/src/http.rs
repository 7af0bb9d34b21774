//! The HTTP port over a JavaScript object: `js/node-http.mjs`, or the host's own.

use core::fmt;

use casehug_clio::ports::{
    BoxFuture, Headers, HttpBody, HttpConnection, HttpFailure, HttpFailureKind, HttpRequest, HttpResponse,
    HttpTransport, Sent,
};
use js_sys::{Array, Uint8Array};
use wasm_bindgen::prelude::*;

use crate::host::{field, integer, object, pairs, require_functions, settled, word};
use crate::intake::document_fields;

#[wasm_bindgen]
extern "C" {
    /// `HttpTransport` of `js/index.d.ts`.
    #[derive(Clone)]
    pub type HttpObject;

    #[wasm_bindgen(method, catch)]
    fn send(this: &HttpObject, request: JsValue, signal: JsValue) -> Result<JsValue, JsValue>;

    type AbortController;

    #[wasm_bindgen(constructor)]
    fn new() -> AbortController;

    #[wasm_bindgen(method, getter)]
    fn signal(this: &AbortController) -> JsValue;

    #[wasm_bindgen(method, catch)]
    fn abort(this: &AbortController) -> Result<(), JsValue>;
}

/// The [`HttpTransport`] port over a JavaScript object.
#[derive(Clone)]
pub(crate) struct JsHttp(HttpObject);

impl fmt::Debug for JsHttp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JsHttp")
    }
}

impl JsHttp {
    pub(crate) fn new(http: HttpObject) -> casehug_clio::Result<Self> {
        require_functions(&http, "http", &["send"])?;
        Ok(Self(http))
    }
}

/// Tells JavaScript when nobody waits for the answer any more.
struct Abandon {
    controller: AbortController,
    answered: bool,
}

impl Drop for Abandon {
    fn drop(&mut self) {
        // Aborting makes an error with a stack trace, which nobody would look at after the answer.
        if !self.answered {
            let _ = self.controller.abort();
        }
    }
}

impl HttpTransport for JsHttp {
    fn send<'a>(&'a self, request: HttpRequest) -> BoxFuture<'a, Result<HttpResponse, HttpFailure>> {
        Box::pin(async move {
            let mut exchange = Abandon { controller: AbortController::new(), answered: false };
            let answer = settled(self.0.send(request_object(&request), exchange.controller.signal())).await;
            exchange.answered = true;
            response(&answer.map_err(|thrown| failure(&thrown))?, request.max_response)
        })
    }
}

// Lengths and times in milliseconds fit a double exactly.
#[allow(clippy::cast_precision_loss)]
fn request_object(request: &HttpRequest) -> JsValue {
    let body = match &request.body {
        HttpBody::Empty => JsValue::NULL,
        HttpBody::Bytes(bytes) => Uint8Array::from(bytes.as_slice()).into(),
        HttpBody::Document(slice) => {
            let [firm, matter, document, upload] = document_fields(&slice.document);
            object([
                firm,
                matter,
                document,
                upload,
                ("offset", JsValue::from_f64(slice.offset as f64)),
                ("len", JsValue::from_f64(slice.len as f64)),
                ("last", slice.last.into()),
            ])
        }
    };
    let not_after = request.not_after.map(|at| JsValue::from_f64(at.0.as_secs_f64() * 1000.0));
    object([
        ("method", request.method.as_str().into()),
        ("url", request.url.as_str().into()),
        ("headers", pairs(request.headers.iter())),
        ("body", body),
        ("connection", if request.connection == HttpConnection::Own { "own" } else { "kept" }.into()),
        ("timeoutMs", JsValue::from_f64(request.timeout.as_millis() as f64)),
        ("notAfter", not_after.unwrap_or(JsValue::NULL)),
        ("maxResponse", JsValue::from_f64(request.max_response as f64)),
    ])
}

fn maybe_sent(kind: HttpFailureKind) -> HttpFailure {
    HttpFailure { kind, sent: Sent::Maybe }
}

/// An answer of another shape may well stand for a request that was executed.
fn response(answer: &JsValue, most: u64) -> Result<HttpResponse, HttpFailure> {
    let other = || maybe_sent(HttpFailureKind::Other);
    let status = integer(answer, "status").and_then(|status| u16::try_from(status).ok()).ok_or_else(other)?;
    let mut headers = Headers::new();
    for pair in field(answer, "headers").ok_or_else(other)?.dyn_into::<Array>().map_err(|_| other())?.iter() {
        let pair: Array = pair.dyn_into().map_err(|_| other())?;
        match (pair.get(0).as_string(), pair.get(1).as_string()) {
            (Some(name), Some(value)) => headers.push(&name, value),
            _ => return Err(other()),
        }
    }
    let body: Uint8Array = field(answer, "body").ok_or_else(other)?.dyn_into().map_err(|_| other())?;
    if u64::from(body.length()) > most {
        return Err(maybe_sent(HttpFailureKind::ResponseTooLarge));
    }
    Ok(HttpResponse { status, headers, body: body.to_vec().into() })
}

/// What was thrown: `HttpFailure` of `js/index.d.ts`. Anything else may have happened after the
/// request was written.
fn failure(thrown: &JsValue) -> HttpFailure {
    let kind = match word(thrown, "kind").as_deref() {
        Some("connect") => HttpFailureKind::Connect,
        Some("tls") => HttpFailureKind::Tls,
        Some("timeout") => HttpFailureKind::Timeout,
        Some("lost") => HttpFailureKind::Lost,
        Some("not_after") => HttpFailureKind::NotAfter,
        Some("response_too_large") => HttpFailureKind::ResponseTooLarge,
        Some("body_short") => HttpFailureKind::BodyShort,
        Some("body_long") => HttpFailureKind::BodyLong,
        Some("body_unreadable") => HttpFailureKind::BodyUnreadable,
        Some("refused") => HttpFailureKind::Refused,
        _ => HttpFailureKind::Other,
    };
    let sent = if word(thrown, "sent").as_deref() == Some("no") { Sent::No } else { Sent::Maybe };
    HttpFailure { kind, sent }
}
