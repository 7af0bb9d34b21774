//! The methods of the port as SQL. The statements are files in `sql/`, so that stores in
//! other languages run the same ones.

use casehug_clio::ports::{Commit, Expect, Key, Order, Record, Scan, Version, Write};
use casehug_clio::{Code, Error, FirmId, Result, Timestamp};
use rusqlite::{Connection, OptionalExtension, Params, Row, Transaction, TransactionBehavior, named_params};

use crate::error::failed;

const NOW: &str = include_str!("../sql/now.sql");
const GET: &str = include_str!("../sql/get.sql");
const SCAN_ASCENDING: &str = include_str!("../sql/scan_ascending.sql");
const SCAN_DESCENDING: &str = include_str!("../sql/scan_descending.sql");
const DUE_OF_ALL: &str = include_str!("../sql/due_of_all.sql");
const DUE_OF_FIRM: &str = include_str!("../sql/due_of_firm.sql");
const INSERT: &str = include_str!("../sql/insert.sql");
const REPLACE: &str = include_str!("../sql/replace.sql");
const DELETE: &str = include_str!("../sql/delete.sql");
const VERSION: &str = include_str!("../sql/version.sql");

pub(crate) fn get(connection: &Connection, key: &Key) -> Result<Option<Record>> {
    let params = named_params! { ":firm": key.firm.as_str(), ":collection": key.collection, ":id": key.id };
    Ok(records(connection, GET, key.collection, params)?.pop())
}

/// One visit of the reader's thread: the statement is prepared already, and the database is in this
/// process.
pub(crate) fn get_many(connection: &Connection, keys: &[Key]) -> Result<Vec<Option<Record>>> {
    keys.iter().map(|key| get(connection, key)).collect()
}

pub(crate) fn scan(connection: &Connection, scan: &Scan) -> Result<Vec<Record>> {
    match scan {
        Scan::Ids { firm, collection, from, until, order, limit } => {
            let sql = match order {
                Order::Ascending => SCAN_ASCENDING,
                Order::Descending => SCAN_DESCENDING,
            };
            let params = named_params! {
                ":firm": firm.as_str(), ":collection": collection, ":from": from, ":until": until, ":limit": sql_limit(*limit),
            };
            records(connection, sql, collection, params)
        }
        Scan::Due { firm: None, collection, limit } => {
            let params = named_params! { ":collection": collection, ":limit": sql_limit(*limit) };
            records(connection, DUE_OF_ALL, collection, params)
        }
        Scan::Due { firm: Some(firm), collection, limit } => {
            let params =
                named_params! { ":firm": firm.as_str(), ":collection": collection, ":limit": sql_limit(*limit) };
            records(connection, DUE_OF_FIRM, collection, params)
        }
    }
}

/// Takes the write lock first (`BEGIN IMMEDIATE`), so that nothing changes between a check and the
/// commit.
pub(crate) fn commit(connection: &mut Connection, writes: &[Write]) -> Result<Commit> {
    Write::require_distinct_keys(writes)?;
    let sqlite = |error: rusqlite::Error| failed(&error);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sqlite)?;
    let now = transaction.prepare_cached(NOW).and_then(|mut now| now.query_row([], |row| row.get(0)));
    let at = Timestamp(now.map_err(sqlite)?);
    for write in writes {
        if !apply(&transaction, write, at).map_err(sqlite)? {
            transaction.rollback().map_err(sqlite)?;
            return Ok(Commit::Conflict);
        }
    }
    transaction.commit().map_err(sqlite)?;
    Ok(Commit::Done { at })
}

/// Several commits with one sync of the disk: each stands or conflicts by itself, in this order. An
/// error is everybody's, and then none of them stands.
pub(crate) fn commit_group(connection: &mut Connection, group: &[Vec<Write>]) -> Result<Vec<Result<Commit>>> {
    let sqlite = |error: rusqlite::Error| failed(&error);
    let mut transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sqlite)?;
    // All of them were asked for before this moment.
    let now = transaction.prepare_cached(NOW).and_then(|mut now| now.query_row([], |row| row.get(0)));
    let at = Timestamp(now.map_err(sqlite)?);
    let mut outcomes = Vec::with_capacity(group.len());
    for writes in group {
        outcomes.push(match Write::require_distinct_keys(writes) {
            Ok(()) => Ok(apply_one_of_group(&mut transaction, writes, at).map_err(sqlite)?),
            Err(error) => Err(error),
        });
    }
    transaction.commit().map_err(sqlite)?;
    Ok(outcomes)
}

/// Checks first: then one write alone either stands or changes nothing, and only several need a
/// savepoint to go back to.
fn apply_one_of_group(transaction: &mut Transaction<'_>, writes: &[Write], at: Timestamp) -> rusqlite::Result<Commit> {
    let (checks, changes): (Vec<_>, Vec<_>) = writes.iter().partition(|write| matches!(write, Write::Check { .. }));
    if !apply_all(transaction, &checks, at)? {
        return Ok(Commit::Conflict);
    }
    if changes.len() <= 1 {
        return Ok(if apply_all(transaction, &changes, at)? { Commit::Done { at } } else { Commit::Conflict });
    }
    let mut own = transaction.savepoint()?;
    let holds = apply_all(&own, &changes, at)?;
    if !holds {
        own.rollback()?;
    }
    own.commit()?;
    Ok(if holds { Commit::Done { at } } else { Commit::Conflict })
}

/// Whether every expectation held. `false`: those before the first that did not are written.
fn apply_all(connection: &Connection, writes: &[&Write], at: Timestamp) -> rusqlite::Result<bool> {
    for write in writes {
        if !apply(connection, write, at)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether the expectation held, and the entry is written.
fn apply(connection: &Connection, write: &Write, at: Timestamp) -> rusqlite::Result<bool> {
    let key = write.key();
    let (firm, collection, id) = (key.firm.as_str(), key.collection, key.id.as_str());
    let changed = match write {
        Write::Put { expect, version, due_in, body, .. } => {
            let due_at = due_in.map(|due_in| (at + due_in).0);
            match expect {
                Expect::Absent => connection.prepare_cached(INSERT)?.execute(named_params! {
                    ":firm": firm, ":collection": collection, ":id": id,
                    ":version": version.0, ":due_at": due_at, ":body": body,
                })?,
                Expect::Version(expected) => connection.prepare_cached(REPLACE)?.execute(named_params! {
                    ":firm": firm, ":collection": collection, ":id": id, ":expected": expected.0,
                    ":version": version.0, ":due_at": due_at, ":body": body,
                })?,
            }
        }
        Write::Delete { version, .. } => connection.prepare_cached(DELETE)?.execute(named_params! {
            ":firm": firm, ":collection": collection, ":id": id, ":expected": version.0,
        })?,
        Write::Check { expect, .. } => {
            let found = connection
                .prepare_cached(VERSION)?
                .query_row(named_params! { ":firm": firm, ":collection": collection, ":id": id }, |row| row.get(0))
                .optional()?;
            return Ok(match expect {
                Expect::Absent => found.is_none(),
                Expect::Version(version) => found.as_ref() == Some(&version.0),
            });
        }
    };
    Ok(changed == 1)
}

fn records(connection: &Connection, sql: &str, collection: &'static str, params: impl Params) -> Result<Vec<Record>> {
    let mut statement = connection.prepare_cached(sql).map_err(|error| failed(&error))?;
    let mut rows = statement.query(params).map_err(|error| failed(&error))?;
    let mut records = Vec::new();
    while let Some(row) = rows.next().map_err(|error| failed(&error))? {
        records.push(record(row, collection)?);
    }
    Ok(records)
}

fn record(row: &Row<'_>, collection: &'static str) -> Result<Record> {
    let sqlite = |error: rusqlite::Error| failed(&error);
    let firm = FirmId::new(row.get::<_, String>("firm").map_err(sqlite)?)
        .map_err(|error| Error::new(Code::StoreCorrupt).with("reason", "firm_id").caused_by(error))?;
    Ok(Record {
        key: Key { firm, collection, id: row.get("id").map_err(sqlite)? },
        version: Version(row.get("version").map_err(sqlite)?),
        due_at: row.get::<_, Option<i64>>("due_at").map_err(sqlite)?.map(Timestamp),
        body: row.get("body").map_err(sqlite)?,
    })
}

/// A limit beyond what SQL can say is no limit.
fn sql_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(connection: &Connection, sql: &str) -> String {
        let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN\n{sql}")).unwrap();
        let rows = explain.raw_query().mapped(|row| row.get::<_, String>("detail"));
        rows.map(Result::unwrap).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn every_read_is_a_search_in_an_index_without_a_sort() {
        let folder = tempfile::tempdir().unwrap();
        let path = crate::files::create(&folder.path().join("store.db")).unwrap();
        let connection = crate::connection::open(&path).unwrap();
        for (sql, wanted) in [
            (GET, "SEARCH records USING PRIMARY KEY (firm=? AND collection=? AND id=?)"),
            (VERSION, "SEARCH records USING PRIMARY KEY (firm=? AND collection=? AND id=?)"),
            (SCAN_ASCENDING, "SEARCH records USING PRIMARY KEY (firm=? AND collection=? AND id>? AND id<?)"),
            (SCAN_DESCENDING, "SEARCH records USING PRIMARY KEY (firm=? AND collection=? AND id>? AND id<?)"),
            (DUE_OF_ALL, "SEARCH records USING INDEX records_due (collection=? AND due_at<?)"),
            (DUE_OF_FIRM, "SEARCH records USING INDEX records_due (collection=? AND due_at<?)"),
        ] {
            let plan = plan(&connection, sql);
            assert!(plan.contains(wanted) && !plan.contains("TEMP B-TREE"), "{plan}");
        }
    }

    #[test]
    fn a_row_that_is_not_ours_is_said_to_be_corrupt_without_its_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = crate::files::create(&folder.path().join("store.db")).unwrap();
        let connection = crate::connection::open(&path).unwrap();
        let jane = "INSERT INTO records VALUES ('Jane Doe', 'job', '1', 'v1', 0, 'x'),                     ('f', 'odd', '1', 'v1', NULL, CAST(x'4aff' AS TEXT))";
        connection.execute(jane, []).unwrap();
        let due = scan(&connection, &Scan::Due { firm: None, collection: "job", limit: 1 }).unwrap_err();
        let odd = get(&connection, &Key::new(&FirmId::new("f").unwrap(), "odd", "1")).unwrap_err();
        for error in [due, odd] {
            assert_eq!(error.code(), Code::StoreCorrupt);
            assert!(!format!("{error} {error:?}").contains("Jane"));
        }
    }

    #[test]
    fn a_full_disk_is_named_as_such() {
        let folder = tempfile::tempdir().unwrap();
        let path = crate::files::create(&folder.path().join("store.db")).unwrap();
        let mut connection = crate::connection::open(&path).unwrap();
        connection.query_row("PRAGMA max_page_count = 10", [], |_| Ok(())).unwrap();
        let key = Key::new(&FirmId::new("f").unwrap(), "job", "1");
        let (expect, version) = (Expect::Absent, Version(String::from("v1")));
        let large = Write::Put { key, expect, version, due_in: None, body: "x".repeat(100_000) };
        let error = commit(&mut connection, &[large]).unwrap_err();
        assert_eq!(
            (error.code(), error.get("reason"), error.get("sqlite")),
            (Code::StoreFailed, Some("disk_full"), Some("13"))
        );
        assert!(error.to_string().contains("no room is left"), "{error}");
    }
}
