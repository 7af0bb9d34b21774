//! What must not be seen: in `Debug`, in errors, in the log.

use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber, span};

use super::{LIMITS, TOKEN, World, key, token};
use crate::clio::{AccessToken, NewContact, NewDocument, NewMatter, contacts, documents, matters, users};
use crate::domain::{ClioId, DocumentRef, FirmId};
use crate::ports::{DocumentSlice, Headers};

/// Everything that is planted below as client data or as a secret.
const PLANTED: &[&str] = &[TOKEN, "planted", "Planted", "PLANTED", "http"];

fn assert_clean(what: &str, text: &str) {
    for planted in PLANTED {
        assert!(!text.replace("http_status", "").contains(planted), "{what} shows {planted}: {text}");
    }
}

/// Collects all events as text.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl Visit for Log {
    fn record_debug(&mut self, field: &Field, value: &dyn core::fmt::Debug) {
        self.0.lock().unwrap().push_str(&format!("{field}={value:?} "));
    }
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn event(&self, event: &Event<'_>) {
        event.record(&mut self.clone());
        self.0.lock().unwrap().push('\n');
    }
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

#[tokio::test]
async fn neither_log_nor_debug_nor_error_shows_a_secret_or_a_client() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let world = World::new();
    // Where a line is logged first on another thread while a subscriber comes, tracing may take
    // this one for not interested (tracing-core 0.1): the place exists now, and all are asked
    // again.
    world.http.json(200, r#"{"data":[]}"#);
    world.call(&contacts::search_email("x@example.com")).await.unwrap();
    tracing::callsite::rebuild_interest_cache();
    log.0.lock().unwrap().clear();
    let debug = |what: &str, value: &dyn core::fmt::Debug| assert_clean(what, &format!("{value:?} {value:#?}"));

    let new =
        NewContact { first_name: "Planted", last_name: "Planted", email: Some("planted@x"), phone: Some("planted") };
    debug("NewContact", &new);
    let request = contacts::create(&new).unwrap();
    debug("ApiRequest", &request);
    world.http.json(201, r#"{"data":{"id":1,"first_name":"Planted","email_addresses":[{"address":"planted@x"}],"phone_numbers":[{"number":"planted"}]}}"#);
    debug("Contact", &world.call(&request).await.unwrap());

    let search = contacts::search_email("planted@x");
    debug("search", &search);
    world.http.json(
        200,
        r#"{"data":[],"meta":{"paging":{"next":"https://app.clio.com/api/v4/contacts.json?query=planted"}}}"#,
    );
    debug("Page", &world.call(&search).await.unwrap());
    world.http.json(422, r#"{"error":{"type":"X","message":"planted@x is taken"}}"#);
    let failed = world.call(&search).await.unwrap_err();
    debug("CallError", &failed);
    assert_clean("error", &failed.error.to_string());
    world.http.json(200, r#"{"data":[{"id":"planted"}]}"#);
    let failed = world.call(&search).await.unwrap_err();
    debug("CallError", &failed);
    assert_clean("error", &failed.error.to_string());

    let new = NewMatter {
        client: ClioId(1),
        description: "planted",
        client_reference: Some("planted"),
        display_number: Some("planted"),
        practice_area: None,
    };
    debug("NewMatter", &new);
    world.http.json(
        201,
        r#"{"data":{"id":1,"description":"planted","display_number":"planted","client_reference":"planted"}}"#,
    );
    debug("Matter", &world.call(&matters::create(&new).unwrap()).await.unwrap());

    world
        .http
        .json(200, r#"{"data":{"id":1,"name":"Planted","email":"planted@x","account":{"id":2,"name":"Planted LLP"}}}"#);
    debug("WhoAmI", &world.call(&users::who_am_i()).await.unwrap());

    let key = key();
    let new = NewDocument {
        name: "planted.pdf",
        content_type: Some("application/pdf"),
        matter: ClioId(1),
        key: &key,
        parts: &[],
    };
    debug("NewDocument", &new);
    world.http.json(201, r#"{"data":{"id":1,"latest_document_version":{"uuid":"u-1","put_url":"https://s3.amazonaws.com/planted.pdf?sig=planted","put_headers":[{"name":"x-planted","value":"planted"}],"multiparts":[{"part_number":1,"put_url":"https://planted"}]}}}"#);
    let stub = world.call(&documents::create(&new).unwrap()).await.unwrap();
    debug("DocumentStub", &stub);
    let document = DocumentRef { firm: FirmId::new("firm_1").unwrap(), key: key.clone() };
    let slice = DocumentSlice { document, offset: 0, len: 1, last: true };
    world.http.answer(403, Headers::new(), "<Error><Code>AccessDenied</Code><Resource>planted.pdf</Resource></Error>");
    let failed = world.api.put_document(stub.value.target.as_ref().unwrap(), slice, LIMITS).await.unwrap_err();
    debug("storage", &failed);
    world
        .http
        .json(200, r#"{"data":{"id":9007199254740993,"external_properties":[{"name":"planted","value":"planted"}]}}"#);
    debug("Document", &world.call(&documents::show(ClioId(9_007_199_254_740_993))).await.unwrap());

    debug("AccessToken", &token());
    debug("ClioApi", &format!("{:?}", world.api).replace("\"http", "").replace("scheme: \"", ""));

    let log = log.0.lock().unwrap().clone();
    assert_clean("log", &log);
    assert_eq!(log.lines().count(), 9, "one line per call:\n{log}");
    assert!(
        log.contains(
            r#"method="GET" resource="documents" record=9007199254740993 status=200 code="ok" outcome="done" ms=0"#
        ),
        "{log}"
    );
    assert!(log.contains(r#"status=403 code="upload_refused" outcome="refused" ms=0"#), "{log}");
}

#[test]
fn tokens_are_compared_by_value() {
    assert_eq!(token(), token().clone());
    for other in ["", "token-very-secreT", "token-very-secret2"] {
        assert_ne!(token(), AccessToken::new(other.to_owned().into()));
    }
}
