//! The audit log: handlers of the operations in group `audit`.

use super::Sdk;
use super::results::{AuditCheck, PrunedEntries};
use crate::domain::{Actor, Timestamp};
use crate::error::Result;
use crate::history::{AuditExport, AuditLog, AuditQuery, LogPage};
use crate::store::AuditRecord;

pub(super) async fn list_audit(sdk: &Sdk, actor: &Actor, query: AuditQuery) -> Result<LogPage<AuditRecord>> {
    AuditLog::new(&sdk.repository).query(&actor.firm, &query).await
}

pub(super) async fn export_audit(sdk: &Sdk, actor: &Actor, from: u64, limit: usize) -> Result<AuditExport> {
    AuditLog::new(&sdk.repository).export(actor, from, limit).await
}

pub(super) async fn prune_audit(sdk: &Sdk, actor: &Actor, before: Timestamp) -> Result<PrunedEntries> {
    let entries = AuditLog::new(&sdk.repository).prune(actor, before).await?;
    Ok(PrunedEntries { entries })
}

pub(super) async fn verify_audit(sdk: &Sdk, actor: &Actor) -> Result<AuditCheck> {
    let entries = AuditLog::new(&sdk.repository).verify(&actor.firm).await?;
    Ok(AuditCheck { entries })
}
