//! What Clio answers for one record, over and over, stops nothing else.

use core::time::Duration;

use serde_json::{Value, json};

use super::world::{World, firm, refused};
use crate::ports::{Expect, Key, Runtime as _, Store as _, Version, Write};

const HOUR: Duration = Duration::from_secs(3600);

async fn write(world: &World, collection: &'static str, id: &str, body: &Value) {
    let key = Key::new(&firm(), collection, id);
    let version = Version(format!("test.{id}"));
    let expect = world.store.get(&key).await.unwrap().map_or(Expect::Absent, |known| Expect::Version(known.version));
    let put = Write::Put { key, expect, version, due_in: Some(Duration::ZERO), body: body.to_string() };
    world.store.commit(&[put]).await.unwrap();
}

async fn links(world: &World, matters: impl Iterator<Item = i64>) {
    let set = world.connection().await.link_set.as_str().to_owned();
    for clio in matters {
        let owner = json!({ "owner": format!("mat{clio}") });
        write(world, "clio", &format!("{set}/matter/{clio}"), &owner).await;
    }
}

async fn is_gone(world: &World, clio: i64) -> bool {
    let known = world.stored("matter-status").await;
    known.iter().any(|(id, known)| id.ends_with(&format!("/{clio}")) && known["gone"] == true)
}

#[tokio::test]
async fn a_matter_that_clio_does_not_show_for_another_reason_stops_no_sweep() {
    let world = World::subscribed(true).await;
    world.synced().await;
    links(&world, 3_000..3_250).await;
    world.answers(|method, path, _, _| match path.strip_prefix("/api/v4/matters/").filter(|_| method == "GET")? {
        "21" => None,
        "3005" => Some(refused(500)),
        "3007" => Some(refused(403)),
        _ => Some(refused(404)),
    });
    let areas = world.calls("GET /api/v4/practice_areas");
    for _ in 0..30 {
        world.later(HOUR).await;
    }
    assert!(is_gone(&world, 3_249).await, "the last one of the second part");
    assert!(is_gone(&world, 3_007).await, "hidden from the connected user, who sees the others");
    assert!(!is_gone(&world, 3_005).await && !is_gone(&world, 21).await);
    assert!(world.calls("GET /api/v4/practice_areas") > areas, "its end was reached");
    let sweep = world.store.get(&Key::new(&firm(), "chore", "sweep")).await.unwrap().unwrap();
    assert!(sweep.due_at.unwrap() > world.runtime.now() + 12 * HOUR, "the next one is tomorrow's");
    let asked = world.calls("GET /api/v4/matters/3005");
    for _ in 0..24 {
        world.later(HOUR).await;
    }
    assert!(world.calls("GET /api/v4/matters/3005") > asked, "asked after again");
    assert_eq!(world.calls("GET /api/v4/matters/3007"), 1);
}

#[tokio::test]
async fn what_nothing_needs_goes_though_clio_lists_no_matters() {
    let world = World::subscribed(true).await;
    world.synced().await;
    // The data key of the first connection is left.
    world.connect().await.unwrap();
    let keys = world.stored("data-key").await.len();
    world.answers(|method, path, _, _| (method == "GET" && path == "/api/v4/matters").then(|| refused(403)));
    for _ in 0..30 {
        world.later(HOUR).await;
    }
    assert_eq!(world.stored("data-key").await.len(), keys - 1);
}

#[tokio::test]
async fn practice_areas_that_cannot_be_read_neither_repeat_nor_end_the_sweeps() {
    let world = World::subscribed(true).await;
    world.synced().await;
    links(&world, 3_000..3_250).await;
    world.answers(|method, path, _, _| match path {
        "/api/v4/practice_areas" => Some(refused(403)),
        _ => (method == "GET" && path.starts_with("/api/v4/matters/3")).then(|| refused(404)),
    });
    world.later(24 * HOUR).await;
    for _ in 0..20 {
        world.later(Duration::from_secs(60)).await;
    }
    let lists = world.calls("GET /api/v4/matters access");
    assert!(is_gone(&world, 3_249).await);
    for _ in 0..8 {
        world.later(HOUR).await;
    }
    // The hour's poll, and no part of a sweep.
    assert!(world.calls("GET /api/v4/matters access") - lists <= 9);
    let (lists, asked) = (world.calls("GET /api/v4/matters access"), world.calls("GET /api/v4/practice_areas"));
    world.later(24 * HOUR).await;
    for _ in 0..20 {
        world.later(Duration::from_secs(60)).await;
    }
    assert_eq!(world.calls("GET /api/v4/matters access") - lists, 3, "a poll, and the next day's sweep in two parts");
    assert!(world.calls("GET /api/v4/practice_areas") > asked);
}

#[tokio::test]
async fn a_matter_that_must_be_asked_after_in_vain_stops_no_poll() {
    let world = World::subscribed(true).await;
    world.synced().await;
    links(&world, 3_000..3_001).await;
    world.later(2 * HOUR).await;
    world.events().await;
    // Two statuses of one second: only Clio can say.
    let listed = json!({ "data": [
        { "id": 21, "status": "Closed", "updated_at": "2026-04-01T12:00:00Z" },
        { "id": 3_000, "status": "Pending", "updated_at": "2026-04-01T12:30:00Z" },
    ], "meta": { "paging": {} } });
    world.answers(move |method, path, _, _| match path {
        "/api/v4/matters" if method == "GET" => Some((200, listed.clone())),
        "/api/v4/matters/21" => Some(refused(500)),
        _ => None,
    });
    let cursor = || async {
        let poll = world.store.get(&Key::new(&firm(), "chore", "poll")).await.unwrap().unwrap();
        serde_json::from_str::<Value>(&poll.body).unwrap()["cursor"].as_str().unwrap().to_owned()
    };
    let before = cursor().await;
    world.later(HOUR).await;
    assert_eq!(world.statuses().await, ["pending"], "the other one");
    assert!(cursor().await > before, "what it cannot say now is left to the sweep");
}

#[tokio::test]
async fn a_second_record_that_clio_forbids_keeps_no_other_one_told() {
    let world = World::subscribed(true).await;
    world.synced().await;
    let set = world.connection().await.link_set.as_str().to_owned();
    for (client, other) in [("c7", 71), ("c8", 81)] {
        let found = json!({ "step": "contact", "id": client, "clio": "11", "others": [other.to_string()], "at": 0 });
        write(&world, "second-record", &format!("{set}/contact/{client}"), &found).await;
    }
    write(&world, "chore", "second_records", &json!({ "chore": "second_records" })).await;
    world.answers(|_, path, _, _| match path {
        "/api/v4/contacts/71" => Some(refused(403)),
        "/api/v4/contacts/81" => Some(refused(404)),
        _ => None,
    });
    world.work().await;
    let told: Vec<String> = world.health().await.second_records.into_iter().map(|one| one.id).collect();
    assert_eq!(told, ["c7"], "what is gone is none any more, and of the other nothing new is known");
    let asked = world.calls("GET /api/v4/contacts/71");
    for _ in 0..5 {
        world.later(HOUR).await;
    }
    assert_eq!(world.calls("GET /api/v4/contacts/71"), asked, "not before tomorrow");
    world.later(24 * HOUR).await;
    assert!(world.calls("GET /api/v4/contacts/71") > asked);
}
