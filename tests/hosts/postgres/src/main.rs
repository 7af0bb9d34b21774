//! A host with its data in SQLite and the SDK's in PostgreSQL: nothing of the SDK links SQLite, so
//! its rusqlite may be of any version, and beside our driver it has one of its own.

use casehug_clio::FirmId;
use casehug_clio::ports::{Commit, Expect, Key, Store as _, Version, Write};
use casehug_clio_store_postgres::{PostgresAddress, PostgresStore};
use postgres_server::Server;
use sqlx::Connection as _;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let own = rusqlite::Connection::open_in_memory()?;
    let version: String = own.query_row("SELECT sqlite_version()", [], |row| row.get(0))?;
    println!("SQLite {version}");
    // Where PostgreSQL is missing, that was said.
    let Some(server) = Server::start("") else { return Ok(()) };
    let url = server.database();
    let store = PostgresStore::open(PostgresAddress::parse(&url)?).await?;
    let key = Key::new(&FirmId::new("firm_1")?, "job", "1");
    let (expect, version) = (Expect::Absent, Version(String::from("v1")));
    let put = Write::Put { key: key.clone(), expect, version, due_in: None, body: String::from("body") };
    assert!(matches!(store.commit(&[put]).await?, Commit::Done { .. }));
    let mut theirs = sqlx::PgConnection::connect(&url).await?;
    let body: String = sqlx::query_scalar("SELECT body FROM casehug_clio.records").fetch_one(&mut theirs).await?;
    assert_eq!(store.get(&key).await?.map(|record| record.body), Some(body));
    Ok(())
}
