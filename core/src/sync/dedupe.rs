//! Which records in Clio are meant: pure comparisons over what a search or a probe brought back.
//!
//! Clio's `query` is a wildcard over a dozen fields and its unknown filters are ignored (Clio: Contacts), so nothing in an answer is believed
//! that was not compared here.

use serde::{Deserialize, Serialize};

use crate::clio::{Contact, Matter};
use crate::model::{ClioId, Confidential, Timestamp};

/// What a probe says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Probe {
    /// Nothing that could be ours.
    Miss,
    /// Ours.
    Found(ClioId),
    /// Too similar to go on without a person.
    Review,
}

/// An email address as it is compared: trimmed, lower case.
pub(crate) fn normal_email(email: &str) -> String {
    email.trim().to_lowercase()
}

/// The contacts that have exactly this address among all of theirs, lowest id first.
pub(crate) fn persons_with_email(contacts: &[Contact], email: &str) -> Vec<ClioId> {
    let wanted = normal_email(email);
    let mut ids: Vec<ClioId> = contacts
        .iter()
        .filter(|contact| contact.is_person())
        .filter(|contact| contact.emails().any(|address| normal_email(address) == wanted))
        .map(|contact| contact.id)
        .collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// The natural key of a contact, exactly as it was sent. Sealed before it is stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SentContact {
    pub first_name: String,
    pub last_name: String,
    pub email: Option<String>,
    pub phone: Option<String>,
}

/// The natural key of a matter, exactly as it was sent. Sealed before it is stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SentMatter {
    pub client: ClioId,
    pub description: String,
    pub client_reference: Option<String>,
    pub display_number: Option<String>,
    pub practice_area: Option<ClioId>,
}

/// What of a contact without email may be ours: not linked yet, created after the intent, equal in every field that was sent.
pub(crate) fn probe_contact(sent: &SentContact, candidates: &[&Contact], created_after: Timestamp) -> Probe {
    let same_name = |contact: &&&Contact| {
        same(contact.first_name.as_ref(), Some(&sent.first_name))
            && same(contact.last_name.as_ref(), Some(&sent.last_name))
    };
    let equal = |contact: &&&Contact| match &sent.phone {
        Some(phone) => contact.phones().any(|number| digits(number) == digits(phone)),
        None => contact.phones().next().is_none() && contact.emails().next().is_none(),
    };
    let recent: Vec<_> = candidates
        .iter()
        .filter(|contact| contact.is_person() && is_after(contact.created_at, created_after))
        .collect();
    let near: Vec<_> = recent.into_iter().filter(|contact| same_name(contact)).collect();
    let exact: Vec<ClioId> = near.iter().copied().filter(|contact| equal(contact)).map(|contact| contact.id).collect();
    verdict(&exact, near.len())
}

/// What of a client's matters may be ours: not linked yet, created after the intent, equal in every field that was sent.
pub(crate) fn probe_matter(sent: &SentMatter, candidates: &[&Matter], created_after: Timestamp) -> Probe {
    let near: Vec<_> = candidates
        .iter()
        .filter(|matter| is_after(matter.created_at, created_after))
        .filter(|matter| matter.client_id == Some(sent.client))
        .filter(|matter| same(matter.description.as_ref(), Some(&sent.description)))
        .collect();
    let exact: Vec<ClioId> = near
        .iter()
        .filter(|matter| same(matter.client_reference.as_ref(), sent.client_reference.as_ref()))
        .filter(|matter| matter.practice_area_id == sent.practice_area)
        .map(|matter| matter.id)
        .collect();
    verdict(&exact, near.len())
}

fn verdict(exact: &[ClioId], near: usize) -> Probe {
    match (exact, near) {
        (&[id], 1) => Probe::Found(id),
        ([], 0) => Probe::Miss,
        _ => Probe::Review,
    }
}

/// A record without a creation time proves nothing either way, so it counts as recent: better a review than a duplicate.
fn is_after(created: Option<Timestamp>, bound: Timestamp) -> bool {
    created.is_none_or(|created| created >= bound)
}

/// Equal but for white space at the ends and runs of it; absent and blank are the same.
fn same(theirs: Option<&Confidential>, ours: Option<&String>) -> bool {
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    words(theirs.map_or("", Confidential::expose)) == words(ours.map_or("", String::as_str))
}

/// Clio formats phone numbers as it likes.
fn digits(number: &str) -> String {
    number.chars().filter(char::is_ascii_digit).collect()
}
