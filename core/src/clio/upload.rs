//! An address for the bytes of a document, as Clio signed it.
//!
//! The address is a secret (whoever has it can write the document) and client data (its path holds
//! the file name), and it comes from an answer, so it is kept as text, never printed, and checked
//! right before it is used: host, scheme, and every header.

use core::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

use super::decode;
use super::host::ClioHost;
use crate::error::{Code, Error, Result};
use crate::ports::Headers;

/// Signed uploads have two or three headers.
const MOST_HEADERS: usize = 32;
const LONGEST_NAME: usize = 128;
const LONGEST_VALUE: usize = 4096;

/// Headers that would change where a request goes, how it is framed, or what it may do.
const REFUSED: &[&str] = &[
    "authorization",
    "connection",
    "cookie",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Where one PUT goes, with the headers that are part of its signature. `Debug` shows none of it.
#[derive(Clone)]
pub struct UploadTarget {
    url: SecretString,
    headers: Vec<(String, SecretString)>,
}

/// A signed header as Clio lists it.
#[derive(Deserialize)]
pub(super) struct PutHeader {
    #[serde(deserialize_with = "decode::required")]
    name: String,
    #[serde(deserialize_with = "decode::required")]
    value: String,
}

impl UploadTarget {
    /// `None` if there is no address: the field is empty for a document that is complete.
    pub(super) fn new(url: Option<String>, headers: Vec<PutHeader>) -> Option<Self> {
        let url = url.filter(|url| !url.is_empty())?;
        let headers = headers.into_iter().map(|header| (header.name, header.value.into())).collect();
        Some(Self { url: url.into(), headers })
    }

    /// The address and the headers of a PUT of `len` bytes.
    pub(super) fn resolve(&self, host: &ClioHost, len: u64) -> Result<(Url, Headers)> {
        let url = Url::parse(self.url.expose_secret()).map_err(|_| refused("not_a_url"))?;
        host.upload_allowed(&url)?;
        if self.headers.len() > MOST_HEADERS {
            return Err(refused("headers"));
        }
        let mut headers = Headers::new();
        for (name, value) in &self.headers {
            let value = value.expose_secret();
            if !is_header(name, value) {
                return Err(refused("header"));
            }
            if name.eq_ignore_ascii_case("content-length") {
                // The transport writes it; a second one would make the length ambiguous.
                if value.parse() != Ok(len) {
                    return Err(refused("content_length"));
                }
                continue;
            }
            headers.push(name, value);
        }
        Ok((url, headers))
    }
}

impl fmt::Debug for UploadTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UploadTarget([secret], {} headers)", self.headers.len())
    }
}

fn refused(reason: &'static str) -> Error {
    Error::new(Code::UploadUrlRefused).with("reason", reason)
}

fn is_header(name: &str, value: &str) -> bool {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    (1..=LONGEST_NAME).contains(&name.len())
        && name.bytes().all(token)
        && !REFUSED.iter().any(|refused| name.eq_ignore_ascii_case(refused))
        && value.len() <= LONGEST_VALUE
        && value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())
}
