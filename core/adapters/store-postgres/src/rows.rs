//! Whole rows, for copying.

use casehug_clio::Result;
use casehug_clio::ports::{BoxFuture, Row, RowKey};
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::error::Failure;
use crate::operations::{Parameter, column, sql_limit};
use crate::pool::Operation;

const ROWS_AFTER: &str = include_str!("../sql/rows_after.sql");
const INSERT_ROWS: &str = include_str!("../sql/insert_rows.sql");

/// A page of rows, of one firm or of all.
pub(crate) struct RowsAfter {
    pub firm: Option<String>,
    pub after: RowKey,
    pub limit: usize,
}

impl Operation for RowsAfter {
    type Answer = Vec<Row>;

    fn may_repeat(&self) -> bool {
        true
    }

    fn run<'a>(&'a self, client: &'a Client) -> BoxFuture<'a, Result<Self::Answer, Failure>> {
        Box::pin(async move {
            let (RowKey { firm, collection, id }, limit) = (&self.after, sql_limit(self.limit));
            // A firm's first key is behind all of the firms before it.
            let firm = self.firm.as_ref().filter(|only| firm < *only).unwrap_or(firm);
            let parameters: [Parameter<'_>; 5] = [
                (firm, Type::TEXT),
                (collection, Type::TEXT),
                (id, Type::TEXT),
                (&self.firm, Type::TEXT),
                (&limit, Type::INT8),
            ];
            let rows = client.query_typed(ROWS_AFTER, &parameters).await?;
            let row = |row| {
                let key = RowKey {
                    firm: column(row, "firm")?,
                    collection: column(row, "collection")?,
                    id: column(row, "id")?,
                };
                Ok(Row {
                    key,
                    version: column(row, "version")?,
                    due_at: column(row, "due_at")?,
                    body: column(row, "body")?,
                })
            };
            rows.iter().map(row).collect()
        })
    }
}

/// Rows that are not there yet.
pub(crate) struct InsertRows(pub Vec<Row>);

impl Operation for InsertRows {
    type Answer = ();

    fn may_repeat(&self) -> bool {
        false
    }

    fn run<'a>(&'a self, client: &'a Client) -> BoxFuture<'a, Result<Self::Answer, Failure>> {
        fn texts<'a>(rows: &'a [Row], of: impl Fn(&'a Row) -> &'a str) -> Vec<&'a str> {
            rows.iter().map(of).collect()
        }
        Box::pin(async move {
            let rows = self.0.as_slice();
            let (firms, collections) = (texts(rows, |row| &row.key.firm), texts(rows, |row| &row.key.collection));
            let (ids, versions) = (texts(rows, |row| &row.key.id), texts(rows, |row| &row.version));
            let (due, bodies): (Vec<_>, _) =
                (rows.iter().map(|row| row.due_at).collect(), texts(rows, |row| &row.body));
            let parameters: [Parameter<'_>; 6] = [
                (&firms, Type::TEXT_ARRAY),
                (&collections, Type::TEXT_ARRAY),
                (&ids, Type::TEXT_ARRAY),
                (&versions, Type::TEXT_ARRAY),
                (&due, Type::INT8_ARRAY),
                (&bodies, Type::TEXT_ARRAY),
            ];
            client.query_typed(INSERT_ROWS, &parameters).await?;
            Ok(())
        })
    }
}
