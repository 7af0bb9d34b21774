//! Giving grants back while somebody else changes what is stored, and while Clio answers only half
//! of what it is asked.

use core::sync::atomic::Ordering;
use core::time::Duration;

use futures_util::future::join;

use super::connect::{AREAS, DEAUTHORIZE, admin, areas, begin, connect, willing};
use super::support::{Answer, Fault, World, firm, yield_once};
use crate::connection::ConnectionState;
use crate::error::Code;
use crate::history::{AuditLog, AuditQuery};
use crate::lifecycle::Auth;
use crate::ports::{HttpFailureKind, Key, Sent};

/// So long the attempt of a sweep stands in the way of the next one.
const FENCE: Duration = Duration::from_secs(121);

async fn after<T>(turns: usize, work: impl Future<Output = T>) -> T {
    for _ in 0..turns {
        yield_once().await;
    }
    work.await
}

impl World {
    /// An attempt that failed, and whose grant could not be remembered yet. It is due.
    async fn leave_a_draft(&self, auth: &Auth) {
        self.clio.always(AREAS, Answer::Json(500, String::from("{}")));
        self.store.fail("refresh-lease", Fault::Lost, 100);
        connect(auth, &admin("usr_1")).await.unwrap_err();
        self.store.heal();
        self.clio.always(AREAS, areas(&[1, 2]));
        self.runtime.advance(FENCE);
    }

    async fn sweep(&self, auth: &Auth) {
        self.runtime.advance(FENCE);
        auth.look_after_grants(&firm("firm_1")).await.unwrap();
    }
}

/// Found by simulation (118655, 135155, 243796): the grant came to be remembered when the tokens in
/// use had been read already.
#[tokio::test]
async fn a_grant_that_is_remembered_while_its_firm_disconnects_is_given_back() {
    for turns in 0..100 {
        let world = willing(1);
        let (auth, worker) = (world.process(), world.process());
        connect(&auth, &admin("usr_1")).await.unwrap();
        world.leave_a_draft(&auth).await;
        let disconnects = async { auth.disconnect(&admin("usr_1"), None).await.unwrap() };
        let firm = firm("firm_1");
        let (_, swept) = join(after(turns, disconnects), worker.look_after_grants(&firm)).await;
        swept.unwrap();
        world.sweep(&worker).await;
        worker.revoke(&firm).await.unwrap();
        assert!(world.clio.living().is_empty(), "after {turns} turns: {:?}", world.clio.living());
        assert!(world.store.ids("connect-draft").await.is_empty() && world.store.ids("tokens").await.is_empty());
    }
}

#[tokio::test]
async fn a_grant_that_is_remembered_while_its_firm_connects_anew_is_not_forgotten() {
    for turns in 0..100 {
        let world = willing(1);
        let (auth, worker) = (world.process(), world.process());
        connect(&auth, &admin("usr_1")).await.unwrap();
        let (admin, firm) = (admin("usr_2"), firm("firm_1"));
        let query = begin(&auth, &admin).await;
        world.leave_a_draft(&auth).await;
        let (connected, swept) = join(auth.finish(&admin, &query), after(turns, worker.look_after_grants(&firm))).await;
        connected.unwrap();
        swept.unwrap();
        world.sweep(&worker).await;
        assert_eq!(world.clio.living().len(), 3);
        auth.disconnect(&admin, None).await.unwrap();
        assert!(world.clio.living().is_empty(), "after {turns} turns: {:?}", world.clio.living());
    }
}

/// The access token has ended, and Clio cannot be reached with the one that its refresh token
/// brings, which ends by that.
fn ends_and_is_cut_off(world: &World, ended: usize, brought: usize) {
    world.clio.rotates.store(true, Ordering::Relaxed);
    world.clio.revokes_at_once.store(true, Ordering::Relaxed);
    world.clio.end(&format!("access-secret-{ended}"));
    world.clio.cut_off.lock().unwrap().insert(format!("access-secret-{brought}"));
}

#[tokio::test]
async fn what_clio_grants_while_a_grant_is_given_back_is_stored_before_it_is_used() {
    // The one in use, and the one that it replaced.
    for (ended, brought) in [(2, 3), (1, 4)] {
        let world = willing(1);
        let auth = world.process();
        connect(&auth, &admin("usr_1")).await.unwrap();
        connect(&auth, &admin("usr_1")).await.unwrap();
        ends_and_is_cut_off(&world, ended, brought);
        let ended = auth.disconnect(&admin("usr_1"), None).await.unwrap();
        assert_eq!(ended.state, ConnectionState::Revoking);
        auth.revoke(&firm("firm_1")).await.unwrap();
        assert!(world.clio.living().is_empty());
        let ended = auth.connection(&firm("firm_1")).await.unwrap().unwrap();
        assert_eq!((ended.state, ended.unrevoked), (ConnectionState::Disconnected, None));
    }
}

#[tokio::test]
async fn what_clio_grants_while_an_unused_grant_is_given_back_is_stored_before_it_is_used() {
    let world = willing(1);
    let auth = world.process();
    world.clio.always(AREAS, Answer::Json(500, String::from("{}")));
    ends_and_is_cut_off(&world, 1, 2);
    connect(&auth, &admin("usr_1")).await.unwrap_err();
    assert_eq!(world.clio.living().len(), 1);
    world.sweep(&auth).await;
    assert!(world.clio.living().is_empty());
    assert!(world.store.ids("connect-draft").await.is_empty());
}

#[tokio::test]
async fn a_fence_of_a_time_that_is_still_to_come_holds_nobody_up() {
    let world = willing(1);
    let auth = world.process();
    world.clio.always(AREAS, Answer::Json(500, String::from("{}")));
    world.clio.always(DEAUTHORIZE, Answer::Fails(HttpFailureKind::Connect, Sent::No));
    // The database's clock is set back by six hours afterwards.
    world.runtime.set_wall_clock(6 * 3_600_000);
    connect(&auth, &admin("usr_1")).await.unwrap_err();
    world.runtime.set_wall_clock(-6 * 3_600_000);
    world.clio.usual.lock().unwrap().remove(DEAUTHORIZE);
    let draft = world.store.ids("connect-draft").await.remove(0);
    let due = world.store.all("connect-draft").await[0].due_at.unwrap();
    assert!(
        due > world.repository.store_now(&firm("firm_1")).await.unwrap() + Duration::from_secs(5 * 3600),
        "{draft}"
    );
    auth.look_after_grants(&firm("firm_1")).await.unwrap();
    assert!(world.clio.living().is_empty());
    assert!(world.repository.store().get(&Key::new(&firm("firm_1"), "connect-draft", draft)).await.unwrap().is_none());
}

/// What the audit log says of grants that may live on.
async fn unrevoked(world: &World) -> Vec<String> {
    let log = AuditLog::new(&world.repository);
    let page = log.query(&firm("firm_1"), &AuditQuery { limit: 500, ..AuditQuery::default() }).await.unwrap();
    page.items.iter().filter_map(|entry| entry.details.get("unrevoked").cloned()).collect()
}

/// What keeps the tokens may be away in the very moment in which Clio grants.
#[tokio::test]
async fn a_grant_that_cannot_be_stored_is_given_back_or_said_to_live_on() {
    for existing in [false, true] {
        let world = willing(1);
        let auth = world.process();
        if existing {
            connect(&auth, &admin("usr_0")).await.unwrap();
        }
        let query = begin(&auth, &admin("usr_1")).await;
        world.store.fail("tokens", Fault::Lost, 8);
        assert_eq!(auth.finish(&admin("usr_1"), &query).await.unwrap_err().code(), Code::StoreFailed);
        world.store.heal();
        assert_eq!(world.clio.living().len(), 2 * usize::from(existing), "it could end the grant in use as well");
        let told: &[&str] = if existing { &["tokens_not_stored"] } else { &[] };
        assert_eq!(unrevoked(&world).await, told);
        world.sweep(&auth).await;
        assert_eq!(unrevoked(&world).await, told, "once");
    }
}

#[tokio::test]
async fn a_grant_that_can_neither_be_stored_nor_given_back_is_said_to_live_on() {
    let world = willing(1);
    let auth = world.process();
    let query = begin(&auth, &admin("usr_1")).await;
    world.clio.always(DEAUTHORIZE, Answer::Fails(HttpFailureKind::Connect, Sent::No));
    world.store.fail("tokens", Fault::Lost, 8);
    auth.finish(&admin("usr_1"), &query).await.unwrap_err();
    world.store.heal();
    assert_eq!(unrevoked(&world).await, ["tokens_not_stored"]);
}

/// Nor can it be said then, if the audit log is away as well. Whoever looks after the attempt later
/// says it.
#[tokio::test]
async fn a_grant_of_which_nothing_could_be_written_is_told_of_later() {
    let world = willing(1);
    let auth = world.process();
    let query = begin(&auth, &admin("usr_1")).await;
    world.clio.always(DEAUTHORIZE, Answer::Fails(HttpFailureKind::Connect, Sent::No));
    world.store.fail("tokens", Fault::Lost, 8);
    world.store.fail("audit", Fault::Lost, 100);
    auth.finish(&admin("usr_1"), &query).await.unwrap_err();
    world.store.heal();
    assert_eq!(unrevoked(&world).await, [""; 0]);
    for _ in 0..2 {
        world.sweep(&auth).await;
        assert_eq!(unrevoked(&world).await, ["tokens_missing"]);
    }
    assert!(world.store.ids("connect-draft").await.is_empty());
}
