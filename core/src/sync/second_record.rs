//! What is in Clio twice, and waits for a person to decide which of the two stays.

use serde::{Deserialize, Serialize};

use super::report::StepKind;
use crate::auth::Links;
use crate::error::Result;
use crate::model::{ClientId, ClioId, FirmId, MatterId, Timestamp};
use crate::ports::{Expect, Key};
use crate::records::{Journal, Unit};

const SECOND: &str = "second-record";

/// One record of CaseHug's that is in Clio more than once. Which of them stays is for a person to decide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecondRecord {
    /// Contact or matter.
    pub step: StepKind,
    /// CaseHug's id.
    pub id: String,
    /// What it is linked to.
    pub clio: ClioId,
    /// What else in Clio is the same.
    pub others: Vec<ClioId>,
    /// When it was found, on the host's clock.
    pub at: Timestamp,
}

fn key(links: &Links, step: StepKind, id: &str) -> Key {
    links.key(SECOND, format_args!("{}/{id}", step.name()))
}

/// Adds to the commit that tells of a second record that it stands in the matter's state, the sync log and on the card.
pub(super) async fn note(journal: &Journal, unit: &mut Unit, links: &Links, found: SecondRecord) -> Result<()> {
    let key = key(links, found.step, &found.id);
    let known = journal.get::<SecondRecord>(&key).await?;
    let expect = known.as_ref().map_or(Expect::Absent, |known| Expect::Version(known.version.clone()));
    let mut others = known.map_or_else(Vec::new, |known| known.value.others);
    others.extend(&found.others);
    others.sort_unstable();
    others.dedup();
    unit.put(key, expect, &SecondRecord { others, ..found })?;
    Ok(())
}

/// All that a firm was told of, in this account and those before.
pub(crate) async fn all(journal: &Journal, firm: &FirmId) -> Result<Vec<SecondRecord>> {
    let all = journal.list::<SecondRecord>(firm, SECOND, "").await?;
    Ok(all.into_iter().map(|(_, stored)| stored.value).collect())
}

/// Those of one account.
pub(crate) async fn of_account(journal: &Journal, links: &Links) -> Result<Vec<SecondRecord>> {
    let all = journal.list::<SecondRecord>(&links.firm, SECOND, &links.id("")).await?;
    Ok(all.into_iter().map(|(_, stored)| stored.value).collect())
}

/// Those of a matter and its client.
pub(crate) async fn of_matter(
    journal: &Journal,
    links: &Links,
    matter: &MatterId,
    client: Option<&ClientId>,
) -> Result<Vec<SecondRecord>> {
    let mut found = Vec::new();
    let keys = client.map(|client| key(links, StepKind::Contact, client.as_str()));
    for key in keys.into_iter().chain([key(links, StepKind::Matter, matter.as_str())]) {
        found.extend(journal.get::<SecondRecord>(&key).await?.map(|stored| stored.value));
    }
    Ok(found)
}
