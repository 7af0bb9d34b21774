//! Removing old runs from the sync log.
//!
//! A matter's state, its links and what is due lie elsewhere, so a run that is gone is missed in
//! the log alone. One that has not ended stays, however old it is: its process may still write to
//! it, or whoever takes the matter over ends it. So does one that cannot be read: a newer release
//! can.

use super::SyncLog;
use super::sync_log::{decode, first_id};
use crate::domain::{Actor, Timestamp};
use crate::error::{Code, Error, Result};
use crate::ports::{Commit, Key, Order, Record, Scan};
use crate::store::{Action, AuditEntry, AuditStatus};
use crate::sync::{RUNS, RUNS_OF_MATTERS};

/// Runs that one commit removes, each with its pointer.
const PRUNED_AT_ONCE: usize = 100;

impl SyncLog<'_> {
    /// Removes the runs that were begun before this time, the oldest first. Returns how many that
    /// were.
    ///
    /// # Errors
    /// [`Code::StoreConflict`] when somebody else prunes; what was removed stays removed.
    pub(crate) async fn prune(&self, actor: &Actor, before: Timestamp) -> Result<u64> {
        let (mut removed, mut from) = (0, String::new());
        loop {
            let scan = Scan::Ids {
                firm: actor.firm.clone(),
                collection: RUNS,
                from,
                until: Some(first_id(before)),
                order: Order::Ascending,
                limit: PRUNED_AT_ONCE,
            };
            let found = self.repository.store().scan(&scan).await?;
            let Some(last) = found.last() else { return Ok(removed) };
            from = format!("{}/", last.key.id);
            removed += self.remove(actor, found, before).await?;
        }
    }

    async fn remove(&self, actor: &Actor, found: Vec<Record>, before: Timestamp) -> Result<u64> {
        let mut runs = Vec::new();
        for record in found {
            let Ok(run) = decode(&record.body) else { continue };
            if run.ended_at.is_some() {
                let pointer = format!("{}/{}", run.matter, record.key.id);
                runs.push((record, Key::new(&actor.firm, RUNS_OF_MATTERS, pointer)));
            }
        }
        if runs.is_empty() {
            return Ok(0);
        }
        let pointers: Vec<Key> = runs.iter().map(|(_, pointer)| pointer.clone()).collect();
        let pointers = self.repository.store().get_many(&pointers).await?;
        let removed = runs.len();
        let mut transaction = self.repository.transaction(&actor.firm)?;
        let entry = AuditEntry::by(&actor.id, Action::Prune, AuditStatus::Ok);
        transaction.audit(entry.with("log", "sync").with("until", before).with("entries", removed));
        for (record, _) in runs {
            transaction.delete(record.key, record.version);
        }
        for pointer in pointers.into_iter().flatten() {
            transaction.delete(pointer.key, pointer.version);
        }
        match self.repository.commit(&transaction).await? {
            Commit::Conflict => Err(Error::new(Code::StoreConflict).with("log", "sync")),
            Commit::Done { .. } => Ok(removed as u64),
        }
    }
}
