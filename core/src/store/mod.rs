//! Typed records over the store port, and what every commit may carry: audit entries, outbox events, what is due.
//!
//! [`Journal`] reads and commits; a [`Unit`] collects everything that must become durable together: records, audit
//! entries, outbox events. Bodies are JSON with ids, hashes, statuses, counts and codes, never client data.

pub(crate) mod access;
pub(crate) mod audit;
pub(crate) mod journal;
pub(crate) mod outbox;
pub(crate) mod progress;
pub(crate) mod restore;
pub(crate) mod schedule;
pub(crate) mod unit;

pub(crate) use access::require_admin;
pub use audit::{Action, AuditEntry, AuditRecord, AuditStatus};
pub(crate) use journal::encode;
pub use journal::{Journal, Stored, Turn};
pub use outbox::{Event, EventBody, Outbox, OutboxEvent};
pub(crate) use progress::ProgressFeed;
pub(crate) use restore::epoch;
pub(crate) use schedule::{Chore, is_due_within, release_in, wake_after, wake_in};
pub use unit::Unit;
