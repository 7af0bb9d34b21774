//! The firm's settings, and what each case type maps to: handlers of the operations in group
//! `settings`.

use serde::Serialize;

use super::Sdk;
use super::results::{Nullable, SettingsDocument, SettingsRevision};
use crate::calls::ApiClient;
use crate::calls::budget::Class;
use crate::connection::AccountScope;
use crate::domain::Actor;
use crate::error::{Code, Error, Result};
use crate::settings::{self, FirmSettings, Mapping, PracticeArea, PracticeAreas, SeenMapping, SettingsChange};
use crate::store::{Action, AuditEntry, AuditStatus};

/// For a settings page.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MappingPage {
    /// Whether the firm's practice areas are known. They are not before it was connected, nor in
    /// another account than before until they can be read there; then a case type that has a
    /// default [leads](Mapping::mapped) to one that is not known.
    pub practice_areas_known: bool,
    /// The firm's practice areas in Clio, as loaded last.
    pub practice_areas: Vec<PracticeArea>,
    /// What CaseHug sent lately, the last first: the case types of matters that were to be created
    /// under this connection.
    pub seen: Vec<SeenMapping>,
    /// CaseHug's case types and the firm's own, and what each maps to now.
    pub mappings: Vec<Mapping>,
}

pub(super) async fn get_settings(sdk: &Sdk, actor: &Actor) -> Result<FirmSettings> {
    settings::load(&sdk.repository, &actor.firm).await
}

pub(super) async fn save_settings(sdk: &Sdk, actor: &Actor, settings: FirmSettings) -> Result<SettingsRevision> {
    let areas = areas(sdk, actor).await?;
    let saved = settings::save(&sdk.repository, actor, &settings, areas.as_deref().unwrap_or_default()).await;
    let revision = saved.map_err(|error| known_or_gone(error, &areas))?;
    sdk.queue.ctx.workers.notify();
    Ok(SettingsRevision { revision })
}

pub(super) async fn change_settings(sdk: &Sdk, actor: &Actor, change: SettingsChange) -> Result<SettingsRevision> {
    let settings = change.of(get_settings(sdk, actor).await?);
    save_settings(sdk, actor, settings).await
}

pub(super) async fn map_case_type(
    sdk: &Sdk,
    actor: &Actor,
    case_type: String,
    practice_area: Nullable<String>,
) -> Result<SettingsRevision> {
    let mut settings = get_settings(sdk, actor).await?;
    settings.practice_areas.retain(|known, _| !settings::same_type(known, &case_type));
    if let Some(area) = practice_area.0 {
        let areas = areas(sdk, actor).await?;
        let id = settings::called(areas.as_deref().unwrap_or_default(), &area)
            .map_err(|error| known_or_gone(error, &areas))?;
        settings.practice_areas.insert(case_type.trim().to_owned(), id);
    }
    save_settings(sdk, actor, settings).await
}

pub(super) async fn get_mappings(sdk: &Sdk, actor: &Actor) -> Result<MappingPage> {
    let settings = get_settings(sdk, actor).await?;
    let stored = PracticeAreas::load(&sdk.repository, &actor.firm).await?;
    let areas = stored.as_ref().and_then(|stored| stored.value.known());
    let seen = settings::list_seen(&sdk.repository, &sdk.queue.ctx.keyring, &actor.firm).await?;
    let seen = seen.into_iter().map(|one| {
        let mapping = settings::mapping(&one.case_type, &settings, areas);
        SeenMapping { mapping, seen_at: one.at }
    });
    Ok(MappingPage {
        practice_areas_known: areas.is_some(),
        mappings: settings::mappings(&settings, areas),
        seen: seen.collect(),
        practice_areas: areas.unwrap_or_default().to_vec(),
    })
}

pub(super) async fn reload_practice_areas(sdk: &Sdk, actor: &Actor) -> Result<Vec<PracticeArea>> {
    let scope = AccountScope::current(&sdk.repository, &actor.firm).await?;
    let caller = ApiClient::of_firm(&sdk.queue.ctx, &scope, Class::Waiting);
    Ok(settings::practice_areas::reload_practice_areas(&sdk.queue.ctx, &caller, &actor.firm).await?.areas)
}

pub(super) async fn export_settings(sdk: &Sdk, actor: &Actor) -> Result<SettingsDocument> {
    let settings = get_settings(sdk, actor).await?;
    let stored = PracticeAreas::load(&sdk.repository, &actor.firm).await?;
    let named = stored.as_ref().map_or(&[][..], |stored| stored.value.named_by_mappings());
    let document = settings::export(&settings, named)?;
    let mut transaction = sdk.repository.transaction(&actor.firm)?;
    transaction.audit(AuditEntry::by(&actor.id, Action::Export, AuditStatus::Ok).with("what", "settings"));
    sdk.repository.commit_or_conflict(&transaction).await?;
    Ok(SettingsDocument { document })
}

pub(super) async fn import_settings(sdk: &Sdk, actor: &Actor, document: String) -> Result<SettingsRevision> {
    let revision = get_settings(sdk, actor).await?.revision;
    let areas = areas(sdk, actor).await?;
    let read = settings::import(&document, areas.as_deref().unwrap_or_default(), revision);
    let settings = read.map_err(|error| known_or_gone(error, &areas))?;
    save_settings(sdk, actor, settings).await
}

/// The firm's practice areas; `None`, they were never loaded.
async fn areas(sdk: &Sdk, actor: &Actor) -> Result<Option<Vec<PracticeArea>>> {
    Ok(PracticeAreas::load(&sdk.repository, &actor.firm).await?.map(|stored| stored.value.areas))
}

/// A practice area is gone only where areas are known.
fn known_or_gone(error: Error, areas: &Option<Vec<PracticeArea>>) -> Error {
    match error.code() {
        Code::PracticeAreaGone if areas.is_none() => Code::NotConnected.into(),
        _ => error,
    }
}
