//! The firm's settings, and what each case type maps to.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use casehug_clio::{FirmSettings, SettingsChange};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Shared;
use crate::answer::{Answer, Sent, Who};

pub(super) async fn settings(State(service): Shared, Who(actor): Who) -> Answer<Json<FirmSettings>> {
    Ok(Json(service.sdk.firm(&actor).settings().get().await?))
}

pub(super) async fn save_settings(
    State(service): Shared,
    Who(actor): Who,
    Sent(settings): Sent<FirmSettings>,
) -> Answer<Json<Value>> {
    Ok(Json(json!({ "revision": service.sdk.firm(&actor).settings().save(settings).await?.revision })))
}

pub(super) async fn change_settings(
    State(service): Shared,
    Who(actor): Who,
    Sent(change): Sent<SettingsChange>,
) -> Answer<Json<Value>> {
    Ok(Json(json!({ "revision": service.sdk.firm(&actor).settings().change(change).await?.revision })))
}

pub(super) async fn export_settings(State(service): Shared, Who(actor): Who) -> Answer<Response> {
    let document = service.sdk.firm(&actor).settings().export().await?.document;
    Ok(([(header::CONTENT_TYPE, "application/json")], document).into_response())
}

pub(super) async fn import_settings(State(service): Shared, Who(actor): Who, document: String) -> Answer<Json<Value>> {
    Ok(Json(json!({ "revision": service.sdk.firm(&actor).settings().import(&document).await?.revision })))
}

pub(super) async fn mappings(State(service): Shared, Who(actor): Who) -> Answer<Response> {
    Ok(Json(service.sdk.firm(&actor).settings().mappings().await?).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Area {
    /// `null`: the default again.
    #[serde(deserialize_with = "casehug_clio::json::nullable")]
    practice_area: Option<String>,
}

pub(super) async fn map_case_type(
    State(service): Shared,
    Who(actor): Who,
    Path(case_type): Path<String>,
    Sent(area): Sent<Area>,
) -> Answer<Json<Value>> {
    let revision = service.sdk.firm(&actor).settings().map_case_type(&case_type, area.practice_area).await?.revision;
    Ok(Json(json!({ "revision": revision })))
}
