//! A pure model of Clio Manage: requests in, answers out.
//!
//! It is synchronous and deterministic. The time is an argument, tokens and uuids are derived from
//! the seed and a counter, and document bytes never enter it. So the same model serves real HTTP
//! (see [`crate::ClioSim`]) and a simulation on a virtual clock.
//!
//! ```
//! use clio_sim::{Config, model::{Model, Request}};
//!
//! let mut clio = Model::new(Config::default());
//! let token = clio.grant(0).access_token;
//! let request = Request::new("GET", "/api/v4/users/who_am_i?fields=name")
//!     .with_header("User-Agent", "doc/1")
//!     .with_header("Authorization", &format!("Bearer {token}"));
//! let answer = clio.handle(0, &request);
//! assert_eq!(answer.body_json()["data"]["name"], "Dana Whitfield");
//! ```

mod access;
mod api;
mod consent;
mod contact_parts;
mod contacts;
mod control;
mod custom_fields;
mod deliveries;
mod documents;
mod errors;
mod faults;
mod fields;
mod http;
mod input;
mod matters;
mod oauth;
mod page;
mod paging;
mod practice_areas;
mod rate;
mod report;
mod resource;
pub mod shapes;
mod storage;
mod time;
mod users;
mod versions;
mod webhooks;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub use self::{
    deliveries::Delivery,
    faults::{Action, Deliver, Execute, Fault, Plan},
    http::{Request, Response},
    oauth::Tokens,
    storage::Payload,
};
pub use crate::config::Config;

/// One simulated Clio: one region, one firm, one developer application.
#[derive(Debug)]
pub struct Model {
    config: Config,
    api_origin: String,
    storage_origin: String,
    ids: resource::Ids,
    minted: u64,
    next_matter_number: i64,
    deleted: u64,
    oauth: oauth::OAuth,
    rates: rate::RateLimits,
    faults: faults::Faults,
    log: report::CallLog,
    contacts: BTreeMap<i64, contacts::Contact>,
    matters: BTreeMap<i64, matters::Matter>,
    areas: BTreeMap<i64, practice_areas::Area>,
    documents: BTreeMap<i64, documents::Document>,
    webhooks: BTreeMap<i64, webhooks::Webhook>,
    custom_fields: BTreeMap<i64, custom_fields::CustomField>,
    posts: BTreeMap<u64, deliveries::Post>,
    posted: u64,
    /// Which records a subscription has told of.
    told_once: BTreeSet<(i64, i64)>,
}

impl Model {
    /// A firm with its practice areas and nothing else.
    pub fn new(config: Config) -> Self {
        let mut model = Self {
            config,
            api_origin: "https://app.clio.example".into(),
            storage_origin: "https://storage.clio.example".into(),
            ids: resource::Ids::default(),
            minted: 0,
            next_matter_number: 1,
            deleted: 0,
            oauth: oauth::OAuth::default(),
            rates: rate::RateLimits::default(),
            faults: faults::Faults::default(),
            log: report::CallLog::default(),
            contacts: BTreeMap::new(),
            matters: BTreeMap::new(),
            areas: BTreeMap::new(),
            documents: BTreeMap::new(),
            webhooks: BTreeMap::new(),
            custom_fields: BTreeMap::new(),
            posts: BTreeMap::new(),
            posted: 0,
            told_once: BTreeSet::new(),
        };
        if model.config.default_practice_areas {
            for (name, code, category) in practice_areas::DEFAULTS {
                let data = json!({"name": name, "code": code, "category": category});
                if let Some(data) = data.as_object() {
                    // Two years before anything a test does.
                    let _ = model.area_create(1_700_000_000_000, data, false);
                }
            }
        }
        model
    }

    /// Where the API and the storage host are reached: the beginnings of the URLs in answers.
    pub fn set_origins(&mut self, api: &str, storage: &str) {
        api.clone_into(&mut self.api_origin);
        storage.clone_into(&mut self.storage_origin);
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The configuration, to change while running.
    pub fn config_mut(&mut self) -> &mut Config {
        &mut self.config
    }

    /// Adds a fault rule.
    pub fn add_fault(&mut self, fault: Fault) {
        self.faults.0.push(fault);
    }

    /// Removes every fault rule.
    pub fn clear_faults(&mut self) {
        self.faults.0.clear();
    }

    /// Creates contacts, matters and practice areas as if the firm had had them before; the same
    /// JSON as `POST /__sim/seed`. Answers their ids, or why something was refused.
    ///
    /// # Errors
    /// When a record is one that Clio itself would refuse.
    pub fn seed(&mut self, now: i64, seed: &Value) -> Result<Value, String> {
        self.seed_records(now, seed).map_err(|refusal| refusal.message)
    }

    /// Decides what happens to a request. [`Model::perform`] does what the plan says.
    pub fn admit(&mut self, now: i64, request: &Request) -> Plan {
        if request.path.starts_with("/__sim/") {
            return Plan::plain();
        }
        let plan = self.faults.plan(request);
        if plan.execute == Execute::Never {
            let none = Response::default();
            let status = plan.answer.as_ref().map_or(0, |answer| answer.status);
            self.log.record(now, request, &api::label(request), &none, None, Some(status));
        }
        plan
    }

    /// Runs a request and gives the answer its plan wants.
    pub fn perform(&mut self, now: i64, request: &Request, plan: &Plan) -> Response {
        let own = self.handle(now, request);
        plan.mangled(own)
    }

    /// The same for a request to the storage host.
    pub fn perform_storage(&mut self, now: i64, head: &Request, payload: &Payload, plan: &Plan) -> Response {
        let truncated = self.config.truncated_objects || plan.upload.is_some();
        let own = self.answer_storage(now, head, payload, truncated);
        plan.mangled(own)
    }

    /// Runs a request to the API, to OAuth or to the simulator itself, faults aside.
    pub fn handle(&mut self, now: i64, request: &Request) -> Response {
        if let Some(page) = page::page(request) {
            return page;
        }
        if request.path.starts_with("/__sim/") {
            return self.handle_control(now, request);
        }
        let mut answer = if request.path.starts_with("/oauth/") {
            self.handle_oauth(now, request)
        } else if request.path.starts_with("/api/v4/") {
            self.handle_api(now, request)
        } else {
            errors::ApiError::not_simulated(request).answer()
        };
        if self.config.empty_401 && !request.path.starts_with("/oauth/token") {
            oauth::without_body(&mut answer);
        }
        answer.set("Date", time::http_date(now));
        self.log.record(now, request, &api::label(request), &answer, None, None);
        answer
    }

    /// Hex digits derived from the seed and a counter.
    fn mint(&mut self, purpose: &str, digits: usize) -> String {
        self.minted += 1;
        let digest = Sha256::digest(format!("{}|{purpose}|{}", self.config.seed, self.minted));
        let mut text = hex::encode(digest);
        text.truncate(digits);
        text
    }

    fn mint_uuid(&mut self) -> String {
        let hex = self.mint("uuid", 32);
        let cut = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
        format!("{}-{}-4{}-a{}-{}", cut(0, 8), cut(8, 12), cut(13, 16), cut(17, 20), cut(20, 32))
    }
}
