//! The worker: what goes wrong with one firm, or takes long, holds up no other.

use core::time::Duration;
use std::sync::{Arc, Mutex};

use futures_util::future::{pending, select};
use secrecy::SecretString;
use serde_json::json;
use url::Url;

use super::world::{Http, KEY, World, firm, matter};
use crate::auth::{Actor, ClioApp, ConfiguredKeys, Role};
use crate::clio::ClioHost;
use crate::error::{Code, Result};
use crate::maybe_send::BoxFuture;
use crate::memory::{MemoryIntake, MemoryStore};
use crate::model::{ActorId, FirmId, Intake, MatterId};
use crate::ports::{
    Commit, Expect, HttpFailure, HttpRequest, HttpResponse, HttpTransport, Key, Record, Runtime as _, Scan, Store,
    Version, Write,
};
use crate::queue::{Trigger, WorkerConfig};
use crate::sdk::Sdk;
use crate::testing::VirtualRuntime;

/// A store in memory that has trouble.
#[derive(Clone, Debug)]
struct Troubled {
    store: MemoryStore,
    runtime: VirtualRuntime,
    trouble: Arc<Mutex<Trouble>>,
}

#[derive(Debug, Default)]
struct Trouble {
    /// So many reads of this firm's records fail.
    unread: Option<(FirmId, usize)>,
    /// How long each commit takes.
    slow: Duration,
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
        self.store.scan(scan)
    }

    fn commit<'a>(&'a self, writes: &'a [Write]) -> BoxFuture<'a, Result<Commit>> {
        let slow = self.trouble.lock().unwrap().slow;
        Box::pin(async move {
            if !slow.is_zero() {
                self.runtime.sleep(slow).await;
            }
            self.store.commit(writes).await
        })
    }
}

/// A Clio that never answers.
#[derive(Debug)]
struct Silent;

impl HttpTransport for Silent {
    fn send<'a>(&'a self, _: HttpRequest) -> BoxFuture<'a, Result<HttpResponse, HttpFailure>> {
        Box::pin(pending())
    }
}

struct Bench {
    world: World,
    store: Troubled,
    sdk: Sdk,
}

impl Bench {
    fn new(http: impl FnOnce(Http) -> Arc<dyn HttpTransport>) -> Self {
        let world = World::new();
        let runtime = Arc::new(world.runtime.clone());
        let trouble = Arc::default();
        let store = Troubled { store: world.store.clone(), runtime: world.runtime.clone(), trouble };
        let keys = ConfiguredKeys::from_text(runtime.clone(), "a", [("a", KEY)]).unwrap();
        let app = ClioApp::new("c", SecretString::from("s")).unwrap();
        let sdk = Sdk::builder(app, ClioHost::custom(Url::parse("http://127.0.0.1:4400").unwrap()).unwrap())
            .transport(http(world.http.clone()))
            .store(Arc::new(store.clone()))
            .keys(Arc::new(keys))
            .intake(Arc::new(MemoryIntake::clone(&world.intake)))
            .runtime(runtime)
            .build();
        Self { world, store, sdk: sdk.unwrap() }
    }

    async fn trigger(&self, actor: &Actor, id: &str) {
        self.world.runtime.advance(Duration::from_millis(1));
        assert!(self.sdk.trigger(actor, &MatterId::new(id).unwrap(), Trigger::Approved).await.unwrap());
    }

    /// Puts records as they are, due at once or never.
    async fn put(&self, due: bool, records: impl Iterator<Item = (Key, String)>) {
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
    async fn work(&self, seconds: usize) {
        let worker = self.sdk.worker(WorkerConfig::default());
        let time = async {
            for _ in 0..seconds {
                self.world.runtime.sleep(Duration::from_secs(1)).await;
            }
        };
        select(Box::pin(worker.run(pending())), Box::pin(time)).await;
    }

    async fn was_run(&self, actor: &Actor, id: &str) -> bool {
        self.sdk.matter_state(actor, &MatterId::new(id).unwrap()).await.unwrap().last_run.is_some()
    }
}

fn first() -> Actor {
    Actor { id: ActorId::new("usr_1").unwrap(), firm: firm(), role: Role::Admin }
}

fn second() -> Actor {
    Actor { firm: FirmId::new("firm_2").unwrap(), ..first() }
}

fn job_key(actor: &Actor, id: &str) -> Key {
    Key::new(&actor.firm, "job", id)
}

fn job(id: &str, trigger: &str, parked: Option<u64>) -> String {
    json!({ "matter": id, "generation": 1, "trigger": trigger, "actor": "usr_1", "parked": parked }).to_string()
}

#[tokio::test]
async fn a_look_that_fails_in_its_middle_forgets_no_claim() {
    let bench = Bench::new(|http| Arc::new(http));
    for id in ["a1", "a2", "a3", "a4", "a5"] {
        bench.trigger(&first(), id).await;
    }
    bench.trigger(&second(), "b1").await;
    bench.store.trouble.lock().unwrap().unread = Some((second().firm, 4));
    bench.work(20).await;
    for id in ["a1", "a2", "a3", "a4", "a5"] {
        assert!(bench.was_run(&first(), id).await, "{id}");
    }
    assert!(bench.was_run(&second(), "b1").await);
}

async fn connect(sdk: &Sdk, actor: &Actor) {
    let start = sdk.begin_connect(actor, "https://calmintake.example/callback").await.unwrap();
    let state = start.authorize_url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    sdk.finish_connect(actor, &format!("code=c&state={state}")).await.unwrap();
}
