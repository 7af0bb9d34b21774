//! Opening: who may, what is refused and with which words, and migrations while others work.

use casehug_clio::Retry;
use futures_util::future::join_all;
use postgres_server::Server;

use crate::common::{ids, is_done, open, put_new, refusal, try_open};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_that_open_an_empty_database_at_once_all_get_in() {
    let Some(server) = Server::shared() else { return };
    let url = server.database();
    for opened in join_all((0..8).map(|_| try_open(&url))).await {
        opened.unwrap();
    }
    assert_eq!(server.sql(&url, "SELECT version FROM casehug_clio.schema_version"), "3");
}

/// What the README tells an administrator to do.
#[tokio::test]
async fn a_role_that_may_only_read_and_write_works_once_the_schema_is_there() {
    let Some(server) = Server::shared() else { return };
    let url = server.database();
    server.sql(&url, "CREATE ROLE worker LOGIN");
    let as_worker = url.replace("postgres@", "worker@");
    assert_eq!(refusal(&as_worker).await, ("store_open_failed", String::from("schema_missing")));
    drop(open(&url).await);
    assert_eq!(refusal(&as_worker).await, ("store_open_failed", String::from("permission")));
    server.sql(&url, include_str!("../../sql/grants.sql"));
    server.sql(&url, "GRANT casehug_clio_worker TO worker");
    let store = open(&as_worker).await;
    assert!(is_done(&store, &[put_new("a", "x")]).await);
    assert_eq!(ids(&store).await, ["a"]);
    let may = "SELECT has_schema_privilege('worker', 'casehug_clio', 'CREATE'), has_table_privilege('worker', 'casehug_clio.records', 'TRUNCATE')";
    assert_eq!(server.sql(&url, may), "f|f");
    let may =
        |table: &str| format!("SELECT has_table_privilege('casehug_clio_operator', 'casehug_clio.{table}', 'SELECT')");
    let asked = ["links", "sync_log", "audit_log", "records"].map(|table| server.sql(&url, &may(table)));
    assert_eq!(asked, ["t", "t", "t", "f"]);
}

/// The schema of the release before is taken further, and processes of that release go on.
#[tokio::test]
async fn a_schema_of_the_release_before_gets_its_views() {
    let Some(server) = Server::shared() else { return };
    let url = server.database();
    server.sql(&url, "CREATE SCHEMA casehug_clio");
    server.sql(&url, include_str!("../../sql/0001_records.sql"));
    let store = open(&url).await;
    assert!(is_done(&store, &[put_new("a", "x")]).await);
    assert_eq!(server.sql(&url, "SELECT count(*) FROM casehug_clio.links"), "0");
    assert_eq!(server.sql(&url, "SELECT version, oldest FROM casehug_clio.schema_version"), "3|1");
}

/// Where the application's role may not make schemas, an administrator makes an empty one for it.
#[tokio::test]
async fn an_empty_schema_that_an_administrator_made_is_filled() {
    let Some(server) = Server::shared() else { return };
    let url = server.database();
    server.sql(&url, "CREATE ROLE owner LOGIN; CREATE SCHEMA casehug_clio AUTHORIZATION owner");
    let store = open(&url.replace("postgres@", "owner@")).await;
    assert!(is_done(&store, &[put_new("a", "x")]).await);
}

#[tokio::test]
async fn a_schema_of_another_program_and_one_that_this_sdk_is_too_old_for_are_refused() {
    let Some(server) = Server::shared() else { return };
    let url = server.database();
    server.sql(&url, "CREATE SCHEMA casehug_clio CREATE TABLE theirs (n integer)");
    assert_eq!(refusal(&url).await, ("store_open_failed", String::from("not_ours")));
    assert_eq!(
        server.sql(&url, "SELECT count(*) FROM pg_class WHERE relnamespace = 'casehug_clio'::regnamespace"),
        "1"
    );

    let url = server.database();
    let before = open(&url).await;
    // A newer SDK added something: this one goes on, and may be started again.
    server.sql(&url, "UPDATE casehug_clio.schema_version SET version = 7");
    assert!(is_done(&before, &[put_new("a", "x")]).await);
    open(&url).await;
    // And then took away what this one needs.
    server.sql(&url, "UPDATE casehug_clio.schema_version SET oldest = 7");
    assert_eq!(refusal(&url).await, ("store_open_failed", String::from("newer_schema")));
}

#[tokio::test]
async fn a_database_that_is_not_fit_is_refused_by_name() {
    let Some(server) = Server::shared() else { return };
    let url = server.database();
    let elsewhere = |database: &str| server.url(database);
    assert_eq!(refusal(&elsewhere("nowhere")).await, ("store_open_failed", String::from("database_missing")));
    server
        .sql("postgres", "CREATE DATABASE ascii TEMPLATE template0 ENCODING SQL_ASCII LOCALE_PROVIDER libc LOCALE 'C'");
    assert_eq!(refusal(&elsewhere("ascii")).await, ("store_open_failed", String::from("not_utf8")));
    server.sql(&url, "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); END $$");
    for parameters in ["", "?target_session_attrs=any"] {
        assert_eq!(refusal(&format!("{url}{parameters}")).await, ("store_open_failed", String::from("read_only")));
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_may_be_tried_again_and_a_wrong_password_may_not() {
    let Some(server) = Server::shared() else { return };
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = try_open(&format!("postgres://postgres@127.0.0.1:{nobody}/x")).await.unwrap_err();
    assert_eq!((error.get("reason"), error.retry()), (Some("unreachable"), Retry::Retry));

    let url = server.database();
    server.sql(&url, "CREATE ROLE with_password LOGIN PASSWORD 'hunter2-right' SUPERUSER");
    server.allow("host all with_password all scram-sha-256");
    let with = |password: &str| url.replace("postgres@", &format!("with_password:{password}@"));
    for address in [with("hunter2"), url.replace("postgres@", "with_password@")] {
        assert_eq!(refusal(&address).await, ("store_open_failed", String::from("login")));
    }
    assert_eq!(try_open(&with("hunter2")).await.unwrap_err().retry(), Retry::Never);
    let store = open(&with("hunter2-right")).await;
    assert!(!format!("{store:?}").contains("hunter2"));
}
