//! Two firms on one database, each with a folder of its own: nothing of one firm comes to the
//! other's Clio, and no process takes work whose intakes it does not have.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::process::Stdio;
use std::time::Duration;

use crate::bench::{Bench, Processes, intake};
use crate::embedded::{matter, open, sdk};
use casehug_clio::{Actor, ActorId, FirmId, LastRun, MatterSyncState, Role, Sdk, Trigger};

fn member_of(firm: &str) -> Actor {
    Actor { id: ActorId::new("usr_1").unwrap(), firm: FirmId::new(firm).unwrap(), role: Role::Member }
}

/// Syncs what is in the firm's folder, after connecting if need be.
async fn sync(bench: &Bench, firm: &str) {
    let mut program = bench.program_of(firm);
    let output = tokio::task::spawn_blocking(move || program.output().unwrap()).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A worker for this firm.
fn work(bench: &Bench, firm: &str) -> Processes {
    let mut program = bench.program_of(firm);
    Processes(vec![program.arg("--worker").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()])
}

async fn state(sdk: &Sdk, firm: &str, id: &str) -> (MatterSyncState, Option<LastRun>) {
    let state = sdk.firm(&member_of(firm)).matters().state(&matter(id)).await.unwrap();
    (state.status, state.last_run)
}

async fn synced(sdk: &Sdk, firm: &str, id: &str) {
    for _ in 0..600 {
        if state(sdk, firm, id).await.0 == MatterSyncState::Synced {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{id} of {firm} was never synced: {:?}", state(sdk, firm, id).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_for_one_firm_leaves_the_work_of_another_to_that_ones() {
    let bench = Bench::new().await;
    for (firm, client) in [("firm_1", "c1"), ("firm_2", "c2")] {
        bench.matter_of(firm, "m1", &intake("m1", client, None, &[]));
        sync(&bench, firm).await;
    }
    let store = open(&bench.folder.path().join("sync.db")).await;
    let sdk = sdk(&bench, &store);
    let clients = || {
        let state = bench.state();
        let mut names: Vec<String> =
            state["contacts"].as_array().unwrap().iter().map(|contact| contact["name"].to_string()).collect();
        names.sort();
        names
    };
    let two = clients();

    // The id is in both folders, and only the other firm's has the next one.
    bench.matter_of("firm_1", "m2", &intake("m2", "c3", None, &[]));
    bench.matter_of("firm_2", "m3", &intake("m3", "c4", None, &[]));
    bench.matter_of("firm_1", "m4", &intake("m4", "c5", None, &[]));
    bench.matter_of("firm_2", "m4", &intake("m4", "c6", None, &[]));
    for id in ["m3", "m4"] {
        assert!(
            sdk.firm(&member_of("firm_2")).matters().trigger(&matter(id), Trigger::Approved).await.unwrap().accepted
        );
    }
    let first = work(&bench, "firm_1");
    for id in ["m2", "m4"] {
        synced(&sdk, "firm_1", id).await;
    }
    // It looks once a second.
    tokio::time::sleep(Duration::from_secs(3)).await;
    for id in ["m3", "m4"] {
        let (status, last) = state(&sdk, "firm_2", id).await;
        assert_eq!((status, last), (MatterSyncState::Queued, None), "{id}");
    }
    assert_eq!(clients().len(), two.len() + 2);

    let second = work(&bench, "firm_2");
    for id in ["m3", "m4"] {
        synced(&sdk, "firm_2", id).await;
    }
    drop((first, second));
    assert_eq!(clients().len(), two.len() + 4);
    assert!(clients().iter().any(|name| name.contains("c6")), "its own client, not the other's: {:?}", clients());
}
