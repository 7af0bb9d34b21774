//! What the token may read: the cheapest list call per resource, made once when a firm connects.
//!
//! The answers tell a missing permission of the app (a whole resource is closed) from a role of the
//! user (a record is), and a Clio plan without API access (everything is closed).

use super::request::{ApiRequest, Path, Resource};

/// Contacts can be listed.
#[must_use]
pub fn contacts() -> ApiRequest<()> {
    lookup(Resource::Contacts)
}

/// Matters can be listed.
#[must_use]
pub fn matters() -> ApiRequest<()> {
    lookup(Resource::Matters)
}

/// Documents can be listed.
#[must_use]
pub fn documents() -> ApiRequest<()> {
    lookup(Resource::Documents)
}

fn lookup(resource: Resource) -> ApiRequest<()> {
    let path = Path::new(&format!("{}.json", resource.name()));
    ApiRequest::lookup(resource, path.with("fields", "id").with("limit", "1"))
}
