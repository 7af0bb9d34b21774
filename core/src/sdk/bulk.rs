//! Trying again, and syncing in bulk.

use super::Sdk;
use crate::connection::Connection;
use crate::domain::{Actor, MatterId, Trigger};
use crate::error::{Code, Error, Result};
use crate::history::SyncLog;
use crate::jobs;
use crate::jobs::{BackfillPlan, BackfillState, BackfillStatus};
use crate::store::{Action, AuditEntry, AuditStatus};

impl Sdk {
    /// Has a worker try again what a run left out; it does only what is missing, and before all that nobody waits for.
    ///
    /// # Errors
    /// [`Code::RecordUnknown`] when the firm has no such run; [`Code::StoreFailed`].
    pub async fn retry(&self, actor: &Actor, run: &str) -> Result<()> {
        let log = SyncLog { journal: &self.journal };
        let run =
            log.run(&actor.firm, run).await?.ok_or_else(|| Error::new(Code::RecordUnknown).with("type", "run"))?;
        if !jobs::hold(&self.journal, &actor.firm, &run.matter, Trigger::Retry, &actor.id).await? {
            self.engine.claims.ask(&actor.firm, &run.matter, Trigger::Retry, &actor.id).await?;
        }
        self.audit_retry(actor, "run", &run.run).await
    }

    /// Has workers try again every matter whose last run did not succeed. Gives how many those are.
    ///
    /// # Errors
    /// [`Code::StoreFailed`]: some may have been triggered; ask again.
    pub async fn retry_failed(&self, actor: &Actor) -> Result<usize> {
        let failed = jobs::failed_matters(&self.journal, &actor.firm).await?;
        for matter in &failed {
            self.engine.trigger(&actor.firm, matter, Trigger::Retry, &actor.id).await?;
        }
        self.audit_retry(actor, "matters", failed.len()).await?;
        Ok(failed.len())
    }

    async fn audit_retry(&self, actor: &Actor, what: &'static str, value: impl core::fmt::Display) -> Result<()> {
        let mut unit = self.journal.unit(&actor.firm)?;
        unit.audit(AuditEntry::by(&actor.id, Action::Retry, AuditStatus::Ok).with(what, value));
        self.journal.commit_or_conflict(&unit).await.map(|_| ())
    }

    /// What a backfill of these matters would do. Makes no call to Clio and changes nothing, but loads every intake.
    ///
    /// # Errors
    /// [`Code::StoreFailed`].
    pub async fn plan_backfill(&self, actor: &Actor, matters: &[MatterId]) -> Result<BackfillPlan> {
        self.engine.plan_backfill(&actor.firm, matters).await
    }

    /// Begins to sync these matters in bulk, behind all other work, in [workers](Self::worker). Gives the backfill's id.
    ///
    /// # Errors
    /// [`Code::NotAllowed`] unless the actor is an admin; [`Code::NotConnected`], [`Code::ReconnectRequired`]; [`Code::StoreFailed`].
    pub async fn backfill(&self, actor: &Actor, matters: &[MatterId]) -> Result<String> {
        self.auth.require_admin(actor, "backfill").await?;
        Connection::load_usable(&self.journal, &actor.firm).await?;
        let id = jobs::begin_backfill(&self.journal, actor, matters).await?;
        self.engine.claims.nudge.nudge();
        Ok(id)
    }

    /// The firm's backfills, oldest first.
    ///
    /// # Errors
    /// [`Code::StoreFailed`].
    pub async fn backfills(&self, actor: &Actor) -> Result<Vec<BackfillState>> {
        jobs::list_backfills(&self.journal, &actor.firm).await
    }

    /// Starts nothing more of a backfill until it is resumed.
    ///
    /// # Errors
    /// [`Code::NotAllowed`] unless the actor is an admin; [`Code::RecordUnknown`].
    pub async fn pause_backfill(&self, actor: &Actor, id: &str) -> Result<BackfillState> {
        self.change_backfill(actor, id, BackfillStatus::Paused).await
    }

    /// Goes on with a backfill.
    ///
    /// # Errors
    /// As [`pause_backfill`](Self::pause_backfill).
    pub async fn resume_backfill(&self, actor: &Actor, id: &str) -> Result<BackfillState> {
        self.change_backfill(actor, id, BackfillStatus::Running).await
    }

    /// Ends a backfill: nothing more of it is started. What is in Clio stays there.
    ///
    /// # Errors
    /// As [`pause_backfill`](Self::pause_backfill).
    pub async fn cancel_backfill(&self, actor: &Actor, id: &str) -> Result<BackfillState> {
        self.change_backfill(actor, id, BackfillStatus::Cancelled).await
    }

    async fn change_backfill(&self, actor: &Actor, id: &str, to: BackfillStatus) -> Result<BackfillState> {
        self.auth.require_admin(actor, "backfill").await?;
        let state = jobs::change_backfill(&self.journal, actor, id, to).await?;
        self.engine.claims.nudge.nudge();
        Ok(state)
    }
}
