//! Documents: a name in a matter or contact, whose bytes arrive in versions (see
//! [`super::versions`]).
//!
//! A document no version of which is finished is a stub: lists hide it unless asked with
//! `show_uncompleted`.

use serde_json::{Map, Value, json};

use super::{
    Model,
    errors::{ApiError, ApiResult},
    http::Query,
    input::{self, Common, Data},
    paging,
    resource::{self, Stamp},
    time,
    versions::Version,
};

/// Most external properties of one document.
const MOST_PROPERTIES: usize = 5;

/// Where a document lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Home {
    Matter(i64),
    Contact(i64),
}

/// A document of the firm.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    pub stamp: Stamp,
    pub name: String,
    pub home: Home,
    pub folder: i64,
    pub properties: Vec<Property>,
    pub versions: Vec<Version>,
    pub deleted: Option<i64>,
    received_at: Option<String>,
}

/// A name and value of the client's own.
#[derive(Debug, Clone)]
pub(crate) struct Property {
    stamp: Stamp,
    pub name: String,
    pub value: String,
}

impl Document {
    pub fn complete(&self, now: i64) -> bool {
        self.versions.iter().any(|version| version.complete(now))
    }

    fn change_properties(&mut self, data: &Data, ids: &mut i64, now: i64) -> ApiResult<()> {
        for item in input::list(data, "external_properties")? {
            let Some(id) = item.get("id").and_then(input::integer) else {
                let name = input::required(item, "name")?;
                let value = input::text(item, "value")?.flatten().unwrap_or_default();
                self.properties.push(Property { stamp: Stamp::new(resource::next(ids), now, true), name, value });
                continue;
            };
            let found = self.properties.iter_mut().find(|property| property.stamp.id == id);
            let property = found.ok_or_else(|| ApiError::not_found("External property"))?;
            if input::flag(item, "_destroy") == Some(true) {
                self.properties.retain(|property| property.stamp.id != id);
                continue;
            }
            if let Some(Some(name)) = input::text(item, "name")? {
                property.name = name;
            }
            if let Some(Some(value)) = input::text(item, "value")? {
                property.value = value;
            }
            property.stamp.touch(now);
        }
        if self.properties.len() > MOST_PROPERTIES {
            return Err(ApiError::invalid(format!(
                "A document can have at most {MOST_PROPERTIES} external properties."
            )));
        }
        Ok(())
    }
}

/// What the parent of a create call names.
enum Parent {
    Home(Home, i64),
    Document(i64),
}

impl Model {
    pub(crate) fn document(&self, id: i64) -> ApiResult<&Document> {
        self.documents.get(&id).ok_or_else(|| ApiError::not_found("Document"))
    }

    pub(crate) fn documents_index(&self, now: i64, query: &Query) -> ApiResult<Vec<i64>> {
        const ORDERS: &[&str] = &["id", "created_at", "updated_at", "received_at", "name", "document_number"];
        let (order, descending) = paging::order(query, ORDERS)?;
        let common = Common::read(query, self.config.utc_offset_minutes)?;
        let filter_id = |name: &str| match query.get(name) {
            Some("null" | "") => Ok(None),
            _ => input::query_id(query, name),
        };
        let (matter, contact) = (filter_id("matter_id")?, filter_id("contact_id")?);
        let folder = filter_id("parent_id")?;
        let property = (query.get("external_property_name"), query.get("external_property_value"));
        if matches!(property, (None, Some(_))) {
            return Err(ApiError::bad_request("external_property_value needs external_property_name."));
        }
        let deleted = input::query_flag(query, "include_deleted").unwrap_or(false);
        let uncompleted = input::query_flag(query, "show_uncompleted").unwrap_or(false);
        let needle = query.get("query").map(str::to_lowercase).filter(|needle| !needle.is_empty());
        let mut found: Vec<&Document> = self
            .documents
            .values()
            .filter(|document| common.admits(&document.stamp))
            .filter(|document| matter.is_none_or(|id| document.home == Home::Matter(id)))
            .filter(|document| contact.is_none_or(|id| document.home == Home::Contact(id)))
            .filter(|document| folder.is_none_or(|id| document.folder == id))
            .filter(|document| property.0.is_none_or(|name| has_property(document, name, property.1)))
            .filter(|document| deleted || document.deleted.is_none())
            .filter(|document| uncompleted || document.complete(now))
            .filter(|document| needle.as_deref().is_none_or(|needle| document.name.to_lowercase().contains(needle)))
            .filter(|document| self.indexed(now, &document.stamp, needle.is_some()))
            .collect();
        match order {
            "name" => found.sort_by(|a, b| a.name.cmp(&b.name)),
            "created_at" => found.sort_by_key(|document| document.stamp.created),
            "updated_at" => found.sort_by_key(|document| document.stamp.updated),
            "received_at" => found.sort_by(|a, b| a.received_at.cmp(&b.received_at)),
            _ => {}
        }
        if descending {
            found.reverse();
        }
        Ok(found.iter().map(|document| document.stamp.id).collect())
    }

    /// Step one of an upload: a stub, or a new version of an existing document.
    pub(crate) fn document_create(&mut self, now: i64, data: &Data, own: bool) -> ApiResult<i64> {
        let name = input::required(data, "name")?;
        let received_at = self.received_at(data)?;
        let parent = self.parent_of(data)?;
        let mut document = match parent {
            Parent::Document(id) => {
                let mut document = self.document(id)?.clone();
                document.stamp.touch(now);
                document
            }
            Parent::Home(home, folder) => Document {
                stamp: Stamp::new(0, now, own),
                name: name.clone(),
                home,
                folder,
                properties: Vec::new(),
                versions: Vec::new(),
                deleted: None,
                received_at,
            },
        };
        document.change_properties(data, &mut self.ids.parts, now)?;
        let number = document.versions.len() + 1;
        let version = self.new_version(now, data, &name, number)?;
        document.versions.push(version);
        if document.stamp.id == 0 {
            document.stamp.id = resource::next(&mut self.ids.documents);
        }
        let id = document.stamp.id;
        self.documents.insert(id, document);
        Ok(id)
    }

    fn received_at(&self, data: &Data) -> ApiResult<Option<String>> {
        let Some(text) = input::text(data, "received_at")?.flatten() else {
            return Ok(None);
        };
        let at = time::parse(&text, self.config.utc_offset_minutes)
            .ok_or_else(|| ApiError::invalid("received_at is not an ISO 8601 time."))?;
        Ok(Some(time::iso(at, self.config.utc_offset_minutes)))
    }

    fn parent_of(&mut self, data: &Data) -> ApiResult<Parent> {
        let id = input::reference(data, "parent")?.flatten();
        let id = id.ok_or_else(|| ApiError::invalid("parent can't be blank."))?;
        let kind = data.get("parent").and_then(|parent| parent.get("type")).and_then(Value::as_str);
        match kind {
            Some("Matter") => Ok(Parent::Home(Home::Matter(id), self.matter(id)?.folder)),
            Some("Contact") => {
                self.contact(id)?;
                let folder = self.contact_folder(id).ok_or_else(|| ApiError::not_found("Contact"))?;
                Ok(Parent::Home(Home::Contact(id), folder))
            }
            Some("Document") => {
                self.document(id)?;
                Ok(Parent::Document(id))
            }
            Some("Folder") => {
                let matter = self.matters.values().find(|matter| matter.folder == id);
                let matter = matter.ok_or_else(|| ApiError::not_found("Folder"))?;
                Ok(Parent::Home(Home::Matter(matter.stamp.id), id))
            }
            _ => Err(ApiError::invalid("parent.type must be one of Document, Folder, Contact, Matter.")),
        }
    }

    /// Step three of an upload, and every other change.
    pub(crate) fn document_update(&mut self, now: i64, id: i64, data: &Data) -> ApiResult<()> {
        let mut document = self.document(id)?.clone();
        if data.contains_key("name") {
            document.name = input::required(data, "name")?;
        }
        if data.contains_key("received_at") {
            document.received_at = self.received_at(data)?;
        }
        if input::flag(data, "restore") == Some(true) {
            document.deleted = None;
        }
        if data.contains_key("parent") {
            match self.parent_of(data)? {
                Parent::Home(home, folder) => (document.home, document.folder) = (home, folder),
                Parent::Document(_) => {
                    return Err(ApiError::invalid("A document cannot move into a document."));
                }
            }
        }
        document.change_properties(data, &mut self.ids.parts, now)?;
        if data.contains_key("uuid") || data.contains_key("fully_uploaded") || data.contains_key("multiparts") {
            self.progress(now, &mut document, data)?;
        }
        document.stamp.touch(now);
        self.documents.insert(id, document);
        Ok(())
    }

    /// The whole record. `links` also shows where to upload what is not finished.
    pub(crate) fn document_record(&self, now: i64, document: &Document, links: bool) -> Value {
        let offset = self.config.utc_offset_minutes;
        let iso = |at: i64| time::iso(at, offset);
        let mut out = Map::new();
        let mut put = |name: &str, value: Value| drop(out.insert(name.into(), value));
        let shown = document.versions.iter().rev().find(|version| version.complete(now));
        put("id", json!(document.stamp.id));
        put("etag", json!(document.stamp.etag("document")));
        put("created_at", json!(iso(document.stamp.created)));
        put("updated_at", json!(iso(document.stamp.updated)));
        put("deleted_at", json!(document.deleted.map(iso)));
        put("type", json!("Document"));
        put("locked", json!(false));
        put("name", json!(document.name));
        put("received_at", json!(document.received_at));
        let latest = document.versions.last();
        put("filename", json!(shown.or(latest).map(|version| &version.filename)));
        put("content_type", json!(shown.or(latest).map(|version| &version.content_type)));
        put("size", json!(shown.map(Version::size)));
        let home = match document.home {
            Home::Matter(id) => self.matters.get(&id).map(|matter| {
                put("matter", self.matter_base(matter).into());
                (matter.stamp.clone(), matter.display_number.clone())
            }),
            Home::Contact(id) => self.contacts.get(&id).map(|contact| {
                put("contact", self.contact_base(contact).into());
                (contact.stamp.clone(), contact.name())
            }),
        };
        put("parent", home.map_or(Value::Null, |(stamp, name)| self.folder_record(document.folder, &stamp, &name)));
        put("creator", self.creator());
        put("external_properties", document.properties.iter().map(|property| property.record(offset)).collect());
        let record = |version: &Version| self.version_record(now, document.stamp.id, version, links);
        put("latest_document_version", latest.map_or(Value::Null, record));
        put("document_versions", document.versions.iter().map(record).collect());
        out.into()
    }

    /// The connected person as the author of something.
    pub(crate) fn creator(&self) -> Value {
        let mut user = self.user_record();
        if let Some(user) = user.as_object_mut() {
            user.insert("type".into(), json!("ManageUser"));
        }
        user
    }
}

fn has_property(document: &Document, name: &str, value: Option<&str>) -> bool {
    let mut named = document.properties.iter().filter(|property| property.name == name);
    named.any(|property| value.is_none_or(|value| property.value == value))
}

impl Property {
    fn record(&self, offset: i32) -> Value {
        json!({
            "id": self.stamp.id,
            "etag": self.stamp.etag("external_property"),
            "name": self.name,
            "value": self.value,
            "created_at": time::iso(self.stamp.created, offset),
            "updated_at": time::iso(self.stamp.updated, offset),
        })
    }
}
