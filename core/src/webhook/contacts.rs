//! Changes of contacts, for review in both directions. Nothing flows by itself.
//!
//! **From Clio.** A delivery names a linked contact; Clio is asked what it says now; if that differs from what was seen last, it becomes a *proposal*, its values
//! sealed. An admin accepts it, and the host is told to apply it in CaseHug, or rejects it.
//!
//! **To Clio.** The host says that a client was changed in CaseHug; that is a proposal as well. An admin accepts it, and it is sent as a PATCH that Clio
//! refuses if the contact was changed since it was read (`If-Match`). Addresses and numbers are added, never removed.
//!
//! What was seen last is kept as a keyed digest (`contact-known/<Clio id>`): it tells a change from a repetition, and nothing else.

use core::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::status::Applied;
use crate::auth::{Actor, Connection, Keyring, Links};
use crate::budget::Class;
use crate::clio::{Contact, ContactChange, contacts};
use crate::error::{Code, Error, Result};
use crate::log::{Action, AuditEntry, AuditStatus, Event, EventBody};
use crate::model::{ClientId, ClioId, Confidential, ConnectionId, FirmId, MatterId, Timestamp};
use crate::ports::{Commit, Expect, Key};
use crate::records::{Journal, Stored, Unit};
use crate::sync::{Caller, Engine, Owner, linked_contact, owner_key};

const PROPOSALS: &str = "contact-proposal";
const KNOWN: &str = "contact-known";
const MOST_TURNS: usize = 8;

/// Which way a change would go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Changed in Clio: to be taken over into CaseHug.
    FromClio,
    /// Changed in CaseHug: to be sent to Clio.
    ToClio,
}

impl Direction {
    fn id(self, clio: ClioId) -> String {
        match self {
            Self::FromClio => format!("from_clio-{clio}"),
            Self::ToClio => format!("to_clio-{clio}"),
        }
    }
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
    /// Names it.
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
    /// An admin accepted it, and the host has not said yet that it applied it.
    pub accepted: bool,
}

/// `contact-proposal/<id>`.
#[derive(Clone, Serialize, Deserialize)]
struct Proposal {
    direction: Direction,
    client: ClientId,
    clio: ClioId,
    /// [`Plain`], sealed.
    sealed: String,
    connection: ConnectionId,
    since: Timestamp,
    #[serde(default)]
    accepted: bool,
}

#[derive(Serialize, Deserialize, zeroize::Zeroize, zeroize::ZeroizeOnDrop)]
struct Plain {
    first_name: String,
    last_name: String,
    emails: Vec<String>,
    phones: Vec<String>,
}

/// `contact-known/<Clio id>`.
#[derive(Serialize, Deserialize)]
struct Known {
    digest: String,
}

impl fmt::Debug for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Plain")
    }
}

impl From<&Contact> for Plain {
    fn from(contact: &Contact) -> Self {
        let text =
            |value: &Option<Confidential>| value.as_ref().map_or_else(String::new, |value| value.expose().to_owned());
        Self {
            first_name: text(&contact.first_name),
            last_name: text(&contact.last_name),
            emails: contact.emails().map(str::to_owned).collect(),
            phones: contact.phones().map(str::to_owned).collect(),
        }
    }
}

impl From<&Plain> for ContactValues {
    fn from(plain: &Plain) -> Self {
        let all = |list: &[String]| list.iter().map(Confidential::new).collect();
        Self {
            first_name: Confidential::new(&plain.first_name),
            last_name: Confidential::new(&plain.last_name),
            emails: all(&plain.emails),
            phones: all(&plain.phones),
        }
    }
}

fn known_key(links: &Links, clio: ClioId) -> Key {
    links.key(KNOWN, clio)
}

fn json(plain: &Plain) -> Result<Zeroizing<Vec<u8>>> {
    let failed = |_| Error::new(Code::Internal).with("reason", "contact_values");
    serde_json::to_vec(plain).map(Zeroizing::new).map_err(failed)
}

/// Adds to the commit of a contact's link, or of its change, what it says now.
pub(crate) async fn note_known(
    journal: &Journal,
    keyring: &Keyring,
    unit: &mut Unit,
    links: &Links,
    contact: &Contact,
) -> Result<()> {
    let digest = keyring.contact_digest(&links.firm, &json(&Plain::from(contact))?).await?;
    let key = known_key(links, contact.id);
    let stored = journal.get::<Known>(&key).await?;
    if stored.as_ref().is_none_or(|stored| stored.value.digest != digest) {
        let expect = stored.map_or(Expect::Absent, |stored| Expect::Version(stored.version));
        unit.put(key, expect, &Known { digest })?;
    }
    Ok(())
}

impl Engine {
    /// Takes in that a contact was changed in Clio.
    pub(super) async fn contact_changed(
        &self,
        unit: &mut Unit,
        links: &Links,
        clio: ClioId,
        deleted: bool,
    ) -> Result<Applied> {
        let firm = &links.firm;
        let Some(owner) = self.journal.get::<Owner>(&owner_key(links, "contact", clio)).await? else {
            return Ok(Applied::NotOurs);
        };
        if deleted || !crate::settings::load(&self.journal, firm).await?.contact_review {
            return Ok(Applied::Nothing);
        }
        let contact = match Caller::of_firm(self, links, Class::Waiting).repeat(&contacts::show(clio)).await {
            Ok(contact) => contact,
            Err(failure) if failure.error.code() == Code::ClioNotFound => return Ok(Applied::Nothing),
            Err(failure) => return Err(failure.error),
        };
        let plain = Plain::from(&contact);
        let digest = self.keyring.contact_digest(firm, &json(&plain)?).await?;
        let known = self.journal.get::<Known>(&known_key(links, clio)).await?;
        if known.is_some_and(|known| known.value.digest == digest) {
            return Ok(Applied::Nothing);
        }
        note_known(&self.journal, &self.keyring, unit, links, &contact).await?;
        self.propose(unit, links, Direction::FromClio, ClientId::new(owner.value.owner)?, clio, &plain).await?;
        Ok(Applied::Told)
    }

    async fn propose(
        &self,
        unit: &mut Unit,
        links: &Links,
        direction: Direction,
        client: ClientId,
        clio: ClioId,
        plain: &Plain,
    ) -> Result<String> {
        let firm = &links.firm;
        let connection = Connection::load_usable(&self.journal, firm).await?.value.id;
        let id = direction.id(clio);
        let sealer = self.keyring.for_connection(firm, &connection).await?;
        let sealed = sealer.seal(&sealer.context(format!("{PROPOSALS}/{id}"), "values"), &json(plain)?)?;
        let key = links.key(PROPOSALS, &id);
        let stored = self.journal.get::<Proposal>(&key).await?;
        let expect = stored.map_or(Expect::Absent, |stored| Expect::Version(stored.version));
        let since = self.runtime.now();
        let proposal = Proposal { direction, client: client.clone(), clio, sealed, connection, since, accepted: false };
        unit.put(key, expect, &proposal)?;
        let entry = AuditEntry::by_system(Action::ContactReview, AuditStatus::Noted).with("proposal", &id);
        unit.audit(entry.with("client", &client));
        unit.event(Event::about_contact(
            &client,
            EventBody::ContactProposed { client: client.clone(), proposal: id.clone() },
        ));
        Ok(id)
    }

    /// The client of this matter was changed in CaseHug. Gives the proposal's id.
    pub(crate) async fn propose_to_clio(&self, firm: &FirmId, matter: &MatterId) -> Result<String> {
        let intake = self.intake.load(firm, matter).await?;
        intake.check()?;
        let client = &intake.client;
        let links = Links::current(&self.journal, firm).await?;
        let clio = linked_contact(&self.journal, &links, &client.id).await?;
        let clio = clio.ok_or_else(|| Error::new(Code::MatterUnknown).with("reason", "contact_not_linked"))?;
        let list = |value: &Option<Confidential>| {
            let text = value.as_ref().map(|value| value.expose().trim().to_owned());
            text.filter(|text| !text.is_empty()).into_iter().collect()
        };
        let plain = Plain {
            first_name: client.first_name.expose().trim().to_owned(),
            last_name: client.last_name.expose().trim().to_owned(),
            emails: list(&client.email),
            phones: list(&client.phone),
        };
        for _ in 0..MOST_TURNS {
            let mut unit = self.journal.unit(firm)?;
            let id = self.propose(&mut unit, &links, Direction::ToClio, client.id.clone(), clio, &plain).await?;
            if matches!(self.journal.commit(&unit).await?, Commit::Done { .. }) {
                return Ok(id);
            }
        }
        Err(Code::StoreConflict.into())
    }

    /// The firm's proposals.
    pub(crate) async fn contact_proposals(&self, firm: &FirmId) -> Result<Vec<ContactProposal>> {
        let links = Links::current(&self.journal, firm).await?;
        let mut proposals = Vec::new();
        for (id, stored) in self.journal.list::<Proposal>(firm, PROPOSALS, &links.id("")).await? {
            let Some(id) = links.strip(&id).map(str::to_owned) else { continue };
            let plain = self.open_proposal(firm, &id, &stored.value).await?;
            let Proposal { direction, client, clio, since, accepted, .. } = stored.value;
            let values = ContactValues::from(&plain);
            proposals.push(ContactProposal { id, direction, client, clio, values, since, accepted });
        }
        Ok(proposals)
    }

    async fn open_proposal(&self, firm: &FirmId, id: &str, proposal: &Proposal) -> Result<Plain> {
        let sealer = self.keyring.for_connection(firm, &proposal.connection).await?;
        let plain = sealer.open(&sealer.context(format!("{PROPOSALS}/{id}"), "values"), &proposal.sealed)?;
        serde_json::from_slice(&plain).map_err(|_| Error::new(Code::StoreCorrupt).with("collection", PROPOSALS))
    }

    /// An admin's decision.
    pub(crate) async fn decide_contact(&self, actor: &Actor, id: &str, accept: bool) -> Result<()> {
        let firm = &actor.firm;
        let links = Links::current(&self.journal, firm).await?;
        let key = links.key(PROPOSALS, id);
        let unknown = || Error::new(Code::IdInvalid).with("type", "ContactProposal");
        let Stored { value: proposal, version, .. } = self.journal.get::<Proposal>(&key).await?.ok_or_else(unknown)?;
        let mut unit = self.journal.unit(firm)?;
        match (accept, proposal.direction) {
            (false, _) => unit.delete(key, version),
            (true, Direction::FromClio) => {
                let (client, proposal_id) = (proposal.client.clone(), id.to_owned());
                unit.put(key, Expect::Version(version), &Proposal { accepted: true, ..proposal })?;
                let body = EventBody::ContactAccepted { client: client.clone(), proposal: proposal_id };
                unit.event(Event::about_contact(&client, body));
            }
            (true, Direction::ToClio) => {
                let contact = self.send_change(&links, id, &proposal).await?;
                note_known(&self.journal, &self.keyring, &mut unit, &links, &contact).await?;
                unit.delete(key, version);
            }
        }
        let word = if accept { "accepted" } else { "rejected" };
        unit.audit(
            AuditEntry::by(&actor.id, Action::ContactReview, AuditStatus::Ok)
                .with("proposal", id)
                .with("decision", word),
        );
        self.journal.commit_or_conflict(&unit).await.map(|_| ())
    }

    async fn send_change(&self, links: &Links, id: &str, proposal: &Proposal) -> Result<Contact> {
        let plain = self.open_proposal(&links.firm, id, proposal).await?;
        let caller = Caller::of_firm(self, links, Class::Waiting);
        let now = caller.repeat(&contacts::show_tagged(proposal.clio)).await.map_err(|failure| failure.error)?;
        let tag = now.etag.as_deref().ok_or_else(|| Error::new(Code::ClioAnswerInvalid).with("reason", "no_etag"))?;
        let email = plain
            .emails
            .first()
            .filter(|email| !now.emails().any(|known| known.trim().to_lowercase() == email.to_lowercase()));
        let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
        let phone = plain.phones.first().filter(|phone| !now.phones().any(|known| digits(known) == digits(phone)));
        let change = ContactChange {
            first_name: &plain.first_name,
            last_name: &plain.last_name,
            email: email.map(String::as_str),
            phone: phone.map(String::as_str),
        };
        caller.repeat(&contacts::change(proposal.clio, tag, &change)?).await.map_err(|failure| failure.error)
    }

    /// The host applied an accepted proposal.
    pub(crate) async fn contact_applied(&self, firm: &FirmId, id: &str) -> Result<()> {
        let key = Links::current(&self.journal, firm).await?.key(PROPOSALS, id);
        if let Some(stored) = self.journal.get::<Proposal>(&key).await?
            && stored.value.accepted
        {
            let mut unit = self.journal.unit(firm)?;
            unit.delete(key, stored.version);
            self.journal.commit_or_conflict(&unit).await?;
        }
        Ok(())
    }
}

/// Adds to a disconnect's last commit that its proposals are gone: what they are sealed with goes.
pub(crate) async fn drop_proposals(journal: &Journal, unit: &mut Unit, connection: &ConnectionId) -> Result<()> {
    let firm = unit.firm().clone();
    for (id, stored) in journal.list::<Proposal>(&firm, PROPOSALS, "").await? {
        if stored.value.connection == *connection {
            unit.delete(Key::new(&firm, PROPOSALS, id), stored.version);
        }
    }
    Ok(())
}
