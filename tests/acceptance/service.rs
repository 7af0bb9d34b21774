//! The example service over HTTP, with a Clio that delivers real webhooks to it: the way back,
//! disconnecting, reconnecting, roles, settings, health.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::time::Duration;

use crate::backend::{ADMIN, Backend, MEMBER, OTHER_ADMIN, STRANGER};
use crate::bench::{Bench, intake};
use clio_sim::{Action, Config, Fault};
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

async fn bench() -> Bench {
    Bench::with(Config { rate_limit: 1_000_000, http_webhooks: true, ..Config::default() }).await
}

fn statuses(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["status"].as_str().unwrap()).collect()
}

/// FAQ: "matter status updates (Open/Closed) sync via webhooks".
#[tokio::test(flavor = "multi_thread")]
async fn status_comes_back_once_and_in_order() {
    let bench = bench().await;
    bench.matter("m1", &intake("m1", "c1", None, &["d1"]));
    let service = Backend::start(&bench);
    service.connected().await;
    let clio = service.synced("m1").await;
    for status in ["pending", "closed", "open"] {
        bench.edit("matters", clio, &json!({ "status": status }));
        let told = service.events("matter_status", 1).await;
        assert_eq!(statuses(&told), [status]);
        assert_eq!(told[0]["clio_matter"], clio.to_string());
        // Clio's times are whole seconds.
        tokio::time::sleep(Duration::from_millis(1100)).await;
    }
    // Something else changes, delivered twice: nothing to tell.
    bench.sim.model().config_mut().hook_duplicates = 2;
    bench.edit("matters", clio, &json!({ "description": "Asdfgh v. Yxcvbn, changed" }));
    bench.edit("matters", clio, &json!({ "status": "closed" }));
    assert_eq!(statuses(&service.events("matter_status", 1).await), ["closed"]);
    assert!(service.events_soon("matter_status").await.is_empty(), "once");
    assert!(!service.audit("webhook_applied").await.is_empty());
    service.assert_told_nothing(&bench);
}

/// FAQ: "Last write wins" for webhook updates.
#[tokio::test(flavor = "multi_thread")]
async fn a_late_event_never_undoes_a_newer_one() {
    let bench = bench().await;
    bench.matter("m1", &intake("m1", "c1", None, &[]));
    let service = Backend::start(&bench);
    service.connected().await;
    let clio = service.synced("m1").await;
    bench.sim.model().config_mut().hook_delay_ms = 3_000;
    bench.edit("matters", clio, &json!({ "status": "pending" }));
    tokio::time::sleep(Duration::from_millis(1100)).await;
    bench.sim.model().config_mut().hook_delay_ms = 0;
    bench.edit("matters", clio, &json!({ "status": "closed" }));
    assert_eq!(statuses(&service.events("matter_status", 1).await), ["closed"]);
    service.until("the late one", async || service.audit("webhook_received").await.len() >= 4).await;
    assert!(service.events_soon("matter_status").await.is_empty());
}

/// The public URL may have a path, which a proxy takes away.
#[tokio::test(flavor = "multi_thread")]
async fn after_connecting_the_browser_stays_below_the_path_of_the_public_url() {
    let bench = bench().await;
    let service = Backend::start(&bench);
    let browser = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let location = |answer: &reqwest::Response| answer.headers()["location"].to_str().unwrap().to_owned();
    let consent = location(&service.raw(Method::GET, "/connect", ADMIN, None).await);
    let back = location(&browser.get(consent).header("user-agent", "browser").send().await.unwrap());
    let callback = back.strip_prefix(&format!("http://{}", service.address())).unwrap();
    let ended = location(&service.raw(Method::GET, callback, ADMIN, None).await);
    let seen = url::Url::parse(&format!("https://host.example/clio{callback}")).unwrap();
    assert_eq!(seen.join(&ended).unwrap().as_str(), "https://host.example/clio/status");
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_deliveries_change_nothing() {
    let bench = bench().await;
    bench.matter("m1", &intake("m1", "c1", None, &[]));
    let service = Backend::start(&bench);
    service.connected().await;
    let clio = service.synced("m1").await;
    let hook = bench.state()["webhooks"][0].clone();
    let url = hook["url"].as_str().unwrap().to_owned();
    let path = url.rsplit_once("/webhooks/").map(|(_, token)| format!("/webhooks/{token}")).unwrap();
    let body = json!({ "data": { "id": clio, "status": "Closed", "updated_at": "2030-01-01T00:00:00Z" },
        "meta": { "event": "matter_closed", "webhook_id": 1 } });
    let post = async |path: &str, headers: Vec<(&str, String)>, body: String| {
        let client = reqwest::Client::new();
        let request = client.post(format!("http://{}{path}", service.address())).body(body);
        let request = headers.into_iter().fold(request, |request, (name, value)| request.header(name, value));
        request.send().await.unwrap()
    };
    let sign = |secret: &str, body: &str| {
        let mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap().chain_update(body);
        hex::encode(mac.finalize().into_bytes())
    };
    let text = body.to_string();
    assert_eq!(post(&path, vec![], text.clone()).await.status(), 401, "unsigned");
    let wrong = vec![("x-hook-signature", sign("guess", &text))];
    assert_eq!(post(&path, wrong, text.clone()).await.status(), 401, "wrong secret");
    // A handshake of one's own, and a delivery signed with it.
    let shake = post(&path, vec![("x-hook-secret", "mine".into())], String::new()).await;
    assert_eq!((shake.status().as_u16(), shake.headers()["x-hook-secret"].to_str().unwrap()), (200, "mine"));
    let mine = vec![("x-hook-signature", sign("mine", &text))];
    assert_eq!(post(&path, mine, text.clone()).await.status(), 401, "Clio has named its own");
    let secret = bench.sim.model().webhook_secrets().remove(0);
    let altered = vec![("x-hook-signature", sign(&secret, &text))];
    assert_eq!(post(&path, altered, text.replace("Closed", "Open")).await.status(), 401, "altered");
    assert_eq!(post("/webhooks/Zmlybl8x.AAAA", vec![], text.clone()).await.status(), 404, "unknown");
    assert_eq!(post(&path, vec![], "x".repeat(100_000)).await.status(), 413, "large");
    assert_eq!(post(&path, vec![("x-hook-secret", "x".repeat(300))], String::new()).await.status(), 400);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(service.events_soon("matter_status").await.is_empty());
    assert_eq!(service.audit("webhook_refused").await.len(), 1, "one entry a minute");
    // Clio's own deliveries go on to count.
    bench.edit("matters", clio, &json!({ "status": "pending" }));
    assert_eq!(statuses(&service.events("matter_status", 1).await), ["pending"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_in_clio_is_told_and_nothing_is_created_again() {
    let bench = bench().await;
    bench.matter("m1", &intake("m1", "c1", None, &[]));
    let service = Backend::start(&bench);
    service.connected().await;
    let clio = service.synced("m1").await;
    bench.delete("matters", clio);
    let gone = service.events("matter_gone", 1).await;
    assert_eq!((gone[0]["matter"].as_str(), gone[0]["deleted"].as_bool()), (Some("m1"), Some(true)));
    let state = service.get("/matters/m1", MEMBER).await.1;
    assert_eq!((&state["status"], &state["clio_status"]["status"]), (&json!("gone"), &json!("gone")), "{state}");
    service.post("/matters/m1/sync", MEMBER, json!({})).await;
    let told = async || service.get("/matters/m1", MEMBER).await.1["last_run"]["failure"]["code"].clone();
    service.until("told", async || told().await == "linked_record_gone").await;
    assert_eq!(service.get("/matters/m1", MEMBER).await.1["status"], "gone");
    assert_eq!(bench.state()["matters"].as_array().unwrap().len(), 0);
}

/// FAQ: "This revokes tokens and deactivates. Existing data is preserved in both systems", and
/// "Previously synced matters keep their links".
#[tokio::test(flavor = "multi_thread")]
async fn disconnecting_revokes_and_keeps_everything_and_reconnecting_duplicates_nothing() {
    let bench = bench().await;
    bench.matter("m1", &intake("m1", "c1", Some("c1@zyx.qwertz.example"), &["d1"]));
    let service = Backend::start(&bench);
    service.connected().await;
    let clio = service.synced("m1").await;
    let secrets = bench.sim.model().secrets();

    assert_eq!(service.post("/disconnect", OTHER_ADMIN, json!({})).await.0, StatusCode::OK);
    let state = bench.state();
    assert_eq!(state["webhooks"].as_array().unwrap().len(), 0, "our subscriptions are gone");
    let oauth = &state["oauth"];
    assert_eq!((oauth["live_access_tokens"].as_i64(), oauth["live_refresh_tokens"].as_i64()), (Some(0), Some(0)));
    assert_eq!(state["matters"].as_array().unwrap().len(), 1, "data stays");
    let by_route = state["calls"]["by_route"].as_object().unwrap();
    let deletes: Vec<&String> = by_route.keys().filter(|route| route.starts_with("DELETE")).collect();
    assert_eq!(deletes, ["DELETE /webhooks/{id}"], "and nothing but subscriptions was deleted");
    let (_, health) = service.get("/status", MEMBER).await;
    assert_eq!((health["state"].as_str(), &health["connection"]["unrevoked"]), (Some("disconnected"), &Value::Null));

    // What is approved meanwhile waits, and leaves only when an admin says so.
    bench.matter("m2", &intake("m2", "c1", Some("c1@zyx.qwertz.example"), &[]));
    assert_eq!(service.post("/matters/m2/approved", MEMBER, json!({})).await.0, StatusCode::ACCEPTED);
    assert_eq!(service.get("/held", MEMBER).await.1[0]["matter"], "m2");

    service.connected().await;
    assert_eq!(service.get("/status", ADMIN).await.1["held_matters"], 1);
    assert_eq!(service.synced("m1").await, clio, "the same link");
    assert_eq!(bench.state()["matters"].as_array().unwrap().len(), 1);
    let held = service.post("/held", ADMIN, json!({ "run": true })).await;
    assert_eq!(held.1["matters"], 1, "{held:?}");
    service.arrived("m2").await;
    let state = bench.state();
    assert_eq!(state["matters"].as_array().unwrap().len(), 2);
    assert_eq!(state["contacts"].as_array().unwrap().len(), 1, "no duplicate");
    assert_eq!(state["webhooks"].as_array().unwrap().len(), 1);
    // The new subscription works for the old link.
    bench.edit("matters", clio, &json!({ "status": "closed" }));
    assert_eq!(statuses(&service.events("matter_status", 1).await), ["closed"]);
    service.assert_told_nothing(&bench);
    service.assert_logged_none_of(&secrets);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disconnect_while_clio_is_unreachable_is_carried_out_later() {
    let bench = bench().await;
    let service = Backend::start(&bench);
    service.connected().await;
    bench.sim.model().add_fault(Fault::new("DELETE", "/api/v4/webhooks", Action::LostRequest { hang: false }));
    assert_eq!(service.post("/disconnect", ADMIN, json!({})).await.0, StatusCode::OK);
    assert_eq!(service.get("/status", ADMIN).await.1["state"], "revoking");
    // Nobody gets a token any more.
    bench.matter("m1", &intake("m1", "c1", None, &[]));
    service.post("/matters/m1/sync", MEMBER, json!({})).await;
    assert_eq!(bench.state()["contacts"].as_array().unwrap().len(), 0);
    bench.sim.model().clear_faults();
    // A reconnect does not wait for it: what may still be honoured is said.
    let (status, _) = service.connect(ADMIN).await;
    assert!(status.is_redirection());
    let noted = service.audit("disconnect").await;
    assert!(noted.iter().any(|entry| entry["details"]["unrevoked"] == "reconnected"), "{noted:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authorization_that_ends_inside_clio_disconnects_and_a_false_claim_does_not() {
    // Clio refuses a dead token in JSON, or as Doorkeeper does: with an empty page.
    tokio::join!(ended_inside_clio(false), ended_inside_clio(true));
}

async fn ended_inside_clio(empty_401: bool) {
    let bench = bench().await;
    bench.sim.model().config_mut().empty_401 = empty_401;
    let service = Backend::start(&bench);
    service.connected().await;
    let claim = async || service.post("/deauthorized/firm_1", STRANGER, json!({})).await.0;
    bench.sim.model().revoke_all(true, false);
    assert_eq!(claim().await, StatusCode::NO_CONTENT);
    assert_eq!(
        service.get("/status", ADMIN).await.1["state"],
        "connected",
        "an access token that ended proves nothing"
    );
    let service = Backend::start(&bench);
    bench.sim.model().revoke_all(true, true);
    let claim = async || service.post("/deauthorized/firm_1", STRANGER, json!({})).await.0;
    assert_eq!(claim().await, StatusCode::NO_CONTENT);
    assert_eq!(service.get("/status", ADMIN).await.1["state"], "disconnected");
    assert_eq!(service.events("disconnected", 1).await.len(), 1);
}

/// FAQ: "Per-firm. … Any firm admin can manage it."
#[tokio::test(flavor = "multi_thread")]
async fn any_admin_manages_the_one_connection_and_nobody_else_does() {
    let bench = bench().await;
    bench.matter("m1", &intake("m1", "c1", None, &[]));
    let service = Backend::start(&bench);
    assert_eq!(service.connect(MEMBER).await.0, StatusCode::FORBIDDEN);
    service.connected().await;
    // Every user of the firm syncs over the one connection.
    service.synced("m1").await;
    for (method, path) in [
        (Method::GET, "/settings"),
        (Method::GET, "/settings/export"),
        (Method::GET, "/mappings"),
        (Method::GET, "/audit"),
        (Method::POST, "/disconnect"),
    ] {
        let body = (method == Method::POST).then(|| json!({}));
        let answer = service.raw(method, path, MEMBER, body).await;
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{path}");
    }
    let (_, settings) = service.get("/settings", ADMIN).await;
    assert_eq!(service.put("/settings", MEMBER, settings).await.0, StatusCode::FORBIDDEN);
    assert_eq!(service.post("/held", MEMBER, json!({ "run": true })).await.0, StatusCode::FORBIDDEN);
    let denied = service.audit("denied").await;
    assert_eq!(denied.len(), 8, "{denied:?}");
    assert!(denied.iter().all(|entry| entry["actor"] == "usr_3"));
    assert_eq!(service.get("/status", ADMIN).await.1["state"], "connected");
    // An admin who did not connect.
    assert_eq!(service.get("/audit", OTHER_ADMIN).await.0, StatusCode::OK);
    assert_eq!(service.post("/disconnect", OTHER_ADMIN, json!({})).await.0, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_firm_sees_and_does_nothing_of_another_firms() {
    let bench = bench().await;
    bench.matter("m1", &intake("m1", "c1", None, &[]));
    let service = Backend::start(&bench);
    service.connected().await;
    service.synced("m1").await;
    let (_, log) = service.get("/sync-log", ADMIN).await;
    let run = log["items"][0]["run"].as_str().unwrap();
    assert_eq!(service.get("/status", STRANGER).await.1["state"], "not_connected");
    assert_eq!(service.get("/sync-log", STRANGER).await.1["items"], json!([]));
    assert_eq!(service.get("/audit", STRANGER).await.1["items"], json!([]));
    assert_eq!(service.get("/matters/m1", STRANGER).await.1["status"], "not_synced");
    assert_eq!(service.get("/events", STRANGER).await.1, json!([]));
    assert_ne!(service.post(&format!("/sync-log/{run}/retry"), STRANGER, json!({})).await.0, StatusCode::ACCEPTED);
    assert_eq!(service.post("/disconnect", STRANGER, json!({})).await.0, StatusCode::CONFLICT);
    assert_eq!(service.get("/status", ADMIN).await.1["state"], "connected");
    // Nobody at all.
    let nobody = reqwest::get(format!("http://{}/status", service.address())).await.unwrap();
    assert_eq!(nobody.status(), StatusCode::UNAUTHORIZED);
}

/// FAQ: "Case type → Clio practice area mappings are configurable … Default mappings work for most
/// firms."
#[tokio::test(flavor = "multi_thread")]
async fn case_types_map_by_default_and_as_the_firm_says() {
    let bench = bench().await;
    bench.matter("m1", &intake("m1", "c1", None, &[]));
    bench.matter("m2", &intake("m2", "c1", None, &[]));
    let service = Backend::start(&bench);
    service.connected().await;
    let area_of = |clio: i64| {
        let state = bench.state();
        let matters = state["matters"].as_array().unwrap().clone();
        let matter = matters.iter().find(|matter| matter["id"] == clio).unwrap().clone();
        matter["practice_area"]["name"].as_str().map(str::to_owned)
    };
    let first = service.synced("m1").await;
    assert_eq!(area_of(first).as_deref(), Some("Family & Divorce"), "the default of family_law");
    let (_, page) = service.get("/mappings", ADMIN).await;
    let mapped = |page: &Value, case_type: &str| {
        let mappings = page["mappings"].as_array().unwrap().clone();
        mappings.into_iter().find(|mapping| mapping["case_type"] == case_type).unwrap()
    };
    assert_eq!(mapped(&page, "family_law")["name"], "Family & Divorce");
    assert!(page["mappings"].as_array().unwrap().len() > 50 && !page["practice_areas"].as_array().unwrap().is_empty());
    let own = json!({ "practice_area": "real estate  closings" });
    assert_eq!(service.put("/mappings/family_law", OTHER_ADMIN, own).await.0, StatusCode::OK);
    let second = service.synced("m2").await;
    assert_eq!(area_of(second).as_deref(), Some("Real Estate Closings"));
    let (status, _) = service.put("/mappings/family_law", ADMIN, json!({ "practice_area": "Maritime" })).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "no such practice area");
    // Versioned: who read an older revision overwrites nothing.
    let (_, settings) = service.get("/settings", ADMIN).await;
    let mut stale = settings.clone();
    (stale["revision"], stale["sync_when_approved"]) = (json!(0), json!(false));
    assert_eq!(service.put("/settings", ADMIN, stale).await.0, StatusCode::CONFLICT);
    assert_eq!(service.get("/settings", ADMIN).await.1, settings);
    // Carried elsewhere as a document.
    let document = service.raw(Method::GET, "/settings/export", ADMIN, None).await.text().await.unwrap();
    assert!(document.contains("\"family_law\": \"Real Estate Closings\""), "{document}");
    service.put("/mappings/family_law", ADMIN, json!({ "practice_area": null })).await;
    let (_, page) = service.get("/mappings", ADMIN).await;
    assert_eq!(mapped(&page, "family_law")["own"], false);
    let client = reqwest::Client::new();
    let put = client.put(format!("http://{}/settings/export", service.address())).body(document);
    let put = put.header("x-casehug-firm", ADMIN.0).header("x-casehug-user", ADMIN.1).header("x-casehug-role", ADMIN.2);
    assert_eq!(put.send().await.unwrap().status(), StatusCode::OK);
    let (_, page) = service.get("/mappings", ADMIN).await;
    assert_eq!(mapped(&page, "family_law")["name"], "Real Estate Closings");
    assert!(service.audit("mapping").await.len() >= 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_permission_for_webhooks_the_firm_is_connected_and_told_what_to_correct() {
    let bench = bench().await;
    bench.sim.model().config_mut().permissions.insert("webhooks".into(), clio_sim::Level::None);
    let service = Backend::start(&bench);
    assert!(service.connect(ADMIN).await.0.is_redirection());
    service.until("advice", async || service.get("/status", ADMIN).await.1["webhooks"]["cause"].is_object()).await;
    let (_, health) = service.get("/status", ADMIN).await;
    assert_eq!((health["state"].as_str(), health["webhooks"]["delivers"].as_bool()), (Some("degraded"), Some(false)));
    assert_eq!(health["advice"][0]["code"], "app_permission_missing");
    bench.matter("m1", &intake("m1", "c1", None, &["d1"]));
    service.synced("m1").await;
}

/// The service dies in the middle, and Clio repeats what it could not deliver: checked with the
/// simulation for all its times; here, that a restart keeps what it was told.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_recorded_before_a_kill_is_told_after_it() {
    let bench = bench().await;
    bench.matter("m1", &intake("m1", "c1", None, &[]));
    let service = Backend::start(&bench);
    service.connected().await;
    let clio = service.synced("m1").await;
    let address = service.address().to_owned();
    bench.edit("matters", clio, &json!({ "status": "closed" }));
    tokio::time::sleep(Duration::from_millis(300)).await;
    service.kill();
    let service = Backend::start_on(&bench, &address);
    assert_eq!(statuses(&service.events("matter_status", 1).await), ["closed"]);
}

/// The vendor's roadmap: two-way contact sync that people review. Nothing flows by itself.
#[tokio::test(flavor = "multi_thread")]
async fn changed_contacts_are_proposed_in_both_directions_and_flow_only_when_accepted() {
    let bench = bench().await;
    let email = "c1@zyx.qwertz.example";
    bench.matter("m1", &intake("m1", "c1", Some(email), &[]));
    let service = Backend::start(&bench);
    service.connected().await;
    service.synced("m1").await;
    let contact = bench.state()["contacts"][0]["id"].as_i64().unwrap();
    // Off by default: no subscription, no proposal.
    assert_eq!(bench.state()["webhooks"].as_array().unwrap().len(), 1);
    let (_, mut settings) = service.get("/settings", ADMIN).await;
    settings["contact_review"] = json!(true);
    assert_eq!(service.put("/settings", ADMIN, settings).await.0, StatusCode::OK);
    service
        .until("the subscription for contacts", async || {
            let hooks = bench.state()["webhooks"].as_array().unwrap().clone();
            hooks.iter().filter(|hook| hook["status"] == "enabled").count() == 2
        })
        .await;

    // Something that is not synced: told by Clio the first time, and no proposal.
    bench.edit("contacts", contact, &json!({ "title": "Dr." }));
    service.until("the delivery", async || !service.audit("webhook_received").await.is_empty()).await;
    let proposals = async || service.get("/contact-proposals", ADMIN).await.1;
    assert_eq!(proposals().await, json!([]));

    bench.edit("contacts", contact, &json!({ "first_name": "Zyxwvut Anew" }));
    let told = service.events("contact_proposed", 1).await;
    assert_eq!(told[0]["client"], "c1");
    let answer = service.raw(Method::GET, "/contact-proposals", MEMBER, None).await;
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    let found = service.raw(Method::GET, "/contact-proposals", ADMIN, None).await.json::<Value>().await.unwrap();
    assert_eq!((&found[0]["first_name"], &found[0]["emails"]), (&json!("Zyxwvut Anew"), &json!([email])));
    let id = found[0]["id"].as_str().unwrap();
    assert_eq!((told[0]["proposal"].as_str(), &found[0]["direction"]), (Some(id), &json!("from_clio")));
    service.assert_told_nothing(&bench);
    let decide = async |id: &str, accept: bool| {
        service.post(&format!("/contact-proposals/{id}"), ADMIN, json!({ "accept": accept })).await.0
    };
    assert_eq!(decide(id, true).await, StatusCode::NO_CONTENT);
    assert_eq!(service.events("contact_accepted", 1).await[0]["proposal"], id);
    service.post(&format!("/contact-proposals/{id}/applied"), ADMIN, json!({})).await;
    assert_eq!(proposals().await, json!([]));

    // The other direction. Rejected: nothing. Accepted: a guarded change.
    let mut changed = intake("m1", "c1", Some("new@zyx.qwertz.example"), &[]);
    changed["client"]["last_name"] = json!("Qwertzuiop Married");
    bench.matter("m1", &changed);
    let before = bench.state()["contacts"][0].clone();
    let propose = async || {
        let (_, answer) = service.post("/matters/m1/contact-changed", MEMBER, json!({})).await;
        answer["proposal"].as_str().unwrap().to_owned()
    };
    assert_eq!(decide(&propose().await, false).await, StatusCode::NO_CONTENT);
    assert_eq!(bench.state()["contacts"][0], before);
    assert_eq!(decide(&propose().await, true).await, StatusCode::NO_CONTENT);
    let after = bench.state()["contacts"][0].clone();
    assert_eq!(after["last_name"], "Qwertzuiop Married");
    let addresses: Vec<&str> =
        after["email_addresses"].as_array().unwrap().iter().map(|one| one["address"].as_str().unwrap()).collect();
    assert_eq!(addresses, [email, "new@zyx.qwertz.example"], "added, and nothing taken away");
    // Our own change does not come back as a proposal.
    tokio::time::sleep(Duration::from_millis(800)).await;
    assert_eq!(proposals().await, json!([]));
    assert_eq!(decide(id, true).await, StatusCode::NOT_FOUND, "over");
    service.assert_told_nothing(&bench);
}

/// Without the permission for Users nobody says whose account it is: what was synced does.
#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_does_not_say_its_name_is_known_by_what_was_synced_there() {
    let bench = Bench::with(Config {
        no_users_permission: true,
        rate_limit: 1_000_000,
        http_webhooks: true,
        ..Config::default()
    })
    .await;
    bench.matter("m1", &intake("m1", "c1", None, &[]));
    let service = Backend::start(&bench);
    service.connected().await;
    let clio = service.synced("m1").await;
    service.post("/disconnect", ADMIN, json!({})).await;
    // Every practice area is another one now.
    let areas = json!({ "replace_practice_areas": true, "practice_areas": [{ "name": "Another" }] });
    let now = bench.sim.now();
    bench.sim.model().seed(now, &areas).unwrap();
    service.connected().await;
    assert_eq!(service.synced("m1").await, clio);
    // Nothing that was synced is there: it cannot be told, and is refused.
    service.post("/disconnect", ADMIN, json!({})).await;
    bench.delete("matters", clio);
    bench.sim.model().seed(now, &areas).unwrap();
    let (_, answer) = service.connect(ADMIN).await;
    assert_eq!(answer["error"]["code"], "app_permission_missing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_practice_area_that_was_deleted_in_clio_is_left_out_and_shown_as_missing() {
    let bench = bench().await;
    bench.matter("m1", &intake("m1", "c1", None, &[]));
    let service = Backend::start(&bench);
    service.connected().await;
    let own = json!({ "practice_area": "Real Estate Closings" });
    assert_eq!(service.put("/mappings/family_law", ADMIN, own).await.0, StatusCode::OK);
    let (_, page) = service.get("/mappings", ADMIN).await;
    let mapped = page["mappings"].as_array().unwrap().iter().find(|one| one["case_type"] == "family_law").unwrap();
    let area = mapped["id"].as_str().unwrap().parse::<i64>().unwrap();
    bench.delete("practice_areas", area);
    service.post("/matters/m1/sync", MEMBER, json!({})).await;
    service.until("the failure", async || !service.audit("matter_failed").await.is_empty()).await;
    assert_eq!(service.audit("matter_failed").await[0]["code"], "practice_area_gone");
    let (_, page) = service.get("/mappings", ADMIN).await;
    let mapped = page["mappings"].as_array().unwrap().iter().find(|one| one["case_type"] == "family_law").unwrap();
    assert_eq!(mapped["to"], "missing");
    // The next run, by itself or because somebody asks, goes without it.
    service.synced("m1").await;
    assert_eq!(bench.state()["matters"][0]["practice_area"], Value::Null);
}
