//! Doing what the schedule says (`store/schedule.rs`): by whichever worker finds it due.

use super::Queue;
use crate::calls::plan_access;
use crate::inbound::{reconcile, subscriptions};
use crate::sync::duplicate_check;
use core::time::Duration;

use crate::domain::FirmId;
use crate::error::{Code, Result};
use crate::ports::{Commit, Expect, Record, Scan};
use crate::store::schedule::{MAINTENANCE, MaintenanceTask, Next, Progress};

/// Longer than the calls of one maintenance task take, waits for the budget included.
const LEASE: Duration = Duration::from_secs(600);
/// The first wait after a failure; it doubles, up to an hour.
const RETRY: Duration = Duration::from_secs(30);
const SLOWEST_RETRY: Duration = Duration::from_secs(3600);

/// The maintenance tasks that are due, of all firms.
pub(crate) async fn due_maintenance(queue: &Queue, limit: usize) -> Result<Vec<Record>> {
    let ctx = &queue.ctx;
    ctx.repository.store().scan(&Scan::Due { firm: None, collection: MAINTENANCE, limit }).await
}

/// Does a maintenance task that is due. `false`: somebody else does, or it cannot be written down
/// that it is being done.
pub(crate) async fn run_task(queue: &Queue, record: Record) -> Result<bool> {
    let ctx = &queue.ctx;
    let key = record.key.clone();
    let firm = key.firm.clone();
    let (failures, name) = (ctx.repository.failures(), format!("maintenance {firm} {}", key.id));
    let Ok(mut progress) = serde_json::from_str::<Progress>(&record.body) else {
        // Of a newer SDK, or broken: it must not stand in the way of the others.
        if failures.is_news(name, Code::StoreCorrupt) {
            tracing::error!(%firm, task = key.id, code = Code::StoreCorrupt.name(), "a maintenance task cannot be read");
        }
        let mut transaction = ctx.repository.transaction(&firm)?;
        transaction.defer(&record, SLOWEST_RETRY);
        return Ok(matches!(ctx.repository.commit(&transaction).await?, Commit::Done { .. }));
    };
    let mut transaction = ctx.repository.transaction(&firm)?;
    progress.being_done = true;
    let claimed = transaction.put_due(key.clone(), Expect::Version(record.version), Some(LEASE), &progress)?;
    progress.being_done = false;
    if ctx.repository.commit(&transaction).await? == Commit::Conflict {
        return Ok(false);
    }
    let next = match perform(queue, &firm, &mut progress).await {
        Ok(next) => {
            if failures.works(&name) {
                tracing::info!(%firm, task = progress.task.name(), "a maintenance task works again");
            }
            progress.failures = 0;
            next
        }
        // Connecting wakes it.
        Err(error) if matches!(error.code(), Code::NotConnected | Code::ReconnectRequired) => None,
        Err(error) if ctx.is_of_this_process(&firm, &error).await => Some(Duration::ZERO),
        Err(error) => {
            if failures.is_news(name, error.code()) {
                let (task, code) = (progress.task.name(), error.code().name());
                tracing::warn!(%firm, task, code, "a maintenance task fails, and is tried over and over");
            }
            progress.failures = progress.failures.saturating_add(1);
            Some(RETRY.saturating_mul(1 << progress.failures.min(8)).min(SLOWEST_RETRY))
        }
    };
    let mut expect = claimed;
    let mut due = next;
    loop {
        let mut transaction = ctx.repository.transaction(&firm)?;
        transaction.put_due(key.clone(), Expect::Version(expect), due, &progress)?;
        if matches!(ctx.repository.commit(&transaction).await?, Commit::Done { .. }) {
            return Ok(true);
        }
        // Woken meanwhile: what was found out is kept, and it is done again, when that is asked for
        // or when it would be done anyway.
        let Some(now) = ctx.repository.get::<Progress>(&key).await? else { return Ok(true) };
        progress.begin_anew();
        let asked_for = match now.due_at {
            Some(due_at) => ctx.repository.store_now(&firm).await?.until(due_at),
            None => Duration::ZERO,
        };
        (expect, due) = (now.version, Some(next.map_or(asked_for, |next| next.min(asked_for))));
    }
}

async fn perform(queue: &Queue, firm: &FirmId, progress: &mut Progress) -> Result<Next> {
    let ctx = &queue.ctx;
    match progress.task {
        MaintenanceTask::Subscriptions => subscriptions::keep_subscriptions(ctx, firm).await,
        MaintenanceTask::Poll => reconcile::poll(ctx, firm, progress).await,
        MaintenanceTask::Sweep => sweep(queue, firm, progress).await,
        MaintenanceTask::Revocation => queue.auth.revoke(firm).await,
        MaintenanceTask::Authorization => queue.auth.ask_what_was_reported(firm).await,
        MaintenanceTask::SecondRecords => duplicate_check::recheck_for_duplicates(ctx, firm).await,
        MaintenanceTask::ApiAccess => plan_access::ask_for_api_access(ctx, firm).await,
        MaintenanceTask::Grants => queue.auth.look_after_grants(firm).await,
        MaintenanceTask::KeyProof => queue.auth.show_that_key_opens(firm).await,
    }
}

/// One part of a sweep. With the first one goes what nothing needs any more, whether Clio can be
/// asked or not; the last one loads the practice areas.
async fn sweep(queue: &Queue, firm: &FirmId, progress: &mut Progress) -> Result<Next> {
    if progress.after.is_none() {
        drop_unneeded(queue, firm).await?;
    }
    let next = reconcile::sweep(&queue.ctx, firm, progress).await?;
    if next.is_some() {
        return Ok(next);
    }
    // Should this fail it is done again, and not the whole sweep.
    let next = reconcile::refresh_areas(&queue.ctx, firm).await?;
    progress.after = None;
    Ok(next)
}

async fn drop_unneeded(queue: &Queue, firm: &FirmId) -> Result<()> {
    duplicate_check::drop_old_checks(&queue.ctx, firm).await?;
    if let Err(error) = queue.auth.drop_unneeded_keys(firm).await {
        // What cannot be read may need any of them: they stay. To fail here would be to begin no
        // sweep.
        if error.code() != Code::StoreCorrupt {
            return Err(error);
        }
        if queue.ctx.repository.failures().is_news(format!("data keys {firm}"), error.code()) {
            tracing::error!(%firm, code = error.code().name(), "what a data key may seal cannot be read");
        }
    }
    Ok(())
}
