//! Quarantine for what cannot be read: a record of a newer SDK, or a broken one, must not stand in
//! the way of the others.

use core::time::Duration;

use crate::error::{Code, Result};
use crate::ports::Record;
use crate::store::Repository;

/// When it is looked at again.
pub(crate) const QUARANTINE: Duration = Duration::from_secs(3600);

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
        Err(error) => Err(error),
    }
}
