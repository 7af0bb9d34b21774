//! The store port with everything that can happen on the way to a database: time, failures, and commits of which nobody knows.

use std::fmt;

use casehug_clio::maybe_send::BoxFuture;
use casehug_clio::memory::MemoryStore;
use casehug_clio::ports::{Commit, Key, Record, Scan, Store, Write};
use casehug_clio::{Code, Error, Result};
use std::time::Duration;

use crate::net::Faults;
use crate::world::{Node, World};

/// One node's way to the database.
#[derive(Clone)]
pub struct Remote {
    pub node: Node,
    pub world: World,
    pub inner: MemoryStore,
    pub faults: Faults,
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Remote")
    }
}

impl Remote {
    async fn travel(&self) {
        let ms = Duration::from_millis(1);
        self.world.sleep(self.world.between(Duration::ZERO, 8 * ms)).await;
    }

    fn fails(&self) -> bool {
        // A database is rarer down than the way to Clio.
        self.faults.happens(&self.world) && self.world.chance(0.2)
    }
}

fn failed() -> Error {
    Error::new(Code::StoreFailed).with("reason", "simulated")
}

impl Store for Remote {
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Record>>> {
        Box::pin(async move {
            self.travel().await;
            if self.fails() { Err(failed()) } else { self.inner.get(key).await }
        })
    }

    fn scan<'a>(&'a self, scan: &'a Scan) -> BoxFuture<'a, Result<Vec<Record>>> {
        Box::pin(async move {
            self.travel().await;
            if self.fails() { Err(failed()) } else { self.inner.scan(scan).await }
        })
    }

    fn commit<'a>(&'a self, writes: &'a [Write]) -> BoxFuture<'a, Result<Commit>> {
        Box::pin(async move {
            self.travel().await;
            if self.fails() {
                return Err(failed());
            }
            let done = self.inner.commit(writes).await?;
            self.world.note(if done == Commit::Conflict { "conflict" } else { "commit" });
            self.world.tell(|| {
                let writes: Vec<String> = writes.iter().map(shown).collect();
                format!("node {} commits {done:?}: {}", self.node, writes.join(", "))
            });
            self.travel().await;
            if self.fails() { Err(failed()) } else { Ok(done) }
        })
    }
}

fn shown(write: &Write) -> String {
    let kind = match write {
        Write::Put { .. } => "put",
        Write::Delete { .. } => "delete",
        Write::Check { .. } => "check",
    };
    format!("{kind} {}/{}", write.key().collection, write.key().id)
}
