//! Several processes on one database at once, and what an admin must decide.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use crate::bench::{Bench, assert_each_once, intake};
use clio_sim::{Action, Config, Fault};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn programs_on_one_matter_and_on_two_matters_of_one_client_make_nothing_twice() {
    for round in 0..4 {
        let config = Config { rate_limit: 1_000_000, search_delay_ms: 300, ..Config::default() };
        let bench = Bench::with(config).await;
        std::fs::create_dir_all(bench.intakes()).unwrap();
        assert!(bench.run(&[]).await.0.status.success(), "connected");
        let email = (round % 2 == 0).then_some("zyx.qwertz@example.test");
        for id in ["m1", "m2", "m3"] {
            bench.matter(id, &intake(id, "c1", email, &["d1", "d2"]));
        }
        bench.matter("m4", &intake("m4", "c4", Some("zyx.qwertz4@example.test"), &["d1"]));
        let reports = tokio::join!(
            bench.run(&[]),
            bench.run(&["--matter", "m1"]),
            bench.run(&["--matter", "m2"]),
            bench.run(&["--matter", "m1"]),
        );
        for (output, report) in [reports.0, reports.1, reports.2, reports.3] {
            assert!(output.status.success(), "round {round}: {report:#}");
        }
        assert_each_once(&bench.state(), 2, 4, 7, &format!("round {round}"));
        assert_eq!(bench.run(&[]).await.1["calls"], 0);
        bench.sim.stop();
    }
}

/// A matter was created, its answer was lost, and before anybody looked the firm made the very same
/// one by hand: nobody but an admin can tell which is ours.
#[tokio::test(flavor = "multi_thread")]
async fn two_matters_that_fit_an_open_intent_are_for_an_admin_to_decide() {
    let bench = Bench::new().await;
    bench.matter("m1", &intake("m1", "c1", Some("zyx.qwertz@example.test"), &["d1"]));
    bench.matter("m2", &intake("m2", "c2", Some("zyx.qwertz2@example.test"), &["d1"]));
    assert!(bench.run(&["--matter", "m2"]).await.0.status.success(), "connected");
    bench.sim.model().add_fault(Fault::new("POST", "/api/v4/matters", Action::LostAnswer { hang: false }));
    // The program's own look fails until the twin is there.
    let unreachable = Action::Status { status: 503, html: true, executed: false, retry_after: None };
    bench.sim.model().add_fault(Fault::new("GET", "/api/v4/matters", unreachable).times(100));
    let (output, _) = bench.run(&["--matter", "m1"]).await;
    assert_eq!(output.status.code(), Some(4), "in doubt: come back");
    bench.sim.model().clear_faults();
    let ours = bench.state()["matters"][1].clone();
    let mut twin = json!({ "client": { "id": ours["client"]["id"] } });
    for field in ["description", "client_reference"] {
        twin[field] = ours[field].clone();
    }
    if ours["practice_area"].is_object() {
        twin["practice_area"] = json!({ "id": ours["practice_area"]["id"] });
    }
    let now = bench.sim.now();
    bench.sim.model().seed(now, &json!({ "matters": [twin] })).unwrap();

    for _ in 0..2 {
        let (output, report) = bench.run(&[]).await;
        assert_eq!(output.status.code(), Some(3), "a person must decide");
        let steps = &report["matters"][0]["steps"];
        assert_eq!(steps[1]["error"]["code"], "needs_review", "{report:#}");
        assert_eq!(steps[2]["error"]["code"], "step_blocked", "no document goes into a matter that may not be ours");
        assert_eq!(report["matters"][1]["status"], "succeeded", "the others arrive");
        let of_client = |state: &Value, id: &Value| {
            state["matters"].as_array().unwrap().iter().filter(|matter| matter["client"]["id"] == *id).count()
        };
        assert_eq!(of_client(&bench.state(), &ours["client"]["id"]), 2, "and none is made again");
    }
    bench.sim.stop();
}
