//! What a firm is told of the past: the sync log, and the audit log as it is queried, exported and
//! verified; and how both are pruned.

pub(crate) mod audit_query;
mod run_pruning;
pub(crate) mod sync_log;

pub(crate) use audit_query::AuditLog;
pub use audit_query::{AuditExport, AuditQuery};
pub(crate) use sync_log::SyncLog;
pub use sync_log::{LogPage, LoggedRun, LoggedStep, RunQuery};
