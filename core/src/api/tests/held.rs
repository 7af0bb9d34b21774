//! What was triggered while the firm was not connected, or is not wanted: nothing of it leaves by
//! itself, whatever else is asked for meanwhile.

use core::time::Duration;

use futures_util::future::{Either, select};
use serde_json::json;

use super::connection::connect_to_another_account;
use super::world::{World, admin, firm, matter, member};
use crate::domain::{MatterId, Trigger};
use crate::error::Code;
use crate::history::RunQuery;
use crate::jobs::HeldMatter;
use crate::ports::{Key, Write};
use crate::settings::FirmSettings;

const DAY: Duration = Duration::from_secs(24 * 3600);

impl World {
    /// The host says that a document of the first matter was approved.
    async fn approved(&self) {
        self.sdk.firm(&member()).matters().trigger(&matter(), Trigger::Approved).await.unwrap();
    }

    async fn disconnected(&self) {
        self.sdk.firm(&admin()).connection().end(None).await.unwrap();
    }

    async fn discards(&self) -> usize {
        self.sdk.firm(&admin()).matters().discard_held(None).await.unwrap().matters
    }

    async fn releases(&self) -> usize {
        self.sdk.firm(&admin()).matters().release_held(None).await.unwrap().matters
    }

    async fn runs(&self) -> usize {
        self.sdk.firm(&member()).matters().runs(RunQuery::default()).await.unwrap().items.len()
    }

    /// How many matters were created in Clio, and how many are held.
    async fn made_and_held(&self) -> (usize, usize) {
        (self.calls("POST /api/v4/matters"), self.health().await.held_matters)
    }
}

/// The firm has made it in Clio by hand, and so said that it is not wanted.
#[tokio::test]
async fn what_was_discarded_does_not_leave_when_another_document_is_approved() {
    let world = World::new();
    world.put("m1");
    world.approved().await;
    assert_eq!(world.discards().await, 1);
    world.connect().await.unwrap();
    assert_eq!((world.releases().await, world.health().await.held_matters), (0, 0));
    world.approved().await;
    world.later(2 * DAY).await;
    assert_eq!(world.made_and_held().await, (0, 1), "an admin is asked");
    // Before the next connection, too.
    assert_eq!(world.discards().await, 1);
    world.disconnected().await;
    world.approved().await;
    world.connect().await.unwrap();
    world.later(2 * DAY).await;
    assert_eq!(world.made_and_held().await, (0, 1));
    // A person asks for this very matter, and from then on it goes on by itself.
    assert_eq!(world.discards().await, 1);
    world.sdk.firm(&member()).matters().sync(&matter()).await.unwrap();
    assert_eq!(world.made_and_held().await, (1, 0));
    assert!(world.stored("held").await.is_empty());
    let runs = world.runs().await;
    world.approved().await;
    world.work().await;
    assert_eq!(world.runs().await, runs + 1);
}

#[tokio::test]
async fn held_matters_can_be_read_by_the_version_before_and_those_of_that_version_here() {
    let world = World::new();
    world.put("m1");
    world.approved().await;
    world.discards().await;
    // What the version before makes of it: held. Nothing leaves by itself, and an admin is asked.
    let stored = world.stored("held").await.remove(0).1;
    let before: HeldMatter = serde_json::from_value(stored.clone()).unwrap();
    assert_eq!((before.matter, before.trigger), (matter(), Trigger::Approved));
    world
        .overwrite(
            "held",
            "m1",
            &json!({ "matter": "m1", "trigger": "approved", "actor": "usr_1", "at": stored["at"] }),
        )
        .await;
    world.connect().await.unwrap();
    world.approved().await;
    world.later(2 * DAY).await;
    assert_eq!(world.made_and_held().await, (0, 1));
    assert_eq!(world.releases().await, 1);
    world.work().await;
    assert_eq!(world.made_and_held().await, (1, 0));
}

#[tokio::test]
async fn what_was_approved_while_disconnected_does_not_leave_with_what_waited_before() {
    // Its job had a run while the firm was not connected, and was blocked; or had none.
    for (blocked, discarded) in [(true, false), (true, true), (false, false), (false, true)] {
        let world = World::subscribed(true).await;
        world.put("m1");
        world.answers(|method, path, _, _| {
            ((method, path) == ("GET", "/api/v4/contacts")).then(|| (500, json!({ "error": "?" })))
        });
        world.approved().await;
        world.work().await;
        world.disconnected().await;
        if blocked {
            world.later(Duration::from_secs(3600)).await;
        }
        world.approved().await;
        if discarded {
            assert_eq!(world.discards().await, 1);
        }
        world.answers_as_usual();
        world.connect().await.unwrap();
        for _ in 0..5 {
            world.later(Duration::from_secs(3600)).await;
        }
        let held = usize::from(!discarded);
        assert_eq!(world.made_and_held().await, (0, held), "blocked: {blocked}, discarded: {discarded}");
        assert_eq!(world.releases().await, held);
        world.work().await;
        assert_eq!(world.made_and_held().await, (held, 0), "blocked: {blocked}, discarded: {discarded}");
    }
}

#[tokio::test]
async fn what_waits_of_a_matter_that_is_discarded_runs_only_if_somebody_asked_for_it() {
    for trigger in [Trigger::Approved, Trigger::Manual] {
        let world = World::subscribed(true).await;
        world.synced().await;
        world.disconnected().await;
        world.approved().await;
        world.connect().await.unwrap();
        let runs = world.runs().await;
        world.sdk.firm(&member()).matters().trigger(&matter(), trigger).await.unwrap();
        assert_eq!(world.discards().await, 1);
        world.later(DAY).await;
        assert_eq!(world.runs().await - runs, usize::from(trigger == Trigger::Manual), "{trigger:?}");
    }
}

#[tokio::test]
async fn retrying_all_that_failed_releases_nothing_that_is_held_or_was_discarded() {
    let world = World::new();
    let second = MatterId::new("m2").unwrap();
    for matter in [&matter(), &second] {
        world.put(matter.as_str());
        world.sdk.firm(&member()).matters().sync(matter).await.unwrap();
        world.sdk.firm(&member()).matters().trigger(matter, Trigger::Approved).await.unwrap();
    }
    assert_eq!(world.sdk.firm(&admin()).matters().discard_held(vec![second]).await.unwrap().matters, 1);
    world.connect().await.unwrap();
    assert_eq!(world.sdk.firm(&member()).matters().retry_failed().await.unwrap().matters, 0);
    world.later(DAY).await;
    assert_eq!(world.made_and_held().await, (0, 1));
}

#[tokio::test]
async fn retrying_all_that_failed_sends_nothing_of_one_account_to_another() {
    let world = World::subscribed(true).await;
    world.approved().await;
    world.work().await;
    assert_eq!(world.sdk.firm(&member()).matters().retry_failed().await.unwrap().matters, 1, "in its account");
    world.work().await;
    connect_to_another_account(&world, 8).await;
    world.put("m1");
    assert_eq!(world.sdk.firm(&member()).matters().retry_failed().await.unwrap().matters, 0);
    world.later(DAY).await;
    assert_eq!(world.made_and_held().await, (0, 0));
}

/// Another admin discards it in that moment, or it is triggered once more.
#[tokio::test]
async fn a_matter_is_released_only_as_it_was_listed() {
    let world = World::new();
    world.put("m1");
    world.approved().await;
    world.connect().await.unwrap();
    let writes_the_job = |write: &Write| matches!(write, Write::Put { key, .. } if key.collection == "job");
    let process = world.process_on(world.meddled(writes_the_job, Key::new(&firm(), "held", "m1")));
    assert_eq!(process.firm(&admin()).matters().release_held(None).await.unwrap().matters, 0);
    world.work().await;
    assert_eq!(world.made_and_held().await, (0, 1));
    assert_eq!(world.releases().await, 1);
    world.work().await;
    assert_eq!(world.made_and_held().await, (1, 0));
}

/// The matter is in Clio a moment later: there is nothing to ask an admin any more.
#[tokio::test]
async fn what_is_approved_during_a_persons_sync_of_a_held_matter_follows_it() {
    let world = World::new();
    world.put("m1");
    world.approved().await;
    world.connect().await.unwrap();
    let answer = world.hold("POST /api/v4/contacts");
    let (by, this) = (member(), matter());
    let mut syncs = Box::pin(world.sdk.firm(&by).matters().sync(&this));
    assert!(matches!(select(&mut syncs, Box::pin(world.until_held())).await, Either::Right(_)));
    world.approved().await;
    drop(answer);
    syncs.await.unwrap();
    // The run has read the intake by then: it is not what takes that in.
    assert_eq!(world.made_and_held().await, (1, 1));
    world.work().await;
    assert_eq!((world.made_and_held().await, world.runs().await), ((1, 0), 2));
}

#[tokio::test]
async fn what_is_approved_while_disconnected_during_a_persons_sync_stays_held_after_it() {
    let world = World::new();
    world.put("m1");
    world.connect().await.unwrap();
    let answer = world.hold("POST /api/v4/matters");
    let (by, this) = (member(), matter());
    let mut syncs = Box::pin(world.sdk.firm(&by).matters().sync(&this));
    assert!(matches!(select(&mut syncs, Box::pin(world.until_held())).await, Either::Right(_)));
    world.disconnected().await;
    world.approved().await;
    drop(answer);
    let report = syncs.await.unwrap();
    assert!(report.clio_matter().is_some(), "{report:?}");
    world.connect().await.unwrap();
    world.later(DAY).await;
    assert_eq!((world.health().await.held_matters, world.runs().await), (1, 1));
}

#[tokio::test]
async fn with_auto_sync_switched_off_and_on_what_waited_is_asked_about() {
    let world = World::subscribed(true).await;
    world.put("m1");
    // A creation whose answer was lost, and that was carried out.
    world.answers(|method, path, _, _| {
        ((method, path) == ("POST", "/api/v4/matters")).then(|| (504, json!({ "error": "Gateway Timeout" })))
    });
    world.approved().await;
    world.work().await;
    let failed = world.sdk.firm(&member()).matters().state(&matter()).await.unwrap().last_run.unwrap().failure;
    assert_eq!(failed.unwrap().code, Code::SyncInDoubt.name());
    let (sdk, admin) = (&world.sdk, admin());
    let switch = async |on: bool| {
        let settings = sdk.firm(&admin).settings().get().await.unwrap();
        let switched = FirmSettings { sync_when_approved: on, ..settings };
        sdk.firm(&admin).settings().save(switched).await.unwrap();
    };
    switch(false).await;
    world.later(Duration::from_secs(3600)).await;
    switch(true).await;
    world.answers_as_usual();
    world.later(DAY).await;
    assert_eq!(world.made_and_held().await, (1, 1), "nothing leaves by itself");
    assert!(world.audited("sync").await.iter().any(|entry| entry["details"]["held"] == "true"));
    assert_eq!(world.releases().await, 1);
    for _ in 0..5 {
        world.later(Duration::from_secs(600)).await;
    }
    assert_eq!(world.health().await.held_matters, 0);
    assert!(world.sdk.firm(&member()).matters().state(&matter()).await.unwrap().clio_matter.is_some());
}
