//! A document whose finishing request is slow, on virtual time.

use core::time::Duration;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::world::{World, admin, firm, matter, member, refused};
use crate::domain::{DocumentRef, DocumentStatus, Intake, RunStatus, Trigger};
use crate::error::Code;
use crate::jobs::MatterSyncState;
use crate::ports::Runtime as _;
use crate::settings::FirmSettings;

/// The documents of one Clio, the requests that it was sent for them, and what becomes of a
/// finishing request.
#[derive(Default)]
pub struct Documents {
    pub made: Vec<Value>,
    /// A finishing request is not answered, and not executed yet.
    pub slow: bool,
}

pub type Shared = Arc<Mutex<Documents>>;

pub fn version(uuid: &str) -> Value {
    json!({ "uuid": uuid, "put_url": "http://127.0.0.1:4401/put", "put_headers": [], "fully_uploaded": false })
}

/// Clio shows a document from its first finished version on.
fn is_visible(made: &Value) -> bool {
    made["visible"] == true || made["latest_document_version"]["fully_uploaded"] == true
}

pub fn answer(documents: &Shared, method: &str, path: &str, body: &Value) -> Option<(u16, Value)> {
    if (method, path) == ("PUT", "/put") {
        return Some((200, json!({})));
    }
    let mut documents = documents.lock().unwrap();
    let rest = path.strip_prefix("/api/v4/documents")?;
    match (method, rest) {
        ("POST", "") if body["data"]["parent"]["type"] == "Document" => {
            let id = usize::try_from(body["data"]["parent"]["id"].as_u64().unwrap()).unwrap();
            let made = &mut documents.made[id - 31];
            made["latest_document_version"] = version("again");
            Some((201, json!({ "data": made })))
        }
        ("POST", "") => {
            let id = 31 + documents.made.len();
            let version = version(&format!("v{id}"));
            documents.made.push(json!({ "id": id, "created_at": "2026-04-01T12:00:00Z", "matter": { "id": 21 },
                "external_properties": body["data"]["external_properties"], "latest_document_version": version }));
            Some((201, json!({ "data": documents.made.last() })))
        }
        ("GET", "") => {
            let stubs_too = body["show_uncompleted"] == "true";
            let listed = documents.made.iter().filter(|made| stubs_too || is_visible(made)).collect::<Vec<_>>();
            Some((200, json!({ "data": listed, "meta": { "paging": {} } })))
        }
        _ => {
            let id: usize = rest.strip_prefix('/')?.parse().ok()?;
            if method == "PATCH" {
                if documents.slow {
                    return Some((504, json!({ "error": "Gateway Timeout" })));
                }
                let newest = &mut documents.made[id - 31]["latest_document_version"];
                if newest["uuid"] != body["data"]["uuid"] {
                    return Some(refused(422));
                }
                newest["fully_uploaded"] = json!(true);
                documents.made[id - 31]["visible"] = json!(true);
            }
            Some((200, json!({ "data": documents.made[id - 31] })))
        }
    }
}

/// A firm with one approved document, of which Clio carries out no finishing request yet.
pub async fn begun() -> (World, Shared, DocumentRef) {
    begun_with(1).await
}

/// The same with more; the first is given.
pub async fn begun_with(count: usize) -> (World, Shared, DocumentRef) {
    let world = World::subscribed(true).await;
    let documents = Shared::default();
    let clio = Arc::clone(&documents);
    world.answers(move |method, path, _, body| answer(&clio, method, path, body));
    let listed = (1..=count).map(|n| {
        json!({ "id": format!("d{n}"), "file_name": "d.pdf", "content_type": "application/pdf", "status": "approved",
            "origin": "client_upload" })
    });
    let intake = json!({ "matter": { "id": "m1", "title": "T", "case_number": "1" }, "documents": listed.collect::<Vec<_>>(),
        "client": { "id": "c1", "first_name": "A", "last_name": "B", "email": "a@b.example" } });
    let intake = Intake::from_json(intake.to_string().as_bytes()).unwrap();
    let document = DocumentRef { firm: firm(), key: intake.key_of(&intake.documents[0]) };
    for document in &intake.documents {
        world.intake.put_bytes(&DocumentRef { firm: firm(), key: intake.key_of(document) }, b"bytes".to_vec());
    }
    world.intake.put(&firm(), intake);
    documents.lock().unwrap().slow = true;
    world.sdk.firm(&member()).matters().trigger(&matter(), Trigger::Approved).await.unwrap();
    (world, documents, document)
}

/// It is withdrawn, and `wait` later approved after all.
async fn withdrawn_for(wait: Duration, world: &World, document: &DocumentRef, meanwhile: impl FnOnce()) {
    world.intake.set_status(document, DocumentStatus::Rejected).unwrap();
    world.sdk.firm(&member()).matters().trigger(&matter(), Trigger::Approved).await.unwrap();
    world.later(wait).await;
    meanwhile();
    world.intake.set_status(document, DocumentStatus::Approved).unwrap();
    world.sdk.firm(&member()).matters().trigger(&matter(), Trigger::Approved).await.unwrap();
    world.later(Duration::from_secs(4_000)).await;
    let state = world.sdk.firm(&member()).matters().state(&matter()).await.unwrap();
    assert_eq!(state.status, MatterSyncState::Synced, "{state:?}");
}

#[tokio::test]
async fn a_document_that_was_published_under_a_version_that_is_not_its_newest_is_not_published_twice() {
    let (world, documents, document) = begun().await;
    world.work().await;
    // Clio carried it out; then a lost request for another version came late, and that one is all
    // that Clio tells of.
    documents.lock().unwrap().made[0]["latest_document_version"] = version("late");
    documents.lock().unwrap().made[0]["visible"] = json!(true);
    documents.lock().unwrap().slow = false;
    withdrawn_for(Duration::from_secs(4_000), &world, &document, || {}).await;
    assert_eq!(documents.lock().unwrap().made.len(), 1, "one document of one upload");
}

#[tokio::test]
async fn a_document_that_may_still_be_published_is_remembered_whatever_is_decided_meanwhile() {
    let (world, documents, document) = begun().await;
    // Run after run sends the finishing request again, the last one just now.
    for _ in 0..3 {
        world.later(Duration::from_secs(400)).await;
    }
    assert!(world.calls("PATCH /api/v4/documents/31") >= 2);
    // Clio may still carry out the last one, and does.
    let executed = || {
        let mut documents = documents.lock().unwrap();
        documents.made[0]["latest_document_version"]["fully_uploaded"] = json!(true);
        documents.slow = false;
    };
    withdrawn_for(Duration::from_secs(10), &world, &document, executed).await;
    assert_eq!(documents.lock().unwrap().made.len(), 1, "one document of one upload");
}

#[tokio::test]
async fn bytes_that_storage_takes_at_the_second_attempt_are_a_retry_of_the_run() {
    let (world, documents, _) = begun().await;
    documents.lock().unwrap().slow = false;
    let mut failed_once = false;
    world.answers(move |method, path, _, body| match (method, path) {
        ("PUT", "/put") if !core::mem::replace(&mut failed_once, true) => Some((503, json!({}))),
        _ => answer(&documents, method, path, body),
    });
    let report = world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
    assert_eq!((report.status, report.retries), (RunStatus::Succeeded, 1), "{report:?}");
}

/// What Clio answers to a finishing request while it has no whole file.
fn not_yet(kind: &str) -> (u16, Value) {
    (422, json!({ "error": { "type": kind, "message": "x" } }))
}

/// Two runs: of the bytes that the first one sent Clio says only this.
async fn resumed_after(kind: &'static str) -> (World, Shared, RunStatus) {
    let (world, documents, _) = begun().await;
    documents.lock().unwrap().slow = false;
    let clio = Arc::clone(&documents);
    world.answers(move |method, path, _, body| match method {
        "PATCH" if body["data"]["uuid"] == "v31" => Some(not_yet(kind)),
        _ => answer(&clio, method, path, body),
    });
    let began = world.runtime.monotonic();
    let report = world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
    assert_eq!(report.first_failure().unwrap().error.as_ref().unwrap().code(), Code::DocumentProcessing);
    assert!(began.until(world.runtime.monotonic()) >= Duration::from_secs(60), "Clio had the time that it may take");
    assert_eq!(world.calls("PUT /put"), 1, "a late file is waited for");
    let report = world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
    (world, documents, report.status)
}

#[tokio::test]
async fn bytes_that_clio_never_found_are_sent_again_by_the_next_run() {
    let (world, documents, status) = resumed_after("UploadNotFoundError").await;
    assert_eq!((status, world.calls("PUT /put")), (RunStatus::Succeeded, 2));
    let documents = documents.lock().unwrap();
    assert_eq!(documents.made.len(), 1, "another version of the same document");
    assert_eq!(documents.made[0]["latest_document_version"]["fully_uploaded"], true);
}

#[tokio::test]
async fn bytes_that_clio_is_still_processing_are_not_sent_again() {
    let (world, _, status) = resumed_after("UploadTimeoutError").await;
    assert_eq!((status, world.calls("PUT /put")), (RunStatus::Partial, 1));
}

#[tokio::test]
async fn an_answer_that_leaves_the_version_out_publishes_nothing() {
    let (world, documents, _) = begun().await;
    documents.lock().unwrap().slow = false;
    let clio = Arc::clone(&documents);
    let mut asked = 0;
    world.answers(move |method, path, _, body| {
        let usual = |body| answer(&clio, method, path, body);
        if method != "PATCH" {
            return usual(body);
        }
        asked += 1;
        if asked > 2 {
            usual(body);
        }
        Some((200, json!({ "data": { "id": 31 } })))
    });
    let report = world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
    assert_eq!(report.status, RunStatus::Succeeded, "{report:?}");
    assert_eq!(world.calls("PATCH /api/v4/documents/31"), 3, "Clio carried out the third");
}

/// As a connection may bring it that is used again.
#[tokio::test]
async fn the_answer_of_another_document_or_version_publishes_nothing() {
    let finished = |uuid| json!({ "uuid": uuid, "fully_uploaded": true });
    for (id, uuid) in [(32, "v31"), (31, "other")] {
        let (world, documents, _) = begun().await;
        documents.lock().unwrap().slow = false;
        let clio = Arc::clone(&documents);
        let mut asked = 0;
        world.answers(move |method, path, _, body| {
            asked += u32::from(method == "PATCH");
            match method {
                "PATCH" if asked == 1 => {
                    Some((200, json!({ "data": { "id": id, "latest_document_version": finished(uuid) } })))
                }
                _ => answer(&clio, method, path, body),
            }
        });
        let report = world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
        assert_eq!(report.status, RunStatus::Succeeded, "{report:?}");
        assert_eq!(documents.lock().unwrap().made[0]["latest_document_version"], {
            let mut whole = version("v31");
            whole["fully_uploaded"] = json!(true);
            whole
        });
    }
}

/// Bytes that went to its address would be in another person's folder.
#[tokio::test]
async fn the_address_of_another_document_gets_no_bytes() {
    let other = |matter: i64, upload: &str| {
        let property = |name: &str, value: &str| json!({ "name": name, "value": value });
        json!({ "id": 99, "matter": { "id": matter }, "latest_document_version": version("other"), "external_properties": [
            property("casehug_matter_id", "m1"), property("casehug_document_id", "d1"), property("casehug_upload_id", upload)] })
    };
    for stub in [other(22, "d1"), other(21, "d9")] {
        let (world, documents, _) = begun().await;
        documents.lock().unwrap().slow = false;
        let (clio, mut first) = (Arc::clone(&documents), Some(stub));
        world.answers(move |method, path, _, body| {
            let usual = answer(&clio, method, path, body);
            match (method, path) {
                ("POST", "/api/v4/documents") => first.take().map(|stub| (201, json!({ "data": stub }))).or(usual),
                _ => usual,
            }
        });
        let report = world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
        let error = report.first_failure().unwrap().error.clone().unwrap();
        assert_eq!((error.code(), error.get("reason")), (Code::ClioAnswerInvalid, Some("another_document")));
        assert_eq!(world.calls("PUT /put"), 0);
        // The stub that was made meanwhile is found.
        let report = world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
        assert_eq!((report.status, documents.lock().unwrap().made.len()), (RunStatus::Succeeded, 1), "{report:?}");
    }
}

/// Addresses for the parts that a request names.
fn parts_at(path: &str, body: &Value) -> Value {
    let part = |number: &Value| json!({ "part_number": number, "put_url": format!("http://127.0.0.1:4401/{path}/{number}"), "put_headers": [] });
    body["data"]["multiparts"].as_array().unwrap().iter().map(|named| part(&named["part_number"])).collect()
}

/// The same of a document in parts, whose addresses come with several answers.
#[tokio::test]
async fn the_parts_of_another_document_get_no_bytes() {
    for (id, uuid) in [(99, "again"), (31, "other")] {
        let (world, documents, document) = begun().await;
        documents.lock().unwrap().slow = false;
        world.intake.put_bytes(&document, vec![0; 100_000_000]);
        let (clio, mut is_late) = (Arc::clone(&documents), true);
        world.answers(move |method, path, _, body| match (method, path) {
            // The address has expired: one part after the other is named from now on.
            ("PUT", "/part/2") if core::mem::take(&mut is_late) => Some((403, json!({}))),
            ("PUT", _) => Some((200, json!({}))),
            ("PATCH", _) if body["data"]["fully_uploaded"] == false => {
                let version = json!({ "uuid": uuid, "multiparts": parts_at("other", body) });
                Some((200, json!({ "data": { "id": id, "latest_document_version": version } })))
            }
            _ => {
                let mut usual = answer(&clio, method, path, body)?;
                if method == "POST" {
                    usual.1["data"]["latest_document_version"]["multiparts"] = parts_at("part", body);
                }
                Some(usual)
            }
        });
        let report = world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
        let error = report.first_failure().unwrap().error.clone().unwrap();
        assert_eq!((error.code(), error.get("reason")), (Code::ClioAnswerInvalid, Some("another_document")));
        assert_eq!((world.calls("PUT /part/2"), world.calls("PATCH /api/v4/documents/31")), (1, 1));
        let report = world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
        assert_eq!((report.status, documents.lock().unwrap().made.len()), (RunStatus::Succeeded, 1), "{report:?}");
        assert_eq!((world.calls("PUT /part/6"), world.calls("PUT /other")), (1, 0));
    }
}

/// A slow line: the next run would begin with the first byte again.
#[tokio::test]
async fn naming_further_parts_is_tried_again_however_long_the_run_has_lasted() {
    let (world, documents, document) = begun().await;
    documents.lock().unwrap().slow = false;
    world.intake.put_bytes(&document, vec![0; 100_000_000]);
    let (clio, runtime, mut parts, mut busy) = (Arc::clone(&documents), world.runtime.clone(), 0, 2);
    world.answers(move |method, path, _, body| match method {
        "PUT" => {
            parts += 1;
            // The second address has expired: one part after the other is named from now on.
            runtime.advance(Duration::from_secs(200));
            Some(if parts == 2 { (403, json!({})) } else { (200, json!({})) })
        }
        "PATCH" if body["data"]["fully_uploaded"] == false && parts == 7 && busy > 0 => {
            busy -= 1;
            Some((503, json!({ "error": { "type": "X", "message": "x" } })))
        }
        _ => {
            let mut usual = answer(&clio, method, path, body);
            if body["data"]["multiparts"].is_array()
                && let Some((_, usual)) = &mut usual
            {
                usual["data"]["latest_document_version"]["multiparts"] = parts_at("part", body);
            }
            usual
        }
    });
    let report = world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
    assert_eq!(report.status, RunStatus::Succeeded, "{report:?}");
    assert_eq!(world.calls("PUT /part/1"), 2, "once more after an address expired, and not again");
}

#[tokio::test]
async fn one_document_waits_for_clios_processing_and_the_others_of_the_run_are_asked_once() {
    const COUNT: usize = 10;
    let (world, documents, _) = begun_with(COUNT).await;
    documents.lock().unwrap().slow = false;
    let clio = Arc::clone(&documents);
    world.answers(move |method, path, _, body| match method {
        "PATCH" => Some(not_yet("UploadTimeoutError")),
        _ => answer(&clio, method, path, body),
    });
    let began = world.runtime.monotonic();
    let report = world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
    assert_eq!(report.status, RunStatus::Partial);
    assert!(began.until(world.runtime.monotonic()) < Duration::from_secs(120), "not ten times as long");
    let patches = |id: usize| world.calls(&format!("PATCH /api/v4/documents/{id}"));
    assert!(patches(31) > 5, "the first one had its time");
    assert!((32..31 + COUNT).all(|id| patches(id) == 1));
    // By the next run Clio is done.
    world.answers(move |method, path, _, body| answer(&documents, method, path, body));
    let report = world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
    assert_eq!((report.status, world.calls("PUT /put")), (RunStatus::Succeeded, COUNT), "{report:?}");
}

#[tokio::test]
async fn a_document_that_clio_says_is_fully_uploaded_already_is_done() {
    let (world, documents, _) = begun().await;
    documents.lock().unwrap().slow = false;
    let clio = Arc::clone(&documents);
    world.answers(move |method, path, _, body| {
        let usual = answer(&clio, method, path, body);
        // It was carried out when it came for the first time, and that answer was lost.
        if method == "PATCH" { Some(refused(422)) } else { usual }
    });
    let report = world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
    assert_eq!(report.status, RunStatus::Succeeded, "{report:?}");
    let calls = ["PUT /put", "PATCH /api/v4/documents/31", "POST /api/v4/documents"].map(|call| world.calls(call));
    assert_eq!(calls, [1, 1, 1]);
}

#[tokio::test]
async fn a_matter_whose_approved_documents_were_left_out_is_not_called_synced() {
    let (world, documents, document) = begun().await;
    documents.lock().unwrap().slow = false;
    let settings = world.sdk.firm(&admin()).settings().get().await.unwrap();
    let settings = FirmSettings { sync_when_approved: false, sync_when_created: true, ..settings };
    world.sdk.firm(&admin()).settings().save(settings.clone()).await.unwrap();
    // What was approved before that leaves no more by itself.
    world.work().await;
    let created = async || {
        assert!(world.sdk.firm(&member()).matters().trigger(&matter(), Trigger::Created).await.unwrap().accepted);
        world.work().await;
        let state = world.sdk.firm(&member()).matters().state(&matter()).await.unwrap();
        let last = state.last_run.unwrap();
        // The run did all that it was to do, and is nothing to be tried again.
        assert_eq!(last.status, RunStatus::Succeeded);
        assert_eq!(world.sdk.firm(&admin()).matters().retry_failed().await.unwrap().matters, 0);
        (state.status, last.documents_left)
    };
    world.intake.set_status(&document, DocumentStatus::Pending).unwrap();
    assert_eq!(created().await, (MatterSyncState::Synced, false), "nothing may be sent");
    world.intake.set_status(&document, DocumentStatus::Approved).unwrap();
    assert_eq!(created().await, (MatterSyncState::Partial, true));
    assert_eq!(world.calls("POST /api/v4/documents"), 0);
    world.sdk.firm(&member()).matters().sync(&matter()).await.unwrap();
    let state = world.sdk.firm(&member()).matters().state(&matter()).await.unwrap();
    assert_eq!(state.status, MatterSyncState::Synced);
    assert_eq!(created().await, (MatterSyncState::Synced, false), "it is in Clio already");
}

/// One document, of a type that its host does not know.
fn without_media_type(of: &Value) -> Intake {
    let mut document = json!({ "id": "d1", "file_name": "d.pdf", "status": "approved", "origin": "client_upload" });
    if of != "left out" {
        document["content_type"] = of.clone();
    }
    let intake = json!({ "matter": { "id": "m1", "title": "T", "case_number": "1" }, "documents": [document],
        "client": { "id": "c1", "first_name": "A", "last_name": "B", "email": "a@b.example" } });
    Intake::from_json(intake.to_string().as_bytes()).unwrap()
}

/// A browser gives a blank one for a file whose ending it does not know.
#[tokio::test]
async fn a_document_without_a_media_type_is_sent_and_clio_goes_by_its_name() {
    for of in [json!(""), json!(" "), Value::Null, json!("left out")] {
        let (world, documents, _) = begun().await;
        documents.lock().unwrap().slow = false;
        world.intake.put(&firm(), without_media_type(&of));
        let (clio, named) = (Arc::clone(&documents), Arc::new(Mutex::new(Vec::new())));
        let types = Arc::clone(&named);
        world.answers(move |method, path, _, body| {
            if (method, path) == ("POST", "/api/v4/documents") {
                types.lock().unwrap().push(body["data"]["content_type"].clone());
            }
            answer(&clio, method, path, body)
        });
        let report = world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
        assert_eq!(report.status, RunStatus::Succeeded, "{of}: {report:?}");
        assert_eq!(*named.lock().unwrap(), [Value::Null], "{of}");
    }
}

/// "For odd extensions a top-level type must be given" (Clio: Documents).
#[tokio::test]
async fn a_document_whose_type_clio_cannot_tell_from_its_name_is_sent_as_bytes() {
    let (world, documents, _) = begun().await;
    documents.lock().unwrap().slow = false;
    world.intake.put(&firm(), without_media_type(&json!("")));
    let clio = Arc::clone(&documents);
    world.answers(move |method, path, _, body| match (method, path, &body["data"]["content_type"]) {
        ("POST", "/api/v4/documents", Value::Null) => Some(refused(422)),
        ("POST", "/api/v4/documents", given) if given != "application/octet-stream" => Some(refused(500)),
        _ => answer(&clio, method, path, body),
    });
    let report = world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
    assert_eq!((report.status, documents.lock().unwrap().made.len()), (RunStatus::Succeeded, 1), "{report:?}");
}
