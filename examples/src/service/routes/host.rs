//! What CaseHug's own services ask: the outbox, and what they report.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use casehug_clio::MatterId;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Shared;
use super::logs::time;
use crate::answer::{Answer, Host, Nothing, Sent};

pub(super) async fn contact_applied(
    State(service): Shared,
    Host(actor): Host,
    Path(proposal): Path<String>,
    _: Nothing,
) -> Answer<StatusCode> {
    service.sdk.host().mark_contact_applied(&actor.firm, &proposal).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StatusChanged {
    at: String,
}

/// CaseHug changed the matter's status itself, at this time on its clock.
pub(super) async fn status_changed(
    State(service): Shared,
    Host(actor): Host,
    Path(matter): Path<String>,
    Sent(StatusChanged { at }): Sent<StatusChanged>,
) -> Answer<StatusCode> {
    service.sdk.host().record_status_change(&actor.firm, &MatterId::new(matter)?, time("at", &at)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Events of the actor's firm, leased for a minute.
pub(super) async fn events(State(service): Shared, Host(actor): Host) -> Answer<Json<Value>> {
    let events = service.sdk.host().next_events(Some(actor.firm.clone()), 50, Duration::from_secs(2)).await?;
    let events: Vec<Value> = events.iter().map(|event| json!({ "id": event.id, "event": event.body })).collect();
    Ok(Json(Value::Array(events)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ack {
    id: String,
}

pub(super) async fn ack(State(service): Shared, Host(actor): Host, Sent(Ack { id }): Sent<Ack>) -> Answer<StatusCode> {
    service.sdk.host().ack_event(&actor.firm, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
