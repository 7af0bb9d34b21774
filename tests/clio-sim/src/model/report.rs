//! What a test asks afterwards: the records, the calls, and how often what was refused. Never a
//! token, never a body.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    Model,
    documents::{Document, Home},
    http::{Query, Request, Response},
    resource::Resource,
    time,
    versions::{Target, Upload, Version},
};

/// Calls kept in the list; older ones only count.
const KEPT: usize = 2_000;

#[derive(Debug, Clone)]
struct Call {
    seq: u64,
    at: i64,
    method: String,
    path: String,
    keys: Vec<String>,
    status: u16,
    fault: bool,
    code: Option<String>,
    agent: Option<String>,
}

/// Every request, counted; the last ones, listed.
#[derive(Debug, Default)]
pub(crate) struct CallLog {
    seq: u64,
    by_route: BTreeMap<String, u64>,
    rejected: BTreeMap<String, u64>,
    calls: Vec<Call>,
}

impl CallLog {
    /// Notes a request. `code` says why storage refused; `fault` is the status a fault gave
    /// instead.
    pub fn record(
        &mut self,
        now: i64,
        request: &Request,
        route: &str,
        answer: &Response,
        code: Option<&str>,
        fault: Option<u16>,
    ) {
        self.seq += 1;
        *self.by_route.entry(route.to_owned()).or_default() += 1;
        let status = fault.unwrap_or(answer.status);
        if status >= 400 || status == 0 {
            let key = match code {
                Some(code) => format!("storage:{code}"),
                None if fault.is_some() => format!("fault:{status}"),
                None => status.to_string(),
            };
            *self.rejected.entry(key).or_default() += 1;
        }
        if self.calls.len() >= KEPT {
            self.calls.drain(..KEPT / 4);
        }
        self.calls.push(Call {
            seq: self.seq,
            at: now,
            method: request.method.clone(),
            path: request.path.clone(),
            keys: Query::parse(request.query.as_bytes()).keys(),
            status,
            fault: fault.is_some(),
            code: code.map(str::to_owned),
            agent: request.header("user-agent").map(str::to_owned),
        });
    }

    pub fn calls(&self) -> Value {
        self.last(KEPT)
    }

    /// The last calls only.
    pub fn last(&self, most: usize) -> Value {
        let call = |call: &Call| {
            json!({
                "seq": call.seq,
                "at": time::iso(call.at, 0),
                "at_ms": call.at,
                "method": call.method,
                "path": call.path,
                "query_keys": call.keys,
                "status": call.status,
                "fault": call.fault,
                "code": call.code,
                "user_agent": call.agent,
            })
        };
        self.calls[self.calls.len().saturating_sub(most)..].iter().map(call).collect()
    }

    pub fn counts(&self) -> Value {
        json!({"by_route": self.by_route, "rejected": self.rejected, "total": self.seq})
    }

    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

impl Model {
    /// The secrets that signatures are made with, in the order of the subscriptions' ids.
    pub fn webhook_secrets(&self) -> Vec<String> {
        self.webhooks.values().map(|hook| hook.secret.clone()).collect()
    }

    /// Everything that nobody but Clio and the subscriber may know: tokens, the application's
    /// secret, webhook secrets, and the last segments of webhook URLs. For tests that look for them
    /// where they must not be.
    pub fn secrets(&self) -> Vec<String> {
        let hooks = self.webhooks.values().flat_map(|hook| {
            let segment = hook.url.rsplit('/').next().unwrap_or_default().to_owned();
            [hook.secret.clone(), segment]
        });
        let app = std::iter::once(self.config.client_secret.clone());
        self.oauth.tokens().into_iter().chain(hooks).chain(app).collect()
    }

    /// The firm's matters: id, description and status as a request writes it. For a simulation that
    /// asks often; everything is in [`state`](Self::state).
    pub fn matters(&self) -> impl Iterator<Item = (i64, &str, &str)> {
        self.matters.values().map(|matter| (matter.stamp.id, matter.description.as_str(), matter.status.as_str()))
    }

    /// The first external property of this name of a document.
    pub fn document_property(&self, id: i64, name: &str) -> Option<&str> {
        let properties = &self.documents.get(&id)?.properties;
        properties.iter().find(|property| property.name == name).map(|property| property.value.as_str())
    }

    /// The URLs of the subscriptions that are not expired.
    pub fn subscriptions(&self, now: i64) -> impl Iterator<Item = &str> {
        self.webhooks.values().filter(move |hook| hook.expires_at > now).map(|hook| hook.url.as_str())
    }

    /// Contacts, matters and documents, and how many records were deleted over the API: what a
    /// simulation asserts of each seed.
    pub fn records(&self, now: i64) -> Value {
        json!({
            "contacts": self.raw_records(now, Resource::Contacts, self.contacts.keys()),
            "matters": self.raw_records(now, Resource::Matters, self.matters.keys()),
            "documents": self.documents.values().map(|document| self.document_state(now, document)).collect::<Vec<_>>(),
            "deletions": self.deleted,
        })
    }

    /// Everything a test may want to assert.
    pub fn state(&self, now: i64) -> Value {
        let live = self.webhooks.iter().filter(|(_, hook)| hook.expires_at > now);
        let mut state = self.records(now);
        state["region"] = json!(self.config.region);
        state["now"] = json!(time::iso(now, self.config.utc_offset_minutes));
        state["now_ms"] = json!(now);
        state["account"] = json!({"id": self.config.account_id, "name": self.config.account_name});
        state["practice_areas"] = self.raw_records(now, Resource::PracticeAreas, self.areas.keys());
        state["webhooks"] = self.raw_records(now, Resource::Webhooks, live.map(|(id, _)| id));
        state["oauth"] = self.oauth_report(now);
        state["calls"] = self.log.counts();
        state["last_calls"] = self.log.last(50);
        state["faults"] = json!(self.faults.0);
        state
    }

    fn raw_records<'a>(&self, now: i64, kind: Resource, ids: impl Iterator<Item = &'a i64>) -> Value {
        ids.filter_map(|id| self.raw_record(now, kind, *id)).collect()
    }

    /// The record, whoever may see it; without secrets.
    fn raw_record(&self, now: i64, kind: Resource, id: i64) -> Option<Value> {
        let mut value = match kind {
            Resource::Contacts => self.contacts.get(&id).map(|contact| {
                let mut value = self.contact_record(contact);
                value["visible"] = json!(self.contact_visible(contact));
                value["own"] = json!(contact.stamp.own);
                value
            }),
            Resource::Matters => self.matters.get(&id).map(|matter| {
                let mut value = self.matter_record(matter);
                value["practice_area_id"] = json!(matter.area);
                value["own"] = json!(matter.stamp.own);
                value
            }),
            Resource::Webhooks => self.webhooks.get(&id).map(|hook| self.webhook_record(hook)),
            _ => self.record(now, kind, id, false).ok().map(|(_, value)| value),
        }?;
        if let Some(members) = value.as_object_mut() {
            for name in ["shared_secret", "user"] {
                members.remove(name);
            }
            members.retain(|_, member| !member.is_null());
        }
        Some(value)
    }

    fn document_state(&self, now: i64, document: &Document) -> Value {
        let versions: Vec<Value> = document.versions.iter().map(|version| version_state(now, version)).collect();
        let shown = document.versions.iter().rev().find(|version| version.complete(now));
        let whole = shown.and_then(|version| match &version.upload {
            Upload::Whole(target) => target.blob.as_ref(),
            Upload::Parts(_) => None,
        });
        let (matter, contact) = match document.home {
            Home::Matter(id) => (Some(id), None),
            Home::Contact(id) => (None, Some(id)),
        };
        let properties: BTreeMap<&str, &str> =
            document.properties.iter().map(|property| (property.name.as_str(), property.value.as_str())).collect();
        json!({
            "id": document.stamp.id,
            "name": document.name,
            "matter_id": matter,
            "contact_id": contact,
            "complete": document.complete(now),
            "deleted": document.deleted.is_some(),
            "size": shown.map(Version::size),
            "sha256": whole.map(|blob| &blob.sha256),
            "filename": shown.or(document.versions.last()).map(|version| &version.filename),
            "content_type": shown.or(document.versions.last()).map(|version| &version.content_type),
            "properties": properties,
            "created_at": time::iso(document.stamp.created, self.config.utc_offset_minutes),
            "versions": versions,
        })
    }
}

fn version_state(now: i64, version: &Version) -> Value {
    let blob = |target: &Target| {
        json!({
            "uploaded": target.blob.is_some(),
            "size": target.blob.as_ref().map(|blob| blob.len),
            "sha256": target.blob.as_ref().map(|blob| &blob.sha256),
            "writes": target.blob.as_ref().map_or(0, |blob| blob.writes),
        })
    };
    let mut out = json!({
        "uuid": version.uuid,
        "complete": version.complete(now),
        "size": version.size(),
        "multipart": matches!(version.upload, Upload::Parts(_)),
    });
    match &version.upload {
        Upload::Whole(target) => out["upload"] = blob(target),
        Upload::Parts(parts) => {
            let part = |part: &super::versions::UploadPart| {
                let mut value = blob(&part.target);
                value["part_number"] = json!(part.number);
                value
            };
            let mut sorted: Vec<_> = parts.iter().collect();
            sorted.sort_by_key(|part| part.number);
            out["parts"] = sorted.into_iter().map(part).collect();
        }
    }
    out
}
