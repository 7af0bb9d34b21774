//! The sync log and the audit log, asked by question.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use casehug_clio::{Action, ActorId, AuditQuery, AuditStatus, ErrorKind, MatterId, RunQuery, RunStatus, Timestamp};
use serde::Deserialize;

use super::Shared;
use crate::answer::{Answer, Asked, Nothing, Who, refused, text};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Logged {
    matter: Option<String>,
    status: Option<String>,
    cause: Option<String>,
    since: Option<String>,
    until: Option<String>,
    after: Option<String>,
    #[serde(default, deserialize_with = "text")]
    limit: usize,
}

pub(super) async fn sync_log(State(service): Shared, Who(actor): Who, Asked(asked): Asked<Logged>) -> Answer<Response> {
    let query = RunQuery {
        matter: asked.matter.map(|id| at("matter", MatterId::new(id))).transpose()?,
        status: asked.status.map(|name| known("status", RunStatus::from_name(&name))).transpose()?,
        cause: asked.cause.map(|name| known("cause", ErrorKind::from_name(&name))).transpose()?,
        since: asked.since.map(|text| time("since", &text)).transpose()?,
        until: asked.until.map(|text| time("until", &text)).transpose()?,
        after: asked.after,
        limit: asked.limit,
    };
    Ok(Json(service.sdk.firm(&actor).matters().runs(query).await?).into_response())
}

pub(super) async fn retry(
    State(service): Shared,
    Who(actor): Who,
    Path(run): Path<String>,
    _: Nothing,
) -> Answer<StatusCode> {
    service.sdk.firm(&actor).matters().retry(&run).await?;
    Ok(StatusCode::ACCEPTED)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Audited {
    action: Option<String>,
    status: Option<String>,
    actor: Option<String>,
    since: Option<String>,
    until: Option<String>,
    after: Option<String>,
    #[serde(default, deserialize_with = "text")]
    limit: usize,
}

pub(super) async fn audit(State(service): Shared, Who(actor): Who, Asked(asked): Asked<Audited>) -> Answer<Response> {
    let query = AuditQuery {
        action: asked.action.map(|name| known("action", Action::from_name(&name))).transpose()?,
        status: asked.status.map(|name| known("status", AuditStatus::from_name(&name))).transpose()?,
        actor: asked.actor.map(|id| at("actor", ActorId::new(id))).transpose()?,
        since: asked.since.map(|text| time("since", &text)).transpose()?,
        until: asked.until.map(|text| time("until", &text)).transpose()?,
        after: asked.after,
        limit: asked.limit,
    };
    Ok(Json(service.sdk.firm(&actor).audit().list(query).await?).into_response())
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
pub(super) fn time(path: &'static str, text: &str) -> casehug_clio::Result<Timestamp> {
    Timestamp::parse(text).ok_or_else(|| refused(path, "not_rfc3339"))
}
