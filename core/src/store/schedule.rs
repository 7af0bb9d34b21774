//! What is done for a firm from time to time, by whichever worker finds it due.
//!
//! A maintenance task is one record, due when it is to be done. Who finds it moves its due time
//! behind a lease, does it, and writes when it is due next. A crash in between repeats it, so each
//! may be done twice. [`schedule_now`] makes one due at once, in the commit of what made it
//! necessary; woken while it is being done, it is done again.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Repository, Transaction, Versioned};
use crate::domain::{FirmId, Timestamp};
use crate::error::{Code, Result};
use crate::ports::{Expect, Key};

pub(crate) const MAINTENANCE: &str = "chore";
pub(crate) const RELEASES: &str = "release";
/// From a firm's first link to its poll.
const FIRST_POLL: Duration = Duration::from_secs(300);

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MaintenanceTask {
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
    /// Saying that the firm's key opens, because the operator takes it for lost.
    KeyProof,
}

impl MaintenanceTask {
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
            Self::KeyProof => "key_proof",
        }
    }

    pub(crate) fn key(self, firm: &FirmId) -> Key {
        Key::new(firm, MAINTENANCE, self.name())
    }
}

/// `chore/<kind>`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Progress {
    #[serde(rename = "chore")]
    pub task: MaintenanceTask,
    /// Poll: everything changed before this, on Clio's clock, is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Timestamp>,
    /// Poll: no matter was linked when it last looked. Whoever links one takes this away.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub nothing_linked: bool,
    /// Sweep: the last id of the last part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    #[serde(default)]
    pub failures: u32,
    /// Somebody is doing it, and it is due when that one's lease ends. Whoever asks for it
    /// meanwhile takes this away.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub being_done: bool,
}

/// When a maintenance task is done next, `None`: when it is woken.
pub(crate) type Next = Option<Duration>;

/// Makes a maintenance task due at once.
pub(crate) async fn schedule_now(
    repository: &Repository,
    transaction: &mut Transaction,
    task: MaintenanceTask,
) -> Result<()> {
    schedule_within(repository, transaction, task, Duration::ZERO).await
}

/// Makes a maintenance task due this much later, unless it is due before that. One that is being
/// done is done again, at the end of that one's lease or sooner.
pub(crate) async fn schedule_within(
    repository: &Repository,
    transaction: &mut Transaction,
    task: MaintenanceTask,
    wait: Duration,
) -> Result<()> {
    let key = task.key(transaction.firm());
    let Some(Versioned { value: mut progress, version, due_at }) = repository.get::<Progress>(&key).await? else {
        let progress =
            Progress { task, cursor: None, nothing_linked: false, after: None, failures: 0, being_done: false };
        transaction.put_due(key, Expect::Absent, Some(wait), &progress)?;
        return Ok(());
    };
    let being_done = core::mem::take(&mut progress.being_done);
    if let Some(due_at) = due_at.filter(|_| !wait.is_zero()) {
        let left = repository.store_now(transaction.firm()).await?.until(due_at);
        if left <= wait && being_done {
            // What it is being done for was before this: its end finds another version, and does
            // not put it to rest.
            transaction.put_due(key, Expect::Version(version), Some(left), &progress)?;
            return Ok(());
        }
        if left <= wait {
            // It need not be written, but must not be done and put to rest in this moment.
            transaction.check(key, Expect::Version(version));
            return Ok(());
        }
    }
    progress.begin_anew();
    transaction.put_due(key, Expect::Version(version), Some(wait), &progress)?;
    Ok(())
}

/// What [`link_in`] reads.
pub(crate) fn poll_key(firm: &FirmId) -> Key {
    MaintenanceTask::Poll.key(firm)
}

/// For the commit of a link to a matter that is known as of `seen`, on Clio's clock.
///
/// The poll of a firm without links rests: the first link wakes it. And whoever linked the matter
/// may have stood still since Clio answered, and no poll finds what was changed after that and
/// before the poll's place: then all links are asked after.
pub(crate) async fn link_in(repository: &Repository, transaction: &mut Transaction, seen: Timestamp) -> Result<()> {
    let key = poll_key(transaction.firm());
    let polled = match repository.get::<Progress>(&key).await {
        // A newer SDK's: that one polls.
        Err(error) if error.code() == Code::StoreCorrupt => return Ok(()),
        polled => polled?,
    };
    let Some(Versioned { mut value, version, .. }) = polled else {
        transaction.check(key, Expect::Absent);
        return Ok(());
    };
    if value.cursor.is_some_and(|cursor| seen < cursor) {
        schedule_now(repository, transaction, MaintenanceTask::Sweep).await?;
    }
    if value.nothing_linked && !mutated!(RestingPoll) {
        (value.nothing_linked, value.being_done) = (false, false);
        transaction.put_due(key, Expect::Version(version), Some(FIRST_POLL), &value)?;
    } else {
        // Not if it moves on in this moment.
        transaction.check(key, Expect::Version(version));
    }
    Ok(())
}

/// Whether a maintenance task is due before this much time has passed. One that is being done may
/// have been so for too long to do what is asked for now.
pub(crate) async fn is_due_within(
    repository: &Repository,
    firm: &FirmId,
    task: MaintenanceTask,
    wait: Duration,
) -> Result<bool> {
    let Some(record) = repository.store().get(&task.key(firm)).await? else { return Ok(false) };
    let being_done = serde_json::from_str::<Progress>(&record.body).is_ok_and(|progress| progress.being_done);
    let Some(due_at) = record.due_at.filter(|_| !being_done) else { return Ok(false) };
    Ok(due_at <= repository.store_now(firm).await? + wait)
}

impl Progress {
    /// Whoever wakes a sweep means all links, those behind its place too.
    pub(crate) fn begin_anew(&mut self) {
        self.after = None;
        self.failures = 0;
    }
}

/// `release/parked`: jobs that were blocked under an older generation of the connection are due.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Release {}

/// Adds a release to a commit that raises the connection's generation.
pub(crate) async fn release_in(repository: &Repository, transaction: &mut Transaction) -> Result<()> {
    let key = Key::new(transaction.firm(), RELEASES, "parked");
    let known = repository.store().get(&key).await?;
    let expect = known.map_or(Expect::Absent, |record| Expect::Version(record.version));
    transaction.put_due(key, expect, Some(Duration::ZERO), &Release {}).map(|_| ())
}
