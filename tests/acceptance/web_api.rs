//! `POST /api/{operation}`: every operation of the table, for each role, with arguments and results
//! as the OpenAPI document has them; and who is refused before any operation is asked.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::collections::BTreeSet;

use casehug_clio::{Access, operations};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::backend::{ADMIN, Backend, MEMBER, Who};
use crate::bench::{Bench, assert_no_client_data, intake};
use crate::routes::Scene;

/// An operation, its arguments, and the status for whoever may ask for it. In the order in which
/// they make sense: what ends the connection comes last. Braces are filled by [`Scene::fill`].
const TABLE: &[(&str, &str, u16)] = &[
    ("get_connection", "{}", 200),
    ("get_health", "{}", 200),
    ("rewrap_keys", "{}", 200),
    ("get_settings", "{}", 200),
    (
        "save_settings",
        r#"{"settings": {"revision": {revision}, "sync_when_approved": true, "sync_when_created": false, "contact_review": true,
            "on_name_mismatch": "review", "case_number_as_display_number": false, "practice_areas": {}, "fallback_area": null}}"#,
        200,
    ),
    ("change_settings", r#"{"change": {"revision": {revision}, "on_name_mismatch": "create"}}"#, 200),
    ("map_case_type", r#"{"case_type": "family_law", "practice_area": "Family & Divorce"}"#, 200),
    ("get_mappings", "{}", 200),
    ("reload_practice_areas", "{}", 200),
    ("export_settings", "{}", 200),
    ("import_settings", r#"{"document": "{}"}"#, 400),
    ("plan_matter", r#"{"matter": "{matter}"}"#, 200),
    ("sync_matter", r#"{"matter": "{matter}"}"#, 200),
    ("trigger_sync", r#"{"matter": "{matter}", "trigger": "manual"}"#, 200),
    ("get_matter_state", r#"{"matter": "{matter}"}"#, 200),
    ("list_held_matters", "{}", 200),
    ("release_held_matters", "{}", 200),
    ("discard_held_matters", "{}", 200),
    ("retry_run", r#"{"run": "{run}"}"#, 200),
    ("retry_failed", "{}", 200),
    ("list_runs", r#"{"query": {"limit": 5}}"#, 200),
    ("list_reviews", "{}", 200),
    ("resolve_review", r#"{"step": "contact", "id": "c1", "decision": {"answer": "create"}}"#, 404),
    ("begin_recovery", r#"{"since": "2026-01-01T00:00:00Z"}"#, 200),
    ("end_recovery", "{}", 200),
    ("plan_backfill", r#"{"matters": ["{matter}"]}"#, 200),
    ("start_backfill", r#"{"matters": ["{matter}"]}"#, 200),
    ("list_backfills", "{}", 200),
    ("pause_backfill", r#"{"id": "none"}"#, 404),
    ("resume_backfill", r#"{"id": "none"}"#, 404),
    ("cancel_backfill", r#"{"id": "none"}"#, 404),
    ("list_contact_proposals", "{}", 200),
    ("accept_contact_proposal", r#"{"proposal": "{proposal}"}"#, 200),
    ("reject_contact_proposal", r#"{"proposal": "none"}"#, 404),
    ("propose_contact", r#"{"matter": "{matter}"}"#, 200),
    ("list_audit", r#"{"query": {"status": "ok", "limit": 500}}"#, 200),
    ("export_audit", r#"{"from": 1, "limit": 100}"#, 200),
    ("prune_runs", r#"{"before": "2020-01-01T00:00:00Z"}"#, 200),
    ("prune_audit", r#"{"before": "2020-01-01T00:00:00Z"}"#, 200),
    ("verify_audit", "{}", 200),
    ("next_events", r#"{"firm": "{firm}", "limit": 50, "wait_ms": 0}"#, 200),
    ("ack_event", r#"{"firm": "{firm}", "id": "{event}"}"#, 200),
    (
        "handle_casehug_event",
        r#"{"event": {"id": "evt_1", "type": "document.approved", "created_at": "2026-01-01T00:00:00Z", "firm_id": "{firm}",
            "data": {"matter": {"id": "{matter}"}}}}"#,
        200,
    ),
    ("mark_contact_applied", r#"{"firm": "{firm}", "proposal": "{proposal}"}"#, 200),
    ("record_status_change", r#"{"firm": "{firm}", "matter": "{matter}", "at": "2026-01-01T00:00:00Z"}"#, 200),
    ("begin_connect", r#"{"redirect_uri": "http://127.0.0.1:1/oauth/callback"}"#, 200),
    ("begin_separate_connect", r#"{"redirect_uri": "http://127.0.0.1:1/oauth/callback"}"#, 409),
    ("finish_connect", r#"{"callback_query": "{callback}"}"#, 200),
    ("report_deauthorization", r#"{"firm": "{firm}"}"#, 200),
    ("forget_lost_keys", r#"{"firm": "{firm}"}"#, 409),
    ("disconnect", "{}", 200),
];

/// A service of CaseHug's own: neither a firm nor a user.
const HOST: &[(&str, &str)] = &[("x-casehug-role", "host")];

fn headers(who: Who) -> [(&'static str, &'static str); 3] {
    [("x-casehug-firm", who.0), ("x-casehug-user", who.1), ("x-casehug-role", who.2)]
}

/// The document that the service answers, and what it says of JSON.
struct Described(Value);

impl Described {
    async fn of(service: &Backend) -> Self {
        let answer = service.send(Method::GET, "/openapi.json", &[], String::new()).await;
        assert_eq!(answer.status(), StatusCode::OK);
        Self(answer.json().await.unwrap())
    }

    fn assert_fits(&self, schema: &Value, value: &Value, about: &str) {
        let whole = json!({ "components": self.0["components"], "allOf": [schema] });
        let options = jsonschema::options().with_draft(jsonschema::Draft::Draft202012);
        let validator = options.build(&whole).unwrap_or_else(|error| panic!("{about}: {error}"));
        let wrong: Vec<String> = validator.iter_errors(value).map(|error| error.to_string()).collect();
        assert!(wrong.is_empty(), "{about}: {wrong:#?}");
    }

    fn assert_is_answer(&self, method: &str, operation: &str, status: u16, body: &Value) {
        let responses = &self.0["paths"][format!("/api/{operation}")][method]["responses"];
        let mut response = responses.get(status.to_string()).unwrap_or(&responses["default"]);
        if let Some(place) = response["$ref"].as_str() {
            response = self.0.pointer(place.trim_start_matches('#')).unwrap();
        }
        let schema = &response["content"]["application/json"]["schema"];
        assert!(schema.is_object(), "{operation} says nothing of {status}");
        self.assert_fits(schema, body, &format!("the answer {status} of {operation}: {body}"));
    }
}

#[test]
fn every_operation_of_the_table_is_asked_for_here_once() {
    let named: BTreeSet<&str> = TABLE.iter().map(|(name, _, _)| *name).collect();
    assert_eq!(named.len(), TABLE.len(), "each once");
    assert_eq!(named, operations().iter().map(|operation| operation.name).collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_answers_each_role_as_the_table_says_and_the_document_describes() {
    let scene = Scene::new().await;
    let described = Described::of(&scene.service).await;
    let mut told = String::new();
    let mut secrets = BTreeSet::new();
    for (name, arguments, status) in TABLE {
        let access = operations().iter().find(|operation| operation.name == *name).unwrap().access;
        let path = format!("/api/{name}");
        let (member, admin) = (headers(MEMBER), headers(ADMIN));
        for (role, who) in [("nobody", &[][..]), ("a member", &member), ("an admin", &admin), ("the host", HOST)] {
            let expected = match (role, access) {
                ("nobody", _) => 401,
                ("the host", Access::Host) | ("an admin", Access::Admin | Access::Member) => *status,
                ("a member", Access::Member) => *status,
                _ => 403,
            };
            let body = scene.fill(arguments).await;
            let given: Value = serde_json::from_str(&body).unwrap_or_else(|_| panic!("{name}: {body}"));
            let request = &described.0["paths"][&path]["post"]["requestBody"]["content"]["application/json"]["schema"];
            described.assert_fits(request, &given, &format!("the arguments of {name}"));
            let headers = [who, &[("content-type", "application/json")]].concat();
            let answer = scene.service.send(Method::POST, &path, &headers, body).await;
            let (got, heads) = (answer.status().as_u16(), format!("{:?}", answer.headers()));
            let text = answer.text().await.unwrap();
            assert_eq!(got, expected, "{name} for {role}: {text}");
            let body: Value = serde_json::from_str(&text).unwrap();
            described.assert_is_answer("post", name, got, &body);
            if got == 403 {
                assert_eq!(body["error"]["code"], "not_allowed", "{name} for {role}");
            }
            secrets.extend(scene.bench.sim.model().secrets());
            // An admin decides on these values, so here they are shown, and only here. A consent's
            // `state` is of use to that admin's own browser only.
            if *name != "list_contact_proposals" || got != 200 {
                told += &format!("{name} for {role}: {heads}\n{text}\n");
            }
        }
    }
    assert_no_client_data(told.as_bytes(), "the answers");
    assert!(secrets.len() > 8 && secrets.iter().all(|secret| !told.contains(secret)), "a secret is in the answers");
    scene.service.assert_logged_none_of(&secrets.into_iter().collect::<Vec<_>>());
    scene.service.assert_told_nothing(&scene.bench);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_card_asks_beside_the_operations_is_as_the_document_describes() {
    let bench = Bench::new().await;
    bench.matter("m1", &intake("m1", "c1", None, &[]));
    let service = Backend::start(&bench);
    let described = Described::of(&service).await;
    for name in ["me", "matters"] {
        let (status, body) = service.get(&format!("/api/{name}"), MEMBER).await;
        assert_eq!(status, StatusCode::OK);
        described.assert_is_answer("get", name, status.as_u16(), &body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_an_operations_arguments_is_refused_with_its_place() {
    let bench = Bench::new().await;
    let service = Backend::start(&bench);
    let json = ("content-type", "application/json");
    let large = format!(r#"{{"document": "{}"}}"#, "x".repeat(1024 * 1024));
    for (operation, body, kind, status, place) in [
        ("no_such_operation", "{}", json, 404, "operation"),
        ("Get_health", "{}", json, 404, "operation"),
        ("get_health", r#"{"more": 1}"#, json, 400, "more"),
        ("get_health", "", json, 400, "."),
        ("get_health", "[]", json, 400, "."),
        ("list_runs", r#"{"query": {"limit": "x"}}"#, json, 400, "query.limit"),
        ("list_runs", r#"{"query": {}, "query": {}}"#, json, 400, "query"),
        ("get_health", "{}", ("content-type", "text/plain"), 400, "content-type"),
        ("get_health", "a=b", ("content-type", "application/x-www-form-urlencoded"), 400, "content-type"),
        ("get_health", "{}", ("accept", "*/*"), 400, "content-type"),
        ("import_settings", &large, json, 400, "."),
    ] {
        let headers = [&headers(ADMIN)[..], &[kind]].concat();
        let answer = service.send(Method::POST, &format!("/api/{operation}"), &headers, body.to_owned()).await;
        let got = answer.status().as_u16();
        let body: Value = answer.json().await.unwrap();
        assert_eq!((got, &body["error"]["path"]), (status, &json!(place)), "{operation}: {body}");
        assert_eq!(body["error"]["code"], "request_invalid");
    }
    let answer = service.send(Method::GET, "/api/get_health", &headers(ADMIN), String::new()).await;
    assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_sites_are_refused_and_change_nothing() {
    let bench = Bench::new().await;
    let service = Backend::start(&bench);
    let ours = service.url().to_owned();
    let settings = service.get("/settings", ADMIN).await;
    let change = json!({ "change": { "revision": settings.1["revision"], "contact_review": true } }).to_string();
    let patch = json!({ "revision": settings.1["revision"], "contact_review": true }).to_string();
    let strange: &[&[(&str, &str)]] = &[
        &[("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "none")],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        // Another port of the same machine is another site's page, too.
        &[("origin", "http://127.0.0.1:1")],
        &[("sec-fetch-site", "same-origin"), ("origin", "https://evil.example")],
    ];
    for from in strange {
        for (method, path, body) in [
            (Method::POST, "/api/change_settings", change.as_str()),
            (Method::PATCH, "/settings", &patch),
            (Method::PUT, "/mappings/family_law", r#"{"practice_area": null}"#),
            (Method::POST, "/disconnect", ""),
            (Method::POST, "/matters/m1/sync", ""),
        ] {
            let headers = [&headers(ADMIN)[..], &[("content-type", "application/json")], from].concat();
            let answer = service.send(method, path, &headers, body.to_owned()).await;
            assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{path} from {from:?}");
            let error = answer.json::<Value>().await.unwrap()["error"].clone();
            assert_eq!((&error["code"], &error["path"]), (&json!("request_invalid"), &json!("origin")));
            let other_origin = from[0].0 == "origin" || from[0].1 == "same-origin";
            assert_eq!(
                error["context"]["reason"],
                if other_origin { "other_origin" } else { "cross_site" },
                "{from:?}"
            );
        }
        // Nobody types the address of the outbox: a link that another program opened is one, too.
        let answer = service.send(Method::GET, "/events", &[&headers(ADMIN)[..], from].concat(), String::new()).await;
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "/events from {from:?}");
        if from[0].1 != "none" {
            for path in ["/api/me", "/api/stream", "/api/matters", "/connect"] {
                let answer =
                    service.send(Method::GET, path, &[&headers(ADMIN)[..], from].concat(), String::new()).await;
                assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{path} from {from:?}");
            }
        }
    }
    assert_eq!(service.get("/settings", ADMIN).await, settings);
    assert!(service.audit("settings").await.is_empty());
    let own = [("content-type", "application/json"), ("sec-fetch-site", "same-origin"), ("origin", ours.as_str())];
    let answer =
        service.send(Method::POST, "/api/change_settings", &[&headers(ADMIN)[..], &own].concat(), change).await;
    assert_eq!(answer.status(), StatusCode::OK);
    for own in [&[][..], &[("sec-fetch-site", "same-origin")], &[("sec-fetch-site", "none")]] {
        let answer = service.send(Method::GET, "/connect", &[&headers(ADMIN)[..], own].concat(), String::new()).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "/connect from {own:?}");
    }
    assert_eq!(service.get("/events", ADMIN).await, (StatusCode::OK, json!([])));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_public_url_is_said_once_and_a_name_that_another_site_made_is_refused() {
    let bench = Bench::new().await;
    let service = Backend::start(&bench);
    for host in ["evil.example", "localhost.evil.example:80"] {
        for path in ["/status", "/settings/integrations", "/api/me"] {
            let named = [&headers(ADMIN)[..], &[("host", host), ("sec-fetch-site", "same-origin")]].concat();
            let answer = service.send(Method::GET, path, &named, String::new()).await;
            assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{path} of {host}");
            let error = answer.json::<Value>().await.unwrap()["error"].clone();
            assert_eq!((&error["path"], &error["context"]["reason"]), (&json!("origin"), &json!("other_host")));
        }
    }
    let named = [&headers(ADMIN)[..], &[("host", "localhost:1")]].concat();
    assert_eq!(service.send(Method::GET, "/status", &named, String::new()).await.status(), StatusCode::OK);
    service.until("it is logged", async || service.log().contains("--public-url")).await;
    let log = service.log();
    assert_eq!(log.matches("--public-url").count(), 1, "{log}");
    assert!(!log.contains("evil.example"), "what another site says is not logged");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_named_twice_or_as_the_host_beside_a_user_is_nobody() {
    let bench = Bench::new().await;
    let service = Backend::start(&bench);
    let user = headers(ADMIN);
    let role = |role: &'static str| ("x-casehug-role", role);
    let host_of_a_firm = [role("host"), user[0]];
    let host_of_a_user = [role("host"), user[1]];
    let all_at_once = [user[0], user[1], role("host")];
    let twice = [[user[0], user[1], user[2]].as_slice(), &[user[2]]].concat();
    let two_firms = [user.as_slice(), &[("x-casehug-firm", "firm_2")]].concat();
    let another = [role("host"), ("x-casehug-tenant", "1")];
    for who in [
        &host_of_a_firm[..],
        &host_of_a_user,
        &all_at_once,
        &[role("host"), role("host")],
        &[role("host"), role("member")],
        &[role("member"), role("host")],
        &another,
        &twice,
        &two_firms,
    ] {
        for (operation, body) in [("next_events", r#"{"limit": 5, "wait_ms": 0}"#), ("get_health", "{}")] {
            let sent = [who, &[("content-type", "application/json")]].concat();
            let answer = service.send(Method::POST, &format!("/api/{operation}"), &sent, body.to_owned()).await;
            assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{operation} of {who:?}");
        }
        assert_eq!(service.send(Method::GET, "/events", who, String::new()).await.status(), StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_browser_keeps_what_names_people() {
    let bench = Bench::new().await;
    let service = Backend::start(&bench);
    for (path, status) in [
        ("/", 200),
        ("/matters", 200),
        ("/status", 200),
        ("/settings", 200),
        ("/sync-log", 200),
        ("/contact-proposals", 200),
        ("/audit", 200),
        ("/api/me", 200),
        ("/api/matters", 200),
        ("/connect", 303),
        ("/sync-log?limit=x", 400),
        ("/matters/m9/no-such-page", 404),
        ("/api/get_health", 405),
    ] {
        let answer = service.raw(Method::GET, path, ADMIN, None).await;
        assert_eq!(answer.status().as_u16(), status, "{path}");
        assert_eq!(answer.headers()["cache-control"], "no-store", "{path}");
    }
    let strange = [("sec-fetch-site", "cross-site")];
    let refused = service.send(Method::GET, "/api/me", &strange, String::new()).await;
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    assert_eq!(refused.headers()["cache-control"], "no-store");
    // What is the same for all is asked for again, and seldom sent again.
    assert_eq!(service.raw(Method::GET, "/assets/card.js", ADMIN, None).await.headers()["cache-control"], "no-cache");
}
