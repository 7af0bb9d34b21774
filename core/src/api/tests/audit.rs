//! The audit log: tampering is found, and what is done is told of.

use core::time::Duration;

use futures_util::future::join;
use serde_json::{Value, json};

use super::world::{HOOKS, World, admin, firm, matter, refused};
use crate::domain::{DocumentRef, DocumentStatus, Intake, RunStatus, Timestamp};
use crate::error::Code;
use crate::history::RunQuery;
use crate::ports::{Commit, Expect, Key, Store as _, Version, Write};

fn entry(seq: u64) -> Key {
    Key::new(&firm(), "audit", format!("{seq:016}"))
}

/// Writes over a record, or puts one, past the SDK.
async fn put(world: &World, key: Key, body: String) {
    let record = world.store.get(&key).await.unwrap();
    let expect = record.map_or(Expect::Absent, |record| Expect::Version(record.version));
    let put = Write::Put { key, expect, version: Version("by hand".into()), due_in: None, body };
    assert!(matches!(world.store.commit(&[put]).await.unwrap(), Commit::Done { .. }));
}

async fn delete(world: &World, key: Key) {
    let version = world.store.get(&key).await.unwrap().unwrap().version;
    assert!(matches!(world.store.commit(&[Write::Delete { key, version }]).await.unwrap(), Commit::Done { .. }));
}

#[tokio::test]
async fn a_log_that_is_not_what_was_written_is_found_at_the_first_entry_that_does_not_fit() {
    let world = World::new();
    world.connect().await.unwrap();
    world.synced().await;
    for _ in 0..4 {
        world.sdk.firm(&admin()).matters().retry_failed().await.unwrap();
    }
    let entries = world.sdk.firm(&admin()).audit().verify().await.unwrap().entries;
    assert!(entries >= 8, "{entries}");
    let whole = world.store.backup();
    let body = |seq| world.store.body(&entry(seq)).unwrap();
    let changed = |seq| body(seq).replace("\"ok\"", "\"failed\"");
    let found = async |what: &str, seq: u64| {
        let error = world.sdk.firm(&admin()).audit().verify().await.unwrap_err();
        assert_eq!((error.code(), error.get("seq")), (Code::StoreTampered, Some(seq.to_string().as_str())), "{what}");
        world.store.restore(&whole);
        assert_eq!(world.sdk.firm(&admin()).audit().verify().await.unwrap().entries, entries);
    };

    assert_ne!(changed(3), body(3));
    put(&world, entry(3), changed(3)).await;
    found("a changed entry: the next one does not follow from it", 4).await;
    put(&world, entry(entries), changed(entries)).await;
    found("the last entry is changed: the head does not follow from it", entries + 1).await;

    put(&world, entry(3), String::from("{")).await;
    found("an entry that cannot be read any more", 3).await;

    delete(&world, entry(4)).await;
    found("an entry in the middle is gone", 4).await;
    delete(&world, entry(1)).await;
    found("the first entry is gone", 1).await;

    let (third, fourth) = (body(3), body(4));
    put(&world, entry(3), fourth).await;
    put(&world, entry(4), third).await;
    found("two entries have changed places", 3).await;

    let mut behind: Value = serde_json::from_str(&body(entries)).unwrap();
    behind["seq"] = json!(entries + 1);
    put(&world, entry(entries + 1), behind.to_string()).await;
    found("an entry behind the head", entries + 1).await;
    put(&world, entry(entries + 1), String::from("{")).await;
    found("one behind the head that cannot be read", entries + 1).await;

    delete(&world, entry(entries)).await;
    delete(&world, entry(entries - 1)).await;
    found("the tail is cut off", entries - 1).await;
}

/// One matter with these documents: id, status.
fn put_documents(world: &World, documents: &[(&str, &str)]) -> Intake {
    let listed = documents.iter().map(|(id, status)| {
        json!({ "id": id, "file_name": "d.pdf", "content_type": "application/pdf", "status": status,
            "origin": "client_upload" })
    });
    let intake = json!({ "matter": { "id": "m1", "title": "T" }, "documents": listed.collect::<Vec<_>>(),
        "client": { "id": "c1", "first_name": "A", "last_name": "B", "email": "a@b.example" } });
    let intake = Intake::from_json(intake.to_string().as_bytes()).unwrap();
    world.intake.put(&firm(), intake.clone());
    for (document, (_, status)) in intake.documents.iter().zip(documents) {
        let reference = DocumentRef { firm: firm(), key: intake.key_of(document) };
        world.intake.put_bytes(&reference, b"bytes");
        if *status != "approved" {
            world.intake.set_status(&reference, DocumentStatus::Pending).unwrap();
        }
    }
    intake
}

#[tokio::test]
async fn what_could_not_be_synced_is_told_with_its_cause() {
    let cases = [
        ("/api/v4/contacts", "contact_failed", ("client", "c1")),
        ("/api/v4/matters", "matter_failed", ("matter", "m1")),
        ("/api/v4/documents", "document_failed", ("matter", "m1")),
    ];
    for (refuses, action, (about, id)) in cases {
        let world = World::new();
        world.connect().await.unwrap();
        put_documents(&world, &[("d1", "approved")]);
        world.answers(move |method, path, _, _| (method == "POST" && path == refuses).then(|| refused(422)));
        let report = world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
        let told = world.audited(action).await;
        assert_eq!(told.len(), 1, "{action}: {report:?}");
        assert_eq!((&told[0]["status"], &told[0]["code"]), (&json!("failed"), &json!("clio_validation")), "{action}");
        assert_eq!((&told[0]["details"][about], &told[0]["details"]["run"]), (&json!(id), &json!(report.run)));
        assert_eq!(told[0]["actor"], "usr_1");
        assert_eq!(world.audited("sync").await[0]["status"], "failed", "{action}");
    }
}

#[tokio::test]
async fn a_document_that_is_not_approved_is_told_and_so_is_an_approval_that_was_withdrawn() {
    let world = World::new();
    world.connect().await.unwrap();
    put_documents(&world, &[("d1", "pending")]);
    let report = world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
    assert_eq!(report.status, RunStatus::Succeeded, "{report:?}");
    let told = world.audited("document_skipped").await;
    assert_eq!(told.len(), 1);
    assert_eq!((&told[0]["status"], &told[0]["code"]), (&json!("noted"), &json!("document_not_approved")));

    // In Clio, and not approved any more.
    let world = World::new();
    world.connect().await.unwrap();
    let intake = put_documents(&world, &[("d1", "approved")]);
    world.answers(|method, path, _, _| {
        let version = json!({ "uuid": "u", "put_url": "http://127.0.0.1:4400/storage", "fully_uploaded": true });
        let document = json!({ "data": { "id": 31, "latest_document_version": version } });
        (method == "PUT" || path.starts_with("/api/v4/documents")).then_some((200, document))
    });
    let report = world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
    assert_eq!(report.status, RunStatus::Succeeded, "{report:?}");
    let mut withdrawn = intake.clone();
    withdrawn.documents[0].status = DocumentStatus::Rejected;
    world.intake.put(&firm(), withdrawn);
    world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
    let told = world.audited("document_skipped").await;
    assert_eq!(told.len(), 1);
    assert_eq!(
        (&told[0]["details"]["note"], &told[0]["details"]["clio"]),
        (&json!("approval_withdrawn"), &json!("31"))
    );
}

#[tokio::test]
async fn what_somebody_asks_to_be_tried_again_is_told() {
    let world = World::new();
    world.connect().await.unwrap();
    world.put("m1");
    let report = world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
    world.sdk.firm(&admin()).matters().retry(&report.run).await.unwrap();
    world.sdk.firm(&admin()).matters().retry_failed().await.unwrap();
    world.sdk.firm(&admin()).matters().release_held(None).await.unwrap();
    let told: Vec<Value> = world.audited("retry").await.into_iter().map(|entry| entry["details"].clone()).collect();
    let held = json!({ "held": "0" });
    assert_eq!(told, [json!({ "run": report.run }), json!({ "matters": "0" }), held]);
}

#[tokio::test]
async fn the_begin_and_the_end_of_a_recovery_are_told() {
    let world = World::new();
    world.connect().await.unwrap();
    let since = Timestamp::parse("2026-04-01T11:00:00Z").unwrap();
    world.sdk.firm(&admin()).reviews().begin_recovery(since).await.unwrap();
    world.sdk.firm(&admin()).reviews().end_recovery().await.unwrap();
    let told: Vec<Value> =
        world.audited("recovery").await.iter().map(|entry| entry["details"]["since"].clone()).collect();
    assert_eq!(told, [json!(since.to_rfc3339()), json!("ended")]);
}

#[tokio::test]
async fn a_status_that_the_host_changed_itself_is_told() {
    let world = World::new();
    world.connect().await.unwrap();
    world.synced().await;
    let at = Timestamp::parse("2026-04-01T12:00:00Z").unwrap();
    world.sdk.host().record_status_change(&admin().firm, &matter(), at).await.unwrap();
    let told = world.audited("status_changed").await;
    assert_eq!(told.len(), 1);
    assert_eq!((&told[0]["actor"], &told[0]["details"]["matter"]), (&json!("host"), &json!("m1")));
    // Never later than was said, before 1970 neither.
    world.sdk.host().record_status_change(&admin().firm, &matter(), Timestamp(-1)).await.unwrap();
    assert_eq!(world.audited("status_changed").await[1]["details"]["at"], "1969-12-31T23:59:59.000Z");
}

#[tokio::test]
async fn a_subscription_that_is_deleted_in_clio_is_told() {
    let world = World::reviewing().await;
    let unwanted = world.hook("contact")["id"].clone();
    let settings = world.sdk.firm(&admin()).settings().get().await.unwrap();
    let settings = crate::settings::FirmSettings { contact_review: false, ..settings };
    world.sdk.firm(&admin()).settings().save(settings.clone()).await.unwrap();
    world.later(Duration::from_secs(13 * 3600)).await;
    assert_eq!(world.http.clio().hooks.len(), 1);
    let told = world.audited("webhook_deleted").await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["details"]["webhook"], json!(unwanted.to_string()));
}

#[tokio::test]
async fn what_a_worker_did_in_clio_after_it_lost_its_claim_is_told() {
    let world = World::new();
    world.connect().await.unwrap();
    world.put("m1");
    let gate = world.hold("POST /api/v4/matters");
    let (actor, id) = (admin(), matter());
    let slow = world.sdk.firm(&actor).matters().sync(&id);
    let script = async {
        world.until_held().await;
        // It stands still for longer than its lease, and another process takes the matter over.
        world.runtime.advance(Duration::from_secs(31));
        let report = world.process(HOOKS).firm(&actor).matters().sync(&id).await.unwrap();
        drop(gate);
        report
    };
    let (slow, report) = join(slow, script).await;
    assert_eq!(slow.unwrap_err().code(), Code::LeaseLost);
    assert_eq!(report.steps[1].error.as_ref().map(|error| error.code()), Some(Code::SyncInDoubt), "{report:?}");
    let told = world.audited("matter_created").await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((&told[0]["code"], &told[0]["details"]["fenced"]), (&json!("lease_lost"), &json!("true")));
    assert_eq!(told[0]["details"]["clio"], "21");
    let runs = world.sdk.firm(&admin()).matters().runs(RunQuery::default()).await.unwrap().items;
    let [heirs, lost] = runs.as_slice() else { panic!("{runs:?}") };
    assert_eq!(heirs.run, report.run);
    assert_eq!(lost.steps.len(), 1, "and nothing else of it is written");
    assert_eq!(
        (lost.ended_at, lost.status),
        (Some(heirs.started_at), Some(RunStatus::Failed)),
        "as the takeover wrote"
    );
    world.sdk.firm(&admin()).audit().verify().await.unwrap();
}
