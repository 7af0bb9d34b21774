//! A firm whose keys are lost for good.
//!
//! **Problem.** What the host's lost root key wrapped opens nowhere, and a firm whose own key does
//! not open can neither work nor connect. A way out destroys what is left, so it must not be taken
//! for a wrong configuration of one process, nor for an outage of a key service. And what was being
//! created in Clio when the key went must not be created twice.
//!
//! **Model.** The operator asks twice. The first time it is only noted (`key-loss/asked`), and a
//! maintenance task is due that any worker does for which the firm's key opens: it says so in the
//! note, and that ends the matter. [`PATIENCE`] later nobody has, nor has any process the key in
//! memory any more, and the operator asks again. Then the connection is ended, so that nobody
//! begins anything. What the lost keys sealed and digested goes, a page to a commit. Intents stay,
//! without their text: Clio is asked for what the intake says, as after a restore
//! (`sync/recovery.rs`). Last go the keys themselves, with the audit entry. From then on the firm
//! has no key, the next connect makes one, and what is given back finds tokens that nobody can
//! read.
//!
//! **Failure cases.** Each commit checks that the connection is still the one that was ended. A
//! stop, or a conflict, leaves the firm's key where it is, so who asks again goes on; the note
//! counts what went before. Who asked first is in the audit log from then on, however far it came.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::attempt::STATES;
use super::connect::Connect;
use crate::connection::Connection;
use crate::contact_review::{KNOWN, PROPOSALS, is_lost_proposal};
use crate::crypto::{KEPT, LostKeys, may_be_of_this_process};
use crate::domain::{Actor, FirmId, Timestamp};
use crate::error::{Code, Error, Result, Retry};
use crate::links::link_record::{CONTACT_KEYS, CONTACTS, MATTERS};
use crate::links::lose_text_in;
use crate::ports::{Commit, Expect, Key, Order, Record, Scan};
use crate::settings::{CASE_TYPES, is_lost_seen};
use crate::store::{Action, AuditEntry, AuditStatus, MaintenanceTask, Transaction, Versioned, schedule_now};
use crate::sync::{REPEATED, is_lost_check};

/// From the first question to the second. Longer than any process keeps a key that it opened.
pub(crate) const PATIENCE: Duration = Duration::from_secs(360);
const _: () = assert!(PATIENCE.as_secs() > KEPT.as_secs());
/// So long after that the first question counts.
const COUNTS: Duration = Duration::from_secs(3600);
/// A worker that has the key in memory, and cannot open it again, looks again.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// Records of one commit.
const PAGE: usize = 200;

/// `key-loss/asked`.
#[derive(Clone, Serialize, Deserialize)]
struct Asked {
    /// On the store's clock.
    at: Timestamp,
    /// A process opens the firm's key.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    opens: bool,
    #[serde(default)]
    forgotten: ForgottenKeys,
}

/// What was forgotten with lost keys: so many of each.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ForgottenKeys {
    /// Wrapped keys: the firm's own, and those of connections.
    pub keys: u64,
    /// Texts of contacts and matters that were being created. They stay in doubt: Clio is asked
    /// before anything is created.
    pub intents: u64,
    /// Addresses by which clients are known. Clio is searched for them instead.
    pub addresses: u64,
    /// Contacts of which it was known what they said last.
    pub contacts: u64,
    /// Contact proposals.
    pub proposals: u64,
    /// Looks for a second record of something that was sent.
    pub rechecks: u64,
    /// Lists of case types that were seen.
    pub case_types: u64,
    /// Attempts to connect.
    pub attempts: u64,
}

/// What becomes of the records of a collection.
enum Fate {
    /// All go: the firm's own key made them.
    Gone,
    /// Those go that are lost.
    GoneIf(fn(Record, &LostKeys) -> Result<bool>),
    /// Intents stay without their text.
    WithoutText,
}

type Count = fn(&mut ForgottenKeys) -> &mut u64;

/// Everything that keys of a firm seal or digest, but tokens and secrets of subscriptions: those go
/// as at every disconnect.
const COLLECTIONS: [(&str, Fate, Count); 8] = [
    (CONTACTS, Fate::WithoutText, |all| &mut all.intents),
    (MATTERS, Fate::WithoutText, |all| &mut all.intents),
    (CONTACT_KEYS, Fate::Gone, |all| &mut all.addresses),
    (KNOWN, Fate::Gone, |all| &mut all.contacts),
    (PROPOSALS, Fate::GoneIf(is_lost_proposal), |all| &mut all.proposals),
    (REPEATED, Fate::GoneIf(is_lost_check), |all| &mut all.rechecks),
    (CASE_TYPES, Fate::GoneIf(is_lost_seen), |all| &mut all.case_types),
    (STATES, Fate::Gone, |all| &mut all.attempts),
];

/// What is being forgotten.
struct Loss<'a> {
    firm: &'a FirmId,
    lost: LostKeys,
    /// What the connection has to be.
    connection: Expect,
    note: Versioned<Asked>,
}

fn key(firm: &FirmId) -> Key {
    Key::new(firm, "key-loss", "asked")
}

impl Asked {
    /// Whether it is about the present: not before its time, by a clock that was set, nor of long
    /// ago.
    fn counts(&self, now: Timestamp) -> bool {
        self.at <= now && self.at.until(now) <= PATIENCE + COUNTS
    }
}

impl Connect {
    /// Forgets the keys of the actor's firm that are lost for good, and what only they open. The
    /// firm is disconnected then, if it ever was connected.
    ///
    /// # Errors
    /// [`Code::KeyLossUnconfirmed`] the first time; [`Code::KeyOpens`]; what the key provider says
    /// if it cannot be asked; [`Code::ConnectedElsewhere`]; [`Code::StoreConflict`], after which to
    /// ask again.
    pub(crate) async fn forget_lost_keys(&self, actor: &Actor) -> Result<ForgottenKeys> {
        let firm = &actor.firm;
        if let Some(connection) = Connection::load(&self.repository, firm).await? {
            connection.value.require_of(self.oauth.host())?;
        }
        let note = self.repository.get::<Asked>(&key(firm)).await?;
        let lost = match self.keyring.lost(firm).await {
            Err(error) if error.code() == Code::KeyOpens => {
                self.take_back(firm, note).await?;
                return Err(error);
            }
            lost => lost?,
        };
        let now = self.repository.store_now(firm).await?;
        let Some(note) = note.as_ref().filter(|note| note.value.counts(now)) else {
            return Err(self.ask(actor, note, now).await?);
        };
        if note.value.opens {
            self.take_back(firm, Some(note.clone())).await?;
            return Err(Error::new(Code::KeyOpens).with("reason", "opens_elsewhere"));
        }
        let left = now.until(note.value.at + PATIENCE);
        if !left.is_zero() {
            return Err(unconfirmed(left));
        }
        self.forget(actor, lost, note.clone()).await
    }

    /// Notes the question. Gives the answer to it.
    async fn ask(&self, actor: &Actor, before: Option<Versioned<Asked>>, at: Timestamp) -> Result<Error> {
        let firm = &actor.firm;
        let mut transaction = self.repository.transaction(firm)?;
        let expect = before.as_ref().map_or(Expect::Absent, |before| Expect::Version(before.version.clone()));
        let forgotten = before.map(|before| before.value.forgotten).unwrap_or_default();
        transaction.put(key(firm), expect, &Asked { at, opens: false, forgotten })?;
        schedule_now(&self.repository, &mut transaction, MaintenanceTask::KeyProof).await?;
        transaction.audit(AuditEntry::by(&actor.id, Action::KeyLoss, AuditStatus::Noted).with("reason", "asked"));
        self.repository.commit_or_conflict(&transaction).await?;
        Ok(unconfirmed(PATIENCE))
    }

    /// Nothing is lost: what was asked does not count any more.
    async fn take_back(&self, firm: &FirmId, note: Option<Versioned<Asked>>) -> Result<()> {
        let Some(note) = note else { return Ok(()) };
        let mut transaction = self.repository.transaction(firm)?;
        transaction.delete(key(firm), note.version);
        // A conflict: somebody else did, or asked.
        self.repository.commit(&transaction).await.map(|_| ())
    }

    /// For a worker that can work for the firm: notes that its key opens, if that is asked. Gives
    /// when to try again.
    pub(crate) async fn show_that_key_opens(&self, firm: &FirmId) -> Result<Option<Duration>> {
        match self.keyring.prove_anew(firm).await {
            Err(error) if may_be_of_this_process(&error) => return Ok(Some(LOOK_AGAIN)),
            proof => proof?,
        }
        let Some(note) = self.repository.get::<Asked>(&key(firm)).await? else { return Ok(None) };
        let mut transaction = self.repository.transaction(firm)?;
        transaction.put(key(firm), Expect::Version(note.version), &Asked { opens: true, ..note.value })?;
        Ok(match self.repository.commit(&transaction).await? {
            Commit::Done { .. } => None,
            Commit::Conflict => Some(Duration::ZERO),
        })
    }

    async fn forget(&self, actor: &Actor, lost: LostKeys, note: Versioned<Asked>) -> Result<ForgottenKeys> {
        let firm = &actor.firm;
        if Connection::load(&self.repository, firm).await?.is_some() {
            let entry = AuditEntry::by(&actor.id, Action::Disconnect, AuditStatus::Ok).with("reason", "key_lost");
            self.begin_revoking(firm, None, &entry).await?;
        }
        let ended = Connection::load(&self.repository, firm).await?;
        if ended.as_ref().is_some_and(|ended| !ended.value.has_ended()) {
            return Err(Code::StoreConflict.into());
        }
        let connection = ended.map_or(Expect::Absent, |ended| Expect::Version(ended.version));
        let mut loss = Loss { firm, lost, connection, note };
        for (collection, fate, count) in &COLLECTIONS {
            self.forget_in(&mut loss, collection, fate, *count).await?;
        }
        let forgotten = self.forget_keys(actor, loss).await?;
        if let Err(error) = self.revoke(firm).await {
            tracing::warn!(%firm, code = error.code().name(), "revoking goes on later");
        }
        Ok(forgotten)
    }

    /// Forgets what is lost of one collection, and counts it.
    async fn forget_in(&self, loss: &mut Loss<'_>, collection: &'static str, fate: &Fate, count: Count) -> Result<()> {
        let mut from = String::new();
        loop {
            let firm = loss.firm.clone();
            let scan = Scan::Ids { firm, collection, from, until: None, order: Order::Ascending, limit: PAGE };
            let page = self.repository.store().scan(&scan).await?;
            let Some(last) = page.last() else { return Ok(()) };
            from = Scan::behind(&last.key.id);
            let now = self.repository.store_now(loss.firm).await?;
            let mut transaction = self.repository.transaction(loss.firm)?;
            for record in page {
                if fate.meets(&mut transaction, record, &loss.lost, now)? {
                    *count(&mut loss.note.value.forgotten) += 1;
                }
            }
            if !transaction.writes().is_empty() {
                let note = Expect::Version(loss.note.version.clone());
                loss.note.version = transaction.put(key(loss.firm), note, &loss.note.value)?;
                transaction.check(Connection::key(loss.firm), loss.connection.clone());
                self.repository.commit_or_conflict(&transaction).await?;
            }
        }
    }

    /// The last commit: the keys, and what the audit log tells.
    async fn forget_keys(&self, actor: &Actor, loss: Loss<'_>) -> Result<ForgottenKeys> {
        let mut forgotten = loss.note.value.forgotten;
        let mut transaction = self.repository.transaction(loss.firm)?;
        forgotten.keys += loss.lost.drop_in(&mut transaction);
        transaction.delete(key(loss.firm), loss.note.version);
        transaction.check(Connection::key(loss.firm), loss.connection);
        transaction.audit(told(AuditEntry::by(&actor.id, Action::KeyLoss, AuditStatus::Ok), &forgotten));
        self.repository.commit_or_conflict(&transaction).await?;
        self.keyring.forgot(loss.firm);
        Ok(forgotten)
    }
}

impl Fate {
    /// Whether it meets this record; then `transaction` says so.
    fn meets(&self, transaction: &mut Transaction, record: Record, lost: &LostKeys, now: Timestamp) -> Result<bool> {
        let goes = match self {
            Self::WithoutText => return lose_text_in(transaction, record, lost, now),
            Self::Gone => true,
            Self::GoneIf(is_lost) => is_lost(record.clone(), lost)?,
        };
        if goes {
            transaction.delete(record.key, record.version);
        }
        Ok(goes)
    }
}

fn told(entry: AuditEntry, forgotten: &ForgottenKeys) -> AuditEntry {
    entry
        .with("keys", forgotten.keys)
        .with("intents", forgotten.intents)
        .with("addresses", forgotten.addresses)
        .with("contacts", forgotten.contacts)
        .with("proposals", forgotten.proposals)
        .with("rechecks", forgotten.rechecks)
        .with("case_types", forgotten.case_types)
        .with("attempts", forgotten.attempts)
}

fn unconfirmed(left: Duration) -> Error {
    Error::new(Code::KeyLossUnconfirmed).retry_as(Retry::After(left + Duration::from_millis(1)))
}
