//! A document of more than 50 parts arrives whole, in little memory.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "helpers of tests")]

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::bench::{Bench, assert_each_once, intake};

/// Above 5 GB, where parts no longer grow: 51 of 100 MB and a rest. The file is sparse.
const LARGE: u64 = 5_150_000_000;
const ALLOWED_KIB: u64 = 16 * 1024;

/// Runs a command to its end; gives the most memory that it had, in KiB.
fn peak_kib(mut command: Command) -> u64 {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut peak = 0;
    loop {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let high_water = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = high_water.and_then(|text| text.trim().trim_end_matches("kB").trim().parse().ok());
        peak = kib.unwrap_or(0).max(peak);
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "{status}");
            return peak;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_of_more_than_fifty_parts_costs_little_memory() {
    let bench = Bench::new().await;
    bench.matter("m1", &intake("m1", "c1", None, &["d1"]));
    let command = bench.command(&["--matter", "m1"]);
    let small = tokio::task::spawn_blocking(move || peak_kib(command)).await.unwrap();
    bench.matter("m2", &intake("m2", "c2", None, &["d1"]));
    std::fs::File::options().write(true).open(bench.intakes().join("m2/d1.pdf")).unwrap().set_len(LARGE).unwrap();
    let started = Instant::now();
    let mut command = bench.command(&["--matter", "m2"]);
    command.env("RUST_LOG", "warn");
    let large = tokio::task::spawn_blocking(move || peak_kib(command)).await.unwrap();
    eprintln!("{LARGE} bytes: {large} KiB at most, 70 kB: {small} KiB; {:?}", started.elapsed());
    assert!(small > 0 && large <= small + ALLOWED_KIB, "{large} KiB instead of {small} KiB");
    let state = bench.state();
    assert_each_once(&state, 2, 2, 2, "large");
    let sizes = state["documents"].as_array().unwrap().iter().map(|document| document["size"].as_u64()).max();
    assert_eq!(sizes, Some(Some(LARGE)));
    bench.sim.stop();
}
