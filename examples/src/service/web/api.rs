//! `POST /api/{operation}`: one route for all operations of the SDK's table, none of them by hand.
//! Who may call which is in the table too, and checked by the SDK.

use axum::Json;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use casehug_clio::{Actor, Caller, Role, operations};
use serde_json::{Value, json};

use crate::answer::{Answer, JsonBytes, Who, is_ours, refusal, refused};
use crate::routes::Shared;

/// A user, or a service of CaseHug's own: `x-casehug-role: host` alone. What names a user beside it
/// did not come from such a service, and is nobody.
pub(crate) enum Asking {
    User(Actor),
    Host,
}

impl<S: Send + Sync> FromRequestParts<S> for Asking {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let said: Vec<_> = parts.headers.iter().filter(|(name, _)| is_ours(name)).collect();
        if let [(name, role)] = said[..]
            && *name == "x-casehug-role"
            && role == "host"
        {
            return Ok(Self::Host);
        }
        Who::from_request_parts(parts, state).await.map(|Who(actor)| Self::User(actor))
    }
}

/// The body holds the operation's arguments, the answer its result, as `api/operations.json`
/// describes them. An operation without a result answers `{}`.
pub(crate) async fn call(
    State(service): Shared,
    asking: Asking,
    Path(operation): Path<String>,
    JsonBytes(arguments): JsonBytes,
) -> Answer<Response> {
    if !operations().iter().any(|known| known.name == operation) {
        return Ok(refusal(StatusCode::NOT_FOUND, refused("operation", "unknown")).into_response());
    }
    let caller = match &asking {
        Asking::User(actor) => Caller::User(actor),
        Asking::Host => Caller::Host,
    };
    let result = service.sdk.call(caller, &operation, &arguments).await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], result).into_response())
}

/// These routes as an OpenAPI 3.1 document, generated from the same table. Nobody has to be signed
/// in to read it.
pub(crate) async fn description() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], include_str!("../../../../api/openapi.json")).into_response()
}

/// Who is signed in.
pub(crate) async fn me(Who(actor): Who) -> Json<Value> {
    Json(json!({ "firm": actor.firm, "user": actor.id, "role": named(actor.role) }))
}

/// The firm's matters in CaseHug, for "all that are not synced": their ids and nothing more.
pub(crate) async fn matters(State(service): Shared, Who(actor): Who) -> Answer<Json<Value>> {
    let matters = service.matters(&actor.firm).await?;
    let listed: Vec<Value> = matters.iter().map(|matter| json!({ "id": matter })).collect();
    Ok(Json(json!({ "matters": listed })))
}

pub(crate) const fn named(role: Role) -> &'static str {
    match role {
        Role::Admin => "admin",
        Role::Member => "member",
    }
}
