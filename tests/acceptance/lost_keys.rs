//! A sealing key that is lost for good, on SQLite and over real HTTP: from the sync before to the
//! sync after.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::time::Duration;

use casehug_clio::ports::{Commit, Expect, Key, Store, Version, Write};
use casehug_clio::{Code, ConnectionState, Timestamp};
use casehug_clio_store_sqlite::SqliteStore;
use clio_sim::{Action, Fault};
use serde_json::{Value, json};

use crate::bench::{Bench, assert_each_once, intake};
use crate::embedded::{admin, connect, matter, open, sdk, sdk_sealing_with};

const NEW: (&str, &str) = ("k2", "0202020202020202020202020202020202020202020202020202020202020202");

/// Seven minutes pass for what was asked.
async fn later(store: &SqliteStore) {
    let key = Key::new(&admin().firm, "key-loss", "asked");
    let record = store.get(&key).await.unwrap().unwrap();
    let mut body: Value = serde_json::from_str(&record.body).unwrap();
    let at = Timestamp::parse(body["at"].as_str().unwrap()).unwrap();
    body["at"] = json!(at - Duration::from_secs(420));
    let (expect, version) = (Expect::Version(record.version), Version("later".into()));
    let write = Write::Put { key, expect, version, due_in: None, body: body.to_string() };
    assert!(matches!(store.commit(&[write]).await.unwrap(), Commit::Done { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_firm_whose_sealing_key_is_lost_goes_on_after_the_next_connect_and_nothing_is_there_twice() {
    let bench = Bench::new().await;
    let email = Some("zyx.qwertz@example.test");
    for id in ["m1", "m2", "m3"] {
        bench.matter(id, &intake(id, "c1", email, &["d1"]));
    }
    let store = open(&bench.folder.path().join("lost.db")).await;
    {
        let before = sdk(&bench, &store);
        connect(&before).await;
        let report = before.firm(&admin()).matters().sync(&matter("m1")).await.unwrap();
        assert!(report.clio_matter().is_some(), "{report:?}");
        let lost = Fault::new("POST", "/api/v4/matters", Action::LostAnswer { hang: false });
        bench.sim.model().add_fault(lost);
        let down = Fault::new(
            "GET",
            "/api/v4/matters",
            Action::Status { status: 503, html: false, executed: false, retry_after: None },
        );
        bench.sim.model().add_fault(down.times(50));
        let report = before.firm(&admin()).matters().sync(&matter("m2")).await.unwrap();
        assert_eq!(report.clio_matter(), None, "in doubt: {report:?}");
        bench.sim.model().clear_faults();
    }

    let after = sdk_sealing_with(&bench, &store, NEW);
    let firm = admin().firm;
    let stuck = after.firm(&admin()).connection().begin("http://127.0.0.1:9/callback").await;
    assert_eq!(stuck.unwrap_err().code(), Code::KeyFailed);
    let first = after.host().forget_lost_keys(firm.clone()).await;
    assert_eq!(first.unwrap_err().code(), Code::KeyLossUnconfirmed);
    later(&store).await;
    let forgotten = after.host().forget_lost_keys(firm).await.unwrap();
    assert_eq!((forgotten.keys, forgotten.intents, forgotten.addresses), (2, 1, 1), "{forgotten:?}");
    let connection = after.firm(&admin()).connection().get().await.unwrap().unwrap();
    let unrevoked = connection.unrevoked.map(|advice| advice.code);
    assert_eq!((connection.state, unrevoked), (ConnectionState::Disconnected, Some("tokens_unreadable")));

    connect(&after).await;
    for id in ["m1", "m2", "m3"] {
        let mut arrived = false;
        for _ in 0..20 {
            let report = after.firm(&admin()).matters().sync(&matter(id)).await.unwrap();
            arrived = report.clio_matter().is_some();
            if arrived {
                break;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        assert!(arrived, "{id}");
    }
    assert_each_once(&bench.state(), 1, 3, 3, "after the loss");
    after.firm(&admin()).audit().verify().await.unwrap();
    bench.sim.stop();
}
