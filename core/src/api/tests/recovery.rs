//! After the store lost its tail: what is in Clio and not in the store any more is found, or asked
//! about, never created again.

use core::time::Duration;
use std::sync::Arc;

use futures_util::future::join;
use serde_json::json;

use super::doubts::{CONTACTS, MATTERS, post, put, slow};
use super::world::{World, admin, firm, matter};
use crate::domain::{ClioId, MatterId, StepKind, Timestamp};
use crate::links::Decision;
use crate::ports::{Key, Write};

async fn recover(world: &World) {
    let since = Timestamp::parse("2026-04-01T11:00:00Z").unwrap();
    world.sdk.firm(&admin()).reviews().begin_recovery(since).await.unwrap();
}

#[tokio::test]
async fn after_a_restore_a_client_that_was_corrected_meanwhile_is_asked_about() {
    let lost = |field: &str, text: serde_json::Value| {
        let mut lost = json!({ "id": 30, "type": "Person", "first_name": "A", "last_name": "B",
            "created_at": "2026-04-01T12:00:00Z", "email_addresses": [{ "address": "a@b.example" }] });
        lost[field] = text;
        lost
    };
    let none = json!([]);
    let cases = [
        (Some("a@new.example"), lost("id", json!(30))),
        (Some("a@new.example"), lost("last_name", json!("Before"))),
        (Some("a@new.example"), lost("email_addresses", none.clone())),
        (None, lost("id", json!(30))),
        (None, lost("last_name", json!("Before"))),
        (None, lost("first_name", json!("Before"))),
    ];
    for (email, lost) in cases {
        let (world, slow) = slow(CONTACTS, &[]).await;
        put(&world, email);
        recover(&world).await;
        slow.lock().unwrap().holds.push(lost);
        world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
        world.later(Duration::from_secs(300)).await;
        let review = world.sdk.firm(&admin()).reviews().list().await.unwrap().remove(0);
        assert_eq!((review.step, &review.candidates[..]), (StepKind::Contact, &[ClioId(30)][..]));
        world.sdk.firm(&admin()).reviews().resolve(review.step, &review.id, Decision::Create, None).await.unwrap();
        world.later(Duration::from_secs(300)).await;
        assert_eq!(world.sdk.firm(&admin()).matters().state(&matter()).await.unwrap().clio_contact, Some(ClioId(11)));
    }
}

#[tokio::test]
async fn what_is_older_than_the_lost_time_is_nobodys_however_long_a_recovery_lasts() {
    let by_hand = |fields: serde_json::Value| {
        let mut record = json!({ "id": 30, "created_at": "2026-03-01T12:00:00Z" });
        record.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        record
    };
    let matter_of = |client: i64| json!({ "description": "T", "client_reference": "1", "client": { "id": client } });
    let person = |email: &[&str]| {
        let emails: Vec<_> = email.iter().map(|address| json!({ "address": address })).collect();
        json!({ "type": "Person", "first_name": "A", "last_name": "B", "email_addresses": emails })
    };
    let cases = [
        (MATTERS, None, matter_of(11)),
        (CONTACTS, None, person(&[])),
        (CONTACTS, Some("a@new.example"), person(&["a@b.example"])),
    ];
    for (list, email, fields) in cases {
        for waited in [Duration::ZERO, Duration::from_secs(125), Duration::from_secs(300)] {
            let (world, slow) = slow(list, &[]).await;
            put(&world, email);
            recover(&world).await;
            slow.lock().unwrap().holds.push(by_hand(fields.clone()));
            world.runtime.advance(waited);
            world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
            for _ in 0..3 {
                world.later(Duration::from_secs(300)).await;
            }
            let case = format!("{list} {email:?} after {waited:?}");
            assert!(world.sdk.firm(&admin()).reviews().list().await.unwrap().is_empty(), "{case}");
            assert_eq!(slow.lock().unwrap().sent.len(), 1, "{case}");
            let state = world.sdk.firm(&admin()).matters().state(&matter()).await.unwrap();
            assert_eq!((state.clio_contact, state.clio_matter), (Some(ClioId(11)), Some(ClioId(21))), "{case}");
        }
    }
}

#[tokio::test]
async fn a_run_that_began_before_a_recovery_sends_nothing_without_asking() {
    let (world, slow) = slow(MATTERS, &[]).await;
    put(&world, None);
    // It is in Clio, and its link was lost.
    slow.lock().unwrap().holds.push(json!({ "id": 30, "description": "T", "client_reference": "1",
        "created_at": "2026-04-01T12:00:00Z", "client": { "id": 11 } }));
    let gate = world.hold("POST /api/v4/contacts");
    let (actor, id) = (admin(), matter());
    let running = world.sdk.firm(&actor).matters().sync(&id);
    let script = async {
        world.until_held().await;
        recover(&world).await;
        drop(gate);
    };
    let (report, ()) = join(running, script).await;
    assert_eq!(report.unwrap().clio_matter(), None);
    for _ in 0..4 {
        world.later(Duration::from_secs(300)).await;
    }
    assert_eq!(world.calls(&post(MATTERS)), 0);
    assert_eq!(world.sdk.firm(&admin()).matters().state(&matter()).await.unwrap().clio_matter, Some(ClioId(30)));
}

#[tokio::test]
async fn after_a_restore_an_admins_create_is_carried_out() {
    let (world, slow) = slow(MATTERS, &[]).await;
    put(&world, None);
    recover(&world).await;
    slow.lock().unwrap().holds.push(json!({ "id": 30, "description": "T", "client_reference": "by hand",
        "created_at": "2026-04-01T12:00:00Z", "client": { "id": 11 } }));
    world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
    world.later(Duration::from_secs(300)).await;
    world.later(Duration::from_secs(300)).await;
    let review = world.sdk.firm(&admin()).reviews().list().await.unwrap().remove(0);
    assert_eq!(review.candidates, [ClioId(30)]);
    world.sdk.firm(&admin()).reviews().resolve(review.step, &review.id, Decision::Create, None).await.unwrap();
    world.later(Duration::from_secs(1)).await;
    assert_eq!(world.sdk.firm(&admin()).matters().state(&matter()).await.unwrap().clio_matter, Some(ClioId(21)));
    assert_eq!(world.calls(&post(MATTERS)), 1);
}

#[tokio::test]
async fn after_a_restore_nothing_is_sent_that_clio_was_not_asked_for() {
    let (world, slow) = slow(MATTERS, &[]).await;
    put(&world, None);
    recover(&world).await;
    // It is in Clio, and its link was lost.
    slow.lock().unwrap().holds.push(json!({ "id": 30, "description": "T", "client_reference": "1",
        "created_at": "2026-04-01T12:00:00Z", "client": { "id": 11 } }));
    world.runtime.advance(Duration::from_secs(300));
    let intends = |write: &Write| matches!(write, Write::Put { key, .. } if key.collection == "matter");
    let sdk = world.process_on(world.meddled(intends, Key::new(&firm(), "connection", "current")));
    sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
    world.later(Duration::from_secs(300)).await;
    assert_eq!(world.calls(&post(MATTERS)), 0);
    assert_eq!(world.sdk.firm(&admin()).matters().state(&matter()).await.unwrap().clio_matter, Some(ClioId(30)));
}

#[tokio::test]
async fn after_a_restore_that_proves_to_be_older_clio_is_asked_for_all_of_that_time() {
    let (world, slow) = slow(MATTERS, &[]).await;
    world.put("m0");
    world.sdk.firm(&admin()).matters().sync(&MatterId::new("m0").unwrap()).await.unwrap().clio_matter().unwrap();
    world.put("m1");
    slow.lock().unwrap().holds.clear();
    let since = |time: &str| Timestamp::parse(time).unwrap();
    world.sdk.firm(&admin()).reviews().begin_recovery(since("2026-04-01T11:00:00Z")).await.unwrap();
    world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
    assert_eq!(world.stored("matter").await.len(), 2, "it is not certain yet");
    world.sdk.firm(&admin()).reviews().begin_recovery(since("2026-04-01T09:00:00Z")).await.unwrap();
    // Created between the two times: too old for the first question.
    let state = Arc::clone(&slow);
    world.answers(move |method, path, _, _| match method {
        "GET" if path == MATTERS => {
            let found = json!([{ "id": 30, "description": "T", "client_reference": "1",
                "created_at": "2026-04-01T10:00:00Z", "client": { "id": 11 } }]);
            Some((200, json!({ "data": found, "meta": { "paging": {} } })))
        }
        "POST" if path == MATTERS => {
            state.lock().unwrap().sent.push(json!({}));
            None
        }
        _ => None,
    });
    for _ in 0..4 {
        world.later(Duration::from_secs(300)).await;
    }
    assert_eq!(slow.lock().unwrap().sent.len(), 1, "that of the other matter");
    assert_eq!(world.sdk.firm(&admin()).matters().state(&matter()).await.unwrap().clio_matter, Some(ClioId(30)));
}

#[tokio::test]
async fn a_second_restore_does_not_forget_the_time_of_the_first() {
    let since = |time: &str| Timestamp::parse(time).unwrap();
    for ended in [false, true] {
        let (world, slow) = slow(MATTERS, &[]).await;
        put(&world, None);
        // It is in Clio, and the first restore lost its link.
        slow.lock().unwrap().holds.push(json!({ "id": 30, "description": "T", "client_reference": "1",
            "created_at": "2026-04-01T10:00:00Z", "client": { "id": 11 } }));
        world.sdk.firm(&admin()).reviews().begin_recovery(since("2026-04-01T09:00:00Z")).await.unwrap();
        if ended {
            world.sdk.firm(&admin()).reviews().end_recovery().await.unwrap();
        }
        world.sdk.firm(&admin()).reviews().begin_recovery(since("2026-04-01T11:00:00Z")).await.unwrap();
        world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
        for _ in 0..3 {
            world.later(Duration::from_secs(300)).await;
        }
        let state = world.sdk.firm(&admin()).matters().state(&matter()).await.unwrap();
        let expected = if ended { (1, Some(ClioId(21))) } else { (0, Some(ClioId(30))) };
        assert_eq!((slow.lock().unwrap().sent.len(), state.clio_matter), expected, "ended: {ended}");
        let told = world.audited("recovery").await;
        let told: Vec<_> = told.iter().map(|entry| entry["details"]["since"].as_str().unwrap()).collect();
        let in_force = if ended { "2026-04-01T11:00:00.000Z" } else { "2026-04-01T09:00:00.000Z" };
        assert_eq!(told.last(), Some(&in_force));
    }
}
