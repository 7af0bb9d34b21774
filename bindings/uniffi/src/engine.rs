//! The open SDK.
//!
//! In the child of a fork nothing of its parent's works: the threads are not there, and a lock may
//! be held by one of them. Every method looks at the process first, and what the child drops is
//! forgotten.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use casehug_clio::ports::{DocumentBytes, Headers, IntakeSource, KeyProvider, Store};
use casehug_clio::{Caller, ClioApp, ClioHost, Code, ConfiguredKeys, Error, Result, Sdk};
use casehug_clio_http_reqwest::ReqwestTransport;
use casehug_clio_intake_folder::FolderIntake;
use casehug_clio_runtime_tokio::{TokioRuntime, keep_working};
use casehug_clio_store::{OpenStore, StoreLocation};
use futures_util::FutureExt as _;
use serde_json::json;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::call::{Call, Slot};
use crate::config::{Actor, Config, Header, Ports, WorkerSettings};
use crate::failure::{Failure, Misuse};
use crate::host::{Host, inside_callback};
use crate::intakes::IntakePort;
use crate::keys::KeyPort;
use crate::log::Log;
use crate::store::StorePort;
use crate::threads::Threads;
use crate::tokens::TokenPort;
use crate::waking::{Waking, inside_continuation};

/// An open SDK.
#[derive(uniffi::Object)]
pub struct Engine {
    pid: u32,
    open: Mutex<Option<Open>>,
    closed: Closed,
}

/// Whether a close has ended, for those that began later.
#[derive(Default)]
struct Closed {
    is: Mutex<bool>,
    told: Condvar,
}

impl Closed {
    fn wait(&self) {
        let mut is = self.is.lock().unwrap_or_else(PoisonError::into_inner);
        while !*is {
            is = self.told.wait(is).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Tells it, however the close ends.
struct Closing<'a>(&'a Closed);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        *self.0.is.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.told.notify_all();
    }
}

struct Open {
    sdk: Arc<Sdk>,
    worker: Option<Running>,
    calls: Arc<Calls>,
    /// If it is none of the host's.
    database: Option<OpenStore>,
    threads: Threads,
    waking: Waking,
    /// Dropped last: it is told everything, and then never called again.
    log: Option<Log>,
}

/// A worker, from its start until it is waited for.
struct Running {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// How many calls are in progress.
#[derive(Default)]
struct Calls {
    count: Mutex<usize>,
    none: Condvar,
}

impl Calls {
    fn count(&self) -> MutexGuard<'_, usize> {
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_for_none(&self) {
        let mut count = self.count();
        while *count > 0 {
            count = self.none.wait(count).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Counts a call while it lives.
struct Counted(Arc<Calls>);

impl Counted {
    fn new(calls: &Arc<Calls>) -> Self {
        *calls.count() += 1;
        Self(Arc::clone(calls))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        *self.0.count() -= 1;
        self.0.none.notify_all();
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Engine")
    }
}

impl Open {
    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
        match &self.log {
            Some(log) => self.threads.runtime.spawn(log.take_lines_of(work)),
            None => self.threads.runtime.spawn(work),
        }
    }

    /// Begins a call. A panic is its error, and ends nothing else.
    fn call(&self, part: Option<Arc<Sdk>>, work: impl Future<Output = Result<String>> + Send + 'static) -> Arc<Call> {
        let (slot, counted) = (Arc::new(Slot::new(part)), Counted::new(&self.calls));
        let (call, waking) = (Arc::new(Call::new(Arc::clone(&slot))), self.waking.sender());
        self.spawn(async move {
            let outcome = AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|panic| {
                // A payload whose own drop panics must not get out either.
                std::mem::forget(panic);
                Err(Error::new(Code::Panic))
            });
            slot.fill(outcome.map_err(Failure::from));
            // Its thread is there until the senders are dropped.
            let _ = waking.send(slot);
            drop(counted);
        });
        call
    }

    /// Begins an operation: of a user, or of the service itself.
    fn operation(&self, user: Option<casehug_clio::Actor>, operation: String, arguments: String) -> Arc<Call> {
        let part = Arc::new(self.sdk.part());
        let called = Arc::clone(&part);
        self.call(Some(part), async move {
            let caller = user.as_ref().map_or(Caller::Host, Caller::User);
            called.call(caller, &operation, arguments.as_bytes()).await
        })
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let open = self.open.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        let Some(open) = open else { return };
        if self.pid != std::process::id() {
            // Its threads are the parent's; waiting for them would never end.
            std::mem::forget(open);
            return;
        }
        // Nobody closed it. Whatever thread this is, it does not wait: what was in progress ends as
        // in a crash, and is taken up again.
        let Open { sdk, worker, database, threads, waking, log, .. } = open;
        let Threads { runtime, records, documents } = threads;
        sdk.stop();
        drop((worker, sdk, database));
        runtime.shutdown_background();
        records.shutdown_background();
        documents.shutdown_background();
        drop(waking);
        if let Some(log) = log {
            log.leave();
        }
    }
}

impl Engine {
    /// What is open, if this process opened it and this is no method of the host.
    fn open(&self) -> Result<MutexGuard<'_, Option<Open>>> {
        if self.pid != std::process::id() {
            return Err(Misuse::AfterFork.of("sdk"));
        }
        if inside_callback() {
            return Err(Misuse::InsideCallback.of("sdk"));
        }
        Ok(self.open.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn with<T>(&self, work: impl FnOnce(&mut Open) -> Result<T>) -> Result<T, Failure> {
        let mut open = self.open()?;
        let open = open.as_mut().ok_or_else(|| Misuse::Closed.of("sdk"))?;
        work(open).map_err(Failure::from)
    }
}

#[uniffi::export]
impl Engine {
    /// Opens the SDK. Makes no call to Clio.
    ///
    /// # Errors
    /// `setting_invalid` naming the argument, or how the database cannot be opened.
    #[uniffi::constructor]
    pub fn new(config: Config, ports: Ports) -> Result<Arc<Self>, Failure> {
        if inside_callback() {
            return Err(Misuse::InsideCallback.of("open").into());
        }
        let threads = Threads::start()?;
        let log = ports.log.clone().map(|log| Log::start(log, config.log_level)).transpose()?;
        let waking = Waking::start()?;
        let built = build(config, ports, Runs::on(&threads));
        // On a thread of ours: a connection to a database is made there.
        let built = match &log {
            Some(log) => threads.runtime.spawn(log.take_lines_of(built)),
            None => threads.runtime.spawn(built),
        };
        let (sdk, database) = threads.runtime.block_on(built).map_err(|_| Error::new(Code::Panic))??;
        let (sdk, calls) = (Arc::new(sdk), Arc::default());
        let open = Open { sdk, worker: None, calls, database, threads, waking, log };
        Ok(Arc::new(Self { pid: std::process::id(), open: Mutex::new(Some(open)), closed: Closed::default() }))
    }

    /// Begins an operation of a user. Nobody is refused, and never taken for the service itself.
    ///
    /// # Errors
    /// `setting_invalid`: closed, after a fork, inside a method of the host, or no such actor.
    pub fn call(&self, actor: Option<Actor>, operation: String, arguments: String) -> Result<Arc<Call>, Failure> {
        self.with(|open| {
            let actor = actor.ok_or_else(|| Misuse::Missing.of("actor"))?.read()?;
            Ok(open.operation(Some(actor), operation, arguments))
        })
    }

    /// Begins an operation as the embedding service itself.
    ///
    /// # Errors
    /// As of [`Engine::call`], with an actor.
    pub fn call_host(&self, operation: String, arguments: String) -> Result<Arc<Call>, Failure> {
        self.with(|open| Ok(open.operation(None, operation, arguments)))
    }

    /// Begins to take in what Clio posted. Its result: `{"status","headers":[{"name","value"}]}`.
    ///
    /// # Errors
    /// As of [`Engine::call`], with an actor.
    pub fn handle_webhook(&self, token: String, headers: Vec<Header>, body: Vec<u8>) -> Result<Arc<Call>, Failure> {
        self.with(|open| {
            let mut posted = Headers::new();
            for header in headers {
                // What is not UTF-8 is no header that means anything.
                posted
                    .push(&String::from_utf8_lossy(&header.name), String::from_utf8_lossy(&header.value).into_owned());
            }
            let sdk = Arc::clone(&open.sdk);
            Ok(open.call(None, async move {
                let reply = sdk.handle_webhook(&token, &posted, &body).await;
                let headers = reply.headers.iter().map(|(name, value)| json!({ "name": name, "value": value }));
                Ok(json!({ "status": reply.status, "headers": headers.collect::<Vec<_>>() }).to_string())
            }))
        })
    }

    /// Starts a worker on threads of the SDK, unless one works already. One that a defect of the
    /// SDK ends begins again after five seconds, and the log is told (an error, `panic`).
    ///
    /// # Errors
    /// `setting_invalid`: closed, after a fork or inside a method of the host; or it would wait
    /// less than 10 ms.
    pub fn start_worker(&self, settings: WorkerSettings) -> Result<(), Failure> {
        self.with(|open| {
            let config = settings.read()?;
            if open.worker.as_ref().is_some_and(|running| !running.task.is_finished()) {
                return Ok(());
            }
            let (stop, told) = oneshot::channel();
            let sdk = Arc::clone(&open.sdk);
            let task = open.spawn(async move {
                let shutdown = async {
                    // A sender that is gone says the same.
                    let _ = told.await;
                };
                keep_working(&sdk, config, shutdown).await;
            });
            open.worker = Some(Running { stop, task });
            Ok(())
        })
    }

    /// Begins to stop the worker, and ends when its steps in progress did.
    ///
    /// # Errors
    /// As of [`Engine::start_worker`].
    pub fn stop_worker(&self) -> Result<Arc<Call>, Failure> {
        self.with(|open| {
            let running = open.worker.take();
            Ok(open.call(None, async move {
                if let Some(Running { stop, task }) = running {
                    // A worker that has ended already does not hear it.
                    let _ = stop.send(());
                    task.await.map_err(|_| Error::new(Code::Panic).with("source", "worker"))?;
                }
                Ok(String::from("{}"))
            }))
        })
    }

    /// Closes the SDK: ends what is in progress at its next safe point, with `stopped`, and waits
    /// for it, as everybody does who closes it as well. After it nothing of the host is called any
    /// more, and a file of SQLite may be moved, copied, or opened again, also by the child of a
    /// fork. A closed one stays closed.
    ///
    /// # Errors
    /// `setting_invalid`: after a fork or inside a method of the host.
    pub fn close(&self) -> Result<(), Failure> {
        let open = self.open()?.take();
        let Some(Open { sdk, worker, calls, database, threads, waking, log }) = open else {
            // Whoever closes waits for this thread, if it is the one that wakes.
            if !inside_continuation() {
                self.closed.wait();
            }
            return Ok(());
        };
        let _closing = Closing(&self.closed);
        sdk.stop();
        calls.wait_for_none();
        if let Some(Running { stop, task }) = worker {
            let _ = stop.send(());
            // How it ended is of no use to the host any more.
            let _ = threads.runtime.block_on(task);
        }
        drop(sdk);
        let Threads { runtime, records, documents } = threads;
        // With what still used the database, or the host.
        drop(runtime);
        if let Some(database) = database {
            records.block_on(database.close());
        }
        drop((records, documents));
        waking.end();
        drop(log);
        Ok(())
    }
}

/// Where what is built runs.
struct Runs {
    driving: Handle,
    records: Handle,
    documents: Handle,
}

impl Runs {
    fn on(threads: &Threads) -> Self {
        let [driving, records, documents] =
            [&threads.runtime, &threads.records, &threads.documents].map(|runtime| runtime.handle().clone());
        Self { driving, records, documents }
    }
}

/// The SDK, and its database if that is not the host's.
async fn build(config: Config, ports: Ports, runs: Runs) -> Result<(Sdk, Option<OpenStore>)> {
    let database = match (&ports.store, &config.database) {
        (Some(_), None) => None,
        (None, Some(line)) => Some(line.parse::<StoreLocation>()?.open().await?),
        (None, None) => return Err(Misuse::Missing.of("store")),
        (Some(_), Some(_)) => return Err(Misuse::GivenTwice.of("store")),
    };
    match (assemble(config, ports, database.as_ref(), runs), database) {
        (Err(error), Some(database)) => {
            database.close().await;
            Err(error)
        }
        (sdk, database) => Ok((sdk?, database)),
    }
}

fn assemble(config: Config, ports: Ports, database: Option<&OpenStore>, runs: Runs) -> Result<Sdk> {
    let Runs { driving, records, documents: pool } = runs;
    let runtime = Arc::new(TokioRuntime);
    let store: Arc<dyn Store> = match (ports.store, database) {
        (Some(object), _) => Arc::new(StorePort(Host { object, pool: records.clone() })),
        (None, Some(database)) => database.store(),
        (None, None) => return Err(Misuse::Missing.of("store")),
    };
    let tokens = ports.tokens.map(|object| Arc::new(TokenPort(Host { object, pool: records.clone() })));
    let keys: Arc<dyn KeyProvider> = match (ports.keys, &config.sealing_key) {
        (Some(_), None) if !config.earlier_sealing_keys.is_empty() => {
            return Err(Misuse::GivenTwice.of("earlier_sealing_keys"));
        }
        (Some(object), None) => Arc::new(KeyPort(Host { object, pool: records })),
        (None, Some(key)) => {
            let id = config.sealing_key_id.as_deref().ok_or_else(|| Misuse::Missing.of("sealing_key_id"))?;
            let current = ConfiguredKeys::from_text(runtime.clone(), id, [(id, key.as_str())])?;
            let earlier = config.earlier_sealing_keys.iter().map(|(id, key)| (id.as_str(), key.as_str()));
            Arc::new(current.with_earlier(earlier)?)
        }
        (None, None) => return Err(Misuse::Missing.of("sealing_key")),
        (Some(_), Some(_)) => return Err(Misuse::GivenTwice.of("keys")),
    };
    let (intake, documents): (Arc<dyn IntakeSource>, Arc<dyn DocumentBytes>) =
        match (ports.intakes, &config.intake_folder) {
            (Some(object), None) => {
                let intakes = IntakePort(Host { object, pool });
                (Arc::new(intakes.clone()), Arc::new(intakes))
            }
            (None, Some(folder)) => {
                let folder = FolderIntake::new(folder)?;
                (Arc::new(folder.clone()), Arc::new(folder))
            }
            (None, None) => return Err(Misuse::Missing.of("intake_folder")),
            (Some(_), Some(_)) => return Err(Misuse::GivenTwice.of("intakes")),
        };
    let host: ClioHost = config.clio.parse().map_err(|error: Error| error.with("argument", "clio"))?;
    let transport = ReqwestTransport::with(documents, runtime.clone(), &config.network()?)?;
    // Where the operations run: a thread of its own would cost two hand-overs for each call.
    let transport = Arc::new(transport.on(driving));
    let app = ClioApp::new(&config.client_id, config.client_secret.into())?;
    let mut builder = Sdk::builder(app, host, casehug_clio::Ports { transport, store, keys, intake, runtime });
    if let Some(tokens) = tokens {
        builder = builder.tokens(tokens);
    }
    let span = |ms: Option<u64>| ms.map(std::time::Duration::from_millis);
    if let Some(window) = span(config.late_execution_window_ms) {
        builder = builder.late_execution_window(window);
    }
    if let Some(delay) = span(config.index_delay_ms) {
        builder = builder.index_delay(delay);
    }
    if let Some(timeout) = span(config.request_timeout_ms) {
        builder = builder.request_timeout(timeout);
    }
    if let Some(url) = &config.webhook_url {
        let url = url.parse().map_err(|_| Error::new(Code::UrlRefused).with("argument", "webhook_url"))?;
        builder = builder.webhook_url(url);
    }
    builder.build()
}

#[cfg(test)]
mod tests;
