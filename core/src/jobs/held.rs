//! Triggers that came while the firm was not connected, of whatever kind, or were not run before it
//! was connected to another account. They are kept, and run only if an admin asks: whoever
//! disconnected may have meant it, and before its first connection a firm worked in Clio by hand.

use serde::{Deserialize, Serialize};

use crate::connection::{AccountScope, Connection};
use crate::domain::{Actor, ActorId, FirmId, MatterId, Timestamp, Trigger};
use crate::error::Result;
use crate::links::link_record::linked_matter;
use crate::ports::{Commit, Expect, Key, Version};
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

/// Keeps a trigger if the firm is not connected, or if it comes by itself for a matter that is held
/// and not in Clio: what was not to leave then does not leave now. `false`: it may run. The commit
/// checks the connection.
pub(crate) async fn hold(
    repository: &Repository,
    firm: &FirmId,
    matter: &MatterId,
    trigger: Trigger,
    actor: &ActorId,
) -> Result<bool> {
    let key = &key(firm, matter);
    let held = repository.update(key, |known: Option<Versioned<HeldMatter>>, mut transaction| async move {
        let connection = Connection::load(repository, firm).await?;
        if mutated!(HeldTrigger) {
            return Ok(Change::Leave(false));
        }
        if let Some(connected) = connection.as_ref().filter(|stored| !stored.value.has_ended()) {
            let waits = known.is_some() && !trigger.is_interactive() && !mutated!(HeldStays);
            if !waits || linked_matter(repository, &AccountScope::of(firm, &connected.value), matter).await?.is_some() {
                return Ok(Change::Leave(false));
            }
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
    let known = repository.get(&key(transaction.firm(), matter)).await?;
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
    let key = key(transaction.firm(), matter);
    transaction.put(key, known.map_or(Expect::Absent, |known| Expect::Version(known.version)), &held)?;
    let entry = AuditEntry::by(actor, Action::Sync, AuditStatus::Noted).with("matter", matter);
    transaction.audit(entry.with("trigger", trigger.name()).with("held", true));
    Ok(())
}

/// What is held.
pub(crate) async fn list(repository: &Repository, firm: &FirmId) -> Result<Vec<HeldMatter>> {
    Ok(repository.list::<HeldMatter>(firm, HELD, "").await?.into_iter().map(|(_, stored)| stored.value).collect())
}

/// Where the trigger of a matter is kept.
pub(super) fn key(firm: &FirmId, matter: &MatterId) -> Key {
    Key::new(firm, HELD, matter.as_str())
}

/// Adds to the end of a run that succeeded that nothing is held for its matter any more, if that is
/// what was held when the matter was claimed, and for no more.
pub(super) async fn serve(
    read: &Repository,
    transaction: &mut Transaction,
    matter: &MatterId,
    trigger: Trigger,
    claimed: Option<&Version>,
) -> Result<()> {
    let key = key(transaction.firm(), matter);
    if let Some(stored) = read.get::<HeldMatter>(&key).await?
        && Some(&stored.version) == claimed
        && (trigger.sends_documents() || !stored.value.trigger.sends_documents())
    {
        transaction.delete(key, stored.version);
    }
    Ok(())
}

/// Forgets one that was triggered.
pub(crate) async fn forget(repository: &Repository, firm: &FirmId, held: &HeldMatter) -> Result<()> {
    remove(repository, firm, held, None).await.map(|_| ())
}

/// Forgets one because it is not wanted. `false`: it was triggered once more meanwhile, and is held
/// for that.
pub(crate) async fn discard(repository: &Repository, actor: &Actor, held: &HeldMatter) -> Result<bool> {
    let entry = AuditEntry::by(&actor.id, Action::Discarded, AuditStatus::Ok).with("matter", &held.matter);
    remove(repository, &actor.firm, held, Some(entry.with("trigger", held.trigger.name()))).await
}

async fn remove(repository: &Repository, firm: &FirmId, held: &HeldMatter, entry: Option<AuditEntry>) -> Result<bool> {
    let key = key(firm, &held.matter);
    let Some(stored) = repository.get::<HeldMatter>(&key).await?.filter(|stored| stored.value == *held) else {
        return Ok(false);
    };
    let mut transaction = repository.transaction(firm)?;
    transaction.delete(key, stored.version);
    entry.into_iter().for_each(|entry| transaction.audit(entry));
    Ok(matches!(repository.commit(&transaction).await?, Commit::Done { .. }))
}
