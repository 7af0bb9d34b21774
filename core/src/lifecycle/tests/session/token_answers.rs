//! What Clio's token endpoint answers, and what becomes of it.

use super::*;
use crate::connection::oauth::{ClioApp, OAuth};

#[tokio::test]
async fn answers_that_are_no_token_are_told_apart_and_never_quoted() {
    let cases = [
        (Answer::Html(200), Code::FirewallAnswer),
        (Answer::Html(403), Code::FirewallAnswer),
        (Answer::Json(503, "{}".into()), Code::ClioUnavailable),
        (Answer::Json(429, "{}".into()), Code::ClioRateLimited),
        (Answer::Json(302, "{}".into()), Code::RedirectRefused),
        (Answer::Json(200, r#"{"access_token":"access-secret-x""#.into()), Code::OauthAnswerInvalid),
        (Answer::Json(200, r#"{"access_token":"access-secret-x"}"#.into()), Code::OauthAnswerInvalid),
        (
            Answer::Json(200, r#"{"access_token":"access-secret-x","token_type":"mac"}"#.into()),
            Code::OauthAnswerInvalid,
        ),
        (
            Answer::Json(200, r#"{"access_token":"access-secret\r\nx","token_type":"bearer"}"#.into()),
            Code::OauthAnswerInvalid,
        ),
        (Answer::Json(200, r#"{"access_token":"","token_type":"bearer"}"#.into()), Code::OauthAnswerInvalid),
        (Answer::Json(200, String::new()), Code::OauthAnswerInvalid),
        (Answer::Json(400, "Jane".into()), Code::OauthAnswerInvalid),
        (Answer::Json(400, r#"{"error":"Jane"}"#.into()), Code::OauthRefused),
        (Answer::Json(401, r#"{"error":"invalid_client","error_description":"Jane"}"#.into()), Code::OauthRefused),
        (Answer::Fails(HttpFailureKind::Timeout, Sent::Maybe), Code::TimedOut),
    ];
    for (answer, expected) in cases {
        let world = World::connected().await;
        world.clio.once(TOKEN, answer.clone());
        world.later(MONTH);
        assert_eq!(code(&world.process()).await, expected, "{answer:?}");
        assert_eq!(world.state().await, ConnectionState::Connected, "{answer:?}");
        assert_no_secret(&world.store.at_rest().await);
    }
}

/// What Doorkeeper and others answer and the `oauth2` crate would not take: a token under 201, an
/// error under 200, an error in the header only.
#[tokio::test]
async fn a_token_answer_is_read_by_what_it_says_and_not_by_its_status() {
    let token_answer = r#"{"access_token":"access-secret-x","token_type":"Bearer","expires_in":7200,"scope":"read write",
        "created_at":1700000000}"#;
    for status in [200, 201, 203] {
        let world = World::connected().await;
        world.clio.once(TOKEN, Answer::Json(status, token_answer.to_owned()));
        world.later(MONTH);
        let auth = world.process();
        assert_eq!(token(&auth).await, "access-secret-x", "{status}");
        // Its life is counted from when it was asked for: `created_at` is of a clock that is not
        // ours.
        world.later(Duration::from_secs(7200 - 301));
        assert_eq!(token(&auth).await, "access-secret-x", "{status}");
        assert_eq!(world.refreshes(), 1);
        world.later(Duration::from_secs(1));
        token(&auth).await;
        assert_eq!(world.refreshes(), 2);
    }
    for (answer, expected) in [
        (Answer::Json(200, INVALID_GRANT.to_owned()), Code::ReconnectRequired),
        (Answer::Json(200, r#"{"error":"invalid_client","error_description":"Jane"}"#.into()), Code::OauthRefused),
        (Answer::Challenge(400, "invalid_grant"), Code::ReconnectRequired),
        (Answer::Challenge(401, "invalid_client"), Code::OauthRefused),
        (Answer::Challenge(401, "Jane"), Code::OauthRefused),
        (Answer::Json(201, "{}".into()), Code::OauthAnswerInvalid),
        (Answer::Json(204, String::new()), Code::OauthAnswerInvalid),
        (Answer::Challenge(503, "invalid_grant"), Code::FirewallAnswer),
    ] {
        let world = World::connected().await;
        world.clio.always(TOKEN, answer.clone());
        world.later(MONTH);
        assert_eq!(code(&world.process()).await, expected, "{answer:?}");
        assert_no_secret(&world.store.at_rest().await);
    }
}

fn oauth_of(world: &World) -> OAuth {
    let app = ClioApp::new("client-1", SecretString::from("client-secret")).unwrap();
    OAuth::new(app, host(), world.clio.clone(), std::sync::Arc::new(world.runtime.clone()))
}

#[tokio::test]
async fn giving_back_a_token_that_is_dead_is_refused_and_not_a_firewalls_doing() {
    let world = World::connected().await;
    world.clio.once(DEAUTHORIZE, Answer::Challenge(401, "invalid_token"));
    let access = AccessToken::new(SecretString::from("access-secret-0"));
    let error = oauth_of(&world).deauthorize(&access).await.unwrap_err();
    assert_eq!(error.code(), Code::OauthRefused);
}

#[tokio::test]
async fn a_token_request_that_failed_tells_which_it_was_and_what_was_answered() {
    let world = World::connected().await;
    for (answer, status) in [
        (Answer::Json(401, r#"{"error":"invalid_client"}"#.into()), Some("401")),
        (Answer::Json(200, INVALID_GRANT.to_owned()), Some("200")),
        (Answer::Json(203, String::new()), Some("203")),
        (Answer::Json(503, String::new()), Some("503")),
        (Answer::Fails(HttpFailureKind::Timeout, Sent::Maybe), None),
    ] {
        world.clio.once(TOKEN, answer.clone());
        let refresh = SecretString::from("refresh-secret-0");
        let error = oauth_of(&world).refresh(&refresh, None).await.err().unwrap();
        assert_eq!(
            (error.get("operation"), error.get("http_status")),
            (Some("POST /oauth/token"), status),
            "{answer:?}"
        );
    }
}
