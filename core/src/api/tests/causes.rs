//! Every doubt and every refusal says what was answered, to which of our requests, and which field
//! or file it is about: in the report, the sync log, the audit log, the matter's state and on the
//! card.

use core::time::Duration;

use serde_json::{Value, json};

use super::documents::{Shared, answer as document_answer};
use super::world::{World, admin, firm, matter, refused};
use crate::domain::{DocumentRef, Intake, StepOutcome, Trigger};
use crate::error::{Code, Failure};
use crate::history::{LoggedRun, RunQuery};
use crate::jobs::MatterSyncState;
use crate::ports::{Expect, Key, Runtime as _, Store as _, Version, Write};
use crate::store::EventBody;

async fn connected() -> World {
    let world = World::new();
    world.connect().await.unwrap();
    world
}

fn put(world: &World, client: &Value, documents: &Value) {
    let intake =
        json!({ "matter": { "id": "m1", "title": "T", "case_number": "1" }, "client": client, "documents": documents });
    let intake: Intake = serde_json::from_value(intake).unwrap();
    world.intake.put(&firm(), intake);
}

fn somebody() -> Value {
    json!({ "id": "c1", "first_name": "Zyxwvut", "last_name": "Qwertz", "email": "c1@zyx.example" })
}

async fn newest(world: &World) -> LoggedRun {
    world.sdk.firm(&admin()).matters().runs(RunQuery::default()).await.unwrap().items.remove(0)
}

/// What all places tell of the last run's failure. They agree.
async fn told_everywhere(world: &World, action: &str) -> Failure {
    let run = newest(world).await;
    let failure = run.failure.clone().unwrap();
    let state = world.sdk.firm(&admin()).matters().state(&matter()).await.unwrap();
    assert_eq!(state.last_run.unwrap().failure.as_ref(), Some(&failure));
    let card = world.sdk.firm(&admin()).connection().health().await.unwrap().last_failure.unwrap();
    assert_eq!((card.run, card.failure.as_ref()), (run.run.clone(), Some(&failure)));
    for action in [action, "sync"] {
        let entry = world.audited(action).await.pop().unwrap();
        assert_eq!(entry["code"], failure.code, "{action}: {entry}");
        for (key, value) in &failure.context {
            // Of the run as a whole the entry says more than a failure may.
            assert!(entry["details"][key] == *value || key == "matter", "{action}, {key}: {entry}");
        }
    }
    let ended = |event: &EventBody| {
        matches!(event, EventBody::RunFinished { run: id, at, code, .. }
            if (id.as_ref(), *at, code.as_ref()) == (Some(&run.run), run.ended_at, Some(&failure.code)))
    };
    assert!(world.events().await.iter().any(ended), "the event names run, time and code");
    failure
}

fn context<'a>(failure: &'a Failure, keys: &[&str]) -> Vec<Option<&'a str>> {
    keys.iter().map(|key| failure.get(key)).collect()
}

#[tokio::test]
async fn a_creation_in_doubt_names_what_was_answered_to_it_in_every_run_until_it_is_decided() {
    const KEYS: [&str; 5] = ["cause", "http_status", "clio_type", "operation", "client"];
    for (status, kind) in [(503, Some("SomeError")), (504, None)] {
        let world = connected().await;
        put(&world, &somebody(), &json!([]));
        world.answers(move |method, path, _, _| {
            (method == "POST" && path == "/api/v4/contacts").then(|| refused(status))
        });
        let status = status.to_string();
        let expected = [Some("clio_unavailable"), Some(status.as_str()), kind, Some("POST /contacts"), Some("c1")];
        // The second run sends nothing: it only says that it is still in doubt.
        for _ in 0..2 {
            world.runtime.advance(Duration::from_millis(1));
            let report = world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
            let error = report.steps[0].error.as_ref().unwrap();
            assert_eq!((error.code(), report.steps[0].outcome), (Code::SyncInDoubt, StepOutcome::InDoubt));
            let failure = told_everywhere(&world, "contact_failed").await;
            assert_eq!(failure, Failure::from(error));
            assert_eq!(context(&failure, &KEYS), expected);
            assert_eq!(world.calls("POST /api/v4/contacts"), 1);
        }
    }
}

/// One of an earlier version, or of a process that died before it saw an answer.
#[tokio::test]
async fn an_intent_without_a_recorded_answer_says_so() {
    let world = connected().await;
    put(&world, &somebody(), &json!([]));
    world.answers(|method, path, _, _| (method == "POST" && path == "/api/v4/contacts").then(|| refused(504)));
    world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
    let (id, mut intent) = world.stored("contact").await.remove(0);
    assert_eq!(intent.as_object_mut().unwrap().remove("cause").unwrap()["code"], "clio_unavailable");
    rewrite(&world, Key::new(&firm(), "contact", id), &intent).await;
    let report = world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
    let error = report.steps[0].error.as_ref().unwrap();
    assert_eq!((error.code(), error.get("reason")), (Code::SyncInDoubt, Some("no_answer_recorded")));
}

async fn rewrite(world: &World, key: Key, body: &Value) {
    let known = world.store.get(&key).await.unwrap().unwrap();
    let due_in = known.due_at.map(|due| world.runtime.now().until(due));
    let expect = Expect::Version(known.version);
    let write = Write::Put { key, expect, version: Version("rewritten".into()), due_in, body: body.to_string() };
    world.store.commit(&[write]).await.unwrap();
}

#[tokio::test]
async fn what_was_survived_stands_in_the_log_with_its_cause() {
    let world = connected().await;
    put(&world, &somebody(), &json!([]));
    let mut times = 0;
    world.answers(move |method, path, _, _| {
        times += u32::from((method, path) == ("GET", "/api/v4/contacts"));
        (times <= 2 && path == "/api/v4/contacts").then(|| refused(503))
    });
    let report = world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
    assert_eq!((report.first_failure().is_none(), report.retries), (true, 2), "{report:?}");
    let run = newest(&world).await;
    let survived = run.survived.unwrap();
    assert_eq!(Some(&survived), report.survived.as_ref().map(Failure::from).as_ref());
    assert_eq!(survived.code, "clio_unavailable");
    assert_eq!(context(&survived, &["http_status", "operation"]), [Some("503"), Some("GET /contacts")]);
    let details = &world.audited("sync").await[0]["details"];
    assert_eq!(details["retries"], "2");
    assert_eq!((&details["survived"], &details["survived_http_status"]), (&json!("clio_unavailable"), &json!("503")));
    let state = world.sdk.firm(&admin()).matters().state(&matter()).await.unwrap();
    assert_eq!((state.status, state.last_run.unwrap().survived), (MatterSyncState::Synced, Some(survived)));
}

/// The answer to a creation was an error, and the record is found all the same: the doubt is what
/// the log tells of, not a read that was repeated.
#[tokio::test]
async fn a_doubt_that_resolves_itself_stands_in_the_log() {
    let world = connected().await;
    put(&world, &somebody(), &json!([]));
    let (mut made, mut reads) = (None, 0);
    world.answers(move |method, path, _, body| match (method, path) {
        ("POST", "/api/v4/contacts") => {
            made = Some(json!({ "id": 11, "type": "Person", "first_name": "Zyxwvut", "last_name": "Qwertz",
                "created_at": "2026-04-01T12:00:00Z", "email_addresses": body["data"]["email_addresses"] }));
            Some(refused(500))
        }
        ("GET", "/api/v4/contacts") if made.is_some() => {
            reads += 1;
            let list = json!({ "data": [made], "meta": { "paging": {} } });
            Some(if reads == 1 { refused(503) } else { (200, list) })
        }
        _ => None,
    });
    let report = world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
    assert_eq!(report.steps[0].outcome, StepOutcome::Recovered, "{report:?}");
    let survived = newest(&world).await.survived.unwrap();
    assert_eq!(context(&survived, &["http_status", "operation"]), [Some("500"), Some("POST /contacts")]);
}

#[tokio::test]
async fn a_refused_intake_names_field_reason_and_place() {
    let document = |id: &str, name: &str| json!({ "id": id, "file_name": name, "content_type": "application/pdf", "status": "approved", "origin": "client_upload" });
    let documents = json!([document("d1", "a.pdf"), document("d2", "b.pdf"), document("d1", "c.pdf")]);
    let world = connected().await;
    put(&world, &somebody(), &documents);
    assert_eq!(world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap_err().code(), Code::IntakeInvalid);
    let failure = told_everywhere(&world, "sync").await;
    assert_eq!(failure.path.as_deref(), Some("documents[2].id"));
    assert_eq!(context(&failure, &["field", "reason", "index"]), [Some("documents.id"), Some("repeated"), Some("2")]);
}

#[tokio::test]
async fn a_422_names_the_field_that_clio_named_and_nothing_of_its_sentence() {
    let world = connected().await;
    put(&world, &somebody(), &json!([]));
    world.answers(|method, path, _, _| {
        let message = "First name 'Zyxwvut' of c1@zyx.example is not allowed";
        let answer = json!({ "error": { "type": "ArgumentError", "message": message } });
        (method == "POST" && path == "/api/v4/contacts").then_some((422, answer))
    });
    world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
    let failure = told_everywhere(&world, "contact_failed").await;
    assert_eq!((failure.code.as_str(), failure.path.as_deref()), ("clio_validation", Some("first_name")));
    let keys = ["http_status", "clio_type", "operation", "step", "client"];
    let expected = ["422", "ArgumentError", "POST /contacts", "contact", "c1"];
    assert_eq!(context(&failure, &keys), expected.map(Some));
    let run = world.stored("run").await;
    assert!(!format!("{run:?}").contains("Zyx"));
}

#[tokio::test]
async fn a_failed_document_names_itself_and_what_the_storage_answered() {
    let world = connected().await;
    let documents = Shared::default();
    put(
        &world,
        &somebody(),
        &json!([{ "id": "d1", "upload_id": "u1", "file_name": "d.pdf", "content_type": "application/pdf", "status": "approved",
            "origin": "client_upload" }]),
    );
    let reference = DocumentRef { firm: firm(), key: crate::domain::DocumentKey::parse("m1/d1/u1").unwrap() };
    world.intake.put_bytes(&reference, b"x".to_vec());
    world.answers(move |method, path, _, body| match (method, path) {
        ("PUT", "/put") => Some((503, Value::Null)),
        _ => document_answer(&documents, method, path, body),
    });
    world.sdk.firm(&admin()).matters().trigger(&matter(), Trigger::Approved).await.unwrap();
    world.work().await;
    let failure = told_everywhere(&world, "document_failed").await;
    let keys = ["http_status", "operation", "step", "document"];
    assert_eq!(context(&failure, &keys), ["503", "PUT storage", "document", "m1/d1/u1"].map(Some));
}

#[tokio::test]
async fn what_an_earlier_version_logged_is_read() {
    let world = connected().await;
    put(&world, &somebody(), &json!([]));
    world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
    let run = newest(&world).await.run;
    let old = json!({ "matter": "m1", "actor": "usr_1", "trigger": "manual", "started_at": 1_775_044_800_123_i64, "ended_at": 1_775_044_801_000_i64,
        "status": "failed", "code": "timed_out", "calls": 1,
        "steps": [{ "step": "contact", "id": "c1", "outcome": "failed", "code": "clio_validation", "http_status": 422, "clio_type": "ArgumentError" }] });
    rewrite(&world, Key::new(&firm(), "run", run), &old).await;
    let read = newest(&world).await;
    assert_eq!(
        (read.started_at.to_string(), read.failure.unwrap().code),
        ("2026-04-01T12:00:00.123Z".into(), "timed_out".into())
    );
    let failure = read.steps[0].failure.clone().unwrap();
    assert_eq!(
        (failure.http_status(), failure.clio_type(), failure.get("step")),
        (Some(422), Some("ArgumentError"), Some("contact"))
    );
}

#[tokio::test]
async fn a_subscription_that_could_not_be_made_names_what_was_answered() {
    for (status, told, cause, shown) in [
        (504, "noted", "clio_unavailable", "pending"),
        (403, "failed", "app_permission_missing", "app_permission_missing"),
    ] {
        let world = connected().await;
        world.answers(move |method, path, _, _| {
            (method == "POST" && path == "/api/v4/webhooks").then(|| refused(status))
        });
        world.work().await;
        let entry = world.audited("webhook_created").await.remove(0);
        let details = &entry["details"];
        assert_eq!((&entry["status"], &details["cause"]), (&json!(told), &json!(cause)));
        let answered = (&details["http_status"], &details["operation"]);
        assert_eq!(answered, (&json!(status.to_string()), &json!("POST /webhooks")));
        let card = world.health().await.webhooks.unwrap().cause.unwrap();
        assert_eq!((card.code, card.message.is_empty()), (shown, false));
    }
}

/// Nothing goes on by itself after a connect that failed, and nobody is told that it does.
#[tokio::test]
async fn a_connect_that_failed_says_what_was_answered_and_promises_nothing() {
    let world = World::new();
    world.answers(|_, path, _, _| (path == "/oauth/token").then(|| refused(503)));
    let error = world.connect().await.unwrap_err();
    assert_eq!((error.code(), error.get("http_status")), (Code::ClioUnavailable, Some("503")));
    assert_eq!(error.get("operation"), Some("POST /oauth/token"));
    assert!(!error.to_string().contains("again"), "{error}");
    let entry = world.audited("connect").await.pop().unwrap();
    assert_eq!((&entry["status"], &entry["details"]["operation"]), (&json!("failed"), &json!("POST /oauth/token")));
}
