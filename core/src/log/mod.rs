//! What the SDK remembers to tell: the audit log, for the firm, and the durable outbox, for the host.

pub(crate) mod audit;
pub(crate) mod outbox;

pub use audit::{Action, AuditEntry, AuditLog, AuditRecord, AuditStatus};
pub use outbox::{Event, EventBody, Outbox, OutboxEvent};
