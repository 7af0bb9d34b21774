//! Finding what no delivery told of.
//!
//! The *poll* asks what was changed since its cursor: Clio's clock at the start of the last poll, less an overlap. The *sweep* asks after every linked
//! matter, 200 a call, and so finds what is gone: "gone or hidden", because Clio answers both alike. Both are bulk in the request budget.

use super::inbox;
use core::time::Duration;

use super::hook::health;
use super::status;
use super::status::{Seen, Source};
use crate::calls::budget::Class;
use crate::calls::{Caller, Context};
use crate::clio::{ApiRequest, Matter, Page, matters};
use crate::connection::Links;
use crate::domain::{Applied, ClioId, FirmId};
use crate::error::{Code, Result};
use crate::links::linked_matters;
use crate::ports::Commit;
use crate::settings::PracticeAreas;
use crate::settings::practice_areas::reload_practice_areas;
use crate::store::schedule::{Chore, Next, Progress};
use crate::store::{Action, AuditEntry, AuditStatus, wake_in};

/// Shorter than Clio goes on trying to deliver.
const WITH_HOOKS: Duration = Duration::from_secs(3600);
const WITHOUT_HOOKS: Duration = Duration::from_secs(300);
/// Clio's filters may lag behind its writes.
const OVERLAP: Duration = Duration::from_secs(300);
const SWEEP_EVERY: Duration = Duration::from_secs(24 * 3600);
/// Practice areas as young as this were loaded when the firm connected.
const FRESH: Duration = Duration::from_secs(12 * 3600);
/// Between two parts of a sweep: four calls a minute are a small share of the fifty (Clio: Rate limits).
const BREATH: Duration = Duration::from_secs(15);
/// Records of one page (Clio: Paging).
const PART: usize = 200;
/// More changes than this are left to a sweep.
const MOST_PAGES: usize = 20;
const MOST_TURNS: usize = 8;

pub(crate) async fn poll(ctx: &Context, firm: &FirmId, progress: &mut Progress) -> Result<Next> {
    let health = health(&ctx.journal, firm).await?;
    let next = if health.is_some_and(|health| health.delivers) { WITH_HOOKS } else { WITHOUT_HOOKS };
    let links = Links::current(&ctx.journal, firm).await?;
    let linked = linked_matters(&ctx.journal, &links, None, 1).await?;
    if linked.is_empty() {
        // Nothing of ours can have changed.
        progress.cursor = ctx.clio.clio_now().map(|now| now - OVERLAP);
        return Ok(Some(next));
    }
    let Some(cursor) = progress.cursor else {
        // Links of unknown age: each is asked after.
        progress.cursor = ctx.clio.clio_now().map(|now| now - OVERLAP);
        ctx.wake(firm, Chore::Sweep).await?;
        return Ok(Some(next));
    };
    let began = ctx.runtime.monotonic();
    let caller = Caller::of_firm(ctx, &links, Class::Bulk);
    let mut request: Option<ApiRequest<Page<Matter>>> = Some(matters::changed_since(cursor));
    let mut started = None;
    let mut told = 0_u32;
    for _ in 0..MOST_PAGES {
        let Some(asked) = request.take() else { break };
        let page = caller.repeat(&asked).await.map_err(|failure| failure.error)?;
        started = started.or_else(|| Some(ctx.clio.clio_now()? - began.until(ctx.runtime.monotonic())));
        for matter in &page.items {
            told += u32::from(take_seen(ctx, &links, Seen::from(matter)).await? == Applied::Told);
        }
        request = page.next;
    }
    if request.is_some() {
        ctx.wake(firm, Chore::Sweep).await?;
    }
    progress.cursor = started.map(|started| started - OVERLAP).or(progress.cursor);
    if told > 0 {
        note_found(ctx, firm, "poll", told).await?;
    }
    Ok(Some(next))
}

/// Asks after one part of the links. Gives when the next part is due; `None`: all were asked after.
pub(crate) async fn sweep(ctx: &Context, firm: &FirmId, progress: &mut Progress) -> Result<Next> {
    let links = Links::current(&ctx.journal, firm).await?;
    let part = linked_matters(&ctx.journal, &links, progress.after.as_deref(), PART).await?;
    let Some((last, _)) = part.last() else {
        progress.after = None;
        return Ok(None);
    };
    let ids: Vec<ClioId> = part.iter().map(|(_, clio)| *clio).collect();
    let caller = Caller::of_firm(ctx, &links, Class::Bulk);
    let found = caller.all_pages(matters::statuses_of(&ids)).await.map_err(|failure| failure.error)?;
    let mut told = 0;
    for clio in &ids {
        let applied = match found.iter().find(|matter| matter.id == *clio) {
            Some(matter) => take_seen(ctx, &links, Seen::from(matter)).await?,
            // It was asked after when it went.
            None if status::is_gone(&ctx.journal, &links, *clio).await? => Applied::Nothing,
            None => ask_now(ctx, &links, *clio).await?,
        };
        told += u32::from(applied == Applied::Told);
    }
    if told > 0 {
        note_found(ctx, firm, "sweep", told).await?;
    }
    progress.after = Some(last.clone());
    Ok(Some(BREATH))
}

/// The end of a sweep: the practice areas, unless they are fresh. Gives when the next sweep is due.
pub(crate) async fn refresh_areas(ctx: &Context, firm: &FirmId) -> Result<Next> {
    let known = PracticeAreas::load(&ctx.journal, firm).await?;
    if known.is_none_or(|known| known.value.loaded_at + FRESH <= ctx.runtime.now()) {
        let links = Links::current(&ctx.journal, firm).await?;
        reload_practice_areas(ctx, &Caller::of_firm(ctx, &links, Class::Bulk), firm).await?;
    }
    Ok(Some(SWEEP_EVERY))
}

/// Takes in what a list said. A filter that Clio does not know is ignored there, so most may be none of ours: those cost one read.
async fn take_seen(ctx: &Context, links: &Links, seen: Seen) -> Result<Applied> {
    let owner = crate::links::owner_key(links, "matter", seen.clio);
    if ctx.journal.store().get(&owner).await?.is_none() {
        return Ok(Applied::NotOurs);
    }
    for _ in 0..MOST_TURNS {
        let mut unit = ctx.journal.unit(&links.firm)?;
        match status::apply(&ctx.journal, &mut unit, links, seen, Source::Told).await? {
            Applied::Ask => return ask_now(ctx, links, seen.clio).await,
            applied if matches!(ctx.journal.commit(&unit).await?, Commit::Done { .. }) => return Ok(applied),
            _ => {}
        }
    }
    Err(Code::StoreConflict.into())
}

async fn ask_now(ctx: &Context, links: &Links, clio: ClioId) -> Result<Applied> {
    for _ in 0..MOST_TURNS {
        let mut unit = ctx.journal.unit(&links.firm)?;
        let applied = match inbox::ask(ctx, links, &mut unit, clio, false, Class::Bulk).await {
            Err(error) if error.code() == Code::StoreConflict => continue,
            asked => asked?,
        };
        if matches!(ctx.journal.commit(&unit).await?, Commit::Done { .. }) {
            return Ok(applied);
        }
    }
    Err(Code::StoreConflict.into())
}

async fn note_found(ctx: &Context, firm: &FirmId, how: &'static str, told: u32) -> Result<()> {
    let mut unit = ctx.journal.unit(firm)?;
    let entry = AuditEntry::by_system(Action::Reconcile, AuditStatus::Ok);
    unit.audit(entry.with("how", how).with("changes", told));
    ctx.journal.commit_or_conflict(&unit).await.map(|_| ())
}

/// Polls soon: deliveries may have been lost.
pub(crate) async fn poll_soon(ctx: &Context, firm: &FirmId) -> Result<()> {
    let mut unit = ctx.journal.unit(firm)?;
    wake_in(&ctx.journal, &mut unit, Chore::Poll).await?;
    // A conflict: somebody else did, or it is being done.
    ctx.journal.commit(&unit).await.map(|_| ())
}
