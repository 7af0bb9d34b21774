//! What the SDK remembers to tell: the audit log, for the firm, and the durable outbox, for the host.

pub(crate) mod audit;
mod audit_query;
pub(crate) mod outbox;
mod progress;
mod sync_log;

pub use audit::{Action, AuditEntry, AuditRecord, AuditStatus};
pub use audit_query::{AuditExport, AuditLog, AuditQuery};
pub use outbox::{Event, EventBody, Outbox, OutboxEvent};
pub(crate) use progress::ProgressFeed;
pub use sync_log::{LogPage, LoggedRun, LoggedStep, RunQuery};
pub(crate) use sync_log::{RUNS, RUNS_OF_MATTERS, SyncLog};
