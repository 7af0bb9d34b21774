//! Deliveries at the edges of a connection: twice, late, for somebody else's matter, to a
//! subscription that ended, and none at all.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::time::Duration;

use crate::backend::{ADMIN, Backend, MEMBER};
use crate::bench::{Bench, intake};
use clio_sim::Config;
use reqwest::StatusCode;
use serde_json::{Value, json};

/// A firm that is connected, and its matter `m1`, by its id in Clio.
async fn synced() -> (Bench, Backend, i64) {
    let bench = Bench::with(Config { rate_limit: 1_000_000, http_webhooks: true, ..Config::default() }).await;
    bench.matter("m1", &intake("m1", "c1", None, &[]));
    let service = Backend::start(&bench);
    service.connected().await;
    let clio = service.synced("m1").await;
    // Clio tells of the creation as well.
    service.until("that", async || !effects(&service, clio).await.is_empty()).await;
    (bench, service, clio)
}

/// What each delivery about a record of Clio's did, newest first.
async fn effects(service: &Backend, clio: i64) -> Vec<String> {
    let (received, clio) = (service.audit("webhook_received").await, clio.to_string());
    let about = received.iter().filter(|entry| entry["details"]["clio"] == clio);
    about.map(|entry| entry["details"]["effect"].as_str().unwrap().to_owned()).collect()
}

/// A delivery, its subscription and the secret of that.
fn closed(bench: &Bench, clio: i64) -> (Value, String, Value) {
    let later = "2030-01-01T00:00:00Z";
    let body = json!({ "data": { "id": clio, "status": "Closed", "updated_at": later }, "meta": { "event": "matter_closed" } });
    let secret = bench.sim.model().webhook_secrets().remove(0);
    (bench.state()["webhooks"][0].clone(), secret, body)
}

async fn statuses_soon(service: &Backend) -> Vec<String> {
    let told = service.events_soon("matter_status").await;
    told.iter().map(|event| event["status"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_comes_twice_is_recorded_once() {
    let (bench, service, clio) = synced().await;
    let (hook, secret, body) = closed(&bench, clio);
    let (first, second) = tokio::join!(service.deliver(&hook, &secret, &body), service.deliver(&hook, &secret, &body));
    assert_eq!((first, second), (StatusCode::OK, StatusCode::OK), "both are answered as received");
    assert_eq!(service.events("matter_status", 1).await[0]["status"], "closed");
    assert_eq!(service.deliver(&hook, &secret, &body).await, StatusCode::OK);
    assert!(statuses_soon(&service).await.is_empty());
    let effects = effects(&service, clio).await;
    assert_eq!((effects.len(), effects[0].as_str()), (2, "told"), "the creation, and this: {effects:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_url_of_a_subscription_that_ended_answers_410_and_takes_nothing_in() {
    let (bench, service, clio) = synced().await;
    let (hook, secret, body) = closed(&bench, clio);
    service.post("/disconnect", ADMIN, json!({})).await;
    let before = effects(&service, clio).await;
    assert_eq!(service.deliver(&hook, &secret, &body).await, StatusCode::GONE);
    service.connected().await;
    assert_eq!(
        service.deliver(&hook, &secret, &body).await,
        StatusCode::GONE,
        "nor does it come back with a reconnect"
    );
    assert!(statuses_soon(&service).await.is_empty());
    assert_eq!(effects(&service, clio).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_matter_of_clios_that_is_not_ours_is_ignored() {
    let (bench, service, _) = synced().await;
    let now = bench.sim.now();
    let theirs = json!({ "contacts": [{ "type": "Company", "name": "Theirs" }],
        "matters": [{ "description": "Not from CaseHug", "client_index": 0 }] });
    let theirs = bench.sim.model().seed(now, &theirs).unwrap()["matters"][0].as_i64().unwrap();
    bench.edit("matters", theirs, &json!({ "status": "closed" }));
    service.until("its deliveries", async || effects(&service, theirs).await.len() == 2).await;
    assert_eq!(effects(&service, theirs).await, ["not_ours", "not_ours"]);
    assert!(statuses_soon(&service).await.is_empty());
    assert!(service.audit("webhook_applied").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_that_changed_while_disconnected_is_told_after_the_reconnect() {
    let (bench, service, clio) = synced().await;
    service.post("/disconnect", ADMIN, json!({})).await;
    bench.edit("matters", clio, &json!({ "status": "closed" }));
    assert!(statuses_soon(&service).await.is_empty(), "nobody may ask Clio");
    service.connected().await;
    let told = service.events("matter_status", 1).await;
    assert_eq!((&told[0]["matter"], &told[0]["status"]), (&json!("m1"), &json!("closed")));
    assert!(!service.audit("reconcile").await.is_empty(), "found by asking");
    assert!(statuses_soon(&service).await.is_empty(), "once");
}

/// "Last write wins", and the last writer may have been CaseHug.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_in_clio_that_is_older_than_the_hosts_own_is_dropped_and_a_newer_one_is_told() {
    let (bench, service, clio) = synced().await;
    bench.sim.model().config_mut().hook_delay_ms = 6_000;
    bench.edit("matters", clio, &json!({ "status": "pending" }));
    // Clio's times are whole seconds, and so is what is known of its clock.
    tokio::time::sleep(Duration::from_millis(3_000)).await;
    let at = bench.state()["now"].clone();
    let changed = service.post("/matters/m1/status-changed", ADMIN, json!({ "at": at })).await;
    assert_eq!(changed.0, StatusCode::NO_CONTENT, "{}", changed.1);
    service.until("the late ones", async || effects(&service, clio).await.len() == 3).await;
    assert_eq!(effects(&service, clio).await[..2], ["nothing_new", "nothing_new"]);
    assert!(statuses_soon(&service).await.is_empty());
    bench.sim.model().config_mut().hook_delay_ms = 0;
    bench.edit("matters", clio, &json!({ "status": "closed" }));
    assert_eq!(service.events("matter_status", 1).await[0]["status"], "closed");
    // Of a matter that is not in Clio nothing can be known.
    let unknown = service.post("/matters/m9/status-changed", ADMIN, json!({ "at": at })).await;
    assert_eq!((unknown.0, &unknown.1["error"]["code"]), (StatusCode::NOT_FOUND, &json!("not_synced_yet")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proposal_that_is_rejected_tells_the_host_nothing_and_does_not_come_again() {
    let (bench, service, _) = synced().await;
    let (_, mut settings) = service.get("/settings", ADMIN).await;
    settings["contact_review"] = json!(true);
    service.put("/settings", ADMIN, settings).await;
    let enabled = async || {
        let hooks = bench.state()["webhooks"].as_array().unwrap().clone();
        hooks.iter().filter(|hook| hook["status"] == "enabled").count() == 2
    };
    service.until("the subscription for contacts", enabled).await;
    let contact = bench.state()["contacts"][0]["id"].as_i64().unwrap();
    bench.edit("contacts", contact, &json!({ "first_name": "Zyxwvut Anew" }));
    let proposed = service.events("contact_proposed", 1).await;
    let id = proposed[0]["proposal"].as_str().unwrap().to_owned();
    let rejected = service.post(&format!("/contact-proposals/{id}"), ADMIN, json!({ "accept": false })).await;
    assert_eq!(rejected.0, StatusCode::NO_CONTENT);
    // Clio tells of the contact once more: what was rejected stays so.
    let hooks = bench.state()["webhooks"].as_array().unwrap().clone();
    let of_contacts = hooks.iter().position(|hook| hook["model"] == "contact").unwrap();
    let secret = bench.sim.model().webhook_secrets().remove(of_contacts);
    let body = json!({ "data": { "id": contact }, "meta": { "event": "updated" } });
    assert_eq!(service.deliver(&hooks[of_contacts], &secret, &body).await, StatusCode::OK);
    service.until("another delivery", async || effects(&service, contact).await.len() == 2).await;
    assert_eq!(effects(&service, contact).await, ["nothing_new", "told"]);
    let events = service.get("/events", ADMIN).await.1;
    assert_eq!(events, json!([]), "the host hears no more of it");
    let proposals = service.raw(reqwest::Method::GET, "/contact-proposals", ADMIN, None).await;
    assert_eq!(proposals.json::<Value>().await.unwrap(), json!([]));
    let decided: Vec<Value> = service.audit("contact_review").await;
    assert!(decided.iter().any(|entry| entry["details"]["decision"] == "rejected"), "{decided:?}");
    assert_eq!(service.get("/matters/m1", MEMBER).await.1["status"], "synced");
}
