use super::*;
use crate::links::LinkState;

fn intake(email: &str, documents: usize) -> Intake {
    let documents: Vec<_> = (0..documents)
        .map(|number| {
            serde_json::json!({ "id": format!("d{number}"), "file_name": "f", "content_type": "a/b", "status": "approved",
                                "origin": "client_upload" })
        })
        .collect();
    let json = serde_json::json!({
        "matter": { "id": "m", "title": "t" },
        "client": { "id": "c", "first_name": "f", "last_name": "l", "email": email },
        "documents": documents,
    });
    Intake::from_json(json.to_string().as_bytes()).unwrap()
}

fn calls(intake: &Intake, contact: LinkState, same_email: LinkState, matter: LinkState, linked: usize) -> (u32, u32) {
    let count = intake.documents.len();
    let state = |index| if index < linked { LinkState::Linked(ClioId(5)) } else { LinkState::Unknown };
    let documents: Vec<_> = (0..count).map(state).collect();
    let plan = plan(&PlanInput {
        intake,
        contact,
        same_email,
        matter,
        documents: &documents,
        lengths: &vec![Ok(10); count],
        in_clio: &[],
        settings: &FirmSettings::default(),
        areas: Some(&[]),
    });
    (plan.calls.least, plan.calls.most)
}

#[test]
fn the_fewest_calls_are_predicted() {
    let (new, linked) = (LinkState::Unknown, LinkState::Linked(ClioId(1)));
    for n in [0, 1, 3, 20] {
        let docs = 2 * u32::try_from(n).unwrap();
        let with = intake("a@b", n);
        assert_eq!(calls(&with, new, new, new, 0), (2 + docs, 3 + docs), "in Clio or new: not known before");
        assert_eq!(calls(&intake("", n), new, new, new, 0), (2 + docs, 2 + docs), "no email: no search");
        assert_eq!(calls(&with, linked, new, new, 0), (1 + docs, 1 + docs));
        assert_eq!(calls(&with, new, linked, new, 0), (2 + docs, 2 + docs), "a client of the same email is linked");
        assert_eq!(calls(&with, linked, new, linked, 0), (docs, docs), "added documents");
        assert_eq!(calls(&with, linked, new, linked, n), (0, 0), "nothing changed");
    }
}

fn document(status: DocumentStatus, origin: DocumentOrigin) -> IntakeDocument {
    IntakeDocument { status, origin, ..intake("", 1).documents.remove(0) }
}

#[test]
fn an_international_domain_costs_one_more_search() {
    let (new, linked) = (LinkState::Unknown, LinkState::Linked(ClioId(1)));
    let with = intake("a@bücher.example", 0);
    assert_eq!(calls(&with, new, new, new, 0), (3, 4));
    assert_eq!(calls(&with, linked, new, new, 0), (1, 1));
}

#[test]
fn a_document_that_cannot_be_named_so_in_clio_costs_no_calls_and_is_not_forgotten() {
    let sent = document(DocumentStatus::Approved, DocumentOrigin::ClientUpload);
    let path = IntakeDocument { file_name: crate::domain::Confidential::new("../a.pdf"), ..sent };
    let planned = plan_document(&path, LinkState::Unknown, Ok(1), None);
    let refused = PlannedDocument::Unsendable { field: "documents.file_name", reason: "path_separator" };
    assert_eq!((planned, planned.is_to_be_sent()), (refused, true));
    let linked = plan_document(&path, LinkState::Linked(ClioId(1)), Ok(0), None);
    assert_eq!(linked, PlannedDocument::Linked(ClioId(1)));
}

#[test]
fn another_file_under_the_id_of_one_that_is_in_clio_costs_no_calls_and_is_not_forgotten() {
    let sent = document(DocumentStatus::Approved, DocumentOrigin::ClientUpload);
    let linked =
        |document: &IntakeDocument, now, in_clio| plan_document(document, LinkState::Linked(ClioId(1)), now, in_clio);
    let replaced = linked(&sent, Ok(2), Some(1));
    assert_eq!(replaced, PlannedDocument::Replaced(ClioId(1)));
    assert!(replaced.is_to_be_sent() && replaced.calls() == Calls::default());
    for (now, in_clio) in [(Ok(1), Some(1)), (Ok(2), None), (Err(Code::DocumentMissing), Some(1))] {
        assert_eq!(linked(&sent, now, in_clio), PlannedDocument::Linked(ClioId(1)));
    }
    let withdrawn = document(DocumentStatus::Rejected, DocumentOrigin::ClientUpload);
    assert_eq!(linked(&withdrawn, Ok(2), Some(1)), PlannedDocument::LinkedButWithdrawn(ClioId(1)));
}

#[test]
fn only_approved_client_uploads_are_planned() {
    use DocumentOrigin::{ClientUpload, Communication, FirmUpload, Note, WorkProduct};
    use DocumentStatus::{Approved, Pending, Rejected, Uploaded};
    for status in [Pending, Uploaded, Approved, Rejected] {
        for origin in [ClientUpload, FirmUpload, WorkProduct, Note, Communication] {
            let planned = plan_document(&document(status, origin), LinkState::Unknown, Ok(1), None);
            let sends = matches!(planned, PlannedDocument::Upload { .. });
            assert_eq!(sends, (status, origin) == (Approved, ClientUpload), "{status:?} {origin:?}");
            // Looked up: the step itself refuses to send more of it.
            let in_doubt = plan_document(&document(status, origin), LinkState::InDoubt, Ok(1), None);
            assert_eq!(in_doubt, PlannedDocument::Resume);
        }
    }
    let linked = LinkState::Linked(ClioId(1));
    let withdrawn = plan_document(&document(Rejected, ClientUpload), linked, Ok(0), None);
    assert_eq!(withdrawn, PlannedDocument::LinkedButWithdrawn(ClioId(1)), "nothing is deleted");
}

#[test]
fn many_parts_cost_one_call_per_further_fifty() {
    let sent = document(DocumentStatus::Approved, DocumentOrigin::ClientUpload);
    let calls = |len| match plan_document(&sent, LinkState::Unknown, Ok(len), None) {
        PlannedDocument::Upload { calls, .. } => calls,
        other => panic!("{other:?}"),
    };
    assert_eq!((calls(0), calls(99_999_999), calls(120_000_000), calls(1 << 30)), (2, 2, 2, 2));
    assert!(calls(20_000_000_000) > 2);
}

#[test]
fn a_file_that_cannot_be_read_costs_no_calls_and_is_not_forgotten() {
    let sent = document(DocumentStatus::Approved, DocumentOrigin::ClientUpload);
    let planned = plan_document(&sent, LinkState::Unknown, Err(Code::DocumentMissing), None);
    assert_eq!(planned, PlannedDocument::Unreadable(Code::DocumentMissing));
    assert!(planned.is_to_be_sent() && planned.calls() == Calls::default());
}
