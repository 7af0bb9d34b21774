//! What the server sees: no named statement, no scan of the whole table, and no commit that is not
//! durable.

use std::time::Duration;

use casehug_clio::FirmId;
use casehug_clio::ports::{Expect, Row, RowKey, Rows as _, Scan, Store as _};
use postgres_server::Server;

use crate::common::{at, body, check, ids, is_done, key, open, put, put_due, put_new};
use crate::hints::hears;

/// The statements that were named, of all that the server has logged of a database; and how many
/// there were.
fn named(log: &str) -> (Vec<&str>, usize) {
    let steps = log.lines().filter_map(|line| {
        let (_, step) = line.split_once(" ms  ")?;
        ["parse ", "bind ", "execute "].iter().find_map(|kind| step.strip_prefix(kind))
    });
    let steps: Vec<&str> = steps.collect();
    (steps.iter().copied().filter(|step| !step.starts_with("<unnamed>")).collect(), steps.len())
}

#[tokio::test]
async fn the_server_sees_no_named_statement() {
    let Some(server) = Server::shared() else { return };
    let url = server.database();
    let name = url.rsplit('/').next().unwrap();
    server.sql(&url, &format!("ALTER DATABASE {name} SET log_min_duration_statement = 0"));
    let store = open(&url).await;
    assert!(is_done(&store, &[put_new("a", "x"), put_new("b", "x")]).await);
    assert!(!is_done(&store, &[put("a", at("v9"), "v2", "x")]).await);
    assert!(is_done(&store, &[put("a", at("v1"), "v2", "x"), check("b", at("v1")), check("c", Expect::Absent)]).await);
    assert_eq!((body(&store, "a").await.as_deref(), ids(&store).await.len()), (Some("x"), 2));
    for firm in [None, Some(FirmId::new("firm_1").unwrap())] {
        store.scan(&Scan::Due { firm, collection: "test", limit: 10 }).await.unwrap();
    }
    let found = store.get_many(&[key("b"), key("c"), key("a")]).await.unwrap();
    assert_eq!(found.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, true]);
    // For copying.
    let place = |id: &str| RowKey { firm: "firm_1".into(), collection: "test".into(), id: id.into() };
    store.insert_rows(&[Row { key: place("d"), version: "v1".into(), due_at: None, body: "x".into() }]).await.unwrap();
    for (firm, after, rows) in [(None, place(""), 3), (Some(key("").firm), place("a"), 2)] {
        assert_eq!(store.rows_after(firm.as_ref(), &after, 10).await.unwrap().len(), rows);
    }
    // Hints: another store listens, and is told.
    let other = open(&url).await;
    assert!(hears(&other, Duration::from_secs(10)).await, "it listens");
    let hint = other.due_elsewhere();
    assert!(is_done(&store, &[put_due("e")]).await);
    tokio::time::timeout(Duration::from_secs(10), hint).await.expect("told");

    // The server logs a statement when it is through, and that may be after its answer was read.
    let covered = [
        "unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY",
        "INSERT INTO casehug_clio.records",
        "(firm, collection, id) >",
        "pg_notify",
        "LISTEN casehug_clio",
    ];
    let all_logged = async || {
        while !covered.iter().all(|part| server.log_of(&url).contains(part)) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let logged = tokio::time::timeout(Duration::from_secs(10), all_logged()).await;
    let log = server.log_of(&url);
    assert!(logged.is_ok(), "a statement is not in the log\n{log}");
    let (found, all) = named(&log);
    assert!(found.is_empty() && all > 40, "{all} steps: {found:?}\n{log}");

    // That the log would show one.
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client.query("SELECT 1", &[]).await.unwrap();
    assert!(!named(&server.log_of(&url)).0.is_empty());
}

#[tokio::test]
async fn every_read_is_a_search_in_an_index_without_a_sort() {
    let Some(server) = Server::shared() else { return };
    let url = server.database();
    drop(open(&url).await);
    let rows = "INSERT INTO casehug_clio.records SELECT 'firm_' || n % 5, 'c' || n % 4, n::text, 'v', CASE WHEN n % 3 = 0 THEN n END, 'x'
                FROM generate_series(1, 20000) n; ANALYZE casehug_clio.records";
    server.sql(&url, rows);
    for (sql, parameters, index) in [
        (include_str!("../../sql/get.sql"), &["'firm_1'", "'c1'", "'5'"][..], "records_pkey"),
        (include_str!("../../sql/get_many.sql"), &["'{firm_1,firm_2}'", "'{c1,c2}'", "'{1,2}'"], "records_pkey"),
        (include_str!("../../sql/rows_after.sql"), &["''", "''", "''", "NULL", "10"], "records_pkey"),
        (include_str!("../../sql/rows_after.sql"), &["'firm_1'", "'c1'", "'5'", "'firm_1'", "10"], "records_pkey"),
        (include_str!("../../sql/scan_ascending.sql"), &["'firm_1'", "'c1'", "''", "NULL", "10"], "records_pkey"),
        (include_str!("../../sql/scan_ascending.sql"), &["'firm_1'", "'c1'", "'5'", "'6'", "10"], "records_pkey"),
        (include_str!("../../sql/scan_descending.sql"), &["'firm_1'", "'c1'", "''", "'6'", "10"], "records_pkey"),
        (include_str!("../../sql/due_of_all.sql"), &["'c1'", "10"], "records_due"),
        (include_str!("../../sql/due_of_firm.sql"), &["'c1'", "'firm_1'", "10"], "records_due"),
    ] {
        let mut sql = sql.to_owned();
        for (n, parameter) in parameters.iter().enumerate().rev() {
            sql = sql.replace(&format!("${}", n + 1), parameter);
        }
        let plan = server.sql(&url, &format!("EXPLAIN {sql}"));
        assert!(plan.contains(index) && !plan.contains("Sort") && !plan.contains("Seq Scan"), "{sql}\n{plan}");
    }
}

/// Whatever the database's default is; and behind a transaction that somebody else began.
#[tokio::test]
async fn a_commit_is_durable_in_a_database_that_would_rather_be_fast() {
    let Some(server) = Server::shared() else { return };
    let url = server.database();
    drop(open(&url).await);
    let commit =
        "SELECT casehug_clio.commit('{f}', '{c}', '{1}', '{put}', '{NULL}', '{v}', '{NULL}', '{x}') IS NOT NULL";
    let told = server.sql(
        &url,
        &format!("SET synchronous_commit = off; BEGIN; {commit}; SHOW synchronous_commit; SHOW lock_timeout; COMMIT"),
    );
    assert_eq!(told, "t\non\n10s");
    let told = server.sql(
        &url,
        "BEGIN; SELECT casehug_clio.commit('{}','{}','{}','{}','{}','{}','{}','{}') > 0; SHOW synchronous_commit",
    );
    assert_eq!(told, "t\non");
}
