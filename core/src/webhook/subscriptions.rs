//! Looking after a firm's subscriptions: one for matters, and one for contacts where changes are to be reviewed.
//!
//! Everything is decided from Clio's own list and our records, side by side:
//!
//! | our record | in Clio's list | what is done |
//! | --- | --- | --- |
//! | none live | | a record with a new token, then the creation |
//! | creating | yes | it is the answer that was lost: taken |
//! | creating | no | until the creation can no longer be executed: waited; then retired |
//! | live | enabled | the secret is confirmed; renewed when half its life is over |
//! | live | pending | the handshake is answered through the API, if it came; else waited for, a while |
//! | live | suspended, or gone | retired, and created anew; the poll looks for what was lost |
//! | retired | yes | deleted in Clio |
//!
//! Only subscriptions whose URL holds a token of this firm are touched. Without the permission for webhooks nothing is lost: matters are polled.

use core::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};

use super::chores::Next;
use super::hook::{self, HOOKS, Hook, HookHealth, HookState, Opened, health_key};
use crate::auth::{Connection, Links};
use crate::budget::Class;
use crate::clio::{HookModel, HookStatus, Webhook, webhooks};
use crate::error::{Code, Error, Result};
use crate::log::{Action, AuditEntry, AuditStatus};
use crate::model::{FirmId, Timestamp};
use crate::ports::{Commit, Expect, Version};
use crate::records::Stored;
use crate::sync::{Caller, Engine};

const DAY: Duration = Duration::from_secs(24 * 3600);
/// Clio allows 31 days (Clio: Webhooks); its clock may be ahead.
const LIFE: Duration = Duration::from_secs(30 * 24 * 3600);
const RENEW_BEFORE: Duration = Duration::from_secs(15 * 24 * 3600);
const LOOK: Duration = Duration::from_secs(12 * 3600);
const LOOK_SOON: Duration = Duration::from_secs(30);
/// A retired token is known for longer than Clio repeats a delivery.
const FORGET: Duration = DAY;

/// A subscription as both sides know it.
struct Pair {
    digest: String,
    hook: Hook,
    version: Version,
    due_at: Option<Timestamp>,
    listed: Option<Webhook>,
}

impl Engine {
    pub(super) async fn keep_subscriptions(&self, firm: &FirmId) -> Result<Next> {
        let connection = Connection::load_usable(&self.journal, firm).await?.value;
        let Some(base) = &self.webhook_url else {
            return self.note_health(firm, false, None, Some("no_webhook_url"), Some(LOOK)).await;
        };
        let links = Links::of(firm, &connection);
        let caller = Caller::of_firm(self, &links, Class::Live);
        let listed = match caller.all_pages(webhooks::list()).await {
            Ok(listed) => listed,
            Err(failure) => return self.unavailable(firm, &failure.error).await,
        };
        let mut pairs = self.pairs(firm, listed, base.as_str().trim_end_matches('/'), &connection).await?;
        let settings = crate::settings::load(&self.journal, firm).await?;
        let mut wanted = vec![HookModel::Matter];
        wanted.extend(settings.contact_review.then_some(HookModel::Contact));
        let mut next = LOOK;
        let (mut delivers, mut expires_at) = (false, None::<Timestamp>);
        for model in wanted {
            let ours = |pair: &Pair| {
                pair.hook.model == model
                    && pair.hook.connection == connection.id
                    && pair.hook.state != HookState::Retired
            };
            let mut kept = None;
            for pair in pairs.iter_mut().filter(|pair| ours(pair)) {
                if kept.is_none() && self.keep(firm, &caller, pair, &mut next).await? {
                    kept = Some((pair.is_enabled(), pair.hook.expires_at));
                } else {
                    self.retire(firm, pair).await?;
                }
            }
            let (enabled, ends) = match kept {
                Some(kept) => kept,
                None => {
                    next = next.min(LOOK_SOON);
                    match self.subscribe(firm, &caller, base, &connection, model).await {
                        Ok(kept) => kept,
                        Err(error) if error.code() == Code::SyncInDoubt => (false, None),
                        Err(error) => return self.unavailable(firm, &error).await,
                    }
                }
            };
            if model == HookModel::Matter {
                delivers = enabled;
            }
            if !enabled {
                next = next.min(LOOK_SOON);
            }
            expires_at = [expires_at, ends].into_iter().flatten().min();
        }
        self.prune(firm, &caller, pairs, &connection, &settings).await?;
        let cause = (!delivers).then_some("pending");
        self.note_health(firm, delivers, expires_at, cause, Some(next)).await
    }

    /// Clio's list and our records, by the digest of the token.
    async fn pairs(
        &self,
        firm: &FirmId,
        listed: Vec<Webhook>,
        base: &str,
        connection: &Connection,
    ) -> Result<Vec<Pair>> {
        let mut listed: Vec<(Option<String>, Option<Webhook>)> = listed
            .into_iter()
            .map(|webhook| (webhook.url.as_ref().and_then(|url| hook::digest_in(url.expose())), Some(webhook)))
            .collect();
        let mut pairs = Vec::new();
        for (digest, Stored { value, version, due_at }) in self.journal.list::<Hook>(firm, HOOKS, "").await? {
            // The one that we know by its id; else the oldest with this URL.
            let mut same: Vec<&mut Option<Webhook>> = listed
                .iter_mut()
                .filter(|(there, webhook)| webhook.is_some() && there.as_deref() == Some(digest.as_str()))
                .map(|(_, webhook)| webhook)
                .collect();
            same.sort_by_key(|webhook| webhook.as_ref().map(|webhook| (value.clio != Some(webhook.id), webhook.id)));
            let mut same = same.into_iter().filter_map(Option::take);
            let first = same.next();
            for twice in same {
                // Nothing prevents two with one URL (a repeated request): the others are leftovers.
                pairs.push(Pair::leftover(connection, twice));
            }
            pairs.push(Pair { digest, hook: value, version, due_at, listed: first });
        }
        // A token of this firm without a record: the database lost it. A record is put before its subscription is asked for, so none is on its way.
        for (_, listed) in listed {
            let Some(listed) = listed else { continue };
            let token = listed.url.as_ref().and_then(|url| url.expose().strip_prefix(base)?.strip_prefix('/'));
            if token.and_then(hook::read).is_some_and(|(named, _)| named == *firm) {
                pairs.push(Pair::leftover(connection, listed));
            }
        }
        Ok(pairs)
    }

    /// Looks after one that is wanted. `false`: it is of no use any more.
    async fn keep(&self, firm: &FirmId, caller: &Caller<'_>, pair: &mut Pair, next: &mut Duration) -> Result<bool> {
        let Some(listed) = pair.listed.clone() else {
            let now = self.journal.store_now().await?;
            let may_come = pair.hook.state == HookState::Creating && pair.due_at.is_some_and(|due| due > now);
            *next = (*next).min(LOOK_SOON);
            if !may_come {
                self.poll_soon(firm).await?;
            }
            return Ok(may_come);
        };
        match listed.status {
            Some(HookStatus::Suspended) => {
                self.poll_soon(firm).await?;
                return Ok(false);
            }
            Some(HookStatus::Pending) => *next = (*next).min(LOOK_SOON),
            Some(HookStatus::Enabled) | None => {}
        }
        let opened = Opened::new(&self.keyring, firm, &pair.hook, &pair.digest).await?;
        let candidates = opened.candidates(&pair.hook)?;
        let is = |one: &SecretString, other: &SecretString| one.expose_secret() == other.expose_secret();
        let named = match (&listed.shared_secret, listed.status) {
            (Some(secret), _) => Some(secret.clone()),
            // Clio does not show it, and accepted what it was answered: the only handshake there was is Clio's.
            (None, Some(HookStatus::Enabled)) if candidates.len() == 1 => candidates.first().cloned(),
            (None, _) => None,
        };
        let mut changed = pair.hook.state != HookState::Live || pair.hook.clio != Some(listed.id);
        if let Some(secret) = &named {
            let knew = opened.secret(&pair.hook)?.is_some_and(|known| is(&known, secret));
            // Its handshake came and was not answered in time, or was lost on its way: it is not sent again.
            let came = knew || candidates.iter().any(|candidate| is(candidate, secret));
            if listed.status == Some(HookStatus::Pending) && came {
                caller.repeat(&webhooks::activate(listed.id, secret)).await.map_err(|failure| failure.error)?;
            }
            if !knew {
                opened.confirm(&mut pair.hook, secret)?;
                changed = true;
            }
        }
        let mut ends = listed.expires_at;
        let clio_now = self.clio.clio_now().unwrap_or_else(|| self.runtime.now());
        let mut renewed = false;
        if ends.is_none_or(|ends| ends < clio_now + RENEW_BEFORE) {
            match caller.repeat(&webhooks::extend(listed.id, clio_now + LIFE)?).await {
                Ok(extended) => {
                    ends = extended.expires_at.or(Some(clio_now + LIFE));
                    renewed = true;
                    changed = true;
                }
                Err(failure) if failure.error.code() == Code::ClioNotFound => {
                    self.poll_soon(firm).await?;
                    return Ok(false);
                }
                Err(failure) => {
                    self.poll_soon(firm).await?;
                    return Err(failure.error);
                }
            }
        }
        if changed || pair.hook.expires_at != ends {
            pair.hook.state = HookState::Live;
            pair.hook.clio = Some(listed.id);
            pair.hook.expires_at = ends;
            let entry = renewed.then(|| audit(Action::WebhookRenewed, &pair.hook));
            self.put(firm, pair, None, entry).await?;
        }
        Ok(true)
    }

    /// A new subscription. [`Code::SyncInDoubt`]: perhaps.
    async fn subscribe(
        &self,
        firm: &FirmId,
        caller: &Caller<'_>,
        base: &url::Url,
        connection: &Connection,
        model: HookModel,
    ) -> Result<(bool, Option<Timestamp>)> {
        let turn = caller.ready().await?;
        let (token, digest) = hook::mint(&*self.runtime, firm)?;
        let hook = Hook::new(connection, model);
        let config = self.config;
        let quiet = config.send_window + config.request_timeout + config.settle;
        let not_after = self.runtime.monotonic() + config.send_window;
        let mut unit = self.journal.unit(firm)?;
        unit.check(Connection::key(firm), Expect::Version(turn.grant.connection_version.clone()));
        let version = unit.put_due(hook::key(firm, &digest), Expect::Absent, Some(quiet), &hook)?;
        self.journal.commit_or_conflict(&unit).await?;
        let clio_now = self.clio.clio_now().unwrap_or_else(|| self.runtime.now());
        let request = webhooks::create(model, &hook::url(base, &token), clio_now + LIFE)?;
        match caller.send_once(turn, &request, Some(not_after)).await {
            Ok(listed) => {
                // Its handshake may have come already, or come while this is written.
                let enabled = listed.status == Some(HookStatus::Enabled);
                let mut pair = Pair { digest, hook, version, due_at: None, listed: Some(listed) };
                for _ in 0..8 {
                    let stored = self.journal.get::<Hook>(&hook::key(firm, &pair.digest)).await?;
                    let Some(Stored { value, version, .. }) = stored else { break };
                    (pair.hook, pair.version) = (value, version);
                    let opened = Opened::new(&self.keyring, firm, &pair.hook, &pair.digest).await?;
                    if let Some(Webhook { id, expires_at, shared_secret, .. }) = &pair.listed {
                        (pair.hook.clio, pair.hook.expires_at) = (Some(*id), *expires_at);
                        if let Some(secret) = shared_secret {
                            opened.confirm(&mut pair.hook, secret)?;
                        }
                    }
                    pair.hook.state = HookState::Live;
                    let entry = audit(Action::WebhookCreated, &pair.hook);
                    if self.put(firm, &mut pair, None, Some(entry)).await? {
                        break;
                    }
                }
                Ok((enabled, pair.hook.expires_at))
            }
            Err(failed) => {
                use crate::sync::{Executed, executed};
                let failure = failed.failure;
                if executed(&failure) == Executed::No {
                    let mut pair = Pair { digest, hook, version, due_at: None, listed: None };
                    self.retire(firm, &mut pair).await?;
                    return Err(failure.error);
                }
                Err(Error::new(Code::SyncInDoubt).with("collection", HOOKS))
            }
        }
    }

    /// Writes a record of ours. `false`: a handshake wrote it meanwhile.
    async fn put(
        &self,
        firm: &FirmId,
        pair: &mut Pair,
        due: Option<Duration>,
        entry: Option<AuditEntry>,
    ) -> Result<bool> {
        let mut unit = self.journal.unit(firm)?;
        let expect = Expect::Version(pair.version.clone());
        let version = unit.put_due(hook::key(firm, &pair.digest), expect, due, &pair.hook)?;
        entry.into_iter().for_each(|entry| unit.audit(entry));
        if self.journal.commit(&unit).await? == Commit::Conflict {
            return Ok(false);
        }
        pair.version = version;
        Ok(true)
    }

    async fn retire(&self, firm: &FirmId, pair: &mut Pair) -> Result<()> {
        pair.hook.retire();
        // A conflict: a handshake in this moment; the next look retires it.
        self.put(firm, pair, Some(FORGET), None).await.map(|_| ())
    }

    /// Deletes in Clio what is ours and not wanted, and forgets what has long been retired.
    async fn prune(
        &self,
        firm: &FirmId,
        caller: &Caller<'_>,
        pairs: Vec<Pair>,
        connection: &Connection,
        settings: &crate::settings::FirmSettings,
    ) -> Result<()> {
        for mut pair in pairs {
            let wanted = pair.hook.model == HookModel::Matter || settings.contact_review;
            if pair.hook.state != HookState::Retired && (pair.hook.connection != connection.id || !wanted) {
                self.retire(firm, &mut pair).await?;
            }
            if pair.hook.state != HookState::Retired {
                continue;
            }
            if let Some(listed) = &pair.listed {
                match caller.repeat(&webhooks::delete(listed.id)).await {
                    Ok(()) => {}
                    Err(failure) if failure.error.code() == Code::ClioNotFound => {}
                    Err(failure) => return Err(failure.error),
                }
                let mut unit = self.journal.unit(firm)?;
                unit.audit(audit(Action::WebhookDeleted, &pair.hook).with("webhook", listed.id));
                self.journal.commit_or_conflict(&unit).await?;
            } else if pair.due_at.is_some_and(|due| due.0 <= 0) || self.is_past(pair.due_at).await? {
                let mut unit = self.journal.unit(firm)?;
                unit.delete(hook::key(firm, &pair.digest), pair.version);
                self.journal.commit(&unit).await?;
            }
        }
        Ok(())
    }

    async fn is_past(&self, due: Option<Timestamp>) -> Result<bool> {
        let Some(due) = due else { return Ok(false) };
        Ok(due <= self.journal.store_now().await?)
    }

    /// Clio does not let us subscribe, or cannot be reached.
    async fn unavailable(&self, firm: &FirmId, error: &Error) -> Result<Next> {
        self.poll_soon(firm).await?;
        let forbidden = matches!(error.code(), Code::UserRoleForbids | Code::AppPermissionMissing);
        let code = if forbidden { Code::AppPermissionMissing } else { error.code() };
        self.note_health(firm, false, None, Some(code.name()), None).await?;
        if forbidden { Ok(Some(LOOK)) } else { Err(error.clone()) }
    }

    async fn note_health(
        &self,
        firm: &FirmId,
        delivers: bool,
        expires_at: Option<Timestamp>,
        cause: Option<&str>,
        next: Next,
    ) -> Result<Next> {
        let key = health_key(firm);
        let known = self.journal.get::<HookHealth>(&key).await?;
        let health = HookHealth { delivers, expires_at, cause: cause.map(str::to_owned), seen_at: self.runtime.now() };
        let mut unit = self.journal.unit(firm)?;
        let failing = cause.filter(|cause| !matches!(*cause, "pending" | "no_webhook_url"));
        let before = known.as_ref().and_then(|known| known.value.cause.as_deref());
        if let Some(cause) = failing.filter(|cause| before != Some(*cause)) {
            let entry = AuditEntry::by_system(Action::WebhookCreated, AuditStatus::Failed);
            unit.audit(entry.with("cause", cause));
        }
        let expect = known.map_or(Expect::Absent, |known| Expect::Version(known.version));
        unit.put(key, expect, &health)?;
        self.journal.commit(&unit).await?;
        Ok(next)
    }
}

impl Pair {
    /// One that has no record of its own, and is only to be deleted.
    fn leftover(connection: &Connection, listed: Webhook) -> Self {
        let mut hook = Hook::new(connection, HookModel::Matter);
        hook.retire();
        Self { digest: String::new(), hook, version: Version(String::new()), due_at: None, listed: Some(listed) }
    }

    fn is_enabled(&self) -> bool {
        let enabled = self.listed.as_ref().is_some_and(|listed| listed.status == Some(HookStatus::Enabled));
        enabled && self.hook.has_secret()
    }
}

fn audit(action: Action, hook: &Hook) -> AuditEntry {
    let entry = AuditEntry::by_system(action, AuditStatus::Ok).with("model", hook.model.name());
    let entry = match hook.clio {
        Some(clio) => entry.with("webhook", clio),
        None => entry,
    };
    match hook.expires_at {
        Some(ends) => entry.with("expires_at", ends.to_rfc3339()),
        None => entry,
    }
}
