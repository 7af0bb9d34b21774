//! Syncing in bulk: handlers of the operations in group `backfills`.

use super::Sdk;
use super::results::BackfillStarted;
use crate::connection::Connection;
use crate::domain::{Actor, MatterId};
use crate::error::Result;
use crate::jobs::{self, BackfillPlan, BackfillState, BackfillStatus};

pub(super) async fn plan_backfill(sdk: &Sdk, actor: &Actor, matters: Vec<MatterId>) -> Result<BackfillPlan> {
    jobs::plan_backfill(&sdk.queue.ctx, &actor.firm, &matters).await
}

pub(super) async fn start_backfill(sdk: &Sdk, actor: &Actor, matters: Vec<MatterId>) -> Result<BackfillStarted> {
    Connection::load_usable(&sdk.repository, &actor.firm).await?;
    let id = jobs::begin_backfill(&sdk.repository, actor, &matters).await?;
    sdk.queue.ctx.workers.notify();
    Ok(BackfillStarted { id })
}

pub(super) async fn list_backfills(sdk: &Sdk, actor: &Actor) -> Result<Vec<BackfillState>> {
    jobs::list_backfills(&sdk.repository, &actor.firm).await
}

pub(super) async fn pause_backfill(sdk: &Sdk, actor: &Actor, id: String) -> Result<BackfillState> {
    change(sdk, actor, &id, BackfillStatus::Paused).await
}

pub(super) async fn resume_backfill(sdk: &Sdk, actor: &Actor, id: String) -> Result<BackfillState> {
    change(sdk, actor, &id, BackfillStatus::Running).await
}

pub(super) async fn cancel_backfill(sdk: &Sdk, actor: &Actor, id: String) -> Result<BackfillState> {
    change(sdk, actor, &id, BackfillStatus::Cancelled).await
}

async fn change(sdk: &Sdk, actor: &Actor, id: &str, to: BackfillStatus) -> Result<BackfillState> {
    let state = jobs::change_backfill(&sdk.repository, actor, id, to).await?;
    sdk.queue.ctx.workers.notify();
    Ok(state)
}
