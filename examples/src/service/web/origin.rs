//! A page of another site can have a browser send requests in its user's name. What changes
//! something, and everything under `/api`, is therefore answered to our own pages only.
//!
//! Browsers say where a request comes from, in headers that no script can set. Programs say
//! nothing there, and no browser lends them a user's name: they are let through.

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use casehug_clio::{Code, Error};

use crate::answer::Failed;
use crate::routes::Shared;

pub(crate) async fn from_our_pages(State(service): Shared, request: Request, next: Next) -> Response {
    let reads = request.method().is_safe();
    let guarded = !reads || request.uri().path().starts_with("/api/");
    match guarded.then(|| stranger(request.headers(), &service.origin, reads)).flatten() {
        Some(reason) => Failed(Error::new(Code::NotAllowed).with("reason", reason)).into_response(),
        None => next.run(request).await,
    }
}

/// Why this is not one of our pages. `none` in `sec-fetch-site`: a person typed the address.
fn stranger(headers: &HeaderMap, ours: &str, reads: bool) -> Option<&'static str> {
    let site = |value: &&str| *value == "same-origin" || (reads && *value == "none");
    let all = |name: &str, allowed: &dyn Fn(&&str) -> bool| {
        headers.get_all(name).iter().all(|value| value.to_str().is_ok_and(|value| allowed(&value)))
    };
    if !all("sec-fetch-site", &site) {
        return Some("cross_site");
    }
    (!all("origin", &|origin| *origin == ours)).then_some("origin")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "https://host.example";

    fn judged(pairs: &[(&'static str, &'static str)], reads: bool) -> Option<&'static str> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        stranger(&headers, OURS, reads)
    }

    #[test]
    fn only_our_own_pages_and_programs_are_let_through() {
        for (pairs, reads, expected) in [
            (&[][..], false, None),
            (&[("sec-fetch-site", "same-origin"), ("origin", OURS)], false, None),
            (&[("sec-fetch-site", "none")], true, None),
            (&[("sec-fetch-site", "none")], false, Some("cross_site")),
            (&[("sec-fetch-site", "same-site")], true, Some("cross_site")),
            (&[("sec-fetch-site", "cross-site")], true, Some("cross_site")),
            (&[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")], false, Some("cross_site")),
            (&[("origin", "null")], false, Some("origin")),
            (&[("origin", "https://host.example.evil.example")], false, Some("origin")),
            (&[("origin", "http://host.example")], true, Some("origin")),
            (&[("origin", OURS), ("origin", "https://evil.example")], false, Some("origin")),
        ] {
            let about: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}: {value}")).collect();
            assert_eq!(judged(pairs, reads), expected, "{}", about.join(", "));
        }
    }
}
