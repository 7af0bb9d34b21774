//! Settings as a JSON document, to be kept or carried to another firm. Practice areas go by name,
//! because ids mean something in one account only.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::areas::named;
use super::{FirmSettings, OnNameMismatch, PracticeArea};
use crate::domain::ClioId;
use crate::error::{Code, Error, Result};

const FORMAT: u32 = 1;
/// A firm has a few dozen mappings.
const MOST_BYTES: usize = 256 * 1024;

/// ```json
/// {"format":1,"sync_when_approved":true,"sync_when_created":false,"case_number_as_display_number":false,
///  "contact_review":false,"on_name_mismatch":"link","practice_areas":{"Divorce - Standard":"Family Law"},"fallback_area":"General"}
/// ```
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: u32,
    sync_when_approved: bool,
    sync_when_created: bool,
    case_number_as_display_number: bool,
    contact_review: bool,
    on_name_mismatch: OnNameMismatch,
    practice_areas: BTreeMap<String, String>,
    #[serde(deserialize_with = "crate::json::nullable")]
    fallback_area: Option<String>,
}

/// The document. A mapping to an area that is gone from Clio is left out.
pub(crate) fn export(settings: &FirmSettings, areas: &[PracticeArea]) -> Result<String> {
    let name = |id: &ClioId| areas.iter().find(|area| area.id == *id).map(|area| area.name.clone());
    let own = settings.practice_areas.iter().filter_map(|(case_type, id)| Some((case_type.clone(), name(id)?)));
    let document = Document {
        format: FORMAT,
        sync_when_approved: settings.sync_when_approved,
        sync_when_created: settings.sync_when_created,
        case_number_as_display_number: settings.case_number_as_display_number,
        contact_review: settings.contact_review,
        on_name_mismatch: settings.on_name_mismatch,
        practice_areas: own.collect(),
        fallback_area: settings.fallback_area.as_ref().and_then(name),
    };
    serde_json::to_string_pretty(&document).map_err(|_| Error::new(Code::Internal).with("reason", "settings"))
}

/// The settings of a document, with `revision` to be saved over.
///
/// # Errors
/// [`Code::SettingInvalid`] when it is none; [`Code::PracticeAreaGone`] when the firm has no
/// practice area of a name. Nothing is changed then.
pub(crate) fn import(json: &str, areas: &[PracticeArea], revision: u64) -> Result<FirmSettings> {
    let invalid = |reason: &'static str| Error::new(Code::SettingInvalid).with("reason", reason);
    if json.len() > MOST_BYTES {
        return Err(invalid("too_long"));
    }
    let document: Document = crate::json::read(json.as_bytes(), Code::SettingInvalid)?;
    if document.format != FORMAT {
        return Err(invalid("unknown_format"));
    }
    let mut practice_areas = BTreeMap::new();
    for (case_type, name) in document.practice_areas {
        practice_areas.insert(case_type, named(areas, &name)?);
    }
    Ok(FirmSettings {
        revision,
        sync_when_approved: document.sync_when_approved,
        sync_when_created: document.sync_when_created,
        case_number_as_display_number: document.case_number_as_display_number,
        contact_review: document.contact_review,
        on_name_mismatch: document.on_name_mismatch,
        practice_areas,
        fallback_area: document.fallback_area.map(|name| named(areas, &name)).transpose()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn areas(list: &[(i64, &str)]) -> Vec<PracticeArea> {
        let area = |(id, name): &(i64, &str)| PracticeArea {
            id: ClioId(*id),
            name: (*name).to_owned(),
            category: None,
            stands_for: Vec::new(),
        };
        list.iter().map(area).collect()
    }

    #[test]
    fn settings_travel_by_name_into_an_account_with_other_ids() {
        let settings = FirmSettings {
            sync_when_created: true,
            on_name_mismatch: OnNameMismatch::Review,
            practice_areas: [("Divorce".to_owned(), ClioId(1)), ("Old".to_owned(), ClioId(9))].into(),
            fallback_area: Some(ClioId(2)),
            ..FirmSettings::default()
        };
        let document = export(&settings, &areas(&[(1, "Family Law"), (2, "General")])).unwrap();
        let there = import(&document, &areas(&[(70, " family law"), (71, "GENERAL")]), 5).unwrap();
        assert_eq!(there.practice_areas, [("Divorce".to_owned(), ClioId(70))].into());
        assert_eq!((there.fallback_area, there.revision, there.sync_when_created), (Some(ClioId(71)), 5, true));
        assert_eq!(there.on_name_mismatch, OnNameMismatch::Review);
        assert_eq!(import(&document, &areas(&[(1, "x")]), 0).unwrap_err().code(), Code::PracticeAreaGone);
    }

    #[test]
    fn what_is_no_document_is_refused_and_not_quoted() {
        for junk in ["", "{}", "[1]", "{\"format\":1}", &"x".repeat(300_000), &"[".repeat(10_000)] {
            let error = import(junk, &[], 0).unwrap_err();
            assert_eq!(error.code(), Code::SettingInvalid);
        }
        let later = export(&FirmSettings::default(), &[]).unwrap().replace("\"format\": 1", "\"format\": 2");
        assert_eq!(import(&later, &[], 0).unwrap_err().get("reason"), Some("unknown_format"));
    }
}
