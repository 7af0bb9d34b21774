//! Webhook subscriptions. What is sent to them is in `deliveries.rs`.

use serde_json::{Value, json};

use super::{
    Model, access,
    errors::{ApiError, ApiResult},
    http::Query,
    input::{self, Common, Data},
    paging,
    resource::{self, Stamp},
    time,
};

const DAY: i64 = 86_400_000;
/// The furthest an expiry may lie ahead, and where it lies when nobody says.
const LONGEST: i64 = 31 * DAY;
const DEFAULT: i64 = 3 * DAY;
const MOST_FIELDS: usize = 1_000;

const MODELS: &[(&str, &str)] = &[
    ("matter", "1"),
    ("activity", "2"),
    ("bill", "3"),
    ("calendar_entry", "4"),
    ("communication", "5"),
    ("contact", "6"),
    ("task", "7"),
    ("document", "8"),
    ("folder", "9"),
    ("clio_payments_payment", "10"),
];

/// A subscription.
#[derive(Debug, Clone)]
pub(crate) struct Webhook {
    pub stamp: Stamp,
    pub url: String,
    pub model: String,
    pub events: Vec<String>,
    pub fields: String,
    pub secret: String,
    pub status: &'static str,
    pub expires_at: i64,
}

impl Model {
    pub(crate) fn webhook(&self, now: i64, id: i64) -> ApiResult<&Webhook> {
        let found = self.webhooks.get(&id).filter(|hook| hook.expires_at > now);
        found.ok_or_else(|| ApiError::not_found("Webhook"))
    }

    pub(crate) fn webhooks_index(&self, now: i64, query: &Query) -> ApiResult<Vec<i64>> {
        let (_, descending) = paging::order(query, &["id"])?;
        let common = Common::read(query, self.config.utc_offset_minutes)?;
        let live = self.webhooks.values().filter(|hook| hook.expires_at > now && common.admits(&hook.stamp));
        let mut ids: Vec<i64> = live.map(|hook| hook.stamp.id).collect();
        if descending {
            ids.reverse();
        }
        Ok(ids)
    }

    pub(crate) fn webhook_create(&mut self, now: i64, data: &Data) -> ApiResult<i64> {
        for name in ["url", "model", "fields"] {
            input::required(data, name)?;
        }
        let mut hook = Webhook {
            stamp: Stamp::new(0, now, true),
            url: String::new(),
            model: String::new(),
            events: ["created", "updated", "deleted"].map(str::to_owned).to_vec(),
            fields: String::new(),
            secret: self.mint("hook", 40),
            status: "pending",
            expires_at: now + DEFAULT,
        };
        self.fill_webhook(now, &mut hook, data)?;
        hook.stamp.id = resource::next(&mut self.ids.webhooks);
        let id = hook.stamp.id;
        self.webhooks.insert(id, hook);
        self.shake_hands(now, id);
        Ok(id)
    }

    pub(crate) fn webhook_update(&mut self, now: i64, id: i64, data: &Data) -> ApiResult<()> {
        let mut hook = self.webhook(now, id)?.clone();
        let url = hook.url.clone();
        self.fill_webhook(now, &mut hook, data)?;
        let moved = hook.url != url;
        if moved {
            hook.status = "pending";
        }
        hook.stamp.touch(now);
        self.webhooks.insert(id, hook);
        if moved {
            self.shake_hands(now, id);
        }
        Ok(())
    }

    fn fill_webhook(&self, now: i64, hook: &mut Webhook, data: &Data) -> ApiResult<()> {
        if data.contains_key("url") {
            hook.url = input::required(data, "url")?;
            let parsed = url::Url::parse(&hook.url).map_err(|_| ApiError::invalid("url is not a URL."))?;
            if parsed.scheme() != "https" && !(self.config.http_webhooks && parsed.scheme() == "http") {
                return Err(ApiError::invalid("url must use https."));
            }
        }
        if data.contains_key("model") {
            let named = input::required(data, "model")?;
            let model = MODELS.iter().find(|(name, number)| *name == named || *number == named);
            let (model, _) = model.ok_or_else(|| ApiError::invalid(format!("{named:?} is not a model.")))?;
            access::check_model(&self.config, model)?;
            (*model).clone_into(&mut hook.model);
        }
        if data.contains_key("fields") {
            hook.fields = input::required(data, "fields")?;
            if hook.fields.len() > MOST_FIELDS {
                return Err(ApiError::invalid(format!("fields can be at most {MOST_FIELDS} characters.")));
            }
        }
        if let Some(events) = data.get("events").and_then(Value::as_array) {
            hook.events = events.iter().map(|event| event.as_str().unwrap_or_default().to_owned()).collect();
        }
        let known = |event: &String| {
            matches!(event.as_str(), "created" | "updated" | "deleted")
                || (hook.model == "matter"
                    && matches!(event.as_str(), "matter_opened" | "matter_pended" | "matter_closed"))
        };
        if let Some(event) = hook.events.iter().find(|event| !known(event)) {
            return Err(ApiError::invalid(format!("{event:?} is not an event of {}.", hook.model)));
        }
        if let Some(text) = input::text(data, "expires_at")?.flatten() {
            let at = time::parse(&text, self.config.utc_offset_minutes)
                .ok_or_else(|| ApiError::invalid("expires_at is not an ISO 8601 time."))?;
            if at > now + LONGEST {
                return Err(ApiError::invalid("expires_at can be at most 31 days ahead."));
            }
            if at <= now {
                return Err(ApiError::invalid("expires_at must be in the future."));
            }
            hook.expires_at = at;
        }
        Ok(())
    }

    /// The delayed handshake.
    pub(crate) fn webhook_activate(&mut self, now: i64, id: i64, secret: Option<&str>) -> ApiResult<()> {
        let mut hook = self.webhook(now, id)?.clone();
        if secret != Some(&hook.secret) {
            return Err(ApiError::invalid("X-Hook-Secret does not match."));
        }
        hook.status = "enabled";
        hook.stamp.touch(now);
        self.webhooks.insert(id, hook);
        Ok(())
    }

    pub(crate) fn webhook_record(&self, hook: &Webhook) -> Value {
        let iso = |at: i64| time::iso(at, self.config.utc_offset_minutes);
        json!({
            "id": hook.stamp.id,
            "etag": hook.stamp.etag("webhook"),
            "url": hook.url,
            "fields": hook.fields,
            "shared_secret": hook.secret,
            "model": hook.model,
            "status": hook.status,
            "events": hook.events,
            "expires_at": iso(hook.expires_at),
            "created_at": iso(hook.stamp.created),
            "updated_at": iso(hook.stamp.updated),
            "user": self.user_record(),
        })
    }
}
