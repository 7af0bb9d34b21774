//! Deliveries, polls and the host's own changes: what the host is told of a matter, in which order,
//! and what it costs.

use core::time::Duration;

use serde_json::json;

use super::connection::is_account;
use super::world::{World, admin, firm, matter, refused, status_event};
use crate::domain::Timestamp;
use crate::ports::{Expect, Key, Runtime as _, Store as _, Version, Write};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn write(collection: &'static str, id: impl Into<String>, body: impl Into<String>) -> Write {
    let key = Key::new(&firm(), collection, id);
    let version = Version(format!("test.{}", key.id));
    Write::Put { key, expect: Expect::Absent, version, due_in: Some(Duration::ZERO), body: body.into() }
}

#[tokio::test]
async fn a_deletion_that_comes_late_does_not_undo_a_restoration() {
    let world = World::subscribed(true).await;
    world.synced().await;
    assert_eq!(world.deliver("matter", &status_event("Pending", "2026-04-01T12:30:00Z")).await, 200);
    world.work().await;
    assert_eq!(world.statuses().await, ["pending"]);
    let mut deleted = status_event("Open", "2026-04-01T12:20:00Z");
    deleted["meta"]["event"] = json!("deleted");
    assert_eq!(world.deliver("matter", &deleted).await, 200);
    world.work().await;
    assert_eq!(world.statuses().await, [""; 0], "of before what is known");
    // One that says nothing of its time: Clio is asked, and shows the matter.
    let deleted = json!({ "data": { "id": 21 }, "meta": { "event": "deleted" } });
    assert_eq!(world.deliver("matter", &deleted).await, 200);
    world.work().await;
    assert_eq!(world.statuses().await, [""; 0]);
    world.http.clio().matter = json!(null);
    let deleted = json!({ "data": { "id": 21, "n": 2 }, "meta": { "event": "deleted" } });
    assert_eq!(world.deliver("matter", &deleted).await, 200);
    world.work().await;
    assert_eq!(world.statuses().await, ["deleted"]);
}

#[tokio::test]
async fn the_hosts_own_change_hides_what_is_older_and_nothing_else() {
    let world = World::subscribed(true).await;
    world.synced().await;
    let changed = |text: &str| Timestamp::parse(text).unwrap();
    world.runtime.advance(Duration::from_secs(3600));
    world.sdk.host().record_status_change(&admin().firm, &matter(), changed("2026-04-01T12:05:00.200Z")).await.unwrap();
    world.deliver("matter", &status_event("Pending", "2026-04-01T12:04:59Z")).await;
    world.work().await;
    assert_eq!(world.statuses().await, [""; 0], "older");
    world.deliver("matter", &status_event("Closed", "2026-04-01T12:05:00Z")).await;
    world.work().await;
    assert_eq!(world.statuses().await, ["closed"], "Clio's times are whole seconds: this may be later");
    world.sdk.host().record_status_change(&admin().firm, &matter(), changed("2026-04-01T12:07:00Z")).await.unwrap();
    world.deliver("matter", &status_event("Closed", "2026-04-01T12:09:00Z")).await;
    world.work().await;
    assert_eq!(world.statuses().await, ["closed"], "opened here, and closed again in Clio");
    // A clock that is far ahead hides nothing that is yet to come.
    world.sdk.host().record_status_change(&admin().firm, &matter(), changed("2031-01-01T00:00:00Z")).await.unwrap();
    world.runtime.advance(DAY);
    world.deliver("matter", &status_event("Open", "2026-04-02T12:00:00Z")).await;
    world.work().await;
    assert_eq!(world.statuses().await, ["open"]);
}

#[tokio::test]
async fn an_answer_that_was_overtaken_is_asked_for_again() {
    let world = World::subscribed(true).await;
    world.synced().await;
    // Says neither status nor time: Clio is asked, and its answer takes long.
    let gate = world.hold("GET /api/v4/matters/21");
    assert_eq!(world.deliver("matter", &json!({ "data": { "id": 21 }, "meta": { "event": "updated" } })).await, 200);
    let sdk = world.sdk.clone();
    let slow = tokio::spawn(async move { sdk.worker(crate::jobs::WorkerConfig::default()).run_due().await.unwrap() });
    world.until_held().await;
    let other = world.process(super::world::HOOKS);
    assert_eq!(world.deliver("matter", &status_event("Closed", "2026-04-01T12:10:00Z")).await, 200);
    other.worker(crate::jobs::WorkerConfig::default()).run_due().await.unwrap();
    world.http.clio().matter["status"] = json!("Closed");
    world.http.clio().matter["updated_at"] = json!("2026-04-01T12:10:00Z");
    drop(gate);
    slow.await.unwrap();
    assert_eq!(world.statuses().await, ["closed"]);
}

#[tokio::test]
async fn hidden_matters_are_asked_after_once_and_not_each_day() {
    let world = World::subscribed(true).await;
    world.synced().await;
    let set = world.connection().await.link_set.as_str().to_owned();
    for n in 0..300 {
        let owner = write("clio", format!("{set}/matter/{}", 1_000 + n), format!(r#"{{"owner":"mat{n}"}}"#));
        world.store.commit(&[owner]).await.unwrap();
    }
    world.answers(|_, path, _, _| path.starts_with("/api/v4/matters/").then(|| refused(404)));
    let before = world.calls("GET /api/v4/matters/");
    for _ in 0..60 {
        world.later(Duration::from_secs(2 * 3600)).await;
    }
    assert_eq!(world.calls("GET /api/v4/matters/") - before, 301);
}

#[tokio::test]
async fn a_sweep_that_is_woken_begins_anew() {
    let world = World::subscribed(true).await;
    world.synced().await;
    let set = world.connection().await.link_set.as_str().to_owned();
    for n in 0..250 {
        let owner = write("clio", format!("{set}/matter/{}", 3_000 + n), format!(r#"{{"owner":"mat{n}"}}"#));
        world.store.commit(&[owner]).await.unwrap();
    }
    // The first part of the sweep is through, with our matter, and the second is due.
    world.later(DAY).await;
    world.http.clio().matter["status"] = json!("Closed");
    world.http.clio().matter["updated_at"] = json!("2026-04-01T12:01:00Z");
    world.sdk.firm(&admin()).reviews().begin_recovery(Timestamp::parse("2026-04-01T00:00:00Z").unwrap()).await.unwrap();
    world.work().await;
    assert!(world.statuses().await.contains(&"closed"), "before its place, and told all the same");
}

#[tokio::test]
async fn what_cannot_be_read_makes_no_sweep_begin_anew() {
    let world = World::subscribed(true).await;
    world.synced().await;
    // The data key of the first connection is left.
    world.connect().await.unwrap();
    let set = world.connection().await.link_set.as_str().to_owned();
    world.store.commit(&[write("repeated", format!("{set}/contact/c9"), "{}")]).await.unwrap();
    for _ in 0..5 {
        world.later(Duration::from_secs(30)).await;
    }
    let sweep = world.store.get(&Key::new(&firm(), "chore", "sweep")).await.unwrap().unwrap();
    assert!(sweep.due_at.unwrap() > world.runtime.now() + DAY / 2, "the next one is tomorrow's");
    let left = world.stored("repeated").await;
    assert!(left.iter().any(|(id, _)| id.ends_with("contact/c9")), "it is left to a newer SDK");
}

#[tokio::test]
async fn contacts_for_which_clio_is_slow_do_not_hold_up_a_status() {
    let world = World::reviewing().await;
    world.synced().await;
    world
        .answers(|method, path, _, _| (method == "GET" && path.starts_with("/api/v4/contacts/")).then(|| refused(503)));
    for n in 0..60 {
        let changed = json!({ "data": { "id": 11, "n": n }, "meta": { "event": "updated" } });
        assert_eq!(world.deliver("contact", &changed).await, 200);
    }
    assert_eq!(world.deliver("matter", &status_event("Closed", "2026-04-01T13:00:00Z")).await, 200);
    let sdk = world.sdk.clone();
    let worker = tokio::spawn(async move {
        sdk.worker(crate::jobs::WorkerConfig::default()).run(futures_util::future::pending()).await;
    });
    let told = loop {
        let told = world.statuses().await;
        if !told.is_empty() {
            break told;
        }
        tokio::task::yield_now().await;
    };
    worker.abort();
    assert_eq!(told, ["closed"]);
    let waiting = world.stored("webhook-in").await.into_iter().filter(|(_, it)| it["attempts"] == 0).count();
    assert!(waiting > 20, "{waiting} contacts have not had their turn");
}

#[tokio::test]
async fn what_cannot_be_read_stands_in_nobodys_way() {
    let world = World::subscribed(true).await;
    world.synced().await;
    world.store.commit(&[write("chore", "later", r#"{"chore":"of_a_newer_sdk"}"#)]).await.unwrap();
    world.store.commit(&[write("webhook-in", "0", r#"{"model":"of_a_newer_sdk"}"#)]).await.unwrap();
    assert_eq!(world.deliver("matter", &status_event("Closed", "2026-04-01T12:10:00Z")).await, 200);
    world.work().await;
    assert_eq!(world.statuses().await, ["closed"]);
    assert_eq!(world.stored("chore").await.iter().filter(|(id, _)| id == "later").count(), 1, "kept for who knows it");
}

#[tokio::test]
async fn one_body_is_one_delivery_however_its_signature_is_written() {
    use hmac::{Hmac, KeyInit as _, Mac as _};
    let world = World::subscribed(true).await;
    world.synced().await;
    let (secret, body) = (
        world.hook("matter")["shared_secret"].as_str().unwrap().to_owned(),
        status_event("Closed", "2026-04-01T12:10:00Z").to_string(),
    );
    let mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap().chain_update(&body).finalize();
    let mac = mac.into_bytes();
    use base64::Engine as _;
    let base64 = base64::engine::general_purpose::STANDARD.encode(mac);
    for signature in [hex::encode(mac), hex::encode_upper(mac), base64] {
        let headers = crate::ports::Headers::new().with("x-hook-signature", signature);
        assert_eq!(world.sdk.handle_webhook(&world.token("matter"), &headers, body.as_bytes()).await.status, 200);
    }
    world.work().await;
    assert_eq!(world.audited("webhook_received").await.len(), 1);
}

#[tokio::test]
async fn after_a_restore_no_event_has_the_id_of_another_one() {
    let world = World::subscribed(true).await;
    world.synced().await;
    let backup = world.store.backup();
    let id_of = async |status: &str, at: &str| {
        world.deliver("matter", &status_event(status, at)).await;
        world.work().await;
        let event = world.sdk.host().next_events(Some(firm()), 1, Duration::ZERO).await.unwrap().remove(0);
        let id = event.id.unwrap();
        world.sdk.host().ack_event(&firm(), &id).await.unwrap();
        world.sdk.host().ack_event(&firm(), &id).await.unwrap();
        id
    };
    let before = id_of("Closed", "2026-04-01T12:10:00Z").await;
    world.store.restore(&backup);
    world.sdk.firm(&admin()).reviews().begin_recovery(Timestamp::parse("2026-04-01T00:00:00Z").unwrap()).await.unwrap();
    let after = id_of("Pending", "2026-04-01T12:20:00Z").await;
    assert_ne!(before, after);
}

/// The matter's POST, answered only after these were delivered.
async fn overtaken(world: &World, deliveries: &[serde_json::Value]) {
    world.put("m1");
    let gate = world.hold("POST /api/v4/matters");
    let sdk = world.sdk.clone();
    let syncing = tokio::spawn(async move { sdk.firm(&admin()).matters().sync(&matter()).await.unwrap() });
    world.until_held().await;
    for delivery in deliveries {
        assert_eq!(world.deliver("matter", delivery).await, 200);
        world.work().await;
    }
    drop(gate);
    assert!(syncing.await.unwrap().clio_matter().is_some());
}

#[tokio::test]
async fn a_change_within_the_second_of_the_creation_is_told_with_the_link() {
    let at = "2026-04-01T12:00:00Z";
    for (first, second) in [("Open", "Closed"), ("Closed", "Open")] {
        let world = World::subscribed(true).await;
        overtaken(&world, &[status_event(first, at), status_event(second, at)]).await;
        assert_eq!(world.statuses().await, ["closed"], "a matter is created open");
    }
}

#[tokio::test]
async fn a_deletion_that_overtakes_its_link_is_told() {
    let bare = json!({ "data": { "id": 21 }, "meta": { "event": "deleted" } });
    let mut whole = status_event("Open", "2026-04-01T12:00:00Z");
    whole["meta"]["event"] = json!("deleted");
    let again = json!({ "data": { "id": 21, "n": 2 }, "meta": { "event": "deleted" } });
    let changed = status_event("Open", "2026-04-01T12:00:05Z");
    for deliveries in [vec![bare, again.clone()], vec![changed.clone(), whole], vec![again, changed]] {
        let world = World::subscribed(true).await;
        world.answers(|method, path, _, _| {
            (method == "GET" && path.starts_with("/api/v4/matters/")).then(|| refused(404))
        });
        overtaken(&world, &deliveries).await;
        world.work().await;
        assert_eq!(world.statuses().await, ["deleted"], "{deliveries:?}");
        // Restored before the link.
        let world = World::subscribed(true).await;
        overtaken(&world, &deliveries).await;
        world.work().await;
        assert_eq!(world.statuses().await, [""; 0], "{deliveries:?}");
    }
}

#[tokio::test]
async fn a_contacts_delivery_that_can_never_be_applied_is_given_up() {
    for ends in ["refused", "disconnected", "moved"] {
        let world = World::reviewing().await;
        world.synced().await;
        world.answers(|method, path, _, _| {
            (method == "GET" && path.starts_with("/api/v4/contacts/")).then(|| refused(403))
        });
        assert_eq!(
            world.deliver("contact", &json!({ "data": { "id": 11 }, "meta": { "event": "updated" } })).await,
            200
        );
        world.work().await;
        world.later(DAY).await;
        assert_eq!(world.stored("webhook-in").await.len(), 1, "tried again: nothing else finds what it told of");
        if ends != "refused" {
            world.answers_as_usual();
            world.sdk.firm(&admin()).connection().end(None).await.unwrap();
        }
        if ends == "moved" {
            is_account(&world, 8, &[]);
            let start = world
                .sdk
                .firm(&admin())
                .connection()
                .begin_separate("https://calmintake.example/callback")
                .await
                .unwrap();
            let state = start.authorize_url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
            world.sdk.firm(&admin()).connection().finish(&format!("code=c&state={state}")).await.unwrap();
        }
        let days = if ends == "refused" { 9 } else { 2 };
        for _ in 0..days * 23 {
            world.later(Duration::from_secs(3_700)).await;
        }
        assert_eq!(world.stored("webhook-in").await, [], "{ends}");
        assert_eq!(world.audited("webhook_applied").await.len(), 1, "{ends}");
    }
}

#[tokio::test]
async fn a_matter_that_is_linked_long_after_clio_answered_is_asked_after() {
    let world = World::subscribed(true).await;
    world.work().await;
    world.later(Duration::from_secs(3_601)).await;
    // The answer is of an hour ago, and the poll has been past that.
    world.synced().await;
    world.answers(|method, path, _, _| {
        let closed = json!([{ "id": 21, "status": "Closed", "updated_at": "2026-04-01T12:10:00Z" }]);
        let listed = json!({ "data": closed, "meta": { "paging": {} } });
        (method == "GET" && path == "/api/v4/matters").then_some((200, listed))
    });
    world.work().await;
    assert_eq!(world.statuses().await, ["closed"]);
}
