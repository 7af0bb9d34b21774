//! A process of the release before reads and writes while a new one brings the schema up to date,
//! in the middle of that, and afterwards.

use std::time::Duration;

use postgres_server::Server;
use tokio::time::timeout;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, NoTls};

use crate::common::{at, body, is_done, open, put, put_new};

/// What the first release sends, as it was: a later change of the files in `sql/` changes nothing
/// in programs that are out there.
const GET: &str = "SELECT firm, id, version, due_at, body FROM casehug_clio.records
    WHERE firm = $1 AND collection = $2 AND id = $3";
const SCAN: &str = "SELECT firm, id, version, due_at, body FROM casehug_clio.records
    WHERE firm = $1 AND collection = $2 AND id >= $3 AND ($4::text IS NULL OR id < $4)
    ORDER BY id LIMIT $5";
const DUE: &str = "SELECT firm, id, version, due_at, body FROM casehug_clio.records
    WHERE collection = $1 AND due_at <= casehug_clio.now_ms()
    ORDER BY due_at LIMIT $2";
const COMMIT: &str = "SELECT casehug_clio.commit($1, $2, $3, $4, $5, $6, $7, $8) AS at";
const VERSION: &str = "SELECT version, oldest FROM casehug_clio.schema_version";

/// Nobody waits for a migration; on a busy machine, not even so long.
const PATIENCE: Duration = Duration::from_secs(5);

type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// A process of the first release.
struct OldProcess(Client);

impl OldProcess {
    async fn start(url: &str) -> Self {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
        tokio::spawn(connection);
        Self(client)
    }

    /// Puts a record in the place of a version, or of none; whether it was done.
    async fn put(&self, id: &str, expected: Option<&str>, version: &str, body: &str) -> bool {
        let (firms, collections, ids) = (["firm_1"], ["test"], [id]);
        let (kinds, expected, versions, due_in, bodies) = (["put"], [expected], [version], [0_i64], [body]);
        let parameters: [Parameter<'_>; 8] = [
            (&firms.as_slice(), Type::TEXT_ARRAY),
            (&collections.as_slice(), Type::TEXT_ARRAY),
            (&ids.as_slice(), Type::TEXT_ARRAY),
            (&kinds.as_slice(), Type::TEXT_ARRAY),
            (&expected.as_slice(), Type::TEXT_ARRAY),
            (&versions.as_slice(), Type::TEXT_ARRAY),
            (&due_in.as_slice(), Type::INT8_ARRAY),
            (&bodies.as_slice(), Type::TEXT_ARRAY),
        ];
        let row = timeout(PATIENCE, self.0.query_typed_one(COMMIT, &parameters)).await.expect("nobody waits").unwrap();
        row.get::<_, Option<i64>>("at").is_some()
    }

    async fn body(&self, id: &str) -> Option<String> {
        let parameters: [Parameter<'_>; 3] = [(&"firm_1", Type::TEXT), (&"test", Type::TEXT), (&id, Type::TEXT)];
        let rows = timeout(PATIENCE, self.0.query_typed(GET, &parameters)).await.expect("nobody waits").unwrap();
        rows.first().map(|row| row.get("body"))
    }

    /// How many records it finds by their ids, and how many that are due.
    async fn found(&self) -> (usize, usize) {
        let (until, limit) = (None::<&str>, 100_i64);
        let parameters: [Parameter<'_>; 5] = [
            (&"firm_1", Type::TEXT),
            (&"test", Type::TEXT),
            (&"", Type::TEXT),
            (&until, Type::TEXT),
            (&limit, Type::INT8),
        ];
        let scanned = timeout(PATIENCE, self.0.query_typed(SCAN, &parameters)).await.expect("nobody waits").unwrap();
        let parameters: [Parameter<'_>; 2] = [(&"test", Type::TEXT), (&limit, Type::INT8)];
        let due = timeout(PATIENCE, self.0.query_typed(DUE, &parameters)).await.expect("nobody waits").unwrap();
        (scanned.len(), due.len())
    }

    /// As it does at its start: the schema must not be too new for it.
    async fn may_start(&self) -> bool {
        let row = timeout(PATIENCE, self.0.query_typed_one(VERSION, &[])).await.expect("nobody waits").unwrap();
        row.get::<_, i32>("version") >= 1 && row.get::<_, i32>("oldest") <= 1
    }

    /// Everything that it does, under names of this stage; `there` records are there before.
    async fn works(&self, stage: &str, there: usize) {
        assert!(self.may_start().await, "{stage}");
        assert!(self.put(stage, None, "v1", "new").await, "{stage}");
        assert!(!self.put(stage, None, "v1", "again").await, "{stage}: a conflict");
        assert!(self.put(stage, Some("v1"), "v2", "changed").await, "{stage}");
        assert_eq!(self.body(stage).await.as_deref(), Some("changed"), "{stage}");
        assert_eq!(self.found().await, (there + 1, there + 1), "{stage}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_of_the_first_release_works_before_during_and_after_a_migration() {
    let Some(server) = Server::shared() else { return };
    let url = server.database();
    server.sql(&url, "CREATE SCHEMA casehug_clio");
    server.sql(&url, include_str!("../../sql/0001_records.sql"));
    let (old, in_transaction) = (OldProcess::start(&url).await, OldProcess::start(&url).await);
    old.works("before", 0).await;
    // It has written, holds its locks until the migration is over, and holds up nobody.
    in_transaction.0.batch_execute("BEGIN").await.unwrap();
    assert!(in_transaction.put("long", None, "v1", "x").await);

    // A migration ends with its number: whoever holds that row stops it there, with all else done.
    let holder = OldProcess::start(&url).await;
    holder.0.batch_execute("BEGIN; SELECT FROM casehug_clio.schema_version FOR UPDATE").await.unwrap();
    let migrating = tokio::spawn({
        let url = url.clone();
        async move { open(&url).await }
    });
    let waiting =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let stopped = async {
        while server.sql(&url, waiting) != "1" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(10), stopped).await.expect("a migration in progress");
    old.works("during", 1).await;
    assert!(in_transaction.put("long", Some("v1"), "v2", "y").await);
    assert!(!migrating.is_finished());
    holder.0.batch_execute("COMMIT").await.unwrap();
    let new = timeout(Duration::from_secs(10), migrating).await.expect("it waits for nobody").unwrap();
    assert_eq!(server.sql(&url, "SELECT version, oldest FROM casehug_clio.schema_version"), "3|1");

    old.works("after", 2).await;
    in_transaction.0.batch_execute("COMMIT").await.unwrap();
    // And each goes on with what the other one wrote.
    for id in ["before", "during", "after", "long"] {
        assert!(is_done(&new, &[put(id, at("v2"), "v3", "of the new one")]).await, "{id}");
        assert!(old.put(id, Some("v3"), "v4", "of the old one").await, "{id}");
        assert_eq!(body(&new, id).await.as_deref(), Some("of the old one"));
    }
    assert!(is_done(&new, &[put_new("new", "x")]).await);
    assert_eq!(old.body("new").await.as_deref(), Some("x"));
}
