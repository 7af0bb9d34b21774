//! Practice areas: the firm's own names, each in one of Clio's categories.

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

/// A practice area of the firm.
#[derive(Debug, Clone)]
pub(crate) struct Area {
    pub stamp: Stamp,
    pub name: String,
    pub code: Option<String>,
    pub category: Option<String>,
}

/// Clio's categories.
pub(crate) const CATEGORIES: &str = "administrative admiralty_and_maritime anti_trust_and_competition appellate \
    banking_and_finance bankruptcy business_formation_and_compliance civil_litigation \
    civil_rights_and_constitutional collections_and_debt commercial_and_sale_of_goods commercial_litigation \
    construction consumer_protection contracts corporate_litigation criminal disability_and_social_security \
    education elder employment_and_labor energy_and_environmental ethics family food_and_drug general_practice \
    government healthcare immigration in_house_counsel insurance intellectual_property international juvenile \
    legal_aid mediation_and_arbitration medical_malpractice military multi_practice non_profit_and_pro_bono other \
    personal_injury privacy_and_information_security private_client product_liability real_estate \
    science_and_technology securities_and_mergers_and_acquisitions small_claims \
    sports_and_entertainment_and_gaming tax telecommunications traffic_offenses transportation tribal trusts \
    wills_and_estates workers_compensation";

/// What a firm has before anybody seeds it: names of its own, not Clio's.
pub(crate) const DEFAULTS: &[(&str, &str, &str)] = &[
    ("Personal Injury", "PI", "personal_injury"),
    ("Family & Divorce", "FAM", "family"),
    ("Estate Planning", "EST", "wills_and_estates"),
    ("Immigration", "IMM", "immigration"),
    ("Criminal Defense", "CRIM", "criminal"),
    ("Business Law", "BUS", "business_formation_and_compliance"),
    ("Real Estate Closings", "RE", "real_estate"),
    ("Employment", "EMP", "employment_and_labor"),
    ("Bankruptcy (Ch. 7 & 13)", "BK", "bankruptcy"),
    ("General Matters", "GEN", "other"),
];

impl Model {
    pub(crate) fn areas_index(&self, query: &Query) -> ApiResult<Vec<i64>> {
        let (order, descending) = paging::order(query, &["id", "name", "category", "code"])?;
        let common = Common::read(query, self.config.utc_offset_minutes)?;
        let of_matter = input::query_id(query, "matter_id")?;
        let mut found: Vec<&Area> = self
            .areas
            .values()
            .filter(|area| common.admits(&area.stamp))
            .filter(|area| query.get("name").is_none_or(|name| area.name.eq_ignore_ascii_case(name)))
            .filter(|area| query.get("code").is_none_or(|code| area.code.as_deref() == Some(code)))
            .filter(|area| {
                of_matter
                    .is_none_or(|id| self.matters.get(&id).is_some_and(|matter| matter.area == Some(area.stamp.id)))
            })
            .collect();
        match order {
            "name" => found.sort_by(|a, b| a.name.cmp(&b.name)),
            "category" => found.sort_by(|a, b| a.category.cmp(&b.category)),
            "code" => found.sort_by(|a, b| a.code.cmp(&b.code)),
            _ => {}
        }
        if descending {
            found.reverse();
        }
        Ok(found.iter().map(|area| area.stamp.id).collect())
    }

    pub(crate) fn area_create(&mut self, now: i64, data: &Data, own: bool) -> ApiResult<i64> {
        let id = resource::next(&mut self.ids.areas);
        let mut area = Area { stamp: Stamp::new(id, now, own), name: String::new(), code: None, category: None };
        input::required(data, "name")?;
        fill(&mut area, data)?;
        self.areas.insert(id, area);
        Ok(id)
    }

    pub(crate) fn area_update(&mut self, now: i64, id: i64, data: &Data) -> ApiResult<()> {
        let area = self.areas.get_mut(&id).ok_or_else(|| ApiError::not_found("Practice area"))?;
        let mut changed = area.clone();
        fill(&mut changed, data)?;
        changed.stamp.touch(now);
        *area = changed;
        Ok(())
    }

    pub(crate) fn area_record(&self, area: &Area) -> Value {
        let offset = self.config.utc_offset_minutes;
        json!({
            "id": area.stamp.id,
            "etag": area.stamp.etag("practice_area"),
            "created_at": time::iso(area.stamp.created, offset),
            "updated_at": time::iso(area.stamp.updated, offset),
            "name": area.name,
            "code": area.code,
            "category": area.category,
        })
    }
}

fn fill(area: &mut Area, data: &Data) -> ApiResult<()> {
    if data.contains_key("name") {
        area.name = input::required(data, "name")?;
    }
    if let Some(code) = input::text(data, "code")? {
        area.code = code;
    }
    if let Some(category) = input::text(data, "category")? {
        if let Some(name) = &category
            && !CATEGORIES.split(' ').any(|known| known == name)
        {
            return Err(ApiError::invalid(format!("{name:?} is not a category.")));
        }
        area.category = category;
    }
    Ok(())
}
