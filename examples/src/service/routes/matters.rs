//! Syncing a matter, and the matters that wait for a connection.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use casehug_clio::{MatterId, Trigger};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Shared;
use crate::answer::{Answer, Nothing, Sent, Who};

pub(super) async fn matter(State(service): Shared, Who(actor): Who, Path(matter): Path<String>) -> Answer<Response> {
    Ok(Json(service.sdk.firm(&actor).matters().state(&MatterId::new(matter)?).await?).into_response())
}

/// "Sync to Clio" on the matter's page. A worker does it; `GET /matters/{matter}` tells how far it
/// is.
pub(super) async fn sync(
    State(service): Shared,
    Who(actor): Who,
    Path(matter): Path<String>,
    _: Nothing,
) -> Answer<StatusCode> {
    service.sdk.firm(&actor).matters().trigger(&MatterId::new(matter)?, Trigger::Manual).await?;
    Ok(StatusCode::ACCEPTED)
}

/// CaseHug approved something. `202`: it will be synced; `204`: the firm's settings say that an
/// approval syncs nothing.
pub(super) async fn approved(
    State(service): Shared,
    Who(actor): Who,
    Path(matter): Path<String>,
    _: Nothing,
) -> Answer<StatusCode> {
    let taken = service.sdk.firm(&actor).matters().trigger(&MatterId::new(matter)?, Trigger::Approved).await?.accepted;
    Ok(if taken { StatusCode::ACCEPTED } else { StatusCode::NO_CONTENT })
}

pub(super) async fn held(State(service): Shared, Who(actor): Who) -> Answer<Response> {
    Ok(Json(service.sdk.firm(&actor).matters().held().await?).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Run {
    run: bool,
    /// These only.
    #[serde(default)]
    matters: Option<Vec<MatterId>>,
}

pub(super) async fn run_held(
    State(service): Shared,
    Who(actor): Who,
    Sent(Run { run, matters: these }): Sent<Run>,
) -> Answer<Json<Value>> {
    let matters = service.sdk.firm(&actor).matters();
    let done = if run { matters.release_held(these).await? } else { matters.discard_held(these).await? };
    Ok(Json(json!(done)))
}
