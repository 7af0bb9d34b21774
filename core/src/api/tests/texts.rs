//! Text that nobody meant: what is refused and where it is status_event, and what is sent instead.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::documents;
use super::world::{World, admin, firm, matter};
use crate::domain::{DocumentRef, Intake, RunStatus, StepOutcome, SyncReport};
use crate::error::Code;

/// Syncs a matter with documents of these names, and gives what Clio was sent.
async fn sync(title: &str, file_names: &[&str]) -> (World, SyncReport, Vec<Value>) {
    let world = World::new();
    world.connect().await.unwrap();
    let (shared, sent) = (documents::Shared::default(), Arc::new(Mutex::new(Vec::new())));
    let requests = Arc::clone(&sent);
    world.answers(move |method, path, _, body| {
        if method == "POST" && path.starts_with("/api/v4/") {
            requests.lock().unwrap().push(body["data"].clone());
        }
        documents::answer(&shared, method, path, body)
    });
    let listed = file_names.iter().enumerate().map(|(n, name)| {
        json!({ "id": format!("d{n}"), "file_name": name, "content_type": "application/pdf", "status": "approved",
            "origin": "client_upload" })
    });
    let intake = json!({ "matter": { "id": "m1", "title": title }, "documents": listed.collect::<Vec<_>>(),
        "client": { "id": "c1", "first_name": "A", "last_name": "B" } });
    let intake = Intake::from_json(intake.to_string().as_bytes()).unwrap();
    for document in &intake.documents {
        world.intake.put_bytes(&DocumentRef { firm: firm(), key: intake.key_of(document) }, b"bytes".to_vec());
    }
    world.intake.put(&firm(), intake);
    let report = world.sdk.firm(&admin()).matters().sync(&matter()).await.unwrap();
    let sent = sent.lock().unwrap().clone();
    (world, report, sent)
}

#[tokio::test]
async fn a_document_whose_name_nobody_meant_is_told_and_the_others_arrive() {
    let names = ["a.pdf", "../b.pdf", "c\u{202e}fdp.exe", "d\u{7}.pdf", " ", "e.pdf"];
    let reasons = ["path_separator", "bidi_character", "control_character", "blank"];
    let (world, report, sent) = sync("T", &names).await;
    assert_eq!(report.status, RunStatus::Partial);
    let outcomes: Vec<_> = report.steps[2..].iter().map(|step| step.outcome).collect();
    use StepOutcome::{Created, Failed};
    assert_eq!(outcomes, [Created, Failed, Failed, Failed, Failed, Created]);
    for (step, reason) in report.steps[3..7].iter().zip(reasons) {
        let error = step.error.as_ref().unwrap();
        assert_eq!(error.code(), Code::IntakeInvalid);
        assert_eq!((error.get("field"), error.get("reason")), (Some("documents.file_name"), Some(reason)));
    }
    assert_eq!(sent.iter().filter(|data| data["external_properties"].is_array()).count(), 2);
    let audited = world.audited("document_failed").await;
    assert_eq!((audited.len(), &audited[0]["code"]), (4, &json!("intake_invalid")), "{audited:?}");
    // Nothing about it passes by itself.
    assert_eq!(report.retry_after, None);
}

#[tokio::test]
async fn a_line_break_in_a_title_becomes_a_space_and_a_long_file_name_is_shortened() {
    let long = format!(" {}.pdf", "ü".repeat(3_000));
    let (_, report, sent) = sync("Doe\r\nv.\nRoe", &[&long]).await;
    assert_eq!(report.status, RunStatus::Succeeded);
    assert!(sent.iter().any(|data| data["description"] == "Doe v. Roe"), "{sent:?}");
    let name = sent.iter().find_map(|data| data["external_properties"].is_array().then(|| data["name"].clone()));
    let name = name.unwrap().as_str().unwrap().to_owned();
    assert!(name.len() <= 255 && name.starts_with("üü") && name.ends_with("ü.pdf"), "{}", name.len());
}
