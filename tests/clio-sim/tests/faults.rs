//! Faults: what the client sees, and what happened all the same.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::{Duration, Instant};

use crate::support::{Answer, Rig, read};
use clio_sim::{Action, Fault};
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, net::TcpStream, time::sleep};

fn body() -> Value {
    json!({"data": {"type": "Person", "first_name": "Ada"}})
}

async fn create(rig: &Rig) -> reqwest::Result<reqwest::Response> {
    rig.request("POST", "/api/v4/contacts.json").json(&body()).send().await
}

async fn answered(rig: &Rig) -> Answer {
    read(create(rig).await.unwrap()).await
}

async fn fault(rig: &Rig, action: Value) {
    let rule = json!({"method": "POST", "path_prefix": "/api/v4/contacts", "action": action});
    rig.control("POST", "faults", rule).await.expect(200);
}

async fn contacts(rig: &Rig) -> usize {
    rig.state().await["contacts"].as_array().unwrap().len()
}

#[tokio::test]
async fn statuses_come_with_and_without_execution() {
    let rig = Rig::new().await;
    for (status, html, executed) in [(500, false, false), (502, true, true), (503, true, false), (401, false, false)] {
        let before = contacts(&rig).await;
        fault(&rig, json!({"kind": "status", "status": status, "html": html, "executed": executed})).await;
        let answer = answered(&rig).await.expect(status);
        assert_eq!(answer.header("content-type").starts_with("text/html"), html);
        assert_eq!(contacts(&rig).await - before, usize::from(executed));
    }
    fault(&rig, json!({"kind": "status", "status": 429, "retry_after": "soon"})).await;
    assert_eq!(answered(&rig).await.expect(429).header("retry-after"), "soon");
    fault(&rig, json!({"kind": "firewall"})).await;
    assert!(answered(&rig).await.expect(403).text.starts_with("<html>"));
    answered(&rig).await.expect(201);
    assert_eq!(rig.state().await["calls"]["rejected"]["fault:500"], 1);
}

#[tokio::test]
async fn rules_count_their_requests() {
    let rig = Rig::new().await;
    let refuse = Action::Status { status: 503, html: false, executed: false, retry_after: None };
    rig.sim.model().add_fault(Fault::new("POST", "/api/v4/contacts", refuse).nth(2).times(2));
    let mut seen = Vec::new();
    for _ in 0..4 {
        rig.get("/contacts").await.expect(200);
        seen.push(answered(&rig).await.status);
    }
    assert_eq!(seen, [201, 503, 503, 201]);
    let rules = rig.control("GET", "faults", Value::Null).await;
    assert_eq!((&rules.json["faults"][0]["seen"], &rules.json["faults"][0]["fired"]), (&json!(4), &json!(2)));
    rig.control("DELETE", "faults", Value::Null).await.expect(200);
    for wrong in [json!({"action": {"kind": "nope"}}), json!({"acton": 1}), json!([{"action": {"kind": "late"}}])] {
        rig.control("POST", "faults", wrong).await.expect(400);
    }
}

#[tokio::test]
async fn lost_means_before_or_after() {
    let rig = Rig::new().await;
    fault(&rig, json!({"kind": "lost_request"})).await;
    create(&rig).await.unwrap_err();
    assert_eq!(contacts(&rig).await, 0);
    fault(&rig, json!({"kind": "lost_answer"})).await;
    create(&rig).await.unwrap_err();
    assert_eq!(contacts(&rig).await, 1);
    fault(&rig, json!({"kind": "lost_answer", "hang": true})).await;
    let request = rig.request("POST", "/api/v4/contacts.json").json(&body()).timeout(Duration::from_millis(200));
    assert!(request.send().await.unwrap_err().is_timeout());
    assert_eq!(contacts(&rig).await, 2);
}

#[tokio::test]
async fn late_runs_after_the_client_gave_up() {
    let rig = Rig::new().await;
    fault(&rig, json!({"kind": "late", "ms": 300})).await;
    create(&rig).await.unwrap_err();
    assert_eq!(contacts(&rig).await, 0);
    let start = Instant::now();
    while contacts(&rig).await == 0 {
        assert!(start.elapsed() < Duration::from_secs(10));
        sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(contacts(&rig).await, 1);
}

#[tokio::test]
async fn a_client_that_leaves_is_served_all_the_same() {
    let rig = Rig::new().await;
    let address = rig.sim.url().trim_start_matches("http://").to_owned();
    for _ in 0..20 {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        let text = body().to_string();
        let head = format!(
            "POST /api/v4/contacts HTTP/1.1\r\nHost: {address}\r\nUser-Agent: raw/1\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{text}",
            rig.token,
            text.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        drop(stream);
    }
    let start = Instant::now();
    while contacts(&rig).await < 20 {
        assert!(start.elapsed() < Duration::from_secs(10), "only {} ran", contacts(&rig).await);
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn answers_can_be_slow_cut_huge_or_garbled() {
    let rig = Rig::new().await;
    fault(&rig, json!({"kind": "slow", "ms": 150})).await;
    let start = Instant::now();
    answered(&rig).await.expect(201);
    assert!(start.elapsed() >= Duration::from_millis(150));
    fault(&rig, json!({"kind": "truncated", "bytes": 10})).await;
    let cut = create(&rig).await.unwrap();
    assert_eq!(cut.status(), 201);
    cut.bytes().await.unwrap_err();
    fault(&rig, json!({"kind": "oversized", "mib": 3})).await;
    let huge = answered(&rig).await.expect(201);
    assert!(huge.text.len() > 3 * 1024 * 1024 && huge.json["data"]["id"].is_i64());
    fault(&rig, json!({"kind": "malformed_json"})).await;
    assert!(answered(&rig).await.expect(201).json.is_null());
    fault(&rig, json!({"kind": "content_type", "value": "text/plain"})).await;
    assert_eq!(answered(&rig).await.expect(201).header("content-type"), "text/plain");
    fault(&rig, json!({"kind": "replace", "pointer": "/data/id", "value": "x"})).await;
    assert_eq!(answered(&rig).await.expect(201).data()["id"], "x");
    assert_eq!(contacts(&rig).await, 6);
    fault(&rig, json!({"kind": "redirect", "status": 302, "location": "http://127.0.0.1:1/"})).await;
    assert_eq!(answered(&rig).await.expect(302).header("location"), "http://127.0.0.1:1/");
    assert_eq!(contacts(&rig).await, 6);
}

#[tokio::test]
async fn an_upload_address_can_be_hostile() {
    let rig = Rig::new().await;
    let matter = rig.matter().await;
    for url in ["http://169.254.169.254/latest", "file:///etc/passwd", "https://app.clio.com@evil.example/"] {
        let rule = json!({"method": "POST", "path_prefix": "/api/v4/documents", "action": {"kind": "hostile_put_url", "url": url}});
        rig.control("POST", "faults", rule).await.expect(200);
        let (_, version) = rig.stub(matter, json!({})).await;
        assert_eq!(version["put_url"], url);
    }
}

#[tokio::test]
async fn storage_and_oauth_fail_too() {
    let rig = Rig::new().await;
    let matter = rig.matter().await;
    let rules = json!({"faults": [
        {"method": "PUT", "path_prefix": "/manage-documents/", "action": {"kind": "lost_answer"}},
        {"path_prefix": "/oauth/token", "action": {"kind": "status", "status": 502, "html": true}},
    ]});
    rig.control("POST", "faults", rules).await.expect(200);
    let (id, version) = rig.stub(matter, json!({})).await;
    let mut put = rig.http.put(version["put_url"].as_str().unwrap());
    for header in version["put_headers"].as_array().unwrap() {
        put = put.header(header["name"].as_str().unwrap(), header["value"].as_str().unwrap());
    }
    put.body("bytes").send().await.unwrap_err();
    rig.finish(id, &version).await.expect(200);
    let token = rig.http.post(format!("{}/oauth/token", rig.sim.url())).form(&[("grant_type", "x")]);
    read(token.send().await.unwrap()).await.expect(502);
    let calls = rig.control("GET", "calls", Value::Null).await;
    let last = calls.json["calls"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&last["path"], &last["status"], &last["fault"]), (&json!("/oauth/token"), &json!(502), &json!(true)));
}
