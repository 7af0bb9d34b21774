//! What the embedding service does itself: handlers of the host's operations.

use core::time::Duration;

use super::Sdk;
use super::results::{Deauthorization, Millis};
use crate::connection::AccountScope;
use crate::contact_review::proposals;
use crate::domain::{Actor, ActorId, FirmId, MatterId, Role, Timestamp};
use crate::error::{Code, Error, Result};
use crate::inbound::status;
use crate::lifecycle::ForgottenKeys;
use crate::links::linked_matter;
use crate::ports::Commit;
use crate::store::{Action, AuditEntry, AuditStatus, Outbox, OutboxEvent};

pub(super) use super::casehug_events::handle_casehug_event;

/// How long an event is leased to one reader.
const EVENT_LEASE: Duration = Duration::from_secs(60);
/// Clocks that differ by less are taken for equal.
const NO_SKEW_MS: i64 = 2_000;

/// Whom the audit log names where the host acts for no user.
pub(super) fn host_of(firm: FirmId) -> Result<Actor> {
    Ok(Actor { id: ActorId::new("host")?, firm, role: Role::Admin })
}

pub(super) async fn next_events(
    sdk: &Sdk,
    firm: Option<FirmId>,
    limit: usize,
    wait_ms: Millis,
) -> Result<Vec<OutboxEvent>> {
    let outbox = Outbox::new(&sdk.repository).with_progress(&sdk.queue.ctx.progress).until(&sdk.queue.ctx.stop);
    let events = outbox.next_events(firm.as_ref(), limit, EVENT_LEASE, wait_ms.0).await?;
    if events.is_empty() && sdk.is_part && sdk.queue.ctx.stop.is_told_alone() {
        // "Nothing came" would be no answer to the one who cancelled.
        return Err(Code::Stopped.into());
    }
    Ok(events)
}

pub(super) async fn ack_event(sdk: &Sdk, firm: FirmId, id: String) -> Result<()> {
    Outbox::new(&sdk.repository).ack(&firm, &id).await
}

pub(super) async fn report_deauthorization(sdk: &Sdk, firm: FirmId) -> Result<Deauthorization> {
    let disconnected = sdk.auth.deauthorization_reported(&firm).await?;
    Ok(Deauthorization { disconnected })
}

pub(super) async fn forget_lost_keys(sdk: &Sdk, firm: FirmId) -> Result<ForgottenKeys> {
    sdk.auth.forget_lost_keys(&host_of(firm)?).await
}

pub(super) async fn mark_contact_applied(sdk: &Sdk, firm: FirmId, proposal: String) -> Result<()> {
    proposals::contact_applied(&sdk.queue.ctx, &host_of(firm)?, &proposal).await
}

pub(super) async fn record_status_change(sdk: &Sdk, firm: FirmId, matter: MatterId, at: Timestamp) -> Result<()> {
    let scope = AccountScope::current(&sdk.repository, &firm).await?;
    let clio = linked_matter(&sdk.repository, &scope, &matter).await?;
    let clio = clio.ok_or_else(|| Error::new(Code::NotSyncedYet).with("matter", &matter))?;
    // On Clio's clock, whatever the host's shows; Clio tells whole seconds, so it is not known
    // better than that.
    let now = sdk.queue.ctx.runtime.now();
    let ahead = sdk.queue.ctx.clio.clio_now().map_or(0, |clio_now| clio_now.millis_since(now));
    let ahead = if ahead.abs() <= NO_SKEW_MS { 0 } else { ahead };
    let at = Timestamp((at.0.min(now.0) + ahead).div_euclid(1000) * 1000);
    let host = host_of(firm)?;
    loop {
        let mut transaction = sdk.repository.transaction(&host.firm)?;
        status::host_changed(&sdk.repository, &mut transaction, &scope, clio, at).await?;
        let entry = AuditEntry::by(&host.id, Action::StatusChanged, AuditStatus::Noted);
        transaction.audit(entry.with("matter", &matter).with("at", at.to_rfc3339()));
        if matches!(sdk.repository.commit(&transaction).await?, Commit::Done { .. }) {
            return Ok(());
        }
    }
}
