//! What the tests share.

use std::time::Duration;

use casehug_clio::ports::{Commit, Expect, Key, Order, Scan, Store, Version, Write};
use casehug_clio::{Error, FirmId};
use casehug_clio_store_postgres::{PostgresAddress, PostgresStore};

pub async fn try_open(url: &str) -> Result<PostgresStore, Error> {
    PostgresStore::open(PostgresAddress::parse(url).unwrap()).await
}

pub async fn open(url: &str) -> PostgresStore {
    try_open(url).await.unwrap()
}

/// Why it was not opened: code and reason.
pub async fn refusal(url: &str) -> (&'static str, String) {
    let error = match PostgresAddress::parse(url) {
        Ok(address) => PostgresStore::open(address).await.unwrap_err(),
        Err(error) => error,
    };
    for shown in [error.to_string(), format!("{error:?}")] {
        assert!(!shown.contains("hunter2") && !shown.contains("127.0.0.1"), "{shown}");
    }
    (error.code().name(), error.get("reason").unwrap_or_default().to_owned())
}

pub fn key(id: &str) -> Key {
    Key::new(&FirmId::new("firm_1").unwrap(), "test", id)
}

pub fn put_new(id: &str, body: &str) -> Write {
    put(id, Expect::Absent, "v1", body)
}

pub fn put(id: &str, expect: Expect, version: &str, body: &str) -> Write {
    Write::Put { key: key(id), expect, version: Version(version.to_owned()), due_in: None, body: body.to_owned() }
}

/// A new record that is due at once.
pub fn put_due(id: &str) -> Write {
    let (expect, version) = (Expect::Absent, Version(String::from("v1")));
    Write::Put { key: key(id), expect, version, due_in: Some(Duration::ZERO), body: String::new() }
}

pub fn at(version: &str) -> Expect {
    Expect::Version(Version(version.to_owned()))
}

pub fn check(id: &str, expect: Expect) -> Write {
    Write::Check { key: key(id), expect }
}

pub async fn is_done(store: &impl Store, writes: &[Write]) -> bool {
    matches!(store.commit(writes).await.unwrap(), Commit::Done { .. })
}

pub async fn body(store: &impl Store, id: &str) -> Option<String> {
    store.get(&key(id)).await.unwrap().map(|record| record.body)
}

pub async fn ids(store: &impl Store) -> Vec<String> {
    let (firm, from) = (FirmId::new("firm_1").unwrap(), String::new());
    let scan = Scan::Ids { firm, collection: "test", from, until: None, order: Order::Ascending, limit: 1_000_000 };
    store.scan(&scan).await.unwrap().into_iter().map(|record| record.key.id).collect()
}
