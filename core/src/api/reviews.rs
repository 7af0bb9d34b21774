//! What only a person can decide: handlers of the operations in group `reviews`.

use super::Sdk;
use crate::domain::{Actor, ClioId, StepKind, Timestamp};
use crate::error::Result;
use crate::jobs;
use crate::links::Decision;
use crate::sync::{self, Review};

pub(super) async fn list_reviews(sdk: &Sdk, actor: &Actor) -> Result<Vec<Review>> {
    sync::review::reviews(&sdk.queue.ctx, &actor.firm).await
}

pub(super) async fn resolve_review(
    sdk: &Sdk,
    actor: &Actor,
    step: StepKind,
    id: String,
    decision: Decision,
    candidates: Option<Vec<ClioId>>,
) -> Result<()> {
    let (queue, actor) = (sdk.queue.clone(), actor.clone());
    sdk.to_the_end(async move { jobs::decide(&queue, &actor, step, &id, decision, candidates.as_deref()).await }).await
}

pub(super) async fn begin_recovery(sdk: &Sdk, actor: &Actor, since: Timestamp) -> Result<()> {
    sync::recover(&sdk.repository, actor, &sdk.queue.ctx.config, Some(since)).await
}

pub(super) async fn end_recovery(sdk: &Sdk, actor: &Actor) -> Result<()> {
    sync::recover(&sdk.repository, actor, &sdk.queue.ctx.config, None).await
}
