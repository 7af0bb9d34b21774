//! A part of the settings, to be changed without the rest.

use serde::{Deserialize, Deserializer};

use super::{FirmSettings, OnNameMismatch};
use crate::domain::ClioId;

/// Some of the settings: what is left out stays as it is. Case types are mapped one by one, by
/// [`map_case_type`](crate::api::SettingsOperations::map_case_type).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SettingsChange {
    /// See [`FirmSettings::revision`]: that which was read.
    pub revision: u64,
    /// See [`FirmSettings::sync_when_approved`].
    #[serde(default, deserialize_with = "given")]
    pub sync_when_approved: Option<bool>,
    /// See [`FirmSettings::sync_when_created`].
    #[serde(default, deserialize_with = "given")]
    pub sync_when_created: Option<bool>,
    /// See [`FirmSettings::case_number_as_display_number`].
    #[serde(default, deserialize_with = "given")]
    pub case_number_as_display_number: Option<bool>,
    /// See [`FirmSettings::contact_review`].
    #[serde(default, deserialize_with = "given")]
    pub contact_review: Option<bool>,
    /// See [`FirmSettings::on_name_mismatch`].
    #[serde(default, deserialize_with = "given")]
    pub on_name_mismatch: Option<OnNameMismatch>,
    /// See [`FirmSettings::fallback_area`]; `Some(None)` takes it away.
    #[serde(default, deserialize_with = "given")]
    #[cfg_attr(feature = "schema", schemars(extend("x-null-clears" = true)))]
    pub fallback_area: Option<Option<ClioId>>,
}

/// What is there is a value: `null` is none, unless the value may be that.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

impl SettingsChange {
    /// The settings with this change.
    pub(crate) fn of(&self, now: FirmSettings) -> FirmSettings {
        FirmSettings {
            revision: self.revision,
            sync_when_approved: self.sync_when_approved.unwrap_or(now.sync_when_approved),
            sync_when_created: self.sync_when_created.unwrap_or(now.sync_when_created),
            case_number_as_display_number: self
                .case_number_as_display_number
                .unwrap_or(now.case_number_as_display_number),
            contact_review: self.contact_review.unwrap_or(now.contact_review),
            on_name_mismatch: self.on_name_mismatch.unwrap_or(now.on_name_mismatch),
            practice_areas: now.practice_areas,
            fallback_area: self.fallback_area.unwrap_or(now.fallback_area),
        }
    }
}
