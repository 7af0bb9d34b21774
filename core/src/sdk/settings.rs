//! The firm's settings, and what each case type maps to.

use serde::Serialize;

use super::Sdk;
use crate::auth::{Actor, Links, PracticeArea, PracticeAreas};
use crate::budget::Class;
use crate::error::Result;
use crate::log::{Action, AuditEntry, AuditStatus};
use crate::settings::{self, FirmSettings, Mapping, SettingsChange};
use crate::sync::Caller;

/// For a settings page.
#[derive(Clone, Debug, Serialize)]
pub struct MappingPage {
    /// The firm's practice areas in Clio, as loaded last.
    pub practice_areas: Vec<PracticeArea>,
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
        let revision = settings::save(&self.journal, actor, settings, &areas).await?;
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

    /// Maps a case type to the firm's practice area of this name, or back to the default.
    ///
    /// # Errors
    /// As [`save_settings`](Self::save_settings); [`Code::PracticeAreaGone`](crate::Code::PracticeAreaGone) when the firm has no practice area of this name.
    pub async fn map_case_type(&self, actor: &Actor, case_type: &str, area: Option<&str>) -> Result<u64> {
        let mut settings = self.settings(actor).await?;
        settings.practice_areas.retain(|known, _| !settings::same_type(known, case_type));
        if let Some(name) = area {
            let id = settings::named(&self.areas(actor).await?, name)?;
            settings.practice_areas.insert(case_type.trim().to_owned(), id);
        }
        self.save_settings(actor, &settings).await
    }

    /// The firm's practice areas in Clio, CaseHug's case types, and what each maps to now.
    ///
    /// # Errors
    /// [`Code::NotAllowed`](crate::Code::NotAllowed) unless the actor is an admin.
    pub async fn mappings(&self, actor: &Actor) -> Result<MappingPage> {
        let settings = self.settings(actor).await?;
        let practice_areas = self.areas(actor).await?;
        Ok(MappingPage { mappings: settings::mappings(&settings, &practice_areas), practice_areas })
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
        let document = settings::export(&settings, &self.areas(actor).await?)?;
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
        let settings = settings::import(document, &self.areas(actor).await?, revision)?;
        self.save_settings(actor, &settings).await
    }

    async fn areas(&self, actor: &Actor) -> Result<Vec<PracticeArea>> {
        Ok(PracticeAreas::load(&self.journal, &actor.firm).await?.map_or_else(Vec::new, |stored| stored.value.areas))
    }
}
