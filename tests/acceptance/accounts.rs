//! A firm that moves to another Clio account in another region, and back: what was synced to one is
//! never taken for a record of the other.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use crate::backend::{ADMIN, Backend, MEMBER};
use crate::bench::{Bench, intake};
use clio_sim::{ClioSim, Config};
use serde_json::{Value, json};

fn config(account_id: i64) -> Config {
    let config = Config { rate_limit: 1_000_000, http_webhooks: true, auto_consent: true, ..Config::default() };
    Config { account_id, ..config }
}

fn held(bench: &Bench) -> [usize; 3] {
    let state = bench.state();
    let live = |list: &str| state[list].as_array().unwrap().iter().filter(|one| one["deleted"] != json!(true)).count();
    [live("contacts"), live("matters"), live("documents")]
}

async fn moved(service: &Backend) {
    assert!(service.connect_by("/connect?separate=true", ADMIN).await.0.is_redirection());
    service
        .until("webhooks deliver", async || {
            service.get("/status", ADMIN).await.1["webhooks"]["delivers"] == json!(true)
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_account_gets_links_of_its_own_and_the_earlier_ones_count_again_on_return() {
    let mut bench = Bench::with(config(1)).await;
    bench.matter("m1", &intake("m1", "c1", Some("ana@example.test"), &["d1"]));
    let service = Backend::start(&bench);
    service.connected().await;
    let first = service.synced("m1").await;
    let (status, answer) = service.connect_by("/connect?separate=true", ADMIN).await;
    assert_eq!((status.as_u16(), &answer["error"]["code"]), (409, &json!("disconnect_first")));
    service.post("/disconnect", ADMIN, json!({})).await;
    assert_eq!(service.get("/status", ADMIN).await.1["connection"]["unrevoked"], Value::Null);
    service.kill();

    // The other account is empty, and its ids are as good as those of the first.
    let mut there = ClioSim::start(config(2)).await.unwrap();
    std::mem::swap(&mut bench.sim, &mut there);
    let service = Backend::start(&bench);
    assert_eq!(service.connect(ADMIN).await.1["error"]["code"], "account_mismatch");
    moved(&service).await;
    let (_, state) = service.get("/matters/m1", MEMBER).await;
    assert_eq!((&state["status"], &state["clio_matter"]), (&json!("not_synced"), &Value::Null), "{state}");
    service.synced("m1").await;
    assert_eq!(held(&bench), [1, 1, 1]);
    service.post("/disconnect", ADMIN, json!({})).await;
    service.kill();

    std::mem::swap(&mut bench.sim, &mut there);
    let service = Backend::start(&bench);
    moved(&service).await;
    assert_eq!(service.synced("m1").await, first, "the link of the first account");
    assert_eq!(held(&bench), [1, 1, 1], "nothing twice");
    std::mem::swap(&mut bench.sim, &mut there);
    assert_eq!(held(&bench), [1, 1, 1]);
}
