//! Addresses that look equal are one address: in Clio, in the records, and in what is sent.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::doubts::{CONTACTS, post};
use super::world::{World, admin, firm, refused};
use crate::domain::{Intake, MatterId, StepReport, SyncReport};
use crate::error::Code;
use crate::ports::{Expect, Key, Store as _, Version, Write};

/// A connected firm whose Clio lists these contacts to whoever searches, and what it is sent.
pub async fn holding(contacts: Vec<Value>) -> (World, Arc<Mutex<Vec<Value>>>) {
    let world = World::new();
    world.connect().await.unwrap();
    let sent = Arc::new(Mutex::new(Vec::new()));
    let state = Arc::clone(&sent);
    world.answers(move |method, path, _, body| match method {
        "GET" if path == CONTACTS => Some((200, json!({ "data": contacts, "meta": { "paging": {} } }))),
        "GET" if path.starts_with(CONTACTS) => {
            let shown = contacts.iter().find(|one| path.ends_with(&format!("/{}", one["id"])));
            Some(shown.map_or_else(|| refused(404), |shown| (200, json!({ "data": shown }))))
        }
        "POST" if path == CONTACTS => {
            state.lock().unwrap().push(body["data"].clone());
            None
        }
        _ => None,
    });
    (world, sent)
}

pub fn person(id: i64, first_name: &str, last_name: &str, email: &str) -> Value {
    json!({ "id": id, "type": "Person", "first_name": first_name, "last_name": last_name,
        "created_at": "2026-01-01T12:00:00Z", "email_addresses": [{ "address": email }] })
}

/// Syncs a matter of this client.
pub fn put(world: &World, matter: &str, client: &Value) {
    let intake = json!({ "matter": { "id": matter, "title": "T" }, "documents": [], "client": client });
    world.intake.put(&firm(), Intake::from_json(intake.to_string().as_bytes()).unwrap());
}

pub async fn sync(world: &World, matter: &str, client: &Value) -> SyncReport {
    put(world, matter, client);
    world.sdk.firm(&admin()).matters().sync(&MatterId::new(matter).unwrap()).await.unwrap()
}

pub fn client(id: &str, first_name: &str, last_name: &str, email: &str) -> Value {
    json!({ "id": id, "first_name": first_name, "last_name": last_name, "email": email })
}

fn linked_to(report: &SyncReport) -> (&'static str, Option<i64>) {
    let StepReport { outcome, clio, .. } = &report.steps[0];
    (outcome.name(), clio.map(|clio| clio.0))
}

#[tokio::test]
async fn an_address_that_looks_like_one_in_clio_is_that_one() {
    let pairs = [
        ("jane@example.com\u{200b}", "jane@example.com"),
        ("jane@example.com", "<jane@example.com>"),
        ("jane@example.com", "mailto:Jane@example.com"),
        ("jane@xn--bcher-kva.example", "jane@bücher.example"),
        ("jane@bücher.example", "jane@xn--bcher-kva.example"),
        ("jane@bu\u{308}cher.example", "jane@b\u{fc}cher.example"),
        ("josé@example.com", "jose\u{301}@example.com"),
    ];
    for (ours, theirs) in pairs {
        let (world, sent) = holding(vec![person(5, "A", "B", theirs)]).await;
        let report = sync(&world, "m1", &client("c1", "A", "B", ours)).await;
        assert_eq!((linked_to(&report), sent.lock().unwrap().len()), (("linked", Some(5)), 0), "{ours:?} {theirs:?}");
    }
}

#[tokio::test]
async fn a_tag_and_the_dots_of_the_local_part_make_another_address() {
    for (ours, theirs) in [("jane+x@example.com", "jane@example.com"), ("j.doe@example.com", "jdoe@example.com")] {
        let (world, _) = holding(vec![person(5, "A", "B", theirs)]).await;
        let report = sync(&world, "m1", &client("c1", "A", "B", ours)).await;
        assert_eq!(linked_to(&report), ("created", Some(11)), "{ours:?} {theirs:?}");
    }
}

#[tokio::test]
async fn what_is_sent_is_the_canonical_form_for_people_to_read() {
    let cases = [
        (" Jane@Example.com\u{200b}", "jane@example.com"),
        ("jane@xn--bcher-kva.example", "jane@bücher.example"),
        ("jose\u{301}@example.com", "jos\u{e9}@example.com"),
    ];
    for (ours, canonical) in cases {
        let (world, sent) = holding(Vec::new()).await;
        sync(&world, "m1", &client("c1", "A", "B", ours)).await;
        assert_eq!(sent.lock().unwrap()[0]["email_addresses"][0]["address"], canonical, "{ours:?}");
    }
}

#[tokio::test]
async fn an_international_domain_is_searched_for_in_both_spellings_and_no_other_is() {
    for (email, searches) in [("a@b.example", 1), ("josé@b.example", 1), ("a@bücher.example", 2)] {
        let (world, _) = holding(Vec::new()).await;
        let surveyed = world.calls(&format!("GET {CONTACTS} "));
        let report = sync(&world, "m1", &client("c1", "A", "B", email)).await;
        assert_eq!(world.calls(&format!("GET {CONTACTS} ")) - surveyed, searches, "{email}");
        assert_eq!(report.calls, u32::try_from(searches).unwrap() + 2, "{email}");
        let again = sync(&world, "m1", &client("c1", "A", "B", email)).await;
        assert_eq!(again.calls, 0);
    }
}

#[tokio::test]
async fn two_clients_of_one_address_share_a_contact_however_it_is_spelled() {
    let (world, sent) = holding(Vec::new()).await;
    sync(&world, "m1", &client("c1", "A", "B", "a@bücher.example")).await;
    let report = sync(&world, "m2", &client("c2", "A", "B", "A@xn--bcher-kva.example\u{feff}")).await;
    assert_eq!((linked_to(&report), sent.lock().unwrap().len()), (("linked", Some(11)), 1));
    assert_eq!(world.calls(&post(CONTACTS)), 1);
}

/// What an SDK of before wrote when it linked this client: digests were of the trimmed address in
/// lower case.
async fn linked_before(world: &World, client: &str, clio: i64, email: &str) {
    let former = world.sdk.queue.ctx.keyring.address_digest(&firm(), &email.trim().to_lowercase()).await.unwrap();
    let set = world.connection().await.link_set.as_str().to_owned();
    let put = |collection, id: String, body: Value| Write::Put {
        key: Key::new(&firm(), collection, format!("{set}/{id}")),
        expect: Expect::Absent,
        version: Version("before".into()),
        due_in: None,
        body: body.to_string(),
    };
    let link = json!({ "state": "link", "clio": clio.to_string(), "how": "created", "at": 0 });
    let writes = [
        put("contact", client.to_owned(), link),
        put("contact-key", former, json!({ "client": client })),
        put("clio", format!("contact/{clio}"), json!({ "owner": client })),
    ];
    world.store.commit(&writes).await.unwrap();
}

#[tokio::test]
async fn a_digest_made_before_there_was_a_canonical_form_is_found() {
    let addresses = [
        ("Jane@Example.com ", "jane@example.com"),
        ("jane@example.com\u{200b}", "jane@example.com\u{200b}"),
        ("jane@bücher.example", "jane@bücher.example"),
        ("jane@bücher.example", "jane@xn--bcher-kva.example"),
        ("jane@xn--bcher-kva.example", "jane@bücher.example"),
        ("jose\u{301}@example.com", "jose\u{301}@example.com"),
    ];
    for (before, now) in addresses {
        // It is not found in Clio: only the records know.
        let (world, sent) = holding(Vec::new()).await;
        linked_before(&world, "c1", 77, before).await;
        let report = sync(&world, "m2", &client("c2", "A", "B", now)).await;
        assert_eq!((linked_to(&report), sent.lock().unwrap().len()), (("linked", Some(77)), 0), "{before:?} {now:?}");
    }
}

#[tokio::test]
async fn what_is_no_single_address_is_refused_by_its_field() {
    for email in ["<a@b.example>", "mailto:a@b.example", "a@b.example.", "a@b.example,", "a@b.example; c@d.example"] {
        let intake = json!({ "matter": { "id": "m1", "title": "T" }, "documents": [],
            "client": client("c1", "A", "B", email) });
        let error = Intake::from_json(intake.to_string().as_bytes()).unwrap_err();
        assert_eq!(error.code(), Code::IntakeInvalid, "{email}");
        assert_eq!((error.get("field"), error.get("reason")), (Some("client.email"), Some("not_an_address")));
    }
}
