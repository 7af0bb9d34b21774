//! A document whose finishing request is slow, on virtual time.

use core::time::Duration;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::world::{World, firm, matter, member, refused};
use crate::model::{DocumentRef, DocumentStatus, Intake};
use crate::queue::{MatterStatus, Trigger};

/// The documents of one Clio, the requests that it was sent for them, and what becomes of a finishing request.
#[derive(Default)]
struct Documents {
    made: Vec<Value>,
    /// A finishing request is not answered, and not executed yet.
    slow: bool,
}

type Shared = Arc<Mutex<Documents>>;

fn version(uuid: &str) -> Value {
    json!({ "uuid": uuid, "put_url": "http://127.0.0.1:4401/put", "put_headers": [], "fully_uploaded": false })
}

fn answer(documents: &Shared, method: &str, path: &str, body: &Value) -> Option<(u16, Value)> {
    if (method, path) == ("PUT", "/put") {
        return Some((200, json!({})));
    }
    let mut documents = documents.lock().unwrap();
    let rest = path.strip_prefix("/api/v4/documents")?;
    match (method, rest) {
        ("POST", "") if body["data"]["parent"]["type"] == "Document" => {
            let made = documents.made.last_mut().unwrap();
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
        ("GET", "") => Some((200, json!({ "data": documents.made, "meta": { "paging": {} } }))),
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
            }
            Some((200, json!({ "data": documents.made[id - 31] })))
        }
    }
}

/// A firm with one approved document, of which Clio carries out no finishing request yet.
async fn begun() -> (World, Shared, DocumentRef) {
    let world = World::subscribed(true).await;
    let documents = Shared::default();
    let clio = Arc::clone(&documents);
    world.answers(move |method, path, _, body| answer(&clio, method, path, body));
    let intake = json!({ "matter": { "id": "m1", "title": "T", "case_number": "1" },
        "client": { "id": "c1", "first_name": "A", "last_name": "B", "email": "a@b.example" },
        "documents": [{ "id": "d1", "file_name": "d.pdf", "content_type": "application/pdf", "status": "approved",
            "origin": "client_upload" }] });
    let intake = Intake::from_json(intake.to_string().as_bytes()).unwrap();
    let document = DocumentRef { firm: firm(), key: intake.key_of(&intake.documents[0]) };
    world.intake.put(&firm(), intake);
    world.intake.put_bytes(&document, b"bytes".to_vec());
    documents.lock().unwrap().slow = true;
    world.sdk.trigger(&member(), &matter(), Trigger::Approved).await.unwrap();
    (world, documents, document)
}

/// It is withdrawn, and `wait` later approved after all.
async fn withdrawn_for(wait: Duration, world: &World, document: &DocumentRef, meanwhile: impl FnOnce()) {
    world.intake.set_status(document, DocumentStatus::Rejected).unwrap();
    world.sdk.trigger(&member(), &matter(), Trigger::Approved).await.unwrap();
    world.later(wait).await;
    meanwhile();
    world.intake.set_status(document, DocumentStatus::Approved).unwrap();
    world.sdk.trigger(&member(), &matter(), Trigger::Approved).await.unwrap();
    world.later(Duration::from_secs(4_000)).await;
    let state = world.sdk.matter_state(&member(), &matter()).await.unwrap();
    assert_eq!(state.status, MatterStatus::Synced, "{state:?}");
}

#[tokio::test]
async fn a_document_that_was_published_under_a_version_that_is_not_its_newest_is_not_published_twice() {
    let (world, documents, document) = begun().await;
    world.work().await;
    // Clio carried it out; then a lost request for another version came late, and that one is all that Clio tells of.
    documents.lock().unwrap().made[0]["latest_document_version"] = version("late");
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
