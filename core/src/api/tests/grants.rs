//! What Clio has granted over the time, and what of it is given back: a Clio that knows each grant.

use core::sync::atomic::AtomicBool;
use core::sync::atomic::Ordering::Relaxed;
use core::time::Duration;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::world::{World, admin, dead_token, firm, matter, member, refused};
use crate::connection::ConnectionState;
use crate::error::Code;
use crate::ports::{Key, Write};

const DAY: Duration = Duration::from_secs(24 * 3600);
const CALLBACK: &str = "https://calmintake.example/callback";

/// The grants of one Clio.
#[derive(Clone, Default)]
struct Grants(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// Whether each is alive, and how often it was refreshed.
    grants: Vec<(bool, u32)>,
    /// Whether their first access tokens have ended.
    first_ended: bool,
}

impl Grants {
    fn of(world: &World) -> Self {
        let grants = Self::default();
        let kept = grants.clone();
        world.answers(move |_, path, bearer, body| kept.answer(path, bearer, body));
        grants
    }

    fn answer(&self, path: &str, bearer: &str, body: &Value) -> Option<(u16, Value)> {
        let mut state = self.0.lock().unwrap();
        let State { grants, first_ended } = &mut *state;
        let granted = |grant: usize, access: u32| {
            let (access, refresh) = (format!("access.{grant}.{access}"), format!("refresh.{grant}"));
            let answer = json!({ "token_type": "bearer", "access_token": access, "refresh_token": refresh, "expires_in": 2_592_000 });
            Some((200, answer))
        };
        if path == "/oauth/token" {
            let form = body.as_str().unwrap_or_default();
            let Some((_, grant)) = form.split_once("refresh.") else {
                grants.push((true, 0));
                return granted(grants.len() - 1, 0);
            };
            let grant: usize = grant.split('&').next().unwrap().parse().unwrap();
            let (alive, refreshed) = &mut grants[grant];
            if !*alive {
                return Some((400, json!({ "error": "invalid_grant" })));
            }
            *refreshed += 1;
            return granted(grant, *refreshed);
        }
        let mut parts = bearer.split('.').skip(1);
        let (Some(grant), Some(access)) = (parts.next(), parts.next()) else { return None };
        let grant: usize = grant.parse().unwrap();
        if !grants[grant].0 || (*first_ended && access == "0") {
            return Some(dead_token());
        }
        if path == "/oauth/deauthorize" {
            grants[grant].0 = false;
        }
        None
    }

    fn alive(&self) -> usize {
        self.0.lock().unwrap().grants.iter().filter(|(alive, _)| *alive).count()
    }

    fn first_tokens_end(&self) {
        self.0.lock().unwrap().first_ended = true;
    }
}

#[tokio::test]
async fn a_disconnect_gives_back_the_grants_that_were_replaced_too() {
    let world = World::new();
    let grants = Grants::of(&world);
    for _ in 0..3 {
        world.connect().await.unwrap();
    }
    assert_eq!(grants.alive(), 3, "to give one back could end the one in use");
    assert_eq!(world.stored("tokens").await.len(), 1);
    let ended = world.sdk.firm(&admin()).connection().end(None).await.unwrap();
    assert_eq!((ended.state, ended.unrevoked), (ConnectionState::Disconnected, None));
    assert_eq!(grants.alive(), 0);
    assert!(world.stored("tokens").await.is_empty());
}

#[tokio::test]
async fn grants_whose_access_tokens_ended_are_given_back_by_their_refresh_tokens() {
    let world = World::new();
    let grants = Grants::of(&world);
    world.connect().await.unwrap();
    world.connect().await.unwrap();
    world.work().await;
    assert_eq!(world.http.clio().hooks.len(), 1);
    world.runtime.advance(40 * DAY);
    grants.first_tokens_end();
    let ended = world.sdk.firm(&admin()).connection().end(None).await.unwrap();
    assert_eq!((ended.state, ended.unrevoked), (ConnectionState::Disconnected, None));
    assert_eq!(grants.alive(), 0);
    assert!(world.http.clio().hooks.is_empty(), "and with what they bring our subscriptions are deleted");
}

#[tokio::test]
async fn a_subscription_that_was_given_up_and_not_deleted_is_not_forgotten() {
    let world = World::new();
    world.connect().await.unwrap();
    world.answers(|method, _, _, _| (method == "DELETE").then(|| refused(403)));
    world.work().await;
    // No handshake comes: it is given up, and Clio does not delete it.
    world.later(Duration::from_secs(660)).await;
    assert_eq!(world.stored("webhook").await.last().unwrap().1["state"], "retired");
    world.answers(|_, path, _, _| match path {
        "/oauth/token" => Some((400, json!({ "error": "invalid_grant" }))),
        _ => Some(dead_token()),
    });
    let ended = world.sdk.firm(&admin()).connection().end(None).await.unwrap();
    assert_eq!(
        (ended.state, ended.unrevoked.as_ref().map(|word| word.code)),
        (ConnectionState::Disconnected, Some("webhooks"))
    );
}

#[tokio::test]
async fn a_refresh_does_not_forget_what_was_replaced() {
    let world = World::new();
    let grants = Grants::of(&world);
    world.connect().await.unwrap();
    world.connect().await.unwrap();
    world.runtime.advance(31 * DAY);
    grants.first_tokens_end();
    world.put("m1");
    assert!(world.sdk.firm(&member()).matters().sync(&matter()).await.unwrap().clio_matter().is_some());
    world.sdk.firm(&admin()).connection().end(None).await.unwrap();
    assert_eq!(grants.alive(), 0);
}

#[tokio::test]
async fn a_grant_that_a_disconnected_firm_does_not_keep_is_given_back() {
    let world = World::new();
    let grants = Grants::of(&world);
    world.connect().await.unwrap();
    world.sdk.firm(&admin()).connection().end(None).await.unwrap();
    let kept = grants.clone();
    world.answers(move |_, path, bearer, body| match path {
        "/api/v4/practice_areas" => Some(refused(503)),
        _ => kept.answer(path, bearer, body),
    });
    assert_eq!(world.connect().await.unwrap_err().code(), Code::ClioUnavailable);
    assert_eq!(grants.alive(), 0);
}

#[tokio::test]
async fn the_sdk_of_another_region_ends_no_connection_and_sends_no_token() {
    let world = World::new();
    let grants = Grants::of(&world);
    world.connect().await.unwrap();
    let (elsewhere, calls) = (world.elsewhere(), world.http.clio().calls.len());
    assert_eq!(elsewhere.firm(&admin()).connection().end(None).await.unwrap_err().code(), Code::ConnectedElsewhere);
    assert_eq!(elsewhere.host().report_deauthorization(&firm()).await.unwrap_err().code(), Code::ConnectedElsewhere);
    assert_eq!(world.http.clio().calls.len(), calls);
    assert_eq!((world.connection().await.state, grants.alive()), (ConnectionState::Connected, 1));
}

#[tokio::test]
async fn a_report_that_has_to_wait_keeps_no_worker_busy() {
    let world = World::subscribed(true).await;
    world.sdk.host().report_deauthorization(&firm()).await.unwrap();
    world.runtime.advance(Duration::from_secs(1));
    world.sdk.host().report_deauthorization(&firm()).await.unwrap();
    world.runtime.advance(Duration::from_millis(59_500));
    world.sdk.host().report_deauthorization(&firm()).await.unwrap();
    let before = world.calls("GET /api/v4/matters ");
    // Due, and asked half a second ago.
    world.later(Duration::from_millis(500)).await;
    assert_eq!(world.calls("GET /api/v4/matters "), before);
    world.later(Duration::from_secs(61)).await;
    assert_eq!(world.calls("GET /api/v4/matters "), before + 1);
}

#[tokio::test]
async fn practice_areas_of_the_account_that_was_left_are_not_taken_for_the_new_ones() {
    let world = Arc::new(World::new());
    world.connect().await.unwrap();
    let gate = world.hold("GET /api/v4/practice_areas");
    let sdk = world.sdk.clone();
    let loading = tokio::spawn(async move { sdk.firm(&admin()).settings().reload_practice_areas().await });
    world.until_held().await;
    world.sdk.firm(&admin()).connection().end(None).await.unwrap();
    let areas = Arc::new(Mutex::new("Falconry"));
    let named = Arc::clone(&areas);
    world.answers(move |_, path, _, _| match path {
        "/api/v4/users/who_am_i" => Some((
            200,
            json!({ "data": { "id": 1, "name": "x", "email": "e@x", "account": { "id": 8, "name": "F" } } }),
        )),
        "/api/v4/practice_areas" => {
            let name = *named.lock().unwrap();
            Some((200, json!({ "data": [{ "id": 1, "name": name }], "meta": { "paging": {} } })))
        }
        _ => None,
    });
    let start = world.sdk.firm(&admin()).connection().begin_separate(CALLBACK).await.unwrap();
    let state = start.authorize_url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    world.sdk.firm(&admin()).connection().finish(&format!("code=c&state={state}")).await.unwrap();
    *areas.lock().unwrap() = "Of the other account";
    drop(gate);
    assert_eq!(loading.await.unwrap().unwrap_err().get("reason"), Some("another_account"));
    let page = world.sdk.firm(&admin()).settings().mappings().await.unwrap();
    assert_eq!(page.practice_areas.iter().map(|area| area.name.as_str()).collect::<Vec<_>>(), ["Falconry"]);
}

#[tokio::test]
async fn a_handshake_at_the_end_of_a_disconnect_does_not_make_it_forget_that_all_was_given_back() {
    let world = World::subscribed(true).await;
    let (hook, _) = world.stored("webhook").await.remove(0);
    let ends = |write: &Write| matches!(write, Write::Put { key, body, .. } if key.collection == "connection" && body.contains("\"disconnected\""));
    let sdk = world.process_on(world.meddled(ends, Key::new(&firm(), "webhook", hook)));
    // As Clio does: what was deauthorized is refused from then on.
    let ended = Mutex::new(false);
    world.answers(move |method, path, _, _| {
        let mut ended = ended.lock().unwrap();
        match (method, path) {
            ("POST", "/oauth/token") => Some((400, json!({ "error": "invalid_grant" }))),
            _ if *ended => Some(dead_token()),
            ("POST", "/oauth/deauthorize") => {
                *ended = true;
                None
            }
            _ => None,
        }
    });
    sdk.firm(&admin()).connection().end(None).await.unwrap();
    world.later(Duration::from_secs(61)).await;
    assert_eq!(world.stored("connection").await[0].1.get("unrevoked"), None);
    let told = world.audited("disconnect").await;
    assert_eq!(told.last().unwrap()["details"]["revoked"], "true", "{told:?}");
}

#[tokio::test]
async fn what_a_disconnect_was_granted_is_kept_until_it_is_given_back() {
    let world = World::subscribed(true).await;
    // Clio ends a token's predecessors with its first use, and then cannot be reached.
    let (used, ended, down) = (AtomicBool::new(false), Arc::default(), Arc::default());
    let (gone, away): (Arc<AtomicBool>, Arc<AtomicBool>) = (Arc::clone(&ended), Arc::clone(&down));
    away.store(true, Relaxed);
    world.answers(move |_, path, bearer, body| {
        if path == "/oauth/token" {
            let first = !body.as_str().unwrap_or_default().contains("refresh_token=second");
            if gone.load(Relaxed) || (first && used.load(Relaxed)) {
                return Some((400, json!({ "error": "invalid_grant" })));
            }
            let answer = json!({ "token_type": "bearer", "access_token": "renewed", "refresh_token": "second", "expires_in": 2_592_000 });
            return Some((200, answer));
        }
        if bearer != "renewed" || gone.load(Relaxed) {
            return Some(dead_token());
        }
        used.store(true, Relaxed);
        if away.load(Relaxed) {
            return Some(refused(503));
        }
        if path == "/oauth/deauthorize" {
            gone.store(true, Relaxed);
        }
        None
    });
    assert_eq!(world.sdk.firm(&admin()).connection().end(None).await.unwrap().state, ConnectionState::Revoking);
    assert!(!ended.load(Relaxed));
    down.store(false, Relaxed);
    world.later(Duration::from_secs(61)).await;
    let connection = world.connection().await;
    assert_eq!((connection.state, connection.unrevoked), (ConnectionState::Disconnected, None));
    assert!(ended.load(Relaxed), "no token of the grant works");
    assert!(world.http.clio().hooks.is_empty());
}

/// The envelope of a connection that Clio refused was written, and passed for newer tokens.
#[tokio::test]
async fn a_reconnect_that_fails_leaves_the_connection_as_dead_as_it_was() {
    let world = World::new();
    let grants = Grants::of(&world);
    world.connect().await.unwrap();
    grants.0.lock().unwrap().grants[0].0 = false;
    world.put("m1");
    world.sdk.firm(&member()).matters().sync(&matter()).await.unwrap();
    assert_eq!(world.connection().await.state, ConnectionState::ReconnectRequired);
    let kept = grants.clone();
    world.answers(move |_, path, bearer, body| match path {
        "/api/v4/users/who_am_i" => Some((503, json!({ "error": "?" }))),
        _ => kept.answer(path, bearer, body),
    });
    assert_eq!(world.connect().await.unwrap_err().code(), Code::ClioUnavailable);
    for _ in 0..4 {
        world.later(Duration::from_secs(1_800)).await;
    }
    assert_eq!(world.connection().await.state, ConnectionState::ReconnectRequired);
    let refreshed = world.audited("refresh").await;
    assert!(refreshed.iter().all(|entry| entry["details"]["reason"] != "newer_tokens"), "{refreshed:?}");
    assert_eq!(grants.alive(), 0, "and what it brought is given back");
}
