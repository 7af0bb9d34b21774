//! What becomes of a firm whose Clio plan loses its API access, and gets it back.
//!
//! Clio then answers everything with 403, as it answers a missing permission or role. A run that is refused therefore asks for one record of each kind, and only if all
//! of these are refused too, the plan is what is missing: the connection says so, and jobs are parked under its generation (`jobs/park.rs`).
//!
//! A plan is upgraded without connecting anew, and nobody tells us. So a chore asks again from time to time, until something is answered; what a person asks for meanwhile may be answered
//! before that. Then the generation is raised, as by a connect, and what was parked is released in the same commit.

use core::time::Duration;

use crate::calls::Context;
use crate::calls::budget::Class;
use crate::calls::call::Caller;
use crate::clio::probe;
use crate::connection::{Connection, ConnectionState, Links};
use crate::domain::FirmId;
use crate::error::{Code, Result};
use crate::ports::Expect;
use crate::store::{Action, AuditEntry, AuditStatus, Chore, Stored, Turn, release_in, wake_after, wake_in};

/// How often Clio is asked whether the plan has API access again.
const ASK_EVERY: Duration = Duration::from_secs(900);

pub(crate) async fn note_plan_lost(ctx: &Context, firm: &FirmId) -> Result<()> {
    let key = &Connection::key(firm);
    let noted = ctx.journal.update(key, |stored: Option<Stored<Connection>>, mut unit| async move {
        let stored = match Connection::usable(stored) {
            Ok(stored) => stored,
            // It was ended meanwhile: a later connect tries anew what the plan allows.
            Err(error) if matches!(error.code(), Code::NotConnected | Code::ReconnectRequired) => {
                return Ok(Turn::Leave(()));
            }
            // Nothing may be parked for a reason that nobody will ask after.
            Err(error) => return Err(error),
        };
        if stored.value.advice.contains(&Code::PlanWithoutApi) {
            return Ok(Turn::Leave(()));
        }
        let mut connection = Connection { state: ConnectionState::Degraded, ..stored.value };
        connection.advice.push(Code::PlanWithoutApi);
        unit.put(key.clone(), Expect::Version(stored.version), &connection)?;
        wake_after(&ctx.journal, &mut unit, Chore::ApiAccess, ASK_EVERY).await?;
        let entry = AuditEntry::by_system(Action::Connect, AuditStatus::Noted).with("connection", &connection.id);
        unit.audit(entry.with("advice", Code::PlanWithoutApi.name()));
        Ok(Turn::Commit(unit, ()))
    });
    noted.await
}

/// Whether a plan that had lost its API access has it again. Gives when to ask next.
pub(crate) async fn ask_for_api_access(ctx: &Context, firm: &FirmId) -> Result<Option<Duration>> {
    let stored = Connection::load_usable(&ctx.journal, firm).await?;
    if !stored.value.advice.contains(&Code::PlanWithoutApi) {
        return Ok(None);
    }
    let links = Links::of(firm, &stored.value);
    if refuses_all(&Caller::of_firm(ctx, &links, Class::Bulk)).await? {
        return Ok(Some(ASK_EVERY));
    }
    note_plan_back(ctx, firm).await?;
    Ok(None)
}

/// Clio answered: the plan has API access. Nothing else says so any more, and what was parked is released.
pub(crate) async fn note_plan_back(ctx: &Context, firm: &FirmId) -> Result<()> {
    let key = &Connection::key(firm);
    let changed = ctx.journal.update(key, |stored: Option<Stored<Connection>>, mut unit| async move {
        let stored = Connection::usable(stored)?;
        if !stored.value.advice.contains(&Code::PlanWithoutApi) {
            return Ok(Turn::Leave(false));
        }
        let mut connection = stored.value;
        connection.advice.retain(|code| *code != Code::PlanWithoutApi);
        if connection.advice.is_empty() {
            connection.state = ConnectionState::Connected;
        }
        connection.generation += 1;
        unit.put(key.clone(), Expect::Version(stored.version), &connection)?;
        release_in(&ctx.journal, &mut unit).await?;
        // What was refused was taken for a missing permission there.
        wake_in(&ctx.journal, &mut unit, Chore::Subscriptions).await?;
        let entry = AuditEntry::by_system(Action::Connect, AuditStatus::Ok).with("connection", &connection.id);
        unit.audit(entry.with("mended", Code::PlanWithoutApi.name()));
        Ok(Turn::Commit(unit, true))
    });
    if changed.await? {
        ctx.workers.nudge();
    }
    Ok(())
}

/// Whether Clio refuses whatever is asked for.
pub(crate) async fn refuses_all(caller: &Caller<'_>) -> Result<bool> {
    for list in [probe::contacts(), probe::matters(), probe::documents()] {
        match caller.repeat(&list).await {
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
