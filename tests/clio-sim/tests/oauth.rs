//! Consent, codes, tokens and their end.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::support::{Answer, Rig, read};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use clio_sim::Rotation;
use reqwest::Url;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const CALLBACK: &str = "http://127.0.0.1:7777/callback";

async fn authorize(rig: &Rig, pairs: &[(&str, &str)]) -> Answer {
    let url = Url::parse_with_params(&format!("{}/oauth/authorize", rig.sim.url()), pairs).unwrap();
    read(rig.http.get(url).send().await.unwrap()).await
}

fn asked<'a>(extra: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut pairs =
        vec![("response_type", "code"), ("client_id", "casehug-dev"), ("redirect_uri", CALLBACK), ("state", "a b&c")];
    pairs.extend_from_slice(extra);
    pairs
}

fn pairs_of(answer: &Answer) -> Vec<(String, String)> {
    let url = Url::parse(answer.header("location")).unwrap();
    assert!(url.as_str().starts_with(CALLBACK));
    url.query_pairs().into_owned().collect()
}

async fn code(rig: &Rig, extra: &[(&str, &str)]) -> String {
    let answer = authorize(rig, &asked(extra)).await.expect(302);
    let pairs = pairs_of(&answer);
    assert_eq!(pairs[1], ("state".into(), "a b&c".into()));
    assert_eq!(pairs[0].0, "code");
    pairs[0].1.clone()
}

async fn token(rig: &Rig, pairs: &[(&str, &str)]) -> Answer {
    let mut form = vec![("client_id", "casehug-dev"), ("client_secret", "casehug-dev-secret")];
    form.extend_from_slice(pairs);
    let request = rig.http.post(format!("{}/oauth/token", rig.sim.url())).form(&form);
    read(request.send().await.unwrap()).await
}

async fn exchange(rig: &Rig, code: &str) -> Answer {
    token(rig, &[("grant_type", "authorization_code"), ("code", code), ("redirect_uri", CALLBACK)]).await
}

async fn who(rig: &Rig, token: &str) -> Answer {
    let url = format!("{}/api/v4/users/who_am_i.json", rig.sim.url());
    read(rig.http.get(url).bearer_auth(token).send().await.unwrap()).await
}

fn text<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.json[name].as_str().unwrap()
}

#[tokio::test]
async fn a_person_allows_or_denies_on_a_real_page() {
    let rig = Rig::new().await;
    let page = authorize(&rig, &asked(&[("evil", "\"><script>")])).await.expect(200);
    assert!(page.header("content-type").starts_with("text/html"));
    assert!(page.text.contains("Allow access") && page.text.contains("Deny") && !page.text.contains("<script>"));
    for (decision, redirect_on_decline) in [("allow", "true"), ("deny", "true"), ("deny", "false")] {
        let mut form = asked(&[("redirect_on_decline", redirect_on_decline)]);
        form.push(("decision", decision));
        let url = format!("{}/oauth/authorize", rig.sim.url());
        let answer = read(rig.http.post(url).form(&form).send().await.unwrap()).await;
        if (decision, redirect_on_decline) == ("deny", "false") {
            assert!(answer.status == 200 && answer.text.contains("Access denied"));
            continue;
        }
        let pairs = pairs_of(&answer.expect(302));
        assert_eq!(pairs.last().unwrap(), &("state".to_owned(), "a b&c".to_owned()));
        match decision {
            "allow" => assert_eq!(pairs[0].0, "code"),
            _ => assert_eq!(pairs[0], ("error".into(), "access_denied".into())),
        }
    }
}

#[tokio::test]
async fn a_wrong_client_or_redirect_never_comes_back() {
    let rig = Rig::with(|config| config.auto_consent = true).await;
    for (name, value) in [
        ("client_id", "someone"),
        ("redirect_uri", "https://evil.example/cb"),
        ("redirect_uri", "http://127.0.0.1@evil.example/cb"),
        ("redirect_uri", "http://localhost.evil.example/cb"),
    ] {
        let pairs: Vec<_> =
            asked(&[]).into_iter().map(|pair| if pair.0 == name { (name, value) } else { pair }).collect();
        assert_eq!(authorize(&rig, &pairs).await.expect(400).header("location"), "");
    }
    let listed = Rig::with(|config| {
        config.auto_consent = true;
        config.redirect_uris = vec!["https://casehug.example/cb".into()];
    })
    .await;
    authorize(&listed, &asked(&[])).await.expect(400);
}

#[tokio::test]
async fn a_code_lives_once_and_ten_minutes() {
    let rig = Rig::with(|config| config.auto_consent = true).await;
    let first = code(&rig, &[]).await;
    let elsewhere =
        [("grant_type", "authorization_code"), ("code", first.as_str()), ("redirect_uri", "http://127.0.0.1/x")];
    let wrong_uri = token(&rig, &elsewhere);
    assert_eq!(text(&wrong_uri.await.expect(400), "error"), "invalid_grant");
    let tokens = exchange(&rig, &first).await.expect(200);
    assert_eq!(text(&tokens, "token_type"), "bearer");
    assert_eq!(tokens.json["expires_in"], 2_592_000);
    assert!(text(&tokens, "access_token").starts_with("us-"));
    who(&rig, text(&tokens, "access_token")).await.expect(200);
    assert_eq!(text(&exchange(&rig, &first).await.expect(400), "error"), "invalid_grant");
    let late = code(&rig, &[]).await;
    rig.advance(600_000).await;
    assert_eq!(text(&exchange(&rig, &late).await.expect(400), "error"), "invalid_grant");
}

#[tokio::test]
async fn pkce_is_checked_when_it_is_sent() {
    let rig = Rig::with(|config| config.auto_consent = true).await;
    let verifier = "v".repeat(50);
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&verifier));
    let extra = [("code_challenge", challenge.as_str()), ("code_challenge_method", "S256")];
    for (sent, status) in [(None, 400), (Some("wrong"), 400), (Some(verifier.as_str()), 200)] {
        let code = code(&rig, &extra).await;
        let mut form = vec![("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", CALLBACK)];
        form.extend(sent.map(|verifier| ("code_verifier", verifier)));
        token(&rig, &form).await.expect(status);
    }
}

#[tokio::test]
async fn refreshing_keeps_or_rotates_the_refresh_token() {
    for rotation in [Rotation::Never, Rotation::OnUse, Rotation::AtOnce] {
        let rig = Rig::with(|config| {
            config.auto_consent = true;
            config.rotation = rotation;
        })
        .await;
        let tokens = exchange(&rig, &code(&rig, &[]).await).await.expect(200);
        let form = [("grant_type", "refresh_token"), ("refresh_token", text(&tokens, "refresh_token"))];
        let fresh = token(&rig, &form).await.expect(200);
        assert_eq!(fresh.json.get("refresh_token").is_some(), rotation != Rotation::Never);
        let unused = token(&rig, &form).await.expect(if rotation == Rotation::AtOnce { 400 } else { 200 });
        assert_eq!(who(&rig, text(&tokens, "access_token")).await.status == 200, rotation != Rotation::AtOnce);
        who(&rig, text(&fresh, "access_token")).await.expect(200);
        // Whoever uses the new access token has it for sure: now the old ones end.
        let ended = rotation != Rotation::Never;
        token(&rig, &form).await.expect(if ended { 400 } else { 200 });
        who(&rig, text(&tokens, "access_token")).await.expect(if ended { 401 } else { 200 });
        if rotation == Rotation::OnUse {
            who(&rig, text(&unused, "access_token")).await.expect(200);
            let next = [("grant_type", "refresh_token"), ("refresh_token", text(&fresh, "refresh_token"))];
            token(&rig, &next).await.expect(200);
        }
    }
}

#[tokio::test]
async fn token_answers_have_doorkeepers_shape() {
    let rig = Rig::with(|config| config.auto_consent = true).await;
    let tokens = exchange(&rig, &code(&rig, &[]).await).await.expect(200);
    assert_eq!(tokens.json["created_at"], rig.sim.now() / 1000);
    assert!(!text(&tokens, "scope").is_empty());
    let url = format!("{}/oauth/token", rig.sim.url());
    let refresh = json!({"grant_type": "refresh_token", "client_id": "casehug-dev", "client_secret": "casehug-dev-secret",
        "refresh_token": text(&tokens, "refresh_token")});
    read(rig.http.post(&url).json(&refresh).send().await.unwrap()).await.expect(200);
    let wrong = |token: &str| {
        [
            ("grant_type", "refresh_token"),
            ("refresh_token", token),
            ("client_secret", "wrong"),
            ("client_id", "casehug-dev"),
        ]
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
    };
    for (form, status, error) in [
        // Of a wrong secret nothing is said as long as the token is unknown.
        (wrong("nobody's"), 400, "invalid_grant"),
        (wrong(text(&tokens, "refresh_token")), 401, "invalid_client"),
    ] {
        let refused = read(rig.http.post(&url).form(&form).send().await.unwrap()).await.expect(status);
        assert_eq!(text(&refused, "error"), error);
        assert!(refused.header("www-authenticate").starts_with(&format!("Bearer realm=\"Clio\", error=\"{error}\"")));
    }
    let plain = rig.http.post(&url).body("grant_type=refresh_token").send();
    assert_eq!(text(&read(plain.await.unwrap()).await.expect(400), "error"), "invalid_request");
}

#[tokio::test]
async fn a_dead_token_may_be_refused_with_an_empty_page() {
    let rig = Rig::with(|config| config.empty_401 = true).await;
    let refused = who(&rig, "nonsense").await.expect(401);
    assert_eq!((refused.header("content-type"), refused.text.as_str()), ("text/html", ""));
    assert!(refused.header("www-authenticate").contains("error=\"invalid_token\""));
}

#[tokio::test]
async fn clients_are_known_by_body_or_basic() {
    let rig = Rig::with(|config| config.auto_consent = true).await;
    let refresh = {
        let now = rig.sim.now();
        rig.sim.model().grant(now).refresh_token
    };
    let url = format!("{}/oauth/token", rig.sim.url());
    let form = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
    let basic = |secret: &'static str| rig.http.post(&url).basic_auth("casehug-dev", Some(secret)).form(&form).send();
    read(basic("casehug-dev-secret").await.unwrap()).await.expect(200);
    let refused = read(basic("wrong").await.unwrap()).await.expect(401);
    assert_eq!(text(&refused, "error"), "invalid_client");
    let unsupported = token(&rig, &[("grant_type", "password")]).await.expect(400);
    assert_eq!(text(&unsupported, "error"), "unsupported_grant_type");
    let json = rig.http.post(&url).json(&json!({"grant_type": "refresh_token"}));
    assert_eq!(text(&read(json.send().await.unwrap()).await.expect(400), "error"), "invalid_request");
}

#[tokio::test]
async fn deauthorizing_ends_the_grant() {
    for kills in [true, false] {
        let rig = Rig::with(|config| config.deauthorize_kills_refresh = kills).await;
        let now = rig.sim.now();
        let tokens = rig.sim.model().grant(now);
        let url = format!("{}/oauth/deauthorize", rig.sim.url());
        let post = |form: Vec<(&'static str, String)>| {
            rig.http.post(&url).bearer_auth(&tokens.access_token).form(&form).send()
        };
        read(post(vec![]).await.unwrap()).await.expect(400);
        read(post(vec![("token", tokens.access_token.clone())]).await.unwrap()).await.expect(200);
        let dead = who(&rig, &tokens.access_token).await.expect(401);
        assert_eq!(text(&dead, "error"), "invalid_token");
        let form = [("grant_type", "refresh_token"), ("refresh_token", tokens.refresh_token.as_str())];
        token(&rig, &form).await.expect(if kills { 400 } else { 200 });
        who(&rig, &rig.token).await.expect(200);
    }
}

#[tokio::test]
async fn dead_and_foreign_tokens_answer_401_in_oauths_shape() {
    let rig = Rig::with(|config| config.access_token_lifetime_s = 100).await;
    let eu = Rig::with(|config| config.region = "eu".into()).await;
    let twin = Rig::new().await;
    for foreign in [eu.token.as_str(), twin.token.as_str(), "nonsense", ""] {
        let refused = who(&rig, foreign).await.expect(401);
        assert_eq!(text(&refused, "error"), "invalid_token");
        assert!(refused.json["error_description"].is_string());
    }
    who(&rig, &rig.token).await.expect(200);
    rig.advance(100_000).await;
    who(&rig, &rig.token).await.expect(401);
}

#[tokio::test]
async fn nothing_secret_is_in_the_state() {
    let rig = Rig::with(|config| config.auto_consent = true).await;
    let tokens = exchange(&rig, &code(&rig, &[]).await).await.expect(200);
    who(&rig, text(&tokens, "access_token")).await.expect(200);
    let state = rig.state().await;
    let all = state.to_string() + &rig.control("GET", "calls", Value::Null).await.text;
    for secret in [text(&tokens, "access_token"), text(&tokens, "refresh_token"), "casehug-dev-secret", "a b&c"] {
        assert!(!all.contains(secret));
    }
    assert_eq!(state["oauth"]["grants"], 2);
    assert_eq!(state["calls"]["by_route"]["GET /users/who_am_i"], 1);
    assert_eq!(state["calls"]["by_route"]["POST /oauth/token"], 1);
}
