//! What the pages of the example service are asked for and show: where a matter stands in part,
//! which practice area it gets, and the audit log by question.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use crate::backend::{ADMIN, Backend, MEMBER, OTHER_ADMIN};
use crate::bench::{Bench, assert_each_once, intake};
use casehug_clio::Timestamp;
use clio_sim::{Action, Config, Fault};
use reqwest::StatusCode;
use serde_json::{Value, json};

async fn connected() -> (Bench, Backend) {
    let bench = Bench::with(Config { rate_limit: 1_000_000, http_webhooks: true, ..Config::default() }).await;
    let service = Backend::start(&bench);
    service.connected().await;
    (bench, service)
}

/// The practice area of a matter in Clio, by its id and name.
fn area_of(bench: &Bench, clio: i64) -> Value {
    let state = bench.state();
    let matter = state["matters"].as_array().unwrap().iter().find(|matter| matter["id"] == clio).unwrap();
    matter["practice_area"].clone()
}

fn of_type(matter: &str, case_type: &str) -> Value {
    let mut whole = intake(matter, "c1", None, &[]);
    whole["matter"]["case_type"] = json!(case_type);
    whole
}

/// The id of a practice area on the page of mappings.
async fn area_named(service: &Backend, name: &str) -> i64 {
    let (_, page) = service.get("/mappings", ADMIN).await;
    let areas = page["practice_areas"].as_array().unwrap().clone();
    let area = areas.iter().find(|area| area["name"] == name).unwrap_or_else(|| panic!("{name}: {areas:?}"));
    area["id"].as_str().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_case_type_that_nobody_mapped_goes_to_the_fallback_if_there_is_one() {
    let (bench, service) = connected().await;
    for matter in ["m1", "m2"] {
        bench.matter(matter, &of_type(matter, "Falconry"));
    }
    bench.matter("m3", &of_type("m3", "family_law"));
    let without = service.synced("m1").await;
    assert_eq!(area_of(&bench, without), Value::Null, "by default it goes without");
    let fallback = area_named(&service, "Real Estate Closings").await;
    let (_, mut settings) = service.get("/settings", ADMIN).await;
    settings["fallback_area"] = json!(fallback.to_string());
    assert_eq!(service.put("/settings", ADMIN, settings).await.0, StatusCode::OK);
    let with = service.synced("m2").await;
    assert_eq!(area_of(&bench, with)["name"], "Real Estate Closings");
    let mapped = service.synced("m3").await;
    assert_eq!(area_of(&bench, mapped)["name"], "Family & Divorce", "only what nobody mapped");
    let noted = service.audit("mapping").await;
    assert_eq!(noted[0]["details"]["fallback"], fallback.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_practice_area_that_was_renamed_in_clio_goes_on_to_be_used_where_the_firm_mapped_it() {
    let (bench, service) = connected().await;
    bench.matter("m1", &of_type("m1", "Falconry"));
    let own = json!({ "practice_area": "Real Estate Closings" });
    assert_eq!(service.put("/mappings/Falconry", ADMIN, own).await.0, StatusCode::OK);
    let area = area_named(&service, "Real Estate Closings").await;
    bench.edit("practice_areas", area, &json!({ "name": "Birds" }));
    let clio = service.synced("m1").await;
    let used = area_of(&bench, clio);
    assert_eq!((used["id"].as_i64(), &used["name"]), (Some(area), &json!("Birds")));
    // Once the list was loaded again, here by reconnecting, the page knows the new name, and the
    // mapping holds.
    assert!(service.connect(ADMIN).await.0.is_redirection());
    let (_, page) = service.get("/mappings", ADMIN).await;
    let mapping = page["mappings"].as_array().unwrap().iter().find(|one| one["case_type"] == "Falconry").unwrap();
    assert_eq!((&mapping["name"], &mapping["own"]), (&json!("Birds"), &json!(true)), "{mapping}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_matter_of_which_something_stayed_behind_is_partial_until_a_retry_brings_it() {
    let (bench, service) = connected().await;
    bench.matter("m1", &intake("m1", "c1", None, &["d1", "d2"]));
    let refusal = Action::Status { status: 422, html: false, executed: false, retry_after: None };
    bench.sim.model().add_fault(Fault::new("POST", "/api/v4/documents", refusal));
    service.post("/matters/m1/sync", MEMBER, json!({})).await;
    service.until("its end", async || service.get("/matters/m1", MEMBER).await.1["status"] == "partial").await;
    let (_, state) = service.get("/matters/m1", MEMBER).await;
    assert!(state["clio_matter"].is_string() && state["clio_contact"].is_string(), "{state}");
    let arrived: Vec<_> = state["clio_documents"].as_object().unwrap().keys().collect();
    assert_eq!(arrived, ["m1/d2/d2"], "one of two");
    assert_eq!((&state["last_run"]["status"], &state["parked"]), (&json!("partial"), &json!(false)), "{state}");
    assert_eq!(service.get("/status", MEMBER).await.1["last_failure"]["failure"]["code"], "clio_validation");
    let (_, log) = service.get("/sync-log?matter=m1", MEMBER).await;
    let run = &log["items"][0];
    let outcomes: Vec<&str> =
        run["steps"].as_array().unwrap().iter().map(|step| step["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["created", "created", "failed", "created"], "the other document arrived");
    let id = run["run"].as_str().unwrap();
    assert_eq!(service.post(&format!("/sync-log/{id}/retry"), MEMBER, json!({})).await.0, StatusCode::ACCEPTED);
    service.arrived("m1").await;
    assert_each_once(&bench.state(), 1, 1, 2, "what was missing, and no more");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_log_is_asked_by_status_actor_and_time() {
    let (bench, service) = connected().await;
    service.get("/settings", MEMBER).await;
    // To the millisecond, and of a time between two entries.
    let pause = std::time::Duration::from_millis(20);
    tokio::time::sleep(pause).await;
    let between = bench.state()["now_ms"].as_i64().unwrap();
    tokio::time::sleep(pause).await;
    let (_, settings) = service.get("/settings", ADMIN).await;
    service.put("/settings", OTHER_ADMIN, settings).await;
    service.get("/audit", MEMBER).await;
    let asked = async |query: &str| {
        let (status, page) = service.get(&format!("/audit?limit=500&{query}"), ADMIN).await;
        assert_eq!(status, StatusCode::OK, "{query}: {page}");
        page["items"].as_array().unwrap().clone()
    };
    let all = asked("").await;
    // The answer to each question is what the question says of the whole log, and neither all nor
    // nothing of it.
    let time = rfc3339(between);
    let at = |entry: &Value| Timestamp::parse(entry["at"].as_str().unwrap()).unwrap().0;
    let expect = |query: String, takes: &dyn Fn(&Value) -> bool| {
        let expected: Vec<Value> = all.iter().filter(|entry| takes(entry)).cloned().collect();
        assert!(!expected.is_empty() && expected.len() < all.len(), "{query}");
        (query, expected)
    };
    let questions = [
        expect("status=refused".into(), &|entry| entry["status"] == "refused"),
        expect("status=ok".into(), &|entry| entry["status"] == "ok"),
        expect("action=settings".into(), &|entry| entry["action"] == "settings"),
        expect("action=denied&actor=usr_3".into(), &|entry| entry["action"] == "denied"),
        expect("actor=usr_2".into(), &|entry| entry["actor"] == "usr_2"),
        expect("actor=system".into(), &|entry| entry["actor"] == "system"),
        expect(format!("since={time}"), &|entry| at(entry) >= between),
        expect(format!("until={time}"), &|entry| at(entry) < between),
        expect(format!("status=refused&actor=usr_3&since={time}"), &|entry| {
            (&entry["status"], &entry["actor"]) == (&json!("refused"), &json!("usr_3")) && at(entry) >= between
        }),
    ];
    for (query, expected) in questions {
        assert_eq!(asked(&query).await, expected, "{query}");
    }
    assert!(asked("status=failed").await.is_empty());
    for wrong in ["status=perhaps", "action=Settings", "action=", "since=soon", "until=2026-01-01", "actor=a%20b"] {
        assert_eq!(service.get(&format!("/audit?{wrong}"), ADMIN).await.0, StatusCode::BAD_REQUEST, "{wrong}");
    }
}

/// As the query wants it.
fn rfc3339(millis: i64) -> String {
    Timestamp(millis).to_rfc3339()
}
