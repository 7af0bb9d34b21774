//! Clio's lists show what Clio has done only after a while: until then nothing that may have been
//! done is done again.

use core::time::Duration;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::doubts::{CONTACTS, LISTED, MATTERS, post, put, slow};
use super::world::{HOOKS, World, admin, matter, refused};
use crate::domain::{ClioId, StepOutcome, SyncReport, Timestamp};
use crate::error::Code;
use crate::jobs::MatterState;
use crate::ports::Runtime as _;

const SECOND: Duration = Duration::from_secs(1);

/// A Clio that answers a creation with `status`, carries it out after `executed`, and lists it
/// after `lag` more.
#[derive(Clone, Copy)]
struct Lag {
    list: &'static str,
    email: Option<&'static str>,
    status: u16,
    executed: Duration,
    lag: Duration,
}

/// What Clio holds, and from when its lists show it.
type Holds = Arc<Mutex<Vec<(Timestamp, Value)>>>;

async fn lagging(lag: Lag) -> (World, Holds) {
    let world = World::new();
    world.connect().await.unwrap();
    put(&world, lag.email);
    let holds = Holds::default();
    let (state, runtime) = (Arc::clone(&holds), world.runtime.clone());
    world.answers(move |method, path, _, body| {
        let (mut holds, now) = (state.lock().unwrap(), runtime.now());
        match method {
            "POST" if path == lag.list => {
                let created = now + lag.executed;
                let mut made = body["data"].clone();
                made["id"] = json!(90 + holds.len());
                made["type"] = json!("Person");
                made["created_at"] = json!(created.to_rfc3339());
                holds.push((created + lag.lag, made));
                Some(refused(lag.status))
            }
            "GET" if path == lag.list => {
                let listed = holds.iter().filter(|(listed, _)| *listed <= now).map(|(_, made)| made);
                Some((200, json!({ "data": listed.collect::<Vec<_>>(), "meta": { "paging": {} } })))
            }
            _ => None,
        }
    });
    (world, holds)
}

async fn state(world: &World) -> MatterState {
    world.sdk.firm(&admin()).matters().state(&matter()).await.unwrap()
}

/// Until it is linked: how many seconds that took.
async fn linked(world: &World, list: &str) -> Option<u64> {
    for second in 0..400 {
        let state = state(world).await;
        let linked = if list == CONTACTS { state.clio_contact } else { state.clio_matter };
        if linked.is_some() {
            return Some(second);
        }
        world.later(SECOND).await;
    }
    None
}

#[tokio::test]
async fn an_error_of_clios_own_is_no_proof_while_its_lists_lag() {
    for (list, email) in [(CONTACTS, None), (CONTACTS, Some("a@b.example")), (MATTERS, None)] {
        for lag in [4, 7, 30, 60] {
            let lag = Lag { list, email, status: 500, executed: Duration::ZERO, lag: lag * SECOND };
            let (world, holds) = lagging(lag).await;
            world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
            let took = linked(&world, list).await.unwrap();
            assert_eq!(holds.lock().unwrap().len(), 1, "{list}, {:?}: sent again", lag.lag);
            // At 0, 5, 10, 20, 40 and 60 s: found soon after it is listed.
            assert!(took <= (2 * lag.lag).as_secs().max(6), "{list}, {:?}: found after {took} s", lag.lag);
        }
    }
}

#[tokio::test]
async fn what_is_executed_as_late_as_promised_is_listed_even_later() {
    for (list, email) in [(CONTACTS, None), (CONTACTS, Some("a@b.example")), (MATTERS, None)] {
        // Quiet is 155 s after the intent: the send window, the time-out and
        // `late_execution_window`.
        let lag = Lag { list, email, status: 504, executed: 154 * SECOND, lag: 60 * SECOND };
        let (world, holds) = lagging(lag).await;
        world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
        linked(&world, list).await.unwrap();
        assert_eq!(holds.lock().unwrap().len(), 1, "{list}: sent again");
    }
}

#[tokio::test]
async fn after_a_restore_the_lists_have_their_time_too() {
    let lag = Lag { list: MATTERS, email: None, status: 504, executed: 154 * SECOND, lag: 60 * SECOND };
    let (world, holds) = lagging(lag).await;
    let backup = world.store.backup();
    world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
    world.store.restore(&backup);
    let since = Timestamp::parse("2026-04-01T11:00:00Z").unwrap();
    world.sdk.firm(&admin()).reviews().begin_recovery(since).await.unwrap();
    world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
    linked(&world, MATTERS).await.unwrap();
    assert_eq!(holds.lock().unwrap().len(), 1, "sent again");
}

#[tokio::test]
async fn a_clock_that_is_set_makes_no_second_contact() {
    let hours = 6 * 3_600_000;
    for by in [-400_000, -120_000, 400_000, -hours, hours] {
        // Clio, the host and the database are one machine, whose clock is set before the creation.
        let lag = Lag { list: CONTACTS, email: None, status: 504, executed: Duration::ZERO, lag: SECOND };
        let (world, holds) = lagging(lag).await;
        world.runtime.set_wall_clock(by);
        world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
        linked(&world, CONTACTS).await.unwrap();
        assert_eq!(holds.lock().unwrap().len(), 1, "set by {by} ms");
    }
}

/// A process that has heard nothing of Clio yet, and a database whose clock is set back while its
/// creation is in doubt. Clio's clock goes right.
#[tokio::test]
async fn a_database_whose_clock_is_set_back_makes_no_second_contact() {
    let lag = Lag { list: CONTACTS, email: None, status: 504, executed: Duration::ZERO, lag: SECOND };
    let (world, holds) = lagging(lag).await;
    let sdk = world.process(HOOKS);
    let late_window = 160 * SECOND;
    sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
    holds.lock().unwrap()[0].0 = Timestamp(0);
    drop(sdk);
    let hours = 5 * 3_600_000;
    world.runtime.set_wall_clock(-hours);
    world.http.clio().ahead_ms = hours;
    for _ in 0..30 {
        world.later(10 * late_window).await;
    }
    assert_eq!(holds.lock().unwrap().len(), 1, "sent again");
    assert_eq!(
        world.sdk.firm(&admin()).reviews().list().await.unwrap()[0].candidates,
        [ClioId(90)],
        "a person is asked"
    );
}

/// The steps' outcomes and codes.
fn status_event(report: &SyncReport) -> Vec<(StepOutcome, Option<Code>)> {
    report.steps.iter().map(|step| (step.outcome, step.error.as_ref().map(|error| error.code()))).collect()
}

#[tokio::test]
async fn what_clio_never_carries_out_ends_in_a_report() {
    for (status, listed) in [(500, LISTED), (504, 216 * SECOND)] {
        let (world, slow) = slow(CONTACTS, &[status; 100]).await;
        put(&world, None);
        for round in 1..=3 {
            let report = world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
            assert_eq!(status_event(&report)[0], (StepOutcome::InDoubt, Some(Code::SyncInDoubt)));
            assert_eq!(slow.lock().unwrap().sent.len(), round, "{status}");
            world.runtime.advance(listed);
        }
        let report = world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
        assert_eq!(status_event(&report)[0], (StepOutcome::Failed, Some(Code::NotCreated)), "{report:?}");
        assert_eq!(report.steps[0].error.as_ref().unwrap().get("sent"), Some("3"));
        assert_eq!(slow.lock().unwrap().sent.len(), 3, "{status}");
        assert_eq!(world.stored("contact").await.len(), 1, "what was sent is not forgotten");
        // Somebody asks again: Clio is asked first, and nothing has to be waited for.
        let before = world.calls("GET /api/v4/contacts");
        world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
        assert_eq!(slow.lock().unwrap().sent.len(), 4);
        assert!(world.calls("GET /api/v4/contacts") > before);
    }
}

#[tokio::test]
async fn what_clio_carried_out_after_all_is_found_before_it_is_sent_once_more() {
    let (world, slow) = slow(MATTERS, &[500; 3]).await;
    put(&world, None);
    for _ in 0..4 {
        world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
        world.runtime.advance(LISTED);
    }
    assert_eq!(world.calls(&post(MATTERS)), 3);
    let mut late = slow.lock().unwrap().sent[2].clone();
    late["id"] = json!(77);
    late["created_at"] = json!("2026-04-01T12:02:10Z");
    slow.lock().unwrap().holds.push(late);
    world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
    assert_eq!((world.calls(&post(MATTERS)), state(&world).await.clio_matter), (3, Some(ClioId(77))));
}

/// A contact that a person made moments before, and that Clio's search did not show yet.
#[tokio::test]
async fn somebody_elses_contact_of_the_same_email_is_told_later() {
    let (world, slow) = slow(CONTACTS, &[]).await;
    put(&world, Some("a@b.example"));
    let report = world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
    assert_eq!(report.calls, 3, "no call more before it is there");
    let theirs = json!({ "id": 50, "type": "Person", "first_name": "Ana", "last_name": "B", "created_at": "2026-04-01T11:59:58Z",
        "email_addresses": [{ "address": "A@b.example" }] });
    slow.lock().unwrap().holds.push(theirs);
    let searched = world.calls("GET /api/v4/contacts");
    world.later(121 * SECOND).await;
    assert_eq!(world.calls("GET /api/v4/contacts") - searched, 1);
    assert!(state(&world).await.second_records.is_empty(), "it may just be being linked");
    world.later(336 * SECOND).await;
    let second = &state(&world).await.second_records[0];
    assert_eq!((second.id.as_str(), second.clio, &second.others[..]), ("c1", ClioId(11), &[ClioId(50)][..]));
    assert_eq!(world.health().await.second_records, std::slice::from_ref(second));
    let log = world.sdk.firm(&admin()).matters().runs(crate::history::RunQuery::default()).await.unwrap();
    assert_eq!(log.items[0].steps[0].second_records, [ClioId(50)]);
    assert_eq!(log.items[0].steps[1].second_records, []);
    assert!(world.stored("repeated").await.is_empty(), "and that was the last look");
    // A day later it is still there; a day after that somebody has merged the two.
    let day = Duration::from_secs(24 * 3600);
    world.later(day).await;
    assert_eq!(state(&world).await.second_records.len(), 1);
    world.answers(|method, path, _, _| (method == "GET" && path == "/api/v4/contacts/50").then(|| refused(404)));
    world.later(day).await;
    assert!(state(&world).await.second_records.is_empty() && world.health().await.second_records.is_empty());
}

#[tokio::test]
async fn somebody_of_the_same_email_and_another_name_is_no_second_record() {
    let (world, slow) = slow(CONTACTS, &[]).await;
    put(&world, Some("a@b.example"));
    world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
    let theirs = json!({ "id": 50, "type": "Person", "first_name": "Otto", "last_name": "B",
        "created_at": "2026-04-01T11:59:58Z", "email_addresses": [{ "address": "a@b.example" }] });
    slow.lock().unwrap().holds.push(theirs);
    for _ in 0..10 {
        world.later(121 * SECOND).await;
    }
    assert!(state(&world).await.second_records.is_empty(), "whoever merged the two would lose one of them");
    assert!(world.stored("repeated").await.is_empty());
}

#[tokio::test]
async fn the_later_look_costs_one_call_and_then_nothing_is_left_of_it() {
    let (world, _) = slow(CONTACTS, &[]).await;
    put(&world, Some("a@b.example"));
    world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
    assert_eq!(world.stored("repeated").await.len(), 1);
    let searched = world.calls("GET /api/v4/contacts");
    for _ in 0..20 {
        world.later(121 * SECOND).await;
    }
    assert_eq!(world.calls("GET /api/v4/contacts") - searched, 1);
    assert!(world.stored("repeated").await.is_empty() && world.audited("second_record").await.is_empty());
}
