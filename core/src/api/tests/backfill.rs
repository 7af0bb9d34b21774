//! Syncing in bulk: what it would take, and its end before its end.

use core::time::Duration;
use std::sync::Arc;

use serde_json::json;

use super::troubled::{Bench, connect};
use super::world::{HOOKS, World, admin, firm};
use crate::domain::{DocumentRef, Intake, MatterId};
use crate::jobs::backfill::feed_due;
use crate::jobs::claims::{Acquired, Why};
use crate::jobs::quarantine::PassedOver;
use crate::jobs::{BackfillState, BackfillStatus, WorkerConfig};
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

/// The account that Clio says it is. Whatever is created in it has an id of its own.
fn is_account(world: &World, account: i64) {
    let mut made = 1_000 * account;
    world.answers(move |method, path, _, body| {
        made += 1;
        let record = match (method, path) {
            ("GET", "/api/v4/users/who_am_i") => {
                json!({ "id": 1, "name": "x", "email": "e@x", "account": { "id": account, "name": "F" } })
            }
            ("POST", "/api/v4/contacts") => json!({ "id": made, "type": "Person", "first_name": "A", "last_name": "B",
                "email_addresses": body["data"]["email_addresses"] }),
            ("POST", "/api/v4/matters") => {
                json!({ "id": made, "status": "Open", "client": { "id": body["data"]["client"]["id"] } })
            }
            _ => return None,
        };
        Some((if method == "POST" { 201 } else { 200 }, json!({ "data": record })))
    });
}

async fn move_to(world: &World, account: i64) {
    world.sdk.firm(&admin()).connection().end(None).await.unwrap();
    is_account(world, account);
    let begun = world.sdk.firm(&admin()).connection().begin_separate("https://calmintake.example/callback").await;
    let state = begun.unwrap().authorize_url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    world.sdk.firm(&admin()).connection().finish(&format!("code=c&state={state}")).await.unwrap();
}

/// A backfill of so many matters, of which four have been started in account 7, and none was run.
async fn begun(world: &World, matters: usize) -> String {
    world.connect().await.unwrap();
    world.work().await;
    put(world, &ids(matters), 0);
    let id = world.sdk.firm(&admin()).backfills().start(ids(matters)).await.unwrap().id;
    let (ctx, claims) = (&world.sdk.queue.ctx, &world.sdk.queue.claims);
    feed_due(&ctx.repository, claims, &ctx.progress, &mut PassedOver::new(&*ctx.runtime)).await.unwrap();
    assert_eq!(state(world).await.running, 4);
    id
}

/// Has workers claim what a backfill started, and look after no backfill.
async fn claim_started(world: &World) {
    for id in ids(4) {
        let found = world.sdk.queue.claims.find(&firm(), &id).await.unwrap();
        let claimed = world.sdk.queue.claims.acquire(&firm(), &id, found, Why::Due(world.runtime.now())).await;
        assert!(matches!(claimed.unwrap(), Acquired::Nothing), "it was put to rest");
    }
}

async fn state(world: &World) -> BackfillState {
    world.sdk.firm(&admin()).backfills().list().await.unwrap().remove(0)
}

async fn looks(world: &World, looks: usize) {
    for _ in 0..looks {
        world.later(Duration::from_secs(61)).await;
    }
}

#[tokio::test]
async fn back_in_its_account_a_backfill_runs_what_was_put_to_rest_in_another() {
    for paused in [None, Some(true), Some(false)] {
        let world = World::new();
        let id = begun(&world, 6).await;
        if paused == Some(true) {
            world.sdk.firm(&admin()).backfills().pause(&id).await.unwrap();
        }
        move_to(&world, 8).await;
        claim_started(&world).await;
        if paused == Some(false) {
            looks(&world, 2).await;
            assert_eq!(state(&world).await.status, BackfillStatus::Paused, "by itself");
        }
        move_to(&world, 7).await;
        if paused.is_some() {
            world.sdk.firm(&admin()).backfills().resume(&id).await.unwrap();
        }
        looks(&world, 6).await;
        let state = state(&world).await;
        assert_eq!((state.status, state.succeeded, state.failed), (BackfillStatus::Done, 6, 0), "{paused:?}");
        assert_eq!(world.calls("POST /api/v4/matters"), 6, "{paused:?}");
    }
}

#[tokio::test]
async fn a_run_in_another_account_is_none_of_the_backfill_s() {
    let world = World::new();
    let id = begun(&world, 4).await;
    world.sdk.firm(&admin()).backfills().pause(&id).await.unwrap();
    move_to(&world, 8).await;
    for id in ids(4) {
        world.sdk.firm(&admin()).matters().sync(&id).await.unwrap();
    }
    move_to(&world, 7).await;
    world.sdk.firm(&admin()).backfills().resume(&id).await.unwrap();
    looks(&world, 4).await;
    assert_eq!(state(&world).await.succeeded, 4);
    assert_eq!(world.calls("POST /api/v4/matters"), 8, "in each account");
}

#[tokio::test]
async fn resumed_in_another_account_and_cancelled_a_backfill_sends_nothing() {
    for claimed in [false, true] {
        let world = World::new();
        let id = begun(&world, 6).await;
        move_to(&world, 8).await;
        if claimed {
            claim_started(&world).await;
        }
        looks(&world, 2).await;
        world.sdk.firm(&admin()).backfills().resume(&id).await.unwrap();
        world.sdk.firm(&admin()).backfills().cancel(&id).await.unwrap();
        looks(&world, 4).await;
        assert_eq!(world.calls("POST /api/v4/matters"), 0);
        assert_eq!(
            ended(&world).await,
            [EventBody::BackfillFinished { backfill: id, succeeded: 0, failed: 0, left: 6 }]
        );
    }
}

#[tokio::test]
async fn after_a_reconnect_a_backfill_counts_the_runs_that_were_not_blocked() {
    let world = World::new();
    begun(&world, 6).await;
    world.sdk.firm(&admin()).connection().end(None).await.unwrap();
    looks(&world, 3).await;
    let blocked = state(&world).await;
    assert_eq!((blocked.running, blocked.succeeded, blocked.failed), (4, 0, 0));
    is_account(&world, 7);
    world.connect().await.unwrap();
    looks(&world, 4).await;
    let state = state(&world).await;
    assert_eq!((state.status, state.succeeded, state.failed), (BackfillStatus::Done, 6, 0));
}

#[tokio::test]
async fn a_blocked_backfill_is_written_once_a_minute_and_ends_when_it_is_cancelled() {
    let bench = Bench::new(|http| Arc::new(http));
    connect(&bench.sdk, &admin()).await;
    let admin = admin();
    let backfills = bench.sdk.firm(&admin).backfills();
    put(&bench.world, &ids(6), 0);
    let id = backfills.start(ids(6)).await.unwrap().id;
    bench.sdk.firm(&admin).connection().end(None).await.unwrap();
    bench.work(60).await;
    let parked = backfills.list().await.unwrap().remove(0);
    assert_eq!((parked.running, parked.failed), (4, 0));
    let written = || bench.store.trouble.lock().unwrap().written.get("backfill").copied().unwrap_or_default();
    let before = written();
    bench.work(600).await;
    let written = written() - before;
    assert!((9..=11).contains(&written), "{written} times in ten minutes");
    backfills.cancel(&id).await.unwrap();
    bench.work(5).await;
    let state = backfills.list().await.unwrap().remove(0);
    assert_eq!((state.status, state.running), (BackfillStatus::Cancelled, 0));
    assert_eq!(
        ended(&bench.world).await,
        [EventBody::BackfillFinished { backfill: id, succeeded: 0, failed: 0, left: 6 }]
    );
}

/// What the host is told of backfills that have ended.
async fn ended(world: &World) -> Vec<EventBody> {
    let events = world.events().await.into_iter();
    events.filter(|event| matches!(event, EventBody::BackfillFinished { .. })).collect()
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
        while state(&world).await.status != BackfillStatus::Done {
            world.runtime.sleep(Duration::from_millis(500)).await;
        }
    };
    world.sdk.worker(WorkerConfig::default()).run(done).await;
    let state = state(&world).await;
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
    is_account(&world, 7);
    let id = world.sdk.firm(&admin()).backfills().start(matters.clone()).await.unwrap().id;
    world.sdk.worker(WorkerConfig::default()).run_due().await.unwrap();
    assert_eq!(world.calls("POST /api/v4/matters"), 4, "a handful at once");
    let cancelled = world.sdk.firm(&admin()).backfills().cancel(&id).await.unwrap();
    assert_eq!((cancelled.status, cancelled.running), (BackfillStatus::Cancelled, 4));
    for _ in 0..5 {
        world.later(Duration::from_secs(2)).await;
    }
    assert_eq!(world.calls("POST /api/v4/matters"), 4, "nothing more");
    let state = state(&world).await;
    assert_eq!((state.status, state.total, state.running), (BackfillStatus::Cancelled, 9, 0));
    assert_eq!((state.succeeded, state.failed), (4, 0));
    assert_eq!(ended(&world).await, [EventBody::BackfillFinished { backfill: id, succeeded: 4, failed: 0, left: 5 }]);
}
