//! The [`Store`] port on SQLite: one file, durable at every commit, shared by any number of
//! processes of one machine.
//!
//! **Life of a call.** The future sends a request to a thread that this crate owns and waits for
//! the answer on a channel, so a slow disk never holds a thread that polls futures, and no async
//! runtime is needed. Commits go to the writer's thread, one after the other; reads go to the
//! reader's thread and do not wait for commits. A future dropped before its answer leaves its
//! commit unknown: it may be done.
//!
//! **Many at once.** Commits that wait for the disk together share one sync; each still stands or
//! conflicts by itself, in the order in which they came.
//!
//! **Durability.** WAL with `synchronous=FULL`: `Commit::Done` is said after the operating system
//! was asked to put the log on the disk.
//!
//! **One copy of SQLite.** A second copy of the library in the same process (the host's own) that
//! opens this file drops the locks of the first and deletes its log; later commits would vanish. So
//! the file is opened by this crate alone inside a process, [`SqliteStore::open`] refuses it a
//! second time, and around every commit the store compares the files on the disk with those that it
//! opened. If they differ, this call and every later one fails with
//! [`StoreTampered`](casehug_clio::Code::StoreTampered). Other processes may open the file at any
//! time.

// The example of the README is compiled with the tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

mod backup;
mod connection;
mod error;
mod files;
mod registry;
mod rows;
mod statements;
mod thread;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use casehug_clio::ports::{BoxFuture, Commit, Key, Record, Row, RowKey, Rows, Scan, Store, Write};
use casehug_clio::{FirmId, Result};

use crate::registry::Closing;
use crate::thread::{Request, Worker};

/// A SQLite file. A clone is another handle of the same store; the file is closed when the last one
/// is dropped.
#[derive(Clone)]
pub struct SqliteStore(Arc<Threads>);

struct Threads {
    writer: Worker,
    reader: Worker,
    /// Dropped with the last handle, before the threads have ended: from then on an open of the
    /// same file waits for them.
    _closing: Closing,
}

impl SqliteStore {
    /// Opens the file, creates it (mode 0600) if it is missing, and brings its schema up to date.
    /// The folder must exist, on a local disk: SQLite's locks do not work on network file systems.
    ///
    /// # Errors
    /// [`StoreOpenFailed`](casehug_clio::Code::StoreOpenFailed) with `reason`: `directory_missing`,
    /// `not_a_file`, `not_a_database`, `not_ours` (a database of another program), `newer_schema`
    /// (written by a newer SDK), `read_only`, `already_open` (in this process: clone the handle
    /// instead), `busy` (another process has locked it), `permission`, `disk_full`,
    /// `log_without_database` (the file is missing or empty, but its `-wal` is there: put the file
    /// back, or, to begin anew, remove that too), `log_of_another_database` (a backup was put in
    /// the place of a file whose `-wal` is still there: remove `-wal` and `-shm`), or `other` with
    /// the number of SQLite's error in `sqlite`.
    /// [`StoreLogMissing`](casehug_clio::Code::StoreLogMissing): the file was parted from its log,
    /// and is empty without it.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self> {
        let (writer, reader, closing) = thread::start(path.as_ref().to_owned()).await?;
        Ok(Self(Arc::new(Threads { writer, reader, _closing: closing })))
    }

    /// Writes everything that is committed into a new file (mode 0600), which is a whole database
    /// by itself, and asks the disk to keep it. Commits and reads go on meanwhile. To restore: put
    /// it in the place of the database, remove `-wal` and `-shm` there, and call
    /// `sdk.firm(&admin).reviews().begin_recovery(..)` with the time when this was called: it
    /// holds the state of its beginning. Dropping the future does not end a backup.
    ///
    /// # Errors
    /// [`BackupFailed`](casehug_clio::Code::BackupFailed) with `reason`: `already_exists`,
    /// `part_exists` (`FILE.part` is there: another backup is being made, or one was killed; then
    /// remove it), `directory_missing`, `not_a_file`, `not_utf8`, `permission`, `read_only`,
    /// `disk_full`, `database` (its source says why) or `other`.
    pub async fn backup(&self, target: impl AsRef<Path>) -> Result<()> {
        let target = target.as_ref().to_owned();
        self.0.reader.ask(|reply| Request::Backup(target, reply)).await
    }

    /// Ends every handle of the store: calls that wait are answered, later ones fail. Returns when
    /// the file is closed, so that it may be moved or deleted.
    pub async fn close(self) {
        self.0.writer.close().await;
        self.0.reader.close().await;
    }
}

impl Store for SqliteStore {
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Record>>> {
        Box::pin(self.0.reader.ask(|reply| Request::Get(key.clone(), reply)))
    }

    fn get_many<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Record>>>> {
        Box::pin(self.0.reader.ask(|reply| Request::GetMany(keys.to_vec(), reply)))
    }

    fn scan<'a>(&'a self, scan: &'a Scan) -> BoxFuture<'a, Result<Vec<Record>>> {
        Box::pin(self.0.reader.ask(|reply| Request::Scan(scan.clone(), reply)))
    }

    fn commit<'a>(&'a self, writes: &'a [Write]) -> BoxFuture<'a, Result<Commit>> {
        Box::pin(self.0.writer.ask(|reply| Request::Commit(writes.to_vec(), reply)))
    }
}

impl Rows for SqliteStore {
    fn rows_after<'a>(
        &'a self,
        firm: Option<&'a FirmId>,
        after: &'a RowKey,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Row>>> {
        let firm = firm.map(|firm| firm.as_str().to_owned());
        Box::pin(self.0.reader.ask(move |reply| Request::RowsAfter(firm, after.clone(), limit, reply)))
    }

    fn insert_rows<'a>(&'a self, rows: &'a [Row]) -> BoxFuture<'a, Result<()>> {
        // Commits are grouped on the writer's thread, and nothing else comes there.
        Box::pin(self.0.reader.ask(|reply| Request::InsertRows(rows.to_vec(), reply)))
    }
}

/// Never the path: folders are named after people.
impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").finish_non_exhaustive()
    }
}
