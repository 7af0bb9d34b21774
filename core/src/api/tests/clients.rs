//! An intake whose client was changed after its matter was synced.

use std::sync::Arc;

use serde_json::json;

use super::documents::{Shared, answer};
use super::world::{World, admin, firm, matter};
use crate::domain::{ClioId, DocumentRef, Intake, RunStatus, SyncReport};
use crate::error::Code;
use crate::ports::Runtime as _;

/// The matter's intake, now of this client, with one approved document more.
fn put(world: &World, client: &str, documents: usize) {
    let listed = (0..documents).map(|n| {
        json!({ "id": format!("d{n}"), "file_name": "d.pdf", "content_type": "application/pdf", "status": "approved",
            "origin": "client_upload" })
    });
    let intake = json!({ "matter": { "id": "m1", "title": "T" }, "documents": listed.collect::<Vec<_>>(),
        "client": { "id": client, "first_name": client, "last_name": "B", "email": format!("{client}@b.example") } });
    let intake = Intake::from_json(intake.to_string().as_bytes()).unwrap();
    for document in &intake.documents {
        world.intake.put_bytes(&DocumentRef { firm: firm(), key: intake.key_of(document) }, b"bytes".to_vec());
    }
    world.intake.put(&firm(), intake);
}

async fn sync(world: &World) -> SyncReport {
    world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap()
}

/// Clio's contacts have the ids 11, 12, ...
async fn world() -> (World, Shared) {
    let world = World::new();
    world.connect().await.unwrap();
    let documents = Shared::default();
    let (clio, mut contacts) = (Arc::clone(&documents), 10);
    world.answers(move |method, path, _, body| {
        if (method, path) == ("POST", "/api/v4/contacts") {
            contacts += 1;
            let mut made = body["data"].clone();
            (made["id"], made["created_at"]) = (json!(contacts), json!("2026-04-01T12:00:00Z"));
            return Some((201, json!({ "data": made })));
        }
        answer(&clio, method, path, body)
    });
    (world, documents)
}

#[tokio::test]
async fn no_document_of_another_client_goes_into_the_matter() {
    let (world, documents) = world().await;
    put(&world, "jane", 1);
    assert_eq!(sync(&world).await.status, RunStatus::Succeeded);
    put(&world, "john", 2);
    for calls in [2, 1] {
        let report = sync(&world).await;
        let error = report.first_failure().unwrap().error.clone().unwrap();
        assert_eq!((error.code(), error.get("clio")), (Code::ClientDiffers, Some("21")));
        assert_eq!((report.steps[0].clio, documents.lock().unwrap().made.len()), (Some(ClioId(12)), 1));
        assert!(report.calls >= calls, "the contact once, and what Clio says of the matter");
    }
    // The firm says the same in Clio.
    world.http.clio().matter["client"]["id"] = json!(12);
    assert_eq!(sync(&world).await.status, RunStatus::Succeeded);
    assert_eq!(documents.lock().unwrap().made.len(), 2);
    assert_eq!(sync(&world).await.calls, 0, "and that is known from then on");
    // CaseHug's client is the former one again.
    put(&world, "jane", 3);
    assert_eq!(sync(&world).await.first_failure().unwrap().error.as_ref().unwrap().code(), Code::ClientDiffers);
}

/// As versions of before whose matter it is was kept with its link.
async fn forgets_whose_it_is(world: &World) -> serde_json::Value {
    let (id, mut link) = world.stored("matter").await.remove(0);
    let client = link.as_object_mut().unwrap().remove("client").unwrap();
    world.overwrite("matter", &id, &link).await;
    client
}

#[tokio::test]
async fn whose_an_older_link_is_the_run_that_made_it_tells() {
    let (world, documents) = world().await;
    put(&world, "jane", 1);
    assert_eq!(sync(&world).await.status, RunStatus::Succeeded);
    let jane = forgets_whose_it_is(&world).await;
    assert_eq!(sync(&world).await.calls, 0);
    assert_eq!(world.stored("matter").await[0].1["client"], jane, "and Clio was not asked");
    forgets_whose_it_is(&world).await;
    put(&world, "john", 2);
    let report = sync(&world).await;
    assert_eq!(report.first_failure().unwrap().error.as_ref().unwrap().code(), Code::ClientDiffers);
    assert_eq!(documents.lock().unwrap().made.len(), 1);
}

#[tokio::test]
async fn an_older_link_of_which_no_run_is_known_is_whose_clio_says() {
    let (world, documents) = world().await;
    put(&world, "jane", 1);
    assert_eq!(sync(&world).await.status, RunStatus::Succeeded);
    let jane = forgets_whose_it_is(&world).await;
    world.runtime.advance(core::time::Duration::from_secs(60));
    let pruned = world.sdk.firm(&admin()).matters().prune_runs(world.runtime.now()).await.unwrap();
    assert_eq!(pruned.runs, 1);
    put(&world, "john", 2);
    let report = sync(&world).await;
    assert_eq!(report.first_failure().unwrap().error.as_ref().unwrap().code(), Code::ClientDiffers);
    assert_eq!(documents.lock().unwrap().made.len(), 1);
    // John's run is not the one that made the link.
    put(&world, "jane", 1);
    assert_eq!(sync(&world).await.status, RunStatus::Succeeded);
    assert_eq!(world.stored("matter").await[0].1["client"], jane);
}
