//! The storage host: signed URLs, and what it does with a PUT.
//!
//! The body itself never reaches the model: the caller counts and digests it while reading, so a
//! file of any size costs no memory. The checks come in the order in which real storage makes them.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::{
    Model, errors,
    http::{Query, Request, Response, encode},
    time,
    versions::{Blob, Target},
};

/// What a body was, without the body.
#[derive(Debug, Clone, Default)]
pub struct Payload {
    /// Its length in bytes.
    pub len: u64,
    /// Its SHA-256 in lower-case hex.
    pub sha256: String,
    /// Its MD5 in base64, as `Content-MD5` writes it.
    pub md5: String,
}

/// The first segment of every storage path.
const BUCKET: &str = "/manage-documents";

impl Model {
    pub(crate) fn put_url(&self, uuid: &str, part: Option<i64>, target: &Target) -> String {
        let path = format!("{BUCKET}/{uuid}");
        let at = time::compact(target.signed_at);
        let mut signed: Vec<String> = target.headers.iter().map(|(name, _)| name.to_lowercase()).collect();
        signed.push("host".into());
        signed.sort();
        let day = at.get(..8).unwrap_or_default();
        let mut pairs = vec![
            ("X-Amz-Algorithm", "AWS4-HMAC-SHA256".to_owned()),
            ("X-Amz-Credential", format!("ASIASIMULATED0000000/{day}/us-east-1/s3/aws4_request")),
            ("X-Amz-Date", at),
            ("X-Amz-Expires", self.config.put_url_lifetime_s.to_string()),
            ("X-Amz-SignedHeaders", signed.join(";")),
        ];
        if let Some(number) = part {
            pairs.push(("partNumber", number.to_string()));
            pairs.push(("uploadId", format!("{uuid}-parts")));
        }
        let query: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        let query = query.join("&");
        let host = self.storage_origin.split("//").nth(1).unwrap_or_default();
        let value = |name: &str| {
            let found = target.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
            found.map_or_else(|| host.to_owned(), |(_, value)| value.clone())
        };
        let signature = self.sign(&path, &query, &signed, value);
        format!("{}{path}?{query}&X-Amz-Signature={signature}", self.storage_origin)
    }

    fn sign(&self, path: &str, query: &str, signed: &[String], value: impl Fn(&str) -> String) -> String {
        let headers: Vec<String> = signed.iter().map(|name| format!("{name}:{}", value(name))).collect();
        let text = format!("PUT\n{path}\n{query}\n{}", headers.join("\n"));
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(format!("storage|{}", self.config.seed).as_bytes()) else {
            return String::new();
        };
        mac.update(text.as_bytes());
        hex::encode(mac.finalize().into_bytes())
    }

    /// Answers a request to the storage host. `head.body` is ignored; `payload` says what it was.
    pub fn handle_storage(&mut self, now: i64, head: &Request, payload: &Payload) -> Response {
        self.answer_storage(now, head, payload, self.config.truncated_objects)
    }

    /// With `truncated` an upload that broke off stands as an object of what arrived, and is
    /// refused all the same.
    pub(crate) fn answer_storage(&mut self, now: i64, head: &Request, payload: &Payload, truncated: bool) -> Response {
        let mut answer = match self.store(now, head, payload, truncated) {
            Ok(answer) | Err(answer) => answer,
        };
        let code = answer.header("X-Sim-Code").map(str::to_owned);
        answer.headers.retain(|(name, _)| name != "X-Sim-Code");
        answer.set("Server", "AmazonS3");
        answer.set("Date", time::http_date(now));
        self.log.record(now, head, "PUT storage", &answer, code.as_deref(), None);
        answer
    }

    fn store(&mut self, now: i64, head: &Request, payload: &Payload, truncated: bool) -> Result<Response, Response> {
        let query = Query::parse(head.query.as_bytes());
        if head.method != "PUT" {
            return Err(errors::storage(403, "AccessDenied", "Access Denied"));
        }
        let Some(length) = head.header("content-length").and_then(|text| text.parse::<u64>().ok()) else {
            return Err(errors::storage(
                411,
                "MissingContentLength",
                "You must provide the Content-Length HTTP header.",
            ));
        };
        if head.header("authorization").is_some() {
            return Err(errors::storage(
                400,
                "InvalidArgument",
                "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string \
                 parameter or the Authorization header should be specified",
            ));
        }
        self.check_signature(now, head, &query)?;
        let uuid = head.path.strip_prefix(BUCKET).and_then(|rest| rest.strip_prefix('/')).unwrap_or_default();
        let part = query.get("partNumber").and_then(|number| number.parse().ok());
        let versions = self.documents.values_mut().flat_map(|document| &mut document.versions);
        let target = versions.filter(|version| version.uuid == uuid).find_map(|version| version.target_mut(part));
        let target = target.ok_or_else(|| errors::storage(404, "NoSuchUpload", "The upload does not exist."))?;
        let md5 = head.header("content-md5");
        if md5.is_some_and(|md5| STANDARD.decode(md5.trim()).map(|digest| digest.len()) != Ok(16)) {
            return Err(errors::storage(400, "InvalidDigest", "The Content-MD5 you specified was invalid."));
        }
        let writes = target.blob.as_ref().map_or(1, |blob| blob.writes + 1);
        let blob = Blob { len: payload.len, sha256: payload.sha256.clone(), at: now, writes };
        if truncated && part.is_none() && payload.len < length {
            target.blob = Some(blob.clone());
        }
        if length != payload.len {
            return Err(errors::storage(
                400,
                "IncompleteBody",
                "You did not provide the number of bytes specified by the Content-Length HTTP header",
            ));
        }
        if md5.is_some_and(|md5| md5.trim() != payload.md5) {
            return Err(errors::storage(
                400,
                "BadDigest",
                "The Content-MD5 you specified did not match what we received.",
            ));
        }
        target.blob = Some(blob);
        let mut answer = Response::empty(200);
        let md5 = STANDARD.decode(&payload.md5).unwrap_or_default();
        answer.set("ETag", format!("\"{}\"", hex::encode(md5)));
        answer.set("x-amz-server-side-encryption", "AES256");
        Ok(answer)
    }

    fn check_signature(&self, now: i64, head: &Request, query: &Query) -> Result<(), Response> {
        let denied = |message: &str| errors::storage(403, "AccessDenied", message);
        let (Some(signature), Some(date), Some(signed), Some(expires)) = (
            query.get("X-Amz-Signature"),
            query.get("X-Amz-Date"),
            query.get("X-Amz-SignedHeaders"),
            query.get("X-Amz-Expires").and_then(|text| text.parse::<i64>().ok()),
        ) else {
            return Err(denied("Access Denied"));
        };
        let signed: Vec<String> = signed.split(';').map(str::to_owned).collect();
        let unsigned = head.headers.iter().map(|(name, _)| name.to_lowercase());
        if let Some(name) = unsigned.filter(|name| name.starts_with("x-amz-")).find(|name| !signed.contains(name)) {
            return Err(denied(&format!("There were headers present in the request which were not signed: {name}")));
        }
        let bare: Vec<&str> = head.query.split('&').filter(|pair| !pair.starts_with("X-Amz-Signature=")).collect();
        let value = |name: &str| head.header(name).unwrap_or_default().trim().to_owned();
        if self.sign(&head.path, &bare.join("&"), &signed, value) != signature {
            return Err(errors::storage(
                403,
                "SignatureDoesNotMatch",
                "The request signature we calculated does not match the signature you provided. Check your key and \
                 signing method.",
            ));
        }
        let signed_at = signing_time(date).ok_or_else(|| denied("Access Denied"))?;
        if now >= signed_at.saturating_add(expires.saturating_mul(1000)) {
            return Err(denied("Request has expired"));
        }
        Ok(())
    }
}

/// Reads `20261123T210509Z`.
fn signing_time(text: &str) -> Option<i64> {
    let cut = |from: usize, to: usize| text.get(from..to);
    let [year, month, day] = [cut(0, 4)?, cut(4, 6)?, cut(6, 8)?];
    let [hour, minute, second] = [cut(9, 11)?, cut(11, 13)?, cut(13, 15)?];
    time::parse(&format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z"), 0)
}
