//! What is done for a firm from time to time, by whichever worker finds it due.
//!
//! A chore is one record, due when it is to be done. Who finds it moves its due time behind a lease, does it, and writes when it is due next. A crash in
//! between repeats it, so each may be done twice. [`wake_in`] makes one due at once, in the commit of what made it necessary; woken while it is
//! being done, it is done again.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::{Code, Result};
use crate::model::{FirmId, Timestamp};
use crate::ports::{Commit, Expect, Key, Record, Scan};
use crate::records::{Journal, Stored, Unit};
use crate::sync::Engine;

const CHORES: &str = "chore";
/// Longer than the calls of one chore take, waits for the budget included.
const LEASE: Duration = Duration::from_secs(600);
/// The first wait after a failure; it doubles, up to an hour.
const RETRY: Duration = Duration::from_secs(30);
const SLOWEST_RETRY: Duration = Duration::from_secs(3600);

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
    fn name(self) -> &'static str {
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
pub(super) struct Progress {
    chore: Chore,
    /// Poll: everything changed before this, on Clio's clock, is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Timestamp>,
    /// Sweep: the last id of the last part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    #[serde(default)]
    failures: u32,
}

/// When a chore is done next, `None`: when it is woken.
pub(super) type Next = Option<Duration>;

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
pub(super) async fn sweep_if_passed(journal: &Journal, unit: &mut Unit, seen: Timestamp) -> Result<()> {
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
    fn begin_anew(&mut self) {
        self.after = None;
        self.failures = 0;
    }
}

impl Engine {
    /// Makes a chore due at once.
    pub(crate) async fn wake(&self, firm: &FirmId, chore: Chore) -> Result<()> {
        loop {
            let mut unit = self.journal.unit(firm)?;
            wake_in(&self.journal, &mut unit, chore).await?;
            if matches!(self.journal.commit(&unit).await?, Commit::Done { .. }) {
                self.claims.nudge.nudge();
                return Ok(());
            }
        }
    }

    /// The chores that are due, of all firms.
    pub(crate) async fn due_chores(&self, limit: usize) -> Result<Vec<Record>> {
        self.journal.store().scan(&Scan::Due { firm: None, collection: CHORES, limit }).await
    }

    /// Does a chore that is due. `false`: somebody else does, or it cannot be written down that it is being done.
    pub(crate) async fn do_chore(&self, record: Record) -> Result<bool> {
        let key = record.key.clone();
        let firm = key.firm.clone();
        let Ok(mut progress) = serde_json::from_str::<Progress>(&record.body) else {
            // Of a newer SDK, or broken: it must not stand in the way of the others.
            tracing::error!(%firm, code = Code::StoreCorrupt.name(), "a chore cannot be read");
            let mut unit = self.journal.unit(&firm)?;
            unit.put_off(&record, SLOWEST_RETRY);
            return Ok(matches!(self.journal.commit(&unit).await?, Commit::Done { .. }));
        };
        let mut unit = self.journal.unit(&firm)?;
        let claimed = unit.put_off(&record, LEASE);
        if self.journal.commit(&unit).await? == Commit::Conflict {
            return Ok(false);
        }
        let done = match progress.chore {
            Chore::Subscriptions => self.keep_subscriptions(&firm).await,
            Chore::Poll => self.poll(&firm, &mut progress).await,
            Chore::Sweep => self.sweep(&firm, &mut progress).await,
            Chore::Revocation => self.auth.revoke(&firm).await,
            Chore::Authorization => self.auth.ask_what_was_reported(&firm).await,
            Chore::SecondRecords => self.look_for_second_records(&firm).await,
            Chore::ApiAccess => self.ask_for_api_access(&firm).await,
            Chore::Grants => self.auth.look_after_grants(&firm).await,
        };
        let next = match done {
            Ok(next) => {
                progress.failures = 0;
                next
            }
            // Connecting wakes it.
            Err(error) if matches!(error.code(), Code::NotConnected | Code::ReconnectRequired) => None,
            Err(error) if self.is_of_this_process(&firm, &error).await => Some(Duration::ZERO),
            Err(error) => {
                tracing::warn!(%firm, chore = progress.chore.name(), code = error.code().name(), "a chore failed");
                progress.failures = progress.failures.saturating_add(1);
                Some(RETRY.saturating_mul(1 << progress.failures.min(8)).min(SLOWEST_RETRY))
            }
        };
        let mut expect = claimed;
        let mut due = next;
        loop {
            let mut unit = self.journal.unit(&firm)?;
            unit.put_due(key.clone(), Expect::Version(expect), due, &progress)?;
            if matches!(self.journal.commit(&unit).await?, Commit::Done { .. }) {
                return Ok(true);
            }
            // Woken meanwhile: what was found out is kept, and it is done again.
            let Some(now) = self.journal.get::<Progress>(&key).await? else { return Ok(true) };
            progress.begin_anew();
            (expect, due) = (now.version, Some(Duration::ZERO));
        }
    }
}
