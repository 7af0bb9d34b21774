//! What a run says of itself when it does not end well, and what it spends on trying again.

use core::time::Duration;

use futures_util::future::{Either, select};
use serde_json::{Value, json};

use super::documents::begun;
use super::world::{HOOKS, World, admin, firm, matter, refused};
use crate::domain::{ClioId, DocumentRef, Intake, MatterId, RunStatus, Trigger};
use crate::error::{Code, ErrorKind};
use crate::history::{LoggedRun, RunQuery};
use crate::jobs::MatterSyncState;
use crate::jobs::claims::{Acquired, Why};
use crate::ports::{Expect, Key, Runtime as _, Store as _, Version, Write};
use crate::settings::FirmSettings;
use crate::store::EventBody;

#[tokio::test]
async fn a_run_that_breaks_off_tells_its_cost_and_its_cause() {
    let world = World::new();
    world.connect().await.unwrap();
    world.put("m1");
    let set = world.connection().await.link_set.as_str().to_owned();
    // A document that was being published, under an id that no SDK writes.
    let broken = Write::Put {
        key: Key::new(&firm(), "document", format!("{set}/m1/d1/u1/x")),
        expect: Expect::Absent,
        version: Version("broken".into()),
        due_in: None,
        body: r#"{"state":"intent","at":0,"finishing":{"stub":"1","uuid":"u","revision":"r"}}"#.into(),
    };
    world.store.commit(&[broken]).await.unwrap();
    let mut failed_once = false;
    // One answer is lost on the way.
    world.answers(move |method, path, _, _| match (method, path) {
        ("GET", "/api/v4/contacts") if !core::mem::replace(&mut failed_once, true) => Some(refused(503)),
        _ => None,
    });
    let error = world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap_err();
    assert_eq!(error.code(), Code::IdInvalid);
    let run = world.sdk.firm(&admin()).matters().runs(RunQuery::default()).await.unwrap().items.remove(0);
    assert_eq!((run.steps.len(), run.calls, run.retries), (2, 4, 1), "{run:?}");
    let failure = run.failure.unwrap();
    assert_eq!((failure.get("step"), failure.code.as_str()), (None, Code::IdInvalid.name()));
    assert!(!failure.message.is_empty());
    assert_eq!(world.audited("sync").await[0]["details"]["calls"], "4");
}

#[tokio::test]
async fn an_outage_of_the_storage_is_not_amplified() {
    const DOCUMENTS: usize = 60;
    let world = World::new();
    world.connect().await.unwrap();
    let listed = (0..DOCUMENTS).map(|n| {
        json!({ "id": format!("d{n}"), "file_name": "d.pdf", "content_type": "application/pdf",
            "status": "approved", "origin": "client_upload" })
    });
    let intake = json!({ "matter": { "id": "m1", "title": "T" }, "documents": listed.collect::<Vec<_>>(),
        "client": { "id": "c1", "first_name": "A", "last_name": "B", "email": "a@b.example" } });
    let intake = Intake::from_json(intake.to_string().as_bytes()).unwrap();
    for document in &intake.documents {
        world.intake.put_bytes(&DocumentRef { firm: firm(), key: intake.key_of(document) }, b"bytes");
    }
    world.intake.put(&firm(), intake);
    let mut stubs = 100;
    world.answers(move |method, path, _, _| match (method, path) {
        ("POST", "/api/v4/documents") => {
            stubs += 1;
            let version = json!({ "uuid": format!("u{stubs}"), "put_url": "http://127.0.0.1:4400/storage/x" });
            Some((201, json!({ "data": { "id": stubs, "latest_document_version": version } })))
        }
        ("PUT", _) => Some((503, json!({}))),
        _ => None,
    });
    let report = world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
    assert!(report.steps.iter().skip(2).all(|step| step.outcome.is_failure()), "{report:?}");
    assert_eq!(world.calls("POST /api/v4/documents"), DOCUMENTS);
    let again = |runs: usize| world.calls("PUT /storage") - runs * DOCUMENTS;
    assert_eq!((again(1), report.retries), (40, 40), "one run tries no more often again");
    world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
    // Fifty retries of the firm, and some that the calls which Clio answers give back: not another
    // forty.
    assert!((50..75).contains(&again(2)), "{} retries", again(2));
}

#[tokio::test]
async fn the_log_counts_the_tries_and_tells_when_the_next_one_is_due() {
    let world = World::new();
    world.connect().await.unwrap();
    world.put("m1");
    world.answers(|_, path, _, _| (path == "/api/v4/contacts").then(|| refused(503)));
    let newest = async || world.sdk.firm(&admin()).matters().runs(RunQuery::default()).await.unwrap().items.remove(0);
    let next_in = |run: &LoggedRun| Some(run.next_attempt_at?.millis_since(run.ended_at?));
    world.sdk.firm(&admin()).matters().trigger(&matter(), Trigger::Approved).await.unwrap();
    world.work().await;
    let first = newest().await;
    assert_eq!((first.attempt, next_in(&first)), (1, Some(30_000)), "{first:?}");
    let failure = first.failure.unwrap();
    assert_eq!((failure.get("step"), failure.kind.as_str()), (Some("contact"), "clio"));
    assert_eq!((failure.http_status(), failure.clio_type()), (Some(503), Some("SomeError")));
    world.later(Duration::from_millis(29_999)).await;
    assert_eq!(newest().await.run, first.run, "not before");
    world.later(Duration::from_millis(1)).await;
    let second = newest().await;
    assert_eq!((second.attempt, next_in(&second)), (2, Some(60_000)), "{second:?}");
    assert!(second.next_attempt_at > first.next_attempt_at);
    world.answers_as_usual();
    world.later(Duration::from_secs(60)).await;
    let third = newest().await;
    assert_eq!((third.attempt, third.status), (3, Some(RunStatus::Succeeded)), "{third:?}");
    assert_eq!((third.next_attempt_at, third.failure), (None, None));
    // Runs of one millisecond stand in the log in no order.
    world.later(Duration::from_millis(1)).await;
    world.sdk.firm(&admin()).matters().trigger(&matter(), Trigger::Approved).await.unwrap();
    world.work().await;
    let fourth = newest().await;
    assert_ne!(fourth.run, third.run);
    assert_eq!((fourth.attempt, fourth.next_attempt_at), (1, None), "another piece of work");
}

#[tokio::test]
async fn looks_for_what_is_in_doubt_are_no_tries() {
    let world = World::new();
    world.connect().await.unwrap();
    world.put("m1");
    world.answers(|method, path, _, _| ((method, path) == ("POST", "/api/v4/contacts")).then(|| refused(502)));
    let newest = async || world.sdk.firm(&admin()).matters().runs(RunQuery::default()).await.unwrap().items.remove(0);
    world.sdk.firm(&admin()).matters().trigger(&matter(), Trigger::Approved).await.unwrap();
    world.work().await;
    for _ in 0..5 {
        let run = newest().await;
        assert_eq!((run.attempt, run.steps[0].failure.as_ref().unwrap().code.as_str()), (1, "sync_in_doubt"));
        let next = run.next_attempt_at.unwrap();
        world.later(Duration::from_millis(u64::try_from(next.millis_since(world.runtime.now())).unwrap())).await;
    }
    assert_eq!(world.calls("POST /api/v4/contacts "), 1);
    // Now Clio is down.
    world.answers(|_, path, _, _| (path == "/api/v4/contacts").then(|| refused(503)));
    let next = newest().await.next_attempt_at.unwrap();
    world.later(Duration::from_millis(u64::try_from(next.millis_since(world.runtime.now())).unwrap())).await;
    let run = newest().await;
    assert_eq!(run.failure.as_ref().unwrap().code, "clio_unavailable");
    let next_in = run.next_attempt_at.unwrap().millis_since(run.ended_at.unwrap());
    assert_eq!((run.attempt, next_in), (1, 30_000), "{run:?}");
}

#[tokio::test]
async fn a_linked_contact_that_is_gone_from_clio_is_told_and_not_created_again() {
    let world = World::new();
    world.connect().await.unwrap();
    world.synced().await;
    assert_eq!(world.calls("POST /api/v4/contacts"), 1);
    world.put("m2");
    world.answers(|method, path, _, _| match (method, path) {
        ("POST", "/api/v4/matters") => Some(refused(422)),
        ("GET", "/api/v4/contacts/11") => Some(refused(404)),
        _ => None,
    });
    let report = world.sdk.firm(&admin()).matters().sync(&MatterId::new("m2").unwrap()).await.unwrap();
    assert_eq!(report.status, RunStatus::Failed);
    let error = report.steps[1].error.as_ref().unwrap();
    assert_eq!(
        (error.code(), error.get("record"), error.get("clio")),
        (Code::LinkedRecordGone, Some("contact"), Some("11"))
    );
    assert_eq!(world.calls("POST /api/v4/contacts"), 1, "a person decides what becomes of it");
    assert_eq!(report.retry_after, None);
}

#[tokio::test]
async fn a_refusal_that_is_told_apart_tells_clios_answer_all_the_same() {
    type Answer = fn(&str, &str) -> Option<(u16, Value)>;
    let gone: Answer = |method, path| match (method, path) {
        ("POST", "/api/v4/matters") => Some(refused(422)),
        ("GET", "/api/v4/contacts/11") => Some(refused(404)),
        _ => None,
    };
    let no_plan: Answer = |_, path| path.starts_with("/api/v4").then(|| refused(403));
    let cases =
        [(Code::LinkedRecordGone, gone, 422, "matter_failed"), (Code::PlanWithoutApi, no_plan, 403, "contact_failed")];
    for (code, answer, status, action) in cases {
        let world = World::new();
        world.connect().await.unwrap();
        world.put("m1");
        world.answers(move |method, path, _, _| answer(method, path));
        world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
        let run = world.sdk.firm(&admin()).matters().runs(RunQuery::default()).await.unwrap().items.remove(0);
        let failure = run.failure.unwrap();
        assert_eq!(failure.code, code.name());
        assert_eq!((failure.http_status(), failure.clio_type()), (Some(status), Some("SomeError")), "{code:?}");
        let told = &world.audited(action).await[0];
        assert_eq!((&told["code"], &told["details"]["clio_type"]), (&json!(code.name()), &json!("SomeError")));
        assert_eq!(told["details"]["http_status"], json!(status.to_string()));
    }
}

/// What is told of the last run of a matter that is in Clio.
async fn told_as_partial(world: &World, code: Code) {
    let state = world.sdk.firm(&admin()).matters().state(&matter()).await.unwrap();
    assert_eq!((state.status, state.clio_matter), (MatterSyncState::Partial, Some(ClioId(21))), "{state:?}");
    let last = state.last_run.unwrap();
    assert_eq!((last.status, last.failure.unwrap().code.as_str()), (RunStatus::Partial, code.name()));
    let runs = world.sdk.firm(&admin()).matters().runs(RunQuery::default()).await.unwrap().items;
    let run = runs.iter().find(|run| run.run == last.run).unwrap();
    assert_eq!(run.status, Some(RunStatus::Partial));
    let finished = EventBody::RunFinished {
        matter: matter(),
        clio_matter: Some(ClioId(21)),
        status: "partial".into(),
        code: Some(code.name().into()),
        run: Some(run.run.clone()),
        at: run.ended_at,
    };
    assert!(world.events().await.contains(&finished));
}

#[tokio::test]
async fn a_run_that_breaks_off_leaves_a_synced_matter_in_clio_with_its_contact() {
    let world = World::new();
    world.connect().await.unwrap();
    world.synced().await;
    world.intake.remove(&firm(), &matter());
    for _ in 0..2 {
        let error = world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap_err();
        assert_eq!(error.code(), Code::MatterUnknown);
        told_as_partial(&world, Code::MatterUnknown).await;
        let state = world.sdk.firm(&admin()).matters().state(&matter()).await.unwrap();
        assert_eq!(state.clio_contact, Some(ClioId(11)));
    }
    // Without a matter in Clio nothing has changed.
    let other = MatterId::new("m2").unwrap();
    world.sdk.firm(&admin()).matters().sync(&other).await.unwrap_err();
    let state = world.sdk.firm(&admin()).matters().state(&other).await.unwrap();
    assert_eq!((state.status, state.clio_matter, state.clio_contact), (MatterSyncState::Failed, None, None));
}

#[tokio::test]
async fn a_synced_matter_whose_new_client_cannot_be_synced_is_partial() {
    let world = World::new();
    world.connect().await.unwrap();
    world.synced().await;
    let intake = json!({ "matter": { "id": "m1", "title": "T" }, "documents": [],
        "client": { "id": "c2", "first_name": "C", "last_name": "D", "email": "c@d.example" } });
    world.intake.put(&firm(), Intake::from_json(intake.to_string().as_bytes()).unwrap());
    world.answers(|_, path, _, _| (path == "/api/v4/contacts").then(|| refused(422)));
    let report = world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
    assert_eq!(report.status, RunStatus::Partial);
    told_as_partial(&world, Code::ClioValidation).await;
}

#[tokio::test]
async fn the_log_is_filtered_by_the_cause_of_any_failure_of_a_run() {
    let world = World::new();
    world.connect().await.unwrap();
    let intake = |id: &str, statuses: &[&str]| {
        let listed = statuses.iter().enumerate().map(|(n, status)| {
            json!({ "id": format!("d{n}"), "file_name": "d.pdf", "content_type": "application/pdf", "status": status,
                "origin": "client_upload" })
        });
        let intake = json!({ "matter": { "id": id, "title": "T" }, "documents": listed.collect::<Vec<_>>(),
            "client": { "id": id, "first_name": "A", "last_name": "B", "email": format!("{id}@b.example") } });
        Intake::from_json(intake.to_string().as_bytes()).unwrap()
    };
    // The first document's file is missing, Clio refuses the second.
    let several = intake("m1", &["approved", "approved"]);
    let second = DocumentRef { firm: firm(), key: several.key_of(&several.documents[1]) };
    world.intake.put_bytes(&second, b"bytes");
    world.intake.put(&firm(), several);
    world.answers(|method, path, _, _| (method == "POST" && path == "/api/v4/documents").then(|| refused(422)));
    world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
    // Clio refuses the contact: the matter and the first document are blocked, and the second is
    // not to be sent.
    world.intake.put(&firm(), intake("m2", &["approved", "pending"]));
    world.answers(|_, path, _, _| (path == "/api/v4/contacts").then(|| refused(422)));
    world.sdk.firm(&admin()).matters().sync(&MatterId::new("m2").unwrap()).await.unwrap();
    let found = async |cause| {
        let query = RunQuery { cause: Some(cause), ..RunQuery::default() };
        let runs = world.sdk.firm(&admin()).matters().runs(query.clone()).await.unwrap().items;
        let mut matters: Vec<String> = runs.into_iter().map(|run| run.matter.to_string()).collect();
        matters.sort();
        matters
    };
    assert_eq!(found(ErrorKind::Input).await, ["m1"]);
    assert_eq!(found(ErrorKind::Clio).await, ["m1", "m2"]);
    assert_eq!(found(ErrorKind::Host).await, [""; 0]);
}

/// A run of a matter with one document whose process dies during this call.
async fn killed_at(call: &str) -> World {
    let (world, _, _) = begun().await;
    let gate = world.hold(call);
    let (actor, id) = (admin(), matter());
    let matters = world.sdk.firm(&actor).matters();
    let ended = select(Box::pin(matters.sync(&id)), Box::pin(world.until_held())).await;
    assert!(matches!(&ended, Either::Right(_)));
    drop(ended);
    drop(gate);
    let runs = world.sdk.firm(&admin()).matters().runs(RunQuery::default()).await.unwrap().items;
    assert_eq!((runs.len(), runs[0].ended_at, runs[0].status), (1, None, None));
    world.runtime.advance(Duration::from_secs(31));
    world
}

async fn taken_over(world: &World) {
    let (heir, actor) = (world.process(HOOKS), admin());
    let why = Why::Asked(Trigger::Manual, &actor.id);
    let found = heir.queue.claims.find(&firm(), &matter()).await.unwrap();
    let acquired = heir.queue.claims.acquire(&firm(), &matter(), found, why).await.unwrap();
    assert!(matches!(acquired, Acquired::Mine(_)), "{acquired:?}");
}

#[tokio::test]
async fn a_run_whose_process_was_killed_is_ended_by_the_takeover() {
    for (call, status) in [("POST /api/v4/matters", RunStatus::Failed), ("POST /api/v4/documents", RunStatus::Partial)]
    {
        let world = killed_at(call).await;
        let (audited, told) = (world.stored("audit").await, world.stored("outbox").await);
        taken_over(&world).await;
        let log = async || world.sdk.firm(&admin()).matters().runs(RunQuery::default()).await.unwrap().items;
        let killed = log().await.remove(0);
        assert_eq!((killed.status, killed.ended_at), (Some(status), Some(world.runtime.now())), "{call}");
        let failure = killed.failure.as_ref().unwrap();
        assert_eq!((failure.code.as_str(), failure.kind.as_str(), failure.get("step")), ("lease_lost", "host", None));
        assert_eq!((world.stored("audit").await, world.stored("outbox").await), (audited, told), "no more is told");
        // The heir dies as well, before it wrote anything.
        world.runtime.advance(Duration::from_secs(31));
        taken_over(&world).await;
        world.later(Duration::from_secs(31)).await;
        let runs = log().await;
        assert!(runs.len() > 1 && runs.iter().all(|run| run.ended_at.is_some()), "{call}: {runs:?}");
        assert_eq!(runs.last(), Some(&killed));
        world.sdk.firm(&admin()).audit().verify().await.unwrap();
    }
}

#[tokio::test]
async fn a_killed_run_is_ended_though_what_it_was_for_is_switched_off() {
    let (world, _, _) = begun().await;
    let gate = world.hold("POST /api/v4/documents");
    let ended = select(Box::pin(world.work()), Box::pin(world.until_held())).await;
    drop(ended);
    drop(gate);
    let settings = world.sdk.firm(&admin()).settings().get().await.unwrap();
    let settings = FirmSettings { sync_when_approved: false, ..settings };
    world.sdk.firm(&admin()).settings().save(settings.clone()).await.unwrap();
    world.later(Duration::from_secs(31)).await;
    let runs = world.sdk.firm(&admin()).matters().runs(RunQuery::default()).await.unwrap().items;
    assert_eq!((runs.len(), runs[0].status), (1, Some(RunStatus::Partial)), "{runs:?}");
}

#[tokio::test]
async fn a_matter_is_taken_over_though_the_record_of_its_last_run_cannot_be_read() {
    let world = killed_at("POST /api/v4/matters").await;
    let (run, _) = world.stored("run").await.remove(0);
    let key = Key::new(&firm(), "run", run);
    let expect = Expect::Version(world.store.get(&key).await.unwrap().unwrap().version);
    let broken = Write::Put { key, expect, version: Version("broken".into()), due_in: None, body: "{}".into() };
    world.store.commit(&[broken]).await.unwrap();
    taken_over(&world).await;
}

/// While an upgrade rolls, or after it was taken back.
#[tokio::test]
async fn a_run_of_a_newer_release_hides_no_other_one() {
    let world = World::new();
    world.connect().await.unwrap();
    world.synced().await;
    let (actor, of_matter) = (admin(), RunQuery { matter: Some(matter()), ..RunQuery::default() });
    let read = world.sdk.firm(&actor).matters().runs(RunQuery::default()).await.unwrap().items;
    assert_eq!(read.len(), 1);
    let (id, mut newer) = world.stored("run").await.remove(0);
    newer["steps"][0]["outcome"] = json!("of_a_newer_release");
    let id = format!("{}ffff", &id[..id.len() - 4]);
    let records = [("run", id.clone(), newer.to_string()), ("matter-run", format!("m1/{id}"), "{}".to_owned())];
    let writes = records.map(|(collection, id, body)| Write::Put {
        key: Key::new(&firm(), collection, id),
        expect: Expect::Absent,
        version: Version("newer".into()),
        due_in: None,
        body,
    });
    world.store.commit(&writes).await.unwrap();
    for query in [RunQuery::default(), of_matter] {
        assert_eq!(world.sdk.firm(&actor).matters().runs(query).await.unwrap().items, read);
    }
    assert_eq!(world.sdk.firm(&actor).connection().health().await.unwrap().last_success, read[0].ended_at);
    world.runtime.advance(Duration::from_secs(1));
    assert_eq!(world.sdk.firm(&actor).matters().prune_runs(world.runtime.now()).await.unwrap().runs, 1);
    assert_eq!(world.stored("run").await, [(id, newer)], "it stays for whoever can read it");
}
