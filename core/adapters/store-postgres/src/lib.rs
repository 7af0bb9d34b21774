//! The [`Store`] port on PostgreSQL: one database for any number of processes, on any number of
//! machines.
//!
//! **Life of a call.** Every call is one statement, so one round trip and one transaction of its
//! own: reads are a `SELECT`, and a commit is one call of a function that the schema brings. It
//! runs as a task on the tokio runtime in which the store was opened, whatever polls the future; a
//! future that is dropped before its answer leaves its commit unknown.
//!
//! **Behind a pooler.** No statement is ever named, and no state is kept in a connection, so
//! PgBouncer in transaction mode is as good as the server itself.
//!
//! **Errors.** After any error of a statement its connection is closed, not used again. A commit
//! whose answer was lost is an error, so unknown; core reads the record that only this commit
//! writes, and knows.

// The example of the README is compiled with the tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

mod address;
mod connection;
mod error;
mod hints;
mod hosts;
mod operations;
mod pool;
mod rows;
mod schema;

use std::fmt;
use std::sync::Arc;

use casehug_clio::ports::{BoxFuture, Commit, Key, Record, Row, RowKey, Rows, Scan, Store, Write};
use casehug_clio::{FirmId, Result};
use tokio::runtime::Handle;

pub use crate::address::PostgresAddress;
use crate::error::failed;
use crate::hints::Hints;
use crate::operations::{CommitAll, Find, Get, GetMany};
use crate::pool::{Operation, Pool};
use crate::rows::{InsertRows, RowsAfter};

/// A PostgreSQL database. A clone is another handle of the same store, with the same connections.
#[derive(Clone)]
pub struct PostgresStore {
    pool: Arc<Pool>,
    hints: Arc<Hints>,
    runtime: Handle,
}

impl PostgresStore {
    /// Connects, looks whether the database is fit, and brings the SDK's schema in it up to date if
    /// this role may. Must be called within a tokio runtime that lives as long as the store.
    ///
    /// # Errors
    /// [`StoreOpenFailed`](casehug_clio::Code::StoreOpenFailed) with `reason`: `unreachable`,
    /// `timed_out`, `starting`, `too_many_connections`, `disk_full` or `read_only` (a standby, or a
    /// database set to read only), which pass; `login`, `database_missing`, `permission`,
    /// `schema_missing` (this role may not make it: the README says what an administrator does),
    /// `not_ours` (the schema `casehug_clio` is another program's), `newer_schema` (made by a newer
    /// SDK, and this one is too old for it), `not_utf8`, `server_too_old` (before PostgreSQL 13),
    /// `no_runtime`, or `other` with the server's `sqlstate`.
    /// [`TlsRefused`](casehug_clio::Code::TlsRefused): the server offers no TLS, or none that can
    /// be trusted.
    pub async fn open(address: PostgresAddress) -> Result<Self> {
        let runtime = Handle::try_current().map_err(|_| error::refused("no_runtime"))?;
        let pool = Arc::new(Pool::new(&address)?);
        let store = Self { pool, hints: Arc::new(Hints::new()), runtime };
        schema::prepare(&store.pool).await?;
        Ok(store)
    }

    /// Ends every handle of the store: later calls fail, and connections are closed as soon as
    /// their call is answered.
    pub fn close(&self) {
        self.pool.close();
        self.hints.stop();
    }

    /// Runs an operation to its end, whatever becomes of the future.
    fn run<O: Operation>(&self, operation: O) -> BoxFuture<'static, Result<O::Answer>> {
        let pool = Arc::clone(&self.pool);
        let task = self.runtime.spawn(async move { pool.run(&operation).await });
        // The runtime is ending.
        Box::pin(async move { task.await.unwrap_or_else(|_| Err(failed("closed"))) })
    }
}

impl Store for PostgresStore {
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Record>>> {
        Box::pin(async { self.run(Get(key.clone())).await })
    }

    fn get_many<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Record>>>> {
        Box::pin(async { self.run(GetMany(keys.to_vec())).await })
    }

    fn scan<'a>(&'a self, scan: &'a Scan) -> BoxFuture<'a, Result<Vec<Record>>> {
        Box::pin(async { self.run(Find(scan.clone())).await })
    }

    fn commit<'a>(&'a self, writes: &'a [Write]) -> BoxFuture<'a, Result<Commit>> {
        Box::pin(async {
            let commit = CommitAll::new(writes)?;
            let makes_due = commit.makes_due();
            let outcome = self.run(commit).await?;
            if makes_due && matches!(outcome, Commit::Done { .. }) {
                self.hints.tell(&self.runtime, &self.pool);
            }
            Ok(outcome)
        })
    }

    fn due_elsewhere(&self) -> BoxFuture<'_, ()> {
        self.hints.hear(&self.runtime, &self.pool)
    }
}

impl Rows for PostgresStore {
    fn rows_after<'a>(
        &'a self,
        firm: Option<&'a FirmId>,
        after: &'a RowKey,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Row>>> {
        let firm = firm.map(|firm| firm.as_str().to_owned());
        self.run(RowsAfter { firm, after: after.clone(), limit })
    }

    fn insert_rows<'a>(&'a self, rows: &'a [Row]) -> BoxFuture<'a, Result<()>> {
        self.run(InsertRows(rows.to_vec()))
    }
}

/// Never the address: it may hold a password.
impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").finish_non_exhaustive()
    }
}
