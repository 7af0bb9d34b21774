//! The threads of one SDK.

use casehug_clio::{Code, Error, Result};
use casehug_clio_http_reqwest::block_sigpipe;
use tokio::runtime::{Builder, Runtime};

/// As the system shows them.
const NAME: &str = "casehug-clio";
/// Threads that resolve names and read files.
const FILES: usize = 16;
/// Threads of a pool that calls the host.
const POOL: usize = 8;

/// What an SDK runs on. Dropped in this order: a pool waits for methods that are still running, and
/// nothing is left then that would call another. SIGPIPE is blocked on all of them.
pub(crate) struct Threads {
    /// Polls, sends and receives. Names are resolved, and files read, on threads of its own: a host
    /// whose methods all hang stops neither.
    pub runtime: Runtime,
    /// Calls the host's store, vault and keys.
    pub records: Runtime,
    /// Calls the host's intakes. A storage of documents that hangs holds up neither the records of
    /// other firms nor their keys.
    pub documents: Runtime,
}

impl Threads {
    /// # Errors
    /// `runtime_failed`: the system gives no thread.
    pub(crate) fn start() -> Result<Self> {
        let mut runtime = Builder::new_multi_thread();
        runtime.worker_threads(2).max_blocking_threads(FILES).enable_all();
        Ok(Self { runtime: build(&mut runtime)?, records: pool()?, documents: pool()? })
    }
}

/// Of a pool nothing but its blocking threads is used.
fn pool() -> Result<Runtime> {
    build(Builder::new_current_thread().max_blocking_threads(POOL))
}

fn build(threads: &mut Builder) -> Result<Runtime> {
    let built = threads.thread_name(NAME).on_thread_start(block_sigpipe).build();
    built.map_err(|_| Error::new(Code::RuntimeFailed).with("source", "threads"))
}
