//! What only a person can decide: handlers of the operations in group `reviews`.

use super::Sdk;
use crate::domain::Actor;
use crate::domain::StepKind;
use crate::domain::Timestamp;
use crate::error::Result;
use crate::links::Decision;
use crate::sync::{self, Review};

pub(super) async fn list_reviews(sdk: &Sdk, actor: &Actor) -> Result<Vec<Review>> {
    sdk.engine.reviews(&actor.firm).await
}

pub(super) async fn resolve_review(
    sdk: &Sdk,
    actor: &Actor,
    step: StepKind,
    id: String,
    decision: Decision,
) -> Result<()> {
    sdk.engine.decide(actor, step, &id, decision).await
}

pub(super) async fn begin_recovery(sdk: &Sdk, actor: &Actor, since: Timestamp) -> Result<()> {
    sync::recover(&sdk.journal, actor, &sdk.engine.config, Some(since)).await
}

pub(super) async fn end_recovery(sdk: &Sdk, actor: &Actor) -> Result<()> {
    sync::recover(&sdk.journal, actor, &sdk.engine.config, None).await
}
