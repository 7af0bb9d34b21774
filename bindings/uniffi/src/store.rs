//! A store in the host's language. What it answers is checked before anything is believed, and an
//! error means *unknown* (see the store port): core reads again.

use casehug_clio::ports::{BoxFuture, Commit, Expect, Key, Order, Record, Scan, Store, Version, Write};
use casehug_clio::{Code, Error, FirmId, Result, Timestamp};

use crate::failure::HostFailure;
use crate::host::{Host, reason};

/// Names a record.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct StoreKey {
    /// The firm.
    pub firm: String,
    /// The collection.
    pub collection: String,
    /// The id.
    pub id: String,
}

/// A record.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct StoreRecord {
    /// Its key.
    pub key: StoreKey,
    /// Its version.
    pub version: String,
    /// When it is due, in milliseconds since 1970.
    pub due_at_ms: Option<i64>,
    /// Its body.
    pub body: String,
}

/// Which records are wanted, `limit` at most.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum StoreScan {
    /// Those of one firm with `first <= id < until`, by id.
    Ids {
        /// The firm.
        firm: String,
        /// The collection.
        collection: String,
        /// The first id.
        first: String,
        /// The first id that is no longer wanted; none: to the end.
        until: Option<String>,
        /// Whether the highest id comes first.
        descending: bool,
        /// At most so many.
        limit: u64,
    },
    /// Those that are due on the store's clock, earliest first.
    Due {
        /// The firm; none: all.
        firm: Option<String>,
        /// The collection.
        collection: String,
        /// At most so many.
        limit: u64,
    },
}

/// One entry of a commit.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum StoreWrite {
    /// Writes the whole record.
    Put {
        /// The key.
        key: StoreKey,
        /// The version that must be there; none: no record may be there.
        expect: Option<String>,
        /// The new version.
        version: String,
        /// Due so long after the store's clock; none: never.
        due_in_ms: Option<i64>,
        /// The body.
        body: String,
    },
    /// Removes the record.
    Delete {
        /// The key.
        key: StoreKey,
        /// The version that must be there.
        expect: String,
    },
    /// Writes nothing.
    Check {
        /// The key.
        key: StoreKey,
        /// The version that must be there; none: no record may be there.
        expect: Option<String>,
    },
}

/// What `get` found.
#[derive(Clone, Debug, uniffi::Record)]
pub struct FoundRecord {
    /// The record, if there is one.
    pub record: Option<StoreRecord>,
}

/// What `scan` found.
#[derive(Clone, Debug, uniffi::Record)]
pub struct FoundRecords {
    /// In the order of the scan.
    pub records: Vec<StoreRecord>,
}

/// What became of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum CommitAnswer {
    /// All of it is durable.
    Done {
        /// The store's clock at the commit, in milliseconds since 1970.
        now_ms: i64,
    },
    /// An expectation did not hold, and nothing was written.
    Conflict,
}

/// A database of the host. Used by several threads at once.
#[uniffi::export(foreign)]
pub trait HostStore: Send + Sync {
    /// The record of this key, if there is one.
    fn get(&self, key: StoreKey) -> Result<FoundRecord, HostFailure>;
    /// The records that the scan asks for.
    fn scan(&self, scan: StoreScan) -> Result<FoundRecords, HostFailure>;
    /// Does all writes or none.
    fn commit(&self, writes: Vec<StoreWrite>) -> Result<CommitAnswer, HostFailure>;
}

fn failed(reason: &'static str) -> Error {
    Error::new(Code::StoreFailed).with("reason", reason)
}

fn wrong(field: &'static str) -> Error {
    failed("callback_answer").with("field", field)
}

fn refused(failure: HostFailure) -> Error {
    failed(reason(failure))
}

fn named(key: &Key) -> StoreKey {
    StoreKey { firm: key.firm.as_str().to_owned(), collection: key.collection.to_owned(), id: key.id.clone() }
}

/// A record of the host, if it is of this collection.
fn record(found: StoreRecord, collection: &'static str) -> Result<Record> {
    let StoreKey { firm, collection: of, id } = found.key;
    if of != collection {
        return Err(wrong("collection"));
    }
    let firm = FirmId::new(firm).map_err(|_| wrong("firm"))?;
    if found.due_at_ms.is_some_and(|due| due < 0) {
        return Err(wrong("due_at"));
    }
    let due_at = found.due_at_ms.map(Timestamp);
    Ok(Record { key: Key::new(&firm, collection, id), version: Version(found.version), due_at, body: found.body })
}

fn expected(expect: &Expect) -> Option<String> {
    match expect {
        Expect::Absent => None,
        Expect::Version(version) => Some(version.0.clone()),
    }
}

fn entry(write: &Write) -> StoreWrite {
    let key = named(write.key());
    match write {
        Write::Put { expect, version, due_in, body, .. } => StoreWrite::Put {
            key,
            expect: expected(expect),
            version: version.0.clone(),
            due_in_ms: due_in.map(|due| i64::try_from(due.as_millis()).unwrap_or(i64::MAX)),
            body: body.clone(),
        },
        Write::Delete { version, .. } => StoreWrite::Delete { key, expect: version.0.clone() },
        Write::Check { expect, .. } => StoreWrite::Check { key, expect: expected(expect) },
    }
}

/// The [`Store`] port over a host's object.
#[derive(Clone, Debug)]
pub(crate) struct StorePort(pub Host<dyn HostStore>);

impl Store for StorePort {
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Record>>> {
        let key = key.clone();
        Box::pin(self.0.on_pool(failed, move |store| {
            let found = store.get(named(&key)).map_err(refused)?.record;
            let found = found.map(|found| record(found, key.collection)).transpose()?;
            if found.as_ref().is_some_and(|record| record.key != key) { Err(wrong("key")) } else { Ok(found) }
        }))
    }

    fn scan<'a>(&'a self, scan: &'a Scan) -> BoxFuture<'a, Result<Vec<Record>>> {
        let scan = scan.clone();
        Box::pin(self.0.on_pool(failed, move |store| {
            let many = |limit: usize| u64::try_from(limit).unwrap_or(u64::MAX);
            let (collection, most, wanted) = match &scan {
                Scan::Ids { firm, collection, from, until, order, limit } => (
                    *collection,
                    *limit,
                    StoreScan::Ids {
                        firm: firm.as_str().to_owned(),
                        collection: (*collection).to_owned(),
                        first: from.clone(),
                        until: until.clone(),
                        descending: *order == Order::Descending,
                        limit: many(*limit),
                    },
                ),
                Scan::Due { firm, collection, limit } => {
                    let firm = firm.as_ref().map(|firm| firm.as_str().to_owned());
                    let wanted = StoreScan::Due { firm, collection: (*collection).to_owned(), limit: many(*limit) };
                    (*collection, *limit, wanted)
                }
            };
            let found = store.scan(wanted).map_err(refused)?.records;
            if found.len() > most {
                return Err(wrong("more_than_the_limit"));
            }
            let found: Vec<Record> = found.into_iter().map(|found| record(found, collection)).collect::<Result<_>>()?;
            if scan.is_answered_by(&found) { Ok(found) } else { Err(wrong("order")) }
        }))
    }

    fn commit<'a>(&'a self, writes: &'a [Write]) -> BoxFuture<'a, Result<Commit>> {
        let writes = writes.to_vec();
        Box::pin(async move {
            Write::require_distinct_keys(&writes)?;
            self.0
                .on_pool(failed, move |store| {
                    match store.commit(writes.iter().map(entry).collect()).map_err(refused)? {
                        CommitAnswer::Done { now_ms } if now_ms >= 0 => Ok(Commit::Done { at: Timestamp(now_ms) }),
                        // Done, or so it says; without its time it cannot be used, and reading
                        // again will tell.
                        CommitAnswer::Done { .. } => Err(wrong("now")),
                        CommitAnswer::Conflict => Ok(Commit::Conflict),
                    }
                })
                .await
        })
    }
}
