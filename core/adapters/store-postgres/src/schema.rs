//! Is the database fit, is the schema in it ours, and bringing that up to date while others work.
//!
//! **Migrations are safe while older processes run.** One only adds; what an older program calls
//! stays as it was. What must go, goes in a later release, with a migration that raises `oldest`:
//! the version that a program must know at least. One that knows less is refused at its start.

use casehug_clio::Result;
use tokio_postgres::{Client, IsolationLevel};

use crate::error::{Failure, refused};
use crate::pool::Pool;

/// Each takes the schema from the version of its index to the next. A released one is never
/// changed.
const MIGRATIONS: &[&str] = &[
    include_str!("../sql/0001_records.sql"),
    include_str!("../sql/0002_views.sql"),
    include_str!("../sql/0003_synchronous.sql"),
];

const LOOK: &str = include_str!("../sql/look.sql");
const VERSION: &str = include_str!("../sql/version.sql");

/// One process migrates at a time. "CHCS", as in the header of the SQLite file.
const LOCK: &str = "SELECT pg_advisory_xact_lock(1128809299)";

/// Whoever waits for a lock makes others wait behind it: rather fail, and be started again.
const PATIENCE: &str = "SET LOCAL lock_timeout = '10s'; SET LOCAL statement_timeout = '10min'";

/// `CREATE FUNCTION ... SET`, `floor` of an exact `extract`, `query_typed` of everything: what is
/// tested is 15.
const OLDEST_SERVER: i32 = 130_000;

/// What was found in the database.
struct Found {
    schema: bool,
    used: bool,
    ours: bool,
    may_create: bool,
}

async fn look(client: &Client) -> Result<Found, Failure> {
    let row = client.query_typed_one(LOOK, &[]).await?;
    let is = |name: &str| row.try_get::<_, bool>(name).unwrap_or(false);
    let unfit = if row.try_get::<_, i32>("server").unwrap_or(0) < OLDEST_SERVER {
        Some("server_too_old")
    } else if row.try_get::<_, String>("encoding").unwrap_or_default() != "UTF8" {
        Some("not_utf8")
    } else if is("read_only") {
        Some("read_only")
    } else {
        None
    };
    if let Some(reason) = unfit {
        return Err(Failure::Ours(refused(reason)));
    }
    Ok(Found { schema: is("schema"), used: is("used"), ours: is("ours"), may_create: is("may_create") })
}

/// How far a schema of ours has come. A program that is too old for it is refused.
async fn version(client: &Client) -> Result<usize, Failure> {
    let row = client.query_typed_one(VERSION, &[]).await?;
    let number = |name: &str| row.try_get::<_, i32>(name).ok().and_then(|number| usize::try_from(number).ok());
    match (number("version"), number("oldest")) {
        (Some(version @ 1..), Some(oldest)) if oldest <= MIGRATIONS.len() => Ok(version),
        (Some(1..), Some(_)) => Err(Failure::Ours(refused("newer_schema"))),
        _ => Err(Failure::Ours(refused("not_ours"))),
    }
}

/// Brings the schema up to date. A role that may only use it finds that nothing has to be done.
pub(crate) async fn prepare(pool: &Pool) -> Result<()> {
    let prepared = async {
        let (mut client, _permit) = pool.client().await?;
        let found = look(&client).await?;
        if found.used && !found.ours {
            return Err(Failure::Ours(refused("not_ours")));
        }
        if found.ours && version(&client).await? >= MIGRATIONS.len() {
            return Ok(());
        }
        if !found.schema && !found.may_create {
            return Err(Failure::Ours(refused("schema_missing")));
        }
        migrate(&mut client).await
    };
    prepared.await.map_err(Failure::into_open_error)
}

/// All missing migrations in one transaction. Others that begin at the same moment wait, and then
/// find it done.
async fn migrate(client: &mut Client) -> Result<(), Failure> {
    // Each statement sees what was committed before it, whatever the database's default is.
    let transaction = client.build_transaction().isolation_level(IsolationLevel::ReadCommitted).start().await?;
    transaction.batch_execute(PATIENCE).await?;
    transaction.batch_execute(LOCK).await?;
    let found = look(transaction.client()).await?;
    let from = if found.ours { version(transaction.client()).await? } else { 0 };
    if !found.schema {
        transaction.batch_execute("CREATE SCHEMA casehug_clio").await?;
    }
    for migration in MIGRATIONS.iter().skip(from) {
        transaction.batch_execute(migration).await?;
    }
    transaction.commit().await?;
    Ok(())
}
