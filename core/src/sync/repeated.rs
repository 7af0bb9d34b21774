//! A second look after a creation that was sent again.
//!
//! **Problem.** A miss in quiet time counts because Clio executes a request within `settle` of our giving up on it. Should it ever take longer, the record that we gave up on
//! comes to be beside the one that was sent in its stead, and nothing here would ever know.
//!
//! **Model.** What releases an intent after a miss writes a `repeated/` record in the same commit: the intent as it was, due a `settle` later. Once the thing is linked, Clio is asked
//! once more, and whatever equals what was sent, was created after the intent and is nobody else's, is told: in the audit log and to the host. Nothing is changed in Clio: which of two
//! records stays is for a person to decide.
//!
//! **Failure cases.** While the thing is not linked, nothing can be the second one of it: the look is put off. If the data key of the intent was dropped with its connection, what was
//! sent is not known any more, and there is no look.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::call::Caller;
use super::create::refused;
use super::dedupe::{self, SentContact, SentMatter};
use super::driver::Engine;
use super::report::StepKind;
use super::things::{self, Intent, Thing, committed_at};
use crate::auth::Links;
use crate::budget::Class;
use crate::clio::{contacts, matters};
use crate::error::Result;
use crate::log::{Action, AuditEntry, AuditStatus, Event, EventBody};
use crate::model::{ClientId, ClioId, FirmId, MatterId, Timestamp};
use crate::ports::{Commit, Expect, Key};
use crate::records::{Stored, Unit};
use crate::webhook::{Chore, wake_after};

const REPEATED: &str = "repeated";
/// When a thing is looked at again that is not in Clio yet.
const NOT_LINKED: Duration = Duration::from_secs(3600);

/// `repeated/<contact or matter>/<id>/<unique>`, due when Clio is asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Repeated {
    thing: Sent,
    intent: Intent,
}

/// What was sent twice.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Sent {
    Contact(ClientId),
    Matter(MatterId),
}

impl Sent {
    /// What an intent's key stands for. `None`: of another set of links than these, or no such thing.
    fn of(links: &Links, key: &Key) -> Result<Option<Self>> {
        let Some(id) = links.strip(&key.id) else { return Ok(None) };
        Ok(match key.collection {
            things::CONTACTS => Some(Self::Contact(ClientId::new(id)?)),
            things::MATTERS => Some(Self::Matter(MatterId::new(id)?)),
            _ => None,
        })
    }

    fn key(&self, links: &Links) -> Key {
        match self {
            Self::Contact(client) => things::contact_key(links, client),
            Self::Matter(matter) => things::matter_key(links, matter),
        }
    }

    fn step(&self) -> StepKind {
        match self {
            Self::Contact(_) => StepKind::Contact,
            Self::Matter(_) => StepKind::Matter,
        }
    }

    /// Adds to the commit of a look what it found.
    fn tell(&self, unit: &mut Unit, clio: ClioId, others: Vec<ClioId>) {
        let ids: Vec<String> = others.iter().map(ToString::to_string).collect();
        let entry = AuditEntry::by_system(Action::SecondRecord, AuditStatus::Noted);
        let entry = entry.with("clio", clio).with("others", ids.join(" "));
        let body = |id: &dyn core::fmt::Display| EventBody::SecondRecord {
            step: self.step().name().to_owned(),
            id: id.to_string(),
            clio,
            others,
        };
        let (entry, event) = match self {
            Self::Contact(client) => (entry.with("client", client), Event::about_contact(client, body(client))),
            Self::Matter(matter) => (entry.with("matter", matter), Event::about_matter(matter, body(matter))),
        };
        unit.audit(entry);
        unit.event(event);
    }
}

impl Engine {
    /// Adds the second look to the commit that releases an intent after a miss.
    pub(super) async fn look_again_in(
        &self,
        unit: &mut Unit,
        links: &Links,
        key: &Key,
        released: &Stored<Intent>,
    ) -> Result<()> {
        let Some(thing) = Sent::of(links, key)? else { return Ok(()) };
        let committed_at = Some(committed_at(&released.value, released.due_at));
        let look = Repeated { intent: Intent { committed_at, ..released.value.clone() }, thing };
        let id = format!("{}/{}", look.thing.step().name(), self.journal.new_id()?);
        unit.put_due(links.key(REPEATED, id), Expect::Absent, Some(self.config.settle), &look)?;
        wake_after(&self.journal, unit, Chore::SecondRecords, self.config.settle).await
    }

    /// Takes the second looks that are due. Gives when the next one is.
    pub(crate) async fn look_for_second_records(&self, firm: &FirmId) -> Result<Option<Duration>> {
        let links = Links::current(&self.journal, firm).await?;
        let looks = self.journal.list::<Repeated>(firm, REPEATED, &links.id("")).await?;
        let now = self.journal.store_now().await?;
        let mut next: Option<Duration> = None;
        for (id, look) in looks {
            let wait = match look.due_at.map(|due| now.until(due)) {
                Some(left) if !left.is_zero() => Some(left),
                _ => self.look_for_second(&links, Key::new(firm, REPEATED, id), look).await?,
            };
            next = next.into_iter().chain(wait).min();
        }
        Ok(next)
    }

    /// Takes one look. Gives when to look again, if it was too early.
    async fn look_for_second(&self, links: &Links, key: Key, look: Stored<Repeated>) -> Result<Option<Duration>> {
        let Stored { value: Repeated { thing, intent }, version, .. } = look;
        let mut unit = self.journal.unit(&links.firm)?;
        let wait = match self.journal.get::<Thing>(&thing.key(links)).await?.map(|stored| stored.value) {
            Some(Thing::Link(link)) => {
                match self.seconds(links, &thing, &intent, link.clio).await {
                    Ok(others) if others.is_empty() => {}
                    Ok(others) => thing.tell(&mut unit, link.clio, others),
                    Err(error) if error.get("reason") == Some("no_data_key") => {}
                    Err(error) => return Err(error),
                }
                None
            }
            Some(Thing::Intent(_)) => Some(self.config.settle),
            None => Some(NOT_LINKED),
        };
        match wait {
            None => unit.delete(key, version),
            Some(wait) => {
                let look = Repeated { thing, intent };
                unit.put_due(key, Expect::Version(version), Some(wait), &look)?;
            }
        }
        // A conflict: another worker looked in this moment.
        Ok(match self.journal.commit(&unit).await? {
            Commit::Done { .. } => wait,
            Commit::Conflict => Some(self.config.settle),
        })
    }

    /// What in Clio equals what was sent, came after the intent, and is neither its link's nor anybody else's.
    async fn seconds(&self, links: &Links, thing: &Sent, intent: &Intent, linked: ClioId) -> Result<Vec<ClioId>> {
        let caller = Caller::of_firm(self, links, Class::Bulk);
        let key = thing.key(links);
        let since = self.look_since(intent, None).await?;
        let equal: Vec<(ClioId, Option<Timestamp>)> = match thing {
            Sent::Contact(_) => {
                let sent: SentContact = self.open_intent(&key, intent).await?;
                let found = caller.all_pages(contacts::created_since(since)).await.map_err(refused)?;
                let equal = found.iter().filter(|contact| dedupe::is_contact(&sent, contact));
                equal.map(|contact| (contact.id, contact.created_at)).collect()
            }
            Sent::Matter(_) => {
                let sent: SentMatter = self.open_intent(&key, intent).await?;
                let found = caller.all_pages(matters::of_client_since(sent.client, Some(since))).await;
                let found = found.map_err(refused)?;
                let equal = found.iter().filter(|matter| dedupe::is_matter(&sent, matter));
                equal.map(|matter| (matter.id, matter.created_at)).collect()
            }
        };
        let after = self.created_after(intent, None).await?;
        let mut others = Vec::new();
        for (clio, created) in equal {
            let ours =
                clio == linked || things::is_owned(&self.journal, links, thing.step().name(), clio).await?.is_some();
            if !ours && !intent.excludes(clio) && dedupe::is_after(created, after) {
                others.push(clio);
            }
        }
        Ok(others)
    }
}
