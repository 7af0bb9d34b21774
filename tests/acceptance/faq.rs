//! The vendor's FAQ, statement by statement, against the example service over HTTP.
//! `docs/requirements.md` names one test for each row of the checklist.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::time::{Duration, Instant};

use crate::backend::{ADMIN, Backend, MEMBER, OTHER_ADMIN};
use crate::bench::{Bench, assert_each_once, intake};
use casehug_clio::Timestamp;
use clio_sim::{Action, Config, Fault};
use reqwest::StatusCode;
use serde_json::{Value, json};

fn config() -> Config {
    Config { rate_limit: 1_000_000, http_webhooks: true, ..Config::default() }
}

async fn bench() -> Bench {
    Bench::with(config()).await
}

async fn connected(bench: &Bench) -> Backend {
    let service = Backend::start(bench);
    service.connected().await;
    service
}

const EMAIL: Option<&str> = Some("c1@zyx.qwertz.example");

/// Row 1: contacts (name, email, phone), matters (title, case number, practice area), documents
/// (all approved uploads).
#[tokio::test(flavor = "multi_thread")]
async fn faq_01_contact_matter_and_approved_documents_arrive_once() {
    let bench = bench().await;
    let mut whole = intake("m1", "c1", EMAIL, &["d1", "d2", "d3"]);
    whole["documents"][2]["status"] = json!("uploaded");
    bench.matter("m1", &whole);
    let service = connected(&bench).await;
    service.synced("m1").await;
    service.synced("m1").await;
    let state = bench.state();
    assert_each_once(&state, 1, 1, 2, "two syncs");
    let (contact, matter) = (&state["contacts"][0], &state["matters"][0]);
    assert_eq!((&contact["type"], &contact["first_name"]), (&json!("Person"), &json!("Zyxwvut")));
    assert_eq!(contact["last_name"], "Qwertzuiop c1");
    assert_eq!(contact["email_addresses"][0]["address"], EMAIL.unwrap());
    assert_eq!(contact["phone_numbers"][0]["number"], "+12065559876");
    assert_eq!(
        (&matter["description"], &matter["client_reference"]),
        (&json!("Asdfgh v. Yxcvbn m1"), &json!("2026-XX-777"))
    );
    assert_eq!(matter["practice_area"]["name"], "Family & Divorce");
    assert_eq!(matter["client"]["id"], contact["id"]);
    let names: Vec<&str> =
        state["documents"].as_array().unwrap().iter().map(|document| document["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["geheimakte.pdf", "geheimakte.pdf"]);
}

/// Row 2: with auto-sync enabled, data pushes on approval; Clio may process a document for a while.
#[tokio::test(flavor = "multi_thread")]
async fn faq_02_approval_pushes_by_itself_and_clio_may_take_its_time_with_a_document() {
    let bench = Bench::with(Config { processing_delay_ms: 1_500, ..config() }).await;
    bench.matter("m1", &intake("m1", "c1", EMAIL, &["d1"]));
    bench.matter("m2", &intake("m2", "c1", EMAIL, &["d1"]));
    let service = connected(&bench).await;
    service.post("/matters/m1/approved", MEMBER, json!({})).await;
    service.arrived("m1").await;
    assert_each_once(&bench.state(), 1, 1, 1, "approved");
    // Switched off, nothing leaves by itself.
    let (_, mut settings) = service.get("/settings", ADMIN).await;
    assert_eq!((&settings["sync_when_approved"], &settings["sync_when_created"]), (&json!(true), &json!(false)));
    settings["sync_when_approved"] = json!(false);
    assert_eq!(service.put("/settings", ADMIN, settings).await.0, StatusCode::OK);
    assert_eq!(service.post("/matters/m2/approved", MEMBER, json!({})).await.0, StatusCode::NO_CONTENT);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(service.get("/matters/m2", MEMBER).await.1["status"], "not_synced");
    assert_each_once(&bench.state(), 1, 1, 1, "auto-sync off");
}

/// Row 4: failed syncs are logged with error details; expired tokens, rate limits and the network
/// mend themselves; retry from the sync log.
#[tokio::test(flavor = "multi_thread")]
async fn faq_04_failures_are_logged_mend_themselves_or_are_retried_from_the_log() {
    let bench = bench().await;
    bench.matter("m1", &intake("m1", "c1", EMAIL, &["d1"]));
    bench.matter("m2", &intake("m2", "c2", None, &["d1"]));
    let service = connected(&bench).await;
    // An expired token, a refusal for too many calls, and a gateway's trouble, in one sync.
    {
        let mut model = bench.sim.model();
        model.revoke_all(true, false);
        let answer = |status, html| Action::Status { status, html, executed: false, retry_after: Some("1".into()) };
        model.add_fault(Fault::new("GET", "/api/v4/contacts", answer(503, true)));
        model.add_fault(Fault::new("POST", "/api/v4/matters", answer(429, false)));
    }
    service.synced("m1").await;
    assert_each_once(&bench.state(), 1, 1, 1, "mended");
    assert!(!service.audit("refresh").await.is_empty());
    let (_, log) = service.get("/sync-log?matter=m1", MEMBER).await;
    assert_eq!(log["items"][0]["status"], "succeeded");
    assert!(log["items"][0]["retries"].as_u64().unwrap() >= 2, "{log}");

    // What needs a person: Clio refuses the values.
    let refusal = Action::Status { status: 422, html: false, executed: false, retry_after: None };
    bench.sim.model().add_fault(Fault::new("POST", "/api/v4/matters", refusal));
    service.post("/matters/m2/sync", MEMBER, json!({})).await;
    service.until("the failure", async || service.get("/matters/m2", MEMBER).await.1["status"] == "failed").await;
    let (_, log) = service.get("/sync-log?matter=m2", MEMBER).await;
    let run = &log["items"][0];
    assert_eq!((&run["status"], &run["failure"]["code"]), (&json!("failed"), &json!("clio_validation")));
    assert_eq!(
        (&run["failure"]["context"]["step"], &run["failure"]["context"]["http_status"]),
        (&json!("matter"), &json!("422"))
    );
    assert!(run["failure"]["message"].as_str().unwrap().contains("Clio refused the values"));
    let id = run["run"].as_str().unwrap();
    assert_eq!(service.post(&format!("/sync-log/{id}/retry"), MEMBER, json!({})).await.0, StatusCode::ACCEPTED);
    service.arrived("m2").await;
    assert_each_once(&bench.state(), 2, 2, 2, "retried");
}

/// Row 5: searches by email before creating; a match is linked and not changed; without an email a
/// new contact is created.
#[tokio::test(flavor = "multi_thread")]
async fn faq_05_an_existing_contact_of_the_email_is_linked_and_otherwise_one_is_created() {
    let bench = bench().await;
    let known = json!({ "contacts": [{ "type": "Person", "first_name": "Old", "last_name": "Name",
        "email_addresses": [{ "name": "Work", "address": "C1@zyx.qwertz.example", "default_email": true }] }] });
    let now = bench.sim.now();
    let known = bench.sim.model().seed(now, &known).unwrap()["contacts"][0].clone();
    bench.matter("m1", &intake("m1", "c1", EMAIL, &[]));
    bench.matter("m2", &intake("m2", "c2", None, &[]));
    let service = connected(&bench).await;
    let before = bench.state()["contacts"][0]["etag"].clone();
    service.synced("m1").await;
    let state = bench.state();
    assert_eq!(state["contacts"].as_array().unwrap().len(), 1, "linked");
    assert_eq!(state["contacts"][0]["etag"], before, "and not changed");
    assert_eq!(state["matters"][0]["client"]["id"], known);
    let page = service.get("/matters/m1", MEMBER).await.1;
    assert_eq!(page["clio_contact_notes"], json!(["name_differs"]), "and said");
    service.synced("m2").await;
    assert_eq!(bench.state()["contacts"].as_array().unwrap().len(), 2);
}

/// Row 6: "Sync to Clio" works regardless of when the matter was created.
#[tokio::test(flavor = "multi_thread")]
async fn faq_06_a_matter_older_than_the_connection_is_synced_on_demand() {
    let bench = bench().await;
    bench.matter("m1", &intake("m1", "c1", EMAIL, &["d1"]));
    let service = Backend::start(&bench);
    // Long before anybody connected: nothing to be done yet, and nothing forgotten.
    assert_eq!(service.get("/matters/m1", MEMBER).await.1["status"], "not_synced");
    service.connected().await;
    let (_, mut settings) = service.get("/settings", ADMIN).await;
    settings["sync_when_approved"] = json!(false);
    service.put("/settings", ADMIN, settings).await;
    service.synced("m1").await;
    assert_each_once(&bench.state(), 1, 1, 1, "on demand, by any user, with auto-sync off");
}

/// Row 8: any plan with API access; a plan without is named clearly.
#[tokio::test(flavor = "multi_thread")]
async fn faq_08_a_plan_without_api_access_is_said_to_be_one() {
    let bench = Bench::with(Config { plan_without_api: true, ..config() }).await;
    let service = Backend::start(&bench);
    let (status, answer) = service.connect(ADMIN).await;
    assert_eq!((status, &answer["error"]["code"]), (StatusCode::BAD_GATEWAY, &json!("plan_without_api")));
    let message = answer["error"]["message"].as_str().unwrap();
    assert!(["Boutique", "Corporate", "Elite", "Starter"].iter().all(|plan| message.contains(plan)), "{message}");
    assert_eq!(service.get("/status", ADMIN).await.1["state"], "not_connected");
    bench.sim.model().config_mut().plan_without_api = false;
    service.connected().await;
}

/// Row 10: disconnecting revokes tokens and deactivates; existing data is preserved in both
/// systems.
#[tokio::test(flavor = "multi_thread")]
async fn faq_10_disconnecting_revokes_the_tokens_and_keeps_the_data() {
    let bench = bench().await;
    bench.matter("m1", &intake("m1", "c1", EMAIL, &["d1"]));
    let service = connected(&bench).await;
    let clio = service.synced("m1").await;
    let before = bench.state();
    assert_eq!(service.post("/disconnect", OTHER_ADMIN, json!({})).await.0, StatusCode::OK);
    let after = bench.state();
    assert_eq!((&after["oauth"]["live_access_tokens"], &after["oauth"]["live_refresh_tokens"]), (&json!(0), &json!(0)));
    for kind in ["contacts", "matters", "documents"] {
        assert_eq!(after[kind], before[kind], "{kind}");
    }
    let (_, state) = service.get("/matters/m1", MEMBER).await;
    assert_eq!((&state["status"], state["clio_matter"].as_str()), (&json!("synced"), Some(clio.to_string().as_str())));
    assert!(!service.get("/sync-log", ADMIN).await.1["items"].as_array().unwrap().is_empty());
    assert_eq!(service.get("/status", ADMIN).await.1["state"], "disconnected");
}

/// Row 11: previously synced matters keep their links, no duplicates; another Clio account is
/// refused.
#[tokio::test(flavor = "multi_thread")]
async fn faq_11_reconnecting_keeps_links_and_refuses_another_account() {
    let bench = bench().await;
    bench.matter("m1", &intake("m1", "c1", EMAIL, &["d1"]));
    let service = connected(&bench).await;
    let clio = service.synced("m1").await;
    service.post("/disconnect", ADMIN, json!({})).await;
    let account = bench.sim.model().config().account_id;
    bench.sim.model().config_mut().account_id = 77;
    let (_, answer) = service.connect(ADMIN).await;
    assert_eq!(answer["error"]["code"], "account_mismatch");
    assert_eq!(service.get("/status", ADMIN).await.1["state"], "disconnected");
    bench.sim.model().config_mut().account_id = account;
    service.connected().await;
    assert_eq!(service.synced("m1").await, clio);
    assert_each_once(&bench.state(), 1, 1, 1, "reconnected");
}

/// Row 12: tokens are stored server-side only, encrypted at rest, never exposed to the browser, and
/// refreshed.
#[tokio::test(flavor = "multi_thread")]
async fn faq_12_tokens_are_sealed_at_rest_refreshed_and_never_shown() {
    // So short a life that every call finds the token about to end.
    let bench = Bench::with(Config { access_token_lifetime_s: 2, ..config() }).await;
    bench.matter("m1", &intake("m1", "c1", EMAIL, &["d1"]));
    let service = connected(&bench).await;
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    service.synced("m1").await;
    assert!(service.audit("refresh").await.iter().any(|entry| entry["status"] == "ok"));
    for path in ["/status", "/settings", "/sync-log", "/audit?limit=500", "/events"] {
        service.get(path, ADMIN).await;
    }
    service.assert_told_nothing(&bench);
}

/// Row 13: every operation is logged with timestamp, action, status and error details.
#[tokio::test(flavor = "multi_thread")]
async fn faq_13_every_operation_is_in_the_audit_log_with_time_actor_status_and_details() {
    let bench = bench().await;
    bench.matter("m1", &intake("m1", "c1", EMAIL, &["d1"]));
    let service = connected(&bench).await;
    let clio = service.synced("m1").await;
    bench.edit("matters", clio, &json!({ "status": "closed" }));
    service.events("matter_status", 1).await;
    service.get("/settings", MEMBER).await;
    let (_, settings) = service.get("/settings", ADMIN).await;
    service.put("/settings", ADMIN, settings).await;
    service.post("/disconnect", OTHER_ADMIN, json!({})).await;
    let (_, page) = service.get("/audit?limit=500", ADMIN).await;
    let entries = page["items"].as_array().unwrap();
    for action in [
        "connect",
        "webhook_created",
        "contact_created",
        "matter_created",
        "document_created",
        "sync",
        "webhook_received",
        "webhook_applied",
        "denied",
        "settings",
        "disconnect",
    ] {
        assert!(entries.iter().any(|entry| entry["action"] == action), "{action}");
    }
    for entry in entries {
        assert!(Timestamp::parse(entry["at"].as_str().unwrap()).is_some(), "{entry}");
        assert!(["ok", "refused", "failed", "noted"].contains(&entry["status"].as_str().unwrap()), "{entry}");
        assert!(!entry["actor"].as_str().unwrap().is_empty(), "{entry}");
    }
    let denied = entries.iter().find(|entry| entry["action"] == "denied").unwrap();
    assert_eq!((&denied["actor"], &denied["code"]), (&json!("usr_3"), &json!("not_allowed")));
    // Each entry names the hash of the one before: newest first here.
    assert!(entries.iter().rev().skip(1).all(|entry| entry["prev"].as_str().unwrap().len() == 64));
}

/// Row 14: only client-submitted intake data is synced.
#[tokio::test(flavor = "multi_thread")]
async fn faq_14_work_product_notes_and_communications_never_leave_and_the_refusal_is_logged() {
    let bench = bench().await;
    let mut whole = intake("m1", "c1", EMAIL, &["d1", "d2", "d3", "d4", "d5"]);
    for (number, origin) in [(1, "work_product"), (2, "note"), (3, "communication"), (4, "firm_upload")] {
        whole["documents"][number]["origin"] = json!(origin);
    }
    whole["client"]["notes"] = json!("privileged-remark");
    whole["matter"]["custom_fields"] = json!({ "strategy": "privileged-remark" });
    bench.matter("m1", &whole);
    let service = connected(&bench).await;
    service.synced("m1").await;
    let state = bench.state();
    assert_each_once(&state, 1, 1, 1, "one client upload of five documents");
    assert!(!state.to_string().contains("privileged-remark"));
    let refused = service.audit("document_refused").await;
    assert_eq!(refused.len(), 4, "{refused:?}");
    assert!(refused.iter().all(|entry| entry["code"] == "document_not_client_upload"));
}

/// Row 15: respects Clio's rate limits; syncs are sequential per matter; a typical sync completes
/// in under 30 seconds.
#[tokio::test(flavor = "multi_thread")]
async fn faq_15_rate_limits_are_respected_and_a_matter_is_synced_by_one_at_a_time() {
    // A twelfth of a minute stands for one.
    let bench =
        Bench::with(Config { rate_limit: 12, rate_window_s: 5, http_webhooks: true, ..Config::default() }).await;
    bench.matter("m1", &intake("m1", "c1", EMAIL, &["d1", "d2", "d3"]));
    bench.matter("m2", &intake("m2", "c2", None, &["d1", "d2", "d3"]));
    let service = connected(&bench).await;
    let began = Instant::now();
    for _ in 0..3 {
        for matter in ["m1", "m2"] {
            service.post(&format!("/matters/{matter}/sync"), MEMBER, json!({})).await;
        }
    }
    service.arrived("m1").await;
    service.arrived("m2").await;
    assert!(began.elapsed() < Duration::from_secs(30));
    let state = bench.state();
    assert_each_once(&state, 2, 2, 6, "several triggers at once");
    let rejected = state["calls"]["rejected"].as_object().unwrap();
    assert_eq!(rejected.get("429"), None, "Clio never had to refuse a call: {rejected:?}");
    // One run at a time: none of a matter began before the one before it had ended.
    for matter in ["m1", "m2"] {
        let (_, log) = service.get(&format!("/sync-log?matter={matter}"), MEMBER).await;
        let runs: Vec<(Timestamp, Timestamp)> = log["items"].as_array().unwrap().iter().rev().map(times).collect();
        assert!(runs.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{runs:?}");
    }
}

fn times(run: &Value) -> (Timestamp, Timestamp) {
    let time = |field: &str| Timestamp::parse(run[field].as_str().unwrap()).unwrap();
    (time("started_at"), time("ended_at"))
}
