//! A worker with a defect.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::time::{Duration, Instant};

use casehug_clio::Region;
use casehug_clio::memory::{MemoryIntake, MemoryStore};
use casehug_clio_testkit::{PanicsOnce, ScriptedHttp};

use super::*;
use crate::failure::HostFailure;
use crate::log::{HostLog, LineTaken, LogLevel};

/// Keeps every line.
#[derive(Default)]
struct Lines(Mutex<Vec<(LogLevel, String)>>);

impl HostLog for Lines {
    fn line(&self, level: LogLevel, _: String, message: String) -> Result<LineTaken, HostFailure> {
        self.0.lock().unwrap().push((level, message));
        Ok(LineTaken { taken: true })
    }
}

/// An engine around an SDK of ours.
fn engine(store: Arc<dyn Store>, log: Arc<dyn HostLog>) -> Engine {
    let runtime = Arc::new(TokioRuntime);
    let keys = ConfiguredKeys::from_text(runtime.clone(), "k1", [("k1", &*"6f1c3a0e5b7d9248".repeat(4))]).unwrap();
    let ports = casehug_clio::Ports {
        transport: Arc::new(ScriptedHttp::new()),
        store,
        keys: Arc::new(keys),
        intake: Arc::new(MemoryIntake::new()),
        runtime,
    };
    let app = ClioApp::new("id", "secret".to_owned().into()).unwrap();
    let sdk = Arc::new(Sdk::builder(app, ClioHost::region(Region::Us), ports).build().unwrap());
    let (threads, log) = (Threads::start().unwrap(), Some(Log::start(log, LogLevel::Error).unwrap()));
    let (calls, waking) = (Arc::default(), Waking::start().unwrap());
    let open = Open { sdk, worker: None, calls, database: None, threads, waking, log };
    Engine { pid: std::process::id(), open: Mutex::new(Some(open)), closed: Closed::default() }
}

#[test]
fn a_worker_that_a_defect_ends_is_told_and_begins_again() {
    let store = Arc::new(PanicsOnce::new(MemoryStore::new(Arc::new(TokioRuntime))));
    let lines = Arc::new(Lines::default());
    let engine = engine(store.clone(), lines.clone());
    engine.start_worker(WorkerSettings { concurrency: None, per_firm: None, poll_ms: None }).unwrap();
    let begun = Instant::now();
    while store.looks() < 3 && begun.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(store.looks() >= 3, "it goes on by itself: {}", store.looks());
    let stopped = engine.stop_worker().unwrap().look(10_000);
    assert!(matches!(stopped, Ok(ref found) if found.json.is_some()), "and is no failure: {stopped:?}");
    // All lines are told before it returns.
    engine.close().unwrap();
    let lines = lines.0.lock().unwrap();
    let [(LogLevel::Error, line)] = &**lines else { unreachable!("{lines:?}") };
    assert!(line.contains("code=panic") && !line.contains("to order"), "{line}");
}
