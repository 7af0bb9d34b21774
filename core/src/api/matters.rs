//! Syncing matters: handlers of the operations in group `matters`.

use super::Sdk;
use super::results::{MatterCount, PrunedRuns, TriggerAnswer};
use crate::connection::{AccountScope, Connection};
use crate::domain::{Actor, FirmId, MatterId, SyncReport, Timestamp, Trigger};
use crate::error::{Code, Error, Result};
use crate::history::{LogPage, LoggedRun, RunQuery, SyncLog};
use crate::jobs::{self, HeldMatter, MatterState};
use crate::ports::Version;
use crate::store::{Action, AuditEntry, AuditStatus, Repository};
use crate::sync::Plan;
use crate::{settings, sync};

pub(super) async fn plan_matter(sdk: &Sdk, actor: &Actor, matter: MatterId) -> Result<Plan> {
    sync::plan_input::plan_matter(&sdk.queue.ctx, &actor.firm, &matter).await
}

pub(super) async fn sync_matter(sdk: &Sdk, actor: &Actor, matter: MatterId) -> Result<SyncReport> {
    jobs::sync_now(&sdk.queue, actor, &matter, None).await
}

pub(super) async fn trigger_sync(
    sdk: &Sdk,
    actor: &Actor,
    matter: MatterId,
    trigger: Trigger,
) -> Result<TriggerAnswer> {
    let settings = settings::load(&sdk.repository, &actor.firm).await?;
    let accepted = settings.allows(trigger);
    if accepted {
        sdk.queue.trigger(&actor.firm, &matter, trigger, &actor.id).await?;
    }
    Ok(TriggerAnswer { accepted })
}

pub(super) async fn get_matter_state(sdk: &Sdk, actor: &Actor, matter: MatterId) -> Result<MatterState> {
    let host = sdk.queue.ctx.clio.host();
    let scope = AccountScope::current(&sdk.repository, &actor.firm).await?;
    jobs::matter_state(&sdk.repository, &scope, &matter, |id| host.matter_url(id).to_string()).await
}

pub(super) async fn list_held_matters(sdk: &Sdk, actor: &Actor) -> Result<Vec<HeldMatter>> {
    jobs::list_held(&sdk.repository, &actor.firm).await
}

pub(super) async fn release_held_matters(
    sdk: &Sdk,
    actor: &Actor,
    matters: Option<Vec<MatterId>>,
) -> Result<MatterCount> {
    Connection::load_usable(&sdk.repository, &actor.firm).await?;
    let (queue, actor) = (sdk.queue.clone(), actor.clone());
    sdk.to_the_end(async move {
        let repository = &queue.ctx.repository;
        let listed = listed(repository, &actor.firm, matters).await?;
        audit_retry(repository, &actor, "held", listed.len()).await?;
        let mut released = 0;
        for held in &listed {
            released += usize::from(queue.claims.release(&actor.firm, held, &actor.id).await?);
        }
        Ok(MatterCount { matters: released })
    })
    .await
}

pub(super) async fn discard_held_matters(
    sdk: &Sdk,
    actor: &Actor,
    matters: Option<Vec<MatterId>>,
) -> Result<MatterCount> {
    let (repository, actor) = (sdk.repository.clone(), actor.clone());
    sdk.to_the_end(async move {
        let mut discarded = 0;
        for (held, _) in listed(&repository, &actor.firm, matters).await? {
            discarded += usize::from(jobs::discard_held(&repository, &actor, &held).await?);
        }
        Ok(MatterCount { matters: discarded })
    })
    .await
}

/// What is held of these matters, or of all, each with its record's version.
async fn listed(
    repository: &Repository,
    firm: &FirmId,
    matters: Option<Vec<MatterId>>,
) -> Result<Vec<(HeldMatter, Version)>> {
    let held = jobs::listed_held(repository, firm).await?;
    let is_meant = |held: &HeldMatter| matters.as_ref().is_none_or(|matters| matters.contains(&held.matter));
    Ok(held.into_iter().filter(|(held, _)| is_meant(held)).collect())
}

pub(super) async fn retry_run(sdk: &Sdk, actor: &Actor, run: String) -> Result<()> {
    let log = SyncLog { repository: &sdk.repository };
    let unknown = || Error::new(Code::RecordUnknown).with("type", "run");
    let run = log.run(&actor.firm, &run).await?.ok_or_else(unknown)?;
    audit_retry(&sdk.repository, actor, "run", &run.run).await?;
    if !jobs::hold(&sdk.repository, &actor.firm, &run.matter, Trigger::Retry, &actor.id).await? {
        sdk.queue.claims.ask(&actor.firm, &run.matter, Trigger::Retry, &actor.id).await?;
    }
    Ok(())
}

pub(super) async fn retry_failed(sdk: &Sdk, actor: &Actor) -> Result<MatterCount> {
    let failed = jobs::failed_matters(&sdk.repository, &actor.firm).await?;
    audit_retry(&sdk.repository, actor, "matters", failed.len()).await?;
    for matter in &failed {
        sdk.queue.trigger(&actor.firm, matter, Trigger::Retry, &actor.id).await?;
    }
    Ok(MatterCount { matters: failed.len() })
}

/// Before the first commit of what was asked for.
async fn audit_retry(
    repository: &Repository,
    actor: &Actor,
    what: &'static str,
    value: impl core::fmt::Display,
) -> Result<()> {
    let mut transaction = repository.transaction(&actor.firm)?;
    transaction.audit(AuditEntry::by(&actor.id, Action::Retry, AuditStatus::Ok).with(what, value));
    repository.commit_or_conflict(&transaction).await.map(|_| ())
}

pub(super) async fn list_runs(sdk: &Sdk, actor: &Actor, query: RunQuery) -> Result<LogPage<LoggedRun>> {
    SyncLog { repository: &sdk.repository }.query(&actor.firm, &query).await
}

pub(super) async fn prune_runs(sdk: &Sdk, actor: &Actor, before: Timestamp) -> Result<PrunedRuns> {
    let runs = SyncLog { repository: &sdk.repository }.prune(actor, before).await?;
    Ok(PrunedRuns { runs })
}
