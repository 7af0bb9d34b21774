//! Triggers that nobody is to act on by itself: they came while the firm was not connected, of
//! whatever kind, or were not run before it was connected to another account, or before what syncs
//! by itself was switched off. They are kept, and run only if an admin asks: whoever disconnected
//! may have meant it, and before its first connection a firm worked in Clio by hand.
//!
//! What an admin discards keeps its record, so that the next approval does not send all of it after
//! all: it makes the matter held again, and so listed.

use serde::{Deserialize, Serialize};

use super::claims::Claim;
use super::job::{Job, job_key};
use crate::connection::{AccountScope, Connection};
use crate::domain::{Actor, ActorId, FirmId, MatterId, Timestamp, Trigger};
use crate::error::Result;
use crate::links::link_record::linked_matter;
use crate::ports::{Expect, Key, Version};
use crate::store::{Action, AuditEntry, AuditStatus, Change, Repository, Transaction, Versioned};

const HELD: &str = "held";

/// A matter that was triggered while the firm was not connected, or that still waited when it was
/// connected to another account or when what syncs by itself was switched off.
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

/// `held/<matter>`. A version from before `discarded` reads one that was discarded as held.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Held {
    #[serde(flatten)]
    pub asked: HeldMatter,
    /// The job's generation when this was written: what raised it since came since. An earlier
    /// version did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    /// An admin does not want it.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub discarded: bool,
    /// It waited when what syncs by itself was switched off, and that is all: what the settings
    /// allow later may run.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub switched_off: bool,
}

impl Held {
    /// Whether it came, or was discarded, since the job was triggered last.
    fn is_since(&self, job: &Job) -> bool {
        self.generation.is_some_and(|generation| generation >= job.generation)
    }

    /// Whether a job does not run any more: nobody asked for it, and its run would send what is
    /// held.
    pub(super) fn stops(&self, job: &Job) -> bool {
        job.is_by_itself() && self.is_since(job) && !mutated!(HeldSince)
    }

    /// Whether all that the job was triggered for is held or discarded with it.
    fn covers(&self, job: &Job) -> bool {
        self.is_since(job) && (self.discarded || self.asked.trigger >= job.trigger)
    }
}

/// Keeps a trigger if the firm is not connected, or if it comes by itself for a matter that is held
/// or was discarded, and is not in Clio: what was not to leave then does not leave now. `false`: it
/// may run. The commit checks the connection.
pub(crate) async fn hold(
    repository: &Repository,
    firm: &FirmId,
    matter: &MatterId,
    trigger: Trigger,
    actor: &ActorId,
) -> Result<bool> {
    let key = &key(firm, matter);
    let held = repository.update(key, |known: Option<Versioned<Held>>, mut transaction| async move {
        let connection = Connection::load(repository, firm).await?;
        if mutated!(HeldTrigger) {
            return Ok(Change::Leave(false));
        }
        if let Some(connected) = connection.as_ref().filter(|stored| !stored.value.has_ended()) {
            let known = known.as_ref().filter(|known| !known.value.switched_off);
            let waits = known.is_some() && !trigger.is_interactive() && !mutated!(HeldStays);
            if !waits || linked_matter(repository, &AccountScope::of(firm, &connected.value), matter).await?.is_some() {
                return Ok(Change::Leave(false));
            }
        }
        let expected = connection.map_or(Expect::Absent, |stored| Expect::Version(stored.version));
        transaction.check(Connection::key(firm), expected);
        let job = repository.get::<Job>(&job_key(firm, matter)).await?;
        let generation = job.as_ref().map_or(0, |job| job.value.generation);
        transaction.check(job_key(firm, matter), job.map_or(Expect::Absent, |job| Expect::Version(job.version)));
        let held = (matter, trigger, actor);
        put(repository, &mut transaction, known.as_ref(), held, generation, false)?;
        Ok(Change::Commit(transaction, true))
    });
    held.await
}

/// Adds to `transaction`, which writes the job, that what the job was triggered for is kept.
/// `known`: what is held for its matter already, which it may be a part of. `switched_off`: it is
/// for no other reason than that.
pub(super) fn hold_in(
    repository: &Repository,
    transaction: &mut Transaction,
    known: Option<&Versioned<Held>>,
    job: &Job,
    switched_off: bool,
) -> Result<()> {
    match &job.actor {
        Some(actor) if !known.is_some_and(|known| known.value.covers(job)) => {
            let held = (&job.matter, job.trigger, actor);
            put(repository, transaction, known, held, job.generation, switched_off)
        }
        _ => Ok(()),
    }
}

fn put(
    repository: &Repository,
    transaction: &mut Transaction,
    known: Option<&Versioned<Held>>,
    (matter, trigger, actor): (&MatterId, Trigger, &ActorId),
    generation: u64,
    switched_off: bool,
) -> Result<()> {
    let waits = known.filter(|known| !known.value.discarded);
    let asked = HeldMatter {
        matter: matter.clone(),
        trigger: waits.map_or(trigger, |known| known.value.asked.trigger.max(trigger)),
        actor: actor.clone(),
        at: repository.runtime().now(),
    };
    let switched_off = switched_off && known.is_none_or(|known| known.value.switched_off);
    let held = Held { asked, generation: Some(generation), discarded: false, switched_off };
    let expect = known.map_or(Expect::Absent, |known| Expect::Version(known.version.clone()));
    transaction.put(key(transaction.firm(), matter), expect, &held)?;
    let entry = AuditEntry::by(actor, Action::Sync, AuditStatus::Noted).with("matter", matter);
    transaction.audit(entry.with("trigger", trigger.name()).with("held", true));
    Ok(())
}

/// What is held.
pub(crate) async fn list(repository: &Repository, firm: &FirmId) -> Result<Vec<HeldMatter>> {
    Ok(listed(repository, firm).await?.into_iter().map(|(held, _)| held).collect())
}

/// What is held, each with its record's version.
pub(crate) async fn listed(repository: &Repository, firm: &FirmId) -> Result<Vec<(HeldMatter, Version)>> {
    let all = all(repository, firm).await?.into_iter().filter(|stored| !stored.value.discarded);
    Ok(all.map(|stored| (stored.value.asked, stored.version)).collect())
}

/// What is held, or was discarded.
pub(super) async fn all(repository: &Repository, firm: &FirmId) -> Result<Vec<Versioned<Held>>> {
    Ok(repository.list::<Held>(firm, HELD, "").await?.into_iter().map(|(_, stored)| stored).collect())
}

/// Where the trigger of a matter is kept.
pub(super) fn key(firm: &FirmId, matter: &MatterId) -> Key {
    Key::new(firm, HELD, matter.as_str())
}

/// Adds to the end of a run that succeeded that nothing is held for its matter any more, if that is
/// what was held when the matter was claimed, and for no more.
pub(super) fn serve(
    transaction: &mut Transaction,
    held: Option<&Versioned<Held>>,
    trigger: Trigger,
    claimed: Option<&Version>,
) {
    if let Some(stored) = held
        && Some(&stored.version) == claimed
        && (trigger.sends_documents() || !stored.value.asked.trigger.sends_documents())
    {
        transaction.delete(key(transaction.firm(), &stored.value.asked.matter), stored.version.clone());
    }
}

/// What came by itself during a run that a person asked for, and is held because the matter was not
/// in Clio then: now that it is, the run's end makes it due. Not if the firm was disconnected in
/// between: then an admin is asked. Adds to `transaction` that it is held still.
pub(super) async fn follows(
    read: &Repository,
    transaction: &mut Transaction,
    claim: &Claim,
    held: Option<&Versioned<Held>>,
) -> Result<Option<(HeldMatter, Connection)>> {
    let is_new = |held: &&Versioned<Held>| !held.value.discarded && Some(&held.version) != claim.held.as_ref();
    let Some(held) = held.filter(is_new).filter(|_| !claim.by_itself) else { return Ok(None) };
    let connection = Connection::load(read, claim.firm()).await?.map(|stored| stored.value);
    let stands = connection.filter(|now| !now.has_ended() && now.generation == claim.connection);
    if stands.is_some() {
        transaction.check(key(claim.firm(), claim.matter()), Expect::Version(held.version.clone()));
    }
    Ok(stands.map(|connection| (held.value.asked.clone(), connection)))
}

/// Notes that a held matter is not wanted. What waits of it already, and nobody asked for, does not
/// run either. `false`: it was triggered once more meanwhile, and is held for that.
pub(crate) async fn discard(repository: &Repository, actor: &Actor, held: &HeldMatter) -> Result<bool> {
    let (firm, matter) = (&actor.firm, &held.matter);
    let key = &key(firm, matter);
    let discarded = repository.update(key, |known: Option<Versioned<Held>>, mut transaction| async move {
        let Some(known) = known.filter(|known| !known.value.discarded && known.value.asked == *held) else {
            return Ok(Change::Leave(false));
        };
        let job = repository.get::<Job>(&job_key(firm, matter)).await?;
        let generation = job.as_ref().map_or(0, |job| job.value.generation);
        let record =
            Held { asked: known.value.asked, generation: Some(generation), discarded: true, switched_off: false };
        transaction.put(key.clone(), Expect::Version(known.version), &record)?;
        match job {
            Some(Versioned { value: mut job, version, .. }) if job.is_by_itself() && job.running.is_none() => {
                job.parked = None;
                job.rest();
                transaction.put(job_key(firm, matter), Expect::Version(version), &job)?;
            }
            job => {
                let expect = job.map_or(Expect::Absent, |job| Expect::Version(job.version));
                transaction.check(job_key(firm, matter), expect);
            }
        }
        let entry = AuditEntry::by(&actor.id, Action::Discarded, AuditStatus::Ok).with("matter", matter);
        transaction.audit(entry.with("trigger", held.trigger.name()));
        Ok(Change::Commit(transaction, true))
    });
    discarded.await
}
