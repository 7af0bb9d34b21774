//! Who may do what, and that every refusal is written down.

use super::{Action, AuditEntry, AuditStatus, Repository};
use crate::domain::{Actor, FirmId};
use crate::error::{Code, Error, Result};

/// Refuses everybody but admins of `firm`, and audits the refusal. `operation` is a fixed word for
/// what was asked.
///
/// # Errors
/// [`Code::NotAllowed`], whether or not the audit entry could be written; its source says if it
/// could not.
pub(crate) async fn require_admin(
    repository: &Repository,
    actor: &Actor,
    firm: &FirmId,
    operation: &'static str,
) -> Result<()> {
    if actor.is_admin_of(firm) {
        return Ok(());
    }
    let reason = if actor.firm == *firm { "not_an_admin" } else { "another_firm" };
    Err(refusal(repository, actor, firm, operation, reason).await)
}

/// The refusal, which is in the audit log of `firm`; its source says if it could not be written.
pub(crate) async fn refusal(
    repository: &Repository,
    actor: &Actor,
    firm: &FirmId,
    operation: &'static str,
    reason: &'static str,
) -> Error {
    let refused = Error::new(Code::NotAllowed).with("operation", operation).with("reason", reason);
    let entry = AuditEntry::by(&actor.id, Action::Denied, AuditStatus::Refused).error(&refused);
    let written = async {
        let mut transaction = repository.transaction(firm)?;
        transaction.audit(entry);
        repository.commit_or_conflict(&transaction).await
    };
    match written.await {
        Ok(_) => refused,
        Err(error) => refused.caused_by(error),
    }
}
