//! What connections cost on a real line: the engine beside a loop by hand, over TLS, where every
//! byte arrives half a round trip late.
//!
//! The line is a relay in this process. A new connection first waits for the round trip of TCP's
//! handshake; TLS adds its own, as its bytes are late, too. One relay leads to the API, another one
//! to the storage, each to a server that ends TLS before the simulated Clio.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use casehug_clio::memory::MemoryStore;
use casehug_clio::ports::{BoxFuture, HttpConnection, HttpFailure, HttpRequest, HttpResponse, HttpTransport};
use casehug_clio_http_reqwest::{Network, ReqwestTransport};
use casehug_clio_runtime_tokio::TokioRuntime;
use clio_sim::Config;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

use crate::ratio::one_by_hand;
use crate::setup::{Bench, admin, connect_at, matter, sdk_over};

const LEN: usize = 70_000;

/// What went over a line.
#[derive(Debug, Default)]
struct Told {
    connections: AtomicU64,
    /// Of TLS.
    handshakes: AtomicU64,
    /// Those that went on with an earlier session.
    resumed: AtomicU64,
    bytes: AtomicU64,
}

/// What went over a line since the last time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counted {
    pub connections: u64,
    handshakes: u64,
    resumed: u64,
    bytes: u64,
}

/// What a host's uplink takes: one byte after the other, to whomever they go.
#[derive(Clone, Debug)]
pub(crate) struct Uplink {
    bytes_per_second: f64,
    free_at: Arc<Mutex<Instant>>,
}

impl Uplink {
    pub(crate) fn new(bytes_per_second: f64) -> Self {
        Self { bytes_per_second, free_at: Arc::new(Mutex::new(Instant::now())) }
    }

    /// When so many bytes more are through.
    fn through(&self, bytes: usize) -> Instant {
        let mut free_at = self.free_at.lock().unwrap();
        *free_at = (*free_at).max(Instant::now()) + Duration::from_secs_f64(bytes as f64 / self.bytes_per_second);
        *free_at
    }
}

/// The end of a line: its address, and what went over it.
pub(crate) struct Line {
    pub url: String,
    told: Arc<Told>,
}

impl Line {
    /// To a server that speaks plain HTTP.
    async fn to(server: &str, trip: Duration, tls: &tokio_rustls::TlsAcceptor) -> Self {
        let server = server.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let (listener, ending) = (bound().await, bound().await);
        let url = format!("https://127.0.0.1:{}", listener.local_addr().unwrap().port());
        let (tls, end, told) = (tls.clone(), ending.local_addr().unwrap(), Arc::new(Told::default()));
        let of_tls = Arc::clone(&told);
        tokio::spawn(async move {
            while let Ok((stream, _)) = ending.accept().await {
                let (tls, server, told) = (tls.clone(), server.clone(), Arc::clone(&of_tls));
                tokio::spawn(async move {
                    let mut near = tls.accept(stream).await.ok()?;
                    let resumed = near.get_ref().1.handshake_kind() == Some(rustls::HandshakeKind::Resumed);
                    told.handshakes.fetch_add(1, Ordering::Relaxed);
                    told.resumed.fetch_add(u64::from(resumed), Ordering::Relaxed);
                    let mut far = TcpStream::connect(server).await.ok()?;
                    tokio::io::copy_bidirectional(&mut near, &mut far).await.ok()
                });
            }
        });
        relay(listener, end, trip, trip, Arc::clone(&told), None);
        Self { url, told }
    }

    /// The same without TLS, for programs that cannot be told which root to trust: a new connection
    /// waits for two round trips, as TCP and TLS 1.3 do.
    pub(crate) async fn plain(server: &str, trip: Duration, uplink: Option<Uplink>) -> Self {
        let end = server.trim_start_matches("http://").trim_end_matches('/').parse().unwrap();
        let (listener, told) = (bound().await, Arc::new(Told::default()));
        let url = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
        relay(listener, end, 2 * trip, trip, Arc::clone(&told), uplink);
        Self { url, told }
    }

    pub(crate) fn counted(&self) -> Counted {
        let count = |of: fn(&Told) -> &AtomicU64| of(&self.told).swap(0, Ordering::Relaxed);
        Counted {
            connections: count(|told| &told.connections),
            handshakes: count(|told| &told.handshakes),
            resumed: count(|told| &told.resumed),
            bytes: count(|told| &told.bytes),
        }
    }
}

async fn bound() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

/// Leads each connection on to `end` after `setup`.
fn relay(
    listener: TcpListener,
    end: SocketAddr,
    setup: Duration,
    trip: Duration,
    told: Arc<Told>,
    uplink: Option<Uplink>,
) {
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            told.connections.fetch_add(1, Ordering::Relaxed);
            let (told, uplink) = (Arc::clone(&told), uplink.clone());
            tokio::spawn(async move {
                tokio::time::sleep(setup).await;
                let Ok(far) = TcpStream::connect(end).await else { return };
                for stream in [&near, &far] {
                    stream.set_nodelay(true).unwrap();
                }
                let ((from_near, to_near), (from_far, to_far)) = (near.into_split(), far.into_split());
                let up = late(from_near, to_far, trip / 2, &told, uplink.as_ref());
                tokio::join!(up, late(from_far, to_near, trip / 2, &told, None));
            });
        }
    });
}

/// Carries bytes one way, each so much later.
async fn late(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, delay: Duration, told: &Told, uplink: Option<&Uplink>) {
    let (sender, mut arriving) = tokio::sync::mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    let reading = async move {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(read @ 1..) = from.read(&mut buffer).await {
            told.bytes.fetch_add(read as u64, Ordering::Relaxed);
            let sent = uplink.map_or_else(Instant::now, |uplink| uplink.through(read));
            let _ = sender.send((sent + delay, buffer[..read].to_vec()));
            // No more is taken from a host than its uplink takes.
            tokio::time::sleep_until(sent.into()).await;
        }
    };
    let writing = async move {
        while let Some((at, bytes)) = arriving.recv().await {
            tokio::time::sleep_until(at.into()).await;
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
    };
    tokio::join!(reading, writing);
}

/// As before connections were kept: each request on its own.
#[derive(Debug)]
struct Own(ReqwestTransport);

impl HttpTransport for Own {
    fn send<'a>(&'a self, request: HttpRequest) -> BoxFuture<'a, Result<HttpResponse, HttpFailure>> {
        self.0.send(HttpRequest { connection: HttpConnection::Own, ..request })
    }
}

pub(crate) async fn run() {
    println!("## A new client's matter over a line with TLS, documents of {LEN} bytes, median of 3\n");
    println!(
        "| round trip, ms | documents | | ms | to the loop | connections to the API, the storage | handshakes, of them resumed | kB |\n| --- | --- | --- | --- | --- | --- | --- | --- |"
    );
    for trip in [20, 60, 150] {
        for documents in [0, 3, 10] {
            compare(Duration::from_millis(trip), documents).await;
        }
    }
    println!();
}

async fn compare(trip: Duration, documents: usize) {
    let made = rcgen::generate_simple_self_signed([String::from("127.0.0.1")]).unwrap();
    let der = made.cert.der().to_vec();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let tls = rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(vec![der.clone().into()], key);
    let tls = tokio_rustls::TlsAcceptor::from(Arc::new(tls.unwrap()));
    let bench = Bench::new(Config { rate_limit: 1_000_000_000, ..Config::default() }).await;
    let api = Line::to(bench.sim.url(), trip, &tls).await;
    let storage = Line::to(bench.sim.storage_url(), trip, &tls).await;
    bench.sim.model().set_origins(&api.url, &storage.url);
    let network = Network::default().root_certificate(&der);
    let transport = || {
        let runtime = Arc::new(TokioRuntime);
        let made = ReqwestTransport::with(Arc::new(bench.intakes.clone()), runtime, &network).unwrap();
        made.on(tokio::runtime::Handle::current())
    };
    let store = Arc::new(MemoryStore::new(Arc::new(TokioRuntime)));
    // A process that has just been started: it has no connection yet.
    let sdk = |transport: Arc<dyn HttpTransport>| sdk_over(&api.url, store.clone(), bench.intakes.clone(), transport);
    connect_at(&sdk(Arc::new(transport())), bench.sim.url()).await;
    let now = bench.sim.now();
    let token = bench.sim.model().grant(now).access_token;
    let root = reqwest::Certificate::from_der(&der).unwrap();
    let root_url = format!("{}/api/v4", api.url);
    let mut rows: [Vec<(Duration, String)>; 3] = Default::default();
    for round in 0..3 {
        for (row, of) in ["loop", "kept", "own"].iter().enumerate() {
            let id = format!("{of}{round}");
            bench.matter(&id, documents, LEN);
            let by_hand =
                reqwest::Client::builder().user_agent("by-hand").no_proxy().add_root_certificate(root.clone());
            let by_hand = by_hand.build().unwrap();
            let sdk = match *of {
                "own" => sdk(Arc::new(Own(transport()))),
                _ => sdk(Arc::new(transport())),
            };
            for line in [&api, &storage] {
                line.counted();
            }
            let began = Instant::now();
            match *of {
                "loop" => one_by_hand(&by_hand, &root_url, &token, &id, documents, LEN).await,
                _ => {
                    let report = sdk.firm(&admin()).matters().sync(&matter(&id)).await.unwrap();
                    assert!(report.first_failure().is_none(), "{report:?}");
                }
            }
            let took = began.elapsed();
            let [to_api, to_storage] = [&api, &storage].map(Line::counted);
            let sum = |of: fn(Counted) -> u64| of(to_api) + of(to_storage);
            let connections = format!("{}, {}", to_api.connections, to_storage.connections);
            let handshakes = format!("{}, {}", sum(|line| line.handshakes), sum(|line| line.resumed));
            rows[row].push((took, format!("{connections} | {handshakes} | {}", sum(|line| line.bytes) / 1000)));
        }
    }
    let names = ["loop by hand, connections used again", "engine", "engine, a connection for each request"];
    let mut by_hand = None;
    for (name, mut row) in names.into_iter().zip(rows) {
        row.sort();
        let (took, told) = &row[row.len() / 2];
        let by_hand = *by_hand.get_or_insert(*took);
        let ratio = took.as_secs_f64() / by_hand.as_secs_f64();
        println!("| {} | {documents} | {name} | {} | {ratio:.2} | {told} |", trip.as_millis(), took.as_millis());
    }
    bench.sim.stop();
}
