//! Connecting to Clio and ending it, what Clio delivers, and how the integration stands.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use casehug_clio::ports::Headers;
use casehug_clio::{ConnectionId, FirmId};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Shared;
use crate::answer::{Answer, Asked, Nothing, Who, text};
use crate::web::pages::wants_a_page;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Connecting {
    /// Another Clio account than before, with links of its own.
    #[serde(default, deserialize_with = "text")]
    separate: bool,
}

pub(super) async fn connect(
    State(service): Shared,
    Who(actor): Who,
    Asked(how): Asked<Connecting>,
) -> Answer<Redirect> {
    let start = match how.separate {
        false => service.sdk.firm(&actor).connection().begin(service.callback.as_ref()).await?,
        true => service.sdk.firm(&actor).connection().begin_separate(service.callback.as_ref()).await?,
    };
    Ok(Redirect::to(start.authorize_url.as_str()))
}

/// Asked again, it answers the same. A browser that leaves ends nothing: the SDK finishes what it
/// began.
pub(super) async fn callback_from_clio(
    State(service): Shared,
    Who(actor): Who,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Answer<Redirect> {
    let finished = service.sdk.firm(&actor).connection().finish(&query.unwrap_or_default()).await;
    // From `/oauth/callback`: what stands before it in the public URL is not seen here.
    if !wants_a_page(&headers) {
        return Ok(finished.map(|_| Redirect::to("../status"))?);
    }
    let how = finished.map_or_else(|error| format!("error={}", error.code().name()), |_| String::from("connected=1"));
    Ok(Redirect::to(&format!("../settings/integrations?{how}")))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Disconnecting {
    /// The connection that the admin was shown, as `/status` names it.
    #[serde(default)]
    connection: Option<ConnectionId>,
}

pub(super) async fn disconnect(
    State(service): Shared,
    Who(actor): Who,
    Asked(Disconnecting { connection }): Asked<Disconnecting>,
    _: Nothing,
) -> Answer<Json<Value>> {
    service.sdk.firm(&actor).connection().end(connection).await?;
    Ok(Json(json!({ "success": true })))
}

pub(super) async fn deauthorized(State(service): Shared, Path(firm): Path<String>) -> Answer<StatusCode> {
    service.sdk.host().report_deauthorization(&FirmId::new(firm)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The raw bytes, before anything parses them: that is what is signed.
pub(super) async fn webhook(
    State(service): Shared,
    Path(token): Path<String>,
    given: HeaderMap,
    body: Bytes,
) -> Response {
    let mut headers = Headers::new();
    for (name, value) in &given {
        if let Ok(value) = value.to_str() {
            headers.push(name.as_str(), value);
        }
    }
    let reply = service.sdk.handle_webhook(&token, &headers, &body).await;
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let mut response = status.into_response();
    for (name, value) in reply.headers {
        if let Ok(value) = header::HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

pub(super) async fn status(State(service): Shared, Who(actor): Who) -> Answer<Response> {
    Ok(Json(service.sdk.firm(&actor).connection().health().await?).into_response())
}
