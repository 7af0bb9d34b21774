//! A worker on a store that has trouble.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use futures_util::future::{pending, select};
use secrecy::SecretString;
use serde_json::json;
use url::Url;

use super::world::{Http, KEY, World, firm};
use crate::api::{Ports, Sdk};
use crate::clio::ClioHost;
use crate::connection::ClioApp;
use crate::crypto::ConfiguredKeys;
use crate::domain::{Actor, ActorId, FirmId, MatterId, Role, Trigger};
use crate::error::{Code, Result};
use crate::jobs::WorkerConfig;
use crate::maybe_send::BoxFuture;
use crate::memory::{MemoryIntake, MemoryStore};
use crate::ports::{
    Commit, Expect, HttpFailure, HttpRequest, HttpResponse, HttpTransport, Key, Record, Runtime as _, Scan, Store,
    Version, Write,
};
use crate::testkit::VirtualRuntime;

/// A store in memory that has trouble.
#[derive(Clone, Debug)]
pub struct Troubled {
    pub store: MemoryStore,
    runtime: VirtualRuntime,
    pub trouble: Arc<Mutex<Trouble>>,
}

#[derive(Debug, Default)]
pub struct Trouble {
    /// How often it was looked for what is due.
    pub looks: usize,
    /// So many reads of this firm's records fail.
    pub unread: Option<(FirmId, usize)>,
    /// Scans of this collection fail.
    pub unscanned: Option<&'static str>,
    /// Scans of this collection are not answered.
    pub unanswered: Option<&'static str>,
    /// How often a record of each collection was put.
    pub written: BTreeMap<&'static str, usize>,
    /// How long each commit takes.
    pub slow: Duration,
    /// Another process made something due, and the worker has not been told yet.
    pub due_elsewhere: bool,
}

impl Store for Troubled {
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Record>>> {
        if let Some((firm, left)) = &mut self.trouble.lock().unwrap().unread
            && *firm == key.firm
            && *left > 0
        {
            *left -= 1;
            return Box::pin(async { Err(Code::StoreFailed.into()) });
        }
        self.store.get(key)
    }

    fn scan<'a>(&'a self, scan: &'a Scan) -> BoxFuture<'a, Result<Vec<Record>>> {
        let (Scan::Due { collection, .. } | Scan::Ids { collection, .. }) = scan;
        let mut trouble = self.trouble.lock().unwrap();
        if matches!(scan, Scan::Due { .. }) {
            trouble.looks += 1;
            if trouble.unscanned == Some(collection) {
                return Box::pin(async { Err(Code::StoreFailed.into()) });
            }
        }
        if trouble.unanswered == Some(collection) {
            return Box::pin(pending());
        }
        self.store.scan(scan)
    }

    fn commit<'a>(&'a self, writes: &'a [Write]) -> BoxFuture<'a, Result<Commit>> {
        let mut trouble = self.trouble.lock().unwrap();
        for write in writes {
            if let Write::Put { key, .. } = write {
                *trouble.written.entry(key.collection).or_default() += 1;
            }
        }
        let slow = trouble.slow;
        Box::pin(async move {
            if !slow.is_zero() {
                self.runtime.sleep(slow).await;
            }
            self.store.commit(writes).await
        })
    }

    fn due_elsewhere(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            while !core::mem::take(&mut self.trouble.lock().unwrap().due_elsewhere) {
                self.runtime.sleep(Duration::from_secs(1)).await;
            }
        })
    }
}

/// A Clio that never answers.
#[derive(Debug)]
pub struct Silent;

impl HttpTransport for Silent {
    fn send<'a>(&'a self, _: HttpRequest) -> BoxFuture<'a, Result<HttpResponse, HttpFailure>> {
        Box::pin(pending())
    }
}

pub struct Bench {
    pub world: World,
    pub store: Troubled,
    pub sdk: Sdk,
}

impl Bench {
    pub fn new(http: impl FnOnce(Http) -> Arc<dyn HttpTransport>) -> Self {
        let world = World::new();
        let runtime = Arc::new(world.runtime.clone());
        let trouble = Arc::default();
        let store = Troubled { store: world.store.clone(), runtime: world.runtime.clone(), trouble };
        let keys = ConfiguredKeys::from_text(runtime.clone(), "a", [("a", KEY)]).unwrap();
        let app = ClioApp::new("c", SecretString::from("s")).unwrap();
        let ports = Ports {
            transport: http(world.http.clone()),
            store: Arc::new(store.clone()),
            keys: Arc::new(keys),
            intake: Arc::new(MemoryIntake::clone(&world.intake)),
            runtime,
        };
        let host = ClioHost::custom(Url::parse("http://127.0.0.1:4400").unwrap()).unwrap();
        let sdk = Sdk::builder(app, host, ports).build();
        Self { world, store, sdk: sdk.unwrap() }
    }

    pub async fn trigger(&self, actor: &Actor, id: &str) {
        self.trigger_as(Trigger::Approved, actor, id).await;
    }

    pub async fn ask(&self, actor: &Actor, id: &str) {
        self.trigger_as(Trigger::Manual, actor, id).await;
    }

    pub async fn trigger_as(&self, trigger: Trigger, actor: &Actor, id: &str) {
        self.world.runtime.advance(Duration::from_millis(1));
        // These firms are not connected: the host's trigger would be held.
        let matter = MatterId::new(id).unwrap();
        self.sdk.queue.claims.trigger(&actor.firm, &matter, trigger, &actor.id).await.unwrap();
    }

    /// How many records of a collection are due.
    pub async fn due(&self, collection: &'static str) -> usize {
        let scan = Scan::Due { firm: None, collection, limit: 10_000 };
        self.world.store.scan(&scan).await.unwrap().len()
    }

    /// Puts records as they are, due at once or never.
    pub async fn put(&self, due: bool, records: impl Iterator<Item = (Key, String)>) {
        let due_in = due.then_some(Duration::ZERO);
        let put = |(n, (key, body))| Write::Put {
            key,
            expect: Expect::Absent,
            version: Version(format!("v{n}")),
            due_in,
            body,
        };
        let writes: Vec<Write> = records.enumerate().map(put).collect();
        assert!(matches!(self.world.store.commit(&writes).await.unwrap(), Commit::Done { .. }));
        self.world.runtime.advance(Duration::from_millis(1));
    }

    /// What a worker does in so many seconds, and what is in progress then is dropped.
    pub async fn work(&self, seconds: usize) {
        let worker = self.sdk.worker(WorkerConfig::default());
        let time = async {
            for _ in 0..seconds {
                self.world.runtime.sleep(Duration::from_secs(1)).await;
            }
        };
        select(Box::pin(worker.run(pending())), Box::pin(time)).await;
    }

    pub async fn was_run(&self, actor: &Actor, id: &str) -> bool {
        self.sdk.firm(actor).matters().state(&MatterId::new(id).unwrap()).await.unwrap().last_run.is_some()
    }
}

pub fn first() -> Actor {
    Actor { id: ActorId::new("usr_1").unwrap(), firm: firm(), role: Role::Admin }
}

pub fn second() -> Actor {
    Actor { firm: FirmId::new("firm_2").unwrap(), ..first() }
}

pub fn third() -> Actor {
    Actor { firm: FirmId::new("firm_3").unwrap(), ..first() }
}

pub fn job_key(actor: &Actor, id: &str) -> Key {
    Key::new(&actor.firm, "job", id)
}

pub fn job(id: &str, trigger: &str, parked: Option<u64>) -> String {
    json!({ "matter": id, "generation": 1, "trigger": trigger, "actor": "usr_1", "parked": parked }).to_string()
}

pub fn first_of(actor: &Actor, id: &str) -> (Key, String) {
    (Key::new(&actor.firm, "job-first", id), json!({ "matter": id }).to_string())
}

pub async fn connect(sdk: &Sdk, actor: &Actor) {
    let start = sdk.firm(actor).connection().begin("https://calmintake.example/callback").await.unwrap();
    let state = start.authorize_url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    sdk.firm(actor).connection().finish(&format!("code=c&state={state}")).await.unwrap();
}
