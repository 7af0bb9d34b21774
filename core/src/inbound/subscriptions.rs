//! Looking after a firm's subscriptions: one for matters, and one for contacts where changes are to
//! be reviewed.
//!
//! Everything is decided from Clio's own list and our records, side by side:
//!
//! | our record | in Clio's list | what is done |
//! | --- | --- | --- |
//! | none live | | a record with a new token, then the creation |
//! | creating | yes | it is the answer that was lost: taken |
//! | creating | no | until the creation can no longer be executed: waited; then retired |
//! | live | enabled | the secret is confirmed; renewed when half its life is over |
//! | live | pending | its handshake is answered through the API, if it came; else waited for: nothing else tells that the URL leads here |
//! | live | suspended, gone, or at another URL | retired, and created anew; the poll looks for what was lost |
//! | live | pending, or enabled without its secret being known, for ten minutes | retired; created anew an hour later |
//! | retired | yes | deleted in Clio |
//!
//! Only subscriptions whose URL holds a token of this firm are touched. Without the permission for
//! webhooks nothing is lost: matters are polled.

use super::reconcile;
use core::time::Duration;

use secrecy::SecretString;

use super::hook;
use super::hook::{HOOKS, Hook, HookHealth, HookState, Opened, health_key};
use crate::calls::budget::Class;
use crate::calls::{ApiClient, Context, Executed, executed};
use crate::clio::{HookModel, HookStatus, SendOutcome, Webhook, webhooks};
use crate::connection::{AccountScope, Connection};
use crate::domain::{FirmId, Timestamp};
use crate::error::{Code, Error, Result};
use crate::ports::{Commit, Expect, Version};
use crate::store::schedule::Next;
use crate::store::{Action, AuditEntry, AuditStatus, Versioned};

const DAY: Duration = Duration::from_secs(24 * 3600);
/// Clio allows 31 days (Clio: Webhooks); its clock may be ahead.
const LIFE: Duration = Duration::from_secs(30 * 24 * 3600);
const RENEW_BEFORE: Duration = Duration::from_secs(15 * 24 * 3600);
const LOOK: Duration = Duration::from_secs(12 * 3600);
const LOOK_SOON: Duration = Duration::from_secs(30);
const LOOK_LATER: Duration = Duration::from_secs(3600);
/// A subscription that does not deliver by then, or whose secret is not known, is given up.
const UNCONFIRMED: Duration = Duration::from_secs(600);
const MOST_ATTEMPTS: usize = 8;
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

/// What is known of a subscription that is kept.
#[derive(Clone, Copy)]
struct Kept {
    /// It delivers, and we can tell that a delivery is Clio's.
    enabled: bool,
    ends: Option<Timestamp>,
    /// When to look again.
    look: Duration,
}

impl Kept {
    fn waiting(look: Duration) -> Self {
        Self { enabled: false, ends: None, look }
    }
}

/// What looking after one firm's subscriptions needs.
struct Care<'a> {
    firm: &'a FirmId,
    connection: &'a Connection,
    base: &'a url::Url,
    client_api: ApiClient<'a>,
}

pub(crate) async fn keep_subscriptions(ctx: &Context, firm: &FirmId) -> Result<Next> {
    let Versioned { value: mut connection, version, .. } = Connection::load_usable(&ctx.repository, firm).await?;
    if ctx.webhook_url.is_some() && ctx.webhook_url != connection.webhook_url {
        connection.webhook_url.clone_from(&ctx.webhook_url);
        let mut transaction = ctx.repository.transaction(firm)?;
        transaction.put(Connection::key(firm), Expect::Version(version), &connection)?;
        if ctx.repository.commit(&transaction).await? == Commit::Conflict {
            return Ok(Some(LOOK_SOON));
        }
    }
    let Some(base) = &connection.webhook_url else {
        note_health(ctx, firm, &connection, HookHealth::silent("no_webhook_url", ctx.runtime.now()), None).await?;
        return Ok(Some(LOOK));
    };
    let scope = AccountScope::of(firm, &connection);
    let care = Care { firm, connection: &connection, base, client_api: ApiClient::of_firm(ctx, &scope, Class::Live) };
    let listed = match care.client_api.all_pages(webhooks::list()).await {
        Ok(listed) => listed,
        Err(failure) => {
            reconcile::poll_soon(ctx, firm).await?;
            let cause = cause_of(&failure.error).name();
            let health = HookHealth::silent(cause, ctx.runtime.now());
            note_health(ctx, firm, &connection, health, Some(&failure.error)).await?;
            return if is_forbidden(&failure.error) { Ok(Some(LOOK)) } else { Err(failure.error) };
        }
    };
    let mut pairs = pairs(ctx, &care, listed).await?;
    let settings = crate::settings::load(&ctx.repository, firm).await?;
    let mut wanted = vec![HookModel::Matter];
    wanted.extend(settings.contact_review.then_some(HookModel::Contact));
    let mut next = LOOK;
    let mut health = HookHealth::silent("pending", ctx.runtime.now());
    let mut failed = None;
    let mut why = None;
    for model in wanted {
        match keep_model(ctx, &care, &mut pairs, model).await {
            Ok(kept) => {
                if model == HookModel::Matter && kept.enabled {
                    (health.delivers, health.cause) = (true, None);
                }
                next = next.min(kept.look);
                health.expires_at = [health.expires_at, kept.ends].into_iter().flatten().min();
            }
            Err(error) => {
                // Of one model: the other one goes on.
                if model == HookModel::Matter {
                    reconcile::poll_soon(ctx, firm).await?;
                }
                health.cause = Some(cause_of(&error).name().to_owned());
                why = Some(error.clone());
                failed = failed.or(Some(error).filter(|error| !is_forbidden(error)));
            }
        }
    }
    note_health(ctx, firm, &connection, health, why.as_ref()).await?;
    prune(ctx, &care, pairs, &settings).await?;
    failed.map_or(Ok(Some(next)), Err)
}

/// Looks after the subscription of one model: keeps one, retires others, or makes one.
async fn keep_model(ctx: &Context, care: &Care<'_>, pairs: &mut [Pair], model: HookModel) -> Result<Kept> {
    let ours = |pair: &Pair| {
        pair.hook.model == model && pair.hook.connection == care.connection.id && pair.hook.state != HookState::Retired
    };
    let mut kept = None;
    for pair in pairs.iter_mut().filter(|pair| ours(pair)) {
        match kept {
            Some(_) => retire(ctx, care.firm, pair).await?,
            None => {
                kept = keep(ctx, care, pair).await?;
                if kept.is_none() {
                    retire(ctx, care.firm, pair).await?;
                }
            }
        }
    }
    if let Some(kept) = kept {
        return Ok(kept);
    }
    match subscribe(ctx, care, model).await {
        Err(error) if error.code() == Code::SyncInDoubt => {
            let entry = AuditEntry::by_system(Action::WebhookCreated, AuditStatus::Noted);
            let mut transaction = ctx.repository.transaction(care.firm)?;
            transaction.audit(entry.with("model", model.name()).error(&error));
            ctx.repository.commit(&transaction).await?;
            Ok(Kept::waiting(LOOK_SOON))
        }
        made => made,
    }
}

/// Clio's list and our records, by the digest of the token.
async fn pairs(ctx: &Context, care: &Care<'_>, listed: Vec<Webhook>) -> Result<Vec<Pair>> {
    let mut listed: Vec<(Option<String>, Option<Webhook>)> = listed
        .into_iter()
        .map(|webhook| (webhook.url.as_ref().and_then(|url| hook::digest_in(url.expose())), Some(webhook)))
        .collect();
    let mut pairs = Vec::new();
    for (digest, Versioned { value, version, due_at }) in ctx.repository.list::<Hook>(care.firm, HOOKS, "").await? {
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
            pairs.push(Pair::leftover(care.connection, twice));
        }
        pairs.push(Pair { digest, hook: value, version, due_at, listed: first });
    }
    // A token of this firm without a record: the database lost it. A record is put before its
    // subscription is asked for, so none is on its way.
    for (_, listed) in listed {
        let Some(listed) = listed else { continue };
        if listed.url.as_ref().is_some_and(|url| hook::is_ours(care.base, url.expose(), care.firm)) {
            pairs.push(Pair::leftover(care.connection, listed));
        }
    }
    Ok(pairs)
}

/// Looks after one that is wanted. `None`: it is of no use any more.
async fn keep(ctx: &Context, care: &Care<'_>, pair: &mut Pair) -> Result<Option<Kept>> {
    let (firm, client_api) = (care.firm, &care.client_api);
    let Some(listed) = pair.listed.clone() else {
        let now = ctx.repository.store_now(firm).await?;
        let may_come = pair.hook.state == HookState::Creating && pair.due_at.is_some_and(|due| due > now);
        if !may_come {
            reconcile::poll_soon(ctx, firm).await?;
        }
        return Ok(may_come.then_some(Kept::waiting(LOOK_SOON)));
    };
    let moved = listed.url.as_ref().is_some_and(|url| hook::token_below(care.base, url.expose()).is_none());
    if moved || listed.status == Some(HookStatus::Suspended) {
        reconcile::poll_soon(ctx, firm).await?;
        return Ok(None);
    }
    let mut changed = pair.hook.state != HookState::Live || pair.hook.clio != Some(listed.id);
    let pending = listed.status == Some(HookStatus::Pending);
    let overdue = pair.hook.asked_at + UNCONFIRMED < ctx.runtime.now();
    if !(overdue && pending) {
        changed |= confirm(ctx, care, pair, &listed).await?;
    }
    if overdue && (pending || !pair.hook.has_secret()) {
        // Whatever went wrong with its handshake, or whoever sent others: the next one has another
        // URL. Not at once: it may go wrong again.
        retire(ctx, firm, pair).await?;
        return Ok(Some(Kept::waiting(LOOK_LATER)));
    }
    let mut ends = listed.expires_at;
    let clio_now = ctx.clio.clio_now().unwrap_or_else(|| ctx.runtime.now());
    let mut renewed = false;
    if ends.is_none_or(|ends| ends < clio_now + RENEW_BEFORE) {
        match client_api.repeat(&webhooks::extend(listed.id, pair.hook.model, clio_now + LIFE)?).await {
            Ok(extended) => {
                ends = extended.expires_at.or(Some(clio_now + LIFE));
                renewed = true;
                changed = true;
            }
            Err(failure) if failure.error.code() == Code::ClioNotFound => {
                reconcile::poll_soon(ctx, firm).await?;
                return Ok(None);
            }
            Err(failure) => {
                reconcile::poll_soon(ctx, firm).await?;
                return Err(failure.error);
            }
        }
    }
    let mut enabled = pair.is_enabled();
    if changed || pair.hook.expires_at != ends {
        pair.hook.state = HookState::Live;
        pair.hook.clio = Some(listed.id);
        pair.hook.expires_at = ends;
        let entry = renewed.then(|| audit(Action::WebhookRenewed, &pair.hook));
        // A conflict: a handshake came in. What is to be written is found out again.
        enabled &= put(ctx, firm, pair, None, entry).await?;
    }
    Ok(Some(Kept { enabled, ends, look: if enabled { LOOK } else { LOOK_SOON } }))
}

/// Finds out which secret is Clio's. Gives whether the record is another now.
///
/// Clio names it over the API. If it does not, a secret is known by what Clio accepts: it activates
/// the subscription with the right one only; and of one that is enabled, the only handshake that
/// ever came was Clio's. What was confirmed once stays.
async fn confirm(ctx: &Context, care: &Care<'_>, pair: &mut Pair, listed: &Webhook) -> Result<bool> {
    let opened = Opened::new(&ctx.keyring, care.firm, &pair.hook, &pair.digest).await?;
    let candidates = opened.candidates(&pair.hook)?;
    let known = opened.secret(&pair.hook)?;
    let pending = listed.status == Some(HookStatus::Pending);
    if let Some(secret) = &listed.shared_secret {
        let knew = known.is_some_and(|known| hook::same(&known, secret));
        if !knew {
            opened.confirm(&mut pair.hook, secret)?;
        }
        // Its handshake came, and was not answered in time or the answer was lost: it is not sent
        // again.
        if pending && pair.hook.confirmed {
            activate(ctx, care, listed, secret).await?;
        }
        return Ok(!knew);
    }
    if known.is_some() {
        return Ok(false);
    }
    let mut named = candidates.first().filter(|_| !pending && candidates.len() == 1);
    for candidate in candidates.iter().filter(|_| pending) {
        if activate(ctx, care, listed, candidate).await? {
            named = Some(candidate);
        }
    }
    let Some(secret) = named else { return Ok(false) };
    opened.confirm(&mut pair.hook, secret)?;
    Ok(true)
}

/// Answers a handshake through the API. `false`: Clio refused.
async fn activate(_ctx: &Context, care: &Care<'_>, listed: &Webhook, secret: &SecretString) -> Result<bool> {
    match care.client_api.repeat(&webhooks::activate(listed.id, secret)).await {
        Ok(()) => Ok(true),
        Err(failure) if failure.outcome == SendOutcome::Rejected => Ok(false),
        Err(failure) => Err(failure.error),
    }
}

/// A new subscription. [`Code::SyncInDoubt`]: perhaps.
async fn subscribe(ctx: &Context, care: &Care<'_>, model: HookModel) -> Result<Kept> {
    let firm = care.firm;
    let turn = care.client_api.ready().await?;
    let (token, digest) = hook::new_token(&*ctx.runtime, firm)?;
    let hook = Hook::new(care.connection, model, ctx.runtime.now());
    let config = ctx.config;
    let late_window = config.late_execution_window();
    let not_after = ctx.runtime.monotonic() + config.send_window;
    let mut transaction = ctx.repository.transaction(firm)?;
    transaction.check(Connection::key(firm), Expect::Version(turn.grant.connection_version.clone()));
    let version = transaction.put_due(hook::key(firm, &digest), Expect::Absent, Some(late_window), &hook)?;
    ctx.repository.commit_or_conflict(&transaction).await?;
    let clio_now = ctx.clio.clio_now().unwrap_or_else(|| ctx.runtime.now());
    let request = webhooks::create(model, &hook::url(care.base, &token), clio_now + LIFE)?;
    match care.client_api.send_once(turn, &request, Some(not_after)).await {
        Ok(listed) => take_created(ctx, care, &digest, &listed).await,
        Err(failed) => {
            let failure = failed.failure;
            if executed(&failure) == Executed::No {
                let mut pair = Pair { digest, hook, version, due_at: None, listed: None };
                retire(ctx, firm, &mut pair).await?;
                return Err(failure.error);
            }
            let doubt = Error::new(Code::SyncInDoubt).with("collection", HOOKS);
            Err(doubt.with("cause", failure.error.code().name()).caused_by(failure.error))
        }
    }
}

/// Clio has a new subscription. Its handshake may have come already, or come while this is written;
/// and it may not be wanted any more.
async fn take_created(ctx: &Context, care: &Care<'_>, digest: &str, listed: &Webhook) -> Result<Kept> {
    let firm = care.firm;
    for _ in 0..MOST_ATTEMPTS {
        let stored = ctx.repository.get::<Hook>(&hook::key(firm, digest)).await?;
        let Some(Versioned { value: mut hook, version, .. }) =
            stored.filter(|stored| stored.value.state != HookState::Retired)
        else {
            // Disconnected meanwhile. Should Clio not take this, its first delivery is answered
            // with 410.
            let _ = care.client_api.repeat(&webhooks::delete(listed.id)).await;
            return Err(Code::NotConnected.into());
        };
        (hook.clio, hook.expires_at) = (Some(listed.id), listed.expires_at);
        if let Some(secret) = &listed.shared_secret {
            Opened::new(&ctx.keyring, firm, &hook, digest).await?.confirm(&mut hook, secret)?;
        }
        hook.state = HookState::Live;
        let entry = audit(Action::WebhookCreated, &hook);
        let mut pair = Pair { digest: digest.to_owned(), hook, version, due_at: None, listed: Some(listed.clone()) };
        if put(ctx, firm, &mut pair, None, Some(entry)).await? {
            let enabled = pair.is_enabled();
            return Ok(Kept { enabled, ends: listed.expires_at, look: if enabled { LOOK } else { LOOK_SOON } });
        }
    }
    Err(Code::StoreConflict.into())
}

/// Writes a record of ours. `false`: a handshake wrote it meanwhile.
async fn put(
    ctx: &Context,
    firm: &FirmId,
    pair: &mut Pair,
    due: Option<Duration>,
    entry: Option<AuditEntry>,
) -> Result<bool> {
    let mut transaction = ctx.repository.transaction(firm)?;
    let expect = Expect::Version(pair.version.clone());
    let version = transaction.put_due(hook::key(firm, &pair.digest), expect, due, &pair.hook)?;
    entry.into_iter().for_each(|entry| transaction.audit(entry));
    if ctx.repository.commit(&transaction).await? == Commit::Conflict {
        return Ok(false);
    }
    pair.version = version;
    Ok(true)
}

async fn retire(ctx: &Context, firm: &FirmId, pair: &mut Pair) -> Result<()> {
    pair.hook.retire();
    pair.hook.clio = pair.listed.as_ref().map(|listed| listed.id);
    // A conflict: a handshake in this moment; the next look retires it.
    put(ctx, firm, pair, Some(FORGET), None).await.map(|_| ())
}

/// Deletes in Clio what is ours and not wanted, and forgets what has long been retired.
async fn prune(
    ctx: &Context,
    care: &Care<'_>,
    pairs: Vec<Pair>,
    settings: &crate::settings::FirmSettings,
) -> Result<()> {
    let firm = care.firm;
    for mut pair in pairs {
        let wanted = pair.hook.model == HookModel::Matter || settings.contact_review;
        if pair.hook.state != HookState::Retired && (pair.hook.connection != care.connection.id || !wanted) {
            retire(ctx, firm, &mut pair).await?;
        }
        if pair.hook.state != HookState::Retired {
            continue;
        }
        if let Some(listed) = &pair.listed {
            match care.client_api.repeat(&webhooks::delete(listed.id)).await {
                Ok(()) => {}
                Err(failure) if failure.error.code() == Code::ClioNotFound => {}
                Err(failure) => return Err(failure.error),
            }
            let mut transaction = ctx.repository.transaction(firm)?;
            let entry = audit(Action::WebhookDeleted, &pair.hook).with("webhook", listed.id);
            let suspended = listed.status == Some(HookStatus::Suspended);
            transaction.audit(if suspended { entry.with("was", "suspended") } else { entry });
            if pair.hook.clio.take().is_some() && !pair.digest.is_empty() {
                let expect = Expect::Version(pair.version);
                transaction.put_due(hook::key(firm, &pair.digest), expect, Some(FORGET), &pair.hook)?;
            }
            ctx.repository.commit_or_conflict(&transaction).await?;
        } else if is_past(ctx, firm, pair.due_at).await? {
            let mut transaction = ctx.repository.transaction(firm)?;
            transaction.delete(hook::key(firm, &pair.digest), pair.version);
            ctx.repository.commit(&transaction).await?;
        }
    }
    Ok(())
}

async fn is_past(ctx: &Context, firm: &FirmId, due: Option<Timestamp>) -> Result<bool> {
    let Some(due) = due else { return Ok(false) };
    Ok(due <= ctx.repository.store_now(firm).await?)
}

/// Writes how the subscriptions of this connection are. Nothing, if it has ended: there are none
/// then, whatever the look found. `error`: what its cause was answered with, for the audit log.
async fn note_health(
    ctx: &Context,
    firm: &FirmId,
    connection: &Connection,
    health: HookHealth,
    error: Option<&Error>,
) -> Result<()> {
    let key = health_key(firm);
    for _ in 0..MOST_ATTEMPTS {
        let Some(now) = Connection::load(&ctx.repository, firm).await? else { return Ok(()) };
        if now.value.id != connection.id || now.value.ended_at.is_some() {
            return Ok(());
        }
        let known = ctx.repository.get::<HookHealth>(&key).await?;
        let mut transaction = ctx.repository.transaction(firm)?;
        transaction.check(Connection::key(firm), Expect::Version(now.version));
        let failing = health.cause.as_deref().filter(|cause| !matches!(*cause, "pending" | "no_webhook_url"));
        let before = known.as_ref().and_then(|known| known.value.cause.as_deref());
        if let Some(cause) = failing.filter(|cause| before != Some(*cause)) {
            let entry = AuditEntry::by_system(Action::WebhookCreated, AuditStatus::Failed);
            let entry = entry.with("cause", cause);
            transaction.audit(error.map_or(entry.clone(), |error| entry.answered(error)));
        }
        let expect = known.map_or(Expect::Absent, |known| Expect::Version(known.version));
        transaction.put(key.clone(), expect, &health)?;
        if matches!(ctx.repository.commit(&transaction).await?, Commit::Done { .. }) {
            return Ok(());
        }
    }
    Err(Code::StoreConflict.into())
}

impl Pair {
    /// One that has no record of its own, and is only to be deleted.
    fn leftover(connection: &Connection, listed: Webhook) -> Self {
        let mut hook = Hook::new(connection, HookModel::Matter, Timestamp(0));
        hook.retire();
        Self { digest: String::new(), hook, version: Version(String::new()), due_at: None, listed: Some(listed) }
    }

    fn is_enabled(&self) -> bool {
        let enabled = self.listed.as_ref().is_some_and(|listed| listed.status == Some(HookStatus::Enabled));
        enabled && self.hook.has_secret()
    }
}

fn is_forbidden(error: &Error) -> bool {
    matches!(error.code(), Code::UserRoleForbids | Code::AppPermissionMissing)
}

/// What an admin is told. Which of both it is cannot be tried for webhooks: the permission is the
/// likely one.
fn cause_of(error: &Error) -> Code {
    if is_forbidden(error) { Code::AppPermissionMissing } else { error.code() }
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
