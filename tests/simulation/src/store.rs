//! The store port with everything that can happen on the way to a database: time, failures, and
//! commits of which nobody knows.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use casehug_clio::memory::MemoryStore;
use casehug_clio::ports::{
    BoxFuture, Commit, Key, Record, Scan, SealedTokens, Store, Swap, TokenStore, Version, Write,
};
use casehug_clio::{Code, ConnectionId, Error, FirmId, Result, StoreTokens, Timestamp};
use futures_util::FutureExt as _;
use std::time::Duration;

use crate::HOST;
use crate::admin::Sight;
use crate::check::ClientData;
use crate::hooks::lock;
use crate::net::Faults;
use crate::world::{Looking, Node, NodeRuntime, World};

/// In which collections workers look for what is due, of any firm.
const WORK: &[&str] = &["backfill", "chore", "job", "job-first", "matter-early", "release", "webhook-in"];
/// In which a host does.
const NEWS: &[&str] = &["outbox"];

/// What is due and when, seen from outside, so that nobody needs to look while nothing is.
#[derive(Clone, Debug)]
pub struct Dues {
    collections: &'static [&'static str],
    /// The database's.
    clock: NodeRuntime,
    due: Arc<Mutex<Due>>,
}

#[derive(Debug, Default)]
struct Due {
    of: HashMap<Key, Timestamp>,
    at: BTreeSet<(Timestamp, Key)>,
}

impl Dues {
    /// What workers do by themselves.
    #[must_use]
    pub fn work(clock: &NodeRuntime) -> Self {
        Self { collections: WORK, clock: clock.clone(), due: Arc::default() }
    }

    /// What the host is to be told.
    #[must_use]
    pub fn news(clock: &NodeRuntime) -> Self {
        Self { collections: NEWS, clock: clock.clone(), due: Arc::default() }
    }

    /// Looks at this pace.
    #[must_use]
    pub fn looking(&self, pace: Duration) -> Looking {
        let (due, clock) = (Arc::clone(&self.due), self.clock.clone());
        let first = move || lock(&due).at.first().map(|(at, _)| clock.truth(*at));
        Looking { pace, due: Arc::new(first) }
    }

    fn set(&self, key: &Key, at: Option<Timestamp>) {
        if !self.collections.contains(&key.collection) {
            return;
        }
        let mut due = lock(&self.due);
        if let Some(before) = due.of.remove(key) {
            due.at.remove(&(before, key.clone()));
        }
        if let Some(at) = at {
            due.of.insert(key.clone(), at);
            due.at.insert((at, key.clone()));
        }
    }

    fn took(&self, writes: &[Write], now: Timestamp) {
        for write in writes {
            match write {
                Write::Put { key, due_in, .. } => self.set(key, due_in.map(|due_in| now + due_in)),
                Write::Delete { key, .. } => self.set(key, None),
                Write::Check { .. } => {}
            }
        }
    }

    /// The database is another one now.
    pub fn read(&self, store: &MemoryStore) {
        *lock(&self.due) = Due::default();
        for (key, _) in store.dump() {
            // It answers at once.
            if let Some(Ok(Some(record))) = store.get(&key).now_or_never() {
                self.set(&key, record.due_at);
            }
        }
    }
}

/// One node's way to the database.
#[derive(Clone)]
pub struct Remote {
    pub node: Node,
    pub world: World,
    pub inner: MemoryStore,
    pub faults: Faults,
    /// As whom this process claims jobs, once it has.
    pub holder: Arc<Mutex<Option<String>>>,
    pub sight: Sight,
    pub client_data: ClientData,
    pub work: Dues,
    pub news: Dues,
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

    /// The fence, seen from outside: what a run writes, only the holder of its matter's claim may
    /// write.
    fn writes_without_claim(&self, writes: &[Write]) -> Option<String> {
        let mut holder = lock(&self.holder);
        let mut claimed = None;
        let gives_up = |matter: &str| {
            writes.iter().any(|write| {
                matches!(write, Write::Delete { key, .. } if key.collection == "claim" && key.id.as_str() == matter)
            })
        };
        for write in writes {
            let Write::Put { key, body, .. } = write else { continue };
            // An admin's decision is written into the intent by whoever asked.
            if self.node == HOST {
                continue;
            }
            let matter = match key.collection {
                "claim" => {
                    *holder = field(body, "holder");
                    claimed = Some(key.id.clone());
                    continue;
                }
                // After the account's set of links.
                "matter" | "document" => key.id.split('/').nth(1).unwrap_or_default().to_owned(),
                "run" => field(body, "matter").unwrap_or_default(),
                _ => continue,
            };
            // A takeover ends the run before, in the commit that makes it the holder, or that gives
            // up on the holder in the version that was read.
            if key.collection == "run" && (claimed.as_ref() == Some(&matter) || gives_up(&matter)) {
                continue;
            }
            let held_by =
                self.inner.body(&Key::new(&key.firm, "claim", matter)).and_then(|body| field(&body, "holder"));
            if held_by.is_none() || held_by != *holder {
                return Some(format!("{}/{}", key.collection, key.id));
            }
        }
        None
    }

    fn fails(&self) -> bool {
        self.faults.happens_rarely(&self.world)
    }
}

fn field(body: &str, name: &str) -> Option<String> {
    serde_json::from_str::<serde_json::Value>(body).ok()?.get(name)?.as_str().map(str::to_owned)
}

fn failed() -> Error {
    Error::new(Code::StoreFailed).with("reason", "simulated")
}

impl Store for Remote {
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Record>>> {
        Box::pin(async move {
            self.travel().await;
            if self.fails() {
                return Err(failed());
            }
            let found = self.inner.get(key).await?;
            self.sight.saw(self.world.ran(self.node), key, found.as_ref().map(|record| record.body.as_str()));
            Ok(found)
        })
    }

    fn get_many<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Record>>>> {
        Box::pin(async move {
            self.travel().await;
            if self.fails() {
                return Err(failed());
            }
            let found = self.inner.get_many(keys).await?;
            for (key, found) in keys.iter().zip(&found) {
                self.sight.saw(self.world.ran(self.node), key, found.as_ref().map(|record| record.body.as_str()));
            }
            Ok(found)
        })
    }

    fn scan<'a>(&'a self, scan: &'a Scan) -> BoxFuture<'a, Result<Vec<Record>>> {
        Box::pin(async move {
            self.travel().await;
            if let Scan::Due { firm: None, collection, .. } = scan
                && !WORK.contains(collection)
            {
                self.world
                    .violated(|| format!("a worker looks for {collection}, and the simulation would not wake it"));
            }
            if self.fails() { Err(failed()) } else { self.inner.scan(scan).await }
        })
    }

    fn commit<'a>(&'a self, writes: &'a [Write]) -> BoxFuture<'a, Result<Commit>> {
        Box::pin(async move {
            self.travel().await;
            if self.fails() {
                return Err(failed());
            }
            if let Some(record) = self.client_data.is_in(writes) {
                self.world.violated(|| format!("node {} writes a client's text into {record}", self.node));
            }
            let guarded = self.writes_without_claim(writes);
            let done = self.inner.commit(writes).await?;
            if let Commit::Done { at } = done {
                let expected = writes.iter().filter(|write| matches!(write, Write::Check { .. })).map(Write::key);
                for key in expected.filter(|key| key.collection == "connection") {
                    self.sight.saw(self.world.ran(self.node), key, self.inner.body(key).as_deref());
                }
                self.work.took(writes, at);
                self.news.took(writes, at);
                if let Some(what) = guarded {
                    self.world.violated(|| format!("node {} wrote {what} without holding its claim", self.node));
                }
            }
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

/// What a node knows of its tokens, seen from outside.
#[derive(Clone, Debug, Default)]
pub struct Refreshing {
    /// The envelope that it read last, and whose it is.
    loaded: Option<(ConnectionId, Version)>,
    /// The one that it had read when it last asked for a refresh, until it saves what it got.
    from: Option<(ConnectionId, Version)>,
}

/// The token store of one node. Says when a grant is saved over another envelope than it came from.
#[derive(Clone, Debug)]
pub struct Vault {
    pub inner: Arc<StoreTokens>,
    pub world: World,
    pub state: Arc<Mutex<Refreshing>>,
}

impl Vault {
    /// A refresh is being asked for.
    pub fn refreshes(state: &Mutex<Refreshing>) {
        let mut state = lock(state);
        state.from = state.loaded.clone();
    }

    /// The refresh brought nothing: what is saved next is no grant.
    pub fn brought_nothing(state: &Mutex<Refreshing>) {
        lock(state).from = None;
    }

    fn state(&self) -> MutexGuard<'_, Refreshing> {
        lock(&self.state)
    }
}

impl TokenStore for Vault {
    fn load<'a>(
        &'a self,
        firm: &'a FirmId,
        connection: &'a ConnectionId,
    ) -> BoxFuture<'a, Result<Option<SealedTokens>>> {
        Box::pin(async move {
            let loaded = self.inner.load(firm, connection).await?;
            self.state().loaded = loaded.as_ref().map(|sealed| (connection.clone(), sealed.version.clone()));
            Ok(loaded)
        })
    }

    fn compare_and_swap<'a>(
        &'a self,
        firm: &'a FirmId,
        connection: &'a ConnectionId,
        expected: Option<&'a Version>,
        new: SealedTokens,
    ) -> BoxFuture<'a, Result<Swap>> {
        Box::pin(async move {
            let done = self.inner.compare_and_swap(firm, connection, expected, new).await?;
            // Others save what they did not ask for: which grants a connection replaced.
            let from = self.state().from.take().filter(|(id, _)| id == connection).map(|(_, version)| version);
            if done == Swap::Done && expected.is_some() && from.is_some_and(|from| expected != Some(&from)) {
                self.world.violated(|| String::from("a grant was saved over tokens that it did not come from"));
            }
            Ok(done)
        })
    }

    fn delete<'a>(&'a self, firm: &'a FirmId, connection: &'a ConnectionId) -> BoxFuture<'a, Result<()>> {
        self.inner.delete(firm, connection)
    }
}

fn shown(write: &Write) -> String {
    let kind = match write {
        Write::Put { .. } => "put",
        Write::Delete { .. } => "delete",
        Write::Check { .. } => "check",
    };
    let body = match write {
        Write::Put { body, .. } if write.key().collection == "budget" => body,
        _ => "",
    };
    format!("{kind} {}/{} {body}", write.key().collection, write.key().id)
}
