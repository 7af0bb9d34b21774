//! Triggers in orders and moments that are easily forgotten.

use core::time::Duration;

use super::{Bench, LEASE};
use crate::connection::ConnectionState;
use crate::domain::Trigger;
use crate::error::{Code, Error};
use crate::jobs::job::Next;
use crate::jobs::{hold, list_held};
use crate::ports::Commit;

#[tokio::test]
async fn a_backfill_and_a_created_intake_are_one_run_with_documents_in_either_order() {
    for order in [[Trigger::Created, Trigger::Backfill], [Trigger::Backfill, Trigger::Created]] {
        let bench = Bench::new();
        bench.allow(true, true).await;
        let claims = bench.process();
        for trigger in order {
            bench.trigger(&claims, trigger).await;
        }
        let claim = bench.claim(&claims).await.unwrap();
        assert!(claim.order.trigger.sends_documents(), "{order:?} became {:?}", claim.order.trigger);

        bench.connected(ConnectionState::Disconnected, 1).await;
        for trigger in order {
            assert!(hold(&bench.repository, &bench.firm, &bench.matter, trigger, &bench.actor).await.unwrap());
        }
        let held = list_held(&bench.repository, &bench.firm).await.unwrap();
        assert!(held[0].trigger.sends_documents(), "{order:?} is held as {:?}", held[0].trigger);
    }
}

#[tokio::test]
async fn whoever_finds_a_job_late_finds_nothing_to_do() {
    let bench = Bench::new();
    let (a, b) = (bench.process(), bench.process());
    bench.trigger(&a, Trigger::Approved).await;
    let claim = bench.claim(&a).await.unwrap();
    assert!(bench.end(&a, &claim, Next::Due(Duration::from_secs(3600))).await);
    assert!(bench.claim(&b).await.is_none(), "it waits for an hour");
    bench.runtime.advance(Duration::from_secs(3600));
    let claim = bench.claim(&b).await.unwrap();
    assert!(bench.end(&b, &claim, Next::Rest).await);
    assert!(bench.claim(&a).await.is_none(), "it was done");
}

#[tokio::test]
async fn triggers_do_not_postpone_a_takeover() {
    let bench = Bench::new();
    let (a, b) = (bench.process(), bench.process());
    bench.trigger(&a, Trigger::Approved).await;
    let dead = bench.claim(&a).await.unwrap();
    bench.runtime.advance(Duration::from_secs(20));
    bench.trigger(&b, Trigger::Approved).await;
    bench.runtime.advance(LEASE - Duration::from_secs(20) - Duration::from_millis(1));
    assert_eq!(bench.due().await, 0);
    bench.runtime.advance(Duration::from_millis(1));
    assert_eq!(bench.due().await, 1);
    bench.trigger(&b, Trigger::Approved).await;
    assert_eq!(bench.due().await, 1, "nor once it is due");
    assert!(bench.claim(&b).await.is_some());
    drop(dead);
}

#[tokio::test]
async fn a_person_who_asks_again_wakes_a_parked_job_if_the_connection_is_usable() {
    let bench = Bench::new();
    let claims = bench.process();
    bench.connected(ConnectionState::Degraded, 1).await;
    bench.trigger(&claims, Trigger::Approved).await;
    let claim = bench.claim(&claims).await.unwrap();
    assert!(bench.end(&claims, &claim, Next::Block).await);
    bench.trigger(&claims, Trigger::Approved).await;
    bench.trigger(&claims, Trigger::Backfill).await;
    assert_eq!(bench.due().await, 0, "in bulk nothing is tried that failed with this connection");
    bench.connected(ConnectionState::ReconnectRequired, 1).await;
    bench.trigger(&claims, Trigger::Retry).await;
    assert_eq!((bench.due().await, bench.job().await.parked), (0, Some(1)), "there is nothing to try it with");
    bench.connected(ConnectionState::Degraded, 1).await;
    bench.trigger(&claims, Trigger::Retry).await;
    assert_eq!((bench.due().await, bench.job().await.parked), (1, None), "the plan may have been upgraded");
    assert!(bench.claim(&claims).await.is_some());
}

#[tokio::test]
async fn what_is_mended_outside_of_casehug_is_tried_again_at_the_slowest_interval() {
    let bench = Bench::new();
    let claims = bench.process();
    bench.trigger(&claims, Trigger::Approved).await;
    let job = bench.job().await;
    for code in [Code::TlsRefused, Code::RedirectRefused, Code::OauthRefused, Code::StoreCorrupt] {
        assert_eq!(job.next_after(&Error::new(code)), Next::Due(Duration::from_secs(3600)), "{code:?}");
    }
    assert_eq!(job.next_after(&Error::new(Code::KeyFailed)), Next::Due(Duration::from_secs(30)), "another has it");
    assert_eq!(job.next_after(&Error::new(Code::ClioValidation)), Next::Rest);
}

#[tokio::test]
async fn a_backfill_is_run_though_what_failed_before_it_may_not_be_run_any_more() {
    let bench = Bench::new();
    let claims = bench.process();
    bench.trigger(&claims, Trigger::Approved).await;
    let claim = bench.claim(&claims).await.unwrap();
    assert!(bench.end(&claims, &claim, Next::Due(Duration::from_secs(30))).await);
    bench.allow(false, false).await;
    bench.trigger(&claims, Trigger::Backfill).await;
    assert_eq!(bench.claim(&claims).await.unwrap().order.trigger, Trigger::Backfill);
}

#[tokio::test]
async fn what_was_switched_off_during_a_run_keeps_no_backfill_from_following_it() {
    let bench = Bench::new();
    let claims = bench.process();
    bench.trigger(&claims, Trigger::Approved).await;
    let claim = bench.claim(&claims).await.unwrap();
    bench.allow(false, false).await;
    bench.trigger(&claims, Trigger::Backfill).await;
    assert_eq!(bench.job().await.running, Some(1), "the run goes on");
    assert!(bench.end(&claims, &claim, Next::Rest).await);
    assert_eq!(bench.claim(&claims).await.unwrap().order.trigger, Trigger::Backfill);
}

#[tokio::test]
async fn a_worker_whose_job_was_switched_off_while_it_was_silent_writes_nothing_and_takes_no_trigger_away() {
    let bench = Bench::new();
    let (a, b) = (bench.process(), bench.process());
    bench.trigger(&a, Trigger::Approved).await;
    let silent = bench.claim(&a).await.unwrap();
    bench.runtime.advance(LEASE);
    bench.allow(false, false).await;
    assert!(bench.claim(&b).await.is_none(), "nothing leaves by itself any more");
    bench.trigger(&b, Trigger::Manual).await;
    assert_eq!(bench.write(&silent).await, Commit::Conflict);
    assert!(!bench.end(&a, &silent, Next::Rest).await);
    assert_eq!(bench.claim(&b).await.unwrap().order.trigger, Trigger::Manual);
}

/// Hundreds may be: what is approved after the firm is connected anew would wait for them.
#[tokio::test]
async fn what_was_blocked_is_behind_what_is_approved_after_its_release() {
    for (trigger, awaited) in [(Trigger::Approved, false), (Trigger::Manual, true)] {
        let bench = Bench::new();
        let claims = bench.process();
        bench.connected(ConnectionState::Connected, 1).await;
        bench.trigger(&claims, trigger).await;
        let claim = bench.claim(&claims).await.unwrap();
        assert!(bench.end(&claims, &claim, Next::Block).await);
        bench.connected(ConnectionState::Connected, 2).await;
        bench.release().await;
        assert_eq!((bench.due().await, bench.job().await.is_bulk()), (1, !awaited), "{trigger:?}");
        bench.trigger(&claims, Trigger::Approved).await;
        assert!(!bench.job().await.is_bulk(), "approved since");
    }
}

#[tokio::test]
async fn what_waited_when_auto_sync_was_switched_off_is_held() {
    for trigger in [Trigger::Approved, Trigger::Backfill, Trigger::Manual] {
        let bench = Bench::new();
        let claims = bench.process();
        bench.trigger(&claims, trigger).await;
        bench.allow(false, false).await;
        let held = trigger == Trigger::Approved;
        assert_eq!(bench.claim(&claims).await.is_none(), held, "{trigger:?}");
        assert_eq!(bench.held().await, held.then_some(Trigger::Approved), "{trigger:?}");
    }
    // One whose last run left a creation in doubt, too.
    let bench = Bench::new();
    let claims = bench.process();
    bench.trigger(&claims, Trigger::Approved).await;
    let claim = bench.claim(&claims).await.unwrap();
    assert!(bench.end(&claims, &claim, Next::Look(Duration::from_secs(5))).await);
    bench.allow(false, false).await;
    bench.runtime.advance(Duration::from_secs(5));
    assert!(bench.claim(&claims).await.is_none());
    assert_eq!(bench.held().await, Some(Trigger::Approved));
    // Nobody decided against the matter: what is allowed later may run.
    bench.connected(ConnectionState::Connected, 1).await;
    bench.allow(true, false).await;
    let (firm, matter) = (&bench.firm, &bench.matter);
    assert!(!hold(&bench.repository, firm, matter, Trigger::Approved, &bench.actor).await.unwrap());
    // Not so after a disconnect.
    bench.connected(ConnectionState::Disconnected, 1).await;
    assert!(hold(&bench.repository, firm, matter, Trigger::Approved, &bench.actor).await.unwrap());
    bench.connected(ConnectionState::Connected, 2).await;
    assert!(hold(&bench.repository, firm, matter, Trigger::Approved, &bench.actor).await.unwrap());
}

#[tokio::test]
async fn documents_that_waited_when_auto_sync_was_switched_off_are_not_lost_to_a_trigger_without() {
    let bench = Bench::new();
    let claims = bench.process();
    bench.allow(true, true).await;
    bench.trigger(&claims, Trigger::Created).await;
    let claim = bench.claim(&claims).await.unwrap();
    assert!(bench.end(&claims, &claim, Next::Rest).await);
    bench.allow(false, true).await;
    bench.trigger(&claims, Trigger::Created).await;
    assert_eq!(bench.held().await, None, "nothing waited");
    bench.allow(true, true).await;
    bench.trigger(&claims, Trigger::Approved).await;
    bench.allow(false, true).await;
    bench.trigger(&claims, Trigger::Created).await;
    assert_eq!(bench.held().await, Some(Trigger::Approved));
    let claim = bench.claim(&claims).await.unwrap();
    assert_eq!(claim.order.trigger, Trigger::Created, "it runs all the same");
}

#[tokio::test]
async fn what_was_blocked_and_is_held_since_does_not_leave_with_a_trigger_without_documents() {
    let bench = Bench::new();
    let claims = bench.process();
    bench.allow(true, true).await;
    bench.connected(ConnectionState::Connected, 1).await;
    bench.trigger(&claims, Trigger::Approved).await;
    let claim = bench.claim(&claims).await.unwrap();
    assert!(bench.end(&claims, &claim, Next::Block).await);
    bench.connected(ConnectionState::Disconnected, 1).await;
    assert!(hold(&bench.repository, &bench.firm, &bench.matter, Trigger::Created, &bench.actor).await.unwrap());
    bench.connected(ConnectionState::Connected, 2).await;
    // As of a matter that is in Clio.
    bench.trigger(&claims, Trigger::Created).await;
    bench.release().await;
    assert_eq!(bench.claim(&claims).await.unwrap().order.trigger, Trigger::Created);
    assert_eq!(bench.held().await, Some(Trigger::Approved), "of the documents an admin is asked");
}
