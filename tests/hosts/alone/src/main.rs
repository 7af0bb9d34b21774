//! A host without a SQLite library of its own.
#[path = "../../open.rs"]
mod open;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    open::open_and_commit("alone").await
}
