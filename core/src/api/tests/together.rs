//! Matters of one new client, or of one address, that are synced at the same moment.

use core::time::Duration;

use futures_util::future::join3;
use serde_json::{Value, json};

use super::addresses::{client, put};
use super::doubts::{CONTACTS, MATTERS, post};
use super::world::{World, admin};
use crate::domain::{MatterId, SyncReport};
use crate::error::Code;
use crate::ports::Runtime as _;

/// Syncs a matter of each client, the second once Clio was sent the first one's contact, which it
/// answers after this time.
async fn at_once(first: &Value, second: &Value, answered_after: Duration) -> (World, [SyncReport; 2]) {
    let world = World::new();
    world.connect().await.unwrap();
    let mut matters = 20;
    world.answers(move |method, path, _, body| {
        matters += i64::from((method, path) == ("POST", MATTERS));
        let made = json!({ "id": matters, "status": "Open", "description": body["data"]["description"],
            "created_at": "2026-04-01T12:00:00Z", "client": { "id": 11 } });
        ((method, path) == ("POST", MATTERS)).then(|| (201, json!({ "data": made })))
    });
    put(&world, "m1", first);
    put(&world, "m2", second);
    let gate = world.hold("POST /api/v4/contacts");
    let matters = ["m1", "m2"].map(|id| MatterId::new(id).unwrap());
    let actor = admin();
    let sync = async |matter| world.sdk.firm(&actor).matters().sync(matter).await.unwrap();
    let later = async {
        world.until_held().await;
        sync(&matters[1]).await
    };
    let answer = async {
        world.until_held().await;
        world.runtime.sleep(answered_after).await;
        drop(gate);
    };
    let (one, other, ()) = join3(sync(&matters[0]), later, answer).await;
    (world, [one, other])
}

#[tokio::test]
async fn the_second_waits_for_the_contact_that_the_first_is_creating() {
    let ada = client("c1", "Ada", "Byron", "ada@example.com");
    let mut same_address = ada.clone();
    same_address["id"] = "c2".into();
    for other in [&ada, &same_address] {
        let (world, reports) = at_once(&ada, other, Duration::from_secs(2)).await;
        let contacts = reports.each_ref().map(|report| report.steps[0].clio.unwrap());
        assert_eq!(contacts[0], contacts[1], "{reports:?}");
        assert!(reports.iter().all(|report| report.first_failure().is_none()), "{reports:?}");
        assert_eq!(world.calls(&post(CONTACTS)), 1);
    }
}

#[tokio::test]
async fn an_answer_that_does_not_come_soon_is_looked_for_in_clio() {
    let ada = client("c1", "Ada", "Byron", "ada@example.com");
    let (world, [first, second]) = at_once(&ada, &ada, Duration::from_secs(8)).await;
    assert!(first.first_failure().is_none(), "{first:?}");
    let doubt = second.steps[0].error.as_ref().unwrap();
    assert_eq!((doubt.code(), doubt.get("reason")), (Code::SyncInDoubt, Some("no_answer_recorded")));
    world.later(Duration::from_secs(6)).await;
    let state = world.sdk.firm(&admin()).matters().state(&MatterId::new("m2").unwrap()).await.unwrap();
    assert!(state.clio_matter.is_some(), "{state:?}");
    assert_eq!(world.calls(&post(CONTACTS)), 1);
}
