//! Which database the SDK keeps its records in, read from one line: `sqlite:FILE`, a plain `FILE`,
//! `postgres://USER@HOST/DATABASE`, or `shards:FILE` for several of them.
//!
//! The one place that reads it: every example and binding comes here, so that a line means the same
//! everywhere.

// The example of the README is compiled with the tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

mod copying;
mod database;
mod shards;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use casehug_clio::ports::{Rows, Store};
use casehug_clio::{Code, Error, Result};
#[cfg(feature = "postgres")]
use casehug_clio_store_postgres::{PostgresAddress, PostgresStore};
#[cfg(feature = "sqlite")]
use casehug_clio_store_sqlite::SqliteStore;
use secrecy::{ExposeSecret, SecretString};

use crate::copying::Unfinished;
pub use crate::copying::copy;
use crate::shards::Shards;

/// Where the records are. Shows neither a path nor an address: the one may name a person, the other
/// may hold a password.
#[derive(Clone)]
pub struct StoreLocation(Place);

#[derive(Clone)]
enum Place {
    File(PathBuf),
    #[cfg(feature = "postgres")]
    Postgres(Box<PostgresAddress>),
    /// A file that names several, and the password of those without one.
    Shards(PathBuf, Option<SecretString>),
}

impl StoreLocation {
    /// A SQLite file.
    #[must_use]
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(Place::File(path.into()))
    }

    /// Sets the password of a database server, if the line holds none. A file has none.
    #[must_use]
    pub fn with_password(self, password: &str) -> Self {
        match self.0 {
            #[cfg(feature = "postgres")]
            Place::Postgres(address) => Self(Place::Postgres(Box::new(address.with_password(password)))),
            Place::Shards(file, _) => Self(Place::Shards(file, Some(password.to_owned().into()))),
            Place::File(_) => {
                let _ = password;
                self
            }
        }
    }

    /// The file, if it is one.
    #[must_use]
    pub fn as_file(&self) -> Option<&Path> {
        match &self.0 {
            Place::File(path) => Some(path),
            #[cfg(feature = "postgres")]
            Place::Postgres(_) => None,
            Place::Shards(..) => None,
        }
    }

    pub(crate) fn is_shards(&self) -> bool {
        matches!(self.0, Place::Shards(..))
    }

    /// Opens it, makes it if it is a file that is missing, and brings its schema up to date. Within
    /// a tokio runtime.
    ///
    /// # Errors
    /// Those of `SqliteStore::open` and of `PostgresStore::open`;
    /// [`StoreOpenFailed`](Code::StoreOpenFailed) with `reason` = `copy_unfinished`: a copy into it
    /// was broken off; [`SettingInvalid`](Code::SettingInvalid) with `reason` = `not_built_in`, or
    /// one of a file of shards: `shards_unreadable`, `shards_not_valid`, `shards_unknown_database`,
    /// `shards_in_shards`.
    pub async fn open(&self) -> Result<OpenStore> {
        let store = self.open_any().await?;
        // Each of several was asked when it was opened.
        if !self.is_shards() && Unfinished::is_in(&store).await? {
            store.close().await;
            return Err(Error::new(Code::StoreOpenFailed).with("reason", "copy_unfinished"));
        }
        Ok(store)
    }

    async fn open_any(&self) -> Result<OpenStore> {
        match &self.0 {
            #[cfg(feature = "sqlite")]
            Place::File(path) => Ok(OpenStore(Opened::Sqlite(SqliteStore::open(path).await?))),
            #[cfg(not(feature = "sqlite"))]
            Place::File(_) => Err(refused("not_built_in")),
            #[cfg(feature = "postgres")]
            Place::Postgres(address) => {
                Ok(OpenStore(Opened::Postgres(PostgresStore::open(PostgresAddress::clone(address)).await?)))
            }
            Place::Shards(file, password) => {
                let password = password.as_ref().map(ExposeSecret::expose_secret);
                Ok(OpenStore(Opened::Shards(Arc::new(Shards::open(file, password).await?))))
            }
        }
    }
}

/// Reads the line.
///
/// # Errors
/// [`SettingInvalid`](Code::SettingInvalid) with `setting` = `store` and `reason`: `empty`,
/// `unknown_scheme` (`mysql://`, say), `not_built_in`, or those of `PostgresAddress::parse`.
/// [`TlsRefused`](Code::TlsRefused): it asks for no TLS to another machine. Nothing of the line is
/// in an error.
impl FromStr for StoreLocation {
    type Err = Error;

    fn from_str(line: &str) -> Result<Self> {
        if line.starts_with("postgres://") || line.starts_with("postgresql://") {
            #[cfg(feature = "postgres")]
            return Ok(Self(Place::Postgres(Box::new(PostgresAddress::parse(line)?))));
            #[cfg(not(feature = "postgres"))]
            return Err(refused("not_built_in"));
        }
        if let Some(file) = line.strip_prefix("shards:").filter(|file| !file.is_empty()) {
            return Ok(Self(Place::Shards(PathBuf::from(file), None)));
        }
        let file = line.strip_prefix("sqlite:").unwrap_or(line);
        if file.is_empty() {
            return Err(refused("empty"));
        }
        if file.contains("://") {
            return Err(refused("unknown_scheme"));
        }
        Ok(Self::file(file))
    }
}

impl fmt::Debug for StoreLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreLocation").field("file", &self.as_file().is_some()).finish_non_exhaustive()
    }
}

/// An open store. A clone is another handle of it.
#[derive(Clone, Debug)]
pub struct OpenStore(Opened);

#[derive(Clone, Debug)]
enum Opened {
    #[cfg(feature = "sqlite")]
    Sqlite(SqliteStore),
    #[cfg(feature = "postgres")]
    Postgres(PostgresStore),
    Shards(Arc<Shards>),
}

impl OpenStore {
    /// To call it.
    pub(crate) fn as_store(&self) -> &dyn Store {
        match &self.0 {
            #[cfg(feature = "sqlite")]
            Opened::Sqlite(store) => store,
            #[cfg(feature = "postgres")]
            Opened::Postgres(store) => store,
            Opened::Shards(shards) => shards.as_ref(),
        }
    }

    /// The store, as the SDK's builder wants it.
    #[must_use]
    pub fn store(&self) -> Arc<dyn Store> {
        match &self.0 {
            #[cfg(feature = "sqlite")]
            Opened::Sqlite(store) => Arc::new(store.clone()),
            #[cfg(feature = "postgres")]
            Opened::Postgres(store) => Arc::new(store.clone()),
            Opened::Shards(shards) => Arc::clone(shards) as Arc<dyn Store>,
        }
    }

    pub(crate) fn rows(&self) -> &dyn Rows {
        match &self.0 {
            #[cfg(feature = "sqlite")]
            Opened::Sqlite(store) => store,
            #[cfg(feature = "postgres")]
            Opened::Postgres(store) => store,
            Opened::Shards(shards) => shards.as_ref(),
        }
    }

    /// Writes everything into a new file. A database server has its own ways, and better ones.
    ///
    /// # Errors
    /// Those of `SqliteStore::backup`. [`BackupFailed`](Code::BackupFailed) with `reason` =
    /// `database_server`: use its tools; `several_databases`: back each up by itself.
    pub async fn backup(&self, target: impl AsRef<Path>) -> Result<()> {
        match &self.0 {
            #[cfg(feature = "sqlite")]
            Opened::Sqlite(store) => store.backup(target).await,
            #[cfg(feature = "postgres")]
            Opened::Postgres(_) => {
                let _ = target;
                Err(Error::new(Code::BackupFailed).with("reason", "database_server"))
            }
            Opened::Shards(_) => {
                let _ = target;
                Err(Error::new(Code::BackupFailed).with("reason", "several_databases"))
            }
        }
    }

    /// Ends every handle: later calls fail. A file may be moved or deleted afterwards.
    pub async fn close(self) {
        match self.0 {
            #[cfg(feature = "sqlite")]
            Opened::Sqlite(store) => store.close().await,
            #[cfg(feature = "postgres")]
            Opened::Postgres(store) => store.close(),
            Opened::Shards(shards) => shards.close().await,
        }
    }
}

fn refused(reason: &'static str) -> Error {
    Error::new(Code::SettingInvalid).with("setting", "store").with("reason", reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<StoreLocation> {
        line.parse()
    }

    #[test]
    fn a_path_is_a_file_with_and_without_its_scheme() {
        for (line, file) in [
            ("store.db", "store.db"),
            ("sqlite:/var/lib/a b.db", "/var/lib/a b.db"),
            ("C:\\data\\x.db", "C:\\data\\x.db"),
        ] {
            assert_eq!(read(line).unwrap().as_file(), Some(Path::new(file)));
        }
        assert_eq!(read("postgresql://u:hunter2@localhost/d").unwrap().as_file(), None);
    }

    #[test]
    fn a_line_that_cannot_be_meant_is_refused_and_never_shown() {
        for (line, reason) in [
            ("", "empty"),
            ("sqlite:", "empty"),
            ("mysql://u:hunter2@h/d", "unknown_scheme"),
            ("postgres://u:hunter2@h:x/d", "not_a_url"),
        ] {
            let error = read(line).unwrap_err();
            assert_eq!((error.code(), error.get("reason")), (Code::SettingInvalid, Some(reason)), "{line}");
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
        let shown = format!("{:?} {:?}", read("postgres://u:hunter2@h/d").unwrap(), read("jane-doe.db").unwrap());
        assert!(!shown.contains("hunter2") && !shown.contains("jane"), "{shown}");
    }
}
