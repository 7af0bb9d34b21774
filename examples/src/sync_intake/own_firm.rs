//! A database of many firms, of which this process works for one: what is due of the others is for
//! the processes that have their intakes.

use std::sync::Arc;

use casehug_clio::ports::{BoxFuture, Commit, Key, Record, Scan, Store, Write};
use casehug_clio::{FirmId, Result, Timestamp};

/// The same store, in which a worker finds nothing due but of this firm.
#[derive(Debug)]
pub(crate) struct OwnFirm {
    pub firm: FirmId,
    pub store: Arc<dyn Store>,
}

impl Store for OwnFirm {
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Record>>> {
        self.store.get(key)
    }

    fn get_many<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Record>>>> {
        self.store.get_many(keys)
    }

    fn scan<'a>(&'a self, scan: &'a Scan) -> BoxFuture<'a, Result<Vec<Record>>> {
        let Scan::Due { firm: None, collection, limit } = *scan else { return self.store.scan(scan) };
        let own = Scan::Due { firm: Some(self.firm.clone()), collection, limit };
        Box::pin(async move { self.store.scan(&own).await })
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
