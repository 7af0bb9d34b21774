//! What a person decided is acted on.

use super::queue::Queue;
use crate::domain::{Actor, ClioId, StepKind, Trigger};
use crate::error::Result;
use crate::links::Decision;
use crate::sync::review;

/// Writes an answer into the intent, and has the matters synced.
pub(crate) async fn decide(
    queue: &Queue,
    actor: &Actor,
    step: StepKind,
    id: &str,
    decision: Decision,
    shown: Option<&[ClioId]>,
) -> Result<()> {
    let answered = review::answer(&queue.ctx, actor, step, id, decision, shown).await?;
    for matter in &answered.matters {
        queue.trigger(&actor.firm, matter, Trigger::Manual, &actor.id).await?;
    }
    // It must not be answered once more, when what is being created is another try.
    review::close_answered(&queue.ctx, &actor.firm, answered).await
}
