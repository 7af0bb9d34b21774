//! Firms in two databases by configuration, and one that moves.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::sync::Arc;

use casehug_clio_runtime_tokio::TokioRuntime;
use casehug_clio_store::StoreLocation;
use postgres_server::{Server, Stop};
use serde_json::{Value, json};

use crate::bench::{Bench, assert_each_once, intake};
use crate::embedded::{admin, builder_on, connect, matter};

/// Has a file say that these firms are in database `b`.
fn plan(bench: &Bench, [a, b]: [&str; 2], firms: &[&str]) {
    let firms: Value =
        firms.iter().map(|firm| ((*firm).to_owned(), json!("b"))).collect::<serde_json::Map<_, _>>().into();
    let plan = json!({ "databases": { "a": a, "b": b }, "firms": firms, "others": "a" });
    std::fs::write(bench.folder.path().join("shards.json"), plan.to_string()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn firms_live_in_two_databases_and_one_moves_from_one_to_the_other() {
    let Some(server) = Server::shared() else { return };
    let (a, b) = (server.database(), server.database());
    let bench = Bench::new().await;
    let line = format!("shards:{}", bench.folder.path().join("shards.json").display());
    let bench = Bench { server: Some(line), ..bench };
    plan(&bench, [&a, &b], &["firm_2"]);
    for firm in ["firm_1", "firm_2"] {
        bench.matter_of(firm, "m1", &intake("m1", "c1", Some("zyx.qwertz@example.test"), &["d1"]));
        let mut program = bench.program_of(firm);
        let output = tokio::task::spawn_blocking(move || program.output().unwrap()).await.unwrap();
        assert!(output.status.success(), "{firm}");
    }
    let firms =
        |database: &str| server.sql(database, "SELECT string_agg(DISTINCT firm, ' ') FROM casehug_clio.records");
    assert_eq!((firms(&a).as_str(), firms(&b).as_str()), ("firm_1", "firm_2"));

    // The file was changed before the records were moved: nothing is created anew.
    plan(&bench, [&a, &b], &["firm_1", "firm_2"]);
    let before = bench.state();
    let (output, report) = bench.run(&["--firm", "firm_1"]).await;
    assert!(!output.status.success());
    assert_eq!(report["error"]["context"]["reason"], "firm_in_another_database", "{report}");
    for of in ["contacts", "matters", "documents"] {
        assert_eq!(bench.state()[of], before[of]);
    }

    // Moved as docs/running.md says.
    let mut copying = bench.command_on(&a);
    copying.args(["--copy-to", &b, "--copy-firm", "firm_1"]);
    assert!(tokio::task::spawn_blocking(move || copying.output().unwrap()).await.unwrap().status.success());
    server.sql(&a, "DELETE FROM casehug_clio.records WHERE firm = 'firm_1'");
    let (output, report) = bench.run(&["--firm", "firm_1"]).await;
    assert!(output.status.success(), "{report}");
    assert_eq!((firms(&a).as_str(), firms(&b).as_str()), ("", "firm_1 firm_2"));
    for of in ["contacts", "matters", "documents"] {
        assert_eq!(bench.state()[of].as_array().unwrap().len(), before[of].as_array().unwrap().len(), "nothing twice");
    }
}

/// Also the one in which all firms are that the file does not name.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_holds_up_no_sync_of_a_firm_of_another_one() {
    let (Some(server), Some(others)) = (Server::shared(), Server::start("")) else { return };
    let bench = Bench::new().await;
    plan(&bench, [&others.database(), &server.database()], &["firm_1"]);
    let line = format!("shards:{}", bench.folder.path().join("shards.json").display());
    let store = line.parse::<StoreLocation>().unwrap().open().await.unwrap().store();
    let sdk = builder_on(bench.sim.url(), &bench, store, Arc::new(TokioRuntime)).build().unwrap();
    for n in 0..3 {
        let email = format!("zyx.qwertz{n}@example.test");
        bench.matter(&format!("m{n}"), &intake(&format!("m{n}"), &format!("c{n}"), Some(&email), &["d1"]));
    }
    connect(&sdk).await;
    others.stop(Stop::Fast);
    for n in 0..3 {
        let report = sdk.firm(&admin()).matters().sync(&matter(&format!("m{n}"))).await.unwrap();
        assert!(report.first_failure().is_none(), "{report:?}");
    }
    assert_each_once(&bench.state(), 3, 3, 3, "with the other database away");
    assert_eq!(sdk.firm(&admin()).connection().health().await.unwrap().last_failure, None);
    sdk.firm(&admin()).connection().end(None).await.unwrap();
    bench.sim.stop();
}
