//! What lasts is told once: no line of the log is repeated for as long as something goes wrong.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::world::{World, admin, firm, matter, refused};
use crate::domain::Trigger;
use crate::ports::{Expect, Key, Store as _, Version, Write};

const HOUR: Duration = Duration::from_secs(3600);

/// The lines of the gravest two levels that are written on this thread, and how often each.
struct Log {
    lines: Arc<Mutex<BTreeMap<String, usize>>>,
    _guard: tracing::dispatcher::DefaultGuard,
}

impl Log {
    fn begin() -> Self {
        let lines = Arc::<Mutex<BTreeMap<String, usize>>>::default();
        let into = Arc::clone(&lines);
        let dispatch = crate::lines::to(tracing::Level::WARN, move |_, _, text| {
            *into.lock().unwrap().entry(text.to_owned()).or_default() += 1;
        });
        Self { lines, _guard: tracing::dispatcher::set_default(&dispatch) }
    }

    /// All lines, each of which was written once.
    fn each_once(&self) -> Vec<String> {
        let lines = self.lines.lock().unwrap();
        let repeated: Vec<_> = lines.iter().filter(|(_, count)| **count > 1).collect();
        assert!(repeated.is_empty(), "{repeated:#?}");
        lines.keys().cloned().collect()
    }
}

async fn a_day(world: &World) {
    for _ in 0..24 * 12 {
        world.later(HOUR / 12).await;
    }
}

/// All records of a collection are another version's, and due.
async fn spoil(world: &World, collection: &'static str) {
    for (id, _) in world.stored(collection).await {
        let key = Key::new(&firm(), collection, id);
        let known = world.store.get(&key).await.unwrap().unwrap();
        let (expect, version) = (Expect::Version(known.version), Version(String::from("later")));
        let body = String::from(r#"{"of":"a later version"}"#);
        let put = Write::Put { key, expect, version, due_in: Some(Duration::ZERO), body };
        world.store.commit(&[put]).await.unwrap();
    }
}

#[tokio::test]
async fn a_day_without_clio_is_told_once() {
    let world = World::subscribed(true).await;
    world.put("m1");
    world.answers(|_, path, _, _| path.starts_with("/api/").then(|| refused(503)));
    let log = Log::begin();
    for _ in 0..3 {
        world.sdk.firm(&admin()).matters().trigger(&matter(), Trigger::Approved).await.unwrap();
        a_day(&world).await;
    }
    let lines = log.each_once();
    assert!(
        lines.iter().any(|line| line.starts_with("a maintenance task fails") && line.contains("task=sweep")),
        "{lines:?}"
    );
}

#[tokio::test]
async fn a_grant_that_cannot_be_given_back_is_told_once() {
    let world = World::new();
    world.answers(|_, path, _, _| match path {
        "/api/v4/practice_areas" | "/oauth/deauthorize" => Some(refused(503)),
        _ => None,
    });
    let log = Log::begin();
    world.connect().await.unwrap_err();
    a_day(&world).await;
    let lines = log.each_once();
    assert!(lines.iter().any(|line| line.starts_with("an unused grant is given back later")), "{lines:?}");
}

#[tokio::test]
async fn records_that_cannot_be_read_are_told_once() {
    let world = World::subscribed(true).await;
    world.synced().await;
    world.sdk.firm(&admin()).matters().trigger(&matter(), Trigger::Approved).await.unwrap();
    spoil(&world, "job").await;
    spoil(&world, "chore").await;
    let log = Log::begin();
    a_day(&world).await;
    let lines = log.each_once();
    assert!(lines.iter().any(|line| line.starts_with("what is due cannot be read")), "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with("a maintenance task cannot be read")), "{lines:?}");
}

#[tokio::test]
async fn an_event_that_cannot_be_read_is_told_once_however_often_it_is_asked_for() {
    let world = World::subscribed(true).await;
    world.put("m1");
    world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
    spoil(&world, "outbox").await;
    let log = Log::begin();
    for _ in 0..100 {
        world.sdk.host().next_events(None, 50, Duration::ZERO).await.unwrap();
        world.runtime.advance(HOUR / 60);
    }
    assert!(!log.each_once().is_empty());
}

/// Anybody may send what cannot be recorded, as often as they like.
#[tokio::test]
async fn deliveries_that_are_not_recorded_are_told_once() {
    let world = World::subscribed(true).await;
    spoil(&world, "webhook").await;
    let token = world.token("matter");
    let log = Log::begin();
    for _ in 0..100 {
        let reply = world.sdk.handle_webhook(&token, &crate::ports::Headers::new(), b"{}").await;
        assert_eq!(reply.status, 503);
    }
    assert_eq!(log.each_once().len(), 1);
}
