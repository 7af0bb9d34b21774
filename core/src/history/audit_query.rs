//! Reading the audit log: pages, filters, export, verification, pruning.
//!
//! Entries are numbered without gaps, so a page is a scan of its own however long the log is.
//! Pruning removes the oldest entries and keeps what the first remaining one was chained to, so
//! that the rest still verifies; it is itself an entry.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::LogPage;
use crate::domain::{Actor, ActorId, FirmId, Timestamp};
use crate::error::{Code, Error, Result};
use crate::ports::{Commit, Expect, Key, Order, Record, Scan, Version};
use crate::store::audit::{ENTRIES, HEAD, Head, id_of};
use crate::store::{Action, AuditEntry, AuditRecord, AuditStatus, Repository};

/// The largest page.
const MOST: usize = 500;
/// Entries that a filter looks at for one page.
const MOST_LOOKED_AT: usize = 5_000;
/// Entries that one commit of pruning removes.
const PRUNED_AT_ONCE: usize = 200;

/// Which entries are asked for. Newest first.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct AuditQuery {
    /// Of this action only.
    pub action: Option<Action>,
    /// With this end only.
    pub status: Option<AuditStatus>,
    /// Asked for by this user only.
    pub actor: Option<ActorId>,
    /// Written at this time or later, on the host's clock.
    pub since: Option<Timestamp>,
    /// Written before this time.
    pub until: Option<Timestamp>,
    /// Where the page before ended: its `next`.
    pub after: Option<String>,
    /// At most so many, up to 500; 0 is 50.
    pub limit: usize,
}

/// A piece of the log as it is stored: one JSON object per line. With `prev` of each line being the
/// SHA-256 of the line before, whoever holds the export can check it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AuditExport {
    /// The lines, each with its line feed.
    pub ndjson: String,
    /// Ask for the next piece from here; `None`: that was all.
    pub next: Option<u64>,
}

/// `audit-head/base`: what was pruned.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Base {
    /// The last entry that was removed.
    seq: u64,
    /// Its hash, which the first remaining entry is chained to.
    hash: String,
}

/// Reads a firm's audit log.
#[derive(Clone, Debug)]
pub struct AuditLog<'a> {
    repository: &'a Repository,
}

impl<'a> AuditLog<'a> {
    /// The log in this repository.
    #[must_use]
    pub fn new(repository: &'a Repository) -> Self {
        Self { repository }
    }

    /// Entries that the query asks for, newest first.
    ///
    /// # Errors
    /// [`Code::StoreFailed`], [`Code::StoreCorrupt`]; [`Code::SettingInvalid`] when `after` is not
    /// of a page.
    pub async fn query(&self, firm: &FirmId, query: &AuditQuery) -> Result<LogPage<AuditRecord>> {
        let limit = if query.limit == 0 { 50 } else { query.limit.min(MOST) };
        let mut until = match &query.after {
            Some(after) => after.parse().map_err(|_| {
                Error::new(Code::SettingInvalid).with("argument", "after").with("reason", "not_of_a_page")
            })?,
            None => u64::MAX,
        };
        let mut page = LogPage { items: Vec::new(), next: None };
        let mut looked_at = 0;
        loop {
            let width = limit.max(50);
            let found = self.scan(firm, 0, Some(until), Order::Descending, width).await?;
            let all = found.len() < width;
            for entry in found {
                looked_at += 1;
                until = entry.record.seq;
                if query.takes(&entry.record) {
                    page.items.push(entry.record);
                }
                if page.items.len() == limit || looked_at == MOST_LOOKED_AT {
                    page.next = Some(until.to_string());
                    return Ok(page);
                }
            }
            if all {
                return Ok(page);
            }
        }
    }

    /// Up to `limit` (100 to 5,000) entries from position `from` on, as they are stored. Written to
    /// the log as well.
    ///
    /// # Errors
    /// As [`query`](Self::query).
    pub async fn export(&self, actor: &Actor, from: u64, limit: usize) -> Result<AuditExport> {
        let limit = limit.clamp(100, 5_000);
        let found = self.raw(&actor.firm, from, limit).await?;
        let last = found.last().map(|entry| entry.record.seq);
        let next = last.filter(|_| found.len() == limit).map(|last| last + 1);
        let mut transaction = self.repository.transaction(&actor.firm)?;
        let entry = AuditEntry::by(&actor.id, Action::Export, AuditStatus::Ok);
        transaction.audit(entry.with("log", "audit").with("from", from).with("entries", found.len()));
        self.repository.commit_or_conflict(&transaction).await?;
        let ndjson = found.into_iter().map(|entry| entry.body + "\n").collect();
        Ok(AuditExport { ndjson, next })
    }

    /// Walks the whole chain, as it was when this began. Returns the number of entries that are
    /// there.
    ///
    /// # Errors
    /// [`Code::StoreTampered`] with `seq`, the first position that does not fit: of an entry that
    /// was changed, the one after it, which was chained to what it said before.
    pub async fn verify(&self, firm: &FirmId) -> Result<u64> {
        loop {
            let (base, pruned) = self.base(firm).await?;
            match self.walk(firm, base).await {
                // What was walked over may have been pruned meanwhile.
                Err(error) if error.code() == Code::StoreTampered && self.base(firm).await?.1 != pruned => {}
                walked => return walked,
            }
        }
    }

    async fn walk(&self, firm: &FirmId, base: Base) -> Result<u64> {
        let head = self.head(firm).await?;
        let begun = base.seq;
        let (mut seq, mut hash) = (base.seq, base.hash);
        while seq < head.seq {
            let page = self.records(firm, seq + 1, None, Order::Ascending, MOST).await?;
            if page.is_empty() {
                return Err(broken(seq + 1));
            }
            for record in page {
                // Written since the head was read.
                if seq == head.seq {
                    break;
                }
                seq += 1;
                // Nor is one that cannot be read what was written.
                let entry = Raw::of(record).map_err(|_| broken(seq))?;
                if entry.record.seq != seq || entry.record.prev != hash {
                    return Err(broken(seq));
                }
                hash = entry.hash();
            }
        }
        // One more than the head knows of: written since, or slipped in.
        let behind = self.records(firm, seq + 1, None, Order::Ascending, 1).await?;
        let slipped_in = !behind.is_empty() && self.head(firm).await?.seq == head.seq;
        if slipped_in || (seq, hash) != (head.seq, head.hash) { Err(broken(seq + 1)) } else { Ok(seq - begun) }
    }

    /// Removes the oldest entries, up to the first that was written at `before` or later, or since
    /// this began. Returns how many that were. What remains verifies as before.
    ///
    /// # Errors
    /// As [`query`](Self::query); [`Code::StoreConflict`] when somebody else prunes; what was
    /// removed stays removed.
    pub async fn prune(&self, actor: &Actor, before: Timestamp) -> Result<u64> {
        let mut removed = 0;
        // The entries that tell of the pruning may themselves be older than `before`.
        let begun = self.head(&actor.firm).await?.seq;
        loop {
            let (base, version) = self.base(&actor.firm).await?;
            let mut old = self.raw(&actor.firm, base.seq + 1, PRUNED_AT_ONCE).await?;
            let stays = |entry: &Raw| entry.record.at >= before || entry.record.seq > begun;
            old.truncate(old.iter().position(stays).unwrap_or(old.len()));
            let Some(last) = old.last() else { return Ok(removed) };
            let base = Base { seq: last.record.seq, hash: last.hash() };
            let mut transaction = self.repository.transaction(&actor.firm)?;
            let expect = version.map_or(Expect::Absent, Expect::Version);
            transaction.put(Key::new(&actor.firm, HEAD, "base"), expect, &base)?;
            let entry = AuditEntry::by(&actor.id, Action::Prune, AuditStatus::Ok);
            transaction.audit(entry.with("log", "audit").with("until", base.seq).with("entries", old.len()));
            removed += old.len() as u64;
            for entry in old {
                transaction.delete(Key::new(&actor.firm, ENTRIES, id_of(entry.record.seq)), entry.version);
            }
            if self.repository.commit(&transaction).await? == Commit::Conflict {
                return Err(Error::new(Code::StoreConflict).with("log", "audit"));
            }
        }
    }

    async fn head(&self, firm: &FirmId) -> Result<Head> {
        let stored = self.repository.get::<Head>(&Key::new(firm, HEAD, "head")).await?;
        Ok(stored.map(|stored| stored.value).unwrap_or_default())
    }

    async fn base(&self, firm: &FirmId) -> Result<(Base, Option<Version>)> {
        let stored = self.repository.get::<Base>(&Key::new(firm, HEAD, "base")).await?;
        Ok(stored.map_or_else(Default::default, |stored| (stored.value, Some(stored.version))))
    }

    async fn raw(&self, firm: &FirmId, from: u64, limit: usize) -> Result<Vec<Raw>> {
        self.scan(firm, from, None, Order::Ascending, limit).await
    }

    async fn scan(&self, firm: &FirmId, from: u64, until: Option<u64>, order: Order, limit: usize) -> Result<Vec<Raw>> {
        self.records(firm, from, until, order, limit).await?.into_iter().map(Raw::of).collect()
    }

    async fn records(
        &self,
        firm: &FirmId,
        from: u64,
        until: Option<u64>,
        order: Order,
        limit: usize,
    ) -> Result<Vec<Record>> {
        let scan = Scan::Ids {
            firm: firm.clone(),
            collection: ENTRIES,
            from: id_of(from),
            until: until.map(|until| if until == u64::MAX { String::from(":") } else { id_of(until) }),
            order,
            limit,
        };
        self.repository.store().scan(&scan).await
    }
}

/// An entry as it is stored.
struct Raw {
    record: AuditRecord,
    body: String,
    version: Version,
}

impl Raw {
    fn of(record: Record) -> Result<Self> {
        let decoded = serde_json::from_str(&record.body)
            .map_err(|_| Error::new(Code::StoreCorrupt).with("collection", ENTRIES))?;
        Ok(Self { record: decoded, body: record.body, version: record.version })
    }

    fn hash(&self) -> String {
        hex::encode(Sha256::digest(self.body.as_bytes()))
    }
}

impl AuditQuery {
    fn takes(&self, entry: &AuditRecord) -> bool {
        self.action.is_none_or(|action| entry.action == action.name())
            && self.status.is_none_or(|status| entry.status == status.name())
            && self.actor.as_ref().is_none_or(|actor| entry.actor == actor.as_str())
            && self.since.is_none_or(|since| entry.at >= since)
            && self.until.is_none_or(|until| entry.at < until)
    }
}

fn broken(seq: u64) -> Error {
    Error::new(Code::StoreTampered).with("log", "audit").with("seq", seq)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Role;
    use crate::memory::MemoryStore;
    use crate::ports::Runtime;
    use crate::testkit::VirtualRuntime;
    use std::sync::Arc;

    #[tokio::test]
    async fn pruning_everything_comes_to_an_end() {
        let runtime: Arc<dyn Runtime> = Arc::new(VirtualRuntime::new(1));
        let repository = Repository::new(Arc::new(MemoryStore::new(Arc::clone(&runtime))), runtime);
        let actor = Actor { id: ActorId::new("a").unwrap(), firm: FirmId::new("firm").unwrap(), role: Role::Admin };
        for _ in 0..PRUNED_AT_ONCE + 1 {
            let mut transaction = repository.transaction(&actor.firm).unwrap();
            transaction.audit(AuditEntry::by(&actor.id, Action::Settings, AuditStatus::Ok));
            repository.commit_or_conflict(&transaction).await.unwrap();
        }
        let log = AuditLog::new(&repository);
        assert_eq!(log.prune(&actor, Timestamp(i64::MAX)).await.unwrap(), PRUNED_AT_ONCE as u64 + 1);
        assert_eq!(log.verify(&actor.firm).await.unwrap(), 2, "what tells of the pruning stays");
        assert_eq!(log.prune(&actor, Timestamp(i64::MAX)).await.unwrap(), 2, "until the next time");
        assert_eq!(log.verify(&actor.firm).await.unwrap(), 1);
    }
}
