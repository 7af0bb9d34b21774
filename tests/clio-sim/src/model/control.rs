//! The simulator's own endpoints under `/__sim/`: seeding, faults, configuration, and what
//! happened.

use serde_json::{Map, Value, json};

use super::{
    Config, Model,
    errors::{ApiError, ApiResult},
    faults::Fault,
    http::{Request, Response},
    input::{self, Data},
    resource::Resource,
};

impl Model {
    pub(crate) fn handle_control(&mut self, now: i64, request: &Request) -> Response {
        match self.control(now, request) {
            Ok(body) => Response::json(200, &body),
            Err(refusal) => refusal.answer(),
        }
    }

    fn control(&mut self, now: i64, request: &Request) -> ApiResult<Value> {
        let body = || -> ApiResult<Value> {
            if request.body.is_empty() {
                return Ok(json!({}));
            }
            serde_json::from_slice(&request.body).map_err(|error| ApiError::bad_request(error.to_string()))
        };
        let name = request.path.strip_prefix("/__sim/").unwrap_or_default();
        match (request.method.as_str(), name) {
            ("GET", "state") => Ok(self.state(now)),
            ("GET", "calls") => Ok(json!({"calls": self.log.calls(), "counts": self.log.counts()})),
            ("DELETE", "calls") => {
                self.log.clear();
                Ok(json!({}))
            }
            ("GET", "faults") => Ok(json!({"faults": self.faults.0})),
            ("POST", "faults") => self.add_faults(body()?),
            ("DELETE", "faults") => {
                self.faults.0.clear();
                Ok(json!({"faults": []}))
            }
            ("GET", "config") => self.shown_config(),
            ("POST" | "PATCH", "config") => {
                self.merge_config(body()?)?;
                self.shown_config()
            }
            ("POST", "clock") => {
                let ms = body()?.get("advance_ms").and_then(Value::as_i64);
                let ms = ms.ok_or_else(|| ApiError::bad_request("advance_ms is missing."))?;
                self.config.clock_offset_ms = self.config.clock_offset_ms.saturating_add(ms);
                Ok(json!({"clock_offset_ms": self.config.clock_offset_ms}))
            }
            ("POST", "seed") => self.seed_records(now, &body()?),
            ("POST", "edit") => {
                let body = body()?;
                self.unrestricted(|model| model.edit(now, &body))
            }
            ("POST", "tokens") => {
                let tokens = self.grant(now);
                Ok(json!({
                    "access_token": tokens.access_token,
                    "refresh_token": tokens.refresh_token,
                    "expires_in": self.config.access_token_lifetime_s,
                }))
            }
            ("POST", "revoke") => {
                let body = body()?;
                let flag = |name: &str| body.get(name).and_then(Value::as_bool).unwrap_or(true);
                self.revoke_all(flag("access"), flag("refresh"));
                Ok(json!({}))
            }
            ("POST", "suspend_webhooks") => {
                self.suspend_webhooks();
                Ok(json!({}))
            }
            ("POST", "reset_rate_limits") => {
                self.rates.clear();
                Ok(json!({}))
            }
            _ => Err(ApiError::not_found("The simulator's endpoint")),
        }
    }

    fn shown_config(&self) -> ApiResult<Value> {
        let mut shown = serde_json::to_value(&self.config).map_err(|error| ApiError::bad_request(error.to_string()))?;
        if let Some(members) = shown.as_object_mut() {
            members.remove("client_secret");
            members.remove("seed");
        }
        Ok(shown)
    }

    fn merge_config(&mut self, changes: Value) -> ApiResult<()> {
        let wrong = |error: serde_json::Error| ApiError::bad_request(error.to_string());
        let mut merged = serde_json::to_value(&self.config).map_err(wrong)?;
        let (Some(members), Value::Object(changes)) = (merged.as_object_mut(), changes) else {
            return Err(ApiError::bad_request("The configuration must be an object."));
        };
        members.extend(changes);
        let mut config: Config = serde_json::from_value(merged).map_err(wrong)?;
        config.seed.clone_from(&self.config.seed);
        self.config = config;
        Ok(())
    }

    /// One rule, a list of rules, or `{"faults": […]}`.
    fn add_faults(&mut self, body: Value) -> ApiResult<Value> {
        let rules = match body {
            Value::Array(rules) => rules,
            Value::Object(mut members) => match members.remove("faults") {
                Some(Value::Array(rules)) => rules,
                Some(_) => return Err(ApiError::bad_request("faults must be a list.")),
                None => vec![Value::Object(members)],
            },
            _ => return Err(ApiError::bad_request("A fault must be an object.")),
        };
        let rules: Vec<Fault> = rules
            .into_iter()
            .map(serde_json::from_value)
            .collect::<Result<_, _>>()
            .map_err(|error| ApiError::bad_request(error.to_string()))?;
        self.faults.0.extend(rules);
        Ok(json!({"faults": self.faults.0}))
    }

    /// Creates records as if the firm had had them before. A matter names its client by id, or by
    /// `client_index`, its place among the contacts of the same seed; its practice area by id or by
    /// `practice_area_name`.
    pub(crate) fn seed_records(&mut self, now: i64, seed: &Value) -> ApiResult<Value> {
        self.unrestricted(|model| {
            let areas = model.seed_list(now, seed, "practice_areas", &[])?;
            let contacts = model.seed_list(now, seed, "contacts", &[])?;
            let matters = model.seed_list(now, seed, "matters", &contacts)?;
            Ok(json!({"contacts": contacts, "matters": matters, "practice_areas": areas}))
        })
    }

    /// Does something as a person who sees every contact.
    fn unrestricted<T>(&mut self, act: impl FnOnce(&mut Self) -> T) -> T {
        let restricted = std::mem::replace(&mut self.config.contacts_restricted, false);
        let done = act(self);
        self.config.contacts_restricted = restricted;
        done
    }

    fn seed_list(&mut self, now: i64, seed: &Value, list: &str, contacts: &[i64]) -> ApiResult<Vec<i64>> {
        if list == "practice_areas" && seed.get("replace_practice_areas") == Some(&json!(true)) {
            self.areas.clear();
        }
        let empty = Map::new();
        let items = input::list(seed.as_object().unwrap_or(&empty), list)?;
        items.into_iter().map(|item| self.seed_one(now, list, item.clone(), contacts)).collect()
    }

    fn seed_one(&mut self, now: i64, list: &str, mut item: Data, contacts: &[i64]) -> ApiResult<i64> {
        let own = item.remove("own").and_then(|own| own.as_bool()).unwrap_or(false);
        let at = item.remove("created_at_ms").and_then(|at| at.as_i64()).unwrap_or(now);
        if let Some(index) = item.remove("client_index") {
            let id = index.as_u64().and_then(|index| contacts.get(usize::try_from(index).ok()?));
            let id = id.ok_or_else(|| ApiError::bad_request("client_index names no contact of this seed."))?;
            item.insert("client".into(), json!({"id": id}));
        }
        if let Some(name) = item.remove("practice_area_name") {
            let area = self.areas.values().find(|area| Some(area.name.as_str()) == name.as_str());
            let area = area.ok_or_else(|| ApiError::bad_request("practice_area_name names no practice area."))?;
            item.insert("practice_area".into(), json!({"id": area.stamp.id}));
        }
        match list {
            "practice_areas" => self.area_create(at, &item, own),
            "contacts" => self.contact_create(at, &item, own),
            _ => self.matter_create(at, &item, own),
        }
    }

    /// Changes or deletes a record as a person would inside Clio: no token, no call counted.
    fn edit(&mut self, now: i64, body: &Value) -> ApiResult<Value> {
        let kind = body.get("resource").and_then(Value::as_str).and_then(Resource::of);
        let kind = kind.ok_or_else(|| ApiError::bad_request("resource names no kind of record."))?;
        let id = body.get("id").and_then(input::integer);
        let id = id.ok_or_else(|| ApiError::bad_request("id is missing."))?;
        let before = self.deleted;
        if body.get("delete") == Some(&json!(true)) {
            self.destroy(now, kind, id)?;
            self.deleted = before;
            return Ok(json!({}));
        }
        let data = body.get("data").and_then(Value::as_object);
        self.update(now, kind, id, data.ok_or_else(|| ApiError::bad_request("data is missing."))?)?;
        Ok(json!({"data": self.record(now, kind, id, false)?.1}))
    }
}
