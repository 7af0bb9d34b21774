//! The program against a real (simulated) Clio over HTTP, on a real SQLite file.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::bench::{Bench, PROGRAM, assert_each_once, intake};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn calls_used_equal_the_plan_and_a_second_run_makes_none() {
    let bench = Bench::new().await;
    let email = "zyx.qwertz@example.test";
    bench.matter("m1", &intake("m1", "c1", Some(email), &["d1", "d2"]));
    let (_, plan) = bench.run(&["--dry-run"]).await;
    assert_eq!(plan["matters"][0]["calls"], json!({ "least": 6, "most": 7 }), "new client or known: not known before");
    let (output, report) = bench.run(&[]).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(report["calls"], 7, "3 + 2n, new client");

    bench.matter("m2", &intake("m2", "c1", Some(email), &["d1"]));
    assert_eq!(bench.run(&[]).await.1["calls"], 3, "1 + 2n, client linked");
    let mut same = intake("m3", "c3", Some("ZYX.qwertz@EXAMPLE.test"), &[]);
    same["client"]["last_name"] = json!("Qwertzuiop c1");
    bench.matter("m3", &same);
    assert_eq!(
        bench.run(&[]).await.1["calls"],
        2,
        "another CaseHug client of this email and name: Clio is searched, and the contact shared"
    );
    bench.matter("m4", &intake("m4", "c4", Some(email), &[]));
    let (_, report) = bench.run(&[]).await;
    assert_eq!(report["calls"], 2, "of another name: Clio is searched for a contact of that name first");
    bench.matter("m2", &intake("m2", "c1", Some(email), &["d1", "d2"]));
    assert_eq!(bench.run(&[]).await.1["calls"], 2, "an added document");

    let before = bench.state();
    let (output, report) = bench.run(&[]).await;
    assert!(output.status.success());
    assert_eq!(report["calls"], 0);
    let after = bench.state();
    for kind in ["contacts", "matters", "documents"] {
        assert_eq!(before[kind], after[kind]);
    }
    assert_eq!(after["contacts"].as_array().unwrap().len(), 1);
    bench.sim.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_known_by_a_secondary_address_is_linked_and_not_changed() {
    let bench = Bench::new().await;
    let now = bench.sim.now();
    let seed = json!({ "contacts": [
        { "type": "Person", "first_name": "P", "last_name": "Q", "email_addresses": [
            { "name": "Work", "address": "other@example.test", "default_email": true },
            { "name": "Home", "address": "Zyx.QWERTZ@example.test" }] },
        { "type": "Person", "first_name": "Not", "last_name": "This", "email_addresses": [
            { "name": "Work", "address": "a.zyx.qwertz@example.test", "default_email": true }] }] });
    bench.sim.model().seed(now, &seed).unwrap();
    let before = bench.state()["contacts"].clone();
    bench.matter("m1", &intake("m1", "c1", Some("zyx.qwertz@example.test"), &["d1"]));
    let (_, report) = bench.run(&[]).await;
    assert_eq!(report["calls"], 4, "2 + 2n, client in Clio");
    assert_eq!(report["matters"][0]["steps"][0]["outcome"], "linked");
    let after = bench.state();
    assert_eq!(after["contacts"].as_array().unwrap().len(), 2);
    for field in ["name", "email_addresses", "phone_numbers"] {
        for (now, then) in after["contacts"].as_array().unwrap().iter().zip(before.as_array().unwrap()) {
            assert_eq!(now[field], then[field]);
        }
    }
    assert_eq!(after["calls"]["by_route"].get("PATCH /contacts/{id}"), None);
    assert_eq!(after["documents"][0]["complete"], true);
    bench.sim.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn only_approved_client_uploads_leave_and_bad_input_fails_alone() {
    let bench = Bench::new().await;
    let mut mixed = intake("m1", "c1", None, &["d1", "d2", "d3", "d4"]);
    mixed["documents"][1]["origin"] = json!("work_product");
    mixed["documents"][2]["status"] = json!("rejected");
    mixed["documents"][3]["path"] = json!("gone.pdf");
    bench.matter("m1", &mixed);
    std::fs::remove_file(bench.intakes().join("m1/gone.pdf")).unwrap();
    bench.matter("m2", &intake("m2", "c2", None, &[]));
    std::fs::write(bench.intakes().join("m2/intake.json"), "{\"matter\":{\"title\":\"Asdfgh v. Yxcvbn").unwrap();
    bench.matter("m3", &intake("m3", "c3", None, &[]));
    let (output, report) = bench.run(&[]).await;
    assert_eq!(output.status.code(), Some(1), "a missing file and a malformed intake are failures");
    let outcomes: Vec<&str> = report["matters"][0]["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["outcome"].as_str().unwrap())
        .collect();
    assert_eq!(outcomes, ["created", "created", "created", "refused", "not_approved", "failed"]);
    assert_eq!(report["matters"][0]["steps"][5]["error"]["code"], "document_missing");
    assert_eq!(report["matters"][1]["error"]["code"], "intake_malformed");
    assert_eq!(report["matters"][2]["status"], "succeeded", "the others arrive");
    assert_eq!(bench.state()["documents"].as_array().unwrap().len(), 1);
    bench.sim.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_client_data_and_no_secret_in_the_database_logs_and_report() {
    let bench = Bench::new().await;
    bench.matter("m1", &intake("m1", "c1", Some("zyx.qwertz@example.test"), &["d1"]));
    let mut broken = intake("m2", "c2", None, &["d1"]);
    broken["client"]["first_name"] = json!("Zyxwvüt-日");
    broken["documents"][0]["path"] = json!("geheimakte-fehlt.pdf");
    bench.matter("m2", &broken);
    std::fs::remove_file(bench.intakes().join("m2/geheimakte-fehlt.pdf")).unwrap();
    let (output, _) = bench.run(&[]).await;
    let mut places = vec![output.stdout, output.stderr];
    for entry in std::fs::read_dir(bench.folder.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            places.push(std::fs::read(path).unwrap());
        }
    }
    assert!(places.len() >= 3, "the database was scanned");
    // The simulator's tokens begin with the region; a real one shows that the pattern finds them.
    let token = |place: &[u8]| {
        place.windows(27).any(|window| window.starts_with(b"us-") && window[3..].iter().all(u8::is_ascii_alphanumeric))
    };
    let now = bench.sim.now();
    let real = format!("{:?}", bench.sim.model().grant(now));
    assert!(token(real.as_bytes()), "the pattern finds a token");
    for (number, place) in places.iter().enumerate() {
        assert!(!token(place), "a token in place {number}");
    }
    for (number, place) in places.iter().enumerate() {
        crate::bench::assert_no_client_data(place, &format!("place {number} (0 stdout, 1 stderr, then files)"));
    }
    bench.sim.stop();
}

/// Fifty kills at random moments on one database. Kills land between the beats of every creation,
/// uploads included.
#[tokio::test(flavor = "multi_thread")]
async fn fifty_kills_leave_no_duplicate_and_nothing_missing() {
    let bench = Bench::new().await;
    for number in 0..12 {
        let (matter, client) = (format!("m{number}"), format!("c{number}"));
        let email = format!("zyx.qwertz{number}@example.test");
        let email = (number % 3 != 0).then_some(email.as_str());
        bench.matter(&matter, &intake(&matter, &client, email, &["d1", "d2"]));
    }
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..50 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut child = bench.command(&[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        tokio::time::sleep(Duration::from_millis(10 + (random >> 33) % 120)).await;
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let (output, report) = bench.run(&[]).await;
    assert!(output.status.success(), "{report}");
    let state = bench.state();
    assert_each_once(&state, 12, 12, 24, "kills");
    bench.sim.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_work_is_said_with_a_code() {
    let bench = Bench::new().await;
    bench.matter("m1", &intake("m1", "c1", None, &[]));
    let code = |report: &Value| report["error"]["code"].as_str().map(str::to_owned);
    let (output, report) = bench.run(&["--matter", "m9"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(report["matters"][0]["error"]["code"], "matter_unknown");

    let fatal = |url: &str, db: &Path, key: Option<&str>| {
        let mut command = Command::new(PROGRAM);
        command.arg("--intake").arg(bench.intakes()).arg("--db").arg(db);
        command.args(["--clio-url", url, "--auto-consent", "--settle", "1", "--index-delay", "1", "--json"]);
        if let Some(key) = key {
            command.env("CASEHUG_CLIO_SEALING_KEY", key);
        }
        async move {
            let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
            let report = serde_json::from_slice::<Value>(&output.stdout).unwrap();
            let passes = report["error"]["code"] == "connect_failed";
            assert_eq!(output.status.code(), Some(if passes { 4 } else { 1 }), "{report}");
            report
        }
    };
    let fresh = bench.folder.path().join("other.db");
    let used = bench.folder.path().join("sync.db");
    let report = fatal("http://clio.example", &fresh, None).await;
    assert_eq!(code(&report).as_deref(), Some("url_refused"));
    let report = fatal(bench.sim.url(), &bench.folder.path().join("no/such/dir.db"), None).await;
    assert_eq!(code(&report).as_deref(), Some("store_open_failed"));
    let no_database = bench.folder.path().join("letter.db");
    std::fs::write(&no_database, "Dear Zyxwvut, this is not a database. ".repeat(100)).unwrap();
    let report = fatal(bench.sim.url(), &no_database, None).await;
    assert_eq!(code(&report).as_deref(), Some("store_open_failed"));
    let report = fatal("http://127.0.0.1:1", &fresh, None).await;
    assert_eq!(code(&report).as_deref(), Some("connect_failed"));
    let other_key = "02".repeat(32);
    let report = fatal(bench.sim.url(), &used, Some(&other_key)).await;
    assert!(report.to_string().contains("key_failed"), "{report}");
    bench.sim.stop();
}

#[test]
#[should_panic(expected = "Asdfgh%20v.%20Yxcvbn in a log")]
fn the_scan_finds_what_it_looks_for() {
    crate::bench::assert_no_client_data(b"GET /matters?query=Asdfgh%20v.%20Yxcvbn%20m1", "a log");
}
