//! Typed records over the store port, and what every commit may carry: audit entries, outbox
//! events, what is due.
//!
//! [`Repository`] reads and commits; a [`Transaction`] collects everything that must become durable
//! together: records, audit entries, outbox events. Bodies are JSON with ids, hashes, statuses,
//! counts and codes, never client data.

pub(crate) mod access;
pub(crate) mod audit;
pub(crate) mod outbox;
pub(crate) mod progress;
pub(crate) mod read_ahead;
mod repository;
pub(crate) mod restore;
pub(crate) mod schedule;
#[cfg(test)]
mod tests;
pub(crate) mod transaction;
mod turns;

pub(crate) use access::{refusal, require_admin};
pub(crate) use audit::AuditEntry;
pub use audit::{Action, AuditRecord, AuditStatus};
pub use outbox::{Event, EventBody, OutboxEvent};
pub(crate) use outbox::{Outbox, counter_key};
pub(crate) use progress::ProgressFeed;
pub(crate) use repository::{Change, Repository, Versioned, decode, encode};
pub(crate) use restore::restore_generation;
pub(crate) use schedule::{MaintenanceTask, is_due_within, release_in, schedule_now, schedule_within};
pub(crate) use transaction::Transaction;
