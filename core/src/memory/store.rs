//! The [`Store`] port on an ordered map: the contract in its shortest form.
//!
//! A commit looks at every expectation before it writes anything, under one lock, so it is all or
//! nothing and racing commits are decided one after the other. It keeps every promise of the port
//! but durability: what it holds ends with the process.

use core::fmt;
use core::ops::Bound;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::Timestamp;
use crate::error::{Code, Error, Result};
use crate::maybe_send::BoxFuture;
use crate::ports::{Commit, Expect, Key, Order, Record, Runtime, Scan, Store, Version, Write};

/// Records in memory. A clone is a second handle of the same store. Its clock is the runtime's.
#[derive(Clone)]
pub struct MemoryStore {
    runtime: Arc<dyn Runtime>,
    records: Arc<Mutex<Records>>,
}

#[derive(Clone, Default)]
struct Records {
    all: BTreeMap<Key, Value>,
    /// What will be due, and when: workers ask for it all the time.
    due: BTreeSet<(&'static str, Timestamp, Key)>,
}

impl Records {
    fn insert(&mut self, key: Key, value: Value) {
        self.remove(&key);
        if let Some(due_at) = value.due_at {
            self.due.insert((key.collection, due_at, key.clone()));
        }
        self.all.insert(key, value);
    }

    fn remove(&mut self, key: &Key) {
        if let Some(Value { due_at: Some(due_at), .. }) = self.all.remove(key) {
            self.due.remove(&(key.collection, due_at, key.clone()));
        }
    }
}

#[derive(Clone)]
struct Value {
    version: Version,
    due_at: Option<Timestamp>,
    body: String,
}

/// A copy of everything that a [`MemoryStore`] held.
#[derive(Clone)]
pub struct MemoryBackup(Records);

impl fmt::Debug for MemoryBackup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryBackup").field("records", &self.0.all.len()).finish()
    }
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new(runtime: Arc<dyn Runtime>) -> Self {
        Self { runtime, records: Arc::default() }
    }

    /// Everything that it holds, in the order of the keys: for tests that look for what must not be
    /// there.
    #[must_use]
    pub fn dump(&self) -> Vec<(Key, String)> {
        self.records().all.iter().map(|(key, value)| (key.clone(), value.body.clone())).collect()
    }

    /// The body of one record, without waiting: for tests that look from outside.
    #[must_use]
    pub fn body(&self, key: &Key) -> Option<String> {
        self.records().all.get(key).map(|value| value.body.clone())
    }

    /// What it holds now: a backup.
    #[must_use]
    pub fn backup(&self) -> MemoryBackup {
        MemoryBackup(self.records().clone())
    }

    /// Puts a backup back. What was written since is gone, acknowledged or not: no store may do
    /// this by itself.
    pub fn restore(&self, backup: &MemoryBackup) {
        self.records().clone_from(&backup.0);
    }

    fn records(&self) -> MutexGuard<'_, Records> {
        // A commit changes the map only after its last check, in steps that do not panic: a
        // poisoned map is still whole.
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn commit_now(&self, writes: &[Write]) -> Result<Commit> {
        Write::require_distinct_keys(writes)?;
        let mut records = self.records();
        let at = self.runtime.now();
        if !writes.iter().all(|write| holds(&records.all, write)) {
            return Ok(Commit::Conflict);
        }
        for write in writes {
            match write {
                Write::Put { key, version, due_in, body, .. } => {
                    let due_at = due_in.map(|due_in| at + due_in);
                    records.insert(key.clone(), Value { version: version.clone(), due_at, body: body.clone() });
                }
                Write::Delete { key, .. } => {
                    records.remove(key);
                }
                Write::Check { .. } => {}
            }
        }
        Ok(Commit::Done { at })
    }

    fn scan_now(&self, scan: &Scan) -> Result<Vec<Record>> {
        // Though a map would find its place, PostgreSQL does not.
        if scan.holds_nul() {
            return Err(Error::new(Code::StoreFailed).with("reason", "nul_in_range"));
        }
        let records = self.records();
        match scan {
            Scan::Ids { firm, collection, from, until, order, limit } => {
                if until.as_ref().is_some_and(|until| until <= from) {
                    return Ok(Vec::new());
                }
                let first = Key::new(firm, collection, from.as_str());
                let range = records
                    .all
                    .range((Bound::Included(first), Bound::Unbounded))
                    .take_while(|(key, _)| key.firm == *firm && key.collection == *collection)
                    .take_while(|(key, _)| until.as_ref().is_none_or(|until| key.id < *until));
                let mut found: Vec<Record> = range.map(to_record).collect();
                if *order == Order::Descending {
                    found.reverse();
                }
                found.truncate(*limit);
                Ok(found)
            }
            Scan::Due { firm, collection, limit } => {
                let now = self.runtime.now();
                let mut found = Vec::new();
                for (of, due_at, key) in &records.due {
                    if found.len() == *limit || (*of == *collection && *due_at > now) || *of > *collection {
                        break;
                    }
                    if *of == *collection && firm.as_ref().is_none_or(|firm| key.firm == *firm) {
                        found.extend(records.all.get_key_value(key).map(to_record));
                    }
                }
                Ok(found)
            }
        }
    }
}

fn holds(records: &BTreeMap<Key, Value>, write: &Write) -> bool {
    let found = records.get(write.key()).map(|value| &value.version);
    match write {
        Write::Put { expect: Expect::Absent, .. } | Write::Check { expect: Expect::Absent, .. } => found.is_none(),
        Write::Put { expect: Expect::Version(version), .. }
        | Write::Check { expect: Expect::Version(version), .. }
        | Write::Delete { version, .. } => found == Some(version),
    }
}

fn to_record((key, value): (&Key, &Value)) -> Record {
    Record { key: key.clone(), version: value.version.clone(), due_at: value.due_at, body: value.body.clone() }
}

impl Store for MemoryStore {
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Record>>> {
        Box::pin(async move { Ok(self.records().all.get_key_value(key).map(to_record)) })
    }

    fn get_many<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Record>>>> {
        Box::pin(async move {
            let records = self.records();
            Ok(keys.iter().map(|key| records.all.get_key_value(key).map(to_record)).collect())
        })
    }

    fn scan<'a>(&'a self, scan: &'a Scan) -> BoxFuture<'a, Result<Vec<Record>>> {
        Box::pin(async move { self.scan_now(scan) })
    }

    fn commit<'a>(&'a self, writes: &'a [Write]) -> BoxFuture<'a, Result<Commit>> {
        Box::pin(async move { self.commit_now(writes) })
    }
}

/// The number of records, never their content.
impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("records", &self.records().all.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::VirtualRuntime;
    use crate::testkit::store::StoreUnderTest;

    async fn open() -> StoreUnderTest {
        let runtime = Arc::new(VirtualRuntime::new(1));
        let store = MemoryStore::new(runtime.clone());
        StoreUnderTest::new(Arc::new(store.clone()), Arc::new(store), runtime)
    }

    crate::store_conformance!(open);
}
