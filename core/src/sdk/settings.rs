//! The firm's settings, and what each case type maps to.

use serde::Serialize;

use super::Sdk;
use crate::calls::Caller;
use crate::calls::budget::Class;
use crate::connection::Links;
use crate::domain::Actor;
use crate::error::{Code, Error, Result};
use crate::settings;
use crate::settings::{FirmSettings, Mapping, PracticeArea, PracticeAreas, SeenMapping, SettingsChange};
use crate::store::{Action, AuditEntry, AuditStatus};

/// For a settings page.
#[derive(Clone, Debug, Serialize)]
pub struct MappingPage {
    /// Whether the firm's practice areas are known. They are not before it was connected; then a case type that has a default [leads](Mapping::mapped) to one that is not known.
    pub practice_areas_known: bool,
    /// The firm's practice areas in Clio, as loaded last.
    pub practice_areas: Vec<PracticeArea>,
    /// What CaseHug sent lately, the last first: the case types of matters that were to be created under this connection.
    pub seen: Vec<SeenMapping>,
    /// CaseHug's case types and the firm's own, and what each maps to now.
    pub mappings: Vec<Mapping>,
}

impl Sdk {
    /// The firm's settings.
    ///
    /// # Errors
    /// [`Code::NotAllowed`](crate::Code::NotAllowed) unless the actor is an admin.
    pub async fn settings(&self, actor: &Actor) -> Result<FirmSettings> {
        self.auth.require_admin(actor, "settings").await?;
        settings::load(&self.journal, &actor.firm).await
    }

    /// Replaces the firm's settings, as they were read and changed. Gives the new revision.
    ///
    /// # Errors
    /// [`Code::NotAllowed`](crate::Code::NotAllowed) unless the actor is an admin; [`Code::SettingsChanged`](crate::Code::SettingsChanged) when they were changed since they
    /// were read: read again; [`Code::PracticeAreaGone`](crate::Code::PracticeAreaGone) when they newly name a practice area that the firm does not have;
    /// [`Code::SettingInvalid`](crate::Code::SettingInvalid) when they newly map a blank case type, or two that differ only in case, underscores or white space.
    pub async fn save_settings(&self, actor: &Actor, settings: &FirmSettings) -> Result<u64> {
        self.auth.require_admin(actor, "settings").await?;
        let areas = self.areas(actor).await?;
        let saved = settings::save(&self.journal, actor, settings, areas.as_deref().unwrap_or_default()).await;
        let revision = saved.map_err(|error| known_or_gone(error, &areas))?;
        self.engine.claims.nudge.nudge();
        Ok(revision)
    }

    /// Changes some of the firm's settings, and leaves the others as they are. Gives the new revision.
    ///
    /// # Errors
    /// As [`save_settings`](Self::save_settings).
    pub async fn change_settings(&self, actor: &Actor, change: &SettingsChange) -> Result<u64> {
        let settings = change.of(self.settings(actor).await?);
        self.save_settings(actor, &settings).await
    }

    /// Maps a case type to the firm's practice area of this id or name, or back to the default.
    ///
    /// # Errors
    /// As [`save_settings`](Self::save_settings); [`Code::PracticeAreaGone`](crate::Code::PracticeAreaGone) when the firm has no such practice area;
    /// [`Code::NotConnected`](crate::Code::NotConnected) when it was never connected, so that its practice areas are not known.
    pub async fn map_case_type(&self, actor: &Actor, case_type: &str, area: Option<&str>) -> Result<u64> {
        let mut settings = self.settings(actor).await?;
        settings.practice_areas.retain(|known, _| !settings::same_type(known, case_type));
        if let Some(area) = area {
            let areas = self.areas(actor).await?;
            let id = settings::called(areas.as_deref().unwrap_or_default(), area)
                .map_err(|error| known_or_gone(error, &areas))?;
            settings.practice_areas.insert(case_type.trim().to_owned(), id);
        }
        self.save_settings(actor, &settings).await
    }

    /// The firm's practice areas in Clio, CaseHug's case types, those that it sent lately, and what each maps to now.
    ///
    /// # Errors
    /// [`Code::NotAllowed`](crate::Code::NotAllowed) unless the actor is an admin.
    pub async fn mappings(&self, actor: &Actor) -> Result<MappingPage> {
        let settings = self.settings(actor).await?;
        let areas = self.areas(actor).await?;
        let seen = settings::list_seen(&self.journal, &self.engine.keyring, &actor.firm).await?;
        let seen = seen.into_iter().map(|one| SeenMapping {
            mapping: settings::mapping(&one.case_type, &settings, areas.as_deref()),
            seen_at: one.at,
        });
        Ok(MappingPage {
            practice_areas_known: areas.is_some(),
            mappings: settings::mappings(&settings, areas.as_deref()),
            seen: seen.collect(),
            practice_areas: areas.unwrap_or_default(),
        })
    }

    /// Loads the firm's practice areas from Clio anew. Workers do so once a day.
    ///
    /// # Errors
    /// [`Code::NotAllowed`](crate::Code::NotAllowed) unless the actor is an admin; what kept Clio from answering.
    pub async fn reload_practice_areas(&self, actor: &Actor) -> Result<Vec<PracticeArea>> {
        self.auth.require_admin(actor, "settings").await?;
        let links = Links::current(&self.journal, &actor.firm).await?;
        let caller = Caller::of_firm(&self.engine, &links, Class::Waiting);
        Ok(self.engine.reload_practice_areas(&caller, &actor.firm).await?.areas)
    }

    /// The settings as a JSON document. Practice areas go by name.
    ///
    /// # Errors
    /// [`Code::NotAllowed`](crate::Code::NotAllowed) unless the actor is an admin.
    pub async fn export_settings(&self, actor: &Actor) -> Result<String> {
        let settings = self.settings(actor).await?;
        let document = settings::export(&settings, &self.areas(actor).await?.unwrap_or_default())?;
        let mut unit = self.journal.unit(&actor.firm)?;
        unit.audit(AuditEntry::by(&actor.id, Action::Export, AuditStatus::Ok).with("what", "settings"));
        self.journal.commit_or_conflict(&unit).await?;
        Ok(document)
    }

    /// Takes the settings of a document that [`export_settings`](Self::export_settings) made, here or in another firm. All or nothing.
    ///
    /// # Errors
    /// As [`save_settings`](Self::save_settings); [`Code::SettingInvalid`](crate::Code::SettingInvalid) when it is no such document;
    /// [`Code::PracticeAreaGone`](crate::Code::PracticeAreaGone) when the firm has no practice area of a name in it.
    pub async fn import_settings(&self, actor: &Actor, document: &str) -> Result<u64> {
        let revision = self.settings(actor).await?.revision;
        let areas = self.areas(actor).await?;
        let read = settings::import(document, areas.as_deref().unwrap_or_default(), revision);
        let settings = read.map_err(|error| known_or_gone(error, &areas))?;
        self.save_settings(actor, &settings).await
    }

    /// The firm's practice areas; `None`, they were never loaded.
    async fn areas(&self, actor: &Actor) -> Result<Option<Vec<PracticeArea>>> {
        Ok(PracticeAreas::load(&self.journal, &actor.firm).await?.map(|stored| stored.value.areas))
    }
}

/// A practice area is gone only where areas are known.
fn known_or_gone(error: Error, areas: &Option<Vec<PracticeArea>>) -> Error {
    match error.code() {
        Code::PracticeAreaGone if areas.is_none() => Code::NotConnected.into(),
        _ => error,
    }
}
