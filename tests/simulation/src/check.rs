//! What must hold when all is over.

use std::collections::BTreeMap;
use std::sync::Arc;

use casehug_clio::OnNameMismatch;
use casehug_clio::ports::{Key, Write};
use memchr::memmem::Finder;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::scenario::{CLIENT_DATA, Scenario, bytes_of};

/// Compares what Clio holds with what CaseHug approved.
///
/// # Errors
/// The first thing that is wrong.
pub fn clio_holds_everything_once(state: &Value, scenario: &Scenario) -> Result<(), String> {
    let list = |kind: &str| state[kind].as_array().cloned().unwrap_or_default();
    let is = |holds: bool, what: &dyn Fn() -> String| if holds { Ok(()) } else { Err(what()) };
    is(state["deletions"] == 0, &|| format!("{} deletions", state["deletions"]))?;

    let (contacts, everything) = (list("contacts"), list("matters"));

    // One contact per person whom CaseHug can tell apart: by email, else by client; by client, if
    // the firm wants them told apart by name.
    let by_name = scenario.on_name_mismatch != OnNameMismatch::Link;
    let mut people: BTreeMap<String, usize> = BTreeMap::new();
    for matter in &scenario.matters {
        let client = &scenario.clients[matter.client];
        let email = client.email.clone().filter(|_| !by_name);
        people.insert(email.unwrap_or_else(|| client.id.clone()), 0);
    }
    let corrected = |email: &str| {
        let client = scenario.clients.iter().find(|client| client.former.as_deref() == Some(email));
        client.and_then(|client| client.email.clone())
    };
    let known = scenario.known && scenario.clients[0].email.is_some();
    if let (true, Some(email)) = (known, &scenario.clients[0].email) {
        people.insert(if by_name { String::from("Known") } else { email.clone() }, 0);
        if by_name && scenario.namesake {
            people.insert(scenario.clients[0].id.clone(), 0);
        }
    }
    for contact in &contacts {
        let email = contact["email_addresses"][0]["address"].as_str().filter(|_| !by_name);
        let name = contact["last_name"].as_str().unwrap_or_default().rsplit(' ').next().unwrap_or_default();
        let person =
            email.map_or_else(|| name.to_owned(), |email| corrected(email).unwrap_or_else(|| email.to_owned()));
        let count = people.get_mut(&person).ok_or_else(|| format!("a contact that nobody asked for: {contact}"))?;
        *count += 1;
    }
    if let (true, false, Some(email)) = (scenario.namesake, by_name, &scenario.clients[0].email) {
        // Both that were there.
        people.entry(email.clone()).and_modify(|count| *count -= 1);
    }
    is(people.values().all(|count| *count == 1), &|| format!("contacts {people:?}"))?;

    let mut matters: BTreeMap<String, usize> = scenario.matters.iter().map(|matter| (matter.id.clone(), 0)).collect();
    for matter in &everything {
        let id = matter["description"].as_str().unwrap_or_default().rsplit(' ').next().unwrap_or_default().to_owned();
        *matters.get_mut(&id).ok_or_else(|| format!("a matter that nobody asked for: {matter}"))? += 1;
        let number = scenario.matters.iter().find(|one| one.id == id).map_or(0, |one| one.client);
        let filed = matter["client"]["last_name"].as_str().unwrap_or_default().rsplit(' ').next();
        let is_theirs = filed == Some(scenario.clients[number].id.as_str());
        let told_apart = by_name || scenario.namesake && number == 0;
        is(is_theirs || !told_apart, &|| format!("another person's file: {matter}"))?;
        // Whom Clio has of that address is the client; without one, whom we created.
        let client = &scenario.clients[number];
        let contact = contacts.iter().find(|contact| contact["id"] == matter["client"]["id"]);
        let address = contact.and_then(|contact| contact["email_addresses"][0]["address"].as_str());
        let has_address =
            address.is_some() && (address == client.email.as_deref() || address == client.former.as_deref());
        is(if client.email.is_some() { has_address } else { is_theirs }, &|| {
            format!("filed under a contact of another address: {matter} of {contact:?}")
        })?;
    }
    is(matters.values().all(|count| *count == 1), &|| format!("matters {matters:?}"))?;

    let mut documents: BTreeMap<String, usize> = BTreeMap::new();
    for document in &list("documents") {
        let property = |name: &str| document["properties"][name].as_str().unwrap_or_default().to_owned();
        // Of one that is not finished as well: its bytes may be there.
        let folder = everything.iter().find(|matter| matter["id"] == document["matter_id"]);
        let whose = folder.and_then(|matter| matter["description"].as_str()?.rsplit(' ').next());
        is(whose == Some(property("casehug_matter_id").as_str()), &|| {
            format!("in another matter's folder: {document}")
        })?;
        if document["complete"] != true {
            continue;
        }
        let whole = Sha256::digest(bytes_of(&property("casehug_upload_id"), &property("casehug_document_id")));
        is(document["sha256"] == hex::encode(whole), &|| format!("published with other bytes: {document}"))?;
        *documents.entry(key_of(document)).or_default() += 1;
    }
    for matter in &scenario.matters {
        for document in &matter.documents {
            for upload in 0..=document.upload {
                let key = format!("{}/{}/u{upload}", matter.id, document.id);
                let count = documents.remove(&key).unwrap_or_default();
                let latest = upload == document.upload;
                is(count <= 1, &|| format!("{key}: {count} times"))?;
                if latest && document.is_approved() {
                    is(count == 1, &|| format!("{key}: approved and missing"))?;
                }
                if !document.approved.contains(&upload) {
                    is(count == 0, &|| format!("{key}: never approved, and in Clio"))?;
                }
            }
        }
    }
    is(documents.is_empty(), &|| format!("documents that nobody asked for: {documents:?}"))
}

/// Nothing is filed under a person who is nobody's client. Takes those persons out of the state.
///
/// # Errors
/// A file that a stranger has.
pub fn strangers_have_no_files(state: &mut Value, strangers: &[i64]) -> Result<(), String> {
    let is_one = |id: &Value| id.as_i64().is_some_and(|id| strangers.contains(&id));
    let matters = state["matters"].as_array().map(Vec::as_slice).unwrap_or_default();
    if let Some(matter) = matters.iter().find(|matter| is_one(&matter["client"]["id"])) {
        return Err(format!("in a stranger's folder: {matter}"));
    }
    if let Some(contacts) = state["contacts"].as_array_mut() {
        contacts.retain(|contact| !is_one(&contact["id"]));
    }
    Ok(())
}

/// What is approved and not in Clio.
#[must_use]
pub fn missing(state: &Value, scenario: &Scenario) -> Vec<String> {
    let documents = state["documents"].as_array().map(Vec::as_slice).unwrap_or_default();
    let is_there = |key: &str| documents.iter().any(|document| document["complete"] == true && key_of(document) == key);
    let all = scenario.matters.iter().flat_map(|matter| matter.documents.iter().map(move |one| (matter, one)));
    let approved = all.filter(|(_, document)| document.is_approved());
    let keys = approved.map(|(matter, document)| format!("{}/{}/u{}", matter.id, document.id, document.upload));
    keys.filter(|key| !is_there(key)).map(|key| format!("{key} is approved and not there")).collect()
}

fn key_of(document: &Value) -> String {
    let property = |name: &str| document["properties"][name].as_str().unwrap_or_default();
    ["casehug_matter_id", "casehug_document_id", "casehug_upload_id"].map(property).join("/")
}

/// Of each document that people see in Clio a link of ours tells. Not to be asked after a restore,
/// which takes links away, also of what is withdrawn by then.
///
/// # Errors
/// A document that was published and of which nobody was told.
pub fn what_is_published_is_linked(state: &Value, records: &[(Key, String)]) -> Result<(), String> {
    let linked = |id: &str| {
        let of_it =
            |(key, body): &&(Key, String)| key.collection == "document" && key.id.ends_with(id) && is_link(body);
        records.iter().any(|record| of_it(&record))
    };
    let documents = state["documents"].as_array().map(Vec::as_slice).unwrap_or_default();
    match documents.iter().find(|document| document["complete"] == true && !linked(&key_of(document))) {
        Some(document) => Err(format!("{}: published, and not linked", key_of(document))),
        None => Ok(()),
    }
}

fn is_link(body: &str) -> bool {
    serde_json::from_str::<Value>(body).is_ok_and(|record| record["state"] == "link")
}

/// Each link of ours has one audit entry that says how it came about, and no second record is told.
/// Not to be asked after a restore, which takes entries away.
///
/// # Errors
/// What the log lacks or has twice.
pub fn audit_tells_of_every_link_once(records: &[(Key, String)]) -> Result<(), String> {
    let mut told = BTreeMap::new();
    for (_, body) in records.iter().filter(|(key, _)| key.collection == "audit") {
        let entry: Value = serde_json::from_str(body).map_err(|error| error.to_string())?;
        // A worker that had lost its claim says what it did as well.
        if entry["details"]["fenced"] == "true" {
            continue;
        }
        *told.entry(entry["action"].as_str().unwrap_or_default().to_owned()).or_insert(0) += 1;
    }
    // Clio never takes longer than is promised here, so a second record that is told is none.
    if told.contains_key("second_record") {
        return Err(String::from("a second record is told"));
    }
    for kind in ["contact", "matter", "document"] {
        for (action, hows) in [("created", ["created", "recovered"].as_slice()), ("linked", &["linked"])] {
            let how = |body: &str| hows.iter().any(|how| body.contains(&format!("\"how\":\"{how}\"")));
            let linked = |(key, body): &&(Key, String)| key.collection == kind && how(body);
            let action = format!("{kind}_{action}");
            let (said, there) = (told.get(&action).copied().unwrap_or(0), records.iter().filter(linked).count());
            if said != there {
                return Err(format!("{action}: {said} in the audit log, {there} links"));
            }
        }
    }
    Ok(())
}

/// The sync log says of every run how it ended, whatever became of its process: only the run of a
/// claim has no end yet.
///
/// # Errors
/// A run that never ends.
pub fn every_run_has_an_end(records: &[(Key, String)]) -> Result<(), String> {
    let all = |collection: &'static str| records.iter().filter(move |(key, _)| key.collection == collection);
    let read = |body: &str| serde_json::from_str::<Value>(body).map_err(|error| error.to_string());
    let mut running = Vec::new();
    for (_, body) in all("claim") {
        running.push(read(body)?["run"].as_str().unwrap_or_default().to_owned());
    }
    for (key, body) in all("run") {
        if read(body)?["status"].is_null() && !running.contains(&key.id) {
            return Err(format!("run {} never ends", key.id));
        }
    }
    Ok(())
}

/// Nothing that only Clio and we may know stands in the database as it is.
///
/// # Errors
/// Where it does; not what.
pub fn secrets_are_sealed(records: &[(Key, String)], secrets: &[String]) -> Result<(), String> {
    let finders: Vec<Finder> = secrets.iter().map(|secret| Finder::new(secret.as_str())).collect();
    let has = |text: &str| finders.iter().any(|finder| finder.find(text.as_bytes()).is_some());
    match records.iter().find(|(key, body)| has(&key.id) || has(body)) {
        Some((key, _)) => Err(format!("a secret stands in {}/{}", key.collection, key.id)),
        None => Ok(()),
    }
}

/// Looks for clients' text.
#[derive(Clone, Debug)]
pub struct ClientData(Arc<[Finder<'static>]>);

impl Default for ClientData {
    fn default() -> Self {
        Self(CLIENT_DATA.iter().map(|needle| Finder::new(*needle)).collect())
    }
}

impl ClientData {
    /// The first record that is to be written with some of it.
    #[must_use]
    pub fn is_in(&self, writes: &[Write]) -> Option<String> {
        let has = |text: &str| self.0.iter().any(|finder| finder.find(text.as_bytes()).is_some());
        let holds = |write: &&Write| has(&write.key().id) || matches!(write, Write::Put { body, .. } if has(body));
        writes.iter().find(holds).map(|write| format!("{}/{}", write.key().collection, write.key().id))
    }
}
