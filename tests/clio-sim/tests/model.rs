//! The model alone, without a server: deterministic, and driven by nothing but its arguments.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use clio_sim::{
    Action, Config, Fault, Model,
    model::{Deliver, Execute, Payload, Request, Response},
};
use serde_json::json;

fn call(model: &mut Model, now: i64, token: &str, request: Request) -> Response {
    let request = request.with_header("User-Agent", "t/1").with_header("Authorization", &format!("Bearer {token}"));
    model.handle(now, &request)
}

/// One upload from consent to the end, as one text.
fn story(seed: &str) -> String {
    let mut model = Model::new(Config { seed: seed.into(), ..Config::default() });
    let start = 1_800_000_000_000;
    let token = model.grant(start).access_token;
    let mut told = token.clone();
    let mut step = |model: &mut Model, now: i64, method: &str, target: &str, data: serde_json::Value| {
        let answer = call(model, now, &token, Request::new(method, target).with_json(&json!({"data": data})));
        told +=
            &format!("{} {:?} {}\n", answer.status, answer.headers, String::from_utf8(answer.body.clone()).unwrap());
        answer.body_json()["data"].clone()
    };
    let person = json!({"type": "Person", "first_name": "Ada"});
    let client = step(&mut model, start, "POST", "/api/v4/contacts", person);
    let matter = json!({"client": {"id": client["id"]}, "description": "X"});
    let matter = step(&mut model, start + 1000, "POST", "/api/v4/matters", matter);
    let stub = json!({"name": "a.pdf", "parent": {"id": matter["id"], "type": "Matter"}});
    let path = "/api/v4/documents?fields=id,latest_document_version{uuid,put_url,put_headers}";
    let stub = step(&mut model, start + 2000, "POST", path, stub);
    let version = &stub["latest_document_version"];
    let url = version["put_url"].as_str().unwrap().strip_prefix("https://storage.clio.example").unwrap().to_owned();
    let mut put = Request::new("PUT", &url)
        .with_header("Host", "storage.clio.example")
        .with_header("Content-Length", "1073741824");
    for header in version["put_headers"].as_array().unwrap() {
        put = put.with_header(header["name"].as_str().unwrap(), header["value"].as_str().unwrap());
    }
    // A gigabyte, of which the model sees three short texts.
    let payload = Payload { len: 1 << 30, sha256: "ab".repeat(32), md5: String::new() };
    assert_eq!(model.handle_storage(start + 3000, &put, &payload).status, 200);
    let finish = json!({"uuid": version["uuid"], "fully_uploaded": true});
    let path = format!("/api/v4/documents/{}?fields=id,size", stub["id"]);
    let done = step(&mut model, start + 4000, "PATCH", &path, finish);
    assert_eq!(done["size"], 1_i64 << 30);
    told + &model.state(start + 5000).to_string()
}

#[test]
fn the_same_seed_tells_the_same_story() {
    assert_eq!(story("a"), story("a"));
    assert_ne!(story("a"), story("b"));
}

#[test]
fn a_plan_says_what_the_transport_must_do() {
    let mut model = Model::new(Config::default());
    let token = model.grant(0).access_token;
    let request = Request::new("POST", "/api/v4/contacts")
        .with_header("User-Agent", "t/1")
        .with_header("Authorization", &format!("Bearer {token}"))
        .with_json(&json!({"data": {"type": "Person", "first_name": "Ada"}}));
    model.add_fault(Fault::new("POST", "/api/v4/contacts", Action::Late { ms: 500, hang: true }));
    let plan = model.admit(0, &request);
    assert_eq!((plan.execute, plan.deliver), (Execute::Later(500), Deliver::Hang));
    assert_eq!(model.perform(500, &request, &plan).status, 201);
    model.add_fault(Fault::new("POST", "/api/v4/contacts", Action::LostRequest { hang: false }));
    let plan = model.admit(600, &request);
    assert_eq!((plan.execute, plan.deliver), (Execute::Never, Deliver::Close));
    assert_eq!(model.admit(700, &request).execute, Execute::Now);
    assert_eq!(model.state(800)["contacts"].as_array().unwrap().len(), 1);
}

#[test]
fn nothing_a_client_sends_makes_it_panic() {
    let mut model = Model::new(Config::default());
    let token = model.grant(0).access_token;
    let paths = [
        "",
        "/",
        "/api/v4",
        "/api/v4/",
        "/api/v4/contacts",
        "/api/v4/contacts/9223372036854775808",
        "/oauth/",
        "/oauth/token",
        "/oauth/authorize",
        "/api/v4//.json",
        "/__sim/",
        "/__sim/seed",
        "/__sim/edit",
        "/__sim/config",
        "/api/v4/documents",
        "/api/v4/matters",
        "/manage-documents/x",
        "/api/v4/webhooks/1/activate",
    ];
    let queries = [
        "",
        "fields=%",
        "fields={",
        "fields=}{,",
        "fields=a{b{",
        "limit=99999999999999999999",
        "offset=-1",
        "offset=18446744073709551615",
        "page_token=YTo5",
        "ids[]=",
        "X-Amz-Date=%ff&X-Amz-Signature=é&X-Amz-Expires=9223372036854775807&X-Amz-SignedHeaders=host",
        "created_since=0000-00-00",
        "order=(asc)",
        "&&=&=",
    ];
    let bodies: [&[u8]; 7] = [
        b"",
        b"null",
        b"{\"data\":{\"email_addresses\":[null]}}",
        b"{\"data\":{\"client\":{\"id\":1e99}}}",
        b"\xff",
        b"{\"data\":{\"multiparts\":[{}],\"parent\":{\"id\":-1}}}",
        b"[[[[[[[[",
    ];
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "BREW"] {
        for path in paths {
            for query in queries {
                for body in bodies {
                    let mut request = Request::new(method, &format!("{path}?{query}"))
                        .with_header("Content-Type", "application/json")
                        .with_header("Content-Length", "0");
                    request.body = body.to_vec();
                    assert!(call(&mut model, i64::MAX / 4, &token, request.clone()).status >= 200);
                    let answer = model.handle_storage(0, &request, &Payload::default());
                    assert!(answer.status >= 400);
                }
            }
        }
    }
}
