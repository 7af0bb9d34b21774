//! Doing what the schedule says (`store/schedule.rs`): by whichever worker finds it due.

use super::Queue;
use crate::calls::plan_access;
use crate::inbound::{reconcile, subscriptions};
use crate::sync::repeated;
use core::time::Duration;

use crate::domain::FirmId;
use crate::error::{Code, Result};
use crate::ports::{Commit, Expect, Record, Scan};
use crate::store::schedule::{CHORES, Chore, Next, Progress};

/// Longer than the calls of one chore take, waits for the budget included.
const LEASE: Duration = Duration::from_secs(600);
/// The first wait after a failure; it doubles, up to an hour.
const RETRY: Duration = Duration::from_secs(30);
const SLOWEST_RETRY: Duration = Duration::from_secs(3600);

/// The chores that are due, of all firms.
pub(crate) async fn due_chores(queue: &Queue, limit: usize) -> Result<Vec<Record>> {
    let ctx = &queue.ctx;
    ctx.journal.store().scan(&Scan::Due { firm: None, collection: CHORES, limit }).await
}

/// Does a chore that is due. `false`: somebody else does, or it cannot be written down that it is being done.
pub(crate) async fn do_chore(queue: &Queue, record: Record) -> Result<bool> {
    let ctx = &queue.ctx;
    let key = record.key.clone();
    let firm = key.firm.clone();
    let (told, name) = (ctx.journal.told(), format!("chore {firm} {}", key.id));
    let Ok(mut progress) = serde_json::from_str::<Progress>(&record.body) else {
        // Of a newer SDK, or broken: it must not stand in the way of the others.
        if told.is_news(name, Code::StoreCorrupt) {
            tracing::error!(%firm, chore = key.id, code = Code::StoreCorrupt.name(), "a chore cannot be read");
        }
        let mut unit = ctx.journal.unit(&firm)?;
        unit.put_off(&record, SLOWEST_RETRY);
        return Ok(matches!(ctx.journal.commit(&unit).await?, Commit::Done { .. }));
    };
    let mut unit = ctx.journal.unit(&firm)?;
    let claimed = unit.put_off(&record, LEASE);
    if ctx.journal.commit(&unit).await? == Commit::Conflict {
        return Ok(false);
    }
    let next = match perform(queue, &firm, &mut progress).await {
        Ok(next) => {
            if told.works(&name) {
                tracing::info!(%firm, chore = progress.chore.name(), "a chore works again");
            }
            progress.failures = 0;
            next
        }
        // Connecting wakes it.
        Err(error) if matches!(error.code(), Code::NotConnected | Code::ReconnectRequired) => None,
        Err(error) if ctx.is_of_this_process(&firm, &error).await => Some(Duration::ZERO),
        Err(error) => {
            if told.is_news(name, error.code()) {
                let (chore, code) = (progress.chore.name(), error.code().name());
                tracing::warn!(%firm, chore, code, "a chore fails, and is tried over and over");
            }
            progress.failures = progress.failures.saturating_add(1);
            Some(RETRY.saturating_mul(1 << progress.failures.min(8)).min(SLOWEST_RETRY))
        }
    };
    let mut expect = claimed;
    let mut due = next;
    loop {
        let mut unit = ctx.journal.unit(&firm)?;
        unit.put_due(key.clone(), Expect::Version(expect), due, &progress)?;
        if matches!(ctx.journal.commit(&unit).await?, Commit::Done { .. }) {
            return Ok(true);
        }
        // Woken meanwhile: what was found out is kept, and it is done again.
        let Some(now) = ctx.journal.get::<Progress>(&key).await? else { return Ok(true) };
        progress.begin_anew();
        (expect, due) = (now.version, Some(Duration::ZERO));
    }
}

async fn perform(queue: &Queue, firm: &FirmId, progress: &mut Progress) -> Result<Next> {
    let ctx = &queue.ctx;
    match progress.chore {
        Chore::Subscriptions => subscriptions::keep_subscriptions(ctx, firm).await,
        Chore::Poll => reconcile::poll(ctx, firm, progress).await,
        Chore::Sweep => sweep(queue, firm, progress).await,
        Chore::Revocation => queue.auth.revoke(firm).await,
        Chore::Authorization => queue.auth.ask_what_was_reported(firm).await,
        Chore::SecondRecords => repeated::look_for_second_records(ctx, firm).await,
        Chore::ApiAccess => plan_access::ask_for_api_access(ctx, firm).await,
        Chore::Grants => queue.auth.look_after_grants(firm).await,
    }
}

/// One part of a sweep; at its end goes what nothing needs any more.
async fn sweep(queue: &Queue, firm: &FirmId, progress: &mut Progress) -> Result<Next> {
    let next = reconcile::sweep(&queue.ctx, firm, progress).await?;
    if next.is_some() {
        return Ok(next);
    }
    repeated::drop_old_looks(&queue.ctx, firm).await?;
    if let Err(error) = queue.auth.drop_unneeded_keys(firm).await {
        // What cannot be read may need any of them: they stay. To fail here would be to begin the sweep anew.
        if error.code() != Code::StoreCorrupt {
            return Err(error);
        }
        if queue.ctx.journal.told().is_news(format!("data keys {firm}"), error.code()) {
            tracing::error!(%firm, code = error.code().name(), "what a data key may seal cannot be read");
        }
    }
    reconcile::refresh_areas(&queue.ctx, firm).await
}
