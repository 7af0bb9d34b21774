//! What an admin answers to a review, and what becomes of an answer that cannot be right.

use core::time::Duration;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::addresses::{self, client, person};
use super::documents::{Shared, answer, begun};
use super::world::{World, admin, firm, matter, refused};
use crate::domain::{ClioId, Intake, StepKind, StepOutcome, StepReport};
use crate::error::Code;
use crate::links::Decision;
use crate::ports::{Key, Order, Scan, Store as _, Write};
use crate::settings::{FirmSettings, OnNameMismatch};

/// So long after a creation in doubt Clio lists what came of it.
const LISTED: Duration = Duration::from_secs(220);
const DOCUMENT: &str = "m1/d1/d1";

/// A run, and what became of the last step: nothing else went wrong.
async fn last_step(world: &World) -> StepReport {
    let report = world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
    report.steps.last().unwrap().clone()
}

/// The run after this answer gives it back: the question is as open as before, and nothing is
/// linked.
async fn is_taken_back(world: &World, step: StepKind, id: &str, clio: i64, wrong: &str) {
    world.sdk.firm(&admin()).reviews().resolve(step, id, Decision::Link { clio: ClioId(clio) }, None).await.unwrap();
    let report = world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
    let failed = report.first_failure().unwrap();
    let error = failed.error.clone().unwrap();
    assert_eq!((failed.step, error.code(), error.get("decision")), (step, Code::NeedsReview, Some(wrong)), "{error:?}");
    let asked: Vec<_> =
        world.sdk.firm(&admin()).reviews().list().await.unwrap().into_iter().map(|review| review.step).collect();
    assert_eq!(asked, [step]);
    let records = world.stored(step.name()).await;
    let [(_, record)] = records.as_slice() else { panic!("{records:?}") };
    assert_eq!((&record["state"], record.get("decision")), (&json!("intent"), None), "{record}");
}

fn document(id: i64, matter: i64, done: bool) -> Option<(u16, Value)> {
    let version = json!({ "uuid": "by-hand", "fully_uploaded": done });
    Some((200, json!({ "data": { "id": id, "matter": { "id": matter }, "latest_document_version": version } })))
}

/// Somebody removed the document that was being published. By hand they made others: 41, in another
/// matter 42, and 43 without its bytes.
async fn removed() -> (World, Shared) {
    let (world, documents, _) = begun().await;
    let step = last_step(&world).await;
    assert!(step.outcome.is_failure(), "{step:?}");
    documents.lock().unwrap().slow = false;
    let clio = Arc::clone(&documents);
    world.answers(move |method, path, _, body| match (method, path) {
        ("GET", "/api/v4/documents") => None,
        ("GET", "/api/v4/documents/31" | "/api/v4/documents/44") => Some(refused(404)),
        ("GET", "/api/v4/documents/41") => document(41, 21, true),
        ("GET", "/api/v4/documents/42") => document(42, 22, true),
        ("GET", "/api/v4/documents/43") => document(43, 21, false),
        _ => answer(&clio, method, path, body),
    });
    let asked = last_step(&world).await.error.unwrap();
    assert_eq!((asked.code(), asked.get("decision")), (Code::NeedsReview, None));
    (world, documents)
}

#[tokio::test]
async fn a_document_that_cannot_be_the_one_is_not_linked() {
    let (world, documents) = removed().await;
    for (clio, wrong) in [(42, "another_matter"), (43, "not_uploaded"), (44, "not_found")] {
        is_taken_back(&world, StepKind::Document, DOCUMENT, clio, wrong).await;
    }
    world
        .sdk
        .firm(&admin())
        .reviews()
        .resolve(StepKind::Document, DOCUMENT, Decision::Link { clio: ClioId(41) }, None)
        .await
        .unwrap();
    let step = last_step(&world).await;
    assert_eq!((step.outcome, step.clio), (StepOutcome::Linked, Some(ClioId(41))));
    assert!(world.sdk.firm(&admin()).reviews().list().await.unwrap().is_empty());
    assert_eq!((documents.lock().unwrap().made.len(), world.calls("PUT /put")), (1, 1), "nothing was sent again");
}

#[tokio::test]
async fn a_document_that_was_removed_is_sent_again_if_an_admin_says_so() {
    let (world, documents) = removed().await;
    world.sdk.firm(&admin()).reviews().resolve(StepKind::Document, DOCUMENT, Decision::Create, None).await.unwrap();
    let step = last_step(&world).await;
    assert_eq!((step.outcome, step.clio), (StepOutcome::Created, Some(ClioId(32))));
    let documents = documents.lock().unwrap();
    assert_eq!(documents.made[1]["latest_document_version"]["fully_uploaded"], true);
    assert_eq!(documents.made.len(), 2);
}

#[tokio::test]
async fn an_answer_does_not_change_when_a_finishing_request_is_over() {
    let (world, _) = removed().await;
    let due = || async {
        let (firm, collection, order) = (firm(), "document", Order::Ascending);
        let scan = Scan::Ids { firm, collection, from: String::new(), until: None, order, limit: 1 };
        world.store.scan(&scan).await.unwrap().remove(0).due_at
    };
    let before = due().await;
    assert!(before.is_some());
    is_taken_back(&world, StepKind::Document, DOCUMENT, 44, "not_found").await;
    assert_eq!(due().await, before);
}

#[tokio::test]
async fn a_matter_of_another_client_is_not_linked() {
    let world = World::new();
    world.connect().await.unwrap();
    world.put("m1");
    let shown = |id: i64, client: i64| {
        json!({ "id": id, "status": "Open", "description": "T", "client_reference": "1", "client": { "id": client },
            "created_at": "2026-04-01T12:00:00Z", "updated_at": "2026-04-01T12:00:00Z" })
    };
    world.answers(move |method, path, _, _| match (method, path) {
        ("POST", "/api/v4/matters") => Some(refused(504)),
        ("GET", "/api/v4/matters") => {
            Some((200, json!({ "data": [shown(22, 11), shown(23, 11)], "meta": { "paging": {} } })))
        }
        ("GET", "/api/v4/matters/23") => Some((200, json!({ "data": shown(23, 11) }))),
        ("GET", "/api/v4/matters/29") => Some((200, json!({ "data": shown(29, 12) }))),
        _ => None,
    });
    assert_eq!(last_step(&world).await.error.unwrap().code(), Code::NeedsReview);
    is_taken_back(&world, StepKind::Matter, "m1", 29, "another_client").await;
    is_taken_back(&world, StepKind::Matter, "m1", 28, "not_found").await;
    world
        .sdk
        .firm(&admin())
        .reviews()
        .resolve(StepKind::Matter, "m1", Decision::Link { clio: ClioId(23) }, None)
        .await
        .unwrap();
    let step = last_step(&world).await;
    assert_eq!((step.outcome, step.clio), (StepOutcome::Linked, Some(ClioId(23))));
    assert_eq!(world.calls("POST /api/v4/matters"), 1);
}

#[tokio::test]
async fn a_company_is_not_linked_as_a_client() {
    let world = World::new();
    world.connect().await.unwrap();
    let intake = json!({ "matter": { "id": "m1", "title": "T" }, "documents": [],
        "client": { "id": "c1", "first_name": "A", "last_name": "B" } });
    world.intake.put(&firm(), Intake::from_json(intake.to_string().as_bytes()).unwrap());
    let shown = |id: i64, kind: &str, phone: &str| {
        json!({ "id": id, "type": kind, "first_name": "A", "last_name": "B", "created_at": "2026-04-01T12:00:00Z",
            "updated_at": "2026-04-01T12:00:00Z", "phone_numbers": [{ "number": phone }] })
    };
    world.answers(move |method, path, _, _| match (method, path) {
        ("POST", "/api/v4/contacts") => Some(refused(504)),
        ("GET", "/api/v4/contacts") => {
            Some((200, json!({ "data": [shown(12, "Person", "1")], "meta": { "paging": {} } })))
        }
        ("GET", "/api/v4/contacts/12") => Some((200, json!({ "data": shown(12, "Person", "1") }))),
        ("GET", "/api/v4/contacts/13") => Some((200, json!({ "data": shown(13, "Company", "1") }))),
        ("GET", "/api/v4/contacts/14") => Some(refused(404)),
        _ => None,
    });
    world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
    is_taken_back(&world, StepKind::Contact, "c1", 13, "no_person").await;
    is_taken_back(&world, StepKind::Contact, "c1", 14, "not_found").await;
    world
        .sdk
        .firm(&admin())
        .reviews()
        .resolve(StepKind::Contact, "c1", Decision::Link { clio: ClioId(12) }, None)
        .await
        .unwrap();
    let report = world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
    assert_eq!((report.steps[0].outcome, report.steps[0].clio), (StepOutcome::Linked, Some(ClioId(12))));
}

#[tokio::test]
async fn what_another_matter_was_linked_to_meanwhile_is_not_linked_again() {
    let world = World::new();
    world.connect().await.unwrap();
    world.put("m1");
    let shown = || {
        json!({ "id": 22, "status": "Open", "description": "T", "client_reference": "other", "client": { "id": 11 },
            "created_at": "2026-04-01T12:00:00Z", "updated_at": "2026-04-01T12:00:00Z" })
    };
    world.answers(move |method, path, _, _| match (method, path) {
        ("POST", "/api/v4/matters") => Some(refused(504)),
        ("GET", "/api/v4/matters") => Some((200, json!({ "data": [shown()], "meta": { "paging": {} } }))),
        ("GET", "/api/v4/matters/22") => Some((200, json!({ "data": shown() }))),
        _ => None,
    });
    assert_eq!(last_step(&world).await.error.unwrap().code(), Code::NeedsReview);
    world
        .sdk
        .firm(&admin())
        .reviews()
        .resolve(StepKind::Matter, "m1", Decision::Link { clio: ClioId(22) }, None)
        .await
        .unwrap();
    world.links_another("matter", 22).await;
    let error = last_step(&world).await.error.unwrap();
    assert_eq!((error.code(), error.get("decision")), (Code::NeedsReview, Some("belongs_to_another_record")));
    assert_eq!(world.sdk.firm(&admin()).reviews().list().await.unwrap().len(), 1, "it is asked again");
}

#[tokio::test]
async fn what_was_said_not_to_be_it_is_not_asked_about_again() {
    let world = World::new();
    world.connect().await.unwrap();
    world.put("m1");
    let near = |id: i64| {
        json!({ "id": id, "status": "Open", "description": "T", "client_reference": "other", "client": { "id": 11 },
            "created_at": "2026-04-01T12:00:00Z", "updated_at": "2026-04-01T12:00:00Z" })
    };
    let listed = Arc::new(Mutex::new(vec![near(22)]));
    let list = Arc::clone(&listed);
    world.answers(move |method, path, _, _| match (method, path) {
        ("POST", "/api/v4/matters") => Some(refused(504)),
        ("GET", "/api/v4/matters") => Some((200, json!({ "data": *list.lock().unwrap(), "meta": { "paging": {} } }))),
        _ => None,
    });
    assert_eq!(last_step(&world).await.error.unwrap().code(), Code::NeedsReview);
    world.sdk.firm(&admin()).reviews().resolve(StepKind::Matter, "m1", Decision::Create, None).await.unwrap();
    let told = world.audited("review").await;
    assert_eq!((&told[0]["details"]["decision"], &told[0]["details"]["not"]), (&json!("create"), &json!("22")));
    listed.lock().unwrap().push(near(23));
    assert_eq!(last_step(&world).await.error.unwrap().code(), Code::NeedsReview);
    assert_eq!(world.sdk.firm(&admin()).reviews().list().await.unwrap()[0].candidates, [ClioId(23)]);
    world.sdk.firm(&admin()).reviews().resolve(StepKind::Matter, "m1", Decision::Create, None).await.unwrap();
    let error = last_step(&world).await.error.unwrap();
    assert_eq!(error.code(), Code::SyncInDoubt, "neither is it: only time is waited for");
    world.runtime.advance(LISTED);
    let error = last_step(&world).await.error.unwrap();
    assert_eq!((error.code(), world.calls("POST /api/v4/matters")), (Code::SyncInDoubt, 2), "nor of the next try");
}

/// Between the end of one try and the beginning of the next the process may die, or Clio be away.
#[tokio::test]
async fn what_was_said_not_to_be_it_is_known_to_the_run_after_one_that_stopped_between_two_tries() {
    let world = World::new();
    world.connect().await.unwrap();
    let settings = FirmSettings { on_name_mismatch: OnNameMismatch::Review, ..FirmSettings::default() };
    world.sdk.firm(&admin()).settings().save(settings).await.unwrap();
    let mary = client("c1", "Mary", "Doe", "home@example.com");
    let clio = |created: u16, most: usize| {
        let mut asked = 0;
        move |method: &str, path: &str, _: &str, _: &Value| match (method, path) {
            ("POST", "/api/v4/contacts") if created != 201 => Some(refused(created)),
            ("GET", "/api/v4/contacts") => {
                asked += 1;
                let susan =
                    json!({ "data": [person(9, "Susan", "Doe", "home@example.com")], "meta": { "paging": {} } });
                Some(if asked > most { refused(500) } else { (200, susan) })
            }
            _ => None,
        }
    };
    let failed = async || {
        let report = addresses::sync(&world, "m1", &mary).await;
        report.first_failure().unwrap().error.as_ref().unwrap().code()
    };
    world.answers(clio(504, 100));
    assert_eq!(failed().await, Code::NeedsReview);
    world.sdk.firm(&admin()).reviews().resolve(StepKind::Contact, "c1", Decision::Create, None).await.unwrap();
    assert_eq!(failed().await, Code::SyncInDoubt);
    world.runtime.advance(LISTED);
    // Asked twice what became of it; and not answered when the next try begins with a search.
    world.answers(clio(504, 2));
    assert_eq!(failed().await, Code::ClioUnavailable);
    assert_eq!(world.calls("POST /api/v4/contacts"), 1);
    world.answers(clio(201, 100));
    let report = addresses::sync(&world, "m1", &mary).await;
    assert_eq!(report.steps[0].outcome, StepOutcome::Created, "{report:?}");
}

/// `create` says of each candidate that it is another: of one that nobody saw it does not.
#[tokio::test]
async fn an_answer_about_other_candidates_than_there_are_is_refused() {
    let world = World::new();
    world.connect().await.unwrap();
    world.put("m1");
    let near = |id: i64| {
        json!({ "id": id, "status": "Open", "description": "T", "client_reference": "other", "client": { "id": 11 },
            "created_at": "2026-04-01T12:00:00Z", "updated_at": "2026-04-01T12:00:00Z" })
    };
    let listed = Arc::new(Mutex::new(vec![near(22)]));
    let list = Arc::clone(&listed);
    world.answers(move |method, path, _, _| match (method, path) {
        ("POST", "/api/v4/matters") => Some(refused(504)),
        ("GET", "/api/v4/matters") => Some((200, json!({ "data": *list.lock().unwrap(), "meta": { "paging": {} } }))),
        _ => None,
    });
    assert_eq!(last_step(&world).await.error.unwrap().code(), Code::NeedsReview);
    listed.lock().unwrap().push(near(23));
    assert_eq!(last_step(&world).await.error.unwrap().code(), Code::NeedsReview);
    let answer = async |shown: &[i64]| {
        let shown: Vec<ClioId> = shown.iter().copied().map(ClioId).collect();
        world.sdk.firm(&admin()).reviews().resolve(StepKind::Matter, "m1", Decision::Create, shown).await
    };
    let error = answer(&[22]).await.unwrap_err();
    assert_eq!((error.code(), error.get("clio")), (Code::ReviewChanged, Some("23")));
    assert_eq!(world.sdk.firm(&admin()).reviews().list().await.unwrap()[0].candidates, [ClioId(22), ClioId(23)]);
    answer(&[24, 23, 22]).await.unwrap();
    let told = world.audited("review").await;
    assert_eq!((told.len(), &told[0]["details"]["not"]), (1, &json!("22,23")));
}

#[tokio::test]
async fn an_answer_counts_for_every_matter_that_waits_for_it() {
    let world = World::new();
    world.connect().await.unwrap();
    world.put("m1");
    let near = json!([{ "id": 22, "status": "Open", "description": "T", "client_reference": "other",
        "client": { "id": 11 }, "created_at": "2026-04-01T12:00:00Z", "updated_at": "2026-04-01T12:00:00Z" }]);
    world.answers(move |method, path, _, _| match (method, path) {
        ("POST", "/api/v4/matters") => Some(refused(504)),
        ("GET", "/api/v4/matters") => Some((200, json!({ "data": near, "meta": { "paging": {} } }))),
        _ => None,
    });
    assert_eq!(last_step(&world).await.error.unwrap().code(), Code::NeedsReview);
    // Another run asks the same in the moment of the answer.
    let (question, _) = world.stored("review").await.remove(0);
    let answers = |write: &Write| matches!(write, Write::Put { key, .. } if key.collection == "matter");
    let sdk = world.process_on(world.meddled(answers, Key::new(&firm(), "review", question)));
    let decide = async || sdk.firm(&admin()).reviews().resolve(StepKind::Matter, "m1", Decision::Create, None).await;
    assert_eq!(decide().await.unwrap_err().code(), Code::StoreConflict);
    assert_eq!(world.sdk.firm(&admin()).reviews().list().await.unwrap().len(), 1);
    decide().await.unwrap();
    assert!(world.sdk.firm(&admin()).reviews().list().await.unwrap().is_empty());
}
