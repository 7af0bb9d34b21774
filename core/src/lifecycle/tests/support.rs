//! A small world: the memory store with faults at chosen records, virtual time, and a Clio of a few
//! routes. Every port call yields once, so that joined futures interleave at each of them.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use core::task::{Context, Poll};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};

use secrecy::SecretString;
use url::{Url, form_urlencoded};
use zeroize::Zeroizing;

use crate::clio::{ClioApi, ClioHost};
use crate::connection::tokens::TokenVault;
use crate::connection::{ClioApp, StoreTokens};
use crate::crypto::{ConfiguredKeys, Keyring};
use crate::domain::{ActorId, FirmId};
use crate::error::{Code, Result};
use crate::history::{AuditLog, AuditQuery};
use crate::lifecycle::Auth;
use crate::maybe_send::BoxFuture;
use crate::memory::MemoryStore;
use crate::ports::*;
use crate::store::Repository;
use crate::testkit::VirtualRuntime;

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

/// What goes wrong at a commit that touches a collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It does not land, and fails.
    Lost,
    /// It lands, and fails.
    AnswerLost,
}

/// The memory store, with faults.
pub struct FaultyStore {
    inner: MemoryStore,
    faults: Mutex<Vec<(&'static str, Fault, usize)>>,
    meanwhile: Mutex<BTreeMap<&'static str, BoxFuture<'static, ()>>>,
}

impl fmt::Debug for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl FaultyStore {
    pub fn new(runtime: &VirtualRuntime) -> Self {
        Self {
            inner: MemoryStore::new(Arc::new(runtime.clone())),
            faults: Mutex::default(),
            meanwhile: Mutex::default(),
        }
    }

    /// What others do right after the next commit that touches `collection`.
    pub fn meanwhile(&self, collection: &'static str, others: impl Future<Output = ()> + Send + 'static) {
        self.meanwhile.lock().unwrap().insert(collection, Box::pin(others));
    }

    /// The next `times` commits that touch `collection` go wrong.
    pub fn fail(&self, collection: &'static str, fault: Fault, times: usize) {
        self.faults.lock().unwrap().push((collection, fault, times));
    }

    pub fn heal(&self) {
        self.faults.lock().unwrap().clear();
    }

    /// All records of a collection, of `firm_1`.
    pub async fn all(&self, collection: &'static str) -> Vec<Record> {
        let (from, until) = (String::new(), None);
        let scan = Scan::Ids { firm: firm("firm_1"), collection, from, until, order: Order::Ascending, limit: 1000 };
        self.inner.scan(&scan).await.unwrap()
    }

    pub async fn ids(&self, collection: &'static str) -> Vec<String> {
        self.all(collection).await.into_iter().map(|record| record.key.id).collect()
    }

    /// Everything at rest, as text.
    pub async fn at_rest(&self) -> String {
        let mut text = String::new();
        for collection in COLLECTIONS {
            for record in self.all(collection).await {
                text += &format!("{} {} {}\n", record.key.collection, record.key.id, record.body);
            }
        }
        text
    }

    /// Writes over a body behind everybody's back.
    pub async fn set(&self, key: &Key, body: &str) {
        let record = self.inner.get(key).await.unwrap().unwrap();
        let (expect, version) = (Expect::Version(record.version.clone()), record.version);
        let put = Write::Put { key: key.clone(), expect, version, due_in: None, body: body.to_owned() };
        assert!(matches!(self.inner.commit(&[put]).await.unwrap(), Commit::Done { .. }));
    }

    fn fault(&self, writes: &[Write]) -> Option<Fault> {
        let mut faults = self.faults.lock().unwrap();
        let touches = |collection| writes.iter().any(|write| write.key().collection == collection);
        let hit = faults.iter_mut().find(|(collection, _, times)| *times > 0 && touches(*collection))?;
        hit.2 -= 1;
        Some(hit.1)
    }
}

/// Every collection that this module, or the repository for it, writes.
const COLLECTIONS: [&str; 15] = [
    "audit",
    "audit-head",
    "budget",
    "chore",
    "connect-draft",
    "release",
    "connect-state",
    "connection",
    "data-key",
    "firm-key",
    "link-set",
    "outbox",
    "practice-areas",
    "refresh-lease",
    "tokens",
];

impl Store for FaultyStore {
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Record>>> {
        Box::pin(async move {
            yield_once().await;
            self.inner.get(key).await
        })
    }

    fn get_many<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Record>>>> {
        Box::pin(async move {
            yield_once().await;
            self.inner.get_many(keys).await
        })
    }

    fn scan<'a>(&'a self, scan: &'a Scan) -> BoxFuture<'a, Result<Vec<Record>>> {
        Box::pin(async move {
            yield_once().await;
            self.inner.scan(scan).await
        })
    }

    fn commit<'a>(&'a self, writes: &'a [Write]) -> BoxFuture<'a, Result<Commit>> {
        Box::pin(async move {
            yield_once().await;
            assert!(writes.iter().all(|write| COLLECTIONS.contains(&write.key().collection) || counter(write)));
            let outcome = match self.fault(writes) {
                Some(Fault::Lost) => return Err(Code::StoreFailed.into()),
                Some(Fault::AnswerLost) => {
                    self.inner.commit(writes).await?;
                    return Err(Code::StoreFailed.into());
                }
                None => self.inner.commit(writes).await,
            };
            let others = writes.iter().find_map(|write| self.meanwhile.lock().unwrap().remove(write.key().collection));
            if let Some(others) = others {
                others.await;
            }
            outcome
        })
    }
}

fn counter(write: &Write) -> bool {
    write.key().collection == "outbox-counter"
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
    /// An empty page, and the reason in `WWW-Authenticate`, as Doorkeeper refuses.
    Challenge(u16, &'static str),
    Fails(HttpFailureKind, Sent),
}

/// Grants `access-1`/`refresh-1` and so on, answers the API from `usual`, and once from `next`
/// where something stands there.
#[derive(Default)]
pub struct FakeClio {
    pub seen: Mutex<Vec<Seen>>,
    pub next: Mutex<BTreeMap<String, VecDeque<Answer>>>,
    pub usual: Mutex<BTreeMap<String, Answer>>,
    pub rotates: AtomicBool,
    /// A refresh token that arrived is revoked at once, however long the answer takes.
    pub revokes_at_once: AtomicBool,
    /// The next request with one of these access tokens does not get through.
    pub cut_off: Mutex<BTreeSet<String>>,
    granted: AtomicUsize,
    grants: Mutex<Grants>,
    meanwhile: Mutex<BTreeMap<String, BoxFuture<'static, ()>>>,
}

/// What every token came from: a person's consent.
#[derive(Default)]
struct Grants {
    of: BTreeMap<String, usize>,
    /// Those that a code was exchanged for.
    consented: BTreeSet<usize>,
    dead: BTreeSet<usize>,
    /// Refresh tokens that were used, and access tokens that ended.
    spent: BTreeSet<String>,
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

    /// An access token has ended: it is refused, though its grant is honoured.
    pub fn end(&self, access: &str) {
        self.grants.lock().unwrap().spent.insert(access.to_owned());
    }

    /// What others do while the next request to `path` is on its way.
    pub fn meanwhile(&self, path: &str, others: impl Future<Output = ()> + Send + 'static) {
        self.meanwhile.lock().unwrap().insert(path.to_owned(), Box::pin(others));
    }

    pub fn calls(&self, path: &str) -> Vec<Seen> {
        self.seen.lock().unwrap().iter().filter(|seen| seen.path == path).cloned().collect()
    }

    /// The consents that Clio still honours.
    pub fn living(&self) -> BTreeSet<usize> {
        let grants = self.grants.lock().unwrap();
        grants.consented.difference(&grants.dead).copied().collect()
    }

    /// The consent that a token came from.
    pub fn consent(&self, token: &str) -> Option<usize> {
        self.grants.lock().unwrap().of.get(token).copied()
    }

    /// Whether a refresh comes too late: another one has used its token.
    fn is_spent(&self, seen: &Seen) -> bool {
        let Some(token) = seen.form.get("refresh_token") else { return false };
        self.revokes_at_once.load(Ordering::Relaxed) && !self.grants.lock().unwrap().spent.insert(token.clone())
    }

    fn deauthorize(&self, seen: &Seen) -> Answer {
        let mut grants = self.grants.lock().unwrap();
        let Some(token) = seen.form.get("token") else { return Answer::Json(400, String::from("{}")) };
        if grants.spent.contains(token) {
            return Answer::Challenge(401, "invalid_token");
        }
        if let Some(grant) = grants.of.get(token).copied() {
            grants.dead.insert(grant);
        }
        Answer::Json(200, String::from("{}"))
    }

    fn grant(&self, seen: &Seen) -> Answer {
        let number = self.granted.fetch_add(1, Ordering::Relaxed) + 1;
        let first = seen.form.get("grant_type").is_some_and(|kind| kind == "authorization_code");
        {
            let mut grants = self.grants.lock().unwrap();
            let before = seen.form.get("refresh_token").and_then(|token| grants.of.get(token).copied());
            let grant = before.unwrap_or(number);
            if grants.dead.contains(&grant) {
                return Answer::Json(400, String::from(r#"{"error":"invalid_grant"}"#));
            }
            if first {
                grants.consented.insert(grant);
            }
            for token in ["access", "refresh"] {
                grants.of.insert(format!("{token}-secret-{number}"), grant);
            }
        }
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
            // A token that was made, or ended, must be known to have been asked for or not.
            if path.starts_with("/oauth/") {
                assert_eq!(request.connection, HttpConnection::Own, "{path}");
            }
            let seen = Seen {
                path: path.clone(),
                form: form_urlencoded::parse(&body).into_owned().collect(),
                bearer: request.headers.get("authorization").map(str::to_owned),
            };
            assert!(request.headers.get("user-agent").is_some_and(|agent| !agent.is_empty()), "no user agent");
            self.seen.lock().unwrap().push(seen.clone());
            let bearer = seen.bearer.as_deref().and_then(|bearer| bearer.strip_prefix("Bearer ")).unwrap_or_default();
            if self.cut_off.lock().unwrap().remove(bearer) {
                return Err(HttpFailure { kind: HttpFailureKind::Connect, sent: Sent::No });
            }
            let spent = self.is_spent(&seen);
            let others = self.meanwhile.lock().unwrap().remove(&path);
            if let Some(others) = others {
                others.await;
            }
            let scripted = self.next.lock().unwrap().get_mut(&path).and_then(VecDeque::pop_front);
            let answer = scripted.or_else(|| self.usual.lock().unwrap().get(&path).cloned());
            let answer = answer.unwrap_or_else(|| match path.as_str() {
                "/oauth/token" if spent => Answer::Json(400, String::from(r#"{"error":"invalid_grant"}"#)),
                "/oauth/token" => self.grant(&seen),
                "/oauth/deauthorize" => self.deauthorize(&seen),
                _ => Answer::Json(200, String::from("{}")),
            });
            yield_once().await;
            let of = |kind| Headers::new().with("content-type", kind);
            let (status, headers, body) = match answer {
                Answer::Json(status, body) => (status, of("application/json; charset=utf-8"), body),
                Answer::Html(status) => (status, of("text/html"), String::from("<html>Jane Smith</html>")),
                Answer::Challenge(status, error) => {
                    let challenge = format!(r#"Bearer realm="Doorkeeper", error="{error}", error_description="Jane""#);
                    (status, of("text/html").with("www-authenticate", challenge), String::new())
                }
                Answer::Fails(kind, sent) => return Err(HttpFailure { kind, sent }),
            };
            Ok(HttpResponse { status, headers, body: Zeroizing::new(body.into_bytes()) })
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
    pub runtime: VirtualRuntime,
    pub store: Arc<FaultyStore>,
    pub clio: Arc<FakeClio>,
    pub repository: Repository,
}

pub fn world() -> World {
    let runtime = VirtualRuntime::new(1);
    let store = Arc::new(FaultyStore::new(&runtime));
    let repository = Repository::new(store.clone(), Arc::new(runtime.clone()));
    World { runtime, store, clio: Arc::default(), repository }
}

pub fn host() -> ClioHost {
    host_at(4400)
}

pub fn host_at(port: u16) -> ClioHost {
    ClioHost::custom(Url::parse(&format!("http://127.0.0.1:{port}")).unwrap()).unwrap()
}

impl World {
    /// A process of its own: nothing in memory yet.
    pub fn process(&self) -> Auth {
        self.process_on(host())
    }

    pub fn process_on(&self, host: ClioHost) -> Auth {
        let keyring = self.keyring();
        let app = ClioApp::new("client-1", SecretString::from("client-secret")).unwrap();
        let clio = ClioApi::new(self.clio.clone(), Arc::new(self.runtime.clone()), host, "casehug-clio/test").unwrap();
        let tokens = Arc::new(StoreTokens::new(self.store.clone()));
        Auth::new(app, clio, self.clio.clone(), self.repository.clone(), tokens, keyring, None)
    }

    pub fn keyring(&self) -> Keyring {
        let keys = ConfiguredKeys::from_text(Arc::new(self.runtime.clone()), "a", [("a", ROOT_KEY)]).unwrap();
        Keyring::new(self.repository.clone(), Arc::new(keys))
    }

    pub fn vault(&self) -> TokenVault {
        let tokens = Arc::new(StoreTokens::new(self.store.clone()));
        TokenVault::new(self.repository.clone(), self.keyring(), tokens)
    }

    pub async fn audit(&self, of: &FirmId) -> Vec<(String, String, Option<String>)> {
        let log = AuditLog::new(&self.repository);
        log.verify(of).await.unwrap();
        let page = log.query(of, &AuditQuery { limit: 500, ..AuditQuery::default() }).await.unwrap();
        page.items.into_iter().rev().map(|entry| (entry.action, entry.status, entry.code)).collect()
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
