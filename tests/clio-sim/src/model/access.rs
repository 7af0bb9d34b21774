//! Who may do what: the plan, the application's permissions, and the person's role, in that order.
//!
//! All three refuse with the same 403 (see [`super::errors`]). A client tells them apart only by
//! trying: without API in the plan every endpoint refuses, a missing permission or role refuses one
//! kind of record.

use super::{
    Config,
    errors::{ApiError, ApiResult},
    resource::Resource,
};
use crate::config::Level;

/// Refuses what the plan, the application or the role does not allow.
pub(crate) fn check(config: &Config, resource: Resource, write: bool) -> ApiResult<()> {
    if config.plan_without_api {
        return Err(ApiError::forbidden("Your subscription does not include access to the API."));
    }
    let group = resource.permission();
    let needed = if write { Level::Write } else { Level::Read };
    let granted = config.permissions.get(group).copied().unwrap_or(Level::Write);
    let hidden = config.no_users_permission && resource == Resource::Users;
    if granted < needed || hidden {
        return Err(ApiError::forbidden(format!("The application is not permitted to access {group}.")));
    }
    if config.role.get(group).copied().unwrap_or(Level::Write) < needed {
        return Err(ApiError::forbidden("You are not authorized to perform this action."));
    }
    Ok(())
}

/// A webhook needs the permission to read its model besides its own.
pub(crate) fn check_model(config: &Config, model: &str) -> ApiResult<()> {
    let resource = match model {
        "contact" => Resource::Contacts,
        "matter" => Resource::Matters,
        "document" | "folder" => Resource::Documents,
        _ => return Ok(()),
    };
    check(config, resource, false)
}
