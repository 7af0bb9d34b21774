//! Custom fields: index and create, a permission group of their own. Their values are accepted and
//! dropped.

use serde_json::{Value, json};

use super::{
    Model,
    errors::{ApiError, ApiResult},
    http::Query,
    input::{self, Common, Data},
    paging,
    resource::{self, Stamp},
    time,
};

const TYPES: &str = "checkbox contact currency date time email matter numeric picklist text_area text_line url";

/// A custom field of the firm.
#[derive(Debug, Clone)]
pub(crate) struct CustomField {
    pub stamp: Stamp,
    name: String,
    parent: String,
    kind: String,
    displayed: bool,
    required: bool,
}

impl Model {
    pub(crate) fn custom_field(&self, id: i64) -> ApiResult<&CustomField> {
        self.custom_fields.get(&id).ok_or_else(|| ApiError::not_found("Custom field"))
    }

    /// The filter writes the parent in lower case, the record capitalised.
    pub(crate) fn custom_fields_index(&self, query: &Query) -> ApiResult<Vec<i64>> {
        let (order, descending) = paging::order(query, &["id", "name", "display_order"])?;
        let common = Common::read(query, self.config.utc_offset_minutes)?;
        let parent = match query.get("parent_type") {
            None | Some("matter" | "contact") => query.get("parent_type"),
            Some(other) => {
                return Err(ApiError::bad_request(format!("{other:?} is not a valid parent_type.")));
            }
        };
        let needle = query.get("query").map(str::to_lowercase);
        let mut found: Vec<&CustomField> = self
            .custom_fields
            .values()
            .filter(|field| common.admits(&field.stamp))
            .filter(|field| parent.is_none_or(|parent| field.parent.eq_ignore_ascii_case(parent)))
            .filter(|field| query.get("field_type").is_none_or(|kind| field.kind == kind))
            .filter(|field| needle.as_deref().is_none_or(|needle| field.name.to_lowercase().contains(needle)))
            .collect();
        if order == "name" {
            found.sort_by(|a, b| a.name.cmp(&b.name));
        }
        if descending {
            found.reverse();
        }
        Ok(found.iter().map(|field| field.stamp.id).collect())
    }

    pub(crate) fn custom_field_create(&mut self, now: i64, data: &Data) -> ApiResult<i64> {
        let name = input::required(data, "name")?;
        let parent = input::required(data, "parent_type")?;
        let kind = input::required(data, "field_type")?;
        if !matches!(parent.as_str(), "Contact" | "Matter") {
            return Err(ApiError::invalid("parent_type must be Contact or Matter."));
        }
        if !TYPES.split(' ').any(|known| known == kind) {
            return Err(ApiError::invalid(format!("{kind:?} is not a field_type.")));
        }
        let id = resource::next(&mut self.ids.custom_fields);
        let displayed = input::flag(data, "displayed").unwrap_or(true);
        let required = input::flag(data, "required").unwrap_or(false);
        let stamp = Stamp::new(id, now, true);
        self.custom_fields.insert(id, CustomField { stamp, name, parent, kind, displayed, required });
        Ok(id)
    }

    pub(crate) fn custom_field_record(&self, field: &CustomField) -> Value {
        let offset = self.config.utc_offset_minutes;
        json!({
            "id": field.stamp.id,
            "etag": field.stamp.etag("custom_field"),
            "created_at": time::iso(field.stamp.created, offset),
            "updated_at": time::iso(field.stamp.updated, offset),
            "name": field.name,
            "parent_type": field.parent,
            "field_type": field.kind,
            "displayed": field.displayed,
            "required": field.required,
            "deleted": false,
            "picklist_options": [],
        })
    }
}
