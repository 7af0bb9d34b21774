//! CaseHug's own events as an input: the vendor's envelope, and what each event triggers.
//!
//! | event | what it does |
//! | --- | --- |
//! | `document.approved` | the matter is synced with its approved documents, if the firm's settings say so |
//! | `matter.created` | contact and matter are synced, if the firm's settings say so |
//! | `client.created`, `client.updated` | nothing is created for a client alone; with contact review on, a change of a client whose matter the event names is proposed to an admin |
//! | all others | nothing |
//!
//! **Once, in any order.** CaseHug delivers at least once. A trigger says only that there is a
//! reason to look: what is sent is what the intake says then, so the order of events does not
//! matter, and an event that is repeated after a crash costs a look and no call. The event's id is
//! recorded after its trigger; an id that is recorded does nothing. Records are forgotten after 30
//! days.
//!
//! The host verifies CaseHug's signature before it calls: nothing here can tell a forged event.
//! Source: CaseHug's developer pages, "Webhooks".

use core::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};

use super::host::host_of;
use super::{Sdk, contacts, matters};
use crate::domain::{Actor, FirmId, MatterId, Timestamp, Trigger};
use crate::error::{Code, Error, Result};
use crate::ports::{Commit, Expect, Key, Scan};
use crate::store::Transaction;

const HANDLED: &str = "casehug-event";
/// CaseHug repeats a delivery for hours at most.
const REMEMBERED: Duration = Duration::from_secs(30 * 24 * 3600);
/// Old records that one event takes away.
const SWEPT_AT_ONCE: usize = 4;
/// The longest id and type of an event, in bytes.
const LONGEST: usize = 128;

/// An event as CaseHug posts it. Fields that CaseHug adds are ignored.
#[derive(Clone, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CaseHugEvent {
    /// Its id, `evt_…`; the same when it is delivered again.
    pub id: String,
    /// What happened: `document.approved`, say.
    #[serde(rename = "type")]
    pub event_type: String,
    /// When, RFC 3339.
    pub created_at: Timestamp,
    /// CaseHug's firm.
    pub firm_id: FirmId,
    /// What it is about. Only ids are read.
    pub data: EventData,
}

/// What an event is about. Of all that CaseHug sends only ids are read, and nothing else is kept.
/// What an event of another type holds there is not looked at.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EventData {
    /// The matter of a document event.
    pub matter: Option<EventMatter>,
    /// The matter's id, where it stands alone.
    pub matter_id: Option<String>,
    /// The id of the object itself: of a matter event, the matter's.
    pub id: Option<String>,
}

/// The matter of an event.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EventMatter {
    /// Its id.
    pub id: String,
}

impl<'de> Deserialize<'de> for EventData {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> core::result::Result<Self, D::Error> {
        let data = serde_json::Value::deserialize(deserializer)?;
        let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
        Ok(Self {
            matter: text(&data["matter"]["id"]).map(|id| EventMatter { id }),
            matter_id: text(&data["matter_id"]),
            id: text(&data["id"]),
        })
    }
}

impl core::fmt::Debug for CaseHugEvent {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("CaseHugEvent").field("firm_id", &self.firm_id).finish_non_exhaustive()
    }
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EventHandled {
    /// In one word.
    pub effect: EventEffect,
}

/// What an event did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum EventEffect {
    /// A worker syncs the matter.
    Triggered,
    /// A change of a contact waits for an admin.
    Proposed,
    /// The firm's settings say that such an event does nothing.
    NotWanted,
    /// Events of this type do nothing.
    Ignored,
    /// It was handled before.
    Repeated,
}

/// `casehug-event/<id>`.
#[derive(Serialize, Deserialize)]
struct Handled {
    effect: String,
}

pub(super) async fn handle_casehug_event(sdk: &Sdk, event: CaseHugEvent) -> Result<EventHandled> {
    check(&event.id, "event.id")?;
    check(&event.event_type, "event.type")?;
    let host = host_of(event.firm_id.clone())?;
    let key = Key::new(&host.firm, HANDLED, &event.id);
    if sdk.repository.get::<Handled>(&key).await?.is_some() {
        return Ok(EventHandled { effect: EventEffect::Repeated });
    }
    let effect = carry_out(sdk, &host, &event).await?;
    let mut transaction = sdk.repository.transaction(&host.firm)?;
    transaction.put_due(key, Expect::Absent, Some(REMEMBERED), &Handled { effect: format!("{effect:?}") })?;
    sweep(sdk, &host.firm, &mut transaction).await?;
    match sdk.repository.commit(&transaction).await? {
        Commit::Done { .. } => Ok(EventHandled { effect }),
        // Somebody else handled the same delivery, or forgot the same old ones, at the same moment.
        // Another trigger of the matter is harmless: its sync finds everything there.
        Commit::Conflict => Ok(EventHandled { effect: EventEffect::Repeated }),
    }
}

async fn carry_out(sdk: &Sdk, host: &Actor, event: &CaseHugEvent) -> Result<EventEffect> {
    let trigger = match event.event_type.as_str() {
        "document.approved" => Trigger::Approved,
        "matter.created" => Trigger::Created,
        "client.created" | "client.updated" => return propose(sdk, host, event.data.named_matter()?).await,
        _ => return Ok(EventEffect::Ignored),
    };
    let matter = match (event.data.named_matter()?, trigger) {
        (Some(matter), _) => matter,
        (None, Trigger::Created) => required(event.data.id.as_deref(), "event.data.id")?,
        (None, _) => return Err(refused("event.data.matter.id", "missing_field")),
    };
    let answer = matters::trigger_sync(sdk, host, matter, trigger).await?;
    Ok(if answer.accepted { EventEffect::Triggered } else { EventEffect::NotWanted })
}

async fn propose(sdk: &Sdk, host: &Actor, matter: Option<MatterId>) -> Result<EventEffect> {
    let Some(matter) = matter else { return Ok(EventEffect::Ignored) };
    if !crate::settings::load(&sdk.repository, &host.firm).await?.contact_review {
        return Ok(EventEffect::NotWanted);
    }
    match contacts::propose_contact(sdk, host, matter).await {
        Ok(created) if created.proposal.is_some() => Ok(EventEffect::Proposed),
        Ok(_) => Ok(EventEffect::Ignored),
        // The first sync sends the client as it is then.
        Err(error) if matches!(error.code(), Code::NotSyncedYet | Code::NotConnected) => Ok(EventEffect::Ignored),
        Err(error) => Err(error),
    }
}

impl EventData {
    fn named_matter(&self) -> Result<Option<MatterId>> {
        let nested = self.matter.as_ref().map(|matter| (matter.id.as_str(), "event.data.matter.id"));
        let alone = self.matter_id.as_deref().map(|id| (id, "event.data.matter_id"));
        nested.or(alone).map(|(id, path)| required(Some(id), path)).transpose()
    }
}

fn required(id: Option<&str>, path: &'static str) -> Result<MatterId> {
    let id = id.ok_or_else(|| refused(path, "missing_field"))?;
    MatterId::new(id).map_err(|_| refused(path, "value_not_allowed"))
}

fn check(word: &str, path: &'static str) -> Result<()> {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte);
    match !word.is_empty() && word.len() <= LONGEST && word.bytes().all(known) {
        true => Ok(()),
        false => Err(refused(path, "value_not_allowed")),
    }
}

fn refused(path: &'static str, reason: &'static str) -> Error {
    Error::new(Code::RequestInvalid).with("path", path).with("reason", reason)
}

/// Forgets a few events that nobody repeats any more.
async fn sweep(sdk: &Sdk, firm: &FirmId, transaction: &mut Transaction) -> Result<()> {
    let due = Scan::Due { firm: Some(firm.clone()), collection: HANDLED, limit: SWEPT_AT_ONCE };
    for old in sdk.repository.store().scan(&due).await? {
        transaction.delete(old.key, old.version);
    }
    Ok(())
}
