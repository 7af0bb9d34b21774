//! Opening one connection: is the file ours, is its schema known, and the settings on which the
//! promises rest.

use std::path::Path;
use std::time::{Duration, Instant};

use casehug_clio::{Code, Error, Result};
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::error::{is_busy, open_failed, refused};

/// "CHCS": tells a CaseHug-Clio store from any other SQLite file.
const APPLICATION_ID: i32 = 0x4348_4353;

/// Each takes the schema from the version of its index to the next. A released one is never
/// changed.
const MIGRATIONS: &[&str] = &[include_str!("../sql/0001_records.sql")];

/// How long a call waits for another process that writes. Commits are small, so this is a process
/// that hangs or a backup.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// `synchronous=FULL` asks the disk at every commit; `fullfsync` makes macOS ask in earnest.
/// `secure_delete` overwrites what was deleted: a dropped data key must not be found in a free
/// page. The other two limit what a forged file could do.
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

/// The schema before WAL: so the main file is never without it, and one in WAL mode that has none
/// was parted from its log.
fn prepare(connection: &mut Connection) -> Result<()> {
    let failed = |error: rusqlite::Error| open_failed(&error);
    migrate(connection, MIGRATIONS)?;
    switch_to_wal(connection)?;
    connection.execute_batch(SETTINGS).map_err(failed)?;
    // From its first look on the connection holds a lock, and nobody takes the log for left behind.
    number(connection, "SELECT count(*) FROM sqlite_schema").map(drop)
}

/// SQLite does not wait here as it does elsewhere: another process that opens the file is enough
/// for "busy".
fn switch_to_wal(connection: &Connection) -> Result<()> {
    let patience = Instant::now() + BUSY_TIMEOUT;
    loop {
        match connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0)) {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(_) => return Err(refused("other")),
            Err(error) if is_busy(&error) && Instant::now() < patience => std::thread::sleep(Duration::from_millis(5)),
            Err(error) => return Err(open_failed(&error)),
        }
    }
}

/// All missing migrations in one transaction. It takes the write lock before it looks, so that it
/// sees no other process's migration by half, and a file that cannot be written to shows itself. A
/// file that is not ours stays as it was.
fn migrate(connection: &mut Connection, migrations: &[&str]) -> Result<()> {
    let failed = |error: rusqlite::Error| open_failed(&error);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    let version = require_ours(&transaction, migrations.len())?;
    for (migration, reached) in migrations.iter().zip(1..).skip(version) {
        transaction.execute_batch(migration).map_err(failed)?;
        transaction.pragma_update(None, "user_version", reached).map_err(failed)?;
    }
    if version == 0 {
        transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(failed)?;
    }
    transaction.commit().map_err(failed)
}

/// The version of the schema, at most `newest`; 0 for an empty file.
fn require_ours(connection: &Connection, newest: usize) -> Result<usize> {
    let (application, version) =
        (number(connection, "PRAGMA application_id")?, number(connection, "PRAGMA user_version")?);
    let tables = number(connection, "SELECT count(*) FROM sqlite_schema")?;
    if (application, version, tables) == (0, 0, 0) {
        let mode = connection.query_row("PRAGMA journal_mode", [], |row| row.get::<_, String>(0));
        return match mode.map_err(|error| open_failed(&error))?.as_str() {
            "wal" => Err(Error::new(Code::StoreLogMissing)),
            _ => Ok(0),
        };
    }
    match usize::try_from(version) {
        Ok(version @ 1..) if application == APPLICATION_ID && version <= newest => Ok(version),
        Ok(version @ 1..) if application == APPLICATION_ID && version > MIGRATIONS.len() => {
            Err(refused("newer_schema"))
        }
        _ => Err(refused("not_ours")),
    }
}

fn number(connection: &Connection, sql: &str) -> Result<i32> {
    connection.query_row(sql, [], |row| row.get(0)).map_err(|error| open_failed(&error))
}

/// Moves the log into the main file, if nobody is in the way: whoever copies that file alone then
/// misses little. Waiting would hold up commits.
pub(crate) fn empty_the_log(connection: &Connection) {
    if connection.busy_timeout(Duration::ZERO).is_ok() {
        // What fails here fails again where somebody waits for it, at the next commit.
        let _ = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    }
    let _ = connection.busy_timeout(BUSY_TIMEOUT);
}

/// Writes all that is committed into a new file, without WAL and without what was deleted.
pub(crate) fn copy_into(connection: &Connection, path: &str) -> rusqlite::Result<()> {
    connection.execute("VACUUM INTO ?1", [path]).map(drop)
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
