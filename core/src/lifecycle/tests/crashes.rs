//! Connecting when a commit fails, the caller leaves, or the process dies at any moment.

use super::connect::{AREAS, BACK, DEAUTHORIZE, TOKEN, admin, begin, code, connect, willing};
use super::support::{Answer, Fault, World, entry, firm};
use crate::connection::Connection;
use crate::error::Code;
use crate::lifecycle::Auth;
use crate::ports::{HttpFailureKind, Sent};
use core::future::Future as _;
use core::task::Poll;
use core::time::Duration;
use std::collections::BTreeSet;

#[tokio::test]
async fn there_is_never_a_connection_without_tokens_whatever_commit_fails() {
    for existing in [false, true] {
        for collection in ["connect-state", "connect-draft", "data-key", "tokens", "connection"] {
            for fault in [Fault::Lost, Fault::AnswerLost] {
                for times in [1, 9] {
                    let world = willing(1);
                    let auth = world.process();
                    if existing {
                        connect(&auth, &admin("usr_0")).await.unwrap();
                    }
                    let query = begin(&auth, &admin("usr_1")).await;
                    world.store.fail(collection, fault, times);
                    let outcome = auth.finish(&admin("usr_1"), &query).await;
                    let what = format!("{existing} {collection} {fault:?} {times}: {outcome:?}");
                    world.store.heal();
                    let fresh = world.process();
                    let stands = fresh.connection(&firm("firm_1")).await.unwrap();
                    if times == 1 {
                        assert!(outcome.is_ok(), "{what}");
                    }
                    if let Ok(connection) = &outcome {
                        assert_eq!(stands.as_ref(), Some(connection), "{what}");
                    }
                    if stands.is_some() {
                        assert!(fresh.session().token(&firm("firm_1")).await.is_ok(), "{what}");
                    }
                    // Another try always works, and leaves one set of tokens.
                    world.runtime.advance(Duration::from_secs(3600));
                    let last = connect(&fresh, &admin("usr_1")).await.unwrap();
                    assert_eq!(world.store.ids("tokens").await, [last.id.as_str()], "{what}");
                    assert!(world.store.ids("connect-draft").await.is_empty(), "{what}");
                }
            }
        }
    }
}

/// Polls a connect so often, then drops it. Gives whether it had ended.
async fn dropped_after(auth: &Auth, query: &str, polls: usize) -> bool {
    let actor = admin("usr_1");
    let mut finish = Box::pin(auth.finish(&actor, query));
    let mut left = polls;
    core::future::poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(false);
        }
        left -= 1;
        finish.as_mut().poll(context).map(|_| true)
    })
    .await
}

impl World {
    /// Every consent that Clio still honours is known by the connection's tokens, and so is given
    /// back with them.
    async fn every_grant_is_known(&self) -> bool {
        let of = firm("firm_1");
        let mut known = BTreeSet::new();
        if let Some(connection) = Connection::load(&self.repository, &of).await.unwrap() {
            let id = connection.value.id;
            let sealed = self.vault().load(&of, &id).await.unwrap().unwrap();
            let tokens = self.vault().open(&of, &id, &sealed).await.unwrap();
            known.extend(self.clio.consent(tokens.access.expose()));
            known.extend(tokens.replaced.iter().filter_map(|grant| self.clio.consent(grant.access.expose())));
        }
        self.clio.living().is_subset(&known)
    }
}

#[tokio::test]
async fn a_caller_who_leaves_at_any_moment_ends_nothing() {
    for existing in [false, true] {
        for polls in 0..1000 {
            let world = willing(1);
            let auth = world.process();
            if existing {
                connect(&auth, &admin("usr_0")).await.unwrap();
            }
            let query = begin(&auth, &admin("usr_1")).await;
            let finished = dropped_after(&auth, &query, polls).await;
            world.runtime.run_spawned().await;
            assert!(world.every_grant_is_known().await, "after {polls} polls");
            let begun = auth.connection(&firm("firm_1")).await.unwrap();
            let again = auth.finish(&admin("usr_1"), &query).await.unwrap();
            assert!(polls == 0 || begun.as_ref() == Some(&again), "what was begun is finished: {polls} polls");
            assert_eq!(world.store.ids("tokens").await, [again.id.as_str()], "after {polls} polls");
            if finished {
                assert!(polls > 20, "a connect that takes no time proves nothing");
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_crash_at_any_moment_leaves_no_connection_without_tokens_and_no_grant_that_nobody_knows() {
    for existing in [false, true] {
        let mut lost = 0;
        for polls in 0..1000 {
            let world = willing(1);
            let auth = world.process();
            if existing {
                connect(&auth, &admin("usr_0")).await.unwrap();
            }
            let query = begin(&auth, &admin("usr_1")).await;
            let finished = dropped_after(&auth, &query, polls).await;
            world.runtime.drop_spawned();
            let fresh = world.process();
            if fresh.connection(&firm("firm_1")).await.unwrap().is_some() {
                fresh.session().token(&firm("firm_1")).await.unwrap();
            }
            world.runtime.advance(Duration::from_secs(3600));
            fresh.look_after_grants(&firm("firm_1")).await.unwrap();
            let known = world.every_grant_is_known().await;
            // Nobody can know what Clio answered to a process that died before it could write it
            // down.
            let unheard = world.clio.seen.lock().unwrap().last().is_some_and(|last| last.path == TOKEN);
            assert!(known || unheard, "after {polls} polls");
            lost += usize::from(!known);
            let last = connect(&fresh, &admin("usr_1")).await.unwrap();
            assert_eq!(world.store.ids("tokens").await, [last.id.as_str()], "after {polls} polls");
            assert!(world.store.ids("connect-draft").await.is_empty());
            if finished {
                break;
            }
        }
        // Clio's answer on its way, and one commit.
        assert!((1..=2).contains(&lost), "{lost}");
    }
}

#[tokio::test]
async fn what_could_not_be_given_back_is_given_back_later() {
    let world = willing(1);
    let auth = world.process();
    world.clio.always(AREAS, Answer::Json(500, String::from("{}")));
    world.clio.always(DEAUTHORIZE, Answer::Fails(HttpFailureKind::Connect, Sent::No));
    assert_eq!(code(connect(&auth, &admin("usr_1")).await), Code::ClioUnavailable);
    assert_eq!(world.clio.living().len(), 1);
    world.clio.usual.lock().unwrap().remove(DEAUTHORIZE);
    world.runtime.advance(Duration::from_secs(121));
    assert_eq!(world.process().look_after_grants(&firm("firm_1")).await.unwrap(), None);
    assert!(world.clio.living().is_empty());
    assert_eq!(world.leftovers().await, Vec::<String>::new());
    assert_eq!(world.audit(&firm("firm_1")).await.last(), Some(&entry("connect", "noted", None)));
}

/// Found by simulation (3235): each waited for the other to come to be.
#[tokio::test]
async fn two_attempts_that_failed_do_not_wait_for_each_other() {
    let world = willing(1);
    let auth = world.process();
    world.clio.always(AREAS, Answer::Json(500, String::from("{}")));
    world.clio.always(DEAUTHORIZE, Answer::Fails(HttpFailureKind::Connect, Sent::No));
    for _ in 0..2 {
        connect(&auth, &admin("usr_1")).await.unwrap_err();
        world.runtime.advance(Duration::from_secs(60));
    }
    world.clio.usual.lock().unwrap().remove(DEAUTHORIZE);
    // Each is due while the other one is not.
    for seconds in [1, 61] {
        world.runtime.advance(Duration::from_secs(seconds));
        auth.look_after_grants(&firm("firm_1")).await.unwrap();
    }
    assert!(world.clio.living().is_empty());
}

#[tokio::test]
async fn a_reconnect_that_fails_keeps_its_grant_with_the_tokens_in_use() {
    let world = willing(1);
    let auth = world.process();
    connect(&auth, &admin("usr_1")).await.unwrap();
    world.clio.always(AREAS, Answer::Json(500, String::from("{}")));
    assert_eq!(code(connect(&auth, &admin("usr_1")).await), Code::ClioUnavailable);
    assert!(world.clio.calls(DEAUTHORIZE).is_empty(), "it may be the grant that is in use");
    assert!(world.every_grant_is_known().await);
    auth.disconnect(&admin("usr_1"), None).await.unwrap();
    assert!(world.clio.living().is_empty(), "given back together");
}

#[tokio::test]
async fn a_connect_that_was_swept_cannot_finish() {
    for saved in [false, true] {
        let world = willing(1);
        let (slow, other) = (world.process(), world.process());
        let query = begin(&slow, &admin("usr_1")).await;
        let inner = world.clone();
        let sweeps = async move {
            inner.runtime.advance(Duration::from_secs(3600));
            other.begin(&admin("usr_2"), BACK).await.unwrap();
        };
        if saved {
            world.store.meanwhile("tokens", sweeps);
        } else {
            world.clio.meanwhile(AREAS, sweeps);
        }
        assert_eq!(code(slow.finish(&admin("usr_1"), &query).await), Code::ConnectStateExpired);
        assert!(world.clio.living().is_empty(), "its grant was given back");
        assert_eq!(slow.connection(&firm("firm_1")).await.unwrap(), None);
        assert!(world.store.ids("tokens").await.is_empty() && world.store.ids("data-key").await.is_empty());
    }
}

#[test]
fn every_call_can_move_between_threads() {
    fn moves<T: Send>(_: T) {}
    let (auth, actor) = (willing(1).process(), admin("usr_1"));
    moves(auth.begin(&actor, BACK));
    moves(auth.finish(&actor, ""));
    moves(auth.session().token(&actor.firm));
}
