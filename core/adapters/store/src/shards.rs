//! Several databases, each with firms of its own: where one database is too small for all, or firms
//! must lie apart.
//!
//! A file says which database a firm is in. Nothing of the SDK spans firms, so each call goes to
//! one database; only a look at what is due asks all, and merges.
//!
//! **A firm must never be in two.** What one of them does not know would be created in Clio again.
//! So before a firm is used for the first time, the other databases are asked whether they have
//! records of it; if one has, the firm is refused until its records are in one place only. That
//! finds a file that was changed before the records were moved, and addresses that were swapped.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use casehug_clio::ports::{BoxFuture, Commit, Key, Record, Row, RowKey, Rows, Scan, Store, Write};
use casehug_clio::{Code, Error, FirmId, Result, Timestamp};
use futures_util::future::{join_all, select_all};
use serde::Deserialize;
use tokio::runtime::Handle;

use crate::database::Database;
use crate::{OpenStore, StoreLocation, refused};

/// Firms whose place is remembered. More are asked for again.
const REMEMBERED: usize = 100_000;
/// Records of one look at one database.
const WIDEST: usize = 2_000;

/// The file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Plan {
    /// The lines of the databases, by names of the operator's.
    databases: BTreeMap<String, String>,
    /// The databases of firms, by their names.
    #[serde(default)]
    firms: BTreeMap<String, String>,
    /// The database of all other firms.
    others: String,
}

/// The open databases.
#[derive(Debug)]
pub(crate) struct Shards {
    databases: Vec<Arc<Database>>,
    /// Places in `databases`.
    firms: BTreeMap<String, usize>,
    others: usize,
    /// Firms of which no other database has a record.
    settled: Mutex<HashSet<FirmId>>,
    runtime: Handle,
}

impl Shards {
    /// Reads the file, and opens all of them.
    pub(crate) async fn open(file: &Path, password: Option<&str>) -> Result<Self> {
        let plan = std::fs::read(file).map_err(|_| refused("shards_unreadable"))?;
        let plan: Plan = serde_json::from_slice(&plan).map_err(|_| refused("shards_not_valid"))?;
        let names: Vec<&String> = plan.databases.keys().collect();
        let place = |name: &String| {
            names.iter().position(|known| *known == name).ok_or_else(|| refused("shards_unknown_database"))
        };
        let others = place(&plan.others)?;
        let firms = plan.firms.iter().map(|(firm, name)| Ok((firm.clone(), place(name)?)));
        let firms = firms.collect::<Result<_>>()?;
        let mut databases = Vec::new();
        for (name, line) in &plan.databases {
            let location: StoreLocation = line.parse()?;
            if location.is_shards() {
                return Err(refused("shards_in_shards"));
            }
            let location = match password {
                Some(password) => location.with_password(password),
                None => location,
            };
            databases.push(Arc::new(Database::new(name, Box::pin(location.open()).await?)));
        }
        Ok(Self { databases, firms, others, settled: Mutex::default(), runtime: Handle::current() })
    }

    pub(crate) async fn close(&self) {
        for database in &self.databases {
            Box::pin(database.store.clone().close()).await;
        }
    }

    fn place(&self, firm: &str) -> usize {
        self.firms.get(firm).copied().unwrap_or(self.others)
    }

    /// The database of a firm.
    async fn of(&self, firm: &FirmId) -> Result<&OpenStore> {
        let place = self.place(firm.as_str());
        if !self.settled().contains(firm) {
            let others = self.databases.iter().enumerate().filter(|(at, _)| *at != place);
            // The first row behind where the firm's begin, whose ever it is: to ask for one of the
            // firm's would read a whole file of SQLite that has none.
            let from = RowKey { firm: firm.as_str().to_owned(), ..RowKey::default() };
            let looks = others.map(|(_, other)| other.store.rows().rows_after(None, &from, 1));
            for found in join_all(looks).await {
                if found?.iter().any(|row| row.key.firm == firm.as_str()) {
                    return Err(Error::new(Code::StoreFailed).with("reason", "firm_in_another_database"));
                }
            }
            let mut settled = self.settled();
            if settled.len() >= REMEMBERED {
                settled.clear();
            }
            settled.insert(firm.clone());
        }
        Ok(&self.databases[place].store)
    }

    fn settled(&self) -> std::sync::MutexGuard<'_, HashSet<FirmId>> {
        self.settled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is due of all firms, earliest first. Each database goes by its own clock. One that does
    /// not answer is left out, and fails no look as long as another one answers: a worker that is
    /// told of a failure in place of "nothing" would look no further.
    async fn due_of_all(&self, collection: &'static str, limit: usize) -> Result<Vec<Record>> {
        let (mut asked, away): (Vec<usize>, Vec<usize>) =
            (0..self.databases.len()).partition(|at| self.databases[*at].answers());
        if asked.is_empty() {
            asked = away;
        } else {
            away.into_iter().for_each(|at| self.databases[at].ask_again(&self.runtime, collection));
        }
        let looks = asked.into_iter().map(|at| self.due_at_home(at, collection, limit));
        let (mut due, mut answered, mut failure) = (Vec::new(), false, None);
        for found in join_all(looks).await {
            match found {
                Ok(found) => {
                    answered = true;
                    due.extend(found);
                }
                Err(error) => failure = Some(error),
            }
        }
        due.sort_by_key(|record| record.due_at);
        due.truncate(limit);
        failure.filter(|_| !answered).map_or(Ok(due), Err)
    }

    /// What is due in one database of the firms that are at home in it. What is due of others hides
    /// nothing, up to [`WIDEST`] records of it.
    async fn due_at_home(&self, at: usize, collection: &'static str, limit: usize) -> Result<Vec<Record>> {
        let mut wide = limit;
        loop {
            let scan = Scan::Due { firm: None, collection, limit: wide };
            let mut due = self.databases[at].due(&scan).await?;
            let all = due.len() < wide;
            due.retain(|record| self.place(record.key.firm.as_str()) == at);
            if all || due.len() >= limit || wide >= WIDEST {
                due.truncate(limit);
                return Ok(due);
            }
            wide = wide.saturating_mul(4).min(WIDEST);
        }
    }
}

impl Store for Shards {
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Record>>> {
        Box::pin(async move { self.of(&key.firm).await?.as_store().get(key).await })
    }

    fn get_many<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Record>>>> {
        Box::pin(async move {
            let Some(first) = keys.first() else { return Ok(Vec::new()) };
            if keys.iter().all(|key| key.firm == first.firm) {
                return self.of(&first.firm).await?.as_store().get_many(keys).await;
            }
            let mut records = Vec::new();
            for key in keys {
                records.push(self.get(key).await?);
            }
            Ok(records)
        })
    }

    fn scan<'a>(&'a self, scan: &'a Scan) -> BoxFuture<'a, Result<Vec<Record>>> {
        Box::pin(async move {
            match scan {
                Scan::Ids { firm, .. } | Scan::Due { firm: Some(firm), .. } => {
                    self.of(firm).await?.as_store().scan(scan).await
                }
                Scan::Due { firm: None, collection, limit } => self.due_of_all(collection, *limit).await,
            }
        })
    }

    fn commit<'a>(&'a self, writes: &'a [Write]) -> BoxFuture<'a, Result<Commit>> {
        Box::pin(async move {
            let Some(first) = writes.first() else {
                // The time of no firm. Core asks for that of a firm.
                return self.databases[self.others].store.as_store().commit(writes).await;
            };
            let place = self.place(first.key().firm.as_str());
            for write in writes {
                self.of(&write.key().firm).await?;
                if self.place(write.key().firm.as_str()) != place {
                    return Err(Error::new(Code::StoreFailed).with("reason", "several_databases"));
                }
            }
            self.databases[place].store.as_store().commit(writes).await
        })
    }

    fn now<'a>(&'a self, firm: &'a FirmId) -> BoxFuture<'a, Result<Timestamp>> {
        Box::pin(async move { self.of(firm).await?.as_store().now(firm).await })
    }

    fn due_elsewhere(&self) -> BoxFuture<'_, ()> {
        // Each counts from now on.
        let hints: Vec<_> = self.databases.iter().map(|database| database.store.as_store().due_elsewhere()).collect();
        Box::pin(async move {
            select_all(hints).await;
        })
    }
}

impl Rows for Shards {
    fn rows_after<'a>(
        &'a self,
        firm: Option<&'a FirmId>,
        after: &'a RowKey,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Row>>> {
        Box::pin(async move {
            if let Some(firm) = firm {
                return self.of(firm).await?.rows().rows_after(Some(firm), after, limit).await;
            }
            let mut rows = Vec::new();
            for database in &self.databases {
                rows.extend(database.store.rows().rows_after(None, after, limit).await?);
            }
            rows.sort_by(|one, other| one.key.cmp(&other.key));
            rows.truncate(limit);
            Ok(rows)
        })
    }

    fn insert_rows<'a>(&'a self, rows: &'a [Row]) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            for (at, database) in self.databases.iter().enumerate() {
                let here: Vec<Row> = rows.iter().filter(|row| self.place(&row.key.firm) == at).cloned().collect();
                if !here.is_empty() {
                    database.store.rows().insert_rows(&here).await?;
                }
            }
            Ok(())
        })
    }
}
