//! Versions of a document: where their bytes go, and when they count as there.
//!
//! A version is uploaded whole or in parts. Each target is signed on its own; finishing checks that
//! every declared byte has arrived, that all parts but the last are large enough, and that Clio has
//! had time to process them.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{
    Model,
    documents::Document,
    errors::{ApiError, ApiResult},
    input::{self, Data},
    resource::{self, Stamp},
    time,
};
use crate::config::Processing;

/// Most parts declared in one request, and in one version.
const MOST_PARTS_PER_REQUEST: usize = 50;
const LAST_PART_NUMBER: i64 = 10_000;

/// What storage holds under one signed URL.
#[derive(Debug, Clone)]
pub(crate) struct Blob {
    pub len: u64,
    pub sha256: String,
    pub at: i64,
    /// How often it was written.
    pub writes: u32,
}

/// One signed URL: when it was signed, for which headers, and what arrived there.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub signed_at: i64,
    pub headers: Vec<(String, String)>,
    pub blob: Option<Blob>,
}

/// One declared part.
#[derive(Debug, Clone)]
pub(crate) struct UploadPart {
    pub number: i64,
    pub target: Target,
}

/// How the bytes come.
#[derive(Debug, Clone)]
pub(crate) enum Upload {
    Whole(Target),
    Parts(Vec<UploadPart>),
}

/// One version of a document.
#[derive(Debug, Clone)]
pub(crate) struct Version {
    pub stamp: Stamp,
    pub uuid: String,
    pub filename: String,
    pub content_type: String,
    pub upload: Upload,
    number: usize,
    /// From when on it counts as fully uploaded.
    finished: Option<i64>,
}

impl Version {
    pub fn complete(&self, now: i64) -> bool {
        self.finished.is_some_and(|at| now >= at)
    }

    pub fn targets(&self) -> Vec<&Target> {
        match &self.upload {
            Upload::Whole(target) => vec![target],
            Upload::Parts(parts) => parts.iter().map(|part| &part.target).collect(),
        }
    }

    pub fn size(&self) -> u64 {
        self.targets().iter().filter_map(|target| target.blob.as_ref()).map(|blob| blob.len).sum()
    }

    /// The target behind a signed URL; `part` is its part number.
    pub fn target_mut(&mut self, part: Option<i64>) -> Option<&mut Target> {
        match (&mut self.upload, part) {
            (Upload::Whole(target), None) => Some(target),
            (Upload::Parts(parts), Some(number)) => {
                parts.iter_mut().find(|part| part.number == number).map(|part| &mut part.target)
            }
            _ => None,
        }
    }
}

/// Content types Clio derives from a file name.
fn derived_type(filename: &str) -> &'static str {
    let extension = filename.rsplit_once('.').map(|(_, extension)| extension.to_lowercase());
    match extension.as_deref() {
        Some("pdf") => "application/pdf",
        Some("doc") => "application/msword",
        Some("docx") => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        Some("xlsx") => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        Some("txt") => "text/plain",
        Some("csv") => "text/csv",
        Some("json") => "application/json",
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("gif") => "image/gif",
        Some("heic") => "image/heic",
        Some("mp3") => "audio/mpeg",
        Some("mp4") => "video/mp4",
        Some("zip") => "application/zip",
        _ => "application/octet-stream",
    }
}

impl Model {
    pub(crate) fn new_version(&mut self, now: i64, data: &Data, name: &str, number: usize) -> ApiResult<Version> {
        let nonblank = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
        let filename = nonblank(input::text(data, "filename")?.flatten()).unwrap_or_else(|| name.to_owned());
        let content_type = nonblank(input::text(data, "content_type")?.flatten())
            .unwrap_or_else(|| derived_type(&filename).to_owned());
        let parts = declared_parts(data, &[], now)?;
        let upload = if parts.is_empty() {
            let headers = vec![
                ("Content-Type".to_owned(), content_type.clone()),
                ("x-amz-server-side-encryption".to_owned(), "AES256".to_owned()),
            ];
            Upload::Whole(Target { signed_at: now, headers, blob: None })
        } else {
            Upload::Parts(parts)
        };
        let uuid = self.mint_uuid();
        let stamp = Stamp::new(resource::next(&mut self.ids.versions), now, true);
        Ok(Version { stamp, uuid, filename, content_type, upload, number, finished: None })
    }

    /// Applies `uuid`, `multiparts` and `fully_uploaded` of a PATCH.
    pub(crate) fn progress(&self, now: i64, document: &mut Document, data: &Data) -> ApiResult<()> {
        let uuid = input::required(data, "uuid")?;
        let version = document.versions.iter_mut().find(|version| version.uuid == uuid);
        let version = version.ok_or_else(|| ApiError::not_found("Document version"))?;
        let done = || ApiError::invalid("The document version has already been fully uploaded.");
        if let Some(at) = version.finished {
            let early = ApiError::upload("UploadTimeoutError", "The upload is still being processed.");
            return Err(if now >= at { done() } else { early });
        }
        version.stamp.touch(now);
        if let Upload::Parts(parts) = &mut version.upload {
            let more = declared_parts(data, parts, now)?;
            parts.extend(more);
        } else if data.get("multiparts").and_then(Value::as_array).is_some_and(|parts| !parts.is_empty()) {
            return Err(ApiError::invalid("The document version is not a multipart upload."));
        }
        match input::flag(data, "fully_uploaded") {
            Some(true) => self.finish(now, version),
            Some(false) => Ok(()),
            None if data.contains_key("fully_uploaded") => {
                Err(ApiError::invalid("fully_uploaded must be true or false."))
            }
            None => Ok(()),
        }
    }

    fn finish(&self, now: i64, version: &mut Version) -> ApiResult<()> {
        let blobs: Option<Vec<&Blob>> = version.targets().iter().map(|target| target.blob.as_ref()).collect();
        let Some(blobs) = blobs.filter(|blobs| !blobs.is_empty()) else {
            return Err(ApiError::upload("UploadNotFoundError", "The uploaded file was not found."));
        };
        let last_write = blobs.iter().map(|blob| blob.at).max().unwrap_or(now);
        if let Upload::Parts(parts) = &version.upload {
            let last = parts.iter().map(|part| part.number).max();
            let small = parts.iter().find(|part| {
                Some(part.number) != last
                    && part.target.blob.as_ref().is_some_and(|blob| blob.len < self.config.min_part_size)
            });
            if let Some(part) = small {
                return Err(ApiError::invalid(format!("Part {} is smaller than the minimum size.", part.number)));
            }
        }
        if self.config.refuse_empty_files && version.size() == 0 {
            return Err(ApiError::invalid("The uploaded file is empty."));
        }
        let ready = last_write.saturating_add(self.config.processing_delay_ms);
        if now >= ready {
            version.finished = Some(now);
            return Ok(());
        }
        match self.config.processing_answer {
            Processing::Error => {
                Err(ApiError::upload("UploadTimeoutError", "The upload is still being processed. Please retry."))
            }
            Processing::Pending => {
                version.finished = Some(ready);
                Ok(())
            }
        }
    }

    pub(crate) fn version_record(&self, now: i64, document: i64, version: &Version, links: bool) -> Value {
        let offset = self.config.utc_offset_minutes;
        let complete = version.complete(now);
        let links = links && !complete;
        let mut out = json!({
            "id": version.stamp.id,
            "document_id": document,
            "etag": version.stamp.etag("document_version"),
            "uuid": version.uuid,
            "created_at": time::iso(version.stamp.created, offset),
            "updated_at": time::iso(version.stamp.updated, offset),
            "filename": version.filename,
            "content_type": version.content_type,
            "size": complete.then(|| version.size()),
            "version_number": version.number,
            "fully_uploaded": complete,
            "creator": self.creator(),
            "put_headers": [],
            "multiparts": [],
        });
        let headers = |target: &Target| -> Value {
            target.headers.iter().map(|(name, value)| json!({"name": name, "value": value})).collect()
        };
        match &version.upload {
            Upload::Whole(target) if links => {
                out["put_url"] = json!(self.put_url(&version.uuid, None, target));
                out["put_headers"] = headers(target);
            }
            Upload::Parts(parts) if links => {
                let part = |part: &UploadPart| {
                    json!({
                        "part_number": part.number,
                        "put_url": self.put_url(&version.uuid, Some(part.number), &part.target),
                        "put_headers": headers(&part.target),
                    })
                };
                out["multiparts"] = parts.iter().map(part).collect();
            }
            _ => {}
        }
        out
    }
}

/// Reads `multiparts`, given the parts declared before.
fn declared_parts(data: &Data, before: &[UploadPart], now: i64) -> ApiResult<Vec<UploadPart>> {
    let items = input::list(data, "multiparts")?;
    if items.len() > MOST_PARTS_PER_REQUEST {
        return Err(ApiError::invalid(format!("At most {MOST_PARTS_PER_REQUEST} multiparts can be sent at once.")));
    }
    let mut parts: Vec<UploadPart> = Vec::with_capacity(items.len());
    for item in items {
        let number = item.get("part_number").and_then(input::integer);
        let number = number
            .filter(|number| (1..=LAST_PART_NUMBER).contains(number))
            .ok_or_else(|| ApiError::invalid(format!("part_number must be between 1 and {LAST_PART_NUMBER}.")))?;
        if before.iter().chain(&parts).any(|part| part.number == number) {
            return Err(ApiError::invalid(format!("Part {number} was declared twice.")));
        }
        let length = item.get("content_length").and_then(input::integer).filter(|length| *length > 0);
        let length = length.ok_or_else(|| ApiError::invalid("content_length must be a positive number."))?;
        let mut headers = vec![("Content-Length".to_owned(), length.to_string())];
        if let Some(md5) = input::text(item, "content_md5")?.flatten() {
            if STANDARD.decode(&md5).map(|digest| digest.len()) != Ok(16) {
                return Err(ApiError::invalid("content_md5 must be a base64 encoded MD5 digest."));
            }
            headers.push(("Content-MD5".to_owned(), md5));
        }
        parts.push(UploadPart { number, target: Target { signed_at: now, headers, blob: None } });
    }
    Ok(parts)
}
