//! Whether the store was restored from a backup: what was told before that is not known any more.

use serde::{Deserialize, Serialize};

use super::{Journal, Unit};
use crate::domain::FirmId;
use crate::error::Result;
use crate::ports::{Expect, Key};

/// `recovery/told`: what the host was told of matters before this is not known.
#[derive(Debug, Serialize, Deserialize)]
struct Told {
    epoch: String,
}

/// Counts the recoveries: each status that was told before the last one began is told once more. `None`: there never was one.
pub(crate) async fn epoch(journal: &Journal, firm: &FirmId) -> Result<Option<String>> {
    let stored = journal.get::<Told>(&told_key(firm)).await?;
    Ok(stored.map(|stored| stored.value.epoch))
}

/// Adds to the commit that begins a recovery that another one has begun.
pub(crate) async fn begin_epoch(journal: &Journal, unit: &mut Unit) -> Result<()> {
    let key = told_key(unit.firm());
    let before = journal.get::<Told>(&key).await?;
    let expect = before.map_or(Expect::Absent, |before| Expect::Version(before.version));
    unit.put(key, expect, &Told { epoch: journal.new_id()? }).map(|_| ())
}

fn told_key(firm: &FirmId) -> Key {
    Key::new(firm, "recovery", "told")
}
