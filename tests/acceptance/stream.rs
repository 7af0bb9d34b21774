//! `GET /api/stream`: what a page hears of its firm, and how streams end.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::process::Command;
use std::time::{Duration, Instant};

use crate::backend::{ADMIN, Backend, MEMBER, STRANGER, Who};
use crate::bench::{Bench, assert_no_client_data, intake};
use clio_sim::Config;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// A page that listens, and all that it heard so far.
struct Listener {
    answer: reqwest::Response,
    heard: String,
}

impl Listener {
    async fn new(service: &Backend, who: Who) -> Self {
        let answer = service.raw(Method::GET, "/api/stream", who, None).await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("text/event-stream"));
        let mut listener = Self { answer, heard: String::new() };
        listener.until("event: hello").await;
        listener
    }

    async fn until(&mut self, what: &str) {
        let more = async {
            while !self.heard.contains(what) {
                let chunk = self.answer.chunk().await.unwrap().unwrap_or_else(|| panic!("it ended: {}", self.heard));
                self.heard.push_str(std::str::from_utf8(&chunk).unwrap());
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(30), more).await;
        assert!(waited.is_ok(), "{what} never came: {}", self.heard);
    }

    /// All that was named as changed.
    fn changed(&self) -> Vec<String> {
        let data = self.heard.lines().filter_map(|line| line.strip_prefix("data: "));
        let lists = data.filter_map(|data| serde_json::from_str::<Value>(data).unwrap()["what"].as_array().cloned());
        lists.flatten().map(|part| part.as_str().unwrap().to_owned()).collect()
    }
}

async fn bench() -> Bench {
    Bench::with(Config { rate_limit: 1_000_000, http_webhooks: true, ..Config::default() }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_hears_of_its_firm_whichever_process_changed_it_and_of_no_other_firm() {
    let bench = bench().await;
    bench.matter("m1", &intake("m1", "c1", Some("c1@zyx.qwertz.example"), &["d1"]));
    let (service, other) = (Backend::start(&bench), Backend::start(&bench));
    other.connected().await;
    let mut page = Listener::new(&service, MEMBER).await;
    let mut stranger = Listener::new(&service, STRANGER).await;
    assert_eq!(page.changed(), [""; 0], "nothing happened yet");
    let (_, settings) = other.get("/settings", ADMIN).await;
    other.put("/settings", ADMIN, settings).await;
    page.until("\"settings\"").await;
    page.heard.clear();
    let clio = other.synced("m1").await;
    page.until("\"runs\"").await;
    page.heard.clear();
    bench.edit("matters", clio, &json!({ "status": "closed" }));
    page.until("\"matters\"").await;
    page.heard.clear();
    assert_eq!(other.post("/api/start_backfill", ADMIN, json!({ "matters": ["m1"] })).await.0, StatusCode::OK);
    page.until("\"backfills\"").await;
    assert_no_client_data(page.heard.as_bytes(), "the stream");
    // What came for it is read for a moment.
    let _ = tokio::time::timeout(Duration::from_millis(300), stranger.until("event: changed")).await;
    assert_eq!(stranger.changed(), [""; 0], "{}", stranger.heard);
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_of_a_firm_are_limited_and_free_again_when_pages_leave() {
    let bench = bench().await;
    let service = Backend::start(&bench);
    let mut open = Vec::new();
    for _ in 0..64 {
        open.push(Listener::new(&service, MEMBER).await);
    }
    let refused = service.raw(Method::GET, "/api/stream", MEMBER, None).await;
    assert_eq!(
        (refused.status(), refused.headers()["retry-after"].to_str().unwrap()),
        (StatusCode::SERVICE_UNAVAILABLE, "10")
    );
    assert_eq!(refused.json::<Value>().await.unwrap()["error"]["context"]["reason"], "too_many");
    Listener::new(&service, STRANGER).await;
    open.truncate(10);
    service
        .until("room again", async || {
            service.raw(Method::GET, "/api/stream", MEMBER, None).await.status() == StatusCode::OK
        })
        .await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_told_to_stop_ends_its_streams_and_waits_for_none() {
    let bench = bench().await;
    let service = Backend::start(&bench);
    let mut page = Listener::new(&service, MEMBER).await;
    let began = Instant::now();
    assert!(Command::new("kill").args(["-TERM", &service.pid().to_string()]).status().unwrap().success());
    while page.answer.chunk().await.unwrap().is_some() {}
    let status = tokio::task::spawn_blocking(|| service.wait()).await.unwrap();
    assert!(status.success() && began.elapsed() < Duration::from_secs(2), "{status} {:?}", began.elapsed());
}
