//! What is the same for every resource: versions, fields, pages, tags, limits, permissions.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::support::{Rig, read};
use clio_sim::Level;
use reqwest::header::{DATE, USER_AGENT};
use serde_json::{Value, json};

#[tokio::test]
async fn fields_decide_what_comes_back() {
    let rig = Rig::new().await;
    let matter = rig.matter().await;
    for path in [format!("/matters/{matter}"), format!("/matters/{matter}.json")] {
        let bare = rig.get(&path).await.expect(200);
        assert_eq!(bare.data().as_object().unwrap().keys().collect::<Vec<_>>(), ["etag", "id"]);
        assert!(bare.data()["etag"].as_str().unwrap().starts_with('"'));
    }
    let literal = rig.get(&format!("/matters/{matter}?fields=id,client{{id,name}},practice_area,status")).await;
    assert_eq!(literal.data()["client"]["name"], "Ada Byron");
    assert_eq!(literal.data()["status"], "Open");
    let encoded = rig.get(&format!("/matters/{matter}?fields=id%2Cclient%7Bid%2Cname%7D%2Cstatus")).await;
    assert_eq!(encoded.data()["client"], literal.data()["client"]);
    let plain = rig.get(&format!("/matters/{matter}?fields=client")).await;
    assert_eq!(plain.data()["client"].as_object().unwrap().keys().collect::<Vec<_>>(), ["etag", "id"]);
    for bad in ["nope", "client{nope}", "client{id,company{id}}", "id{x}", "client{id", "id,,etag"] {
        rig.get(&format!("/matters/{matter}?fields={bad}")).await.refused(400, "InvalidFields");
    }
    let before = rig.state().await["contacts"].as_array().unwrap().len();
    let data = json!({"type": "Person", "first_name": "X"});
    rig.post("/contacts?fields=nope", data.clone()).await.expect(400);
    assert_eq!(rig.state().await["contacts"].as_array().unwrap().len(), before, "a refused POST creates nothing");
    let made = rig.post("/contacts?fields=name", data).await.expect(201);
    assert_eq!(made.data(), &json!({"name": "X"}));
}

#[tokio::test]
async fn versions_are_pinned_echoed_or_gone() {
    let rig = Rig::new().await;
    let ask =
        |version: &'static str| rig.request("GET", "/api/v4/users/who_am_i").header("X-API-VERSION", version).send();
    for version in ["4.0.0", "4.0.9", "4.0.13"] {
        assert_eq!(read(ask(version).await.unwrap()).await.expect(200).header("x-api-version"), version);
    }
    for version in ["4.0.14", "4", "4.1.0", "v4.0.1", ""] {
        let gone = read(ask(version).await.unwrap()).await.expect(410);
        assert!(gone.json["error"]["type"].is_string() && gone.header("x-api-version").is_empty());
    }
    assert_eq!(rig.get("/users/who_am_i").await.expect(200).header("x-api-version"), "4.0.13");
}

#[tokio::test]
async fn the_firewall_wants_a_plain_user_agent() {
    let rig = Rig::new().await;
    for agent in ["", "Mozilla (+https://casehug.example/bot)", "bot www.casehug.example"] {
        let request = rig.request("GET", "/api/v4/users/who_am_i").header(USER_AGENT, agent);
        let refused = read(request.send().await.unwrap()).await.expect(403);
        assert!(refused.header("content-type").starts_with("text/html") && refused.text.contains("<html>"));
    }
    let silent = crate::support::client(reqwest::Client::builder())
        .get(format!("{}/api/v4/contacts", rig.sim.url()))
        .bearer_auth(&rig.token);
    assert!(read(silent.send().await.unwrap()).await.expect(403).text.contains("403 Forbidden"));
}

#[tokio::test]
async fn pages_follow_the_cursor_to_the_end_and_back() {
    let rig = Rig::new().await;
    let people: Vec<Value> = (0..7).map(|n| json!({"type": "Person", "first_name": format!("P{n}")})).collect();
    let seeded = rig.control("POST", "seed", json!({"contacts": people})).await.expect(200);
    let ids: Vec<i64> = serde_json::from_value(seeded.json["contacts"].clone()).unwrap();
    let mut found = Vec::new();
    let mut target = "/contacts.json?fields=id,name&limit=3&type=Person".to_owned();
    let back = loop {
        let page = rig.get(&target).await.expect(200);
        found.extend(page.data().as_array().unwrap().iter().map(|contact| contact["id"].as_i64().unwrap()));
        let paging = page.json["meta"]["paging"].clone();
        match paging.get("next") {
            Some(next) => {
                let next = next.as_str().unwrap();
                assert!(next.starts_with(&format!("{}/api/v4/contacts.json?", rig.sim.url())));
                assert!(next.contains("fields=id%2Cname") && next.contains("type=Person"));
                target = next.split_once("/api/v4").unwrap().1.to_owned();
            }
            None => break paging["previous"].clone(),
        }
    };
    assert_eq!(found, ids);
    let back = back.as_str().unwrap().split_once("/api/v4").unwrap().1.to_owned();
    assert_eq!(rig.get(&back).await.data()[0]["id"], ids[3]);
    let all = rig.get("/contacts?limit=200").await.expect(200);
    assert_eq!(all.json["meta"]["paging"], json!({}));
    for bad in ["limit=0", "limit=201", "limit=x", "page_token=x", "order=name", "ids[]=x", "created_since=yesterday"] {
        rig.get(&format!("/contacts?{bad}")).await.refused(400, "ArgumentError");
    }
    let offset = rig.get("/contacts?order=id(desc)&limit=3&offset=3").await.expect(200);
    assert_eq!(offset.data()[0]["id"], ids[3]);
    assert!(offset.json["meta"]["paging"]["next"].is_string() && offset.json["meta"]["paging"]["previous"].is_string());
    rig.get("/contacts?offset=9800").await.expect(200);
    rig.get("/contacts?offset=9801").await.refused(422, "ArgumentError");
    rig.get("/contacts?offset=10000").await.refused(422, "ArgumentError");
    let unfiltered = rig.get("/contacts?email=nobody@example.org").await.expect(200);
    assert_eq!(unfiltered.data().as_array().unwrap().len(), 7, "an unknown filter is ignored");
}

#[tokio::test]
async fn the_rate_window_is_fixed_and_per_token() {
    let rig = Rig::with(|config| config.rate_limit = 3).await;
    for left in ["2", "1", "0"] {
        let answer = rig.get("/contacts").await.expect(200);
        assert_eq!((answer.header("x-ratelimit-limit"), answer.header("x-ratelimit-remaining")), ("3", left));
        assert_eq!(answer.header("retry-after"), "");
        let reset: i64 = answer.header("x-ratelimit-reset").parse().unwrap();
        assert!((55..=61).contains(&(reset - rig.sim.now() / 1000)));
    }
    let limited = rig.get("/contacts").await.refused(429, "RateLimitedError");
    let wait: i64 = limited.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&wait));
    assert!(limited.json["error"]["message"].as_str().unwrap().ends_with("seconds."));
    let other = {
        let now = rig.sim.now();
        rig.sim.model().grant(now).access_token
    };
    let request = rig.http.get(format!("{}/api/v4/contacts", rig.sim.url())).bearer_auth(other);
    read(request.send().await.unwrap()).await.expect(200);
    rig.advance(wait * 1000).await;
    rig.get("/contacts").await.expect(200);
}

#[tokio::test]
async fn the_date_is_the_models() {
    let rig = Rig::new().await;
    rig.advance(10 * 86_400_000).await;
    let answer = rig.get("/contacts").await;
    let date = httpdate::parse_http_date(answer.headers[DATE].to_str().unwrap()).unwrap();
    assert!(date.duration_since(std::time::SystemTime::now()).unwrap().as_secs() > 9 * 86_400);
}

#[tokio::test]
async fn tags_make_reads_and_writes_conditional() {
    let rig = Rig::new().await;
    let id = rig.person("Ada", "Byron").await;
    let path = format!("/contacts/{id}");
    let read_once = rig.get(&format!("{path}?fields=etag")).await.expect(200);
    let etag = read_once.header("etag").to_owned();
    assert_eq!(read_once.data()["etag"], etag.as_str());
    let conditional =
        |name: &'static str, value: String| rig.request("GET", &format!("/api/v4{path}")).header(name, value).send();
    let unchanged = read(conditional("If-None-Match", etag.clone()).await.unwrap()).await.expect(304);
    assert_eq!(unchanged.text, "");
    let modified = read_once.header("last-modified").to_owned();
    read(conditional("If-Modified-Since", modified).await.unwrap()).await.expect(304);
    let write = |tag: String| {
        let body = json!({"data": {"title": "Dr"}});
        rig.request("PATCH", &format!("/api/v4{path}")).header("If-Match", tag).json(&body).send()
    };
    read(write(etag.clone()).await.unwrap()).await.expect(200);
    read(write(etag.clone()).await.unwrap()).await.expect(412);
    rig.patch(&path, json!({"title": "Prof"})).await.expect(200);
    read(conditional("If-None-Match", etag).await.unwrap()).await.expect(200);
}

#[tokio::test]
async fn permissions_plan_and_role_refuse_alike() {
    let rig = Rig::with(|config| config.no_users_permission = true).await;
    rig.get("/users/who_am_i").await.refused(403, "ForbiddenError");
    rig.get("/contacts").await.expect(200);

    let read_only = Rig::with(|config| {
        config.permissions.insert("contacts".into(), Level::Read);
        config.role.insert("matters".into(), Level::None);
    })
    .await;
    read_only.get("/contacts").await.expect(200);
    read_only.post("/contacts", json!({"type": "Person", "first_name": "A"})).await.refused(403, "ForbiddenError");
    read_only.get("/matters").await.refused(403, "ForbiddenError");
    read_only.get("/practice_areas").await.refused(403, "ForbiddenError");
    read_only.get("/documents").await.expect(200);
    let hook = json!({"url": "https://x.example/h", "model": "matter", "fields": "id"});
    read_only.post("/webhooks", hook).await.refused(403, "ForbiddenError");

    let none = Rig::with(|config| config.plan_without_api = true).await;
    for path in ["/contacts", "/matters", "/documents", "/practice_areas", "/users/who_am_i", "/webhooks", "/nope"] {
        none.get(path).await.refused(403, "ForbiddenError");
    }
}

#[tokio::test]
async fn malformed_requests_are_refused_politely() {
    let rig = Rig::new().await;
    let send = |kind: &'static str, body: Vec<u8>| {
        rig.request("POST", "/api/v4/contacts").header("Content-Type", kind).body(body).send()
    };
    for (kind, body) in [
        ("application/json", b"{\"data\":".to_vec()),
        ("application/json", b"{}".to_vec()),
        ("application/json", b"{\"data\":[]}".to_vec()),
        ("application/json", vec![0xff, 0xfe]),
        ("text/plain", b"{\"data\":{}}".to_vec()),
        ("application/json", vec![b' '; 2 * 1024 * 1024]),
    ] {
        let refused = read(send(kind, body).await.unwrap()).await.expect(400);
        assert!(refused.json["error"]["type"].is_string());
    }
    for path in ["/contacts/abc", "/contacts/1", "/contacts/9223372036854775808", "/users/1"] {
        rig.get(path).await.refused(404, "NotFoundError");
    }
}

#[tokio::test]
async fn practice_areas_can_move() {
    let rig = Rig::with(|config| config.practice_areas_307 = clio_sim::AreasRedirect::SameOrigin).await;
    let moved = rig.get("/practice_areas.json?fields=id,name").await.expect(307);
    let expected = format!("{}/api/v4/practice_areas_with_categories.json?fields=id,name", rig.sim.url());
    assert_eq!(moved.header("location"), expected);
    let list = read(rig.request("GET", moved.header("location")).send().await.unwrap()).await.expect(200);
    assert_eq!(list.data().as_array().unwrap().len(), 10);
    let body = json!({"data": {"name": "Maritime"}});
    let post = |url: String| rig.request("POST", &url).json(&body).send();
    let moved = read(post("/api/v4/practice_areas".into()).await.unwrap()).await.expect(307);
    read(post(moved.header("location").into()).await.unwrap()).await.expect(201);
    rig.control("POST", "config", json!({"practice_areas_307": "other_origin", "other_origin": "http://127.0.0.2:1"}))
        .await
        .expect(200);
    assert!(rig.get("/practice_areas").await.expect(307).header("location").starts_with("http://127.0.0.2:1/api/v4/"));
}

#[tokio::test]
async fn who_am_i_names_person_and_firm() {
    let rig = Rig::new().await;
    let fields = "id,name,email,roles,enabled,account_owner,subscription_type,account{id,name,state}";
    let me = rig.get(&format!("/users/who_am_i.json?fields={fields}")).await.expect(200);
    assert_eq!(me.data()["account"], json!({"id": 1_100_204_518, "name": "Harbor & Pine LLP", "state": "active"}));
    let all = rig.get("/users/who_am_i?fields=id,account,created_at,time_zone,rate,initials,groups").await.expect(200);
    assert_eq!(all.data()["groups"], json!([]));
}

/// What newer documents say than the one of May 2025, which calls a currency an object without
/// fields.
const NEWER: &[(&str, &str)] = &[
    ("currency", "Currency_base"),
    ("responsible_staff", "User_base"),
    ("attorney_allocation", "AttorneyAllocation_base"),
];

#[tokio::test]
async fn shapes_equal_the_document() {
    let Some(document) = crate::support::openapi() else {
        return;
    };
    let schemas = &document["components"]["schemas"];
    fn collect(schemas: &Value, schema: &Value, scalars: &mut Vec<String>, nested: &mut Vec<(String, String, bool)>) {
        if let Some(name) = schema["$ref"].as_str() {
            let name = name.rsplit('/').next().unwrap();
            collect(schemas, &schemas[name], scalars, nested);
        }
        for part in schema["allOf"].as_array().into_iter().flatten() {
            collect(schemas, part, scalars, nested);
        }
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            let target = |value: &Value| value["$ref"].as_str().map(|name| name.rsplit('/').next().unwrap().to_owned());
            match (target(property), target(&property["items"])) {
                (Some(one), _) => nested.push((name.clone(), one, false)),
                (_, Some(many)) => nested.push((name.clone(), many, true)),
                _ => scalars.push(name.clone()),
            }
        }
    }
    let newer = |name: &str, shape: &str| NEWER.contains(&(name, shape));
    for shape in clio_sim::model::shapes::SHAPES
        .iter()
        .filter(|shape| NEWER.iter().all(|(_, new)| *new != shape.name || *new == "User_base"))
    {
        let (mut scalars, mut nested) = (Vec::new(), Vec::new());
        collect(schemas, &schemas[shape.name], &mut scalars, &mut nested);
        let mut ours: Vec<String> = shape.scalars.split(' ').map(str::to_owned).collect();
        let mut our_nested: Vec<_> = shape
            .nested
            .iter()
            .filter(|(name, of, _)| !newer(name, of))
            .map(|(a, b, c)| ((*a).to_owned(), (*b).to_owned(), *c))
            .collect();
        scalars.retain(|name| name != "currency");
        ours.sort();
        scalars.sort();
        our_nested.sort();
        nested.sort();
        assert_eq!((ours, our_nested), (scalars, nested), "{}", shape.name);
    }
    for name in ["Contact", "Matter", "PracticeArea", "Document", "User", "Webhook", "CustomField"] {
        assert!(clio_sim::model::shapes::find(name).is_some());
    }
}
