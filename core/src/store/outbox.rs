//! The durable outbox: what must reach the host, at least once and in order.
//!
//! **Model.** An event belongs to a subject (a matter, or the connection). Its id is the subject
//! plus a counter kept in the subject's own record, never a clock. Only the oldest unacknowledged
//! event of a subject is *due*; reading it leases it to one reader (its due time moves to the
//! lease's end), and acknowledging it makes the next one due. A reader that dies lets its lease run
//! out and the event is given again: at least once, in order, never two of one subject at a time.
//!
//! After a [restore](crate::api::ReviewOperations::begin_recovery) the counters may count again
//! what the host has seen already, for other events. So the recovery is part of the ids that are
//! given from then on: no id ever stands for two events.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::progress::ProgressFeed;
use super::{Repository, Transaction};
use crate::clio::MatterStatus;
use crate::domain::{ClientId, ClioId, FirmId, MatterId, Timestamp};
use crate::error::{Code, Error, Result};
use crate::ports::{Commit, Expect, Key, Scan, Version, Write};
use crate::stop::Stop;

const EVENTS: &str = "outbox";
const COUNTERS: &str = "outbox-counter";
const POLL: Duration = Duration::from_millis(250);
/// No id of CaseHug's holds it.
const EPOCH: char = '@';

/// An event to be told.
#[derive(Clone, Debug)]
pub struct Event {
    subject: String,
    body: EventBody,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventBody {
    /// A run of this matter ended.
    RunFinished {
        /// The matter.
        matter: MatterId,
        /// The matter in Clio, once it is there.
        #[serde(skip_serializing_if = "Option::is_none")]
        clio_matter: Option<ClioId>,
        /// `succeeded`, `partial` or `failed`.
        status: String,
        /// The first failure's code name.
        #[serde(skip_serializing_if = "Option::is_none")]
        code: Option<String>,
        /// The run's id, as in the sync log. `None`: an earlier version wrote the event.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        run: Option<String>,
        /// When it ended, on the host's clock.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<Timestamp>,
    },
    /// The status of a matter in Clio changed. The newest change of a matter is told last.
    MatterStatus {
        /// The matter.
        matter: MatterId,
        /// The matter in Clio.
        clio_matter: ClioId,
        /// What it is now.
        status: MatterStatus,
        /// The edit of the matter that it was seen with, on Clio's clock: the status was changed
        /// then or before. Never earlier than what was told before.
        updated_at: Timestamp,
    },
    /// A matter is no longer in Clio, or hidden from the connected user. Its link stays.
    MatterGone {
        /// The matter.
        matter: MatterId,
        /// What it was in Clio.
        clio_matter: ClioId,
        /// Clio said that it was deleted; otherwise it may only be hidden.
        deleted: bool,
    },
    /// Clio holds a record twice: it executed a request long after that was given up, or a person
    /// made the other one. An admin looks at them in Clio, keeps the one that is linked, and merges
    /// or deletes the other.
    SecondRecord {
        /// `contact` or `matter`.
        step: String,
        /// CaseHug's id of it.
        id: String,
        /// The record that it is linked to.
        clio: ClioId,
        /// Those that equal it and that nobody is linked to.
        others: Vec<ClioId>,
    },
    /// A client was changed in Clio or in CaseHug: an admin may look at the proposal.
    ContactProposed {
        /// The client.
        client: ClientId,
        /// The proposal's id.
        proposal: String,
    },
    /// An admin accepted a change from Clio: apply it in CaseHug, then say so.
    ContactAccepted {
        /// The client.
        client: ClientId,
        /// The proposal's id.
        proposal: String,
    },
    /// The connection needs an admin: reconnect in Settings, Integrations.
    ReconnectRequired,
    /// The connection was ended, by an admin of the firm or inside Clio.
    Disconnected,
    /// A backfill is through, or was cancelled.
    BackfillFinished {
        /// Its id.
        backfill: String,
        /// Matters whose sync succeeded.
        succeeded: usize,
        /// Matters whose sync did not, at least at first; the sync log says why.
        failed: usize,
        /// Matters that were not tried because it was cancelled, or that waited for an admin then.
        left: usize,
    },
    /// Progress, never stored: a step of a run ended.
    Step {
        /// The matter.
        matter: MatterId,
        /// `contact`, `matter` or `document`.
        step: String,
        /// CaseHug's id of it.
        id: String,
        /// How it ended, as in a report.
        outcome: String,
        /// Steps of the run that have ended.
        done: usize,
        /// Steps of the run.
        of: usize,
    },
    /// Progress, never stored: so far has a backfill come.
    BackfillProgress {
        /// Its id.
        backfill: String,
        /// Matters whose run has ended.
        done: usize,
        /// Matters in all.
        of: usize,
    },
}

impl Event {
    /// An event about a matter.
    #[must_use]
    pub fn about_matter(matter: &MatterId, body: EventBody) -> Self {
        Self { subject: format!("matter/{matter}"), body }
    }

    /// An event about the firm's connection.
    #[must_use]
    pub fn about_connection(body: EventBody) -> Self {
        Self { subject: String::from("connection"), body }
    }

    /// An event about a client.
    #[must_use]
    pub fn about_contact(client: &ClientId, body: EventBody) -> Self {
        Self { subject: format!("client/{client}"), body }
    }

    /// An event about a backfill.
    #[must_use]
    pub fn about_backfill(id: &str, body: EventBody) -> Self {
        Self { subject: format!("backfill/{id}"), body }
    }
}

/// An event given to a reader.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OutboxEvent {
    /// The firm.
    pub firm: FirmId,
    /// Stable id; the same when the event is given again. `None`: progress, which needs no
    /// acknowledgement and is not given again.
    pub id: Option<String>,
    /// What happened.
    #[serde(rename = "event")]
    pub body: EventBody,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Counter {
    /// The last number given out.
    last: u64,
    /// The last number acknowledged.
    acked: u64,
}

/// What a commit with this event reads first.
pub(crate) fn counter_key(firm: &FirmId, event: &Event) -> Key {
    Key::new(firm, COUNTERS, &event.subject)
}

fn event_id(subject: &str, number: u64) -> String {
    format!("{subject}#{number:012}")
}

/// Adds the transaction's events to `writes`. Returns what the counters were.
pub(crate) async fn append(
    repository: &Repository,
    transaction: &Transaction,
    writes: &mut Vec<Write>,
) -> Result<Vec<Version>> {
    let mut subjects: Vec<&str> = transaction.events().iter().map(|event| event.subject.as_str()).collect();
    subjects.sort_unstable();
    subjects.dedup();
    let mut bases = Vec::new();
    for subject in subjects {
        let key = Key::new(transaction.firm(), COUNTERS, subject);
        let stored = repository.get::<Counter>(&key).await?;
        let mut counter = stored.as_ref().map(|stored| stored.value).unwrap_or_default();
        for event in transaction.events().iter().filter(|event| event.subject == subject) {
            counter.last += 1;
            writes.push(Write::Put {
                key: Key::new(transaction.firm(), EVENTS, event_id(subject, counter.last)),
                expect: Expect::Absent,
                version: Version(format!("{}.{subject}#{}", transaction.id(), counter.last)),
                due_in: (counter.last == counter.acked + 1).then_some(Duration::ZERO),
                body: super::encode(&event.body)?,
            });
        }
        let base = stored.map(|stored| stored.version);
        writes.push(Write::Put {
            key,
            expect: base.clone().map_or(Expect::Absent, Expect::Version),
            version: Version(format!("{}.{subject}", transaction.id())),
            due_in: None,
            body: super::encode(&counter)?,
        });
        bases.push(base.unwrap_or_else(|| Version(String::new())));
    }
    Ok(bases)
}

/// Reads and acknowledges events.
#[derive(Clone, Debug)]
pub struct Outbox<'a> {
    repository: &'a Repository,
    progress: Option<&'a ProgressFeed>,
    stop: Stop,
}

impl<'a> Outbox<'a> {
    /// The outbox in this repository.
    #[must_use]
    pub fn new(repository: &'a Repository) -> Self {
        Self { repository, progress: None, stop: Stop::default() }
    }

    /// Gives the progress of this process as well.
    pub(crate) fn with_progress(self, progress: &'a ProgressFeed) -> Self {
        Self { progress: Some(progress), ..self }
    }

    /// Waits for nothing once this is told.
    pub(crate) fn until(self, stop: &Stop) -> Self {
        Self { stop: stop.clone(), ..self }
    }

    /// Leases up to `limit` events for `lease`, of one firm or of all. Waits up to `wait` for the
    /// first; an empty answer means that none came.
    ///
    /// # Errors
    /// [`Code::StoreFailed`]. Events leased by a failed call are given again after `lease`.
    pub async fn next_events(
        &self,
        firm: Option<&FirmId>,
        limit: usize,
        lease: Duration,
        wait: Duration,
    ) -> Result<Vec<OutboxEvent>> {
        let runtime = self.repository.runtime();
        let end = runtime.monotonic() + wait;
        loop {
            let scan = Scan::Due { firm: firm.cloned(), collection: EVENTS, limit };
            let mut events = self.progress.map(|progress| progress.take(firm, limit)).unwrap_or_default();
            for record in self.repository.store().scan(&scan).await? {
                let mut transaction = self.repository.transaction(&record.key.firm)?;
                transaction.defer(&record, lease);
                if !matches!(self.repository.commit(&transaction).await?, Commit::Done { .. }) {
                    // Another reader took it.
                    continue;
                }
                let Ok(body) = serde_json::from_str(&record.body) else {
                    // It stays until a version of the SDK comes that knows it, and what comes after
                    // it of its subject waits.
                    let Key { firm, id: event, .. } = &record.key;
                    if self.repository.failures().is_news(format!("event {firm} {event}"), Code::StoreCorrupt) {
                        tracing::warn!(%firm, event, "this event cannot be read");
                    }
                    continue;
                };
                let restore_generation = super::restore_generation(self.repository, &record.key.firm).await?;
                let id = restore_generation
                    .map_or(record.key.id.clone(), |generation| format!("{}{EPOCH}{generation}", record.key.id));
                events.push(OutboxEvent { firm: record.key.firm, id: Some(id), body });
            }
            let left = runtime.monotonic().until(end);
            if !events.is_empty() || left.is_zero() {
                return Ok(events);
            }
            if self.stop.unless_stopped(runtime.sleep(left.min(POLL))).await.is_err() {
                return Ok(events);
            }
        }
    }

    /// Acknowledges an event: it is not given again, and the next of its subject becomes due.
    /// Acknowledging twice is no error.
    ///
    /// An id from before a [restore](crate::api::ReviewOperations::begin_recovery) changes nothing:
    /// under the number in it there may be another event now. What it stood for, if it is still
    /// there, is given again under its new id.
    ///
    /// # Errors
    /// [`Code::RecordUnknown`] when `id` is none, [`Code::SettingInvalid`] when an earlier event of
    /// its subject is not acknowledged yet; [`Code::StoreFailed`], after which it is safe to
    /// acknowledge again.
    pub async fn ack(&self, firm: &FirmId, id: &str) -> Result<()> {
        let unknown = || Error::new(Code::RecordUnknown).with("type", "event");
        let (id, restore_generation) =
            id.split_once(EPOCH).map_or((id, None), |(id, restore_generation)| (id, Some(restore_generation)));
        let (subject, number) = id.rsplit_once('#').ok_or_else(unknown)?;
        let number: u64 = number.parse().map_err(|_| unknown())?;
        let counter_key = Key::new(firm, COUNTERS, subject);
        loop {
            let counter = self.repository.get::<Counter>(&counter_key).await?;
            // After the counter: what a recovery that begins now counts again, is a conflict below.
            if super::restore_generation(self.repository, firm).await?.as_deref() != restore_generation {
                return Ok(());
            }
            let Some(counter) = counter else { return Err(unknown()) };
            if number <= counter.value.acked {
                return Ok(());
            }
            if number > counter.value.last {
                return Err(unknown());
            }
            if number != counter.value.acked + 1 {
                return Err(Error::new(Code::SettingInvalid)
                    .with("argument", "id")
                    .with("reason", "earlier_event_first"));
            }
            let mut transaction = self.repository.transaction(firm)?;
            let acked = Counter { acked: number, ..counter.value };
            transaction.put(counter_key.clone(), Expect::Version(counter.version), &acked)?;
            let key = Key::new(firm, EVENTS, id);
            if let Some(event) = self.repository.store().get(&key).await? {
                transaction.delete(key, event.version);
            }
            let next = Key::new(firm, EVENTS, event_id(subject, number + 1));
            if let Some(event) = self.repository.store().get(&next).await? {
                transaction.defer(&event, Duration::ZERO);
            }
            if matches!(self.repository.commit(&transaction).await?, Commit::Done { .. }) {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Actor, ActorId, Role};
    use crate::memory::MemoryStore;
    use crate::ports::{Runtime, Store as _};
    use crate::testkit::VirtualRuntime;
    use std::sync::Arc;

    const LEASE: Duration = Duration::from_secs(60);

    async fn failures(repository: &Repository, firm: &FirmId, matters: &[&str]) {
        for matter in matters {
            let matter = MatterId::new(*matter).unwrap();
            let body = EventBody::RunFinished {
                matter: matter.clone(),
                clio_matter: Some(ClioId(i64::MAX)),
                status: "succeeded".into(),
                code: None,
                run: None,
                at: None,
            };
            let mut transaction = repository.transaction(firm).unwrap();
            transaction.event(Event::about_matter(&matter, body));
            repository.commit_or_conflict(&transaction).await.unwrap();
        }
    }

    async fn next(repository: &Repository) -> Vec<String> {
        let events = Outbox::new(repository).next_events(None, 10, LEASE, Duration::ZERO).await.unwrap();
        events.into_iter().filter_map(|event| event.id).collect()
    }

    #[tokio::test]
    async fn events_come_in_order_until_acknowledged_and_one_of_a_matter_at_a_time() {
        let runtime = VirtualRuntime::new(1);
        let shared: Arc<dyn Runtime> = Arc::new(runtime.clone());
        let repository = Repository::new(Arc::new(MemoryStore::new(Arc::clone(&shared))), shared);
        let firm = FirmId::new("firm").unwrap();
        failures(&repository, &firm, &["m1", "m1", "m2"]).await;
        let first = next(&repository).await;
        assert_eq!(first, ["matter/m1#000000000001", "matter/m2#000000000001"], "the second of m1 waits");
        assert!(next(&repository).await.is_empty(), "leased");
        runtime.advance(LEASE);
        assert_eq!(next(&repository).await, first, "a reader that died: given again under the same ids");
        let outbox = Outbox::new(&repository);
        assert_eq!(outbox.ack(&firm, "matter/m1#000000000002").await.unwrap_err().code(), Code::SettingInvalid);
        assert_eq!(outbox.ack(&firm, "matter/m1#000000000009").await.unwrap_err().code(), Code::RecordUnknown);
        outbox.ack(&firm, &first[0]).await.unwrap();
        outbox.ack(&firm, &first[0]).await.unwrap();
        assert_eq!(next(&repository).await, ["matter/m1#000000000002"]);
        outbox.ack(&firm, "matter/m1#000000000002").await.unwrap();
        failures(&repository, &firm, &["m1"]).await;
        assert_eq!(next(&repository).await, ["matter/m1#000000000003"], "the counter goes on");
    }

    #[tokio::test]
    async fn a_reader_that_waits_returns_when_nothing_comes() {
        let runtime = VirtualRuntime::new(1);
        let shared: Arc<dyn Runtime> = Arc::new(runtime.clone());
        let repository = Repository::new(Arc::new(MemoryStore::new(Arc::clone(&shared))), shared);
        let began = runtime.monotonic();
        let events = Outbox::new(&repository).next_events(None, 1, LEASE, Duration::from_secs(2)).await.unwrap();
        assert!(events.is_empty());
        assert_eq!(began.until(runtime.monotonic()), Duration::from_secs(2));
    }

    #[tokio::test]
    async fn an_acknowledgement_from_before_a_restore_removes_no_other_event() {
        let runtime = VirtualRuntime::new(1);
        let shared: Arc<dyn Runtime> = Arc::new(runtime.clone());
        let store = MemoryStore::new(Arc::clone(&shared));
        let repository = Repository::new(Arc::new(store.clone()), shared);
        let firm = FirmId::new("firm").unwrap();
        let outbox = Outbox::new(&repository);
        failures(&repository, &firm, &["m"]).await;
        outbox.ack(&firm, &next(&repository).await[0]).await.unwrap();
        let backup = store.backup();
        failures(&repository, &firm, &["m"]).await;
        let held = next(&repository).await;
        assert_eq!(held, ["matter/m#000000000002"]);
        store.restore(&backup);
        let actor = Actor { id: ActorId::new("a").unwrap(), firm: firm.clone(), role: Role::Admin };
        let config = crate::domain::SyncConfig::default();
        crate::sync::recover(&repository, &actor, &config, Some(runtime.now())).await.unwrap();
        failures(&repository, &firm, &["m"]).await;
        outbox.ack(&firm, &held[0]).await.unwrap();
        let fresh = next(&repository).await;
        assert!(fresh[0].starts_with("matter/m#000000000002@"), "the new one is still to be told: {fresh:?}");
        outbox.ack(&firm, "matter/m#000000000002@another").await.unwrap();
        outbox.ack(&firm, "matter/nobody#000000000001").await.unwrap();
        runtime.advance(LEASE);
        assert_eq!(next(&repository).await, fresh);
        outbox.ack(&firm, &fresh[0]).await.unwrap();
        runtime.advance(LEASE);
        assert!(next(&repository).await.is_empty());
    }

    #[tokio::test]
    async fn an_event_that_cannot_be_read_holds_up_its_subject_and_nothing_else() {
        for body in [r#"{"type":"of_a_newer_version"}"#, "{\"type\":"] {
            let runtime = VirtualRuntime::new(1);
            let shared: Arc<dyn Runtime> = Arc::new(runtime.clone());
            let store = MemoryStore::new(Arc::clone(&shared));
            let repository = Repository::new(Arc::new(store.clone()), shared);
            let firm = FirmId::new("firm").unwrap();
            failures(&repository, &firm, &["m1", "m1", "m2", "m2", "m3"]).await;
            for id in ["matter/m1#000000000001", "matter/m2#000000000002"] {
                let key = Key::new(&firm, EVENTS, id);
                let was = store.get(&key).await.unwrap().unwrap();
                let expect = Expect::Version(was.version);
                let due_in = was.due_at.map(|_| Duration::ZERO);
                let write = Write::Put { key, expect, version: Version(format!("x{id}")), due_in, body: body.into() };
                assert!(matches!(store.commit(&[write]).await.unwrap(), Commit::Done { .. }));
            }
            assert_eq!(next(&repository).await, ["matter/m2#000000000001", "matter/m3#000000000001"], "{body}");
            Outbox::new(&repository).ack(&firm, "matter/m2#000000000001").await.unwrap();
            for _ in 0..3 {
                runtime.advance(LEASE);
                assert_eq!(next(&repository).await, ["matter/m3#000000000001"], "{body}");
            }
            let kept = ["matter/m1#000000000001", "matter/m1#000000000002", "matter/m2#000000000002"];
            for id in kept {
                assert!(store.body(&Key::new(&firm, EVENTS, id)).is_some(), "{id} is lost");
            }
        }
    }
}
