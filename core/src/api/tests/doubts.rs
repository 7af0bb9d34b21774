//! Creations in doubt: how often they are sent, what an admin decides of them, and what Clio
//! executes long after it was given up: nothing prevents that second record, but it is told.

use core::time::Duration;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::world::{World, admin, firm, matter, refused};
use crate::domain::{ClioId, Intake, MatterId, Trigger};
use crate::error::Code;
use crate::links::Decision;
use crate::store::EventBody;

pub const CONTACTS: &str = "/api/v4/contacts";
pub const MATTERS: &str = "/api/v4/matters";
/// The time until the look.
const LOOK: Duration = Duration::from_secs(125);
/// From a look that found something to the one that confirms it.
const CONFIRMED: Duration = Duration::from_secs(336);
/// After it Clio's lists show what Clio has done before it answered with an error.
pub const LISTED: Duration = Duration::from_secs(61);

/// A Clio that answers the first creations with an error, and what it holds.
#[derive(Default)]
pub struct Slow {
    failing: Vec<u16>,
    /// It lists nothing for the present.
    down: bool,
    pub sent: Vec<Value>,
    pub holds: Vec<Value>,
}

impl Slow {
    /// It executes what it refused first, after all.
    fn execute_late(&mut self, id: i64) {
        let late = made(&self.sent[0], id);
        self.holds.push(late);
    }
}

fn made(sent: &Value, id: i64) -> Value {
    let mut made = sent.clone();
    made["id"] = json!(id);
    made["type"] = json!("Person");
    made["created_at"] = json!("2026-04-01T12:00:00Z");
    made
}

pub async fn slow(list: &'static str, failing: &[u16]) -> (World, Arc<Mutex<Slow>>) {
    let world = World::new();
    world.connect().await.unwrap();
    let slow = Arc::new(Mutex::new(Slow { failing: failing.to_vec(), ..Slow::default() }));
    let state = Arc::clone(&slow);
    world.answers(move |method, path, _, body| {
        let mut slow = state.lock().unwrap();
        match method {
            "POST" if path == list => {
                slow.sent.push(body["data"].clone());
                if let Some(status) = slow.failing.get(slow.sent.len() - 1) {
                    return Some(refused(*status));
                }
                // As the usual answer.
                slow.holds.push(made(&body["data"], if list == CONTACTS { 11 } else { 21 }));
                None
            }
            "GET" if path == list && slow.down => Some(refused(503)),
            "GET" if path == list => Some((200, json!({ "data": slow.holds, "meta": { "paging": {} } }))),
            _ => None,
        }
    });
    (world, slow)
}

pub fn put(world: &World, email: Option<&str>) {
    let intake = json!({ "matter": { "id": "m1", "title": "T", "case_number": "1" }, "documents": [],
        "client": { "id": "c1", "first_name": "A", "last_name": "B", "email": email } });
    world.intake.put(&firm(), Intake::from_json(intake.to_string().as_bytes()).unwrap());
}

/// Sent, refused, not found, and sent again.
async fn sent_twice(world: &World) {
    let report = world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
    assert_eq!(report.clio_matter(), None);
    world.later(LISTED).await;
    assert!(world.sdk.firm(&admin()).matters().state(&matter()).await.unwrap().clio_matter.is_some());
    assert_eq!(world.stored("repeated").await.len(), 1);
    world.events().await;
}

async fn status_event(world: &World) -> Vec<EventBody> {
    let events = world.events().await.into_iter();
    events.filter(|body| matches!(body, EventBody::SecondRecord { .. })).collect()
}

pub fn post(list: &str) -> String {
    format!("POST {list} ")
}

#[tokio::test]
async fn a_second_record_is_told_once() {
    let cases = [(MATTERS, None, 21), (CONTACTS, Some("a@b.example"), 11), (CONTACTS, None, 11)];
    for (list, email, linked) in cases {
        let (world, slow) = slow(list, &[500]).await;
        put(&world, email);
        sent_twice(&world).await;
        slow.lock().unwrap().execute_late(99);
        world.later(LOOK).await;
        assert!(status_event(&world).await.is_empty(), "it may be another one that is just being linked");
        world.later(CONFIRMED).await;
        let step = if list == CONTACTS { "contact" } else { "matter" };
        let id = if list == CONTACTS { "c1" } else { "m1" };
        let (clio, others) = (ClioId(linked), vec![ClioId(99)]);
        let event = EventBody::SecondRecord { step: step.into(), id: id.into(), clio, others };
        assert_eq!(status_event(&world).await, [event]);
        let audited = world.audited("second_record").await;
        assert_eq!((audited.len(), &audited[0]["details"]["others"]), (1, &json!("99")));
        assert!(world.stored("repeated").await.is_empty());
        world.later(CONFIRMED).await;
        assert_eq!((status_event(&world).await.len(), world.audited("second_record").await.len()), (0, 1));
        assert_eq!(slow.lock().unwrap().sent.len(), 2, "nothing is changed in Clio");
    }
}

#[tokio::test]
async fn what_is_another_one_is_not_told() {
    let (world, slow) = slow(MATTERS, &[500]).await;
    put(&world, None);
    sent_twice(&world).await;
    {
        let mut slow = slow.lock().unwrap();
        let mut other = made(&slow.sent[0], 97);
        other["description"] = json!("another one");
        let mut before = made(&slow.sent[0], 98);
        before["created_at"] = json!("2026-03-01T12:00:00Z");
        slow.holds.extend([other, before]);
    }
    world.later(LOOK).await;
    world.later(CONFIRMED).await;
    assert!(status_event(&world).await.is_empty() && world.audited("second_record").await.is_empty());
    assert!(world.stored("repeated").await.is_empty(), "it was looked");
}

#[tokio::test]
async fn a_look_waits_for_the_link_and_for_clio() {
    // The third request is refused for good, so that nothing is linked for the present.
    let (world, slow) = slow(MATTERS, &[500, 422]).await;
    put(&world, None);
    world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
    world.later(LISTED).await;
    let asked = world.calls("GET /api/v4/matters");
    world.later(LOOK).await;
    assert_eq!((world.stored("repeated").await.len(), world.calls("GET /api/v4/matters")), (1, asked));
    world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap().clio_matter().unwrap();
    slow.lock().unwrap().execute_late(99);
    slow.lock().unwrap().down = true;
    world.later(Duration::from_secs(3_601)).await;
    assert_eq!(world.stored("repeated").await.len(), 1, "it is not given up while Clio does not answer");
    slow.lock().unwrap().down = false;
    world.later(Duration::from_secs(3_601)).await;
    world.later(CONFIRMED).await;
    assert_eq!(status_event(&world).await.len(), 1);
}

#[tokio::test]
async fn where_what_was_sent_is_not_known_any_more_there_is_no_look() {
    let (world, slow) = slow(MATTERS, &[500]).await;
    put(&world, None);
    sent_twice(&world).await;
    slow.lock().unwrap().execute_late(99);
    world.sdk.firm(&admin()).connection().end(None).await.unwrap();
    world.later(LOOK).await;
    assert!(world.stored("repeated").await.is_empty() && status_event(&world).await.is_empty());
    world.connect().await.unwrap();
    world.later(LOOK).await;
    assert!(status_event(&world).await.is_empty());
}

#[tokio::test]
async fn however_often_it_was_sent_there_is_one_look() {
    let (world, slow) = slow(MATTERS, &[500, 500, 500]).await;
    put(&world, None);
    world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
    for _ in 0..3 {
        world.later(LISTED).await;
    }
    assert_eq!(slow.lock().unwrap().sent.len(), 3, "and then not before long");
    world.later(Duration::from_secs(3_601)).await;
    assert_eq!(world.stored("repeated").await.len(), 1);
    assert_eq!(slow.lock().unwrap().sent.len(), 4);
    slow.lock().unwrap().execute_late(99);
    world.events().await;
    world.later(LOOK).await;
    world.later(CONFIRMED).await;
    assert_eq!((status_event(&world).await.len(), world.audited("second_record").await.len()), (1, 1));
    assert!(world.stored("repeated").await.is_empty());
}

#[tokio::test]
async fn what_another_matter_is_about_to_link_is_not_told() {
    let (world, slow) = slow(MATTERS, &[500]).await;
    put(&world, None);
    sent_twice(&world).await;
    slow.lock().unwrap().execute_late(99);
    world.later(LOOK).await;
    world.links_another("matter", 99).await;
    world.later(CONFIRMED).await;
    assert!(status_event(&world).await.is_empty() && world.stored("repeated").await.is_empty());
}

#[tokio::test]
async fn what_is_never_linked_is_not_looked_for_for_ever() {
    let (world, _) = slow(MATTERS, &[500, 422]).await;
    put(&world, None);
    world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
    world.later(LISTED).await;
    for _ in 0..7 {
        assert_eq!(world.stored("repeated").await.len(), 1);
        world.later(Duration::from_secs(24 * 3600)).await;
    }
    world.later(Duration::from_secs(3600)).await;
    assert!(world.stored("repeated").await.is_empty());
}

#[tokio::test]
async fn an_input_that_clio_always_fails_over_is_not_sent_to_it_all_the_time() {
    let (world, _) = slow(MATTERS, &[500; 1000]).await;
    put(&world, None);
    world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
    for hour in 1..=2 {
        for _ in 0..720 {
            world.later(Duration::from_secs(5)).await;
        }
        assert_eq!(world.calls(&post(MATTERS)), 3 * hour, "after {hour} h");
    }
}

#[tokio::test]
async fn a_doubt_that_an_admin_closed_is_looked_at_too() {
    let (world, slow) = slow(MATTERS, &[504]).await;
    put(&world, None);
    world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
    {
        // A person has made one of the same title.
        let mut slow = slow.lock().unwrap();
        let mut near = made(&slow.sent[0], 30);
        near["client_reference"] = json!("by hand");
        slow.holds.push(near);
    }
    world.later(Duration::from_secs(6)).await;
    let review = world.sdk.firm(&admin()).reviews().list().await.unwrap().remove(0);
    world.http.clio().matter = json!({ "id": 30, "status": "Open", "client": { "id": 11 } });
    world
        .sdk
        .firm(&admin())
        .reviews()
        .resolve(review.step, &review.id, Decision::Link { clio: ClioId(30) }, None)
        .await
        .unwrap();
    assert!(world.sdk.firm(&admin()).reviews().list().await.unwrap().is_empty(), "it is answered once");
    world.later(Duration::from_secs(1)).await;
    assert!(world.sdk.firm(&admin()).matters().state(&matter()).await.unwrap().clio_matter.is_some());
    slow.lock().unwrap().execute_late(99);
    world.events().await;
    world.later(CONFIRMED).await;
    world.later(CONFIRMED).await;
    let told = status_event(&world).await;
    assert!(matches!(&told[..], [EventBody::SecondRecord { others, .. }] if others == &[ClioId(99)]), "{told:?}");
}

#[tokio::test]
async fn a_question_that_answered_itself_is_not_answered_into_another_try() {
    let (world, slow) = slow(MATTERS, &[504, 504]).await;
    put(&world, None);
    world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
    let mut near = made(&slow.lock().unwrap().sent[0], 30);
    near["client_reference"] = json!("by hand");
    slow.lock().unwrap().holds.push(near);
    world.later(Duration::from_secs(6)).await;
    let review = world.sdk.firm(&admin()).reviews().list().await.unwrap().remove(0);
    // It was given another title inside Clio, and resembles ours no more.
    slow.lock().unwrap().holds.clear();
    world.runtime.advance(CONFIRMED);
    world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
    assert_eq!(slow.lock().unwrap().sent.len(), 2, "the second try is in doubt");
    let answer = world
        .sdk
        .firm(&admin())
        .reviews()
        .resolve(review.step, &review.id, Decision::Link { clio: ClioId(30) }, None)
        .await;
    assert_eq!(answer.unwrap_err().code(), Code::RecordUnknown);
    assert_eq!(world.sdk.firm(&admin()).reviews().list().await.unwrap(), []);
}

#[tokio::test]
async fn all_matters_that_wait_for_a_question_go_on_when_it_answers_itself() {
    let (world, slow) = slow(CONTACTS, &[504]).await;
    put(&world, None);
    world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
    let mut near = made(&slow.lock().unwrap().sent[0], 30);
    near["phone_numbers"] = json!([{ "number": "+1 206 555 0100" }]);
    slow.lock().unwrap().holds.push(near);
    world.later(Duration::from_secs(6)).await;
    let other = MatterId::new("m2").unwrap();
    let intake = json!({ "matter": { "id": "m2", "title": "U" }, "documents": [],
        "client": { "id": "c1", "first_name": "A", "last_name": "B" } });
    world.intake.put(&firm(), Intake::from_json(intake.to_string().as_bytes()).unwrap());
    world.sdk.firm(&admin()).matters().trigger(&other, Trigger::Approved).await.unwrap();
    world.work().await;
    assert_eq!(world.sdk.firm(&admin()).reviews().list().await.unwrap()[0].matters.len(), 2);
    slow.lock().unwrap().holds.clear();
    world.runtime.advance(CONFIRMED);
    let report = world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
    assert!(report.clio_matter().is_some(), "{report:?}");
    world.later(Duration::from_secs(6)).await;
    assert_eq!(world.calls(&post(MATTERS)), 2, "the other one is sent too");
    assert!(world.stored("review").await.is_empty());
}
