//! Copies a database, or one firm of it, into another one, and compares the two.
//!
//! Rows go over as they are, with versions and due times, so that the SDK goes on where it was.
//! Both databases must be at rest: a process at work is refused, a change while it lasts is noticed
//! by the comparison. A copy of a whole database that was broken off is never opened: what it lacks
//! would be sent to Clio again.

use std::collections::VecDeque;

use casehug_clio::ports::{Key, Row, RowKey, Write};
use casehug_clio::{Code, Error, FirmId, Result, Timestamp};
use serde::Deserialize;

use crate::OpenStore;

/// Rows that are held at once.
const PAGE: usize = 1000;
/// Records that hold a right until they are due.
const LEASES: [&str; 2] = ["lease", "refresh-lease"];
/// Maintenance tasks; one of them says itself whether somebody is at it until it is due.
const TASKS: &str = "chore";

/// Copies all firms, or one, into a database that has nothing of them; gives the number of records.
/// Nothing of the source is changed.
///
/// # Errors
/// [`CopyFailed`](Code::CopyFailed) with `reason`: `target_not_empty`; `nothing_to_copy`: the
/// source has no record, or none of this firm; `in_use`: a process works on the source, or one was
/// killed and its lease has not ended, which takes up to ten minutes; `write`, with its cause;
/// `changed_meanwhile`: the two differ, because a process works on one of them. After `write` and
/// `changed_meanwhile`, and after `in_use` where the target has records, the target holds a part
/// and must be emptied; if it was to be the whole database, it is not opened any more (`reason` =
/// `copy_unfinished`). [`StoreFailed`](Code::StoreFailed): one of them cannot be read.
pub async fn copy(from: &OpenStore, to: &OpenStore, firm: Option<&FirmId>) -> Result<usize> {
    if !to.rows().rows_after(firm, &RowKey::default(), 1).await?.is_empty() {
        return Err(failed("target_not_empty"));
    }
    if require_rest(from, firm).await? == 0 {
        // Of another firm or database than was meant. Whoever believed it would delete the rest.
        return Err(failed("nothing_to_copy"));
    }
    // One firm's part lies beside other firms, who go on.
    let unfinished = firm.is_none().then(Unfinished::row);
    let written = |error: Error| failed("write").caused_by(error);
    if let Some(row) = &unfinished {
        to.rows().insert_rows(std::slice::from_ref(row)).await.map_err(written)?;
    }
    let (mut copied, mut rows) = (0, Reading::new(from, firm));
    while let Some(page) = rows.page().await? {
        to.rows().insert_rows(&page).await.map_err(written)?;
        copied += page.len();
    }
    compare(from, to, firm).await?;
    require_rest(from, firm).await?;
    if unfinished.is_some() {
        Unfinished::end(to).await.map_err(written)?;
    }
    Ok(copied)
}

/// The number of rows, if no process works on them.
async fn require_rest(from: &OpenStore, firm: Option<&FirmId>) -> Result<usize> {
    let (mut rows, mut count) = (Reading::new(from, firm), 0);
    while let Some(page) = rows.page().await? {
        for row in page.iter().filter(|row| is_a_right(row)) {
            let now = from.as_store().now(&FirmId::new(row.key.firm.as_str())?).await?;
            if row.due_at.is_some_and(|ends| Timestamp(ends) > now) {
                return Err(failed("in_use"));
            }
        }
        count += page.len();
    }
    Ok(count)
}

/// Whether this row is somebody's right to work until it is due.
fn is_a_right(row: &Row) -> bool {
    #[derive(Deserialize)]
    struct Task {
        being_done: bool,
    }
    let is_done = || serde_json::from_str(&row.body).is_ok_and(|Task { being_done }| being_done);
    LEASES.contains(&row.key.collection.as_str()) || row.key.collection == TASKS && is_done()
}

/// Both have the same rows.
async fn compare(from: &OpenStore, to: &OpenStore, firm: Option<&FirmId>) -> Result<()> {
    let (mut one, mut other) = (Reading::new(from, firm), Reading::new(to, firm));
    loop {
        match (one.next().await?, other.next().await?) {
            (None, None) => return Ok(()),
            (row, same) if row == same => {}
            _ => return Err(failed("changed_meanwhile")),
        }
    }
}

/// The mark of a database that is being copied into: a record of a firm that nobody has.
pub(crate) struct Unfinished;

impl Unfinished {
    const FIRM: &str = "-";
    const COLLECTION: &str = "copy";
    const ID: &str = "unfinished";

    fn key() -> Result<Key> {
        Ok(Key::new(&FirmId::new(Self::FIRM)?, Self::COLLECTION, Self::ID))
    }

    fn row() -> Row {
        let key = RowKey { firm: Self::FIRM.into(), collection: Self::COLLECTION.into(), id: Self::ID.into() };
        Row { key, version: String::from("1"), due_at: None, body: String::from("{}") }
    }

    fn is(row: &Row) -> bool {
        (row.key.firm.as_str(), row.key.collection.as_str()) == (Self::FIRM, Self::COLLECTION)
    }

    async fn end(store: &OpenStore) -> Result<()> {
        let Some(record) = store.as_store().get(&Self::key()?).await? else { return Ok(()) };
        store.as_store().commit(&[Write::Delete { key: record.key, version: record.version }]).await.map(|_| ())
    }

    /// Whether the store holds a copy that was never compared with what it was made of.
    pub(crate) async fn is_in(store: &OpenStore) -> Result<bool> {
        Ok(store.as_store().get(&Self::key()?).await?.is_some())
    }
}

/// The rows of a store, or of one firm, in the order of their keys.
struct Reading<'a> {
    store: &'a OpenStore,
    firm: Option<&'a FirmId>,
    after: RowKey,
    ahead: VecDeque<Row>,
}

impl<'a> Reading<'a> {
    fn new(store: &'a OpenStore, firm: Option<&'a FirmId>) -> Self {
        Self { store, firm, after: RowKey::default(), ahead: VecDeque::new() }
    }

    /// The next rows, but for the mark.
    async fn page(&mut self) -> Result<Option<Vec<Row>>> {
        loop {
            let mut page = self.store.rows().rows_after(self.firm, &self.after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(None) };
            self.after = last.key.clone();
            page.retain(|row| !Unfinished::is(row));
            if !page.is_empty() {
                return Ok(Some(page));
            }
        }
    }

    async fn next(&mut self) -> Result<Option<Row>> {
        if self.ahead.is_empty() {
            self.ahead = self.page().await?.unwrap_or_default().into();
        }
        Ok(self.ahead.pop_front())
    }
}

fn failed(reason: &'static str) -> Error {
    Error::new(Code::CopyFailed).with("reason", reason)
}
