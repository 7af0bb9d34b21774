//! Changes of contacts in Clio become proposals (`proposals.rs`). Nothing flows by itself.
//!
//! A delivery names a linked contact; Clio is asked what it says now; if that differs from what was
//! seen last, it is proposed. What was seen last is kept as a keyed digest (`contact-known/<Clio
//! id>`): it tells a change from a repetition, and nothing else.

use super::proposals;
use core::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::proposals::{ContactValues, Direction, Proposed, may_be_anothers, name_of};
use crate::calls::budget::Class;
use crate::calls::{ApiClient, Context};
use crate::clio::{Contact, contacts};
use crate::connection::AccountScope;
use crate::crypto::Keyring;
use crate::domain::{Applied, ClientId, ClioId, Confidential, FirmId, Timestamp};
use crate::error::{Code, Error, Result, Retry};
use crate::links::{Link, Name, Owner, contact_link, matters_of_contact, owner_key};
use crate::ports::{Expect, Key, Version};
use crate::store::{Repository, Transaction, Versioned};

/// The collection of what was seen last.
pub(crate) const KNOWN: &str = "contact-known";
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
    /// The name in digests of its pieces: tells whether another client of the same email may be
    /// this person.
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

pub(crate) fn known_key(scope: &AccountScope, clio: ClioId) -> Key {
    scope.key(KNOWN, clio)
}

/// Adds to the commit of a contact's link, or of its change, what it says now.
pub(crate) async fn note_known(
    repository: &Repository,
    keyring: &Keyring,
    transaction: &mut Transaction,
    scope: &AccountScope,
    contact: &Contact,
) -> Result<()> {
    let known = repository.get::<Known>(&known_key(scope, contact.id)).await?;
    let now = Known::of(keyring, &scope.firm, contact).await?;
    put_known(transaction, scope, contact.id, known, &now)
}

fn put_known(
    transaction: &mut Transaction,
    scope: &AccountScope,
    clio: ClioId,
    known: Option<Versioned<Known>>,
    now: &Known,
) -> Result<()> {
    if known.as_ref().is_none_or(|known| known.value != *now) {
        let expect = known.map_or(Expect::Absent, |known| Expect::Version(known.version));
        transaction.put(known_key(scope, clio), expect, now)?;
    }
    Ok(())
}

/// Whether this name agrees with the one that the contact had when it was seen last. `None`: nobody
/// wrote that down.
pub(crate) async fn known_name_agrees(
    repository: &Repository,
    keyring: &Keyring,
    scope: &AccountScope,
    clio: ClioId,
    name: &Name,
) -> Result<Option<bool>> {
    let known = repository.get::<Known>(&known_key(scope, clio)).await?;
    let Some(known) = known.and_then(|known| known.value.name) else { return Ok(None) };
    let name = name.digested(keyring.name_digests(&scope.firm, clio).await?);
    Ok(Some(known.agrees(&name)))
}

/// `contact-gone/<Clio id>`.
#[derive(Serialize, Deserialize)]
struct Gone {
    /// On the host's clock.
    seen_at: Timestamp,
}

fn gone_key(scope: &AccountScope, clio: ClioId) -> Key {
    scope.key(GONE, clio)
}

/// Whether a linked contact was not in Clio when that was asked last, and the record that says so.
pub(crate) async fn contact_is_gone(
    repository: &Repository,
    scope: &AccountScope,
    clio: ClioId,
) -> Result<Option<Version>> {
    Ok(repository.store().get(&gone_key(scope, clio)).await?.map(|record| record.version))
}

/// Adds that Clio does not show a linked contact.
pub(crate) fn note_contact_gone(
    repository: &Repository,
    transaction: &mut Transaction,
    scope: &AccountScope,
    clio: ClioId,
) -> Result<()> {
    let gone = Gone { seen_at: repository.runtime().now() };
    transaction.put(gone_key(scope, clio), Expect::Absent, &gone).map(|_| ())
}

/// Adds that it shows it again.
pub(crate) fn note_contact_there(transaction: &mut Transaction, scope: &AccountScope, clio: ClioId, gone: Version) {
    transaction.delete(gone_key(scope, clio), gone);
}

/// Takes in that a contact was changed in Clio. [`Applied::Ask`], unless it `may_ask` what it says
/// now.
pub(crate) async fn contact_changed(
    ctx: &Context,
    transaction: &mut Transaction,
    scope: &AccountScope,
    clio: ClioId,
    deleted: bool,
    may_ask: bool,
) -> Result<Applied> {
    let firm = &scope.firm;
    let Some(owner) = ctx.repository.get::<Owner>(&owner_key(scope, "contact", clio)).await? else {
        return Ok(Applied::NotOurs);
    };
    let gone = contact_is_gone(&ctx.repository, scope, clio).await?;
    let review = crate::settings::load(&ctx.repository, firm).await?.contact_review;
    if !deleted && !review && gone.is_none() {
        return Ok(Applied::Nothing);
    }
    if !may_ask {
        return Ok(Applied::Ask);
    }
    // Read before Clio is asked: an answer that was overtaken by another one conflicts.
    let known = ctx.repository.get::<Known>(&known_key(scope, clio)).await?;
    let contact = match ApiClient::of_firm(ctx, scope, Class::Live).repeat(&contacts::show(clio)).await {
        Ok(contact) => contact,
        Err(failure) if failure.error.code() == Code::ClioNotFound => {
            if gone.is_none() {
                note_contact_gone(&ctx.repository, transaction, scope, clio)?;
            }
            return Ok(Applied::Nothing);
        }
        Err(failure) => return Err(failure.error),
    };
    if let Some(gone) = gone {
        note_contact_there(transaction, scope, clio, gone);
    }
    if !review {
        return Ok(Applied::Nothing);
    }
    let plain = Plain::from(&contact);
    let now = Known::of(&ctx.keyring, firm, &contact).await?;
    if known.as_ref().is_some_and(|known| known.value.digest == now.digest) {
        return Ok(Applied::Nothing);
    }
    put_known(transaction, scope, clio, known, &now)?;
    let client = ClientId::new(owner.value.owner)?;
    let link = contact_link(&ctx.repository, scope, &client).await?;
    let Some(link) = link.filter(|link| may_be_anothers(link) != Some(true)) else { return Ok(Applied::Nothing) };
    if may_be_anothers(&link).is_none() && !agrees_by_intake(ctx, scope, &client, &link, &contact).await? {
        return Ok(Applied::Nothing);
    }
    let proposed = Proposed { direction: Direction::FromClio, client: &client, clio, etag: None, actor: None };
    proposals::propose(ctx, transaction, scope, &proposed, &plain).await?;
    Ok(Applied::Notified)
}

/// Whether the contact has the name that CaseHug has of the client, as the intake of one of the
/// client's matters says. Not, if none says so.
async fn agrees_by_intake(
    ctx: &Context,
    scope: &AccountScope,
    client: &ClientId,
    link: &Link,
    contact: &Contact,
) -> Result<bool> {
    for matter in matters_of_contact(&ctx.repository, scope, link.clio).await? {
        let intake = match ctx.intake.load(&scope.firm, &matter).await {
            // Removed, or not valid: another try says the same.
            Err(error) if error.retry() == Retry::Never => continue,
            loaded => loaded?,
        };
        if intake.client.id == *client {
            return Ok(name_of(&intake.client).agrees(&Name::from(contact)));
        }
    }
    Ok(false)
}
