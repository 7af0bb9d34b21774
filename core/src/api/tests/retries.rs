//! What a run spends on trying again: how long it waits, and how often.

use core::time::Duration;
use std::sync::{Arc, Mutex};

use serde_json::json;

use super::world::{World, admin, firm, matter, refused};
use crate::domain::{DocumentRef, Intake, MatterId, SyncReport, Timestamp};
use crate::error::Code;
use crate::ports::Runtime as _;

const DOCUMENTS: usize = 60;

/// A matter with so many approved documents.
fn put(world: &World, id: &str, documents: usize) {
    let listed = (0..documents).map(|n| {
        json!({ "id": format!("d{n}"), "file_name": "d.pdf", "content_type": "application/pdf",
            "status": "approved", "origin": "client_upload" })
    });
    let intake = json!({ "matter": { "id": id, "title": "T" }, "documents": listed.collect::<Vec<_>>(),
        "client": { "id": "c1", "first_name": "A", "last_name": "B", "email": "a@b.example" } });
    let intake = Intake::from_json(intake.to_string().as_bytes()).unwrap();
    for document in &intake.documents {
        world.intake.put_bytes(&DocumentRef { firm: firm(), key: intake.key_of(document) }, b"bytes");
    }
    world.intake.put(&firm(), intake);
}

async fn sync(world: &World, id: &str) -> SyncReport {
    world.sdk.firm(&admin()).matters().sync(&MatterId::new(id).unwrap()).await.unwrap()
}

#[tokio::test]
async fn clio_gets_the_patience_that_it_asks_for() {
    let world = World::new();
    world.connect().await.unwrap();
    world.put("m1");
    world.http.clio().retry_after = Some(17);
    let times = Arc::new(Mutex::new(Vec::<Timestamp>::new()));
    let (noted, runtime) = (Arc::clone(&times), world.runtime.clone());
    world.answers(move |method, path, _, _| {
        let mut times = noted.lock().unwrap();
        // The first of the search for the contact, and the first of the creation of the matter.
        let first = match (method, path) {
            ("GET", "/api/v4/contacts") => times.is_empty(),
            ("POST", "/api/v4/matters") => times.len() == 3,
            _ => false,
        };
        times.push(runtime.now());
        first.then(|| refused(429))
    });
    let report = sync(&world, "m1").await;
    assert!(report.clio_matter().is_some(), "{report:?}");
    assert_eq!((report.calls, report.retries), (5, 2), "{report:?}");
    let times = times.lock().unwrap().clone();
    let waits: Vec<i64> = times.windows(2).map(|pair| pair[1].millis_since(pair[0])).collect();
    assert_eq!(waits, [17_000, 0, 0, 17_000]);
}

/// Clio takes no document, at least not now.
fn takes_no_document(world: &World) {
    world.answers(|method, path, _, _| (method == "POST" && path == "/api/v4/documents").then(|| refused(503)));
}

#[tokio::test]
async fn a_run_tries_forty_times_again_and_leaves_the_rest_to_the_next_one() {
    let world = World::new();
    world.connect().await.unwrap();
    put(&world, "m1", DOCUMENTS);
    takes_no_document(&world);
    let report = sync(&world, "m1").await;
    assert!(report.steps.iter().skip(2).all(|step| step.outcome.is_failure()), "{report:?}");
    assert_eq!(report.retries, 40);
    assert_eq!(world.calls("POST /api/v4/documents"), DOCUMENTS + 40);
}

#[tokio::test]
async fn an_outage_of_clio_is_not_amplified() {
    let world = World::new();
    world.connect().await.unwrap();
    for id in ["m1", "m2", "m3"] {
        put(&world, id, DOCUMENTS / 3);
    }
    let mut matters = 20;
    world.answers(move |method, path, _, _| match (method, path) {
        ("POST", "/api/v4/matters") => {
            matters += 1;
            Some((201, json!({ "data": { "id": matters, "status": "Open", "client": { "id": 11 } } })))
        }
        ("POST", "/api/v4/documents") => Some(refused(503)),
        _ => None,
    });
    for id in ["m1", "m2", "m3"] {
        let report = sync(&world, id).await;
        assert!(report.clio_matter().is_some(), "{report:?}");
    }
    let again = world.calls("POST /api/v4/documents") - DOCUMENTS;
    // Fifty retries, and a few more that the calls which Clio answers give back: not two for each
    // document.
    assert!((50..60).contains(&again), "{again} retries");
}

#[tokio::test]
async fn a_run_that_is_a_quarter_of_an_hour_old_tries_nothing_again() {
    for (minutes, asked) in [(14, 4), (15, 1)] {
        let world = World::new();
        world.connect().await.unwrap();
        world.put("m1");
        let before = world.calls("GET /api/v4/contacts");
        let (runtime, mut took) = (world.runtime.clone(), Duration::from_secs(minutes * 60));
        world.answers(move |method, path, _, _| {
            let search = method == "GET" && path == "/api/v4/contacts";
            if search {
                // The first answer takes so long.
                runtime.advance(core::mem::take(&mut took));
            }
            search.then(|| refused(503))
        });
        let report = world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
        assert_eq!(report.steps[0].error.as_ref().map(|error| error.code()), Some(Code::ClioUnavailable));
        assert_eq!(world.calls("GET /api/v4/contacts") - before, asked, "{minutes} minutes");
    }
}
