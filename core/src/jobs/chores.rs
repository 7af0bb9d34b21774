//! Doing what the schedule says (`store/schedule.rs`): by whichever worker finds it due.

use core::time::Duration;

use crate::domain::FirmId;
use crate::error::{Code, Result};
use crate::ports::{Commit, Expect, Record, Scan};
use crate::store::schedule::{CHORES, Chore, Next, Progress, wake_in};
use crate::sync::Engine;

/// Longer than the calls of one chore take, waits for the budget included.
const LEASE: Duration = Duration::from_secs(600);
/// The first wait after a failure; it doubles, up to an hour.
const RETRY: Duration = Duration::from_secs(30);
const SLOWEST_RETRY: Duration = Duration::from_secs(3600);

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
        let (told, name) = (self.journal.told(), format!("chore {firm} {}", key.id));
        let Ok(mut progress) = serde_json::from_str::<Progress>(&record.body) else {
            // Of a newer SDK, or broken: it must not stand in the way of the others.
            if told.is_news(name, Code::StoreCorrupt) {
                tracing::error!(%firm, chore = key.id, code = Code::StoreCorrupt.name(), "a chore cannot be read");
            }
            let mut unit = self.journal.unit(&firm)?;
            unit.put_off(&record, SLOWEST_RETRY);
            return Ok(matches!(self.journal.commit(&unit).await?, Commit::Done { .. }));
        };
        let mut unit = self.journal.unit(&firm)?;
        let claimed = unit.put_off(&record, LEASE);
        if self.journal.commit(&unit).await? == Commit::Conflict {
            return Ok(false);
        }
        let next = match self.perform(&firm, &mut progress).await {
            Ok(next) => {
                if told.works(&name) {
                    tracing::info!(%firm, chore = progress.chore.name(), "a chore works again");
                }
                progress.failures = 0;
                next
            }
            // Connecting wakes it.
            Err(error) if matches!(error.code(), Code::NotConnected | Code::ReconnectRequired) => None,
            Err(error) if self.is_of_this_process(&firm, &error).await => Some(Duration::ZERO),
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

    async fn perform(&self, firm: &FirmId, progress: &mut Progress) -> Result<Next> {
        match progress.chore {
            Chore::Subscriptions => self.keep_subscriptions(firm).await,
            Chore::Poll => self.poll(firm, progress).await,
            Chore::Sweep => self.sweep(firm, progress).await,
            Chore::Revocation => self.auth.revoke(firm).await,
            Chore::Authorization => self.auth.ask_what_was_reported(firm).await,
            Chore::SecondRecords => self.look_for_second_records(firm).await,
            Chore::ApiAccess => self.ask_for_api_access(firm).await,
            Chore::Grants => self.auth.look_after_grants(firm).await,
        }
    }
}
