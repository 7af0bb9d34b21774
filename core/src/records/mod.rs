//! Typed records over the store port.
//!
//! [`Journal`] reads and commits; a [`Unit`] collects everything that must become durable together: records, audit
//! entries, outbox events. Bodies are JSON with ids, hashes, statuses, counts and codes, never client data.

mod journal;
mod unit;

pub(crate) use journal::encode;
pub use journal::{Journal, Stored};
pub use unit::Unit;
