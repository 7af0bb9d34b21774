//! Contacts: people and companies, with their addresses, phones and emails.
//!
//! Nothing about them is unique. A restricted person sees the contacts they created and the clients
//! of their own matters; the others are absent, which is how a search by email can miss one that
//! exists.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{
    Model,
    contact_parts::{self as parts, EMAILS, PHONES, Part, Parts, STREETS, WEB_SITES},
    errors::{ApiError, ApiResult},
    http::Query,
    input::{self, Common, Data},
    paging,
    resource::{self, Stamp},
    time,
};

/// Plain texts that a client may write.
const TEXTS: &[&str] = &[
    "name",
    "first_name",
    "middle_name",
    "last_name",
    "prefix",
    "title",
    "clio_connect_email",
    "ledes_client_id",
    "sales_tax_number",
];

/// What a person's name is made of.
const NAMES: &[&str] = &["first_name", "middle_name", "last_name"];

/// A person or a company.
#[derive(Debug, Clone)]
pub(crate) struct Contact {
    pub stamp: Stamp,
    pub kind: String,
    texts: BTreeMap<&'static str, String>,
    date_of_birth: Option<String>,
    company: Option<i64>,
    emails: Parts,
    phones: Parts,
    addresses: Parts,
    web_sites: Parts,
    folder: Option<i64>,
}

impl Contact {
    pub fn text(&self, name: &str) -> Option<&str> {
        self.texts.get(name).map(String::as_str)
    }

    pub fn name(&self) -> String {
        if self.kind == "Company" {
            return self.text("name").unwrap_or_default().to_owned();
        }
        let words = NAMES.iter().filter_map(|name| self.text(name));
        words.collect::<Vec<_>>().join(" ")
    }

    /// What matter numbers carry: a person's last name, a company's name.
    pub fn summary(&self) -> String {
        let short = if self.kind == "Company" { None } else { self.text("last_name").or(self.text("first_name")) };
        short.map_or_else(|| self.name(), str::to_owned)
    }

    /// A person's `name` alone becomes first, middle and last name (Clio: Contacts); beside one of
    /// those it says nothing.
    fn infer_names(&mut self, data: &Data) {
        let Some(name) = self.texts.remove("name") else { return };
        if NAMES.iter().any(|part| data.get(*part).is_some_and(|value| !value.is_null())) {
            return;
        }
        let words: Vec<&str> = name.split_whitespace().collect();
        let (first, rest) = words.split_first().map_or(("", &[][..]), |(first, rest)| (*first, rest));
        let (last, middle) = rest.split_last().map_or(("", &[][..]), |(last, middle)| (*last, middle));
        for (part, text) in NAMES.iter().zip([first.to_owned(), middle.join(" "), last.to_owned()]) {
            match text.is_empty() {
                true => drop(self.texts.remove(part)),
                false => drop(self.texts.insert(part, text)),
            }
        }
    }

    fn mentions(&self, needle: &str) -> bool {
        let has = |text: &str| text.to_lowercase().contains(needle);
        has(&self.name())
            || self.text("title").is_some_and(has)
            || [&self.emails, &self.phones, &self.addresses, &self.web_sites]
                .iter()
                .any(|list| list.0.iter().flat_map(Part::texts).any(has))
    }

    fn fill(&mut self, data: &Data, ids: &mut i64, now: i64) -> ApiResult<()> {
        if let Some(kind) = input::text(data, "type")? {
            match kind.as_deref() {
                Some("Person" | "Company") => self.kind = kind.unwrap_or_default(),
                _ => return Err(ApiError::invalid("type must be Person or Company.")),
            }
        }
        for &name in TEXTS {
            match input::text(data, name)? {
                Some(Some(text)) if !text.is_empty() => drop(self.texts.insert(name, text)),
                Some(_) => drop(self.texts.remove(name)),
                None => {}
            }
        }
        if self.kind == "Person" {
            self.infer_names(data);
        }
        if let Some(day) = input::day(data, "date_of_birth")? {
            self.date_of_birth = day;
        }
        self.emails.change(data, &EMAILS, ids, now)?;
        self.phones.change(data, &PHONES, ids, now)?;
        self.addresses.change(data, &STREETS, ids, now)?;
        self.web_sites.change(data, &WEB_SITES, ids, now)?;
        if self.kind == "Person" && self.text("first_name").or(self.text("last_name")).is_none() {
            return Err(ApiError::invalid("A Person needs a first_name or a last_name."));
        }
        if self.kind == "Company" && self.text("name").is_none() {
            return Err(ApiError::invalid("name can't be blank."));
        }
        Ok(())
    }
}

impl Model {
    /// Whether the connected person sees the contact.
    pub(crate) fn contact_visible(&self, contact: &Contact) -> bool {
        let id = contact.stamp.id;
        !self.config.contacts_restricted
            || contact.stamp.own
            || self.matters.values().any(|matter| matter.client == id && matter.stamp.own)
    }

    pub(crate) fn contact(&self, id: i64) -> ApiResult<&Contact> {
        let found = self.contacts.get(&id).filter(|contact| self.contact_visible(contact));
        found.ok_or_else(|| ApiError::not_found("Contact"))
    }

    pub(crate) fn contacts_index(&self, now: i64, query: &Query) -> ApiResult<Vec<i64>> {
        let (order, descending) = paging::order(query, &["id", "name", "shared_at"])?;
        let common = Common::read(query, self.config.utc_offset_minutes)?;
        let kind = match query.get("type") {
            None => None,
            Some(kind @ ("Person" | "Company")) => Some(kind),
            Some(other) => {
                return Err(ApiError::bad_request(format!("{other:?} is not a valid type.")));
            }
        };
        let email_only = input::query_flag(query, "email_only").unwrap_or(false);
        let client_only = input::query_flag(query, "client_only").unwrap_or(false);
        let excluded = input::query_ids(query, "exclude_ids")?.unwrap_or_default();
        let initial = query.get("initial").map(str::to_lowercase);
        let needle = query.get("query").map(str::to_lowercase).filter(|needle| !needle.is_empty());
        let clients = needle.as_deref().map(|needle| self.clients_of_matters(needle)).unwrap_or_default();
        let mut found: Vec<&Contact> = self
            .contacts
            .values()
            .filter(|contact| common.admits(&contact.stamp) && !excluded.contains(&contact.stamp.id))
            .filter(|contact| kind.is_none_or(|kind| contact.kind == kind))
            .filter(|contact| !email_only || !contact.emails.0.is_empty())
            .filter(|contact| !client_only || self.is_client(contact.stamp.id))
            .filter(|contact| {
                initial.as_deref().is_none_or(|initial| contact.summary().to_lowercase().starts_with(initial))
            })
            .filter(|contact| self.indexed(now, &contact.stamp, needle.is_some()))
            .filter(|contact| needle.as_deref().is_none_or(|needle| self.contact_matches(contact, needle, &clients)))
            .filter(|contact| self.contact_visible(contact))
            .collect();
        if order == "name" {
            found.sort_by_key(|contact| contact.name().to_lowercase());
        }
        if descending {
            found.reverse();
        }
        Ok(found.iter().map(|contact| contact.stamp.id).collect())
    }

    fn is_client(&self, id: i64) -> bool {
        self.matters.values().any(|matter| matter.client == id)
    }

    fn contact_matches(&self, contact: &Contact, needle: &str, clients: &BTreeSet<i64>) -> bool {
        let company = || contact.company.and_then(|id| self.contacts.get(&id)).map(Contact::name);
        contact.mentions(needle)
            || company().is_some_and(|name| name.to_lowercase().contains(needle))
            || clients.contains(&contact.stamp.id)
    }

    /// Whose matters say this in their number or description.
    fn clients_of_matters(&self, needle: &str) -> BTreeSet<i64> {
        let says = |text: &str| text.to_lowercase().contains(needle);
        let matters = self.matters.values();
        matters
            .filter(|matter| says(&matter.display_number) || says(&matter.description))
            .map(|matter| matter.client)
            .collect()
    }

    pub(crate) fn contact_create(&mut self, now: i64, data: &Data, own: bool) -> ApiResult<i64> {
        input::required(data, "type")?;
        let mut contact = Contact {
            stamp: Stamp::new(0, now, own),
            kind: String::new(),
            texts: BTreeMap::new(),
            date_of_birth: None,
            company: None,
            emails: Parts::default(),
            phones: Parts::default(),
            addresses: Parts::default(),
            web_sites: Parts::default(),
            folder: None,
        };
        contact.fill(data, &mut self.ids.parts, now)?;
        contact.company = self.company_of(data)?.flatten();
        contact.stamp.id = resource::next(&mut self.ids.contacts);
        let id = contact.stamp.id;
        self.contacts.insert(id, contact);
        Ok(id)
    }

    pub(crate) fn contact_update(&mut self, now: i64, id: i64, data: &Data) -> ApiResult<()> {
        let mut contact = self.contact(id)?.clone();
        contact.fill(data, &mut self.ids.parts, now)?;
        if let Some(company) = self.company_of(data)? {
            contact.company = company;
        }
        contact.stamp.touch(now);
        self.contacts.insert(id, contact);
        Ok(())
    }

    fn company_of(&self, data: &Data) -> ApiResult<Option<Option<i64>>> {
        let company = input::reference(data, "company")?;
        if let Some(Some(id)) = company {
            self.contact(id)?;
        }
        Ok(company)
    }

    /// The contact's folder, made on demand.
    pub(crate) fn contact_folder(&mut self, id: i64) -> Option<i64> {
        let contact = self.contacts.get_mut(&id)?;
        Some(*contact.folder.get_or_insert_with(|| resource::next(&mut self.ids.folders)))
    }

    /// The contact's own fields, as they also appear nested in other records.
    pub(crate) fn contact_base(&self, contact: &Contact) -> Map<String, Value> {
        let offset = self.config.utc_offset_minutes;
        let name = contact.name();
        let initials: String =
            name.split(' ').filter_map(|word| word.chars().next()).flat_map(char::to_uppercase).take(3).collect();
        let mut out = Map::new();
        let mut put = |name: &str, value: Value| drop(out.insert(name.into(), value));
        for (text, value) in &contact.texts {
            put(text, json!(value));
        }
        put("id", json!(contact.stamp.id));
        put("etag", json!(contact.stamp.etag("contact")));
        put("name", json!(name));
        put("type", json!(contact.kind));
        put("date_of_birth", json!(contact.date_of_birth));
        put("initials", json!(initials));
        put("created_at", json!(time::iso(contact.stamp.created, offset)));
        put("updated_at", json!(time::iso(contact.stamp.updated, offset)));
        put("primary_email_address", json!(contact.emails.primary("address")));
        put("secondary_email_address", json!(contact.emails.secondary("address")));
        put("primary_phone_number", json!(contact.phones.primary("number")));
        put("secondary_phone_number", json!(contact.phones.secondary("number")));
        put("currency", self.currency());
        put("is_client", json!(self.is_client(contact.stamp.id)));
        for flag in [
            "is_co_counsel",
            "is_bill_recipient",
            "is_clio_for_client_user",
            "has_clio_for_clients_permission",
            "locked_clio_connect_email",
        ] {
            put(flag, json!(false));
        }
        out
    }

    pub(crate) fn contact_record(&self, contact: &Contact) -> Value {
        let mut out = self.contact_base(contact);
        let look = parts::Look { offset: self.config.utc_offset_minutes, contract: self.config.strict_contract };
        let mut put = |name: &str, value: Value| drop(out.insert(name.into(), value));
        put("email_addresses", contact.emails.records(&EMAILS, &look));
        put("phone_numbers", contact.phones.records(&PHONES, &look));
        put("addresses", contact.addresses.records(&STREETS, &look));
        put("web_sites", contact.web_sites.records(&WEB_SITES, &look));
        put("primary_address", contact.addresses.first_record(&STREETS, &look));
        put("primary_web_site", contact.web_sites.first_record(&WEB_SITES, &look));
        let company = contact.company.and_then(|id| self.contacts.get(&id));
        put("company", company.map_or(Value::Null, |company| self.contact_base(company).into()));
        put("folder", contact.folder.map_or(Value::Null, |id| self.folder_record(id, &contact.stamp, &contact.name())));
        out.into()
    }
}
