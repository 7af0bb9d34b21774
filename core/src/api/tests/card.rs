//! What the card stops saying once it is not true any more.

use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use std::sync::Arc;

use super::world::{World, admin, firm, matter, member, refused};
use crate::domain::{MatterId, Trigger};
use crate::error::Result;
use crate::jobs::MatterSyncState;
use crate::maybe_send::BoxFuture;
use crate::memory::MemoryStore;
use crate::ports::{Commit, Expect, Key, Record, Scan, Store, Version, Write};

async fn failure(world: &World) -> Option<(String, String)> {
    let failure = world.health().await.last_failure?;
    Some((failure.matter.to_string(), failure.failure?.code))
}

#[tokio::test]
async fn a_failure_leaves_the_card_when_its_matter_has_arrived_and_not_before() {
    let world = World::new();
    world.connect().await.unwrap();
    world.put("m1");
    world.put("m2");
    let shown = |id: &str| Some((id.to_owned(), String::from("clio_validation")));
    world.answers(|method, path, _, _| ((method, path) == ("POST", "/api/v4/matters")).then(|| refused(422)));
    let other = MatterId::new("m2").unwrap();
    for id in [&other, &matter()] {
        world.sdk.firm(&admin()).matters().sync(id).await.unwrap();
        world.runtime.advance(Duration::from_secs(1));
    }
    assert_eq!(failure(&world).await, shown("m1"));
    world.answers_as_usual();
    world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
    assert_eq!(failure(&world).await, shown("m2"), "this one has not arrived");
    world.answers(|method, path, _, _| {
        let matter = serde_json::json!({ "id": 22, "status": "Open", "client": { "id": 11 } });
        ((method, path) == ("POST", "/api/v4/matters")).then(|| (201, serde_json::json!({ "data": matter })))
    });
    world.sdk.firm(&admin()).matters().sync(&other).await.unwrap();
    assert_eq!(failure(&world).await, None);
}

/// A store that counts the records that it gives.
#[derive(Debug)]
struct Counted {
    store: MemoryStore,
    given: AtomicUsize,
}

impl Store for Counted {
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Record>>> {
        self.given.fetch_add(1, Ordering::Relaxed);
        self.store.get(key)
    }

    fn scan<'a>(&'a self, scan: &'a Scan) -> BoxFuture<'a, Result<Vec<Record>>> {
        Box::pin(async move {
            let found = self.store.scan(scan).await?;
            self.given.fetch_add(found.len(), Ordering::Relaxed);
            Ok(found)
        })
    }

    fn commit<'a>(&'a self, writes: &'a [Write]) -> BoxFuture<'a, Result<Commit>> {
        self.store.commit(writes)
    }
}

/// Pages ask for it often.
#[tokio::test]
async fn the_card_reads_a_part_of_a_long_log_and_no_more() {
    let world = World::new();
    world.connect().await.unwrap();
    world.synced().await;
    let run = world.stored("run").await.pop().unwrap().1;
    for number in 0..3_000 {
        let write = Write::Put {
            key: Key::new(&firm(), "run", format!("{number:08x}-0000-7000-8000-000000000000")),
            expect: Expect::Absent,
            version: Version("1".into()),
            due_in: None,
            body: run.to_string(),
        };
        world.store.commit(&[write]).await.unwrap();
    }
    let store = Arc::new(Counted { store: world.store.clone(), given: AtomicUsize::new(0) });
    let health = world.process_on(store.clone()).firm(&admin()).connection().health().await.unwrap();
    assert!(health.last_success.is_some() && health.last_failure.is_none());
    let given = store.given.load(Ordering::Relaxed);
    assert!((1_000..1_150).contains(&given), "{given}");
}

#[tokio::test]
async fn an_authorization_that_was_mended_is_no_failure_any_more() {
    let world = World::new();
    world.connect().await.unwrap();
    world.synced().await;
    world.put("m2");
    let dead = super::world::dead_token;
    world.answers(move |_, path, _, _| path.starts_with("/api/v4").then(dead));
    world.sdk.firm(&admin()).matters().sync(&MatterId::new("m2").unwrap()).await.unwrap();
    assert_eq!(failure(&world).await, Some(("m2".into(), "token_rejected".into())));
    world.answers_as_usual();
    world.runtime.advance(Duration::from_secs(1));
    world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
    assert_eq!(failure(&world).await, None, "another matter's success disproves it");
}

#[tokio::test]
async fn a_plan_that_answers_a_person_has_api_access_at_once() {
    let world = World::new();
    world.connect().await.unwrap();
    world.put("m1");
    world.put("m2");
    world.answers(|_, path, _, _| path.starts_with("/api/v4").then(|| refused(403)));
    let other = MatterId::new("m2").unwrap();
    for id in [&matter(), &other] {
        world.sdk.firm(&member()).matters().trigger(id, Trigger::Approved).await.unwrap();
    }
    world.work().await;
    let card = world.health().await;
    assert_eq!((card.state, card.advice[0].code), ("degraded", "plan_without_api"));
    assert!(world.sdk.firm(&admin()).matters().state(&other).await.unwrap().parked);
    world.answers_as_usual();
    world.runtime.advance(Duration::from_secs(1));
    world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
    let card = world.health().await;
    assert!(card.advice.iter().all(|advice| advice.code != "plan_without_api"), "{card:?}");
    assert_eq!(card.last_failure, None);
    let state = world.sdk.firm(&admin()).matters().state(&other).await.unwrap();
    assert_eq!((state.status, state.parked), (MatterSyncState::Queued, true));
    world.work().await;
    let last = world.sdk.firm(&admin()).matters().state(&other).await.unwrap().last_run.unwrap();
    assert_ne!(last.failure.unwrap().code, "plan_without_api", "released");
    assert_eq!(world.health().await.state, "connected", "subscriptions are looked after again");
}

#[tokio::test]
async fn the_card_is_printed_without_names_and_addresses() {
    let world = World::new();
    world.connect().await.unwrap();
    let card = world.health().await;
    let printed = format!("{card:?}");
    let connection = card.connection.unwrap();
    for hidden in [connection.account_name.unwrap(), connection.user_email.unwrap()] {
        assert!(!hidden.is_empty() && !printed.contains(&hidden), "{printed}");
    }
    assert!(printed.contains("connected_by"), "{printed}");
}
