//! A store with a defect, for whoever runs workers.

use core::fmt;
use core::sync::atomic::{AtomicUsize, Ordering};

use casehug_clio::Result;
use casehug_clio::memory::MemoryStore;
use casehug_clio::ports::{BoxFuture, Commit, Key, Record, Scan, Store, Write};

/// Panics at the first look at what is due, and works from then on: a worker on it ends as by a
/// defect of the SDK.
pub struct PanicsOnce {
    store: MemoryStore,
    looks: AtomicUsize,
}

impl PanicsOnce {
    /// Looks at what this store holds.
    #[must_use]
    pub fn new(store: MemoryStore) -> Self {
        Self { store, looks: AtomicUsize::new(0) }
    }

    /// How often it was looked at what is due, the look that panicked included.
    #[must_use]
    pub fn looks(&self) -> usize {
        self.looks.load(Ordering::SeqCst)
    }
}

impl fmt::Debug for PanicsOnce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PanicsOnce")
    }
}

impl Store for PanicsOnce {
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Record>>> {
        self.store.get(key)
    }

    fn scan<'a>(&'a self, scan: &'a Scan) -> BoxFuture<'a, Result<Vec<Record>>> {
        let is_due = matches!(scan, Scan::Due { .. });
        assert!(!is_due || self.looks.fetch_add(1, Ordering::SeqCst) > 0, "a defect, to order");
        self.store.scan(scan)
    }

    fn commit<'a>(&'a self, writes: &'a [Write]) -> BoxFuture<'a, Result<Commit>> {
        self.store.commit(writes)
    }
}
