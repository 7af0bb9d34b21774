//! Contacts (Clio: Contacts). A sync creates and links them, and never changes one; only an admin's
//! decision in the contact review does.

use core::fmt;

use serde::{Deserialize, Serialize};

use super::decode;
use super::request::{ApiRequest, ORDER, PAGE, Page, Path, Resource};
use crate::domain::{ClioId, Confidential, Timestamp};
use crate::error::Result;
use crate::ports::Method;

/// What is asked for with every call: what is needed to recognise a contact, and no more of a
/// person than that.
pub(super) const FIELDS: &str =
    "id,type,first_name,last_name,created_at,email_addresses{address},phone_numbers{number}";

/// A contact as Clio shows it to the connected user. A field that the user may not see is absent.
#[derive(Clone, Debug, Deserialize)]
pub struct Contact {
    /// Clio's id.
    #[serde(deserialize_with = "decode::required")]
    pub id: ClioId,
    /// `Person` or `Company`.
    #[serde(default, rename = "type", deserialize_with = "decode::scalar")]
    pub kind: Option<String>,
    /// First name.
    #[serde(default, deserialize_with = "decode::scalar")]
    pub first_name: Option<Confidential>,
    /// Last name.
    #[serde(default, deserialize_with = "decode::scalar")]
    pub last_name: Option<Confidential>,
    /// When it was created, on Clio's clock.
    #[serde(default, deserialize_with = "decode::scalar")]
    pub created_at: Option<Timestamp>,
    /// The revision, if it was [asked for](show_tagged).
    #[serde(default, deserialize_with = "decode::scalar")]
    pub etag: Option<String>,
    #[serde(default, deserialize_with = "decode::list")]
    email_addresses: Vec<Email>,
    #[serde(default, deserialize_with = "decode::list")]
    phone_numbers: Vec<Phone>,
}

#[derive(Clone, Debug, Deserialize)]
struct Email {
    #[serde(default, deserialize_with = "decode::scalar")]
    address: Option<Confidential>,
}

#[derive(Clone, Debug, Deserialize)]
struct Phone {
    #[serde(default, deserialize_with = "decode::scalar")]
    number: Option<Confidential>,
}

impl Contact {
    /// Whether it is a person. Clio's filter by type is checked again with this.
    #[must_use]
    pub fn is_person(&self) -> bool {
        self.kind.as_deref().is_some_and(|kind| kind.eq_ignore_ascii_case("person"))
    }

    /// All email addresses, as Clio has them: neither trimmed nor lower-cased.
    pub fn emails(&self) -> impl Iterator<Item = &str> {
        self.email_addresses.iter().filter_map(|email| email.address.as_ref()).map(Confidential::expose)
    }

    /// All phone numbers, as Clio formats them.
    pub fn phones(&self) -> impl Iterator<Item = &str> {
        self.phone_numbers.iter().filter_map(|phone| phone.number.as_ref()).map(Confidential::expose)
    }
}

/// A person to create. Nothing else of a client can be sent.
#[derive(Clone, Copy)]
pub struct NewContact<'a> {
    /// First name. It or the last name is not blank, else Clio answers 422.
    pub first_name: &'a str,
    /// Last name.
    pub last_name: &'a str,
    /// The only, and so the default, email address.
    pub email: Option<&'a str>,
    /// The only, and so the default, phone number.
    pub phone: Option<&'a str>,
}

impl fmt::Debug for NewContact<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewContact([confidential])")
    }
}

/// The body, field by field in this order.
///
/// `name` is a contradiction in Clio's own documents: the schema requires it, the guide prefers
/// `first_name` and `last_name` and has Clio infer those from `name` where they are missing. Both
/// are sent: the schema is satisfied, nothing is left to infer, and as `name` comes first,
/// whoever applies the fields one after the other ends with the two that CaseHug has.
#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    name: FullName<'a>,
    #[serde(skip_serializing_if = "str::is_empty")]
    first_name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    last_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    email_addresses: Option<[NewEmail<'a>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone_numbers: Option<[NewPhone<'a>; 1]>,
}

/// First and last name with a space between, written without a copy.
struct FullName<'a>(&'a str, &'a str);

impl Serialize for FullName<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match (self.0, self.1) {
            (only, "") | ("", only) => serializer.serialize_str(only),
            (first, last) => serializer.collect_str(&format_args!("{first} {last}")),
        }
    }
}

#[derive(Serialize)]
struct NewEmail<'a> {
    name: &'static str,
    address: &'a str,
    default_email: bool,
}

#[derive(Serialize)]
struct NewPhone<'a> {
    name: &'static str,
    number: &'a str,
    default_number: bool,
}

/// A change of a contact: its names, and an address or a number to be added. Nothing is taken away.
#[derive(Clone, Copy)]
pub struct ContactChange<'a> {
    /// First name. Blank: it stays as it is.
    pub first_name: &'a str,
    /// Last name. Blank: it stays as it is.
    pub last_name: &'a str,
    /// An email address that the contact does not have yet.
    pub email: Option<&'a str>,
    /// A phone number that the contact does not have yet.
    pub phone: Option<&'a str>,
}

impl fmt::Debug for ContactChange<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ContactChange([confidential])")
    }
}

#[derive(Serialize)]
struct ChangeBody<'a> {
    #[serde(skip_serializing_if = "is_blank")]
    first_name: &'a str,
    #[serde(skip_serializing_if = "is_blank")]
    last_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    email_addresses: Option<[NewEmail<'a>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone_numbers: Option<[NewPhone<'a>; 1]>,
}

fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

/// Changes a contact that an admin decided to change, unless it was changed since `etag` was read
/// (Clio: If-Match).
///
/// # Errors
/// [`Code::Internal`](crate::Code::Internal) if the body cannot be built.
pub fn change(id: ClioId, etag: &str, change: &ContactChange<'_>) -> Result<ApiRequest<Contact>> {
    let body = ChangeBody {
        first_name: change.first_name,
        last_name: change.last_name,
        email_addresses: change.email.map(|address| [NewEmail { name: "Other", address, default_email: false }]),
        phone_numbers: change.phone.map(|number| [NewPhone { name: "Other", number, default_number: false }]),
    };
    let path = Path::of(Resource::Contacts, id).with("fields", FIELDS);
    Ok(ApiRequest::change(Method::Patch, Resource::Contacts, path, &body)?.with_header("if-match", etag).about(id))
}

/// One contact with its revision.
#[must_use]
pub fn show_tagged(id: ClioId) -> ApiRequest<Contact> {
    let fields = format!("etag,{FIELDS}");
    ApiRequest::show(Resource::Contacts, Path::of(Resource::Contacts, id).with("fields", &fields)).about(id)
}

/// Persons in which this address occurs. Clio's `query` is a wildcard over a dozen fields: every
/// address of every answer must be compared.
#[must_use]
pub fn search_email(email: &str) -> ApiRequest<Page<Contact>> {
    ApiRequest::list(Resource::Contacts, persons().with("query", email))
}

/// Persons created since a moment of Clio's clock.
#[must_use]
pub fn created_since(since: Timestamp) -> ApiRequest<Page<Contact>> {
    ApiRequest::list(Resource::Contacts, persons().with("created_since", &since.to_rfc3339()))
}

/// One contact.
#[must_use]
pub fn show(id: ClioId) -> ApiRequest<Contact> {
    ApiRequest::show(Resource::Contacts, Path::of(Resource::Contacts, id).with("fields", FIELDS)).about(id)
}

/// Creates a person. Not idempotent; Clio accepts duplicates.
///
/// # Errors
/// [`Code::Internal`](crate::Code::Internal) if the body cannot be built.
pub fn create(contact: &NewContact<'_>) -> Result<ApiRequest<Contact>> {
    let body = Body {
        kind: "Person",
        name: FullName(contact.first_name, contact.last_name),
        first_name: contact.first_name,
        last_name: contact.last_name,
        email_addresses: contact.email.map(|address| [NewEmail { name: "Other", address, default_email: true }]),
        phone_numbers: contact.phone.map(|number| [NewPhone { name: "Other", number, default_number: true }]),
    };
    ApiRequest::create(Resource::Contacts, Path::new("contacts.json").with("fields", FIELDS), &body)
}

fn persons() -> Path {
    Path::new("contacts.json").with("fields", FIELDS).with("type", "Person").with("limit", PAGE).with("order", ORDER)
}
