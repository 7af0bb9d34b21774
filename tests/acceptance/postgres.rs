//! The tools on PostgreSQL: one line chooses it, and nothing else changes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::process::{Command, Output};

use clio_sim::Config;
use postgres_server::Server;

use crate::backend::Backend;
use crate::bench::{self, Bench, assert_each_once, assert_no_client_data, intake};

/// Their password is nobody's business: not in arguments, not in what they say.
const PASSWORD: &str = "hunter2-of-the-database";

async fn bench_on(server: &Server) -> Bench {
    let config = Config { rate_limit: 1_000_000, http_webhooks: true, ..Config::default() };
    Bench { server: Some(server.database()), ..Bench::with(config).await }
}

fn assert_told_nothing(output: &Output) {
    for said in [&output.stdout, &output.stderr] {
        assert_no_client_data(said, "what the program says");
        let said = String::from_utf8_lossy(said);
        assert!(!said.contains(PASSWORD) && !said.contains("postgres://"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sync_intake_on_postgresql_syncs_once_from_several_processes() {
    let Some(server) = Server::shared() else { return };
    let bench = bench_on(server).await;
    std::fs::create_dir_all(bench.intakes()).unwrap();
    assert!(bench.run(&[]).await.0.status.success(), "connected");
    for id in ["m1", "m2", "m3"] {
        bench.matter(id, &intake(id, "c1", Some("zyx.qwertz@example.test"), &["d1", "d2"]));
    }
    let reports = tokio::join!(bench.run(&[]), bench.run(&["--matter", "m1"]), bench.run(&["--matter", "m2"]));
    for (output, report) in [reports.0, reports.1, reports.2] {
        assert!(output.status.success(), "{report:#}");
        assert_told_nothing(&output);
    }
    assert_each_once(&bench.state(), 1, 3, 6, "three processes");
    assert_eq!(bench.run(&[]).await.1["calls"], 0);
    let ask = |statement: &str| server.sql(bench.server.as_deref().unwrap(), statement);
    let links = ask("SELECT kind, count(clio), count(linked_at) FROM casehug_clio.links GROUP BY kind ORDER BY kind");
    assert_eq!(links, "contact|1|1\ndocument|6|6\nmatter|3|3");
    assert_eq!(
        ask(
            "SELECT count(DISTINCT matter) FROM casehug_clio.sync_log WHERE status = 'succeeded' AND ended_at >= started_at"
        ),
        "3"
    );
    let audited = ask("SELECT count(*) FROM casehug_clio.audit_log WHERE action = 'matter_created' AND at < now()");
    assert_eq!(audited, "3");
    let dump = server.sql(bench.server.as_deref().unwrap(), "SELECT * FROM casehug_clio.records");
    assert!(dump.len() > 1000);
    assert_no_client_data(dump.as_bytes(), "the database");
    bench.sim.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_password_comes_from_the_environment_and_is_never_told() {
    let Some(server) = Server::shared() else { return };
    let bench = bench_on(server).await;
    std::fs::create_dir_all(bench.intakes()).unwrap();
    let url = bench.server.as_deref().unwrap();
    server.sql(url, &format!("CREATE ROLE with_password LOGIN SUPERUSER PASSWORD '{PASSWORD}'"));
    server.allow("host all with_password all scram-sha-256");
    let as_role = |password: &str| url.replace("postgres@", &format!("with_password{password}@"));
    let tool = |url: &str, password: Option<&str>| {
        let mut tool: Command = bench.command_on(url);
        if let Some(password) = password {
            tool.env("CASEHUG_CLIO_DB_PASSWORD", password);
        }
        let output = tool.output().unwrap();
        assert_told_nothing(&output);
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (without, wrong) = (tool(&as_role(""), None), tool(&as_role(&format!(":{PASSWORD}-not")), None));
    for (done, said) in [&without, &wrong] {
        assert!(!done && said.contains("store_open_failed") && said.contains("login"), "{said}");
    }
    assert!(tool(&as_role(""), Some(PASSWORD)).0);
    for (line, code) in [
        (format!("postgres://u:{PASSWORD}@192.0.2.7/d?sslmode=disable"), "tls_refused"),
        (format!("mysql://u:{PASSWORD}@h/d"), "setting_invalid"),
    ] {
        let (done, said) = tool(&line, None);
        assert!(!done && said.contains(code), "{said}");
    }
    let backup = Command::new(bench::PROGRAM).args(["--json", "--db", url, "--backup", "x"]).output().unwrap();
    assert!(String::from_utf8_lossy(&backup.stdout).contains("database_server"), "PostgreSQL has its own ways");
    bench.sim.stop();
}

/// What a host does that outgrows one machine.
#[tokio::test(flavor = "multi_thread")]
async fn a_firm_moves_from_sqlite_to_postgresql_and_nothing_is_sent_again() {
    let Some(server) = Server::shared() else { return };
    let mut bench = Bench::new().await;
    for id in ["m1", "m2"] {
        bench.matter(id, &intake(id, "c1", Some("zyx.qwertz@example.test"), &["d1"]));
    }
    assert!(bench.run(&[]).await.0.status.success());
    let (old, new) = (bench.database("sync.db"), server.database());
    let copy = |to: &str, firm: &[&str]| {
        let mut tool = Command::new(bench::PROGRAM);
        let output = tool.args(["--json", "--db", &old, "--copy-to", to]).args(firm).output().unwrap();
        assert_told_nothing(&output);
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    };
    let copied = copy(&new, &["--copy-firm", "firm_demo"]);
    assert!(copied["ok"] == true && copied["records"].as_u64().unwrap() > 10, "{copied}");
    assert_eq!(copy(&new, &[])["error"]["code"], "copy_failed", "it is not empty any more");
    bench.server = Some(new);
    bench.matter("m3", &intake("m3", "c1", Some("zyx.qwertz@example.test"), &["d1"]));
    let (output, report) = bench.run(&[]).await;
    assert!(output.status.success(), "{report:#}");
    assert_each_once(&bench.state(), 1, 3, 3, "after the move");
    assert_eq!(bench.run(&[]).await.1["calls"], 0);
    bench.sim.stop();
}

/// Each call of the port is one statement, so one round trip to a database that may be a building
/// away.
#[tokio::test(flavor = "multi_thread")]
async fn a_matter_of_three_documents_takes_few_statements() {
    let Some(server) = Server::shared() else { return };
    let bench = bench_on(server).await;
    let url = bench.server.as_deref().unwrap();
    std::fs::create_dir_all(bench.intakes()).unwrap();
    assert!(bench.run(&[]).await.0.status.success(), "connected");
    let name = url.rsplit('/').next().unwrap();
    server.sql(url, &format!("ALTER DATABASE {name} SET log_min_duration_statement = 0"));
    let mut counts = Vec::new();
    for (first, last) in [(0, 0), (1, 10)] {
        for n in first..=last {
            bench.matter(&format!("m{n}"), &intake(&format!("m{n}"), &format!("c{n}"), None, &["d1", "d2", "d3"]));
        }
        let before = statements(&server.log_of(url));
        assert!(bench.run(&[]).await.0.status.success());
        let after = statements(&server.log_of(url));
        counts.push((after.0 - before.0, after.1 - before.1));
    }
    // Beside one matter in the first run, ten in the second: of nine more.
    let (reads, commits) = ((counts[1].0 - counts[0].0) / 9, (counts[1].1 - counts[0].1) / 9);
    let kept = "SELECT count(*), sum(pg_column_size(r.*)) FROM casehug_clio.records r";
    println!(
        "a matter of three documents: {reads} reads and {commits} commits; rows and bytes of eleven: {}",
        server.sql(url, kept)
    );
    assert!(reads + commits <= 30 && commits <= 12, "more than before: {reads} reads and {commits} commits");
    bench.sim.stop();
}

/// Reads and commits that a log shows.
fn statements(log: &str) -> (usize, usize) {
    let commits = log.matches("execute <unnamed>: -- NULL: conflict.").count();
    (log.matches("execute <unnamed>: ").count() - commits, commits)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_on_postgresql_syncs_and_hears_what_clio_tells() {
    let Some(server) = Server::shared() else { return };
    let bench = bench_on(server).await;
    bench.matter("m1", &intake("m1", "c1", None, &["d1"]));
    let service = Backend::start(&bench);
    service.connected().await;
    let clio = service.synced("m1").await;
    bench.edit("matters", clio, &serde_json::json!({ "status": "closed" }));
    assert_eq!(service.events("matter_status", 1).await[0]["status"], "closed");
    service.assert_told_nothing(&bench);
    bench.sim.stop();
}
