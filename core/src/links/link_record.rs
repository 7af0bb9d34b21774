//! The records of the things that are synced: first an intent, then a link, under one key, in the
//! set of the Clio account (`connection/account_scope.rs`).

use core::time::Duration;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::connection::AccountScope;
use crate::crypto::LostKeys;
use crate::domain::report::Note;
use crate::domain::{ClientId, ClioId, ConnectionId, DocumentKey, FirmId, MatterId, Timestamp};
use crate::error::{Failure, Result};
use crate::ports::{Expect, Key, Order, Record, Scan, Version};
use crate::store::{Repository, Transaction, Versioned, decode};

pub(crate) const CONTACTS: &str = "contact";
pub(crate) const MATTERS: &str = "matter";
/// The collection of documents.
pub(crate) const DOCUMENTS: &str = "document";
/// The collection of addresses.
pub(crate) const CONTACT_KEYS: &str = "contact-key";
const OWNERS: &str = "clio";

/// What is known of one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// Nothing: it is to be created.
    Unknown,
    /// An earlier creation is in doubt: Clio is asked first.
    InDoubt,
    /// It is in Clio.
    Linked(ClioId),
    /// It was in Clio, and the last that was learned is that it is gone.
    Gone(ClioId),
}

/// `contact/<client>`, `matter/<matter>`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(crate) enum LinkRecord {
    /// Being created; in doubt if nobody is at it.
    Intent(Intent),
    /// In Clio.
    Link(Link),
}

/// What is being created. The record's due time is when it is settled: what it creates is created
/// before that. Without one it is settled, and listed, since long.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Intent {
    /// The natural key exactly as it was sent, sealed. Empty: its key was lost.
    pub sealed: String,
    /// Whose data key sealed it.
    pub connection: ConnectionId,
    /// When it was made, on Clio's clock, if any answer of Clio's had been seen by then. Of one
    /// that stands for what the store lost: since when the store may have lost it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clio_at: Option<Timestamp>,
    /// How long after its commit it is due. So its record tells when that was, on the one clock
    /// that all processes share.
    #[serde(rename = "quiet_ms")]
    pub late_window_ms: u64,
    /// That commit's time, once the record's due time is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub committed_at: Option<Timestamp>,
    /// How often it may have been sent. 0: that is not known.
    pub sends: u32,
    /// How often in a row it was in doubt, this time included, and was not found in the end.
    #[serde(default)]
    pub rounds: u32,
    /// The digest of the email, whose `contact-key` record belongs to this intent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// What an admin decided about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decided>,
    /// What was answered to its request, if that left it in doubt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Box<Failure>>,
    /// Nothing is being created: it stands for the question whether one of the contacts of an
    /// address is the client's.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub question: bool,
}

/// An admin's answer to "is this record in Clio ours?"
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Decided {
    /// This one is.
    Link(Chosen),
    /// None of these is.
    Create {
        /// Clio's ids.
        not: Vec<ClioId>,
    },
}

/// An admin's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "answer", rename_all = "snake_case", deny_unknown_fields)]
pub enum Decision {
    /// This record in Clio is ours.
    Link {
        /// Its id.
        clio: ClioId,
    },
    /// None of the candidates is: create a new one, as soon as it is certain that nothing else
    /// comes.
    Create,
}

/// The record that an admin named, and those that were asked about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Chosen {
    pub clio: ClioId,
    #[serde(default)]
    pub among: Vec<ClioId>,
    /// Those that an earlier answer said not to be it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not: Vec<ClioId>,
}

impl Chosen {
    /// What is left of an admin's answers without this one.
    pub(crate) fn taken_back(&self) -> Option<Decided> {
        (!self.not.is_empty()).then(|| Decided::Create { not: self.not.clone() })
    }
}

impl Intent {
    /// Whether it stands for one that the store lost, or its text cannot be opened any more. Then
    /// what was sent is not known: the intake may have been another when it was.
    pub(crate) fn is_recovered(&self) -> bool {
        self.sends == 0
    }

    /// Whether what was sent is gone with the key that sealed it: the intake says what may have
    /// been.
    pub(crate) fn has_lost_text(&self) -> bool {
        self.sealed.is_empty() && !self.question
    }

    /// The same without its text. Nor has it a place of its address, which only the firm's key
    /// finds.
    fn without_text(self, due_at: Option<Timestamp>) -> Self {
        let committed_at = committed_at(&self, due_at);
        Self { sealed: String::new(), sends: 0, rounds: 0, email: None, committed_at, ..self }
    }

    /// One that stands for a question, beside what an admin decided before.
    pub(crate) fn question(connection: ConnectionId, decision: Option<Decided>) -> Self {
        Self {
            sealed: String::new(),
            connection,
            clio_at: None,
            late_window_ms: 0,
            committed_at: None,
            sends: 0,
            rounds: 0,
            email: None,
            decision,
            cause: None,
            question: true,
        }
    }

    /// The record that an admin named.
    pub(crate) fn chosen(&self) -> Option<&Chosen> {
        match &self.decision {
            Some(Decided::Link(chosen)) => Some(chosen),
            _ => None,
        }
    }

    /// Takes in an admin's answer about some candidates. What was said not to be it before still is
    /// not.
    pub(crate) fn decide(&mut self, decision: Decision, candidates: &[ClioId]) {
        let mut not = match self.decision.take() {
            Some(Decided::Create { not } | Decided::Link(Chosen { not, .. })) => not,
            None => Vec::new(),
        };
        self.decision = Some(match decision {
            Decision::Link { clio } => Decided::Link(Chosen { clio, among: candidates.to_vec(), not }),
            Decision::Create => {
                not.extend(candidates);
                Decided::Create { not }
            }
        });
    }

    /// Whether an admin said that this record is not ours.
    pub(crate) fn excludes(&self, clio: ClioId) -> bool {
        self.excluded().contains(&clio)
    }

    /// The records of which an admin said that they are not ours.
    pub(crate) fn excluded(&self) -> &[ClioId] {
        match &self.decision {
            Some(Decided::Create { not }) => not,
            _ => &[],
        }
    }
}

/// When an intent was made, on the store's clock. Its record's due time tells, unless that was
/// written anew. `None`: nothing of it was sent, and nobody needs to know.
pub(crate) fn committed_at(intent: &Intent, due_at: Option<Timestamp>) -> Option<Timestamp> {
    intent.committed_at.or_else(|| due_at.map(|due| due - Duration::from_millis(intent.late_window_ms)))
}

/// What it is in Clio.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Link {
    /// Clio's id.
    pub clio: ClioId,
    /// How the link came about.
    pub how: How,
    /// When, on the host's clock.
    pub at: Timestamp,
    /// What was worth knowing of it then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
    /// Of a matter: the contact in Clio whose matter it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<ClioId>,
    /// Of a contact: its name was compared with the client's, and the notes say what came of it.
    /// Earlier versions linked by email alone.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub named: bool,
    /// Of a document: how many bytes were sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub len: Option<u64>,
}

/// How a link came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum How {
    /// We created it, and saw the answer.
    Created,
    /// We created it, and found it again after the answer was lost.
    Recovered,
    /// It was there before us.
    Linked,
}

/// `document/<matter>/<document>/<upload>`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(crate) enum DocumentRecord {
    /// Being sent.
    Intent(DocumentIntent),
    /// In Clio.
    Link(Link),
}

/// A document that is being sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct DocumentIntent {
    /// When it was committed first, on the host's clock.
    pub at: Timestamp,
    /// The stub whose finishing PATCH may have been sent: from then on the only candidate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finishing: Option<Finishing>,
    /// What an admin decided about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decided>,
}

/// A stub and the version of it that is being published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Finishing {
    /// The document's id in Clio.
    pub stub: ClioId,
    /// The version's UUID.
    pub uuid: String,
    /// The revision of the bytes that were uploaded.
    pub revision: String,
    /// How many they were. `None`: an earlier version wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub len: Option<u64>,
}

/// `contact-key/<digest of an email>`: which client's record speaks for this address.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ContactKey {
    pub client: ClientId,
}

/// `clio/<kind>/<id>`: one Clio record belongs to one CaseHug record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Owner {
    pub owner: String,
}

pub(crate) fn contact_key(scope: &AccountScope, client: &ClientId) -> Key {
    scope.key(CONTACTS, client)
}

pub(crate) fn email_key(scope: &AccountScope, digest: &str) -> Key {
    scope.key(CONTACT_KEYS, digest)
}

pub(crate) fn matter_key(scope: &AccountScope, matter: &MatterId) -> Key {
    scope.key(MATTERS, matter)
}

pub(crate) fn document_key(scope: &AccountScope, document: &DocumentKey) -> Key {
    scope.key(DOCUMENTS, document)
}

pub(crate) fn owner_key(scope: &AccountScope, kind: &str, id: ClioId) -> Key {
    scope.key(OWNERS, format_args!("{kind}/{id}"))
}

impl LinkRecord {
    pub(crate) fn state(link_record: Option<&Versioned<Self>>) -> LinkState {
        match link_record.map(|stored| &stored.value) {
            None => LinkState::Unknown,
            Some(Self::Intent(_)) => LinkState::InDoubt,
            Some(Self::Link(link)) => LinkState::Linked(link.clio),
        }
    }
}

impl DocumentRecord {
    pub(crate) fn state(link_record: Option<&Versioned<Self>>) -> LinkState {
        match link_record.map(|stored| &stored.value) {
            None => LinkState::Unknown,
            Some(Self::Intent(_)) => LinkState::InDoubt,
            Some(Self::Link(link)) => LinkState::Linked(link.clio),
        }
    }
}

/// How many bytes of a document Clio has, where that is known.
pub(crate) fn len_in_clio(stored: Option<&Versioned<DocumentRecord>>) -> Option<u64> {
    match &stored?.value {
        DocumentRecord::Link(link) => link.len,
        DocumentRecord::Intent(_) => None,
    }
}

/// The contact in Clio, once it is there, with what is known of it.
pub(crate) async fn contact_link(
    repository: &Repository,
    scope: &AccountScope,
    client: &ClientId,
) -> Result<Option<Link>> {
    let link_record = repository.get::<LinkRecord>(&contact_key(scope, client)).await?;
    Ok(match link_record.map(|stored| stored.value) {
        Some(LinkRecord::Link(link)) => Some(link),
        Some(LinkRecord::Intent(_)) | None => None,
    })
}

/// CaseHug's matters that are this contact's in Clio. A link of an earlier version may not say so.
pub(crate) async fn matters_of_contact(
    repository: &Repository,
    scope: &AccountScope,
    contact: ClioId,
) -> Result<Vec<MatterId>> {
    let all = repository.list::<LinkRecord>(&scope.firm, MATTERS, &scope.id("")).await?;
    let is_theirs = |record: &LinkRecord| matches!(record, LinkRecord::Link(link) if link.client == Some(contact));
    let theirs = all.into_iter().filter(|(_, stored)| is_theirs(&stored.value));
    theirs.filter_map(|(id, _)| scope.strip(&id).map(MatterId::new)).collect()
}

/// The matter in Clio, once it is there.
pub(crate) async fn linked_matter(
    repository: &Repository,
    scope: &AccountScope,
    matter: &MatterId,
) -> Result<Option<ClioId>> {
    let link_record = repository.get::<LinkRecord>(&matter_key(scope, matter)).await?;
    Ok(match LinkRecord::state(link_record.as_ref()) {
        LinkState::Linked(clio) | LinkState::Gone(clio) => Some(clio),
        LinkState::Unknown | LinkState::InDoubt => None,
    })
}

/// What is known of a matter's documents, by their keys.
pub(crate) async fn documents_of(
    repository: &Repository,
    scope: &AccountScope,
    matter: &MatterId,
) -> Result<BTreeMap<String, Versioned<DocumentRecord>>> {
    let prefix = scope.id(format_args!("{matter}/"));
    let all = repository.list(&scope.firm, DOCUMENTS, &prefix).await?;
    Ok(all.into_iter().filter_map(|(id, stored)| Some((scope.strip(&id)?.to_owned(), stored))).collect())
}

/// The documents of a matter that are in Clio, by their keys.
pub(crate) async fn linked_documents(
    repository: &Repository,
    scope: &AccountScope,
    matter: &MatterId,
) -> Result<BTreeMap<String, ClioId>> {
    let linked = |stored: Versioned<DocumentRecord>| match stored.value {
        DocumentRecord::Link(link) => Some(link.clio),
        DocumentRecord::Intent(_) => None,
    };
    let known = documents_of(repository, scope, matter).await?;
    Ok(known.into_iter().filter_map(|(key, stored)| Some((key, linked(stored)?))).collect())
}

/// Linked matters in Clio after one of them, with their places, by the text of their ids. A place
/// of another set is none.
pub(crate) async fn linked_matters(
    repository: &Repository,
    scope: &AccountScope,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<(String, ClioId)>> {
    let after = after.filter(|after| scope.strip(after).is_some());
    let from = after.map_or_else(|| scope.id("matter/"), Scan::behind);
    // The character after the slash ends the prefix.
    let until = Some(scope.id("matter0"));
    let firm = scope.firm.clone();
    let scan = Scan::Ids { firm, collection: OWNERS, from, until, order: Order::Ascending, limit };
    let found = repository.store().scan(&scan).await?;
    let place = |record: Record| {
        let clio = scope.strip(&record.key.id)?.strip_prefix("matter/")?.parse().ok().map(ClioId)?;
        Some((record.key.id, clio))
    };
    Ok(found.into_iter().filter_map(place).collect())
}

/// The connections whose data keys seal open intents, in all sets of the firm.
pub(crate) async fn intents_sealed_with(repository: &Repository, firm: &FirmId) -> Result<Vec<ConnectionId>> {
    let mut connections = Vec::new();
    for collection in [CONTACTS, MATTERS] {
        for (_, stored) in repository.list::<LinkRecord>(firm, collection, "").await? {
            if let LinkRecord::Intent(intent) = stored.value
                && !intent.question
            {
                connections.push(intent.connection);
            }
        }
    }
    Ok(connections)
}

/// Adds to a commit that the text of an open intent, if this is one, is lost with its key. It stays
/// in doubt, so Clio is asked before anything is created. `false`: it is none such.
pub(crate) fn lose_text_in(
    transaction: &mut Transaction,
    record: Record,
    lost: &LostKeys,
    now: Timestamp,
) -> Result<bool> {
    let key = record.key.clone();
    let stored = decode::<LinkRecord>(record)?;
    let LinkRecord::Intent(intent) = stored.value else { return Ok(false) };
    if intent.question || intent.has_lost_text() || !lost.sealed(&intent.connection) {
        return Ok(false);
    }
    let left = stored.due_at.map(|due| now.until(due));
    let without = LinkRecord::Intent(intent.without_text(stored.due_at));
    transaction.put_due(key, Expect::Version(stored.version), left, &without)?;
    Ok(true)
}

/// Whether any link names this Clio record.
pub(crate) async fn is_owned(
    repository: &Repository,
    scope: &AccountScope,
    kind: &str,
    id: ClioId,
) -> Result<Option<Version>> {
    Ok(repository.get::<Owner>(&owner_key(scope, kind, id)).await?.map(|stored| stored.version))
}
