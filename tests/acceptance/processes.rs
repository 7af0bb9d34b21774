//! Several processes on one database at once, what Clio delivers to all of them, and what an admin
//! must decide.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::time::Duration;

use crate::backend::{Backend, MEMBER};
use crate::bench::{Bench, assert_each_once, intake};
use crate::stopping::send;
use clio_sim::{Action, Config, Fault};
use futures_util::future::{join, join_all};
use postgres_server::Server;
use reqwest::StatusCode;
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

/// Matters of the fleet that hears of them.
const MATTERS: usize = 12;
const SERVICES: usize = 3;

/// Services on one database behind one public URL, and the subscription that Clio delivers by.
struct Fleet {
    services: Vec<Backend>,
    hook: Value,
    secret: String,
}

impl Fleet {
    /// Connected, and with all matters synced. From then on only tests deliver.
    async fn start(bench: &Bench) -> (Self, Vec<i64>) {
        let ids: Vec<String> = (0..MATTERS).map(|n| format!("m{n}")).collect();
        ids.iter().for_each(|id| bench.matter(id, &intake(id, &format!("c{id}"), None, &[])));
        let first = Backend::start(bench);
        first.connected().await;
        for id in &ids {
            first.post(&format!("/matters/{id}/sync"), MEMBER, json!({})).await;
        }
        let mut clio = Vec::new();
        for id in &ids {
            clio.push(first.arrived(id).await);
        }
        bench.sim.model().config_mut().hook_delay_ms = 3_600_000;
        let public = first.url().to_owned();
        let others =
            (1..SERVICES).map(|_| Backend::start_with(bench, &["--listen", "127.0.0.1:0", "--public-url", &public]));
        let services = core::iter::once(first).chain(others).collect();
        let hook = bench.state()["webhooks"][0].clone();
        let secret = bench.sim.model().webhook_secrets().remove(0);
        // Clio's times are whole seconds.
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        (Self { services, hook, secret }, clio)
    }

    /// Twice to each of them, all at once. Whoever lives until it has answered has recorded it.
    async fn deliver(&self, body: &Value) -> Vec<Option<StatusCode>> {
        let twice = self.services.iter().chain(&self.services);
        join_all(twice.map(|service| service.try_deliver(&self.hook, &self.secret, body))).await
    }

    /// SIGKILL, and another one at the same address.
    fn replace(&mut self, n: usize, bench: &Bench) {
        let public = self.hook["url"].as_str().unwrap().split_once("/webhooks/").unwrap().0.to_owned();
        let killed = self.services.remove(n);
        let address = killed.address().to_owned();
        killed.kill();
        let another = Backend::start_with(bench, &["--listen", &address, "--public-url", &public]);
        self.services.insert(n, another);
    }
}

/// Records of a collection of which this is true, of all firms.
fn count(server: &Server, bench: &Bench, collection: &str, filter: &str) -> usize {
    let count = format!("SELECT count(*) FROM casehug_clio.records WHERE collection = '{collection}' AND {filter}");
    server.sql(bench.server.as_deref().unwrap(), &count).parse().unwrap()
}

async fn bench_of_hooks(server: &Server) -> Bench {
    let config = Config { rate_limit: 1_000_000, http_webhooks: true, ..Config::default() };
    Bench { server: Some(server.database()), ..Bench::with(config).await }
}

/// Clio delivers again what was not answered, and a balancer may give it to another process; and
/// processes die.
#[tokio::test(flavor = "multi_thread")]
async fn what_clio_delivers_to_several_processes_that_are_killed_is_applied_and_told_once() {
    let Some(server) = Server::shared() else { return };
    let bench = bench_of_hooks(server).await;
    let (mut fleet, clio) = Fleet::start(&bench).await;
    fleet.services[0].events_soon("").await;
    let before = [fleet.services[0].audit("webhook_received").await.len(), count(server, &bench, "webhook-in", "true")];
    for (n, clio) in clio.iter().enumerate() {
        bench.edit("matters", *clio, &json!({ "status": "closed" }));
        let matters = bench.state()["matters"].clone();
        let matter = matters.as_array().unwrap().iter().find(|matter| matter["id"] == *clio).unwrap().clone();
        let body = json!({ "data": { "id": clio, "status": "Closed", "updated_at": matter["updated_at"] },
            "meta": { "event": "matter_closed", "webhook_id": 1 } });
        let victim = n % SERVICES;
        let pid = fleet.services[victim].pid();
        let kill = async {
            tokio::time::sleep(Duration::from_millis(3 * n as u64)).await;
            send("-KILL", pid);
        };
        let (answers, ()) = join(fleet.deliver(&body), kill).await;
        for (service, answer) in answers.into_iter().enumerate() {
            let lived = service % SERVICES != victim;
            assert!(answer.map_or(!lived, |status| status == 200), "{service}: {answer:?}");
        }
        fleet.replace(victim, &bench);
        // What was not answered comes again.
        assert!(fleet.deliver(&body).await.iter().all(|answer| *answer == Some(StatusCode::OK)));
    }
    let service = &fleet.services[0];
    let applied = "body::json ->> 'applied' = 'true'";
    service.until("applied", async || count(server, &bench, "webhook-in", applied) - before[1] >= MATTERS).await;
    assert_eq!(count(server, &bench, "webhook-in", "true") - before[1], MATTERS, "each is recorded once");
    let mut told = service.events("matter_status", MATTERS).await;
    told.extend(service.events_soon("matter_status").await);
    let mut told: Vec<&str> = told.iter().map(|event| event["clio_matter"].as_str().unwrap()).collect();
    told.sort_unstable();
    let mut all: Vec<String> = clio.iter().map(i64::to_string).collect();
    all.sort_unstable();
    assert_eq!(told, all, "each is told once");
    assert_eq!(service.audit("webhook_received").await.len() - before[0], MATTERS, "and audited once");
    bench.sim.stop();
}

/// A deletion is asked after in Clio, and so is what a poll is for: by one process each time.
#[tokio::test(flavor = "multi_thread")]
async fn of_several_processes_one_has_a_delivery_and_one_a_maintenance_task() {
    let Some(server) = Server::shared() else { return };
    let bench = bench_of_hooks(server).await;
    let (fleet, clio) = Fleet::start(&bench).await;
    let asked = |route: &str| bench.state()["calls"]["by_route"][route].as_u64().unwrap_or_default();
    let before = asked("GET /matters/{id}");
    for id in &clio {
        let body = json!({ "data": { "id": id }, "meta": { "event": "deleted", "webhook_id": 1 } });
        assert!(fleet.deliver(&body).await.iter().all(|answer| *answer == Some(StatusCode::OK)));
    }
    let waiting = "body::json ->> 'applied' IS NULL";
    fleet.services[0].until("applied", async || count(server, &bench, "webhook-in", waiting) == 0).await;
    assert_eq!(asked("GET /matters/{id}") - before, MATTERS as u64, "each is asked after once");

    let polled = asked("GET /matters");
    for n in 1..=10 {
        // All hear of it in the same moment.
        let due =
            "UPDATE casehug_clio.records SET due_at = casehug_clio.now_ms() WHERE collection = 'chore' AND id = 'poll';
                   SELECT pg_notify('casehug_clio', 'another process')";
        server.sql(bench.server.as_deref().unwrap(), due);
        fleet.services[0].until("a poll", async || asked("GET /matters") - polled >= n).await;
        // It is written down before the next one is asked for: a lease lasts ten minutes.
        let done = "id = 'poll' AND due_at > casehug_clio.now_ms() + 700000";
        fleet.services[0].until("its end", async || count(server, &bench, "chore", done) == 1).await;
        // Whoever else were to poll has by then.
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(asked("GET /matters") - polled, n, "one process polls");
    }
    bench.sim.stop();
}
