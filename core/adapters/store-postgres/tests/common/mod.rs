//! What the tests share.
#![allow(dead_code, clippy::unwrap_used)] // Each test binary uses a part of it.

use casehug_clio::model::FirmId;
use casehug_clio::ports::{Expect, Key, Order, Scan, Store, Version, Write};
use casehug_clio_store_postgres::{PostgresAddress, PostgresStore};

pub async fn open(url: &str) -> PostgresStore {
    PostgresStore::open(PostgresAddress::parse(url).unwrap()).await.unwrap()
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

pub fn at(version: &str) -> Expect {
    Expect::Version(Version(version.to_owned()))
}

pub async fn ids(store: &impl Store) -> Vec<String> {
    let (firm, from) = (FirmId::new("firm_1").unwrap(), String::new());
    let scan = Scan::Ids { firm, collection: "test", from, until: None, order: Order::Ascending, limit: 1_000_000 };
    store.scan(&scan).await.unwrap().into_iter().map(|record| record.key.id).collect()
}
