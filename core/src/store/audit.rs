//! The audit log: every operation with time, actor, action, status and error details; append-only
//! and chained.
//!
//! An entry's record is `audit/<sequence>`. Each entry holds the SHA-256 of the one before it, and
//! `audit-head/head` holds the last sequence and hash, so that a changed, removed or inserted entry
//! is found by [`AuditLog::verify`](crate::history::AuditLog::verify). Entries are written in
//! the same commit as what they tell of; they hold ids, codes and fixed words, never client data.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::turns::Turns;
use super::{Repository, Transaction};
use crate::domain::{ActorId, FirmId, Timestamp};
use crate::error::{ANSWER, Code, Error, Failure, Result};
use crate::ports::{Expect, Key, Version, Write};

pub(crate) const ENTRIES: &str = "audit";
pub(crate) const HEAD: &str = "audit-head";

macro_rules! names {
    ($(#[$doc:meta])* $type:ident { $( $(#[$vdoc:meta])* $variant:ident $name:literal, )* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(rename_all = "snake_case")]
        pub enum $type { $( $(#[$vdoc])* $variant, )* }
        impl $type {
            /// All of them.
            pub const ALL: &[Self] = &[ $( Self::$variant, )* ];
            /// The one of this [name](Self::name).
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> { Self::ALL.iter().copied().find(|one| one.name() == name) }
            /// The stable name.
            #[must_use]
            pub fn name(self) -> &'static str { match self { $( Self::$variant => $name, )* } }
        }
    };
}

names! {
    /// What was done. A closed list: a query or a report can rely on it.
    Action {
        /// A firm was connected to Clio.
        Connect "connect",
        /// Access was declined in Clio.
        Declined "declined",
        /// The access token was refreshed, or could not be.
        Refresh "refresh",
        /// A call was refused because of the actor's role or firm.
        Denied "denied",
        /// The connection was ended, or what it left in Clio was given back.
        Disconnect "disconnect",
        /// Settings were changed.
        Settings "settings",
        /// The mapping of case types to practice areas was changed.
        Mapping "mapping",
        /// An admin decided whether a record in Clio is the one in doubt.
        Review "review",
        /// A second record of what was created was found in Clio: which of them stays is for a
        /// person to decide.
        SecondRecord "second_record",
        /// The operator said that the store lost records, or that they are all found again.
        Recovery "recovery",
        /// What failed is tried again, or what was held is synced, because somebody asked.
        Retry "retry",
        /// Many older matters are synced, or that was paused, resumed, cancelled or done.
        Backfill "backfill",
        /// Log entries were handed out.
        Export "export",
        /// Old log entries were removed.
        Prune "prune",
        /// A webhook subscription was created, or could not be.
        WebhookCreated "webhook_created",
        /// A webhook subscription was renewed.
        WebhookRenewed "webhook_renewed",
        /// A webhook subscription of ours was deleted in Clio.
        WebhookDeleted "webhook_deleted",
        /// A delivery was received.
        WebhookReceived "webhook_received",
        /// A delivery was refused: unsigned, or with a wrong signature.
        WebhookRefused "webhook_refused",
        /// A delivery changed what is known, and the host is told; or it could not be applied.
        WebhookApplied "webhook_applied",
        /// Something that no delivery told of was found by asking Clio.
        Reconcile "reconcile",
        /// The host said that it changed a matter's status itself.
        StatusChanged "status_changed",
        /// A contact was changed in Clio or in CaseHug, and that is to be reviewed; or an admin
        /// decided.
        ContactReview "contact_review",
        /// Keys were wrapped again.
        KeyRotation "key_rotation",
        /// Keys that are lost for good were forgotten, with what only they open.
        KeyLoss "key_loss",
        /// A matter that was held is not to be synced by itself.
        Discarded "discarded",
        /// A matter was synced, could not be, or is held until an admin decides.
        Sync "sync",
        /// A contact was created in Clio.
        ContactCreated "contact_created",
        /// An existing contact in Clio was linked.
        ContactLinked "contact_linked",
        /// A contact could not be synced.
        ContactFailed "contact_failed",
        /// A matter was created in Clio.
        MatterCreated "matter_created",
        /// An admin linked a matter in Clio.
        MatterLinked "matter_linked",
        /// A matter could not be synced.
        MatterFailed "matter_failed",
        /// A document was created in Clio.
        DocumentCreated "document_created",
        /// An admin linked a document in Clio.
        DocumentLinked "document_linked",
        /// A document was not sent, for a reason that is no failure.
        DocumentSkipped "document_skipped",
        /// A document may not be sent.
        DocumentRefused "document_refused",
        /// A document could not be synced.
        DocumentFailed "document_failed",
    }
}

names! {
    /// How it ended.
    AuditStatus {
        /// Done.
        Ok "ok",
        /// Not allowed.
        Refused "refused",
        /// Failed.
        Failed "failed",
        /// Nothing was done, and that is worth knowing.
        Noted "noted",
    }
}

/// An entry to be written.
#[derive(Clone, Debug)]
pub struct AuditEntry {
    actor: String,
    action: Action,
    status: AuditStatus,
    code: Option<Code>,
    details: BTreeMap<String, String>,
}

impl AuditEntry {
    /// An entry of something that a person asked for.
    #[must_use]
    pub fn by(actor: &ActorId, action: Action, status: AuditStatus) -> Self {
        Self { actor: actor.to_string(), action, status, code: None, details: BTreeMap::new() }
    }

    /// An entry of something that the SDK did by itself.
    #[must_use]
    pub fn by_system(action: Action, status: AuditStatus) -> Self {
        Self { actor: String::from("system"), action, status, code: None, details: BTreeMap::new() }
    }

    /// Adds the error's code and context.
    #[must_use]
    pub fn error(mut self, error: &Error) -> Self {
        self.code = Some(error.code());
        for (key, value) in error.context() {
            self.details.entry((*key).to_owned()).or_insert_with(|| value.clone());
        }
        self
    }

    /// Adds what went wrong without ending what the entry tells of: `survived`, and what was
    /// answered.
    #[must_use]
    pub fn surviving(mut self, survived: &Failure) -> Self {
        self.details.insert(String::from("survived"), survived.code.clone());
        for key in ANSWER {
            if let Some(value) = survived.get(key) {
                self.details.insert(format!("survived_{key}"), value.to_owned());
            }
        }
        self
    }

    /// Adds what was answered to which request, without the error's own code.
    #[must_use]
    pub fn answered(mut self, error: &Error) -> Self {
        for key in ANSWER {
            if let Some(value) = error.get(key) {
                self.details.insert(key.to_owned(), value.to_owned());
            }
        }
        self
    }

    /// Adds an id, a number or a fixed word. MUST NOT be given client data.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl core::fmt::Display) -> Self {
        self.details.insert(key.to_owned(), value.to_string());
        self
    }
}

/// A written entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AuditRecord {
    /// Position in the firm's log, from 1.
    pub seq: u64,
    /// Unique id.
    pub id: String,
    /// When, on the host's clock.
    pub at: Timestamp,
    /// Who asked: an actor id, or `system`.
    pub actor: String,
    /// [`Action::name`].
    pub action: String,
    /// [`AuditStatus::name`].
    pub status: String,
    /// The error code's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Ids, numbers, fixed words.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, String>,
    /// SHA-256 of the entry before this one as it is stored, in hex; empty for the first.
    pub prev: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Head {
    pub seq: u64,
    pub hash: String,
}

/// What this process knows of the chains' heads: what it committed last.
///
/// The commit expects the version that it builds on, so a memory that is too old costs a conflict,
/// after which the head is read. Where several processes write into one chain, it is read at once
/// for a while. Commits of one process take turns: whoever has to read the head would lose to those
/// who know it, again and again.
#[derive(Debug, Default)]
pub(crate) struct Heads(Mutex<HashMap<FirmId, Known>>);

#[derive(Debug, Default)]
struct Known {
    head: Option<(Head, Version)>,
    /// So many commits read the head, because another process was faster.
    reads: u8,
    turns: Arc<Turns>,
}

/// Commits that read the head after another process was faster.
const READS: u8 = 8;
/// Firms that are remembered at once.
const MOST_FIRMS: usize = 4096;

/// What a commit does to the chain.
pub(crate) struct Chained {
    /// The version that it builds on; empty for the first.
    pub base: Version,
    head: Head,
    version: Version,
}

impl Heads {
    /// Who builds on the chain, one after the other. After [`MOST_FIRMS`] others it is another one:
    /// that costs a conflict.
    pub(super) fn turns(&self, firm: &FirmId) -> Arc<Turns> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST_FIRMS && !all.contains_key(firm) {
            all.clear();
        }
        Arc::clone(&all.entry(firm.clone()).or_default().turns)
    }

    /// Gives the head that is to be built on, once: whoever commits on it says what it is then.
    fn take(&self, firm: &FirmId) -> Option<(Head, Version)> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all.get_mut(firm)?;
        if known.reads > 0 {
            known.reads -= 1;
            return None;
        }
        known.head.take()
    }

    /// The commit that made it the head is done.
    pub(crate) fn learn(&self, firm: &FirmId, chained: Chained) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = all.get_mut(firm) {
            known.head = Some((chained.head, chained.version));
        }
    }

    /// Somebody else was faster.
    pub(crate) fn contend(&self, firm: &FirmId) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = all.get_mut(firm) {
            known.reads = READS;
        }
    }
}

/// Adds the transaction's entries to `writes`: to the head that this process knows, or, without
/// `heads`, to the store's. Returns what the chain was built on.
pub(crate) async fn append(
    repository: &Repository,
    heads: Option<&Heads>,
    transaction: &Transaction,
    writes: &mut Vec<Write>,
) -> Result<Option<Chained>> {
    if transaction.audits().is_empty() {
        return Ok(None);
    }
    let key = Key::new(transaction.firm(), HEAD, "head");
    let (mut head, base) = match heads.and_then(|heads| heads.take(transaction.firm())) {
        Some((head, version)) => (head, Some(version)),
        None => match repository.get::<Head>(&key).await? {
            Some(stored) => (stored.value, Some(stored.version)),
            None => (Head::default(), None),
        },
    };
    let at = repository.runtime().now();
    for (index, entry) in transaction.audits().iter().enumerate() {
        head.seq += 1;
        let record = AuditRecord {
            seq: head.seq,
            id: format!("{}.{index}", transaction.id()),
            at,
            actor: entry.actor.clone(),
            action: entry.action.name().to_owned(),
            status: entry.status.name().to_owned(),
            code: entry.code.map(|code| code.name().to_owned()),
            details: entry.details.clone(),
            prev: head.hash,
        };
        let body = super::encode(&record)?;
        head.hash = hex::encode(Sha256::digest(body.as_bytes()));
        writes.push(Write::Put {
            key: Key::new(transaction.firm(), ENTRIES, id_of(head.seq)),
            expect: Expect::Absent,
            version: Version(record.id),
            due_in: None,
            body,
        });
    }
    let expect = base.clone().map_or(Expect::Absent, Expect::Version);
    let version = Version(format!("{}.head", transaction.id()));
    let body = super::encode(&head)?;
    writes.push(Write::Put { key, expect, version: version.clone(), due_in: None, body });
    Ok(Some(Chained { base: base.unwrap_or_else(|| Version(String::new())), head, version }))
}

pub(crate) fn id_of(seq: u64) -> String {
    format!("{seq:016}")
}
