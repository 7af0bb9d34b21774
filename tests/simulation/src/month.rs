//! A firm over weeks: what becomes of its webhook subscription, and what the host knows meanwhile.
//! Nothing fails but what is asked for.

use std::time::Duration;

use casehug_clio::OnNameMismatch;
use serde_json::{Value, json};

use crate::hooks::lock;
use crate::scenario::{Client, Document, Matter, Scenario};
use crate::world::World;
use crate::{HOST, Simulation};

pub const HOUR: Duration = Duration::from_secs(3600);
pub const DAY: Duration = Duration::from_secs(24 * 3600);

/// One firm with one synced matter.
pub struct Firm(Simulation);

impl std::fmt::Debug for Firm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Firm")
    }
}

impl Firm {
    /// Connected and synced. `handshake_delay_ms`: how long Clio takes before it sends the
    /// handshake.
    ///
    /// # Errors
    /// What does not hold.
    pub fn new(handshake_delay_ms: i64) -> Result<Self, String> {
        let document = Document::new(0, "approved", "client_upload");
        let scenario = Scenario {
            clients: vec![Client::new(0, None)],
            matters: vec![Matter { id: String::from("m0"), client: 0, documents: vec![document], edits: 0 }],
            nodes: 1,
            fault_rate: 0.0,
            known: false,
            namesake: false,
            on_name_mismatch: OnNameMismatch::Link,
            search_delay_ms: 0,
            filter_delay_ms: 0,
            processing_delay_ms: 0,
            rate_limit: 50,
            rotation: clio_sim::Rotation::Never,
            slow_tokens: Duration::ZERO,
            late_saves: false,
            empty_401: false,
            refresh_outlives: false,
            events: Vec::new(),
        };
        let mut simulation = Simulation::new(World::new(7), scenario, 7)?;
        // Weeks are long: everybody looks more rarely.
        simulation.pace = Duration::from_secs(300);
        simulation.clio.model().config_mut().hook_handshake_delay_ms = handshake_delay_ms;
        simulation.begin()?;
        simulation.trigger(0)?;
        simulation.heal()?;
        Ok(Self(simulation))
    }

    pub fn pass(&mut self, time: Duration) {
        self.0.world.run_until(self.0.world.now() + time, || false);
    }

    /// A person does this to the matter inside Clio.
    pub fn edit(&self, data: &Value) {
        self.0.change_in_clio(0, data);
    }

    pub fn set_status(&self, status: &str) {
        self.edit(&json!({ "status": status }));
    }

    pub fn suspend(&self) {
        self.0.clio.model().suspend_webhooks();
    }

    /// What the host believes.
    ///
    /// # Errors
    /// A name that is none.
    pub fn told(&self) -> Result<&'static str, String> {
        Ok(self.0.told.status(&self.0.matter(0)?))
    }

    /// Subscriptions as Clio knows them.
    #[must_use]
    pub fn subscriptions(&self) -> Vec<Value> {
        let now = self.0.world.unix_ms();
        self.0.clio.model().state(now)["webhooks"].as_array().cloned().unwrap_or_default()
    }

    /// Calls so far.
    #[must_use]
    pub fn calls(&self, route: &str) -> u64 {
        let now = self.0.world.unix_ms();
        self.0.clio.model().state(now)["calls"]["by_route"][route].as_u64().unwrap_or(0)
    }

    /// Somebody subscribes with the firm's authorization.
    pub fn subscribe_somehow(&self, url: &str) {
        let now = self.0.world.unix_ms();
        let mut model = self.0.clio.model();
        let token = model.grant(now).access_token;
        let mut request = clio_sim::model::Request::new("POST", "/api/v4/webhooks.json")
            .with_header("user-agent", "somebody/1")
            .with_header("content-type", "application/json")
            .with_header("authorization", &format!("Bearer {token}"));
        let data = json!({ "url": url, "model": "matter", "fields": "id,status" });
        request.body = json!({ "data": data }).to_string().into_bytes();
        model.handle(now, &request);
    }

    /// Audit entries of this action.
    #[must_use]
    pub fn audited(&self, action: &str) -> usize {
        let wanted = format!("\"action\":\"{action}\"");
        let records = self.0.store.dump();
        records.iter().filter(|(key, body)| key.collection == "audit" && body.contains(&wanted)).count()
    }

    /// Nobody answers at the public URL any more.
    pub fn close_doors(&mut self) {
        lock(&self.0.doors).clear();
    }

    /// The worker's process is down for so long, and its endpoint.
    ///
    /// # Errors
    /// It does not start again.
    pub fn downtime(&mut self, time: Duration) -> Result<(), String> {
        self.0.crash(0);
        let host = self.0.host()?;
        self.close_doors();
        self.pass(time);
        lock(&self.0.doors).insert(HOST, host);
        self.0.start(0)
    }
}
