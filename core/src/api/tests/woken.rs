//! Maintenance tasks that are asked for while they are being done.

use core::time::Duration;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::world::{World, admin, firm, matter, refused};
use crate::error::Result;
use crate::jobs::WorkerConfig;
use crate::maybe_send::BoxFuture;
use crate::memory::MemoryStore;
use crate::ports::{Commit, Expect, Key, Record, Runtime, Scan, Store, Version, Write};
use crate::store::schedule::{MaintenanceTask, is_due_within};
use crate::store::{Repository, schedule_within};

/// How often it is asked whether a plan has API access again.
const ASK_EVERY: Duration = Duration::from_secs(900);

/// The store, in which this happens right before the end of a task is written.
struct BeforeEnd {
    store: MemoryStore,
    task: MaintenanceTask,
    other: Mutex<Option<BoxFuture<'static, ()>>>,
}

impl core::fmt::Debug for BeforeEnd {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("BeforeEnd")
    }
}

impl Store for BeforeEnd {
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Record>>> {
        self.store.get(key)
    }

    fn scan<'a>(&'a self, scan: &'a Scan) -> BoxFuture<'a, Result<Vec<Record>>> {
        self.store.scan(scan)
    }

    fn commit<'a>(&'a self, writes: &'a [Write]) -> BoxFuture<'a, Result<Commit>> {
        let ends = |write: &Write| matches!(write, Write::Put { key, body, .. } if *key == self.task.key(&firm()) && !body.contains("being_done"));
        let other = writes.iter().any(ends).then(|| self.other.lock().unwrap().take()).flatten();
        Box::pin(async move {
            if let Some(other) = other {
                other.await;
            }
            self.store.commit(writes).await
        })
    }
}

fn repository(world: &World) -> Repository {
    let runtime: Arc<dyn Runtime> = Arc::new(world.runtime.clone());
    Repository::new(Arc::new(world.store.clone()), runtime)
}

async fn asks_within(repository: &Repository, task: MaintenanceTask, wait: Duration) -> Commit {
    let mut transaction = repository.transaction(&firm()).unwrap();
    schedule_within(repository, &mut transaction, task, wait).await.unwrap();
    repository.commit(&transaction).await.unwrap()
}

async fn due_in(world: &World, task: MaintenanceTask) -> Option<Duration> {
    let due_at = world.store.get(&task.key(&firm())).await.unwrap().unwrap().due_at;
    due_at.map(|due_at| world.runtime.now().until(due_at))
}

/// A firm whose plan has lost its API access, and a worker that asks whether it has it again, of a
/// Clio that answers with this: the other happens right before what came of it is written.
async fn asked(world: &World, status: Option<u16>, other: impl Future<Output = ()> + Send + 'static) {
    world.put("m1");
    answers_with(world, Some(403));
    world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
    world.runtime.advance(ASK_EVERY + Duration::from_secs(1));
    answers_with(world, status);
    let other: Mutex<Option<BoxFuture<'static, ()>>> = Mutex::new(Some(Box::pin(other)));
    let store = BeforeEnd { store: world.store.clone(), task: MaintenanceTask::ApiAccess, other };
    world.process_on(Arc::new(store)).worker(WorkerConfig::default()).run_due().await.unwrap();
}

fn answers_with(world: &World, status: Option<u16>) {
    world.answers(move |_, path, _, _| status.filter(|_| path.starts_with("/api/v4")).map(refused));
}

#[tokio::test]
async fn a_plan_that_is_lost_while_it_is_noted_that_it_is_back_is_asked_after_again() {
    let world = Arc::new(World::subscribed(true).await);
    let loses = Arc::clone(&world);
    let lost = async move {
        answers_with(&loses, Some(403));
        loses.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
    };
    asked(&world, None, lost).await;
    assert_eq!(world.health().await.state, "degraded");
    assert!(due_in(&world, MaintenanceTask::ApiAccess).await.is_some_and(|due| due <= ASK_EVERY));
    world.answers_as_usual();
    world.later(ASK_EVERY).await;
    world.work().await;
    assert_eq!(world.health().await.state, "connected");
    assert!(world.sdk.firm(&admin()).matters().state(&matter()).await.unwrap().clio_matter.is_some());
}

#[tokio::test]
async fn what_is_tried_again_soon_is_so_though_it_is_asked_for_later() {
    let world = Arc::new(World::subscribed(true).await);
    let repository = repository(&world);
    let asks = async move {
        let asked = asks_within(&repository, MaintenanceTask::ApiAccess, ASK_EVERY).await;
        assert!(matches!(asked, Commit::Done { .. }));
    };
    asked(&world, Some(503), asks).await;
    assert!(due_in(&world, MaintenanceTask::ApiAccess).await.is_some_and(|due| due <= Duration::from_secs(60)));
}

/// It is written once, whoever asks; and not at all while nobody does it.
#[tokio::test]
async fn only_what_is_being_done_is_written_though_it_is_due_soon_enough() {
    let (world, task) = (World::new(), MaintenanceTask::Authorization);
    let minute = Duration::from_secs(60);
    let written = async |body: Value| {
        let known = world.store.get(&task.key(&firm())).await.unwrap().map(|record| record.version);
        let put = Write::Put {
            key: task.key(&firm()),
            expect: known.map_or(Expect::Absent, Expect::Version),
            version: Version(body.to_string()),
            due_in: Some(minute / 2),
            body: body.to_string(),
        };
        assert!(matches!(world.store.commit(&[put]).await.unwrap(), Commit::Done { .. }));
    };
    let version = async || world.store.get(&task.key(&firm())).await.unwrap().unwrap().version;
    let repository = repository(&world);
    written(json!({ "chore": "authorization" })).await;
    let waits = version().await;
    assert!(is_due_within(&repository, &firm(), task, minute).await.unwrap());
    asks_within(&repository, task, minute).await;
    assert_eq!(version().await, waits);
    written(json!({ "chore": "authorization", "being_done": true })).await;
    let done = version().await;
    assert!(!is_due_within(&repository, &firm(), task, minute).await.unwrap());
    asks_within(&repository, task, minute).await;
    let asked = version().await;
    assert_ne!(asked, done);
    assert_eq!(due_in(&world, task).await, Some(minute / 2));
    assert!(is_due_within(&repository, &firm(), task, minute).await.unwrap());
    asks_within(&repository, task, minute).await;
    assert_eq!(version().await, asked);
}
