//! Documents (Clio: Documents): a stub, its bytes on the storage, and the PATCH that makes it
//! visible.
//!
//! A stub carries three external properties, by which it is found again after a crash. Clio allows
//! five, so a firm keeps two.

use core::fmt;

use serde::{Deserialize, Serialize};

use super::decode;
use super::matters::Linked;
use super::parts::Part;
use super::request::{ApiRequest, ORDER, PAGE, Page, Path, Resource};
use super::upload::{PutHeader, UploadTarget};
use crate::domain::{ClioId, Confidential, DocumentKey, UploadId};
use crate::error::Result;
use crate::ports::Method;

/// What is asked for when a document is looked for, shown or finished.
pub(super) const FIELDS: &str =
    "id,matter{id},external_properties{name,value},latest_document_version{uuid,fully_uploaded}";
/// What is asked for when a document is created for a single PUT.
pub(super) const STUB_FIELDS: &str =
    "id,matter{id},external_properties{name,value},latest_document_version{uuid,put_url,put_headers}";
/// What is asked for when parts are named. Clio expands one level of braces only; a part's default
/// fields are number, address and headers.
pub(super) const PARTS_FIELDS: &str =
    "id,matter{id},external_properties{name,value},latest_document_version{uuid,multiparts}";

const MATTER_PROPERTY: &str = "casehug_matter_id";
const DOCUMENT_PROPERTY: &str = "casehug_document_id";
/// The property by which a document is looked for: an upload is one file.
pub const UPLOAD_PROPERTY: &str = "casehug_upload_id";

/// A document as Clio shows it.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "Shown")]
pub struct Document {
    /// Clio's id.
    pub id: ClioId,
    /// The version that was added last.
    pub uuid: Option<String>,
    /// Whether that version is complete; until the first one is, Clio hides the document.
    pub fully_uploaded: Option<bool>,
    /// The matter it is filed under.
    pub matter_id: Option<ClioId>,
    properties: Vec<Property>,
}

#[derive(Clone, Debug, Deserialize)]
struct Property {
    #[serde(default, deserialize_with = "decode::scalar")]
    name: Option<Confidential>,
    #[serde(default, deserialize_with = "decode::scalar")]
    value: Option<Confidential>,
}

impl Document {
    /// Whether it is the one of `key` in `matter`: all three properties and the matter are
    /// compared, because Clio ignores filters that it does not know. A matter that Clio does
    /// not tell is no contradiction; the properties name CaseHug's own.
    #[must_use]
    pub fn is_for(&self, key: &DocumentKey, matter: ClioId) -> bool {
        self.matter_id.is_none_or(|found| found == matter) && are_of(&self.properties, key)
    }

    /// Whether this version is complete. Answers the question that an error on finishing leaves
    /// open: Clio refuses to finish twice, and tells so in its message only.
    #[must_use]
    pub fn is_finished(&self, uuid: &str) -> bool {
        self.fully_uploaded == Some(true) && self.uuid.as_deref() == Some(uuid)
    }
}

fn are_of(properties: &[Property], key: &DocumentKey) -> bool {
    let text = |text: &Option<Confidential>, wanted: &str| text.as_ref().is_some_and(|text| text.expose() == wanted);
    let has = |name: &str, value: &str| {
        properties.iter().any(|property| text(&property.name, name) && text(&property.value, value))
    };
    has(MATTER_PROPERTY, key.matter.as_str())
        && has(DOCUMENT_PROPERTY, key.document.as_str())
        && has(UPLOAD_PROPERTY, key.upload.as_str())
}

/// A document that waits for its bytes.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Shown")]
pub struct DocumentStub {
    /// Clio's id of the document.
    pub id: ClioId,
    /// The version that the bytes belong to.
    pub uuid: String,
    /// Where a single PUT goes.
    pub target: Option<UploadTarget>,
    /// Where the parts go that this request named.
    pub parts: Vec<PartTarget>,
    matter_id: Option<ClioId>,
    properties: Vec<Property>,
}

impl DocumentStub {
    /// Whether an answer is of another document than `key` in `matter`: one that came for another
    /// request on the same connection, say. Bytes must not go where that one's belong. What Clio
    /// leaves out contradicts nothing.
    #[must_use]
    pub fn is_of_another(&self, key: &DocumentKey, matter: ClioId) -> bool {
        self.matter_id.is_some_and(|found| found != matter)
            || !self.properties.is_empty() && !are_of(&self.properties, key)
    }
}

/// Where one part goes.
#[derive(Clone, Debug)]
pub struct PartTarget {
    /// The part's number.
    pub number: u32,
    /// Its address.
    pub target: UploadTarget,
}

#[derive(Deserialize)]
struct Shown {
    #[serde(deserialize_with = "decode::required")]
    id: ClioId,
    #[serde(default, deserialize_with = "decode::object")]
    matter: Option<Linked>,
    #[serde(default, deserialize_with = "decode::list")]
    external_properties: Vec<Property>,
    #[serde(default, deserialize_with = "decode::object")]
    latest_document_version: Option<Version>,
}

#[derive(Default, Deserialize)]
struct Version {
    #[serde(default, deserialize_with = "decode::scalar")]
    uuid: Option<String>,
    #[serde(default, deserialize_with = "decode::scalar")]
    fully_uploaded: Option<bool>,
    #[serde(default, deserialize_with = "decode::scalar")]
    put_url: Option<String>,
    #[serde(default, deserialize_with = "decode::list")]
    put_headers: Vec<PutHeader>,
    #[serde(default, deserialize_with = "decode::list")]
    multiparts: Vec<Multipart>,
}

#[derive(Deserialize)]
struct Multipart {
    #[serde(deserialize_with = "decode::required")]
    part_number: u32,
    #[serde(default, deserialize_with = "decode::scalar")]
    put_url: Option<String>,
    #[serde(default, deserialize_with = "decode::list")]
    put_headers: Vec<PutHeader>,
}

impl From<Shown> for Document {
    fn from(shown: Shown) -> Self {
        let version = shown.latest_document_version.unwrap_or_default();
        Self {
            id: shown.id,
            uuid: version.uuid,
            fully_uploaded: version.fully_uploaded,
            matter_id: shown.matter.and_then(|matter| matter.id),
            properties: shown.external_properties,
        }
    }
}

impl TryFrom<Shown> for DocumentStub {
    type Error = &'static str;

    fn try_from(shown: Shown) -> Result<Self, &'static str> {
        let version = shown.latest_document_version.unwrap_or_default();
        // It is stored until the document is finished, so it must be what it seems.
        let usable = |uuid: &String| (1..=64).contains(&uuid.len()) && uuid.bytes().all(|byte| byte.is_ascii_graphic());
        let part = |part: Multipart| {
            let target = UploadTarget::new(part.put_url, part.put_headers)?;
            Some(PartTarget { number: part.part_number, target })
        };
        Ok(Self {
            id: shown.id,
            uuid: version.uuid.filter(usable).ok_or("uuid")?,
            target: UploadTarget::new(version.put_url, version.put_headers),
            parts: version.multiparts.into_iter().filter_map(part).collect(),
            matter_id: shown.matter.and_then(|matter| matter.id),
            properties: shown.external_properties,
        })
    }
}

/// A document to create.
#[derive(Clone, Copy)]
pub struct NewDocument<'a> {
    /// The file name.
    pub name: &'a str,
    /// The media type; without one Clio derives it from the name.
    pub content_type: Option<&'a str>,
    /// The matter it is filed under.
    pub matter: ClioId,
    /// CaseHug's key of it.
    pub key: &'a DocumentKey,
    /// The first batch of parts; none for a single PUT.
    pub parts: &'a [Part],
}

impl fmt::Debug for NewDocument<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewDocument")
            .field("matter", &self.matter)
            .field("key", &self.key)
            .field("parts", &self.parts.len())
            .finish_non_exhaustive()
    }
}

#[derive(Serialize)]
struct Body<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<&'a str>,
    parent: Parent,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_properties: Option<[NewProperty<'a>; 3]>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    multiparts: Vec<NewPart>,
}

#[derive(Serialize)]
struct Parent {
    id: i64,
    #[serde(rename = "type")]
    kind: &'static str,
}

#[derive(Serialize)]
struct NewProperty<'a> {
    name: &'static str,
    value: &'a str,
}

/// The schema has the length as text; the guide's sample as a number.
#[derive(Serialize)]
struct NewPart {
    part_number: u32,
    content_length: String,
}

#[derive(Serialize)]
struct Progress<'a> {
    uuid: &'a str,
    fully_uploaded: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    multiparts: Vec<NewPart>,
}

/// Creates a stub and asks for the addresses of its bytes. Not idempotent; what it leaves behind is
/// invisible until it is finished.
///
/// # Errors
/// [`Code::Internal`](crate::Code::Internal) if the body cannot be built.
pub fn create(document: &NewDocument<'_>) -> Result<ApiRequest<DocumentStub>> {
    let property = |name, value| NewProperty { name, value };
    let properties = [
        property(MATTER_PROPERTY, document.key.matter.as_str()),
        property(DOCUMENT_PROPERTY, document.key.document.as_str()),
        property(UPLOAD_PROPERTY, document.key.upload.as_str()),
    ];
    let parent = Parent { id: document.matter.0, kind: "Matter" };
    ApiRequest::create(Resource::Documents, stubs(document.parts), &body(document, parent, Some(properties)))
}

/// Asks for fresh addresses for a document that is there already: a new version of it. Repeating it
/// creates no further document. The properties stay as they are: sent again they would add up
/// beyond Clio's five.
///
/// # Errors
/// [`Code::Internal`](crate::Code::Internal) if the body cannot be built.
pub fn new_version(id: ClioId, document: &NewDocument<'_>) -> Result<ApiRequest<DocumentStub>> {
    let parent = Parent { id: id.0, kind: "Document" };
    let body = body(document, parent, None);
    Ok(ApiRequest::change(Method::Post, Resource::Documents, stubs(document.parts), &body)?.about(id))
}

/// Names further parts, at most [`PARTS_PER_REQUEST`](super::PARTS_PER_REQUEST). Each part once:
/// whose address expired, or was lost on the way, needs [`new_version`].
///
/// # Errors
/// [`Code::Internal`](crate::Code::Internal) if the body cannot be built.
pub fn add_parts(id: ClioId, uuid: &str, parts: &[Part]) -> Result<ApiRequest<DocumentStub>> {
    let body = Progress { uuid, fully_uploaded: false, multiparts: multiparts(parts) };
    Ok(ApiRequest::change(Method::Patch, Resource::Documents, of(id, PARTS_FIELDS), &body)?.about(id))
}

/// Says that all bytes are there; from now on the document is visible. Repeating it does no harm,
/// but Clio answers an error: ask [`show`] and [`Document::is_finished`].
/// [`Code::DocumentProcessing`](crate::Code::DocumentProcessing) means: ask again.
///
/// # Errors
/// [`Code::Internal`](crate::Code::Internal) if the body cannot be built.
pub fn finish(id: ClioId, uuid: &str) -> Result<ApiRequest<Document>> {
    let body = Progress { uuid, fully_uploaded: true, multiparts: Vec::new() };
    Ok(ApiRequest::change(Method::Patch, Resource::Documents, of(id, FIELDS), &body)?.about(id))
}

/// One document.
#[must_use]
pub fn show(id: ClioId) -> ApiRequest<Document> {
    ApiRequest::show(Resource::Documents, of(id, FIELDS)).about(id)
}

/// Documents of a matter that belong to an upload, stubs included. Check each with
/// [`Document::is_for`].
#[must_use]
pub fn by_upload(matter: ClioId, upload: &UploadId) -> ApiRequest<Page<Document>> {
    by_property(matter, UPLOAD_PROPERTY, upload.as_str())
}

/// Documents of a matter that belong to an upload and that people see: a version of each was
/// finished, though perhaps not its latest.
#[must_use]
pub fn published_by_upload(matter: ClioId, upload: &UploadId) -> ApiRequest<Page<Document>> {
    with_property(matter, UPLOAD_PROPERTY, upload.as_str(), false)
}

/// Documents of a matter with an external property, stubs included.
#[must_use]
pub fn by_property(matter: ClioId, name: &str, value: &str) -> ApiRequest<Page<Document>> {
    with_property(matter, name, value, true)
}

fn with_property(matter: ClioId, name: &str, value: &str, stubs: bool) -> ApiRequest<Page<Document>> {
    let path = Path::new("documents.json")
        .with("fields", FIELDS)
        .with("matter_id", &matter.to_string())
        .with("external_property_name", name)
        .with("external_property_value", value);
    let path = if stubs { path.with("show_uncompleted", "true") } else { path };
    ApiRequest::list(Resource::Documents, path.with("limit", PAGE).with("order", ORDER))
}

fn body<'a>(document: &NewDocument<'a>, parent: Parent, properties: Option<[NewProperty<'a>; 3]>) -> Body<'a> {
    Body {
        name: document.name,
        content_type: document.content_type,
        parent,
        external_properties: properties,
        multiparts: multiparts(document.parts),
    }
}

fn multiparts(parts: &[Part]) -> Vec<NewPart> {
    parts.iter().map(|part| NewPart { part_number: part.number, content_length: part.len.to_string() }).collect()
}

fn stubs(parts: &[Part]) -> Path {
    Path::new("documents.json").with("fields", if parts.is_empty() { STUB_FIELDS } else { PARTS_FIELDS })
}

fn of(id: ClioId, fields: &str) -> Path {
    Path::of(Resource::Documents, id).with("fields", fields)
}
