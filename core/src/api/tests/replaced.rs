//! Other bytes under the id of an upload that is in Clio already.

use serde_json::json;

use super::documents::{Shared, answer, begun};
use super::world::{World, admin, firm, matter, member};
use crate::domain::report::{StepOutcome, SyncReport};
use crate::domain::{DocumentRef, RunStatus, UploadId};
use crate::ports::IntakeSource as _;

async fn sync(world: &World) -> SyncReport {
    world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap()
}

/// A document of a host that gives no upload ids, and that is in Clio.
async fn in_clio() -> (World, Shared, DocumentRef) {
    let (world, documents, document) = begun().await;
    documents.lock().unwrap().slow = false;
    assert_eq!(sync(&world).await.status, RunStatus::Succeeded);
    (world, documents, document)
}

/// How a run ends, and its document's step: its outcome and the code of its error.
fn told(report: &SyncReport) -> (RunStatus, StepOutcome, &'static str) {
    let step = report.steps.last().unwrap();
    (report.status, step.outcome, step.error.as_ref().map_or("", |error| error.code().name()))
}

const UNCHANGED: (RunStatus, StepOutcome, &str) = (RunStatus::Succeeded, StepOutcome::Unchanged, "");
const REPLACED: (RunStatus, StepOutcome, &str) = (RunStatus::Partial, StepOutcome::Failed, "document_replaced");

#[tokio::test]
async fn another_file_in_the_place_of_one_that_is_in_clio_is_told_until_it_has_an_id_of_its_own() {
    let (world, documents, mut document) = in_clio().await;
    world.intake.put_bytes(&document, b"other bytes".to_vec());
    let before = world.http.clio().calls.len();
    assert_eq!(told(&sync(&world).await), REPLACED);
    let plan = world.sdk.firm(&member()).matters().plan(&matter()).await.unwrap();
    let plan = serde_json::to_value(plan).unwrap();
    assert_eq!((&plan["documents"][0]["step"], &plan["documents"][0]["clio"]), (&json!("replaced"), &json!("31")));
    assert_eq!(plan["documents"][0]["error"]["code"], "document_replaced");
    assert_eq!((&plan["calls"]["most"], world.http.clio().calls.len()), (&json!(0), before));

    let mut intake = world.intake.load(&firm(), &matter()).await.unwrap();
    intake.documents[0].upload_id = UploadId::new("u2").unwrap();
    document.key = intake.key_of(&intake.documents[0]);
    world.intake.put(&firm(), intake);
    world.intake.put_bytes(&document, b"other bytes".to_vec());
    assert_eq!(told(&sync(&world).await), (RunStatus::Succeeded, StepOutcome::Created, ""));
    assert_eq!(documents.lock().unwrap().made.len(), 2);
}

/// As a copied folder, or one from a backup, has it.
#[tokio::test]
async fn a_file_that_was_only_copied_is_no_other_file() {
    let (world, _, document) = in_clio().await;
    world.intake.put_bytes(&document, b"bytes".to_vec());
    assert_eq!(told(&sync(&world).await), UNCHANGED);
}

#[tokio::test]
async fn what_is_in_clio_may_be_deleted_in_casehug() {
    let (world, _, document) = in_clio().await;
    world.intake.remove_bytes(&document);
    assert_eq!(told(&sync(&world).await), UNCHANGED);
}

#[tokio::test]
async fn what_changed_while_it_was_published_is_told() {
    let (world, documents, document) = begun().await;
    let (clio, intake, named) = (documents.clone(), world.intake.clone(), document.clone());
    world.answers(move |method, path, _, body| {
        if method == "PATCH" {
            intake.put_bytes(&named, b"other".to_vec());
        }
        answer(&clio, method, path, body)
    });
    assert_eq!(told(&sync(&world).await), (RunStatus::Partial, StepOutcome::Failed, "document_changed"));
    documents.lock().unwrap().made[0]["latest_document_version"]["fully_uploaded"] = json!(true);
    assert_eq!(told(&sync(&world).await), REPLACED);
    let state = world.sdk.firm(&member()).matters().state(&matter()).await.unwrap();
    assert_eq!(state.clio_documents.get(&document.key.to_string()).map(|clio| clio.0), Some(31), "{state:?}");
}
