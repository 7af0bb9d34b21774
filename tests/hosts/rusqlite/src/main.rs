//! A host that uses a rusqlite of its own, of a version that the SDK's store takes too.
#[path = "../../open.rs"]
mod open;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let own = rusqlite::Connection::open_in_memory()?;
    open::open_and_commit("rusqlite").await?;
    let version: String = own.query_row("SELECT sqlite_version()", [], |row| row.get(0))?;
    println!("SQLite {version}");
    Ok(())
}
