//! The worker: what goes wrong with one firm, or takes long, holds up no other.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use futures_util::future::{Either, join, pending, select};
use serde_json::json;

use super::troubled::{Bench, Silent, connect, first, first_of, job, job_key, second, third};
use super::world::{World, firm, matter, refused};
use crate::domain::{Actor, FirmId, Intake, MatterId, Trigger};
use crate::error::Code;
use crate::jobs::{MatterSyncState, WorkerConfig};
use crate::ports::{Key, Order, Runtime as _, Scan, Store};

#[tokio::test]
async fn a_look_that_fails_in_its_middle_forgets_no_claim() {
    let bench = Bench::new(|http| Arc::new(http));
    for id in ["a1", "a2", "a3", "a4", "a5"] {
        bench.trigger(&first(), id).await;
    }
    bench.trigger(&second(), "b1").await;
    bench.store.trouble.lock().unwrap().unread = Some((second().firm, 4));
    bench.work(20).await;
    for id in ["a1", "a2", "a3", "a4", "a5"] {
        assert!(bench.was_run(&first(), id).await, "{id}");
    }
    assert!(bench.was_run(&second(), "b1").await);
}

#[tokio::test]
async fn what_a_look_finds_is_claimed_together() {
    let bench = Bench::new(|http| Arc::new(http));
    for id in ["1", "2", "3", "4"] {
        bench.trigger(&first(), id).await;
        bench.trigger(&second(), id).await;
    }
    bench.store.trouble.lock().unwrap().slow = Duration::from_secs(1);
    bench.work(2).await;
    assert_eq!(bench.due("job").await, 0, "one claim waited for another's commit");
}

#[tokio::test]
async fn a_host_that_calls_on_a_schedule_gets_an_error_only_after_what_was_claimed_is_run() {
    let bench = Bench::new(|http| Arc::new(http));
    bench.trigger(&first(), "a1").await;
    bench.store.trouble.lock().unwrap().unscanned = Some("chore");
    let error = bench.sdk.worker(WorkerConfig::default()).run_due().await.unwrap_err();
    assert_eq!(error.code(), Code::StoreFailed);
    assert!(bench.was_run(&first(), "a1").await);
}

#[tokio::test]
async fn what_cannot_be_read_is_put_off_and_holds_up_no_other_firm() {
    let bench = Bench::new(|http| Arc::new(http));
    let unreadable = job("a1", "telepathy", None);
    bench.put(true, [(job_key(&first(), "a1"), unreadable.clone())].into_iter()).await;
    bench.put(true, [first_of(&first(), "a1")].into_iter()).await;
    // Its connection cannot be read.
    bench.put(true, [(job_key(&third(), "c1"), job("c1", "approved", None))].into_iter()).await;
    bench.put(true, [first_of(&third(), "c1")].into_iter()).await;
    bench.put(false, [(Key::new(&third().firm, "connection", "current"), String::from("{}"))].into_iter()).await;
    // A backfill that cannot be read, one whose part cannot, and a release.
    let backfill = json!({ "status": "running", "actor": "usr_1", "started_at": 0, "total": 1, "next": 0, "running": [],
        "succeeded": 0, "failed": 0 });
    let strange = [("backfill", "x", String::from("{}")), ("backfill", "y", backfill.to_string())];
    bench.put(true, strange.into_iter().map(|(of, id, body)| (Key::new(&first().firm, of, id), body))).await;
    bench.put(true, [(Key::new(&third().firm, "release", "parked"), String::from("{}"))].into_iter()).await;
    bench.trigger(&second(), "b1").await;
    let worker = bench.sdk.worker(WorkerConfig::default());
    assert_eq!(worker.run_due().await.unwrap(), 1);
    assert!(bench.was_run(&second(), "b1").await);
    assert_eq!(bench.world.store.body(&job_key(&first(), "a1")), Some(unreadable), "as it was");
    let due = async || {
        let mut due = 0;
        for collection in ["job", "job-first", "backfill", "release"] {
            due += bench.due(collection).await;
        }
        due
    };
    assert_eq!(due().await, 0, "and looked at again");
    bench.world.runtime.advance(Duration::from_secs(3600));
    assert_eq!(due().await, 7, "in an hour");
}

#[tokio::test]
async fn what_the_store_fails_on_for_one_firm_holds_up_no_other_firm() {
    for of_third in ["release", "backfill", "job-first", "job"] {
        let bench = Bench::new(|http| Arc::new(http));
        let key = |n| Key::new(&third().firm, of_third, format!("c{n}"));
        let body = |n| match of_third {
            "backfill" => json!({ "status": "running", "actor": "usr_1", "started_at": 0, "total": 1, "next": 0,
                "running": [], "succeeded": 0, "failed": 0 })
            .to_string(),
            _ => job(&format!("c{n}"), "approved", None),
        };
        // More than a look takes along.
        bench.put(true, (0..50).map(|n| (key(n), body(n)))).await;
        bench.store.trouble.lock().unwrap().unread = Some((third().firm, usize::MAX));
        bench.trigger(&second(), "b1").await;
        bench.work(30).await;
        assert!(bench.was_run(&second(), "b1").await, "{of_third}");
        // For a host that calls on a schedule of its own.
        bench.trigger(&second(), "b2").await;
        let told = bench.sdk.worker(WorkerConfig::default()).run_due().await;
        assert!(told.is_ok() || told.is_err_and(|error| error.code() == Code::StoreFailed));
        assert!(bench.was_run(&second(), "b2").await, "{of_third}, on a schedule");
        bench.world.runtime.advance(Duration::from_secs(3600));
        assert_eq!(bench.due(of_third).await, 50, "nothing is lost");
    }
}

#[tokio::test]
async fn a_release_goes_on_past_a_job_that_cannot_be_read_and_is_not_forgotten() {
    let bench = Bench::new(|http| Arc::new(http));
    let jobs = [("b1", "telepathy"), ("b2", "approved")];
    bench.put(false, jobs.map(|(id, trigger)| (job_key(&second(), id), job(id, trigger, Some(0)))).into_iter()).await;
    connect(&bench.sdk, &second()).await;
    assert_eq!(bench.sdk.worker(WorkerConfig::default()).run_due().await.unwrap(), 1);
    assert!(bench.was_run(&second(), "b2").await);
    let release = Key::new(&second().firm, "release", "parked");
    let due_at = bench.world.store.get(&release).await.unwrap().unwrap().due_at.unwrap();
    assert_eq!(due_at.millis_since(bench.world.runtime.now()), 3_600_000, "a newer worker may read it");
}

#[tokio::test]
async fn the_releases_of_many_firms_do_not_wait_for_a_look_each() {
    let bench = Bench::new(|http| Arc::new(http));
    let release = |n| (Key::new(&FirmId::new(format!("f{n}")).unwrap(), "release", "parked"), String::from("{}"));
    bench.put(true, (0..200).map(release)).await;
    bench.work(2).await;
    assert_eq!(bench.due("release").await, 0, "twenty a look, one after the other");
}

#[tokio::test]
async fn a_worker_at_rest_asks_the_database_less_than_five_times_a_second() {
    let bench = Bench::new(|http| Arc::new(http));
    bench.work(10).await;
    bench.store.trouble.lock().unwrap().looks = 0;
    bench.work(100).await;
    let looks = bench.store.trouble.lock().unwrap().looks;
    assert!(looks < 500, "{looks}");
}

#[tokio::test]
async fn runs_in_progress_keep_their_claims_while_the_worker_looks_for_more() {
    let bench = Bench::new(|http| Arc::new(http));
    let world = &bench.world;
    connect(&bench.sdk, &first()).await;
    world.put("m1");
    bench.trigger(&first(), "m1").await;
    let ids: Vec<String> = (0..500).map(|n| format!("b{n:03}")).collect();
    bench.put(false, ids.iter().map(|id| (job_key(&second(), id), job(id, "approved", Some(0))))).await;
    let gate = world.hold("POST /api/v4/contacts");
    let worker = bench.sdk.worker(WorkerConfig::default());
    let script = async {
        world.until_held().await;
        connect(&bench.sdk, &second()).await;
        bench.store.trouble.lock().unwrap().slow = Duration::from_millis(300);
        let lease = Key::new(&firm(), "lease", "m1");
        for _ in 0..100 {
            world.runtime.sleep(Duration::from_secs(1)).await;
            let ends = world.store.get(&lease).await.unwrap().unwrap().due_at.unwrap();
            assert!(ends > world.runtime.now(), "the lease goes on");
        }
        bench.store.trouble.lock().unwrap().slow = Duration::ZERO;
        drop(gate);
        for _ in 0..60 {
            world.runtime.sleep(Duration::from_secs(1)).await;
        }
    };
    select(Box::pin(worker.run(pending())), Box::pin(script)).await;
    let state = bench.sdk.firm(&first()).matters().state(&matter()).await.unwrap();
    assert_eq!(state.clio_matter.map(|id| id.0), Some(21));
    for id in &ids {
        assert!(bench.was_run(&second(), id).await, "{id}: nothing of the release is left out");
    }
}

#[tokio::test]
async fn thousands_of_due_jobs_of_one_firm_hide_no_other_firm() {
    for (trigger, asked_for) in [("approved", false), ("manual", false), ("manual", true)] {
        let bench = Bench::new(|_| Arc::new(Silent));
        bench.world.connect().await.unwrap();
        let ids: Vec<String> = (0..5_000).map(|n| format!("a{n:04}")).collect();
        ids.iter().for_each(|id| bench.world.put(id));
        bench.put(true, ids.iter().map(|id| (job_key(&first(), id), job(id, trigger, None)))).await;
        if asked_for {
            bench.put(true, ids.iter().map(|id| first_of(&first(), id))).await;
        }
        bench.trigger(&second(), "b1").await;
        bench.ask(&second(), "b2").await;
        bench.work(10).await;
        for id in ["b1", "b2"] {
            assert!(bench.was_run(&second(), id).await, "{id} behind {trigger}, asked for: {asked_for}");
        }
        bench.world.runtime.advance(Duration::from_secs(60));
        assert_eq!(bench.due("job").await, 5_000, "the others are waiting as before");
        assert_eq!(bench.due("job-first").await, if asked_for { 4_996 } else { 0 }, "all but those that are run");
    }
}

#[tokio::test]
async fn what_a_person_asked_for_steps_aside_last_and_does_not_lose_its_place() {
    let ids: Vec<String> = (0..2_200).map(|n| format!("a{n:04}")).collect();
    for all in [false, true] {
        let bench = Bench::new(|_| Arc::new(Silent));
        bench.world.connect().await.unwrap();
        ids.iter().for_each(|id| bench.world.put(id));
        let trigger = |n| if all || n >= 2_000 { "manual" } else { "approved" };
        bench.put(true, ids.iter().enumerate().map(|(n, id)| (job_key(&first(), id), job(id, trigger(n), None)))).await;
        bench.put(true, ids[2_000..].iter().map(|id| first_of(&first(), id))).await;
        bench.work(10).await;
        assert!(bench.due("job").await < 2_000, "some stepped aside");
        assert_eq!(
            bench.due("job-first").await,
            if all { 148 } else { 196 },
            "with the job, if there is no other work"
        );
        bench.world.runtime.advance(Duration::from_secs(30));
        assert_eq!(bench.due("job-first").await, 196);
    }
}

#[tokio::test]
async fn a_firm_of_which_many_matters_are_asked_for_has_its_share_of_runs_and_no_more() {
    let bench = Bench::new(|_| Arc::new(Silent));
    bench.world.connect().await.unwrap();
    for n in 0..20 {
        let id = format!("a{n:02}");
        bench.world.put(&id);
        bench.ask(&first(), &id).await;
    }
    bench.trigger(&second(), "b1").await;
    bench.work(10).await;
    assert!(bench.was_run(&second(), "b1").await);
    let claims = bench.world.store.dump().into_iter().filter(|(key, _)| key.collection == "claim").count();
    assert_eq!((claims, bench.due("job-first").await), (4, 16));
}

#[tokio::test]
async fn thousands_of_due_jobs_of_another_region_stop_no_worker() {
    let bench = Bench::new(|http| Arc::new(http));
    connect(&bench.world.elsewhere(), &third()).await;
    let ids: Vec<String> = (0..5_000).map(|n| format!("c{n:04}")).collect();
    bench.put(true, ids.iter().map(|id| (job_key(&third(), id), job(id, "manual", None)))).await;
    bench.put(true, ids.iter().map(|id| first_of(&third(), id))).await;
    bench.trigger(&second(), "b1").await;
    bench.ask(&second(), "b2").await;
    bench.work(10).await;
    for id in ["b1", "b2"] {
        assert!(bench.was_run(&second(), id).await, "{id}");
    }
    bench.world.runtime.advance(Duration::from_secs(60));
    let due = (bench.due("job").await, bench.due("job-first").await);
    assert_eq!(due, (5_000, 5_000), "for that region's worker all is as before");
}

#[tokio::test]
async fn thousands_of_deliveries_of_another_region_stop_no_worker() {
    let bench = Bench::new(|http| Arc::new(http));
    connect(&bench.world.elsewhere(), &third()).await;
    let delivery = |actor: &Actor, n: usize| {
        let body = json!({ "model": "matter", "link_set": "x.1", "clio": n.to_string(), "received_at": 0 });
        (Key::new(&actor.firm, "webhook-in", format!("{n:04}")), body.to_string())
    };
    bench.put(true, (0..5_000).map(|n| delivery(&third(), n))).await;
    bench.put(true, [delivery(&second(), 1)].into_iter()).await;
    bench.work(10).await;
    bench.world.runtime.advance(Duration::from_secs(60));
    assert_eq!(bench.due("webhook-in").await, 5_000, "all but that of this region");
}

/// About each of them Clio is asked, one after the other.
#[tokio::test]
async fn thousands_of_deliveries_about_contacts_hide_neither_statuses_nor_other_firms() {
    let bench = Bench::new(|_| Arc::new(Silent));
    bench.world.connect().await.unwrap();
    bench.world.synced().await;
    let set = bench.world.stored("contact").await[0].0.split('/').next().unwrap().to_owned();
    let delivery = |actor: &Actor, model: &str, n: usize| {
        let body =
            json!({ "model": model, "link_set": set, "clio": "11", "deleted": model == "contact", "received_at": n });
        (Key::new(&actor.firm, "webhook-in", format!("{n:04}")), body.to_string())
    };
    bench.put(true, (0..5_000).map(|n| delivery(&first(), "contact", n))).await;
    bench.world.runtime.advance(Duration::from_millis(1));
    let statuses = [delivery(&first(), "matter", 6_000), delivery(&second(), "matter", 6_001)];
    bench.put(true, statuses.clone().into_iter()).await;
    bench.work(10).await;
    for (key, before) in statuses {
        let now = bench.world.store.body(&key).unwrap();
        assert_ne!(now, before, "it was applied: {key:?}");
    }
    bench.world.runtime.advance(Duration::from_secs(60));
    assert_eq!(bench.due("webhook-in").await, 4_999, "all but the one about which Clio is being asked");
}

/// Clio does not answer, and is asked about each of them.
#[tokio::test]
async fn deliveries_about_contacts_of_however_many_firms_leave_room_for_statuses() {
    let bench = Bench::new(|_| Arc::new(Silent));
    let intake = json!({ "matter": { "id": "m1", "title": "T" }, "documents": [],
        "client": { "id": "c1", "first_name": "A", "last_name": "B", "email": "a@b.example" } });
    let delivery = async |firm: &FirmId, model: &str| {
        let links = Scan::Ids {
            firm: firm.clone(),
            collection: "contact",
            from: String::new(),
            until: None,
            order: Order::Ascending,
            limit: 1,
        };
        let links = bench.world.store.scan(&links).await.unwrap();
        let set = links[0].key.id.split('/').next().unwrap().to_owned();
        let (clio, deleted) = if model == "contact" { ("11", true) } else { ("21", false) };
        let body = json!({ "model": model, "link_set": set, "clio": clio, "deleted": deleted, "status": "closed",
            "updated_at": 2_000_000_000_000_i64, "received_at": 0 });
        let key = Key::new(firm, "webhook-in", model);
        bench.put(true, [(key.clone(), body.to_string())].into_iter()).await;
        (key, body.to_string())
    };
    let mut last = first();
    for n in 1..=40 {
        last = Actor { firm: FirmId::new(format!("firm_{n}")).unwrap(), ..first() };
        connect(&bench.world.sdk, &last).await;
        bench.world.intake.put(&last.firm, Intake::from_json(intake.to_string().as_bytes()).unwrap());
        bench.world.sdk.firm(&last).matters().sync(&matter()).await.unwrap();
    }
    for n in 1..=40 {
        delivery(&FirmId::new(format!("firm_{n}")).unwrap(), "contact").await;
    }
    let (status, before) = delivery(&last.firm, "matter").await;
    bench.work(10).await;
    assert_ne!(bench.world.store.body(&status).unwrap(), before, "it was applied");
    assert_eq!(bench.due("webhook-in").await, 34, "of six firms Clio is asked");
}

#[tokio::test]
async fn a_chore_that_failed_once_is_done_by_a_worker_that_is_never_at_rest() {
    let bench = Bench::new(|http| Arc::new(http));
    let task = (Key::new(&second().firm, "chore", "poll"), json!({ "chore": "poll" }).to_string());
    bench.put(true, [task].into_iter()).await;
    bench.store.trouble.lock().unwrap().unread = Some((second().firm, 1));
    let worker = bench.sdk.worker(WorkerConfig::default());
    let busy = async {
        for _ in 0..50 {
            bench.world.runtime.sleep(Duration::from_millis(100)).await;
            bench.sdk.queue.ctx.workers.notify();
        }
    };
    select(Box::pin(worker.run(pending())), Box::pin(busy)).await;
    assert_eq!(bench.due("chore").await, 0);
}

#[tokio::test]
async fn a_chore_in_progress_goes_on_while_the_worker_looks_for_more() {
    let bench = Bench::new(|http| Arc::new(http));
    let world = &bench.world;
    connect(&bench.sdk, &first()).await;
    world.put("m1");
    bench.sdk.firm(&first()).matters().sync(&matter()).await.unwrap();
    world.runtime.advance(Duration::from_secs(3_600));
    let gate = world.hold("GET /api/v4/matters");
    let worker = bench.sdk.worker(WorkerConfig::default());
    let script = async {
        world.until_held().await;
        bench.store.trouble.lock().unwrap().unanswered = Some("chore");
        bench.sdk.queue.ctx.workers.notify();
        world.runtime.sleep(Duration::from_secs(1)).await;
        drop(gate);
        world.runtime.sleep(Duration::from_secs(5)).await;
        assert_eq!(world.calls("GET /api/v4/matters/21"), 1, "the sweep's next call");
    };
    let ended = select(Box::pin(worker.run(pending())), Box::pin(script)).await;
    assert!(matches!(ended, Either::Right(_)), "the worker does not end by itself");
}

#[tokio::test]
async fn what_a_captive_portal_failed_is_synced_within_an_hour_of_its_end() {
    let world = World::subscribed(true).await;
    world.put("m1");
    world.answers(|_, path, _, _| path.starts_with("/api/v4/contacts").then(|| (302, json!({}))));
    assert!(world.sdk.firm(&first()).matters().trigger(&matter(), Trigger::Approved).await.unwrap().accepted);
    world.work().await;
    let state = world.sdk.firm(&first()).matters().state(&matter()).await.unwrap();
    assert_eq!(state.last_run.unwrap().failure.unwrap().code, "redirect_refused");
    world.answers_as_usual();
    let calls = world.calls(" /api/v4/contacts");
    world.later(Duration::from_secs(3_599)).await;
    assert_eq!(world.calls(" /api/v4/contacts"), calls, "no sooner: nothing is known to have changed");
    world.later(Duration::from_secs(1)).await;
    let state = world.sdk.firm(&first()).matters().state(&matter()).await.unwrap();
    assert_eq!(state.clio_matter.map(|id| id.0), Some(21));
}

#[tokio::test]
async fn told_to_stop_a_worker_ends_its_run_and_begins_no_other() {
    let world = World::new();
    world.connect().await.unwrap();
    world.work().await;
    for id in ["m1", "m2"] {
        world.put(id);
    }
    let other = MatterId::new("m2").unwrap();
    world.sdk.firm(&first()).matters().trigger(&matter(), Trigger::Approved).await.unwrap();
    let gate = world.hold("POST /api/v4/matters");
    let worker = world.sdk.worker(WorkerConfig::default());
    let open = futures_util::lock::Mutex::new(());
    let service = open.try_lock().unwrap();
    let stopping = worker.run(async { drop(open.lock().await) });
    let returned = AtomicBool::new(false);
    let worker = async {
        stopping.await;
        returned.store(true, Ordering::SeqCst);
    };
    let script = async {
        world.until_held().await;
        drop(service);
        world.runtime.sleep(Duration::from_secs(5)).await;
        world.sdk.firm(&first()).matters().trigger(&other, Trigger::Approved).await.unwrap();
        world.runtime.sleep(Duration::from_secs(60)).await;
        assert!(!returned.load(Ordering::SeqCst), "the run goes on, and with it its lease");
        drop(gate);
    };
    join(worker, script).await;
    let left = world.sdk.firm(&first()).matters().state(&other).await.unwrap();
    assert_eq!((left.status, left.last_run), (MatterSyncState::Queued, None), "for the next worker");
    let ended = world.sdk.firm(&first()).matters().state(&matter()).await.unwrap();
    assert_eq!((ended.status, ended.clio_matter.map(|id| id.0)), (MatterSyncState::Synced, Some(21)));
    assert!(world.store.get(&Key::new(&firm(), "lease", "m1")).await.unwrap().is_none());
}

#[tokio::test]
async fn a_worker_of_no_runs_at_once_runs_one() {
    let bench = Bench::new(|http| Arc::new(http));
    bench.trigger(&first(), "m1").await;
    let none = WorkerConfig { concurrency: 0, per_firm: 0, ..WorkerConfig::default() };
    assert_eq!(bench.sdk.worker(none).run_due().await.unwrap(), 1);
}

/// So many firms that are connected to a Clio which never answers, each with so many approved
/// matters; the first firm's are older than the next one's.
async fn approved(firms: usize, matters: usize) -> Bench {
    let bench = Bench::new(|_| Arc::new(Silent));
    for n in 1..=firms {
        let actor = Actor { firm: FirmId::new(format!("firm_{n}")).unwrap(), ..first() };
        connect(&bench.world.sdk, &actor).await;
        for m in 1..=matters {
            let id = format!("m{m}");
            let intake = json!({ "matter": { "id": id, "title": "T" }, "documents": [],
                "client": { "id": "c1", "first_name": "A", "last_name": "B", "email": "a@b.example" } });
            bench.world.intake.put(&actor.firm, Intake::from_json(intake.to_string().as_bytes()).unwrap());
            bench.trigger(&actor, &id).await;
        }
    }
    bench
}

/// How many matters of each firm a worker of so many runs at once has claimed, in the order of the
/// firms.
async fn claimed(bench: &Bench, concurrency: usize) -> Vec<usize> {
    let worker = bench.sdk.worker(WorkerConfig { concurrency, ..WorkerConfig::default() });
    let time = async {
        for _ in 0..100 {
            bench.world.runtime.sleep(Duration::from_secs(1)).await;
        }
    };
    select(Box::pin(worker.run(pending())), Box::pin(time)).await;
    let mut of_firms = BTreeMap::new();
    for (key, _) in bench.world.store.dump().into_iter().filter(|(key, _)| key.collection == "claim") {
        *of_firms.entry(key.firm).or_default() += 1;
    }
    of_firms.into_values().collect()
}

#[tokio::test]
async fn a_worker_claims_no_more_than_it_can_run_at_once() {
    let claimed = claimed(&approved(5, 1).await, 2).await;
    assert_eq!(claimed, [1, 1]);
}

#[tokio::test]
async fn firms_with_a_backlog_take_no_slots_from_those_without() {
    assert_eq!(claimed(&approved(5, 40).await, 16).await, [4, 4, 4, 1, 1]);
    assert_eq!(claimed(&approved(2, 40).await, 4).await, [3, 1]);
    assert_eq!(claimed(&approved(1, 40).await, 4).await, [4], "alone it has all of its share");
}

#[tokio::test]
async fn a_trigger_is_followed_by_its_run_at_once_and_not_at_the_next_look() {
    let world = World::new();
    world.connect().await.unwrap();
    world.put("m1");
    let (runtime, first_call) = (world.runtime.clone(), Arc::new(Mutex::new(None)));
    let noted = Arc::clone(&first_call);
    world.answers(move |_, path, _, _| {
        if path.starts_with("/api/v4/contacts") {
            noted.lock().unwrap().get_or_insert(runtime.now());
        }
        None
    });
    let worker = world.sdk.worker(WorkerConfig { poll: Duration::from_secs(3_600), ..WorkerConfig::default() });
    let script = async {
        // The worker has looked, and waits.
        tokio::task::yield_now().await;
        world.sdk.firm(&first()).matters().trigger(&matter(), Trigger::Approved).await.unwrap();
        let triggered = world.runtime.now();
        while world.calls("POST /api/v4/matters") == 0 {
            tokio::task::yield_now().await;
        }
        triggered
    };
    let Either::Right((triggered, _)) = select(Box::pin(worker.run(pending())), Box::pin(script)).await else {
        panic!()
    };
    assert_eq!(*first_call.lock().unwrap(), Some(triggered));
}

#[tokio::test]
async fn nothing_is_parked_for_a_plan_of_which_it_could_not_be_written_that_it_has_no_access() {
    let bench = Bench::new(|http| Arc::new(http));
    bench.world.connect().await.unwrap();
    bench.world.put("a1");
    let trouble = Arc::clone(&bench.store.trouble);
    bench.world.answers(move |_, path, _, _| {
        // The last that is asked before the plan is said to be the reason.
        if path == "/api/v4/documents" {
            trouble.lock().unwrap().unread = Some((firm(), 1));
        }
        path.starts_with("/api/v4").then(|| refused(403))
    });
    let failed = bench.sdk.firm(&first()).matters().sync(&MatterId::new("a1").unwrap()).await;
    assert_eq!(failed.unwrap_err().code(), Code::StoreFailed);
    assert!(!bench.sdk.firm(&first()).matters().state(&MatterId::new("a1").unwrap()).await.unwrap().parked);
}

#[tokio::test]
async fn a_worker_that_hears_of_another_process_does_not_wait_for_its_next_look() {
    for told in [true, false] {
        let bench = Bench::new(|http| Arc::new(http));
        let elsewhere = bench.world.process("https://calmintake.example/hooks");
        let config = WorkerConfig { poll: Duration::from_secs(600), ..WorkerConfig::default() };
        let worker = bench.sdk.worker(config);
        let script = async {
            bench.world.runtime.sleep(Duration::from_secs(10)).await;
            let id = MatterId::new("m1").unwrap();
            elsewhere.queue.claims.trigger(&firm(), &id, Trigger::Approved, &first().id).await.unwrap();
            bench.store.trouble.lock().unwrap().due_elsewhere = told;
            for _ in 0..20 {
                bench.world.runtime.sleep(Duration::from_secs(1)).await;
            }
        };
        select(Box::pin(worker.run(pending())), Box::pin(script)).await;
        assert_eq!(bench.was_run(&first(), "m1").await, told);
    }
}
