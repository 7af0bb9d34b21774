//! The connected person: `who_am_i`.

use serde_json::{Value, json};

use super::{Model, resource::Stamp, time};

/// A person and a firm of some years' standing.
const SINCE: i64 = 1_640_995_200_000;

impl Model {
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
