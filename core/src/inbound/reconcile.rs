//! Finding what no delivery notified of.
//!
//! The *poll* asks what was changed since its cursor: Clio's clock at the start of the last poll,
//! less an overlap. The *sweep* asks after every linked matter, 200 a call, and so finds what is
//! gone: "gone or hidden", because Clio answers both alike. Both are bulk in the request budget.
//!
//! What Clio answers for one matter, over and over, stops neither: that one is left out and asked
//! after again by the next sweep. A few of those in a row may be Clio's trouble with all, and end
//! the part there; the next one begins behind them.

use super::inbox;
use super::inbox::Doubt;
use core::time::Duration;

use super::hook::health;
use super::status;
use super::status::{Observed, Source};
use crate::calls::budget::Class;
use crate::calls::{ApiClient, Context, is_of_one_record};
use crate::clio::{ApiRequest, Matter, Page, matters};
use crate::connection::AccountScope;
use crate::domain::{Applied, ClioId, FirmId};
use crate::error::{Code, Error, Result};
use crate::links::linked_matters;
use crate::ports::Commit;
use crate::settings::PracticeAreas;
use crate::settings::practice_areas::reload_practice_areas;
use crate::store::schedule::{MaintenanceTask, Next, Progress};
use crate::store::{Action, AuditEntry, AuditStatus, schedule_now};

/// Shorter than Clio goes on trying to deliver.
const WITH_HOOKS: Duration = Duration::from_secs(3600);
const WITHOUT_HOOKS: Duration = Duration::from_secs(300);
/// Clio's filters may lag behind its writes.
const OVERLAP: Duration = Duration::from_secs(300);
/// Where nothing is linked: until it looks again whether that is so, and then rests.
const UNTIL_REST: Duration = Duration::from_secs(60);
/// Of a poll that rests, in case an SDK that knows nothing of it made the first link.
const REST: Duration = Duration::from_secs(24 * 3600);
const SWEEP_EVERY: Duration = Duration::from_secs(24 * 3600);
/// Practice areas as young as this were loaded when the firm connected.
const FRESH: Duration = Duration::from_secs(12 * 3600);
/// Between two parts of a sweep: four calls a minute are a small share of the fifty (Clio: Rate
/// limits).
const BREATH: Duration = Duration::from_secs(15);
/// Records of one page (Clio: Paging).
const PART: usize = 200;
/// More changes than this are left to a sweep.
const MOST_PAGES: usize = 20;
const MOST_ATTEMPTS: usize = 8;
/// Matters of a poll, or of a part of a sweep, about which Clio may fail.
const MOST_FAILURES: usize = 3;

pub(crate) async fn poll(ctx: &Context, firm: &FirmId, progress: &mut Progress) -> Result<Next> {
    let scope = AccountScope::current(&ctx.repository, firm).await?;
    let linked = linked_matters(&ctx.repository, &scope, None, 1).await?;
    if linked.is_empty() {
        // Nothing of ours can have changed. It rests once it has found that twice: whoever links
        // the first matter after it has written that down wakes it, and who did before was seen.
        progress.cursor = ctx.clio.clio_now().map(|now| now - OVERLAP);
        let rests = core::mem::replace(&mut progress.nothing_linked, true);
        return Ok(Some(if rests { REST } else { UNTIL_REST }));
    }
    progress.nothing_linked = false;
    let health = health(&ctx.repository, firm).await?;
    let next = if health.is_some_and(|health| health.delivers) { WITH_HOOKS } else { WITHOUT_HOOKS };
    let Some(cursor) = progress.cursor else {
        // Links of unknown age: each is asked after.
        progress.cursor = ctx.clio.clio_now().map(|now| now - OVERLAP);
        ctx.wake(firm, MaintenanceTask::Sweep).await?;
        return Ok(Some(next));
    };
    let began = ctx.runtime.monotonic();
    let client_api = ApiClient::of_firm(ctx, &scope, Class::Bulk);
    let mut request: Option<ApiRequest<Page<Matter>>> = Some(matters::changed_since(cursor));
    let mut started = None;
    let mut pass = Pass::default();
    for _ in 0..MOST_PAGES {
        let Some(asked) = request.take() else { break };
        let page = client_api.repeat(&asked).await.map_err(|failure| failure.error)?;
        started = started.or_else(|| Some(ctx.clio.clio_now()? - began.until(ctx.runtime.monotonic())));
        for matter in page.items.iter().map(Observed::from) {
            // What Clio fails over so often is not asked for any more, and what is listed still is
            // taken in.
            let asks = pass.failures < MOST_FAILURES;
            pass.take(take_seen(ctx, &scope, matter, asks).await)?;
        }
        request = page.next;
    }
    if request.is_some() {
        ctx.wake(firm, MaintenanceTask::Sweep).await?;
    }
    // What failed is left to the sweep: from an older place ever more would have to be looked at.
    progress.cursor = started.map(|started| started - OVERLAP).or(progress.cursor);
    pass.end(ctx, firm, "poll").await?;
    Ok(Some(next))
}

/// Asks after one part of the links. Gives when the next part is due; `None`: all were asked after.
/// The place that was reached is in `progress` whatever went wrong.
pub(crate) async fn sweep(ctx: &Context, firm: &FirmId, progress: &mut Progress) -> Result<Next> {
    let scope = AccountScope::current(&ctx.repository, firm).await?;
    let part = linked_matters(&ctx.repository, &scope, progress.after.as_deref(), PART).await?;
    if part.is_empty() {
        return Ok(None);
    }
    let ids: Vec<ClioId> = part.iter().map(|(_, clio)| *clio).collect();
    let client_api = ApiClient::of_firm(ctx, &scope, Class::Bulk);
    let found = client_api.all_pages(matters::statuses_of(&ids)).await.map_err(|failure| failure.error)?;
    let mut pass = Pass::default();
    for (place, clio) in part {
        let listed = found.iter().find(|matter| matter.id == clio);
        pass.take(look_after(ctx, &scope, clio, listed).await)?;
        progress.after = Some(place);
        if pass.failures >= MOST_FAILURES {
            break;
        }
    }
    pass.end(ctx, firm, "sweep").await?;
    Ok(Some(BREATH))
}

/// Takes in what a list said of one of our matters; Clio is asked for one that is not in it.
async fn look_after(ctx: &Context, scope: &AccountScope, clio: ClioId, listed: Option<&Matter>) -> Result<Applied> {
    match listed {
        Some(matter) => take_seen(ctx, scope, Observed::from(matter), true).await,
        // It was asked after when it went.
        None if status::is_gone(&ctx.repository, scope, clio).await? => Ok(Applied::Nothing),
        None => ask_now(ctx, scope, clio).await,
    }
}

/// What came of many matters.
#[derive(Default)]
struct Pass {
    notified: u32,
    failures: usize,
    /// The first one of those.
    failed: Option<Error>,
}

impl Pass {
    /// # Errors
    /// What says something of other matters too.
    fn take(&mut self, applied: Result<Applied>) -> Result<()> {
        match applied {
            Ok(applied) => self.notified += u32::from(applied == Applied::Notified),
            Err(error) if is_of_one_record(&error) => {
                self.failures += 1;
                self.failed.get_or_insert(error);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// # Errors
    /// What went wrong of one matter.
    async fn end(self, ctx: &Context, firm: &FirmId, how: &'static str) -> Result<()> {
        if self.notified > 0 {
            note_found(ctx, firm, how, self.notified).await?;
        }
        self.failed.map_or(Ok(()), Err)
    }
}

/// The end of a sweep: the practice areas, unless they are fresh; what may not be read is asked for
/// with the next one. Gives when that is due.
pub(crate) async fn refresh_areas(ctx: &Context, firm: &FirmId) -> Result<Next> {
    let known = PracticeAreas::load(&ctx.repository, firm).await?;
    if known.is_none_or(|known| known.value.loaded_at + FRESH <= ctx.runtime.now()) {
        let scope = AccountScope::current(&ctx.repository, firm).await?;
        match reload_practice_areas(ctx, &ApiClient::of_firm(ctx, &scope, Class::Bulk), firm).await {
            // To fail for what may not be read would be to begin no sweep again.
            Err(error) if matches!(error.code(), Code::UserRoleForbids | Code::AppPermissionMissing) => {
                if ctx.repository.failures().is_news(format!("practice areas {firm}"), error.code()) {
                    tracing::warn!(%firm, code = error.code().name(), "the practice areas cannot be read");
                }
            }
            loaded => loaded.map(drop)?,
        }
    }
    Ok(Some(SWEEP_EVERY))
}

/// Takes in what a list said. A filter that Clio does not know is ignored there, so most may be
/// none of ours: those cost one read. `asks`: Clio, if the list does not say enough.
async fn take_seen(ctx: &Context, scope: &AccountScope, seen: Observed, asks: bool) -> Result<Applied> {
    let owner = crate::links::owner_key(scope, "matter", seen.clio);
    if ctx.repository.store().get(&owner).await?.is_none() {
        return Ok(Applied::NotOurs);
    }
    for _ in 0..MOST_ATTEMPTS {
        let mut transaction = ctx.repository.transaction(&scope.firm)?;
        match status::apply(&ctx.repository, &mut transaction, scope, seen, Source::Notified).await? {
            Applied::Ask if asks => return ask_now(ctx, scope, seen.clio).await,
            Applied::Ask => return Ok(Applied::Ask),
            applied if matches!(ctx.repository.commit(&transaction).await?, Commit::Done { .. }) => return Ok(applied),
            _ => {}
        }
    }
    Err(Code::StoreConflict.into())
}

async fn ask_now(ctx: &Context, scope: &AccountScope, clio: ClioId) -> Result<Applied> {
    for _ in 0..MOST_ATTEMPTS {
        let mut transaction = ctx.repository.transaction(&scope.firm)?;
        let applied = match inbox::ask(ctx, scope, &mut transaction, clio, Doubt::Listed).await {
            Err(error) if error.code() == Code::StoreConflict => continue,
            asked => asked?,
        };
        if matches!(ctx.repository.commit(&transaction).await?, Commit::Done { .. }) {
            return Ok(applied);
        }
    }
    Err(Code::StoreConflict.into())
}

async fn note_found(ctx: &Context, firm: &FirmId, how: &'static str, notified: u32) -> Result<()> {
    let mut transaction = ctx.repository.transaction(firm)?;
    let entry = AuditEntry::by_system(Action::Reconcile, AuditStatus::Ok);
    transaction.audit(entry.with("how", how).with("changes", notified));
    ctx.repository.commit_or_conflict(&transaction).await.map(|_| ())
}

/// Polls soon: deliveries may have been lost.
pub(crate) async fn poll_soon(ctx: &Context, firm: &FirmId) -> Result<()> {
    let mut transaction = ctx.repository.transaction(firm)?;
    schedule_now(&ctx.repository, &mut transaction, MaintenanceTask::Poll).await?;
    // A conflict: somebody else did, or it is being done.
    ctx.repository.commit(&transaction).await.map(|_| ())
}
