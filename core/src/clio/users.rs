//! The connected user (Clio: Users). Needs the Users permission of the app.

use core::fmt;

use serde::Deserialize;

use super::decode;
use super::request::{ApiRequest, Path, Resource};
use crate::domain::ClioId;

/// What is asked for.
pub(super) const FIELDS: &str = "id,name,email,account{id,name,state}";

/// Whose token it is. `Debug` shows ids only.
#[derive(Clone, Deserialize, PartialEq, Eq)]
pub struct WhoAmI {
    /// The user's id.
    #[serde(deserialize_with = "decode::required")]
    pub id: ClioId,
    /// The user's name.
    #[serde(default, deserialize_with = "decode::scalar")]
    pub name: Option<String>,
    /// The user's email address.
    #[serde(default, deserialize_with = "decode::scalar")]
    pub email: Option<String>,
    /// The firm's account.
    #[serde(default, deserialize_with = "decode::object")]
    pub account: Option<Account>,
}

/// A Clio account: the firm. Ids of records mean something within one account only.
#[derive(Clone, Deserialize, PartialEq, Eq)]
pub struct Account {
    /// The account's id.
    #[serde(deserialize_with = "decode::required")]
    pub id: ClioId,
    /// The firm's name.
    #[serde(default, deserialize_with = "decode::scalar")]
    pub name: Option<String>,
    /// Clio's word for the state of the subscription.
    #[serde(default, deserialize_with = "decode::scalar")]
    pub state: Option<String>,
}

impl fmt::Debug for WhoAmI {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WhoAmI").field("id", &self.id).field("account", &self.account).finish_non_exhaustive()
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The user of the token.
#[must_use]
pub fn who_am_i() -> ApiRequest<WhoAmI> {
    ApiRequest::show(Resource::Users, Path::new("users/who_am_i.json").with("fields", FIELDS))
}
