//! Webhook deliveries: what Clio posts to subscribers, and what it makes of their answers.
//!
//! The model decides what is due and takes the outcome; who carries it is the server's or a
//! simulation's business. Each subscription begins with an unsigned handshake. Then changes of
//! records become deliveries, signed over the raw body. What is not answered with 2xx, 3xx or 410
//! is tried again after 2, 4, 8, 16 and 32 minutes; then the event is lost and the subscription
//! suspended (Clio: Webhooks; help centre 360050277853).

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{Model, fields, resource::Resource};

const MINUTE: i64 = 60_000;
/// The waits before each further attempt.
const WAITS: [i64; 5] = [2 * MINUTE, 4 * MINUTE, 8 * MINUTE, 16 * MINUTE, 32 * MINUTE];

/// A request to a subscriber.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// For [`Model::delivered`].
    pub id: u64,
    /// Where to.
    pub url: String,
    /// Content type, and the secret or the signature.
    pub headers: Vec<(String, String)>,
    /// The raw body.
    pub body: Vec<u8>,
}

/// A delivery that is waiting or on its way.
#[derive(Debug, Clone)]
pub(crate) struct Post {
    hook: i64,
    handshake: bool,
    body: Vec<u8>,
    due: i64,
    attempts: usize,
    on_its_way: bool,
}

/// A change of a record, taken before and after.
pub(crate) struct Change {
    before: Value,
    status: Option<String>,
}

impl Model {
    /// When the next delivery is due.
    pub fn next_delivery_at(&self) -> Option<i64> {
        self.posts.values().filter(|post| !post.on_its_way).map(|post| post.due).min()
    }

    /// Takes what is due, in no promised order. Each is told of once with
    /// [`delivered`](Self::delivered).
    pub fn take_deliveries(&mut self, now: i64) -> Vec<Delivery> {
        self.drop_expired_hooks(now);
        let due = self.posts.iter_mut().filter(|(_, post)| !post.on_its_way && post.due <= now);
        let mut deliveries = Vec::new();
        for (id, post) in due {
            let Some(hook) = self.webhooks.get(&post.hook) else { continue };
            post.on_its_way = true;
            let proof = if post.handshake {
                (String::from("X-Hook-Secret"), hook.secret.clone())
            } else {
                let signed = signature(&hook.secret, &post.body);
                (String::from("X-Hook-Signature"), hex::encode(signed))
            };
            let headers = vec![(String::from("Content-Type"), String::from("application/json")), proof];
            deliveries.push(Delivery { id: *id, url: hook.url.clone(), headers, body: post.body.clone() });
        }
        deliveries
    }

    /// What became of a delivery: the answer's status and its `X-Hook-Secret`; no status without an
    /// answer.
    pub fn delivered(&mut self, now: i64, id: u64, status: Option<u16>, secret: Option<&str>) {
        let Some(post) = self.posts.get_mut(&id) else { return };
        post.on_its_way = false;
        let Some(hook) = self.webhooks.get_mut(&post.hook) else {
            self.posts.remove(&id);
            return;
        };
        if status == Some(410) {
            hook.status = "suspended";
        } else if post.handshake && status == Some(200) && secret == Some(&hook.secret) {
            if hook.status == "pending" {
                hook.status = "enabled";
                hook.stamp.touch(now);
            }
        } else if post.handshake || !status.is_some_and(|status| (200..400).contains(&status)) {
            // A handshake that is not answered may still be answered later, through the API.
            if let (Some(wait), false) = (WAITS.get(post.attempts), post.handshake) {
                post.attempts += 1;
                post.due = now + wait;
                return;
            }
            if !post.handshake {
                hook.status = "suspended";
            }
        }
        self.posts.remove(&id);
    }

    /// Suspends every subscription, as Clio does after repeated trouble.
    pub fn suspend_webhooks(&mut self) {
        self.webhooks.values_mut().for_each(|hook| hook.status = "suspended");
    }

    pub(crate) fn shake_hands(&mut self, now: i64, hook: i64) {
        let body = json!({"data": {"webhook_id": hook.to_string()}}).to_string();
        self.post(now + self.config.hook_handshake_delay_ms, hook, true, body.into_bytes());
    }

    /// What subscribers must see of a record before it changes. `None`: nobody would be told.
    pub(crate) fn watched(&self, now: i64, kind: Resource, id: i64) -> Option<Change> {
        self.webhooks.values().find(|hook| model_of(kind) == Some(hook.model.as_str()))?;
        let (_, before) = self.record(now, kind, id, false).ok()?;
        let status = before.get("status").and_then(Value::as_str).map(str::to_owned);
        Some(Change { before, status })
    }

    /// The record was created.
    pub(crate) fn tell_created(&mut self, now: i64, kind: Resource, id: i64) {
        if let Some(change) = self.watched(now, kind, id) {
            self.tell(now, kind, id, "created", &change.before);
            self.tell_status(now, kind, id, change.status.as_deref(), &change.before);
        }
    }

    /// The record was changed.
    pub(crate) fn tell_updated(&mut self, now: i64, kind: Resource, id: i64, before: Option<Change>) {
        let (Some(change), Ok((_, after))) = (before, self.record(now, kind, id, false)) else { return };
        let status = after.get("status").and_then(Value::as_str).map(str::to_owned);
        let listening: Vec<i64> = self.listening(kind, "updated");
        for hook in listening {
            // Whoever lists `etag` or `updated_at` is told of every change.
            let differs = self.payload(hook, kind, &change.before) != self.payload(hook, kind, &after);
            // The first time for any record, any change fires it.
            if self.told_once.insert((hook, id)) || differs {
                self.send(now, hook, kind, "updated", &after);
            }
        }
        if status != change.status {
            self.tell_status(now, kind, id, status.as_deref(), &after);
        }
    }

    /// The record was deleted.
    pub(crate) fn tell_deleted(&mut self, now: i64, kind: Resource, id: i64, before: Option<Change>) {
        if let Some(change) = before {
            self.tell(now, kind, id, "deleted", &change.before);
        }
    }

    fn tell_status(&mut self, now: i64, kind: Resource, id: i64, status: Option<&str>, record: &Value) {
        let event = match (kind, status.map(str::to_lowercase).as_deref()) {
            (Resource::Matters, Some("open")) => "matter_opened",
            (Resource::Matters, Some("pending")) => "matter_pended",
            (Resource::Matters, Some("closed")) => "matter_closed",
            _ => return,
        };
        self.tell(now, kind, id, event, record);
    }

    fn tell(&mut self, now: i64, kind: Resource, id: i64, event: &str, record: &Value) {
        for hook in self.listening(kind, event) {
            self.told_once.insert((hook, id));
            self.send(now, hook, kind, event, record);
        }
    }

    fn listening(&self, kind: Resource, event: &str) -> Vec<i64> {
        let hears = |hook: &&super::webhooks::Webhook| {
            hook.status == "enabled"
                && model_of(kind) == Some(hook.model.as_str())
                && hook.events.iter().any(|name| name == event)
        };
        self.webhooks.values().filter(hears).map(|hook| hook.stamp.id).collect()
    }

    fn payload(&self, hook: i64, kind: Resource, record: &Value) -> Value {
        let wanted = self.webhooks.get(&hook).map(|hook| hook.fields.as_str());
        match fields::parse(wanted, kind.shape()) {
            Ok(selection) => fields::project(record, kind.shape(), &selection, !self.config.strict_contract),
            Err(_) => json!({}),
        }
    }

    fn send(&mut self, now: i64, hook: i64, kind: Resource, event: &str, record: &Value) {
        let data = self.payload(hook, kind, record);
        let body = json!({"data": data, "meta": {"event": event, "webhook_id": hook}}).to_string().into_bytes();
        for _ in 0..=self.config.hook_duplicates {
            self.post(now + self.config.hook_delay_ms, hook, false, body.clone());
        }
    }

    fn post(&mut self, due: i64, hook: i64, handshake: bool, body: Vec<u8>) {
        self.posted += 1;
        let post = Post { hook, handshake, body, due, attempts: 0, on_its_way: false };
        self.posts.insert(self.posted, post);
    }

    /// Expired means gone, silently, with what was still to be delivered.
    fn drop_expired_hooks(&mut self, now: i64) {
        self.webhooks.retain(|_, hook| hook.expires_at > now);
        let hooks = &self.webhooks;
        self.posts
            .retain(|_, post| post.on_its_way || hooks.get(&post.hook).is_some_and(|hook| hook.status != "suspended"));
    }
}

fn model_of(kind: Resource) -> Option<&'static str> {
    match kind {
        Resource::Matters => Some("matter"),
        Resource::Contacts => Some("contact"),
        Resource::Documents => Some("document"),
        _ => None,
    }
}

fn signature(secret: &str, body: &[u8]) -> Vec<u8> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(secret.as_bytes()).unwrap_or_else(|_| unreachable!());
    mac.update(body);
    mac.finalize().into_bytes().to_vec()
}
