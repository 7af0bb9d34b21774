//! What `sync-intake` shows: words for people, stable names in JSON, exit codes that tell results
//! apart.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::path::Path;
use std::process::{Command, Output};

use crate::bench::{Bench, PROGRAM, intake};
use clio_sim::Config;
use clio_sim::model::Request;
use serde_json::{Value, json};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs the program for a person. What it says may hold no form of Rust's.
async fn shown(bench: &Bench, more: &[&str]) -> (Output, String) {
    let mut command = Command::new(PROGRAM);
    command.arg("--intake").arg(bench.intakes()).arg("--db").arg(bench.folder.path().join("sync.db"));
    command.args(["--clio-url", bench.sim.url(), "--auto-consent", "--settle", "1", "--index-delay", "1"]).args(more);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let all = text(&output.stdout) + &text(&output.stderr);
    for form in ["Err(", "Ok(", "Some(", "None", "Error {", "ClioId", " { ", "SearchThenCreate", "NoSuchArea"] {
        assert!(!all.contains(form), "{form} in {all}");
    }
    assert!(!all.contains('\u{1b}'), "colours in a file: {all}");
    (output, all)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_says_what_is_true_before_and_after_a_connection() {
    let bench = Bench::new().await;
    let mut first = intake("m1", "c1", Some("c1@zyx.qwertz.example"), &["d1", "d2", "d3"]);
    first["documents"][2]["status"] = json!("rejected");
    bench.matter("m1", &first);
    std::fs::remove_file(bench.intakes().join("m1/d2.pdf")).unwrap();
    let mut second = intake("m2", "c2", None, &[]);
    second["matter"]["case_type"] = json!("Maritime salvage");
    bench.matter("m2", &second);

    let (output, all) = shown(&bench, &["--dry-run"]).await;
    assert_eq!(output.status.code(), Some(1), "a file is missing");
    for words in [
        "not connected to Clio yet",
        "its practice area is known once the firm is connected",
        "searched for by email; linked if Clio has it, else created",
        "m1/d1/d1: sent: 70 kB, 2 calls",
        "m1/d2/d2: FAILS: [5003 document_missing] The document's file cannot be found.",
        "m1/d3/d3: not sent: it is rejected, not approved",
        "nobody mapped its case type",
        "within a minute",
    ] {
        assert!(all.contains(words), "{words}: {all}");
    }
    let (_, plan) = bench.run(&["--dry-run"]).await;
    assert_eq!((&plan["practice_areas_known"], &plan["ok"]), (&json!(false), &json!(false)));
    let m1 = &plan["matters"][0];
    assert_eq!((&m1["contact"], &m1["matter_step"]), (&json!("search_then_create"), &json!("create")));
    assert_eq!(m1["no_practice_area"], "practice_areas_not_known");
    let document = |number: usize| &m1["documents"][number];
    assert_eq!(*document(0), json!({ "id": "m1/d1/d1", "step": "upload", "calls": 2, "bytes": 70_000 }));
    assert_eq!(
        (&document(1)["step"], &document(1)["error"]["code"]),
        (&json!("unreadable"), &json!("document_missing"))
    );
    assert_eq!((&document(2)["step"], &document(2)["status"]), (&json!("not_approved"), &json!("rejected")));

    let (output, _) = shown(&bench, &[]).await;
    assert_eq!(output.status.code(), Some(1));
    std::fs::write(bench.intakes().join("m1/d2.pdf"), "there").unwrap();
    bench.matter("m3", &intake("m3", "c1", Some("c1@zyx.qwertz.example"), &[]));
    let (output, all) = shown(&bench, &["--dry-run"]).await;
    assert_eq!(output.status.code(), Some(0));
    assert!(all.contains("created, in the practice area Family & Divorce (the default of its case type)"), "{all}");
    assert!(all.contains("matter    is in Clio already ("), "{all}");
    let (output, all) = shown(&bench, &[]).await;
    assert_eq!(output.status.code(), Some(0), "{all}");
    for matter in bench.state()["matters"].as_array().unwrap() {
        let page = format!("{}/nc/#/matters/{}", bench.sim.url(), matter["id"]);
        assert!(all.contains(&page), "{page}: {all}");
    }
    let (_, report) = bench.run(&[]).await;
    let pages = report["matters"].as_array().unwrap().iter().filter(|matter| matter["clio_url"].is_string());
    assert_eq!(pages.count(), 3);
    bench.sim.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_exit_code_tells_results_apart() {
    let bench = Bench::new().await;
    bench.matter("m1", &intake("m1", "c1", None, &[]));
    let (output, _) = bench.run(&["--dry-run"]).await;
    assert_eq!(output.status.code(), Some(0));
    let output = Command::new(PROGRAM).arg("--nonsense").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let output = Command::new(PROGRAM).arg("--help").output().unwrap();
    let help = text(&output.stdout);
    for code in 0..=5 {
        assert!(help.contains(&format!("\n  {code}  ")), "{help}");
    }
    let mut command = Command::new(PROGRAM);
    command.arg("--intake").arg(bench.intakes()).arg("--db").arg(bench.folder.path().join("other.db"));
    command.args(["--clio-url", "http://127.0.0.1:1", "--auto-consent", "--json"]);
    let began = std::time::Instant::now();
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &report["error"]["code"]), (Some(4), &json!("connect_failed")), "come back");
    assert!(began.elapsed().as_secs() < 15, "a redirect was waited for that cannot come");
    bench.sim.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clio_that_asks_a_person_ends_automatic_consent_at_once_and_is_not_called_a_refusal() {
    let bench = Bench::new().await;
    bench.matter("m1", &intake("m1", "c1", None, &[]));
    let now = bench.sim.now();
    let asks = Request::new("POST", "/__sim/config").with_json(&json!({ "auto_consent": false }));
    assert_eq!(bench.sim.model().handle(now, &asks).status, 200);
    let began = std::time::Instant::now();
    let (output, report) = bench.run(&[]).await;
    assert!(began.elapsed().as_secs() < 15);
    let told = (&report["error"]["code"], &report["error"]["path"], &report["error"]["context"]["reason"]);
    assert_eq!(told, (&json!("setting_invalid"), &json!("auto_consent"), &json!("clio_asks_a_person")));
    assert_eq!(output.status.code(), Some(1));
    bench.sim.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_redirect_comes_to_the_port_that_is_registered_with_the_clio_app() {
    // Below the range from which the system gives ports to other tests' connections.
    let free = |port: &u32| std::net::TcpListener::bind(format!("127.0.0.1:{port}")).is_ok();
    let port = (0..100).map(|n| 15_000 + (std::process::id() * 61 + n) % 17_000).find(free).unwrap();
    let redirect_uris = vec![format!("http://127.0.0.1:{port}/callback")];
    let bench = Bench::with(Config { redirect_uris, ..Config::default() }).await;
    bench.matter("m1", &intake("m1", "c1", None, &[]));
    let (output, report) = bench.run(&[]).await;
    assert_eq!((output.status.code(), &report["error"]["code"]), (Some(5), &json!("oauth_refused")));
    let port = port.to_string();
    let (output, _) = bench.run(&["--callback-port", &port]).await;
    assert_eq!(output.status.code(), Some(0));
    bench.sim.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_says_what_would_keep_everything_back() {
    let bench = Bench::new().await;
    let mut first = intake("m1", "c1", None, &["d1"]);
    bench.matter("m1", &first);
    let (output, _) = shown(&bench, &[]).await;
    assert_eq!(output.status.code(), Some(0));
    let (output, all) = shown(&bench, &["--dry-run"]).await;
    assert_eq!(output.status.code(), Some(0), "{all}");
    assert!(all.contains("m1: no call\n") && all.contains("no call to Clio is needed"), "{all}");

    let mut command = bench.command(&["--dry-run"]);
    command.env("CASEHUG_CLIO_SEALING_KEY", "02".repeat(32));
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let plan: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &plan["ok"]), (Some(1), &json!(false)));
    assert_eq!(plan["advice"][0]["code"], "key_failed");
    let first_key = "01".repeat(32);
    for (earlier, exit) in [(format!("env={first_key}"), 0), (first_key, 1), (String::from("env=0123"), 1)] {
        let mut command = bench.command(&["--dry-run"]);
        command.env("CASEHUG_CLIO_SEALING_KEY", "02".repeat(32)).env("CASEHUG_CLIO_SEALING_KEY_ID", "2026-12");
        command.env("CASEHUG_CLIO_EARLIER_SEALING_KEYS", &earlier);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        assert_eq!(output.status.code(), Some(exit));
        let told = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(!told.contains("0101") && !told.contains("0123"), "{told}");
        assert_eq!(told.contains("CASEHUG_CLIO_EARLIER_SEALING_KEYS"), exit == 1, "{told}");
    }

    let clio = bench.state()["matters"][0]["id"].as_i64().unwrap();
    bench.delete("matters", clio);
    first = intake("m1", "c1", None, &["d1", "d2"]);
    first["documents"]
        .as_array_mut()
        .unwrap()
        .push(json!({ "id": "d3", "file_name": "a/b.pdf", "content_type": "application/pdf",
        "path": "d1.pdf", "status": "approved", "origin": "client_upload" }));
    bench.matter("m1", &first);
    let (output, all) = shown(&bench, &["--dry-run"]).await;
    assert_eq!(output.status.code(), Some(1));
    for words in ["m1/d3/d3: FAILS: [1002 intake_invalid]", "field=documents.file_name, reason=path_separator"] {
        assert!(all.contains(words), "{words}: {all}");
    }
    let (output, all) = shown(&bench, &[]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(all.contains("linked_record_gone"), "{all}");
    let (output, plan) = bench.run(&["--dry-run"]).await;
    assert_eq!((output.status.code(), &plan["matters"][0]["error"]["code"]), (Some(1), &json!("linked_record_gone")));
    bench.sim.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_note_of_a_step_is_shown() {
    let bench = Bench::new().await;
    bench.matter("m1", &intake("m1", "c1", Some("both@zyx.qwertz.example"), &[]));
    let mut other = intake("m2", "c2", Some("both@zyx.qwertz.example"), &[]);
    (other["client"]["first_name"], other["client"]["last_name"]) = (json!("Bernhard"), json!("Othername"));
    bench.matter("m2", &other);
    let (_, all) = shown(&bench, &[]).await;
    for words in ["another client with this email has the same contact", "the contact has another name; look whether"] {
        assert!(all.contains(words), "{words}: {all}");
    }
    bench.sim.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_not_there_or_holds_nothing_is_said_to_be_so() {
    let bench = Bench::new().await;
    let (output, report) = bench.run(&["--dry-run"]).await;
    assert_eq!(output.status.code(), Some(1), "a name that is wrong stays wrong");
    assert_eq!(report["error"]["context"]["reason"], "no_folder");
    std::fs::create_dir_all(bench.intakes()).unwrap();
    let (output, all) = shown(&bench, &[]).await;
    assert_eq!(output.status.code(), Some(0));
    assert!(all.contains("There is no matter in this folder"), "{all}");
    bench.matter("m1", &intake("m1", "c1", None, &[]));
    std::fs::create_dir_all(bench.intakes().join("Zyxwvut, her folder")).unwrap();
    let (output, report) = bench.run(&[]).await;
    assert_eq!(output.status.code(), Some(1));
    let error = report["matters"].as_array().unwrap().iter().find(|matter| matter["matter"].is_null()).unwrap();
    assert_eq!(error["error"]["context"], json!({ "type": "matter", "argument": "matter", "reason": "folder_name" }));
    bench.sim.stop();
}

#[test]
fn a_service_that_cannot_start_says_why_to_people() {
    let start = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_service"));
        command.args(["--listen", "127.0.0.1:0", "--intake", "."]).args(arguments);
        let output = command.env("RUST_LOG", "trace").output().unwrap();
        (output.status.code(), text(&output.stderr))
    };
    let (code, said) = start(&["--db", "no/such/folder/x.db", "--clio-url", "http://127.0.0.1:1"]);
    assert_eq!(code, Some(1));
    assert!(said.starts_with("[7004 store_open_failed] ") && said.contains("reason=directory_missing"), "{said}");
    let (_, said) = start(&["--db", "x.db", "--clio-url", "https://app.clio.com"]);
    assert!(said.contains("variable=CASEHUG_CLIO_CLIENT_ID, reason=missing"), "{said}");
    let (_, said) = start(&["--db", "x.db", "--clio-url", "http://clio.example"]);
    assert!(said.contains("setting=clio_url"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_silent_while_clios_limit_is_waited_for() {
    let bench = Bench::with(Config { rate_limit: 12, rate_window_s: 10, ..Config::default() }).await;
    for number in 0..3 {
        let (matter, client) = (format!("m{number}"), format!("c{number}"));
        bench.matter(&matter, &intake(&matter, &client, None, &["d1", "d2"]));
    }
    let began = std::time::Instant::now();
    let (output, all) = shown(&bench, &[]).await;
    assert_eq!(output.status.code(), Some(0), "{all}");
    assert!(began.elapsed().as_secs() > 4, "the limit was not reached");
    assert!(all.contains("Clio's 12 calls of this minute are used up or set aside; waiting for the next"), "{all}");
    bench.sim.stop();
}

#[test]
fn the_example_folder_is_complete_as_it_is_cloned() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("intake");
    let tracked = Command::new("git").args(["ls-files", "intake"]).current_dir(env!("CARGO_MANIFEST_DIR")).output();
    let tracked = tracked.map(|output| text(&output.stdout)).unwrap_or_default();
    let mut documents = 0;
    for matter in std::fs::read_dir(folder).unwrap() {
        let matter = matter.unwrap().path();
        let intake: Value = serde_json::from_slice(&std::fs::read(matter.join("intake.json")).unwrap()).unwrap();
        for document in intake["documents"].as_array().unwrap() {
            let path = matter.join(document["path"].as_str().unwrap());
            assert!(path.is_file(), "{}", path.display());
            let name = format!(
                "intake/{}/{}",
                matter.file_name().unwrap().to_string_lossy(),
                document["path"].as_str().unwrap()
            );
            assert!(tracked.is_empty() || tracked.contains(&name), "{name} is not in the repository");
            documents += 1;
        }
    }
    assert!(documents > 15);
}

/// Debug forms change with the compiler and tell nobody anything.
#[test]
fn no_program_prints_a_debug_form() {
    fn sources(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { sources(&path, found) } else { found.push(path) }
        }
    }
    let mut found = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    assert!(found.len() > 10);
    for path in found {
        let source = std::fs::read_to_string(&path).unwrap();
        for form in [":?}", ":#?}", "= ?", "(?"] {
            assert!(!source.contains(form), "{form} in {}", path.display());
        }
    }
}
