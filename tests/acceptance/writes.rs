//! What is written through the service is read strictly: a field that is missing, misspelt or of
//! another type is refused with its path, and nothing is changed.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use crate::backend::{ADMIN, Backend};
use crate::bench::{Bench, intake};
use serde_json::{Value, json};

/// The route, what is sent wrongly, and what is said of it: reason and path.
const REFUSED: &[(&str, &str, &str, &str, &str)] = &[
    ("PUT", "/settings", "[]", "not_an_object", "."),
    ("PUT", "/settings", "{}", "missing_field", "revision"),
    ("PUT", "/settings", "", "truncated", "."),
    ("PUT", "/settings", "{\"revision\":0", "truncated", "."),
    ("PATCH", "/settings", "[]", "not_an_object", "."),
    ("PATCH", "/settings", r#"{"sync_when_created":true}"#, "missing_field", "revision"),
    ("PATCH", "/settings", r#"{"revision":1,"sync_when_aproved":false}"#, "unknown_field", "sync_when_aproved"),
    ("PATCH", "/settings", r#"{"revision":1,"sync_when_approved":"off"}"#, "wrong_type", "sync_when_approved"),
    ("PATCH", "/settings", r#"{"revision":1,"sync_when_approved":null}"#, "wrong_type", "sync_when_approved"),
    ("PATCH", "/settings", r#"{"revision":1,"fallback_area":7}"#, "wrong_type", "fallback_area"),
    ("PUT", "/settings/export", "[]", "not_an_object", "."),
    ("PUT", "/settings/export", r#"{"format":1}"#, "missing_field", "sync_when_approved"),
    ("PUT", "/mappings/divorce", "{}", "missing_field", "practice_area"),
    ("PUT", "/mappings/divorce", "[null]", "not_an_object", "."),
    ("PUT", "/mappings/divorce", r#"{"practice_area":null,"practice_areas":null}"#, "unknown_field", "practice_areas"),
    ("PUT", "/mappings/divorce", r#"{"practice_area":null,"practice_area":null}"#, "repeated_key", "practice_area"),
    ("POST", "/held", "{}", "missing_field", "run"),
    ("POST", "/held", r#"{"run":true,"all":true}"#, "unknown_field", "all"),
    ("POST", "/contact-proposals/x", r#"{"accept":"no"}"#, "wrong_type", "accept"),
    ("POST", "/contact-proposals/x", r#"{"accept":true,"reject":false}"#, "unknown_field", "reject"),
    ("POST", "/matters/m1/status-changed", r#"{"time":"2026-01-01T00:00:00Z"}"#, "unknown_field", "time"),
    ("POST", "/events/ack", r#"{"ids":["x"]}"#, "unknown_field", "ids"),
    ("POST", "/events/ack", r#"["x"]"#, "not_an_object", "."),
    ("POST", "/matters/m1/sync", r#"{"documents":false}"#, "unknown_field", "documents"),
    ("POST", "/matters/m1/approved", "[]", "not_an_object", "."),
    ("POST", "/matters/m1/contact-changed", r#"{"first_name":"x"}"#, "unknown_field", "first_name"),
    ("POST", "/disconnect", r#"{"firm":"firm_2"}"#, "unknown_field", "firm"),
    ("GET", "/connect?seperate=true", "", "unknown_field", "seperate"),
    ("GET", "/connect?separate=yes", "", "value_not_allowed", "separate"),
    ("GET", "/sync-log?mater=m1", "", "unknown_field", "mater"),
    ("GET", "/sync-log?limit=many", "", "value_not_allowed", "limit"),
    ("GET", "/sync-log?status=perhaps", "", "value_not_allowed", "status"),
    ("GET", "/sync-log?cause=weather", "", "value_not_allowed", "cause"),
    ("GET", "/sync-log?since=yesterday", "", "not_rfc3339", "since"),
    ("GET", "/sync-log?until=2026-01-01", "", "not_rfc3339", "until"),
    ("GET", "/audit?status=perhaps", "", "value_not_allowed", "status"),
    ("GET", "/audit?action=Settings", "", "value_not_allowed", "action"),
    ("GET", "/audit?until=2026-01-01", "", "not_rfc3339", "until"),
    ("POST", "/matters/m1/status-changed", r#"{"at":"soon"}"#, "not_rfc3339", "at"),
    ("GET", "/audit?limit=1&limit=2", "", "repeated_key", "limit"),
];

async fn send(service: &Backend, method: &str, path: &str, body: &str, kind: &str) -> (u16, Value) {
    let client = reqwest::Client::new();
    let request = client.request(method.parse().unwrap(), format!("http://{}{path}", service.address()));
    let (firm, user, role) = ADMIN;
    let request = request.header("x-casehug-firm", firm).header("x-casehug-user", user).header("x-casehug-role", role);
    let answer = request.header("content-type", kind).body(body.to_owned()).send().await.unwrap();
    let status = answer.status().as_u16();
    (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap_or(Value::Null))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_with_a_wrong_or_a_missing_field_is_refused_with_its_path() {
    let bench = Bench::new().await;
    bench.matter("m1", &intake("m1", "c1", None, &[]));
    let service = Backend::start(&bench);
    assert!(service.connect(ADMIN).await.0.is_redirection());
    let (_, before) = service.get("/settings", ADMIN).await;
    for (method, path, body, reason, at) in REFUSED {
        let (status, answer) = send(&service, method, path, body, "application/json").await;
        let context = &answer["error"]["context"];
        assert_eq!((status, &answer["error"]["kind"]), (400, &json!("input")), "{method} {path} {body}: {answer}");
        assert_eq!((&context["reason"], &context["path"]), (&json!(reason), &json!(at)), "{method} {path} {body}");
    }
    assert_eq!(service.get("/settings", ADMIN).await.1, before);

    // Each field alone: left out, it is missed; misspelt, it is not known.
    for (field, value) in before.as_object().unwrap() {
        let mut without = before.clone();
        without.as_object_mut().unwrap().remove(field);
        let (status, answer) = service.put("/settings", ADMIN, without.clone()).await;
        let context = &answer["error"]["context"];
        assert_eq!((status.as_u16(), &context["path"]), (400, &json!(field)), "{answer}");
        assert_eq!(context["reason"], "missing_field");
        without[format!("{field}x")] = value.clone();
        let (status, answer) = service.put("/settings", ADMIN, without).await;
        assert_eq!((status.as_u16(), &answer["error"]["context"]["path"]), (400, &json!(format!("{field}x"))));
    }
    assert_eq!(service.get("/settings", ADMIN).await.1, before);

    // What another site could send in an admin's name is no JSON by its own word.
    let text = before.to_string();
    let (status, answer) = send(&service, "PUT", "/settings", &text, "text/plain").await;
    assert_eq!((status, &answer["error"]["context"]["reason"]), (400, &json!("not_json")), "{answer}");
    let (status, answer) = send(&service, "PUT", "/settings", &" ".repeat(1024 * 1024 + 1), "application/json").await;
    assert_eq!((status, &answer["error"]["context"]["reason"]), (400, &json!("too_large")), "{answer}");
    bench.sim.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_of_the_settings_is_changed_without_the_rest() {
    let bench = Bench::new().await;
    let service = Backend::start(&bench);
    assert!(service.connect(ADMIN).await.0.is_redirection());
    let (_, page) = service.get("/mappings", ADMIN).await;
    let area = page["practice_areas"][0]["id"].clone();
    let change = json!({ "revision": 0, "sync_when_approved": false, "fallback_area": area });
    let (status, answer) = send(&service, "PATCH", "/settings", &change.to_string(), "application/json").await;
    assert_eq!((status, &answer["revision"]), (200, &json!(1)), "{answer}");
    let change = json!({ "revision": 1, "sync_when_created": true });
    send(&service, "PATCH", "/settings", &change.to_string(), "application/json").await;
    let (_, settings) = service.get("/settings", ADMIN).await;
    let told = |field: &str| settings[field].clone();
    assert_eq!((told("sync_when_approved"), told("sync_when_created")), (json!(false), json!(true)));
    assert_eq!((told("fallback_area"), told("revision")), (area, json!(2)));
    let (status, _) = send(&service, "PATCH", "/settings", &change.to_string(), "application/json").await;
    assert_eq!(status, 409, "it was changed since revision 1 was read");
    let none = json!({ "revision": 2, "fallback_area": null }).to_string();
    send(&service, "PATCH", "/settings", &none, "application/json").await;
    assert_eq!(service.get("/settings", ADMIN).await.1["fallback_area"], Value::Null);
    let (status, _) = service.put("/settings", ("firm_1", "usr_2", "member"), settings).await;
    assert_eq!(status.as_u16(), 403);
    bench.sim.stop();
}

/// Route, body, type of the body, who asks; what is answered, of what, and why. Axum and the
/// example answer these in plain text, or with nothing, if they are let.
type Odd = (&'static str, &'static str, &'static str, Option<&'static str>, u16, &'static str, &'static str);

const ODD: &[Odd] = &[
    ("GET", "/nowhere", "", Some("admin"), 404, "url", "no_such_route"),
    ("DELETE", "/settings", "", Some("admin"), 405, "method", "not_of_this_route"),
    ("GET", "/status", "", None, 401, "x-casehug-*", "missing_or_not_allowed"),
    ("GET", "/status", "", Some("owner"), 401, "x-casehug-*", "missing_or_not_allowed"),
    ("GET", "/matters/%FF", "", Some("admin"), 400, ".", "not_readable"),
    ("GET", "/sync-log?after=nonsense", "", Some("admin"), 400, "after", "not_of_a_page"),
    ("GET", "/audit?after=nonsense", "", Some("admin"), 400, "after", "not_of_a_page"),
    ("PUT", "/settings/export", "\u{0}", Some("admin"), 400, ".", "syntax"),
];

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_refused_is_refused_in_one_shape() {
    let bench = Bench::new().await;
    let service = Backend::start(&bench);
    let client = reqwest::Client::new();
    let ask = async |method: &str, path: &str, body: Vec<u8>, role: Option<&str>| {
        let url = format!("http://{}{path}", service.address());
        let mut request = client.request(method.parse().unwrap(), url).header("content-type", "application/json");
        if let Some(role) = role {
            let (firm, user, _) = ADMIN;
            request =
                request.header("x-casehug-firm", firm).header("x-casehug-user", user).header("x-casehug-role", role);
        }
        let answer = request.body(body).send().await.unwrap();
        let (status, allow) = (answer.status().as_u16(), answer.headers().contains_key("allow"));
        let answer = answer.text().await.unwrap();
        let answer: Value = serde_json::from_str(&answer).unwrap_or_else(|_| panic!("{method} {path}: {answer}"));
        (status, allow, answer["error"].clone())
    };
    for (method, path, body, role, expected, at, reason) in ODD {
        let (status, allow, error) = ask(method, path, body.as_bytes().to_vec(), *role).await;
        assert_eq!((status, allow), (*expected, *expected == 405), "{method} {path}: {error}");
        assert_eq!(
            (&error["path"], &error["context"]["reason"]),
            (&json!(at), &json!(reason)),
            "{method} {path}: {error}"
        );
        for field in ["code", "number", "kind", "retry", "message", "context"] {
            assert!(!error[field].is_null(), "{method} {path}: {error}");
        }
    }
    for path in ["/settings", "/settings/export", "/held"] {
        let method = if path == "/held" { "POST" } else { "PUT" };
        let (status, _, error) = ask(method, path, vec![b' '; 1024 * 1024 + 1], Some("admin")).await;
        assert!([400, 413].contains(&status), "{path}: {status}");
        assert_eq!(
            (&error["path"], &error["context"]["reason"]),
            (&json!("."), &json!("too_large")),
            "{path}: {error}"
        );
    }
    // Nor is anything of what was sent said again.
    let (_, _, error) = ask("PUT", "/settings", br#"{"revision":"Zyxwvut Qwertz"}"#.to_vec(), Some("admin")).await;
    assert!(!error.to_string().contains("Zyx"), "{error}");
}
