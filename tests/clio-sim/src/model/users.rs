//! The connected person: `who_am_i`, and the only user of the firm.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    Model,
    errors::{ApiError, ApiResult},
    input::{self, Data},
    resource::Stamp,
    time,
};

/// A person and a firm of some years' standing.
const SINCE: i64 = 1_640_995_200_000;

/// Who does what in a matter.
pub(crate) const PEOPLE: &[&str] = &["responsible_attorney", "originating_attorney", "responsible_staff"];

/// By role; `None` once somebody was taken out.
pub(crate) type People = BTreeMap<&'static str, Option<i64>>;

impl Model {
    /// The people that a body names.
    pub(crate) fn people_of(&self, data: &Data) -> ApiResult<People> {
        let mut people = People::new();
        for role in PEOPLE {
            if let Some(person) = input::reference(data, role)? {
                self.user(person.unwrap_or(self.config.user_id))?;
                people.insert(role, person);
            }
        }
        Ok(people)
    }

    /// There is one user.
    pub(crate) fn user(&self, id: i64) -> ApiResult<()> {
        if id == self.config.user_id { Ok(()) } else { Err(ApiError::not_found("User")) }
    }

    /// The firm's currency.
    pub(crate) fn currency(&self) -> Value {
        let (id, code, sign) = match self.config.region.as_str() {
            "ca" => (2, "CAD", "$"),
            "eu" => (3, "EUR", "€"),
            "au" => (4, "AUD", "$"),
            _ => (1, "USD", "$"),
        };
        let since = time::iso(SINCE, self.config.utc_offset_minutes);
        let etag = Stamp::new(id, SINCE, false).etag("currency");
        json!({"id": id, "etag": etag, "code": code, "sign": sign, "created_at": since, "updated_at": since})
    }

    pub(crate) fn user_stamp(&self) -> Stamp {
        Stamp::new(self.config.user_id, SINCE, true)
    }

    pub(crate) fn user_record(&self) -> Value {
        let config = &self.config;
        let since = time::iso(SINCE, config.utc_offset_minutes);
        let initials: String =
            [&config.user_first_name, &config.user_last_name].iter().filter_map(|name| name.chars().next()).collect();
        json!({
            "id": config.user_id,
            "etag": self.user_stamp().etag("user"),
            "account_owner": true,
            "clio_connect": false,
            "court_rules_default_attendee": false,
            "created_at": since,
            "updated_at": since,
            "email": config.user_email,
            "enabled": true,
            "first_name": config.user_first_name,
            "last_name": config.user_last_name,
            "name": format!("{} {}", config.user_first_name, config.user_last_name),
            "initials": initials,
            "roles": ["admin", "account_owner"],
            "subscription_type": "Attorney",
            "time_zone": "America/New_York",
            "rate": 0.0,
            "account": {
                "id": config.account_id,
                "etag": Stamp::new(config.account_id, SINCE, true).etag("account"),
                "name": config.account_name,
                "state": "active",
                "created_at": since,
                "updated_at": since,
            },
            "notification_methods": [],
            "groups": [],
        })
    }
}
