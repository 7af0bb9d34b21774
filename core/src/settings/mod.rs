//! What a firm may set, and the mapping of case types to Clio's practice areas.

mod mapping;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use mapping::{CaseHugArea, Unmapped, choose_area};

use crate::auth::Actor;
use crate::error::Result;
use crate::log::{Action, AuditEntry, AuditStatus};
use crate::model::{ClioId, FirmId};
use crate::ports::{Expect, Key};
use crate::records::Journal;

/// A firm's settings. Every field has a default that works for most firms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FirmSettings {
    /// Sync a matter by itself when its intake, or another document of it, is approved. On by default. Off: nothing leaves until somebody asks.
    pub sync_when_approved: bool,
    /// Sync contact and matter by themselves as soon as the intake is created; documents follow their approval. Off by default.
    pub sync_when_created: bool,
    /// Send the case number as Clio's `display_number` too. Clio honours it only for firms with manual matter numbering, so it is off
    /// by default; `client_reference` always carries it.
    pub case_number_as_display_number: bool,
    /// The firm's own case type → Clio practice area, which win over the defaults. Case types are compared ignoring case and
    /// surrounding white space.
    pub practice_areas: BTreeMap<String, ClioId>,
}

impl Default for FirmSettings {
    fn default() -> Self {
        Self {
            sync_when_approved: true,
            sync_when_created: false,
            case_number_as_display_number: false,
            practice_areas: BTreeMap::new(),
        }
    }
}

fn settings_key(firm: &FirmId) -> Key {
    Key::new(firm, "settings", "current")
}

/// The firm's settings, or the defaults.
pub(crate) async fn load(journal: &Journal, firm: &FirmId) -> Result<FirmSettings> {
    Ok(journal.get(&settings_key(firm)).await?.map(|stored| stored.value).unwrap_or_default())
}

/// Replaces the firm's settings, in one commit with the audit entry.
pub(crate) async fn save(journal: &Journal, actor: &Actor, settings: &FirmSettings) -> Result<()> {
    let key = settings_key(&actor.firm);
    let stored = journal.get::<FirmSettings>(&key).await?;
    let mut unit = journal.unit(&actor.firm)?;
    unit.put(key, stored.map_or(Expect::Absent, |stored| Expect::Version(stored.version)), settings)?;
    unit.audit(
        AuditEntry::by(&actor.id, Action::Settings, AuditStatus::Ok)
            .with("sync_when_approved", settings.sync_when_approved)
            .with("sync_when_created", settings.sync_when_created)
            .with("case_number_as_display_number", settings.case_number_as_display_number)
            .with("own_mappings", settings.practice_areas.len()),
    );
    journal.commit_or_conflict(&unit).await.map(|_| ())
}
