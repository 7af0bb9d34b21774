//! The mark `reconnect_required`, and how it comes off.
//!
//! A mark says that Clio no longer accepts the firm's tokens: those of one envelope, whose version
//! it names. Tokens that are stored later were granted by Clio, so they disprove it. Whoever marks
//! reads the envelope after that, and whoever stores tokens reads the mark after that: one of both
//! sees the other. Should it die in between, a worker looks a minute later.
//!
//! The commit that takes it off raises the connection's generation, as a connect does: what was
//! blocked under the mark is released, and a run that still ends for it is not blocked any more
//! (`jobs/blocked.rs`).

use core::time::Duration;

use super::session::Session;
use super::{Connection, ConnectionState};
use crate::domain::FirmId;
use crate::error::{Error, Result};
use crate::ports::{Commit, Expect, Version};
use crate::store::{
    Action, AuditEntry, AuditStatus, Event, EventBody, MaintenanceTask, Versioned, release_in, schedule_now,
    schedule_within,
};

const LOOK_AGAIN: Duration = Duration::from_secs(60);
const MOST_ATTEMPTS: usize = 8;

impl Session {
    /// Commits that an admin must reconnect, judged by the envelope of this version (`None`: there
    /// is none). `false`: the connection was replaced meanwhile, or there is a newer envelope;
    /// look again.
    pub(crate) async fn mark(
        &self,
        firm: &FirmId,
        seen: &Versioned<Connection>,
        judged: Option<&Version>,
        cause: &Error,
    ) -> Result<bool> {
        let repository = &self.0.repository;
        let mut transaction = repository.transaction(firm)?;
        let marked = Connection {
            state: ConnectionState::ReconnectRequired,
            judged: Some(judged.map_or(String::new(), |judged| judged.0.clone())),
            ..seen.value.clone()
        };
        transaction.put(Connection::key(firm), Expect::Version(seen.version.clone()), &marked)?;
        let entry = AuditEntry::by_system(Action::Refresh, AuditStatus::Failed)
            .error(&super::session::reconnect(&seen.value))
            .with("generation", seen.value.generation)
            .with("cause", cause.get("reason").unwrap_or_default());
        transaction.audit(entry);
        transaction.event(Event::about_connection(EventBody::ReconnectRequired));
        schedule_within(repository, &mut transaction, MaintenanceTask::Grants, LOOK_AGAIN).await?;
        Ok(matches!(repository.commit(&transaction).await?, Commit::Done { .. }) && !self.unmark(firm).await?)
    }

    /// Takes the mark off if the stored tokens are others than those that it judged. Gives whether
    /// it did.
    pub(crate) async fn unmark(&self, firm: &FirmId) -> Result<bool> {
        let repository = &self.0.repository;
        for _ in 0..MOST_ATTEMPTS {
            let Some(stored) = Connection::load(repository, firm).await? else { return Ok(false) };
            let marked = stored.value.state == ConnectionState::ReconnectRequired;
            // Without a version it is an older SDK's, and nobody knows.
            let Some(judged) = stored.value.judged.clone().filter(|_| marked) else { return Ok(false) };
            let now = self.0.vault.load(firm, &stored.value.id).await?;
            if now.is_none_or(|now| now.version.0 == judged) {
                return Ok(false);
            }
            let healthy = stored.value.advice.is_empty();
            let connection = Connection {
                state: if healthy { ConnectionState::Connected } else { ConnectionState::Degraded },
                judged: None,
                // As by a connect: the release takes what was blocked under an older one.
                generation: stored.value.generation + 1,
                ..stored.value
            };
            let mut transaction = repository.transaction(firm)?;
            transaction.put(Connection::key(firm), Expect::Version(stored.version), &connection)?;
            // What waited for a reconnect.
            release_in(repository, &mut transaction).await?;
            for task in [
                MaintenanceTask::Subscriptions,
                MaintenanceTask::Poll,
                MaintenanceTask::Sweep,
                MaintenanceTask::SecondRecords,
                MaintenanceTask::ApiAccess,
            ] {
                schedule_now(repository, &mut transaction, task).await?;
            }
            let entry = AuditEntry::by_system(Action::Refresh, AuditStatus::Ok).with("connection", &connection.id);
            transaction.audit(entry.with("reason", "newer_tokens"));
            if matches!(repository.commit(&transaction).await?, Commit::Done { .. }) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
