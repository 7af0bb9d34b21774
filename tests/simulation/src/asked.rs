//! What CaseHug asks for and approves, seen from outside, and whether a request to Clio keeps to
//! it.
//!
//! **Model.** A matter is *wanted* once somebody asked for it while the firm was connected. It is
//! not wanted any more when the firm disconnects and nothing of it is left to do; what is asked for
//! while the firm is disconnected is held, and wanted only if an admin releases it or somebody asks
//! again: a person, if it never was wanted before. With what is held waits what CaseHug asked for
//! before by itself, if no person ever did: none of it is sent after the reconnect. An upload is
//! *approved*, *withdrawn* since a time (another upload that takes its slot withdraws it as well),
//! or never was approved.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use casehug_clio::memory::MemoryStore;
use casehug_clio::ports::{HttpBody, HttpRequest, Key, Method};
use casehug_clio::{DocumentKey, FirmId, MatterId};
use clio_sim::model::Model;
use serde_json::Value;

use crate::admin::Ties;
use crate::hooks::lock;
use crate::scenario::{Event, Scenario};
use crate::world::World;

/// What was begun may be sent for so long: [`send_window`](casehug_clio::SdkBuilder::send_window).
pub const SEND_WINDOW: Duration = Duration::from_secs(5);

/// Where an upload's approval stands. Of none that is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Approved,
    Withdrawn(Duration),
}

#[derive(Debug, Default)]
struct Known {
    /// By matter.
    of: BTreeMap<String, Wish>,
    /// Nobody can tell any more what is left to do: the database was restored.
    lost: bool,
    /// By matter, document and upload.
    uploads: BTreeMap<[String; 3], Standing>,
}

#[derive(Debug, Default)]
struct Wish {
    client: String,
    wanted: bool,
    /// It was wanted before: it may be in Clio.
    was_wanted: bool,
    /// It was asked for while the firm was disconnected.
    held: bool,
    /// All that is asked for is held: nobody but CaseHug ever asked, and last for what is held.
    waits: bool,
    /// A person asked for it.
    by_a_person: bool,
    /// How often it was asked for.
    times: u64,
    /// Calls that ask for it and have not ended.
    asking: usize,
}

/// See the module. A clone is the same one.
#[derive(Clone)]
pub struct Asked {
    known: Arc<Mutex<Known>>,
    world: World,
    ties: Ties,
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Asked")
    }
}

/// A call that asks for a matter, until it ends or its process dies.
#[derive(Debug)]
pub struct Asking {
    asked: Asked,
    matter: String,
    /// Whether the firm was disconnected when it began.
    cut: bool,
    /// Whether what it asks for stays held in any case.
    stays: bool,
    /// How often it had been asked for, if no other call asked for it then.
    alone: Option<u64>,
    /// CaseHug was told that it is taken in.
    taken: bool,
}

impl Asking {
    /// What is asked for was taken in.
    pub fn is_taken(mut self) {
        self.taken = true;
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        let held = self.cut && self.asked.ties.are_cut(self.asked.world.now());
        let mut known = lock(&self.asked.known);
        let Some(wish) = known.of.get_mut(&self.matter).filter(|_| !self.stays) else { return };
        wish.asking -= 1;
        if held {
            wish.held = true;
            wish.waits |= self.taken && !wish.by_a_person && self.alone == Some(wish.times);
        } else {
            wish.is_asked_for();
        }
    }
}

impl Asked {
    #[must_use]
    pub fn new(world: &World, ties: &Ties, scenario: &Scenario) -> Self {
        let client = |matter: usize| scenario.clients[scenario.matters[matter].client].id.clone();
        let wish = |matter| Wish { client: client(matter), ..Wish::default() };
        let of = (0..scenario.matters.len()).map(|matter| (scenario.matters[matter].id.clone(), wish(matter)));
        // A backfill asks whenever it has room.
        let lost = scenario.has(|event| matches!(event, Event::Backfill));
        let known = Known { of: of.collect(), lost, uploads: BTreeMap::new() };
        Self { known: Arc::new(Mutex::new(known)), world: world.clone(), ties: ties.clone() }
    }

    /// Somebody begins to ask for a matter: a person, or CaseHug by itself.
    #[must_use]
    pub fn begins(&self, matter: &MatterId, a_person: bool) -> Asking {
        let cut = self.ties.are_cut(self.world.now());
        let (mut stays, mut alone) = (false, None);
        if let Some(wish) = lock(&self.known).of.get_mut(matter.as_str()) {
            stays = !a_person && wish.held && !wish.was_wanted;
            wish.times += 1;
            wish.by_a_person |= a_person;
            alone = (wish.asking == 0).then_some(wish.times);
            wish.asking += usize::from(!stays);
        }
        Asking { asked: self.clone(), matter: matter.to_string(), cut, stays, alone, taken: false }
    }

    /// Somebody asks for all matters.
    pub fn wants_all(&self) {
        lock(&self.known).of.values_mut().for_each(Wish::is_asked_for_by_a_person);
    }

    /// Somebody wants these to go on.
    pub fn wants(&self, matters: &[MatterId]) {
        let mut known = lock(&self.known);
        for matter in matters {
            if let Some(wish) = known.of.get_mut(matter.as_str()) {
                wish.is_asked_for_by_a_person();
            }
        }
    }

    /// The database is of an earlier time.
    pub fn forget(&self) {
        self.wants_all();
        lock(&self.known).lost = true;
    }

    /// The firm was told that it is disconnected: nobody wants what is done.
    pub fn cut(&self, store: &MemoryStore, firm: &FirmId) {
        let mut known = lock(&self.known);
        if known.lost {
            return;
        }
        let is_done = |matter: &str| {
            let Some(body) = store.body(&Key::new(firm, "job", matter)) else { return true };
            let job: Value = serde_json::from_str(&body).unwrap_or_default();
            job["generation"] == job["served"] && job["running"].is_null() && job["last"]["status"] == "succeeded"
        };
        for (matter, wish) in known.of.iter_mut().filter(|(_, wish)| wish.asking == 0) {
            wish.wanted &= !is_done(matter);
        }
    }

    /// CaseHug's documents are now as the scenario says.
    pub fn documents(&self, scenario: &Scenario) {
        let (now, mut known) = (self.world.now(), lock(&self.known));
        let mut approved = Vec::new();
        for matter in &scenario.matters {
            let documents = matter.documents.iter().filter(|document| document.is_approved());
            approved.extend(documents.map(|one| [matter.id.clone(), one.id.clone(), format!("u{}", one.upload)]));
        }
        for (upload, standing) in &mut known.uploads {
            if *standing == Standing::Approved && !approved.contains(upload) {
                *standing = Standing::Withdrawn(now);
            }
        }
        known.uploads.extend(approved.into_iter().map(|upload| (upload, Standing::Approved)));
    }

    /// What is wrong with a request that is sent now, if it creates something or makes it visible.
    #[must_use]
    pub fn forbids(&self, request: &HttpRequest, model: &Model) -> Option<String> {
        if let HttpBody::Document(slice) = &request.body {
            return self.forbids_bytes(&slice.document.key);
        }
        let HttpBody::Bytes(body) = &request.body else { return None };
        let path = request.url.path();
        let body: Value = serde_json::from_slice(body).ok()?;
        let data = &body["data"];
        let last = |text: &Value| text.as_str().and_then(|text| text.rsplit(' ').next()).map(str::to_owned);
        match (request.method, path.strip_prefix("/api/v4/")?) {
            (Method::Post, "contacts.json") => {
                let client = last(&data["last_name"])?;
                let cut = self.ties.are_cut(self.world.now());
                let wanted = lock(&self.known).of.values().any(|wish| wish.client == client && wish.is_wanted(cut));
                (!wanted).then(|| format!("nobody asked for a matter of {client}"))
            }
            (Method::Post, "matters.json") => self.forbids_matter(&last(&data["description"])?),
            (Method::Post, "documents.json") => {
                let named = data["external_properties"].as_array().into_iter().flatten();
                let named = named.filter(|property| property["name"] == "casehug_matter_id");
                let matter = named.filter_map(|property| property["value"].as_str()).next().map(str::to_owned);
                let known =
                    || Some(model.document_property(data["parent"]["id"].as_i64()?, "casehug_matter_id")?.to_owned());
                self.forbids_matter(&matter.or_else(known)?)
            }
            (Method::Patch, path) => {
                let id: i64 = path.strip_prefix("documents/")?.strip_suffix(".json")?.parse().ok()?;
                let property = |name| model.document_property(id, name).map(str::to_owned);
                let upload =
                    [property("casehug_matter_id")?, property("casehug_document_id")?, property("casehug_upload_id")?];
                self.forbids_matter(&upload[0])
                    .or_else(|| (data["fully_uploaded"] == true).then(|| self.forbids_publishing(&upload)).flatten())
            }
            _ => None,
        }
    }

    fn forbids_matter(&self, matter: &str) -> Option<String> {
        let cut = self.ties.are_cut(self.world.now());
        let wanted = lock(&self.known).of.get(matter).is_some_and(|wish| wish.is_wanted(cut));
        (!wanted).then(|| format!("{matter} is not wanted, or held"))
    }

    fn forbids_publishing(&self, upload: &[String; 3]) -> Option<String> {
        let name = || upload.join("/");
        match lock(&self.known).uploads.get(upload) {
            Some(Standing::Approved) => None,
            Some(Standing::Withdrawn(at)) => {
                let since = self.world.now().saturating_sub(*at);
                (since > SEND_WINDOW).then(|| format!("{} is published {since:?} after it was withdrawn", name()))
            }
            None => Some(format!("{} is published, and never was approved", name())),
        }
    }

    fn forbids_bytes(&self, key: &DocumentKey) -> Option<String> {
        let upload = [key.matter.to_string(), key.document.to_string(), key.upload.to_string()];
        let was_approved = lock(&self.known).uploads.contains_key(&upload);
        (!was_approved).then(|| format!("bytes of {} leave, and it never was approved", upload.join("/")))
    }
}

impl Wish {
    fn is_asked_for(&mut self) {
        (self.wanted, self.was_wanted, self.waits) = (true, true, false);
        self.times += 1;
    }

    fn is_asked_for_by_a_person(&mut self) {
        self.by_a_person = true;
        self.is_asked_for();
    }

    /// `cut`: whether the firm is disconnected. What was on its way then is looked for elsewhere.
    fn is_wanted(&self, cut: bool) -> bool {
        (self.wanted && (cut || !self.waits)) || self.asking > 0
    }
}
