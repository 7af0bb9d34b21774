//! A worker that a defect does not end.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::time::Duration;

use casehug_clio::{Code, Sdk, WorkerConfig};
use futures_util::FutureExt as _;
use futures_util::future::{Either, select};

/// From a panic of a worker to its next begin: a defect that comes back at once must not keep a
/// processor busy.
const PAUSE: Duration = Duration::from_secs(5);

/// Works as [`Worker::run`](casehug_clio::Worker::run) does, until `shutdown` completes or the SDK
/// is told to stop. A panic ends the worker and not this: it is logged as an error with the code
/// `panic`, and a worker begins again after five seconds, which `shutdown` ends (and `Sdk::stop`
/// does not). The runs that a panic took along are due again when their leases end.
pub async fn keep_working(sdk: &Sdk, config: WorkerConfig, shutdown: impl Future<Output = ()>) {
    let shutdown = shutdown.shared();
    loop {
        let run = AssertUnwindSafe(sdk.worker(config).run(shutdown.clone())).catch_unwind().await;
        let Err(panic) = run else { return };
        // Its text may hold anything, and one whose own drop panics must not get out either.
        std::mem::forget(panic);
        let again_in = PAUSE.as_secs();
        tracing::error!(code = Code::Panic.name(), again_in, "a defect of the SDK ended a worker, which begins again");
        if let Either::Left(_) = select(shutdown.clone(), pin!(tokio::time::sleep(PAUSE))).await {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;
    use std::sync::Arc;

    use casehug_clio::memory::{MemoryIntake, MemoryStore};
    use casehug_clio::{ClioApp, ClioHost, ConfiguredKeys, Ports, Region};
    use casehug_clio_testkit::{PanicsOnce, ScriptedHttp};
    use tokio::time::{Instant, sleep, timeout};

    use crate::TokioRuntime;

    fn opened() -> (Sdk, Arc<PanicsOnce>) {
        let runtime = Arc::new(TokioRuntime);
        let store = Arc::new(PanicsOnce::new(MemoryStore::new(runtime.clone())));
        let keys = ConfiguredKeys::from_text(runtime.clone(), "k1", [("k1", &*"6f1c3a0e5b7d9248".repeat(4))]).unwrap();
        let ports = Ports {
            transport: Arc::new(ScriptedHttp::new()),
            store: store.clone(),
            keys: Arc::new(keys),
            intake: Arc::new(MemoryIntake::new()),
            runtime,
        };
        let app = ClioApp::new("id", "secret".to_owned().into()).unwrap();
        (Sdk::builder(app, ClioHost::region(Region::Us), ports).build().unwrap(), store)
    }

    #[tokio::test(start_paused = true)]
    async fn a_worker_begins_again_after_a_panic() {
        let (sdk, store) = opened();
        let work = keep_working(&sdk, WorkerConfig::default(), pending());
        assert!(timeout(PAUSE - Duration::from_secs(1), work).await.is_err());
        assert_eq!(store.looks(), 1, "no sooner than after the pause");
        let (sdk, store) = opened();
        let work = keep_working(&sdk, WorkerConfig::default(), pending());
        assert!(timeout(PAUSE + Duration::from_secs(1), work).await.is_err());
        assert!(store.looks() > 3, "{}", store.looks());
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_stops_it_does_not_wait_for_the_pause() {
        let (sdk, _) = opened();
        let begun = Instant::now();
        keep_working(&sdk, WorkerConfig::default(), sleep(Duration::from_secs(2))).await;
        assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn an_sdk_that_was_told_to_stop_works_no_more() {
        let (sdk, _) = opened();
        let told = async {
            sleep(PAUSE * 2).await;
            sdk.stop();
        };
        futures_util::future::join(keep_working(&sdk, WorkerConfig::default(), pending()), told).await;
    }
}
