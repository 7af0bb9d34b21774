//! Where the database is, as the tools' `--db` says it.

use casehug_clio::Result;
use casehug_clio_store::StoreLocation;

/// `CASEHUG_CLIO_DB_PASSWORD` is for a password, which other users of the machine would see among
/// the arguments.
pub(crate) fn location(line: &str) -> Result<StoreLocation> {
    let location: StoreLocation = line.parse()?;
    let password = std::env::var("CASEHUG_CLIO_DB_PASSWORD").ok().filter(|password| !password.is_empty());
    Ok(match password {
        Some(password) => location.with_password(&password),
        None => location,
    })
}

/// The argument as it was given. Not shown by `Debug`: it may hold a password all the same.
#[derive(Clone)]
pub(crate) struct Line(pub String);

impl From<String> for Line {
    fn from(line: String) -> Self {
        Self(line)
    }
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Line(..)")
    }
}
