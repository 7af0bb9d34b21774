//! Logs and events.

use core::time::Duration;

use super::Sdk;
use crate::domain::{Actor, FirmId, Timestamp};
use crate::error::Result;
use crate::history::{AuditExport, AuditLog, AuditQuery, LogPage, LoggedRun, RunQuery, SyncLog};
use crate::store::{AuditRecord, Outbox, OutboxEvent};

impl Sdk {
    /// Runs of the firm's matters, newest first.
    ///
    /// # Errors
    /// [`Code::SettingInvalid`] when `after` is not of a page; [`Code::StoreFailed`].
    pub async fn sync_log(&self, actor: &Actor, query: &RunQuery) -> Result<LogPage<LoggedRun>> {
        SyncLog { journal: &self.journal }.query(&actor.firm, query).await
    }

    /// Audit entries from position `from` (1 is the first), at most `limit`.
    ///
    /// # Errors
    /// [`Code::NotAllowed`] unless the actor is an admin.
    pub async fn audit_log(&self, actor: &Actor, from: u64, limit: usize) -> Result<Vec<AuditRecord>> {
        self.auth.require_admin(actor, "audit").await?;
        AuditLog::new(&self.journal).page(&actor.firm, from, limit).await
    }

    /// Audit entries that the query asks for, newest first.
    ///
    /// # Errors
    /// [`Code::NotAllowed`] unless the actor is an admin.
    pub async fn query_audit_log(&self, actor: &Actor, query: &AuditQuery) -> Result<LogPage<AuditRecord>> {
        self.auth.require_admin(actor, "audit").await?;
        AuditLog::new(&self.journal).query(&actor.firm, query).await
    }

    /// Up to `limit` (100 to 5,000) audit entries from position `from` (1 is the first) on, as lines of JSON, exactly as they are chained. Audited.
    ///
    /// # Errors
    /// [`Code::NotAllowed`] unless the actor is an admin.
    pub async fn export_audit_log(&self, actor: &Actor, from: u64, limit: usize) -> Result<AuditExport> {
        self.auth.require_admin(actor, "audit").await?;
        AuditLog::new(&self.journal).export(actor, from, limit).await
    }

    /// Removes the audit entries from before a time, the oldest first; what remains still verifies. The SDK never does this by itself. HIPAA asks for six years.
    ///
    /// # Errors
    /// [`Code::NotAllowed`] unless the actor is an admin.
    pub async fn prune_audit_log(&self, actor: &Actor, before: Timestamp) -> Result<u64> {
        self.auth.require_admin(actor, "audit").await?;
        AuditLog::new(&self.journal).prune(actor, before).await
    }

    /// Checks the whole audit chain of the actor's firm; gives the number of entries.
    ///
    /// # Errors
    /// [`Code::NotAllowed`] unless the actor is an admin; [`Code::StoreTampered`] with the first position that does not fit.
    pub async fn verify_audit_log(&self, actor: &Actor) -> Result<u64> {
        self.auth.require_admin(actor, "audit").await?;
        AuditLog::new(&self.journal).verify(&actor.firm).await
    }

    /// Leases up to `limit` outbox events, waiting up to `wait` for the first. An event that is not acknowledged within a minute is given again. Comes with up to
    /// `limit` of this process's progress, which has no id and needs no acknowledgement.
    ///
    /// # Errors
    /// [`Code::StoreFailed`].
    pub async fn next_events(&self, firm: Option<&FirmId>, limit: usize, wait: Duration) -> Result<Vec<OutboxEvent>> {
        const LEASE: Duration = Duration::from_secs(60);
        let outbox = Outbox::new(&self.journal).with_progress(&self.engine.progress).until(&self.engine.stop);
        outbox.next_events(firm, limit, LEASE, wait).await
    }

    /// Acknowledges an event.
    ///
    /// # Errors
    /// [`Code::RecordUnknown`], [`Code::SettingInvalid`], [`Code::StoreFailed`].
    pub async fn ack(&self, firm: &FirmId, id: &str) -> Result<()> {
        Outbox::new(&self.journal).ack(firm, id).await
    }
}
