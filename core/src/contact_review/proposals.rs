//! Proposals: a contact's change that waits for an admin, in either direction.
//!
//! **From Clio.** An admin accepts it, and the host is told to apply it in CaseHug and says when it
//! did; or rejects it.
//!
//! **To Clio.** The host says that a client was changed in CaseHug. An admin accepts it, and it is
//! sent as a PATCH that Clio refuses if the contact was changed since it was proposed (`If-Match`).
//! Addresses and numbers are added, never removed.
//!
//! **Not where the names differ.** A client that was linked to a contact of another name may be
//! another person than the contact: husband and wife with one address. Neither's values go to the
//! other. An earlier version linked by email alone, and noted no name: those are compared when
//! something would be proposed.
//!
//! **What is accepted is what was seen.** A proposal's id stands for its values: other values are
//! another proposal, which takes the place of one that nobody has decided yet. One that was
//! accepted stays as it is until it is applied. The values are sealed with the connection's key and
//! go with it.
//!
//! **Failure cases.** The decision is committed before Clio is asked to change anything. A crash in
//! between leaves an accepted proposal, which may be accepted again or rejected: should the change
//! have been made, Clio says so. How it is sent: `sending.rs`.

use serde::{Deserialize, Serialize};

use super::contacts::Plain;
use super::sending::{Accepted, carry_out, says_all, tag_of};
use crate::calls::budget::Class;
use crate::calls::{ApiClient, Context};
use crate::clio::contacts;
use crate::connection::{AccountScope, Connection};
use crate::crypto::LostKeys;
use crate::domain::{
    Actor, ActorId, ClientId, ClioId, Confidential, ConnectionId, FirmId, IntakeClient, MatterId, Note, Timestamp,
};
use crate::error::{Code, Error, Result};
use crate::links::{How, Link, Name, contact_link};
use crate::ports::{Commit, Expect, Key, Record};
use crate::store::{Action, AuditEntry, AuditStatus, Event, EventBody, Repository, Transaction, Versioned, decode};

/// The collection of proposals.
pub(crate) const PROPOSALS: &str = "contact-proposal";
const MOST_ATTEMPTS: usize = 8;

/// Which way a change would go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Changed in Clio: to be taken over into CaseHug.
    FromClio,
    /// Changed in CaseHug: to be sent to Clio.
    ToClio,
}

/// What a contact says of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactValues {
    /// First name.
    pub first_name: Confidential,
    /// Last name.
    pub last_name: Confidential,
    /// All email addresses.
    pub emails: Vec<Confidential>,
    /// All phone numbers.
    pub phones: Vec<Confidential>,
}

/// A change for review.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactProposal {
    /// Names it, and these values of it.
    pub id: String,
    /// Which way it would go.
    pub direction: Direction,
    /// CaseHug's client.
    pub client: ClientId,
    /// The contact in Clio.
    pub clio: ClioId,
    /// What would be taken over.
    pub values: ContactValues,
    /// When it came up, on the host's clock.
    pub since: Timestamp,
    /// An admin accepted it, and it is not applied yet.
    pub accepted: bool,
}

/// `contact-proposal/<id>`.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Proposal {
    direction: Direction,
    client: ClientId,
    pub clio: ClioId,
    /// [`Plain`], sealed.
    sealed: String,
    connection: ConnectionId,
    /// The version of the contact that the change was proposed for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    since: Timestamp,
    #[serde(default)]
    pub accepted: bool,
}

impl Proposal {
    /// The same, accepted or waiting for an admin.
    pub(super) fn decided(&self, accepted: bool) -> Self {
        Self { accepted, ..self.clone() }
    }
}

/// What is to be proposed, but for its values.
pub(crate) struct Proposed<'a> {
    pub direction: Direction,
    pub client: &'a ClientId,
    pub clio: ClioId,
    pub etag: Option<String>,
    pub actor: Option<&'a ActorId>,
}

/// Adds a proposal to `transaction`, in place of an older one that nobody decided. Gives its id.
pub(crate) async fn propose(
    ctx: &Context,
    transaction: &mut Transaction,
    scope: &AccountScope,
    proposed: &Proposed<'_>,
    plain: &Plain,
) -> Result<String> {
    let Proposed { direction, client, clio, .. } = *proposed;
    let firm = &scope.firm;
    let connection = Connection::load_usable(&ctx.repository, firm).await?;
    // Sealed with its key, and gone with it.
    transaction.check(Connection::key(firm), Expect::Version(connection.version));
    let connection = connection.value.id;
    for (key, stored) in all(ctx, firm, &scope.id("")).await? {
        let same = (stored.value.direction, &stored.value.client, stored.value.clio) == (direction, client, clio);
        if same && !stored.value.accepted {
            transaction.delete(key, stored.version);
        }
    }
    let id = ctx.repository.new_id()?;
    let sealer = ctx.keyring.for_connection(firm, &connection).await?;
    let sealed = sealer.seal(&sealer.context(format!("{PROPOSALS}/{id}"), "values"), &plain.json()?)?;
    let (since, etag) = (ctx.runtime.now(), proposed.etag.clone());
    let proposal =
        Proposal { direction, client: client.clone(), clio, sealed, connection, etag, since, accepted: false };
    transaction.put(scope.key(PROPOSALS, &id), Expect::Absent, &proposal)?;
    let entry = match proposed.actor {
        Some(actor) => AuditEntry::by(actor, Action::ContactReview, AuditStatus::Noted),
        None => AuditEntry::by_system(Action::ContactReview, AuditStatus::Noted),
    };
    transaction.audit(entry.with("proposal", &id).with("client", client));
    transaction.event(Event::about_contact(
        client,
        EventBody::ContactProposed { client: client.clone(), proposal: id.clone() },
    ));
    Ok(id)
}

/// Whether a client and its contact may be two people. `None`: nobody compared their names.
pub(crate) fn may_be_anothers(link: &Link) -> Option<bool> {
    match link.notes.contains(&Note::NameDiffers) {
        false if link.how == How::Linked && !link.named => None,
        differs => Some(differs),
    }
}

/// The client's name, as it is compared.
pub(crate) fn name_of(client: &IntakeClient) -> Name {
    Name::new(client.first_name.expose(), client.last_name.expose())
}

/// The client of this matter was changed in CaseHug. Gives the proposal's id; `None`: Clio says the
/// same already, or [it may be another person's](may_be_anothers).
pub(crate) async fn propose_to_clio(ctx: &Context, actor: &Actor, matter: &MatterId) -> Result<Option<String>> {
    let firm = &actor.firm;
    let intake = ctx.intake.load(firm, matter).await?;
    intake.check()?;
    let client = &intake.client;
    let scope = AccountScope::current(&ctx.repository, firm).await?;
    let link = contact_link(&ctx.repository, &scope, &client.id).await?;
    let link = link.ok_or_else(|| Error::new(Code::NotSyncedYet).with("client", &client.id))?;
    let anothers = may_be_anothers(&link);
    if anothers == Some(true) {
        return Ok(None);
    }
    let clio = link.clio;
    let plain = Plain {
        first_name: client.first_name.expose().trim().to_owned(),
        last_name: client.last_name.expose().trim().to_owned(),
        emails: client.address().map(|address| address.shown()).into_iter().collect(),
        phones: client.number().into_iter().collect(),
    };
    let client_api = ApiClient::of_firm(ctx, &scope, Class::Waiting);
    let now = client_api.repeat(&contacts::show_tagged(clio)).await.map_err(|failure| failure.error)?;
    if says_all(&now, &plain) || anothers.is_none() && !name_of(client).agrees(&Name::from(&now)) {
        return Ok(None);
    }
    let etag = Some(tag_of(&now)?.to_owned());
    let proposed = Proposed { direction: Direction::ToClio, client: &client.id, clio, etag, actor: Some(&actor.id) };
    for _ in 0..MOST_ATTEMPTS {
        let mut transaction = ctx.repository.transaction(firm)?;
        let id = propose(ctx, &mut transaction, &scope, &proposed, &plain).await?;
        if matches!(ctx.repository.commit(&transaction).await?, Commit::Done { .. }) {
            return Ok(Some(id));
        }
    }
    Err(Code::StoreConflict.into())
}

async fn all(ctx: &Context, firm: &FirmId, prefix: &str) -> Result<Vec<(Key, Versioned<Proposal>)>> {
    let all = ctx.repository.list::<Proposal>(firm, PROPOSALS, prefix).await?;
    Ok(all.into_iter().map(|(id, stored)| (Key::new(firm, PROPOSALS, id), stored)).collect())
}

/// The firm's proposals, oldest first.
pub(crate) async fn contact_proposals(ctx: &Context, firm: &FirmId) -> Result<Vec<ContactProposal>> {
    let scope = AccountScope::current(&ctx.repository, firm).await?;
    let mut proposals = Vec::new();
    for (key, stored) in all(ctx, firm, &scope.id("")).await? {
        let Some(id) = scope.strip(&key.id).map(str::to_owned) else { continue };
        let plain = open_proposal(ctx, firm, &id, &stored.value).await?;
        let Proposal { direction, client, clio, since, accepted, .. } = stored.value;
        let values = ContactValues::from(&plain);
        proposals.push(ContactProposal { id, direction, client, clio, values, since, accepted });
    }
    proposals.sort_by_key(|proposal| proposal.since);
    Ok(proposals)
}

pub(super) async fn open_proposal(ctx: &Context, firm: &FirmId, id: &str, proposal: &Proposal) -> Result<Plain> {
    let sealer = ctx.keyring.for_connection(firm, &proposal.connection).await?;
    let plain = sealer.open(&sealer.context(format!("{PROPOSALS}/{id}"), "values"), &proposal.sealed)?;
    serde_json::from_slice(&plain).map_err(|_| Error::new(Code::StoreCorrupt).with("collection", PROPOSALS))
}

/// An admin's decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Accept,
    Reject,
}

/// It is decided and done, or was never there.
pub(super) fn unknown() -> Error {
    Error::new(Code::RecordUnknown).with("type", "contact_proposal")
}

/// Records the decision, and sends what was accepted to whom it is for.
pub(crate) async fn resolve(ctx: &Context, actor: &Actor, id: &str, decision: Decision) -> Result<()> {
    let firm = &actor.firm;
    let scope = AccountScope::current(&ctx.repository, firm).await?;
    let key = scope.key(PROPOSALS, id);
    let Versioned { value: proposal, version, .. } = ctx.repository.get::<Proposal>(&key).await?.ok_or_else(unknown)?;
    let mut transaction = ctx.repository.transaction(firm)?;
    let mut accepted = None;
    match (decision, proposal.direction) {
        // The host was told to apply it, and may have.
        (_, Direction::FromClio) if proposal.accepted => {
            return Err(Error::new(Code::AlreadyDecided).with("decision", "accepted"));
        }
        (Decision::Reject, _) => transaction.delete(key.clone(), version),
        (Decision::Accept, direction) => {
            accepted = Some(transaction.put(key.clone(), Expect::Version(version), &proposal.decided(true))?);
            if direction == Direction::FromClio {
                let (client, proposal) = (proposal.client.clone(), id.to_owned());
                transaction
                    .event(Event::about_contact(&client.clone(), EventBody::ContactAccepted { client, proposal }));
            }
        }
    }
    let word = match decision {
        Decision::Accept => "accepted",
        Decision::Reject => "rejected",
    };
    transaction.audit(reviewed(actor, id, AuditStatus::Ok).with("decision", word));
    ctx.repository.commit_or_conflict(&transaction).await?;
    match accepted.filter(|_| proposal.direction == Direction::ToClio) {
        Some(version) => carry_out(ctx, actor, &scope, &Accepted { id, proposal: &proposal, version }).await,
        None => Ok(()),
    }
}

/// The host applied an accepted proposal.
pub(crate) async fn contact_applied(ctx: &Context, actor: &Actor, id: &str) -> Result<()> {
    let key = AccountScope::current(&ctx.repository, &actor.firm).await?.key(PROPOSALS, id);
    if let Some(stored) = ctx.repository.get::<Proposal>(&key).await?
        && stored.value.accepted
        && stored.value.direction == Direction::FromClio
    {
        let mut transaction = ctx.repository.transaction(&actor.firm)?;
        transaction.delete(key, stored.version);
        transaction.audit(reviewed(actor, id, AuditStatus::Ok).with("applied", true));
        ctx.repository.commit_or_conflict(&transaction).await?;
    }
    Ok(())
}

pub(super) fn reviewed(actor: &Actor, id: &str, status: AuditStatus) -> AuditEntry {
    AuditEntry::by(&actor.id, Action::ContactReview, status).with("proposal", id)
}

/// Adds to a disconnect's last commit that the firm's proposals are gone: what they are sealed with
/// goes.
pub(crate) async fn drop_proposals(repository: &Repository, transaction: &mut Transaction) -> Result<()> {
    let firm = transaction.firm().clone();
    for (id, stored) in repository.list::<Proposal>(&firm, PROPOSALS, "").await? {
        transaction.delete(Key::new(&firm, PROPOSALS, id), stored.version);
    }
    Ok(())
}

/// Whether the values of a proposal are lost with their key.
pub(crate) fn is_lost(record: Record, lost: &LostKeys) -> Result<bool> {
    Ok(lost.sealed(&decode::<Proposal>(record)?.value.connection))
}

/// The connections whose data keys seal the firm's proposals.
pub(crate) async fn sealed_with(repository: &Repository, firm: &FirmId) -> Result<Vec<ConnectionId>> {
    let all = repository.list::<Proposal>(firm, PROPOSALS, "").await?;
    Ok(all.into_iter().map(|(_, stored)| stored.value.connection).collect())
}
