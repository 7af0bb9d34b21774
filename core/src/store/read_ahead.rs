//! Several records read at once, for code that asks for them one by one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::{FirmId, Timestamp};
use crate::error::Result;
use crate::maybe_send::BoxFuture;
use crate::ports::{Commit, Key, Record, Scan, Store, Write};

/// A store that has read some records already. Each is given once: who asks again wants to know
/// what is there by then.
#[derive(Debug)]
pub(super) struct ReadAhead {
    store: Arc<dyn Store>,
    read: Mutex<BTreeMap<Key, Option<Record>>>,
}

impl ReadAhead {
    pub(super) async fn new(store: &Arc<dyn Store>, keys: &[Key]) -> Result<Self> {
        let found = store.get_many(keys).await?;
        let read = keys.iter().cloned().zip(found).collect();
        Ok(Self { store: Arc::clone(store), read: Mutex::new(read) })
    }
}

impl Store for ReadAhead {
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Record>>> {
        match self.read.lock().unwrap_or_else(PoisonError::into_inner).remove(key) {
            Some(found) => Box::pin(core::future::ready(Ok(found))),
            None => self.store.get(key),
        }
    }

    fn get_many<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Record>>>> {
        self.store.get_many(keys)
    }

    fn scan<'a>(&'a self, scan: &'a Scan) -> BoxFuture<'a, Result<Vec<Record>>> {
        self.store.scan(scan)
    }

    fn commit<'a>(&'a self, writes: &'a [Write]) -> BoxFuture<'a, Result<Commit>> {
        self.store.commit(writes)
    }

    fn now<'a>(&'a self, firm: &'a FirmId) -> BoxFuture<'a, Result<Timestamp>> {
        self.store.now(firm)
    }

    fn due_elsewhere(&self) -> BoxFuture<'_, ()> {
        self.store.due_elsewhere()
    }
}
