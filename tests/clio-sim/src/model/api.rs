//! The API: from a request to the record it means and back, with everything that is the same for
//! every resource.

use serde_json::{Value, json};

use super::{
    Model, access,
    errors::{self, ApiError, ApiResult},
    fields::{self, Selection},
    http::{Query, Request, Response},
    input, paging,
    rate::Budget,
    resource::{Resource, Stamp},
    time,
};
use crate::config::AreasRedirect;

/// The newest 4.0.x there is.
const NEWEST_PATCH: u32 = 13;

/// What a path means.
#[derive(Debug, Clone, Copy)]
enum Act {
    Index,
    Create,
    Show(i64),
    Update(i64),
    Destroy(i64),
    WhoAmI,
    Activate(i64),
}

impl Act {
    fn writes(self) -> bool {
        !matches!(self, Self::Index | Self::Show(_) | Self::WhoAmI)
    }
}

/// A path of the API, understood.
#[derive(Debug)]
struct Route {
    resource: Resource,
    act: Act,
    /// The path's first segment: two paths serve practice areas.
    segment: String,
}

impl Route {
    /// `None`: it is not simulated.
    fn of(method: &str, path: &str) -> Option<Self> {
        let path = path.strip_prefix("/api/v4/")?;
        let path = path.strip_suffix(".json").unwrap_or(path);
        let segments: Vec<&str> = path.split('/').collect();
        // What is no number is no record's id.
        let id = |text: &str| text.parse::<i64>().unwrap_or(-1);
        let act = match (method, segments.as_slice()) {
            ("GET", ["users", "who_am_i"]) => Act::WhoAmI,
            ("PUT", ["webhooks", hook, "activate"]) => Act::Activate(id(hook)),
            ("GET", [_]) => Act::Index,
            ("GET", [_, record]) => Act::Show(id(record)),
            (_, ["users", ..]) => return None,
            ("POST", [_]) => Act::Create,
            (_, ["custom_fields", _]) => return None,
            ("PATCH" | "PUT", [_, record]) => Act::Update(id(record)),
            ("DELETE", [_, record]) => Act::Destroy(id(record)),
            _ => return None,
        };
        let segment = (*segments.first()?).to_owned();
        Some(Self { resource: Resource::of(&segment)?, act, segment })
    }

    /// The route as statistics name it: `PATCH /documents/{id}`.
    fn label(&self, method: &str) -> String {
        let tail = match self.act {
            Act::Index | Act::Create => "",
            Act::Show(_) | Act::Update(_) | Act::Destroy(_) => "/{id}",
            Act::WhoAmI => "/who_am_i",
            Act::Activate(_) => "/{id}/activate",
        };
        format!("{method} /{}{tail}", self.segment)
    }
}

/// The route as statistics name it.
pub(crate) fn label(request: &Request) -> String {
    if request.path.starts_with("/oauth/") {
        return format!("{} {}", request.method, request.path);
    }
    Route::of(&request.method, &request.path)
        .map_or_else(|| format!("{} (unknown)", request.method), |route| route.label(&request.method))
}

impl Model {
    pub(crate) fn handle_api(&mut self, now: i64, request: &Request) -> Response {
        if self.config.firewall && blocked(request.header("user-agent")) {
            return errors::firewall();
        }
        let mut budget = None;
        let mut answer = match self.checked(now, request, &mut budget) {
            Ok(answer) => answer,
            Err(refusal) => refusal.answer(),
        };
        if let Some(budget) = budget {
            budget.write(&mut answer);
        }
        answer
    }

    fn checked(&mut self, now: i64, request: &Request, budget: &mut Option<Budget>) -> ApiResult<Response> {
        self.authenticate(now, request)?;
        let taken = self.rates.take(request.bearer().unwrap_or_default(), now, &self.config);
        *budget = Some(taken);
        if let Some(seconds) = taken.refused {
            return Err(ApiError::limited(seconds));
        }
        let version = self.version(request.header("x-api-version"))?;
        let route = Route::of(&request.method, &request.path);
        if self.config.plan_without_api {
            access::check(&self.config, Resource::Contacts, false)?;
        }
        let route = route.ok_or_else(|| ApiError::not_simulated(request))?;
        access::check(&self.config, route.resource, route.act.writes())?;
        let mut answer = match self.redirected(&route, request) {
            Some(answer) => answer,
            None => self.run(now, &route, request)?,
        };
        if answer.status < 400 {
            answer.set("X-API-VERSION", version);
        }
        Ok(answer)
    }

    fn version(&self, asked: Option<&str>) -> ApiResult<String> {
        let Some(asked) = asked else {
            return Ok(self.config.default_api_version.clone());
        };
        let patch = asked.trim().strip_prefix("4.0.").and_then(|patch| patch.parse::<u32>().ok());
        match patch {
            Some(patch) if patch <= NEWEST_PATCH => Ok(format!("4.0.{patch}")),
            _ => Err(ApiError::bad_version(asked)),
        }
    }

    /// The 307 that some firms' practice areas answer.
    fn redirected(&self, route: &Route, request: &Request) -> Option<Response> {
        let origin = match self.config.practice_areas_307 {
            AreasRedirect::None => return None,
            AreasRedirect::SameOrigin => &self.api_origin,
            AreasRedirect::OtherOrigin => &self.config.other_origin,
        };
        if route.segment != "practice_areas" || !matches!(route.act, Act::Index | Act::Create) {
            return None;
        }
        let mut answer = Response::empty(307);
        let query = if request.query.is_empty() { String::new() } else { format!("?{}", request.query) };
        answer.set("Location", format!("{origin}/api/v4/practice_areas_with_categories.json{query}"));
        Some(answer)
    }

    fn run(&mut self, now: i64, route: &Route, request: &Request) -> ApiResult<Response> {
        let query = Query::parse(request.query.as_bytes());
        let kind = route.resource;
        let selection = fields::parse(query.get("fields"), kind.shape())?;
        match route.act {
            Act::Index => {
                let ids = self.index(now, kind, &query)?;
                let url = format!("{}/api/v4/{}.json", self.api_origin, route.segment);
                let page = paging::page(ids, &query, &url)?;
                let records = page.ids.iter().filter_map(|id| self.record(now, kind, *id, false).ok());
                let data: Vec<Value> = records.map(|(_, record)| self.shown(kind, &record, &selection)).collect();
                Ok(Response::json(200, &json!({"data": data, "meta": page.meta})))
            }
            Act::WhoAmI => self.show(now, kind, self.config.user_id, &selection, request),
            Act::Show(id) => self.show(now, kind, id, &selection, request),
            Act::Create => {
                let data = input::data(request, self.config.body_limit)?;
                let id = match kind {
                    Resource::Contacts => self.contact_create(now, &data, true),
                    Resource::Matters => self.matter_create(now, &data, true),
                    Resource::PracticeAreas => self.area_create(now, &data, true),
                    Resource::Documents => self.document_create(now, &data, true),
                    Resource::Webhooks => self.webhook_create(now, &data),
                    Resource::CustomFields => self.custom_field_create(now, &data),
                    Resource::Users => Err(ApiError::not_found("The requested resource")),
                }?;
                self.tell_created(now, kind, id);
                self.single(now, kind, id, 201, &selection)
            }
            Act::Update(id) => {
                let data = input::data(request, self.config.body_limit)?;
                let (stamp, record) = self.record(now, kind, id, false)?;
                let etag = record.get("etag").and_then(Value::as_str).unwrap_or_default();
                if !matches_tag(request.header("if-match"), etag).unwrap_or(true) {
                    return Err(ApiError::stale());
                }
                self.update(now, kind, stamp.id, &data)?;
                self.single(now, kind, id, 200, &selection)
            }
            Act::Activate(id) => {
                self.webhook_activate(now, id, request.header("x-hook-secret"))?;
                self.single(now, kind, id, 200, &selection)
            }
            Act::Destroy(id) => {
                self.record(now, kind, id, false)?;
                self.destroy(now, kind, id)?;
                Ok(Response::empty(204))
            }
        }
    }

    fn index(&self, now: i64, kind: Resource, query: &Query) -> ApiResult<Vec<i64>> {
        match kind {
            Resource::Contacts => self.contacts_index(now, query),
            Resource::Matters => self.matters_index(now, query),
            Resource::PracticeAreas => self.areas_index(query),
            Resource::Documents => self.documents_index(now, query),
            Resource::Webhooks => self.webhooks_index(now, query),
            Resource::CustomFields => self.custom_fields_index(query),
            Resource::Users => Ok(vec![self.config.user_id]),
        }
    }

    pub(crate) fn update(&mut self, now: i64, kind: Resource, id: i64, data: &input::Data) -> ApiResult<()> {
        let before = self.watched(now, kind, id);
        match kind {
            Resource::Contacts => self.contact_update(now, id, data),
            Resource::Matters => self.matter_update(now, id, data),
            Resource::PracticeAreas => self.area_update(now, id, data),
            Resource::Documents => self.document_update(now, id, data),
            Resource::Webhooks => self.webhook_update(now, id, data),
            Resource::CustomFields | Resource::Users => Err(ApiError::not_found("The requested resource")),
        }?;
        self.tell_updated(now, kind, id, before);
        Ok(())
    }

    pub(crate) fn destroy(&mut self, now: i64, kind: Resource, id: i64) -> ApiResult<()> {
        let before = self.watched(now, kind, id);
        match kind {
            Resource::Contacts if self.matters.values().any(|matter| matter.client == id) => {
                return Err(ApiError::conflict("The contact is the client of a matter."));
            }
            Resource::Contacts => drop(self.contacts.remove(&id)),
            Resource::Matters => drop(self.matters.remove(&id)),
            Resource::PracticeAreas => drop(self.areas.remove(&id)),
            Resource::Webhooks => drop(self.webhooks.remove(&id)),
            Resource::Documents => {
                if let Some(document) = self.documents.get_mut(&id) {
                    document.deleted = Some(now);
                    document.stamp.touch(now);
                }
            }
            Resource::CustomFields | Resource::Users => {
                return Err(ApiError::not_found("The requested resource"));
            }
        }
        // Subscriptions come and go; what counts is the firm's data.
        self.deleted += u64::from(kind != Resource::Webhooks);
        self.tell_deleted(now, kind, id, before);
        Ok(())
    }

    /// A record with everything in it. `links` also shows where to upload.
    pub(crate) fn record(&self, now: i64, kind: Resource, id: i64, links: bool) -> ApiResult<(Stamp, Value)> {
        Ok(match kind {
            Resource::Contacts => {
                let contact = self.contact(id)?;
                (contact.stamp.clone(), self.contact_record(contact))
            }
            Resource::Matters => {
                let matter = self.matter(id)?;
                (matter.stamp.clone(), self.matter_record(matter))
            }
            Resource::PracticeAreas => {
                let area = self.areas.get(&id).ok_or_else(|| ApiError::not_found("Practice area"))?;
                (area.stamp.clone(), self.area_record(area))
            }
            Resource::Documents => {
                let document = self.document(id)?;
                (document.stamp.clone(), self.document_record(now, document, links))
            }
            Resource::Webhooks => {
                let hook = self.webhook(now, id)?;
                (hook.stamp.clone(), self.webhook_record(hook))
            }
            Resource::CustomFields => {
                let field = self.custom_field(id)?;
                (field.stamp.clone(), self.custom_field_record(field))
            }
            Resource::Users => {
                self.user(id)?;
                (self.user_stamp(), self.user_record())
            }
        })
    }

    fn shown(&self, kind: Resource, record: &Value, selection: &Selection) -> Value {
        fields::project(record, kind.shape(), selection, !self.config.strict_contract)
    }

    /// The answer with one record: its body, its tag and its date.
    fn single(&self, now: i64, kind: Resource, id: i64, status: u16, selection: &Selection) -> ApiResult<Response> {
        let (stamp, record) = self.record(now, kind, id, true)?;
        let mut answer = Response::json(status, &json!({"data": self.shown(kind, &record, selection)}));
        answer.set("ETag", record.get("etag").and_then(Value::as_str).unwrap_or_default());
        answer.set("Last-Modified", time::http_date(stamp.updated));
        Ok(answer)
    }

    fn show(&self, now: i64, kind: Resource, id: i64, selection: &Selection, request: &Request) -> ApiResult<Response> {
        let (stamp, record) = self.record(now, kind, id, false)?;
        let etag = record.get("etag").and_then(Value::as_str).unwrap_or_default();
        let since = request.header("if-modified-since").and_then(time::parse_http_date);
        let unchanged = matches_tag(request.header("if-none-match"), etag)
            .unwrap_or_else(|| since.is_some_and(|since| stamp.updated.div_euclid(1000) <= since.div_euclid(1000)));
        let mut answer = if unchanged {
            Response::empty(304)
        } else {
            Response::json(200, &json!({"data": self.shown(kind, &record, selection)}))
        };
        answer.set("ETag", etag);
        answer.set("Last-Modified", time::http_date(stamp.updated));
        Ok(answer)
    }

    /// Whether lists find the record yet.
    pub(crate) fn indexed(&self, now: i64, stamp: &Stamp, by_text: bool) -> bool {
        let delay = if by_text { self.config.search_delay_ms } else { self.config.filter_delay_ms };
        now >= stamp.created.saturating_add(delay)
    }
}

/// Whether the firewall refuses the agent: none at all, or one with a URL in it.
fn blocked(agent: Option<&str>) -> bool {
    let agent = agent.unwrap_or_default().trim().to_lowercase();
    agent.is_empty() || agent.contains("://") || agent.contains("www.")
}

/// Whether a conditional header names the tag; `None` without the header.
fn matches_tag(header: Option<&str>, etag: &str) -> Option<bool> {
    let mut tags = header?.split(',').map(str::trim);
    Some(tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag))
}
