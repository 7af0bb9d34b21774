//! A process whose sealing key is wrong, or whose key service is away, beside one that is well.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::sync::Arc;

use futures_util::future::{join, pending, select};
use serde_json::json;

use super::world::{KEY, World, admin, matter, member, status_event};
use crate::connection::ConnectionState;
use crate::crypto::ConfiguredKeys;
use crate::domain::{MatterId, RunStatus, Trigger};
use crate::error::{Code, Result};
use crate::history::RunQuery;
use crate::jobs::{MatterSyncState, WorkerConfig};
use crate::maybe_send::BoxFuture;
use crate::ports::{DataKey, KeyProvider, Runtime as _, SealContext, WrappedKey};

const WRONG: &str = "0202020202020202020202020202020202020202020202020202020202020202";

/// The right keys, in a service that may be away.
#[derive(Debug)]
struct Service {
    keys: ConfiguredKeys,
    away: Arc<AtomicBool>,
}

impl Service {
    fn of(world: &World) -> (Arc<Self>, Arc<AtomicBool>) {
        let keys = ConfiguredKeys::from_text(Arc::new(world.runtime.clone()), "a", [("a", KEY)]).unwrap();
        let away = Arc::new(AtomicBool::new(false));
        (Arc::new(Self { keys, away: Arc::clone(&away) }), away)
    }

    fn check(&self) -> Result<()> {
        if self.away.load(Ordering::SeqCst) { Err(Code::KeyFailed.into()) } else { Ok(()) }
    }
}

impl KeyProvider for Service {
    fn wrap<'a>(&'a self, key: &'a DataKey, context: &'a SealContext) -> BoxFuture<'a, Result<WrappedKey>> {
        Box::pin(async move {
            self.check()?;
            self.keys.wrap(key, context).await
        })
    }

    fn unwrap<'a>(&'a self, wrapped: &'a WrappedKey, context: &'a SealContext) -> BoxFuture<'a, Result<DataKey>> {
        Box::pin(async move {
            self.check()?;
            self.keys.unwrap(wrapped, context).await
        })
    }
}

/// The same world as a process with a wrong key sees it.
fn wrong(world: &World) -> World {
    let keys = ConfiguredKeys::from_text(Arc::new(world.runtime.clone()), "a", [("a", WRONG)]).unwrap();
    world.with_keys(Arc::new(keys))
}

#[tokio::test]
async fn a_process_with_a_wrong_key_takes_no_work_and_one_with_the_right_key_does_all_of_it() {
    let world = World::new();
    world.connect().await.unwrap();
    let ids: Vec<MatterId> = (0..20).map(|n| MatterId::new(format!("m{n}")).unwrap()).collect();
    let mut made = 100;
    world.answers(move |method, path, _, _| {
        made += i64::from((method, path) == ("POST", "/api/v4/matters"));
        let matter = json!({ "id": made, "status": "Open", "created_at": "2026-04-01T12:00:00Z",
            "updated_at": "2026-04-01T12:00:00Z", "client": { "id": 11 } });
        ((method, path) == ("POST", "/api/v4/matters")).then(|| (201, json!({ "data": matter })))
    });
    for id in &ids {
        world.put(id.as_str());
        world.sdk.firm(&member()).matters().trigger(id, Trigger::Approved).await.unwrap();
    }
    let wrong = wrong(&world);
    wrong.work().await;
    let log = world.sdk.firm(&admin()).matters().runs(RunQuery::default()).await.unwrap().items;
    assert_eq!(log, [], "it has claimed nothing");
    let card = wrong.health().await;
    assert_eq!((card.key, card.state, card.advice.last().unwrap().code), ("failed", "degraded", "key_failed"));

    let began = world.runtime.monotonic();
    let workers = [Arc::clone(&wrong.sdk), Arc::clone(&world.sdk)];
    let [one, other] = workers.each_ref().map(|sdk| sdk.worker(WorkerConfig::default()));
    let done = async {
        for id in &ids {
            while world.sdk.firm(&admin()).matters().state(id).await.unwrap().status != MatterSyncState::Synced {
                world.runtime.sleep(Duration::from_millis(50)).await;
            }
        }
    };
    select(Box::pin(join(one.run(pending()), other.run(pending()))), Box::pin(done)).await;
    assert!(began.until(world.runtime.monotonic()) < Duration::from_secs(10), "within seconds");
    let log = world.sdk.firm(&admin()).matters().runs(RunQuery::default()).await.unwrap().items;
    assert!(log.iter().all(|run| run.status == Some(RunStatus::Succeeded)), "{log:?}");
    let card = world.health().await;
    assert_eq!((card.key, card.state), ("ok", "connected"));
}

#[tokio::test]
async fn who_asks_a_process_with_a_wrong_key_is_told_and_another_process_does_it() {
    let world = World::new();
    world.connect().await.unwrap();
    world.put("m1");
    let wrong = wrong(&world);
    let error = wrong.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap_err();
    assert_eq!(error.code(), Code::KeyFailed);
    assert_eq!(world.sdk.firm(&admin()).matters().state(&matter()).await.unwrap().status, MatterSyncState::Queued);
    world.work().await;
    assert_eq!(world.sdk.firm(&admin()).matters().state(&matter()).await.unwrap().status, MatterSyncState::Synced);
}

#[tokio::test]
async fn a_delivery_that_meets_a_wrong_key_is_asked_for_again_and_not_lost() {
    let world = World::subscribed(true).await;
    world.synced().await;
    let closed = status_event("Closed", "2026-04-02T12:00:00Z");
    let wrong = wrong(&world);
    assert_eq!(wrong.deliver("matter", &closed).await, 503);
    // And what another process took in, it does not apply, nor use up a try of.
    assert_eq!(world.deliver("matter", &closed).await, 200);
    wrong.later(Duration::from_secs(3600)).await;
    assert!(world.statuses().await.is_empty());
    assert!(world.stored("webhook-in").await.iter().all(|(_, delivery)| delivery["attempts"] == 0));
    world.work().await;
    assert_eq!(world.statuses().await, ["closed"]);
    assert_eq!(world.hook("matter")["status"], "enabled", "the subscription stays");
}

#[tokio::test]
async fn a_disconnect_through_a_process_with_a_wrong_key_is_carried_out_by_another() {
    let world = World::new();
    world.connect().await.unwrap();
    let wrong = wrong(&world);
    assert_eq!(wrong.sdk.firm(&admin()).connection().end(None).await.unwrap().state, ConnectionState::Revoking);
    assert_eq!(world.calls("/oauth/deauthorize"), 0);
    wrong.later(Duration::from_secs(3600)).await;
    world.work().await;
    assert_eq!(world.connection().await.state, ConnectionState::Disconnected);
    assert!(world.calls("POST /oauth/deauthorize") > 0, "given back");
}

#[tokio::test]
async fn a_callback_that_meets_a_wrong_key_uses_nothing_up() {
    let world = World::new();
    let start = world.sdk.firm(&admin()).connection().begin("https://calmintake.example/callback").await.unwrap();
    let state = start.authorize_url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let wrong = wrong(&world);
    let callback = format!("code=c&state={state}");
    assert_eq!(wrong.sdk.firm(&admin()).connection().finish(&callback).await.unwrap_err().code(), Code::KeyFailed);
    let begun = wrong.sdk.firm(&admin()).connection().begin("https://calmintake.example/callback").await;
    assert_eq!(begun.unwrap_err().code(), Code::KeyFailed);
    assert_eq!(
        world.sdk.firm(&admin()).connection().finish(&callback).await.unwrap().state,
        ConnectionState::Connected
    );
}

/// Half a minute after the key service came back the work goes on, as if nothing had been.
#[tokio::test]
async fn a_run_that_the_key_service_failed_is_given_back_and_the_outage_heals_by_itself() {
    let world = World::new();
    world.connect().await.unwrap();
    world.put("m1");
    let (service, away) = Service::of(&world);
    let world = world.with_keys(service);
    world.sdk.firm(&member()).matters().trigger(&matter(), Trigger::Approved).await.unwrap();
    let gate = world.hold("GET /api/v4/contacts");
    let outage = async {
        world.until_held().await;
        away.store(true, Ordering::SeqCst);
        // What was unwrapped is forgotten by then.
        world.runtime.advance(Duration::from_secs(310));
        drop(gate);
        while !world.stored("claim").await.is_empty() {
            world.runtime.sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(world.health().await.key, "failed");
        let job = world.stored("job").await.remove(0).1;
        assert_eq!((&job["failures"], &job["running"]), (&0.into(), &serde_json::Value::Null), "{job}");
        assert_eq!((world.stored("claim").await.len(), world.stored("lease").await.len()), (0, 0));
        world.runtime.sleep(Duration::from_secs(300)).await;
        away.store(false, Ordering::SeqCst);
        let back = world.runtime.monotonic();
        while world.sdk.firm(&admin()).matters().state(&matter()).await.unwrap().status != MatterSyncState::Synced {
            world.runtime.sleep(Duration::from_millis(100)).await;
        }
        assert!(back.until(world.runtime.monotonic()) < Duration::from_secs(33));
    };
    select(Box::pin(world.sdk.worker(WorkerConfig::default()).run(pending())), Box::pin(outage)).await;
    let log = world.sdk.firm(&admin()).matters().runs(RunQuery::default()).await.unwrap().items;
    assert_eq!((log[0].attempt, log[0].status), (1, Some(RunStatus::Succeeded)), "{log:?}");
    assert_eq!(world.calls("POST /api/v4/contacts"), 1);
}
