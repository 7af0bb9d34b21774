//! The agent of Rust: the SDK as a Rust host opens it, told by lines what to do (`README.md`).
#![allow(clippy::print_stdout, clippy::expect_used, clippy::panic, reason = "a test's program")]

use std::io::BufRead as _;
use std::sync::Arc;
use std::time::Duration;

use casehug_clio::ports::Headers;
use casehug_clio::{
    Actor, ActorId, Caller, ClioApp, ClioHost, ConfiguredKeys, FirmId, Ports, Result, Role, Sdk, WorkerConfig,
};
use casehug_clio_http_reqwest::ReqwestTransport;
use casehug_clio_intake_folder::FolderIntake;
use casehug_clio_runtime_tokio::TokioRuntime;
use casehug_clio_store::StoreLocation;
use serde_json::json;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

fn given(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"))
}

fn seconds(name: &str) -> Duration {
    Duration::from_secs(given(name).parse().expect("a number"))
}

async fn open() -> Result<Sdk> {
    let runtime = Arc::new(TokioRuntime);
    let intake = FolderIntake::new(given("GOLDEN_INTAKES"))?;
    let location: StoreLocation = given("GOLDEN_STORE").parse()?;
    let key = |name: &str| (given(&format!("{name}_ID")), given(name));
    let (current, earlier) = (key("GOLDEN_SEALING_KEY"), key("GOLDEN_EARLIER_SEALING_KEY"));
    let keys = ConfiguredKeys::from_text(runtime.clone(), &current.0, [(current.0.as_str(), current.1.as_str())])?;
    let earlier = Some((earlier.0.as_str(), earlier.1.as_str())).filter(|(id, _)| !id.is_empty());
    let ports = Ports {
        transport: Arc::new(ReqwestTransport::new(Arc::new(intake.clone()), runtime.clone())?),
        store: location.open().await?.store(),
        keys: Arc::new(keys.with_earlier(earlier)?),
        intake: Arc::new(intake),
        runtime,
    };
    let app = ClioApp::new(given("GOLDEN_CLIENT_ID"), given("GOLDEN_CLIENT_SECRET").into())?;
    let host: ClioHost = given("GOLDEN_CLIO_URL").parse()?;
    let mut builder = Sdk::builder(app, host, ports)
        .late_execution_window(seconds("GOLDEN_LATE_EXECUTION_WINDOW_SECONDS"))
        .index_delay(seconds("GOLDEN_INDEX_DELAY_SECONDS"))
        .request_timeout(seconds("GOLDEN_REQUEST_TIMEOUT_SECONDS"));
    if let Some(url) = Some(given("GOLDEN_WEBHOOK_URL")).filter(|url| !url.is_empty()) {
        builder = builder.webhook_url(url.parse().expect("a URL"));
    }
    builder.build()
}

fn say(answer: Result<String>) {
    match answer {
        Ok(value) => println!("1\t{value}"),
        Err(error) => println!("{}\t{}", error.code().number(), json!(error)),
    }
}

fn actor(line: &str) -> Result<Option<Actor>> {
    let mut words = line.split(' ');
    let (Some(user), Some(firm), Some(role)) = (words.next(), words.next(), words.next()) else { return Ok(None) };
    let role = if role == "admin" { Role::Admin } else { Role::Member };
    Ok(Some(Actor { id: ActorId::new(user)?, firm: FirmId::new(firm)?, role }))
}

async fn call(sdk: &Sdk, name: &str, who: &str, arguments: &str) -> Result<String> {
    let actor = actor(who)?;
    let caller = actor.as_ref().map_or(Caller::Host, Caller::User);
    sdk.call(caller, name, arguments.as_bytes()).await
}

async fn webhook(sdk: &Sdk, fields: &[&str]) -> String {
    let bytes = |field: &&str| hex::decode(field).expect("hexadecimal digits");
    let text = |field: &&str| String::from_utf8_lossy(&bytes(field)).into_owned();
    let [token, body, headers @ ..] = fields else { panic!("a webhook has a token and a body") };
    let mut posted = Headers::new();
    for pair in headers.chunks_exact(2) {
        posted.push(&text(&pair[0]), text(&pair[1]));
    }
    let reply = sdk.handle_webhook(&text(token), &posted, &bytes(body)).await;
    let headers: Vec<_> = reply.headers.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
    json!({ "status": reply.status, "headers": headers }).to_string()
}

struct Worker(oneshot::Sender<()>, JoinHandle<()>);

impl Worker {
    fn start(sdk: &Arc<Sdk>) -> Self {
        let (stop, told) = oneshot::channel();
        let sdk = Arc::clone(sdk);
        Self(
            stop,
            tokio::spawn(async move {
                sdk.worker(WorkerConfig::default()).run(async { drop(told.await) }).await;
            }),
        )
    }

    async fn stop(self) {
        let _ = self.0.send(());
        self.1.await.expect("the worker ends in order");
    }
}

#[tokio::main]
async fn main() {
    let opened = open().await.map(Arc::new);
    let sdk = match opened {
        Ok(sdk) => sdk,
        Err(error) => return say(Err(error)),
    };
    say(Ok(String::from("{}")));
    let mut worker = None;
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("text");
        match *line.split('\t').collect::<Vec<_>>() {
            ["call", name, who, arguments] => say(call(&sdk, name, who, arguments).await),
            ["webhook", ref fields @ ..] => say(Ok(webhook(&sdk, fields).await)),
            ["worker", "start"] => {
                worker = Some(Worker::start(&sdk));
                say(Ok(String::from("{}")));
            }
            ["worker", _] => {
                if let Some(worker) = worker.take() {
                    worker.stop().await;
                }
                say(Ok(String::from("{}")));
            }
            ["close"] => {
                sdk.stop();
                return say(Ok(String::from("{}")));
            }
            _ => panic!("not understood: {line}"),
        }
    }
}
