//! Receiving a delivery: from raw bytes to a record, and the reply.
//!
//! | reply | when |
//! | --- | --- |
//! | 200 | a handshake, its secret in the reply; or a delivery that is recorded now, or was before |
//! | 401 | no signature, or a wrong one |
//! | 404 | nobody subscribed with this URL |
//! | 410 | the subscription was given up: Clio may forget it |
//! | 413 | larger than a delivery can be |
//! | 503 | the store failed, or Clio has not named the secret yet: Clio delivers again |
//!
//! Nothing is parsed, and no record but the subscription's read, before the signature was verified.
//! A subscription that delivered before is not even read: the commit of the delivery checks that it
//! is unchanged. Of a delivery only ids, status and time are kept.

use core::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::caches::{Caches, Doubtful};
use super::hook::{Hook, HookState, Opened};
use super::inbox::{Incoming, key_of};
use super::{hook, signature};
use crate::calls::Context;
use crate::clio::webhooks::is_status_event;
use crate::domain::{FirmId, Timestamp};
use crate::error::{Code, Error, Result};
use crate::ports::{Commit, Expect, Headers};
use crate::store::schedule::{MaintenanceTask, schedule_within};
use crate::store::{Action, AuditEntry, AuditStatus, Versioned};

/// A contact with 20 addresses and numbers is below 16 KiB.
const MOST_BODY: usize = 64 * 1024;
const MOST_SECRET: usize = 256;
const MOST_ATTEMPTS: usize = 8;
/// A handshake is over by then.
const HANDSHAKE: core::time::Duration = core::time::Duration::from_secs(1);

/// What to answer Clio: status and headers, no body. `Debug` leaves out the headers, which may hold
/// the handshake's secret.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookReply {
    /// The HTTP status.
    pub status: u16,
    /// Headers to set.
    pub headers: Vec<(&'static str, String)>,
}

impl fmt::Debug for WebhookReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookReply").field("status", &self.status).finish_non_exhaustive()
    }
}

impl From<u16> for WebhookReply {
    fn from(status: u16) -> Self {
        Self { status, headers: Vec::new() }
    }
}

#[derive(Deserialize)]
struct Delivery {
    data: Option<serde_json::Value>,
    meta: Option<Meta>,
}

#[derive(Deserialize)]
struct Meta {
    event: Option<String>,
}

/// See [`Sdk::handle_webhook`](crate::Sdk::handle_webhook).
pub(crate) async fn receive(
    ctx: &Context,
    caches: &Caches,
    token: &str,
    headers: &Headers,
    body: &[u8],
) -> WebhookReply {
    let Some((firm, digest)) = hook::read(token) else { return 404.into() };
    let (failures, name) = (ctx.repository.failures(), format!("deliveries {firm}"));
    match take_in(ctx, caches, &firm, &digest, headers, body).await {
        Ok(reply) => {
            if failures.works(&name) {
                tracing::info!(%firm, "deliveries are recorded again");
            }
            reply
        }
        Err(error) => {
            if failures.is_news(name, error.code()) {
                let code = error.code().name();
                tracing::warn!(%firm, code, "deliveries are not recorded; Clio delivers them again");
            }
            503.into()
        }
    }
}

async fn take_in(
    ctx: &Context,
    caches: &Caches,
    firm: &FirmId,
    digest: &str,
    headers: &Headers,
    body: &[u8],
) -> Result<WebhookReply> {
    if take_in_known(ctx, caches, firm, digest, headers, body).await? {
        return Ok(200.into());
    }
    let Some(stored) = ctx.repository.get::<Hook>(&hook::key(firm, digest)).await? else { return Ok(404.into()) };
    if stored.value.state == HookState::Retired {
        return Ok(410.into());
    }
    if body.len() > MOST_BODY {
        return Ok(413.into());
    }
    if let Some(secret) = headers.get("x-hook-secret") {
        return handshake(ctx, caches, firm, digest, stored, secret).await;
    }
    let Some(signed) = headers.get("x-hook-signature") else {
        return refuse(ctx, caches, firm, &stored.value, "unsigned").await;
    };
    let hook = &stored.value;
    let opened = Opened::new(&ctx.keyring, firm, hook, digest).await?;
    let is_of = |secret: &SecretString| signature::is_of(secret.expose_secret().as_bytes(), body, signed);
    if let Some(secret) = opened.secret(hook)?.filter(is_of) {
        let id = signature::digest(secret.expose_secret().as_bytes(), body);
        caches.keep_hook(firm, digest, stored.clone());
        if record(ctx, firm, digest, &stored, &id, body).await?
            || ctx.repository.store().get(&key_of(firm, &id)).await?.is_some()
        {
            return Ok(200.into());
        }
        return Err(Error::new(Code::StoreConflict).with("reason", "webhook_contended"));
    }
    if opened.candidates(hook)?.iter().any(is_of) {
        // It may well be Clio's. Asked for the secret, Clio will say; the delivery comes again two
        // minutes later. Whoever sends the candidate may send this too.
        if caches.may(firm, Doubtful::Look, ctx.runtime.monotonic()) {
            ctx.wake(firm, MaintenanceTask::Subscriptions).await?;
        }
        return Ok(503.into());
    }
    refuse(ctx, caches, firm, hook, "wrong_signature").await
}

/// A delivery of a subscription that delivered before: the commit checks that its record is still
/// what it was then, so it need not be read. `false`: whatever else it is.
async fn take_in_known(
    ctx: &Context,
    caches: &Caches,
    firm: &FirmId,
    digest: &str,
    headers: &Headers,
    body: &[u8],
) -> Result<bool> {
    let Some(stored) = caches.hook(firm, digest) else { return Ok(false) };
    let Some(signed) = headers.get("x-hook-signature") else { return Ok(false) };
    if headers.get("x-hook-secret").is_some() || body.len() > MOST_BODY {
        return Ok(false);
    }
    // What cannot be opened any more is not what it was.
    let Ok(opened) = Opened::new(&ctx.keyring, firm, &stored.value, digest).await else { return Ok(false) };
    let Ok(secret) = opened.secret(&stored.value) else { return Ok(false) };
    let is_of = |secret: &SecretString| signature::is_of(secret.expose_secret().as_bytes(), body, signed);
    let Some(secret) = secret.filter(is_of) else { return Ok(false) };
    let id = signature::digest(secret.expose_secret().as_bytes(), body);
    record(ctx, firm, digest, &stored, &id, body).await
}

async fn handshake(
    ctx: &Context,
    caches: &Caches,
    firm: &FirmId,
    digest: &str,
    stored: Versioned<Hook>,
    secret: &str,
) -> Result<WebhookReply> {
    if secret.is_empty() || secret.len() > MOST_SECRET || !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(400.into());
    }
    let reply = WebhookReply { status: 200, headers: vec![("X-Hook-Secret", secret.to_owned())] };
    let brought = SecretString::from(secret);
    let waited_for = hook::health(&ctx.repository, firm).await?.is_none_or(|health| !health.delivers);
    let asked = Doubtful::Handshake(digest.to_owned());
    let wake = waited_for && caches.may(firm, asked, ctx.runtime.monotonic());
    let mut stored = Some(stored);
    for _ in 0..MOST_ATTEMPTS {
        let Some(Versioned { value: mut hook, version, due_at }) = stored.take() else { return Ok(404.into()) };
        let opened = Opened::new(&ctx.keyring, firm, &hook, digest).await?;
        let mut transaction = ctx.repository.transaction(firm)?;
        if opened.handshake(&mut hook, &brought)? {
            let left = match due_at {
                Some(due) => Some(left(ctx, firm, due).await?),
                None => None,
            };
            transaction.put_due(hook::key(firm, digest), Expect::Version(version), left, &hook)?;
        }
        if wake {
            // By then Clio has read the reply, and says whether it was the one.
            schedule_within(&ctx.repository, &mut transaction, MaintenanceTask::Subscriptions, HANDSHAKE).await?;
        }
        if matches!(ctx.repository.commit(&transaction).await?, Commit::Done { .. }) {
            ctx.workers.notify();
            return Ok(reply);
        }
        stored = ctx.repository.get::<Hook>(&hook::key(firm, digest)).await?;
    }
    Err(Error::new(Code::StoreConflict).with("reason", "webhook_contended"))
}

async fn left(ctx: &Context, firm: &FirmId, due: Timestamp) -> Result<core::time::Duration> {
    Ok(ctx.repository.store_now(firm).await?.until(due))
}

/// `false`: it was recorded before, or the subscription is not what it was.
async fn record(
    ctx: &Context,
    firm: &FirmId,
    digest: &str,
    hook: &Versioned<Hook>,
    id: &str,
    body: &[u8],
) -> Result<bool> {
    // Signed by Clio and unreadable: something happened, and the poll will find what.
    let delivery = serde_json::from_slice::<Delivery>(body).ok();
    let data = delivery.as_ref().and_then(|delivery| delivery.data.as_ref());
    let text = |name: &str| data.and_then(|data| data.get(name)).and_then(serde_json::Value::as_str);
    let event = delivery.as_ref().and_then(|delivery| delivery.meta.as_ref()?.event.as_deref());
    let incoming = Incoming {
        model: hook.value.model,
        link_set: hook.value.link_set.clone(),
        deleted: event == Some("deleted"),
        status_set: event.is_some_and(is_status_event),
        clio: data.and_then(|data| data.get("id")).and_then(id_of),
        status: text("status").and_then(crate::clio::MatterStatus::parse),
        updated_at: text("updated_at").and_then(Timestamp::parse),
        received_at: ctx.runtime.now(),
        applied: false,
        attempts: 0,
    };
    let mut transaction = ctx.repository.transaction(firm)?;
    transaction.put_due(key_of(firm, id), Expect::Absent, Some(core::time::Duration::ZERO), &incoming)?;
    transaction.check(hook::key(firm, digest), Expect::Version(hook.version.clone()));
    let done = matches!(ctx.repository.commit(&transaction).await?, Commit::Done { .. });
    if done {
        ctx.workers.notify();
    }
    Ok(done)
}

async fn refuse(
    ctx: &Context,
    caches: &Caches,
    firm: &FirmId,
    hook: &Hook,
    reason: &'static str,
) -> Result<WebhookReply> {
    if caches.may(firm, Doubtful::Tell, ctx.runtime.monotonic()) {
        let mut transaction = ctx.repository.transaction(firm)?;
        let entry = AuditEntry::by_system(Action::WebhookRefused, AuditStatus::Refused);
        transaction.audit(entry.with("reason", reason).with("model", hook.model.name()));
        ctx.repository.commit_or_conflict(&transaction).await?;
    }
    Ok(401.into())
}

fn id_of(value: &serde_json::Value) -> Option<crate::domain::ClioId> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok()).map(crate::domain::ClioId)
}
