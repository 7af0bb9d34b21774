//! A page of another site can have a browser send requests in its user's name. What changes
//! something, everything under `/api`, `/connect` and `/events` are therefore answered to our own
//! pages only.
//!
//! Browsers say where a request comes from, in headers that no script can set. Programs say
//! nothing there, and no browser lends them a user's name: they are let through.
//!
//! Another site can also give this machine a name of its own. Its pages then pass for ours, so on
//! loopback the name by which a browser came must be one of the machine's own.

use std::sync::Once;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use url::Url;

use crate::answer::{refusal, refused};
use crate::is_loopback;
use crate::routes::Shared;

/// Who runs the service has to see it once; another site's page may cause it at any time.
static TOLD: Once = Once::new();

pub(crate) async fn from_our_pages(State(service): Shared, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    // Whoever reads the outbox leases what is in it.
    let reads = request.method().is_safe() && path != "/events";
    let guarded = !reads || path.starts_with("/api/") || path == "/connect";
    let stranger = match guarded {
        true => stranger(request.headers(), &service.origin, reads),
        false => None,
    };
    let Some(reason) = stranger.or_else(|| misnamed(request.headers(), &service.origin)) else {
        return next.run(request).await;
    };
    if reason != "cross_site" {
        TOLD.call_once(|| {
            tracing::warn!(
                public_url = %service.origin,
                reason,
                "a request came from a page of another address than the public URL, and was refused: if it was one \
                 of our pages, --public-url must be the address that browsers show"
            );
        });
    }
    refusal(StatusCode::FORBIDDEN, refused("origin", reason)).into_response()
}

/// Why this is not one of our pages. `none` in `sec-fetch-site`: a person typed the address.
fn stranger(headers: &HeaderMap, ours: &str, reads: bool) -> Option<&'static str> {
    let site = |value: &str| value == "same-origin" || (reads && value == "none");
    if !all(headers, "sec-fetch-site", site) {
        return Some("cross_site");
    }
    (!all(headers, "origin", |origin| origin == ours)).then_some("other_origin")
}

/// Why the name by which the service was reached on loopback is none of the machine's own.
fn misnamed(headers: &HeaderMap, ours: &str) -> Option<&'static str> {
    let loopback = |url: &str| url.parse().is_ok_and(|url: Url| is_loopback(&url));
    let own = |host: &str| loopback(&format!("http://{host}/"));
    (loopback(ours) && !all(headers, header::HOST.as_str(), own)).then_some("other_host")
}

fn all(headers: &HeaderMap, name: &str, allowed: impl Fn(&str) -> bool) -> bool {
    headers.get_all(name).iter().all(|value| value.to_str().is_ok_and(&allowed))
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
            (&[("origin", "null")], false, Some("other_origin")),
            (&[("origin", "https://host.example.evil.example")], false, Some("other_origin")),
            (&[("origin", "http://host.example")], true, Some("other_origin")),
            (&[("origin", OURS), ("origin", "https://evil.example")], false, Some("other_origin")),
        ] {
            let about: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}: {value}")).collect();
            assert_eq!(judged(pairs, reads), expected, "{}", about.join(", "));
        }
    }

    #[test]
    fn on_loopback_only_the_machines_own_names_are_answered() {
        let judged = |ours: &str, hosts: &[&str]| {
            let mut headers = HeaderMap::new();
            for host in hosts {
                headers.append(header::HOST, host.parse().unwrap());
            }
            misnamed(&headers, ours)
        };
        for ours in ["http://127.0.0.1:8787", "http://localhost:8787", "http://[::1]:8787"] {
            for host in ["127.0.0.1:8787", "localhost:8787", "localhost", "LOCALHOST", "[::1]:1", "127.0.0.2"] {
                assert_eq!(judged(ours, &[host]), None, "{host} of {ours}");
            }
            for host in
                ["evil.example:8787", "localhost.evil.example", "127.0.0.1.evil.example", "192.0.2.1", "", "a b"]
            {
                assert_eq!(judged(ours, &[host]), Some("other_host"), "{host} of {ours}");
            }
            assert_eq!(judged(ours, &["localhost:8787", "evil.example"]), Some("other_host"));
            assert_eq!(judged(ours, &[]), None, "a program of HTTP/1.0");
        }
        assert_eq!(judged(OURS, &["10.0.0.1:8787"]), None, "a proxy may ask by another name");
    }
}
