//! The firm's practice areas in Clio, loaded at connect: `practice-areas/current`. The mapping from
//! case types resolves names here, so that a sync does not ask Clio. They are the firm's own list;
//! they say nothing about a client.

use crate::calls::{ApiClient, Context};
use crate::clio;
use crate::connection::Connection;
use crate::ports::Expect;
use serde::{Deserialize, Serialize};

use super::{CaseHugArea, carry_over, resolve_defaults};
use crate::domain::{ClioId, FirmId, Timestamp};
use crate::error::Result;
use crate::ports::Key;
use crate::store::{Change, Repository, Versioned};

const PRACTICE_AREAS: &str = "practice-areas";
const CURRENT: &str = "current";

/// All practice areas of a firm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PracticeAreas {
    /// When they were loaded, on the host's clock.
    pub loaded_at: Timestamp,
    /// In Clio's order. Empty as well if the token may not read them.
    pub areas: Vec<PracticeArea>,
    /// Those of the account before this one, while this one's could not be read yet: the firm's own
    /// mappings still name them, and are carried over once they can.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mapped_before: Vec<PracticeArea>,
}

/// One practice area.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PracticeArea {
    /// Its id.
    pub id: ClioId,
    /// The firm's name for it.
    pub name: String,
    /// Clio's category, in snake case, if it has one.
    pub category: Option<String>,
    /// The practice areas of CaseHug for which this is the default: found by name or category when
    /// it was first seen, and kept by id since.
    #[serde(default)]
    pub stands_for: Vec<CaseHugArea>,
}

impl PracticeAreas {
    pub(crate) fn key(firm: &FirmId) -> Key {
        Key::new(firm, PRACTICE_AREAS, CURRENT)
    }

    /// What was loaded last.
    pub(crate) async fn load(repository: &Repository, firm: &FirmId) -> Result<Option<Versioned<Self>>> {
        repository.get(&Self::key(firm)).await
    }

    /// Of an account whose areas may not be read. `before`: the list of the account before it.
    pub(crate) fn unread(now: Timestamp, before: Option<&Self>) -> Self {
        let mapped_before = before.map_or_else(Vec::new, |before| before.named_by_mappings().to_vec());
        Self { loaded_at: now, areas: Vec::new(), mapped_before }
    }

    /// The areas that the firm's own mappings name.
    pub(crate) fn named_by_mappings(&self) -> &[PracticeArea] {
        if self.mapped_before.is_empty() { &self.areas } else { &self.mapped_before }
    }

    /// This account's; `None` while the firm's mappings wait for them.
    pub(crate) fn known(&self) -> Option<&[PracticeArea]> {
        self.mapped_before.is_empty().then_some(self.areas.as_slice())
    }

    /// With the defaults that were found before, as far as they are still there, and new ones for
    /// the rest.
    pub(crate) fn after(mut self, before: Option<&Self>) -> Self {
        resolve_defaults(&mut self.areas, before.map_or(&[], |before| &before.areas));
        self
    }

    /// Whether both lists hold a same record: then they are of one account.
    pub(crate) fn shares_one_with(&self, other: &Self) -> bool {
        self.areas.iter().any(|area| other.areas.iter().any(|there| there.id == area.id))
    }
}

/// The firm's practice areas, as they are in Clio now.
pub(crate) async fn reload_practice_areas(
    ctx: &Context,
    client_api: &ApiClient<'_>,
    firm: &FirmId,
) -> Result<PracticeAreas> {
    let found = client_api.all_pages(clio::practice_areas::list()).await.map_err(|failure| failure.error)?;
    let (key, found) = (&PracticeAreas::key(firm), &found);
    let reloaded = ctx.repository.update(key, |stored: Option<Versioned<PracticeAreas>>, mut transaction| async move {
        let connection = Connection::load_usable(&ctx.repository, firm).await?;
        // Of an account that the firm has left they would be other areas' ids.
        client_api.require_links_of(&connection.value)?;
        let area = |area: &clio::practice_areas::PracticeArea| PracticeArea {
            id: area.id,
            name: area.name.clone(),
            category: area.category.clone(),
            stands_for: Vec::new(),
        };
        let (loaded_at, mapped_before) = (ctx.runtime.now(), Vec::new());
        let areas = PracticeAreas { loaded_at, areas: found.iter().map(area).collect(), mapped_before }
            .after(stored.as_ref().map(|stored| &stored.value));
        if let Some(waiting) = stored.as_ref().filter(|stored| stored.value.known().is_none()) {
            let before = waiting.value.named_by_mappings();
            carry_over(&ctx.repository, &mut transaction, None, before, &areas.areas).await?;
        }
        transaction.check(Connection::key(firm), Expect::Version(connection.version));
        let expect = stored.map_or(Expect::Absent, |stored| Expect::Version(stored.version));
        transaction.put(key.clone(), expect, &areas)?;
        Ok(Change::Commit(transaction, areas))
    });
    reloaded.await
}
