//! Subscriptions under attack by somebody who knows their URL, and in the orders in which Clio,
//! admins and workers may act.

use core::time::Duration;

use serde_json::{Value, json};

use super::connection::remembers_the_dead;
use super::world::{HOOKS, World, admin, refused, status_event};
use crate::connection::ConnectionState;
use crate::jobs::WorkerConfig;
use crate::ports::{Key, Store as _, Write};
use crate::settings::FirmSettings;

#[tokio::test]
async fn a_handshake_of_somebody_else_never_replaces_a_confirmed_secret() {
    // Whether or not Clio names secrets.
    for names in [true, false] {
        let world = World::subscribed(names).await;
        world.synced().await;
        assert_eq!(world.deliver("matter", &status_event("Pending", "2026-04-01T12:00:30Z")).await, 200, "confirmed");
        assert_eq!(world.handshake("matter", "evil").await, 200, "echoed, as the protocol wants");
        let forged = status_event("Closed", "2030-01-01T00:00:00Z");
        for _ in 0..3 {
            assert_eq!(world.deliver_as("matter", "evil", &forged).await, 401);
            world.later(Duration::from_secs(13 * 3600)).await;
        }
        assert_eq!(
            world.deliver("matter", &status_event("Open", "2026-04-01T12:10:00Z")).await,
            200,
            "Clio's own go on"
        );
        world.work().await;
        assert_eq!(world.statuses().await, ["pending", "open"]);
    }
}

#[tokio::test]
async fn whoever_knows_the_url_cannot_use_up_the_firms_calls_nor_put_off_the_look() {
    let world = World::new();
    world.connect().await.unwrap();
    world.work().await;
    let secret = world.hook("matter")["shared_secret"].as_str().unwrap().to_owned();
    world.handshake("matter", &secret).await;
    world.http.clio().hooks.iter_mut().for_each(|hook| hook["status"] = json!("enabled"));
    let before = world.calls("GET /api/v4/webhooks");
    for _ in 0..1_200 {
        world.handshake("matter", "evil").await;
        world.deliver_as("matter", "evil", &json!({})).await;
        world.later(Duration::from_millis(500)).await;
    }
    let looks = world.calls("GET /api/v4/webhooks") - before;
    assert!((1..=25).contains(&looks), "{looks} in ten minutes");
    assert!(world.health().await.webhooks.unwrap().delivers);
}

#[tokio::test]
async fn a_subscription_whose_secret_cannot_be_known_is_replaced_by_one_with_another_url() {
    let world = World::new();
    world.http.clio().names_secrets = false;
    world.connect().await.unwrap();
    world.work().await;
    // All places for candidates are taken before Clio's own comes.
    for n in 0..4 {
        world.handshake("matter", &format!("evil{n}")).await;
    }
    let secret = world.hook("matter")["shared_secret"].as_str().unwrap().to_owned();
    world.handshake("matter", &secret).await;
    world.http.clio().hooks.iter_mut().for_each(|hook| hook["status"] = json!("enabled"));
    let before = world.token("matter");
    for _ in 0..25 {
        world.later(Duration::from_secs(31)).await;
    }
    assert!(world.http.clio().hooks.is_empty(), "given up");
    world.later(Duration::from_secs(3_700)).await;
    assert_ne!(world.token("matter"), before);
    let secret = world.hook("matter")["shared_secret"].as_str().unwrap().to_owned();
    world.handshake("matter", &secret).await;
    world.http.clio().hooks.iter_mut().for_each(|hook| hook["status"] = json!("enabled"));
    world.later(Duration::from_secs(31)).await;
    assert!(world.health().await.webhooks.unwrap().delivers);
}

#[tokio::test]
async fn a_handshake_that_clio_takes_over_the_api_tells_which_secret_is_its_own() {
    let world = World::new();
    world.http.clio().names_secrets = false;
    world.connect().await.unwrap();
    world.work().await;
    let secret = world.hook("matter")["shared_secret"].as_str().unwrap().to_owned();
    world.handshake("matter", "evil").await;
    world.handshake("matter", &secret).await;
    // Both replies were lost: it stays pending. Activating with the wrong one is refused.
    let mut first = true;
    world.answers(move |method, _, _, _| (method == "PUT" && core::mem::take(&mut first)).then(|| refused(422)));
    world.later(Duration::from_secs(31)).await;
    world.answers_as_usual();
    world.http.clio().hooks.iter_mut().for_each(|hook| hook["status"] = json!("enabled"));
    world.later(Duration::from_secs(31)).await;
    world.synced().await;
    assert_eq!(world.deliver_as("matter", "evil", &status_event("Closed", "2026-04-01T12:10:00Z")).await, 401);
    assert_eq!(world.deliver("matter", &status_event("Closed", "2026-04-01T12:10:00Z")).await, 200);
}

#[tokio::test]
async fn a_forbidden_subscription_for_contacts_leaves_the_one_for_matters_alone() {
    let world = World::new();
    let settings = FirmSettings { contact_review: true, ..FirmSettings::default() };
    world.sdk.firm(&admin()).settings().save(settings.clone()).await.unwrap();
    world.answers(|method, path, _, body| {
        (method == "POST" && path == "/api/v4/webhooks" && body["data"]["model"] == "contact").then(|| refused(403))
    });
    world.connect().await.unwrap();
    world.work().await;
    let secret = world.hook("matter")["shared_secret"].as_str().unwrap().to_owned();
    world.handshake("matter", &secret).await;
    world.http.clio().hooks.iter_mut().for_each(|hook| hook["status"] = json!("enabled"));
    world.later(Duration::from_secs(31)).await;
    let health = world.health().await;
    let webhooks = health.webhooks.unwrap();
    assert!(webhooks.delivers);
    assert_eq!((webhooks.cause.map(|cause| cause.code), health.state), (Some("app_permission_missing"), "degraded"));
}

#[tokio::test]
async fn a_renewal_that_fails_is_seen() {
    let world = World::subscribed(true).await;
    world.answers(|method, path, _, _| {
        (method == "PATCH" && path.starts_with("/api/v4/webhooks/")).then(|| refused(403))
    });
    world.later(Duration::from_secs(16 * 24 * 3600)).await;
    let webhooks = world.health().await.webhooks.unwrap();
    assert_eq!((webhooks.delivers, webhooks.cause.map(|cause| cause.code)), (false, Some("app_permission_missing")));
    world.answers_as_usual();
    world.later(Duration::from_secs(13 * 3600)).await;
    assert!(world.health().await.webhooks.unwrap().delivers);
    assert_eq!(world.audited("webhook_renewed").await.len(), 1);
}

#[tokio::test]
async fn when_the_public_url_moves_so_do_the_subscriptions() {
    let world = World::subscribed(true).await;
    let moved = world.process("https://new.example/hooks");
    world.runtime.advance(Duration::from_secs(13 * 3600));
    moved.worker(WorkerConfig::default()).run_due().await.unwrap();
    world.runtime.advance(Duration::from_secs(60));
    moved.worker(WorkerConfig::default()).run_due().await.unwrap();
    let urls: Vec<Value> = world.http.clio().hooks.iter().map(|hook| hook["url"].clone()).collect();
    assert_eq!(urls.len(), 1);
    assert!(urls[0].as_str().unwrap().starts_with("https://new.example/hooks/"), "{urls:?}");
}

#[tokio::test]
async fn a_subscription_that_comes_to_be_during_a_disconnect_does_not_outlive_it() {
    let world = World::new();
    world.connect().await.unwrap();
    let gate = world.hold("POST /api/v4/webhooks");
    let other = world.process(HOOKS);
    let asking = tokio::spawn(async move { other.worker(WorkerConfig::default()).run_due().await.unwrap() });
    world.until_held().await;
    world.sdk.firm(&admin()).connection().end(None).await.unwrap();
    remembers_the_dead(&world);
    drop(gate);
    asking.await.unwrap();
    world.later(Duration::from_secs(180)).await;
    let ended = world.connection().await;
    assert_eq!((ended.state, ended.unrevoked), (ConnectionState::Disconnected, None));
    assert!(world.http.clio().hooks.is_empty());
    let states: Vec<Value> = world.stored("webhook").await.into_iter().map(|(_, hook)| hook["state"].clone()).collect();
    assert!(states.iter().all(|state| state == "retired"), "{states:?}");
}

#[tokio::test]
async fn a_subscription_whose_creation_was_not_answered_is_deleted_by_a_disconnect() {
    let world = World::new();
    world.connect().await.unwrap();
    // Created, and the answer is a gateway's.
    let created = std::sync::Arc::new(std::sync::Mutex::new(Value::Null));
    let asked = std::sync::Arc::clone(&created);
    world.answers(move |method, path, _, body| {
        (method == "POST" && path == "/api/v4/webhooks").then(|| {
            *asked.lock().unwrap() = body["data"].clone();
            (502, Value::String(String::from("<html>")))
        })
    });
    world.work().await;
    world.answers_as_usual();
    remembers_the_dead(&world);
    let mut hook = created.lock().unwrap().clone();
    (hook["id"], hook["status"]) = (json!(99), json!("pending"));
    world.http.clio().hooks.push(hook);
    assert_eq!(world.http.clio().hooks.len(), 1);
    let ended = world.sdk.firm(&admin()).connection().end(None).await.unwrap();
    assert_eq!((ended.unrevoked, world.http.clio().hooks.len()), (None, 0));
}

#[tokio::test]
async fn a_disconnect_waits_for_a_subscription_that_may_come_to_be_yet() {
    let world = World::new();
    world.connect().await.unwrap();
    let asked = std::sync::Arc::new(std::sync::Mutex::new(Value::Null));
    let sent = std::sync::Arc::clone(&asked);
    world.answers(move |method, path, _, body| {
        (method == "POST" && path == "/api/v4/webhooks").then(|| {
            *sent.lock().unwrap() = body["data"].clone();
            (502, Value::String(String::from("<html>")))
        })
    });
    world.work().await;
    remembers_the_dead(&world);
    // Clio has not carried it out when it is asked which there are.
    assert_eq!(world.sdk.firm(&admin()).connection().end(None).await.unwrap().state, ConnectionState::Revoking);
    let mut hook = asked.lock().unwrap().clone();
    (hook["id"], hook["status"]) = (json!(99), json!("pending"));
    world.http.clio().hooks.push(hook);
    world.later(Duration::from_secs(180)).await;
    let ended = world.connection().await;
    assert_eq!((ended.state, ended.unrevoked), (ConnectionState::Disconnected, None));
    assert!(world.http.clio().hooks.is_empty());
}

#[tokio::test]
async fn a_subscription_that_was_ended_is_not_remembered() {
    for by_this_process in [true, false] {
        ended(by_this_process).await;
    }
}

async fn ended(by_this_process: bool) {
    let world = World::subscribed(true).await;
    world.synced().await;
    let (token, secret) = (world.token("matter"), world.hook("matter")["shared_secret"].as_str().unwrap().to_owned());
    assert_eq!(world.deliver("matter", &status_event("Pending", "2026-04-01T12:00:30Z")).await, 200);
    assert_eq!(world.deliver("matter", &status_event("Open", "2026-04-01T12:00:40Z")).await, 200, "known by now");
    assert_eq!(world.deliver("matter", &status_event("Open", "2026-04-01T12:00:40Z")).await, 200, "a repetition");
    world.work().await;
    assert_eq!(world.audited("webhook_received").await.len(), 2);
    remembers_the_dead(&world);
    let hook = world.hook("matter");
    let process = if by_this_process { world.sdk.clone() } else { world.process(HOOKS) };
    process.firm(&admin()).connection().end(None).await.unwrap();
    world.http.clio().hooks.push(hook);
    assert_eq!(world.token("matter"), token);
    assert_eq!(world.deliver_as("matter", &secret, &status_event("Closed", "2026-04-01T12:10:00Z")).await, 410);
    assert_eq!(world.stored("webhook-in").await.len(), 2);
}

#[tokio::test]
async fn a_subscription_whose_url_does_not_lead_here_never_counts_as_delivering() {
    // Whether or not Clio names secrets.
    for names in [true, false] {
        let world = World::new();
        world.http.clio().names_secrets = names;
        world.connect().await.unwrap();
        world.work().await;
        let before = world.token("matter");
        for _ in 0..25 {
            world.later(Duration::from_secs(31)).await;
            assert!(!world.health().await.webhooks.unwrap().delivers);
        }
        assert_eq!(world.calls("PUT "), 0, "nobody knows that Clio reaches us");
        assert!(world.http.clio().hooks.is_empty(), "given up");
        world.later(Duration::from_secs(3_700)).await;
        assert_ne!(world.token("matter"), before);
    }
}

#[tokio::test]
async fn a_handshake_of_somebody_else_does_not_show_that_clio_reaches_us() {
    let world = World::new();
    world.connect().await.unwrap();
    world.work().await;
    world.handshake("matter", "evil").await;
    world.later(Duration::from_secs(31)).await;
    assert_eq!(world.calls("PUT "), 0);
    assert!(!world.health().await.webhooks.unwrap().delivers);
}

#[tokio::test]
async fn a_handshake_that_comes_while_clio_is_asked_is_looked_at_once_clio_has_its_reply() {
    let world = World::new();
    world.connect().await.unwrap();
    world.work().await;
    world.runtime.advance(Duration::from_secs(30));
    let gate = world.hold("GET /api/v4/webhooks");
    let sdk = world.sdk.clone();
    let looking = tokio::spawn(async move { sdk.worker(WorkerConfig::default()).run_due().await.unwrap() });
    world.until_held().await;
    let before = world.calls("GET /api/v4/webhooks");
    assert_eq!(world.handshake("matter", "secret-of-clio").await, 200);
    drop(gate);
    looking.await.unwrap();
    assert_eq!(world.calls("GET /api/v4/webhooks") - before, 1, "Clio has no reply yet");
    world.later(Duration::from_secs(1)).await;
    assert_eq!(world.calls("GET /api/v4/webhooks") - before, 2, "now it has");
}

#[tokio::test]
async fn a_handshake_whose_reply_was_lost_is_answered_through_the_api() {
    // Whether it came before or after Clio named the secret.
    for before in [true, false] {
        let world = World::new();
        world.http.clio().names_secrets = !before;
        world.connect().await.unwrap();
        world.work().await;
        let secret = world.hook("matter")["shared_secret"].as_str().unwrap().to_owned();
        world.handshake("matter", &secret).await;
        world.http.clio().names_secrets = true;
        world.later(Duration::from_secs(31)).await;
        assert_eq!(world.calls("PUT "), 1);
        world.later(Duration::from_secs(31)).await;
        assert!(world.health().await.webhooks.unwrap().delivers);
    }
}

#[tokio::test]
async fn a_subscription_that_clio_does_not_activate_is_replaced() {
    // Refused, or not answered.
    for status in [422, 503] {
        let world = World::new();
        world.connect().await.unwrap();
        world.work().await;
        let before = world.hook("matter");
        world.handshake("matter", before["shared_secret"].as_str().unwrap()).await;
        world.answers(move |method, _, _, _| (method == "PUT").then(|| refused(status)));
        for _ in 0..40 {
            world.later(Duration::from_secs(31)).await;
        }
        assert!(world.calls("PUT ") > 0);
        world.later(Duration::from_secs(3_700)).await;
        assert!(world.http.clio().hooks.iter().all(|hook| hook["id"] != before["id"]), "{status}: given up");
    }
}

#[tokio::test]
async fn a_look_that_a_disconnect_overtook_tells_nothing_of_webhooks() {
    // Whether or not Clio still answers it.
    for dead in [true, false] {
        let world = World::subscribed(true).await;
        let gate = world.hold("GET /api/v4/webhooks");
        world.runtime.advance(Duration::from_secs(13 * 3600));
        let other = world.process(HOOKS);
        let looking = tokio::spawn(async move { other.worker(WorkerConfig::default()).run_due().await.unwrap() });
        world.until_held().await;
        if dead {
            remembers_the_dead(&world);
        }
        world.sdk.firm(&admin()).connection().end(None).await.unwrap();
        drop(gate);
        looking.await.unwrap();
        assert_eq!(world.health().await.webhooks, None);
        assert!(world.audited("webhook_created").await.iter().all(|entry| entry["status"] == "ok"));
    }
}

/// A worker beside the service that Clio can reach.
#[tokio::test]
async fn a_worker_that_was_told_no_address_keeps_the_subscriptions_of_those_that_were() {
    let world = World::new();
    let worker = world.process("");
    world.connect().await.unwrap();
    worker.worker(WorkerConfig::default()).run_due().await.unwrap();
    assert_eq!(world.http.clio().hooks.len(), 1);
    assert!(world.hook("matter")["url"].as_str().unwrap().starts_with(HOOKS));
    assert_ne!(world.health().await.webhooks.unwrap().cause.map(|cause| cause.code), Some("no_webhook_url"));
    // Another address, which only the service knows: it does not go back to the former one.
    let moved = world.process("https://calmintake.example/elsewhere");
    for process in [&moved, &worker, &worker] {
        world.runtime.advance(Duration::from_secs(13 * 3600));
        process.worker(WorkerConfig::default()).run_due().await.unwrap();
    }
    // Connected anew by a process that was told none.
    let start = worker.firm(&admin()).connection().begin("https://calmintake.example/callback").await.unwrap();
    let state = start.authorize_url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    worker.firm(&admin()).connection().finish(&format!("code=c&state={state}")).await.unwrap();
    world.http.clio().hooks.clear();
    worker.worker(WorkerConfig::default()).run_due().await.unwrap();
    assert_eq!(world.http.clio().hooks.len(), 1);
    let urls: Vec<_> = world.http.clio().hooks.iter().map(|hook| hook["url"].as_str().unwrap().to_owned()).collect();
    assert!(urls.iter().all(|url| url.contains("/elsewhere/")), "{urls:?}");
}

/// A restore took the record of one away that was made after the backup.
#[tokio::test]
async fn a_disconnect_ends_a_subscription_whose_record_the_database_has_lost() {
    let world = World::reviewing().await;
    world.synced().await;
    let token = world.token("matter");
    let lost = world.stored("webhook").await.into_iter().find(|(_, hook)| hook["model"] == "matter").unwrap().0;
    let key = Key::new(&super::world::firm(), "webhook", lost);
    let version = world.store.get(&key).await.unwrap().unwrap().version;
    world.store.commit(&[Write::Delete { key, version }]).await.unwrap();
    let foreign =
        json!({ "id": 99, "model": "matter", "url": format!("https://other.example/{token}"), "status": "enabled" });
    world.http.clio().hooks.push(foreign);
    world.sdk.firm(&admin()).connection().end(None).await.unwrap();
    world.work().await;
    let left: Vec<Value> = world.http.clio().hooks.iter().map(|hook| hook["id"].clone()).collect();
    assert_eq!(left, [json!(99)], "that of somebody else");
}
