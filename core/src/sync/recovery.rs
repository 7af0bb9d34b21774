//! After the store lost its tail: a restore from a backup, a failover to a replica that lagged.
//!
//! **Problem.** What was created in Clio since the backup has neither intent nor link any more. The
//! next sync of such a matter would create it again.
//!
//! **Model.** The operator says since when records may be missing. From then on every *absent*
//! record counts as an intent made at that time whose answer was lost: Clio is asked first, and a
//! miss counts only once everything that was on its way when the store was lost has been executed
//! or never will be. That costs one more call per contact, matter and document that is really new,
//! until the operator ends the recovery.
//!
//! Nor does the store know what the host was told of matters' statuses since then: each is told
//! once more, and all links are swept.

use crate::links::intent;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::create::Asked;
use super::driver::Driver;
use crate::connection::Connection;
use crate::domain::{Actor, FirmId, SyncConfig, Timestamp};
use crate::error::{Code, Error, Result, Retry};
use crate::links::link_record::{ContactKey, Intent, LinkRecord};
use crate::ports::{Commit, Expect, Key};
use crate::store::restore::begin_restore_generation;
use crate::store::{Action, AuditEntry, AuditStatus, MaintenanceTask, Repository, Transaction, schedule_now};

const MOST_ATTEMPTS: usize = 8;

/// `recovery/since`, due when everything that was on its way is over.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Recovery {
    since: Timestamp,
    /// How long what was on its way may still be executed.
    #[serde(skip)]
    left: Duration,
    /// How long Clio's lists may not show yet what was.
    #[serde(skip)]
    unlisted: Duration,
}

pub(super) fn key(firm: &FirmId) -> Key {
    Key::new(firm, "recovery", "since")
}

/// Begins a recovery, or ends it.
pub(crate) async fn recover(
    repository: &Repository,
    actor: &Actor,
    config: &SyncConfig,
    since: Option<Timestamp>,
) -> Result<()> {
    let stored = repository.get::<Recovery>(&key(&actor.firm)).await?;
    let mut transaction = repository.transaction(&actor.firm)?;
    let entry = AuditEntry::by(&actor.id, Action::Recovery, AuditStatus::Ok);
    match since {
        Some(since) => {
            let expect = stored.map_or(Expect::Absent, |stored| Expect::Version(stored.version));
            transaction.put_due(
                key(&actor.firm),
                expect,
                Some(config.late_execution_window()),
                &Recovery::since(since),
            )?;
            transaction.audit(entry.with("since", since.to_rfc3339()));
            begin_restore_generation(repository, &mut transaction).await?;
            schedule_now(repository, &mut transaction, MaintenanceTask::Sweep).await?;
        }
        None => {
            if let Some(stored) = stored {
                transaction.delete(key(&actor.firm), stored.version);
            }
            transaction.audit(entry.with("since", "ended"));
        }
    }
    repository.commit_or_conflict(&transaction).await.map(|_| ())
}

/// The recovery that is in progress, and what a commit that goes by it expects.
pub(crate) async fn load(
    repository: &Repository,
    firm: &FirmId,
    index_delay: Duration,
) -> Result<(Option<Recovery>, Expect)> {
    let Some(stored) = repository.get::<Recovery>(&key(firm)).await? else { return Ok((None, Expect::Absent)) };
    let now = repository.store_now(firm).await?;
    let left = |more| stored.due_at.map_or(Duration::ZERO, |due| now.until(due + more));
    let recovery = Recovery { left: left(Duration::ZERO), unlisted: left(index_delay), ..stored.value };
    Ok((Some(recovery), Expect::Version(stored.version)))
}

impl Recovery {
    fn since(since: Timestamp) -> Self {
        Self { since, left: Duration::ZERO, unlisted: Duration::ZERO }
    }

    /// Whether Clio was asked for all of the time that this is about when it was asked about an
    /// intent.
    pub(crate) fn is_answered_by(&self, record: &LinkRecord) -> bool {
        let LinkRecord::Intent(intent) = record else { return false };
        intent.is_recovered() && intent.clio_at.is_some_and(|since| since <= self.since)
    }

    /// Whether a miss may be believed.
    pub(crate) fn must_be_settled(&self, collection: &'static str) -> Result<()> {
        if self.unlisted.is_zero() {
            return Ok(());
        }
        let wait = Retry::After(self.unlisted + Duration::from_millis(1));
        Err(Error::new(Code::SyncInDoubt).with("collection", collection).with("reason", "recovery").retry_as(wait))
    }
}

impl Driver<'_> {
    /// For what lets a request be sent: not if the operator said since this run began that records
    /// may be missing. A run may have waited for Clio's budget for minutes, and knows nothing
    /// of it.
    pub(crate) fn unit_before_sending(&self) -> Result<Transaction> {
        let mut transaction = self.transaction()?;
        self.expect_recovery_in(&mut transaction);
        Ok(transaction)
    }

    /// Makes a commit depend on what the operator had said when this run began.
    pub(crate) fn expect_recovery_in(&self, transaction: &mut Transaction) {
        transaction.check(key(self.firm), self.recovery_seen.clone());
    }

    /// Whether a recovery began, or ended, since this run began.
    pub(crate) async fn is_recovery_news(&self) -> Result<bool> {
        let now = self.ctx.repository.store().get(&key(self.firm)).await?;
        Ok(now.map_or(Expect::Absent, |record| Expect::Version(record.version)) != self.recovery_seen)
    }

    /// Puts the intent that may have been lost, unless another run puts its own.
    pub(crate) async fn intend_again<N: Serialize>(
        &mut self,
        recovery: Recovery,
        key: &Key,
        email_index: Option<&(Key, ContactKey)>,
        natural: &N,
        email: Option<String>,
        asked: &Asked,
    ) -> Result<()> {
        let store = self.ctx.repository.store();
        for _ in 0..MOST_ATTEMPTS {
            let grant = self.client_api.grant().await?;
            let connection = grant.connection.id.clone();
            let intent = Intent {
                sealed: intent::seal_natural_key(self.ctx, key, &connection, natural).await?,
                connection,
                clio_at: Some(recovery.since),
                late_window_ms: u64::try_from(recovery.left.as_millis()).unwrap_or(u64::MAX),
                committed_at: None,
                sends: 0,
                rounds: 0,
                email: email.clone(),
                cause: None,
                decision: asked.decision(),
                question: false,
            };
            let mut transaction = self.unit_before_sending()?;
            transaction.check(Connection::key(self.firm), Expect::Version(grant.connection_version));
            // Without a due time if what was on its way is listed since long: a miss is believed at
            // once.
            let settled_in = (!recovery.unlisted.is_zero()).then_some(recovery.left);
            transaction.put_due(key.clone(), asked.expect(), settled_in, &LinkRecord::Intent(intent))?;
            if let Some((key, value)) = email_index {
                transaction.put(key.clone(), Expect::Absent, value)?;
            }
            if matches!(self.commit_unit(&transaction).await?, Commit::Done { .. }) {
                return Ok(());
            }
            for (key, before) in
                [(key, asked.version.as_ref())].into_iter().chain(email_index.map(|(key, _)| (key, None)))
            {
                if store.get(key).await?.map(|record| record.version).as_ref() != before {
                    return Ok(());
                }
            }
            // The connection was written in this moment. Without an intent Clio would not be asked.
        }
        Err(Error::new(Code::StoreConflict).with("collection", key.collection))
    }
}
