//! What a seed means: the firm's clients and matters, what people do, and what goes wrong and when.

use std::time::Duration;

use casehug_clio::OnNameMismatch;
use clio_sim::Rotation;
use serde_json::{Value, json};

use crate::world::World;

/// Text of clients. It must be nowhere but in Clio.
pub const CLIENT_DATA: &[&str] = &["Zyxwvut", "Qwertzuiop", "zyx.qwertz", "Asdfgh v. Yxcvbn", "geheimakte", "+1206555"];

/// All clients' number.
const PHONE: &str = "+12065559876";

/// One document of one matter.
#[derive(Clone, Debug)]
pub struct Document {
    pub id: String,
    pub upload: u32,
    pub status: &'static str,
    pub origin: &'static str,
    /// The uploads that ever were approved.
    pub approved: Vec<u32>,
}

impl Document {
    /// One of which nothing was decided later.
    #[must_use]
    pub fn new(slot: usize, status: &'static str, origin: &'static str) -> Self {
        let mut document = Self { id: format!("d{slot}"), upload: 0, status, origin, approved: Vec::new() };
        document.note_approval();
        document
    }

    /// Whether its newest upload is to be in Clio.
    #[must_use]
    pub fn is_approved(&self) -> bool {
        self.status == "approved" && self.origin == "client_upload"
    }

    /// The firm decides.
    pub fn decide(&mut self, approve: bool) {
        self.status = if approve { "approved" } else { "rejected" };
        self.note_approval();
    }

    /// The client uploads again; what was decided stands.
    pub fn replace(&mut self) {
        self.upload += 1;
        self.note_approval();
    }

    fn note_approval(&mut self) {
        if self.is_approved() {
            self.approved.push(self.upload);
        }
    }
}

/// What a document holds.
#[must_use]
pub fn bytes_of(upload: &str, document: &str) -> String {
    format!("{upload} of {document}").repeat(40)
}

/// How often somebody corrected the text of an intake.
pub type Edits = u32;

/// One matter.
#[derive(Clone, Debug)]
pub struct Matter {
    pub id: String,
    pub client: usize,
    pub documents: Vec<Document>,
    pub edits: Edits,
}

/// One client. Two may have one email.
#[derive(Clone, Debug)]
pub struct Client {
    pub id: String,
    pub email: Option<String>,
    /// What the email was before.
    pub former: Option<String>,
    pub edits: Edits,
    /// How often the last name was among what was corrected.
    pub renamed: Edits,
}

impl Client {
    /// Nothing was corrected yet.
    #[must_use]
    pub fn new(number: usize, email: Option<String>) -> Self {
        Self { id: format!("c{number}"), email, former: None, edits: 0, renamed: 0 }
    }
}

impl Client {
    /// First and last name as CaseHug has them now. No two clients have one name.
    #[must_use]
    pub fn name(&self) -> (String, String) {
        (format!("Zyxwvut {}", self.edits), format!("Qwertzuiop {} {}", self.renamed, self.id))
    }
}

/// What happens at a time.
#[derive(Clone, Copy, Debug)]
pub enum Event {
    /// CaseHug says that the matter was approved.
    Approved {
        matter: usize,
    },
    /// Somebody presses the button, on this node.
    Manual {
        matter: usize,
        node: usize,
    },
    /// The firm decides about a document.
    Decide {
        matter: usize,
        document: usize,
        approve: bool,
    },
    /// The client uploads into the same slot again.
    Replace {
        matter: usize,
        document: usize,
    },
    /// Somebody corrects the client's first name and the matter's title; and the last name, and the
    /// email, if nobody else has it.
    Edit {
        matter: usize,
        last_name: bool,
        email: bool,
    },
    /// An admin syncs all matters in bulk.
    Backfill,
    /// An admin answers what is asked.
    Answer,
    /// The database is copied.
    Backup,
    /// Everything dies, or all workers stand still; the copy becomes the database, and the operator
    /// says so.
    Restore {
        dies: bool,
    },
    Crash {
        node: usize,
    },
    /// A process is told to stop: all of it, or its worker only. It ends when its worker has.
    Stop {
        node: usize,
        whole: bool,
    },
    Start {
        node: usize,
    },
    Pause {
        node: usize,
        length: Duration,
    },
    Jump {
        node: usize,
        ahead_ms: i64,
    },
    /// The database's clock is set.
    StoreClock {
        by_ms: i64,
    },
    /// Every access token dies.
    Revoke,
    /// Somebody opens, suspends or closes a matter inside Clio.
    Status {
        matter: usize,
        status: &'static str,
    },
    /// The host sets a matter's status itself, and says so.
    Own {
        matter: usize,
        status: &'static str,
    },
    /// Somebody changes something else about a matter inside Clio.
    Move {
        matter: usize,
    },
    /// Clio suspends every webhook subscription.
    Suspend,
    /// An admin disconnects.
    Disconnect,
    /// An admin goes through Clio's consent page again, disconnected or not.
    Reconnect,
    /// No way leads to Clio for so long.
    Outage {
        length: Duration,
    },
}

/// Everything that a seed decides beforehand.
#[derive(Debug)]
pub struct Scenario {
    pub clients: Vec<Client>,
    pub matters: Vec<Matter>,
    pub nodes: usize,
    pub fault_rate: f64,
    /// Whether the firm has the first client's contact in Clio already.
    pub known: bool,
    /// Whether that address is two people's there: the contact with the lower id is somebody
    /// else's, the other one has the client's name.
    pub namesake: bool,
    /// What the firm wants if nobody of a client's email has the client's name.
    pub on_name_mismatch: OnNameMismatch,
    pub search_delay_ms: i64,
    pub filter_delay_ms: i64,
    pub processing_delay_ms: i64,
    pub rate_limit: u32,
    /// What a refresh does to the refresh token that it used.
    pub rotation: Rotation,
    /// So long a token answer takes at most.
    pub slow_tokens: Duration,
    /// Whether processes stand still between Clio's answer to a refresh and its save, often beyond
    /// their lease.
    pub late_saves: bool,
    /// Whether a dead access token is refused with an empty page.
    pub empty_401: bool,
    /// Whether a refresh token works on when its access token was deauthorized. Not if they are
    /// replaced: who then dies between refresh and commit cannot know of the new one.
    pub refresh_outlives: bool,
    pub events: Vec<(Duration, Event)>,
}

/// Until then things go wrong.
pub const TROUBLE: Duration = Duration::from_secs(600);

impl Scenario {
    /// Draws a scenario from the world's chance.
    #[must_use]
    pub fn draw(world: &World) -> Self {
        let pick = |most: usize| world.random(|random| random.usize(0..most));
        let delay = |most: i64| world.random(|random| random.i64(0..=most));
        let mut clients = Vec::new();
        for number in 0..=pick(2) {
            let email = match pick(4) {
                0 => None,
                1 if number > 0 => Some(String::from("zyx.qwertz0@example.test")),
                _ => Some(format!("zyx.qwertz{number}@example.test")),
            };
            clients.push(Client::new(number, email));
        }
        let mut matters = Vec::new();
        for number in 0..=pick(3) {
            let mut documents = Vec::new();
            for slot in 0..pick(3) {
                let status = if world.chance(0.7) { "approved" } else { "uploaded" };
                let origin = if world.chance(0.9) { "client_upload" } else { "work_product" };
                documents.push(Document::new(slot, status, origin));
            }
            matters.push(Matter { id: format!("m{number}"), client: pick(clients.len()), documents, edits: 0 });
        }
        let nodes = 1 + pick(2);
        let mut scenario = Self {
            clients,
            matters,
            nodes,
            fault_rate: [0.0, 0.02, 0.1, 0.3][pick(4)],
            known: world.chance(0.3),
            namesake: world.chance(0.5),
            on_name_mismatch: [
                OnNameMismatch::Link,
                OnNameMismatch::Link,
                OnNameMismatch::Create,
                OnNameMismatch::Review,
            ][pick(4)],
            search_delay_ms: delay(60_000),
            filter_delay_ms: delay(if world.chance(0.5) { 3_000 } else { 60_000 }),
            processing_delay_ms: if world.chance(0.2) { delay(20_000) } else { 0 },
            rate_limit: if world.chance(0.3) { 12 } else { 1_000_000 },
            rotation: [Rotation::AtOnce, Rotation::OnUse, Rotation::OnUse, Rotation::Never][pick(8).min(3)],
            slow_tokens: if world.chance(0.5) { Duration::from_secs(8) } else { Duration::ZERO },
            late_saves: world.chance(0.25),
            empty_401: world.chance(0.5),
            refresh_outlives: false,
            events: Vec::new(),
        };
        scenario.refresh_outlives = scenario.rotation == Rotation::Never && world.chance(0.1);
        scenario.draw_events(world);
        // Whose name is corrected meanwhile is another person.
        scenario.namesake &= scenario.known
            && scenario.clients[0].email.is_some()
            && !scenario.has(|event| matches!(event, Event::Edit { .. }));
        scenario
    }

    fn draw_events(&mut self, world: &World) {
        let pick = |most: usize| world.random(|random| random.usize(0..most));
        let second = Duration::from_secs(1);
        let at = |most: Duration| world.between(Duration::ZERO, most);
        let mut events = Vec::new();
        for matter in 0..self.matters.len() {
            for _ in 0..=pick(2) {
                events.push((at(TROUBLE / 2), Event::Approved { matter }));
            }
            for document in 0..self.matters[matter].documents.len() {
                if world.chance(0.3) {
                    events.push((at(TROUBLE), Event::Decide { matter, document, approve: world.chance(0.7) }));
                }
                if world.chance(0.1) {
                    events.push((at(TROUBLE), Event::Replace { matter, document }));
                }
                // Withdrawn, and approved again after all.
                if world.chance(0.1) {
                    let withdrawn = at(TROUBLE);
                    events.push((withdrawn, Event::Decide { matter, document, approve: false }));
                    events
                        .push((withdrawn + at(TROUBLE - withdrawn), Event::Decide { matter, document, approve: true }));
                }
            }
        }
        for _ in 0..pick(3) {
            let (matter, node) = (pick(self.matters.len()), pick(self.nodes));
            events.push((at(TROUBLE), Event::Manual { matter, node }));
        }
        for _ in 0..pick(5) {
            let (node, when) = (pick(self.nodes), at(TROUBLE));
            let stops = Event::Stop { node, whole: world.chance(0.5) };
            events.push((when, if world.chance(0.3) { stops } else { Event::Crash { node } }));
            events.push((when + at(60 * second), Event::Start { node }));
        }
        for _ in 0..pick(3) {
            events.push((at(TROUBLE), Event::Pause { node: pick(self.nodes), length: at(400 * second) }));
        }
        for _ in 0..pick(3) {
            let ahead_ms = world.random(|random| random.i64(-21_600_000..=21_600_000));
            events.push((at(TROUBLE), Event::Jump { node: pick(self.nodes), ahead_ms }));
        }
        // Ahead only before anything is created: that it does not jump ahead is promised.
        if world.chance(0.1) {
            let by_ms = world.random(|random| random.i64(-21_600_000..=21_600_000));
            events.push((Duration::ZERO, Event::StoreClock { by_ms }));
        }
        if world.chance(0.1) {
            let by_ms = world.random(|random| random.i64(-21_600_000..=0));
            events.push((at(TROUBLE), Event::StoreClock { by_ms }));
        }
        if world.chance(0.2) {
            events.push((at(TROUBLE), Event::Revoke));
        }
        // Whoever refreshes stands still, and beyond the end of its lease another process needs a
        // token.
        if self.late_saves {
            let (revoked, calls) = (at(TROUBLE / 2), self.nodes + 1);
            events.push((revoked, Event::Revoke));
            for number in 0..calls {
                let (matter, node) = (pick(self.matters.len()), number % self.nodes);
                events.push((revoked + at(120 * second), Event::Approved { matter }));
                events.push((revoked + at(180 * second), Event::Manual { matter, node }));
            }
        }
        if world.chance(0.3) {
            let (matter, last_name, email) = (pick(self.matters.len()), world.chance(0.3), world.chance(0.3));
            events.push((at(TROUBLE), Event::Edit { matter, last_name, email }));
        }
        if world.chance(0.1) {
            events.push((at(TROUBLE), Event::Backfill));
        }
        for _ in 0..pick(4) {
            events.push((at(TROUBLE), Event::Answer));
        }
        if world.chance(0.1) {
            let backup = at(TROUBLE);
            events.push((backup, Event::Backup));
            let restore = backup + at(TROUBLE - backup);
            events.push((restore, Event::Restore { dies: world.chance(0.7) }));
            if world.chance(0.3) {
                let (matter, last_name, email) = (pick(self.matters.len()), world.chance(0.5), true);
                events.push((backup + at(restore - backup), Event::Edit { matter, last_name, email }));
            }
        }
        for _ in 0..pick(6) {
            let status = ["open", "pending", "closed"][pick(3)];
            events.push((at(TROUBLE), Event::Status { matter: pick(self.matters.len()), status }));
            if world.chance(0.3) {
                events.push((at(TROUBLE), Event::Move { matter: pick(self.matters.len()) }));
            }
        }
        if world.chance(0.1) {
            events.push((at(TROUBLE), Event::Suspend));
        }
        if world.chance(0.05) {
            events.push((at(TROUBLE), Event::Outage { length: at(300 * second) }));
        }
        if world.chance(0.1) {
            events.push((at(TROUBLE), Event::Reconnect));
        }
        if world.chance(0.2) {
            let ended = at(TROUBLE);
            events.push((ended, Event::Disconnect));
            if world.chance(0.3) {
                let before = ended.saturating_sub(at(30 * second));
                events.push((before, Event::Outage { length: at(120 * second) }));
            }
            if world.chance(0.6) {
                let away = if world.chance(0.5) { 5 * second } else { TROUBLE - ended };
                events.push((ended + at(away), Event::Reconnect));
            }
        }
        if world.chance(0.3) {
            let (matter, set) = (pick(self.matters.len()), at(TROUBLE));
            events.push((set, Event::Own { matter, status: ["open", "pending", "closed"][pick(3)] }));
            // Which undoes nothing.
            if world.chance(0.7) {
                events.push((set + at(TROUBLE - set), Event::Move { matter }));
            }
        }
        events.sort_by_key(|(when, _)| *when);
        self.events = events;
    }

    /// Corrects the text of a matter's intake.
    pub fn edit(&mut self, matter: usize, last_name: bool, email: bool) {
        let matter = &mut self.matters[matter];
        matter.edits += 1;
        let number = matter.client;
        let its_own = self.clients.iter().filter(|client| client.email == self.clients[number].email).count() == 1;
        let client = &mut self.clients[number];
        client.edits += 1;
        client.renamed += u32::from(last_name);
        // Once: whose contact has which of three is more than the checks keep apart.
        if email && its_own && !(self.known && number == 0) && client.former.is_none() && client.email.is_some() {
            client.former = client.email.replace(format!("zyx.qwertz{number}.corrected@example.test"));
        }
    }

    /// Persons in Clio long before, by hand: equal to clients without an email in all that is sent.
    #[must_use]
    pub fn strangers(&self) -> Vec<Value> {
        let without = self.clients.iter().filter(|client| client.email.is_none());
        let equal = without.map(|client| {
            let (first_name, last_name) = client.name();
            let phones = json!([{ "name": "Other", "number": PHONE, "default_number": true }]);
            json!({ "type": "Person", "first_name": first_name, "last_name": last_name, "phone_numbers": phones })
        });
        equal.collect()
    }

    /// Whether such a thing happens.
    #[must_use]
    pub fn has(&self, is: impl Fn(&Event) -> bool) -> bool {
        self.events.iter().any(|(_, event)| is(event))
    }

    /// The intake as CaseHug has it now.
    #[must_use]
    pub fn intake(&self, matter: usize) -> Value {
        let Matter { id, client, documents, edits } = &self.matters[matter];
        let client = &self.clients[*client];
        let documents: Vec<Value> = documents
            .iter()
            .map(|document| {
                json!({ "id": document.id, "upload_id": format!("u{}", document.upload), "file_name": "geheimakte.pdf",
                        "content_type": "application/pdf", "status": document.status, "origin": document.origin })
            })
            .collect();
        let (first_name, last_name) = client.name();
        let mut person = json!({ "id": client.id, "first_name": first_name, "last_name": last_name, "phone": PHONE });
        if let Some(email) = &client.email {
            person["email"] = json!(email);
        }
        json!({ "matter": { "id": id, "title": format!("Asdfgh v. Yxcvbn {edits} {id}"), "case_number": "2026-XX-777", "case_type": "family_law" },
                "client": person, "documents": documents })
    }
}
