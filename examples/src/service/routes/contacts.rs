//! Changes of contacts for review, in both directions.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use casehug_clio::MatterId;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Shared;
use crate::answer::{Answer, Nothing, Sent, Who};

/// What would be taken over: client data, for an admin's eyes.
pub(super) async fn contact_proposals(State(service): Shared, Who(actor): Who) -> Answer<Response> {
    Ok(Json(service.sdk.firm(&actor).contacts().proposals().await?).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Decision {
    accept: bool,
}

pub(super) async fn decide_contact(
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

/// The client of this matter was changed in CaseHug.
pub(super) async fn contact_changed(
    State(service): Shared,
    Who(actor): Who,
    Path(matter): Path<String>,
    _: Nothing,
) -> Answer<Json<Value>> {
    let proposal = service.sdk.firm(&actor).contacts().propose(&MatterId::new(matter)?).await?.proposal;
    Ok(Json(json!({ "proposal": proposal })))
}
