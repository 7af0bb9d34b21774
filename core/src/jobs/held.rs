//! Triggers that came while the firm was disconnected, of whatever kind. They are kept, and run
//! after a reconnect only if an admin asks: whoever disconnected may have meant it.

use serde::{Deserialize, Serialize};

use crate::connection::Connection;
use crate::domain::{ActorId, FirmId, MatterId, Timestamp, Trigger};
use crate::error::Result;
use crate::ports::{Expect, Key};
use crate::store::{Action, AuditEntry, AuditStatus, Change, Repository, Versioned};

const HELD: &str = "held";

/// A matter that was triggered while the firm was disconnected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HeldMatter {
    /// The matter.
    pub matter: MatterId,
    /// The most far-reaching trigger.
    pub trigger: Trigger,
    /// Who triggered last.
    pub actor: ActorId,
    /// When, on the host's clock.
    pub at: Timestamp,
}

/// Keeps a trigger if the firm is disconnected. `false`: it is not. The commit checks that.
pub(crate) async fn hold(
    repository: &Repository,
    firm: &FirmId,
    matter: &MatterId,
    trigger: Trigger,
    actor: &ActorId,
) -> Result<bool> {
    let key = &Key::new(firm, HELD, matter.as_str());
    let held = repository.update(key, |known: Option<Versioned<HeldMatter>>, mut transaction| async move {
        let connection = Connection::load(repository, firm).await?;
        let Some(connection) = connection.filter(|stored| stored.value.has_ended()) else {
            return Ok(Change::Leave(false));
        };
        let widest = known.as_ref().map_or(trigger, |known| known.value.trigger.max(trigger));
        let held = HeldMatter {
            matter: matter.clone(),
            trigger: widest,
            actor: actor.clone(),
            at: repository.runtime().now(),
        };
        transaction.check(Connection::key(firm), Expect::Version(connection.version));
        transaction.put(key.clone(), known.map_or(Expect::Absent, |known| Expect::Version(known.version)), &held)?;
        let entry = AuditEntry::by(actor, Action::Sync, AuditStatus::Noted).with("matter", matter);
        transaction.audit(entry.with("trigger", trigger.name()).with("held", true));
        Ok(Change::Commit(transaction, true))
    });
    held.await
}

/// What is held.
pub(crate) async fn list(repository: &Repository, firm: &FirmId) -> Result<Vec<HeldMatter>> {
    Ok(repository.list::<HeldMatter>(firm, HELD, "").await?.into_iter().map(|(_, stored)| stored.value).collect())
}

/// Forgets one, after it was triggered or because it is not wanted.
pub(crate) async fn forget(repository: &Repository, firm: &FirmId, held: &HeldMatter) -> Result<()> {
    let key = Key::new(firm, HELD, held.matter.as_str());
    if let Some(stored) = repository.get::<HeldMatter>(&key).await?
        && stored.value == *held
    {
        let mut transaction = repository.transaction(firm)?;
        transaction.delete(key, stored.version);
        // A conflict: triggered once more in this moment, and held for that.
        repository.commit(&transaction).await?;
    }
    Ok(())
}
