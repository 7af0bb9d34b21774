//! The next document's stub is made while the bytes of one travel (`sync/ahead.rs`).

use serde_json::{Value, json};

use super::documents::{Shared, answer, begun_with};
use super::world::{World, admin, matter};
use crate::domain::report::StepOutcome;
use crate::domain::{DocumentRef, DocumentStatus, RunStatus, SyncReport};
use crate::memory::MemoryIntake;
use crate::ports::IntakeSource as _;

const STUBS: &str = "POST /api/v4/documents";

/// A run of three documents; something happens right after the stub of the second was made.
async fn once_made(
    meanwhile: impl FnOnce(&MemoryIntake, &DocumentRef) + Send + 'static,
) -> (World, Shared, SyncReport) {
    let (world, documents, first) = begun_with(3).await;
    documents.lock().unwrap().slow = false;
    let intake = world.intake.load(&first.firm, &matter()).await.unwrap();
    let second = DocumentRef { firm: first.firm, key: intake.key_of(&intake.documents[1]) };
    let (clio, intake, mut meanwhile) = (documents.clone(), world.intake.clone(), Some(meanwhile));
    world.answers(move |method, path, _, body| {
        let answer = answer(&clio, method, path, body);
        if clio.lock().unwrap().made.len() == 2
            && let Some(meanwhile) = meanwhile.take()
        {
            meanwhile(&intake, &second);
        }
        answer
    });
    let report = world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
    (world, documents, report)
}

fn outcomes(report: &SyncReport) -> Vec<StepOutcome> {
    report.steps[2..].iter().map(|step| step.outcome).collect()
}

fn published(documents: &Shared) -> Vec<bool> {
    let finished = |made: &Value| made["latest_document_version"]["fully_uploaded"] == true;
    documents.lock().unwrap().made.iter().map(finished).collect()
}

#[tokio::test]
async fn the_next_stub_is_made_while_the_bytes_of_one_travel() {
    let (world, documents, report) = once_made(|_, _| {}).await;
    assert_eq!(outcomes(&report), [StepOutcome::Created; 3], "{report:?}");
    assert_eq!(published(&documents), [true; 3]);
    let calls = world.http.clio().calls.clone();
    let kinds: Vec<&str> = calls.iter().filter_map(|call| call.split(' ').next()).collect();
    // Clio's calls one after the other; the storage's are beside them.
    assert_eq!(kinds[kinds.len() - 9..], ["POST", "PUT", "POST", "PATCH", "PUT", "POST", "PATCH", "PUT", "PATCH"]);
}

#[tokio::test]
async fn what_is_withdrawn_after_its_stub_was_made_does_not_leave() {
    let withdraw = |intake: &MemoryIntake, document: &DocumentRef| {
        intake.set_status(document, DocumentStatus::Rejected).unwrap();
    };
    let (world, documents, report) = once_made(withdraw).await;
    assert_eq!(outcomes(&report), [StepOutcome::Created, StepOutcome::NotApproved, StepOutcome::Created]);
    assert_eq!(world.calls("PUT /put"), 2, "its bytes stay here");
    assert_eq!(published(&documents), [true, false, true]);
    assert_eq!(world.stored("document").await.len(), 2, "nothing is left to be done for it");
}

#[tokio::test]
async fn what_changes_after_its_stub_was_made_gets_another_version_of_that_stub() {
    let change = |intake: &MemoryIntake, document: &DocumentRef| intake.put_bytes(document, b"other bytes".to_vec());
    let (world, documents, report) = once_made(change).await;
    assert_eq!(report.status, RunStatus::Succeeded, "{report:?}");
    assert_eq!(documents.lock().unwrap().made[1]["latest_document_version"]["uuid"], "again");
    assert_eq!(published(&documents), [true; 3]);
    assert_eq!(world.calls("PUT /put"), 3);
}

#[tokio::test]
async fn a_stub_ahead_whose_answer_is_lost_is_looked_for_and_used() {
    let (world, documents, _) = begun_with(3).await;
    documents.lock().unwrap().slow = false;
    let (clio, mut stubs) = (documents.clone(), 0);
    world.answers(move |method, path, _, body| {
        let usual = answer(&clio, method, path, body);
        stubs += u32::from(method == "POST" && path == "/api/v4/documents");
        if method == "POST" && stubs == 2 { Some((504, json!({ "error": "Gateway Timeout" }))) } else { usual }
    });
    let report = world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
    assert_eq!(outcomes(&report), [StepOutcome::Created; 3], "{report:?}");
    assert_eq!(report.retries, 0, "what was tried ahead is no retry");
    assert_eq!(published(&documents), [true; 3], "three stubs, no fourth");
}

#[tokio::test]
async fn a_stub_ahead_that_is_refused_costs_nothing_but_the_call() {
    let (world, documents, _) = begun_with(3).await;
    documents.lock().unwrap().slow = false;
    let (clio, mut stubs) = (documents.clone(), 0);
    world.answers(move |method, path, _, body| {
        stubs += u32::from(method == "POST" && path == "/api/v4/documents");
        if method == "POST" && stubs == 2 { Some((429, json!({}))) } else { answer(&clio, method, path, body) }
    });
    let report = world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
    assert_eq!(outcomes(&report), [StepOutcome::Created; 3], "{report:?}");
    assert_eq!(world.calls(STUBS), 4);
    assert_eq!(published(&documents), [true; 3]);
}

#[tokio::test]
async fn what_was_announced_and_is_named_no_more_leaves_nothing_to_be_done() {
    let (world, documents, first) = begun_with(3).await;
    documents.lock().unwrap().slow = false;
    let (clio, sdk) = (documents.clone(), world.sdk.clone());
    world.answers(move |method, path, _, body| {
        // Told to stop when the first stub is made: that document is finished, and the others are
        // announced.
        if method == "POST" && path == "/api/v4/documents" {
            sdk.stop();
        }
        answer(&clio, method, path, body)
    });
    let stopped = world.sdk.firm(&admin()).matters().sync(&matter()).await;
    assert!(stopped.is_err(), "{stopped:?}");
    assert_eq!(world.stored("document").await.len(), 3);
    world.answers(move |method, path, _, body| answer(&documents, method, path, body));
    let mut intake = world.intake.load(&first.firm, &matter()).await.unwrap();
    intake.documents.drain(..2);
    world.intake.put(&first.firm, intake);
    let next = world.process("http://127.0.0.1:9/hooks");
    let report = next.firm(&admin()).matters().sync(&matter()).await.unwrap();
    assert_eq!(outcomes(&report), [StepOutcome::Created], "{report:?}");
    assert_eq!(world.stored("document").await.len(), 2, "the links of the first and the third");
}
