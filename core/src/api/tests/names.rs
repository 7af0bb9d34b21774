//! One email, two people: whose contact it is, what is said, and what the firm may have decided.

use core::time::Duration;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::addresses::{client, holding, person, put, sync};
use super::doubts::{CONTACTS, post};
use super::world::{World, admin, refused};
use crate::domain::{ClioId, MatterId, Note, StepKind, SyncReport};
use crate::error::Code;
use crate::history::RunQuery;
use crate::jobs::MatterState;
use crate::links::Decision;
use crate::settings::{FirmSettings, OnNameMismatch};
use crate::sync::PlannedContact;

const EMAIL: &str = "home@example.com";
const OF_CONTACT: StepKind = StepKind::Contact;

async fn mismatch(world: &World, on_name_mismatch: OnNameMismatch) {
    let settings = world.sdk.firm(&admin()).settings().get().await.unwrap();
    let settings = FirmSettings { on_name_mismatch, ..settings };
    world.sdk.firm(&admin()).settings().save(settings.clone()).await.unwrap();
}

async fn state(world: &World, matter: &str) -> MatterState {
    world.sdk.firm(&admin()).matters().state(&MatterId::new(matter).unwrap()).await.unwrap()
}

fn contact(report: &SyncReport) -> (&'static str, Option<i64>, &[Note]) {
    let step = &report.steps[0];
    assert_eq!(step.note, step.notes.first().copied(), "for those who know of one only");
    (step.outcome.name(), step.clio.map(|clio| clio.0), &step.notes)
}

/// Clio holds R and M with one address, R with the lower id.
fn two() -> Vec<Value> {
    vec![person(5, "Richard", "Doe", EMAIL), person(9, "Mary", "Doe", EMAIL)]
}

#[tokio::test]
async fn of_several_with_an_email_the_one_whose_name_agrees_is_linked() {
    for (first, last, clio) in
        [("Mary", "Doe", 9), ("M.", "DOE", 9), ("Mary-Ann", "Doe", 9), ("Richard", "Doe", 5), (" rïchard ", "doe", 5)]
    {
        let (world, sent) = holding(two()).await;
        let report = sync(&world, "m1", &client("c1", first, last, EMAIL)).await;
        assert_eq!(contact(&report), ("linked", Some(clio), [].as_slice()), "{first} {last}");
        assert!(sent.lock().unwrap().is_empty());
        assert!(state(&world, "m1").await.clio_contact_notes.is_empty());
        assert_eq!(sync(&world, "m1", &client("c1", first, last, EMAIL)).await.calls, 0);
    }
}

#[tokio::test]
async fn a_name_that_differs_is_said_everywhere() {
    let several = [Note::SeveralContactsMatch, Note::NameDiffers];
    let cases = [(two(), 5, several.as_slice()), (two()[1..].to_vec(), 9, &[Note::NameDiffers])];
    for (holds, clio, notes) in cases {
        let (world, _) = holding(holds).await;
        let report = sync(&world, "m1", &client("c1", "Susan", "Doe", EMAIL)).await;
        assert_eq!(contact(&report), ("linked", Some(clio), notes));
        let log = world.sdk.firm(&admin()).matters().runs(RunQuery::default()).await.unwrap();
        let run = log.items.iter().find(|run| run.run == report.run).unwrap();
        assert_eq!((run.steps[0].notes.as_slice(), run.steps[0].clio), (notes, Some(ClioId(clio))));
        let audited = world.audited("contact_linked").await;
        assert!(audited[0]["details"]["note"].as_str().unwrap().contains("name_differs"), "{audited:?}");
        assert_eq!(audited[0]["details"]["clio"], clio.to_string());
        let state = state(&world, "m1").await;
        assert_eq!((state.clio_contact, state.clio_contact_notes.as_slice()), (Some(ClioId(clio)), notes));
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["steps"][0]["notes"].as_array().unwrap().len(), notes.len());
        assert_eq!(json["steps"][0]["notes"][notes.len() - 1], "name_differs");
    }
}

#[tokio::test]
async fn several_whose_name_agrees_are_said() {
    let (world, _) = holding([two(), vec![person(7, "Mary Ann", "Doe", EMAIL)]].concat()).await;
    let report = sync(&world, "m1", &client("c1", "Mary", "Doe", EMAIL)).await;
    assert_eq!(contact(&report), ("linked", Some(7), [Note::SeveralContactsMatch].as_slice()));
}

#[tokio::test]
async fn two_clients_of_one_email_are_told_apart_by_name() {
    // Clio has both.
    let (world, _) = holding(two()).await;
    let first = sync(&world, "m1", &client("c1", "Richard", "Doe", EMAIL)).await;
    let second = sync(&world, "m2", &client("c2", "Mary", "Doe", EMAIL)).await;
    assert_eq!((contact(&first).1, contact(&second)), (Some(5), ("linked", Some(9), [].as_slice())));
    // The third and the fourth are known by name: one search each, as for anybody.
    let asked = world.calls(CONTACTS);
    for (matter, id, name, clio) in [("m3", "c3", "mary", 9), ("m4", "c4", "R.", 5)] {
        put(&world, matter, &client(id, name, "Doe", EMAIL));
        let planned = world.sdk.firm(&admin()).matters().plan(&MatterId::new(matter).unwrap()).await.unwrap();
        assert_eq!(planned.contact, PlannedContact::Share(ClioId(clio)));
        let report = sync(&world, matter, &client(id, name, "Doe", EMAIL)).await;
        assert_eq!(contact(&report), ("linked", Some(clio), [Note::SharedContact].as_slice()));
        assert_eq!((planned.calls.least, planned.calls.most), (2, 2), "the search and the matter");
    }
    assert_eq!(world.calls(CONTACTS), asked + 2);
}

/// Their ids are in the order in which they were made: a merge into a newer one leaves the higher.
#[tokio::test]
async fn one_that_was_merged_into_another_is_not_preferred_to_that() {
    for (policy, second, notes) in [
        (OnNameMismatch::Link, "Mary", vec![]),
        (OnNameMismatch::Review, "Mary", vec![]),
        (OnNameMismatch::Link, "Susan", vec![Note::NameDiffers]),
    ] {
        let (world, _) = holding(vec![person(5, "Mary", "Doe", EMAIL)]).await;
        mismatch(&world, policy).await;
        let first = sync(&world, "m1", &client("c1", "Mary", "Doe", EMAIL)).await;
        assert_eq!(contact(&first).1, Some(5));
        let merged = person(40, "Mary", "Doe", EMAIL);
        world.answers(move |method, path, _, _| match (method, path) {
            ("GET", CONTACTS) => Some((200, json!({ "data": [merged], "meta": { "paging": {} } }))),
            ("GET", "/api/v4/contacts/5") => Some(refused(404)),
            _ => None,
        });
        let report = sync(&world, "m2", &client("c2", second, "Doe", EMAIL)).await;
        assert_eq!(contact(&report), ("linked", Some(40), notes.as_slice()), "{report:?}");
    }
}

/// After a restore nobody knows who was synced first, and the client's matters are looked for under
/// one contact.
#[tokio::test]
async fn who_is_linked_does_not_hang_on_who_came_first() {
    for mary_first in [true, false] {
        let (world, _) = holding(two()).await;
        let mut clients = [("m1", "c1", "Mary"), ("m2", "c2", "Susan")];
        if !mary_first {
            clients.reverse();
        }
        for (matter, id, name) in clients {
            sync(&world, matter, &client(id, name, "Doe", EMAIL)).await;
        }
        assert_eq!(state(&world, "m1").await.clio_contact, Some(ClioId(9)));
        assert_eq!(state(&world, "m2").await.clio_contact, Some(ClioId(5)), "Mary first: {mary_first}");
    }
}

/// Whoever was linked first agrees with an initial, and so does the other one.
#[tokio::test]
async fn an_initial_that_several_agree_with_does_not_hang_on_who_came_first() {
    let both = vec![person(5, "Jane", "Doe", EMAIL), person(9, "John", "Doe", EMAIL)];
    for order in [["J.", "John", "Jane"], ["John", "J.", "Jane"], ["John", "Jane", "J."], ["Jane", "John", "J."]] {
        let (world, _) = holding(both.clone()).await;
        for name in order {
            let report = sync(&world, name, &client(name, name, "Doe", EMAIL)).await;
            let (clio, several) = match name {
                "J." => (5, true),
                "Jane" => (5, false),
                _ => (9, false),
            };
            assert_eq!(report.steps[0].clio, Some(ClioId(clio)), "{name} of {order:?}");
            assert_eq!(report.steps[0].notes.contains(&Note::SeveralContactsMatch), several, "{name} of {order:?}");
        }
    }
}

#[tokio::test]
async fn a_shared_contact_of_another_name_is_said() {
    let (world, sent) = holding(Vec::new()).await;
    sync(&world, "m1", &client("c1", "Richard", "Doe", EMAIL)).await;
    let second = sync(&world, "m2", &client("c2", "Mary", "Doe", EMAIL)).await;
    assert_eq!(contact(&second), ("linked", Some(11), [Note::SharedContact, Note::NameDiffers].as_slice()));
    assert_eq!(sent.lock().unwrap().len(), 1);
    assert_eq!(state(&world, "m2").await.clio_contact_notes, [Note::SharedContact, Note::NameDiffers]);
}

#[tokio::test]
async fn a_firm_may_have_a_new_contact_created() {
    let (world, made) = clio_of(two()[..1].to_vec(), &[]).await;
    mismatch(&world, OnNameMismatch::Create).await;
    let mary = client("c1", "Mary", "Doe", EMAIL);
    let report = sync(&world, "m1", &mary).await;
    assert_eq!(contact(&report), ("created", Some(101), [].as_slice()));
    assert_eq!((sync(&world, "m1", &mary).await.calls, made.lock().unwrap().sent), (0, 1));
    // The address stands for her now, and for him as soon as he is a client.
    let again = sync(&world, "m2", &client("c2", "Mary", "Doe", EMAIL)).await;
    assert_eq!(contact(&again), ("linked", Some(101), [Note::SharedContact].as_slice()));
    let richard = sync(&world, "m3", &client("c3", "Richard", "Doe", EMAIL)).await;
    assert_eq!(contact(&richard), ("linked", Some(5), [].as_slice()));
    let susan = sync(&world, "m4", &client("c4", "Susan", "Doe", EMAIL)).await;
    assert_eq!(contact(&susan), ("created", Some(102), [].as_slice()));
    let asked = world.calls(CONTACTS);
    let susan = sync(&world, "m5", &client("c5", "Susan", "Doe", EMAIL)).await;
    assert_eq!((contact(&susan).1, world.calls(CONTACTS)), (Some(102), asked + 1), "each has a place of the address");
    assert_eq!(made.lock().unwrap().sent, 2);
    assert_eq!(world.stored("contact-key").await.len(), 3);
}

#[tokio::test]
async fn two_new_clients_of_one_email_get_a_contact_each_if_the_firm_says_so() {
    let (world, made) = clio_of(Vec::new(), &[]).await;
    mismatch(&world, OnNameMismatch::Create).await;
    let first = sync(&world, "m1", &client("c1", "Richard", "Doe", EMAIL)).await;
    let second = sync(&world, "m2", &client("c2", "Mary", "Doe", EMAIL)).await;
    assert_eq!((contact(&first).1, contact(&second).1), (Some(101), Some(102)));
    assert_eq!(made.lock().unwrap().sent, 2);
}

/// A Clio that creates contacts under ids from 101, answers some creations with an error after it
/// carried them out, and lists all it holds.
struct Held {
    holds: Vec<Value>,
    failing: Vec<u16>,
    /// What it does not list yet.
    hidden: bool,
    /// It creates nothing.
    refuses: bool,
    sent: usize,
}

async fn clio_of(holds: Vec<Value>, failing: &[u16]) -> (World, Arc<Mutex<Held>>) {
    let world = World::new();
    world.connect().await.unwrap();
    let clio = Arc::new(Mutex::new(Held { holds, failing: failing.to_vec(), hidden: false, refuses: false, sent: 0 }));
    let state = Arc::clone(&clio);
    world.answers(move |method, path, _, body| {
        let mut clio = state.lock().unwrap();
        if path != CONTACTS {
            let id: i64 = path.strip_prefix(CONTACTS)?.strip_prefix('/')?.parse().ok()?;
            let shown = clio.holds.iter().find(|one| one["id"] == id);
            return Some(shown.map_or_else(|| refused(404), |shown| (200, json!({ "data": shown }))));
        }
        if method == "GET" {
            let shown = clio.holds.iter().filter(|one| !clio.hidden || one["id"].as_i64() < Some(100));
            return Some((200, json!({ "data": shown.collect::<Vec<_>>(), "meta": { "paging": {} } })));
        }
        if clio.refuses {
            return Some(refused(422));
        }
        clio.sent += 1;
        let mut made = body["data"].clone();
        (made["id"], made["type"]) = (json!(100 + clio.sent), json!("Person"));
        made["created_at"] = json!("2026-04-01T12:00:00Z");
        clio.holds.push(made.clone());
        match clio.failing.get(clio.sent - 1) {
            Some(0) | None => Some((201, json!({ "data": made }))),
            Some(status) => Some(refused(*status)),
        }
    });
    (world, clio)
}

#[tokio::test]
async fn after_a_doubt_a_contact_of_another_name_is_not_taken_for_the_new_one() {
    for policy in [OnNameMismatch::Create, OnNameMismatch::Link, OnNameMismatch::Review] {
        let (world, clio) = clio_of(Vec::new(), &[504]).await;
        mismatch(&world, policy).await;
        clio.lock().unwrap().hidden = true;
        // Somebody else's of that address appears while the creation is in doubt.
        let report = sync(&world, "m1", &client("c1", "Mary", "Doe", EMAIL)).await;
        assert_eq!(contact(&report).0, "in_doubt");
        clio.lock().unwrap().holds.push(person(5, "Richard", "Doe", EMAIL));
        world.later(Duration::from_secs(30)).await;
        match policy {
            OnNameMismatch::Create => {
                assert_eq!(state(&world, "m1").await.clio_contact, None, "his is not hers");
                clio.lock().unwrap().hidden = false;
                world.later(Duration::from_secs(300)).await;
                assert_eq!(state(&world, "m1").await.clio_contact, Some(ClioId(101)));
            }
            OnNameMismatch::Link => {
                let state = state(&world, "m1").await;
                assert_eq!(state.clio_contact, Some(ClioId(5)), "as the firm wants it");
                assert_eq!(state.clio_contact_notes, [Note::NameDiffers]);
            }
            OnNameMismatch::Review => {
                let asked = world.sdk.firm(&admin()).reviews().list().await.unwrap();
                assert_eq!(asked[0].candidates, [ClioId(5)]);
                world.sdk.firm(&admin()).reviews().resolve(OF_CONTACT, "c1", Decision::Create, None).await.unwrap();
                world.work().await;
                clio.lock().unwrap().hidden = false;
                world.later(Duration::from_secs(300)).await;
                assert_eq!(state(&world, "m1").await.clio_contact, Some(ClioId(101)), "found, and not sent again");
            }
        }
        assert_eq!(clio.lock().unwrap().sent, 1, "{policy:?}");
    }
}

#[tokio::test]
async fn what_an_admin_decides_about_a_name_is_done() {
    for (decision, clio, made) in [(Decision::Link { clio: ClioId(9) }, 9, 0), (Decision::Create, 101, 1)] {
        let (world, held) = clio_of(two(), &[]).await;
        mismatch(&world, OnNameMismatch::Review).await;
        let susan = client("c1", "Susan", "Doe", EMAIL);
        for _ in 0..2 {
            let report = sync(&world, "m1", &susan).await;
            let error = report.steps[0].error.as_ref().unwrap();
            assert_eq!((error.code(), error.get("reason")), (Code::NeedsReview, Some("name_differs")));
            assert_eq!(report.retry_after, None);
        }
        // Somebody else of this address does not wait for the answer.
        let richard = sync(&world, "m2", &client("c2", "Richard", "Doe", EMAIL)).await;
        assert_eq!(contact(&richard), ("linked", Some(5), [].as_slice()));
        let asked = world.sdk.firm(&admin()).reviews().list().await.unwrap();
        assert_eq!((asked.len(), asked[0].candidates.as_slice()), (1, [ClioId(5), ClioId(9)].as_slice()));
        world.sdk.firm(&admin()).reviews().resolve(OF_CONTACT, "c1", decision, None).await.unwrap();
        world.work().await;
        let state = state(&world, "m1").await;
        assert_eq!((state.clio_contact, held.lock().unwrap().sent), (Some(ClioId(clio)), made), "{decision:?}");
        assert!(world.sdk.firm(&admin()).reviews().list().await.unwrap().is_empty());
        let asked = world.calls(CONTACTS);
        sync(&world, "m1", &susan).await;
        assert_eq!(world.calls(CONTACTS), asked);
        world.later(Duration::from_secs(600)).await;
        assert_eq!(world.audited("second_record").await.len(), 0);
    }
}

#[tokio::test]
async fn an_admins_answer_outlives_a_creation_that_fails() {
    let (world, held) = clio_of(two(), &[504]).await;
    mismatch(&world, OnNameMismatch::Review).await;
    sync(&world, "m1", &client("c1", "Susan", "Doe", EMAIL)).await;
    world.sdk.firm(&admin()).reviews().resolve(OF_CONTACT, "c1", Decision::Create, None).await.unwrap();
    held.lock().unwrap().hidden = true;
    world.work().await;
    // It never was carried out.
    held.lock().unwrap().holds.retain(|one| one["id"].as_i64() < Some(100));
    held.lock().unwrap().hidden = false;
    for _ in 0..5 {
        world.later(Duration::from_secs(300)).await;
        assert!(world.sdk.firm(&admin()).reviews().list().await.unwrap().is_empty(), "not asked again");
    }
    assert_eq!((state(&world, "m1").await.clio_contact, held.lock().unwrap().sent), (Some(ClioId(102)), 2));
}

#[tokio::test]
async fn an_admins_answer_outlives_a_creation_that_clio_refuses() {
    let (world, held) = clio_of(two(), &[]).await;
    mismatch(&world, OnNameMismatch::Review).await;
    let susan = client("c1", "Susan", "Doe", EMAIL);
    sync(&world, "m1", &susan).await;
    world.sdk.firm(&admin()).reviews().resolve(OF_CONTACT, "c1", Decision::Create, None).await.unwrap();
    held.lock().unwrap().refuses = true;
    world.work().await;
    let failure = state(&world, "m1").await.last_run.unwrap().failure.unwrap();
    assert_eq!((failure.code.as_str(), held.lock().unwrap().sent), ("clio_validation", 0));
    assert!(world.sdk.firm(&admin()).reviews().list().await.unwrap().is_empty());
    // What Clio refused is corrected in CaseHug.
    held.lock().unwrap().refuses = false;
    let report = sync(&world, "m1", &susan).await;
    assert_eq!(contact(&report), ("created", Some(101), [].as_slice()));
    assert!(world.sdk.firm(&admin()).reviews().list().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_question_answers_itself_when_clio_or_the_firm_says_otherwise() {
    let susan = client("c1", "Susan", "Doe", EMAIL);
    // The contact is corrected in Clio.
    let (world, held) = clio_of(two(), &[]).await;
    mismatch(&world, OnNameMismatch::Review).await;
    sync(&world, "m1", &susan).await;
    held.lock().unwrap().holds[1]["first_name"] = json!("Susan");
    let report = sync(&world, "m1", &susan).await;
    assert_eq!(contact(&report), ("linked", Some(9), [].as_slice()));
    assert!(world.sdk.firm(&admin()).reviews().list().await.unwrap().is_empty());
    // The firm changes its mind.
    for (policy, outcome) in [(OnNameMismatch::Create, "created"), (OnNameMismatch::Link, "linked")] {
        let (world, _) = clio_of(two(), &[]).await;
        mismatch(&world, OnNameMismatch::Review).await;
        sync(&world, "m1", &susan).await;
        mismatch(&world, policy).await;
        assert_eq!(contact(&sync(&world, "m1", &susan).await).0, outcome);
        assert!(world.sdk.firm(&admin()).reviews().list().await.unwrap().is_empty());
        assert!(world.stored("review").await.is_empty());
    }
}

#[tokio::test]
async fn a_question_needs_no_key_of_a_connection_that_is_gone() {
    let (world, _) = clio_of(two(), &[]).await;
    mismatch(&world, OnNameMismatch::Review).await;
    let susan = client("c1", "Susan", "Doe", EMAIL);
    sync(&world, "m1", &susan).await;
    world.sdk.firm(&admin()).connection().end(None).await.unwrap();
    world.later(Duration::from_secs(600)).await;
    assert!(world.stored("data-key").await.is_empty(), "nothing is sealed with it");
    world.connect().await.unwrap();
    world
        .sdk
        .firm(&admin())
        .reviews()
        .resolve(OF_CONTACT, "c1", Decision::Link { clio: ClioId(9) }, None)
        .await
        .unwrap();
    world.work().await;
    assert_eq!(state(&world, "m1").await.clio_contact, Some(ClioId(9)));
}

#[tokio::test]
async fn after_a_restore_a_contact_that_may_be_ours_under_another_name_is_asked_about() {
    let (world, held) = clio_of(Vec::new(), &[]).await;
    mismatch(&world, OnNameMismatch::Create).await;
    let backup = world.store.backup();
    let since = crate::ports::Runtime::now(&world.runtime);
    sync(&world, "m1", &client("c1", "Mary", "Doe", EMAIL)).await;
    world.store.restore(&backup);
    world.sdk.firm(&admin()).reviews().begin_recovery(since).await.unwrap();
    world.runtime.advance(Duration::from_secs(400));
    // She married, and was corrected.
    let report = sync(&world, "m1", &client("c1", "Maria", "Roe", EMAIL)).await;
    assert_eq!(report.steps[0].error.as_ref().map(|error| error.code()), Some(Code::NeedsReview), "{report:?}");
    assert_eq!(held.lock().unwrap().sent, 1);
}

#[tokio::test]
async fn a_contact_that_was_linked_before_names_were_looked_at_is_found_by_asking() {
    let (world, sent) = holding(two()[..1].to_vec()).await;
    sync(&world, "m1", &client("c1", "Richard", "Doe", EMAIL)).await;
    // As it was written then.
    for (id, mut body) in world.stored("contact-known").await {
        body.as_object_mut().unwrap().remove("name");
        world.overwrite("contact-known", &id, &body).await;
    }
    let same = sync(&world, "m2", &client("c2", "Richard", "Doe", EMAIL)).await;
    assert_eq!((contact(&same).1, contact(&same).2), (Some(5), [Note::SharedContact].as_slice()));
    let other = sync(&world, "m3", &client("c3", "Mary", "Doe", EMAIL)).await;
    assert_eq!(contact(&other).2, [Note::SharedContact, Note::NameDiffers]);
    assert!(sent.lock().unwrap().is_empty());
    assert_eq!(world.calls(&post(CONTACTS)), 0);
}
