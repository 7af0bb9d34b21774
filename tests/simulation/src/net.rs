//! HTTP to the model of Clio, with everything that can happen on the way.
//!
//! A request that was sent is a task of nobody's node: it is executed even if its sender dies.
//! Faults are drawn per request; none is drawn once [`Faults::heal`] was called.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use casehug_clio::memory::MemoryIntake;
use casehug_clio::ports::{
    BoxFuture, DocumentBytes as _, DocumentSlice, Headers, HttpBody, HttpConnection, HttpFailure, HttpFailureKind,
    HttpRequest, HttpResponse, HttpTransport, Runtime as _, Sent,
};
use clio_sim::model::{Model, Payload, Plan, Request, Response};
use futures_channel::oneshot;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::admin::{Sight, Ties, creates};
use crate::asked::Asked;
use crate::hooks::lock;
use crate::host::Reached;
use crate::scenario::Event;
use crate::store::{Refreshing, Vault};
use crate::world::{Node, NodeRuntime, World};

/// The node of everything outside of our processes.
pub const OUTSIDE: Node = usize::MAX;
/// What comes later than this after we gave up is beyond what is promised.
pub const SETTLE: Duration = Duration::from_secs(120);
/// What Clio does not list by then is beyond what is promised.
pub const INDEX_DELAY: Duration = Duration::from_secs(60);

/// Whether things still go wrong.
#[derive(Clone, Debug)]
pub struct Faults {
    on: Arc<AtomicBool>,
    /// Until then no way leads to Clio.
    without_clio: Arc<Mutex<Duration>>,
    /// How probable a fault is, per request or commit.
    pub rate: f64,
    /// Nobody but a session refreshes, under leases as long as they are meant to be.
    pub only_sessions_refresh: bool,
    /// No request is late, one process makes them all, and nobody takes away what is known of the
    /// window: Clio never has to refuse a call for being too many.
    pub careful: bool,
}

impl Faults {
    /// Faults of this rate.
    #[must_use]
    pub fn new(rate: f64, nodes: usize, events: &[(Duration, Event)]) -> Self {
        let careless = |event: &Event| matches!(event, Event::Restore { .. } | Event::Disconnect | Event::Reconnect);
        let careful = rate == 0.0 && nodes == 1 && !events.iter().any(|(_, event)| careless(event));
        // Leases end when the database's clock says so.
        let is_other = |event: &Event| careless(event) || matches!(event, Event::StoreClock { .. });
        let only_sessions_refresh = !events.iter().any(|(_, event)| is_other(event));
        let (on, without_clio) = (Arc::new(AtomicBool::new(false)), Arc::default());
        Self { on, without_clio, rate, only_sessions_refresh, careful }
    }

    /// Until then no way leads to Clio.
    pub fn lose_clio(&self, until: Duration) {
        *lock(&self.without_clio) = until;
    }

    /// From now on things go wrong, or no longer.
    pub fn set(&self, on: bool) {
        self.on.store(on, Ordering::Relaxed);
    }

    /// Whether things go wrong now.
    #[must_use]
    pub fn are_on(&self) -> bool {
        self.on.load(Ordering::Relaxed)
    }

    /// Whether one happens now.
    #[must_use]
    pub fn happens(&self, world: &World) -> bool {
        self.are_on() && world.chance(self.rate)
    }

    /// Whether one happens now where all is near: it is rarer down than the way to Clio.
    #[must_use]
    pub fn happens_rarely(&self, world: &World) -> bool {
        self.happens(world) && world.chance(0.2)
    }
}

/// The model, shared.
#[derive(Clone)]
pub struct Clio {
    model: Arc<Mutex<Model>>,
    /// The refreshes that are on their way, and who began them when.
    refreshes: Arc<Mutex<Vec<(Node, Duration)>>>,
    windows: Arc<Mutex<BTreeMap<u64, Spent>>>,
}

/// What was spent of one rate window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    pub calls: u64,
    pub refused: u64,
}

impl Clio {
    #[must_use]
    pub fn new(model: Model) -> Self {
        Self { model: Arc::new(Mutex::new(model)), refreshes: Arc::default(), windows: Arc::default() }
    }

    /// What was spent of each window, by its end.
    #[must_use]
    pub fn windows(&self) -> BTreeMap<u64, Spent> {
        lock(&self.windows).clone()
    }

    fn count(&self, answer: &Response) {
        let Some(reset) = answer.header("x-ratelimit-reset").and_then(|reset| reset.parse().ok()) else { return };
        let mut windows = lock(&self.windows);
        let spent = windows.entry(reset).or_default();
        if answer.status == 429 { spent.refused += 1 } else { spent.calls += 1 }
    }

    /// The model, locked.
    pub fn model(&self) -> MutexGuard<'_, Model> {
        lock(&self.model)
    }
}

impl fmt::Debug for Clio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clio")
    }
}

/// The transport of one node.
#[derive(Clone, Debug)]
pub struct Network {
    pub node: Node,
    pub world: World,
    pub runtime: NodeRuntime,
    pub clio: Clio,
    pub documents: Reached<MemoryIntake>,
    pub faults: Faults,
    pub refreshing: Arc<Mutex<Refreshing>>,
    /// So long a token answer takes at most.
    pub slow_tokens: Duration,
    /// Whether it stands still between the answer to a refresh and its save.
    pub late_saves: bool,
    pub ties: Ties,
    pub sight: Sight,
    pub asked: Asked,
    pub kept: Kept,
}

/// When a connection to each host was used last. It is kept for some seconds, for what may go on
/// it.
#[derive(Clone, Debug, Default)]
pub struct Kept(Arc<Mutex<BTreeMap<String, Duration>>>);

impl Kept {
    const IDLE: Duration = Duration::from_secs(4);

    fn is_there(&self, request: &HttpRequest, now: Duration) -> bool {
        let used = lock(&self.0).get(request.url.authority()).copied();
        request.connection == HttpConnection::Kept && used.is_some_and(|used| now.saturating_sub(used) < Self::IDLE)
    }

    fn used(&self, host: String, now: Duration) {
        lock(&self.0).insert(host, now);
    }

    fn lost(&self, host: &str) {
        lock(&self.0).remove(host);
    }
}

/// So much of a lease is left at least when its request is sent.
const OF_A_LEASE: Duration = Duration::from_secs(35);

/// A refresh, until it is answered, given up, or its process dies.
struct OnItsWay {
    all: Arc<Mutex<Vec<(Node, Duration)>>>,
    this: (Node, Duration),
}

impl Drop for OnItsWay {
    fn drop(&mut self) {
        lock(&self.all).retain(|it| *it != self.this);
    }
}

/// What happens to one exchange.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Fine,
    /// Not one byte gets out.
    Unreachable,
    /// Never executed; nobody knows.
    LostRequest,
    /// Executed at once; nobody knows.
    LostAnswer,
    /// Executed after the sender gave up, at the latest when it was promised to be over.
    Late,
    /// Executed at once, answered after the sender gave up.
    Slow,
    /// An answer that is no success, executed at once or never.
    Status {
        status: u16,
        executed: bool,
        by: Author,
    },
    /// A gateway gave up; executed after that, as `Late`.
    GatewayTimeout(Author),
    /// Executed; the answer cannot be read.
    Garbled,
}

/// Who wrote an answer that is no success.
#[derive(Clone, Copy, Debug)]
enum Author {
    /// A gateway, for people.
    Page,
    /// A gateway, in JSON, as it happens in the shape of OAuth's errors.
    GatewayJson,
    /// Clio's API. The request is over.
    Clio,
}

fn lost(kind: HttpFailureKind, sent: Sent) -> HttpFailure {
    HttpFailure { kind, sent }
}

impl Network {
    fn fate(&self) -> Fate {
        if self.world.now() < *lock(&self.faults.without_clio) {
            return if self.world.chance(0.5) { Fate::Unreachable } else { Fate::LostRequest };
        }
        if !self.faults.happens(&self.world) {
            return Fate::Fine;
        }
        let chance = |below| self.world.random(|random| random.u8(0..below));
        let gateway = |n| if n == 0 { Author::Page } else { Author::GatewayJson };
        let anybody = |n| if n == 2 { Author::Clio } else { gateway(n) };
        match chance(13) {
            0 => Fate::Unreachable,
            1 | 2 => Fate::LostRequest,
            3 | 4 => Fate::LostAnswer,
            5 | 6 => Fate::Late,
            7 => Fate::Slow,
            8 => Fate::Status { status: 503, executed: false, by: anybody(chance(3)) },
            9 => Fate::Status { status: 500, executed: true, by: anybody(chance(3)) },
            10 => Fate::Status { status: 429, executed: false, by: Author::Page },
            11 => Fate::GatewayTimeout(gateway(chance(2))),
            _ => Fate::Garbled,
        }
    }

    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, HttpFailure> {
        let started = self.world.now();
        let fate = self.fate();
        let (ms, timeout) = (Duration::from_millis(1), request.timeout);
        self.world
            .tell(|| format!("node {} sends {} {} : {fate:?}", self.node, request.method.as_str(), request.url.path()));
        let exchanges = exchanges_a_code(&request);
        let asks_for_tokens = request.url.path() == "/oauth/token";
        if asks_for_tokens && !exchanges {
            Vault::refreshes(&self.refreshing);
        }
        if creates(&request) && self.ties.are_cut(started) && !self.sight.is_fresh(self.world.ran(self.node)) {
            self.world.violated(|| format!("disconnected, and node {} creates: {}", self.node, request.url.path()));
        }
        let mut fate = fate;
        let payload = match &request.body {
            HttpBody::Document(slice) => {
                let whole = self.payload(slice, slice.len).await?;
                match self.breaks_off(&mut fate, slice.len) {
                    Some(arrives) => Some(self.payload(slice, arrives).await?),
                    None => Some(whole),
                }
            }
            _ => None,
        };
        // The process stands still between its intent and its request; somebody else may take over
        // meanwhile.
        if self.faults.happens_rarely(&self.world) {
            self.world.pause(self.node, self.world.between(ms, Duration::from_secs(400)));
        }
        // Resolving, connecting, a handshake.
        let connecting = self.world.between(ms, 80 * ms);
        if self.kept.is_there(&request, self.world.now()) {
            // The server closed it meanwhile, or closes it now: whoever sends cannot tell.
            if let Fate::Unreachable = fate {
                fate = Fate::LostRequest;
            }
        } else {
            self.world.sleep(connecting).await;
        }
        if let Fate::Unreachable = fate {
            return Err(lost(HttpFailureKind::Connect, Sent::No));
        }
        if request.not_after.is_some_and(|not_after| self.runtime.monotonic() >= not_after) {
            return Err(lost(HttpFailureKind::NotAfter, Sent::No));
        }
        if let Some(what) = self.asked.forbids(&request, &self.clio.model()) {
            self.world.violated(|| format!("node {} sends {}: {what}", self.node, request.url.path()));
        }
        // What comes too late is not sent.
        let _refresh = (asks_for_tokens && !exchanges).then(|| self.refreshes_alone(self.world.now()));
        let host = (request.connection == HttpConnection::Kept).then(|| request.url.authority().to_owned());
        let left = |world: &World| (started + timeout).saturating_sub(world.now()).max(ms);
        match fate {
            Fate::LostRequest => {
                self.world.sleep(self.world.between(ms, left(&self.world))).await;
                return Err(lost(HttpFailureKind::Lost, Sent::Maybe));
            }
            Fate::Status { status, executed: false, by } => {
                self.world.sleep(self.world.between(ms, 300 * ms)).await;
                return Ok(by.writes(status));
            }
            _ => {}
        }
        let gives_up = self.world.between(ms, left(&self.world));
        let travel = match fate {
            // Until then it is on its way; after it, nobody waits any more.
            Fate::Late | Fate::GatewayTimeout(_) => self.world.between(gives_up, gives_up + SETTLE),
            _ => self.world.between(ms, 200 * ms),
        };
        let answer = self.execute(request, payload, travel);
        match fate {
            Fate::Late | Fate::LostAnswer => {
                self.world.sleep(gives_up).await;
                return Err(lost(HttpFailureKind::Lost, Sent::Maybe));
            }
            Fate::GatewayTimeout(by) => {
                self.world.sleep(gives_up).await;
                return Ok(by.writes(504));
            }
            Fate::Slow => {
                self.world.sleep(left(&self.world)).await;
                return Err(lost(HttpFailureKind::Timeout, Sent::Maybe));
            }
            _ => {}
        }
        let answer = answer.await.map_err(|_| lost(HttpFailureKind::Other, Sent::Maybe))?;
        if let Some(host) = host {
            self.kept.used(host, self.world.now());
        }
        if exchanges && let Fate::Fine = fate {
            self.ties.exchanged(&answer.body);
        }
        let slow = if asks_for_tokens { self.slow_tokens } else { Duration::ZERO };
        self.world.sleep(self.world.between(ms, 200 * ms + slow)).await;
        if asks_for_tokens && !exchanges && self.late_saves && self.faults.are_on() && self.world.chance(0.5) {
            self.world.pause(self.node, self.world.between(30_000 * ms, 180_000 * ms));
        }
        match fate {
            Fate::Status { status, by, .. } => Ok(by.writes(status)),
            Fate::Garbled => Ok(HttpResponse { body: b"{\"data\":".to_vec().into(), ..given(answer) }),
            _ => Ok(given(answer)),
        }
    }

    /// Whether an upload breaks off on its way, and after how many bytes: they stand as the object.
    fn breaks_off(&self, fate: &mut Fate, len: u64) -> Option<u64> {
        if !matches!(fate, Fate::LostRequest | Fate::Late) || len == 0 || !self.world.chance(0.5) {
            return None;
        }
        if let Fate::LostRequest = fate {
            *fate = Fate::LostAnswer;
        }
        Some(self.world.random(|random| random.u64(0..len)))
    }

    /// The lease, seen from outside: of all processes one refreshes, until its lease ends.
    fn refreshes_alone(&self, began: Duration) -> OnItsWay {
        let mut refreshes = lock(&self.clio.refreshes);
        let others = refreshes.iter().any(|(node, at)| *node != self.node && began.saturating_sub(*at) < OF_A_LEASE);
        if others && self.faults.only_sessions_refresh {
            self.world.violated(|| format!("node {} refreshes while another one does", self.node));
        }
        refreshes.push((self.node, began));
        OnItsWay { all: Arc::clone(&self.clio.refreshes), this: (self.node, began) }
    }

    /// Executes the request after a time, whatever becomes of its sender.
    fn execute(&self, request: HttpRequest, payload: Option<Payload>, travel: Duration) -> oneshot::Receiver<Response> {
        let (tell, told) = oneshot::channel();
        let (world, clio) = (self.world.clone(), self.clio.clone());
        let careful = self.faults.careful;
        self.world.spawn(OUTSIDE, async move {
            world.sleep(travel).await;
            let target = &request.url[url::Position::BeforePath..];
            let mut plain = Request::new(request.method.as_str(), target);
            plain.headers.extend(request.headers.iter().map(|(name, value)| (name.to_owned(), value.to_owned())));
            plain.headers.push((String::from("host"), request.url.authority().to_owned()));
            if let HttpBody::Bytes(bytes) = &request.body {
                plain.headers.push((String::from("content-length"), bytes.len().to_string()));
                plain.body = bytes.to_vec();
            }
            if let HttpBody::Document(slice) = &request.body {
                plain.headers.push((String::from("content-length"), slice.len.to_string()));
            }
            world.note(request.method.as_str());
            let now = world.unix_ms();
            let answer = match &payload {
                Some(payload) => clio.model().perform_storage(now, &plain, payload, &Plan::plain()),
                None => clio.model().perform(now, &plain, &Plan::plain()),
            };
            world.note(&answer.status.to_string());
            clio.count(&answer);
            if answer.status == 429 && careful {
                world.violated(|| String::from("Clio had to refuse a call: 429"));
            }
            world.tell(|| {
                let body = String::from_utf8_lossy(&answer.body);
                let sent = String::from_utf8_lossy(&plain.body);
                format!("  clio: {} {target} {sent} -> {} {body}", plain.method, answer.status)
            });
            let _ = tell.send(answer);
        });
        told
    }

    /// The first bytes of a slice, which must have its length.
    async fn payload(&self, slice: &DocumentSlice, arrives: u64) -> Result<Payload, HttpFailure> {
        let unreadable = |_| lost(HttpFailureKind::BodyUnreadable, Sent::No);
        let mut reader = self.documents.open(&slice.document, slice.offset).await.map_err(unreadable)?;
        let (mut sha256, mut md5, mut len) = (Sha256::new(), md5::Md5::default(), 0_u64);
        let mut buffer = [0; 4096];
        loop {
            match reader.read(&mut buffer).await.map_err(unreadable)? {
                0 => break,
                read => {
                    let arrived = usize::try_from(arrives.saturating_sub(len)).unwrap_or(usize::MAX).min(read);
                    sha256.update(&buffer[..arrived]);
                    md5::Digest::update(&mut md5, &buffer[..arrived]);
                    len += read as u64;
                }
            }
        }
        if len < slice.len {
            return Err(lost(HttpFailureKind::BodyShort, Sent::Maybe));
        }
        if len > slice.len {
            return Err(lost(HttpFailureKind::BodyLong, Sent::Maybe));
        }
        let md5 = STANDARD.encode(md5::Digest::finalize(md5));
        Ok(Payload { len: arrives, sha256: hex::encode(sha256.finalize()), md5 })
    }
}

fn exchanges_a_code(request: &HttpRequest) -> bool {
    let HttpBody::Bytes(body) = &request.body else { return false };
    request.url.path() == "/oauth/token" && String::from_utf8_lossy(body).contains("grant_type=authorization_code")
}

fn given(answer: Response) -> HttpResponse {
    let mut headers = Headers::new();
    for (name, value) in answer.headers {
        headers.push(&name, value);
    }
    HttpResponse { status: answer.status, headers, body: answer.body.into() }
}

impl Author {
    fn writes(self, status: u16) -> HttpResponse {
        let (kind, body) = match self {
            Self::Page => ("text/html", "<html>gateway</html>"),
            Self::GatewayJson => ("application/json", r#"{"error":"gateway"}"#),
            Self::Clio => ("application/json", r#"{"error":{"type":"InternalServerError","message":"x"}}"#),
        };
        // Its clock is nobody else's.
        let date = "Fri, 01 Jan 2100 00:00:00 GMT";
        let headers = Headers::new().with("content-type", kind).with("retry-after", "1");
        let headers = if let Self::Clio = self { headers } else { headers.with("date", date) };
        HttpResponse { status, headers, body: body.as_bytes().to_vec().into() }
    }
}

impl HttpTransport for Network {
    fn send<'a>(&'a self, request: HttpRequest) -> BoxFuture<'a, Result<HttpResponse, HttpFailure>> {
        let refreshes = request.url.path() == "/oauth/token" && !exchanges_a_code(&request);
        Box::pin(async move {
            let host = request.url.authority().to_owned();
            let answer = self.exchange(request).await;
            if answer.is_err() {
                self.kept.lost(&host);
            }
            let brings =
                |body: &[u8]| serde_json::from_slice::<Value>(body).is_ok_and(|it| it["access_token"].is_string());
            if refreshes && !answer.as_ref().is_ok_and(|answer| brings(&answer.body)) {
                Vault::brought_nothing(&self.refreshing);
            }
            answer
        })
    }
}
