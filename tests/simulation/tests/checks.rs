//! What the checks of a seed's end notice, on states that are wrong by hand.

use casehug_clio::FirmId;
use casehug_clio::ports::Key;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use simulation::check::{clio_holds_everything_once, missing, strangers_have_no_files, what_is_published_is_linked};
use simulation::scenario::{Client, Document, Matter, Scenario, bytes_of};
use simulation::world::World;

/// Two clients with an email and one without, a matter of each, and of the first an approved
/// document whose slot was rejected at first, and then used again.
fn scenario() -> Scenario {
    let email = |number: usize| (number < 2).then(|| format!("zyx.qwertz{number}@example.test"));
    let mut document = Document::new(0, "rejected", "client_upload");
    document.replace();
    document.decide(true);
    let matter = |number: usize, documents: &[Document]| Matter {
        id: format!("m{number}"),
        client: number,
        documents: documents.to_vec(),
        edits: 0,
    };
    Scenario {
        clients: (0..3).map(|number| Client::new(number, email(number))).collect(),
        matters: vec![matter(0, &[document]), matter(1, &[]), matter(2, &[])],
        known: false,
        namesake: false,
        on_name_mismatch: casehug_clio::OnNameMismatch::Link,
        events: Vec::new(),
        ..Scenario::draw(&World::new(1))
    }
}

fn document(matter_id: i64, upload: &str) -> Value {
    let properties = json!({ "casehug_matter_id": "m0", "casehug_document_id": "d0", "casehug_upload_id": upload });
    let sha256 = hex::encode(Sha256::digest(bytes_of(upload, "d0")));
    json!({ "complete": true, "matter_id": matter_id, "properties": properties, "sha256": sha256 })
}

/// As it is to be.
fn state() -> Value {
    let contact = |number: usize, addresses: Value| json!({ "id": number, "last_name": format!("Qwertzuiop 0 c{number}"), "email_addresses": addresses });
    let address = |number: usize| json!([{ "address": format!("zyx.qwertz{number}@example.test") }]);
    let contacts = [contact(0, address(0)), contact(1, address(1)), contact(2, json!([]))];
    let matter = |number: usize| {
        let client = json!({ "id": number, "last_name": format!("Qwertzuiop 0 c{number}") });
        json!({ "id": 10 + number, "description": format!("Asdfgh 0 m{number}"), "client": client })
    };
    json!({ "deletions": 0, "contacts": contacts, "matters": [matter(0), matter(1), matter(2)],
            "documents": [document(10, "u1")] })
}

fn told(state: &Value) -> String {
    clio_holds_everything_once(state, &scenario()).err().unwrap_or_default()
}

#[test]
fn what_is_as_it_is_to_be_is_told_so() {
    assert_eq!(told(&state()), "");
    assert_eq!(missing(&state(), &scenario()), Vec::<String>::new());
}

#[test]
fn a_document_in_another_matters_folder_is_noticed_finished_or_not() {
    for complete in [true, false] {
        let mut wrong = state();
        let mut misplaced = document(11, "u1");
        misplaced["complete"] = json!(complete);
        wrong["documents"] = json!([document(10, "u1"), misplaced]);
        assert!(told(&wrong).starts_with("in another matter's folder"), "{}", told(&wrong));
        wrong["documents"][1]["matter_id"] = Value::Null;
        assert!(told(&wrong).starts_with("in another matter's folder"), "{}", told(&wrong));
    }
}

#[test]
fn a_matter_under_another_persons_contact_is_noticed() {
    for (matter, contact) in [(0, 1), (1, 2), (2, 0)] {
        let mut wrong = state();
        wrong["matters"][matter]["client"] = json!({ "id": contact, "last_name": format!("Qwertzuiop 0 c{contact}") });
        assert!(told(&wrong).starts_with("filed under a contact of another address"), "{}", told(&wrong));
    }
}

#[test]
fn an_upload_that_was_replaced_before_it_was_approved_is_noticed() {
    let mut wrong = state();
    wrong["documents"] = json!([document(10, "u1"), document(10, "u0")]);
    assert_eq!(told(&wrong), "m0/d0/u0: never approved, and in Clio");
}

#[test]
fn what_is_not_there_is_named() {
    let mut wrong = state();
    wrong["documents"][0]["complete"] = json!(false);
    assert_eq!(missing(&wrong, &scenario()), ["m0/d0/u1 is approved and not there"]);
    assert_eq!(told(&wrong), "m0/d0/u1: approved and missing");
}

#[test]
fn a_strangers_file_is_noticed() {
    let mut state = state();
    let stranger = json!({ "id": 99, "last_name": "Qwertzuiop 0 c2", "email_addresses": [] });
    state["contacts"].as_array_mut().unwrap().push(stranger);
    assert_ne!(told(&state), "", "who is nobody's client is taken out first");
    strangers_have_no_files(&mut state, &[99]).unwrap();
    assert_eq!(told(&state), "");
    state["matters"][2]["client"]["id"] = json!(99);
    assert!(strangers_have_no_files(&mut state, &[99]).unwrap_err().contains("stranger"));
}

#[test]
fn a_published_document_of_which_no_link_tells_is_noticed() {
    let firm = FirmId::new("f").unwrap();
    let record = |collection, id: &str, state: &str| {
        (Key::new(&firm, collection, id), json!({ "state": state, "clio": 31 }).to_string())
    };
    let linked = record("document", "2/m0/d0/u1", "link");
    assert_eq!(what_is_published_is_linked(&state(), &[linked]), Ok(()));
    let not_it =
        [("document", "2/m0/d0/u1", "intent"), ("document", "2/m0/d0/u0", "link"), ("clio", "m0/d0/u1", "link")];
    for (collection, id, how) in not_it {
        let told = what_is_published_is_linked(&state(), &[record(collection, id, how)]);
        assert_eq!(told, Err(String::from("m0/d0/u1: published, and not linked")));
    }
    let mut stub = state();
    stub["documents"][0]["complete"] = json!(false);
    assert_eq!(what_is_published_is_linked(&stub, &[]), Ok(()));
}
