//! SIGTERM and ctrl-c, to real processes that wait for Clio's limit, or for an answer.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::backend::{Backend, MEMBER};
use crate::bench::{Bench, assert_each_once, intake};
use clio_sim::{Action, Config, Fault};
use serde_json::json;

const WAITS: &str = "waiting for Clio's request limit";

pub fn send(signal: &str, pid: u32) {
    assert!(Command::new("kill").args([signal, &pid.to_string()]).status().unwrap().success());
}

/// A process whose log is read.
struct Process {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Process {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let (send, lines) = mpsc::channel();
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        std::thread::spawn(move || log.map_while(Result::ok).all(|line| send.send(line).is_ok()));
        Self { child, lines }
    }

    fn until(&self, said: &str) {
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(60) {
            if self.lines.recv_timeout(Duration::from_secs(60)).unwrap().contains(said) {
                return;
            }
        }
        panic!("{said}");
    }

    /// How long it takes to end from now on, and with which code.
    fn ends(mut self) -> (Duration, Option<i32>) {
        let began = Instant::now();
        let status = self.child.wait().unwrap();
        (began.elapsed(), status.code())
    }
}

/// A Clio whose limit is used up after connecting and a step or two.
async fn scarce() -> Bench {
    let bench =
        Bench::with(Config { rate_limit: 14, rate_window_s: 20, http_webhooks: true, ..Config::default() }).await;
    for n in 0..6 {
        let id = format!("m{n}");
        bench.matter(&id, &intake(&id, &format!("c{n}"), Some(&format!("c{n}@zyx.qwertz.example")), &["d1"]));
    }
    bench
}

#[tokio::test(flavor = "multi_thread")]
async fn sync_intake_ends_at_once_in_a_wait_and_the_next_one_loses_nothing() {
    for (signal, worker) in [("-TERM", false), ("-INT", false), ("-TERM", true)] {
        let bench = scarce().await;
        let command = if worker { bench.worker() } else { bench.command(&["--firm", "firm_1"]) };
        let (took, _) = tokio::task::spawn_blocking(move || {
            let process = Process::start(command);
            process.until(WAITS);
            send(signal, process.child.id());
            process.ends()
        })
        .await
        .unwrap();
        assert!(took < Duration::from_secs(2), "{signal} worker={worker}: {took:?}");
        bench.sim.model().config_mut().rate_limit = 1_000_000;
        let (output, report) = bench.run(&["--firm", "firm_1"]).await;
        assert!(output.status.success(), "{report:#}");
        assert_each_once(&bench.state(), 6, 6, 6, signal);
        bench.sim.stop();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_ends_at_once_in_a_wait_and_its_successor_goes_on() {
    let bench = scarce().await;
    bench.sim.model().config_mut().rate_limit = 1_000;
    let service = Backend::start(&bench);
    service.connected().await;
    bench.sim.model().config_mut().rate_limit = 14;
    for n in 0..6 {
        service.post(&format!("/matters/m{n}/approved"), MEMBER, json!({})).await;
    }
    service.until("the wait", async || service.log().contains(WAITS)).await;
    send("-TERM", service.pid());
    let began = Instant::now();
    let status = tokio::task::spawn_blocking(|| service.wait()).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert!(status.success(), "{status}");
    bench.sim.model().config_mut().rate_limit = 1_000_000;
    let service = Backend::start(&bench);
    for n in 0..6 {
        service.arrived(&format!("m{n}")).await;
    }
    assert_each_once(&bench.state(), 6, 6, 6, "after a restart");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_in_progress_is_ended_and_a_second_signal_ends_at_once() {
    for twice in [false, true] {
        let bench = Bench::new().await;
        std::fs::create_dir_all(bench.intakes()).unwrap();
        assert!(bench.run(&["--firm", "firm_1"]).await.0.status.success(), "connected");
        bench.matter("m1", &intake("m1", "c1", None, &["d1"]));
        bench.sim.model().add_fault(Fault::new("POST", "/api/v4/contacts", Action::Slow { ms: 3_000 }));
        let mut command = bench.command(&["--firm", "firm_1"]);
        command.env("RUST_LOG", "info");
        let asked = async || bench.state()["contacts"].as_array().unwrap().len();
        let process = Process::start(command);
        let pid = process.child.id();
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        send("-TERM", pid);
        tokio::time::sleep(Duration::from_millis(300)).await;
        if twice {
            send("-INT", pid);
        }
        let (took, code) = tokio::task::spawn_blocking(|| process.ends()).await.unwrap();
        if twice {
            assert!(took < Duration::from_millis(500) && code == Some(130), "{took:?} {code:?}");
        } else {
            assert!(took < Duration::from_secs(4), "{took:?}");
            assert_eq!((asked().await, bench.state()["matters"].as_array().unwrap().len()), (1, 0));
        }
        let (output, report) = bench.run(&["--firm", "firm_1"]).await;
        assert!(output.status.success(), "{report:#}");
        assert_each_once(&bench.state(), 1, 1, 1, &format!("twice: {twice}"));
        bench.sim.stop();
    }
}
