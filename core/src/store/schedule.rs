//! What is done for a firm from time to time, by whichever worker finds it due.
//!
//! A chore is one record, due when it is to be done. Who finds it moves its due time behind a lease, does it, and writes when it is due next. A crash in
//! between repeats it, so each may be done twice. [`wake_in`] makes one due at once, in the commit of what made it necessary; woken while it is
//! being done, it is done again.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Journal, Stored, Unit};
use crate::domain::{FirmId, Timestamp};
use crate::error::{Code, Result};
use crate::ports::{Expect, Key};

pub(crate) const CHORES: &str = "chore";
pub(crate) const RELEASES: &str = "release";
/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Chore {
    /// Looking after the subscriptions.
    Subscriptions,
    /// Asking what was changed.
    Poll,
    /// Asking after every linked matter.
    Sweep,
    /// Giving back what a disconnected firm left in Clio.
    Revocation,
    /// Asking whether Clio still accepts us, because somebody says that it does not.
    Authorization,
    /// Looking for a second record of what was sent again.
    SecondRecords,
    /// Asking whether the firm's plan has API access again.
    ApiAccess,
    /// Giving back what Clio granted and nobody uses.
    Grants,
}

impl Chore {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Subscriptions => "subscriptions",
            Self::Poll => "poll",
            Self::Sweep => "sweep",
            Self::Revocation => "revocation",
            Self::Authorization => "authorization",
            Self::SecondRecords => "second_records",
            Self::ApiAccess => "api_access",
            Self::Grants => "grants",
        }
    }

    fn key(self, firm: &FirmId) -> Key {
        Key::new(firm, CHORES, self.name())
    }
}

/// `chore/<kind>`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Progress {
    pub chore: Chore,
    /// Poll: everything changed before this, on Clio's clock, is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Timestamp>,
    /// Sweep: the last id of the last part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    #[serde(default)]
    pub failures: u32,
}

/// When a chore is done next, `None`: when it is woken.
pub(crate) type Next = Option<Duration>;

/// Makes a chore due at once.
pub(crate) async fn wake_in(journal: &Journal, unit: &mut Unit, chore: Chore) -> Result<()> {
    wake_after(journal, unit, chore, Duration::ZERO).await
}

/// Makes a chore due this much later, unless it is due before that.
pub(crate) async fn wake_after(journal: &Journal, unit: &mut Unit, chore: Chore, wait: Duration) -> Result<()> {
    let key = chore.key(unit.firm());
    let Some(Stored { value: mut progress, version, due_at }) = journal.get::<Progress>(&key).await? else {
        let progress = Progress { chore, cursor: None, after: None, failures: 0 };
        unit.put_due(key, Expect::Absent, Some(wait), &progress)?;
        return Ok(());
    };
    if let Some(due_at) = due_at.filter(|_| !wait.is_zero())
        && due_at <= journal.store_now().await? + wait
    {
        // It need not be written, but must not be done and put to rest in this moment.
        unit.check(key, Expect::Version(version));
        return Ok(());
    }
    progress.begin_anew();
    unit.put_due(key, Expect::Version(version), Some(wait), &progress)?;
    Ok(())
}

/// For the commit of a link to a matter that is known as of `seen`, on Clio's clock. Whoever linked it may have stood still since Clio answered, and no poll finds what was
/// changed after that and before the poll's place: then all links are asked after.
pub(crate) async fn sweep_if_passed(journal: &Journal, unit: &mut Unit, seen: Timestamp) -> Result<()> {
    let key = Chore::Poll.key(unit.firm());
    let polled = match journal.get::<Progress>(&key).await {
        // A newer SDK's: that one polls.
        Err(error) if error.code() == Code::StoreCorrupt => return Ok(()),
        polled => polled?,
    };
    let Some(Stored { value, version, .. }) = polled else {
        unit.check(key, Expect::Absent);
        return Ok(());
    };
    // Not if it moves on in this moment.
    unit.check(key, Expect::Version(version));
    if value.cursor.is_some_and(|cursor| seen < cursor) {
        wake_in(journal, unit, Chore::Sweep).await?;
    }
    Ok(())
}

/// Whether a chore is due before this much time has passed.
pub(crate) async fn is_due_within(journal: &Journal, firm: &FirmId, chore: Chore, wait: Duration) -> Result<bool> {
    let due_at = journal.store().get(&chore.key(firm)).await?.and_then(|record| record.due_at);
    let Some(due_at) = due_at else { return Ok(false) };
    Ok(due_at <= journal.store_now().await? + wait)
}

impl Progress {
    /// Whoever wakes a sweep means all links, those behind its place too.
    pub(crate) fn begin_anew(&mut self) {
        self.after = None;
        self.failures = 0;
    }
}

/// `release/parked`: jobs that were parked under an older generation of the connection are due.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Release {}

/// Adds a release to a commit that raises the connection's generation.
pub(crate) async fn release_in(journal: &Journal, unit: &mut Unit) -> Result<()> {
    let key = Key::new(unit.firm(), RELEASES, "parked");
    let known = journal.store().get(&key).await?;
    let expect = known.map_or(Expect::Absent, |record| Expect::Version(record.version));
    unit.put_due(key, expect, Some(Duration::ZERO), &Release {}).map(|_| ())
}
