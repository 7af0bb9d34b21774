//! Opening one connection: is the file ours, is its schema known, and the settings on which the promises rest.

use std::path::Path;
use std::time::Duration;

use casehug_clio::Result;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::error::{open_failed, refused};

/// "CHCS": tells a CaseHug-Clio store from any other SQLite file.
const APPLICATION_ID: i32 = 0x4348_4353;

/// Each takes the schema from the version of its index to the next. A released one is never changed.
const MIGRATIONS: &[&str] = &[include_str!("../sql/0001_records.sql")];

/// How long a call waits for another process that writes. Commits are small, so this is a process that hangs or a backup.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// `synchronous=FULL` asks the disk at every commit; `fullfsync` makes macOS ask in earnest. `secure_delete` overwrites what was
/// deleted: a dropped data key must not be found in a free page. The other two limit what a forged file could do.
const SETTINGS: &str = "
    PRAGMA synchronous = FULL;
    PRAGMA fullfsync = ON;
    PRAGMA checkpoint_fullfsync = ON;
    PRAGMA secure_delete = ON;
    PRAGMA trusted_schema = OFF;
    PRAGMA cell_size_check = ON;
";

/// Opens an existing file and brings it to the newest schema.
pub(crate) fn open(path: &Path) -> Result<Connection> {
    // Neither URI nor CREATE: the path is a path, and the file was created with its mode.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(|error| open_failed(&error))?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(|error| open_failed(&error))?;
    prepare(&mut connection)?;
    Ok(connection)
}

fn prepare(connection: &mut Connection) -> Result<()> {
    let failed = |error: rusqlite::Error| open_failed(&error);
    // First look, then touch: a file that is not ours stays as it was.
    let version = require_ours(connection, MIGRATIONS.len())?;
    if connection.is_readonly("main").map_err(failed)? {
        return Err(refused("read_only"));
    }
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).map_err(failed)?;
    if mode != "wal" {
        return Err(refused("other"));
    }
    connection.execute_batch(SETTINGS).map_err(failed)?;
    if version < MIGRATIONS.len() {
        migrate(connection, MIGRATIONS)?;
    }
    Ok(())
}

/// All missing migrations in one transaction.
fn migrate(connection: &mut Connection, migrations: &[&str]) -> Result<()> {
    let failed = |error: rusqlite::Error| open_failed(&error);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    // Again, because another process may have migrated meanwhile.
    let version = require_ours(&transaction, migrations.len())?;
    for (index, migration) in migrations.iter().enumerate().skip(version) {
        transaction.execute_batch(migration).map_err(failed)?;
        transaction.pragma_update(None, "user_version", index + 1).map_err(failed)?;
    }
    if version == 0 {
        transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(failed)?;
    }
    transaction.commit().map_err(failed)
}

/// The version of the schema, at most `newest`; 0 for an empty file.
fn require_ours(connection: &Connection, newest: usize) -> Result<usize> {
    let number = |sql| connection.query_row(sql, [], |row| row.get::<_, i32>(0)).map_err(|error| open_failed(&error));
    let (application, version) = (number("PRAGMA application_id")?, number("PRAGMA user_version")?);
    let tables = number("SELECT count(*) FROM sqlite_schema")?;
    if (application, version, tables) == (0, 0, 0) {
        return Ok(0);
    }
    match usize::try_from(version) {
        Ok(version @ 1..) if application == APPLICATION_ID && version <= newest => Ok(version),
        Ok(version @ 1..) if application == APPLICATION_ID && version > MIGRATIONS.len() => {
            Err(refused("newer_schema"))
        }
        _ => Err(refused("not_ours")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_connection_has_the_settings_on_which_the_promises_rest() {
        let folder = tempfile::tempdir().unwrap();
        let path = crate::files::create(&folder.path().join("store.db")).unwrap();
        for _ in 0..2 {
            let connection = open(&path).unwrap();
            for (setting, wanted) in [
                ("journal_mode", "wal"),
                ("synchronous", "2"),
                ("fullfsync", "1"),
                ("secure_delete", "1"),
                ("encoding", "UTF-8"),
                ("busy_timeout", "10000"),
            ] {
                let found: rusqlite::types::Value =
                    connection.query_row(&format!("PRAGMA {setting}"), [], |row| row.get(0)).unwrap();
                let found = match found {
                    rusqlite::types::Value::Integer(number) => number.to_string(),
                    rusqlite::types::Value::Text(text) => text,
                    other => format!("{other:?}"),
                };
                assert_eq!(found, wanted, "{setting}");
            }
        }
    }

    #[test]
    fn a_migration_that_fails_leaves_the_file_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = crate::files::create(&folder.path().join("store.db")).unwrap();
        let mut connection = Connection::open(&path).unwrap();
        let broken = ["CREATE TABLE one (a)", "CREATE TABLE two (b); CREATE TABLE one (again)"];
        assert!(migrate(&mut connection, &broken).is_err());
        assert_eq!(require_ours(&connection, 1).unwrap(), 0);
        migrate(&mut connection, &broken[..1]).unwrap();
        assert!(migrate(&mut connection, &broken).is_err());
        assert_eq!(require_ours(&connection, 1).unwrap(), 1);
    }
}
