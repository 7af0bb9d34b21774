//! Whole rows, for copying one database into another. No part of what the SDK needs of a host: the
//! adapters that have it can be copied.

use crate::domain::FirmId;
use crate::error::Result;
use crate::maybe_send::{BoxFuture, MaybeSend, MaybeSync};

/// Where a row is, in the order in which rows are read: firm, collection, id, each by its bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct RowKey {
    /// The firm.
    pub firm: String,
    /// The collection, of any version of the SDK.
    pub collection: String,
    /// The id.
    pub id: String,
}

/// A record as it lies in a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its key.
    pub key: RowKey,
    /// Its version.
    pub version: String,
    /// When it is due, in milliseconds since 1970.
    pub due_at: Option<i64>,
    /// The body.
    pub body: String,
}

/// A store whose rows can be read and written as they are.
pub trait Rows: MaybeSend + MaybeSync {
    /// At most `limit` rows after `after` (the default: from the first on), of one firm or of all,
    /// in the order of their keys.
    ///
    /// # Errors
    /// [`StoreFailed`](crate::Code::StoreFailed).
    fn rows_after<'a>(
        &'a self,
        firm: Option<&'a FirmId>,
        after: &'a RowKey,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Row>>>;

    /// Writes rows with their versions and due times, all or none; fails if one of them is there.
    ///
    /// # Errors
    /// [`StoreFailed`](crate::Code::StoreFailed).
    fn insert_rows<'a>(&'a self, rows: &'a [Row]) -> BoxFuture<'a, Result<()>>;
}
