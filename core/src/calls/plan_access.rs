//! What becomes of a firm whose Clio plan loses its API access, and gets it back.
//!
//! Clio then answers everything with 403, as it answers a missing permission or role. A run that is
//! refused therefore asks for one record of each kind, and only if all of these are refused too,
//! the plan is what is missing: the connection says so, and jobs are blocked under its generation
//! (`jobs/blocked.rs`).
//!
//! A plan is upgraded without connecting anew, and nobody tells us. So a maintenance task asks
//! again from time to time, until something is answered; what a person asks for meanwhile may be
//! answered before that. Then the generation is raised, as by a connect, and what was blocked is
//! released in the same commit.

use core::time::Duration;

use crate::calls::Context;
use crate::calls::budget::Class;
use crate::calls::call::ApiClient;
use crate::clio::lookup;
use crate::connection::{AccountScope, Connection, ConnectionState};
use crate::domain::FirmId;
use crate::error::{Code, Result};
use crate::ports::Expect;
use crate::store::{
    Action, AuditEntry, AuditStatus, Change, MaintenanceTask, Versioned, release_in, schedule_now, schedule_within,
};

/// How often Clio is asked whether the plan has API access again.
const ASK_EVERY: Duration = Duration::from_secs(900);

pub(crate) async fn note_plan_lost(ctx: &Context, firm: &FirmId) -> Result<()> {
    let key = &Connection::key(firm);
    let noted = ctx.repository.update(key, |stored: Option<Versioned<Connection>>, mut transaction| async move {
        let stored = match Connection::usable(stored) {
            Ok(stored) => stored,
            // It was ended meanwhile: a later connect tries anew what the plan allows.
            Err(error) if matches!(error.code(), Code::NotConnected | Code::ReconnectRequired) => {
                return Ok(Change::Leave(()));
            }
            // Nothing may be blocked for a reason that nobody will ask after.
            Err(error) => return Err(error),
        };
        if stored.value.advice.contains(&Code::PlanWithoutApi) {
            return Ok(Change::Leave(()));
        }
        let mut connection = Connection { state: ConnectionState::Degraded, ..stored.value };
        connection.advice.push(Code::PlanWithoutApi);
        transaction.put(key.clone(), Expect::Version(stored.version), &connection)?;
        schedule_within(&ctx.repository, &mut transaction, MaintenanceTask::ApiAccess, ASK_EVERY).await?;
        let entry = AuditEntry::by_system(Action::Connect, AuditStatus::Noted).with("connection", &connection.id);
        transaction.audit(entry.with("advice", Code::PlanWithoutApi.name()));
        Ok(Change::Commit(transaction, ()))
    });
    noted.await
}

/// Whether a plan that had lost its API access has it again. Gives when to ask next.
pub(crate) async fn ask_for_api_access(ctx: &Context, firm: &FirmId) -> Result<Option<Duration>> {
    let stored = Connection::load_usable(&ctx.repository, firm).await?;
    if !stored.value.advice.contains(&Code::PlanWithoutApi) {
        return Ok(None);
    }
    let scope = AccountScope::of(firm, &stored.value);
    if refuses_all(&ApiClient::of_firm(ctx, &scope, Class::Bulk)).await? {
        return Ok(Some(ASK_EVERY));
    }
    note_plan_back(ctx, firm).await?;
    Ok(None)
}

/// Clio answered: the plan has API access. Nothing else says so any more, and what was blocked is
/// released.
pub(crate) async fn note_plan_back(ctx: &Context, firm: &FirmId) -> Result<()> {
    let key = &Connection::key(firm);
    let changed = ctx.repository.update(key, |stored: Option<Versioned<Connection>>, mut transaction| async move {
        let stored = Connection::usable(stored)?;
        if !stored.value.advice.contains(&Code::PlanWithoutApi) {
            return Ok(Change::Leave(false));
        }
        let mut connection = stored.value;
        connection.advice.retain(|code| *code != Code::PlanWithoutApi);
        if connection.advice.is_empty() {
            connection.state = ConnectionState::Connected;
        }
        connection.generation += 1;
        transaction.put(key.clone(), Expect::Version(stored.version), &connection)?;
        release_in(&ctx.repository, &mut transaction).await?;
        // What was refused was taken for a missing permission there.
        schedule_now(&ctx.repository, &mut transaction, MaintenanceTask::Subscriptions).await?;
        let entry = AuditEntry::by_system(Action::Connect, AuditStatus::Ok).with("connection", &connection.id);
        transaction.audit(entry.with("mended", Code::PlanWithoutApi.name()));
        Ok(Change::Commit(transaction, true))
    });
    if changed.await? {
        ctx.workers.notify();
    }
    Ok(())
}

/// Whether Clio refuses whatever is asked for.
pub(crate) async fn refuses_all(client_api: &ApiClient<'_>) -> Result<bool> {
    for list in [lookup::contacts(), lookup::matters(), lookup::documents()] {
        match client_api.repeat(&list).await {
            Ok(_) => return Ok(false),
            Err(failure) if is_forbidden(failure.error.code()) => {}
            Err(failure) => return Err(failure.error),
        }
    }
    Ok(true)
}

/// What a missing permission, a role, or a plan without API access are answered alike with.
pub(crate) fn is_forbidden(code: Code) -> bool {
    matches!(code, Code::UserRoleForbids | Code::AppPermissionMissing)
}
