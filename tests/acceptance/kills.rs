//! A real worker, killed again and again (SIGKILL) while it syncs over HTTP onto SQLite. In the end
//! everything is in Clio, once, and the audit chain verifies.
//!
//! `CASEHUG_KILLS` says how often; `cargo xtask kills` kills a thousand times.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "helpers of tests")]

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::bench::{Bench, assert_each_once, assert_no_client_data, intake};
use crate::embedded::{admin, matter, open, sdk};
use casehug_clio::MatterSyncState;
use clio_sim::Config;

fn kills() -> u32 {
    std::env::var("CASEHUG_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(60)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_killed_again_and_again_syncs_everything_once() {
    let kills = kills();
    // Enough that there is work to the end: of four lives, one sees a matter through.
    let matters = 20 + kills as usize / 2;
    // A process that dies takes its share of a window with it: short windows, or it is idle
    // processes that are killed.
    let config = Config {
        rate_limit: 1_000_000,
        rate_window_s: 2,
        search_delay_ms: 300,
        filter_delay_ms: 100,
        ..Config::default()
    };
    let bench = Bench::with(config).await;
    let database = bench.folder.path().join("sync.db");
    std::fs::create_dir_all(bench.intakes()).unwrap();
    assert!(bench.run(&["--firm", "firm_1"]).await.0.status.success(), "connected");
    let add = |n: usize| {
        let (id, client) = (format!("m{n:05}"), format!("c{:05}", n / 2));
        let email = (n % 4 < 2).then(|| format!("zyx.qwertz{}@example.test", n / 2));
        bench.matter(&id, &intake(&id, &client, email.as_deref(), &["d1"]));
    };
    (0..20).for_each(add);
    let began = Instant::now();
    let mut draw: u64 = 0x9e37_79b9_7f4a_7c15;
    let (mut added, mut died_at_work) = (20, 0);
    for kill in 0..kills {
        if kill % 2 == 1 {
            add(added);
            added += 1;
        }
        let log = std::fs::File::create(bench.folder.path().join("worker.log")).unwrap();
        let mut command = bench.worker();
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        draw ^= draw << 13;
        draw ^= draw >> 7;
        draw ^= draw << 17;
        tokio::time::sleep(Duration::from_millis(draw % 300)).await;
        died_at_work += u32::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        let log = std::fs::read(bench.folder.path().join("worker.log")).unwrap();
        assert_no_client_data(&log, "the worker's log");
        assert!(!String::from_utf8_lossy(&log).contains("panicked"), "kill {kill}");
    }
    assert_eq!(died_at_work, kills, "no worker ended by itself");
    assert_eq!(added, matters);
    let store = open(&database).await;
    let sdk = sdk(&bench, &store);
    let left = bench.state()["matters"].as_array().unwrap().len();
    let healed = Instant::now();
    let mut last = bench.worker().stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    for n in 0..matters {
        let id = matter(&format!("m{n:05}"));
        while sdk.firm(&admin()).matters().state(&id).await.unwrap().status != MatterSyncState::Synced {
            let state = sdk.firm(&admin()).matters().state(&id).await.unwrap();
            assert!(healed.elapsed() < Duration::from_secs(240), "{id} never arrives: {state:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    last.kill().unwrap();
    last.wait().unwrap();
    // What was sent by a process that died has been executed by then.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_each_once(&bench.state(), matters.div_ceil(2), matters, matters, "kills");
    let entries = sdk.firm(&admin()).audit().verify().await.unwrap().entries;
    println!(
        "{kills} kills in {:.0} s: {left} of {matters} matters had arrived by then; {matters} matters and documents, each once; {entries} audit entries verify",
        began.elapsed().as_secs_f64()
    );
    bench.sim.stop();
}
