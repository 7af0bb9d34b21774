//! A simulated Clio, a folder of intakes, and an SDK whose calls and commits are counted.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use casehug_clio::memory::MemoryIntake;
use casehug_clio::ports::{
    BoxFuture, Commit, DocumentBytes, HttpFailure, HttpRequest, HttpResponse, HttpTransport, IntakeSource, Key, Record,
    Scan, Store, Write,
};
use casehug_clio::{
    Actor, ActorId, ClioApp, ClioHost, ConfiguredKeys, DocumentRef, FirmId, Intake, MatterId, Ports, Role, Sdk,
    Timestamp,
};
use casehug_clio_http_reqwest::ReqwestTransport;
use casehug_clio_runtime_tokio::TokioRuntime;
use clio_sim::{Action, ClioSim, Config, Fault};
use serde_json::json;

const KEY: &str = "6f1c3a0e5b7d92486f1c3a0e5b7d92486f1c3a0e5b7d92486f1c3a0e5b7d9248";

/// Counts commits, of what kind they are and which conflict, and reads, and the time that commits
/// take.
#[derive(Clone, Debug)]
pub(crate) struct Counted {
    pub inner: Arc<dyn Store>,
    pub commits: Arc<AtomicU64>,
    pub kinds: Arc<Mutex<BTreeMap<&'static str, Kind>>>,
    pub reads: Arc<AtomicU64>,
    pub nanos: Arc<AtomicU64>,
}

/// Commits that have the same purpose.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Kind {
    pub commits: u64,
    pub conflicts: u64,
}

/// What a commit of a worker without Clio is for.
fn kind_of(writes: &[Write]) -> &'static str {
    let has = |is: fn(&Write) -> bool| writes.iter().any(is);
    if has(|write| matches!(write, Write::Delete { key, .. } if key.collection == "claim")) {
        "end"
    } else if has(|write| matches!(write, Write::Put { key, .. } if key.collection == "claim")) {
        "claim"
    } else if has(|write| matches!(write, Write::Put { key, .. } if key.collection == "job")) {
        "job alone"
    } else {
        "other"
    }
}

impl Counted {
    pub(crate) fn new(inner: Arc<dyn Store>) -> Self {
        Self { inner, commits: Arc::default(), kinds: Arc::default(), reads: Arc::default(), nanos: Arc::default() }
    }
}

impl Store for Counted {
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, casehug_clio::Result<Option<Record>>> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.inner.get(key)
    }

    fn get_many<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, casehug_clio::Result<Vec<Option<Record>>>> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.inner.get_many(keys)
    }

    fn scan<'a>(&'a self, scan: &'a Scan) -> BoxFuture<'a, casehug_clio::Result<Vec<Record>>> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.inner.scan(scan)
    }

    fn commit<'a>(&'a self, writes: &'a [Write]) -> BoxFuture<'a, casehug_clio::Result<Commit>> {
        Box::pin(async move {
            let began = Instant::now();
            let done = self.inner.commit(writes).await;
            self.commits.fetch_add(1, Ordering::Relaxed);
            let mut kinds = self.kinds.lock().unwrap();
            let kind = kinds.entry(kind_of(writes)).or_default();
            kind.commits += 1;
            kind.conflicts += u64::from(matches!(done, Ok(Commit::Conflict)));
            self.nanos.fetch_add(u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
            done
        })
    }

    fn now<'a>(&'a self, firm: &'a FirmId) -> BoxFuture<'a, casehug_clio::Result<Timestamp>> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.inner.now(firm)
    }
}

/// Notes when each call begins, and how long all take.
#[derive(Clone, Debug)]
pub(crate) struct Watched {
    inner: Arc<dyn HttpTransport>,
    pub calls: Arc<Mutex<Vec<Instant>>>,
    pub nanos: Arc<AtomicU64>,
}

impl HttpTransport for Watched {
    fn send<'a>(&'a self, request: HttpRequest) -> BoxFuture<'a, Result<HttpResponse, HttpFailure>> {
        Box::pin(async move {
            let began = Instant::now();
            self.calls.lock().unwrap().push(began);
            let answer = self.inner.send(request).await;
            self.nanos.fetch_add(u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
            answer
        })
    }
}

pub(crate) struct Bench {
    pub sim: ClioSim,
    pub folder: tempfile::TempDir,
    pub intakes: MemoryIntake,
}

impl Bench {
    pub(crate) async fn new(config: Config) -> Self {
        let config = Config { auto_consent: true, ..config };
        Self {
            sim: ClioSim::start(config).await.unwrap(),
            folder: tempfile::tempdir().unwrap(),
            intakes: MemoryIntake::new(),
        }
    }

    /// Every call and upload takes so long from now on.
    pub(crate) fn slow_down(&self, latency: Duration) {
        let ms = u64::try_from(latency.as_millis()).unwrap();
        for path in ["/api/v4/", "/manage-documents/"] {
            if ms > 0 {
                self.sim.model().add_fault(Fault::new("", path, Action::Slow { ms }).times(u32::MAX));
            }
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// An approved intake of a new client.
    pub(crate) fn matter(&self, id: &str, documents: usize, len: usize) {
        put_matter(&self.intakes, id, documents, len);
    }

    pub(crate) fn sdk(&self, store: Arc<dyn Store>) -> (Sdk, Watched) {
        self.sdk_with(store, None)
    }

    /// With a place to which Clio is to deliver.
    pub(crate) fn sdk_with(&self, store: Arc<dyn Store>, webhook_url: Option<&str>) -> (Sdk, Watched) {
        self.sdk_of(store, self.intakes.clone(), webhook_url)
    }

    /// Over other intakes.
    pub(crate) fn sdk_of<I: IntakeSource + DocumentBytes + Clone + 'static>(
        &self,
        store: Arc<dyn Store>,
        intake: I,
        webhook_url: Option<&str>,
    ) -> (Sdk, Watched) {
        sdk_at(self.sim.url(), store, intake, webhook_url)
    }
}

/// An approved intake of a new client.
pub(crate) fn put_matter(intakes: &MemoryIntake, id: &str, documents: usize, len: usize) {
    let listed: Vec<_> = (0..documents)
        .map(|n| {
            json!({ "id": format!("d{n}"), "file_name": format!("d{n}.pdf"), "content_type": "application/pdf",
                    "status": "approved", "origin": "client_upload" })
        })
        .collect();
    let intake = json!({ "matter": { "id": id, "title": format!("Doe v. Roe {id}"), "case_type": "family_law" },
        "client": { "id": format!("c-{id}"), "first_name": "Ana", "last_name": format!("Doe {id}"), "email": format!("{id}@{id}.test") },
        "documents": listed });
    let intake = Intake::from_json(intake.to_string().as_bytes()).unwrap();
    let firm = admin().firm;
    let keys: Vec<_> = intake.documents.iter().map(|document| intake.key_of(document)).collect();
    intakes.put(&firm, intake);
    for key in keys {
        intakes.put_bytes(&DocumentRef { firm: firm.clone(), key }, vec![b'x'; len]);
    }
}

/// An SDK over a simulated Clio that may run in another process.
pub(crate) fn sdk_at<I: IntakeSource + DocumentBytes + Clone + 'static>(
    clio: &str,
    store: Arc<dyn Store>,
    intake: I,
    webhook_url: Option<&str>,
) -> (Sdk, Watched) {
    let runtime = Arc::new(TokioRuntime);
    let inner = Arc::new(
        ReqwestTransport::new(Arc::new(intake.clone()), runtime.clone()).unwrap().on(tokio::runtime::Handle::current()),
    );
    let watched = Watched { inner, calls: Arc::default(), nanos: Arc::default() };
    (built(clio, store, intake, Arc::new(watched.clone()), webhook_url), watched)
}

/// The same over a transport of one's own.
pub(crate) fn sdk_over(
    clio: &str,
    store: Arc<dyn Store>,
    intake: MemoryIntake,
    transport: Arc<dyn HttpTransport>,
) -> Sdk {
    built(clio, store, intake, transport, None)
}

fn built<I: IntakeSource + 'static>(
    clio: &str,
    store: Arc<dyn Store>,
    intake: I,
    transport: Arc<dyn HttpTransport>,
    webhook_url: Option<&str>,
) -> Sdk {
    let runtime = Arc::new(TokioRuntime);
    let app = ClioApp::new("casehug-dev", "casehug-dev-secret".to_owned().into()).unwrap();
    let ports = Ports {
        transport,
        store,
        keys: Arc::new(ConfiguredKeys::from_text(runtime.clone(), "k", [("k", KEY)]).unwrap()),
        intake: Arc::new(intake),
        runtime,
    };
    let sdk = Sdk::builder(app, ClioHost::custom(clio.parse().unwrap()).unwrap(), ports);
    let sdk = webhook_url.into_iter().fold(sdk, |sdk, url| sdk.webhook_url(url.parse().unwrap()));
    sdk.build().unwrap()
}

pub(crate) fn admin() -> Actor {
    Actor { id: ActorId::new("usr_1").unwrap(), firm: FirmId::new("firm_1").unwrap(), role: Role::Admin }
}

pub(crate) fn matter(id: &str) -> MatterId {
    MatterId::new(id).unwrap()
}

/// Connects as a person would who allows access.
pub(crate) async fn connect(sdk: &Sdk) {
    connect_as(sdk, &admin()).await;
}

/// The same for another firm.
pub(crate) async fn connect_as(sdk: &Sdk, admin: &Actor) {
    let start = sdk.firm(admin).connection().begin("http://127.0.0.1:9/callback").await.unwrap();
    finish(sdk, admin, start.authorize_url.as_str()).await;
}

/// Connects an SDK that reaches Clio by another way than the admin's browser, which goes there
/// itself.
pub(crate) async fn connect_at(sdk: &Sdk, clio: &str) {
    let start = sdk.firm(&admin()).connection().begin("http://127.0.0.1:9/callback").await.unwrap();
    let mut url: url::Url = clio.parse().unwrap();
    let asked: url::Url = start.authorize_url.as_str().parse().unwrap();
    url.set_path(asked.path());
    url.set_query(asked.query());
    finish(sdk, &admin(), url.as_str()).await;
}

async fn finish(sdk: &Sdk, admin: &Actor, authorize_url: &str) {
    let browser =
        reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).user_agent("browser").build().unwrap();
    let answer = browser.get(authorize_url).timeout(Duration::from_secs(10)).send().await.unwrap();
    let location = answer.headers()["location"].to_str().unwrap().to_owned();
    sdk.firm(admin).connection().finish(location.split_once('?').unwrap().1).await.unwrap();
}
