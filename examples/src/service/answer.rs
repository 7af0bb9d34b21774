//! Who asks, and how failures are answered: a code, a message for people, and never a cause's text.

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use casehug_clio::auth::{Actor, Role};
use casehug_clio::model::{ActorId, FirmId};
use casehug_clio::{Code, Error, ErrorKind};
use serde_json::json;

/// The user, as the authenticating proxy names them.
pub(crate) struct Who(pub Actor);

/// A service of CaseHug's own. It asks as an admin: a member who took an event away, or called one done, would keep it from the host.
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
                | Code::DisconnectFirst,
                _,
            ) => StatusCode::CONFLICT,
            (_, ErrorKind::Input | ErrorKind::Auth) => StatusCode::BAD_REQUEST,
            (_, ErrorKind::Host | ErrorKind::Internal) => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_GATEWAY,
        };
        (status, Json(json!({ "error": self.0 }))).into_response()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Who {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
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
