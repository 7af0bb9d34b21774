//! The routes. Each is a call of the SDK and its answer as JSON.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use casehug_clio::api::ProposedContact;
use casehug_clio::domain::{ActorId, FirmId, MatterId, RunStatus, Timestamp, Trigger};
use casehug_clio::history::{AuditQuery, RunQuery};
use casehug_clio::ports::Headers;
use casehug_clio::settings::{FirmSettings, SettingsChange};
use casehug_clio::store::{Action, AuditStatus};
use casehug_clio::{ErrorKind, Sdk};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use crate::answer::{Answer, Asked, Host, Nothing, Sent, Who, refused, say_in_json, text};
use crate::callback::by_a_person;
use crate::intakes::FirmIntakes;
use crate::web;
use crate::web::origin::from_our_pages;
use crate::web::pages::wants_a_page;
use crate::web::sign_in::as_chosen;
use crate::web::stream::Streams;

/// Nothing that is sent here is larger.
const MOST_BODY: usize = 1024 * 1024;

/// What every route may use.
#[derive(Clone)]
pub(crate) struct Service {
    pub sdk: Arc<Sdk>,
    pub intakes: FirmIntakes,
    /// Where Clio sends browsers back to.
    pub callback: Arc<str>,
    /// Scheme, host and port of the public URL: the `Origin` of our own pages.
    pub origin: Arc<str>,
    /// Whether users are chosen on a page.
    pub demo_sign_in: bool,
    /// Who is told of changes.
    pub streams: Streams,
}

pub(crate) type Shared = State<Service>;

impl Service {
    pub(crate) fn new(sdk: Arc<Sdk>, intakes: FirmIntakes, public: &Url, demo_sign_in: bool, streams: Streams) -> Self {
        let callback = below(public, "oauth/callback").into();
        Self { sdk, intakes, callback, origin: public.origin().ascii_serialization().into(), demo_sign_in, streams }
    }
}

/// A path below the public URL, which may have a path of its own.
pub(crate) fn below(public: &Url, path: &str) -> String {
    format!("{}/{path}", public.as_str().trim_end_matches('/'))
}

pub(crate) fn all(service: Service) -> Router {
    let mut routes = Router::new()
        .route("/connect", get(connect))
        .route("/oauth/callback", get(callback_from_clio).layer(middleware::from_fn(by_a_person)))
        .route("/disconnect", post(disconnect))
        .route("/deauthorized/{firm}", post(deauthorized))
        .route("/status", get(status))
        .route("/settings", get(settings).put(save_settings).patch(change_settings))
        .route("/settings/export", get(export_settings).put(import_settings))
        .route("/mappings", get(mappings))
        .route("/mappings/{case_type}", put(map_case_type))
        .route("/matters/{matter}", get(matter))
        .route("/matters/{matter}/sync", post(sync))
        .route("/matters/{matter}/approved", post(approved))
        .route("/sync-log", get(sync_log))
        .route("/sync-log/{run}/retry", post(retry))
        .route("/audit", get(audit))
        .route("/held", get(held).post(run_held))
        .route("/contact-proposals", get(contact_proposals))
        .route("/contact-proposals/{proposal}", post(decide_contact))
        .route("/contact-proposals/{proposal}/applied", post(contact_applied))
        .route("/matters/{matter}/contact-changed", post(contact_changed))
        .route("/matters/{matter}/status-changed", post(status_changed))
        .route("/events", get(events))
        .route("/events/ack", post(ack))
        .merge(web::routes(service.demo_sign_in))
        .layer(middleware::map_response(say_in_json))
        .layer(middleware::from_fn_with_state(service.clone(), from_our_pages))
        // Its replies are the SDK's own, and have no body.
        .route("/webhooks/{token}", post(webhook))
        .layer(DefaultBodyLimit::max(MOST_BODY));
    if service.demo_sign_in {
        routes = routes.layer(middleware::from_fn_with_state(service.clone(), as_chosen));
    }
    routes.with_state(service)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Connecting {
    /// Another Clio account than before, with links of its own.
    #[serde(default, deserialize_with = "text")]
    separate: bool,
}

async fn connect(State(service): Shared, Who(actor): Who, Asked(how): Asked<Connecting>) -> Answer<Redirect> {
    let start = match how.separate {
        false => service.sdk.firm(&actor).connection().begin(service.callback.as_ref()).await?,
        true => service.sdk.firm(&actor).connection().begin_separate(service.callback.as_ref()).await?,
    };
    Ok(Redirect::to(start.authorize_url.as_str()))
}

/// Asked again, it answers the same. A browser that leaves ends nothing: the SDK finishes what it
/// began.
async fn callback_from_clio(
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

async fn disconnect(State(service): Shared, Who(actor): Who, _: Nothing) -> Answer<Json<Value>> {
    service.sdk.firm(&actor).connection().end().await?;
    Ok(Json(json!({ "success": true })))
}

async fn deauthorized(State(service): Shared, Path(firm): Path<String>) -> Answer<StatusCode> {
    service.sdk.host().report_deauthorization(&FirmId::new(firm)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The raw bytes, before anything parses them: that is what is signed.
async fn webhook(State(service): Shared, Path(token): Path<String>, given: HeaderMap, body: Bytes) -> Response {
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

async fn status(State(service): Shared, Who(actor): Who) -> Answer<Response> {
    Ok(Json(service.sdk.firm(&actor).connection().health().await?).into_response())
}

async fn settings(State(service): Shared, Who(actor): Who) -> Answer<Json<FirmSettings>> {
    Ok(Json(service.sdk.firm(&actor).settings().get().await?))
}

async fn save_settings(
    State(service): Shared,
    Who(actor): Who,
    Sent(settings): Sent<FirmSettings>,
) -> Answer<Json<Value>> {
    Ok(Json(json!({ "revision": service.sdk.firm(&actor).settings().save(settings.clone()).await?.revision })))
}

async fn change_settings(
    State(service): Shared,
    Who(actor): Who,
    Sent(change): Sent<SettingsChange>,
) -> Answer<Json<Value>> {
    Ok(Json(json!({ "revision": service.sdk.firm(&actor).settings().change(change.clone()).await?.revision })))
}

async fn export_settings(State(service): Shared, Who(actor): Who) -> Answer<Response> {
    let document = service.sdk.firm(&actor).settings().export().await?.document;
    Ok(([(header::CONTENT_TYPE, "application/json")], document).into_response())
}

async fn import_settings(State(service): Shared, Who(actor): Who, document: String) -> Answer<Json<Value>> {
    Ok(Json(json!({ "revision": service.sdk.firm(&actor).settings().import(&document).await?.revision })))
}

async fn mappings(State(service): Shared, Who(actor): Who) -> Answer<Response> {
    Ok(Json(service.sdk.firm(&actor).settings().mappings().await?).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Area {
    /// `null`: the default again.
    #[serde(deserialize_with = "casehug_clio::json::nullable")]
    practice_area: Option<String>,
}

async fn map_case_type(
    State(service): Shared,
    Who(actor): Who,
    Path(case_type): Path<String>,
    Sent(area): Sent<Area>,
) -> Answer<Json<Value>> {
    let revision = service.sdk.firm(&actor).settings().map_case_type(&case_type, area.practice_area).await?.revision;
    Ok(Json(json!({ "revision": revision })))
}

async fn matter(State(service): Shared, Who(actor): Who, Path(matter): Path<String>) -> Answer<Response> {
    Ok(Json(service.sdk.firm(&actor).matters().state(&MatterId::new(matter)?).await?).into_response())
}

/// "Sync to Clio" on the matter's page. A worker does it; `GET /matters/{matter}` tells how far it
/// is.
async fn sync(State(service): Shared, Who(actor): Who, Path(matter): Path<String>, _: Nothing) -> Answer<StatusCode> {
    service.sdk.firm(&actor).matters().trigger(&MatterId::new(matter)?, Trigger::Manual).await?;
    Ok(StatusCode::ACCEPTED)
}

/// CaseHug approved something. `202`: it will be synced; `204`: the firm's settings say that an
/// approval syncs nothing.
async fn approved(
    State(service): Shared,
    Who(actor): Who,
    Path(matter): Path<String>,
    _: Nothing,
) -> Answer<StatusCode> {
    let taken = service.sdk.firm(&actor).matters().trigger(&MatterId::new(matter)?, Trigger::Approved).await?.accepted;
    Ok(if taken { StatusCode::ACCEPTED } else { StatusCode::NO_CONTENT })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Logged {
    matter: Option<String>,
    status: Option<String>,
    cause: Option<String>,
    since: Option<String>,
    until: Option<String>,
    after: Option<String>,
    #[serde(default, deserialize_with = "text")]
    limit: usize,
}

async fn sync_log(State(service): Shared, Who(actor): Who, Asked(asked): Asked<Logged>) -> Answer<Response> {
    let query = RunQuery {
        matter: asked.matter.map(|id| at("matter", MatterId::new(id))).transpose()?,
        status: asked.status.map(|name| known("status", RunStatus::from_name(&name))).transpose()?,
        cause: asked.cause.map(|name| known("cause", ErrorKind::from_name(&name))).transpose()?,
        since: asked.since.map(|text| time("since", &text)).transpose()?,
        until: asked.until.map(|text| time("until", &text)).transpose()?,
        after: asked.after,
        limit: asked.limit,
    };
    Ok(Json(service.sdk.firm(&actor).matters().runs(query.clone()).await?).into_response())
}

async fn retry(State(service): Shared, Who(actor): Who, Path(run): Path<String>, _: Nothing) -> Answer<StatusCode> {
    service.sdk.firm(&actor).matters().retry(&run).await?;
    Ok(StatusCode::ACCEPTED)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Audited {
    action: Option<String>,
    status: Option<String>,
    actor: Option<String>,
    since: Option<String>,
    until: Option<String>,
    after: Option<String>,
    #[serde(default, deserialize_with = "text")]
    limit: usize,
}

async fn audit(State(service): Shared, Who(actor): Who, Asked(asked): Asked<Audited>) -> Answer<Response> {
    let query = AuditQuery {
        action: asked.action.map(|name| known("action", Action::from_name(&name))).transpose()?,
        status: asked.status.map(|name| known("status", AuditStatus::from_name(&name))).transpose()?,
        actor: asked.actor.map(|id| at("actor", ActorId::new(id))).transpose()?,
        since: asked.since.map(|text| time("since", &text)).transpose()?,
        until: asked.until.map(|text| time("until", &text)).transpose()?,
        after: asked.after,
        limit: asked.limit,
    };
    Ok(Json(service.sdk.firm(&actor).audit().list(query.clone()).await?).into_response())
}

/// What was asked for, if there is such a thing.
fn known<T>(path: &'static str, found: Option<T>) -> casehug_clio::Result<T> {
    found.ok_or_else(|| refused(path, "value_not_allowed"))
}

/// What was asked for, and where it stands if it cannot be.
fn at<T>(path: &'static str, found: casehug_clio::Result<T>) -> casehug_clio::Result<T> {
    found.map_err(|error| error.with("path", path))
}

/// RFC 3339.
fn time(path: &'static str, text: &str) -> casehug_clio::Result<Timestamp> {
    Timestamp::parse(text).ok_or_else(|| refused(path, "not_rfc3339"))
}

async fn held(State(service): Shared, Who(actor): Who) -> Answer<Response> {
    Ok(Json(service.sdk.firm(&actor).matters().held().await?).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Run {
    run: bool,
}

async fn run_held(State(service): Shared, Who(actor): Who, Sent(Run { run }): Sent<Run>) -> Answer<Json<Value>> {
    let matters = service.sdk.firm(&actor).matters();
    let done = if run { matters.release_held().await? } else { matters.discard_held().await? };
    Ok(Json(json!(done)))
}

/// What would be taken over: client data, for an admin's eyes.
async fn contact_proposals(State(service): Shared, Who(actor): Who) -> Answer<Json<Vec<ProposedContact>>> {
    Ok(Json(service.sdk.firm(&actor).contacts().proposals().await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Decision {
    accept: bool,
}

async fn decide_contact(
    State(service): Shared,
    Who(actor): Who,
    Path(proposal): Path<String>,
    Sent(Decision { accept }): Sent<Decision>,
) -> Answer<StatusCode> {
    let contacts = service.sdk.firm(&actor).contacts();
    match accept {
        true => contacts.accept(&proposal).await?,
        false => contacts.reject(&proposal).await?,
    }
    Ok(StatusCode::NO_CONTENT)
}

async fn contact_applied(
    State(service): Shared,
    Host(actor): Host,
    Path(proposal): Path<String>,
    _: Nothing,
) -> Answer<StatusCode> {
    service.sdk.host().mark_contact_applied(&actor.firm, &proposal).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The client of this matter was changed in CaseHug.
async fn contact_changed(
    State(service): Shared,
    Who(actor): Who,
    Path(matter): Path<String>,
    _: Nothing,
) -> Answer<Json<Value>> {
    let proposal = service.sdk.firm(&actor).contacts().propose(&MatterId::new(matter)?).await?.proposal;
    Ok(Json(json!({ "proposal": proposal })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StatusChanged {
    at: String,
}

/// CaseHug changed the matter's status itself, at this time on its clock.
async fn status_changed(
    State(service): Shared,
    Host(actor): Host,
    Path(matter): Path<String>,
    Sent(StatusChanged { at }): Sent<StatusChanged>,
) -> Answer<StatusCode> {
    service.sdk.host().record_status_change(&actor.firm, &MatterId::new(matter)?, time("at", &at)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Events of the actor's firm, leased for a minute.
async fn events(State(service): Shared, Host(actor): Host) -> Answer<Json<Value>> {
    let events = service.sdk.host().next_events(Some(actor.firm.clone()), 50, Duration::from_secs(2)).await?;
    let events: Vec<Value> = events.iter().map(|event| json!({ "id": event.id, "event": event.body })).collect();
    Ok(Json(Value::Array(events)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ack {
    id: String,
}

async fn ack(State(service): Shared, Host(actor): Host, Sent(Ack { id }): Sent<Ack>) -> Answer<StatusCode> {
    service.sdk.host().ack_event(&actor.firm, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_below_the_public_url_keeps_its_path() {
        for (public, webhooks) in [
            ("https://host.example", "https://host.example/webhooks"),
            ("https://host.example/clio", "https://host.example/clio/webhooks"),
            ("https://host.example/clio/", "https://host.example/clio/webhooks"),
        ] {
            assert_eq!(below(&public.parse().unwrap(), "webhooks"), webhooks);
        }
    }
}
