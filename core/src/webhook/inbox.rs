//! Applying what was recorded. A delivery that cannot be applied now is tried again, ever more slowly; the reconciling poll finds what it told of in any case.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::chores::Chore;
use super::status::{self, Applied, EARLY, Seen};
use crate::auth::{LinkSet, Links};
use crate::budget::Class;
use crate::clio::{HookModel, MatterStatus, matters};
use crate::error::{Code, Error, Result};
use crate::log::{Action, AuditEntry, AuditStatus};
use crate::model::{ClioId, FirmId, Timestamp};
use crate::ports::{Commit, Expect, Key, Record, Scan};
use crate::records::{Stored, Unit};
use crate::sync::{Caller, Engine};

const INCOMING: &str = "webhook-in";
/// Clio repeats for 62 minutes.
const KEPT: Duration = Duration::from_secs(24 * 3600);
const AT_ONCE: usize = 50;
const MOST_TURNS: usize = 8;
/// Then the poll is trusted with it.
const MOST_ATTEMPTS: u32 = 8;

/// `webhook-in/<digest>`: due when it is to be applied, and then when it is to be forgotten.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Incoming {
    pub model: HookModel,
    /// The set of links that it is about.
    pub link_set: LinkSet,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
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

pub(super) fn key_of(firm: &FirmId, id: &str) -> Key {
    Key::new(firm, INCOMING, id)
}

impl Engine {
    /// Applies what is due, of all firms. Gives whether there may be more.
    pub(crate) async fn apply_incoming(&self) -> Result<bool> {
        let due = Scan::Due { firm: None, collection: INCOMING, limit: AT_ONCE };
        let due = self.journal.store().scan(&due).await?;
        let more = due.len() == AT_ONCE;
        for record in due {
            self.apply_one(record).await?;
        }
        for record in self.journal.store().scan(&Scan::Due { firm: None, collection: EARLY, limit: AT_ONCE }).await? {
            self.forget(record).await?;
        }
        Ok(more)
    }

    async fn apply_one(&self, record: Record) -> Result<()> {
        let key = record.key.clone();
        for _ in 0..MOST_TURNS {
            let Some(stored) = self.journal.get::<Incoming>(&key).await? else { return Ok(()) };
            if stored.version != record.version {
                return Ok(());
            }
            if stored.value.applied {
                return self.forget(record).await;
            }
            let mut unit = self.journal.unit(&key.firm)?;
            match self.take(&mut unit, &stored.value).await {
                Ok(applied) => {
                    done(&mut unit, &key, stored, applied)?;
                    if matches!(self.journal.commit(&unit).await?, Commit::Done { .. }) {
                        return Ok(());
                    }
                }
                Err(error) if error.code() == Code::StoreFailed => return Err(error),
                Err(error) => return self.later(&key, stored, &error).await,
            }
        }
        Ok(())
    }

    async fn take(&self, unit: &mut Unit, incoming: &Incoming) -> Result<Applied> {
        let links = Links { firm: unit.firm().clone(), set: incoming.link_set.clone() };
        let Some(clio) = incoming.clio else {
            super::wake_in(&self.journal, unit, Chore::Poll).await?;
            return Ok(Applied::Ask);
        };
        match incoming.model {
            HookModel::Contact => self.contact_changed(unit, &links, clio, incoming.deleted).await,
            HookModel::Matter if incoming.deleted => status::gone(&self.journal, unit, &links, clio, true).await,
            HookModel::Matter => {
                let seen = Seen { clio, status: incoming.status, updated_at: incoming.updated_at };
                match status::apply(&self.journal, unit, &links, seen, false).await? {
                    Applied::Ask => self.ask(&links, unit, clio).await,
                    applied => Ok(applied),
                }
            }
        }
    }

    /// Asks Clio for a matter's status, and takes in the answer.
    pub(super) async fn ask(&self, links: &Links, unit: &mut Unit, clio: ClioId) -> Result<Applied> {
        match Caller::of_firm(self, links, Class::Waiting).repeat(&matters::status(clio)).await {
            Ok(matter) => status::apply(&self.journal, unit, links, Seen::from(&matter), true).await,
            Err(failure) if failure.error.code() == Code::ClioNotFound => {
                status::gone(&self.journal, unit, links, clio, false).await
            }
            Err(failure) => Err(failure.error),
        }
    }

    /// A delivery that cannot be applied now.
    async fn later(&self, key: &Key, stored: Stored<Incoming>, error: &Error) -> Result<()> {
        tracing::debug!(code = error.code().name(), "a delivery is applied later");
        let Stored { value: mut incoming, version, .. } = stored;
        incoming.attempts += 1;
        let mut unit = self.journal.unit(&key.firm)?;
        if incoming.attempts >= MOST_ATTEMPTS {
            incoming.applied = true;
            super::wake_in(&self.journal, &mut unit, Chore::Poll).await?;
            let entry = AuditEntry::by_system(Action::WebhookApplied, AuditStatus::Failed).error(error);
            unit.audit(about(entry, &incoming));
            unit.put_due(key.clone(), Expect::Version(version), Some(KEPT), &incoming)?;
        } else {
            let wait = Duration::from_secs(15 << incoming.attempts);
            unit.put_due(key.clone(), Expect::Version(version), Some(wait), &incoming)?;
        }
        self.journal.commit(&unit).await.map(|_| ())
    }

    async fn forget(&self, record: Record) -> Result<()> {
        let mut unit = self.journal.unit(&record.key.firm)?;
        unit.delete(record.key, record.version);
        self.journal.commit(&unit).await.map(|_| ())
    }
}

/// Marks a delivery as applied, and audits it.
fn done(unit: &mut Unit, key: &Key, stored: Stored<Incoming>, applied: Applied) -> Result<()> {
    let incoming = Incoming { applied: true, ..stored.value };
    let received = AuditEntry::by_system(Action::WebhookReceived, AuditStatus::Ok).with("effect", applied.name());
    unit.audit(about(received, &incoming));
    if applied == Applied::Told {
        unit.audit(about(AuditEntry::by_system(Action::WebhookApplied, AuditStatus::Ok), &incoming));
    }
    unit.put_due(key.clone(), Expect::Version(stored.version), Some(KEPT), &incoming)?;
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
