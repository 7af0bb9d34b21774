//! What a firm may set, and the mapping of case types to Clio's practice areas.
//!
//! Practice areas are named by people, and names change: a mapping is made by name, resolved once,
//! and kept by id. The list of areas is loaded at connect, daily by workers, and when an admin
//! asks; what a mapping points to is compared with it at every sync, so an area that was renamed
//! goes on to work, and one that was deleted is shown as [`Missing`](MappedTo::Missing) and left
//! out.

mod areas;
mod change;
mod mapping;
mod mapping_wire;
pub(crate) mod practice_areas;
mod seen;
mod transfer;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

pub use areas::{MappedTo, Mapping, SeenMapping};
pub(crate) use areas::{called, mapping, mappings, named};
pub use change::SettingsChange;
use mapping::normalise;
pub use mapping::{CaseHugArea, Chosen, MappedBy, Unmapped};
pub(crate) use mapping::{choose_area, resolve_defaults, same_type};
#[cfg(feature = "schema")]
pub(crate) use mapping_wire::{MappingWire, SeenMappingWire};
pub use practice_areas::PracticeArea;
pub(crate) use practice_areas::PracticeAreas;
pub(crate) use seen::{CASE_TYPES, is_lost as is_lost_seen, key as seen_key, list as list_seen, note as note_seen};
pub(crate) use transfer::{export, import};

use crate::domain::{Actor, ActorId, ClioId, FirmId, Trigger};
use crate::error::{Code, Error, Result};
use crate::ports::{Commit, Expect, Key};
use crate::store::{
    Action, AuditEntry, AuditStatus, MaintenanceTask, Repository, Transaction, Versioned, schedule_now,
};

/// So much of a case type stands in the audit log.
const LONGEST_CASE_TYPE: usize = 120;

/// A firm's settings. Every field has a default that works for most firms; but JSON that is written
/// is whole, so that nothing falls back to its default unseen: see [`SettingsChange`] for a part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FirmSettings {
    /// Counts the changes. [`save`](crate::api::SettingsOperations::save) expects the number that
    /// was read, so that no admin undoes another's change unseen.
    pub revision: u64,
    /// Sync a matter by itself when its intake, or another document of it, is approved. On by
    /// default. Off: nothing leaves until somebody asks; what was waiting then is held until an
    /// admin decides, or the matter is synced.
    pub sync_when_approved: bool,
    /// Sync contact and matter by themselves as soon as the intake is created; documents follow
    /// their approval. Off by default.
    pub sync_when_created: bool,
    /// Send the case number as Clio's `display_number` too. Clio honours it only for firms with
    /// manual matter numbering, so it is off by default; `client_reference` always carries it.
    pub case_number_as_display_number: bool,
    /// Take in changes of linked contacts in Clio, as proposals that an admin accepts or rejects.
    /// Off by default.
    pub contact_review: bool,
    /// What happens if Clio has contacts of a client's email, and none of the client's name. They
    /// are linked by default, and it is said.
    pub on_name_mismatch: OnNameMismatch,
    /// The firm's own case type → Clio practice area, which win over the defaults. Case types are
    /// compared ignoring case and surrounding white space.
    pub practice_areas: BTreeMap<String, ClioId>,
    /// The practice area of matters whose case type leads to none. By default they go without.
    #[serde(deserialize_with = "crate::json::nullable")]
    #[cfg_attr(feature = "schema", schemars(extend("x-required" = true)))]
    pub fallback_area: Option<ClioId>,
}

/// What happens if nobody of a client's email has the client's name in Clio. One mailbox may be two
/// people's: spouses', or a parent's and a child's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OnNameMismatch {
    /// The contact of that email is linked, with the note `name_differs`.
    #[default]
    Link,
    /// An admin decides.
    Review,
    /// A new contact is created.
    Create,
}

impl OnNameMismatch {
    /// The stable name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Review => "review",
            Self::Create => "create",
        }
    }
}

impl Default for FirmSettings {
    fn default() -> Self {
        Self {
            revision: 0,
            sync_when_approved: true,
            sync_when_created: false,
            case_number_as_display_number: false,
            contact_review: false,
            on_name_mismatch: OnNameMismatch::Link,
            practice_areas: BTreeMap::new(),
            fallback_area: None,
        }
    }
}

impl FirmSettings {
    /// Whether a trigger of this kind syncs anything.
    #[must_use]
    pub fn allows(&self, trigger: Trigger) -> bool {
        match trigger {
            Trigger::Approved => self.sync_when_approved,
            Trigger::Created => self.sync_when_created,
            Trigger::Manual | Trigger::Retry | Trigger::Backfill => true,
        }
    }
}

/// The record: as it was written by whatever version. What is not there has its default; what is
/// not known, a newer release's, is written back as it was.
#[derive(Clone, Default)]
struct Kept {
    settings: FirmSettings,
    unknown: Map<String, Value>,
}

impl Kept {
    /// The record with these settings.
    fn with(self, settings: &FirmSettings) -> Self {
        Self { settings: settings.clone(), ..self }
    }
}

impl<'de> Deserialize<'de> for Kept {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let stored = Map::deserialize(deserializer)?;
        let mut whole = serde_json::to_value(FirmSettings::default()).map_err(serde::de::Error::custom)?;
        let mut unknown = Map::new();
        for (field, value) in stored {
            match whole.get_mut(&field) {
                Some(known) => *known = value,
                None => _ = unknown.insert(field, value),
            }
        }
        let settings = FirmSettings::deserialize(whole).map_err(|_| serde::de::Error::custom("settings"))?;
        Ok(Self { settings, unknown })
    }
}

impl Serialize for Kept {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut whole = serde_json::to_value(&self.settings).map_err(serde::ser::Error::custom)?;
        if let Some(fields) = whole.as_object_mut() {
            fields.extend(self.unknown.clone());
        }
        whole.serialize(serializer)
    }
}

async fn stored(repository: &Repository, firm: &FirmId) -> Result<Option<Versioned<Kept>>> {
    repository.get(&settings_key(firm)).await
}

pub(crate) fn settings_key(firm: &FirmId) -> Key {
    Key::new(firm, "settings", "current")
}

/// The firm's settings, or the defaults.
pub(crate) async fn load(repository: &Repository, firm: &FirmId) -> Result<FirmSettings> {
    Ok(stored(repository, firm).await?.map(|stored| stored.value.settings).unwrap_or_default())
}

/// Adds to the commit of a connection to another account that the firm's own mappings lead to its
/// areas of the same names. What has no such name goes by the defaults. `actor`: who connected, if
/// that is when the areas could be read.
pub(crate) async fn carry_over(
    repository: &Repository,
    transaction: &mut Transaction,
    actor: Option<&ActorId>,
    before: &[PracticeArea],
    now: &[PracticeArea],
) -> Result<()> {
    let key = settings_key(transaction.firm());
    let Some(stored) = stored(repository, transaction.firm()).await? else { return Ok(()) };
    let name = |id: &ClioId| before.iter().find(|area| area.id == *id).map(|area| area.name.as_str());
    let there = |id: &ClioId| named(now, name(id)?).ok();
    let before_all = stored.value.settings.clone();
    let mut settings = before_all.clone();
    let all = settings.practice_areas.len() + usize::from(settings.fallback_area.is_some());
    settings.practice_areas =
        settings.practice_areas.into_iter().filter_map(|(case_type, id)| Some((case_type, there(&id)?))).collect();
    settings.fallback_area = settings.fallback_area.and_then(|id| there(&id));
    settings.revision += 1;
    let kept = settings.practice_areas.len() + usize::from(settings.fallback_area.is_some());
    transaction.put(key, Expect::Version(stored.version), &stored.value.with(&settings))?;
    audit_mappings(transaction, actor, &before_all, &settings);
    let entry = mapping_entry(actor, AuditStatus::Noted, &settings);
    transaction.audit(entry.with("carried_over", kept).with("dropped", all - kept));
    Ok(())
}

fn mapping_entry(actor: Option<&ActorId>, status: AuditStatus, now: &FirmSettings) -> AuditEntry {
    let entry = match actor {
        Some(actor) => AuditEntry::by(actor, Action::Mapping, status),
        None => AuditEntry::by_system(Action::Mapping, status),
    };
    entry.with("revision", now.revision)
}

/// An entry for each case type that leads elsewhere now, and for the practice area of all others. A
/// case type is the firm's own word, which its settings hold as well.
fn audit_mappings(transaction: &mut Transaction, actor: Option<&ActorId>, before: &FirmSettings, now: &FirmSettings) {
    let entry = || mapping_entry(actor, AuditStatus::Ok, now);
    let area = |id: Option<&ClioId>| id.map_or_else(|| String::from("default"), ToString::to_string);
    let case_types: BTreeSet<&String> = before.practice_areas.keys().chain(now.practice_areas.keys()).collect();
    for case_type in case_types {
        let (was, is) = (before.practice_areas.get(case_type), now.practice_areas.get(case_type));
        if was != is {
            let shown: String = case_type.chars().take(LONGEST_CASE_TYPE).collect();
            transaction
                .audit(entry().with("case_type", shown).with("practice_area", area(is)).with("before", area(was)));
        }
    }
    let (was, is) = (before.fallback_area.as_ref(), now.fallback_area.as_ref());
    if was != is {
        let none = |id: Option<&ClioId>| id.map_or_else(|| String::from("none"), ToString::to_string);
        transaction.audit(entry().with("fallback", none(is)).with("before", none(was)));
    }
}

/// A case type says something, and is mapped once. What is stored from before this rule is no
/// reason to refuse another change.
fn check_case_types(settings: &FirmSettings, before: &FirmSettings) -> Result<()> {
    let mut times = BTreeMap::new();
    for case_type in settings.practice_areas.keys() {
        *times.entry(normalise(case_type)).or_insert(0) += 1;
    }
    for case_type in settings.practice_areas.keys().filter(|name| !before.practice_areas.contains_key(*name)) {
        let case_type = normalise(case_type);
        let reason = match times.get(&case_type) {
            _ if case_type.is_empty() => "blank_case_type",
            Some(2..) => "case_type_twice",
            _ => continue,
        };
        let refused = Error::new(Code::SettingInvalid);
        return Err(refused.with("setting", "practice_areas").with("reason", reason));
    }
    Ok(())
}

/// Replaces the firm's settings, in one commit with the audit entry. Gives the new revision.
///
/// # Errors
/// [`Code::SettingInvalid`](crate::Code::SettingInvalid) when they newly map a blank case type, or
/// one that they map already; [`Code::PracticeAreaGone`](crate::Code::PracticeAreaGone) when a
/// practice area is named that was not before and that the firm does not have;
/// [`Code::SettingsChanged`](crate::Code::SettingsChanged) when they were changed since they were
/// read.
pub(crate) async fn save(
    repository: &Repository,
    actor: &Actor,
    settings: &FirmSettings,
    areas: &[PracticeArea],
) -> Result<u64> {
    let key = settings_key(&actor.firm);
    let (kept, expect) = match stored(repository, &actor.firm).await? {
        Some(stored) => (stored.value, Expect::Version(stored.version)),
        None => (Kept::default(), Expect::Absent),
    };
    let before = kept.settings.clone();
    if before.revision != settings.revision {
        return Err(Code::SettingsChanged.into());
    }
    check_case_types(settings, &before)?;
    let named = |settings: &FirmSettings| {
        settings.practice_areas.values().copied().chain(settings.fallback_area).collect::<Vec<_>>()
    };
    let known = named(&before);
    // One that was there when it was chosen may be gone: that is shown, and is no reason to refuse
    // another change.
    if let Some(gone) =
        named(settings).into_iter().find(|id| !known.contains(id) && areas.iter().all(|area| area.id != *id))
    {
        return Err(Error::new(Code::PracticeAreaGone).with("practice_area", gone));
    }
    let settings = FirmSettings { revision: before.revision + 1, ..settings.clone() };
    let mut transaction = repository.transaction(&actor.firm)?;
    transaction.put(key, expect, &kept.with(&settings))?;
    transaction.audit(
        AuditEntry::by(&actor.id, Action::Settings, AuditStatus::Ok)
            .with("revision", settings.revision)
            .with("sync_when_approved", settings.sync_when_approved)
            .with("sync_when_created", settings.sync_when_created)
            .with("case_number_as_display_number", settings.case_number_as_display_number)
            .with("contact_review", settings.contact_review)
            .with("on_name_mismatch", settings.on_name_mismatch.name())
            .with("own_mappings", settings.practice_areas.len()),
    );
    audit_mappings(&mut transaction, Some(&actor.id), &before, &settings);
    if before.contact_review != settings.contact_review {
        schedule_now(repository, &mut transaction, MaintenanceTask::Subscriptions).await?;
    }
    match repository.commit(&transaction).await? {
        Commit::Done { .. } => Ok(settings.revision),
        Commit::Conflict => Err(Code::SettingsChanged.into()),
    }
}
