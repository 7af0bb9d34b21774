//! The firm's practice areas in Clio, loaded at connect: `practice-areas/current`. The mapping from
//! case types resolves names here, so that a sync does not ask Clio. They are the firm's own list;
//! they say nothing about a client.

use crate::calls::{ApiClient, Context};
use crate::clio;
use crate::connection::Connection;
use crate::ports::Expect;
use serde::{Deserialize, Serialize};

use super::{CaseHugArea, resolve_defaults};
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
    /// In Clio's order. Empty as well if the token may not read matters.
    pub areas: Vec<PracticeArea>,
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
        let areas = PracticeAreas { loaded_at: ctx.runtime.now(), areas: found.iter().map(area).collect() }
            .after(stored.as_ref().map(|stored| &stored.value));
        transaction.check(Connection::key(firm), Expect::Version(connection.version));
        let expect = stored.map_or(Expect::Absent, |stored| Expect::Version(stored.version));
        transaction.put(key.clone(), expect, &areas)?;
        Ok(Change::Commit(transaction, areas))
    });
    reloaded.await
}
