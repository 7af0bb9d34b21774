//! The card's scripts, and script and style sheet of the pages around it, as they were built in.

use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::web::pages::POLICY;

/// `bindings/node/card/dist`: see `build.rs`.
const CARD: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/card_files.rs"));

/// Of the pages.
const OWN: &[(&str, &[u8])] = &[("matters.js", include_bytes!("matters.js")), ("page.css", include_bytes!("page.css"))];

/// A browser asks each time whether what it has is still right, and mostly it is.
pub(crate) async fn asset(Path(name): Path<String>, asked: HeaderMap) -> Response {
    let Some((_, bytes)) = CARD.iter().chain(OWN).find(|(known, _)| *known == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let kind = if name.ends_with(".css") { "text/css; charset=utf-8" } else { "text/javascript; charset=utf-8" };
    let tag = tag(bytes);
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-cache"),
        (header::ETAG, &tag),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    let has_it = asked.get(header::IF_NONE_MATCH).is_some_and(|has| has.as_bytes() == tag.as_bytes());
    match has_it {
        true => (StatusCode::NOT_MODIFIED, headers).into_response(),
        false => (headers, *bytes).into_response(),
    }
}

/// FNV-1a: it tells builds apart, and nobody gains by a collision with our own files.
fn tag(bytes: &[u8]) -> String {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    format!("\"{:016x}\"", bytes.iter().fold(0xcbf2_9ce4_8422_2325, step))
}
