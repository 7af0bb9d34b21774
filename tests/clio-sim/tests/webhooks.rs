//! Webhook deliveries of the model: handshake, signature, retries, suspension, expiry.
#![allow(clippy::unwrap_used)]

use clio_sim::{
    Config,
    model::{Delivery, Model, Request},
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};

const NOW: i64 = 1_775_044_800_000;
const MINUTE: i64 = 60_000;

struct Clio {
    model: Model,
    token: String,
}

impl Clio {
    fn new() -> Self {
        let mut model = Model::new(Config { http_webhooks: true, ..Config::default() });
        let token = model.grant(NOW).access_token;
        Self { model, token }
    }

    fn call(&mut self, method: &str, path: &str, data: &Value) -> Value {
        let mut request = Request::new(method, path)
            .with_header("User-Agent", "test/1")
            .with_header("Content-Type", "application/json")
            .with_header("Authorization", &format!("Bearer {}", self.token));
        request.body = json!({ "data": data }).to_string().into_bytes();
        let answer = self.model.handle(NOW, &request);
        assert!(answer.status < 300, "{method} {path}: {} {}", answer.status, String::from_utf8_lossy(&answer.body));
        if answer.body.is_empty() { Value::Null } else { answer.body_json()["data"].clone() }
    }

    fn subscribe(&mut self) -> Value {
        let hook = json!({"url": "http://127.0.0.1:9/h", "model": "matter", "fields": "id,status",
            "events": ["updated", "deleted", "matter_opened", "matter_closed"]});
        self.call("POST", "/api/v4/webhooks.json?fields=id,status,shared_secret,expires_at", &hook)
    }

    fn enabled(&mut self) -> Value {
        let hook = self.subscribe();
        let shake = self.model.take_deliveries(NOW).remove(0);
        self.model.delivered(NOW, shake.id, Some(200), hook["shared_secret"].as_str());
        hook
    }

    fn matter(&mut self) -> i64 {
        let seeded = self.model.seed(
            NOW,
            &json!({"contacts": [{"type": "Person", "first_name": "A", "last_name": "B"}],
            "matters": [{"description": "x", "client_index": 0}]}),
        );
        seeded.unwrap()["matters"][0].as_i64().unwrap()
    }

    fn events(&mut self, at: i64) -> Vec<(Delivery, String)> {
        let due = self.model.take_deliveries(at);
        due.into_iter()
            .map(|delivery| {
                let body: Value = serde_json::from_slice(&delivery.body).unwrap();
                let event = body["meta"]["event"].as_str().unwrap().to_owned();
                (delivery, event)
            })
            .collect()
    }
}

#[test]
fn a_subscription_shakes_hands_and_then_signs_what_it_tells() {
    let mut clio = Clio::new();
    let hook = clio.subscribe();
    assert_eq!(hook["status"], "pending");
    let matter = clio.matter();
    clio.call("PATCH", &format!("/api/v4/matters/{matter}.json"), &json!({"status": "pending"}));
    let due = clio.model.take_deliveries(NOW);
    assert_eq!(due.len(), 1, "nothing before the handshake");
    assert!(due[0].headers.contains(&("X-Hook-Secret".into(), hook["shared_secret"].as_str().unwrap().into())));
    clio.model.delivered(NOW, due[0].id, Some(200), hook["shared_secret"].as_str());
    clio.call("PATCH", &format!("/api/v4/matters/{matter}.json"), &json!({"status": "closed"}));
    let told = clio.events(NOW);
    let events: Vec<&str> = told.iter().map(|(_, event)| event.as_str()).collect();
    assert_eq!(events, ["updated", "matter_closed"]);
    for (delivery, _) in &told {
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(hook["shared_secret"].as_str().unwrap().as_bytes()).unwrap();
        mac.update(&delivery.body);
        let expected = hex::encode(mac.finalize().into_bytes());
        assert!(delivery.headers.contains(&("X-Hook-Signature".into(), expected)));
        let body: Value = serde_json::from_slice(&delivery.body).unwrap();
        assert_eq!(body["data"]["status"], "Closed");
        assert_eq!(body["data"]["id"], matter);
    }
}

#[test]
fn the_first_change_of_a_record_fires_whatever_it_is_and_later_ones_only_if_listed() {
    let mut clio = Clio::new();
    clio.enabled();
    let matter = clio.matter();
    for (count, change) in [(1, "y"), (0, "z")] {
        clio.call("PATCH", &format!("/api/v4/matters/{matter}.json"), &json!({"description": change}));
        let told = clio.events(NOW);
        assert_eq!(told.len(), count, "{change}");
        told.iter().for_each(|(delivery, _)| clio.model.delivered(NOW, delivery.id, Some(204), None));
    }
}

#[test]
fn a_delivery_holds_what_its_subscription_lists_and_a_listed_etag_tells_every_change() {
    let mut clio = Clio::new();
    let fields = "id,etag,updated_at,email_addresses{id,etag},phone_numbers{id,etag}";
    let hook =
        json!({"url": "http://127.0.0.1:9/h", "model": "contact", "fields": fields, "events": ["updated", "deleted"]});
    let hook = clio.call("POST", "/api/v4/webhooks.json?fields=id,shared_secret", &hook);
    let shake = clio.model.take_deliveries(NOW).remove(0);
    clio.model.delivered(NOW, shake.id, Some(200), hook["shared_secret"].as_str());
    let person = json!({"type": "Person", "first_name": "Geheim", "last_name": "Qwertz",
        "email_addresses": [{"name": "Work", "address": "geheim@example.test"}],
        "phone_numbers": [{"name": "Work", "number": "+12065559876"}]});
    let contact = clio.call("POST", "/api/v4/contacts.json?fields=id", &person)["id"].as_i64().unwrap();
    for name in ["Asdf", "Yxcv"] {
        clio.call("PATCH", &format!("/api/v4/contacts/{contact}.json"), &json!({"last_name": name}));
        let told = clio.events(NOW);
        assert_eq!(told.len(), 1, "{name}");
        let body = String::from_utf8(told[0].0.body.clone()).unwrap();
        for secret in ["Geheim", name, "example.test", "5559876"] {
            assert!(!body.contains(secret), "{body}");
        }
        let data = &serde_json::from_str::<Value>(&body).unwrap()["data"];
        assert!(data["email_addresses"][0]["etag"].is_string() && data["phone_numbers"][0]["id"].is_i64(), "{data}");
        told.iter().for_each(|(delivery, _)| clio.model.delivered(NOW, delivery.id, Some(204), None));
    }
}

#[test]
fn a_delivery_is_tried_again_for_62_minutes_and_then_lost_with_its_subscription() {
    let mut clio = Clio::new();
    let hook = clio.enabled();
    let matter = clio.matter();
    clio.call("PATCH", &format!("/api/v4/matters/{matter}.json"), &json!({"status": "closed"}));
    let mut at = NOW;
    for wait in [0, 2, 4, 8, 16, 32] {
        assert_eq!(clio.events(at + wait * MINUTE - 1).len(), 0, "{wait}");
        at += wait * MINUTE;
        let told = clio.events(at);
        assert_eq!(told.len(), 2, "{wait}");
        told.iter().for_each(|(delivery, _)| clio.model.delivered(at, delivery.id, Some(500), None));
    }
    assert_eq!(at, NOW + 62 * MINUTE);
    assert_eq!(clio.model.next_delivery_at(), None);
    let path = format!("/api/v4/webhooks/{}.json?fields=id,status", hook["id"]);
    assert_eq!(clio.call("GET", &path, &json!({}))["status"], "suspended");
}

#[test]
fn gone_suspends_and_an_expired_subscription_tells_nothing() {
    let mut clio = Clio::new();
    clio.enabled();
    let matter = clio.matter();
    clio.call("PATCH", &format!("/api/v4/matters/{matter}.json"), &json!({"status": "closed"}));
    assert!(clio.events(NOW + 4 * 24 * 60 * MINUTE).is_empty(), "three days unless told otherwise");
    let mut clio = Clio::new();
    let other = clio.enabled();
    let matter = clio.matter();
    clio.call("DELETE", &format!("/api/v4/matters/{matter}.json"), &json!({}));
    let told = clio.events(NOW);
    assert_eq!(told[0].1, "deleted");
    clio.model.delivered(NOW, told[0].0.id, Some(410), None);
    let path = format!("/api/v4/webhooks/{}.json?fields=id,status", other["id"]);
    assert_eq!(clio.call("GET", &path, &json!({}))["status"], "suspended");
}
