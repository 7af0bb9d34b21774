//! A host that uses sqlx 0.8, for PostgreSQL and SQLite.
#[path = "../../open.rs"]
mod open;

use sqlx::Connection as _;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut own = sqlx::SqliteConnection::connect("sqlite::memory:").await?;
    open::open_and_commit("sqlx-0.8").await?;
    let version: String = sqlx::query_scalar("SELECT sqlite_version()").fetch_one(&mut own).await?;
    println!("SQLite {version}");
    Ok(())
}
