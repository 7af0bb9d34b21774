//! The bytes of a document: where they go, with what, and what the storage answers.

use super::{LIMITS, World, key};
use crate::clio::{CallError, DocumentStub, NewDocument, SendOutcome, documents};
use crate::domain::{ClioId, DocumentRef, FirmId};
use crate::error::{Code, Retry};
use crate::ports::{DocumentSlice, Headers, HttpBody, HttpFailureKind, Method, Sent};

const GOOD_URL: &str = "https://s3.us-west-2.amazonaws.com/iris/file.pdf?X-Amz-Expires=600&X-Amz-Signature=af%2F";

fn slice(len: u64) -> DocumentSlice {
    let document = DocumentRef { firm: FirmId::new("firm_1").unwrap(), key: key() };
    DocumentSlice { document, offset: 0, len, last: true }
}

fn stub_json(url: &str, headers: &str) -> String {
    format!(
        r#"{{"data":{{"id":9,"latest_document_version":{{"uuid":"u-1","put_url":{url:?},"put_headers":[{headers}]}}}}}}"#
    )
}

async fn stub(answer: &str) -> (World, Result<DocumentStub, CallError>) {
    let world = World::answering(201, answer);
    let key = key();
    let new = NewDocument { name: "file.pdf", content_type: None, matter: ClioId(8), key: &key, parts: &[] };
    let stub = world.call(&documents::create(&new).unwrap()).await.map(|answered| answered.value);
    (world, stub)
}

async fn put(url: &str, headers: &str, len: u64) -> (World, Result<(), CallError>) {
    let (world, stub) = stub(&stub_json(url, headers)).await;
    let target = stub.unwrap().target.unwrap();
    world.http.answer(200, Headers::new(), "");
    let result = world.api.put_document(&target, slice(len), LIMITS).await;
    (world, result)
}

#[tokio::test]
async fn bytes_go_to_the_signed_address_with_the_signed_headers_and_nothing_else() {
    let headers = r#"{"name":"x-amz-server-side-encryption","value":"AES256"},{"name":"Content-Type","value":"application/pdf"},{"name":"Content-Length","value":12}"#;
    let (world, result) = put(GOOD_URL, headers, 12).await;
    result.unwrap();
    let sent = world.http.last().unwrap();
    assert_eq!((sent.method, sent.url.as_str()), (Method::Put, GOOD_URL));
    let headers: Vec<(&str, &str)> = sent.headers.iter().collect();
    assert_eq!(headers, [("x-amz-server-side-encryption", "AES256"), ("content-type", "application/pdf")]);
    assert!(matches!(&sent.body, HttpBody::Document(sent) if *sent == slice(12)));
    assert_eq!((sent.timeout, sent.not_after), (LIMITS.timeout, LIMITS.not_after));
}

#[tokio::test]
async fn nothing_is_sent_to_an_address_that_is_not_allowed() {
    for url in [
        "http://169.254.169.254/",
        "file:///etc/passwd",
        "https://evil.example/x",
        "not a url",
        "https://u@s3.amazonaws.com/",
    ] {
        let (world, result) = put(url, "", 1).await;
        let failed = result.unwrap_err();
        assert_eq!((failed.error.code(), failed.outcome), (Code::UploadUrlRefused, SendOutcome::NotSent), "{url}");
        assert_eq!(world.http.requests().len(), 1, "the creating POST only");
    }
}

#[tokio::test]
async fn headers_that_would_do_more_than_sign_are_refused() {
    let long = "x".repeat(5000);
    for (name, value) in [
        ("Authorization", "Bearer x"),
        ("HOST", "evil.example"),
        ("Transfer-Encoding", "chunked"),
        ("Connection", "upgrade"),
        ("Cookie", "a=b"),
        ("Proxy-Authorization", "x"),
        ("Content-Length", "13"),
        ("Content-Length", "twelve"),
        ("x-amz\\r\\nhost", "x"),
        ("x amz", "x"),
        ("", "x"),
        ("x-amz", "a\\r\\nhost: evil"),
        ("x-amz", "a\\u0000"),
        ("x-amz", "\u{e9}"),
        ("x-amz", long.as_str()),
    ] {
        let (world, result) = put(GOOD_URL, &format!(r#"{{"name":"{name}","value":"{value}"}}"#), 12).await;
        let failed = result.expect_err(name);
        assert_eq!((failed.error.code(), failed.outcome), (Code::UploadUrlRefused, SendOutcome::NotSent), "{name}");
        assert_eq!(world.http.requests().len(), 1);
    }
    let many = vec![r#"{"name":"x-a","value":"b"}"#; 33].join(",");
    assert_eq!(put(GOOD_URL, &many, 1).await.1.unwrap_err().error.code(), Code::UploadUrlRefused);
}

#[tokio::test]
async fn parts_have_addresses_and_headers_of_their_own() {
    let answer = r#"{"data":{"id":9,"latest_document_version":{"uuid":"u-1","put_url":null,"put_headers":null,"multiparts":[
        {"part_number":1,"put_url":"https://s3.amazonaws.com/1","put_headers":[{"name":"Content-Length","value":"5"}]},
        {"part_number":"2","put_url":"https://s3.amazonaws.com/2"},
        {"part_number":3,"put_url":null},null]}}}"#;
    let (world, stub) = stub(answer).await;
    let stub = stub.unwrap();
    assert_eq!((stub.id, stub.uuid.as_str()), (ClioId(9), "u-1"));
    assert!(stub.target.is_none());
    assert_eq!(stub.parts.iter().map(|part| part.number).collect::<Vec<_>>(), [1, 2]);
    world.http.answer(204, Headers::new(), "");
    world.api.put_document(&stub.parts[0].target, slice(5), LIMITS).await.unwrap();
    assert_eq!(world.http.last().unwrap().url.as_str(), "https://s3.amazonaws.com/1");
}

#[tokio::test]
async fn a_stub_without_a_version_is_unreadable_and_in_doubt() {
    for version in ["null", "{}", r#"{"uuid":""}"#, r#"{"uuid":"a b"}"#, r#"{"uuid":"u-1","put_headers":{}}"#] {
        let (_, stub) = stub(&format!(r#"{{"data":{{"id":9,"latest_document_version":{version}}}}}"#)).await;
        let failed = stub.expect_err(version);
        assert_eq!((failed.error.code(), failed.outcome), (Code::ClioAnswerInvalid, SendOutcome::Unknown), "{version}");
    }
    let (_, stub) = stub(r#"{"data":{"id":9,"latest_document_version":{"uuid":"u-1","put_url":""}}}"#).await;
    assert!(stub.unwrap().target.is_none(), "an empty address is none");
}

#[tokio::test]
async fn the_storages_refusals_are_told_by_code() {
    let xml = |code: &str| {
        format!("<?xml version=\"1.0\"?>\n<Error><Code>{code}</Code><Message>/jo-smith.pdf</Message></Error>")
    };
    let page = "<html><Error><Code>AccessDenied</Code></html>";
    for (status, body, code, outcome) in [
        (403, xml("AccessDenied"), Code::UploadRefused, SendOutcome::Rejected),
        (403, xml("SignatureDoesNotMatch"), Code::UploadRefused, SendOutcome::Rejected),
        (400, xml("BadDigest"), Code::UploadRefused, SendOutcome::Rejected),
        (400, xml("ExpiredToken"), Code::UploadRefused, SendOutcome::Rejected),
        (400, xml("EntityTooLarge"), Code::DocumentTooLarge, SendOutcome::Rejected),
        (400, xml("RequestTimeout"), Code::ClioUnavailable, SendOutcome::Rejected),
        (503, xml("SlowDown"), Code::ClioUnavailable, SendOutcome::Rejected),
        (500, String::new(), Code::ClioUnavailable, SendOutcome::Unknown),
        (403, xml("of jo smith"), Code::UploadRefused, SendOutcome::Unknown),
        (403, String::new(), Code::UploadRefused, SendOutcome::Unknown),
        (403, page.to_owned(), Code::FirewallAnswer, SendOutcome::Unknown),
        (307, xml("TemporaryRedirect"), Code::RedirectRefused, SendOutcome::Rejected),
    ] {
        let (world, stub) = stub(&stub_json(GOOD_URL, "")).await;
        world.http.answer(status, Headers::new().with("location", "https://evil.example/"), body.as_str());
        let failed = world.api.put_document(&stub.unwrap().target.unwrap(), slice(1), LIMITS).await.unwrap_err();
        assert_eq!((failed.error.code(), failed.outcome), (code, outcome), "{status} {body}");
        assert_eq!(failed.http_status, Some(status));
        assert!(!format!("{failed:?} {}", failed.error).contains("smith"));
        assert_eq!(world.http.requests().len(), 2, "nothing is followed");
    }
}

#[tokio::test]
async fn a_document_that_is_not_what_it_was_is_said_so() {
    for (kind, code, retry) in [
        (HttpFailureKind::BodyShort, Code::DocumentChanged, Retry::Retry),
        (HttpFailureKind::BodyLong, Code::DocumentChanged, Retry::Retry),
        (HttpFailureKind::BodyUnreadable, Code::DocumentUnreadable, Retry::Retry),
        (HttpFailureKind::Timeout, Code::TimedOut, Retry::Retry),
    ] {
        let (world, stub) = stub(&stub_json(GOOD_URL, "")).await;
        world.http.fail(kind, Sent::Maybe);
        let failed = world.api.put_document(&stub.unwrap().target.unwrap(), slice(1), LIMITS).await.unwrap_err();
        assert_eq!((failed.error.code(), failed.error.retry()), (code, retry));
        assert_eq!(failed.outcome, SendOutcome::Unknown);
    }
}
