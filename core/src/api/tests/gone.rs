//! What is gone in Clio is said, and what came back from its trash works again.

use serde_json::{Value, json};

use super::world::{World, admin, firm, matter, member, refused, status_event};
use crate::domain::{ClioId, DocumentKey, DocumentRef, Intake, RunStatus, StepKind, StepOutcome, SyncReport, Trigger};
use crate::error::Code;
use crate::jobs::{MatterState, MatterSyncState};
use crate::sync::{Calls, PlannedMatter};

async fn state(world: &World) -> MatterState {
    world.sdk.firm(&admin()).matters().state(&matter()).await.unwrap()
}

async fn asked(world: &World) -> SyncReport {
    world.http.clio().calls.clear();
    world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap()
}

fn outcomes(report: &SyncReport) -> Vec<(StepKind, StepOutcome, Option<Code>)> {
    let step =
        |step: &crate::domain::StepReport| (step.step, step.outcome, step.error.as_ref().map(crate::Error::code));
    report.steps.iter().map(step).collect()
}

fn with_documents(world: &World, ids: &[&str]) {
    let document = |id: &&str| {
        json!({ "id": id, "file_name": "a.pdf", "content_type": "application/pdf", "status": "approved",
            "origin": "client_upload" })
    };
    let documents: Vec<Value> = ids.iter().map(document).collect();
    let intake = json!({ "matter": { "id": "m1", "title": "T", "case_number": "1" }, "documents": documents,
        "client": { "id": "c1", "first_name": "A", "last_name": "B", "email": "a@b.example" } });
    world.intake.put(&firm(), Intake::from_json(intake.to_string().as_bytes()).unwrap());
    for id in ids {
        let key = DocumentKey::parse(&format!("m1/{id}/{id}")).unwrap();
        world.intake.put_bytes(&DocumentRef { firm: firm(), key }, b"x".to_vec());
    }
}

/// Synced, and then deleted in Clio, which tells of it.
async fn deleted() -> (World, Value) {
    let world = World::subscribed(true).await;
    world.synced().await;
    assert_eq!((state(&world).await.status, asked(&world).await.calls), (MatterSyncState::Synced, 0));
    let before = world.http.clio().matter.take();
    let mut event = status_event("Open", "2026-04-02T12:00:00Z");
    event["meta"]["event"] = json!("deleted");
    assert_eq!(world.deliver("matter", &event).await, 200);
    world.work().await;
    assert_eq!(world.statuses().await, ["deleted"]);
    (world, before)
}

#[tokio::test]
async fn a_dry_run_says_what_is_gone() {
    let (world, before) = deleted().await;
    with_documents(&world, &["d1"]);
    let id = ClioId(before["id"].as_i64().unwrap());
    let planned = world.sdk.firm(&admin()).matters().plan(&matter()).await.unwrap();
    // It is asked for, and if it is there again its document is sent.
    assert_eq!((planned.matter, planned.calls), (PlannedMatter::Gone(id), Calls { least: 1, most: 3 }));
    let json = serde_json::to_value(&planned).unwrap();
    assert_eq!((&json["matter_step"], &json["clio"]), (&json!("gone"), &json!(id)));
    assert_eq!(asked(&world).await.calls, 1);
}

#[tokio::test]
async fn a_matter_that_was_deleted_is_not_synced_any_more_and_who_asks_is_told() {
    let (world, before) = deleted().await;
    let shown = state(&world).await;
    assert_eq!(shown.status, MatterSyncState::Gone);
    let clio = shown.clio_status.unwrap();
    assert_eq!((clio.status, clio.seen_at), ("gone", Some(crate::ports::Runtime::now(&world.runtime))));

    let report = asked(&world).await;
    assert_eq!((report.status, report.calls, world.calls("GET /api/v4/matters/21")), (RunStatus::Failed, 1, 1));
    let gone = (StepKind::Matter, StepOutcome::Failed, Some(Code::LinkedRecordGone));
    assert_eq!(outcomes(&report), [(StepKind::Contact, StepOutcome::Unchanged, None), gone]);
    assert_eq!(state(&world).await.status, MatterSyncState::Gone);
    let event = world.events().await.remove(0);
    assert!(matches!(event, crate::store::EventBody::RunFinished { .. }), "gone was told before: {event:?}");

    // Restored from Clio's trash, and Clio tells nobody.
    world.http.clio().matter = before;
    let report = asked(&world).await;
    assert_eq!((report.status, report.calls), (RunStatus::Succeeded, 1));
    let shown = state(&world).await;
    assert_eq!((shown.status, shown.clio_status.unwrap().status), (MatterSyncState::Synced, "open"));
    assert_eq!(world.statuses().await, ["open"], "the host hears that it is back");
    assert_eq!(asked(&world).await.calls, 0);
    assert_eq!(world.http.clio().matter["id"], 21, "nothing was created in its place");
}

#[tokio::test]
async fn what_is_approved_for_a_matter_that_is_gone_is_said_once_and_sent_nowhere() {
    let (world, _) = deleted().await;
    with_documents(&world, &["d1"]);
    world.http.clio().calls.clear();
    world.sdk.firm(&member()).matters().trigger(&matter(), Trigger::Approved).await.unwrap();
    world.work().await;
    assert_eq!((world.calls("/api/v4/documents"), world.calls("GET /api/v4/matters/21")), (0, 1));
    let shown = state(&world).await;
    assert_eq!(shown.status, MatterSyncState::Gone);
    assert_eq!(shown.last_run.unwrap().failure.unwrap().code, "linked_record_gone");
    world.later(core::time::Duration::from_secs(2 * 3600)).await;
    assert_eq!(world.calls("GET /api/v4/matters/21"), 1, "nothing goes on by itself");
}

#[tokio::test]
async fn a_run_that_finds_a_matter_gone_says_so_in_its_state_and_tries_one_document_only() {
    let world = World::new();
    world.connect().await.unwrap();
    world.synced().await;
    with_documents(&world, &["d1", "d2", "d3"]);
    world.http.clio().matter = Value::Null;
    world.answers(|method, path, _, _| ((method, path) == ("POST", "/api/v4/documents")).then(|| refused(422)));
    let report = asked(&world).await;
    assert_eq!(report.first_failure().unwrap().error.as_ref().unwrap().code(), Code::LinkedRecordGone);
    assert_eq!(world.calls("POST /api/v4/documents"), 1);
    assert_eq!(state(&world).await.status, MatterSyncState::Gone);
    assert_eq!(world.statuses().await, ["gone"]);
}

#[tokio::test]
async fn a_contact_that_is_gone_is_said_and_its_matter_is_kept_up() {
    let world = World::reviewing().await;
    world.synced().await;
    world.answers(|method, path, _, _| ((method, path) == ("GET", "/api/v4/contacts/11")).then(|| refused(404)));
    let event = json!({ "data": { "id": 11, "updated_at": "2026-04-02T12:00:00Z" }, "meta": { "event": "deleted" } });
    assert_eq!(world.deliver("contact", &event).await, 200);
    world.work().await;
    let shown = state(&world).await;
    assert_eq!((shown.status, shown.clio_contact_gone), (MatterSyncState::Gone, true));
    assert_eq!(shown.clio_status.unwrap().status, "open");
    let report = asked(&world).await;
    let gone = (StepKind::Contact, StepOutcome::Failed, Some(Code::LinkedRecordGone));
    assert_eq!(outcomes(&report), [gone, (StepKind::Matter, StepOutcome::Unchanged, None)]);
    assert_eq!((report.status, report.calls), (RunStatus::Partial, 1));
    world.answers_as_usual();
    assert_eq!(asked(&world).await.status, RunStatus::Succeeded);
    let shown = state(&world).await;
    assert_eq!((shown.status, shown.clio_contact_gone), (MatterSyncState::Synced, false));
}

#[tokio::test]
async fn clios_own_status_can_be_read_whatever_became_of_its_event() {
    let world = World::subscribed(true).await;
    world.synced().await;
    let shown = serde_json::to_value(state(&world).await).unwrap();
    assert_eq!((&shown["clio_status"]["status"], &shown["status"]), (&json!("open"), &json!("synced")));
    assert_eq!(world.deliver("matter", &status_event("Closed", "2026-04-02T12:00:00Z")).await, 200);
    world.work().await;
    let shown = state(&world).await;
    let clio = shown.clio_status.unwrap();
    assert_eq!((clio.status, shown.status), ("closed", MatterSyncState::Synced));
    assert_eq!(clio.changed_at.map(|at| at.to_rfc3339()).as_deref(), Some("2026-04-02T12:00:00.000Z"));
}
