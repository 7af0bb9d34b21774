//! Sessions: refresh, races, and what happens when Clio no longer wants us.

mod token_answers;

use core::future::Future as _;
use core::sync::atomic::Ordering;
use core::task::Poll;
use core::time::Duration;

use secrecy::SecretString;

use super::support::{Answer, Fault, World, actor_id, assert_no_secret, entry, firm, host, host_at, world, yield_once};
use crate::clio::AccessToken;
use crate::connection::record::Readable;
use crate::connection::tokens::Tokens;
use crate::connection::{Connection, ConnectionState};
use crate::domain::{ConnectionId, Timestamp};
use crate::error::{Code, Retry};
use crate::lifecycle::Auth;
use crate::ports::{Expect, HttpFailureKind, Key, Runtime, Sent};
use crate::store::{EventBody, Outbox};

const TOKEN: &str = "/oauth/token";
const DEAUTHORIZE: &str = "/oauth/deauthorize";
const MONTH: Duration = Duration::from_secs(2_592_000);
const INVALID_GRANT: &str = r#"{"error":"invalid_grant","error_description":"refresh-secret-0 is gone, Jane"}"#;

fn id() -> ConnectionId {
    ConnectionId::new("con_1").unwrap()
}

fn tokens(name: &str, expires_at: Timestamp) -> Tokens {
    Tokens {
        access: AccessToken::new(SecretString::from(format!("access-secret-{name}"))),
        refresh: SecretString::from(format!("refresh-secret-{name}")),
        refresh_at: Some(expires_at - Duration::from_secs(300)),
        expires_at: Some(expires_at),
        replaced: Vec::new(),
    }
}

fn connection(id: ConnectionId, generation: u64) -> Connection {
    Connection {
        id,
        generation,
        state: ConnectionState::Connected,
        advice: Vec::new(),
        region: host().name().to_owned(),
        link_set: crate::connection::ScopeName::default(),
        root: host().root().to_string(),
        account: None,
        user: None,
        readable: Readable { contacts: true, matters: true, documents: true },
        connected_at: Timestamp(0),
        connected_by: actor_id("usr_1"),
        ended_at: None,
        judged: None,
        unrevoked: None,
        webhook_url: None,
    }
}

impl World {
    /// Connected a moment ago, with a token of 30 days.
    async fn connected() -> Self {
        let world = world();
        world.replace(connection(id(), 1), "0").await;
        world
    }

    /// Puts a connection with its tokens in place of whatever is there.
    async fn replace(&self, connection: Connection, name: &str) {
        let of = firm("firm_1");
        let mut transaction = self.repository.transaction(&of).unwrap();
        self.keyring().new_connection(&mut transaction, &connection.id).await.unwrap();
        self.repository.commit_or_conflict(&transaction).await.unwrap();
        let tokens = tokens(name, self.runtime.now() + MONTH);
        self.vault().swap(&of, &connection.id, None, &tokens).await.unwrap().unwrap();
        let before = Connection::load(&self.repository, &of).await.unwrap();
        let expect = before.map_or(Expect::Absent, |before| Expect::Version(before.version));
        let mut transaction = self.repository.transaction(&of).unwrap();
        transaction.put(Connection::key(&of), expect, &connection).unwrap();
        self.repository.commit_or_conflict(&transaction).await.unwrap();
    }

    fn later(&self, by: Duration) -> &Self {
        self.runtime.advance(by);
        self
    }

    fn refreshes(&self) -> usize {
        self.clio.calls(TOKEN).len()
    }

    async fn events(&self) -> Vec<EventBody> {
        let outbox = Outbox::new(&self.repository);
        let events = outbox.next_events(None, 10, Duration::from_secs(60), Duration::ZERO).await.unwrap();
        events.into_iter().map(|event| event.body).collect()
    }

    async fn state(&self) -> ConnectionState {
        Connection::load(&self.repository, &firm("firm_1")).await.unwrap().unwrap().value.state
    }
}

async fn token(auth: &Auth) -> String {
    auth.session().token(&firm("firm_1")).await.unwrap().token.expose().to_owned()
}

async fn code(auth: &Auth) -> Code {
    let error = auth.session().token(&firm("firm_1")).await.unwrap_err();
    assert_no_secret(&format!("{error} {error:?}"));
    error.code()
}

#[tokio::test]
async fn a_token_is_used_until_five_minutes_before_its_end() {
    let world = World::connected().await;
    let auth = world.process();
    world.later(MONTH - Duration::from_secs(301));
    assert_eq!(token(&auth).await, "access-secret-0");
    world.later(Duration::from_secs(1));
    assert_eq!(token(&auth).await, "access-secret-1");
    assert_eq!(token(&auth).await, "access-secret-1");
    assert_eq!(world.refreshes(), 1);
    let form = &world.clio.calls(TOKEN)[0].form;
    let expected = [
        ("client_id", "client-1"),
        ("client_secret", "client-secret"),
        ("grant_type", "refresh_token"),
        ("refresh_token", "refresh-secret-0"),
    ];
    assert_eq!(form.len(), expected.len(), "nothing else is sent, no scope in particular");
    for (name, value) in expected {
        assert_eq!(form[name], value);
    }
    assert_eq!(world.audit(&firm("firm_1")).await, [entry("refresh", "ok", None)]);
}

#[tokio::test]
async fn a_token_of_less_than_ten_minutes_is_refreshed_at_half_its_life() {
    let world = World::connected().await;
    let auth = world.process();
    let short = r#"{"token_type":"Bearer","access_token":"access-secret-short","expires_in":60}"#;
    world.clio.once(TOKEN, Answer::Json(200, short.to_owned()));
    world.later(MONTH);
    assert_eq!(token(&auth).await, "access-secret-short");
    world.later(Duration::from_secs(29));
    assert_eq!(token(&auth).await, "access-secret-short");
    world.later(Duration::from_secs(1));
    assert_eq!(token(&auth).await, "access-secret-1");
}

#[tokio::test]
async fn many_callers_of_a_process_make_one_refresh() {
    let world = World::connected().await;
    let auth = world.process();
    world.later(MONTH - Duration::from_secs(60));
    let all = futures_util::future::join_all((0..20).map(|_| token(&auth))).await;
    assert!(all.iter().all(|token| token == "access-secret-1"), "{all:?}");
    assert_eq!(world.refreshes(), 1);
}

#[tokio::test]
async fn of_two_processes_one_refreshes_and_the_other_takes_its_token() {
    let world = World::connected().await;
    let (one, two) = (world.process(), world.process());
    world.later(MONTH);
    let (first, second) = tokio::join!(token(&one), token(&two));
    assert_eq!((first.as_str(), second.as_str()), ("access-secret-1", "access-secret-1"));
    assert_eq!(token(&world.process()).await, first, "it is the stored one");
    assert_eq!(world.refreshes(), 1);
    assert!(world.store.ids("refresh-lease").await.is_empty());
}

#[tokio::test]
async fn a_token_that_lives_is_used_while_another_process_refreshes() {
    let world = World::connected().await;
    let (one, two) = (world.process(), world.process());
    world.later(MONTH - Duration::from_secs(60));
    world.clio.meanwhile(TOKEN, async move { assert_eq!(token(&two).await, "access-secret-0") });
    assert_eq!(token(&one).await, "access-secret-1");
    assert_eq!(world.refreshes(), 1);
}

/// The second would be refused, because Clio revokes what was used, while the good tokens are on
/// their way to the first.
#[tokio::test]
async fn two_processes_a_rotating_refresh_token_and_an_answer_after_six_seconds() {
    let world = World::connected().await;
    world.clio.rotates.store(true, Ordering::Relaxed);
    world.clio.revokes_at_once.store(true, Ordering::Relaxed);
    let (one, two) = (world.process(), world.process());
    world.later(MONTH);
    let runtime = world.runtime.clone();
    world.clio.meanwhile(TOKEN, async move { runtime.sleep(Duration::from_secs(6)).await });
    let of = firm("firm_1");
    let (first, second) = tokio::join!(one.session().token(&of), two.session().token(&of));
    assert_eq!(first.unwrap().token, second.unwrap().token);
    assert_eq!(world.refreshes(), 1);
    assert_eq!(world.state().await, ConnectionState::Connected);
    assert!(world.events().await.is_empty());
}

#[tokio::test]
async fn a_refresh_whose_process_dies_is_taken_over_and_one_whose_caller_leaves_goes_on() {
    for dies in [false, true] {
        for polls in 1.. {
            let world = World::connected().await;
            let auth = world.process();
            world.later(MONTH);
            let of = firm("firm_1");
            let mut asked = Box::pin(auth.session().token(&of));
            let mut left = polls;
            let finished = core::future::poll_fn(|context| {
                if left == 0 {
                    return Poll::Ready(false);
                }
                left -= 1;
                asked.as_mut().poll(context).map(|_| true)
            })
            .await;
            drop(asked);
            let began = world.runtime.now();
            if dies {
                world.runtime.drop_spawned();
                token(&world.process()).await;
                let waited = world.runtime.now().millis_since(began);
                assert!(waited <= 61_000, "{polls}: {waited}");
            } else {
                world.runtime.run_spawned().await;
                token(&world.process()).await;
                assert_eq!(world.refreshes(), 1, "after {polls} polls");
                assert_eq!(world.runtime.now(), began, "nobody had to wait");
            }
            assert_eq!(world.state().await, ConnectionState::Connected);
            if finished {
                assert!(polls > 10);
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_process_that_wakes_after_its_lease_does_no_harm() {
    let world = World::connected().await;
    let (slow, other) = (world.process(), world.process());
    let inner = world.clone();
    world.clio.meanwhile(TOKEN, async move {
        inner.runtime.advance(Duration::from_secs(61));
        assert_eq!(token(&other).await, "access-secret-1");
    });
    world.later(MONTH);
    assert_eq!(token(&slow).await, "access-secret-1", "the stored one, not that which it got too late");
    assert_eq!(token(&world.process()).await, "access-secret-1");
    assert_eq!(world.refreshes(), 2);
}

/// However it came about: tokens that were stored after the mark's were granted by Clio.
#[tokio::test]
async fn a_mark_holds_for_the_tokens_that_it_judged_only() {
    let world = World::connected().await;
    let auth = world.process();
    world.clio.once(TOKEN, Answer::Json(400, INVALID_GRANT.to_owned()));
    world.later(MONTH);
    assert_eq!(code(&auth).await, Code::ReconnectRequired);
    let of = firm("firm_1");
    let sealed = world.vault().load(&of, &id()).await.unwrap().unwrap();
    let theirs = tokens("theirs", world.runtime.now() + MONTH);
    world.vault().swap(&of, &id(), Some(&sealed.version), &theirs).await.unwrap().unwrap();
    assert_eq!(token(&auth).await, "access-secret-theirs");
    assert_eq!(world.state().await, ConnectionState::Connected);
    let audit = world.audit(&of).await;
    assert_eq!(audit, [entry("refresh", "failed", Some("reconnect_required")), entry("refresh", "ok", None)]);

    // One of an older SDK does not say what it judged.
    let mut stored = Connection::load(&world.repository, &of).await.unwrap().unwrap();
    stored.value.state = ConnectionState::ReconnectRequired;
    let mut transaction = world.repository.transaction(&of).unwrap();
    transaction.put(Connection::key(&of), Expect::Version(stored.version), &stored.value).unwrap();
    world.repository.commit_or_conflict(&transaction).await.unwrap();
    assert_eq!(code(&auth).await, Code::ReconnectRequired);
}

/// Whoever saves good tokens takes off a mark that was set meanwhile, so that nobody has to ask.
#[tokio::test]
async fn who_saves_newer_tokens_takes_the_mark_off() {
    let world = World::connected().await;
    let (slow, other) = (world.process(), world.process());
    let inner = world.clone();
    world.clio.meanwhile(TOKEN, async move {
        inner.runtime.advance(Duration::from_secs(61));
        inner.clio.once(TOKEN, Answer::Json(400, INVALID_GRANT.to_owned()));
        assert_eq!(code(&other).await, Code::ReconnectRequired);
    });
    world.later(MONTH);
    assert_eq!(token(&slow).await, "access-secret-1");
    assert_eq!(world.state().await, ConnectionState::Connected);
}

#[tokio::test]
async fn the_old_refresh_token_stays_unless_clio_sends_a_new_one() {
    for (rotates, second) in [(false, "refresh-secret-0"), (true, "refresh-secret-1")] {
        let world = World::connected().await;
        world.clio.rotates.store(rotates, Ordering::Relaxed);
        for _ in 0..2 {
            world.later(MONTH);
            token(&world.process()).await;
        }
        let sent: Vec<String> = world.clio.calls(TOKEN).iter().map(|seen| seen.form["refresh_token"].clone()).collect();
        assert_eq!(sent, ["refresh-secret-0", second]);
    }
}

#[tokio::test]
async fn a_rejected_token_is_refreshed_once_however_many_report_it() {
    let world = World::connected().await;
    let auth = world.process();
    let of = firm("firm_1");
    let old = auth.session().token(&of).await.unwrap().token;
    let rejected = async || auth.session().rejected(&of, &old).await.unwrap().token.expose().to_owned();
    let (first, second) = tokio::join!(rejected(), rejected());
    assert_eq!((first.as_str(), second.as_str()), ("access-secret-1", "access-secret-1"));
    assert_eq!(world.process().session().rejected(&of, &old).await.unwrap().token.expose(), "access-secret-1");
    assert_eq!(world.refreshes(), 1);
}

#[tokio::test]
async fn an_authorization_that_is_gone_asks_for_a_reconnect_once() {
    for status in [400, 401] {
        let world = World::connected().await;
        let (one, two) = (world.process(), world.process());
        world.clio.always(TOKEN, Answer::Json(status, INVALID_GRANT.to_owned()));
        world.later(MONTH);
        let (first, second) = tokio::join!(code(&one), code(&two));
        assert_eq!((first, second), (Code::ReconnectRequired, Code::ReconnectRequired));
        assert_eq!(world.state().await, ConnectionState::ReconnectRequired);
        let calls = world.refreshes();
        assert_eq!(code(&one).await, Code::ReconnectRequired);
        assert_eq!(world.refreshes(), calls, "a dead authorization is not tried again");
        assert_eq!(world.events().await, [EventBody::ReconnectRequired]);
        let audit = world.audit(&firm("firm_1")).await;
        assert_eq!(audit, [entry("refresh", "failed", Some("reconnect_required"))]);
        assert_no_secret(&world.store.at_rest().await);
    }
}

#[tokio::test]
async fn invalid_grant_after_somebody_elses_refresh_is_no_reason_to_reconnect() {
    let world = World::connected().await;
    let other = world.clone();
    world.clio.meanwhile(TOKEN, async move {
        let of = firm("firm_1");
        let sealed = other.vault().load(&of, &id()).await.unwrap().unwrap();
        let theirs = tokens("theirs", other.runtime.now() + MONTH);
        other.vault().swap(&of, &id(), Some(&sealed.version), &theirs).await.unwrap().unwrap();
    });
    world.clio.once(TOKEN, Answer::Json(400, INVALID_GRANT.to_owned()));
    world.later(MONTH);
    assert_eq!(token(&world.process()).await, "access-secret-theirs");
    assert_eq!(world.state().await, ConnectionState::Connected);
    assert!(world.events().await.is_empty());
}

#[tokio::test]
async fn invalid_grant_while_the_other_process_is_still_saving_is_no_reason_to_reconnect() {
    let world = World::connected().await;
    world.clio.once(TOKEN, Answer::Json(400, INVALID_GRANT.to_owned()));
    world.later(MONTH);
    let auth = world.process();
    let saves_late = async {
        while world.refreshes() == 0 {
            yield_once().await;
        }
        let save = async {
            // Until the refusal has arrived and the envelope was found unchanged.
            for _ in 0..8 {
                yield_once().await;
            }
            let of = firm("firm_1");
            let sealed = world.vault().load(&of, &id()).await.unwrap().unwrap();
            let theirs = tokens("theirs", world.runtime.now() + MONTH);
            world.vault().swap(&of, &id(), Some(&sealed.version), &theirs).await.unwrap().unwrap();
        };
        // Virtual time does not wait for a store: the save takes a second because this does.
        let a_second = async {
            for _ in 0..100 {
                world.runtime.sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::join!(save, a_second);
    };
    assert_eq!(tokio::join!(token(&auth), saves_late).0, "access-secret-theirs");
    assert!(world.events().await.is_empty());
}

#[tokio::test]
async fn invalid_grant_of_a_connection_that_was_replaced_does_not_mark_the_new_one() {
    let world = World::connected().await;
    let other = world.clone();
    world.clio.meanwhile(TOKEN, async move {
        other.replace(connection(ConnectionId::new("con_2").unwrap(), 2), "second").await;
    });
    world.clio.once(TOKEN, Answer::Json(400, INVALID_GRANT.to_owned()));
    world.later(MONTH);
    assert_eq!(token(&world.process()).await, "access-secret-second");
    assert_eq!(world.state().await, ConnectionState::Connected);
    assert!(world.events().await.is_empty());
}

#[tokio::test]
async fn a_refresh_whose_envelope_is_gone_gives_back_what_it_got() {
    let world = World::connected().await;
    let other = world.clone();
    world.clio.meanwhile(TOKEN, async move {
        other.vault().delete(&firm("firm_1"), &id()).await.unwrap();
    });
    world.later(MONTH);
    assert_eq!(code(&world.process()).await, Code::ReconnectRequired);
    let given_back = world.clio.calls(DEAUTHORIZE);
    assert_eq!(given_back.len(), 1);
    assert_eq!(given_back[0].form["token"], "access-secret-1");
    assert_eq!(given_back[0].bearer.as_deref(), Some("Bearer access-secret-1"));
}

#[tokio::test]
async fn a_refresh_overtaken_by_a_reconnect_uses_it_and_revokes_nothing() {
    let world = World::connected().await;
    let other = world.clone();
    world.clio.meanwhile(TOKEN, async move {
        other.replace(connection(ConnectionId::new("con_2").unwrap(), 2), "second").await;
        other.vault().delete(&firm("firm_1"), &id()).await.unwrap();
    });
    world.later(MONTH);
    assert_eq!(token(&world.process()).await, "access-secret-second");
    assert!(world.clio.calls(DEAUTHORIZE).is_empty());
}

#[tokio::test]
async fn a_living_token_is_used_while_clio_cannot_be_reached() {
    let world = World::connected().await;
    let auth = world.process();
    world.clio.always(TOKEN, Answer::Fails(HttpFailureKind::Connect, Sent::No));
    world.later(MONTH - Duration::from_secs(200));
    for _ in 0..3 {
        assert_eq!(token(&auth).await, "access-secret-0");
    }
    assert_eq!(world.refreshes(), 1, "not with every call");
    world.later(Duration::from_secs(31));
    assert_eq!(token(&auth).await, "access-secret-0");
    assert_eq!(world.refreshes(), 2);
    world.later(Duration::from_secs(169));
    let error = auth.session().token(&firm("firm_1")).await.unwrap_err();
    assert_eq!((error.code(), error.retry()), (Code::ConnectFailed, Retry::Retry));
    assert_eq!(world.state().await, ConnectionState::Connected);
    assert_eq!(world.audit(&firm("firm_1")).await, [entry("refresh", "failed", Some("connect_failed"))]);
    world.clio.usual.lock().unwrap().clear();
    assert_eq!(token(&auth).await, "access-secret-1");
}

#[tokio::test]
async fn a_save_of_unknown_outcome_is_cleared_up() {
    for (fault, times) in [(Fault::Lost, 1), (Fault::AnswerLost, 1), (Fault::Lost, 2), (Fault::AnswerLost, 2)] {
        let world = World::connected().await;
        world.store.fail("tokens", fault, times);
        world.later(MONTH);
        assert_eq!(token(&world.process()).await, "access-secret-1", "{fault:?} {times}");
        assert_eq!(token(&world.process()).await, "access-secret-1");
        assert_eq!(world.refreshes(), 1);
        assert_eq!(world.audit(&firm("firm_1")).await, [entry("refresh", "ok", None)]);
    }
    let world = World::connected().await;
    world.store.fail("tokens", Fault::Lost, 9);
    world.later(MONTH);
    assert_eq!(code(&world.process()).await, Code::StoreFailed);
    world.store.heal();
    assert_eq!(token(&world.process()).await, "access-secret-2");
}

#[tokio::test]
async fn without_connection_or_envelope_there_is_no_token() {
    let world = world();
    assert_eq!(code(&world.process()).await, Code::NotConnected);

    let world = World::connected().await;
    let auth = world.process();
    token(&auth).await;
    world.vault().delete(&firm("firm_1"), &id()).await.unwrap();
    assert_eq!(code(&auth).await, Code::ReconnectRequired);
    assert_eq!(code(&auth).await, Code::ReconnectRequired);
    assert_eq!(world.events().await, [EventBody::ReconnectRequired]);
    assert!(format!("{:?}", auth.session()).contains("opened: None"), "a token that cannot be used is not kept");
}

#[tokio::test]
async fn a_token_is_never_sent_to_another_region() {
    let world = World::connected().await;
    let auth = world.process_on(host_at(4401));
    world.later(MONTH);
    assert_eq!(code(&auth).await, Code::ConnectedElsewhere);
    assert_eq!(world.refreshes(), 0);
}

#[tokio::test]
async fn an_envelope_put_into_another_firms_row_does_not_open() {
    let world = World::connected().await;
    let (mine, theirs) = (firm("firm_1"), firm("firm_2"));
    let mut transaction = world.repository.transaction(&theirs).unwrap();
    world.keyring().new_connection(&mut transaction, &id()).await.unwrap();
    transaction.put(Connection::key(&theirs), Expect::Absent, &connection(id(), 1)).unwrap();
    world.repository.commit_or_conflict(&transaction).await.unwrap();
    let sealed = world.vault().load(&mine, &id()).await.unwrap().unwrap();
    let swapped = tokens("x", Timestamp(i64::MAX));
    world.vault().swap(&theirs, &id(), None, &swapped).await.unwrap().unwrap();
    world.store.set(&Key::new(&theirs, "tokens", "con_1"), &sealed.envelope).await;
    let error = world.process().session().token(&theirs).await.unwrap_err();
    assert_eq!(error.code(), Code::SealBroken);
}

#[tokio::test]
async fn nothing_that_can_be_printed_or_read_at_rest_holds_a_secret() {
    let world = World::connected().await;
    let auth = world.process();
    world.later(MONTH);
    let grant = auth.session().token(&firm("firm_1")).await.unwrap();
    assert_eq!(grant.token.expose(), "access-secret-1");
    assert_no_secret(&format!("{auth:?} {grant:?} {:?}", grant.token));
    assert_no_secret(&world.store.at_rest().await);
}
