//! What a person asked for is done, or said not to be.

use core::time::Duration;

use super::world::{World, admin, matter, member, refused};
use crate::domain::{MatterId, Trigger};
use crate::history::RunQuery;
use crate::settings::FirmSettings;

async fn sync_by_itself(world: &World, on: bool) {
    let settings = world.sdk.firm(&admin()).settings().get().await.unwrap();
    let settings = FirmSettings { sync_when_approved: on, sync_when_created: on, ..settings };
    world.sdk.firm(&admin()).settings().save(settings.clone()).await.unwrap();
}

#[tokio::test]
async fn an_admin_who_runs_what_is_held_need_not_switch_auto_sync_on() {
    let world = World::subscribed(true).await;
    sync_by_itself(&world, true).await;
    world.sdk.firm(&admin()).connection().end(None).await.unwrap();
    for (id, trigger) in [("m2", Trigger::Approved), ("m3", Trigger::Created)] {
        world.put(id);
        assert!(
            world.sdk.firm(&member()).matters().trigger(&MatterId::new(id).unwrap(), trigger).await.unwrap().accepted
        );
    }
    world.connect().await.unwrap();
    sync_by_itself(&world, false).await;
    assert_eq!(world.sdk.firm(&admin()).matters().release_held(None).await.unwrap().matters, 2);
    world.later(Duration::from_secs(60)).await;
    let runs = world.sdk.firm(&admin()).matters().runs(RunQuery::default()).await.unwrap().items;
    let mut ran: Vec<(&str, Trigger)> = runs.iter().map(|run| (run.matter.as_str(), run.trigger)).collect();
    ran.sort();
    assert_eq!(ran, [("m2", Trigger::Approved), ("m3", Trigger::Created)], "each with what its trigger sends");
    world.sdk.queue.claims.trigger(&admin().firm, &matter(), Trigger::Created, &admin().id).await.unwrap();
    world.work().await;
    assert_eq!(
        world.sdk.firm(&admin()).matters().state(&matter()).await.unwrap().last_run,
        None,
        "nothing else is run"
    );
}

#[tokio::test]
async fn what_was_parked_is_tried_again_when_a_person_asks() {
    let world = World::subscribed(true).await;
    world.put("m1");
    world.answers(|_, path, _, _| path.starts_with("/api/v4").then(|| refused(403)));
    world.sdk.firm(&member()).matters().sync(&matter()).await.unwrap();
    assert!(world.sdk.firm(&member()).matters().state(&matter()).await.unwrap().parked);
    // The plan was upgraded, and nobody connected anew.
    world.answers_as_usual();
    world.later(Duration::from_secs(60)).await;
    assert!(
        world.sdk.firm(&member()).matters().state(&matter()).await.unwrap().parked,
        "Clio is asked from time to time"
    );
    assert_eq!(world.sdk.firm(&member()).matters().retry_failed().await.unwrap().matters, 1);
    world.work().await;
    let state = world.sdk.firm(&member()).matters().state(&matter()).await.unwrap();
    assert_eq!((state.clio_matter.map(|id| id.0), state.parked), (Some(21), false));
}
