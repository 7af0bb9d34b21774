//! Triggers that came while the firm was not connected, of whatever kind, or were not run before it
//! was connected to another account. They are kept, and run only if an admin asks: whoever
//! disconnected may have meant it, and before its first connection a firm worked in Clio by hand.

use serde::{Deserialize, Serialize};

use crate::connection::Connection;
use crate::domain::{ActorId, FirmId, MatterId, Timestamp, Trigger};
use crate::error::Result;
use crate::ports::{Expect, Key};
use crate::store::{Action, AuditEntry, AuditStatus, Change, Repository, Transaction, Versioned};

const HELD: &str = "held";

/// A matter that was triggered while the firm was not connected, or while it was connected to
/// another account and not run there.
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

/// Keeps a trigger if the firm is not connected. `false`: it is. The commit checks that.
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
        if connection.as_ref().is_some_and(|stored| !stored.value.has_ended()) {
            return Ok(Change::Leave(false));
        }
        let expected = connection.map_or(Expect::Absent, |stored| Expect::Version(stored.version));
        transaction.check(Connection::key(firm), expected);
        put(repository, &mut transaction, known, matter, trigger, actor)?;
        Ok(Change::Commit(transaction, true))
    });
    held.await
}

/// Adds to `transaction` that a matter which was triggered in another account is kept.
pub(crate) async fn hold_in(
    repository: &Repository,
    transaction: &mut Transaction,
    matter: &MatterId,
    trigger: Trigger,
    actor: &ActorId,
) -> Result<()> {
    let known = repository.get(&Key::new(transaction.firm(), HELD, matter.as_str())).await?;
    put(repository, transaction, known, matter, trigger, actor)
}

fn put(
    repository: &Repository,
    transaction: &mut Transaction,
    known: Option<Versioned<HeldMatter>>,
    matter: &MatterId,
    trigger: Trigger,
    actor: &ActorId,
) -> Result<()> {
    let held = HeldMatter {
        matter: matter.clone(),
        trigger: known.as_ref().map_or(trigger, |known| known.value.trigger.max(trigger)),
        actor: actor.clone(),
        at: repository.runtime().now(),
    };
    let key = Key::new(transaction.firm(), HELD, matter.as_str());
    transaction.put(key, known.map_or(Expect::Absent, |known| Expect::Version(known.version)), &held)?;
    let entry = AuditEntry::by(actor, Action::Sync, AuditStatus::Noted).with("matter", matter);
    transaction.audit(entry.with("trigger", trigger.name()).with("held", true));
    Ok(())
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
