//! Copies a database, or one firm of it, into another one, and compares the two.
//!
//! Rows go over as they are, with versions and due times, so that the SDK goes on where it was.
//! Both databases must be at rest: a change while it lasts is noticed by the comparison, not taken
//! along.

use casehug_clio::ports::{Row, RowKey};
use casehug_clio::{Code, Error, FirmId, Result};

use crate::OpenStore;

/// Rows that are held at once.
const PAGE: usize = 1000;

/// Copies all firms, or one, into a database that has nothing of them; gives the number of records.
/// Nothing of the source is changed.
///
/// # Errors
/// [`CopyFailed`](Code::CopyFailed) with `reason`: `target_not_empty`; `nothing_to_copy`: the
/// source has no record, or none of this firm; `write`, with its cause; `changed_meanwhile`: the
/// two differ, because a process works on one of them. After the last two the target holds a part
/// and must be emptied. [`StoreFailed`](Code::StoreFailed): one of them
/// cannot be read.
pub async fn copy(from: &OpenStore, to: &OpenStore, firm: Option<&FirmId>) -> Result<usize> {
    if !to.rows().rows_after(firm, &RowKey::default(), 1).await?.is_empty() {
        return Err(failed("target_not_empty"));
    }
    let (mut copied, mut after) = (0, RowKey::default());
    while let Some(page) = page(from, firm, &mut after).await? {
        to.rows().insert_rows(&page).await.map_err(|error| failed("write").caused_by(error))?;
        copied += page.len();
    }
    if copied == 0 {
        // Of another firm or database than was meant. Whoever believed it would delete the rest.
        return Err(failed("nothing_to_copy"));
    }
    if compare(from, to, firm).await? != copied {
        return Err(failed("changed_meanwhile"));
    }
    Ok(copied)
}

/// The number of rows, if they are the same in both.
async fn compare(from: &OpenStore, to: &OpenStore, firm: Option<&FirmId>) -> Result<usize> {
    let (mut same, mut after, mut also_after) = (0, RowKey::default(), RowKey::default());
    loop {
        let (one, other) = (page(from, firm, &mut after).await?, page(to, firm, &mut also_after).await?);
        if one != other {
            return Err(failed("changed_meanwhile"));
        }
        let Some(page) = one else { return Ok(same) };
        same += page.len();
    }
}

/// The next rows, and where they end.
async fn page(store: &OpenStore, firm: Option<&FirmId>, after: &mut RowKey) -> Result<Option<Vec<Row>>> {
    let page = store.rows().rows_after(firm, after, PAGE).await?;
    let Some(last) = page.last() else { return Ok(None) };
    *after = last.key.clone();
    Ok(Some(page))
}

fn failed(reason: &'static str) -> Error {
    Error::new(Code::CopyFailed).with("reason", reason)
}
