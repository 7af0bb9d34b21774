//! `service`: a small backend that embeds the SDK. OAuth callback, webhook endpoint, worker, the
//! settings page with the integration card, and JSON routes.
//!
//! **Who asks.** A service of CaseHug's stands behind something that authenticates users and says
//! who they are in three headers: `x-casehug-firm`, `x-casehug-user`, `x-casehug-role` (`admin` or
//! `member`). It MUST remove them from what comes from outside. Two routes are for Clio and need
//! none of them: the webhook's, whose URL holds a token, and the deauthorization callback, of which
//! only the claim is taken and Clio asked.
//!
//! | route | |
//! | --- | --- |
//! | `GET /connect`, `GET /oauth/callback` | connect the firm |
//! | `POST /disconnect`, `POST /deauthorized/{firm}` | end it, here or in Clio |
//! | `POST /webhooks/{token}` | what Clio delivers |
//! | `GET /`, `/settings/integrations`, `/matters`, `/assets/{file}` | the pages |
//! | `POST /api/{operation}`, `GET /api/me`, `/api/matters` | every operation by its name in `docs/operations.md`, with arguments and result in JSON; role `host` for the host's own; who is signed in; the ids of the firm's matters |
//! | `GET /openapi.json` | these routes as an OpenAPI 3.1 document |
//! | `GET /api/stream` | what changed, as server-sent events |
//! | `GET`, `POST /sign-in` | with `--demo-sign-in`: who one is |
//! | `GET /status` | the card: state, account, what to do next |
//! | `GET`, `PUT`, `PATCH /settings`; `GET /mappings`; `PUT /mappings/{case type}`; `GET`, `PUT /settings/export` | settings |
//! | `POST /matters/{matter}/sync`, `/approved`; `GET /matters/{matter}` | syncing |
//! | `GET /sync-log`, `POST /sync-log/{run}/retry`, `GET /audit`, `GET /held`, `POST /held` | logs |
//! | `GET /contact-proposals`, `POST /contact-proposals/{id}`, `POST /matters/{matter}/contact-changed` | review of contacts, both ways |
//! | `GET /events`, `POST /events/ack`, `POST /contact-proposals/{id}/applied`, `POST /matters/{matter}/status-changed` | the outbox, and what CaseHug's own services say: they ask as an admin |
#![allow(clippy::print_stderr, reason = "what ends the program is said there")]

mod answer;
mod callback;
#[path = "../database.rs"]
mod database;
mod metrics;
#[path = "../network.rs"]
mod network;
#[path = "../root_keys.rs"]
mod root_keys;
mod routes;
#[path = "../signals.rs"]
mod signals;
mod web;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use casehug_clio::{ClioApp, ClioHost, Code, Error, Ports, Sdk, WorkerConfig};
use casehug_clio_http_reqwest::ReqwestTransport;
use casehug_clio_intake_folder::FolderIntake;
use casehug_clio_runtime_tokio::{TokioRuntime, keep_working};
use clap::Parser;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};
use url::{Host, Url};

use crate::metrics::Metrics;
use crate::root_keys::{SEALING_KEY, root_keys};
use crate::routes::Service;
use crate::web::stream::{Streams, stopped};

/// Known to everybody, so it is accepted against loopback only.
const DEV_KEY: &str = "0101010101010101010101010101010101010101010101010101010101010101";

/// How long requests may take that are being answered when it is told to stop.
const CLOSING: Duration = Duration::from_secs(5);

const VARIABLES: &str = "Environment, needed unless Clio is on loopback:
  CASEHUG_CLIO_CLIENT_ID      the Clio app's id, from Clio's developer portal
  CASEHUG_CLIO_CLIENT_SECRET  its secret
  CASEHUG_CLIO_SEALING_KEY    32 bytes in hex or base64, which encrypt the tokens at rest
To change that key: CASEHUG_CLIO_SEALING_KEY_ID names it (env, unless set), and
CASEHUG_CLIO_EARLIER_SEALING_KEYS holds those that sealed before, as ID=KEY,ID=KEY.
RUST_LOG says how much is logged on stderr: error, warn, info (the default), debug or trace.";

/// Serves one CaseHug installation. Ends at SIGTERM or ctrl-c, after the steps in progress; a
/// second signal ends it at once.
#[derive(Debug, Parser)]
#[command(name = "service", version, after_help = VARIABLES)]
struct Args {
    /// Where to listen. Port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8787")]
    listen: SocketAddr,
    /// How Clio and browsers reach it: https, or http on loopback. By default what it listens on.
    #[arg(long, value_name = "URL")]
    public_url: Option<Url>,
    /// Where `GET /metrics` is answered, for Prometheus. By default nowhere.
    #[arg(long, value_name = "ADDRESS")]
    metrics: Option<SocketAddr>,
    /// The folder of intakes: a folder for each firm, and in it one for each matter.
    #[arg(long, value_name = "DIR")]
    intake: PathBuf,
    /// The SDK's database: a file, made if it is not there, or postgres://USER@HOST/DATABASE. A
    /// password is best in the variable CASEHUG_CLIO_DB_PASSWORD, which does not show in lists of
    /// processes.
    #[arg(long, value_name = "FILE or URL")]
    db: database::Line,
    /// The region of Clio (us, eu, ca, au), or a host root. https, or http on loopback.
    #[arg(long, value_name = "REGION or URL")]
    clio_url: String,
    /// The office's proxy: http://host:port, with user:password@ before the host if it asks for
    /// that. Or the variable CASEHUG_CLIO_PROXY, which does not show in lists of processes.
    #[arg(long, value_name = "URL")]
    proxy: Option<String>,
    /// Root certificates (PEM) to trust beside Mozilla's: those of a proxy that opens TLS, say.
    #[arg(long, value_name = "FILE")]
    root_certificates: Option<PathBuf>,
    /// How long Clio may still execute a request after we gave up on it.
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    settle: u64,
    /// How long Clio's lists may not show yet what Clio has created.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    index_delay: u64,
    /// Lets whoever opens the pages choose who they are: Ada, an admin of `firm_demo`, or Max, a
    /// member. On loopback only.
    #[arg(long)]
    demo_sign_in: bool,
    /// Stop when standard input closes, too: when the program that started it ends.
    #[arg(long)]
    exit_with_stdin: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let metrics = Metrics::new();
    start_logging(&metrics);
    match run(&args, &metrics).await {
        Ok(()) => ExitCode::SUCCESS,
        // As it is said to people: a `Result` of `main` would print the debug form.
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Only our own events, whatever `RUST_LOG` says: nobody can say what other crates print of a
/// request.
fn start_logging(metrics: &Metrics) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let ours = tracing_subscriber::filter::filter_fn(|metadata| {
        metadata.target().starts_with("casehug_clio") || metadata.target().starts_with("service")
    });
    let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(std::io::stderr);
    // What is counted does not depend on what is logged.
    let counted = metrics.clone().with_filter(Targets::new().with_target("casehug_clio", Level::DEBUG));
    tracing_subscriber::registry().with(lines.with_filter(filter).with_filter(ours)).with(counted).init();
}

async fn run(args: &Args, metrics: &Metrics) -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind(args.listen).await?;
    let public = match &args.public_url {
        Some(url) => url.clone(),
        None => format!("http://{}", listener.local_addr()?).parse()?,
    };
    if args.demo_sign_in && !(args.listen.ip().is_loopback() && is_loopback(&public)) {
        let refused = Error::new(Code::SettingInvalid).with("setting", "demo_sign_in");
        return Err(refused.with("reason", "not_on_loopback").into());
    }
    let intakes = FolderIntake::new(args.intake.join("{firm}"))?;
    let sdk = Arc::new(open(args, intakes.clone(), &public, metrics).await?);
    if let Some(address) = args.metrics {
        let numbers = TcpListener::bind(address).await?;
        tracing::info!(metrics = %numbers.local_addr()?, "counting");
        tokio::spawn(axum::serve(numbers, metrics.routes()).into_future());
    }
    tracing::info!(listening = %listener.local_addr()?, "ready");
    let (stop, stopping) = watch::channel(false);
    let worker = tokio::spawn({
        let (sdk, mut stopping) = (Arc::clone(&sdk), stopping.clone());
        async move { keep_working(&sdk, WorkerConfig::default(), stopped(&mut stopping)).await }
    });
    let streams = Streams::new(stopping.clone());
    let app = routes::all(Service::new(Arc::clone(&sdk), intakes, &public, args.demo_sign_in, streams));
    let exit_with_stdin = args.exit_with_stdin;
    let told_to_stop = async move {
        tokio::select! { () = signals::told_to_stop() => {}, () = stdin_closed(), if exit_with_stdin => {} }
        tracing::info!("told to stop");
        sdk.stop();
        // Who listens to a stream is not waited for.
        let _ = stop.send(true);
    };
    let serve = axum::serve(listener, app).with_graceful_shutdown(told_to_stop);
    // A client that says nothing on an open connection keeps nobody from ending.
    let patience = async {
        stopped(&mut stopping.clone()).await;
        tokio::time::sleep(CLOSING).await;
    };
    tokio::select! { served = serve => served?, () = patience => {} }
    worker.await?;
    Ok(())
}

/// In a thread of its own: a read that waits would hold the runtime's end.
async fn stdin_closed() {
    let (closed, closing) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        let _ = closed.send(());
    });
    let _ = closing.await;
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

async fn open(
    args: &Args,
    intake: FolderIntake,
    public: &Url,
    metrics: &Metrics,
) -> Result<Sdk, Box<dyn std::error::Error>> {
    let about = |error: Error| error.with("setting", "clio_url");
    let host: ClioHost = args.clio_url.parse().map_err(about)?;
    // `custom` takes http for loopback addresses only.
    let loopback = host.root().scheme() == "http";
    let id = setting("CASEHUG_CLIO_CLIENT_ID", loopback, "casehug-dev")?;
    let secret = setting("CASEHUG_CLIO_CLIENT_SECRET", loopback, "casehug-dev-secret")?;
    let key = setting(SEALING_KEY, loopback, DEV_KEY)?;
    let runtime = Arc::new(TokioRuntime);
    let network = network::network(args.proxy.as_deref(), args.root_certificates.as_deref())?;
    let keys = root_keys(runtime.clone(), &key)?;
    let ports = Ports {
        transport: Arc::new(ReqwestTransport::with(Arc::new(intake.clone()), runtime.clone(), &network)?),
        store: metrics.counting(database::location(&args.db.0)?.open().await?.store()),
        keys: Arc::new(keys),
        intake: Arc::new(intake),
        runtime,
    };
    let sdk = Sdk::builder(ClioApp::new(id, secret.into())?, host, ports)
        .late_execution_window(Duration::from_secs(args.settle))
        .index_delay(Duration::from_secs(args.index_delay))
        .webhook_url(routes::below(public, "webhooks").parse()?)
        .build()?;
    Ok(sdk)
}

fn setting(name: &'static str, loopback: bool, for_loopback: &str) -> casehug_clio::Result<String> {
    match std::env::var(name) {
        Ok(value) if !value.is_empty() => Ok(value),
        _ if loopback => Ok(for_loopback.to_owned()),
        _ => Err(Error::new(Code::SettingInvalid).with("variable", name).with("reason", "missing")),
    }
}
