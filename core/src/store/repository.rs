//! Reading records, and committing transactions whatever the store answers.
//!
//! **Problem.** A commit can end in three ways: done, conflict, and *unknown* (the connection to
//! the database broke). A caller that takes unknown for failure does things twice; one that takes
//! it for success loses them.
//!
//! **Model.** Every put carries a version that nobody else makes, and an audit entry is never
//! overwritten. So after an error the repository reads back the transaction's commit marker (its
//! audit entry, else its first put): our version there means that the commit landed; otherwise the
//! *same* commit, with the same versions and expectations, is tried again. Should the first one
//! land in between, the second conflicts, and the commit marker tells.
//!
//! **Hot records.** The audit chain's head and the outbox counters are read and written by the
//! repository, not by callers. When a conflict comes from them alone, the transaction is built
//! again on their new state; any other conflict is the caller's.

use core::time::Duration;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::audit::Heads;
use super::read_ahead::ReadAhead;
use super::turns::Turn;
use super::{Transaction, audit, outbox};
use crate::domain::{FirmId, Timestamp};
use crate::error::{Code, Error, Result};
use crate::failure_log::FailureLog;
use crate::ports::{Commit, Expect, Key, Order, Record, Runtime, Scan, Store, Version, Write};

/// How often one transaction is built again because the chain head or a counter moved. Each time
/// somebody else's commit succeeded.
const MOST_REBUILDS: usize = 100;
/// How often a commit of unknown outcome is tried again.
const MOST_REDOS: usize = 3;

/// How often a change is built again because somebody else was faster. Each time somebody else's
/// commit succeeded.
const MOST_ATTEMPTS: usize = 100;

/// What one try at a change came to.
#[derive(Debug)]
pub enum Change<R> {
    /// The transaction is to be committed.
    Commit(Transaction, R),
    /// There is nothing to commit.
    Leave(R),
}

/// Reads and commits typed records.
#[derive(Clone, Debug)]
pub struct Repository {
    store: Arc<dyn Store>,
    runtime: Arc<dyn Runtime>,
    failures: Arc<FailureLog>,
    heads: Arc<Heads>,
}

/// A record with its decoded body.
#[derive(Clone, Debug)]
pub struct Versioned<T> {
    /// The decoded body.
    pub value: T,
    /// The version to expect when writing over it.
    pub version: Version,
    /// When it is due, on the store's clock.
    pub due_at: Option<Timestamp>,
}

impl Repository {
    /// A repository over a store.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, runtime: Arc<dyn Runtime>) -> Self {
        Self { store, runtime, failures: Arc::default(), heads: Arc::default() }
    }

    /// The runtime that makes ids and versions.
    #[must_use]
    pub fn runtime(&self) -> &Arc<dyn Runtime> {
        &self.runtime
    }

    /// What fails now in this process, so that it is told once.
    pub(crate) fn failures(&self) -> &FailureLog {
        &self.failures
    }

    /// The store beneath.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// A new time-ordered id (UUIDv7) from the runtime's clock and random source.
    ///
    /// # Errors
    /// [`Code::RuntimeFailed`].
    pub fn new_id(&self) -> Result<String> {
        let mut random = [0; 10];
        self.runtime.random(&mut random)?;
        let millis = u64::try_from(self.runtime.now().0).unwrap_or(0);
        Ok(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid().to_string())
    }

    /// An empty transaction for one firm.
    ///
    /// # Errors
    /// [`Code::RuntimeFailed`].
    pub fn transaction(&self, firm: &FirmId) -> Result<Transaction> {
        Ok(Transaction::new(firm.clone(), self.new_id()?))
    }

    /// The record of this key, decoded.
    ///
    /// # Errors
    /// [`Code::StoreFailed`], or [`Code::StoreCorrupt`] when the body cannot be decoded.
    pub async fn get<T: DeserializeOwned>(&self, key: &Key) -> Result<Option<Versioned<T>>> {
        self.store.get(key).await?.map(decode).transpose()
    }

    /// This repository with these records read in one go: each is answered from that once, when
    /// it is asked for first. For one try at a commit whose expectations catch what is
    /// written meanwhile.
    ///
    /// # Errors
    /// [`Code::StoreFailed`].
    pub(crate) async fn reading(&self, keys: &[Key]) -> Result<Self> {
        Ok(Self { store: Arc::new(ReadAhead::new(&self.store, keys).await?), ..self.clone() })
    }

    /// All records of one firm and collection whose id begins with `prefix`, ascending.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn list<T: DeserializeOwned>(
        &self,
        firm: &FirmId,
        collection: &'static str,
        prefix: &str,
    ) -> Result<Vec<(String, Versioned<T>)>> {
        const PAGE: usize = 500;
        let mut found = Vec::new();
        let mut from = prefix.to_owned();
        loop {
            let scan =
                Scan::Ids { firm: firm.clone(), collection, from, until: None, order: Order::Ascending, limit: PAGE };
            let page = self.store.scan(&scan).await?;
            let full = page.len() == PAGE;
            from = page.last().map(|record| Scan::behind(&record.key.id)).unwrap_or_default();
            for record in page {
                if !record.key.id.starts_with(prefix) {
                    return Ok(found);
                }
                found.push((record.key.id.clone(), decode(record)?));
            }
            if !full {
                return Ok(found);
            }
        }
    }

    /// The store's "now" for this firm: the clock that its due times are on.
    ///
    /// # Errors
    /// [`Code::StoreFailed`].
    pub async fn store_now(&self, firm: &FirmId) -> Result<Timestamp> {
        self.store.now(firm).await
    }

    /// Commits everything in the transaction, or nothing.
    ///
    /// # Errors
    /// [`Code::StoreFailed`]: unknown whether it landed, even after reading back. The transaction's
    /// expectations make it safe to do the work again.
    pub async fn commit(&self, transaction: &Transaction) -> Result<Commit> {
        let mut seen = None;
        let mut turn = None;
        for _ in 0..MOST_REBUILDS {
            self.take_turn(transaction, &mut turn).await;
            let mut writes = transaction.writes().to_vec();
            let mut hot = Vec::new();
            // Somebody else was faster: what this process knows is older.
            let known = seen.is_none().then_some(&*self.heads);
            let chained = audit::append(self, known, transaction, &mut writes).await?;
            hot.extend(chained.as_ref().map(|chained| chained.base.clone()));
            hot.extend(outbox::append(self, transaction, &mut writes).await?);
            // The same hot state as in the last try: the conflict is about the caller's own
            // expectations.
            if seen.as_ref() == Some(&hot) {
                return Ok(Commit::Conflict);
            }
            if seen.is_some() {
                self.heads.contend(transaction.firm());
            }
            match self.commit_known(transaction.firm(), &writes).await? {
                Commit::Done { at } => {
                    chained.into_iter().for_each(|chained| self.heads.learn(transaction.firm(), chained));
                    return Ok(Commit::Done { at });
                }
                Commit::Conflict if hot.is_empty() => return Ok(Commit::Conflict),
                Commit::Conflict => seen = Some(hot),
            }
        }
        Err(Error::new(Code::StoreConflict).with("reason", "chain_head_contended"))
    }

    /// Waits for the turn to build on the firm's audit chain, for a commit that does. Without it
    /// there are conflicts, and whoever has to read the head again loses to those who know it: so a
    /// turn that was lost is asked for again.
    async fn take_turn(&self, transaction: &Transaction, turn: &mut Option<Turn>) {
        if transaction.audits().is_empty() || turn.as_ref().is_some_and(Turn::is_mine) {
            return;
        }
        let asked = turn.insert(self.heads.turns(transaction.firm()).queue());
        asked.come(&*self.runtime).await;
    }

    /// Changes the record of this key: `change` gets what is there and the transaction to write
    /// into, and says whether the transaction is to be committed. It is asked again, with what
    /// is there then, whenever somebody else was faster.
    ///
    /// # Errors
    /// Those of `change`, as [`commit`](Self::commit), and [`Code::StoreConflict`] if somebody else
    /// is faster all the time.
    pub async fn update<T, R, F>(&self, key: &Key, change: impl Fn(Option<Versioned<T>>, Transaction) -> F) -> Result<R>
    where
        T: DeserializeOwned,
        F: Future<Output = Result<Change<R>>>,
    {
        for _ in 0..MOST_ATTEMPTS {
            let current = self.get::<T>(key).await?;
            match change(current, self.transaction(&key.firm)?).await? {
                Change::Leave(result) => return Ok(result),
                Change::Commit(transaction, result) => {
                    if matches!(self.commit(&transaction).await?, Commit::Done { .. }) {
                        return Ok(result);
                    }
                }
            }
        }
        Err(Error::new(Code::StoreConflict).with("collection", key.collection))
    }

    /// [`commit`](Self::commit), with a conflict as [`Code::StoreConflict`].
    ///
    /// # Errors
    /// As [`commit`](Self::commit), and [`Code::StoreConflict`].
    pub async fn commit_or_conflict(&self, transaction: &Transaction) -> Result<Timestamp> {
        match self.commit(transaction).await? {
            Commit::Done { at } => Ok(at),
            Commit::Conflict => Err(Error::new(Code::StoreConflict)),
        }
    }

    async fn commit_known(&self, firm: &FirmId, writes: &[Write]) -> Result<Commit> {
        if writes.is_empty() {
            // A store of several databases would not know which one is meant.
            return Ok(Commit::Done { at: self.store_now(firm).await? });
        }
        let commit_marker = commit_marker(writes);
        let mut doubt = false;
        let mut last = Error::new(Code::StoreFailed);
        for attempt in 0..=MOST_REDOS {
            match self.store.commit(writes).await {
                Ok(Commit::Conflict) if doubt && self.landed(commit_marker.as_ref()).await? => {
                    return Ok(Commit::Done { at: self.store_now(firm).await? });
                }
                Ok(outcome) => return Ok(outcome),
                Err(error) if commit_marker.is_none() || error.code() == Code::StoreTampered => return Err(error),
                Err(error) => {
                    doubt = true;
                    last = error;
                    self.runtime.sleep(Duration::from_millis(20 << attempt)).await;
                    if self.landed(commit_marker.as_ref()).await? {
                        return Ok(Commit::Done { at: self.store_now(firm).await? });
                    }
                }
            }
        }
        Err(last)
    }

    async fn landed(&self, commit_marker: Option<&(Key, Version)>) -> Result<bool> {
        let Some((key, version)) = commit_marker else { return Ok(false) };
        Ok(self.store.get(key).await?.is_some_and(|record| record.version == *version))
    }
}

/// The put that tells whether a commit landed: an audit entry if there is one, because nothing
/// writes over it.
fn commit_marker(writes: &[Write]) -> Option<(Key, Version)> {
    let puts = || {
        writes.iter().filter_map(|write| match write {
            Write::Put { key, version, expect, .. } => Some((key, version, expect)),
            _ => None,
        })
    };
    puts()
        .find(|(key, ..)| key.collection == audit::ENTRIES)
        .or_else(|| puts().find(|(_, _, expect)| **expect == Expect::Absent))
        .or_else(|| puts().next())
        .map(|(key, version, _)| (key.clone(), version.clone()))
}

/// A record that a scan brought, decoded.
///
/// # Errors
/// [`Code::StoreCorrupt`].
pub(crate) fn decode<T: DeserializeOwned>(record: Record) -> Result<Versioned<T>> {
    let value = serde_json::from_str(&record.body).map_err(|error| {
        Error::new(Code::StoreCorrupt).with("collection", record.key.collection).with("column", error.column())
    })?;
    Ok(Versioned { value, version: record.version, due_at: record.due_at })
}

pub(crate) fn encode<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|_| Error::new(Code::Internal).with("reason", "record_not_encodable"))
}
