//! Old runs are removed from the sync log, and nothing is missed that is not of the log.

use core::time::Duration;

use super::world::{World, admin, firm, matter};
use crate::domain::RunStatus;
use crate::error::Code;
use crate::history::RunQuery;
use crate::ports::{Key, Runtime as _, Write};

const DAY: Duration = Duration::from_secs(86_400);

#[tokio::test]
async fn old_runs_go_and_nothing_is_done_again() {
    let world = World::new();
    world.connect().await.unwrap();
    world.synced().await;
    // More than one commit removes.
    for _ in 0..150 {
        world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
    }
    world.later(DAY).await;
    let before = world.runtime.now();
    world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
    let (state, sent) = (world.sdk.firm(&admin()).matters().state(&matter()).await.unwrap(), world.calls("POST"));

    let all = world.stored("run").await.len();
    assert!(all > 150, "{all}");
    let pruned = world.sdk.firm(&admin()).matters().prune_runs(before).await.unwrap();
    assert_eq!(pruned.runs, all as u64 - 1);
    let left = world.sdk.firm(&admin()).matters().runs(RunQuery::default()).await.unwrap().items;
    let of_matter = RunQuery { matter: Some(matter()), ..RunQuery::default() };
    assert_eq!(world.sdk.firm(&admin()).matters().runs(of_matter).await.unwrap().items, left);
    assert_eq!((left.len(), left[0].started_at), (1, before));
    assert_eq!(world.stored("matter-run").await.len(), 1);
    assert_eq!(world.sdk.firm(&admin()).matters().state(&matter()).await.unwrap(), state);
    let told = world.audited("prune").await;
    let entries: u64 =
        told.iter().map(|entry| entry["details"]["entries"].as_str().unwrap().parse::<u64>().unwrap()).sum();
    assert_eq!((told.len(), entries), (2, pruned.runs));

    assert_eq!(world.sdk.firm(&admin()).matters().prune_runs(before).await.unwrap().runs, 0);
    assert_eq!(world.audited("prune").await.len(), 2, "nothing was removed");
    let report = world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
    assert_eq!((report.status, world.calls("POST")), (RunStatus::Succeeded, sent));
}

#[tokio::test]
async fn a_run_that_has_not_ended_stays_whatever_its_age() {
    let world = World::new();
    world.connect().await.unwrap();
    world.synced().await;
    world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
    let (id, mut running) = world.stored("run").await.remove(0);
    running.as_object_mut().unwrap().retain(|field, _| field != "ended_at" && field != "status");
    world.overwrite("run", &id, &running).await;
    world.later(DAY).await;
    assert_eq!(world.sdk.firm(&admin()).matters().prune_runs(world.runtime.now()).await.unwrap().runs, 1);
    assert_eq!(world.stored("run").await, [(id, running)]);
    assert_eq!(world.stored("matter-run").await.len(), 1);
}

#[tokio::test]
async fn two_who_prune_at_once_are_told() {
    let world = World::new();
    world.connect().await.unwrap();
    world.synced().await;
    world.later(DAY).await;
    let (id, _) = world.stored("run").await.remove(0);
    let store = world.meddled(|write| matches!(write, Write::Delete { .. }), Key::new(&firm(), "run", id));
    let sdk = world.process_on(store);
    let error = sdk.firm(&admin()).matters().prune_runs(world.runtime.now()).await.unwrap_err();
    assert_eq!((error.code(), error.get("log")), (Code::StoreConflict, Some("sync")));
    assert_eq!(world.stored("matter-run").await.len(), 1, "nothing by half");
}
