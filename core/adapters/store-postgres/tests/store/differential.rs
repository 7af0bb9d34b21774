//! Memory, SQLite and PostgreSQL: the same random operations, the same answers.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use casehug_clio::memory::MemoryStore;
use casehug_clio::ports::{Commit, Expect, Key, Order, Record, Scan, Store, Version, Write};
use casehug_clio::{FirmId, Timestamp};
use casehug_clio_runtime_tokio::TokioRuntime;
use casehug_clio_store_sqlite::SqliteStore;
use fastrand::Rng;
use postgres_server::Server;

use crate::common::open;

const FIRMS: [&str; 3] = ["f", "f1", "F"];
const COLLECTIONS: [&str; 2] = ["job", "jo"];
/// By their bytes in another order than in a dictionary.
const IDS: [&str; 9] = ["", "A", "a", "B", "b", "a/1", "a\u{e9}", "\u{1F5C4}", "\u{fffd}"];
const HOUR: Duration = Duration::from_secs(3600);

/// A store, and when each record was written there: due times are compared with that.
struct Tried {
    store: Arc<dyn Store>,
    written: BTreeMap<Key, Timestamp>,
}

/// A record without its clock: how long after its commit it is due.
type Seen = (Key, Version, Option<i64>, String);

impl Tried {
    async fn commit(&mut self, writes: &[Write]) -> bool {
        let Commit::Done { at } = self.store.commit(writes).await.unwrap() else { return false };
        for write in writes {
            if let Write::Put { key, .. } = write {
                self.written.insert(key.clone(), at);
            }
        }
        true
    }

    async fn scan(&self, scan: &Scan) -> Vec<Seen> {
        let found = self.store.scan(scan).await.unwrap();
        assert!(scan.is_answered_by(&found), "{scan:?} {found:?}");
        found.into_iter().map(|record| self.seen(record)).collect()
    }

    async fn get(&self, key: &Key) -> Option<Seen> {
        self.store.get(key).await.unwrap().map(|record| self.seen(record))
    }

    fn seen(&self, record: Record) -> Seen {
        let due = record.due_at.map(|due| due.millis_since(self.written[&record.key]));
        (record.key, record.version, due, record.body)
    }
}

fn key(rng: &mut Rng) -> Key {
    let id = format!("x{}", rng.choice(IDS).unwrap());
    Key::new(&FirmId::new(rng.choice(FIRMS).unwrap()).unwrap(), rng.choice(COLLECTIONS).unwrap(), id)
}

/// Mostly what is there, so that most commits are done.
fn expect(rng: &mut Rng, known: &BTreeMap<Key, Version>, key: &Key) -> Expect {
    let there = known.get(key).map_or(Expect::Absent, |version| Expect::Version(version.clone()));
    match rng.u32(..20) {
        0 => Expect::Absent,
        1 => Expect::Version(Version(String::from("another"))),
        _ => there,
    }
}

fn write(rng: &mut Rng, known: &BTreeMap<Key, Version>, n: usize) -> Write {
    let key = key(rng);
    match (rng.u32(..10), expect(rng, known, &key)) {
        (0, expect) => Write::Check { key, expect },
        (1..=3, Expect::Version(version)) => Write::Delete { key, version },
        (_, expect) => {
            let due_in = *rng.choice(&[None, Some(Duration::ZERO), Some(HOUR), Some(Duration::MAX)]).unwrap();
            // What 64 bits cannot say differs in how it is cut off.
            let due_in = due_in.map(|due_in| due_in.min(HOUR * 24 * 36_500));
            let version = Version(format!("v{n}/{}", rng.u32(..)));
            Write::Put { key, expect, version, due_in, body: format!("{{\"n\": {n}}}") }
        }
    }
}

fn scan(rng: &mut Rng) -> Scan {
    let Key { firm, collection, id } = key(rng);
    match rng.u32(..3) {
        // Without a limit: which of two that are due in one millisecond comes first is nobody's
        // promise.
        0 => Scan::Due { firm: rng.bool().then_some(firm), collection, limit: usize::MAX },
        _ => {
            let from = if rng.bool() { String::new() } else { id };
            let until = rng.bool().then(|| key(rng).id);
            let order = if rng.bool() { Order::Ascending } else { Order::Descending };
            let limit = *rng.choice(&[0, 1, 3, 100]).unwrap();
            Scan::Ids { firm, collection, from, until, order, limit }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_random_operations_have_the_same_answers_in_memory_sqlite_and_postgresql() {
    let Some(server) = Server::shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let stores: [Arc<dyn Store>; 3] = [
        Arc::new(MemoryStore::new(Arc::new(TokioRuntime))),
        Arc::new(SqliteStore::open(folder.path().join("store.db")).await.unwrap()),
        Arc::new(open(&server.database()).await),
    ];
    let mut tried = stores.map(|store| Tried { store, written: BTreeMap::new() });
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let (mut rng, mut known, mut done) = (Rng::with_seed(seed), BTreeMap::new(), 0);
    for n in 0..800 {
        let mut writes = Vec::new();
        for _ in 0..rng.usize(..4) {
            writes.push(write(&mut rng, &known, n));
        }
        writes.sort_by(|one: &Write, other| one.key().cmp(other.key()));
        writes.dedup_by(|one, other| one.key() == other.key());
        rng.shuffle(&mut writes);
        let (what, of) = (scan(&mut rng), key(&mut rng));
        let mut answers = Vec::new();
        for one in &mut tried {
            let done = one.commit(&writes).await;
            let mut found = one.scan(&what).await;
            if matches!(what, Scan::Due { .. }) {
                found.sort_by(|one, other| one.0.cmp(&other.0));
            }
            answers.push((done, found, one.get(&of).await));
        }
        assert!(answers[0] == answers[1], "seed {seed}, turn {n}, SQLite: {writes:?} {what:?} {of:?} {answers:?}");
        assert!(answers[0] == answers[2], "seed {seed}, turn {n}, PostgreSQL: {writes:?} {what:?} {of:?} {answers:?}");
        if answers[0].0 {
            done += 1;
            for write in writes {
                match write {
                    Write::Put { key, version, .. } => drop(known.insert(key, version)),
                    Write::Delete { key, .. } => drop(known.remove(&key)),
                    Write::Check { .. } => {}
                }
            }
        }
    }
    assert!((300..780).contains(&done), "{done} of 800 commits were done: one side is hardly tried");
}
