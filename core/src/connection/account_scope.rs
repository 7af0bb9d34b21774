//! Which Clio account a firm's links belong to.
//!
//! Clio's ids mean something in one account of one region only. So everything that names a Clio
//! record stands under the *set* of the account: its name is the first part of the record's id. A
//! firm that goes on with another account gets another set, and finds the earlier one untouched
//! when it returns to the earlier account.
//!
//! `link-set/<name>` tells whose set it is. An account whose id the app may not read has a set all
//! the same; it is known again by what was synced there.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Connection;
use crate::domain::{ClioId, FirmId};
use crate::error::Result;
use crate::ports::{Expect, Key};
use crate::store::{Repository, Transaction, Versioned};

const SETS: &str = "link-set";

/// The name of a set: region and account, `us.1234`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct ScopeName(String);

impl Default for ScopeName {
    /// That of a firm which was never connected: nothing is in it.
    fn default() -> Self {
        Self(String::from("none"))
    }
}

impl ScopeName {
    pub(crate) fn new(region: &str, root: &str, account: Option<ClioId>) -> Self {
        let account = account.map_or_else(|| String::from("unnamed"), |account| account.to_string());
        // "custom" names no place.
        match region {
            "us" | "eu" | "ca" | "au" => Self(format!("{region}.{account}")),
            _ => Self(format!("{}.{account}", hex::encode(&Sha256::digest(root)[..8]))),
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The links of one firm in one account: what every key of a link, an intent, or something known of
/// a Clio record is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AccountScope {
    pub firm: FirmId,
    pub set: ScopeName,
}

impl AccountScope {
    /// Those of a connection.
    pub(crate) fn of(firm: &FirmId, connection: &Connection) -> Self {
        Self::of_maybe(firm, Some(connection))
    }

    /// Those of the firm's present connection, or of its last one.
    pub(crate) async fn current(repository: &Repository, firm: &FirmId) -> Result<Self> {
        let connection = Connection::load(repository, firm).await?.map(|stored| stored.value);
        Ok(Self::of_maybe(firm, connection.as_ref()))
    }

    /// Those of a connection, if there is one.
    pub(crate) fn of_maybe(firm: &FirmId, connection: Option<&Connection>) -> Self {
        let set = connection.map_or_else(ScopeName::default, |connection| connection.link_set.clone());
        Self { firm: firm.clone(), set }
    }

    /// The key of a record that belongs to the account.
    pub(crate) fn key(&self, collection: &'static str, id: impl core::fmt::Display) -> Key {
        Key::new(&self.firm, collection, self.id(id))
    }

    /// The id of such a record, or the beginning of several.
    pub(crate) fn id(&self, id: impl core::fmt::Display) -> String {
        format!("{}/{id}", self.set.as_str())
    }

    /// An id without the set's name. `None`: it is another set's.
    pub(crate) fn strip<'a>(&self, id: &'a str) -> Option<&'a str> {
        id.strip_prefix(self.set.as_str())?.strip_prefix('/')
    }
}

/// `link-set/<name>`: whose it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Whose {
    pub region: String,
    pub root: String,
    pub account: Option<ClioId>,
}

/// All sets of a firm.
pub(crate) async fn all(repository: &Repository, firm: &FirmId) -> Result<Vec<(ScopeName, Whose)>> {
    let sets = repository.list::<Whose>(firm, SETS, "").await?;
    Ok(sets.into_iter().map(|(name, stored)| (ScopeName(name), stored.value)).collect())
}

/// Adds to the commit of a connection whose its set is.
pub(crate) async fn note(
    repository: &Repository,
    transaction: &mut Transaction,
    connection: &Connection,
) -> Result<()> {
    let key = Key::new(transaction.firm(), SETS, connection.link_set.as_str());
    let whose = Whose {
        region: connection.region.clone(),
        root: connection.root.clone(),
        account: connection.account.as_ref().map(|account| account.id),
    };
    match repository.get::<Whose>(&key).await? {
        Some(Versioned { value, .. }) if value == whose => {}
        known => {
            let expect = known.map_or(Expect::Absent, |known| Expect::Version(known.version));
            transaction.put(key, expect, &whose)?;
        }
    }
    Ok(())
}
