//! The way back from Clio is walked once, by a person, and kept by nobody.
//!
//! A browser may ask for a page before anybody wants it. Nothing is begun for that: it gets an
//! answer without content, and asks again when the person is there.

use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

pub(crate) async fn by_a_person(request: Request, next: Next) -> Response {
    if is_ahead(&request) { StatusCode::NO_CONTENT.into_response() } else { next.run(request).await }
}

/// Whether a browser prefetches or prerenders, or something only looks whether there is a page.
fn is_ahead(request: &Request) -> bool {
    let says = |name: &str| {
        let values = request.headers().get_all(name).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split([';', ','])).any(|word| {
            let word = word.trim();
            ["prefetch", "prerender", "preview"].iter().any(|ahead| word.eq_ignore_ascii_case(ahead))
        })
    };
    request.method() == Method::HEAD || ["sec-purpose", "purpose", "x-purpose", "x-moz"].into_iter().any(says)
}
