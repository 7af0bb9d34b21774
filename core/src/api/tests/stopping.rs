//! Being told to stop: what waits ends at once, what works ends after its step, and nothing is held
//! up by it afterwards.

use core::cell::Cell;
use core::time::Duration;
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::{Either, join, pending, select};

use super::troubled::Bench;
use super::world::{World, admin, firm, matter, member, refused};
use crate::connection::Connection;
use crate::domain::{MatterId, RunStatus, Trigger};
use crate::error::Code;
use crate::history::RunQuery;
use crate::jobs::{MatterSyncState, WorkerConfig};
use crate::ports::{Runtime as _, Store as _, Write};
use crate::settings::FirmSettings;

/// A worker that is told to stop when `when` has completed. Gives how long it takes to end from
/// then on.
async fn worked(world: &World, when: impl Future<Output = ()>) -> Duration {
    let told = Cell::new(world.runtime.monotonic());
    let shutdown = async {
        when.await;
        told.set(world.runtime.monotonic());
    };
    world.sdk.worker(WorkerConfig::default()).run(shutdown).await;
    told.get().until(world.runtime.monotonic())
}

async fn approved(world: &World) {
    world.connect().await.unwrap();
    world.put("m1");
    world.sdk.firm(&member()).matters().trigger(&matter(), Trigger::Approved).await.unwrap();
}

/// As another process finds it: due at once, nobody's, and tried as often as before.
async fn goes_on_at_once(world: &World) {
    assert_eq!((world.stored("claim").await.len(), world.stored("lease").await.len()), (0, 0));
    let heir = world.process("https://hooks.example/clio");
    world.answers_as_usual();
    assert!(heir.worker(WorkerConfig::default()).run_due().await.unwrap() > 0);
    assert_eq!(heir.firm(&admin()).matters().state(&matter()).await.unwrap().status, MatterSyncState::Synced);
    let log = heir.firm(&admin()).matters().runs(RunQuery::default()).await.unwrap().items;
    assert_eq!((log[0].status, log[0].attempt), (Some(RunStatus::Succeeded), 1), "{log:?}");
    assert_eq!(heir.firm(&admin()).connection().health().await.unwrap().last_failure, None);
}

#[tokio::test]
async fn a_worker_that_waits_for_clio_ends_at_once_and_another_one_goes_on() {
    for method in ["GET", "POST"] {
        let world = World::new();
        approved(&world).await;
        world.http.clio().retry_after = Some(100);
        world.http.clio().calls.clear();
        world.answers(move |asked, path, _, _| (asked == method && path == "/api/v4/contacts").then(|| refused(429)));
        let took = worked(&world, world.runtime.sleep(Duration::from_secs(5))).await;
        assert!(took < Duration::from_secs(1), "{method}: {took:?}");
        assert_eq!(world.calls(&format!("{method} /api/v4/contacts ")), 1);
        assert_eq!(world.stored("contact").await.len(), 0, "{method}: no intent stays open");
        goes_on_at_once(&world).await;
    }
}

/// It would be taken for one whose request may have been carried out.
#[tokio::test]
async fn no_intent_stays_of_a_creation_that_clio_refused_and_that_may_not_be_sent_again() {
    let world = World::new();
    world.connect().await.unwrap();
    world.put("m1");
    let store = world.store.clone();
    world.answers(move |method, path, _, _| {
        (method == "POST" && path == "/api/v4/contacts").then(|| {
            // Meanwhile the firm is disconnected, by another process.
            let key = Connection::key(&firm());
            let connection = store.get(&key).now_or_never().unwrap().unwrap().unwrap();
            let gone = Write::Delete { key, version: connection.version };
            store.commit(&[gone]).now_or_never().unwrap().unwrap();
            refused(429)
        })
    });
    let report = world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
    assert_eq!(report.steps[0].error.as_ref().unwrap().code(), Code::NotConnected, "{report:?}");
    assert_eq!(world.stored("contact").await.len(), 0);
}

#[tokio::test]
async fn a_wait_for_what_another_run_creates_ends_at_once() {
    let world = World::new();
    approved(&world).await;
    let gate = world.hold("POST /api/v4/contacts");
    let (actor, matter) = (admin(), matter());
    let first = world.sdk.firm(&actor);
    let first = first.matters();
    let sync = first.sync(&matter);
    let second = async {
        world.until_held().await;
        world.put("m2");
        let m2 = MatterId::new("m2").unwrap();
        world.sdk.firm(&member()).matters().trigger(&m2, Trigger::Approved).await.unwrap();
        let took = worked(&world, world.runtime.sleep(Duration::from_secs(1))).await;
        assert!(took < Duration::from_millis(500), "{took:?}");
        assert_eq!(world.calls("GET /api/v4/contacts "), 2, "one when it was connected, one of the first run");
        drop(gate);
    };
    let (report, ()) = join(sync, second).await;
    assert!(report.unwrap().first_failure().is_none());
}

#[tokio::test]
async fn a_step_in_progress_is_ended_and_the_next_one_not_begun() {
    let world = World::new();
    approved(&world).await;
    let gate = world.hold("POST /api/v4/contacts");
    let took = worked(&world, world.until_held());
    let release = async {
        world.until_held().await;
        world.runtime.sleep(Duration::from_secs(3)).await;
        drop(gate);
    };
    let (took, ()) = join(took, release).await;
    assert!((Duration::from_secs(2)..Duration::from_secs(5)).contains(&took), "{took:?}");
    assert_eq!(world.calls("POST /api/v4/matters"), 0);
    let run = world.sdk.firm(&admin()).matters().runs(RunQuery::default()).await.unwrap().items.remove(0);
    assert_eq!((run.failure.unwrap().code.as_str(), run.steps.len()), ("stopped", 1));
    assert!(run.ended_at.is_some());
    goes_on_at_once(&world).await;
    assert_eq!(world.calls("POST /api/v4/contacts"), 2, "held, then answered: one call");
}

#[tokio::test]
async fn an_sdk_that_is_told_to_stop_ends_what_people_wait_for_and_its_workers() {
    let world = World::new();
    world.connect().await.unwrap();
    world.put("m1");
    world.http.clio().retry_after = Some(100);
    world.answers(|_, path, _, _| (path == "/api/v4/contacts").then(|| refused(429)));
    let (actor, matter, worker) = (admin(), matter(), world.sdk.worker(WorkerConfig::default()));
    let events = world.sdk.host().next_events(None, 1, Duration::from_secs(3600));
    let all = join(join(world.sdk.firm(&actor).matters().sync(&matter), events), worker.run(pending()));
    let told = async {
        world.runtime.sleep(Duration::from_secs(5)).await;
        world.sdk.stop();
        world.runtime.sleep(Duration::from_secs(2)).await;
    };
    let ((synced, _), ()) = match select(Box::pin(all), Box::pin(told)).await {
        Either::Left((done, _)) => done,
        Either::Right(_) => panic!("it goes on"),
    };
    assert_eq!(synced.unwrap_err().code(), Code::Stopped);
    assert_eq!(world.sdk.worker(WorkerConfig::default()).run_due().await.unwrap(), 0);
    goes_on_at_once(&world).await;
}

#[tokio::test]
async fn a_cancelled_call_ends_alone_and_leaves_its_matter_to_workers() {
    let world = World::new();
    world.connect().await.unwrap();
    world.put("m1");
    world.http.clio().retry_after = Some(100);
    world.answers(|_, path, _, _| (path == "/api/v4/contacts").then(|| refused(429)));
    let (actor, matter, part) = (admin(), matter(), world.sdk.part());
    let events = part.host().next_events(None, 1, Duration::from_secs(3600));
    let calls = join(part.firm(&actor).matters().sync(&matter), events);
    let told = async {
        world.runtime.sleep(Duration::from_secs(5)).await;
        part.stop();
        world.runtime.sleep(Duration::from_secs(2)).await;
    };
    let ((synced, events), ()) = match select(Box::pin(calls), Box::pin(told)).await {
        Either::Left((done, _)) => (done, ()),
        Either::Right(_) => panic!("it goes on"),
    };
    assert_eq!((synced.unwrap_err().code(), events.unwrap_err().code()), (Code::Cancelled, Code::Cancelled));
    let refused = part.firm(&actor).matters().plan(&matter).await.unwrap_err();
    assert_eq!(refused.code(), Code::Cancelled);
    assert!(world.sdk.firm(&actor).matters().plan(&matter).await.is_ok());
    goes_on_at_once(&world).await;
}

/// It may read for minutes, and waits for nothing that is told to stop.
#[tokio::test]
async fn a_cancelled_read_ends_in_its_middle() {
    let bench = Bench::new(|http| Arc::new(http));
    let (actor, part) = (admin(), bench.sdk.part());
    bench.sdk.firm(&actor).settings().save(FirmSettings::default()).await.unwrap();
    bench.store.trouble.lock().unwrap().unanswered = Some("audit");
    let told = async {
        bench.world.runtime.sleep(Duration::from_secs(5)).await;
        part.stop();
    };
    let (verified, ()) = join(part.firm(&actor).audit().verify(), told).await;
    assert_eq!(verified.unwrap_err().code(), Code::Cancelled);
}

/// A maintenance task, and a delivery, that wait for Clio.
#[tokio::test]
async fn what_is_done_besides_is_left_as_due_as_it_was() {
    let world = World::subscribed(true).await;
    world.synced().await;
    world.http.clio().retry_after = Some(100);
    world.answers(|_, path, _, _| path.starts_with("/api/v4/").then(|| refused(429)));
    // Two statuses of one second: only Clio can say.
    let body = super::world::status_event("Closed", "2026-04-01T12:00:00Z");
    assert_eq!(world.deliver("matter", &body).await, 200);
    world.runtime.advance(Duration::from_secs(3600));
    let took = worked(&world, world.runtime.sleep(Duration::from_secs(5))).await;
    assert!(took < Duration::from_secs(1), "{took:?}");
    for collection in ["chore", "webhook-in"] {
        for (id, record) in world.stored(collection).await {
            assert_eq!(record.get("failures").or(record.get("attempts")), Some(&0.into()), "{id}: {record}");
        }
    }
    world.answers_as_usual();
    world.http.clio().matter["status"] = "Closed".into();
    let heir = world.process("https://hooks.example/clio");
    heir.worker(WorkerConfig::default()).run_due().await.unwrap();
    assert_eq!(world.statuses().await, ["closed"]);
}

#[tokio::test]
async fn a_worker_that_never_polls_stops_when_it_is_told() {
    let world = World::new();
    let config = WorkerConfig { poll: Duration::MAX, ..WorkerConfig::default() };
    world.sdk.worker(config).run(world.runtime.sleep(Duration::from_secs(1))).await;
}
