//! What is known of a linked matter's status, and what the host was told: the last write wins, by
//! Clio's `updated_at`.
//!
//! A matter that is linked counts as told *open*, which is what we created it as; anything else is
//! told with the link. Every later change is told in the commit that takes it in. Times are whole
//! seconds: two different statuses of one second can only be told apart by asking Clio.
//!
//! `updated_at` is of the matter's last edit, whatever was edited. Where the host set the status
//! itself, an edit that shows the status known before is no news: only a delivery that says that
//! the status was set is. So what was closed and opened again in Clio meanwhile, with both
//! deliveries lost, goes untold.

use crate::domain::Applied;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clio::{Matter, MatterStatus};
use crate::connection::AccountScope;
use crate::domain::{ClioId, MatterId, Timestamp};
use crate::error::{Code, Result};
use crate::links::{Owner, owner_key};
use crate::ports::{Expect, Key, Version};
use crate::store::restore::told_key;
use crate::store::schedule::{link_in, poll_key};
use crate::store::{Event, EventBody, Repository, Transaction, Versioned, restore_generation};

/// An event that overtook its link waits this long. The link is minutes away at most: after an
/// outage its lookup reads the status anyway.
pub(crate) const EARLY_KEPT: Duration = Duration::from_secs(3600);
pub(crate) const EARLY: &str = "matter-early";

/// A matter's status as Clio told it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Observed {
    pub clio: ClioId,
    pub status: Option<MatterStatus>,
    pub updated_at: Option<Timestamp>,
    /// When its status was set, if a delivery says that it was.
    pub set_at: Option<Timestamp>,
}

impl From<&Matter> for Observed {
    fn from(matter: &Matter) -> Self {
        Self { clio: matter.id, status: matter.status, updated_at: matter.updated_at, set_at: None }
    }
}

/// `matter-status/<Clio id>`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Known {
    pub matter: MatterId,
    pub status: MatterStatus,
    /// The edit that it was seen with last, on Clio's clock.
    pub updated_at: Timestamp,
    /// The edit that it was seen with first, or set with again. Not known of what an earlier
    /// version wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_at: Option<Timestamp>,
    /// When the host last changed the status itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_changed_at: Option<Timestamp>,
    /// The recovery after which it was told.
    #[serde(rename = "epoch", default, skip_serializing_if = "Option::is_none")]
    pub restore_generation: Option<String>,
    /// Deleted in Clio, or hidden from the connected user.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gone: bool,
    /// When that was learned, on the host's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen_at: Option<Timestamp>,
}

/// What Clio said last of a matter, as far as it was heard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ClioStatus {
    /// `open`, `pending`, `closed`; or `gone`: deleted, or hidden from the connected user.
    pub status: &'static str,
    /// The first edit of the matter that was seen with this status, on Clio's clock: its status was
    /// changed then or, if nothing told of that, before. Of one that is gone, of the status before
    /// that.
    pub changed_at: Option<Timestamp>,
    /// When that was learned, on the host's clock; `None`: by an earlier version of the SDK.
    pub seen_at: Option<Timestamp>,
}

impl From<&Known> for ClioStatus {
    fn from(known: &Known) -> Self {
        let status = if known.gone { "gone" } else { known.status.name() };
        let changed_at = Some(known.status_at()).filter(|at| *at > Timestamp(0));
        Self { status, changed_at, seen_at: known.seen_at }
    }
}

impl Known {
    fn status_at(&self) -> Timestamp {
        self.status_at.unwrap_or(self.updated_at)
    }
}

/// What is known of one of our matters in Clio.
pub(crate) async fn clio_status(
    repository: &Repository,
    scope: &AccountScope,
    clio: ClioId,
) -> Result<Option<ClioStatus>> {
    let known = repository.get::<Known>(&known_key(scope, clio)).await?;
    Ok(known.map(|known| ClioStatus::from(&known.value)))
}

/// `matter-early/<Clio id>`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Early {
    status: MatterStatus,
    updated_at: Timestamp,
    /// Clio said that it was deleted; it may have been restored since.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    deleted: bool,
}

impl Early {
    fn of(self) -> (MatterStatus, Timestamp) {
        (self.status, self.updated_at)
    }
}

/// What to do with something seen.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Drop,
    Ask,
    Keep { tell: bool },
}

fn known_key(scope: &AccountScope, clio: ClioId) -> Key {
    scope.key("matter-status", clio)
}

fn early_key(scope: &AccountScope, clio: ClioId) -> Key {
    scope.key(EARLY, clio)
}

/// Where something seen comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Source<'a> {
    /// A delivery, or a list of Clio's.
    Notified,
    /// Clio was asked for this very matter, when what is known had this version. It is surer than
    /// whatever was written before, and than nothing else.
    Asked(Option<&'a Version>),
}

/// `set_at`: as [`Observed`]'s. `sure`: Clio itself was asked, after whatever is known was written.
fn judge(
    known: Option<&Known>,
    (status, at): (MatterStatus, Timestamp),
    set_at: Option<Timestamp>,
    sure: bool,
    restore_generation: Option<&str>,
) -> Verdict {
    let Some(known) = known else { return Verdict::Keep { tell: true } };
    let forgotten = known.restore_generation.as_deref() != restore_generation;
    if at < known.updated_at && !mutated!(LastWriteWins) {
        return Verdict::Drop;
    }
    let own = known.host_changed_at;
    // What the host has now is its own, and what Clio said before is no reason to undo that.
    let host_has_own = own.is_some_and(|own| own > known.status_at());
    let set_since = set_at.is_some_and(|set| own.is_some_and(|own| set >= own)) || mutated!(OwnStatus);
    let is_news = match (status == known.status, at == known.updated_at) {
        _ if known.gone && !sure => return Verdict::Ask,
        (true, _) if known.gone => !host_has_own || set_since,
        (true, false) => forgotten || host_has_own && set_since,
        (true, true) if forgotten || host_has_own && set_since => true,
        (true, true) => return Verdict::Drop,
        (false, true) if !sure => return Verdict::Ask,
        (false, _) => true,
    };
    Verdict::Keep { tell: is_news && own.is_none_or(|own| at >= own) }
}

/// Adds to `transaction` what something seen changes. A conflict of the commit means: again.
pub(crate) async fn apply(
    repository: &Repository,
    transaction: &mut Transaction,
    scope: &AccountScope,
    seen: Observed,
    source: Source<'_>,
) -> Result<Applied> {
    let sure = matches!(source, Source::Asked(_));
    let (Some(status), Some(updated_at)) = (seen.status, seen.updated_at) else {
        let ours = repository.store().get(&owner_key(scope, "matter", seen.clio)).await?.is_some();
        // Asked already: Clio names a status that is not known here, and nothing can be told of it.
        return Ok(if ours && !sure { Applied::Ask } else { Applied::Nothing });
    };
    let Some(owner) = repository.get::<Owner>(&owner_key(scope, "matter", seen.clio)).await? else {
        return overtakes(repository, transaction, scope, seen.clio, Early { status, updated_at, deleted: false })
            .await;
    };
    let key = known_key(scope, seen.clio);
    let known = repository.get::<Known>(&key).await?;
    unchanged(known.as_ref(), source)?;
    let restore_generation = restore_generation(repository, &scope.firm).await?;
    let before = known.as_ref().map(|stored| &stored.value);
    let tell = match judge(before, (status, updated_at), seen.set_at, sure, restore_generation.as_deref()) {
        Verdict::Drop => return Ok(Applied::Nothing),
        Verdict::Ask => return Ok(Applied::Ask),
        Verdict::Keep { tell } => tell,
    };
    let matter = MatterId::new(owner.value.owner)?;
    let now = Known {
        matter: matter.clone(),
        status,
        updated_at,
        status_at: before.filter(|before| before.status == status && !tell).map(Known::status_at).or(Some(updated_at)),
        host_changed_at: before.and_then(|before| before.host_changed_at),
        restore_generation,
        gone: false,
        seen_at: Some(repository.runtime().now()),
    };
    transaction.put(key, expect(known.as_ref()), &now)?;
    if tell {
        transaction.event(failures(&matter, seen.clio, status, updated_at));
    }
    Ok(if tell { Applied::Notified } else { Applied::Nothing })
}

/// Keeps what is about a matter that is not linked: yet, or ever.
async fn overtakes(
    repository: &Repository,
    transaction: &mut Transaction,
    scope: &AccountScope,
    clio: ClioId,
    said: Early,
) -> Result<Applied> {
    // The link's commit puts the owner: either it meets this record, or this commit conflicts.
    transaction.check(owner_key(scope, "matter", clio), Expect::Absent);
    let key = early_key(scope, clio);
    let early = repository.get::<Early>(&key).await?;
    let before = early.as_ref().map(|early| early.value);
    let last = before.filter(|before| !is_later(said.of(), before.of())).unwrap_or(said);
    let now = Early { deleted: said.deleted || before.is_some_and(|before| before.deleted), ..last };
    if before != Some(now) {
        transaction.put_due(key, expect(early.as_ref()), Some(EARLY_KEPT), &now)?;
    }
    Ok(Applied::NotOurs)
}

/// Whether a status of a matter that is not linked yet came after another one. Within one second
/// *open* was first: the matter was created as that.
fn is_later((status, at): (MatterStatus, Timestamp), (other, earlier): (MatterStatus, Timestamp)) -> bool {
    at > earlier || (at == earlier && status != other && other == MatterStatus::Open)
}

/// Adds to the link's commit what is known of the new matter: what its answer or lookup said, and
/// what overtook that.
pub(crate) async fn link(
    repository: &Repository,
    transaction: &mut Transaction,
    scope: &AccountScope,
    matter: &MatterId,
    seen: Observed,
) -> Result<()> {
    let keys = [early_key(scope, seen.clio), known_key(scope, seen.clio), told_key(&scope.firm), poll_key(&scope.firm)];
    let repository = &repository.reading(&keys).await?;
    let key = early_key(scope, seen.clio);
    let early = repository.get::<Early>(&key).await?;
    match &early {
        Some(early) => transaction.delete(key, early.version.clone()),
        None => transaction.check(key, Expect::Absent),
    }
    let answered = (seen.status.unwrap_or(MatterStatus::Open), seen.updated_at.unwrap_or(Timestamp(0)));
    let early = early.map(|early| early.value);
    if early.is_some_and(|early| early.deleted) {
        super::inbox::put_deletion(repository, transaction, scope, seen.clio)?;
    }
    let (status, updated_at) = early.map(Early::of).filter(|early| is_later(*early, answered)).unwrap_or(answered);
    let key = known_key(scope, seen.clio);
    let known = repository.get::<Known>(&key).await?;
    let restore_generation = restore_generation(repository, &scope.firm).await?;
    // After a recovery the host may have been told of it before.
    let tell = status != MatterStatus::Open || restore_generation.is_some();
    let now = Known {
        matter: matter.clone(),
        status,
        updated_at,
        status_at: Some(updated_at),
        host_changed_at: None,
        restore_generation,
        gone: false,
        seen_at: Some(repository.runtime().now()),
    };
    transaction.put(key, expect(known.as_ref()), &now)?;
    link_in(repository, transaction, updated_at).await?;
    if tell {
        transaction.event(failures(matter, seen.clio, status, updated_at));
    }
    Ok(())
}

/// What is known of a matter, as it is stored now.
pub(crate) async fn known_version(
    repository: &Repository,
    scope: &AccountScope,
    clio: ClioId,
) -> Result<Option<Version>> {
    Ok(repository.store().get(&known_key(scope, clio)).await?.map(|record| record.version))
}

/// Whether one of our matters is already known to be gone.
pub(crate) async fn is_gone(repository: &Repository, scope: &AccountScope, clio: ClioId) -> Result<bool> {
    Ok(repository.get::<Known>(&known_key(scope, clio)).await?.is_some_and(|known| known.value.gone))
}

fn unchanged(known: Option<&Versioned<Known>>, source: Source<'_>) -> Result<()> {
    match source {
        Source::Asked(before) if before != known.map(|known| &known.version) => Err(Code::StoreConflict.into()),
        _ => Ok(()),
    }
}

/// What to do when Clio tells that a matter was deleted: it may have been restored since, so Clio
/// is asked, unless something newer is known.
pub(crate) async fn deleted(
    repository: &Repository,
    transaction: &mut Transaction,
    scope: &AccountScope,
    seen: Observed,
) -> Result<Applied> {
    if repository.store().get(&owner_key(scope, "matter", seen.clio)).await?.is_none() {
        // If it does not say enough, whatever Clio answers is later.
        let (status, updated_at) = seen.status.zip(seen.updated_at).unwrap_or((MatterStatus::Open, Timestamp(0)));
        return overtakes(repository, transaction, scope, seen.clio, Early { status, updated_at, deleted: true }).await;
    }
    let known = repository.get::<Known>(&known_key(scope, seen.clio)).await?;
    let newer = |known: &Known| known.gone || seen.updated_at.is_some_and(|at| at < known.updated_at);
    Ok(if known.is_some_and(|known| newer(&known.value)) { Applied::Nothing } else { Applied::Ask })
}

/// Adds to `transaction` that Clio, asked when what is known had the version `before`, does not
/// show one of our matters.
pub(crate) async fn gone(
    repository: &Repository,
    transaction: &mut Transaction,
    scope: &AccountScope,
    clio: ClioId,
    deleted: bool,
    before: Option<&Version>,
) -> Result<Applied> {
    let Some(owner) = repository.get::<Owner>(&owner_key(scope, "matter", clio)).await? else {
        return Ok(Applied::NotOurs);
    };
    let matter = MatterId::new(owner.value.owner)?;
    let key = known_key(scope, clio);
    let known = repository.get::<Known>(&key).await?;
    unchanged(known.as_ref(), Source::Asked(before))?;
    let now = match &known {
        Some(known) if known.value.gone => return Ok(Applied::Nothing),
        Some(known) => Known { gone: true, seen_at: Some(repository.runtime().now()), ..known.value.clone() },
        None => Known {
            matter: matter.clone(),
            status: MatterStatus::Open,
            updated_at: Timestamp(0),
            status_at: None,
            host_changed_at: None,
            restore_generation: None,
            gone: true,
            seen_at: Some(repository.runtime().now()),
        },
    };
    transaction.put(key, expect(known.as_ref()), &now)?;
    transaction.event(Event::about_matter(
        &matter,
        EventBody::MatterGone { matter: matter.clone(), clio_matter: clio, deleted },
    ));
    Ok(Applied::Notified)
}

/// Notes in `transaction` that the host changed the status itself: an older event from Clio is
/// dropped then. `at` is on Clio's clock, and in whole seconds, as Clio's own times are.
pub(crate) async fn host_changed(
    repository: &Repository,
    transaction: &mut Transaction,
    scope: &AccountScope,
    clio: ClioId,
    at: Timestamp,
) -> Result<()> {
    let key = known_key(scope, clio);
    if let Some(known) = repository.get::<Known>(&key).await?
        && known.value.host_changed_at.is_none_or(|earlier| earlier < at)
    {
        let now = Known { host_changed_at: Some(at), ..known.value };
        transaction.put(key, Expect::Version(known.version), &now)?;
    }
    Ok(())
}

fn failures(matter: &MatterId, clio: ClioId, status: MatterStatus, updated_at: Timestamp) -> Event {
    let body = EventBody::MatterStatus { matter: matter.clone(), clio_matter: clio, status, updated_at };
    Event::about_matter(matter, body)
}

fn expect<T>(stored: Option<&Versioned<T>>) -> Expect {
    stored.map_or(Expect::Absent, |stored| Expect::Version(stored.version.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(gone: bool, own: Option<i64>) -> Known {
        Known {
            matter: MatterId::new("m").unwrap(),
            status: MatterStatus::Open,
            updated_at: Timestamp(5_000),
            status_at: Some(Timestamp(5_000)),
            host_changed_at: own.map(Timestamp),
            restore_generation: None,
            gone,
            seen_at: None,
        }
    }

    #[test]
    fn the_last_write_wins_and_only_a_change_is_told() {
        let (open, closed) = (MatterStatus::Open, MatterStatus::Closed);
        let judge = |known: &Known, status, at, sure| judge(Some(known), (status, Timestamp(at)), None, sure, None);
        let live = known(false, None);
        assert_eq!(judge(&live, closed, 4_000, true), Verdict::Drop, "late");
        assert_eq!(judge(&live, open, 5_000, false), Verdict::Drop, "again");
        assert_eq!(judge(&live, open, 6_000, false), Verdict::Keep { tell: false }, "something else changed");
        assert_eq!(judge(&live, closed, 6_000, false), Verdict::Keep { tell: true });
        assert_eq!(judge(&live, closed, 5_000, false), Verdict::Ask, "two of one second");
        assert_eq!(judge(&live, closed, 5_000, true), Verdict::Keep { tell: true });
        let forgotten = super::judge(Some(&live), (open, Timestamp(5_000)), None, false, Some("recovery"));
        assert_eq!(forgotten, Verdict::Keep { tell: true }, "the store does not know what the host was told");
        let gone = known(true, None);
        assert_eq!(judge(&gone, open, 5_000, false), Verdict::Ask, "an event of before its deletion");
        assert_eq!(judge(&gone, open, 5_000, true), Verdict::Keep { tell: true }, "it is back");
        assert_eq!(judge(&gone, open, 4_000, true), Verdict::Drop, "as it was before it went");
    }

    #[test]
    fn what_the_host_set_itself_is_undone_by_what_was_set_in_clio_since_and_by_nothing_else() {
        let (open, closed) = (MatterStatus::Open, MatterStatus::Closed);
        let judged = |known: &Known, status, at, set: Option<i64>| {
            judge(Some(known), (status, Timestamp(at)), set.map(Timestamp), false, None)
        };
        let host = known(false, Some(7_000));
        let untold = Verdict::Keep { tell: false };
        let told = Verdict::Keep { tell: true };
        assert_eq!(judged(&host, closed, 6_000, Some(6_000)), untold, "set before, and known from now on");
        assert_eq!(judged(&host, closed, 8_000, None), told);
        assert_eq!(judged(&host, open, 8_000, None), untold, "an edit");
        assert_eq!(judged(&host, open, 8_000, Some(8_000)), told, "closed here, opened again in Clio");
        assert_eq!(judged(&host, open, 8_000, Some(6_000)), untold, "opened before, and edited since");
        let edited = Known { updated_at: Timestamp(8_000), ..host.clone() };
        assert_eq!(judged(&edited, open, 8_000, Some(8_000)), told, "the second delivery of one change");
        assert_eq!(judged(&edited, open, 9_000, None), untold, "an edit after an edit");
        let again = Known { status_at: Some(Timestamp(8_000)), ..edited };
        assert_eq!(judged(&again, open, 8_000, Some(8_000)), Verdict::Drop, "told before");
        let gone = known(true, Some(7_000));
        let asked = |at| judge(Some(&gone), (open, Timestamp(at)), None, true, None);
        assert_eq!(judged(&gone, open, 5_000, None), Verdict::Ask);
        assert_eq!((asked(5_000), asked(8_000)), (untold, Verdict::Keep { tell: false }), "back as it was");
    }

    #[test]
    fn an_early_record_of_before_deletions_were_kept_is_read() {
        let early: Early = serde_json::from_str(r#"{"status":"closed","updated_at":5000}"#).unwrap();
        assert_eq!(early, Early { status: MatterStatus::Closed, updated_at: Timestamp(5_000), deleted: false });
    }

    #[test]
    fn within_the_second_of_its_creation_a_matter_was_open_first() {
        let (open, closed, pending) = (MatterStatus::Open, MatterStatus::Closed, MatterStatus::Pending);
        let at = |millis| Timestamp(millis);
        assert!(is_later((closed, at(5_000)), (open, at(5_000))));
        assert!(!is_later((open, at(5_000)), (closed, at(5_000))));
        assert!(!is_later((open, at(5_000)), (open, at(5_000))), "again");
        assert!(!is_later((closed, at(5_000)), (pending, at(5_000))), "nobody knows: a poll finds out");
        assert!(is_later((open, at(6_000)), (closed, at(5_000))) && !is_later((closed, at(4_000)), (open, at(5_000))));
    }
}
