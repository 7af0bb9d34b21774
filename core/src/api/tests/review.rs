//! Contact review: what is accepted is what was seen.

use futures_util::FutureExt as _;
use futures_util::future::{Either, select};
use serde_json::json;

use super::world::{World, admin, matter, member};
use crate::api::ProposedContact;
use crate::contact_review::Direction;
use crate::domain::{Intake, MatterId, Note};
use crate::error::Code;
use crate::store::EventBody;

async fn changes(world: &World, name: &str) {
    world.runtime.advance(core::time::Duration::from_secs(1));
    world.http.clio().contact["first_name"] = json!(name);
    world.deliver("contact", &json!({ "data": { "id": 11, "name": name }, "meta": { "event": "updated" } })).await;
    world.work().await;
}

async fn proposals(world: &World) -> Vec<ProposedContact> {
    world.sdk.firm(&admin()).contacts().proposals().await.unwrap()
}

fn names(proposals: &[ProposedContact]) -> Vec<(&str, bool)> {
    proposals.iter().map(|one| (one.first_name.expose(), one.accepted)).collect()
}

/// The client, as CaseHug has it from now on.
fn rename(world: &World, first_name: &str, last_name: &str) {
    let intake = json!({ "matter": { "id": "m1", "title": "T" }, "documents": [],
        "client": { "id": "c1", "first_name": first_name, "last_name": last_name, "email": "a@b.example" } });
    let intake = Intake::from_json(intake.to_string().as_bytes()).unwrap();
    world.intake.put(&super::world::firm(), intake);
}

#[tokio::test]
async fn what_is_accepted_is_what_was_seen() {
    let world = World::reviewing().await;
    world.synced().await;
    changes(&world, "First").await;
    let seen = proposals(&world).await.remove(0);
    changes(&world, "Second").await;
    let error = world.sdk.firm(&admin()).contacts().accept(&seen.id).await.unwrap_err();
    assert_eq!(error.code(), Code::RecordUnknown, "another one took its place");
    let second = proposals(&world).await.remove(0);
    world.sdk.firm(&admin()).contacts().accept(&second.id).await.unwrap();
    changes(&world, "Third").await;
    assert_eq!(names(&proposals(&world).await), [("Second", true), ("Third", false)], "an accepted one stays");
    let told = world.events().await;
    let accepted = told.iter().filter_map(|body| match body {
        EventBody::ContactAccepted { proposal, .. } => Some(proposal.as_str()),
        _ => None,
    });
    assert_eq!(accepted.collect::<Vec<_>>(), [second.id.as_str()]);
    let error = world.sdk.firm(&admin()).contacts().reject(&second.id).await.unwrap_err();
    assert_eq!(error.code(), Code::AlreadyDecided, "the host may have applied it");
    world.sdk.host().mark_contact_applied(&member().firm, &second.id).await.unwrap();
    assert_eq!(names(&proposals(&world).await), [("Third", false)]);
    assert!(world.audited("contact_review").await.iter().any(|entry| entry["details"]["applied"] == "true"));
}

#[tokio::test]
async fn a_change_is_sent_only_to_the_contact_that_it_was_proposed_for() {
    let world = World::reviewing().await;
    world.synced().await;
    assert_eq!(
        world.sdk.firm(&member()).contacts().propose(&matter()).await.unwrap().proposal,
        None,
        "Clio says the same"
    );
    rename(&world, "Anna", "B");
    let id = world.sdk.firm(&member()).contacts().propose(&matter()).await.unwrap().proposal.unwrap();
    assert_eq!(proposals(&world).await[0].direction, Direction::ToClio);
    // Changed in Clio since.
    world.http.clio().contact["last_name"] = json!("Married");
    world.http.clio().contact["etag"] = json!("\"2\"");
    assert_eq!(world.sdk.firm(&admin()).contacts().accept(&id).await.unwrap_err().code(), Code::ClioConflict);
    assert_eq!(world.calls("PATCH /api/v4/contacts"), 0);
    assert_eq!(names(&proposals(&world).await), [("Anna", false)], "it may be rejected, and proposed again");
    let again = world.sdk.firm(&member()).contacts().propose(&matter()).await.unwrap().proposal.unwrap();
    world.sdk.firm(&admin()).contacts().accept(&again).await.unwrap();
    assert_eq!(world.http.clio().contact["first_name"], "Anna");
    assert!(proposals(&world).await.is_empty());
    let by: Vec<_> = world.audited("contact_review").await.into_iter().map(|entry| entry["actor"].clone()).collect();
    assert!(by.iter().all(|actor| actor == "usr_1"), "{by:?}");
}

/// The client's link, as it was written before names were compared.
async fn linked_long_ago(world: &World) {
    let (id, mut link) = world.stored("contact").await.remove(0);
    link["how"] = json!("linked");
    link.as_object_mut().unwrap().remove("named");
    world.overwrite("contact", &id, &link).await;
}

#[tokio::test]
async fn nothing_is_proposed_between_two_names_that_nobody_compared() {
    let world = World::reviewing().await;
    world.synced().await;
    linked_long_ago(&world).await;
    // Her contact is her husband's.
    world.http.clio().contact["last_name"] = json!("B-D");
    changes(&world, "Otto").await;
    assert!(proposals(&world).await.is_empty(), "from Clio");
    let proposed = world.sdk.firm(&member()).contacts().propose(&matter()).await.unwrap();
    assert_eq!(proposed.proposal, None, "to Clio");
    // Hers after all.
    world.http.clio().contact["last_name"] = json!("B");
    changes(&world, "A Maria").await;
    assert_eq!(names(&proposals(&world).await), [("A Maria", false)]);
    rename(&world, "A Klara", "B");
    let proposed = world.sdk.firm(&member()).contacts().propose(&matter()).await.unwrap();
    assert_eq!(proposed.proposal, None, "another name again");
    rename(&world, "A Maria Klara", "B");
    assert!(world.sdk.firm(&member()).contacts().propose(&matter()).await.unwrap().proposal.is_some());
}

#[tokio::test]
async fn nothing_is_proposed_from_clio_where_casehug_cannot_say_whose_name_it_is() {
    let world = World::reviewing().await;
    world.synced().await;
    linked_long_ago(&world).await;
    world.intake.remove(&super::world::firm(), &matter());
    changes(&world, "A Maria").await;
    assert!(proposals(&world).await.is_empty());
}

#[tokio::test]
async fn what_an_admin_accepted_is_sent_though_they_leave() {
    let world = World::reviewing().await;
    world.synced().await;
    rename(&world, "Anna", "B");
    let id = world.sdk.firm(&member()).contacts().propose(&matter()).await.unwrap().proposal.unwrap();
    let answer = world.hold("GET /api/v4/contacts/11");
    let as_admin = admin();
    let mut accepts = Box::pin(world.sdk.firm(&as_admin).contacts().accept(&id));
    assert!(matches!(select(&mut accepts, Box::pin(world.until_held())).await, Either::Right(_)));
    drop((accepts, answer));
    assert_eq!(names(&proposals(&world).await), [("Anna", true)]);
    world.runtime.run_spawned().await;
    assert_eq!(proposals(&world).await, []);
    assert_eq!(world.http.clio().contact["first_name"], "Anna");
}

/// An admin accepts; what is asked of Clio next is not answered before the guard is dropped.
async fn accepts_slowly(world: &World, call: &str) -> (String, futures_util::lock::OwnedMutexGuard<()>) {
    world.synced().await;
    rename(world, "Anna", "B");
    let id = world.sdk.firm(&member()).contacts().propose(&matter()).await.unwrap().proposal.unwrap();
    let answer = world.hold(call);
    let as_admin = admin();
    let mut accepts = Box::pin(world.sdk.firm(&as_admin).contacts().accept(&id));
    assert!(matches!(select(&mut accepts, Box::pin(world.until_held())).await, Either::Right(_)));
    drop(accepts);
    (id, answer)
}

/// What the log says of a proposal, oldest first.
async fn log_of(world: &World, id: &str) -> Vec<String> {
    let entries = world.audited("contact_review").await.into_iter();
    let of_it = entries.filter(|entry| entry["details"]["proposal"] == id);
    let said = |entry: serde_json::Value| match (&entry["details"]["decision"], &entry["details"]["sent"]) {
        (serde_json::Value::String(decision), _) => decision.clone(),
        (_, serde_json::Value::String(_)) => String::from("sent"),
        _ => entry["status"].as_str().unwrap().to_owned(),
    };
    of_it.map(said).collect()
}

#[tokio::test]
async fn a_change_that_is_rejected_before_it_is_sent_is_not_sent() {
    let world = World::reviewing().await;
    let (id, answer) = accepts_slowly(&world, "GET /api/v4/contacts/11").await;
    world.sdk.firm(&admin()).contacts().reject(&id).await.unwrap();
    drop(answer);
    world.runtime.run_spawned().await;
    assert_eq!((world.calls("PATCH /api/v4/contacts"), proposals(&world).await), (0, vec![]));
    assert_eq!(log_of(&world, &id).await, ["noted", "accepted", "rejected", "failed"]);
}

#[tokio::test]
async fn a_change_that_was_sent_is_told_as_sent_though_it_is_rejected_meanwhile() {
    let world = World::reviewing().await;
    let (id, answer) = accepts_slowly(&world, "PATCH /api/v4/contacts/11").await;
    world.sdk.firm(&admin()).contacts().reject(&id).await.unwrap();
    drop(answer);
    world.runtime.run_spawned().await;
    assert_eq!(world.http.clio().contact["first_name"], "Anna");
    assert_eq!(log_of(&world, &id).await, ["noted", "accepted", "rejected", "sent"]);
}

#[tokio::test]
async fn a_change_that_another_admins_try_put_back_is_not_sent() {
    let world = World::reviewing().await;
    let (id, answer) = accepts_slowly(&world, "GET /api/v4/contacts/11").await;
    world.answers(|method, _, _, _| (method == "PATCH").then(|| super::world::refused(422)));
    world.sdk.firm(&admin()).contacts().accept(&id).await.unwrap_err();
    world.answers_as_usual();
    drop(answer);
    world.runtime.run_spawned().await;
    assert_eq!((world.calls("PATCH /api/v4/contacts"), names(&proposals(&world).await)), (1, vec![("Anna", false)]));
    assert_eq!(log_of(&world, &id).await, ["noted", "accepted", "accepted", "failed", "failed"]);
}

#[tokio::test]
async fn a_repeated_attempt_looks_again_whether_the_change_was_rejected() {
    let world = World::reviewing().await;
    let (id, answer) = accepts_slowly(&world, "PATCH /api/v4/contacts/11").await;
    world.answers(|method, _, _, _| (method == "PATCH").then(|| super::world::refused(503)));
    world.sdk.firm(&admin()).contacts().reject(&id).await.unwrap();
    drop(answer);
    world.runtime.run_spawned().await;
    assert_eq!(world.calls("PATCH /api/v4/contacts/11 "), 1);
    assert_eq!(log_of(&world, &id).await, ["noted", "accepted", "rejected", "failed"]);
}

/// The call ends; what was accepted goes on.
#[tokio::test]
async fn what_an_admin_accepted_is_sent_though_they_cancel() {
    let world = World::reviewing().await;
    world.synced().await;
    rename(&world, "Anna", "B");
    let id = world.sdk.firm(&member()).contacts().propose(&matter()).await.unwrap().proposal.unwrap();
    let answer = world.hold("GET /api/v4/contacts/11");
    let (part, as_admin) = (world.sdk.part(), admin());
    let mut accepts = Box::pin(part.firm(&as_admin).contacts().accept(&id));
    assert!(matches!(select(&mut accepts, Box::pin(world.until_held())).await, Either::Right(_)));
    part.stop();
    let ended = accepts.now_or_never().expect("what waits ends at once");
    assert_eq!(ended.unwrap_err().code(), Code::Cancelled);
    drop(answer);
    assert_eq!(names(&proposals(&world).await), [("Anna", true)]);
    world.runtime.run_spawned().await;
    assert_eq!(proposals(&world).await, []);
    assert_eq!(world.http.clio().contact["first_name"], "Anna");
}

#[tokio::test]
async fn a_name_that_casehug_does_not_have_takes_none_away_in_clio() {
    let world = World::reviewing().await;
    world.synced().await;
    let first_name = world.http.clio().contact["first_name"].clone();
    rename(&world, " ", "B");
    assert_eq!(world.sdk.firm(&member()).contacts().propose(&matter()).await.unwrap().proposal, None, "nothing to add");
    rename(&world, " ", "Married");
    let id = world.sdk.firm(&member()).contacts().propose(&matter()).await.unwrap().proposal.unwrap();
    world.sdk.firm(&admin()).contacts().accept(&id).await.unwrap();
    let contact = world.http.clio().contact.clone();
    assert_eq!((&contact["first_name"], &contact["last_name"]), (&first_name, &json!("Married")));
}

async fn sync_of(world: &World, matter: &str, client: &str, first_name: &str) -> Vec<Note> {
    intake_of(world, matter, client, first_name);
    let matter = MatterId::new(matter).unwrap();
    world.sdk.firm(&admin()).matters().sync(&matter).await.unwrap().steps[0].notes.clone()
}

fn intake_of(world: &World, matter: &str, client: &str, first_name: &str) {
    let intake = json!({ "matter": { "id": matter, "title": "T" }, "documents": [],
        "client": { "id": client, "first_name": first_name, "last_name": "B", "email": "a@b.example" } });
    world.intake.put(&super::world::firm(), Intake::from_json(intake.to_string().as_bytes()).unwrap());
}

async fn propose(world: &World, matter: &str) -> Option<String> {
    world.sdk.firm(&member()).contacts().propose(&MatterId::new(matter).unwrap()).await.unwrap().proposal
}

/// Husband and wife with one address: neither is renamed to the other.
#[tokio::test]
async fn nothing_is_proposed_between_a_client_and_a_contact_of_another_name() {
    let world = World::reviewing().await;
    world.synced().await;
    assert_eq!(sync_of(&world, "m2", "c2", "John").await, [Note::SharedContact, Note::NameDiffers]);
    assert_eq!(propose(&world, "m2").await, None);
    intake_of(&world, "m2", "c2", "Johnny");
    assert_eq!(propose(&world, "m2").await, None);
    assert!(proposals(&world).await.is_empty());

    let world = World::reviewing().await;
    let jane = json!({ "id": 11, "etag": "\"1\"", "type": "Person", "first_name": "Jane", "last_name": "B",
        "created_at": "2026-04-01T12:00:00Z", "updated_at": "2026-04-01T12:00:00Z",
        "email_addresses": [{ "address": "a@b.example" }] });
    world.http.clio().contact = jane.clone();
    world.answers(move |method, path, _, _| {
        let page = || json!({ "data": [jane], "meta": { "paging": {}, "records": 1 } });
        ((method, path) == ("GET", "/api/v4/contacts")).then(|| (200, page()))
    });
    assert_eq!(sync_of(&world, "m1", "c1", "John").await, [Note::NameDiffers]);
    changes(&world, "Janet").await;
    assert!(proposals(&world).await.is_empty(), "Jane's new name is not John's");
}

#[tokio::test]
async fn a_proposal_of_one_client_takes_none_of_anothers_place() {
    let world = World::reviewing().await;
    world.synced().await;
    assert_eq!(sync_of(&world, "m2", "c2", "A").await, [Note::SharedContact]);
    for (matter, client, name) in [("m1", "c1", "Anna"), ("m2", "c2", "Annabel"), ("m2", "c2", "Annie")] {
        intake_of(&world, matter, client, name);
        assert!(propose(&world, matter).await.is_some());
    }
    assert_eq!(names(&proposals(&world).await), [("Anna", false), ("Annie", false)]);
}
