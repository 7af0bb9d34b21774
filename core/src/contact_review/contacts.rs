//! Changes of contacts in Clio become proposals (`proposals.rs`). Nothing flows by itself.
//!
//! A delivery names a linked contact; Clio is asked what it says now; if that differs from what was seen last, it is proposed. What was seen last is kept as a keyed
//! digest (`contact-known/<Clio id>`): it tells a change from a repetition, and nothing else.

use super::proposals;
use core::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::proposals::{ContactValues, Direction, Proposed};
use crate::calls::budget::Class;
use crate::calls::{Caller, Context};
use crate::clio::{Contact, contacts};
use crate::connection::Links;
use crate::crypto::Keyring;
use crate::domain::{Applied, ClientId, ClioId, Confidential, FirmId, Timestamp};
use crate::error::{Code, Error, Result};
use crate::links::{Name, Owner, owner_key};
use crate::ports::{Expect, Key, Version};
use crate::store::{Journal, Stored, Unit};

const KNOWN: &str = "contact-known";
const GONE: &str = "contact-gone";

/// What a contact says, in the clear for a moment.
#[derive(Serialize, Deserialize, PartialEq, zeroize::Zeroize, zeroize::ZeroizeOnDrop)]
pub(crate) struct Plain {
    pub first_name: String,
    pub last_name: String,
    pub emails: Vec<String>,
    pub phones: Vec<String>,
}

/// `contact-known/<Clio id>`.
#[derive(PartialEq, Serialize, Deserialize)]
struct Known {
    digest: String,
    /// The name in digests of its pieces: tells whether another client of the same email may be this person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<Name>,
}

impl Known {
    async fn of(keyring: &Keyring, firm: &FirmId, contact: &Contact) -> Result<Self> {
        let digest = keyring.contact_digest(firm, &Plain::from(contact).json()?).await?;
        let name = Name::from(contact).digested(keyring.name_digests(firm, contact.id).await?);
        Ok(Self { digest, name: Some(name) })
    }
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

impl Plain {
    pub(crate) fn json(&self) -> Result<Zeroizing<Vec<u8>>> {
        let failed = |_| Error::new(Code::Internal).with("reason", "contact_values");
        serde_json::to_vec(self).map(Zeroizing::new).map_err(failed)
    }
}

fn known_key(links: &Links, clio: ClioId) -> Key {
    links.key(KNOWN, clio)
}

/// Adds to the commit of a contact's link, or of its change, what it says now.
pub(crate) async fn note_known(
    journal: &Journal,
    keyring: &Keyring,
    unit: &mut Unit,
    links: &Links,
    contact: &Contact,
) -> Result<()> {
    let known = journal.get::<Known>(&known_key(links, contact.id)).await?;
    let now = Known::of(keyring, &links.firm, contact).await?;
    put_known(unit, links, contact.id, known, &now)
}

fn put_known(unit: &mut Unit, links: &Links, clio: ClioId, known: Option<Stored<Known>>, now: &Known) -> Result<()> {
    if known.as_ref().is_none_or(|known| known.value != *now) {
        let expect = known.map_or(Expect::Absent, |known| Expect::Version(known.version));
        unit.put(known_key(links, clio), expect, now)?;
    }
    Ok(())
}

/// Whether this name agrees with the one that the contact had when it was seen last. `None`: nobody wrote that down.
pub(crate) async fn known_name_agrees(
    journal: &Journal,
    keyring: &Keyring,
    links: &Links,
    clio: ClioId,
    name: &Name,
) -> Result<Option<bool>> {
    let known = journal.get::<Known>(&known_key(links, clio)).await?;
    let Some(known) = known.and_then(|known| known.value.name) else { return Ok(None) };
    let name = name.digested(keyring.name_digests(&links.firm, clio).await?);
    Ok(Some(known.agrees(&name)))
}

/// `contact-gone/<Clio id>`.
#[derive(Serialize, Deserialize)]
struct Gone {
    /// On the host's clock.
    seen_at: Timestamp,
}

fn gone_key(links: &Links, clio: ClioId) -> Key {
    links.key(GONE, clio)
}

/// Whether a linked contact was not in Clio when that was asked last, and the record that says so.
pub(crate) async fn contact_is_gone(journal: &Journal, links: &Links, clio: ClioId) -> Result<Option<Version>> {
    Ok(journal.store().get(&gone_key(links, clio)).await?.map(|record| record.version))
}

/// Adds that Clio does not show a linked contact.
pub(crate) fn note_contact_gone(journal: &Journal, unit: &mut Unit, links: &Links, clio: ClioId) -> Result<()> {
    let gone = Gone { seen_at: journal.runtime().now() };
    unit.put(gone_key(links, clio), Expect::Absent, &gone).map(|_| ())
}

/// Adds that it shows it again.
pub(crate) fn note_contact_there(unit: &mut Unit, links: &Links, clio: ClioId, gone: Version) {
    unit.delete(gone_key(links, clio), gone);
}

/// Takes in that a contact was changed in Clio. [`Applied::Ask`], unless it `may_ask` what it says now.
pub(crate) async fn contact_changed(
    ctx: &Context,
    unit: &mut Unit,
    links: &Links,
    clio: ClioId,
    deleted: bool,
    may_ask: bool,
) -> Result<Applied> {
    let firm = &links.firm;
    let Some(owner) = ctx.journal.get::<Owner>(&owner_key(links, "contact", clio)).await? else {
        return Ok(Applied::NotOurs);
    };
    let gone = contact_is_gone(&ctx.journal, links, clio).await?;
    let review = crate::settings::load(&ctx.journal, firm).await?.contact_review;
    if !deleted && !review && gone.is_none() {
        return Ok(Applied::Nothing);
    }
    if !may_ask {
        return Ok(Applied::Ask);
    }
    // Read before Clio is asked: an answer that was overtaken by another one conflicts.
    let known = ctx.journal.get::<Known>(&known_key(links, clio)).await?;
    let contact = match Caller::of_firm(ctx, links, Class::Live).repeat(&contacts::show(clio)).await {
        Ok(contact) => contact,
        Err(failure) if failure.error.code() == Code::ClioNotFound => {
            if gone.is_none() {
                note_contact_gone(&ctx.journal, unit, links, clio)?;
            }
            return Ok(Applied::Nothing);
        }
        Err(failure) => return Err(failure.error),
    };
    if let Some(gone) = gone {
        note_contact_there(unit, links, clio, gone);
    }
    if !review {
        return Ok(Applied::Nothing);
    }
    let plain = Plain::from(&contact);
    let now = Known::of(&ctx.keyring, firm, &contact).await?;
    if known.as_ref().is_some_and(|known| known.value.digest == now.digest) {
        return Ok(Applied::Nothing);
    }
    put_known(unit, links, clio, known, &now)?;
    let client = ClientId::new(owner.value.owner)?;
    let proposed = Proposed { direction: Direction::FromClio, client: &client, clio, etag: None, actor: None };
    proposals::propose(ctx, unit, links, &proposed, &plain).await?;
    Ok(Applied::Told)
}
