//! A host whose wall clock jumps by hours while it syncs, and requests whose answers are lost
//! meanwhile: what was created is still recognised.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::bench::{Bench, assert_each_once, intake};
use crate::embedded::{admin, connect, matter, open, sdk_with};
use casehug_clio::ports::{BoxFuture, Runtime};
use casehug_clio::{Monotonic, Result, Retry, RunStatus, Timestamp};
use casehug_clio_runtime_tokio::TokioRuntime;
use clio_sim::{Action, Config, Fault};

/// The wall clock is somewhere within twelve hours of the truth, and somewhere else at every look,
/// once it has begun to jump.
#[derive(Debug)]
struct Jumping {
    random: AtomicU64,
}

impl Runtime for Jumping {
    fn now(&self) -> Timestamp {
        let next = |random: u64| random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let before = self.random.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |random| {
            Some(if random == 0 { 0 } else { next(random) })
        });
        let random = before.unwrap_or_default();
        let hours = if random == 0 { 0 } else { i64::try_from((random >> 33) % 25).unwrap() - 12 };
        Timestamp(TokioRuntime.now().0 + hours * 3_600_000)
    }

    fn monotonic(&self) -> Monotonic {
        TokioRuntime.monotonic()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        TokioRuntime.sleep(duration)
    }

    fn spawn(&self, work: BoxFuture<'static, ()>) {
        TokioRuntime.spawn(work);
    }

    fn random(&self, out: &mut [u8]) -> Result<()> {
        TokioRuntime.random(out)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wall_clock_that_jumps_makes_no_duplicate() {
    let mut running = tokio::task::JoinSet::new();
    for seed in 1..=8_u64 {
        running.spawn(async move {
            let config =
                Config { rate_limit: 1_000_000, search_delay_ms: 500, filter_delay_ms: 100, ..Config::default() };
            let bench = Bench::with(config).await;
            bench.matter("m1", &intake("m1", "c1", Some("zyx.qwertz@example.test"), &["d1"]));
            bench.matter("m2", &intake("m2", "c2", None, &["d1"]));
            let jumping = Arc::new(Jumping { random: AtomicU64::new(0) });
            let store = open(&bench.folder.path().join("sync.db")).await;
            let sdk = sdk_with(&bench, &store, jumping.clone());
            connect(&sdk).await;
            jumping.random.store(seed, Ordering::Relaxed);
            for (method, path) in
                [("POST", "/api/v4/contacts"), ("POST", "/api/v4/matters"), ("PATCH", "/api/v4/documents")]
            {
                bench.sim.model().add_fault(Fault::new(method, path, Action::LostAnswer { hang: false }).times(2));
            }
            for id in ["m1", "m2"] {
                for attempt in 0.. {
                    assert!(attempt < 20, "seed {seed}: {id} never arrives");
                    let report = sdk.firm(&admin()).matters().sync(&matter(id)).await.unwrap();
                    if report.status == RunStatus::Succeeded {
                        break;
                    }
                    let waits = report.steps.iter().filter_map(|step| match step.error.as_ref()?.retry() {
                        Retry::After(wait) => Some(wait),
                        _ => None,
                    });
                    let wait = waits.max().unwrap_or(Duration::from_millis(200));
                    assert!(wait < Duration::from_secs(30), "seed {seed}: {id} asks for {wait:?}");
                    tokio::time::sleep(wait).await;
                }
            }
            assert_each_once(&bench.state(), 2, 2, 2, &format!("seed {seed}"));
            bench.sim.stop();
        });
    }
    while let Some(done) = running.join_next().await {
        done.unwrap();
    }
}
