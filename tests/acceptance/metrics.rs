//! The numbers that the example service gives to Prometheus: each that the documentation names,
//! true, and without client data.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use clio_sim::{Action, Config, Fault};

use crate::backend::Backend;
use crate::bench::{Bench, intake};

/// The sum of a number over all labels that hold `with`.
fn sum(metrics: &str, name: &str, with: &str) -> f64 {
    let lines = metrics.lines().filter(|line| line.starts_with(&format!("casehug_clio_{name}")) && line.contains(with));
    lines.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_counted_is_what_happened() {
    let bench = Bench::with(Config { rate_limit: 1_000_000, http_webhooks: true, ..Config::default() }).await;
    bench.matter("m1", &intake("m1", "c1", Some("zyx.qwertz@example.test"), &["d1", "d2"]));
    let service = Backend::start(&bench);
    service.connected().await;
    let before = service.metrics().await;
    let unavailable = Action::Status { status: 503, html: false, executed: false, retry_after: None };
    bench.sim.model().add_fault(Fault::new("POST", "/api/v4/matters", unavailable));
    service.synced("m1").await;
    let after = service.metrics().await;
    let more = |name: &str, with: &str| sum(&after, name, with) - sum(&before, name, with);
    let created = |resource: &str, code: &str| {
        more("calls_total", &format!("method=\"POST\",resource=\"{resource}\",code=\"{code}\""))
    };
    assert_eq!((created("contacts", "ok"), created("documents", "ok")), (1.0, 2.0), "{after}");
    assert_eq!((created("matters", "ok"), created("matters", "clio_unavailable")), (1.0, 1.0), "{after}");
    assert_eq!(
        more("call_duration_seconds_count", "resource=\"contacts\""),
        more("calls_total", "resource=\"contacts\"")
    );
    assert_eq!(more("operation_duration_seconds_count", "trigger_sync"), 1.0);
    assert!(more("store_calls_total", "name=\"commit\",outcome=\"ok\"") >= 5.0);
    service.assert_told_nothing(&bench);
    let documented = include_str!("../../docs/running.md");
    let names = documented
        .split('`')
        .filter(|name| name.starts_with("casehug_clio_") && !name.contains(' '))
        .filter(|name| name.ends_with("_total") || name.ends_with("_seconds"));
    let missing: Vec<&str> = names.filter(|name| !after.contains(name.trim_end_matches("_total"))).collect();
    assert!(missing.is_empty(), "{missing:?} in {after}");
}
