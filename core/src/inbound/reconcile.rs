//! Finding what no delivery told of.
//!
//! The *poll* asks what was changed since its cursor: Clio's clock at the start of the last poll, less an overlap. The *sweep* asks after every linked
//! matter, 200 a call, and so finds what is gone: "gone or hidden", because Clio answers both alike. Both are bulk in the request budget.

use core::time::Duration;

use super::hook::health;
use super::status;
use super::status::{Seen, Source};
use crate::calls::Caller;
use crate::calls::budget::Class;
use crate::clio::{ApiRequest, Matter, Page, matters, practice_areas};
use crate::connection::{Connection, Links};
use crate::domain::{Applied, ClioId, FirmId};
use crate::error::{Code, Result};
use crate::links::linked_matters;
use crate::ports::{Commit, Expect};
use crate::settings::{PracticeArea, PracticeAreas};
use crate::store::schedule::{Chore, Next, Progress};
use crate::store::{Action, AuditEntry, AuditStatus, wake_in};
use crate::sync::Engine;

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

impl Engine {
    pub(crate) async fn poll(&self, firm: &FirmId, progress: &mut Progress) -> Result<Next> {
        let health = health(&self.journal, firm).await?;
        let next = if health.is_some_and(|health| health.delivers) { WITH_HOOKS } else { WITHOUT_HOOKS };
        let links = Links::current(&self.journal, firm).await?;
        let linked = linked_matters(&self.journal, &links, None, 1).await?;
        if linked.is_empty() {
            // Nothing of ours can have changed.
            progress.cursor = self.clio.clio_now().map(|now| now - OVERLAP);
            return Ok(Some(next));
        }
        let Some(cursor) = progress.cursor else {
            // Links of unknown age: each is asked after.
            progress.cursor = self.clio.clio_now().map(|now| now - OVERLAP);
            self.wake(firm, Chore::Sweep).await?;
            return Ok(Some(next));
        };
        let began = self.runtime.monotonic();
        let caller = Caller::of_firm(self, &links, Class::Bulk);
        let mut request: Option<ApiRequest<Page<Matter>>> = Some(matters::changed_since(cursor));
        let mut started = None;
        let mut told = 0_u32;
        for _ in 0..MOST_PAGES {
            let Some(asked) = request.take() else { break };
            let page = caller.repeat(&asked).await.map_err(|failure| failure.error)?;
            started = started.or_else(|| Some(self.clio.clio_now()? - began.until(self.runtime.monotonic())));
            for matter in &page.items {
                told += u32::from(self.take_seen(&links, Seen::from(matter)).await? == Applied::Told);
            }
            request = page.next;
        }
        if request.is_some() {
            self.wake(firm, Chore::Sweep).await?;
        }
        progress.cursor = started.map(|started| started - OVERLAP).or(progress.cursor);
        if told > 0 {
            self.note_found(firm, "poll", told).await?;
        }
        Ok(Some(next))
    }

    pub(crate) async fn sweep(&self, firm: &FirmId, progress: &mut Progress) -> Result<Next> {
        let links = Links::current(&self.journal, firm).await?;
        let part = linked_matters(&self.journal, &links, progress.after.as_deref(), PART).await?;
        let Some((last, _)) = part.last() else {
            progress.after = None;
            self.drop_old_looks(firm).await?;
            if let Err(error) = self.auth.drop_unneeded_keys(firm).await {
                // What cannot be read may need any of them: they stay. To fail here would be to begin the sweep anew.
                if error.code() != Code::StoreCorrupt {
                    return Err(error);
                }
                if self.journal.told().is_news(format!("data keys {firm}"), error.code()) {
                    tracing::error!(%firm, code = error.code().name(), "what a data key may seal cannot be read");
                }
            }
            let known = PracticeAreas::load(&self.journal, firm).await?;
            if known.is_some_and(|known| known.value.loaded_at + FRESH > self.runtime.now()) {
                return Ok(Some(SWEEP_EVERY));
            }
            self.reload_practice_areas(&Caller::of_firm(self, &links, Class::Bulk), firm).await?;
            return Ok(Some(SWEEP_EVERY));
        };
        let ids: Vec<ClioId> = part.iter().map(|(_, clio)| *clio).collect();
        let caller = Caller::of_firm(self, &links, Class::Bulk);
        let found = caller.all_pages(matters::statuses_of(&ids)).await.map_err(|failure| failure.error)?;
        let mut told = 0;
        for clio in &ids {
            let applied = match found.iter().find(|matter| matter.id == *clio) {
                Some(matter) => self.take_seen(&links, Seen::from(matter)).await?,
                // It was asked after when it went.
                None if status::is_gone(&self.journal, &links, *clio).await? => Applied::Nothing,
                None => self.ask_now(&links, *clio).await?,
            };
            told += u32::from(applied == Applied::Told);
        }
        if told > 0 {
            self.note_found(firm, "sweep", told).await?;
        }
        progress.after = Some(last.clone());
        Ok(Some(BREATH))
    }

    /// The firm's practice areas, as they are in Clio now.
    pub(crate) async fn reload_practice_areas(&self, caller: &Caller<'_>, firm: &FirmId) -> Result<PracticeAreas> {
        let found = caller.all_pages(practice_areas::list()).await.map_err(|failure| failure.error)?;
        loop {
            let connection = Connection::load_usable(&self.journal, firm).await?;
            // Of an account that the firm has left they would be other areas' ids.
            caller.require_links_of(&connection.value)?;
            let stored = PracticeAreas::load(&self.journal, firm).await?;
            let area = |area: &practice_areas::PracticeArea| PracticeArea {
                id: area.id,
                name: area.name.clone(),
                category: area.category.clone(),
                stands_for: Vec::new(),
            };
            let areas = PracticeAreas { loaded_at: self.runtime.now(), areas: found.iter().map(area).collect() }
                .after(stored.as_ref().map(|stored| &stored.value));
            let mut unit = self.journal.unit(firm)?;
            unit.check(Connection::key(firm), Expect::Version(connection.version));
            let expect = stored.map_or(Expect::Absent, |stored| Expect::Version(stored.version));
            unit.put(PracticeAreas::key(firm), expect, &areas)?;
            if matches!(self.journal.commit(&unit).await?, Commit::Done { .. }) {
                return Ok(areas);
            }
        }
    }

    /// Takes in what a list said. A filter that Clio does not know is ignored there, so most may be none of ours: those cost one read.
    async fn take_seen(&self, links: &Links, seen: Seen) -> Result<Applied> {
        let owner = crate::links::owner_key(links, "matter", seen.clio);
        if self.journal.store().get(&owner).await?.is_none() {
            return Ok(Applied::NotOurs);
        }
        for _ in 0..MOST_TURNS {
            let mut unit = self.journal.unit(&links.firm)?;
            match status::apply(&self.journal, &mut unit, links, seen, Source::Told).await? {
                Applied::Ask => return self.ask_now(links, seen.clio).await,
                applied if matches!(self.journal.commit(&unit).await?, Commit::Done { .. }) => return Ok(applied),
                _ => {}
            }
        }
        Err(Code::StoreConflict.into())
    }

    async fn ask_now(&self, links: &Links, clio: ClioId) -> Result<Applied> {
        for _ in 0..MOST_TURNS {
            let mut unit = self.journal.unit(&links.firm)?;
            let applied = match self.ask(links, &mut unit, clio, false, Class::Bulk).await {
                Err(error) if error.code() == Code::StoreConflict => continue,
                asked => asked?,
            };
            if matches!(self.journal.commit(&unit).await?, Commit::Done { .. }) {
                return Ok(applied);
            }
        }
        Err(Code::StoreConflict.into())
    }

    async fn note_found(&self, firm: &FirmId, how: &'static str, told: u32) -> Result<()> {
        let mut unit = self.journal.unit(firm)?;
        let entry = AuditEntry::by_system(Action::Reconcile, AuditStatus::Ok);
        unit.audit(entry.with("how", how).with("changes", told));
        self.journal.commit_or_conflict(&unit).await.map(|_| ())
    }

    /// Polls soon: deliveries may have been lost.
    pub(crate) async fn poll_soon(&self, firm: &FirmId) -> Result<()> {
        let mut unit = self.journal.unit(firm)?;
        wake_in(&self.journal, &mut unit, Chore::Poll).await?;
        // A conflict: somebody else did, or it is being done.
        self.journal.commit(&unit).await.map(|_| ())
    }
}
