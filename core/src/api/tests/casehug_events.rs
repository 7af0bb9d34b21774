//! CaseHug's own events: what each triggers, once, in any order.

use serde_json::{Value, json};

use super::world::{World, firm, matter, member};
use crate::api::Caller;
use crate::error::Code;
use crate::jobs::MatterSyncState;

fn event(id: &str, name: &str, data: Value) -> Value {
    json!({ "id": id, "type": name, "created_at": "2026-04-01T12:00:00Z", "firm_id": firm(), "data": data,
        "api_version": "2026-01" })
}

async fn handle(world: &World, event: &Value) -> Result<String, crate::Error> {
    let arguments = json!({ "event": event }).to_string();
    let answer = world.sdk.call(Caller::Host, "handle_casehug_event", arguments.as_bytes()).await?;
    Ok(serde_json::from_str::<Value>(&answer).unwrap()["effect"].as_str().unwrap().to_owned())
}

async fn state(world: &World) -> MatterSyncState {
    world.sdk.firm(&member()).matters().state(&matter()).await.unwrap().status
}

#[tokio::test]
async fn an_approved_document_syncs_its_matter_once() {
    let world = World::new();
    world.connect().await.unwrap();
    world.put("m1");
    let approved = event(
        "evt_1",
        "document.approved",
        json!({ "document": { "id": "doc_1", "name": "Passport of A" },
        "upload": { "id": "upl_1", "filename": "a.pdf" }, "matter": { "id": "m1", "title": "T" } }),
    );
    assert_eq!(handle(&world, &approved).await.unwrap(), "triggered");
    assert_eq!(state(&world).await, MatterSyncState::Queued);
    world.work().await;
    assert_eq!(state(&world).await, MatterSyncState::Synced);
    assert_eq!(handle(&world, &approved).await.unwrap(), "repeated");
    assert_eq!(state(&world).await, MatterSyncState::Synced, "nothing waits");
    // What CaseHug says beside the ids is not kept.
    for (key, body) in world.store.dump() {
        assert!(!body.contains("Passport") && !body.contains("a.pdf"), "{key:?}");
    }
}

#[tokio::test]
async fn events_in_the_wrong_order_and_of_other_kinds() {
    let world = World::new();
    world.connect().await.unwrap();
    world.put("m1");
    let data = || json!({ "matter": { "id": "m1" } });
    for (id, name, data, effect) in [
        ("evt_9", "document.approved", data(), "triggered"),
        ("evt_1", "matter.created", json!({ "id": "m1", "title": "T", "client_id": "c1" }), "not_wanted"),
        ("evt_2", "document.uploaded", data(), "ignored"),
        ("evt_3", "webhook.test", json!({}), "ignored"),
        ("evt_4", "client.created", json!({ "id": "c1", "first_name": "A" }), "ignored"),
        ("evt_5", "client.updated", json!({ "id": "c1", "matter_id": "m1" }), "not_wanted"),
        ("evt_6", "something.new", json!({ "id": 7 }), "ignored"),
    ] {
        let told = handle(&world, &event(id, name, data)).await;
        assert_eq!(told.as_deref().ok(), Some(effect), "{name}: {told:?}");
    }
    world.work().await;
    assert_eq!(state(&world).await, MatterSyncState::Synced);
}

#[tokio::test]
async fn a_changed_client_is_proposed_where_that_is_reviewed() {
    let world = World::reviewing().await;
    world.put("m1");
    let changed = |id| event(id, "client.updated", json!({ "id": "c1", "matter_id": "m1" }));
    assert_eq!(
        handle(&world, &changed("evt_1")).await.unwrap(),
        "ignored",
        "the first sync sends the client as it is then"
    );
    world.sdk.firm(&member()).matters().sync(&matter()).await.unwrap();
    world.http.clio().contact = json!({ "id": 11, "etag": "\"1\"", "type": "Person", "name": "A C",
        "first_name": "A", "last_name": "C", "email_addresses": [], "phone_numbers": [] });
    assert_eq!(handle(&world, &changed("evt_2")).await.unwrap(), "proposed");
}

#[tokio::test]
async fn an_event_that_cannot_be_read_is_refused_with_its_path() {
    let world = World::new();
    let whole = event("evt_1", "document.approved", json!({ "matter": { "id": "m1" } }));
    let without = |field: &str| {
        let mut event = whole.clone();
        event.as_object_mut().unwrap().remove(field);
        event
    };
    let with = |field: &str, value: Value| {
        let mut event = whole.clone();
        event[field] = value;
        event
    };
    for (broken, path) in [
        (without("id"), "event.id"),
        (without("firm_id"), "event.firm_id"),
        (without("data"), "event.data"),
        (with("id", json!("a/b")), "event.id"),
        (with("type", json!("")), "event.type"),
        (with("created_at", json!("yesterday")), "event.created_at"),
        (with("data", json!({ "matter": { "id": "not an id" } })), "event.data.matter.id"),
        (with("data", json!({ "document": { "id": "doc_1" } })), "event.data.matter.id"),
    ] {
        let refused = handle(&world, &broken).await.unwrap_err();
        assert_eq!((refused.code(), refused.get("path")), (Code::RequestInvalid, Some(path)), "{broken}");
    }
    assert!(world.stored("casehug-event").await.is_empty(), "a refused event may come again, mended");
}

#[tokio::test]
async fn records_of_events_go_after_a_month() {
    let world = World::new();
    for n in 0..3 {
        handle(&world, &event(&format!("evt_{n}"), "webhook.test", json!({}))).await.unwrap();
    }
    assert_eq!(world.stored("casehug-event").await.len(), 3);
    world.runtime.advance(core::time::Duration::from_secs(31 * 24 * 3600));
    handle(&world, &event("evt_9", "webhook.test", json!({}))).await.unwrap();
    assert_eq!(world.stored("casehug-event").await.len(), 1);
}
