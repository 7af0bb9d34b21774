//! Syncing in bulk: what it would take, and its end before its end.

use core::time::Duration;

use serde_json::json;

use super::world::{HOOKS, World, admin, firm};
use crate::domain::{DocumentRef, Intake, MatterId};
use crate::jobs::{BackfillStatus, WorkerConfig};
use crate::ports::Runtime as _;
use crate::store::EventBody;

fn ids(matters: usize) -> Vec<MatterId> {
    (0..matters).map(|n| MatterId::new(format!("b{n}")).unwrap()).collect()
}

/// Each of a client of its own, with so many approved documents.
fn put(world: &World, matters: &[MatterId], documents: usize) {
    for id in matters {
        let listed = (0..documents).map(|n| {
            json!({ "id": format!("d{n}"), "file_name": "d.pdf", "content_type": "application/pdf",
                "status": "approved", "origin": "client_upload" })
        });
        let intake = json!({ "matter": { "id": id.as_str(), "title": "T" }, "documents": listed.collect::<Vec<_>>(),
            "client": { "id": format!("c-{id}"), "first_name": "A", "last_name": "B",
                "email": format!("{id}@b.example") } });
        let intake = Intake::from_json(intake.to_string().as_bytes()).unwrap();
        world.intake.put(&firm(), intake.clone());
        for document in &intake.documents {
            world.intake.put_bytes(&DocumentRef { firm: firm(), key: intake.key_of(document) }, b"bytes");
        }
    }
}

#[tokio::test]
async fn a_plan_tells_how_many_windows_of_the_request_limit_it_fills() {
    let world = World::new();
    world.connect().await.unwrap();
    // Ten new clients, each with a matter of so many documents: 3 + 2n calls.
    for (documents, calls, windows) in [(0, 30, 0), (1, 50, 0), (2, 70, 1), (5, 130, 2), (6, 150, 2)] {
        let matters = ids(10);
        put(&world, &matters, documents);
        let plan = world.sdk.firm(&admin()).backfills().plan(matters.clone()).await.unwrap();
        assert_eq!((plan.matters, plan.unreadable, plan.calls.most), (10, 0, calls), "{plan:?}");
        assert_eq!(plan.lasts_ms, windows * 60_000, "{plan:?}");
    }
}

#[tokio::test]
async fn a_plan_counts_what_is_left_of_the_window_as_any_process_was_told_it() {
    let world = World::subscribed(true).await;
    world.synced().await;
    let other = world.process(HOOKS);
    let budget = other.firm(&admin()).connection().health().await.unwrap().budget;
    assert!(budget.left.is_some_and(|left| left < 50), "{budget:?}");
    let matters = ids(10);
    put(&world, &matters, 1);
    let plan = other.firm(&admin()).backfills().plan(matters.clone()).await.unwrap();
    assert_eq!((plan.calls.most, plan.lasts_ms), (50, 60_000));
}

/// A worker at rest looks for backfills at every third poll only; one that goes on is not at rest.
#[tokio::test]
async fn a_backfill_goes_on_at_every_poll_though_its_matters_end_at_once() {
    let world = World::new();
    world.connect().await.unwrap();
    world.work().await;
    // Without an intake each ends at once; four are in the queue at a time.
    let id = world.sdk.firm(&admin()).backfills().start(ids(40)).await.unwrap().id;
    let began = world.runtime.now();
    let done = async {
        while world.sdk.firm(&admin()).backfills().list().await.unwrap().remove(0).status != BackfillStatus::Done {
            world.runtime.sleep(Duration::from_millis(500)).await;
        }
    };
    world.sdk.worker(WorkerConfig::default()).run(done).await;
    let state = world.sdk.firm(&admin()).backfills().list().await.unwrap().remove(0);
    assert_eq!((state.id, state.failed), (id, 40));
    let took = world.runtime.now().millis_since(began);
    assert!(took < 12_000, "{took} ms for ten handfuls");
}

#[tokio::test]
async fn nothing_more_of_a_cancelled_backfill_is_started_and_its_end_tells_what_is_left() {
    let world = World::new();
    world.connect().await.unwrap();
    world.work().await;
    let matters = ids(9);
    put(&world, &matters, 0);
    let mut made = 100;
    world.answers(move |method, path, _, body| {
        let of = if method == "POST" { path.strip_prefix("/api/v4/")? } else { return None };
        made += 1;
        let record = match of {
            "contacts" => json!({ "id": made, "type": "Person", "first_name": "A", "last_name": "B",
                "email_addresses": body["data"]["email_addresses"] }),
            "matters" => json!({ "id": made, "status": "Open", "client": { "id": body["data"]["client"]["id"] } }),
            _ => return None,
        };
        Some((201, json!({ "data": record })))
    });
    let id = world.sdk.firm(&admin()).backfills().start(matters.clone()).await.unwrap().id;
    world.sdk.worker(WorkerConfig::default()).run_due().await.unwrap();
    assert_eq!(world.calls("POST /api/v4/matters"), 4, "a handful at once");
    let state = world.sdk.firm(&admin()).backfills().cancel(&id).await.unwrap();
    assert_eq!((state.status, state.running), (BackfillStatus::Cancelled, 4));
    for _ in 0..5 {
        world.later(Duration::from_secs(2)).await;
    }
    assert_eq!(world.calls("POST /api/v4/matters"), 4, "nothing more");
    let state = world.sdk.firm(&admin()).backfills().list().await.unwrap().remove(0);
    assert_eq!((state.status, state.total, state.running), (BackfillStatus::Cancelled, 9, 0));
    assert_eq!((state.succeeded, state.failed), (4, 0));
    let events = world.events().await;
    let ends: Vec<&EventBody> =
        events.iter().filter(|event| matches!(event, EventBody::BackfillFinished { .. })).collect();
    assert_eq!(ends, [&EventBody::BackfillFinished { backfill: id, succeeded: 4, failed: 0, left: 5 }]);
}
