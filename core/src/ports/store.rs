//! Persistence: three methods that any database can offer in about fifty lines, and two more that
//! have a default.
//!
//! A record is a small text under a key, with a version that core makes and an optional due time.
//! Everything typed (links, connections, audit, outbox) is a repository in core over these three
//! methods.
//!
//! **MUST.** `commit` is all or nothing. `Ok(Commit::Done)` means durable: it survives a power cut.
//! What a [`Check`](Write::Check) expects holds until the commit: of two that each check what the
//! other one writes, one is a conflict. At READ COMMITTED a plain `SELECT` is not enough for that;
//! a row is locked (`FOR SHARE`), and for an absent one the transaction is serializable, or puts
//! the row and takes it away.
//! `get` and `scan` see every earlier successful commit of any process: no replicas, no caches.
//! `body` and `id` come back byte for byte. Ids are ordered by their bytes (PostgreSQL: `COLLATE
//! "C"`). "Now" is one clock for all processes of the store: the database's.
//!
//! **NUL never occurs** in a body, an id, a version or a bound of a scan: core writes JSON, which
//! escapes it. So PostgreSQL's `text`, C strings and `node:sqlite` hold them all.
//!
//! **An error means unknown.** After `Err` core reads again before it believes anything: a commit
//! whose landing matters holds a record that nobody else writes, and that record tells.

use core::fmt::Debug;
use core::time::Duration;
use std::collections::HashSet;

use crate::domain::{FirmId, Timestamp};
use crate::error::{Code, Error, Result};
use crate::maybe_send::{BoxFuture, MaybeSend, MaybeSync};

/// Persistence of one or many firms.
pub trait Store: Debug + MaybeSend + MaybeSync {
    /// The record of this key, if there is one.
    ///
    /// # Errors
    /// [`StoreFailed`](crate::Code::StoreFailed).
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Record>>>;

    /// The records of these keys, in the same order, `None` where there is none. A key may occur
    /// twice. They need not be of one moment: what must not change is expected in the commit. By
    /// default one [`get`](Self::get) after the other; a store that is far away asks once.
    ///
    /// # Errors
    /// [`StoreFailed`](crate::Code::StoreFailed).
    fn get_many<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Record>>>> {
        Box::pin(async move {
            let mut found = Vec::with_capacity(keys.len());
            for key in keys {
                found.push(self.get(key).await?);
            }
            Ok(found)
        })
    }

    /// Records of one collection.
    ///
    /// # Errors
    /// [`StoreFailed`](crate::Code::StoreFailed).
    fn scan<'a>(&'a self, scan: &'a Scan) -> BoxFuture<'a, Result<Vec<Record>>>;

    /// Does all writes, or none. A key occurs at most once in `writes`. An empty list succeeds and
    /// tells the time.
    ///
    /// # Errors
    /// [`StoreFailed`](crate::Code::StoreFailed): it may or may not have happened.
    fn commit<'a>(&'a self, writes: &'a [Write]) -> BoxFuture<'a, Result<Commit>>;

    /// The store's "now" for the records of this firm: what [`Commit::Done`] of a commit about it
    /// tells, and what its due times are compared with. By default an empty commit. A store that
    /// keeps firms in several databases asks the one of this firm: they may differ in their time,
    /// and another one may be away. A store around another one hands it on.
    ///
    /// # Errors
    /// [`StoreFailed`](crate::Code::StoreFailed).
    fn now<'a>(&'a self, firm: &'a FirmId) -> BoxFuture<'a, Result<Timestamp>> {
        let _ = firm;
        Box::pin(async move {
            match self.commit(&[]).await? {
                Commit::Done { at } => Ok(at),
                Commit::Conflict => Err(Error::new(Code::StoreFailed).with("reason", "empty_commit_conflict")),
            }
        })
    }

    /// Completes when another process may have made something due. A hint: it may come late, for
    /// nothing, or never, and whoever waits for it looks at intervals all the same. It counts
    /// from the call on, not from the first poll. By default it never comes.
    fn due_elsewhere(&self) -> BoxFuture<'_, ()> {
        Box::pin(core::future::pending())
    }
}

/// Names one record. Every key begins with the firm, and nothing spans firms.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The firm.
    pub firm: FirmId,
    /// The collection, e.g. `contact`. One of core's fixed names.
    pub collection: &'static str,
    /// The id, unique in firm and collection. 1 to 512 bytes.
    pub id: String,
}

impl Key {
    /// A key.
    #[must_use]
    pub fn new(firm: &FirmId, collection: &'static str, id: impl Into<String>) -> Self {
        Self { firm: firm.clone(), collection, id: id.into() }
    }
}

/// An opaque version that core makes; equal only to itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Version(pub String);

/// A stored record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its key.
    pub key: Key,
    /// The version of its last put.
    pub version: Version,
    /// When it is due, on the store's clock.
    pub due_at: Option<Timestamp>,
    /// UTF-8 text without U+0000, opaque to the store.
    pub body: String,
}

/// What to scan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scan {
    /// One firm's records with `from <= id < until` (`None`: to the end of the collection), ordered
    /// by id.
    Ids {
        /// The firm.
        firm: FirmId,
        /// The collection.
        collection: &'static str,
        /// The first id, inclusive; empty for the beginning.
        from: String,
        /// The first id that is no longer wanted.
        until: Option<String>,
        /// The direction.
        order: Order,
        /// At most this many.
        limit: usize,
    },
    /// Records that are due (`due_at <= now` on the store's clock), of one firm or of all, earliest
    /// first.
    Due {
        /// One firm, or all.
        firm: Option<FirmId>,
        /// The collection.
        collection: &'static str,
        /// At most this many.
        limit: usize,
    },
}

impl Scan {
    /// The first id that may come behind this one, to go on `from`. No id holds a NUL, so that is
    /// the id with the next character behind it.
    #[must_use]
    pub fn behind(id: &str) -> String {
        format!("{id}\u{1}")
    }

    /// Whether a bound holds a NUL.
    pub(crate) fn holds_nul(&self) -> bool {
        let Self::Ids { from, until, .. } = self else { return false };
        from.contains('\0') || until.as_ref().is_some_and(|until| until.contains('\0'))
    }

    /// Whether these can be its answer: in its range and its order. For adapters over foreign code,
    /// since a store that mixes up ids or their order would hide records from core.
    #[must_use]
    pub fn is_answered_by(&self, found: &[Record]) -> bool {
        match self {
            Self::Ids { firm, from, until, order, .. } => {
                let in_range = |record: &Record| {
                    record.key.firm == *firm
                        && record.key.id >= *from
                        && until.as_ref().is_none_or(|until| record.key.id < *until)
                };
                let ascends = |pair: &[Record]| match order {
                    Order::Ascending => pair[0].key.id < pair[1].key.id,
                    Order::Descending => pair[0].key.id > pair[1].key.id,
                };
                found.iter().all(in_range) && found.windows(2).all(ascends)
            }
            Self::Due { firm, .. } => {
                let asked = |record: &Record| firm.as_ref().is_none_or(|firm| record.key.firm == *firm);
                found.iter().all(|record| asked(record) && record.due_at.is_some())
                    && found.windows(2).all(|pair| pair[0].due_at <= pair[1].due_at)
            }
        }
    }
}

/// The direction of a scan by id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Lowest id first.
    Ascending,
    /// Highest id first.
    Descending,
}

/// What a write expects to find.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expect {
    /// No record of this key.
    Absent,
    /// A record of exactly this version.
    Version(Version),
}

/// One entry of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Writes a whole record.
    Put {
        /// The key.
        key: Key,
        /// What must be there before.
        expect: Expect,
        /// The new version.
        version: Version,
        /// Due this long after the store's "now"; `None`: never due.
        due_in: Option<Duration>,
        /// The new body.
        body: String,
    },
    /// Removes a record of this version.
    Delete {
        /// The key.
        key: Key,
        /// The version that must be there.
        version: Version,
    },
    /// Writes nothing, but the commit fails unless the expectation holds: a fence.
    Check {
        /// The key.
        key: Key,
        /// What must be there.
        expect: Expect,
    },
}

impl Write {
    /// The key that the entry is about.
    #[must_use]
    pub fn key(&self) -> &Key {
        match self {
            Self::Put { key, .. } | Self::Delete { key, .. } | Self::Check { key, .. } => key,
        }
    }

    /// What every store does first: refuses a commit that names a key twice, because its entries
    /// would then depend on their order.
    ///
    /// # Errors
    /// [`Internal`](crate::Code::Internal): core built a wrong commit. Nothing was written.
    pub fn require_distinct_keys(writes: &[Self]) -> Result<()> {
        let mut seen = HashSet::with_capacity(writes.len());
        if writes.iter().all(|write| seen.insert(write.key())) {
            return Ok(());
        }
        Err(Error::new(Code::Internal).with("reason", "key_twice_in_commit"))
    }
}

/// What became of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commit {
    /// All of it is durable.
    Done {
        /// The store's "now" of the commit: the one that `due_in` was added to.
        at: Timestamp,
    },
    /// An expectation did not hold; nothing was written. It names nothing: core reads again.
    Conflict,
}
