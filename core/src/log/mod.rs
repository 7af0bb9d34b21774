//! Audit log and outbox.
