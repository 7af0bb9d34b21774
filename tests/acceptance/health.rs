//! The card in Settings, Integrations: the whole of `GET /status`, in each state, with what an
//! admin should do next.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use crate::backend::{ADMIN, Backend, MEMBER, OTHER_ADMIN};
use crate::bench::{Bench, intake};
use casehug_clio::Timestamp;
use clio_sim::{Action, Config, Fault, Level};
use serde_json::{Value, json};

const DAY: i64 = 24 * 3600 * 1000;
const LIMIT: i64 = 1_000;

const NOT_CONNECTED: &str = "The firm is not connected to Clio. A firm admin can connect it in Settings, Integrations.";
const RECONNECT: &str = "Clio no longer accepts the firm's authorization; it answers the same when the Clio app's id or secret is wrong. A firm admin must reconnect in Settings, Integrations; if that fails too, check the app's client id and secret.";
const PERMISSION: &str = "The Clio app lacks a permission, or the user authorized it before the permission was added. Check the app's permissions (Contacts, Matters, \
                          Documents read and write, Users read, Webhooks write), then reconnect. If none is missing, the role of the connected Clio user has no access.";
const VALUES: &str =
    "Clio refused the values that were sent. See the named field, if there is one, and the Clio error type.";
const DISCONNECTING: &str =
    "The firm was disconnected. Clio is still asked to take back what it granted; nothing has to be done for that.";

const WEBHOOKS_LEFT: &str = "A webhook subscription may still be in Clio. What it delivers is refused, and it ends at the latest when it is not renewed.";

struct Card {
    bench: Bench,
    service: Backend,
    began: i64,
}

impl Card {
    async fn new() -> Self {
        let config = Config { rate_limit: 1_000, http_webhooks: true, ..Config::default() };
        let bench = Bench::with(config).await;
        let service = Backend::start(&bench);
        Self { began: bench.sim.now(), bench, service }
    }

    /// The card as any user of the firm sees it. Times are replaced by `"now"` (since this test
    /// began) or the days that they are away, the budget by `"left"`.
    async fn shown(&self) -> Value {
        let (status, mut card) = self.service.get("/status", MEMBER).await;
        assert_eq!(status, 200);
        let now = self.bench.sim.now();
        for place in [
            "/connection/connected_at",
            "/connection/token_expires_at",
            "/webhooks/expires_at",
            "/webhooks/seen_at",
            "/last_success",
            "/last_failure/at",
        ] {
            let Some(time) = card.pointer_mut(place).filter(|time| !time.is_null()) else { continue };
            let at = Timestamp::parse(time.as_str().unwrap()).unwrap().0;
            *time = match (at - now) as f64 / DAY as f64 {
                _ if (self.began..=now).contains(&at) => json!("now"),
                days => json!(days.round()),
            };
        }
        if let Some(left) = card.pointer_mut("/budget/left").filter(|left| !left.is_null()) {
            assert!((1..LIMIT).contains(&left.as_i64().unwrap()), "{left}");
            *left = json!("left");
        }
        for (place, name) in [("/last_failure/run", "run"), ("/connection/id", "connection")] {
            let Some(id) = card.pointer_mut(place) else { continue };
            assert!(!id.as_str().unwrap().is_empty());
            *id = json!(name);
        }
        if let Some(Value::Object(failure)) = card.pointer_mut("/last_failure/failure") {
            let context = failure.remove("context").unwrap();
            assert!(!context["step"].is_null() && !context["matter"].is_null(), "what failed is named: {context}");
        }
        card
    }

    async fn until_state(&self, state: &str) {
        self.service
            .until(state, async || self.service.get("/status", MEMBER).await.1["state"].as_str() == Some(state))
            .await;
    }
}

fn connection(by: &str, token_expires_at: &Value) -> Value {
    json!({
        "id": "connection",
        "region": "custom",
        "account": "1100204518",
        "account_name": "Harbor & Pine LLP",
        "user_email": "dana.whitfield@harborpine.example",
        "connected_at": "now",
        "connected_by": by,
        "token_expires_at": token_expires_at,
        "unrevoked": null,
    })
}

fn advice(code: &str, message: &str) -> Value {
    json!([{ "code": code, "message": message }])
}

fn failure(matter: &str, cause: &str, code: &str, advice: &str) -> Value {
    let known = casehug_clio::ALL_CODES.iter().find(|known| known.name() == code).unwrap();
    let failure = json!({ "code": code, "number": known.number(), "kind": cause, "retry": "never", "message": advice });
    json!({ "matter": matter, "at": "now", "run": "run", "failure": failure })
}

/// What a change of state changes, over what it was.
fn with(card: &Value, changes: Value) -> Value {
    let mut card = card.clone();
    let Value::Object(changes) = changes else { panic!("an object") };
    card.as_object_mut().unwrap().extend(changes);
    card
}

#[tokio::test(flavor = "multi_thread")]
async fn the_card_tells_everything_in_each_state_and_what_to_do_next() {
    let card = Card::new().await;
    let (bench, service) = (&card.bench, &card.service);
    let mut expected = json!({
        "state": "not_connected",
        "advice": advice("not_connected", NOT_CONNECTED),
        "key": "ok",
        "connection": null,
        "sync_when_approved": true,
        "sync_when_created": false,
        "webhooks": null,
        "budget": { "limit": 50, "left": null },
        "due_jobs": 0,
        "held_matters": 0,
        "last_success": null,
        "last_failure": null,
        "second_records": [],
    });
    assert_eq!(card.shown().await, expected);

    service.connected().await;
    bench.matter("m1", &intake("m1", "c1", None, &["d1"]));
    service.synced("m1").await;
    expected = with(
        &expected,
        json!({
            "state": "connected",
            "advice": [],
            "connection": connection("usr_1", &json!(30.0)),
            "webhooks": { "delivers": true, "expires_at": 30.0, "seen_at": "now" },
            "budget": { "limit": LIMIT, "left": "left" },
            "last_success": "now",
        }),
    );
    assert_eq!(card.shown().await, expected);

    // A failure that only a person can mend is told with its cause; the connection is well all the
    // same.
    bench.matter("m2", &intake("m2", "c2", None, &["d1"]));
    let refusal = Action::Status { status: 422, html: false, executed: false, retry_after: None };
    bench.sim.model().add_fault(Fault::new("POST", "/api/v4/matters", refusal));
    service.post("/matters/m2/sync", MEMBER, json!({})).await;
    service.until("the failure", async || service.get("/matters/m2", MEMBER).await.1["status"] == "failed").await;
    let (_, settings) = service.get("/settings", ADMIN).await;
    let flags = json!({ "sync_when_approved": false, "sync_when_created": true });
    service.put("/settings", ADMIN, with(&settings, flags.clone())).await;
    expected = with(&expected, json!({ "last_failure": failure("m2", "clio", "clio_validation", VALUES) }));
    expected = with(&expected, flags);
    assert_eq!(card.shown().await, expected);

    // The app loses a permission, and another admin reconnects.
    bench.sim.model().config_mut().permissions.insert("webhooks".into(), Level::None);
    assert!(service.connect(OTHER_ADMIN).await.0.is_redirection());
    card.until_state("degraded").await;
    expected = with(
        &expected,
        json!({
            "state": "degraded",
            "advice": advice("app_permission_missing", PERMISSION),
            "connection": connection("usr_2", &json!(30.0)),
            "webhooks": { "delivers": false, "cause": { "code": "app_permission_missing", "message": PERMISSION }, "seen_at": "now" },
        }),
    );
    assert_eq!(card.shown().await, expected);

    // Somebody ends the authorization inside Clio; the next sync meets that.
    bench.sim.model().revoke_all(true, true);
    service.post("/matters/m2/sync", MEMBER, json!({})).await;
    card.until_state("reconnect_required").await;
    service.until("parked", async || service.get("/matters/m2", MEMBER).await.1["parked"] == json!(true)).await;
    expected = with(
        &expected,
        json!({
            "state": "reconnect_required",
            "advice": advice("reconnect_required", RECONNECT),
            "last_failure": failure("m2", "auth", "reconnect_required", RECONNECT),
        }),
    );
    assert_eq!(card.shown().await, expected);

    service.post("/disconnect", ADMIN, json!({})).await;
    let (_, settings) = service.get("/settings", ADMIN).await;
    service.put("/settings", ADMIN, with(&settings, json!({ "sync_when_approved": true }))).await;
    service.post("/matters/m1/approved", MEMBER, json!({})).await;
    expected = with(
        &expected,
        json!({
            "state": "disconnected",
            "advice": advice("not_connected", NOT_CONNECTED),
            "connection": with(&connection("usr_2", &Value::Null), json!({ "unrevoked": { "code": "webhooks", "message": WEBHOOKS_LEFT } })),
            "sync_when_approved": true,
            "held_matters": 1,
            "webhooks": Value::Null,
        }),
    );
    // The first admin's subscription is still in Clio: the permission and then the authorization to
    // delete it are gone.
    assert_eq!(card.shown().await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_card_counts_what_waits_for_its_turn() {
    let card = Card::new().await;
    let service = &card.service;
    service.connected().await;
    let matters: Vec<String> = (1..=40).map(|number| format!("m{number}")).collect();
    for matter in &matters {
        card.bench.matter(matter, &intake(matter, matter, None, &[]));
    }
    let slow = Action::Slow { ms: 1_000 };
    card.bench.sim.model().add_fault(Fault::new("POST", "/api/v4/contacts", slow).times(40));
    for matter in &matters {
        service.post(&format!("/matters/{matter}/sync"), MEMBER, json!({})).await;
    }
    assert!(card.shown().await["due_jobs"].as_i64().unwrap() > 0);
    service.until("all done", async || service.get("/status", MEMBER).await.1["due_jobs"] == 0).await;
}

/// What Clio may still honour is told until somebody connects again.
#[tokio::test(flavor = "multi_thread")]
async fn the_card_tells_that_a_revocation_is_under_way_and_what_stayed_unrevoked() {
    let card = Card::new().await;
    let (bench, service) = (&card.bench, &card.service);
    service.connected().await;
    let unreachable = Action::LostRequest { hang: false };
    bench.sim.model().add_fault(Fault::new("POST", "/oauth/deauthorize", unreachable));
    service.post("/disconnect", ADMIN, json!({})).await;
    let shown = card.shown().await;
    assert_eq!((&shown["state"], &shown["advice"]), (&json!("revoking"), &advice("disconnecting", DISCONNECTING)));
    assert_eq!(shown["connection"], connection("usr_1", &json!(30.0)), "the token is kept to be given back");

    bench.sim.model().clear_faults();
    service.connected().await;
    assert_eq!(card.shown().await["connection"], connection("usr_1", &json!(30.0)));
    bench.sim.model().config_mut().deauthorize_kills_refresh = false;
    service.post("/disconnect", ADMIN, json!({})).await;
    let shown = card.shown().await;
    assert_eq!(
        (&shown["state"], &shown["connection"]["unrevoked"]["code"]),
        (&json!("disconnected"), &json!("refresh_token"))
    );
}
