//! Matters. Numbers are Clio's own unless the firm numbers by hand; status goes in lower case and
//! comes out capitalised.

use serde_json::{Map, Value, json};

use super::{
    Model,
    contacts::Contact,
    errors::{ApiError, ApiResult},
    http::Query,
    input::{self, Common, Data},
    paging,
    resource::{self, Stamp},
    time,
    users::{PEOPLE, People},
};

/// A matter of the firm.
#[derive(Debug, Clone)]
pub(crate) struct Matter {
    pub stamp: Stamp,
    pub client: i64,
    pub number: i64,
    pub display_number: String,
    pub description: String,
    /// As a request writes it: `open`, `pending` or `closed`.
    pub status: String,
    pub client_reference: Option<String>,
    pub area: Option<i64>,
    pub folder: i64,
    location: Option<String>,
    billable: bool,
    open_date: Option<String>,
    pending_date: Option<String>,
    close_date: Option<String>,
    pub people: People,
}

const STATUSES: &[&str] = &["open", "pending", "closed"];

fn capitalised(status: &str) -> &'static str {
    match status {
        "pending" => "Pending",
        "closed" => "Closed",
        _ => "Open",
    }
}

impl Matter {
    fn fill(&mut self, data: &Data, manual: bool, today: &str) -> ApiResult<()> {
        if data.contains_key("description") {
            self.description = input::required(data, "description")?;
        }
        if let Some(status) = input::text(data, "status")? {
            let status = status.unwrap_or_default();
            if !STATUSES.contains(&status.as_str()) {
                return Err(ApiError::invalid(format!("{status:?} is not a valid status.")));
            }
            self.set_status(status, today);
        }
        if let Some(text) = input::text(data, "client_reference")? {
            self.client_reference = text;
        }
        if let Some(text) = input::text(data, "location")? {
            self.location = text;
        }
        if let Some(flag) = input::flag(data, "billable") {
            self.billable = flag;
        }
        for (name, slot) in [
            ("open_date", &mut self.open_date),
            ("pending_date", &mut self.pending_date),
            ("close_date", &mut self.close_date),
        ] {
            if let Some(day) = input::day(data, name)? {
                *slot = day;
            }
        }
        if manual && let Some(number) = input::text(data, "display_number")? {
            self.display_number = number.filter(|number| !number.is_empty()).unwrap_or_else(|| "Blank".into());
        }
        Ok(())
    }

    fn set_status(&mut self, status: String, today: &str) {
        let slot = match status.as_str() {
            "pending" => &mut self.pending_date,
            "closed" => &mut self.close_date,
            _ => &mut self.open_date,
        };
        slot.get_or_insert_with(|| today.to_owned());
        self.status = status;
    }
}

impl Model {
    pub(crate) fn matter(&self, id: i64) -> ApiResult<&Matter> {
        self.matters.get(&id).ok_or_else(|| ApiError::not_found("Matter"))
    }

    pub(crate) fn matters_index(&self, now: i64, query: &Query) -> ApiResult<Vec<i64>> {
        const ORDERS: &[&str] = &[
            "id",
            "display_number",
            "custom_number",
            "client.name",
            "open_date",
            "pending_date",
            "close_date",
            "practice_area.name",
            "created_at",
            "updated_at",
            "matter_stage.name",
            "responsible_attorney.name",
            "originating_attorney.name",
            "statute_of_limitations.due_at",
            "grants",
            "matter_stage_updated_at",
        ];
        let (order, descending) = paging::order(query, ORDERS)?;
        let common = Common::read(query, self.config.utc_offset_minutes)?;
        let client = input::query_id(query, "client_id")?;
        let area = input::query_id(query, "practice_area_id")?;
        let people = PEOPLE.iter().map(|role| Ok((*role, input::query_id(query, &format!("{role}_id"))?)));
        let people: Vec<(&str, Option<i64>)> = people.collect::<ApiResult<_>>()?;
        let has = |matter: &Matter, role: &str| matter.people.get(role).copied().flatten();
        let billable = input::query_flag(query, "billable");
        let statuses: Option<Vec<&str>> = query.get("status").map(|text| text.split(',').collect());
        if let Some(bad) = statuses.iter().flatten().find(|status| !STATUSES.contains(*status)) {
            return Err(ApiError::bad_request(format!("{bad:?} is not a valid status.")));
        }
        let needle = query.get("query").map(str::to_lowercase).filter(|needle| !needle.is_empty());
        let mut found: Vec<&Matter> = self
            .matters
            .values()
            .filter(|matter| common.admits(&matter.stamp))
            .filter(|matter| client.is_none_or(|id| matter.client == id))
            .filter(|matter| area.is_none_or(|id| matter.area == Some(id)))
            .filter(|matter| people.iter().all(|(role, id)| id.is_none() || has(matter, role) == *id))
            .filter(|matter| billable.is_none_or(|billable| matter.billable == billable))
            .filter(|matter| statuses.as_ref().is_none_or(|list| list.contains(&matter.status.as_str())))
            .filter(|matter| self.indexed(now, &matter.stamp, needle.is_some()))
            .filter(|matter| needle.as_deref().is_none_or(|needle| self.matter_matches(matter, needle)))
            .collect();
        match order {
            "display_number" => found.sort_by(|a, b| a.display_number.cmp(&b.display_number)),
            "client.name" => found.sort_by_key(|matter| self.contacts.get(&matter.client).map(Contact::name)),
            "open_date" => found.sort_by(|a, b| a.open_date.cmp(&b.open_date)),
            "pending_date" => found.sort_by(|a, b| a.pending_date.cmp(&b.pending_date)),
            "close_date" => found.sort_by(|a, b| a.close_date.cmp(&b.close_date)),
            "created_at" => found.sort_by_key(|matter| matter.stamp.created),
            "updated_at" => found.sort_by_key(|matter| matter.stamp.updated),
            _ => {}
        }
        if descending {
            found.reverse();
        }
        Ok(found.iter().map(|matter| matter.stamp.id).collect())
    }

    /// Number, description and the client's name. Not `client_reference`.
    fn matter_matches(&self, matter: &Matter, needle: &str) -> bool {
        let client = self.contacts.get(&matter.client).map(Contact::name).unwrap_or_default();
        [matter.display_number.as_str(), &matter.number.to_string(), &matter.description, &client]
            .iter()
            .any(|text| text.to_lowercase().contains(needle))
    }

    pub(crate) fn matter_create(&mut self, now: i64, data: &Data, own: bool) -> ApiResult<i64> {
        input::required(data, "description")?;
        let client = input::reference(data, "client")?.flatten();
        let client = client.ok_or_else(|| ApiError::invalid("client can't be blank."))?;
        let summary = self.contact(client)?.summary();
        let area = self.area_of(data)?.flatten();
        let number = self.next_matter_number;
        let manual = self.config.manual_numbering;
        let display_number = if manual { "Blank".into() } else { format!("{number:05}-{summary}") };
        let mut matter = Matter {
            stamp: Stamp::new(0, now, own),
            client,
            number,
            display_number,
            description: String::new(),
            status: String::new(),
            client_reference: None,
            area,
            folder: 0,
            location: None,
            billable: true,
            open_date: None,
            pending_date: None,
            close_date: None,
            people: self.people_of(data)?,
        };
        let today = time::date(now, self.config.utc_offset_minutes);
        matter.fill(data, manual, &today)?;
        if matter.status.is_empty() {
            matter.set_status("open".into(), &today);
        }
        self.next_matter_number += 1;
        matter.folder = resource::next(&mut self.ids.folders);
        matter.stamp.id = resource::next(&mut self.ids.matters);
        let id = matter.stamp.id;
        self.matters.insert(id, matter);
        Ok(id)
    }

    pub(crate) fn matter_update(&mut self, now: i64, id: i64, data: &Data) -> ApiResult<()> {
        let mut matter = self.matter(id)?.clone();
        let today = time::date(now, self.config.utc_offset_minutes);
        matter.fill(data, self.config.manual_numbering, &today)?;
        if let Some(client) = input::reference(data, "client")? {
            let client = client.ok_or_else(|| ApiError::invalid("client can't be blank."))?;
            let summary = self.contact(client)?.summary();
            if client != matter.client && !self.config.manual_numbering {
                matter.display_number = format!("{:05}-{summary}", matter.number);
            }
            matter.client = client;
        }
        if let Some(area) = self.area_of(data)? {
            matter.area = area;
        }
        matter.people.extend(self.people_of(data)?);
        matter.stamp.touch(now);
        self.matters.insert(id, matter);
        Ok(())
    }

    fn area_of(&self, data: &Data) -> ApiResult<Option<Option<i64>>> {
        let area = input::reference(data, "practice_area")?;
        match area {
            Some(Some(id)) if !self.areas.contains_key(&id) => Err(ApiError::not_found("Practice area")),
            other => Ok(other),
        }
    }

    pub(crate) fn matter_base(&self, matter: &Matter) -> Map<String, Value> {
        let offset = self.config.utc_offset_minutes;
        let mut out = Map::new();
        let mut put = |name: &str, value: Value| drop(out.insert(name.into(), value));
        put("id", json!(matter.stamp.id));
        put("etag", json!(matter.stamp.etag("matter")));
        put("number", json!(matter.number));
        put("display_number", json!(matter.display_number));
        put("description", json!(matter.description));
        put("status", json!(capitalised(&matter.status)));
        put("location", json!(matter.location));
        put("client_reference", json!(matter.client_reference));
        put("client_id", json!(matter.client));
        put("billable", json!(matter.billable));
        put("currency", self.currency());
        put("billing_method", json!("hourly"));
        put("maildrop_address", json!(format!("{}@maildrop.clio.example", matter.stamp.id)));
        put("open_date", json!(matter.open_date));
        put("pending_date", json!(matter.pending_date));
        put("close_date", json!(matter.close_date));
        put("created_at", json!(time::iso(matter.stamp.created, offset)));
        put("updated_at", json!(time::iso(matter.stamp.updated, offset)));
        put("shared", json!(false));
        put("has_tasks", json!(false));
        out
    }

    pub(crate) fn matter_record(&self, matter: &Matter) -> Value {
        let mut out = self.matter_base(matter);
        let mut put = |name: &str, value: Value| drop(out.insert(name.into(), value));
        let client = self.contacts.get(&matter.client);
        put("client", client.map_or(Value::Null, |client| self.contact_base(client).into()));
        let area = matter.area.and_then(|id| self.areas.get(&id));
        put("practice_area", area.map_or(Value::Null, |area| self.area_record(area)));
        put("folder", self.folder_record(matter.folder, &matter.stamp, &matter.display_number));
        put("user", self.user_record());
        for (role, person) in &matter.people {
            put(role, person.map_or(Value::Null, |_| self.user_record()));
        }
        out.into()
    }

    /// The root folder of a matter or contact.
    pub(crate) fn folder_record(&self, id: i64, owner: &Stamp, name: &str) -> Value {
        let offset = self.config.utc_offset_minutes;
        json!({
            "id": id,
            "etag": Stamp { id, ..owner.clone() }.etag("folder"),
            "created_at": time::iso(owner.created, offset),
            "updated_at": time::iso(owner.updated, offset),
            "type": "Folder",
            "locked": false,
            "name": name,
            "root": true,
        })
    }
}
