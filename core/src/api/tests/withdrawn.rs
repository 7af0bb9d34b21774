//! A document that is withdrawn while its finishing request may still be executed, on virtual time.

use core::time::Duration;

use serde_json::json;

use super::documents::{Shared, answer, begun, version};
use super::world::{World, admin, firm, matter, member};
use crate::domain::report::{Note, StepOutcome, StepReport};
use crate::domain::{Confidential, DocumentRef, DocumentStatus, RunStatus, Trigger};
use crate::error::Code;
use crate::ports::IntakeSource as _;
use crate::store::EventBody;

/// No request of before may be executed any more, and all lists show what was.
const OVER: Duration = Duration::from_secs(4_000);
const FINISHING: &str = "PATCH /api/v4/documents/31";

async fn sync(world: &World) -> StepReport {
    world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap().steps.pop().unwrap()
}

/// Clio's gateway gives up on a finishing request, which Clio may still carry out; meanwhile this
/// happens. What the run said of the document.
async fn unanswered(
    world: &World,
    documents: &Shared,
    document: &DocumentRef,
    mut meanwhile: impl FnMut(&CaseHug, &DocumentRef) + Send + 'static,
) -> StepReport {
    let (clio, intake, document) = (documents.clone(), CaseHug(world.intake.clone()), document.clone());
    world.answers(move |method, path, _, body| {
        if method == "PATCH" {
            meanwhile(&intake, &document);
        }
        answer(&clio, method, path, body)
    });
    sync(world).await
}

/// What CaseHug has.
struct CaseHug(crate::memory::MemoryIntake);

impl CaseHug {
    fn withdraws(&self, document: &DocumentRef) {
        self.0.set_status(document, DocumentStatus::Rejected).unwrap();
    }
}

/// Clio carries it out after all.
fn carried_out(documents: &Shared) {
    let mut documents = documents.lock().unwrap();
    documents.made[0]["latest_document_version"]["fully_uploaded"] = json!(true);
    documents.slow = false;
}

fn code(step: &StepReport) -> Option<Code> {
    step.error.as_ref().map(|error| error.code())
}

/// What the host learns by itself of a document that was published after all.
async fn is_heard_of(world: &World, document: &DocumentRef) {
    let heard = world.events().await;
    assert!(heard.iter().any(|event| matches!(event, EventBody::RunFinished { .. })), "{heard:?}");
    let state = world.sdk.firm(&member()).matters().state(&matter()).await.unwrap();
    assert_eq!(state.clio_documents.get(&document.key.to_string()).map(|clio| clio.0), Some(31), "{state:?}");
    assert_eq!(state.last_run.unwrap().status, RunStatus::Succeeded);
}

/// The last entry of the audit log about a document in Clio.
async fn noted(world: &World) -> String {
    let told = world.audited("document_created").await;
    told[0]["details"]["note"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn what_is_withdrawn_while_it_is_published_is_looked_for_until_it_cannot_be_published_any_more() {
    let (world, documents, document) = begun().await;
    let step = unanswered(&world, &documents, &document, CaseHug::withdraws).await;
    assert_eq!((step.outcome, code(&step)), (StepOutcome::InDoubt, Some(Code::SyncInDoubt)), "{step:?}");
    assert_eq!(world.calls(FINISHING), 1);
    carried_out(&documents);
    world.events().await;
    world.later(OVER).await;
    is_heard_of(&world, &document).await;
    assert_eq!(noted(&world).await, Note::ApprovalWithdrawn.name());
}

#[tokio::test]
async fn what_was_withdrawn_and_is_not_published_in_time_is_forgotten() {
    let (world, documents, document) = begun().await;
    unanswered(&world, &documents, &document, CaseHug::withdraws).await;
    assert_eq!(world.stored("document").await.len(), 1);
    // A run before that knows no more.
    let step = sync(&world).await;
    assert_eq!((step.outcome, code(&step)), (StepOutcome::InDoubt, Some(Code::SyncInDoubt)), "{step:?}");
    world.later(OVER).await;
    assert_eq!(world.stored("document").await, []);
    let state = world.sdk.firm(&member()).matters().state(&matter()).await.unwrap();
    assert_eq!(state.last_run.unwrap().status, RunStatus::Succeeded);
    let before = world.http.clio().calls.len();
    assert_eq!(sync(&world).await.outcome, StepOutcome::NotApproved);
    assert_eq!(world.http.clio().calls.len(), before, "nothing is left to look for");
    assert_eq!(world.calls(FINISHING), 1);
}

#[tokio::test]
async fn a_run_that_meets_a_withdrawn_document_which_may_still_be_published_is_not_the_last() {
    let (world, documents, document) = begun().await;
    world.work().await;
    CaseHug(world.intake.clone()).withdraws(&document);
    let step = sync(&world).await;
    assert_eq!((step.outcome, code(&step)), (StepOutcome::InDoubt, Some(Code::SyncInDoubt)), "{step:?}");
    carried_out(&documents);
    world.events().await;
    world.later(OVER).await;
    is_heard_of(&world, &document).await;
    assert_eq!(noted(&world).await, Note::ApprovalWithdrawn.name());
}

#[tokio::test]
async fn a_replaced_upload_that_may_still_be_published_is_looked_for() {
    let (world, documents, document) = begun().await;
    world.work().await;
    let mut intake = world.intake.load(&firm(), &matter()).await.unwrap();
    intake.documents.clear();
    world.intake.put(&firm(), intake);
    let step = sync(&world).await;
    assert_eq!((step.outcome, code(&step)), (StepOutcome::InDoubt, Some(Code::SyncInDoubt)), "{step:?}");
    carried_out(&documents);
    world.events().await;
    world.later(OVER).await;
    is_heard_of(&world, &document).await;
    assert_eq!(noted(&world).await, Note::ApprovalWithdrawn.name());
}

#[tokio::test]
async fn what_is_found_published_after_it_was_withdrawn_is_told_so() {
    let (world, documents, document) = begun().await;
    world.work().await;
    CaseHug(world.intake.clone()).withdraws(&document);
    carried_out(&documents);
    let step = sync(&world).await;
    assert_eq!((step.outcome, step.note), (StepOutcome::Recovered, Some(Note::ApprovalWithdrawn)), "{step:?}");
}

/// Its stub's own page tells of the newest version only.
#[tokio::test]
async fn what_was_published_under_an_older_version_is_found_in_the_list() {
    let (world, documents, document) = begun().await;
    world.work().await;
    CaseHug(world.intake.clone()).withdraws(&document);
    carried_out(&documents);
    documents.lock().unwrap().made[0]["visible"] = json!(true);
    documents.lock().unwrap().made[0]["latest_document_version"] = version("late");
    sync(&world).await;
    world.events().await;
    world.later(OVER).await;
    is_heard_of(&world, &document).await;
}

/// What was lost, or cannot be named any more, is not sent again: but it may be published.
#[tokio::test]
async fn a_lost_or_flawed_document_that_may_still_be_published_is_looked_for() {
    for flawed in [false, true] {
        let (world, documents, document) = begun().await;
        world.work().await;
        if flawed {
            let mut intake = world.intake.load(&firm(), &matter()).await.unwrap();
            intake.documents[0].file_name = Confidential::new("../d.pdf");
            world.intake.put(&firm(), intake);
        } else {
            world.intake.remove_bytes(&document);
        }
        let step = sync(&world).await;
        assert_eq!((step.outcome, code(&step)), (StepOutcome::InDoubt, Some(Code::SyncInDoubt)), "{step:?}");
        carried_out(&documents);
        world.events().await;
        world.later(OVER).await;
        is_heard_of(&world, &document).await;
        assert_eq!(noted(&world).await, "", "it still is approved");
    }
}

/// While it is being sent, before its first finishing request.
#[tokio::test]
async fn what_is_withdrawn_before_it_is_published_is_done_with_at_once() {
    let (world, documents, document) = begun().await;
    documents.lock().unwrap().slow = false;
    let (clio, intake, named) = (documents.clone(), CaseHug(world.intake.clone()), document.clone());
    world.answers(move |method, path, _, body| {
        if method == "PUT" {
            intake.withdraws(&named);
        }
        answer(&clio, method, path, body)
    });
    let step = sync(&world).await;
    assert_eq!((step.outcome, code(&step)), (StepOutcome::Failed, Some(Code::DocumentWithdrawn)), "{step:?}");
    assert_eq!((world.calls(FINISHING), world.stored("document").await.len()), (0, 0));
    world.sdk.firm(&member()).matters().trigger(&matter(), Trigger::Approved).await.unwrap();
    world.later(OVER).await;
    assert_eq!(world.calls(FINISHING), 0);
}
