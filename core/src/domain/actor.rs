//! Who asks, and whether they may.
//!
//! CaseHug authenticates its users; the host hands in who it is. A firm has one connection for all its users: any admin of the firm may
//! manage it, nobody else may. Every refusal stands in the audit log of the firm that it would have concerned.

use super::{ActorId, FirmId};
use crate::error::{Code, Error, Result};
use crate::store::{Action, AuditEntry, AuditStatus, Journal};

/// A CaseHug user, as the host authenticated them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The user.
    pub id: ActorId,
    /// The user's firm.
    pub firm: FirmId,
    /// The user's role in that firm.
    pub role: Role,
}

/// A user's role in their firm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// A firm admin.
    Admin,
    /// Anybody else in the firm.
    Member,
}

impl Actor {
    /// Whether this is an admin of `firm`. An admin of another firm is not.
    #[must_use]
    pub fn is_admin_of(&self, firm: &FirmId) -> bool {
        self.role == Role::Admin && self.firm == *firm
    }

    /// Refuses everybody but admins of `firm`, and audits the refusal. `operation` is a fixed word for what was asked.
    ///
    /// # Errors
    /// [`Code::NotAllowed`], whether or not the audit entry could be written; its source says if it could not.
    pub async fn require_admin_of(&self, firm: &FirmId, journal: &Journal, operation: &'static str) -> Result<()> {
        if self.is_admin_of(firm) {
            return Ok(());
        }
        let reason = if self.firm == *firm { "not_an_admin" } else { "another_firm" };
        let refused = Error::new(Code::NotAllowed).with("operation", operation).with("reason", reason);
        let entry = AuditEntry::by(&self.id, Action::Denied, AuditStatus::Refused).error(&refused);
        let mut unit = journal.unit(firm)?;
        unit.audit(entry);
        match journal.commit_or_conflict(&unit).await {
            Ok(_) => Err(refused),
            Err(error) => Err(refused.caused_by(error)),
        }
    }
}
