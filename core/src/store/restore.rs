//! Whether the store was restored from a backup: what was told before that is not known any more.

use serde::{Deserialize, Serialize};

use super::{Repository, Transaction};
use crate::domain::FirmId;
use crate::error::Result;
use crate::ports::{Expect, Key};

/// `recovery/told`: what the host was told of matters before this is not known.
#[derive(Debug, Serialize, Deserialize)]
struct FailureLog {
    restore_generation: String,
}

/// Counts the recoveries: each status that was told before the last one began is told once more.
/// `None`: there never was one.
pub(crate) async fn restore_generation(repository: &Repository, firm: &FirmId) -> Result<Option<String>> {
    let stored = repository.get::<FailureLog>(&told_key(firm)).await?;
    Ok(stored.map(|stored| stored.value.restore_generation))
}

/// Adds to the commit that begins a recovery that another one has begun.
pub(crate) async fn begin_restore_generation(repository: &Repository, transaction: &mut Transaction) -> Result<()> {
    let key = told_key(transaction.firm());
    let before = repository.get::<FailureLog>(&key).await?;
    let expect = before.map_or(Expect::Absent, |before| Expect::Version(before.version));
    transaction.put(key, expect, &FailureLog { restore_generation: repository.new_id()? }).map(|_| ())
}

pub(crate) fn told_key(firm: &FirmId) -> Key {
    Key::new(firm, "recovery", "told")
}
