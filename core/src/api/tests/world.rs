//! One firm, one SDK, and a Clio in memory.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::sync::{Arc, Mutex, MutexGuard};

use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::SecretString;
use serde_json::{Value, json};
use url::Url;
use zeroize::Zeroizing;

use crate::api::{ConnectionInfo, Health, Ports, Sdk};
use crate::connection::{ClioApp, Connection};
use crate::crypto::ConfiguredKeys;
use crate::domain::{Actor, ActorId, FirmId, Intake, MatterId, Role, Timestamp, Trigger};
use crate::error::Result;
use crate::jobs::WorkerConfig;
use crate::jobs::claims::{Acquired, Claim, Why};
use crate::maybe_send::BoxFuture;
use crate::memory::{MemoryIntake, MemoryStore};
use crate::ports::{
    Commit, Expect, Headers, HttpBody, HttpFailure, HttpRequest, HttpResponse, HttpTransport, Key, KeyProvider, Order,
    Record, Runtime as _, Scan, Store, Version, Write,
};
use crate::settings::FirmSettings;
use crate::store::EventBody;
use crate::testkit::VirtualRuntime;

pub const KEY: &str = "0101010101010101010101010101010101010101010101010101010101010101";
const HERE: &str = "http://127.0.0.1:4400";
pub const HOOKS: &str = "https://hooks.example/clio";

/// Answers a request in Clio's place: method, path, bearer token, JSON body (of a request without
/// one: its query). `None`: as usual.
type Answer = dyn FnMut(&str, &str, &str, &Value) -> Option<(u16, Value)> + Send;

/// What Clio holds, and what it was asked.
#[derive(Default)]
pub struct Clio {
    pub hooks: Vec<Value>,
    /// Whether it names a subscription's secret.
    pub names_secrets: bool,
    pub calls: Vec<String>,
    /// How many seconds it asks for with a 429.
    pub retry_after: Option<u64>,
    pub matter: Value,
    pub contact: Value,
    /// How far its clock is ahead of the host's.
    pub ahead_ms: i64,
    ids: i64,
    special: Option<Box<Answer>>,
    held: Option<(String, Arc<futures_util::lock::Mutex<()>>)>,
}

/// The way to it.
#[derive(Clone)]
pub struct Http(Arc<Mutex<Clio>>, VirtualRuntime);

impl core::fmt::Debug for Http {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Http")
    }
}

pub fn refused(status: u16) -> (u16, Value) {
    (status, json!({ "error": { "type": "SomeError", "message": "x" } }))
}

pub fn dead_token() -> (u16, Value) {
    (401, json!({ "error": "invalid_token", "error_description": "x" }))
}

impl Clio {
    fn answer(&mut self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let list = |items: Vec<Value>| json!({ "data": items, "meta": { "paging": {} } });
        let mut next = || {
            self.ids += 1;
            self.ids
        };
        match (method, path) {
            ("POST", "/oauth/token") => {
                let token = json!({ "token_type": "bearer", "access_token": format!("access-{}", next()),
                    "refresh_token": "refresh", "expires_in": 2_592_000 });
                (200, token)
            }
            ("POST", "/oauth/deauthorize") => (200, json!({})),
            ("GET", "/api/v4/users/who_am_i") => {
                (200, json!({ "data": { "id": 1, "name": "x", "email": "e@x", "account": { "id": 7, "name": "F" } } }))
            }
            ("GET", "/api/v4/webhooks") => (200, list(self.hooks.iter().map(|hook| self.shown(hook)).collect())),
            ("POST", "/api/v4/webhooks") => {
                let id = next();
                let asked = &body["data"];
                let hook = json!({ "id": id, "status": "pending", "url": asked["url"], "model": asked["model"],
                    "expires_at": asked["expires_at"], "fields": asked["fields"],
                    "shared_secret": format!("clio-secret-{id}") });
                self.hooks.push(hook.clone());
                (201, json!({ "data": self.shown(&hook) }))
            }
            ("DELETE", _) => {
                let id: i64 = path.rsplit('/').next().unwrap().parse().unwrap();
                self.hooks.retain(|hook| hook["id"] != id);
                (204, Value::Null)
            }
            ("PATCH", _) if path.starts_with("/api/v4/webhooks/") => {
                let id: i64 = path.rsplit('/').next().unwrap().parse().unwrap();
                let hook = self.hooks.iter_mut().find(|hook| hook["id"] == id).unwrap();
                let changed = body["data"].as_object().unwrap();
                changed.iter().for_each(|(field, value)| hook[field] = value.clone());
                (200, json!({ "data": hook.clone() }))
            }
            ("PUT", _) if path.ends_with("/activate") => {
                let id: i64 = path.rsplit('/').nth(1).unwrap().parse().unwrap();
                let hook = self.hooks.iter_mut().find(|hook| hook["id"] == id).unwrap();
                hook["status"] = json!("enabled");
                (200, json!({}))
            }
            ("GET", _) if path.starts_with("/api/v4/contacts/") => (200, json!({ "data": self.contact })),
            ("PATCH", _) if path.starts_with("/api/v4/contacts/") => {
                for field in ["first_name", "last_name"] {
                    if let Some(sent) = body["data"].get(field) {
                        self.contact[field] = sent.clone();
                    }
                }
                (200, json!({ "data": self.contact }))
            }
            ("GET", _) if path.starts_with("/api/v4/matters/") && self.matter.is_null() => refused(404),
            ("GET", _) if path.starts_with("/api/v4/matters/") => (200, json!({ "data": self.matter })),
            ("GET", _) => (200, list(Vec::new())),
            ("POST", "/api/v4/contacts") => {
                self.contact = json!({ "id": 11, "etag": "\"1\"", "type": "Person", "first_name": body["data"]["first_name"],
                    "last_name": body["data"]["last_name"], "created_at": "2026-04-01T12:00:00Z",
                    "updated_at": "2026-04-01T12:00:00Z", "email_addresses": body["data"]["email_addresses"] });
                (201, json!({ "data": self.contact }))
            }
            ("POST", "/api/v4/matters") => {
                self.matter = json!({ "id": 21, "status": "Open", "description": body["data"]["description"],
                    "created_at": "2026-04-01T12:00:00Z", "updated_at": "2026-04-01T12:00:00Z", "client": { "id": 11 } });
                (201, json!({ "data": self.matter }))
            }
            _ => refused(500),
        }
    }

    fn shown(&self, hook: &Value) -> Value {
        let mut hook = hook.clone();
        if !self.names_secrets {
            hook["shared_secret"] = Value::Null;
        }
        hook
    }
}

impl HttpTransport for Http {
    fn send<'a>(&'a self, request: HttpRequest) -> BoxFuture<'a, Result<HttpResponse, HttpFailure>> {
        Box::pin(async move {
            let (method, path) = (request.method.as_str(), request.url.path().trim_end_matches(".json").to_owned());
            let call = format!("{method} {path}");
            let held = {
                let mut clio = self.clio();
                let held = clio.held.take_if(|(what, _)| call.starts_with(what.as_str()));
                if held.is_some() {
                    clio.calls.push(format!("held: {call}"));
                }
                held
            };
            if let Some((_, gate)) = held {
                drop(gate.lock().await);
            }
            let mut clio = self.clio();
            let bearer = request.headers.get("authorization").unwrap_or_default().replace("Bearer ", "");
            clio.calls.push(format!("{call} {bearer}"));
            let body = match &request.body {
                HttpBody::Bytes(bytes) => serde_json::from_slice(bytes)
                    .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(bytes).into_owned())),
                _ => request.url.query_pairs().map(|(name, value)| (name.into_owned(), json!(value))).collect(),
            };
            let mut special = clio.special.take();
            let answer = special.as_mut().and_then(|answer| answer(method, &path, &bearer, &body));
            clio.special = special;
            let (status, answer) = answer.unwrap_or_else(|| clio.answer(method, &path, &body));
            let now = Duration::from_millis(u64::try_from(self.1.now().0 + clio.ahead_ms).unwrap());
            let date = httpdate::fmt_http_date(std::time::UNIX_EPOCH + now);
            let mut headers = Headers::new().with("content-type", "application/json").with("date", date);
            if let (429, Some(seconds)) = (status, clio.retry_after) {
                headers = headers.with("retry-after", seconds.to_string());
            }
            let body = if answer.is_null() { Vec::new() } else { answer.to_string().into_bytes() };
            Ok(HttpResponse { status, headers, body: Zeroizing::new(body) })
        })
    }
}

impl Http {
    pub fn clio(&self) -> MutexGuard<'_, Clio> {
        self.0.lock().unwrap()
    }
}

pub fn firm() -> FirmId {
    FirmId::new("firm_1").unwrap()
}

pub fn admin() -> Actor {
    Actor { id: ActorId::new("usr_1").unwrap(), firm: firm(), role: Role::Admin }
}

pub fn member() -> Actor {
    Actor { role: Role::Member, ..admin() }
}

pub fn matter() -> MatterId {
    MatterId::new("m1").unwrap()
}

/// A delivery about the matter.
pub fn status_event(status: &str, updated_at: &str) -> Value {
    json!({ "data": { "id": 21, "etag": updated_at, "status": status, "updated_at": updated_at },
        "meta": { "event": "updated", "webhook_id": 1 } })
}

/// A delivery that the matter's status was set.
pub fn status_set(status: &str, updated_at: &str) -> Value {
    let mut event = status_event(status, updated_at);
    event["meta"]["event"] = json!(match status {
        "Open" => "matter_opened",
        "Pending" => "matter_pended",
        _ => "matter_closed",
    });
    event
}

pub struct World {
    pub sdk: Arc<Sdk>,
    pub http: Http,
    pub runtime: VirtualRuntime,
    pub store: MemoryStore,
    pub intake: MemoryIntake,
}

impl World {
    pub fn new() -> Self {
        Self::at(HERE)
    }

    /// With a Clio that is named so.
    pub fn at(clio: &str) -> Self {
        let runtime = VirtualRuntime::new(1);
        let store = MemoryStore::new(Arc::new(runtime.clone()));
        let http = Http(Arc::default(), runtime.clone());
        http.clio().names_secrets = true;
        let intake = MemoryIntake::new();
        let sdk = process(&runtime, Arc::new(store.clone()), &http, &intake, clio, HOOKS);
        Self { sdk, http, runtime, store, intake }
    }

    /// Connected, subscribed, and Clio's handshakes answered.
    pub async fn subscribed(names_secrets: bool) -> Self {
        let world = Self::new();
        world.http.clio().names_secrets = names_secrets;
        world.connect().await.unwrap();
        world.handshake_all().await;
        world
    }

    /// The same with review of contacts.
    pub async fn reviewing() -> Self {
        let world = Self::new();
        let settings = FirmSettings { contact_review: true, ..FirmSettings::default() };
        world.sdk.firm(&admin()).settings().save(settings.clone()).await.unwrap();
        world.connect().await.unwrap();
        world.handshake_all().await;
        world
    }

    async fn handshake_all(&self) {
        self.work().await;
        let hooks = self.http.clio().hooks.clone();
        for hook in hooks {
            let secret = hook["shared_secret"].as_str().unwrap().to_owned();
            assert_eq!(self.handshake(hook["model"].as_str().unwrap(), &secret).await, 200);
        }
        self.http.clio().hooks.iter_mut().for_each(|hook| hook["status"] = json!("enabled"));
        self.runtime.advance(Duration::from_secs(40));
        self.work().await;
    }

    /// Another process on the same store.
    pub fn process(&self, hooks: &str) -> Arc<Sdk> {
        process(&self.runtime, Arc::new(self.store.clone()), &self.http, &self.intake, HERE, hooks)
    }

    /// The same world as another process sees it, whose keys are these.
    pub fn with_keys(&self, keys: Arc<dyn KeyProvider>) -> Self {
        self.with_keys_on(keys, Arc::new(self.store.clone()))
    }

    /// The same, and it sees the store in another way.
    pub fn with_keys_on(&self, keys: Arc<dyn KeyProvider>, store: Arc<dyn Store>) -> Self {
        let sdk = process_with(keys, &self.runtime, store, &self.http, &self.intake, HERE, HOOKS);
        let (http, runtime) = (self.http.clone(), self.runtime.clone());
        Self { sdk, http, runtime, store: self.store.clone(), intake: self.intake.clone() }
    }

    /// A process that sees the store in another way.
    pub fn process_on(&self, store: Arc<dyn Store>) -> Arc<Sdk> {
        process(&self.runtime, store, &self.http, &self.intake, HERE, HOOKS)
    }

    /// Another record of CaseHug's is linked to this one of Clio's.
    pub async fn links_another(&self, kind: &str, clio: i64) {
        let set = self.connection().await.link_set.as_str().to_owned();
        let owner = Write::Put {
            key: Key::new(&firm(), "clio", format!("{set}/{kind}/{clio}")),
            expect: Expect::Absent,
            version: Version("1".into()),
            due_in: None,
            body: json!({ "owner": "another" }).to_string(),
        };
        self.store.commit(&[owner]).await.unwrap();
    }

    /// The store, but for this record: somebody writes it right before a commit with such a write,
    /// once.
    pub fn meddled(&self, when: fn(&Write) -> bool, written: Key) -> Arc<dyn Store> {
        Arc::new(Meddled { store: self.store.clone(), when, written, done: AtomicBool::new(false) })
    }

    /// The SDK for another region, on the same store.
    pub fn elsewhere(&self) -> Arc<Sdk> {
        process(&self.runtime, Arc::new(self.store.clone()), &self.http, &self.intake, "http://127.0.0.1:4401", HOOKS)
    }

    pub async fn connect(&self) -> Result<ConnectionInfo> {
        let start = self.sdk.firm(&admin()).connection().begin("https://calmintake.example/callback").await?;
        let state = start.authorize_url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
        self.sdk.firm(&admin()).connection().finish(&format!("code=c&state={state}")).await
    }

    /// What workers do now.
    pub async fn work(&self) {
        self.sdk.worker(WorkerConfig::default()).run_due().await.unwrap();
    }

    pub async fn later(&self, wait: Duration) {
        self.runtime.advance(wait);
        self.work().await;
    }

    pub fn hook(&self, model: &str) -> Value {
        self.http.clio().hooks.iter().find(|hook| hook["model"] == model).unwrap().clone()
    }

    pub fn token(&self, model: &str) -> String {
        self.hook(model)["url"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()
    }

    pub async fn handshake(&self, model: &str, secret: &str) -> u16 {
        let headers = Headers::new().with("x-hook-secret", secret);
        self.sdk.handle_webhook(&self.token(model), &headers, b"{}").await.status
    }

    /// As Clio signs.
    pub async fn deliver(&self, model: &str, body: &Value) -> u16 {
        let secret = self.hook(model)["shared_secret"].as_str().unwrap().to_owned();
        self.deliver_as(model, &secret, body).await
    }

    pub async fn deliver_as(&self, model: &str, secret: &str, body: &Value) -> u16 {
        let body = body.to_string();
        let mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap().chain_update(&body);
        let headers = Headers::new().with("x-hook-signature", hex::encode(mac.finalize().into_bytes()));
        self.sdk.handle_webhook(&self.token(model), &headers, body.as_bytes()).await.status
    }

    pub fn put(&self, id: &str) {
        let intake = json!({ "matter": { "id": id, "title": "T", "case_number": "1" }, "documents": [],
            "client": { "id": "c1", "first_name": "A", "last_name": "B", "email": "a@b.example" } });
        self.intake.put(&firm(), Intake::from_json(intake.to_string().as_bytes()).unwrap());
    }

    /// A run of the matter that has begun by itself.
    pub async fn begun(&self) -> Claim {
        self.sdk.firm(&member()).matters().trigger(&matter(), Trigger::Approved).await.unwrap();
        let why = Why::Due(Timestamp(0));
        let found = self.sdk.queue.claims.find(&firm(), &matter()).await.unwrap();
        match self.sdk.queue.claims.acquire(&firm(), &matter(), found, why).await.unwrap() {
            Acquired::Mine(claim) => *claim,
            other => panic!("{other:?}"),
        }
    }

    /// The matter is in Clio.
    pub async fn synced(&self) {
        self.put("m1");
        let report = self.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
        assert!(report.clio_matter().is_some(), "{report:?}");
        self.events().await;
    }

    /// What the host is told now, acknowledged.
    pub async fn events(&self) -> Vec<EventBody> {
        let mut told = Vec::new();
        loop {
            let events = self.sdk.host().next_events(Some(firm()), 10, Duration::ZERO).await.unwrap();
            let durable: Vec<_> = events.into_iter().filter_map(|event| Some((event.id?, event.body))).collect();
            if durable.is_empty() {
                return told;
            }
            for (id, body) in durable {
                self.sdk.host().ack_event(&firm(), &id).await.unwrap();
                told.push(body);
            }
        }
    }

    /// The statuses that the host is told now.
    pub async fn statuses(&self) -> Vec<&'static str> {
        let name = |body: EventBody| match body {
            EventBody::MatterStatus { status, .. } => Some(status.name()),
            EventBody::MatterGone { deleted: true, .. } => Some("deleted"),
            EventBody::MatterGone { .. } => Some("gone"),
            _ => None,
        };
        self.events().await.into_iter().filter_map(name).collect()
    }

    pub async fn health(&self) -> Health {
        self.sdk.firm(&admin()).connection().health().await.unwrap()
    }

    pub async fn connection(&self) -> Connection {
        self.sdk.auth.connection(&firm()).await.unwrap().unwrap()
    }

    /// How Clio answers from now on, where it is another answer than usual.
    pub fn answers(&self, answer: impl FnMut(&str, &str, &str, &Value) -> Option<(u16, Value)> + Send + 'static) {
        self.http.clio().special = Some(Box::new(answer));
    }

    pub fn answers_as_usual(&self) {
        self.http.clio().special = None;
    }

    /// The next call that begins like this is not answered before the guard is dropped.
    pub fn hold(&self, call: &str) -> futures_util::lock::OwnedMutexGuard<()> {
        let gate = Arc::new(futures_util::lock::Mutex::new(()));
        self.http.clio().held = Some((call.to_owned(), Arc::clone(&gate)));
        gate.try_lock_owned().unwrap()
    }

    pub async fn until_held(&self) {
        for _ in 0..10_000 {
            if self.calls("held: ") > 0 {
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("no such call");
    }

    /// How many calls say this.
    pub fn calls(&self, what: &str) -> usize {
        self.http.clio().calls.iter().filter(|call| call.contains(what)).count()
    }

    /// The ids and bodies of a collection.
    pub async fn stored(&self, collection: &'static str) -> Vec<(String, Value)> {
        let from = String::new();
        let scan = Scan::Ids { firm: firm(), collection, from, until: None, order: Order::Ascending, limit: 1_000 };
        let records = self.store.scan(&scan).await.unwrap();
        records.into_iter().map(|record| (record.key.id, serde_json::from_str(&record.body).unwrap())).collect()
    }

    /// Writes a record anew, as another version of the SDK would have written it.
    pub async fn overwrite(&self, collection: &'static str, id: &str, body: &Value) {
        let key = Key::new(&firm(), collection, id);
        let known = self.store.get(&key).await.unwrap().unwrap();
        let write = Write::Put {
            key,
            expect: Expect::Version(known.version),
            version: Version("overwritten".into()),
            due_in: None,
            body: body.to_string(),
        };
        self.store.commit(&[write]).await.unwrap();
    }

    pub async fn audited(&self, action: &str) -> Vec<Value> {
        let entries = self.stored("audit").await.into_iter().map(|(_, entry)| entry);
        entries.filter(|entry| entry["action"] == action).collect()
    }
}

/// A store in which somebody writes another record right before a commit that holds such a write,
/// once.
#[derive(Debug)]
struct Meddled {
    store: MemoryStore,
    when: fn(&Write) -> bool,
    written: Key,
    done: AtomicBool,
}

impl Store for Meddled {
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Record>>> {
        self.store.get(key)
    }

    fn get_many<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Record>>>> {
        self.store.get_many(keys)
    }

    fn scan<'a>(&'a self, scan: &'a Scan) -> BoxFuture<'a, Result<Vec<Record>>> {
        self.store.scan(scan)
    }

    fn commit<'a>(&'a self, writes: &'a [Write]) -> BoxFuture<'a, Result<Commit>> {
        Box::pin(async move {
            if writes.iter().any(self.when) && !self.done.swap(true, Ordering::SeqCst) {
                let known = self.store.get(&self.written).await?.unwrap();
                let written = Write::Put {
                    key: known.key,
                    expect: Expect::Version(known.version),
                    version: Version("meddled".into()),
                    due_in: None,
                    body: known.body,
                };
                self.store.commit(&[written]).await?;
            }
            self.store.commit(writes).await
        })
    }
}

fn process(
    runtime: &VirtualRuntime,
    store: Arc<dyn Store>,
    http: &Http,
    intake: &MemoryIntake,
    clio: &str,
    hooks: &str,
) -> Arc<Sdk> {
    let keys = ConfiguredKeys::from_text(Arc::new(runtime.clone()), "a", [("a", KEY)]).unwrap();
    process_with(Arc::new(keys), runtime, store, http, intake, clio, hooks)
}

fn process_with(
    keys: Arc<dyn KeyProvider>,
    runtime: &VirtualRuntime,
    store: Arc<dyn Store>,
    http: &Http,
    intake: &MemoryIntake,
    clio: &str,
    hooks: &str,
) -> Arc<Sdk> {
    let app = ClioApp::new("c", SecretString::from("s")).unwrap();
    let ports = Ports {
        transport: Arc::new(http.clone()),
        store,
        keys,
        intake: Arc::new(intake.clone()),
        runtime: Arc::new(runtime.clone()),
    };
    let builder = Sdk::builder(app, clio.parse().unwrap(), ports);
    // A process may be told no address.
    let hooks = Some(hooks).filter(|hooks| !hooks.is_empty()).map(|hooks| Url::parse(hooks).unwrap());
    let builder = hooks.into_iter().fold(builder, |builder, hooks| builder.webhook_url(hooks));
    Arc::new(builder.build().unwrap())
}
