//! Who asks, what is taken of what they send, and how failures are answered: a code, a message for
//! people, where and why, and never a cause's text.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use casehug_clio::{Actor, ActorId, Code, Error, ErrorKind, FirmId, Role, json};
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer};

/// Whether it is one of the headers in which what authenticates users says who asks.
pub(crate) fn is_ours(name: &HeaderName) -> bool {
    name.as_str().starts_with("x-casehug-")
}

/// The user, as the authenticating proxy names them.
pub(crate) struct Who(pub Actor);

/// A service of CaseHug's own. It asks as an admin: a member who took an event away, or called one
/// done, would keep it from the host.
pub(crate) struct Host(pub Actor);

/// A failure on its way to the caller.
#[derive(Debug)]
pub(crate) struct Failed(pub Error);

pub(crate) type Answer<T> = Result<T, Failed>;

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        let code = self.0.code();
        let status = match (code, code.kind()) {
            (Code::NotAllowed, _) => StatusCode::FORBIDDEN,
            (Code::MatterUnknown | Code::PracticeAreaGone | Code::RecordUnknown | Code::NotSyncedYet, _) => {
                StatusCode::NOT_FOUND
            }
            (
                Code::StoreConflict
                | Code::SettingsChanged
                | Code::AlreadyDecided
                | Code::ConnectedElsewhere
                | Code::ClioConflict
                | Code::NotConnected
                | Code::ReconnectRequired
                | Code::ConnectConflict
                | Code::ConnectionChanged
                | Code::DisconnectFirst,
                _,
            ) => StatusCode::CONFLICT,
            (_, ErrorKind::Input | ErrorKind::Auth) => StatusCode::BAD_REQUEST,
            (_, ErrorKind::Host | ErrorKind::Internal) => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_GATEWAY,
        };
        refusal(status, self.0).into_response()
    }
}

/// The error with a status of its own.
pub(crate) fn refusal(status: StatusCode, error: Error) -> impl IntoResponse {
    (status, Json(serde_json::json!({ "error": error })))
}

impl<S: Send + Sync> FromRequestParts<S> for Who {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        // Of two that say different things one would count here and the other elsewhere.
        if parts.headers.keys().any(|name| is_ours(name) && parts.headers.get_all(name).iter().count() > 1) {
            return Err(StatusCode::UNAUTHORIZED.into_response());
        }
        let header = |name| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let role = match header("x-casehug-role") {
            "admin" => Role::Admin,
            "member" => Role::Member,
            _ => return Err(StatusCode::UNAUTHORIZED.into_response()),
        };
        let who = FirmId::new(header("x-casehug-firm")).and_then(|firm| {
            let id = ActorId::new(header("x-casehug-user"))?;
            Ok(Actor { id, firm, role })
        });
        who.map(Self).map_err(|_| StatusCode::UNAUTHORIZED.into_response())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Host {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let Who(actor) = Who::from_request_parts(parts, state).await?;
        match actor.role {
            Role::Admin => Ok(Self(actor)),
            Role::Member => Err(Failed(Code::NotAllowed.into()).into_response()),
        }
    }
}

/// The body as the bytes of what says to be JSON.
pub(crate) struct JsonBytes(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for JsonBytes {
    type Rejection = Failed;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failed> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        // A page of another site can have a browser send anything in its user's name, but not call
        // it JSON.
        if kind.split(';').next().map(str::trim) != Some("application/json") {
            return Err(Failed(refused("content-type", "not_json")));
        }
        Bytes::from_request(request, state).await.map(Self).map_err(|_| refused(".", "too_large").into())
    }
}

/// The body as JSON: whole, known, and each field once.
pub(crate) struct Sent<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Sent<T> {
    type Rejection = Failed;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failed> {
        let JsonBytes(body) = JsonBytes::from_request(request, state).await?;
        Ok(Self(json::read(&body, Code::RequestInvalid)?))
    }
}

/// Nothing is sent here, or an empty object.
pub(crate) struct Nothing;

impl<S: Send + Sync> FromRequest<S> for Nothing {
    type Rejection = Failed;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failed> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Empty {}

        let body = Bytes::from_request(request, state).await.map_err(|_| refused(".", "too_large"))?;
        if !body.is_empty() {
            let Empty {} = json::read(&body, Code::RequestInvalid)?;
        }
        Ok(Self)
    }
}

/// What the query says: known, and each parameter once. All values are texts; see [`text`].
pub(crate) struct Asked<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Failed;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failed> {
        let pairs = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let fields: Vec<String> = pairs.map(|(name, value)| format!("{}:{}", quoted(&name), quoted(&value))).collect();
        Ok(Self(json::read(format!("{{{}}}", fields.join(",")).as_bytes(), Code::RequestInvalid)?))
    }
}

/// Reads a parameter of a query: a number, yes or no, a list's place.
pub(crate) fn text<'de, D: Deserializer<'de>, T: std::str::FromStr>(deserializer: D) -> Result<T, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(|_| serde::de::Error::custom("not allowed"))
}

/// No browser and no proxy keeps an answer that does not say otherwise: nearly all name people.
pub(crate) async fn keep_by_nobody(mut response: Response) -> Response {
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// What the router and its extractors refuse by themselves, in plain text, is said as everything
/// else is. Their texts may quote what was sent.
pub(crate) async fn say_in_json(response: Response) -> Response {
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !(status.is_client_error() || status.is_server_error()) || kind.starts_with("application/json") {
        return response;
    }
    let error = match status {
        StatusCode::UNAUTHORIZED => refused("x-casehug-*", "missing_or_not_allowed"),
        StatusCode::NOT_FOUND => refused("url", "no_such_route"),
        StatusCode::METHOD_NOT_ALLOWED => refused("method", "not_of_this_route"),
        StatusCode::PAYLOAD_TOO_LARGE => refused(".", "too_large"),
        _ => refused(".", "not_readable"),
    };
    let mut told = refusal(status, error).into_response();
    if let Some(methods) = response.headers().get(header::ALLOW) {
        told.headers_mut().insert(header::ALLOW, methods.clone());
    }
    told
}

/// What was sent cannot be taken.
pub(crate) fn refused(path: &'static str, reason: &'static str) -> Error {
    Error::new(Code::RequestInvalid).with("path", path).with("reason", reason)
}
