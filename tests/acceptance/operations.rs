//! What administrators and operators do, over real HTTP and SQLite: decide reviews, read and prune
//! logs, retry, backfill, recover after a restore.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::time::Duration;

use crate::bench::{Bench, assert_each_once, assert_no_client_data, intake};
use crate::embedded::{admin, connect, matter, open, sdk};
use casehug_clio::ports::Runtime as _;
use casehug_clio::{
    Action as Audited, Actor, AuditQuery, BackfillStatus, ClioId, Code, Decision, ErrorKind, EventBody, MatterId,
    MatterSyncState, RunQuery, RunStatus, Sdk, StepKind, Timestamp, Trigger, WorkerConfig,
};
use casehug_clio_runtime_tokio::TokioRuntime;
use clio_sim::{Action, Config, Fault};
use serde_json::json;

async fn connected(bench: &Bench) -> Sdk {
    let store = open(&bench.folder.path().join("sync.db")).await;
    let sdk = sdk(bench, &store);
    connect(&sdk).await;
    sdk
}

fn staff() -> Actor {
    Actor { role: casehug_clio::Role::Member, ..admin() }
}

/// Runs what is due until the matter stands so.
async fn work_until(sdk: &Sdk, id: &str, status: MatterSyncState) {
    for _ in 0..200 {
        sdk.worker(WorkerConfig::default()).run_due().await.unwrap();
        if sdk.firm(&admin()).matters().state(&matter(id)).await.unwrap().status == status {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{id}: {:?}", sdk.firm(&admin()).matters().state(&matter(id)).await.unwrap());
}

/// The contact's POST is lost, and the firm makes one of the same name and another phone by hand:
/// gives its id.
async fn doubt_with_a_namesake(bench: &Bench, sdk: &Sdk) -> ClioId {
    bench.matter("m1", &intake("m1", "c1", None, &["d1"]));
    bench.sim.model().add_fault(Fault::new("POST", "/api/v4/contacts", Action::LostRequest { hang: false }));
    sdk.firm(&admin()).matters().sync(&matter("m1")).await.unwrap();
    let namesake = json!({ "contacts": [{ "type": "Person", "first_name": "Zyxwvut", "last_name": "Qwertzuiop c1", "own": true,
        "phone_numbers": [{ "name": "Work", "number": "+12065550000" }] }] });
    let now = bench.sim.now();
    let seeded = bench.sim.model().seed(now, &namesake).unwrap();
    let report = sdk.firm(&admin()).matters().sync(&matter("m1")).await.unwrap();
    assert_eq!(report.first_failure().unwrap().error.as_ref().unwrap().code(), Code::NeedsReview);
    ClioId(seeded["contacts"][0].as_i64().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_decides_that_a_namesake_is_somebody_else() {
    let bench = Bench::new().await;
    let sdk = connected(&bench).await;
    let namesake = doubt_with_a_namesake(&bench, &sdk).await;
    assert_eq!(sdk.firm(&staff()).reviews().list().await.unwrap_err().code(), Code::NotAllowed);
    let reviews = sdk.firm(&admin()).reviews().list().await.unwrap();
    assert_eq!((reviews.len(), reviews[0].step, reviews[0].id.as_str()), (1, StepKind::Contact, "c1"));
    assert_eq!(reviews[0].candidates, [namesake]);
    sdk.firm(&admin()).reviews().resolve(StepKind::Contact, "c1", Decision::Create, None).await.unwrap();
    work_until(&sdk, "m1", MatterSyncState::Synced).await;
    assert!(sdk.firm(&admin()).reviews().list().await.unwrap().is_empty());
    let again =
        sdk.firm(&admin()).reviews().resolve(StepKind::Contact, "c1", Decision::Create, None).await.unwrap_err();
    assert_eq!(again.code(), Code::RecordUnknown, "it is answered");
    assert_eq!(bench.state()["contacts"].as_array().unwrap().len(), 2);
    bench.sim.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_decides_that_a_namesake_is_the_client() {
    let bench = Bench::new().await;
    let sdk = connected(&bench).await;
    let namesake = doubt_with_a_namesake(&bench, &sdk).await;
    sdk.firm(&admin())
        .reviews()
        .resolve(StepKind::Contact, "c1", Decision::Link { clio: namesake }, None)
        .await
        .unwrap();
    work_until(&sdk, "m1", MatterSyncState::Synced).await;
    assert_each_once(&bench.state(), 1, 1, 1, "linked by an admin");
    let query = AuditQuery { action: Some(Audited::Review), ..AuditQuery::default() };
    assert_eq!(sdk.firm(&admin()).audit().list(query.clone()).await.unwrap().items.len(), 1);
    bench.sim.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_matter_that_is_gone_from_clio_is_reported_and_not_created_again() {
    let bench = Bench::new().await;
    let sdk = connected(&bench).await;
    bench.matter("m1", &intake("m1", "c1", None, &["d1"]));
    let clio = sdk.firm(&admin()).matters().sync(&matter("m1")).await.unwrap().clio_matter().unwrap();
    let edit = json!({ "resource": "matters", "id": clio.0, "delete": true });
    let now = bench.sim.now();
    let request = clio_sim::model::Request::new("POST", "/__sim/edit").with_json(&edit);
    assert_eq!(bench.sim.model().handle(now, &request).status, 200);
    bench.matter("m1", &intake("m1", "c1", None, &["d1", "d2"]));
    let report = sdk.firm(&admin()).matters().sync(&matter("m1")).await.unwrap();
    let error = report.first_failure().unwrap().error.clone().unwrap();
    let id = clio.to_string();
    assert_eq!((error.code(), error.get("record")), (Code::LinkedRecordGone, Some("matter")));
    assert_eq!(error.get("clio"), Some(id.as_str()));
    assert!(bench.state()["matters"].as_array().unwrap().is_empty());
    bench.sim.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sync_log_tells_what_failed_and_a_retry_does_only_what_is_missing() {
    let bench = Bench::new().await;
    let sdk = connected(&bench).await;
    for n in 0..4 {
        bench.matter(&format!("m{n}"), &intake(&format!("m{n}"), &format!("c{n}"), None, &["d1"]));
    }
    let refuse = |times| {
        let action = Action::Status { status: 422, html: false, executed: false, retry_after: None };
        Fault::new("POST", "/api/v4/documents", action).times(times)
    };
    bench.sim.model().add_fault(refuse(2));
    let before = TokioRuntime.now();
    for n in 0..4 {
        sdk.firm(&staff()).matters().sync(&matter(&format!("m{n}"))).await.unwrap();
    }
    let all = sdk.firm(&staff()).matters().runs(RunQuery::default()).await.unwrap();
    let matters: Vec<&str> = all.items.iter().map(|run| run.matter.as_str()).collect();
    assert_eq!((matters, all.next), (vec!["m3", "m2", "m1", "m0"], None), "newest first");
    let query = RunQuery { status: Some(RunStatus::Partial), cause: Some(ErrorKind::Clio), ..RunQuery::default() };
    let failed = sdk.firm(&staff()).matters().runs(query.clone()).await.unwrap().items;
    assert_eq!(failed.len(), 2);
    let failure = failed[0].failure.as_ref().unwrap();
    assert_eq!((failure.code.as_str(), failure.http_status()), ("clio_validation", Some(422)));
    assert_eq!((failure.get("step"), failure.get("operation")), (Some("document"), Some("POST /documents")));
    assert!(failed[0].next_attempt_at.is_none(), "a refusal is not repeated by itself");
    let page = |after| RunQuery { since: Some(before), limit: 3, after, ..RunQuery::default() };
    let first = sdk.firm(&staff()).matters().runs(page(None).clone()).await.unwrap();
    let second = sdk.firm(&staff()).matters().runs(page(first.next.clone()).clone()).await.unwrap();
    assert_eq!((first.items.len(), second.items.len(), second.next), (3, 1, None));
    let none = RunQuery { until: Some(before), ..RunQuery::default() };
    assert!(sdk.firm(&staff()).matters().runs(none.clone()).await.unwrap().items.is_empty());

    sdk.firm(&staff()).matters().retry(&failed[1].run).await.unwrap();
    work_until(&sdk, "m0", MatterSyncState::Synced).await;
    assert_eq!(sdk.firm(&staff()).matters().retry_failed().await.unwrap().matters, 1, "the other one");
    work_until(&sdk, "m1", MatterSyncState::Synced).await;
    let of_one = RunQuery { matter: Some(matter("m0")), ..RunQuery::default() };
    let runs = sdk.firm(&staff()).matters().runs(of_one.clone()).await.unwrap().items;
    assert_eq!(runs.iter().map(|run| (run.trigger, run.calls)).collect::<Vec<_>>(), {
        // Contact, matter, document, and whether its matter is still there; then: is there a stub,
        // POST, PATCH.
        [(Trigger::Retry, 3), (Trigger::Manual, 4)]
    });
    assert_eq!(sdk.firm(&staff()).matters().retry("nonsense").await.unwrap_err().code(), Code::RecordUnknown);
    assert_each_once(&bench.state(), 4, 4, 4, "retried");
    bench.sim.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_log_is_searched_exported_and_pruned_and_still_verifies() {
    let bench = Bench::new().await;
    let sdk = connected(&bench).await;
    for n in 0..30 {
        bench.matter(&format!("m{n}"), &intake(&format!("m{n}"), &format!("c{n}"), None, &[]));
        sdk.firm(&staff()).matters().sync(&matter(&format!("m{n}"))).await.unwrap();
    }
    let created =
        |after| AuditQuery { action: Some(Audited::MatterCreated), limit: 20, after, ..AuditQuery::default() };
    let first = sdk.firm(&admin()).audit().list(created(None).clone()).await.unwrap();
    let second = sdk.firm(&admin()).audit().list(created(first.next.clone()).clone()).await.unwrap();
    assert_eq!((first.items.len(), second.items.len(), second.next), (20, 10, None));
    assert!(first.items[0].seq > first.items[19].seq && first.items[19].seq > second.items[0].seq, "newest first");

    let (mut from, mut lines) = (Some(1), String::new());
    while let Some(position) = from {
        let piece = sdk.firm(&admin()).audit().export(position, 100).await.unwrap();
        lines += &piece.ndjson;
        from = piece.next;
    }
    assert_no_client_data(lines.as_bytes(), "the export");
    let written = sdk.firm(&admin()).audit().verify().await.unwrap().entries;
    for line in lines.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
    assert!(lines.lines().count() as u64 >= written - 2, "everything but the export's own entries");

    let half = second.items[5].at;
    let removed = sdk.firm(&admin()).audit().prune(half).await.unwrap().entries;
    assert!(removed > 0);
    let kept = sdk.firm(&admin()).audit().verify().await.unwrap().entries;
    assert_eq!(sdk.firm(&admin()).audit().prune(half).await.unwrap().entries, 0, "nothing older is left");
    let left = sdk.firm(&admin()).audit().export(1, 100).await.unwrap().ndjson;
    let oldest: serde_json::Value = serde_json::from_str(left.lines().next().unwrap()).unwrap();
    assert_eq!(oldest["seq"], removed + 1);
    assert!(kept + removed > written);
    assert_eq!(sdk.firm(&staff()).audit().prune(Timestamp(i64::MAX)).await.unwrap_err().code(), Code::NotAllowed);
    bench.sim.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backfill_is_predicted_paused_resumed_and_told() {
    let bench = Bench::new().await;
    let sdk = connected(&bench).await;
    let matters: Vec<MatterId> = (0..9).map(|n| matter(&format!("m{n}"))).collect();
    for (n, id) in matters.iter().enumerate() {
        bench.matter(id.as_str(), &intake(id.as_str(), &format!("c{n}"), None, &["d1"]));
    }
    let plan = sdk.firm(&admin()).backfills().plan(matters.clone()).await.unwrap();
    assert_eq!((plan.matters, plan.unreadable, plan.calls.most), (9, 0, 36));
    assert_eq!(sdk.firm(&staff()).backfills().start(matters.clone()).await.unwrap_err().code(), Code::NotAllowed);
    let id = sdk.firm(&admin()).backfills().start(matters.clone()).await.unwrap().id;
    // Before a worker looks: on a slow machine one look is enough for all.
    let state = sdk.firm(&admin()).backfills().pause(&id).await.unwrap();
    assert_eq!(state.status, BackfillStatus::Paused);
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    sdk.worker(WorkerConfig::default()).run_due().await.unwrap();
    let synced = bench.state()["matters"].as_array().unwrap().len();
    assert_eq!(synced, 0, "it is paused");
    sdk.firm(&admin()).backfills().resume(&id).await.unwrap();
    work_until(&sdk, "m8", MatterSyncState::Synced).await;
    let mut told = Vec::new();
    while !told.iter().any(|body| matches!(body, EventBody::BackfillFinished { .. })) {
        sdk.worker(WorkerConfig::default()).run_due().await.unwrap();
        for event in sdk.host().next_events(None, 50, Duration::ZERO).await.unwrap() {
            if let Some(id) = &event.id {
                sdk.host().ack_event(&event.firm, id).await.unwrap();
            }
            told.push(event.body);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(told.iter().any(|body| matches!(body, EventBody::BackfillProgress { done: 9, of: 9, .. })), "{told:#?}");
    assert!(told.iter().any(|body| matches!(body, EventBody::Step { step, .. } if step == "document")), "{told:#?}");
    let state = sdk.firm(&admin()).backfills().list().await.unwrap().remove(0);
    assert_eq!((state.status, state.succeeded, state.failed), (BackfillStatus::Done, 9, 0));
    assert_each_once(&bench.state(), 9, 9, 9, "backfill");
    let cancelled = sdk.firm(&admin()).backfills().start(matters.clone()).await.unwrap().id;
    sdk.firm(&admin()).backfills().cancel(&cancelled).await.unwrap();
    assert_eq!(sdk.firm(&admin()).backfills().resume(&cancelled).await.unwrap().status, BackfillStatus::Cancelled);
    bench.sim.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restore_nothing_is_created_twice() {
    let bench = Bench::with(Config { rate_limit: 1_000_000, filter_delay_ms: 200, ..Config::default() }).await;
    let file = bench.folder.path().join("sync.db");
    let backup = bench.folder.path().join("backup.db");
    for (n, email) in [(0, None), (1, Some("zyx.qwertz@example.test"))] {
        bench.matter(&format!("m{n}"), &intake(&format!("m{n}"), &format!("c{n}"), email, &["d1"]));
    }
    let since = TokioRuntime.now();
    {
        let store = open(&file).await;
        let sdk = sdk(&bench, &store);
        connect(&sdk).await;
        store.close().await;
        std::fs::copy(&file, &backup).unwrap();
    }
    {
        let store = open(&file).await;
        let sdk = sdk(&bench, &store);
        for n in 0..2 {
            assert!(
                sdk.firm(&admin()).matters().sync(&matter(&format!("m{n}"))).await.unwrap().first_failure().is_none()
            );
        }
        store.close().await;
    }
    std::fs::copy(&backup, &file).unwrap();
    let store = open(&file).await;
    let sdk = sdk(&bench, &store);
    sdk.firm(&admin()).reviews().begin_recovery(since).await.unwrap();
    for n in 0..2 {
        sdk.firm(&admin()).matters().trigger(&matter(&format!("m{n}")), Trigger::Manual).await.unwrap();
    }
    for n in 0..2 {
        work_until(&sdk, &format!("m{n}"), MatterSyncState::Synced).await;
    }
    assert_each_once(&bench.state(), 2, 2, 2, "restored");
    // What is really new arrives too, at the price of a look.
    bench.matter("m2", &intake("m2", "c2", None, &["d1"]));
    tokio::time::sleep(Duration::from_secs(7)).await;
    let report = sdk.firm(&admin()).matters().sync(&matter("m2")).await.unwrap();
    assert_eq!((report.first_failure().is_none(), report.calls), (true, 4 + 3), "{report:?}");
    sdk.firm(&admin()).reviews().end_recovery().await.unwrap();
    bench.matter("m3", &intake("m3", "c3", None, &["d1"]));
    assert_eq!(sdk.firm(&admin()).matters().sync(&matter("m3")).await.unwrap().calls, 4);
    assert_each_once(&bench.state(), 4, 4, 4, "restored");
    sdk.firm(&admin()).audit().verify().await.unwrap();
    bench.sim.stop();
}
