//! The example service as a process of its own, driven over HTTP, with a Clio that delivers real
//! webhooks to it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::bench::{Bench, assert_no_client_data};

pub const ADMIN: (&str, &str, &str) = ("firm_1", "usr_1", "admin");
pub const OTHER_ADMIN: (&str, &str, &str) = ("firm_1", "usr_2", "admin");
pub const MEMBER: (&str, &str, &str) = ("firm_1", "usr_3", "member");
pub const STRANGER: (&str, &str, &str) = ("firm_2", "usr_9", "admin");

pub type Who = (&'static str, &'static str, &'static str);

pub struct Backend {
    child: Child,
    url: String,
    http: reqwest::Client,
    log: Arc<Mutex<String>>,
    /// Every answer, to be searched for what must not be in it.
    seen: Mutex<String>,
}

impl Backend {
    pub fn start(bench: &Bench) -> Self {
        Self::start_on(bench, "127.0.0.1:0")
    }

    /// Port 0 takes a free one.
    pub fn start_on(bench: &Bench, listen: &str) -> Self {
        Self::start_with(bench, &["--listen", listen])
    }

    pub fn start_with(bench: &Bench, more: &[&str]) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        std::fs::create_dir_all(bench.intakes()).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_service"))
            .arg("--intake")
            .arg(bench.firms())
            .arg("--db")
            .arg(bench.database("service.db"))
            .args(["--clio-url", bench.sim.url(), "--settle", "1", "--index-delay", "1"])
            .args(["--metrics", "127.0.0.1:0"])
            .args(more)
            .env("RUST_LOG", "trace")
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut first = String::new();
        let address = loop {
            let line = lines.next().unwrap().unwrap();
            first += &line;
            first.push('\n');
            if let Some((_, address)) = line.split_once("listening=") {
                break address.trim().to_owned();
            }
        };
        let log = Arc::new(Mutex::new(first));
        let kept = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let mut log = kept.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        });
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { child, url: format!("http://{address}"), http, log, seen: Mutex::default() }
    }

    /// Scheme, host and port.
    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn address(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until the process has ended.
    pub fn wait(mut self) -> std::process::ExitStatus {
        self.child.wait().unwrap()
    }

    /// SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// As a program or a browser asks that says nothing but this.
    pub async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: String) -> reqwest::Response {
        let request = self.http.request(method, format!("{}{path}", self.url)).body(body);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        request.send().await.unwrap()
    }

    pub async fn raw(&self, method: Method, path: &str, who: Who, body: Option<Value>) -> reqwest::Response {
        let request = self.http.request(method, format!("{}{path}", self.url));
        let request =
            request.header("x-casehug-firm", who.0).header("x-casehug-user", who.1).header("x-casehug-role", who.2);
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        request.send().await.unwrap()
    }

    async fn call(&self, method: Method, path: &str, who: Who, body: Option<Value>) -> (StatusCode, Value) {
        let answer = self.raw(method, path, who, body).await;
        let status = answer.status();
        let text = answer.text().await.unwrap();
        self.seen.lock().unwrap().push_str(&text);
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    pub async fn get(&self, path: &str, who: Who) -> (StatusCode, Value) {
        self.call(Method::GET, path, who, None).await
    }

    pub async fn post(&self, path: &str, who: Who, body: Value) -> (StatusCode, Value) {
        self.call(Method::POST, path, who, Some(body)).await
    }

    pub async fn put(&self, path: &str, who: Who, body: Value) -> (StatusCode, Value) {
        self.call(Method::PUT, path, who, Some(body)).await
    }

    /// An admin's browser: to Clio and back.
    pub async fn connect(&self, who: Who) -> (StatusCode, Value) {
        self.connect_by("/connect", who).await
    }

    pub async fn connect_by(&self, path: &str, who: Who) -> (StatusCode, Value) {
        let begun = self.raw(Method::GET, path, who, None).await;
        if !begun.status().is_redirection() {
            return (begun.status(), begun.json().await.unwrap_or(Value::Null));
        }
        let consent = begun.headers()["location"].to_str().unwrap().to_owned();
        let back = self.http.get(consent).header("user-agent", "browser").send().await.unwrap();
        let back = back.headers()["location"].to_str().unwrap().to_owned();
        let path = back.strip_prefix(&self.url).unwrap().to_owned();
        self.call(Method::GET, &path, who, None).await
    }

    /// Connected, and the subscription delivers.
    pub async fn connected(&self) {
        let (status, body) = self.connect(ADMIN).await;
        assert!(status.is_redirection(), "{status} {body}");
        self.until("webhooks deliver", async || {
            self.get("/status", ADMIN).await.1["webhooks"]["delivers"] == json!(true)
        })
        .await;
    }

    /// What it counted, as Prometheus reads it.
    pub async fn metrics(&self) -> String {
        let log = self.log.lock().unwrap().clone();
        let address = log.split("metrics=").nth(1).and_then(|rest| rest.split_whitespace().next()).unwrap().to_owned();
        let text = self.http.get(format!("http://{address}/metrics")).send().await.unwrap().text().await.unwrap();
        self.seen.lock().unwrap().push_str(&text);
        text
    }

    /// Syncs a matter and waits for it. Gives Clio's id.
    pub async fn synced(&self, matter: &str) -> i64 {
        self.post(&format!("/matters/{matter}/sync"), MEMBER, json!({})).await;
        self.arrived(matter).await
    }

    pub async fn arrived(&self, matter: &str) -> i64 {
        self.until(matter, async || self.get(&format!("/matters/{matter}"), MEMBER).await.1["status"] == "synced")
            .await;
        let state = self.get(&format!("/matters/{matter}"), MEMBER).await.1;
        state["clio_matter"].as_str().unwrap().parse().unwrap()
    }

    /// The next durable events of a type, acknowledged, in the order in which they came; waits
    /// until there are `count`.
    pub async fn events(&self, kind: &str, count: usize) -> Vec<Value> {
        let mut found = Vec::new();
        let began = Instant::now();
        while found.len() < count {
            assert!(began.elapsed() < Duration::from_secs(30), "{count} of {kind}: {found:?}\n{}", self.log());
            for event in self.get("/events", ADMIN).await.1.as_array().unwrap() {
                let Some(id) = event["id"].as_str() else { continue };
                let (status, _) = self.post("/events/ack", ADMIN, json!({ "id": id })).await;
                assert_eq!(status, StatusCode::NO_CONTENT);
                if event["event"]["type"] == kind {
                    found.push(event["event"].clone());
                }
            }
        }
        found
    }

    /// What is told within a moment, of this type.
    pub async fn events_soon(&self, kind: &str) -> Vec<Value> {
        let mut found = Vec::new();
        for event in self.get("/events", ADMIN).await.1.as_array().unwrap() {
            if let Some(id) = event["id"].as_str() {
                self.post("/events/ack", ADMIN, json!({ "id": id })).await;
            }
            if event["event"]["type"] == kind {
                found.push(event["event"].clone());
            }
        }
        found
    }

    pub async fn until(&self, what: &str, mut there: impl AsyncFnMut() -> bool) {
        let began = Instant::now();
        while !there().await {
            assert!(began.elapsed() < Duration::from_secs(30), "{what} never came\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub async fn audit(&self, action: &str) -> Vec<Value> {
        let (_, page) = self.get("/audit?limit=500", ADMIN).await;
        page["items"].as_array().unwrap().iter().filter(|entry| entry["action"] == action).cloned().collect()
    }

    /// Posts to a webhook URL of the service, as Clio would if the secret is that of the
    /// subscription.
    pub async fn deliver(&self, hook: &Value, secret: &str, body: &Value) -> StatusCode {
        self.try_deliver(hook, secret, body).await.unwrap()
    }

    /// The same to a service that may end before it answers.
    pub async fn try_deliver(&self, hook: &Value, secret: &str, body: &Value) -> Option<StatusCode> {
        let token = hook["url"].as_str().unwrap().rsplit_once('/').unwrap().1;
        let body = body.to_string();
        let mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap().chain_update(&body);
        let signed = hex::encode(mac.finalize().into_bytes());
        let request = self.http.post(format!("{}/webhooks/{token}", self.url)).header("x-hook-signature", signed);
        request.body(body).send().await.ok().map(|answer| answer.status())
    }

    pub fn log(&self) -> String {
        let log = self.log.lock().unwrap();
        let ours =
            log.lines().filter(|line| line.contains("casehug") || line.contains("service::")).collect::<Vec<_>>();
        ours[ours.len().saturating_sub(40)..].join("\n")
    }

    pub fn assert_logged_none_of(&self, secrets: &[String]) {
        let log = self.log.lock().unwrap();
        assert!(secrets.iter().all(|secret| !log.contains(secret)), "a secret is in the log");
    }

    /// Nothing that was answered or logged so far may hold client data, a token or a secret.
    pub fn assert_told_nothing(&self, bench: &Bench) {
        let (seen, log) = (self.seen.lock().unwrap().clone(), self.log.lock().unwrap().clone());
        let mut database = Vec::new();
        for file in ["service.db", "service.db-wal"] {
            database.extend(std::fs::read(bench.folder.path().join(file)).unwrap_or_default());
        }
        for (place, about) in
            [(seen.as_bytes(), "the answers"), (log.as_bytes(), "the log"), (database.as_slice(), "the database")]
        {
            assert_no_client_data(place, about);
            let text = String::from_utf8_lossy(place);
            for secret in bench.sim.model().secrets() {
                assert!(!text.contains(&secret), "a secret of Clio's is in {about}");
            }
        }
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
