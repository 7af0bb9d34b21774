//! What must become durable together.

use core::time::Duration;

use serde::Serialize;

use super::repository::encode;
use super::{AuditEntry, Event};
use crate::domain::FirmId;
use crate::error::Result;
use crate::ports::{Expect, Key, Record, Version, Write};

/// Records, audit entries and outbox events of one commit, all of one firm.
#[derive(Clone, Debug)]
pub struct Transaction {
    firm: FirmId,
    id: String,
    writes: Vec<Write>,
    audits: Vec<AuditEntry>,
    events: Vec<Event>,
}

impl Transaction {
    pub(crate) fn new(firm: FirmId, id: String) -> Self {
        Self { firm, id, writes: Vec::new(), audits: Vec::new(), events: Vec::new() }
    }

    /// The firm.
    #[must_use]
    pub fn firm(&self) -> &FirmId {
        &self.firm
    }

    /// The transaction's own id; versions and audit entries derive from it.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Writes a record as JSON. Returns the version that it will have.
    ///
    /// # Errors
    /// [`Code::Internal`](crate::Code::Internal) when the value cannot be encoded.
    pub fn put<T: Serialize>(&mut self, key: Key, expect: Expect, value: &T) -> Result<Version> {
        self.put_due(key, expect, None, value)
    }

    /// As [`put`](Self::put), due this long after the commit.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn put_due<T: Serialize>(
        &mut self,
        key: Key,
        expect: Expect,
        due_in: Option<Duration>,
        value: &T,
    ) -> Result<Version> {
        let version = Version(format!("{}.{}", self.id, self.writes.len()));
        self.writes.push(Write::Put { key, expect, version: version.clone(), due_in, body: encode(value)? });
        Ok(version)
    }

    /// Writes a record again as it is, due this long after the commit: whoever sees it next knows
    /// no more of it than this.
    pub fn defer(&mut self, record: &Record, wait: Duration) -> Version {
        let version = Version(format!("{}.{}", self.id, self.writes.len()));
        self.writes.push(Write::Put {
            key: record.key.clone(),
            expect: Expect::Version(record.version.clone()),
            version: version.clone(),
            due_in: Some(wait),
            body: record.body.clone(),
        });
        version
    }

    /// Removes a record of this version.
    pub fn delete(&mut self, key: Key, version: Version) {
        self.writes.push(Write::Delete { key, version });
    }

    /// Makes the commit depend on a record that it does not write.
    pub fn check(&mut self, key: Key, expect: Expect) {
        self.writes.push(Write::Check { key, expect });
    }

    /// Adds an audit entry.
    pub fn audit(&mut self, entry: AuditEntry) {
        self.audits.push(entry);
    }

    /// Adds an outbox event.
    pub fn event(&mut self, event: Event) {
        self.events.push(event);
    }

    pub(crate) fn writes(&self) -> &[Write] {
        &self.writes
    }

    pub(crate) fn audits(&self) -> &[AuditEntry] {
        &self.audits
    }

    pub(crate) fn events(&self) -> &[Event] {
        &self.events
    }
}
