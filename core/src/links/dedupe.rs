//! Which records in Clio are meant: pure comparisons over what a search or a lookup brought back.
//!
//! Clio's `query` is a wildcard over a dozen fields and its unknown filters are ignored (Clio:
//! Contacts), so nothing in an answer is believed that was not compared here.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::clio::{Contact, Matter};
use crate::domain::{Address, ClioId, Confidential, Timestamp};

/// What a lookup says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lookup {
    /// Nothing that could be ours.
    Miss,
    /// Ours.
    Found(ClioId),
    /// Too similar to these to go on without a person.
    Review(Vec<ClioId>),
}

/// From when on an intent's creation was created, in Clio's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Since {
    /// As far as the clocks are to be believed.
    pub certain: Timestamp,
    /// If one of them was set meanwhile.
    pub possible: Timestamp,
}

impl Since {
    /// Looks up what was certainly created in time; and if that is nothing, what possibly was:
    /// whether that is ours a person must say.
    pub(crate) fn lookup(self, lookup: impl Fn(Timestamp) -> Lookup) -> Lookup {
        match lookup(self.certain) {
            Lookup::Miss => match lookup(self.possible) {
                Lookup::Found(clio) => Lookup::Review(vec![clio]),
                unsure => unsure,
            },
            sure => sure,
        }
    }
}

/// The contacts that have exactly this address among all of theirs, lowest id first.
pub(crate) fn persons_with_email(contacts: &[Contact], email: &str) -> Vec<ClioId> {
    let wanted = Address::parse(email);
    let same = |theirs: &str| match &wanted {
        Some(wanted) => wanted.is(theirs),
        // What was sent before anybody looked closer.
        None => theirs.trim().to_lowercase() == email.trim().to_lowercase(),
    };
    let mut ids: Vec<ClioId> = contacts
        .iter()
        .filter(|contact| contact.is_person() && contact.emails().any(same))
        .map(|contact| contact.id)
        .collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// The natural key of a contact, exactly as it was sent. Sealed before it is stored.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SentContact {
    pub first_name: String,
    pub last_name: String,
    pub email: Option<String>,
    pub phone: Option<String>,
}

/// The natural key of a matter, exactly as it was sent. Sealed before it is stored.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SentMatter {
    pub client: ClioId,
    pub description: String,
    pub client_reference: Option<String>,
    pub display_number: Option<String>,
    pub practice_area: Option<ClioId>,
}

impl fmt::Debug for SentContact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SentContact")
    }
}

impl fmt::Debug for SentMatter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SentMatter")
    }
}

/// What of a contact without email may be ours: not linked yet, created after the intent, equal in
/// every field that was sent.
///
/// `unsure`: what was sent may have been another text, so whoever has one of the names or the phone
/// number needs a person's look.
pub(crate) fn lookup_contact(
    sent: &SentContact,
    candidates: &[&Contact],
    created_after: Timestamp,
    unsure: bool,
) -> Lookup {
    let recent: Vec<_> = candidates
        .iter()
        .filter(|contact| contact.is_person() && is_after(contact.created_at, created_after))
        .collect();
    let near: Vec<_> = recent.iter().filter(|contact| has_name(sent, contact)).collect();
    if unsure && near.is_empty() {
        let relatives = recent.iter().filter(|contact| is_like(sent, contact));
        return verdict(&[], relatives.map(|contact| contact.id).collect());
    }
    let exact: Vec<ClioId> =
        near.iter().filter(|contact| is_contact(sent, contact)).map(|contact| contact.id).collect();
    verdict(&exact, near.iter().map(|contact| contact.id).collect())
}

/// What of a client's matters may be ours: not linked yet, created after the intent, equal in every
/// field that was sent.
///
/// `unsure`: what was sent may have been another text, so any matter of the client needs a person's
/// look.
pub(crate) fn lookup_matter(
    sent: &SentMatter,
    candidates: &[&Matter],
    created_after: Timestamp,
    unsure: bool,
) -> Lookup {
    let recent: Vec<_> = candidates
        .iter()
        .filter(|matter| is_after(matter.created_at, created_after))
        .filter(|matter| matter.client_id == Some(sent.client))
        .collect();
    let near: Vec<_> = recent.iter().filter(|matter| has_description(sent, matter)).collect();
    if unsure && near.is_empty() {
        return verdict(&[], recent.iter().map(|matter| matter.id).collect());
    }
    let exact: Vec<ClioId> = near.iter().filter(|matter| is_matter(sent, matter)).map(|matter| matter.id).collect();
    verdict(&exact, near.iter().map(|matter| matter.id).collect())
}

/// Whether it is a person as it was sent: of that name and email, or without one equal in every
/// field.
pub(crate) fn is_contact(sent: &SentContact, contact: &Contact) -> bool {
    let equal = match (&sent.email, &sent.phone) {
        (Some(email), _) => !persons_with_email(core::slice::from_ref(contact), email).is_empty(),
        (None, Some(phone)) => contact.phones().any(|number| digits(number) == digits(phone)),
        (None, None) => contact.phones().next().is_none() && contact.emails().next().is_none(),
    };
    contact.is_person() && has_name(sent, contact) && equal
}

/// Whether it is equal to what was sent in every field that Clio gives back as it was.
pub(crate) fn is_matter(sent: &SentMatter, matter: &Matter) -> bool {
    matter.client_id == Some(sent.client)
        && has_description(sent, matter)
        && same(matter.client_reference.as_ref(), sent.client_reference.as_ref())
        && matter.practice_area_id == sent.practice_area
}

/// Whether one correction, of a name, the email or the phone, may lie between what was sent and
/// this contact.
fn is_like(sent: &SentContact, contact: &Contact) -> bool {
    let has_phone = |phone| contact.phones().any(|number| digits(number) == digits(phone));
    same(contact.first_name.as_ref(), Some(&sent.first_name))
        || same(contact.last_name.as_ref(), Some(&sent.last_name))
        || sent.phone.as_deref().is_some_and(has_phone)
}

fn has_name(sent: &SentContact, contact: &Contact) -> bool {
    same(contact.first_name.as_ref(), Some(&sent.first_name)) && same(contact.last_name.as_ref(), Some(&sent.last_name))
}

fn has_description(sent: &SentMatter, matter: &Matter) -> bool {
    same(matter.description.as_ref(), Some(&sent.description))
}

fn verdict(exact: &[ClioId], near: Vec<ClioId>) -> Lookup {
    match (exact, near.len()) {
        (&[id], 1) => Lookup::Found(id),
        ([], 0) => Lookup::Miss,
        _ => Lookup::Review(near),
    }
}

/// A record without a creation time proves nothing either way, so it counts as recent: better a
/// review than a duplicate.
pub(crate) fn is_after(created: Option<Timestamp>, bound: Timestamp) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn contact(id: i64, kind: &str, last_name: &str, emails: &[&str], phone: Option<&str>, created: &str) -> Contact {
        let emails: Vec<_> = emails.iter().map(|address| json!({ "address": address })).collect();
        let phones: Vec<_> = phone.iter().map(|number| json!({ "number": number })).collect();
        serde_json::from_value(json!({
            "id": id, "type": kind, "first_name": "Ana", "last_name": last_name, "created_at": created,
            "email_addresses": emails, "phone_numbers": phones,
        }))
        .unwrap()
    }

    const BEFORE: &str = "2026-04-01T11:00:00-00:00";
    const AFTER: &str = "2026-04-01T13:00:00-00:00";

    fn intent_time() -> Timestamp {
        Timestamp::parse("2026-04-01T12:00:00Z").unwrap()
    }

    #[test]
    fn an_email_is_compared_whole_over_all_addresses_of_persons() {
        let found = [
            contact(9, "Person", "B", &["x@example.com", " ANA@Example.com "], None, BEFORE),
            contact(7, "Person", "B", &["<ana@example.com>\u{200b}"], None, BEFORE),
            contact(3, "Company", "B", &["ana@example.com"], None, BEFORE),
            contact(2, "Person", "B", &["not-ana@example.com", "ana@example.com.au"], None, BEFORE),
        ];
        assert_eq!(persons_with_email(&found, "Ana@example.com"), [ClioId(7), ClioId(9)]);
    }

    #[test]
    fn without_an_email_only_one_new_equal_contact_is_ours() {
        let sent = SentContact {
            first_name: "Ana".into(),
            last_name: "B".into(),
            email: None,
            phone: Some("+1 206 555 0100".into()),
        };
        let ours = contact(5, "Person", "B", &[], Some("+12065550100"), AFTER);
        let other_phone = contact(6, "Person", "B", &[], Some("+12065550199"), AFTER);
        let old = contact(4, "Person", "B", &[], Some("+12065550100"), BEFORE);
        let other_name = contact(8, "Person", "C", &[], Some("+12065550100"), AFTER);
        let lookup = |list: &[&Contact]| lookup_contact(&sent, list, intent_time(), false);
        assert_eq!(lookup(&[&old, &other_name]), Lookup::Miss);
        assert_eq!(lookup(&[&old, &ours, &other_name]), Lookup::Found(ClioId(5)));
        assert_eq!(
            lookup(&[&ours, &other_phone]),
            Lookup::Review(vec![ClioId(5), ClioId(6)]),
            "near matches need a person"
        );
        assert_eq!(lookup(&[&other_phone]), Lookup::Review(vec![ClioId(6)]));
    }

    #[test]
    fn what_was_sent_is_in_no_log() {
        let (name, title) = (String::from("Geheim"), String::from("Roe v. Roe"));
        let contact = SentContact {
            first_name: name.clone(),
            last_name: name.clone(),
            email: Some(name.clone()),
            phone: Some(name.clone()),
        };
        let matter = SentMatter {
            client: ClioId(1),
            description: title.clone(),
            client_reference: Some(title.clone()),
            display_number: Some(title.clone()),
            practice_area: None,
        };
        let shown = format!("{contact:?} {matter:#?}");
        assert!(!shown.contains(&name) && !shown.contains(&title), "{shown}");
    }

    #[test]
    fn a_matter_is_ours_only_if_all_that_was_sent_is_equal() {
        let matter = |id: i64, client: i64, description: &str, reference: &str, created: &str| -> Matter {
            serde_json::from_value(json!({
                "id": id, "client": { "id": client }, "description": description, "client_reference": reference,
                "practice_area": { "id": 3 }, "created_at": created,
            }))
            .unwrap()
        };
        let sent = SentMatter {
            client: ClioId(1),
            description: "Doe  v. Roe".into(),
            client_reference: Some("R-1".into()),
            display_number: None,
            practice_area: Some(ClioId(3)),
        };
        let lookup = |list: &[Matter]| lookup_matter(&sent, &list.iter().collect::<Vec<_>>(), intent_time(), false);
        let renamed = [matter(10, 1, "Doe v. Poe", "R-1", AFTER)];
        assert_eq!(lookup(&renamed), Lookup::Miss, "another text is another matter");
        let unsure = lookup_matter(&sent, &renamed.iter().collect::<Vec<_>>(), intent_time(), true);
        assert_eq!(unsure, Lookup::Review(vec![ClioId(10)]), "unless nobody knows what was sent");
        assert_eq!(lookup(&[matter(10, 1, "Doe v. Roe", "R-1", AFTER)]), Lookup::Found(ClioId(10)));
        assert_eq!(lookup(&[matter(10, 2, "Doe v. Roe", "R-1", AFTER)]), Lookup::Miss, "another client's");
        assert_eq!(lookup(&[matter(10, 1, "Doe v. Roe", "R-1", BEFORE)]), Lookup::Miss, "made before, by hand");
        assert_eq!(lookup(&[matter(10, 1, "Doe v. Roe", "R-2", AFTER)]), Lookup::Review(vec![ClioId(10)]));
        let two = [matter(10, 1, "Doe v. Roe", "R-1", AFTER), matter(11, 1, "Doe v. Roe", "R-1", AFTER)];
        assert_eq!(lookup(&two), Lookup::Review(vec![ClioId(10), ClioId(11)]));
    }
}
