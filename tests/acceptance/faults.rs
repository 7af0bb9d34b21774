//! What goes wrong on the way: lost requests and answers, late execution, gateways, withdrawn
//! documents, dead tokens. Whatever it is, in the end Clio holds everything once.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::time::Duration;

use crate::bench::{Bench, assert_each_once, intake};
use clio_sim::{Action, Config, Fault, Processing};
use serde_json::{Value, json};

/// Faults that end, and the program run until it is content: three runs at most.
async fn recovers(about: String, bench: Bench, faults: Vec<Fault>) {
    bench.matter("m1", &intake("m1", "c1", Some("zyx.qwertz@example.test"), &["d1", "d2"]));
    bench.matter("m2", &intake("m2", "c2", None, &["d1"]));
    let count = faults.len();
    for fault in faults {
        bench.sim.model().add_fault(fault);
    }
    let mut reports = Vec::new();
    for _ in 0..3 {
        let (output, report) = bench.run(&[]).await;
        reports.push(report);
        if output.status.success() {
            break;
        }
    }
    let state = bench.state();
    let fired = state["faults"].as_array().unwrap().iter().filter(|fault| fault["fired"] != json!(0)).count();
    assert_eq!(fired, count, "{about}: the faults happened: {}", state["faults"]);
    assert_eq!(reports.last().unwrap()["ok"], true, "{about}: {reports:#?}");
    // A POST that was executed late may come after the program's end.
    tokio::time::sleep(Duration::from_millis(1000)).await;
    assert_each_once(&bench.state(), 2, 2, 3, &about);
    bench.sim.stop();
}

fn status(status: u16, html: bool, executed: bool) -> Action {
    Action::Status { status, html, executed, retry_after: None }
}

async fn each_route(actions: Vec<Action>, times: u32) {
    let routes = [
        ("POST", "/api/v4/contacts"),
        ("POST", "/api/v4/matters"),
        ("POST", "/api/v4/documents"),
        ("PATCH", "/api/v4/documents"),
        ("PUT", "/manage-documents/"),
    ];
    let mut running = tokio::task::JoinSet::new();
    for action in actions {
        for (method, path) in routes {
            let about = format!("{method} {path} {action:?} x{times}");
            let fault = Fault::new(method, path, action.clone()).times(times);
            running.spawn(async move {
                // Clio's search lags behind its records.
                let config =
                    Config { rate_limit: 1_000_000, search_delay_ms: 1500, filter_delay_ms: 200, ..Config::default() };
                recovers(about, Bench::with(config).await, vec![fault]).await;
            });
        }
    }
    while let Some(done) = running.join_next().await {
        done.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_never_arrive() {
    each_route(vec![Action::LostRequest { hang: false }, status(503, true, false)], 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_never_arrive() {
    each_route(vec![Action::LostAnswer { hang: false }, Action::LostAnswer { hang: true }], 1).await;
    each_route(vec![Action::Truncated { bytes: 5 }, status(500, false, true), status(502, true, true)], 2).await;
}

/// The program waits for what is in doubt; not for ever.
#[tokio::test(flavor = "multi_thread")]
async fn what_clio_never_carries_out_ends_in_a_report() {
    for path in ["/api/v4/contacts", "/api/v4/matters"] {
        let bench = Bench::new().await;
        bench.matter("m1", &intake("m1", "c1", Some("zyx.qwertz@example.test"), &["d1"]));
        bench.sim.model().add_fault(Fault::new("POST", path, status(500, false, false)).times(100));
        let (output, report) = bench.run(&[]).await;
        assert!(!output.status.success());
        let steps = report["matters"][0]["steps"].as_array().unwrap();
        let failed = steps.iter().find(|step| step["outcome"] == "failed").unwrap();
        assert_eq!(failed["error"]["code"], "not_created", "{report:#}");
        let sent = bench.state()["faults"][0]["fired"].clone();
        assert_eq!(sent, 3, "{path}: three rounds");
        bench.sim.stop();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_are_executed_late() {
    each_route(vec![Action::Late { ms: 900, hang: false }], 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_cannot_be_read() {
    let content_type = Action::ContentType { value: String::from("text/html") };
    each_route(vec![Action::MalformedJson, content_type, Action::Oversized { mib: 9 }], 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clio_processes_an_upload_for_a_while() {
    for answer in [Processing::Error, Processing::Pending] {
        let config =
            Config { rate_limit: 1_000_000, processing_delay_ms: 2500, processing_answer: answer, ..Config::default() };
        recovers(format!("{answer:?}"), Bench::with(config).await, Vec::new()).await;
    }
}

/// Clio's answer is longer on its way than the address in it lives; and storage refuses an address
/// that should be good.
#[tokio::test(flavor = "multi_thread")]
async fn an_upload_address_that_expired_or_is_refused_is_asked_for_anew_in_the_same_run() {
    let slow = Fault::new("POST", "/api/v4/documents", Action::Slow { ms: 4_200 });
    let refused = Fault::new("PUT", "/manage-documents/", status(403, false, false));
    // Time enough for the second try, also on a machine that is busy.
    for (fault, rejected, lifetime) in [(slow, "storage:AccessDenied", 3), (refused, "fault:403", 900)] {
        let bench =
            Bench::with(Config { rate_limit: 1_000_000, put_url_lifetime_s: lifetime, ..Config::default() }).await;
        bench.matter("m1", &intake("m1", "c1", None, &["d1"]));
        bench.sim.model().add_fault(fault);
        let (output, report) = bench.run(&[]).await;
        assert!(output.status.success(), "{report:#}");
        let state = bench.state();
        assert_eq!(state["calls"]["rejected"], json!({ rejected: 1 }));
        assert_eq!(state["calls"]["by_route"]["POST /documents"], 2, "not the same address again");
        assert_each_once(&state, 1, 1, 1, rejected);
        assert_eq!(state["documents"].as_array().unwrap().len(), 1, "another version of the same document");
        bench.sim.stop();
    }
}

/// Each part goes up in time, but not all that were named with it; and once the answer that names
/// further ones is lost: Clio names no part twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_document_in_parts_arrives_over_a_line_on_which_their_addresses_expire() {
    let bench = Bench::with(Config { rate_limit: 1_000_000, put_url_lifetime_s: 4, ..Config::default() }).await;
    bench.matter("m1", &intake("m1", "c1", None, &["d1"]));
    std::fs::File::options().write(true).open(bench.intakes().join("m1/d1.pdf")).unwrap().set_len(100_000_000).unwrap();
    // Two of them fit into that time, also on a machine that is busy.
    let slow = Fault::new("PUT", "/manage-documents/", Action::Slow { ms: 1_400 }).times(100);
    bench.sim.model().add_fault(slow);
    bench.sim.model().add_fault(Fault::new("PATCH", "/api/v4/documents", Action::LostAnswer { hang: false }));
    let (output, report) = bench.run(&[]).await;
    assert!(output.status.success(), "{report:#}");
    let state = bench.state();
    assert_eq!(state["calls"]["by_route"]["POST /documents"], 3, "two versions more: {}", state["calls"]);
    assert_each_once(&state, 1, 1, 1, "in parts");
    let documents = state["documents"].as_array().unwrap();
    assert_eq!((documents.len(), &documents[0]["size"]), (1, &json!(100_000_000)), "all of one document");
    bench.sim.stop();
}

/// Some S3-like stores keep what arrived of an upload that broke off, and may notice late that it
/// did: what came after it is replaced.
#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_broke_off_is_never_published() {
    let mut running = tokio::task::JoinSet::new();
    for (ms, times) in [(0, 1), (0, 2), (1500, 1), (1500, 2), (0, 20)] {
        running.spawn(async move {
            let bench =
                Bench::with(Config { rate_limit: 1_000_000, processing_delay_ms: 2500, ..Config::default() }).await;
            bench.matter("m1", &intake("m1", "c1", None, &["d1"]));
            let cut = Action::CutUpload { bytes: 1000, ms };
            bench.sim.model().add_fault(Fault::new("PUT", "/manage-documents/", cut).times(times));
            let (output, report) = bench.run(&[]).await;
            if times > 3 {
                assert!(!output.status.success(), "not one upload arrived: {report:#}");
                assert_each_once(&bench.state(), 1, 1, 0, "broken off for good");
                bench.sim.model().clear_faults();
                let (output, report) = bench.run(&[]).await;
                assert!(output.status.success(), "the next run sends the bytes again: {report:#}");
            } else {
                assert!(output.status.success(), "{ms} {times}: {report:#}");
            }
            tokio::time::sleep(Duration::from_millis(2000)).await;
            let state = bench.state();
            assert_each_once(&state, 1, 1, 1, "broken off");
            assert_eq!(state["documents"][0]["size"], 70_000, "{ms} {times}: {}", state["documents"]);
            bench.sim.stop();
        });
    }
    while let Some(done) = running.join_next().await {
        done.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_access_token_is_refreshed_and_the_budget_is_waited_for() {
    // Refused in JSON, or as Doorkeeper does it: with an empty page.
    tokio::join!(dead_access_token(false), dead_access_token(true));
}

async fn dead_access_token(empty_401: bool) {
    let bench = Bench::with(Config { rate_limit: 12, rate_window_s: 3, empty_401, ..Config::default() }).await;
    bench.matter("m1", &intake("m1", "c1", Some("zyx.qwertz@example.test"), &["d1", "d2", "d3", "d4", "d5"]));
    assert!(bench.run(&[]).await.0.status.success());
    bench.sim.model().revoke_all(true, false);
    bench.matter("m2", &intake("m2", "c2", None, &["d1", "d2", "d3", "d4", "d5"]));
    let (output, report) = bench.run(&[]).await;
    assert!(output.status.success(), "{report:#}");
    let state = bench.state();
    assert_each_once(&state, 2, 2, 10, "dead token");
    assert_eq!(state["calls"]["rejected"].get("429"), None, "no 429 was provoked");
    assert_eq!(state["calls"]["rejected"]["401"], 1, "one 401, one refresh");
    bench.sim.stop();
}

/// Runs while the first PUT is slow, and changes the intake meanwhile.
async fn changed_under_way(change: impl FnOnce(&Bench, &mut Value)) -> (Bench, Value) {
    let bench = Bench::new().await;
    let mut before = intake("m1", "c1", None, &["d1"]);
    bench.matter("m1", &before);
    bench.sim.model().add_fault(Fault::new("PUT", "/manage-documents/", Action::Slow { ms: 1500 }));
    let mut command = bench.command(&[]);
    let running = tokio::task::spawn_blocking(move || command.output().unwrap());
    while bench.state()["calls"]["by_route"].get("PUT storage").is_none() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    change(&bench, &mut before);
    let report = serde_json::from_slice(&running.await.unwrap().stdout).unwrap();
    (bench, report)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_withdrawn_while_it_is_sent_is_not_published() {
    let (bench, report) = changed_under_way(|bench, intake| {
        intake["documents"][0]["status"] = json!("rejected");
        std::fs::write(bench.intakes().join("m1/intake.json"), intake.to_string()).unwrap();
    })
    .await;
    assert_eq!(report["matters"][0]["steps"][2]["error"]["code"], "document_withdrawn", "{report:#}");
    assert_each_once(&bench.state(), 1, 1, 0, "withdrawn");
    let (output, report) = bench.run(&[]).await;
    assert!(output.status.success(), "a document that is not approved is no failure: {report:#}");
    bench.sim.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_changed_while_it_is_sent_is_sent_as_it_is_later() {
    let (bench, report) = changed_under_way(|bench, _| {
        std::fs::write(bench.intakes().join("m1/d1.pdf"), vec![b'y'; 70_000]).unwrap();
    })
    .await;
    assert_eq!(report["matters"][0]["steps"][2]["error"]["code"], "document_changed", "{report:#}");
    assert_each_once(&bench.state(), 1, 1, 0, "changed");
    assert!(bench.run(&[]).await.0.status.success());
    let state = bench.state();
    assert_each_once(&state, 1, 1, 1, "changed, second run");
    let published =
        state["documents"].as_array().unwrap().iter().find(|document| document["complete"] == true).unwrap();
    // SHA-256 of 70,000 times "y".
    assert_eq!(published["sha256"], sha256_of_y(), "the bytes as they are now");
    bench.sim.stop();
}

fn sha256_of_y() -> String {
    let digest = <sha2::Sha256 as sha2::Digest>::digest(vec![b'y'; 70_000]);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_byte_goes_to_a_hostile_upload_address() {
    for url in
        ["http://169.254.169.254/latest", "file:///etc/passwd", "http://user@127.0.0.1/", "https://example.com/x"]
    {
        let bench = Bench::new().await;
        bench.matter("m1", &intake("m1", "c1", None, &["d1"]));
        let hostile = Action::HostilePutUrl { url: String::from(url) };
        bench.sim.model().add_fault(Fault::new("POST", "/api/v4/documents", hostile).times(100));
        let (output, report) = bench.run(&[]).await;
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(report["matters"][0]["steps"][2]["error"]["code"], "upload_url_refused", "{url}: {report:#}");
        assert!(!String::from_utf8_lossy(&output.stderr).contains("169.254"), "the address is not logged");
        bench.sim.stop();
    }
}

/// What never passes is said with its code, and nothing is sent twice meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn what_clio_answers_for_ever_is_told_apart() {
    let other = |status, html| Action::Status { status, html, executed: false, retry_after: None };
    let cases = [
        (other(500, false), "clio_unavailable"),
        (other(503, true), "clio_unavailable"),
        (Action::Firewall, "firewall_answer"),
        (other(302, true), "redirect_refused"),
        (other(307, false), "redirect_refused"),
        (other(400, false), "clio_bad_request"),
        (other(410, false), "clio_version_unsupported"),
        (other(422, false), "clio_validation"),
        (Action::Oversized { mib: 9 }, "response_too_large"),
        (Action::MalformedJson, "clio_answer_invalid"),
        (Action::LostRequest { hang: false }, "connection_lost"),
    ];
    let mut running = tokio::task::JoinSet::new();
    for (action, code) in cases {
        running.spawn(async move {
            let bench = Bench::new().await;
            std::fs::create_dir_all(bench.intakes()).unwrap();
            assert!(bench.run(&[]).await.0.status.success(), "connected");
            bench.matter("m1", &intake("m1", "c1", Some("zyx.qwertz@example.test"), &["d1"]));
            bench.sim.model().add_fault(Fault::new("GET", "/api/v4/contacts", action.clone()).times(1000));
            let (output, report) = bench.run(&[]).await;
            let error = &report["matters"][0]["steps"][0]["error"];
            let passes = error["retry"] != "never";
            assert_eq!(output.status.code(), Some(if passes { 4 } else { 1 }), "{action:?}");
            assert_eq!(error["code"], code, "{action:?}: {report:#}");
            assert_each_once(&bench.state(), 0, 0, 0, code);
            bench.sim.model().clear_faults();
            assert!(bench.run(&[]).await.0.status.success(), "{action:?}: and when it is over, all arrives");
            assert_each_once(&bench.state(), 1, 1, 1, code);
            bench.sim.stop();
        });
    }
    while let Some(done) = running.join_next().await {
        done.unwrap();
    }
}

/// The authorization code is spent when Clio first stumbles.
#[tokio::test(flavor = "multi_thread")]
async fn connecting_survives_a_short_outage() {
    for (path, action) in [
        ("/api/v4/users/who_am_i", status(503, true, false)),
        ("/api/v4/matters", Action::LostAnswer { hang: false }),
        (
            "/api/v4/practice_areas",
            Action::Status { status: 429, html: false, executed: false, retry_after: Some(String::from("1")) },
        ),
    ] {
        let bench = Bench::new().await;
        bench.matter("m1", &intake("m1", "c1", None, &[]));
        bench.sim.model().add_fault(Fault::new("GET", path, action).times(2));
        let (output, report) = bench.run(&[]).await;
        assert!(output.status.success(), "{path}: {report:#}");
        bench.sim.stop();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_cut_off_while_it_is_read_is_not_published() {
    let bench = Bench::new().await;
    bench.matter("m1", &intake("m1", "c1", None, &["d1"]));
    let file = std::fs::File::options().write(true).open(bench.intakes().join("m1/d1.pdf")).unwrap();
    // Large enough that it is still being read when the first bytes have arrived.
    file.set_len(95_000_000).unwrap();
    let mut command = bench.command(&[]);
    let running = tokio::task::spawn_blocking(move || command.output().unwrap());
    while bench.state()["calls"]["by_route"].get("POST /documents").is_none() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    file.set_len(1000).unwrap();
    let report: Value = serde_json::from_slice(&running.await.unwrap().stdout).unwrap();
    assert_eq!(report["matters"][0]["steps"][2]["error"]["code"], "document_changed", "{report:#}");
    assert_each_once(&bench.state(), 1, 1, 0, "cut off");
    assert!(bench.run(&[]).await.0.status.success());
    let state = bench.state();
    assert_each_once(&state, 1, 1, 1, "cut off, second run");
    bench.sim.stop();
}
