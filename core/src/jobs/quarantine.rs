//! What is due and cannot be worked on must not stand in the way of the others: a record of a newer
//! SDK, or a broken one, is quarantined; one that the store fails on is passed over in this look,
//! and put off if it fails again.

use core::time::Duration;
use std::collections::HashSet;

use crate::domain::Monotonic;
use crate::error::{Code, Error, Result};
use crate::ports::{Key, Record, Runtime};
use crate::store::Repository;

/// When it is looked at again.
pub(crate) const QUARANTINE: Duration = Duration::from_secs(3600);

/// When something is looked at again that the store failed on in two looks: behind all others.
const PUT_OFF: Duration = Duration::from_secs(5);
/// How long one look passes over failures. A store that fails slowly fails everything.
const PATIENCE: Duration = Duration::from_secs(5);

/// The failures of one look.
pub(crate) struct PassedOver<'a> {
    runtime: &'a dyn Runtime,
    began: Monotonic,
    first: Option<Error>,
    keys: HashSet<Key>,
}

impl<'a> PassedOver<'a> {
    pub(crate) fn new(runtime: &'a dyn Runtime) -> Self {
        Self { runtime, began: runtime.monotonic(), first: None, keys: HashSet::new() }
    }

    /// Whether this look failed on it.
    pub(crate) fn has(&self, record: &Record) -> bool {
        self.keys.contains(&record.key)
    }

    /// What came of a due record; as [`unless`](Self::unless).
    pub(crate) fn due<T>(&mut self, record: &Record, outcome: Result<T>) -> Result<Option<T>> {
        if outcome.is_err() {
            self.keys.insert(record.key.clone());
        }
        self.unless(outcome)
    }

    /// `None` in place of a failure, as long as there is patience.
    pub(crate) fn unless<T>(&mut self, outcome: Result<T>) -> Result<Option<T>> {
        match outcome {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.code() == Code::Stopped => Err(error),
            Err(error) if self.began.until(self.runtime.monotonic()) > PATIENCE => Err(error),
            Err(error) => {
                self.first.get_or_insert(error);
                Ok(None)
            }
        }
    }

    /// # Errors
    /// The first failure.
    pub(crate) fn end(self) -> Result<()> {
        self.first.map_or(Ok(()), Err)
    }
}

/// What came of a due record. `None`: it, or something that it needs, cannot be read and was
/// deferred; or it is so busy that another look must do.
pub(crate) async fn or_quarantine<T>(
    repository: &Repository,
    record: &Record,
    outcome: Result<T>,
) -> Result<Option<T>> {
    let (firm, collection) = (&record.key.firm, record.key.collection);
    let (failures, name) = (repository.failures(), format!("due {firm} {collection} {}", record.key.id));
    match outcome {
        Ok(value) => {
            failures.works(&name);
            Ok(Some(value))
        }
        Err(error) if error.code() == Code::StoreCorrupt => {
            let unreadable = error.get("collection").unwrap_or(collection);
            if failures.is_news(name, error.code()) {
                tracing::error!(%firm, collection, unreadable, code = error.code().name(), "what is due cannot be read");
            }
            let mut transaction = repository.transaction(firm)?;
            transaction.defer(record, QUARANTINE);
            // A conflict: somebody who can read it wrote it.
            repository.commit(&transaction).await?;
            Ok(None)
        }
        Err(error) if error.code() == Code::StoreConflict => {
            if failures.is_news(name, error.code()) {
                tracing::warn!(%firm, collection, code = error.code().name(), "what is due is written all the time");
            }
            Ok(None)
        }
        Err(error) => {
            if error.code() == Code::StoreFailed && !failures.is_news(name, error.code()) {
                let mut transaction = repository.transaction(firm)?;
                transaction.defer(record, PUT_OFF);
                // If this fails too, it stays where it is.
                let _ = repository.commit(&transaction).await;
            }
            Err(error)
        }
    }
}
