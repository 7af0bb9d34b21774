//! The callback of the example service, as browsers treat it: asked for ahead of time, asked twice,
//! and left while Clio answers.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;

use crate::backend::{ADMIN, Backend, OTHER_ADMIN, Who};
use crate::bench::Bench;
use clio_sim::{Action, Config, Fault};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

async fn bench() -> Bench {
    Bench::with(Config { auto_consent: true, ..Config::default() }).await
}

/// The path and query with which Clio sends the admin's browser back.
async fn back(service: &Backend) -> String {
    let begun = service.raw(Method::GET, "/connect", ADMIN, None).await;
    let consent = begun.headers()["location"].to_str().unwrap().to_owned();
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let back = http.get(consent).header("user-agent", "browser").send().await.unwrap();
    let back = back.headers()["location"].to_str().unwrap().to_owned();
    back[back.find("/oauth/callback").unwrap()..].to_owned()
}

async fn asked(service: &Backend, method: Method, path: &str, who: Who, header: (&str, &str)) -> (StatusCode, Value) {
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let request = http.request(method, format!("http://{}{path}", service.address())).header(header.0, header.1);
    let request = request.header("x-casehug-firm", who.0).header("x-casehug-user", who.1);
    let answer = request.header("x-casehug-role", who.2).send().await.unwrap();
    assert_eq!(answer.headers()["cache-control"], "no-store");
    (answer.status(), answer.json().await.unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_is_not_answered_ahead_of_time_and_asked_twice_answers_the_same() {
    let bench = bench().await;
    let service = Backend::start(&bench);
    let path = back(&service).await;
    for header in [
        ("Sec-Purpose", "prefetch;prerender"),
        ("Sec-Purpose", "prefetch"),
        ("Purpose", "prefetch"),
        ("X-Moz", "prefetch"),
        ("X-Purpose", "preview"),
    ] {
        let (status, _) = asked(&service, Method::GET, &path, ADMIN, header).await;
        assert_eq!(status, StatusCode::NO_CONTENT, "{header:?}");
    }
    let plain = ("accept", "text/html");
    assert_eq!(asked(&service, Method::HEAD, &path, ADMIN, plain).await.0, StatusCode::NO_CONTENT);
    assert_eq!(bench.state()["oauth"]["grants"], 0, "nothing was begun");

    let get = async |who| asked(&service, Method::GET, &path, who, plain).await;
    let (first, second) = tokio::join!(get(ADMIN), get(ADMIN));
    assert_eq!((first.0, second.0), (StatusCode::SEE_OTHER, StatusCode::SEE_OTHER));
    assert_eq!(get(ADMIN).await.0, StatusCode::SEE_OTHER);
    let programs = ("accept", "application/json");
    let (status, refused) = asked(&service, Method::GET, &path, OTHER_ADMIN, programs).await;
    assert_eq!((status, &refused["error"]["code"]), (StatusCode::BAD_REQUEST, &json!("connect_state_unknown")));
    assert_eq!(bench.state()["oauth"]["grants"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_ends_at_the_settings_page_and_a_program_at_the_answer() {
    let bench = bench().await;
    let service = Backend::start(&bench);
    let path = back(&service).await;
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let ends = async |accept: &str, who: Who| {
        let request = http.get(format!("http://{}{path}", service.address())).header("accept", accept);
        let request = request.header("x-casehug-firm", who.0).header("x-casehug-user", who.1);
        let answer = request.header("x-casehug-role", who.2).send().await.unwrap();
        answer.headers().get("location").map(|location| location.to_str().unwrap().to_owned())
    };
    let browser = "text/html,application/xhtml+xml,*/*;q=0.8";
    assert_eq!(ends(browser, ADMIN).await.as_deref(), Some("../settings/integrations?connected=1"));
    assert_eq!(ends("*/*", ADMIN).await.as_deref(), Some("../status"));
    let refused = ends(browser, OTHER_ADMIN).await;
    assert_eq!(refused.as_deref(), Some("../settings/integrations?error=connect_state_unknown"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_leaves_while_clio_answers_ends_nothing() {
    let bench = bench().await;
    let service = Backend::start(&bench);
    let path = back(&service).await;
    bench.sim.model().add_fault(Fault::new("POST", "/oauth/token", Action::Slow { ms: 1500 }));
    let (firm, user, role) = ADMIN;
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: {}\r\nx-casehug-firm: {firm}\r\nx-casehug-user: {user}\r\nx-casehug-role: {role}\r\n\r\n",
        service.address()
    );
    let mut browser = TcpStream::connect(service.address()).unwrap();
    browser.write_all(request.as_bytes()).unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    drop(browser);
    service.until("the connection", async || service.get("/status", ADMIN).await.1["state"] == "connected").await;
    assert_eq!(bench.state()["oauth"]["grants"], 1);
    assert_eq!(service.post("/disconnect", ADMIN, json!({})).await.0, StatusCode::OK);
    let gone = async || bench.state()["oauth"]["live_refresh_tokens"] == 0;
    service.until("nothing of the grant is left", gone).await;
}
