//! What is not sent at all.
#![allow(missing_docs)] // The names say it.

use super::{HttpUnderTest, Outcome, each};
use casehug_clio::ports::{Headers, HttpFailureKind, HttpRequest};

async fn urls_are_refused(test: &HttpUnderTest, urls: &[String]) -> Outcome {
    each(urls, async |url| {
        let id = test.id()?;
        let request = test.to(&url.replace("<id>", &id))?;
        test.not_sent(request, &id, HttpFailureKind::Refused, url).await
    })
    .await
}

/// The addresses are of documentation networks, where nobody answers.
pub async fn plain_http_leaves_this_machine_for_nobody(test: &HttpUnderTest) -> Outcome {
    let hosts = [
        "192.0.2.1",
        "0.0.0.0",
        "[2001:db8::1]",
        "[::ffff:192.0.2.1]",
        "localhost.example.com",
        "127.0.0.1.example.com",
        "example.com",
    ];
    urls_are_refused(test, &hosts.map(|host| format!("http://{host}/b/ok/<id>"))).await
}

pub async fn other_schemes_are_refused(test: &HttpUnderTest) -> Outcome {
    let urls =
        ["file:///etc/hostname", "ftp://127.0.0.1/x", "ws://127.0.0.1/x", "data:text/plain,x", "unix:/run/x.sock"];
    urls_are_refused(test, &urls.map(String::from)).await
}

pub async fn a_url_with_a_user_is_refused(test: &HttpUnderTest) -> Outcome {
    let host = &test.server[url::Position::BeforeHost..url::Position::AfterPort];
    let urls = ["user@", "user:password@", ":password@"].map(|user| format!("http://{user}{host}/b/ok/<id>"));
    urls_are_refused(test, &urls).await
}

pub async fn a_header_that_would_split_the_request_is_refused(test: &HttpUnderTest) -> Outcome {
    let hostile = [
        ("x-a", "a\r\nx-b: b"),
        ("x-a", "a\nb"),
        ("x-a", "a\rb"),
        ("x-a", "a\0b"),
        ("x-a\r\nx-b", "b"),
        ("x a", "b"),
        ("x:a", "b"),
        ("", "b"),
    ];
    each(hostile, async |(name, value)| {
        let (id, what) = (test.id()?, format!("header {name:?}: {value:?}"));
        let request = HttpRequest { headers: Headers::new().with(name, value), ..test.get("ok", &id)? };
        test.not_sent(request, &id, HttpFailureKind::Refused, &what).await
    })
    .await
}
