//! The deterministic simulation: engine, queue and worker over real ports of this workspace's core,
//! a model of Clio, virtual time, one seed.
//!
//! **Problem.** A duplicate needs a lost answer *and* a crash *and* an index that lags, in one
//! order of a million. Real tests meet that order once a year; this one draws a few thousand orders
//! a second, and a seed that failed fails again.
//!
//! **Life of a seed.** [`Scenario`](scenario::Scenario) draws who and what and when. For ten
//! virtual minutes, [requests](net), [commits](store), processes and clocks fail as drawn. Then
//! everything heals, and within minutes everything approved must have arrived, once and with the
//! right person ([`check`]); nothing may ever have been sent that was not asked for ([`asked`]); the
//! audit chain verifies; no record ever held a client's text.
//!
//! **Not drawn, because not promised.** Clio executes a request within `late_execution_window` of
//! our giving up on it and lists what it created within `index_delay`, and the store keeps what it
//! acknowledged.
//!
//! **Not drawn, though it happens.** A seed has one firm, in one account, with the settings of its
//! first day; the README beside this crate lists what else no seed reaches.
#![allow(missing_docs, reason = "read by its own tests only; names say it")]

pub mod admin;
pub mod asked;
pub mod backlog;
pub mod check;
mod ending;
mod heal;
pub mod hooks;
pub mod host;
pub mod month;
pub mod net;
mod own;
pub mod scenario;
pub mod store;
pub mod world;

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use casehug_clio::memory::{MemoryBackup, MemoryIntake, MemoryStore};
use casehug_clio::{
    Actor, ActorId, ClioApp, ClioHost, ConfiguredKeys, DocumentId, DocumentKey, DocumentRef, Error, FirmId,
    FirmSettings, Intake, MatterId, Ports, Role, Sdk, StoreTokens, Timestamp, Trigger, UploadId, WorkerConfig,
};
use clio_sim::model::{Model, Request};
use futures_channel::oneshot;
use serde_json::json;

use admin::{Sight, Ties};
use asked::Asked;
use check::ClientData;
use ending::End;
use hooks::{Doors, PUBLIC_URL, Told, lock};
use host::Reached;
use net::{Clio, Faults, INDEX_DELAY, Kept, Network, OUTSIDE, SETTLE};
use scenario::{Event, Scenario, TROUBLE};
use store::{Dues, Remote, Vault};
use world::{Node, NodeRuntime, World};

const KEY: &str = "6f1c3a0e5b7d92486f1c3a0e5b7d92486f1c3a0e5b7d92486f1c3a0e5b7d9248";
const DAY: Duration = Duration::from_secs(24 * 3600);
/// How often everybody looks for something to do. Nobody sleeps as long for another reason.
const PACE: Duration = Duration::from_millis(5_003);
/// The node on which the host's own calls run; it never dies.
const HOST: Node = 1_000;

/// What a seed came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Equal for equal runs.
    pub trace: u64,
    /// Virtual time until everything had arrived.
    pub took: Duration,
}

struct Simulation {
    world: World,
    clio: Clio,
    store: MemoryStore,
    /// The database's.
    store_clock: NodeRuntime,
    work: Dues,
    news: Dues,
    intake: MemoryIntake,
    faults: Faults,
    scenario: Scenario,
    firm: FirmId,
    clocks: BTreeMap<Node, NodeRuntime>,
    up: BTreeMap<Node, Arc<Sdk>>,
    backup: Option<(Duration, MemoryBackup)>,
    restored: bool,
    doors: Doors,
    told: Told,
    /// When somebody last set a matter's status to another one inside Clio.
    set_in_clio: BTreeMap<usize, Timestamp>,
    ties: Ties,
    asked: Asked,
    /// As whom each process claims jobs, once it has.
    holders: BTreeMap<Node, Arc<Mutex<Option<String>>>>,
    /// What tells each process to end.
    ends: BTreeMap<Node, End>,
    /// Since when a process was told to end, until another one takes its place.
    ending: BTreeMap<Node, (Duration, Arc<AtomicBool>)>,
    client_data: ClientData,
    /// Persons in Clio who are nobody's client.
    strangers: Vec<i64>,
    /// Held by each task in which a person of the firm still waits to be heard.
    asking: Arc<()>,
    /// How often everybody looks for something to do.
    pace: Duration,
}

/// Runs a seed to its end.
///
/// # Errors
/// What does not hold.
pub fn run(seed: u64) -> Result<Outcome, String> {
    let world = World::new(seed);
    let scenario = Scenario::draw(&world);
    let mut simulation = Simulation::new(world, scenario, seed)?;
    simulation.begin().map_err(|error| format!("beginning: {error}"))?;
    simulation.trouble()?;
    let took = simulation.heal()?;
    simulation.verify()?;
    Ok(Outcome { trace: simulation.world.trace(), took })
}

impl Simulation {
    fn new(world: World, scenario: Scenario, seed: u64) -> Result<Self, String> {
        let text = |error: Error| format!("{error:?}");
        let model = Model::new(clio_sim::Config {
            auto_consent: true,
            seed: format!("{seed}"),
            rate_limit: scenario.rate_limit,
            search_delay_ms: scenario.search_delay_ms,
            filter_delay_ms: scenario.filter_delay_ms,
            processing_delay_ms: scenario.processing_delay_ms,
            rotation: scenario.rotation,
            empty_401: scenario.empty_401,
            deauthorize_kills_refresh: !scenario.refresh_outlives,
            redirect_uris: Vec::new(),
            truncated_objects: true,
            ..clio_sim::Config::default()
        });
        let (store_clock, ties) = (NodeRuntime::new(&world, OUTSIDE), Ties::default());
        Ok(Self {
            store: MemoryStore::new(Arc::new(store_clock.clone())),
            clio: Clio::new(model),
            work: Dues::work(&store_clock),
            news: Dues::news(&store_clock),
            store_clock,
            intake: MemoryIntake::new(),
            faults: Faults::new(scenario.fault_rate, scenario.nodes, &scenario.events),
            firm: FirmId::new("firm_1").map_err(text)?,
            clocks: BTreeMap::new(),
            up: BTreeMap::new(),
            backup: None,
            restored: false,
            doors: Doors::default(),
            told: Told::default(),
            set_in_clio: BTreeMap::new(),
            asked: Asked::new(&world, &ties, &scenario),
            ties,
            ends: BTreeMap::new(),
            ending: BTreeMap::new(),
            holders: BTreeMap::new(),
            client_data: ClientData::default(),
            strangers: Vec::new(),
            asking: Arc::default(),
            pace: PACE,
            scenario,
            world,
        })
    }

    fn admin(&self) -> Result<Actor, String> {
        let id = ActorId::new("usr_1").map_err(|error| error.to_string())?;
        Ok(Actor { id, firm: self.firm.clone(), role: Role::Admin })
    }

    fn matter(&self, matter: usize) -> Result<MatterId, String> {
        MatterId::new(self.scenario.matters[matter].id.as_str()).map_err(|error| error.to_string())
    }

    /// The way from a process to something of its host's.
    fn reached<T>(&self, inner: T) -> Reached<T> {
        Reached { world: self.world.clone(), faults: self.faults.clone(), inner }
    }

    /// A process over the shared store.
    fn sdk(&mut self, node: Node) -> Result<Arc<Sdk>, String> {
        let world = &self.world;
        let runtime = self.clocks.entry(node).or_insert_with(|| NodeRuntime::new(world, node)).clone();
        let text = |error: Error| format!("{error:?}");
        let network = Network {
            node,
            world: world.clone(),
            runtime: runtime.clone(),
            clio: self.clio.clone(),
            documents: self.reached(self.intake.clone()),
            faults: self.faults.clone(),
            refreshing: Arc::default(),
            slow_tokens: self.scenario.slow_tokens,
            late_saves: self.scenario.late_saves,
            ties: self.ties.clone(),
            sight: Sight::default(),
            asked: self.asked.clone(),
            kept: Kept::default(),
        };
        let holder = Arc::default();
        let remote = Remote {
            node,
            world: world.clone(),
            inner: self.store.clone(),
            faults: self.faults.clone(),
            holder: Arc::clone(&holder),
            sight: network.sight.clone(),
            client_data: self.client_data.clone(),
            work: self.work.clone(),
            news: self.news.clone(),
        };
        self.holders.insert(node, holder);
        let runtime = runtime.looking(self.work.looking(self.pace));
        let vault = Vault {
            inner: Arc::new(StoreTokens::new(Arc::new(remote.clone()))),
            world: world.clone(),
            state: Arc::clone(&network.refreshing),
        };
        let app = ClioApp::new("casehug-dev", "casehug-dev-secret".to_owned().into()).map_err(text)?;
        let url = url::Url::parse("https://app.clio.example").map_err(|error| error.to_string())?;
        let runtime = Arc::new(runtime);
        let keys = ConfiguredKeys::from_text(runtime.clone(), "k", [("k", KEY)]).map_err(text)?;
        let host =
            ClioHost::custom(url).and_then(|host| host.with_upload_host("storage.clio.example")).map_err(text)?;
        let ports = Ports {
            transport: Arc::new(network),
            store: Arc::new(remote),
            keys: Arc::new(self.reached(keys)),
            intake: Arc::new(self.reached(self.intake.clone())),
            runtime,
        };
        let sdk = Sdk::builder(app, host, ports)
            .tokens(Arc::new(vault))
            .late_execution_window(SETTLE)
            .index_delay(INDEX_DELAY)
            .webhook_url(url::Url::parse(PUBLIC_URL).map_err(|error| error.to_string())?)
            .build();
        sdk.map(Arc::new).map_err(text)
    }

    /// Does something to its end, while the world goes on.
    fn wait<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Result<T, String> {
        let slot = Arc::new(Mutex::new(None));
        let filled = Arc::clone(&slot);
        self.world.spawn(HOST, async move {
            let value = work.await;
            *filled.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
        });
        let there = || slot.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        self.world.run_until(self.world.now() + DAY, there);
        slot.lock().unwrap_or_else(PoisonError::into_inner).take().ok_or_else(|| String::from("it never ended"))
    }

    fn put(&self, matter: usize) -> Result<(), String> {
        let text = |error: Error| error.to_string();
        let intake = Intake::from_json(self.scenario.intake(matter).to_string().as_bytes()).map_err(text)?;
        for document in &intake.documents {
            let key = DocumentKey {
                matter: intake.matter.id.clone(),
                document: DocumentId::new(document.id.as_str()).map_err(text)?,
                upload: UploadId::new(document.upload_id.as_str()).map_err(text)?,
            };
            let named = DocumentRef { firm: self.firm.clone(), key };
            if self.wait({
                let (intake, named) = (self.intake.clone(), named.clone());
                async move {
                    use casehug_clio::ports::IntakeSource as _;
                    intake.stat(&named).await.is_err()
                }
            })? {
                self.intake.put_bytes(&named, scenario::bytes_of(document.upload_id.as_str(), document.id.as_str()));
            }
        }
        self.intake.put(&self.firm, intake);
        self.asked.documents(&self.scenario);
        Ok(())
    }

    fn begin(&mut self) -> Result<(), String> {
        if let (true, Some(email)) = (self.scenario.known, self.scenario.clients[0].email.clone()) {
            let known = |(first_name, last_name): (String, String)| {
                json!({ "type": "Person", "first_name": first_name, "last_name": last_name, "email_addresses": [
                    { "name": "Home", "address": email, "default_email": true }] })
            };
            let mut contacts = vec![known((String::from("Z"), String::from("Known")))];
            contacts.extend(self.scenario.namesake.then(|| known(self.scenario.clients[0].name())));
            self.clio.model().seed(world::START - 86_400_000, &json!({ "contacts": contacts }))?;
        }
        let long_ago = world::START - 30 * 86_400_000;
        let seeded = self.clio.model().seed(long_ago, &json!({ "contacts": self.scenario.strangers() }))?;
        self.strangers = seeded["contacts"].as_array().into_iter().flatten().filter_map(|id| id.as_i64()).collect();
        for matter in 0..self.scenario.matters.len() {
            self.put(matter)?;
            self.put(matter)?;
        }
        let host = self.sdk(HOST)?;
        self.open(HOST, &host);
        hooks::deliver(&self.world, &self.clio, &self.faults, &self.doors, self.pace / 2);
        self.read_events(&host);
        self.connect()?;
        let (host, admin, on_name_mismatch) = (self.host()?, self.admin()?, self.scenario.on_name_mismatch);
        let saved = self.wait(async move {
            let settings = FirmSettings { on_name_mismatch, ..host.firm(&admin).settings().get().await? };
            host.firm(&admin).settings().save(settings.clone()).await
        })?;
        saved.map_err(|error| format!("{error:?}"))?;
        for node in 0..self.scenario.nodes {
            self.start(node)?;
        }
        Ok(())
    }

    /// A process is up, and takes deliveries in.
    fn open(&mut self, node: Node, sdk: &Arc<Sdk>) {
        self.up.insert(node, Arc::clone(sdk));
        lock(&self.doors).insert(node, Arc::clone(sdk));
    }

    fn read_events(&self, host: &Arc<Sdk>) {
        hooks::read(&self.world, HOST, &self.firm, host, &self.faults, &self.told, &self.news.looking(self.pace));
    }

    fn host(&self) -> Result<Arc<Sdk>, String> {
        self.up.get(&HOST).cloned().ok_or_else(|| String::from("no host"))
    }

    fn start(&mut self, node: Node) -> Result<(), String> {
        if self.up.contains_key(&node) {
            return Ok(());
        }
        // Its predecessor had its time.
        self.ended_in_time(node)?;
        self.crash(node);
        let sdk = self.sdk(node)?;
        self.open(node, &sdk);
        let (poll, world) = (self.pace, self.world.clone());
        let ((tell, told), ended) = (oneshot::channel(), Arc::<AtomicBool>::default());
        self.ends.insert(node, End { tell, ended: Arc::clone(&ended) });
        let leaves = self.leaves_nothing(node);
        self.world.spawn(node, async move {
            let config = WorkerConfig { poll, ..WorkerConfig::default() };
            let told = async {
                if told.await.is_err() {
                    pending::<()>().await;
                }
            };
            sdk.worker(config).run(told).await;
            leaves(&world);
            ended.store(true, Ordering::Relaxed);
            world.crash(node);
        });
        Ok(())
    }

    fn trouble(&mut self) -> Result<(), String> {
        self.faults.set(true);
        let begun = self.world.now();
        for (at, event) in self.scenario.events.clone() {
            self.world.run_until(begun + at, || false);
            self.apply(event)?;
        }
        self.world.run_until(begun + TROUBLE + Duration::from_secs(60), || false);
        Ok(())
    }

    fn apply(&mut self, event: Event) -> Result<(), String> {
        self.world.tell(|| format!("== {event:?}"));
        match event {
            Event::Approved { matter } => self.trigger(matter)?,
            Event::Manual { matter, node } => {
                if let Some(sdk) = self.up.get(&node).cloned() {
                    let (admin, matter) = (self.admin()?, self.matter(matter)?);
                    let (world, leaves) = (self.world.clone(), self.faults.happens(&self.world));
                    let asking = self.asked.begins(&matter, true);
                    self.world.spawn(node, async move {
                        let _ = world.asked(sdk.firm(&admin).matters().sync(&matter), leaves).await;
                        drop(asking);
                    });
                }
            }
            Event::Decide { matter, document, approve } => {
                let entry = &mut self.scenario.matters[matter].documents[document];
                entry.decide(approve);
                self.put(matter)?;
                self.trigger(matter)?;
            }
            Event::Replace { matter, document } => {
                let entry = &mut self.scenario.matters[matter].documents[document];
                entry.replace();
                self.put(matter)?;
                self.put(matter)?;
                self.trigger(matter)?;
            }
            Event::Edit { matter, last_name, email } => {
                self.scenario.edit(matter, last_name, email);
                for matter in 0..self.scenario.matters.len() {
                    self.put(matter)?;
                }
            }
            Event::Backfill => {
                let matters: Result<Vec<_>, _> = (0..self.scenario.matters.len()).map(|one| self.matter(one)).collect();
                let (host, admin, matters) = (self.host()?, self.admin()?, matters?);
                self.asked.wants_all();
                self.world.spawn(HOST, async move {
                    let _ = host.firm(&admin).backfills().start(matters.clone()).await;
                });
            }
            Event::Answer => {
                let (host, admin, clio) = (self.host()?, self.admin()?, self.clio.clone());
                let (world, asked) = (self.world.clone(), self.asked.clone());
                self.world.spawn(HOST, async move {
                    let answered = heal::answer_reviews(&host, &admin, &clio, &world, &asked).await;
                    world.tell(|| format!("answers: {answered:?}"));
                });
            }
            Event::Backup => self.backup = Some((self.world.now(), self.store.backup())),
            Event::Restore { dies } => self.restore(dies)?,
            Event::Crash { node } => self.crash(node),
            Event::Stop { node, whole } => self.stop(node, whole),
            Event::Start { node } => self.start(node)?,
            Event::Pause { node, length } => self.world.pause(node, length),
            Event::Jump { node, ahead_ms } => {
                if let Some(clock) = self.clocks.get(&node) {
                    clock.jump(ahead_ms);
                }
            }
            Event::StoreClock { by_ms } => self.store_clock.set(by_ms),
            Event::Revoke => self.clio.model().revoke_all(true, false),
            Event::Status { matter, status } => {
                let was = self.in_clio(&self.clio.model(), matter).map(|(_, status)| status.to_owned());
                self.change_in_clio(matter, &json!({ "status": status }));
                if was.is_some_and(|was| was != status) {
                    self.set_in_clio.insert(matter, Timestamp(self.world.unix_ms()));
                }
            }
            Event::Own { matter, status } => self.set_own(matter, status)?,
            Event::Move { matter } => self.change_in_clio(matter, &json!({ "location": "Room 2" })),
            Event::Disconnect => self.disconnect()?,
            Event::Reconnect => self.reconnect()?,
            Event::Outage { length } => self.faults.lose_clio(self.world.now() + length),
            Event::Suspend => self.clio.model().suspend_webhooks(),
        }
        Ok(())
    }

    /// What a person does inside Clio to a matter of ours, if it is there already.
    fn change_in_clio(&self, matter: usize, data: &serde_json::Value) {
        let now = self.world.unix_ms();
        let mut model = self.clio.model();
        let Some((id, _)) = self.in_clio(&model, matter) else { return };
        let mut request = Request::new("POST", "/__sim/edit");
        request.body = json!({ "resource": "matters", "id": id, "data": data }).to_string().into_bytes();
        model.handle(now, &request);
    }

    /// A matter of ours in Clio: its id and its status.
    fn in_clio<'a>(&self, model: &'a Model, matter: usize) -> Option<(i64, &'a str)> {
        let ours = self.scenario.matters[matter].id.as_str();
        let mut matters = model.matters();
        matters.find(|(_, text, _)| text.rsplit(' ').next() == Some(ours)).map(|(id, _, status)| (id, status))
    }

    fn crash(&mut self, node: Node) {
        self.up.remove(&node);
        self.ends.remove(&node);
        self.ending.remove(&node);
        lock(&self.doors).remove(&node);
        self.world.crash(node);
    }

    /// The operator's way: stop everything, restore, say since when, start, trigger what was
    /// approved. Workers that only stand still meanwhile go on with what they knew.
    fn restore(&mut self, dies: bool) -> Result<(), String> {
        let Some((at, backup)) = self.backup.clone() else { return Ok(()) };
        let nodes = 0..self.scenario.nodes;
        for node in nodes.clone().filter(|_| dies).chain([HOST]) {
            self.crash(node);
        }
        self.restored = true;
        self.ties.forget();
        self.asked.forget();
        self.told.restored.store(true, Ordering::Relaxed);
        self.store.restore(&backup);
        self.work.read(&self.store);
        self.news.read(&self.store);
        let host = self.sdk(HOST)?;
        self.open(HOST, &host);
        self.read_events(&host);
        let (admin, world) = (self.admin()?, self.world.clone());
        let since = Timestamp(world::START + i64::try_from(at.as_millis()).unwrap_or(0));
        let said = Arc::new(AtomicBool::new(false));
        let saying = Arc::clone(&said);
        self.world.spawn(HOST, async move {
            while host.firm(&admin).reviews().begin_recovery(since).await.is_err() {
                world.sleep(Duration::from_secs(1)).await;
            }
            saying.store(true, Ordering::Relaxed);
        });
        let second = Duration::from_secs(1);
        while !said.load(Ordering::Relaxed) {
            for node in nodes.clone().filter(|_| !dies) {
                self.world.pause(node, 2 * second);
            }
            self.world.run_until(self.world.now() + second, || said.load(Ordering::Relaxed));
        }
        for matter in 0..self.scenario.matters.len() {
            self.trigger(matter)?;
        }
        for node in 0..self.scenario.nodes {
            self.start(node)?;
        }
        Ok(())
    }

    /// A host that keeps to the contract: it says so until the trigger was taken.
    fn trigger(&mut self, matter: usize) -> Result<(), String> {
        let Some(sdk) = self.up.get(&HOST).cloned() else { return Err(String::from("no host")) };
        let (world, admin, matter) = (self.world.clone(), self.admin()?, self.matter(matter)?);
        let (waits, asking) = (Arc::clone(&self.asking), self.asked.begins(&matter, false));
        self.world.spawn(HOST, async move {
            while sdk.firm(&admin).matters().trigger(&matter, Trigger::Approved).await.is_err() {
                world.sleep(Duration::from_secs(1)).await;
            }
            asking.is_taken();
            drop(waits);
        });
        Ok(())
    }
}

impl Drop for Simulation {
    fn drop(&mut self) {
        // Tasks hold the world, and the world its tasks.
        for node in (0..self.scenario.nodes).chain([HOST, OUTSIDE]) {
            self.world.crash(node);
        }
    }
}
