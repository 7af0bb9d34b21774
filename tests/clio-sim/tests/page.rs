//! The page at `/__sim/`: what it loads, and that what its script sends is what a person's change
//! in Clio is. What it looks like is tested in a browser (bindings/node).
#![allow(clippy::unwrap_used)]

use clio_sim::{
    Config,
    model::{Model, Request, Response},
};
use serde_json::{Value, json};

const NOW: i64 = 1_775_044_800_000;

fn get(model: &mut Model, path: &str) -> Response {
    model.handle(NOW, &Request::new("GET", path))
}

#[test]
fn the_page_and_what_it_loads_are_ours_and_nothing_is_inline() {
    let mut model = Model::new(Config::default());
    let page = get(&mut model, "/__sim/");
    let html = String::from_utf8(page.body.clone()).unwrap();
    for (about, part) in [("script", "<script type=\"module\" src="), ("style sheet", "<link rel=\"stylesheet\" href=")]
    {
        let path = html.split(part).nth(1).and_then(|rest| rest.split('"').nth(1)).unwrap();
        let loaded = get(&mut model, path);
        assert_eq!(loaded.status, 200, "{about}");
        assert!(!loaded.body.is_empty(), "{about}");
    }
    assert_eq!(html.matches("<script").count(), 1);
    assert!(!html.contains("<style") && !html.contains(" style=") && !html.contains(" on"), "inline");
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'") && !policy.contains("unsafe")
    );
    assert_eq!(get(&mut model, "/__sim/other.js").status, 404);
    let link = get(&mut model, "/nc/");
    assert_eq!((link.status, link.header("location")), (302, Some("/__sim/")));
    assert_eq!(model.state(NOW)["calls"]["total"], 0, "looking at it is no call to Clio");
}

#[test]
fn a_status_that_is_chosen_there_is_one_of_clios_and_is_delivered() {
    let mut model = Model::new(Config { http_webhooks: true, ..Config::default() });
    let script = String::from_utf8(get(&mut model, "/__sim/page.js").body).unwrap();
    let list = script.split("STATUSES = ").nth(1).unwrap().split(';').next().unwrap().to_owned();
    let statuses: Vec<String> = serde_json::from_str(&list).unwrap();
    let token = model.grant(NOW).access_token;
    let hook = json!({ "data": { "url": "http://127.0.0.1:9/h", "model": "matter", "fields": "id,status",
        "events": ["updated"] } });
    let subscribe = Request::new("POST", "/api/v4/webhooks.json?fields=id,shared_secret")
        .with_header("User-Agent", "test/1")
        .with_header("Authorization", &format!("Bearer {token}"))
        .with_json(&hook);
    let hook = model.handle(NOW, &subscribe).body_json()["data"].clone();
    let shake = model.take_deliveries(NOW).remove(0);
    model.delivered(NOW, shake.id, Some(200), hook["shared_secret"].as_str());
    let seed = json!({ "contacts": [{ "type": "Person", "first_name": "A", "last_name": "B" }],
        "matters": [{ "description": "x", "client_index": 0 }] });
    let matter = model.seed(NOW, &seed).unwrap()["matters"][0].clone();
    let shown = |value: &Value| value["status"].as_str().unwrap().to_lowercase();
    assert_eq!(shown(&model.state(NOW)["matters"][0]), statuses[0], "what is shown is one of them");
    for status in statuses.iter().rev() {
        let edit = json!({ "resource": "matters", "id": matter, "data": { "status": status } });
        let answer = model.handle(NOW, &Request::new("POST", "/__sim/edit").with_json(&edit));
        assert_eq!(answer.status, 200, "{status}");
        assert_eq!(shown(&answer.body_json()["data"]), *status);
        let sent: Vec<Value> = model
            .take_deliveries(NOW + 60_000)
            .iter()
            .map(|delivery| serde_json::from_slice(&delivery.body).unwrap())
            .collect();
        assert_eq!(shown(&sent.last().unwrap()["data"]), *status, "{sent:?}");
    }
}
