//! The right to change a connection's tokens: one at a time, across processes.
//!
//! **Problem.** Two processes that refresh at once with one refresh token get into each other's
//! way: a server that replaces refresh tokens takes the first and refuses the second, while the
//! first one's answer is still on its way. The second must not take that for the end of the
//! authorization.
//!
//! **Model.** `refresh-lease/<connection>` is put before the request and removed after the save; it
//! ends by itself, on the store's clock, so whoever dies holds nobody up for long. Who finds it
//! taken waits, and reads the winner's tokens. Who wakes when it is over does no harm: tokens are
//! saved by compare-and-swap, and its request is not sent any more ([`Lease::not_after`]).

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::{ConnectionId, FirmId, Monotonic};
use crate::error::Result;
use crate::ports::{Commit, Expect, Key, Version};
use crate::store::Repository;

const LEASES: &str = "refresh-lease";
/// Longer than a request that is begun in time takes, and its save.
pub(crate) const LEASE: Duration = Duration::from_secs(60);
/// So long after it was asked for a request may be sent.
const SEND_WITHIN: Duration = Duration::from_secs(20);

#[derive(Serialize, Deserialize)]
struct LeaseRecord {}

/// Held until it is released, or over.
pub(crate) struct Lease {
    key: Key,
    version: Version,
    /// The last moment at which a request may be sent under it.
    pub not_after: Monotonic,
}

impl Lease {
    /// `None`: somebody else has it.
    pub async fn take(repository: &Repository, firm: &FirmId, connection: &ConnectionId) -> Result<Option<Self>> {
        // From before it begins, so never too late.
        let not_after = repository.runtime().monotonic() + SEND_WITHIN;
        let key = Key::new(firm, LEASES, connection.as_str());
        let expect = match repository.store().get(&key).await? {
            Some(held) => {
                let now = repository.store_now(firm).await?;
                // One that ends later than any would is of before that clock was set back.
                let is_held = held.due_at.is_some_and(|end| now < end && end <= now + LEASE * 2);
                if is_held && !mutated!(RefreshLease) {
                    return Ok(None);
                }
                Expect::Version(held.version)
            }
            None => Expect::Absent,
        };
        let mut transaction = repository.transaction(firm)?;
        let version = transaction.put_due(key.clone(), expect, Some(LEASE), &LeaseRecord {})?;
        let taken = matches!(repository.commit(&transaction).await?, Commit::Done { .. });
        Ok(taken.then_some(Self { key, version, not_after }))
    }

    /// The next may take it. What cannot be removed ends by itself.
    pub async fn release(self, repository: &Repository) {
        let Ok(mut transaction) = repository.transaction(&self.key.firm) else { return };
        transaction.delete(self.key, self.version);
        let _ = repository.commit(&transaction).await;
    }
}
