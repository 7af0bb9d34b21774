//! Connecting: the state, the exchange, what is found, what is stored, and what is left after every
//! way to fail.

use super::support::{Answer, World, actor_id, assert_no_secret, entry, firm, host_at, world};
use crate::clio::Resource;
use crate::connection::{Connection, ConnectionState};
use crate::domain::{Actor, ClioId, Role};
use crate::error::{Code, Result, Retry};
use crate::lifecycle::Auth;
use crate::ports::{HttpFailureKind, Runtime as _, Sent};
use crate::settings::PracticeAreas;
use crate::store::require_admin;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use core::time::Duration;
use sha2::{Digest as _, Sha256};
use url::Url;

pub(crate) const BACK: &str = "https://calmintake.example/callback";
pub(super) const TOKEN: &str = "/oauth/token";
pub(crate) const DEAUTHORIZE: &str = "/oauth/deauthorize";
pub(crate) const WHO: &str = "/api/v4/users/who_am_i";
const LISTS: [&str; 3] = ["/api/v4/contacts", "/api/v4/matters", "/api/v4/documents"];
pub(crate) const AREAS: &str = "/api/v4/practice_areas";
const TEN_MINUTES: Duration = Duration::from_secs(600);

pub(crate) fn admin(id: &str) -> Actor {
    Actor { id: actor_id(id), firm: firm("firm_1"), role: Role::Admin }
}

pub(crate) fn who(account: i64) -> Answer {
    Answer::Json(
        200,
        format!(
            r#"{{"data":{{"id":7,"etag":"\"x\"","name":"Jane Smith","email":"jane@firm.example","enabled":true,
                "account":{{"id":{account},"etag":"\"x\"","name":"Jane & Partners"}}}}}}"#
        ),
    )
}

pub(crate) fn areas(ids: &[i64]) -> Answer {
    let list: Vec<String> = ids
        .iter()
        .map(|id| format!(r#"{{"id":{id},"etag":"\"x\"","name":"Area {id}","category":"family"}}"#))
        .collect();
    Answer::Json(200, format!(r#"{{"data":[{}],"meta":{{"paging":{{}},"records":{}}}}}"#, list.join(","), ids.len()))
}

pub(crate) fn forbidden() -> Answer {
    Answer::Json(403, r#"{"error":{"type":"ForbiddenError","message":"Jane may not"}}"#.to_owned())
}

/// A Clio that answers everything a connect asks.
pub(crate) fn willing(account: i64) -> World {
    let world = world();
    world.clio.always(WHO, who(account));
    for list in LISTS {
        world.clio.always(list, Answer::Json(200, r#"{"data":[],"meta":{"paging":{},"records":0}}"#.to_owned()));
    }
    world.clio.always(AREAS, areas(&[1, 2]));
    world
}

pub(crate) fn state_of(url: &Url) -> String {
    url.query_pairs().find(|(key, _)| key == "state").unwrap().1.into_owned()
}

pub(super) async fn begin(auth: &Auth, actor: &Actor) -> String {
    let start = auth.begin(actor, BACK).await.unwrap();
    format!("code=code-secret&state={}", state_of(&start.authorize_url))
}

pub(crate) async fn connect(auth: &Auth, actor: &Actor) -> Result<Connection> {
    let query = begin(auth, actor).await;
    auth.finish(actor, &query).await
}

pub(crate) fn code(outcome: Result<Connection>) -> Code {
    let error = outcome.unwrap_err();
    assert_no_secret(&format!("{error} {error:?}"));
    error.code()
}

impl World {
    /// Nothing of any attempt is left, apart from what belongs to the connection, and from used
    /// states: they say what came of them.
    pub(super) async fn leftovers(&self) -> Vec<String> {
        let mut left = Vec::new();
        for state in self.store.all("connect-state").await {
            left.extend((!state.body.contains("\"used\"")).then_some(state.key.id));
        }
        for collection in ["connect-draft", "data-key", "tokens"] {
            left.extend(self.store.ids(collection).await);
        }
        left
    }
}

#[tokio::test]
async fn the_browser_is_sent_to_clio_with_exactly_what_it_documents() {
    let world = willing(1);
    let start = world.process().begin(&admin("usr_1"), BACK).await.unwrap();
    let url = &start.authorize_url;
    assert_eq!((url.path(), url.port()), ("/oauth/authorize", Some(4400)));
    let mut names: Vec<String> = url.query_pairs().map(|(name, _)| name.into_owned()).collect();
    names.sort();
    let expected = [
        "client_id",
        "code_challenge",
        "code_challenge_method",
        "redirect_on_decline",
        "redirect_uri",
        "response_type",
        "state",
    ];
    assert_eq!(names, expected, "and no scope");
    let value = |name: &str| url.query_pairs().find(|(key, _)| key == name).unwrap().1.into_owned();
    assert_eq!(value("response_type"), "code");
    assert_eq!(value("client_id"), "client-1");
    assert_eq!(value("redirect_uri"), BACK);
    assert_eq!(value("redirect_on_decline"), "true");
    assert_eq!(value("code_challenge_method"), "S256");
    assert_eq!(URL_SAFE_NO_PAD.decode(value("state")).unwrap().len(), 32);
    assert_eq!(start.expires_at, world.runtime.now() + TEN_MINUTES);
    assert!(!world.store.at_rest().await.contains(&value("state")), "the state itself is not stored");
    assert!(!format!("{start:?}").contains(&value("state")));
}

#[tokio::test]
async fn only_https_or_loopback_may_bring_the_browser_back() {
    let auth = willing(1).process();
    for good in ["http://127.0.0.1:8080/cb", "http://[::1]/cb", "http://localhost/cb", "https://a.example/cb?x=1"] {
        assert!(auth.begin(&admin("usr_1"), good).await.is_ok(), "{good}");
    }
    for bad in [
        "http://a.example/cb",
        "http://127.0.0.1.example/cb",
        "ftp://127.0.0.1/",
        "https://a.example/#x",
        "https://u:p@a.example/",
        "javascript:alert(1)",
        "Jane",
        "",
    ] {
        let error = auth.begin(&admin("usr_1"), bad).await.unwrap_err();
        assert_eq!(error.code(), Code::UrlRefused, "{bad}");
        assert_no_secret(&format!("{error}"));
    }
}

#[tokio::test]
async fn a_code_becomes_a_connection() {
    let world = willing(9_007_199_254_740_993);
    world.clio.once(
        AREAS,
        Answer::Json(
            200,
            r#"{"data":[{"id":5,"etag":"\"x\"","name":"Wills"}],"meta":{"paging":{"next":"http://127.0.0.1:4400/api/v4/practice_areas.json?page_token=p2"},"records":3}}"#.to_owned(),
        ),
    );
    let auth = world.process();
    let start = auth.begin(&admin("usr_1"), BACK).await.unwrap();
    let query = format!("?state={}&code=code-secret", state_of(&start.authorize_url));
    let connection = auth.finish(&admin("usr_1"), &query).await.unwrap();

    assert_eq!((connection.generation, connection.state), (1, ConnectionState::Connected));
    assert!(connection.advice.is_empty());
    let account = connection.account.clone().unwrap();
    assert_eq!((account.id, account.name.as_str()), (ClioId(9_007_199_254_740_993), "Jane & Partners"));
    let user = connection.user.clone().unwrap();
    assert_eq!((user.id, user.name.as_str(), user.email.as_str()), (ClioId(7), "Jane Smith", "jane@firm.example"));
    assert_eq!(connection.connected_by, actor_id("usr_1"));
    assert_eq!(auth.connection(&firm("firm_1")).await.unwrap(), Some(connection.clone()));
    assert_eq!(auth.connection(&firm("firm_2")).await.unwrap(), None);

    let areas = PracticeAreas::load(&world.repository, &firm("firm_1")).await.unwrap().unwrap().value.areas;
    assert_eq!(areas.iter().map(|area| area.id.0).collect::<Vec<_>>(), [5, 1, 2], "all pages");

    let form = &world.clio.calls(TOKEN)[0].form;
    let value = |name: &str| start.authorize_url.query_pairs().find(|(key, _)| key == name).unwrap().1.into_owned();
    let verifier = &form["code_verifier"];
    assert_eq!(URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)), value("code_challenge"));
    for (name, sent) in [
        ("client_id", "client-1"),
        ("client_secret", "client-secret"),
        ("code", "code-secret"),
        ("grant_type", "authorization_code"),
        ("redirect_uri", BACK),
    ] {
        assert_eq!(form[name], sent);
    }
    assert_eq!(form.len(), 6);

    let grant = auth.session().token(&firm("firm_1")).await.unwrap();
    assert_eq!((grant.token.expose(), &grant.connection.id), ("access-secret-1", &connection.id));
    assert_eq!(world.audit(&firm("firm_1")).await, [entry("connect", "ok", None)]);
    assert_eq!(
        world.leftovers().await,
        [connection.id.as_str(), connection.id.as_str()],
        "its data key and its tokens"
    );
    assert_no_secret(&format!("{connection:?} {grant:?} {auth:?} {:?}", world.audit(&firm("firm_1")).await));
    for secret in ["access-secret", "refresh-secret", "client-secret", "code-secret", verifier] {
        assert!(!world.store.at_rest().await.contains(secret), "{secret} at rest");
    }
}

#[tokio::test]
async fn nobody_but_an_admin_of_the_firm_may_connect_and_the_refusal_is_audited() {
    let world = willing(1);
    let auth = world.process();
    let member = Actor { role: Role::Member, ..admin("usr_2") };
    let query = begin(&auth, &admin("usr_1")).await;
    assert_eq!(auth.begin(&member, BACK).await.unwrap_err().code(), Code::NotAllowed);
    assert_eq!(code(auth.finish(&member, &query).await), Code::NotAllowed);
    let stranger = Actor { firm: firm("firm_2"), ..admin("usr_9") };
    let refused = require_admin(&world.repository, &stranger, &firm("firm_1"), "settings").await.unwrap_err();
    assert_eq!((refused.code(), refused.get("reason")), (Code::NotAllowed, Some("another_firm")));
    let denied = || entry("denied", "refused", Some("not_allowed"));
    assert_eq!(world.audit(&firm("firm_1")).await, [denied(), denied(), denied()]);
    assert!(world.clio.seen.lock().unwrap().is_empty());
    assert!(auth.finish(&admin("usr_1"), &query).await.is_ok(), "the attempt itself was not touched");
}

#[tokio::test]
async fn a_state_works_once_for_its_own_actor_and_firm() {
    let world = willing(1);
    let auth = world.process();
    let query = begin(&auth, &admin("usr_1")).await;
    assert_eq!(code(auth.finish(&admin("usr_2"), &query).await), Code::ConnectStateUnknown);
    let elsewhere = Actor { firm: firm("firm_2"), ..admin("usr_1") };
    assert_eq!(code(auth.finish(&elsewhere, &query).await), Code::ConnectStateUnknown);
    assert_eq!(
        code(auth.finish(&admin("usr_1"), "code=code-secret&state=never-begun").await),
        Code::ConnectStateUnknown
    );
    assert!(world.clio.seen.lock().unwrap().is_empty(), "no code was spent");
    let connected = auth.finish(&admin("usr_1"), &query).await.unwrap();
    // A browser that asks again gets the same, for ten minutes; nobody else does.
    world.runtime.advance(TEN_MINUTES - Duration::from_secs(1));
    assert_eq!(world.process().finish(&admin("usr_1"), &query).await.unwrap(), connected);
    assert_eq!(code(auth.finish(&admin("usr_2"), &query).await), Code::ConnectStateUnknown);
    world.runtime.advance(Duration::from_secs(1));
    let error = auth.finish(&admin("usr_1"), &query).await.unwrap_err();
    assert_eq!((error.code(), error.retry()), (Code::ConnectStateUnknown, Retry::Never));
    assert_eq!(world.clio.calls(TOKEN).len(), 1);
    let failed = || entry("connect", "failed", Some("connect_state_unknown"));
    let connect = entry("connect", "ok", None);
    assert_eq!(world.audit(&firm("firm_1")).await, [failed(), failed(), connect, failed(), failed()]);
}

#[tokio::test]
async fn a_used_state_is_worth_nothing_once_its_connection_was_replaced_or_ended() {
    let world = willing(1);
    let auth = world.process();
    let query = begin(&auth, &admin("usr_1")).await;
    auth.finish(&admin("usr_1"), &query).await.unwrap();
    let replaced = begin(&auth, &admin("usr_1")).await;
    let connected = auth.finish(&admin("usr_1"), &replaced).await.unwrap();
    assert_eq!(code(auth.finish(&admin("usr_1"), &query).await), Code::ConnectStateUnknown);
    assert_eq!(auth.finish(&admin("usr_1"), &replaced).await.unwrap(), connected);
    auth.disconnect(&admin("usr_1"), None).await.unwrap();
    assert_eq!(code(auth.finish(&admin("usr_1"), &replaced).await), Code::ConnectStateUnknown);
    assert_eq!(world.clio.calls(TOKEN).iter().filter(|seen| seen.form.contains_key("code")).count(), 2);
}

#[tokio::test]
async fn who_asks_again_hears_the_same_refusal() {
    let world = willing(1);
    for list in LISTS {
        world.clio.always(list, forbidden());
    }
    let auth = world.process();
    let query = begin(&auth, &admin("usr_1")).await;
    for _ in 0..2 {
        assert_eq!(code(auth.finish(&admin("usr_1"), &query).await), Code::PlanWithoutApi);
    }
    assert_eq!(world.clio.calls(TOKEN).iter().filter(|seen| seen.form.contains_key("code")).count(), 1);
}

#[tokio::test]
async fn a_state_lives_ten_minutes() {
    let world = willing(1);
    let auth = world.process();
    let (early, late) = (begin(&auth, &admin("usr_1")).await, begin(&auth, &admin("usr_1")).await);
    world.runtime.advance(TEN_MINUTES - Duration::from_millis(1));
    auth.finish(&admin("usr_1"), &early).await.unwrap();
    world.runtime.advance(Duration::from_millis(1));
    assert_eq!(code(auth.finish(&admin("usr_1"), &late).await), Code::ConnectStateExpired);
    assert_eq!(world.clio.calls(TOKEN).len(), 1);
    begin(&auth, &admin("usr_1")).await;
    assert_eq!(world.leftovers().await.len(), 3, "data key, tokens, and a state: the next begin sweeps expired ones");
}

#[tokio::test]
async fn two_racing_callbacks_exchange_one_code() {
    let world = willing(1);
    let (one, two) = (world.process(), world.process());
    let query = begin(&one, &admin("usr_1")).await;
    let actor = admin("usr_1");
    let (first, second) = tokio::join!(one.finish(&actor, &query), two.finish(&actor, &query));
    assert_eq!(first.unwrap(), second.unwrap());
    assert_eq!(world.clio.calls(TOKEN).len(), 1);
}

#[tokio::test]
async fn declining_connects_nothing_and_is_audited() {
    let world = willing(1);
    let auth = world.process();
    let state = state_of(&auth.begin(&admin("usr_1"), BACK).await.unwrap().authorize_url);
    let query = format!("error=access_denied&error_description=Jane+said+no&state={state}");
    assert_eq!(code(auth.finish(&admin("usr_1"), &query).await), Code::ConnectDeclined);
    assert_eq!(code(auth.finish(&admin("usr_1"), &query).await), Code::ConnectDeclined);
    assert_eq!(world.audit(&firm("firm_1")).await[0], entry("declined", "refused", Some("connect_declined")));
    assert!(world.clio.seen.lock().unwrap().is_empty());
    assert_eq!(world.leftovers().await, Vec::<String>::new());
    assert_no_secret(&world.store.at_rest().await);

    let state = state_of(&auth.begin(&admin("usr_1"), BACK).await.unwrap().authorize_url);
    let error = auth.finish(&admin("usr_1"), &format!("error=Jane&state={state}")).await.unwrap_err();
    assert_eq!((error.code(), error.get("reason")), (Code::OauthRefused, Some("other")));
    assert_no_secret(&world.store.at_rest().await);
}

#[tokio::test]
async fn a_refused_code_leaves_nothing() {
    for answer in [
        Answer::Json(400, r#"{"error":"invalid_grant","error_description":"code-secret"}"#.into()),
        Answer::Json(200, r#"{"access_token":"access-secret-x","token_type":"bearer","refresh_token":7}"#.into()),
        Answer::Json(200, r#"{"access_token":"access-secret-x","token_type":"bearer","expires_in":60}"#.into()),
        Answer::Html(403),
        Answer::Fails(HttpFailureKind::Lost, Sent::Maybe),
    ] {
        let world = willing(1);
        world.clio.once(TOKEN, answer);
        let error = connect(&world.process(), &admin("usr_1")).await.unwrap_err();
        assert_eq!(error.retry(), Retry::Never, "the state is used up: a person begins again");
        assert_no_secret(&format!("{error:?} {}", world.store.at_rest().await));
        assert_eq!(world.leftovers().await, Vec::<String>::new());
        assert_eq!(world.audit(&firm("firm_1")).await, [entry("connect", "failed", Some(error.code().name()))]);
    }
}

#[tokio::test]
async fn a_plan_without_api_is_told_and_nothing_stays() {
    for identity in [who(1), forbidden()] {
        let world = willing(1);
        world.clio.always(WHO, identity);
        for list in LISTS {
            world.clio.always(list, forbidden());
        }
        let auth = world.process();
        assert_eq!(code(connect(&auth, &admin("usr_1")).await), Code::PlanWithoutApi);
        assert_eq!(auth.connection(&firm("firm_1")).await.unwrap(), None);
        assert_eq!(world.leftovers().await, Vec::<String>::new());
        assert_eq!(world.clio.calls(DEAUTHORIZE)[0].form["token"], "access-secret-1");
        assert_eq!(world.audit(&firm("firm_1")).await, [entry("connect", "failed", Some("plan_without_api"))]);
    }
}

#[tokio::test]
async fn a_missing_permission_connects_with_advice() {
    let world = willing(1);
    world.clio.always("/api/v4/documents", forbidden());
    let connection = connect(&world.process(), &admin("usr_1")).await.unwrap();
    assert_eq!(connection.state, ConnectionState::Degraded);
    assert_eq!(connection.advice, [Code::AppPermissionMissing]);
    let readable = connection.readable;
    assert_eq!((readable.contacts, readable.matters, readable.documents), (true, true, false));
    assert!(connection.account.is_some());
    for (resource, expected) in [
        (Resource::Contacts, true),
        (Resource::Matters, true),
        (Resource::PracticeAreas, true),
        (Resource::Documents, false),
        (Resource::Users, true),
        (Resource::Webhooks, false),
    ] {
        assert_eq!(connection.can_read(resource), expected, "{resource:?}");
    }

    let world = willing(1);
    world.clio.always(WHO, forbidden());
    let auth = world.process();
    let connection = connect(&auth, &admin("usr_1")).await.unwrap();
    assert_eq!((connection.state, connection.account.clone()), (ConnectionState::Degraded, None));
    assert_eq!(connection.advice, [Code::AppPermissionMissing]);
    assert_eq!(auth.connection(&firm("firm_1")).await.unwrap(), Some(connection));
    assert!(auth.session().token(&firm("firm_1")).await.is_ok());

    let world = willing(1);
    world.clio.always("/api/v4/matters", forbidden());
    assert!(connect(&world.process(), &admin("usr_1")).await.is_ok());
    assert!(world.clio.calls(AREAS).is_empty(), "practice areas belong to the permission for matters");
}

#[tokio::test]
async fn clio_in_trouble_is_not_taken_for_a_missing_plan() {
    for (answer, expected) in [
        (Answer::Html(403), Code::FirewallAnswer),
        (Answer::Json(502, "{}".into()), Code::ClioUnavailable),
        (Answer::Fails(HttpFailureKind::Timeout, Sent::Maybe), Code::TimedOut),
        (Answer::Json(401, "{}".into()), Code::TokenRejected),
        (Answer::Json(403, "denied by proxy".into()), Code::FirewallAnswer),
    ] {
        for path in [WHO, LISTS[0], LISTS[2], AREAS] {
            let world = willing(1);
            world.clio.always(path, answer.clone());
            let auth = world.process();
            assert_eq!(code(connect(&auth, &admin("usr_1")).await), expected, "{path}");
            assert_eq!(auth.connection(&firm("firm_1")).await.unwrap(), None);
            assert_eq!(world.leftovers().await, Vec::<String>::new());
            assert_eq!(world.clio.calls(DEAUTHORIZE).len(), 1, "a first connection's token is given back");
        }
    }
}

#[tokio::test]
async fn reconnecting_the_same_account_raises_the_generation_and_replaces_the_tokens() {
    let world = willing(1);
    let auth = world.process();
    let first = connect(&auth, &admin("usr_1")).await.unwrap();
    let second = connect(&auth, &admin("usr_2")).await.unwrap();
    assert_eq!(second.generation, 2);
    assert_ne!(first.id, second.id);
    assert_eq!(auth.session().token(&firm("firm_1")).await.unwrap().token.expose(), "access-secret-2");
    assert_eq!(world.store.ids("tokens").await, [second.id.as_str()], "the replaced tokens are gone");
    assert!(
        world.store.ids("data-key").await.contains(&first.id.to_string()),
        "open intents are sealed with the earlier data key"
    );
    assert!(world.store.ids("connect-draft").await.is_empty());
    assert!(world.clio.calls(DEAUTHORIZE).is_empty(), "that could end the new grant as well");
}

#[tokio::test]
async fn another_account_is_refused_and_its_token_given_back() {
    let world = willing(1);
    let auth = world.process();
    let first = connect(&auth, &admin("usr_1")).await.unwrap();
    world.clio.always(WHO, who(2));
    assert_eq!(code(connect(&auth, &admin("usr_1")).await), Code::AccountMismatch);
    assert_eq!(auth.connection(&firm("firm_1")).await.unwrap(), Some(first.clone()));
    assert_eq!(auth.session().token(&firm("firm_1")).await.unwrap().token.expose(), "access-secret-1");
    let given_back = world.clio.calls(DEAUTHORIZE);
    assert_eq!(given_back.len(), 1);
    assert_eq!(given_back[0].form["token"], "access-secret-2", "never the one in use");
    assert_eq!(world.leftovers().await, [first.id.as_str(), first.id.as_str()]);
}

#[tokio::test]
async fn another_region_is_another_account() {
    let world = willing(1);
    connect(&world.process(), &admin("usr_1")).await.unwrap();
    let elsewhere = world.process_on(host_at(4401));
    assert_eq!(code(connect(&elsewhere, &admin("usr_1")).await), Code::AccountMismatch);
}

#[tokio::test]
async fn an_account_that_cannot_be_read_is_recognised_by_its_practice_areas() {
    let cases = [
        (who(1), forbidden(), areas(&[2, 3]), Ok(())),
        (forbidden(), who(1), areas(&[2, 3]), Ok(())),
        (forbidden(), forbidden(), areas(&[2]), Ok(())),
        (who(1), forbidden(), areas(&[3, 4]), Err(Code::AppPermissionMissing)),
        (forbidden(), who(1), areas(&[3, 4]), Err(Code::AccountMismatch)),
        (forbidden(), forbidden(), areas(&[]), Err(Code::AppPermissionMissing)),
    ];
    for (before, now, listed, expected) in cases {
        let world = willing(1);
        let auth = world.process();
        world.clio.always(WHO, before.clone());
        let first = connect(&auth, &admin("usr_1")).await.unwrap();
        world.clio.always(WHO, now.clone());
        world.clio.always(AREAS, listed);
        let outcome = connect(&auth, &admin("usr_1")).await;
        match (&outcome, expected) {
            (Ok(second), Ok(())) => {
                let known = first.account.is_some() || matches!(now, Answer::Json(200, _));
                assert_eq!(second.account.is_some(), known, "an identity once known is kept");
            }
            (Err(error), Err(code)) => {
                assert_eq!(error.code(), code);
                assert!(world.clio.calls(DEAUTHORIZE).is_empty(), "it may be the grant that is in use");
            }
            _ => panic!("{before:?} {now:?}: {outcome:?}"),
        }
    }
}

#[tokio::test]
async fn two_admins_at_once_leave_one_connection() {
    for existing in [false, true] {
        let world = willing(1);
        let (one, two) = (world.process(), world.process());
        if existing {
            connect(&one, &admin("usr_0")).await.unwrap();
        }
        let (first, second) = (admin("usr_1"), admin("usr_2"));
        let (query_one, query_two) = (begin(&one, &first).await, begin(&two, &second).await);
        let (a, b) = tokio::join!(one.finish(&first, &query_one), two.finish(&second, &query_two));
        let (winner, loser) = match (a, b) {
            (Ok(winner), Err(loser)) | (Err(loser), Ok(winner)) => (winner, loser),
            other => panic!("not one of two: {other:?}"),
        };
        assert_eq!(loser.code(), Code::ConnectConflict);
        assert_eq!(one.connection(&firm("firm_1")).await.unwrap().unwrap(), winner);
        let used = two.session().token(&firm("firm_1")).await.unwrap().token.expose().to_owned();
        let given_back = world.clio.calls(DEAUTHORIZE);
        assert_eq!(given_back.len(), 1);
        assert_ne!(given_back[0].form["token"], used, "the loser gives back its own");
        assert_eq!(world.store.ids("tokens").await, [winner.id.as_str()]);
        assert!(world.store.ids("connect-draft").await.is_empty());
    }
}

#[tokio::test]
async fn a_refresh_that_marks_the_old_connection_meanwhile_does_not_stop_a_reconnect() {
    let world = willing(1);
    let auth = world.process();
    connect(&auth, &admin("usr_1")).await.unwrap();
    let query = begin(&auth, &admin("usr_1")).await;
    let (other, process) = (world.clone(), world.process());
    world.clio.meanwhile(AREAS, async move {
        let of = firm("firm_1");
        let id = Connection::load(&other.repository, &of).await.unwrap().unwrap().value.id;
        other.vault().delete(&of, &id).await.unwrap();
        assert_eq!(process.session().token(&of).await.unwrap_err().code(), Code::ReconnectRequired);
    });
    let connection = auth.finish(&admin("usr_1"), &query).await.unwrap();
    assert_eq!((connection.generation, connection.state), (2, ConnectionState::Connected));
}
