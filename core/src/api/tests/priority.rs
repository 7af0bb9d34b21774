//! Who is run first: whoever a person waits for.

use core::time::Duration;

use futures_util::future::{Either, select};
use serde_json::json;

use super::world::{World, admin, matter, member};
use crate::domain::{MatterId, Trigger};
use crate::error::Code;
use crate::history::RunQuery;
use crate::jobs::job::Job;
use crate::ports::Runtime as _;

fn id(id: &str) -> MatterId {
    MatterId::new(id).unwrap()
}

/// Twenty matters are approved. None has an intake, so each run ends at once.
async fn crowd(world: &World) {
    for n in 0..20 {
        world.runtime.advance(Duration::from_millis(1));
        world.sdk.firm(&member()).matters().trigger(&id(&format!("b{n:02}")), Trigger::Approved).await.unwrap();
    }
}

/// A firm with twenty matters that were approved before anything else.
async fn crowded() -> World {
    let world = World::subscribed(true).await;
    crowd(&world).await;
    world
}

/// The matters in the order in which they were run.
async fn ran(world: &World) -> Vec<String> {
    let runs = world.audited("sync").await;
    let ended = runs.iter().filter(|entry| entry["details"]["run"].is_string());
    ended.map(|entry| entry["details"]["matter"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn what_a_person_asks_for_is_run_before_what_is_due_for_longer() {
    let world = crowded().await;
    world.sdk.firm(&member()).matters().trigger(&id("m1"), Trigger::Manual).await.unwrap();
    world.work().await;
    let ran = ran(&world).await;
    assert_eq!((ran[0].as_str(), ran.len()), ("m1", 21));
}

#[tokio::test]
async fn a_retry_of_one_run_is_somebody_who_waits_and_that_of_all_that_failed_is_not() {
    let world = World::subscribed(true).await;
    world.sdk.firm(&member()).matters().trigger(&id("m1"), Trigger::Approved).await.unwrap();
    world.work().await;
    let failed = world.sdk.firm(&member()).matters().runs(RunQuery::default()).await.unwrap().items.remove(0).run;
    for (all, place) in [(false, 0), (true, 20)] {
        crowd(&world).await;
        world.runtime.advance(Duration::from_millis(1));
        let before = ran(&world).await.len();
        if all {
            world.sdk.firm(&member()).matters().retry_failed().await.unwrap();
        } else {
            world.sdk.firm(&member()).matters().retry(&failed).await.unwrap();
        }
        world.work().await;
        let ran = ran(&world).await.split_off(before);
        assert_eq!(ran.iter().position(|matter| matter == "m1"), Some(place), "{ran:?}");
    }
}

#[tokio::test]
async fn what_a_person_asks_for_during_a_run_is_first_after_it() {
    for dies in [false, true] {
        let world = World::subscribed(true).await;
        let claim = world.begun().await;
        world.sdk.firm(&member()).matters().trigger(&matter(), Trigger::Manual).await.unwrap();
        let others = async {
            world.runtime.sleep(Duration::from_secs(35)).await;
            // Another worker sees that it is being run.
            world.work().await;
            crowd(&world).await;
        };
        select(Box::pin(world.sdk.queue.claims.heartbeats(&claim)), Box::pin(others)).await;
        if dies {
            world.runtime.advance(Duration::from_secs(30));
        } else {
            crate::jobs::execution::run_claimed(&world.sdk.queue, &claim, None).await.unwrap_err();
        }
        world.work().await;
        let ran = ran(&world).await;
        let runs = usize::from(!dies) + 1;
        assert!(ran[..runs].iter().all(|matter| matter == "m1"), "{ran:?}");
        assert_eq!((ran.len(), world.stored("job-first").await.len()), (20 + runs, 0));
    }
}

#[tokio::test]
async fn whoever_is_told_that_a_matter_is_busy_has_it_synced_after_that_run() {
    let world = World::subscribed(true).await;
    world.put("m1");
    let claim = world.begun().await;
    let asks = async { world.sdk.firm(&member()).matters().sync(&matter()).await };
    let Either::Left((told, _)) = select(Box::pin(asks), Box::pin(world.sdk.queue.claims.heartbeats(&claim))).await
    else {
        panic!("the run goes on")
    };
    assert_eq!(told.unwrap_err().code(), Code::SyncBusy);
    crate::jobs::execution::run_claimed(&world.sdk.queue, &claim, None).await.unwrap();
    world.work().await;
    let runs = world.sdk.firm(&member()).matters().runs(RunQuery::default()).await.unwrap().items;
    let triggers: Vec<Trigger> = runs.iter().map(|run| run.trigger).collect();
    assert_eq!(triggers, [Trigger::Manual, Trigger::Approved], "the latest first");
}

#[tokio::test]
async fn nobody_waits_for_each_of_many_that_were_held() {
    let world = crowded().await;
    world.work().await;
    world.sdk.firm(&admin()).connection().end(None).await.unwrap();
    assert_eq!(world.sdk.firm(&member()).matters().retry_failed().await.unwrap().matters, 20);
    world.sdk.firm(&member()).matters().trigger(&id("m1"), Trigger::Manual).await.unwrap();
    world.connect().await.unwrap();
    assert_eq!(world.sdk.firm(&admin()).matters().release_held(None).await.unwrap().matters, 21);
    assert!(world.stored("job-first").await.is_empty());
    world.work().await;
    assert_eq!(ran(&world).await.len(), 41);
}

/// Hundreds may have been approved before a firm connects.
#[tokio::test]
async fn what_was_held_is_bulk_until_somebody_asks_for_this_one() {
    for again in [None, Some(Trigger::Approved), Some(Trigger::Manual)] {
        let world = World::new();
        world.sdk.firm(&member()).matters().trigger(&matter(), Trigger::Approved).await.unwrap();
        world.connect().await.unwrap();
        assert_eq!(world.sdk.firm(&admin()).matters().release_held(None).await.unwrap().matters, 1);
        if let Some(trigger) = again {
            world.sdk.firm(&member()).matters().trigger(&matter(), trigger).await.unwrap();
        }
        let job = world.stored("job").await.remove(0).1;
        let bulk = serde_json::from_value::<Job>(job).unwrap().is_bulk();
        assert_eq!(bulk, again.is_none(), "{again:?}");
        world.work().await;
        assert_eq!(world.stored("job").await[0].1["with_others"], json!(null), "it has been run");
    }
    // What waits already is as urgent as it was.
    let world = World::subscribed(true).await;
    world.sdk.firm(&member()).matters().trigger(&matter(), Trigger::Approved).await.unwrap();
    let (firm, by) = (admin().firm, admin().id);
    world.sdk.queue.claims.ask_with_others(&firm, &matter(), Trigger::Approved, &by).await.unwrap();
    assert_eq!(world.stored("job").await[0].1["with_others"], json!(null));
}

#[tokio::test]
async fn an_admin_discards_what_was_listed_and_the_log_names_it() {
    let world = World::new();
    for held in ["m1", "m2", "m3"] {
        world.sdk.firm(&member()).matters().trigger(&id(held), Trigger::Approved).await.unwrap();
    }
    let shown = vec![id("m1"), id("m3"), id("m9")];
    assert_eq!(world.sdk.firm(&admin()).matters().discard_held(shown).await.unwrap().matters, 2);
    let told = world.audited("discarded").await;
    let told: Vec<_> = told.iter().map(|entry| (&entry["details"]["matter"], &entry["actor"])).collect();
    assert_eq!(told, [(&json!("m1"), &json!("usr_1")), (&json!("m3"), &json!("usr_1"))]);
    let held = async || -> Vec<String> {
        let held = world.sdk.firm(&admin()).matters().held().await.unwrap();
        held.iter().map(|held| held.matter.to_string()).collect()
    };
    assert_eq!(held().await, ["m2"]);
    world.connect().await.unwrap();
    assert_eq!(world.sdk.firm(&admin()).matters().release_held(vec![id("m1")]).await.unwrap().matters, 0);
    assert_eq!(held().await, ["m2"]);
    assert_eq!(world.sdk.firm(&admin()).matters().discard_held(None).await.unwrap().matters, 1);
    assert!(held().await.is_empty());
}
