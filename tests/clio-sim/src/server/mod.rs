//! The model over real HTTP: one listener for OAuth and the API, one for storage.
//!
//! This is a thin shell. It reads a request, asks the model what is to happen, and does to the
//! connection what the model decided: answer, wait, close. A request that was read completely is
//! run in a task of its own, so it runs even when the client has gone away meanwhile.

mod carry;
mod hooks;

use std::{
    collections::hash_map::RandomState,
    fmt,
    hash::BuildHasher,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::TcpListener,
    task::{JoinHandle, JoinSet},
};

use crate::{
    Config, Model,
    model::{Plan, Request},
};

/// The ports to listen on; 0 takes any free one.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ports {
    /// OAuth, API and control.
    pub api: u16,
    /// Storage.
    pub storage: u16,
}

/// A running simulator. Dropping it stops it.
pub struct ClioSim {
    shared: Shared,
    url: String,
    storage_url: String,
    tasks: Vec<JoinHandle<()>>,
}

impl fmt::Debug for ClioSim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClioSim").field("url", &self.url).field("storage_url", &self.storage_url).finish()
    }
}

/// Which of the two hosts a connection belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Surface {
    Api,
    Storage,
}

/// The model and its clock.
#[derive(Debug, Clone)]
struct Shared(Arc<Mutex<Model>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Model> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn admit(&self, request: &Request) -> Plan {
        let mut model = self.lock();
        let now = now(&model);
        model.admit(now, request)
    }
}

/// The wall clock plus the configured offset, in Unix milliseconds.
fn now(model: &Model) -> i64 {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    i64::try_from(wall).unwrap_or(i64::MAX).saturating_add(model.config().clock_offset_ms)
}

impl ClioSim {
    /// Starts on free ports of 127.0.0.1.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start(config: Config) -> io::Result<Self> {
        Self::start_on(config, Ports::default()).await
    }

    /// Starts on the given ports of 127.0.0.1. Without a seed in the configuration each instance
    /// gets its own, so that no two accept each other's tokens.
    ///
    /// # Errors
    /// When a port is taken.
    pub async fn start_on(mut config: Config, ports: Ports) -> io::Result<Self> {
        if config.seed.is_empty() {
            config.seed = format!("{:016x}", RandomState::new().hash_one(SystemTime::now()));
        }
        let api = TcpListener::bind((Ipv4Addr::LOCALHOST, ports.api)).await?;
        let storage = TcpListener::bind((Ipv4Addr::LOCALHOST, ports.storage)).await?;
        let origin = |address: SocketAddr| format!("http://{address}");
        let (url, storage_url) = (origin(api.local_addr()?), origin(storage.local_addr()?));
        let mut model = Model::new(config);
        model.set_origins(&url, &storage_url);
        let shared = Shared(Arc::new(Mutex::new(model)));
        let tasks = vec![
            tokio::spawn(accept(api, shared.clone(), Surface::Api)),
            tokio::spawn(accept(storage, shared.clone(), Surface::Storage)),
            tokio::spawn(hooks::deliver(shared.clone())),
        ];
        Ok(Self { shared, url, storage_url, tasks })
    }

    /// The root: `/oauth` and `/api/v4` are below it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The storage host's root.
    pub fn storage_url(&self) -> &str {
        &self.storage_url
    }

    /// The model, locked: requests wait while the guard lives, so drop it before awaiting.
    pub fn model(&self) -> MutexGuard<'_, Model> {
        self.shared.lock()
    }

    /// The simulator's time, in Unix milliseconds.
    pub fn now(&self) -> i64 {
        now(&self.model())
    }

    /// Stops listening and closes every connection. Requests that have arrived still run.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.tasks.drain(..).for_each(|task| task.abort());
    }
}

impl Drop for ClioSim {
    fn drop(&mut self) {
        self.end();
    }
}

async fn accept(listener: TcpListener, shared: Shared, surface: Surface) {
    // Ends with this task, and the connections with it.
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors: let some connections end.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let shared = shared.clone();
        connections.spawn(async move {
            let service = service_fn(move |request| carry::carry(shared.clone(), surface, request));
            // An error here is a client gone, or a fault that closes the connection.
            // Half-close lets a request that arrived whole be read after its client left.
            let _ = http1::Builder::new()
                .half_close(true)
                .timer(TokioTimer::new())
                .header_read_timeout(Duration::from_secs(120))
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}
