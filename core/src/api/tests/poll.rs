//! The poll of a firm of which nothing is linked rests: ten thousand of those cost next to nothing.

use core::time::Duration;
use std::sync::{Arc, Mutex};

use super::world::{World, admin, firm, matter};
use crate::api::Sdk;
use crate::error::Result;
use crate::jobs::WorkerConfig;
use crate::maybe_send::BoxFuture;
use crate::memory::MemoryStore;
use crate::ports::{Commit, Key, Record, Runtime as _, Scan, Store, Write};

const DAY: Duration = Duration::from_secs(24 * 3600);

impl World {
    async fn poll_is_due_in(&self) -> Duration {
        let poll = self.store.get(&Key::new(&firm(), "chore", "poll")).await.unwrap().unwrap();
        let due_in = poll.due_at.unwrap().0 - self.runtime.now().0;
        Duration::from_millis(u64::try_from(due_in).unwrap())
    }
}

/// The store, through which this is asked for once, right before the poll is put to rest.
#[derive(Debug)]
struct BeforeRest {
    store: MemoryStore,
    sdk: Mutex<Option<Arc<Sdk>>>,
}

impl Store for BeforeRest {
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Record>>> {
        self.store.get(key)
    }

    fn scan<'a>(&'a self, scan: &'a Scan) -> BoxFuture<'a, Result<Vec<Record>>> {
        self.store.scan(scan)
    }

    fn commit<'a>(&'a self, writes: &'a [Write]) -> BoxFuture<'a, Result<Commit>> {
        let rests = |write: &Write| matches!(write, Write::Put { key, due_in: Some(wait), .. } if key.id == "poll" && *wait >= DAY);
        let other = writes.iter().any(rests).then(|| self.sdk.lock().unwrap().take()).flatten();
        Box::pin(async move {
            if let Some(other) = other {
                other.firm(&admin()).matters().sync(&matter()).await?;
            }
            self.store.commit(writes).await
        })
    }
}

#[tokio::test]
async fn the_poll_of_a_firm_without_links_rests_until_the_first_one() {
    let world = World::new();
    world.connect().await.unwrap();
    let before = world.calls("GET /api/v4/matters");
    for _ in 0..3 {
        world.later(Duration::from_secs(60)).await;
    }
    assert!(world.poll_is_due_in().await > DAY / 2, "nothing can have changed");
    world.later(3 * DAY).await;
    assert!(world.poll_is_due_in().await > DAY / 2, "it rests on");
    assert_eq!(world.calls("GET /api/v4/matters"), before);
    world.synced().await;
    assert!(world.poll_is_due_in().await <= Duration::from_secs(300), "the link wakes it");
    let before = world.calls("GET /api/v4/matters");
    for _ in 0..10 {
        world.later(Duration::from_secs(300)).await;
        assert!(world.poll_is_due_in().await <= Duration::from_secs(300), "and it goes on");
    }
    assert!(world.calls("GET /api/v4/matters") - before >= 10);
}

#[tokio::test]
async fn a_poll_does_not_rest_if_the_first_matter_is_linked_in_that_moment() {
    let world = World::new();
    world.connect().await.unwrap();
    world.work().await;
    world.put("m1");
    let store = BeforeRest { store: world.store.clone(), sdk: Mutex::new(Some(world.sdk.clone())) };
    let other = world.process_on(Arc::new(store));
    world.runtime.advance(Duration::from_secs(60));
    other.worker(WorkerConfig::default()).run_due().await.unwrap();
    assert!(world.poll_is_due_in().await <= Duration::from_secs(300));
}
