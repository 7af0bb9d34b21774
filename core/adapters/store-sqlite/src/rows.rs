//! Whole rows, for copying.

use casehug_clio::Result;
use casehug_clio::ports::{Row, RowKey};
use rusqlite::{Connection, TransactionBehavior, named_params};

use crate::error::failed;

const ROWS_AFTER: &str = include_str!("../sql/rows_after.sql");
const INSERT_ROW: &str = include_str!("../sql/insert_row.sql");

pub(crate) fn after(connection: &Connection, firm: Option<&str>, after: &RowKey, limit: usize) -> Result<Vec<Row>> {
    let read = || {
        let mut statement = connection.prepare_cached(ROWS_AFTER)?;
        // A firm's first key is behind all of the firms before it.
        let from = firm.filter(|firm| after.firm.as_str() < *firm).unwrap_or(&after.firm);
        let parameters = named_params! {
            ":firm": from, ":collection": after.collection, ":id": after.id, ":only": firm,
            ":limit": i64::try_from(limit).unwrap_or(i64::MAX),
        };
        let rows = statement.query_map(parameters, |row| {
            Ok(Row {
                key: RowKey { firm: row.get("firm")?, collection: row.get("collection")?, id: row.get("id")? },
                version: row.get("version")?,
                due_at: row.get("due_at")?,
                body: row.get("body")?,
            })
        })?;
        rows.collect::<rusqlite::Result<Vec<Row>>>()
    };
    read().map_err(|error| failed(&error))
}

pub(crate) fn insert(connection: &mut Connection, rows: &[Row]) -> Result<()> {
    let mut write = || {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for Row { key, version, due_at, body } in rows {
            transaction.prepare_cached(INSERT_ROW)?.execute(named_params! {
                ":firm": key.firm, ":collection": key.collection, ":id": key.id,
                ":version": version, ":due_at": due_at, ":body": body,
            })?;
        }
        transaction.commit()
    };
    write().map_err(|error| failed(&error))
}
