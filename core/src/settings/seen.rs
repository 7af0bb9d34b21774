//! The case types that CaseHug sent lately, for the page on which they are mapped.
//!
//! A case type is a text of the host's, and nobody can say that a client's words are never in it.
//! So the list is sealed with the connection's key and ends with it, it is short, and only an admin
//! is shown it (docs/decisions/017-case-types-that-were-seen-are-sealed.md). It is kept for a page
//! only: whatever goes wrong with it stops no sync.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::mapping::same_type;
use crate::connection::Connection;
use crate::crypto::{Keyring, LostKeys};
use crate::domain::{ConnectionId, FirmId, Timestamp};
use crate::error::{Code, Error, Result};
use crate::ports;
use crate::ports::{Expect, Key};
use crate::store::{Repository, Versioned, decode};

/// A firm has a few dozen.
const MOST: usize = 50;
/// What is longer is a sentence, not a type.
const LONGEST: usize = 100;
/// One that was seen this long ago is noted anew.
const AGAIN: Duration = Duration::from_secs(24 * 3600);

/// `case-types/seen`.
#[derive(Serialize, Deserialize)]
struct Record {
    connection: ConnectionId,
    sealed: String,
}

/// A case type of an intake, and when it was last seen, to the day.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Seen {
    pub case_type: String,
    pub at: Timestamp,
}

/// The collection of the one record.
pub(crate) const CASE_TYPES: &str = "case-types";

pub(crate) fn key(firm: &FirmId) -> Key {
    Key::new(firm, CASE_TYPES, "seen")
}

/// Whether the list is lost with its key.
pub(crate) fn is_lost(record: ports::Record, lost: &LostKeys) -> Result<bool> {
    Ok(lost.sealed(&decode::<Record>(record)?.value.connection))
}

/// Notes the case type of a matter that is about to be created. Of two at once one may be lost: it
/// comes again.
pub(crate) async fn note(repository: &Repository, keyring: &Keyring, firm: &FirmId, case_type: &str) -> Result<()> {
    let case_type = case_type.trim();
    if case_type.is_empty() || case_type.chars().count() > LONGEST {
        return Ok(());
    }
    let now = repository.runtime().now();
    let (mut seen, stored) = load(repository, keyring, firm).await?;
    if seen.iter().any(|one| same_type(&one.case_type, case_type) && one.at.until(now) < AGAIN) {
        return Ok(());
    }
    seen.retain(|one| !same_type(&one.case_type, case_type));
    seen.insert(0, Seen { case_type: case_type.to_owned(), at: now });
    seen.truncate(MOST);
    let connection = Connection::load_usable(repository, firm).await?.value.id;
    let sealer = keyring.for_connection(firm, &connection).await?;
    let plain = serde_json::to_vec(&seen).map_err(|_| Error::new(Code::Internal).with("reason", "case_types"))?;
    let sealed = sealer.seal(&sealer.context("case-types/seen", "sealed"), &plain)?;
    let mut transaction = repository.transaction(firm)?;
    transaction.put(
        key(firm),
        stored.map_or(Expect::Absent, |stored| Expect::Version(stored.version)),
        &Record { connection, sealed },
    )?;
    repository.commit(&transaction).await.map(|_| ())
}

/// The last seen first.
pub(crate) async fn list(repository: &Repository, keyring: &Keyring, firm: &FirmId) -> Result<Vec<Seen>> {
    Ok(load(repository, keyring, firm).await?.0)
}

async fn load(
    repository: &Repository,
    keyring: &Keyring,
    firm: &FirmId,
) -> Result<(Vec<Seen>, Option<Versioned<Record>>)> {
    let Some(stored) = repository.get::<Record>(&key(firm)).await? else { return Ok((Vec::new(), None)) };
    let seen = match keyring.for_connection(firm, &stored.value.connection).await {
        Ok(sealer) => sealer.open(&sealer.context("case-types/seen", "sealed"), &stored.value.sealed).ok(),
        // Its key went with its connection.
        Err(error) if error.code() == Code::KeyFailed => None,
        Err(error) => return Err(error),
    };
    let seen = seen.and_then(|plain| serde_json::from_slice(&plain).ok()).unwrap_or_default();
    Ok((seen, Some(stored)))
}
