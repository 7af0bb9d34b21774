//! Applying what was recorded. A delivery that cannot be applied now is tried again, ever more
//! slowly; the reconciling poll finds what it told of in any case.

use crate::contact_review::contacts;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::status;
use super::status::{EARLY, Observed, Source};
use crate::calls::budget::Class;
use crate::calls::{ApiClient, Context};
use crate::clio::{HookModel, MatterStatus, matters};
use crate::connection::{AccountScope, ScopeName};
use crate::domain::{Applied, ClioId, FirmId, Timestamp};
use crate::error::{Code, Error, Result};
use crate::ports::{Commit, Expect, Key, Record, Scan, Version};
use crate::store::schedule::MaintenanceTask;
use crate::store::{Action, AuditEntry, AuditStatus, Repository, Transaction};

const INCOMING: &str = "webhook-in";
/// Clio repeats for 62 minutes.
const KEPT: Duration = Duration::from_secs(24 * 3600);
/// Of one firm, before others of its are looked for.
const AT_ONCE: usize = 50;
/// Those of the other model may be due before.
const SCANNED: usize = 500;
/// The widest look for those of one model.
const WIDEST_SCAN: usize = 8_000;
/// Longer than Clio takes to answer, waits for the budget included.
const ASKING: Duration = Duration::from_secs(180);
const LONGEST_WAIT: Duration = Duration::from_secs(3600);
const MOST_COMMITS: usize = 8;
/// Of a matter: then the poll is trusted with it.
const MOST_ATTEMPTS: u32 = 8;
/// Of a contact, which no poll finds: about a week, an hour apart.
const MOST_ATTEMPTS_OF_CONTACT: u32 = 7 * 24;

/// `webhook-in/<digest>`: due when it is to be applied, and then when it is to be forgotten.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Incoming {
    pub model: HookModel,
    /// The set of links that it is about.
    pub link_set: ScopeName,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
    /// It says that a matter's status was set.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub status_set: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clio: Option<ClioId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<MatterStatus>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Timestamp>,
    /// On the host's clock.
    pub received_at: Timestamp,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub applied: bool,
    #[serde(default)]
    pub attempts: u32,
}

pub(crate) fn key_of(firm: &FirmId, id: &str) -> Key {
    Key::new(firm, INCOMING, id)
}

/// Adds to a matter's link that its deletion was told of before: applied as if it were delivered
/// now, because Clio must be asked.
pub(crate) fn put_deletion(
    repository: &Repository,
    transaction: &mut Transaction,
    scope: &AccountScope,
    clio: ClioId,
) -> Result<()> {
    let incoming = Incoming {
        model: HookModel::Matter,
        link_set: scope.set.clone(),
        deleted: true,
        status_set: false,
        clio: Some(clio),
        status: None,
        updated_at: None,
        received_at: repository.runtime().now(),
        applied: false,
        attempts: 0,
    };
    let key = key_of(transaction.firm(), transaction.id());
    transaction.put_due(key, Expect::Absent, Some(Duration::ZERO), &incoming).map(|_| ())
}

/// The deliveries that are due to be applied or to be forgotten, at most `limit` of each kind; and
/// whether those are all. `everything`: what overtook its matter's link, too, which nobody waits
/// for.
pub(crate) async fn due_deliveries(ctx: &Context, limit: usize, everything: bool) -> Result<(Vec<Record>, bool)> {
    let (mut due, mut all) = (Vec::new(), true);
    for collection in [INCOMING].into_iter().chain(everything.then_some(EARLY)) {
        let records = ctx.repository.store().scan(&Scan::Due { firm: None, collection, limit }).await?;
        all &= records.len() < limit;
        due.extend(records);
    }
    Ok((due, all))
}

/// Applies what is due of a firm and a model. Gives whether anything was.
///
/// By model, because about contacts Clio is asked each time: what a matter's status is must not
/// wait for that.
pub(crate) async fn apply_deliveries(ctx: &Context, firm: &FirmId, model: HookModel) -> Result<bool> {
    let scan = |collection, limit| Scan::Due { firm: Some(firm.clone()), collection, limit };
    let (mut some, mut limit) = (false, SCANNED);
    // Thousands of one model must not hide the other's.
    let due = loop {
        let found = ctx.repository.store().scan(&scan(INCOMING, limit)).await?;
        let all = found.len() < limit || limit >= WIDEST_SCAN;
        let due: Vec<Record> = found.into_iter().filter(|record| model_of(record) == model).take(AT_ONCE).collect();
        if all || !due.is_empty() {
            break due;
        }
        limit *= 4;
    };
    for record in due {
        some |= match serde_json::from_str::<Incoming>(&record.body) {
            Ok(incoming) if incoming.applied => forget(ctx, record).await?,
            Ok(incoming) => apply_one(ctx, record, incoming).await?,
            Err(_) => {
                // Of a newer SDK, or broken: it must not stand in the way of the others.
                if ctx.repository.failures().is_news(format!("delivery {firm} {}", record.key.id), Code::StoreCorrupt) {
                    tracing::error!(%firm, code = Code::StoreCorrupt.name(), "a delivery cannot be read");
                }
                defer(ctx, &record, KEPT).await?.is_some()
            }
        };
    }
    if model == HookModel::Matter {
        for record in ctx.repository.store().scan(&scan(EARLY, SCANNED)).await? {
            some |= forget(ctx, record).await?;
        }
    }
    Ok(some)
}

/// `false`: somebody else applies it.
async fn apply_one(ctx: &Context, mut record: Record, incoming: Incoming) -> Result<bool> {
    let mut may_ask = false;
    for _ in 0..MOST_COMMITS {
        let mut transaction = ctx.repository.transaction(&record.key.firm)?;
        match take(ctx, &mut transaction, &incoming, may_ask).await {
            Ok(Applied::Ask) => {
                // Whoever asks Clio says so first: nobody else needs to.
                let Some(version) = defer(ctx, &record, ASKING).await? else { return Ok(false) };
                record.version = version;
                may_ask = true;
            }
            Ok(applied) => {
                done(&mut transaction, &record, &incoming, applied)?;
                if matches!(ctx.repository.commit(&transaction).await?, Commit::Done { .. }) {
                    return Ok(true);
                }
                let now = ctx.repository.store().get(&record.key).await?;
                if now.is_none_or(|now| now.version != record.version) {
                    return Ok(false);
                }
            }
            Err(error) if error.code() == Code::StoreConflict => {}
            Err(error) if error.code() == Code::StoreFailed => return Err(error),
            Err(error) if ctx.is_of_this_process(&record.key.firm, &error).await => {
                defer(ctx, &record, Duration::ZERO).await?;
                return Ok(false);
            }
            Err(error) => return later(ctx, &record, incoming, &error).await,
        }
    }
    later(ctx, &record, incoming, &Code::StoreConflict.into()).await
}

async fn defer(ctx: &Context, record: &Record, wait: Duration) -> Result<Option<Version>> {
    let mut transaction = ctx.repository.transaction(&record.key.firm)?;
    let version = transaction.defer(record, wait);
    Ok(matches!(ctx.repository.commit(&transaction).await?, Commit::Done { .. }).then_some(version))
}

/// [`Applied::Ask`], unless it `may_ask`: only Clio can say.
async fn take(ctx: &Context, transaction: &mut Transaction, incoming: &Incoming, may_ask: bool) -> Result<Applied> {
    let scope = AccountScope { firm: transaction.firm().clone(), set: incoming.link_set.clone() };
    let Some(clio) = incoming.clio else {
        crate::store::schedule_now(&ctx.repository, transaction, MaintenanceTask::Poll).await?;
        return Ok(Applied::Nothing);
    };
    if incoming.model == HookModel::Contact {
        return contacts::contact_changed(ctx, transaction, &scope, clio, incoming.deleted, may_ask).await;
    }
    let set_at = incoming.updated_at.filter(|_| incoming.status_set);
    let seen = Observed { clio, status: incoming.status, updated_at: incoming.updated_at, set_at };
    let applied = if incoming.deleted {
        status::deleted(&ctx.repository, transaction, &scope, seen).await?
    } else {
        status::apply(&ctx.repository, transaction, &scope, seen, Source::Notified).await?
    };
    if applied == Applied::Ask && may_ask {
        return ask(ctx, &scope, transaction, clio, Doubt::Delivered { deleted: incoming.deleted, set_at }).await;
    }
    Ok(applied)
}

/// Why Clio is asked for a matter's status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// A delivery does not say enough.
    Delivered {
        /// It says that the matter was deleted.
        deleted: bool,
        /// As [`Observed`]'s.
        set_at: Option<Timestamp>,
    },
    /// A list of Clio's does not, which was answered in this moment.
    Listed,
}

/// Asks Clio for a matter's status, and takes in the answer.
///
/// # Errors
/// [`Code::StoreConflict`]: something else was learned while Clio was asked; and what kept Clio
/// from answering.
pub(crate) async fn ask(
    ctx: &Context,
    scope: &AccountScope,
    transaction: &mut Transaction,
    clio: ClioId,
    doubt: Doubt,
) -> Result<Applied> {
    let (class, deleted, set_at) = match doubt {
        Doubt::Delivered { deleted, set_at } => (Class::Waiting, deleted, set_at),
        Doubt::Listed => (Class::Bulk, false, None),
    };
    let before = status::known_version(&ctx.repository, scope, clio).await?;
    match ApiClient::of_firm(ctx, scope, class).repeat(&matters::status(clio)).await {
        Ok(matter) => {
            let seen = Observed { set_at, ..Observed::from(&matter) };
            status::apply(&ctx.repository, transaction, scope, seen, Source::Asked(before.as_ref())).await
        }
        Err(failure) if is_hidden(failure.error.code(), doubt) => {
            status::gone(&ctx.repository, transaction, scope, clio, deleted, before.as_ref()).await
        }
        Err(failure) => Err(failure.error),
    }
}

/// Who may list the firm's matters and is forbidden this one does not see it. Without the list, it
/// may be all of them that are forbidden.
fn is_hidden(code: Code, doubt: Doubt) -> bool {
    code == Code::ClioNotFound || code == Code::UserRoleForbids && doubt == Doubt::Listed
}

/// A delivery that cannot be applied now. It is given up when it has been tried for long, and at
/// once when the firm is not connected to that account any more: the poll after a reconnect finds
/// what it told of a matter, and what it told of a contact is as lost as what Clio did not deliver
/// meanwhile.
async fn later(ctx: &Context, record: &Record, mut incoming: Incoming, error: &Error) -> Result<bool> {
    tracing::debug!(code = error.code().name(), "a delivery is applied later");
    incoming.attempts = incoming.attempts.saturating_add(1);
    let mut transaction = ctx.repository.transaction(&record.key.firm)?;
    let mut wait = Duration::from_secs(15 << incoming.attempts.min(8)).min(LONGEST_WAIT);
    let most = match incoming.model {
        HookModel::Matter => MOST_ATTEMPTS,
        HookModel::Contact => MOST_ATTEMPTS_OF_CONTACT,
    };
    // The second one: another account.
    let ended = matches!(error.code(), Code::NotConnected | Code::SyncBusy);
    if ended || incoming.attempts >= most {
        incoming.applied = true;
        wait = KEPT;
        if incoming.model == HookModel::Matter {
            crate::store::schedule_now(&ctx.repository, &mut transaction, MaintenanceTask::Poll).await?;
        }
        let entry = AuditEntry::by_system(Action::WebhookApplied, AuditStatus::Failed).error(error);
        transaction.audit(about(entry, &incoming));
    }
    transaction.put_due(record.key.clone(), Expect::Version(record.version.clone()), Some(wait), &incoming)?;
    Ok(matches!(ctx.repository.commit(&transaction).await?, Commit::Done { .. }))
}

async fn forget(ctx: &Context, record: Record) -> Result<bool> {
    let mut transaction = ctx.repository.transaction(&record.key.firm)?;
    transaction.delete(record.key, record.version);
    Ok(matches!(ctx.repository.commit(&transaction).await?, Commit::Done { .. }))
}

/// Which due task a record belongs to.
pub(crate) fn model_of(record: &Record) -> HookModel {
    #[derive(Deserialize)]
    struct Model {
        model: HookModel,
    }
    serde_json::from_str::<Model>(&record.body).map_or(HookModel::Matter, |it| it.model)
}

/// Marks a delivery as applied, and audits it.
fn done(transaction: &mut Transaction, record: &Record, incoming: &Incoming, applied: Applied) -> Result<()> {
    let received = AuditEntry::by_system(Action::WebhookReceived, AuditStatus::Ok).with("effect", applied.name());
    transaction.audit(about(received, incoming));
    if applied == Applied::Notified {
        transaction.audit(about(AuditEntry::by_system(Action::WebhookApplied, AuditStatus::Ok), incoming));
    }
    let incoming = Incoming { applied: true, ..incoming.clone() };
    transaction.put_due(record.key.clone(), Expect::Version(record.version.clone()), Some(KEPT), &incoming)?;
    Ok(())
}

fn about(entry: AuditEntry, incoming: &Incoming) -> AuditEntry {
    let entry = entry.with("model", incoming.model.name()).with("received_at", incoming.received_at.to_rfc3339());
    let entry = if incoming.deleted { entry.with("deleted", true) } else { entry };
    match incoming.clio {
        Some(clio) => entry.with("clio", clio),
        None => entry,
    }
}
