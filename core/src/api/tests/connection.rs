//! Disconnecting and reconnecting in the orders in which two admins, a worker and a slow Clio may
//! act.

use core::time::Duration;

use serde_json::{Value, json};

use super::world::{HOOKS, World, admin, dead_token, firm, matter, member, refused};
use crate::connection::ConnectionState;
use crate::domain::{ClioId, Trigger};
use crate::error::Code;
use crate::history::RunQuery;
use crate::jobs::WorkerConfig;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A Clio that keeps to what was deauthorized.
pub(super) fn remembers_the_dead(world: &World) {
    let mut dead: Vec<String> = Vec::new();
    world.answers(move |_, path, bearer, body| match path {
        "/oauth/token" => {
            let refreshes = body.as_str().is_some_and(|form| form.contains("grant_type=refresh_token"));
            (refreshes && !dead.is_empty()).then(|| (400, json!({ "error": "invalid_grant" })))
        }
        _ if dead.iter().any(|token| token == bearer) => Some(dead_token()),
        "/oauth/deauthorize" => {
            dead.push(bearer.to_owned());
            None
        }
        _ => None,
    });
}

#[tokio::test]
async fn an_access_token_that_ended_is_no_deauthorization() {
    let world = World::subscribed(true).await;
    world.runtime.advance(31 * DAY);
    world.answers(|_, path, bearer, _| (path.starts_with("/api") && bearer == "access-1").then(dead_token));
    assert!(!world.sdk.host().report_deauthorization(&firm()).await.unwrap().disconnected);
    assert_eq!(world.connection().await.state, ConnectionState::Connected);
    let before = world.calls("GET /api/v4/matters");
    for _ in 0..100 {
        assert!(!world.sdk.host().report_deauthorization(&firm()).await.unwrap().disconnected);
    }
    assert_eq!(world.calls("GET /api/v4/matters"), before, "anybody can report: Clio is asked once a minute");
    // True by now, and not forgotten.
    world.answers(|_, path, _, _| match path {
        "/oauth/token" => Some((400, json!({ "error": "invalid_grant" }))),
        _ => Some(dead_token()),
    });
    world.later(Duration::from_secs(61)).await;
    assert_eq!(world.connection().await.state, ConnectionState::Disconnected);
}

#[tokio::test]
async fn a_disconnect_while_clio_is_unreachable_is_carried_out_by_a_worker() {
    let world = World::subscribed(true).await;
    world.answers(|_, _, _, _| Some(refused(503)));
    assert_eq!(world.sdk.firm(&admin()).connection().end(None).await.unwrap().state, ConnectionState::Revoking);
    for _ in 0..5 {
        world.later(Duration::from_secs(600)).await;
    }
    assert_eq!(world.connection().await.state, ConnectionState::Revoking);
    assert_eq!(world.stored("tokens").await.len(), 1, "for revocation only");
    remembers_the_dead(&world);
    world.later(Duration::from_secs(3_601)).await;
    let ended = world.connection().await;
    assert_eq!((ended.state, ended.unrevoked), (ConnectionState::Disconnected, None));
    assert!(world.http.clio().hooks.is_empty());
    assert!(world.stored("tokens").await.is_empty() && world.stored("data-key").await.is_empty());
    assert!(!world.audited("disconnect").await.is_empty());
}

#[tokio::test]
async fn tokens_wait_for_revocation_no_longer_than_they_live() {
    let world = World::subscribed(true).await;
    world.answers(|_, _, _, _| Some(refused(503)));
    world.sdk.firm(&admin()).connection().end(None).await.unwrap();
    for _ in 0..32 {
        world.later(DAY).await;
    }
    let ended = world.connection().await;
    assert_eq!((ended.state, ended.unrevoked.as_deref()), (ConnectionState::Disconnected, Some("token_ended")));
    assert!(world.stored("tokens").await.is_empty());
}

#[tokio::test]
async fn a_refresh_token_that_outlives_its_access_token_is_given_back_and_shown() {
    let world = World::subscribed(true).await;
    let ended = world.sdk.firm(&admin()).connection().end(None).await.unwrap();
    assert_eq!(ended.unrevoked.as_ref().map(|word| word.code), Some("refresh_token"), "Clio may honour it still");
    assert_eq!(world.calls("POST /oauth/deauthorize"), 2, "what it granted was given back");
}

#[tokio::test]
async fn two_who_revoke_at_once_do_not_report_what_was_given_back() {
    let world = World::subscribed(true).await;
    remembers_the_dead(&world);
    let gate = world.hold("POST /oauth/token");
    let sdk = world.sdk.clone();
    let first = tokio::spawn(async move { sdk.firm(&admin()).connection().end(None).await.unwrap() });
    world.until_held().await;
    let other = world.process(HOOKS);
    other.worker(WorkerConfig::default()).run_due().await.unwrap();
    other.firm(&admin()).connection().end(None).await.unwrap();
    drop(gate);
    let ended = first.await.unwrap();
    assert_eq!((ended.state, ended.unrevoked), (ConnectionState::Disconnected, None));
    assert!(world.http.clio().hooks.is_empty());
}

#[tokio::test]
async fn a_revocation_that_is_under_way_leaves_a_new_grant_alone() {
    let world = World::subscribed(true).await;
    world.answers(|method, _, _, _| (method == "DELETE").then(|| refused(503)));
    assert_eq!(world.sdk.firm(&admin()).connection().end(None).await.unwrap().state, ConnectionState::Revoking);
    world.answers_as_usual();
    let gate = world.hold("DELETE /api/v4/webhooks");
    world.runtime.advance(Duration::from_secs(61));
    let other = world.process(HOOKS);
    let revoking = tokio::spawn(async move { other.worker(WorkerConfig::default()).run_due().await.unwrap() });
    world.until_held().await;
    assert_eq!(world.connect().await.unwrap().state, ConnectionState::Connected);
    let before = (world.calls("POST /oauth/deauthorize"), world.calls("POST /oauth/token"));
    drop(gate);
    revoking.await.unwrap();
    assert_eq!((world.calls("POST /oauth/deauthorize"), world.calls("POST /oauth/token")), before);
}

#[tokio::test]
async fn a_connect_that_is_under_way_does_not_undo_a_disconnect() {
    let world = std::sync::Arc::new(World::subscribed(true).await);
    let gate = world.hold("GET /api/v4/users");
    let connecting = std::sync::Arc::clone(&world);
    let connecting = tokio::spawn(async move { connecting.connect().await });
    world.until_held().await;
    world.sdk.firm(&admin()).connection().end(None).await.unwrap();
    drop(gate);
    assert_eq!(connecting.await.unwrap().unwrap_err().code(), Code::ConnectConflict);
    assert_eq!(world.connection().await.state, ConnectionState::Disconnected);
    assert!(world.stored("tokens").await.is_empty());
}

#[tokio::test]
async fn a_refresh_that_is_under_way_during_a_disconnect_is_given_back() {
    let world = World::subscribed(true).await;
    world.runtime.advance(30 * DAY - Duration::from_secs(200));
    remembers_the_dead(&world);
    let gate = world.hold("POST /oauth/token");
    let sdk = world.sdk.clone();
    let refreshing =
        tokio::spawn(async move { sdk.firm(&admin()).settings().reload_practice_areas().await.map(|_| ()) });
    world.until_held().await;
    // What it brings is found, so this is not over before it is.
    assert_eq!(world.sdk.firm(&admin()).connection().end(None).await.unwrap().state, ConnectionState::Revoking);
    // Clio had granted it before; only the answer is slow.
    world.answers_as_usual();
    drop(gate);
    assert!(refreshing.await.unwrap().is_err());
    world.later(Duration::from_secs(61)).await;
    assert_eq!(world.connection().await.state, ConnectionState::Disconnected);
    let calls = world.http.clio().calls.clone();
    let granted = calls.iter().rev().find(|call| call.starts_with("POST /oauth/deauthorize")).unwrap();
    assert!(!granted.ends_with("access-1"), "what the refresh brought is given back: {granted}");
}

#[tokio::test]
async fn data_keys_do_not_pile_up_and_none_outlives_a_disconnect() {
    let world = World::reviewing().await;
    world.synced().await;
    world.http.clio().contact["first_name"] = json!("Changed");
    world.deliver("contact", &json!({ "data": { "id": 11 }, "meta": { "event": "updated" } })).await;
    world.work().await;
    assert_eq!(world.sdk.firm(&admin()).contacts().proposals().await.unwrap().len(), 1);
    for _ in 0..4 {
        world.connect().await.unwrap();
        world.later(Duration::from_secs(3_600)).await;
    }
    world.later(DAY).await;
    world.later(DAY).await;
    assert_eq!(world.stored("data-key").await.len(), 2, "the one in use, and the one that the proposal is sealed with");
    assert_eq!(
        world.sdk.firm(&admin()).contacts().proposals().await.unwrap().len(),
        1,
        "a reconnect loses no proposal"
    );
    world.sdk.firm(&admin()).connection().end(None).await.unwrap();
    world.later(2 * DAY).await;
    assert!(world.stored("data-key").await.is_empty() && world.stored("contact-proposal").await.is_empty());
    assert_eq!(world.sdk.firm(&admin()).contacts().proposals().await.unwrap(), []);
}

#[tokio::test]
async fn nothing_that_was_asked_for_while_disconnected_leaves_by_itself_afterwards() {
    let world = World::subscribed(true).await;
    world.synced().await;
    world.put("m2");
    let run = world.sdk.firm(&member()).matters().state(&matter()).await.unwrap().last_run.unwrap().run;
    world.sdk.firm(&admin()).connection().end(None).await.unwrap();
    let second = crate::domain::MatterId::new("m2").unwrap();
    assert_eq!(world.sdk.firm(&member()).matters().sync(&second).await.unwrap_err().code(), Code::NotConnected);
    assert!(world.sdk.firm(&member()).matters().trigger(&second, Trigger::Approved).await.unwrap().accepted);
    world.sdk.firm(&member()).matters().retry(&run).await.unwrap();
    assert_eq!(
        world.sdk.firm(&admin()).backfills().start(core::slice::from_ref(&second)).await.unwrap_err().code(),
        Code::NotConnected
    );
    let held: Vec<String> =
        world.sdk.firm(&admin()).matters().held().await.unwrap().iter().map(|held| held.matter.to_string()).collect();
    assert_eq!(held, ["m1", "m2"]);
    world.connect().await.unwrap();
    let before = world.calls("POST /api/v4/matters");
    world.later(Duration::from_secs(60)).await;
    assert_eq!(world.calls("POST /api/v4/matters"), before);
    world.sdk.firm(&admin()).matters().release_held(None).await.unwrap();
    world.work().await;
    assert_eq!(world.calls("POST /api/v4/matters"), before + 1);
    assert!(world.audited("sync").await.iter().any(|entry| entry["details"]["held"] == "true"));
}

/// The firm worked in Clio by hand until then: what it made there would be doubled.
#[tokio::test]
async fn nothing_that_was_triggered_before_the_first_connection_leaves_by_itself_afterwards() {
    let world = World::new();
    let second = crate::domain::MatterId::new("m2").unwrap();
    world.put("m1");
    world.put("m2");
    assert!(world.sdk.firm(&member()).matters().trigger(&matter(), Trigger::Approved).await.unwrap().accepted);
    let report = world.sdk.firm(&member()).matters().sync(&second).await.unwrap();
    assert_eq!(report.first_failure().unwrap().error.as_ref().unwrap().code(), Code::NotConnected);
    world.work().await;
    world.connect().await.unwrap();
    world.later(2 * DAY).await;
    assert_eq!(world.calls("POST /api/v4/matters"), 0);
    assert_eq!(world.health().await.held_matters, 1);
    assert_eq!(world.sdk.firm(&admin()).matters().release_held(None).await.unwrap().matters, 1);
    world.work().await;
    assert_eq!(world.calls("POST /api/v4/matters"), 1);
}

#[tokio::test]
async fn what_is_held_stays_so_when_it_is_approved_once_more() {
    let world = World::new();
    world.put("m1");
    world.sdk.firm(&member()).matters().trigger(&matter(), Trigger::Approved).await.unwrap();
    world.connect().await.unwrap();
    // Another document is approved: what the firm has made in Clio by hand would still be doubled.
    world.sdk.firm(&member()).matters().trigger(&matter(), Trigger::Approved).await.unwrap();
    world.later(2 * DAY).await;
    assert_eq!((world.calls("POST /api/v4/matters"), world.health().await.held_matters), (0, 1));
    // A person asks for this very matter.
    world.runtime.advance(Duration::from_secs(1));
    world.sdk.firm(&member()).matters().sync(&matter()).await.unwrap();
    assert_eq!((world.calls("POST /api/v4/matters"), world.health().await.held_matters), (1, 0));
}

#[tokio::test]
async fn what_is_held_of_a_matter_in_clio_goes_with_its_next_approval() {
    let world = World::subscribed(true).await;
    world.synced().await;
    world.sdk.firm(&admin()).connection().end(None).await.unwrap();
    world.sdk.firm(&member()).matters().trigger(&matter(), Trigger::Approved).await.unwrap();
    world.connect().await.unwrap();
    assert_eq!(world.health().await.held_matters, 1);
    world.runtime.advance(Duration::from_secs(1));
    world.sdk.firm(&member()).matters().trigger(&matter(), Trigger::Created).await.unwrap();
    world.work().await;
    assert_eq!(world.health().await.held_matters, 1, "it sends no documents");
    world.sdk.firm(&member()).matters().trigger(&matter(), Trigger::Approved).await.unwrap();
    world.work().await;
    assert_eq!(world.health().await.held_matters, 0);
}

pub(super) async fn separate(world: &World) {
    let start =
        world.sdk.firm(&admin()).connection().begin_separate("https://calmintake.example/callback").await.unwrap();
    let state = start.authorize_url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    world.sdk.firm(&admin()).connection().finish(&format!("code=c&state={state}")).await.unwrap();
}

pub(super) async fn connect_to_another_account(world: &World, account: i64) {
    world.sdk.firm(&admin()).connection().end(None).await.unwrap();
    is_account(world, account, &[]);
    separate(world).await;
}

#[tokio::test]
async fn what_waited_for_one_account_does_not_run_in_another_unless_an_admin_says_so() {
    let world = World::subscribed(true).await;
    for id in ["m1", "m2", "m3", "m4", "m5", "m6"] {
        world.put(id);
    }
    world.answers(|method, path, _, _| {
        ((method, path) == ("GET", "/api/v4/contacts")).then(|| (500, json!({ "error": "?" })))
    });
    // One waits for its next try, the others are a backfill's.
    world.sdk.firm(&member()).matters().trigger(&matter(), Trigger::Approved).await.unwrap();
    world.work().await;
    let older = ["m2", "m3", "m4", "m5", "m6"].map(|id| crate::domain::MatterId::new(id).unwrap());
    let id = world.sdk.firm(&admin()).backfills().start(&older).await.unwrap();
    let (ctx, claims) = (&world.sdk.queue.ctx, &world.sdk.queue.claims);
    let mut passed = crate::jobs::quarantine::PassedOver::new(&*ctx.runtime);
    crate::jobs::backfill::feed_due(&ctx.repository, claims, &ctx.progress, &mut passed).await.unwrap();
    connect_to_another_account(&world, 8).await;
    for _ in 0..20 {
        world.later(Duration::from_secs(900)).await;
    }
    assert_eq!(world.calls("POST /api/v4/matters"), 0);
    let held = world.sdk.firm(&admin()).matters().held().await.unwrap();
    assert_eq!(held.iter().map(|held| held.matter.as_str()).collect::<Vec<_>>(), ["m1"]);
    let backfill = world.sdk.firm(&admin()).backfills().list().await.unwrap().remove(0);
    assert_eq!(backfill.status, crate::jobs::BackfillStatus::Paused);
    world.sdk.firm(&admin()).backfills().resume(&id.id).await.unwrap();
    world.sdk.firm(&admin()).matters().release_held(None).await.unwrap();
    for _ in 0..60 {
        world.later(Duration::from_secs(30)).await;
    }
    let backfill = world.sdk.firm(&admin()).backfills().list().await.unwrap().remove(0);
    assert_eq!(backfill.status, crate::jobs::BackfillStatus::Done);
    for matter in older.into_iter().chain([matter()]) {
        let query = RunQuery { matter: Some(matter), ..RunQuery::default() };
        let runs = world.sdk.firm(&admin()).matters().runs(query).await.unwrap().items;
        assert!(runs.iter().flat_map(|run| &run.steps).any(|step| step.clio.is_some()), "{runs:?}");
    }
}

#[tokio::test]
async fn a_run_stops_after_its_step_when_the_firm_is_disconnected_and_its_intent_is_closed() {
    let world = World::subscribed(true).await;
    world.put("m1");
    let gate = world.hold("POST /api/v4/contacts");
    let sdk = world.sdk.clone();
    let running = tokio::spawn(async move { sdk.firm(&member()).matters().sync(&matter()).await });
    world.until_held().await;
    world.sdk.firm(&admin()).connection().end(None).await.unwrap();
    drop(gate);
    let report = running.await.unwrap().unwrap();
    assert_eq!(report.steps[0].outcome.name(), "created", "what was sent is written down");
    assert_eq!(world.calls("POST /api/v4/matters"), 0, "and nothing more is sent");
    let records = world.stored("contact").await;
    assert!(records.iter().all(|(_, record)| record["state"] == "link"), "{records:?}");
    world.connect().await.unwrap();
    world.work().await;
    assert_eq!(
        (world.calls("POST /api/v4/contacts"), world.calls("POST /api/v4/matters")),
        (2, 1),
        "the job was parked"
    );
}

#[tokio::test]
async fn a_plan_that_loses_its_api_access_is_said_to_have_none_and_jobs_wait() {
    let world = World::subscribed(true).await;
    world.put("m1");
    world.answers(|_, path, _, _| path.starts_with("/api/v4").then(|| refused(403)));
    let report = world.sdk.firm(&member()).matters().sync(&matter()).await.unwrap();
    assert_eq!(report.first_failure().unwrap().error.as_ref().unwrap().code(), Code::PlanWithoutApi);
    assert!(world.sdk.firm(&member()).matters().state(&matter()).await.unwrap().parked);
    let health = world.health().await;
    assert_eq!((health.state, health.advice[0].code), ("degraded", "plan_without_api"));
    world.answers_as_usual();
    world.connect().await.unwrap();
    world.work().await;
    assert_eq!(
        world.sdk.firm(&member()).matters().state(&matter()).await.unwrap().clio_matter.map(|id| id.0),
        Some(21)
    );
    assert_eq!(world.health().await.advice, []);
}

/// Found by simulation (seed 86181): the mark came off, and what was blocked under it stayed so.
#[tokio::test]
async fn jobs_go_on_when_newer_tokens_take_the_mark_off() {
    let world = World::subscribed(true).await;
    world.put("m1");
    world.runtime.advance(31 * DAY);
    // What this process is granted arrives late. Meanwhile the lease ends, and Clio refuses the old
    // tokens to others.
    let gate = world.hold("POST /oauth/token");
    let slow = world.process(HOOKS);
    let refreshing = tokio::spawn(async move { slow.firm(&admin()).settings().reload_practice_areas().await });
    world.until_held().await;
    world.runtime.advance(Duration::from_secs(61));
    world.answers(|_, path, _, _| (path == "/oauth/token").then(|| (400, json!({ "error": "invalid_grant" }))));
    world.sdk.firm(&member()).matters().sync(&matter()).await.unwrap();
    assert_eq!(world.connection().await.state, ConnectionState::ReconnectRequired);
    assert!(world.sdk.firm(&member()).matters().state(&matter()).await.unwrap().parked);
    world.answers_as_usual();
    drop(gate);
    refreshing.await.unwrap().unwrap();
    assert_eq!(world.connection().await.state, ConnectionState::Connected);
    world.work().await;
    let state = world.sdk.firm(&member()).matters().state(&matter()).await.unwrap();
    assert_eq!((state.clio_matter.is_some(), state.parked), (true, false));
}

#[tokio::test]
async fn jobs_go_on_when_the_plan_has_api_access_again() {
    let world = World::subscribed(true).await;
    world.put("m1");
    world.answers(|_, path, _, _| path.starts_with("/api/v4").then(|| refused(403)));
    world.sdk.firm(&member()).matters().sync(&matter()).await.unwrap();
    world.later(Duration::from_secs(901)).await;
    assert!(
        world.sdk.firm(&member()).matters().state(&matter()).await.unwrap().parked,
        "it is asked, and still has none"
    );
    world.answers_as_usual();
    world.later(Duration::from_secs(901)).await;
    world.work().await;
    assert_eq!(world.sdk.firm(&member()).matters().state(&matter()).await.unwrap().clio_matter, Some(ClioId(21)));
    let health = world.health().await;
    assert_eq!((health.state, health.advice), ("connected", Vec::new()));
    assert!(world.audited("connect").await.iter().any(|entry| entry["details"]["mended"] == "plan_without_api"));
}

#[tokio::test]
async fn the_budget_is_known_to_a_process_that_made_no_call() {
    let world = World::subscribed(true).await;
    world.synced().await;
    let other = world.process(HOOKS);
    assert!(other.firm(&admin()).connection().health().await.unwrap().budget.left.is_some_and(|left| left < 50));
}

#[tokio::test]
async fn keys_are_wrapped_again_by_an_admin_and_audited() {
    let world = World::subscribed(true).await;
    assert_eq!(world.sdk.firm(&member()).connection().rewrap_keys().await.unwrap_err().code(), Code::NotAllowed);
    assert_eq!(world.sdk.firm(&admin()).connection().rewrap_keys().await.unwrap().keys, 2);
    let entry: Vec<Value> = world.audited("key_rotation").await;
    assert_eq!((entry.len(), &entry[0]["details"]["keys"]), (1, &json!("2")));
}

/// Account, and practice areas by id and name.
pub(super) fn is_account(world: &World, account: i64, areas: &[(i64, &str)]) {
    let areas: Vec<Value> = areas.iter().map(|(id, name)| json!({ "id": id, "name": name })).collect();
    world.answers(move |method, path, _, _| match (method, path) {
        ("GET", "/api/v4/users/who_am_i") => Some((
            200,
            json!({ "data": { "id": 1, "name": "x", "email": "e@x", "account": { "id": account, "name": "F" } } }),
        )),
        ("GET", "/api/v4/practice_areas") => Some((200, json!({ "data": areas, "meta": { "paging": {} } }))),
        _ => None,
    });
}

#[tokio::test]
async fn mappings_go_to_another_account_by_name_and_never_by_number() {
    let world = World::new();
    is_account(&world, 7, &[(1, "Falconry"), (2, "Personal Injury"), (3, "Heraldry")]);
    world.connect().await.unwrap();
    for (case_type, area) in [("Hawks", "Falconry"), ("Shields", "Heraldry")] {
        world.sdk.firm(&admin()).settings().map_case_type(case_type, Some(area.to_owned())).await.unwrap();
    }
    world.sdk.firm(&admin()).connection().end(None).await.unwrap();
    assert_eq!(world.health().await.webhooks, None, "nothing is delivered any more");
    // The same numbers mean something else there.
    is_account(&world, 8, &[(1, "Another thing"), (2, "Falconry"), (9, "personal injury")]);
    separate(&world).await;
    let page = world.sdk.firm(&admin()).settings().mappings().await.unwrap();
    let to = |case_type: &str| {
        let found = page.mappings.iter().find(|one| one.case_type == case_type);
        found.map(|one| serde_json::to_value(one).unwrap()["id"].clone())
    };
    assert_eq!(to("Hawks"), Some(json!("2")));
    assert_eq!(to("personal_injury"), Some(json!("9")));
    assert_eq!(to("Shields"), None, "dropped, and counted");
    let entry = world.audited("mapping").await.pop().unwrap();
    assert_eq!((&entry["details"]["carried_over"], &entry["details"]["dropped"]), (&json!("1"), &json!("1")));
}

#[tokio::test]
async fn the_sdks_of_two_regions_on_one_store_leave_each_others_work_alone() {
    let world = World::subscribed(true).await;
    world.put("m1");
    world.sdk.firm(&member()).matters().trigger(&matter(), Trigger::Approved).await.unwrap();
    assert_eq!(world.deliver("matter", &json!({ "data": { "id": 21 }, "meta": { "event": "updated" } })).await, 200);
    world.runtime.advance(DAY);
    let calls = world.http.clio().calls.len();
    let elsewhere = world.elsewhere();
    elsewhere.worker(WorkerConfig::default()).run_due().await.unwrap();
    assert_eq!(elsewhere.firm(&member()).matters().sync(&matter()).await.unwrap_err().code(), Code::ConnectedElsewhere);
    assert_eq!(world.http.clio().calls.len(), calls);
    assert_eq!(world.sdk.firm(&member()).matters().state(&matter()).await.unwrap().last_run, None);
    world.work().await;
    assert_eq!(
        world.sdk.firm(&member()).matters().state(&matter()).await.unwrap().clio_matter.map(|id| id.0),
        Some(21)
    );
}

#[tokio::test]
async fn what_a_firm_had_begun_before_it_moved_to_another_region_is_held_there() {
    let world = World::subscribed(true).await;
    world.put("m1");
    let claim = world.begun().await;
    world.sdk.firm(&admin()).connection().end(None).await.unwrap();
    let elsewhere = world.elsewhere();
    let start =
        elsewhere.firm(&admin()).connection().begin_separate("https://calmintake.example/callback").await.unwrap();
    let state = start.authorize_url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    elsewhere.firm(&admin()).connection().finish(&format!("code=c&state={state}")).await.unwrap();
    let report = crate::jobs::execution::run_claimed(&world.sdk.queue, &claim, None).await.unwrap();
    assert_eq!(report.first_failure().unwrap().error.as_ref().unwrap().code(), Code::SyncBusy);
    world.later(Duration::from_secs(30)).await;
    let worker = elsewhere.worker(WorkerConfig::default());
    worker.run_due().await.unwrap();
    let synced =
        async || elsewhere.firm(&member()).matters().state(&matter()).await.unwrap().clio_matter.map(|id| id.0);
    assert_eq!(synced().await, None);
    assert_eq!(elsewhere.firm(&admin()).matters().release_held(None).await.unwrap().matters, 1);
    worker.run_due().await.unwrap();
    assert_eq!(synced().await, Some(21));
}

#[tokio::test]
async fn a_disconnect_ends_the_connection_that_was_shown_and_no_later_one() {
    let world = World::subscribed(true).await;
    let shown = world.health().await.connection.unwrap().id;
    connect_to_another_account(&world, 8).await;
    let refused = world.sdk.firm(&admin()).connection().end(shown).await.unwrap_err();
    let now = world.connection().await;
    assert_eq!((refused.code(), now.state), (Code::ConnectionChanged, ConnectionState::Connected));
    for _ in 0..2 {
        let ended = world.sdk.firm(&admin()).connection().end(now.id.clone()).await.unwrap();
        assert_eq!(
            (ended.id, ended.state),
            (now.id.clone(), ConnectionState::Disconnected),
            "said again, it has ended"
        );
    }
}
