//! What the server sees: no named statement, no scan of the whole table, and no commit that is not
//! durable.

use casehug_clio::FirmId;
use casehug_clio::ports::{Expect, Scan, Store as _};
use postgres_server::Server;

use crate::common::{at, body, check, ids, is_done, open, put, put_new};

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
    let log = server.log_of(&url);
    let (found, all) = named(&log);
    assert!(found.is_empty() && all > 20, "{all} steps: {found:?}\n{log}");

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
    assert_eq!(told, "t\nlocal\n10s");
    let told = server.sql(
        &url,
        "BEGIN; SELECT casehug_clio.commit('{}','{}','{}','{}','{}','{}','{}','{}') > 0; SHOW synchronous_commit",
    );
    assert_eq!(told, "t\non");
}
