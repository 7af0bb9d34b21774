//! A root key that is lost for good: the way out, what it refuses, and that nothing is created
//! twice after it.

use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use std::sync::Arc;

use serde_json::json;

use super::doubts::{CONTACTS, LISTED, MATTERS, post, put, slow};
use super::keys::{Service, WRONG, wrong};
use super::world::{World, admin, firm, matter};
use crate::ForgottenKeys;
use crate::connection::ConnectionState;
use crate::crypto::ConfiguredKeys;
use crate::domain::{Actor, ClioId, FirmId, MatterId, StepKind, Trigger};
use crate::error::{Code, Error, Result, Retry};
use crate::jobs::MatterSyncState;
use crate::lifecycle::lost_keys::PATIENCE;
use crate::links::Decision;
use crate::maybe_send::BoxFuture;
use crate::memory::MemoryStore;
use crate::ports::{Commit, Key, Record, Scan, Store, Write};

const JUST_AFTER: Duration = Duration::from_millis(PATIENCE.as_millis() as u64 + 2);

async fn ask(world: &World) -> Result<ForgottenKeys> {
    world.sdk.host().forget_lost_keys(firm()).await
}

fn refused_as(outcome: Result<ForgottenKeys>) -> (Code, Option<String>, Retry) {
    let error = outcome.unwrap_err();
    (error.code(), error.get("reason").map(str::to_owned), error.retry())
}

/// Asks, waits, and asks again.
async fn forget(world: &World) -> Result<ForgottenKeys> {
    assert_eq!(ask(world).await.unwrap_err().code(), Code::KeyLossUnconfirmed);
    world.later(JUST_AFTER).await;
    ask(world).await
}

async fn sync(world: &World) -> Option<ClioId> {
    world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap().clio_matter()
}

/// The audit entries that say that keys were forgotten, not only that somebody asked.
async fn told(world: &World) -> Vec<serde_json::Value> {
    let mut entries = world.audited("key_loss").await;
    assert!(entries.iter().all(|entry| entry["actor"] == "host"));
    entries.retain(|entry| entry["status"] == "ok");
    entries
}

/// Everything that is stored of a firm.
fn all_of(world: &World, firm: &FirmId) -> Vec<(Key, String)> {
    let mut all: Vec<_> = world.store.dump().into_iter().filter(|(key, _)| key.firm == *firm).collect();
    all.sort();
    all
}

/// One creation in doubt, which Clio carried out or did not; then the key is lost.
#[tokio::test]
async fn a_firm_whose_key_is_lost_connects_anew_and_nothing_is_created_twice() {
    let cases = [(MATTERS, None), (CONTACTS, Some("a@b.example")), (CONTACTS, None)];
    for (list, email) in cases {
        for carried_out in [true, false] {
            let (world, slow) = slow(list, &[500]).await;
            put(&world, email);
            assert_eq!(sync(&world).await, None, "in doubt");
            if carried_out {
                let mut made = slow.lock().unwrap().sent[0].clone();
                made["id"] = json!(30);
                made["type"] = json!("Person");
                made["created_at"] = json!("2026-04-01T12:00:00Z");
                slow.lock().unwrap().holds.push(made);
            }
            // As it was without the way out.
            let world = wrong(&world);
            assert_eq!(world.sdk.firm(&admin()).connection().end(None).await.unwrap().state, ConnectionState::Revoking);
            world.later(Duration::from_secs(25 * 3600)).await;
            assert_eq!(world.connect().await.unwrap_err().code(), Code::KeyFailed, "stuck");

            let forgotten = forget(&world).await.unwrap();
            assert_eq!((forgotten.keys, forgotten.intents), (2, 1), "{forgotten:?}");
            let connection = world.connection().await;
            assert_eq!(connection.state, ConnectionState::Disconnected);
            assert_eq!(connection.unrevoked.as_deref(), Some("tokens_unreadable"));
            assert_eq!(world.connect().await.unwrap().state, ConnectionState::Connected);

            let found = sync(&world).await;
            world.later(LISTED).await;
            let expected = match (list, carried_out) {
                (MATTERS, true) => (1, 30, 11),
                (MATTERS, false) => (2, 21, 11),
                (_, true) => (1, 21, 30),
                (_, false) => (2, 21, 11),
            };
            let state = world.sdk.firm(&admin()).matters().state(&matter()).await.unwrap();
            let ids = (state.clio_matter.unwrap().0, state.clio_contact.unwrap().0);
            assert_eq!((world.calls(&post(list)), ids.0, ids.1), expected, "{list} {email:?} {carried_out} {found:?}");
            assert_eq!(
                (state.status, world.calls(&post(MATTERS)) - usize::from(expected.0 == 2 && list == MATTERS)),
                (MatterSyncState::Synced, 1)
            );
            world.sdk.firm(&admin()).audit().verify().await.unwrap();
        }
    }
}

/// The intake was corrected while the text was lost: whether it is ours a person must say.
#[tokio::test]
async fn a_lost_text_that_may_have_been_another_is_asked_about() {
    let (world, slow) = slow(MATTERS, &[500]).await;
    put(&world, None);
    sync(&world).await;
    let mut made = slow.lock().unwrap().sent[0].clone();
    (made["id"], made["created_at"], made["description"]) = (json!(30), json!("2026-04-01T12:00:00Z"), json!("Before"));
    slow.lock().unwrap().holds.push(made.clone());
    world.http.clio().matter = made;
    let world = wrong(&world);
    forget(&world).await.unwrap();
    world.connect().await.unwrap();
    assert_eq!(sync(&world).await, None);
    let review = world.sdk.firm(&admin()).reviews().list().await.unwrap().remove(0);
    assert_eq!((review.step, &review.candidates[..]), (StepKind::Matter, &[ClioId(30)][..]));
    world
        .sdk
        .firm(&admin())
        .reviews()
        .resolve(review.step, &review.id, Decision::Link { clio: ClioId(30) }, None)
        .await
        .unwrap();
    assert_eq!(sync(&world).await, Some(ClioId(30)));
    assert_eq!(world.calls(&post(MATTERS)), 1);
}

/// What was synced stays so, and everything that the key sealed or digested is gone, once.
#[tokio::test]
async fn what_is_linked_stays_and_what_was_sealed_goes_with_one_entry_that_counts_it() {
    let world = World::reviewing().await;
    world.synced().await;
    world.http.clio().contact = json!({ "id": 11, "etag": "\"1\"", "type": "Person", "name": "A Second",
        "first_name": "A", "last_name": "Second", "email_addresses": [], "phone_numbers": [] });
    world.sdk.firm(&admin()).contacts().propose(&matter()).await.unwrap();
    // An attempt that is under way.
    world.sdk.firm(&admin()).connection().begin("https://calmintake.example/callback").await.unwrap();
    let kept = ["contact", "matter", "clio", "run", "settings", "matter-status"];
    let mut before = Vec::new();
    for collection in kept {
        before.push(world.stored(collection).await);
    }
    assert!(before.iter().any(|records| !records.is_empty()));
    let entries = world.stored("audit").await.len();

    let world = wrong(&world);
    let forgotten = forget(&world).await.unwrap();
    let expected = ForgottenKeys {
        keys: 2,
        addresses: 1,
        contacts: 1,
        proposals: 1,
        rechecks: 1,
        attempts: 2,
        ..ForgottenKeys::default()
    };
    assert_eq!(forgotten, expected);
    for (collection, before) in kept.into_iter().zip(before) {
        assert_eq!(world.stored(collection).await, before, "{collection}");
    }
    let gone = [
        "firm-key",
        "data-key",
        "key-loss",
        "contact-key",
        "contact-known",
        "contact-proposal",
        "repeated",
        "case-types",
        "connect-state",
    ];
    for collection in gone {
        assert_eq!(world.stored(collection).await, [], "{collection}");
    }
    assert!(
        world.stored("webhook").await.iter().all(|(_, hook)| hook["state"] == "retired" && hook["secret"].is_null())
    );
    let audited = told(&world).await;
    assert_eq!(
        (audited.len(), &audited[0]["actor"], &audited[0]["details"]["proposals"]),
        (1, &json!("host"), &json!("1"))
    );
    assert_eq!(world.stored("audit").await.len(), entries + 4, "asked, ended, forgotten, and not given back");

    // It is done: nothing is left to forget, and the firm goes on.
    assert_eq!(refused_as(ask(&world).await), (Code::KeyOpens, Some("no_key".into()), Retry::Never));
    world.connect().await.unwrap();
    assert_eq!(sync(&world).await, Some(ClioId(21)), "linked as before");
    assert_eq!((world.calls(&post(MATTERS)), world.calls(&post(CONTACTS))), (1, 1));
    world.sdk.firm(&admin()).audit().verify().await.unwrap();
}

/// While it was stuck a matter was approved: it waits for an admin, as at every disconnect.
#[tokio::test]
async fn what_was_approved_meanwhile_goes_on_after_the_next_connect() {
    let world = World::new();
    world.connect().await.unwrap();
    let world = wrong(&world);
    world.put("m1");
    world.sdk.firm(&admin()).matters().trigger(&matter(), Trigger::Approved).await.unwrap();
    world.later(Duration::from_secs(60)).await;
    forget(&world).await.unwrap();
    world.connect().await.unwrap();
    world.sdk.firm(&admin()).matters().release_held(None::<Vec<MatterId>>).await.unwrap();
    world.later(Duration::from_secs(60)).await;
    let state = world.sdk.firm(&admin()).matters().state(&matter()).await.unwrap();
    assert_eq!(state.status, MatterSyncState::Synced, "{state:?}");
}

#[tokio::test]
async fn a_key_that_opens_is_not_forgotten_here_nor_in_another_process() {
    let world = World::new();
    assert_eq!(refused_as(ask(&world).await), (Code::KeyOpens, Some("no_key".into()), Retry::Never));
    world.connect().await.unwrap();
    let before = all_of(&world, &firm());
    assert_eq!(refused_as(ask(&world).await), (Code::KeyOpens, Some("opens_here".into()), Retry::Never));
    assert_eq!(all_of(&world, &firm()), before, "nothing is written");

    // A process with a wrong key takes it for lost. One with the right key works meanwhile.
    let wrong = wrong(&world);
    assert_eq!(
        refused_as(ask(&wrong).await),
        (Code::KeyLossUnconfirmed, None, Retry::After(PATIENCE + Duration::from_millis(1)))
    );
    wrong.later(Duration::from_secs(60)).await;
    let left = match refused_as(ask(&wrong).await) {
        (Code::KeyLossUnconfirmed, None, Retry::After(left)) => left,
        other => panic!("{other:?}"),
    };
    assert!(left < PATIENCE - Duration::from_secs(50), "asked once more it does not wait anew: {left:?}");
    world.work().await;
    wrong.later(JUST_AFTER).await;
    assert_eq!(refused_as(ask(&wrong).await), (Code::KeyOpens, Some("opens_elsewhere".into()), Retry::Never));
    assert_eq!(world.connection().await.state, ConnectionState::Connected);
    // Nor is what was asked then an answer to what is asked now.
    assert_eq!(ask(&wrong).await.unwrap_err().code(), Code::KeyLossUnconfirmed);
    assert!(told(&world).await.is_empty());
}

/// A question of long ago says nothing of today.
#[tokio::test]
async fn a_question_counts_for_an_hour() {
    let world = World::new();
    world.connect().await.unwrap();
    let world = wrong(&world);
    assert_eq!(ask(&world).await.unwrap_err().code(), Code::KeyLossUnconfirmed);
    world.later(PATIENCE + Duration::from_secs(3601)).await;
    assert_eq!(forget(&world).await.unwrap().keys, 2);
}

/// An outage of a key service: it says of everything that it failed, and so of a new key too.
#[tokio::test]
async fn an_outage_of_the_key_service_never_looks_like_a_lost_key() {
    let world = World::new();
    world.connect().await.unwrap();
    let (service, away) = Service::of(&world);
    let world = world.with_keys(service);
    away.store(true, Ordering::SeqCst);
    let before = all_of(&world, &firm());
    for _ in 0..2 {
        let (code, reason, retry) = refused_as(ask(&world).await);
        assert_eq!((code, reason.as_deref()), (Code::KeyFailed, Some("key_service_away")));
        assert!(matches!(retry, Retry::After(_)), "{retry:?}");
        world.runtime.advance(JUST_AFTER);
    }
    away.store(false, Ordering::SeqCst);
    assert_eq!(all_of(&world, &firm()), before);
    assert_eq!(ask(&world).await.unwrap_err().code(), Code::KeyOpens);
}

/// Of two firms whose keys are lost, only the one that is named is changed.
#[tokio::test]
async fn another_firm_stays_as_it_is() {
    let world = World::new();
    world.connect().await.unwrap();
    let other = Actor { firm: FirmId::new("firm_2").unwrap(), ..admin() };
    let start = world.sdk.firm(&other).connection().begin("https://calmintake.example/callback").await.unwrap();
    let state = start.authorize_url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    world.sdk.firm(&other).connection().finish(&format!("code=c&state={state}")).await.unwrap();
    world.work().await;
    let wrong = wrong(&world);
    let before = all_of(&wrong, &other.firm);
    assert_eq!(ask(&wrong).await.unwrap_err().code(), Code::KeyLossUnconfirmed);
    wrong.runtime.advance(JUST_AFTER);
    assert_eq!(ask(&wrong).await.unwrap().keys, 2);
    assert_eq!(all_of(&wrong, &other.firm), before);
}

/// A store that fails from some commit on: its process is as good as dead.
#[derive(Debug)]
struct Cut {
    store: MemoryStore,
    left: AtomicUsize,
}

impl Store for Cut {
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Record>>> {
        self.store.get(key)
    }

    fn get_many<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Record>>>> {
        self.store.get_many(keys)
    }

    fn scan<'a>(&'a self, scan: &'a Scan) -> BoxFuture<'a, Result<Vec<Record>>> {
        self.store.scan(scan)
    }

    fn commit<'a>(&'a self, writes: &'a [Write]) -> BoxFuture<'a, Result<Commit>> {
        Box::pin(async move {
            let more = |left: usize| left.checked_sub(1);
            if !writes.is_empty() && self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more).is_err() {
                return Err(Error::new(Code::StoreFailed));
            }
            self.store.commit(writes).await
        })
    }
}

#[tokio::test]
async fn whoever_asks_again_after_a_stop_goes_on_and_the_entry_counts_all_of_it() {
    let mut stopped = 0;
    for commits in 0.. {
        let (world, _) = slow(MATTERS, &[500]).await;
        put(&world, Some("a@b.example"));
        sync(&world).await;
        let keys =
            || Arc::new(ConfiguredKeys::from_text(Arc::new(world.runtime.clone()), "a", [("a", WRONG)]).unwrap());
        let whole = world.with_keys(keys());
        assert_eq!(ask(&whole).await.unwrap_err().code(), Code::KeyLossUnconfirmed);
        world.runtime.advance(JUST_AFTER);
        let cut = Cut { store: world.store.clone(), left: AtomicUsize::new(commits) };
        let first = ask(&world.with_keys_on(keys(), Arc::new(cut))).await;
        let is_through = first.is_ok();
        let forgotten = match first {
            Ok(forgotten) => forgotten,
            Err(_) => {
                stopped += 1;
                ask(&whole).await.unwrap()
            }
        };
        let expected = ForgottenKeys {
            keys: 2,
            intents: 1,
            addresses: 1,
            contacts: 1,
            rechecks: 1,
            attempts: 1,
            ..ForgottenKeys::default()
        };
        assert_eq!(forgotten, expected, "stopped after {commits} commits");
        assert_eq!(told(&world).await.len(), 1);
        // Whatever is left is a worker's.
        whole.later(Duration::from_secs(120)).await;
        assert_eq!(whole.connection().await.state, ConnectionState::Disconnected);
        whole.connect().await.unwrap();
        sync(&whole).await;
        whole.later(LISTED).await;
        assert_eq!(whole.calls(&post(MATTERS)), 2, "the first one was not carried out");
        whole.sdk.firm(&admin()).audit().verify().await.unwrap();
        if is_through {
            break;
        }
    }
    assert!(stopped > 5, "{stopped}");
}

/// Whoever ended, or made, a connection meanwhile knows something else than what is being
/// forgotten.
#[tokio::test]
async fn a_connection_that_changes_meanwhile_stops_it_and_whoever_asks_again_goes_on() {
    let goes = |collection: &'static str| match collection {
        "contact-key" => |write: &Write| matches!(write, Write::Delete { key, .. } if key.collection == "contact-key"),
        _ => |write: &Write| matches!(write, Write::Delete { key, .. } if key.collection == "firm-key"),
    };
    for collection in ["contact-key", "firm-key"] {
        let world = World::new();
        world.connect().await.unwrap();
        world.synced().await;
        let keys = ConfiguredKeys::from_text(Arc::new(world.runtime.clone()), "a", [("a", WRONG)]).unwrap();
        let meddled = world.meddled(goes(collection), Key::new(&firm(), "connection", "current"));
        let world = world.with_keys_on(Arc::new(keys), meddled);
        assert_eq!(ask(&world).await.unwrap_err().code(), Code::KeyLossUnconfirmed);
        world.runtime.advance(JUST_AFTER);
        assert_eq!(ask(&world).await.unwrap_err().code(), Code::StoreConflict, "{collection}");
        assert_eq!((world.stored("firm-key").await.len(), told(&world).await.len()), (1, 0));
        assert_eq!(ask(&world).await.unwrap().addresses, 1);
    }
}
