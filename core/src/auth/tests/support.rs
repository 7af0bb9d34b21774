//! A small world: a store that can fail or lose an answer at a chosen record, a clock that only moves when told, and a Clio of a few
//! routes. Every port call yields once, so that joined futures interleave at each of them.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use core::task::{Context, Poll};
use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use secrecy::SecretString;
use sha2::{Digest, Sha256};
use url::form_urlencoded;
use zeroize::Zeroizing;

use crate::auth::tokens::TokenVault;
use crate::auth::{Auth, ClioApp, ConfiguredKeys, Keyring, StoreTokens};
use crate::clio::{ClioApi, ClioHost};
use crate::error::{Code, Result};
use crate::log::AuditLog;
use crate::maybe_send::BoxFuture;
use crate::model::{ActorId, FirmId, Monotonic, Timestamp};
use crate::ports::*;
use crate::records::Journal;

pub const START: i64 = 1_775_044_800_000;

/// Pending once.
pub struct Yield(bool);

pub fn yield_once() -> Yield {
    Yield(false)
}

impl Future for Yield {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if core::mem::replace(&mut self.0, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

#[derive(Default)]
pub struct FakeRuntime {
    passed_ms: AtomicI64,
    drawn: AtomicU64,
    meanwhile: Mutex<Option<(Duration, BoxFuture<'static, ()>)>>,
}

impl fmt::Debug for FakeRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FakeRuntime")
    }
}

impl FakeRuntime {
    pub fn advance(&self, by: Duration) {
        self.passed_ms.fetch_add(by.as_millis() as i64, Ordering::Relaxed);
    }

    /// What others do during the next sleep of at least `from`.
    pub fn meanwhile(&self, from: Duration, others: impl Future<Output = ()> + Send + 'static) {
        *self.meanwhile.lock().unwrap() = Some((from, Box::pin(others)));
    }
}

impl Runtime for FakeRuntime {
    fn now(&self) -> Timestamp {
        Timestamp(START + self.passed_ms.load(Ordering::Relaxed))
    }
    fn monotonic(&self) -> Monotonic {
        Monotonic(Duration::from_millis(self.passed_ms.load(Ordering::Relaxed) as u64))
    }
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.advance(duration);
        let others = self.meanwhile.lock().unwrap().take_if(|(from, _)| duration >= *from);
        Box::pin(async move {
            yield_once().await;
            if let Some((_, others)) = others {
                others.await;
            }
        })
    }
    fn random(&self, out: &mut [u8]) -> Result<()> {
        for chunk in out.chunks_mut(32) {
            let draw = self.drawn.fetch_add(1, Ordering::Relaxed);
            chunk.copy_from_slice(&Sha256::digest(draw.to_be_bytes())[..chunk.len()]);
        }
        Ok(())
    }
}

/// What goes wrong at a commit that touches a collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It does not land, and fails.
    Lost,
    /// It lands, and fails.
    AnswerLost,
}

pub struct FakeStore {
    pub runtime: Arc<FakeRuntime>,
    records: Mutex<BTreeMap<Key, Record>>,
    faults: Mutex<Vec<(&'static str, Fault, usize)>>,
}

/// Bodies are not for `Debug`: they hold what an admin may read, such as the Clio user's name.
impl fmt::Debug for FakeStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FakeStore")
    }
}

impl FakeStore {
    pub fn new(runtime: Arc<FakeRuntime>) -> Self {
        Self { runtime, records: Mutex::default(), faults: Mutex::default() }
    }

    /// The next `times` commits that touch `collection` go wrong.
    pub fn fail(&self, collection: &'static str, fault: Fault, times: usize) {
        self.faults.lock().unwrap().push((collection, fault, times));
    }

    pub fn heal(&self) {
        self.faults.lock().unwrap().clear();
    }

    pub fn ids(&self, collection: &str) -> Vec<String> {
        self.records
            .lock()
            .unwrap()
            .keys()
            .filter(|key| key.collection == collection)
            .map(|key| key.id.clone())
            .collect()
    }

    pub fn bodies(&self) -> String {
        self.records.lock().unwrap().values().map(|record| format!("{:?} {}\n", record.key, record.body)).collect()
    }

    pub fn edit(&self, key: &Key, edit: impl FnOnce(&mut String)) {
        edit(&mut self.records.lock().unwrap().get_mut(key).unwrap().body);
    }

    fn fault(&self, writes: &[Write]) -> Option<Fault> {
        let mut faults = self.faults.lock().unwrap();
        let hit = faults.iter_mut().find(|(collection, _, times)| {
            *times > 0 && writes.iter().any(|write| write.key().collection == *collection)
        })?;
        hit.2 -= 1;
        Some(hit.1)
    }

    fn apply(&self, writes: &[Write]) -> Commit {
        let mut records = self.records.lock().unwrap();
        let now = self.runtime.now();
        let holds = |key: &Key, expect: &Expect| match expect {
            Expect::Absent => !records.contains_key(key),
            Expect::Version(version) => records.get(key).is_some_and(|record| record.version == *version),
        };
        let all = writes.iter().all(|write| match write {
            Write::Put { key, expect, .. } | Write::Check { key, expect } => holds(key, expect),
            Write::Delete { key, version } => holds(key, &Expect::Version(version.clone())),
        });
        if !all {
            return Commit::Conflict;
        }
        for write in writes.iter().cloned() {
            match write {
                Write::Put { key, version, due_in, body, .. } => {
                    let record = Record { key: key.clone(), version, due_at: due_in.map(|due| now + due), body };
                    records.insert(key, record);
                }
                Write::Delete { key, .. } => {
                    records.remove(&key);
                }
                Write::Check { .. } => {}
            }
        }
        Commit::Done { at: now }
    }
}

impl Store for FakeStore {
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Record>>> {
        Box::pin(async move {
            yield_once().await;
            Ok(self.records.lock().unwrap().get(key).cloned())
        })
    }

    fn scan<'a>(&'a self, scan: &'a Scan) -> BoxFuture<'a, Result<Vec<Record>>> {
        Box::pin(async move {
            yield_once().await;
            let records = self.records.lock().unwrap();
            let now = self.runtime.now();
            Ok(match scan {
                Scan::Ids { firm, collection, from, limit, .. } => records
                    .values()
                    .filter(|record| record.key.firm == *firm && record.key.collection == *collection)
                    .filter(|record| record.key.id >= *from)
                    .take(*limit)
                    .cloned()
                    .collect(),
                Scan::Due { firm, collection, limit } => records
                    .values()
                    .filter(|record| firm.as_ref().is_none_or(|firm| record.key.firm == *firm))
                    .filter(|record| record.key.collection == *collection)
                    .filter(|record| record.due_at.is_some_and(|due| due <= now))
                    .take(*limit)
                    .cloned()
                    .collect(),
            })
        })
    }

    fn commit<'a>(&'a self, writes: &'a [Write]) -> BoxFuture<'a, Result<Commit>> {
        Box::pin(async move {
            yield_once().await;
            match self.fault(writes) {
                Some(Fault::Lost) => Err(Code::StoreFailed.into()),
                Some(Fault::AnswerLost) => {
                    self.apply(writes);
                    Err(Code::StoreFailed.into())
                }
                None => Ok(self.apply(writes)),
            }
        })
    }
}

/// A request as the fake Clio saw it.
#[derive(Clone, Debug)]
pub struct Seen {
    pub path: String,
    pub form: BTreeMap<String, String>,
    pub bearer: Option<String>,
}

/// How the fake Clio answers.
#[derive(Clone, Debug)]
pub enum Answer {
    Json(u16, String),
    Html(u16),
    Fails(HttpFailureKind, Sent),
}

/// Grants `access-1`/`refresh-1` and so on, answers the API from `usual`, and once from `next` where something stands there.
#[derive(Default)]
pub struct FakeClio {
    pub seen: Mutex<Vec<Seen>>,
    pub next: Mutex<BTreeMap<String, VecDeque<Answer>>>,
    pub usual: Mutex<BTreeMap<String, Answer>>,
    pub rotates: AtomicBool,
    granted: AtomicUsize,
    meanwhile: Mutex<BTreeMap<String, BoxFuture<'static, ()>>>,
}

impl fmt::Debug for FakeClio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FakeClio")
    }
}

impl FakeClio {
    pub fn once(&self, path: &str, answer: Answer) {
        self.next.lock().unwrap().entry(path.to_owned()).or_default().push_back(answer);
    }

    pub fn always(&self, path: &str, answer: Answer) {
        self.usual.lock().unwrap().insert(path.to_owned(), answer);
    }

    /// What others do while the next request to `path` is on its way.
    pub fn meanwhile(&self, path: &str, others: impl Future<Output = ()> + Send + 'static) {
        self.meanwhile.lock().unwrap().insert(path.to_owned(), Box::pin(others));
    }

    pub fn calls(&self, path: &str) -> Vec<Seen> {
        self.seen.lock().unwrap().iter().filter(|seen| seen.path == path).cloned().collect()
    }

    fn grant(&self, seen: &Seen) -> Answer {
        let number = self.granted.fetch_add(1, Ordering::Relaxed) + 1;
        let first = seen.form.get("grant_type").is_some_and(|kind| kind == "authorization_code");
        let refresh = if first || self.rotates.load(Ordering::Relaxed) {
            format!(r#","refresh_token":"refresh-secret-{number}""#)
        } else {
            String::new()
        };
        Answer::Json(
            200,
            format!(
                r#"{{"token_type":"bearer","access_token":"access-secret-{number}","expires_in":2592000{refresh}}}"#
            ),
        )
    }
}

impl HttpTransport for FakeClio {
    fn send<'a>(&'a self, request: HttpRequest) -> BoxFuture<'a, Result<HttpResponse, HttpFailure>> {
        Box::pin(async move {
            yield_once().await;
            let body = match &request.body {
                HttpBody::Bytes(bytes) => bytes.to_vec(),
                _ => Vec::new(),
            };
            let path = request.url.path().trim_end_matches(".json").to_owned();
            let seen = Seen {
                path: path.clone(),
                form: form_urlencoded::parse(&body).into_owned().collect(),
                bearer: request.headers.get("authorization").map(str::to_owned),
            };
            assert!(request.headers.get("user-agent").is_some_and(|agent| !agent.is_empty()), "no user agent");
            self.seen.lock().unwrap().push(seen.clone());
            let others = self.meanwhile.lock().unwrap().remove(&path);
            if let Some(others) = others {
                others.await;
            }
            let scripted = self.next.lock().unwrap().get_mut(&path).and_then(VecDeque::pop_front);
            let answer = scripted.or_else(|| self.usual.lock().unwrap().get(&path).cloned());
            let answer = answer.unwrap_or_else(|| match path.as_str() {
                "/oauth/token" => self.grant(&seen),
                _ => Answer::Json(200, String::from("{}")),
            });
            yield_once().await;
            let (status, kind, body) = match answer {
                Answer::Json(status, body) => (status, "application/json; charset=utf-8", body),
                Answer::Html(status) => (status, "text/html", String::from("<html>Jane Smith</html>")),
                Answer::Fails(kind, sent) => return Err(HttpFailure { kind, sent }),
            };
            Ok(HttpResponse {
                status,
                headers: Headers::new().with("content-type", kind),
                body: Zeroizing::new(body.into_bytes()),
            })
        })
    }
}

pub fn firm(name: &str) -> FirmId {
    FirmId::new(name).unwrap()
}

pub fn actor_id(name: &str) -> ActorId {
    ActorId::new(name).unwrap()
}

pub const ROOT_KEY: &str = "0101010101010101010101010101010101010101010101010101010101010101";

/// One store and one Clio, and any number of processes on them.
#[derive(Clone, Debug)]
pub struct World {
    pub runtime: Arc<FakeRuntime>,
    pub store: Arc<FakeStore>,
    pub clio: Arc<FakeClio>,
    pub journal: Journal,
}

pub fn world() -> World {
    let runtime = Arc::new(FakeRuntime::default());
    let store = Arc::new(FakeStore::new(runtime.clone()));
    let journal = Journal::new(store.clone(), runtime.clone());
    World { runtime, store, clio: Arc::default(), journal }
}

pub fn host() -> ClioHost {
    ClioHost::loopback("http://127.0.0.1:4400").unwrap()
}

impl World {
    /// A process of its own: nothing in memory yet.
    pub fn process(&self) -> Auth {
        self.process_on(host())
    }

    pub fn process_on(&self, host: ClioHost) -> Auth {
        let keyring = self.keyring();
        let app = ClioApp::new("client-1", SecretString::from("client-secret")).unwrap();
        let clio = ClioApi::new(self.clio.clone(), self.runtime.clone(), host, "casehug-clio/test").unwrap();
        let tokens = Arc::new(StoreTokens::new(self.store.clone()));
        Auth::new(app, clio, self.clio.clone(), self.journal.clone(), tokens, keyring)
    }

    pub fn keyring(&self) -> Keyring {
        let keys = ConfiguredKeys::from_text(self.runtime.clone(), "a", [("a", ROOT_KEY)]).unwrap();
        Keyring::new(self.journal.clone(), Arc::new(keys))
    }

    pub fn vault(&self) -> TokenVault {
        let tokens = Arc::new(StoreTokens::new(self.store.clone()));
        TokenVault::new(self.journal.clone(), self.keyring(), tokens)
    }

    pub async fn audit(&self, of: &FirmId) -> Vec<(String, String, Option<String>)> {
        let log = AuditLog::new(&self.journal);
        log.verify(of).await.unwrap();
        let page = log.page(of, 1, 1000).await.unwrap();
        page.into_iter().map(|entry| (entry.action, entry.status, entry.code)).collect()
    }
}

/// Every text that a secret of these tests could appear in must pass here.
pub fn assert_no_secret(text: &str) {
    for secret in ["access-secret", "refresh-secret", "client-secret", "code-secret", "Jane", "jane@"] {
        if let Some(at) = text.find(secret) {
            let from = text[..at].char_indices().rev().nth(200).map_or(0, |(index, _)| index);
            panic!("{secret} after: {}", &text[from..at]);
        }
    }
}

pub fn entry(action: &str, status: &str, code: Option<&str>) -> (String, String, Option<String>) {
    (action.to_owned(), status.to_owned(), code.map(str::to_owned))
}
