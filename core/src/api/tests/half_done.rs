//! Changes that take many commits, when the process dies on the way.

use std::sync::{Arc, Mutex};

use super::world::{World, admin, refused};
use crate::domain::{MatterId, Trigger};
use crate::error::{Code, Result};
use crate::maybe_send::BoxFuture;
use crate::memory::MemoryStore;
use crate::ports::{Commit, Key, Record, Scan, Store, Write};

/// A store whose process dies after so many commits.
#[derive(Debug)]
struct Dying(MemoryStore, Mutex<usize>);

impl Store for Dying {
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Record>>> {
        self.0.get(key)
    }

    fn scan<'a>(&'a self, scan: &'a Scan) -> BoxFuture<'a, Result<Vec<Record>>> {
        self.0.scan(scan)
    }

    fn commit<'a>(&'a self, writes: &'a [Write]) -> BoxFuture<'a, Result<Commit>> {
        let mut left = self.1.lock().unwrap();
        if *left == 0 {
            return Box::pin(async { Err(Code::StoreFailed.into()) });
        }
        *left -= 1;
        self.0.commit(writes)
    }
}

#[tokio::test]
async fn who_asked_for_a_change_of_many_commits_is_told_however_far_it_came() {
    for what in ["retry", "retry_failed", "release_held", "rewrap_keys"] {
        let mut broken_off = 0;
        for commits in 0..6 {
            let world = World::new();
            world.connect().await.unwrap();
            world.answers(|method, path, _, _| (method == "POST" && path == "/api/v4/matters").then(|| refused(422)));
            let mut runs = Vec::new();
            for id in ["m1", "m2"] {
                world.put(id);
                runs.push(world.sdk.firm(&admin()).matters().sync(&MatterId::new(id).unwrap()).await.unwrap().run);
            }
            if what == "release_held" {
                world.sdk.firm(&admin()).connection().end(None).await.unwrap();
                for id in ["m1", "m2"] {
                    let matter = MatterId::new(id).unwrap();
                    world.sdk.firm(&admin()).matters().trigger(&matter, Trigger::Approved).await.unwrap();
                }
                world.connect().await.unwrap();
            }
            let kept =
                async || [world.stored("job").await, world.stored("data-key").await, world.stored("firm-key").await];
            let before = kept().await;
            let sdk = world.process_on(Arc::new(Dying(world.store.clone(), Mutex::new(commits))));
            let (actor, action) = (admin(), if what == "rewrap_keys" { "key_rotation" } else { "retry" });
            let done = match what {
                "retry" => sdk.firm(&actor).matters().retry(&runs[0]).await,
                "retry_failed" => sdk.firm(&actor).matters().retry_failed().await.map(drop),
                "release_held" => sdk.firm(&actor).matters().release_held(None).await.map(drop),
                _ => sdk.firm(&actor).connection().rewrap_keys().await.map(drop),
            };
            if kept().await != before {
                broken_off += usize::from(done.is_err());
                assert_eq!(world.audited(action).await.len(), 1, "{what} after {commits} commits: {done:?}");
            }
            assert!(done.is_ok() || commits < 5, "{what}: {done:?}");
        }
        assert!(broken_off > 0 || what == "retry", "{what}");
    }
}
