//! Shared by the tests: records, and a second process that uses SQLite on its own.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "helpers of tests")]

use std::path::Path;
use std::process::Command;

use casehug_clio::ports::{Commit, Expect, Key, Order, Record, Scan, Store, Version, Write};
use casehug_clio::{FirmId, Result};

pub fn key(id: &str) -> Key {
    Key::new(&FirmId::new("firm_1").unwrap(), "test", id)
}

pub fn put_new(id: &str, body: &str) -> Write {
    Write::Put {
        key: key(id),
        expect: Expect::Absent,
        version: Version(String::from("v1")),
        due_in: None,
        body: body.to_owned(),
    }
}

pub async fn commit_new(store: &impl Store, id: &str) -> Result<()> {
    match store.commit(&[put_new(id, "x")]).await? {
        Commit::Done { .. } => Ok(()),
        Commit::Conflict => panic!("conflict"),
    }
}

pub async fn all(store: &impl Store) -> Result<Vec<Record>> {
    let (firm, from) = (key("x").firm, String::new());
    let (until, order, limit) = (None, Order::Ascending, usize::MAX);
    store.scan(&Scan::Ids { firm, collection: "test", from, until, order, limit }).await
}

pub async fn ids(store: &impl Store) -> Vec<String> {
    all(store).await.unwrap().into_iter().map(|record| record.key.id).collect()
}

/// Something is missing here, and nothing may be skipped in CI.
pub fn skipped(reason: &str) {
    assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{reason}");
    eprintln!("SKIPPED: {reason}");
}

/// Runs SQL in another process, with a copy of SQLite that is not ours. Returns what the statements
/// yield, one row a line.
pub fn other_process(database: &Path, sql: &str) -> Option<String> {
    const SCRIPT: &str = "
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=10, isolation_level=None)
for statement in sys.argv[2].split(';'):
    for row in connection.execute(statement):
        print(*row, sep='|')
connection.close()
";
    let Ok(output) = Command::new("python3").arg("-c").arg(SCRIPT).arg(database).arg(sql).output() else {
        skipped("python3 is not there, so no other process opened the database");
        return None;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}
