//! Emails, phones, addresses and web sites of a contact: lists whose items are added, changed by
//! `id`, and removed by `_destroy`. A client says which one is the default with one word and reads
//! it back with another.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    errors::{ApiError, ApiResult},
    input::{self, Data},
    resource::{self, Stamp},
    time,
};

/// Most emails, phones or addresses of one contact (since API version 4.0.13).
const MOST: usize = 20;

/// What distinguishes one kind of part.
#[derive(Debug)]
pub(crate) struct PartKind {
    /// The member of the body and of the record.
    pub list: &'static str,
    texts: &'static [&'static str],
    labels: &'static [&'static str],
    default_in: &'static str,
    default_out: &'static str,
    limited: bool,
}

pub(crate) const EMAILS: PartKind = PartKind {
    list: "email_addresses",
    texts: &["address"],
    labels: &["Work", "Home", "Other"],
    default_in: "default_email",
    default_out: "primary",
    limited: true,
};

pub(crate) const PHONES: PartKind = PartKind {
    list: "phone_numbers",
    texts: &["number"],
    labels: &["Work", "Home", "Mobile", "Fax", "Pager", "Skype", "Other"],
    default_in: "default_number",
    default_out: "primary",
    limited: true,
};

pub(crate) const STREETS: PartKind = PartKind {
    list: "addresses",
    texts: &["street", "city", "province", "postal_code", "country"],
    labels: &["Work", "Home", "Billing", "Other"],
    default_in: "",
    default_out: "primary",
    limited: true,
};

pub(crate) const WEB_SITES: PartKind = PartKind {
    list: "web_sites",
    texts: &["address"],
    labels: &["Work", "Personal", "Twitter", "Facebook", "LinkedIn", "Instant Messenger", "Other"],
    default_in: "default_web_site",
    default_out: "default_web_site",
    limited: false,
};

/// How parts are shown.
#[derive(Debug)]
pub(crate) struct Look {
    pub offset: i32,
    pub contract: bool,
}

/// One email, phone, address or web site.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    stamp: Stamp,
    label: String,
    texts: BTreeMap<&'static str, String>,
    primary: bool,
}

impl Part {
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.texts.values().map(String::as_str)
    }

    fn fill(&mut self, item: &Data, kind: &PartKind) -> ApiResult<()> {
        if let Some(label) = input::text(item, "name")?.flatten() {
            if !kind.labels.contains(&label.as_str()) {
                return Err(ApiError::invalid(format!(
                    "{}.name must be one of {}.",
                    kind.list,
                    kind.labels.join(", ")
                )));
            }
            self.label = label;
        }
        for &name in kind.texts {
            if let Some(text) = input::text(item, name)? {
                self.texts.insert(name, text.unwrap_or_default());
            }
        }
        if self.texts.values().all(String::is_empty) {
            return Err(ApiError::invalid(format!("{} can't be blank.", kind.list)));
        }
        Ok(())
    }

    fn record(&self, kind: &PartKind, look: &Look) -> Value {
        let mut out = Map::new();
        let mut put = |name: &str, value: Value| drop(out.insert(name.into(), value));
        put("id", json!(self.stamp.id));
        put("etag", json!(self.stamp.etag(kind.list)));
        put("created_at", json!(time::iso(self.stamp.created, look.offset)));
        put("updated_at", json!(time::iso(self.stamp.updated, look.offset)));
        put("name", json!(self.shown_label(kind, look)));
        put(kind.default_out, json!(self.primary));
        for (name, text) in &self.texts {
            put(name, json!(text));
        }
        out.into()
    }

    /// The document lists other phone labels for answers than for requests.
    fn shown_label(&self, kind: &PartKind, look: &Look) -> &str {
        match self.label.as_str() {
            "Work" => "Work",
            "Home" | "Mobile" if look.contract && kind.list == PHONES.list => "Personal",
            _ if look.contract && kind.list == PHONES.list => "Other",
            label => label,
        }
    }
}

/// All parts of one kind.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parts(pub Vec<Part>);

impl Parts {
    /// Applies the list of a body.
    pub fn change(&mut self, data: &Data, kind: &PartKind, ids: &mut i64, now: i64) -> ApiResult<()> {
        for item in input::list(data, kind.list)? {
            let default = !kind.default_in.is_empty() && input::flag(item, kind.default_in) == Some(true);
            let id = match item.get("id").and_then(input::integer) {
                Some(id) => {
                    let part = self.0.iter_mut().find(|part| part.stamp.id == id);
                    let part = part.ok_or_else(|| ApiError::not_found(kind.list))?;
                    if input::flag(item, "_destroy") == Some(true) {
                        self.0.retain(|part| part.stamp.id != id);
                        continue;
                    }
                    part.fill(item, kind)?;
                    part.stamp.touch(now);
                    id
                }
                None => {
                    let id = resource::next(ids);
                    let mut part = Part {
                        stamp: Stamp::new(id, now, true),
                        label: "Other".into(),
                        texts: BTreeMap::new(),
                        primary: self.0.is_empty(),
                    };
                    part.fill(item, kind)?;
                    self.0.push(part);
                    id
                }
            };
            if default {
                self.0.iter_mut().for_each(|part| part.primary = part.stamp.id == id);
            }
        }
        if kind.limited && self.0.len() > MOST {
            return Err(ApiError::invalid(format!("A contact can have at most {MOST} {}.", kind.list)));
        }
        if !self.0.iter().any(|part| part.primary)
            && let Some(first) = self.0.first_mut()
        {
            first.primary = true;
        }
        Ok(())
    }

    fn lead(&self) -> Option<&Part> {
        self.0.iter().find(|part| part.primary)
    }

    /// A text of the default part.
    pub fn primary(&self, text: &str) -> Option<&str> {
        self.lead()?.texts.get(text).map(String::as_str)
    }

    /// The same text of the first other part.
    pub fn secondary(&self, text: &str) -> Option<&str> {
        self.0.iter().find(|part| !part.primary)?.texts.get(text).map(String::as_str)
    }

    pub fn records(&self, kind: &PartKind, look: &Look) -> Value {
        self.0.iter().map(|part| part.record(kind, look)).collect()
    }

    pub fn first_record(&self, kind: &PartKind, look: &Look) -> Value {
        self.lead().map_or(Value::Null, |part| part.record(kind, look))
    }
}
