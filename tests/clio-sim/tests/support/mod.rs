//! A client for the simulator that checks every answer of the API against Clio's own OpenAPI
//! document, if it is there.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use std::{env, fs, path::PathBuf, sync::OnceLock};

use clio_sim::{ClioSim, Config};
use reqwest::{Method, header::HeaderMap, redirect::Policy};
use serde_json::{Value, json};

/// Statuses the document does not declare everywhere, or declares in another shape: 307 and 410 are
/// missing, 401 is really OAuth's shape, lists also answer 422, and 501 is the simulator's own.
const UNDECLARED: &[u16] = &[307, 401, 410, 500, 501, 502, 503];

/// Clio's OpenAPI document, if this checkout has it.
pub fn openapi() -> Option<&'static Value> {
    static DOCUMENT: OnceLock<Option<Value>> = OnceLock::new();
    DOCUMENT
        .get_or_init(|| {
            let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/clio/openapi-subset.json");
            let path = env::var_os("CLIO_OPENAPI").map_or(beside, PathBuf::from);
            match fs::read(&path) {
                Ok(bytes) => Some(serde_json::from_slice(&bytes).unwrap()),
                Err(_) => {
                    eprintln!("SKIPPED: no OpenAPI document at {}; answers are not validated", path.display());
                    None
                }
            }
        })
        .as_ref()
}

/// One answer, read.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
    pub json: Value,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn data(&self) -> &Value {
        &self.json["data"]
    }

    pub fn id(&self) -> i64 {
        self.data()["id"].as_i64().unwrap_or_else(|| panic!("no id in {}", self.text))
    }

    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    #[track_caller]
    pub fn refused(self, status: u16, kind: &str) -> Self {
        assert_eq!((self.status, self.json["error"]["type"].as_str()), (status, Some(kind)), "{}", self.text);
        self
    }
}

pub async fn read(response: reqwest::Response) -> Answer {
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.unwrap();
    let json = serde_json::from_str(&text).unwrap_or_default();
    Answer { status, headers, text, json }
}

/// Builds a client. Another member of the workspace may have left reqwest without a TLS provider of
/// its own (Cargo unites features), and then building a client panics, so one is installed first; a
/// second installation is refused, which is fine.
pub fn client(builder: reqwest::ClientBuilder) -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    builder.build().unwrap()
}

/// A simulator, a token, and a client that follows no redirect.
pub struct Rig {
    pub sim: ClioSim,
    pub http: reqwest::Client,
    pub token: String,
}

impl Rig {
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config { rate_limit: 10_000, ..Config::default() };
        change(&mut config);
        let sim = ClioSim::start(config).await.unwrap();
        let now = sim.now();
        let token = sim.model().grant(now).access_token;
        let http = client(reqwest::Client::builder().user_agent("clio-sim-tests/1").redirect(Policy::none()));
        Self { sim, http, token }
    }

    pub fn request(&self, method: &str, target: &str) -> reqwest::RequestBuilder {
        let url = if target.starts_with("http") { target.to_owned() } else { format!("{}{target}", self.sim.url()) };
        self.http.request(Method::from_bytes(method.as_bytes()).unwrap(), url).bearer_auth(&self.token)
    }

    /// Calls the API below `/api/v4` and validates the answer.
    pub async fn api(&self, method: &str, target: &str, body: Option<Value>) -> Answer {
        let mut request = self.request(method, &format!("/api/v4{target}"));
        if let Some(body) = &body {
            request = request.json(body);
        }
        let answer = read(request.send().await.unwrap()).await;
        validate(method, target, &answer);
        answer
    }

    pub async fn get(&self, target: &str) -> Answer {
        self.api("GET", target, None).await
    }

    pub async fn post(&self, target: &str, data: Value) -> Answer {
        self.api("POST", target, Some(json!({"data": data}))).await
    }

    pub async fn patch(&self, target: &str, data: Value) -> Answer {
        self.api("PATCH", target, Some(json!({"data": data}))).await
    }

    /// The simulator's own endpoints.
    pub async fn control(&self, method: &str, name: &str, body: Value) -> Answer {
        let request = self.request(method, &format!("/__sim/{name}"));
        let request = if body.is_null() { request } else { request.json(&body) };
        read(request.send().await.unwrap()).await
    }

    pub async fn state(&self) -> Value {
        self.control("GET", "state", Value::Null).await.expect(200).json
    }

    pub async fn advance(&self, ms: i64) {
        self.control("POST", "clock", json!({"advance_ms": ms})).await.expect(200);
    }

    pub async fn person(&self, first: &str, last: &str) -> i64 {
        self.post("/contacts", json!({"type": "Person", "first_name": first, "last_name": last})).await.expect(201).id()
    }

    pub async fn matter(&self) -> i64 {
        let client = self.person("Ada", "Byron").await;
        self.post("/matters", json!({"client": {"id": client}, "description": "Byron v. Babbage"}))
            .await
            .expect(201)
            .id()
    }

    /// Step one of an upload: the document's id and its latest version.
    pub async fn stub(&self, matter: i64, extra: Value) -> (i64, Value) {
        let mut data = json!({"name": "will.pdf", "parent": {"id": matter, "type": "Matter"}});
        data.as_object_mut().unwrap().extend(extra.as_object().cloned().unwrap_or_default());
        let fields = "id,latest_document_version{uuid,put_url,put_headers,fully_uploaded,multiparts}";
        let answer = self.post(&format!("/documents.json?fields={fields}"), data).await.expect(201);
        (answer.id(), answer.data()["latest_document_version"].clone())
    }

    /// Step two: the bytes, with the headers the target lists.
    pub async fn put(&self, target: &Value, bytes: Vec<u8>) -> Answer {
        let mut request = self.http.put(target["put_url"].as_str().unwrap());
        if bytes.is_empty() {
            // The client would leave it out, and storage would answer 411.
            request = request.header("Content-Length", 0);
        }
        for header in target["put_headers"].as_array().unwrap() {
            request = request.header(header["name"].as_str().unwrap(), header["value"].as_str().unwrap());
        }
        read(request.body(bytes).send().await.unwrap()).await
    }

    /// Step three.
    pub async fn finish(&self, document: i64, version: &Value) -> Answer {
        let target = format!("/documents/{document}.json?fields=id,size,latest_document_version{{fully_uploaded}}");
        self.patch(&target, json!({"uuid": version["uuid"], "fully_uploaded": true})).await
    }
}

fn validate(method: &str, target: &str, answer: &Answer) {
    let Some(document) = openapi() else { return };
    let path = target.split('?').next().unwrap().trim_end_matches(".json");
    let mut segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    if segments.get(1).is_some_and(|id| id.parse::<i64>().is_ok()) {
        segments[1] = "{id}";
    }
    let path = format!("/{}.json", segments.join("/"));
    let Some(operation) = document["paths"][&path].get(method.to_lowercase()) else {
        // Not in the document: the other practice areas, activation, wrong paths.
        return;
    };
    let declared = &operation["responses"][answer.status.to_string()];
    if UNDECLARED.contains(&answer.status) || answer.header("content-type").starts_with("text/html") {
        return;
    }
    let content = &declared["content"]["application/json; charset=utf-8"]["schema"];
    if declared.is_null() || content.is_null() {
        // Errors have one shape even where the document forgot them.
        if answer.status < 400 {
            assert!(!declared.is_null(), "{method} {path} answers an undeclared {}", answer.status);
            assert_eq!(answer.text, "");
            return;
        }
    } else {
        assert_eq!(answer.header("content-type"), "application/json; charset=utf-8");
    }
    let schema = if content.is_null() { json!({"$ref": "#/components/schemas/Error"}) } else { content.clone() };
    check(document, schema, &answer.json, &format!("{method} {path} {}", answer.status));
}

fn check(document: &Value, mut schema: Value, value: &Value, what: &str) {
    schema["components"] = document["components"].clone();
    let validator = jsonschema::options()
        .with_draft(jsonschema::Draft::Draft202012)
        .should_validate_formats(true)
        .with_format("int32", |_: &str| true)
        .with_format("int64", |_: &str| true)
        .with_format("double", |_: &str| true)
        .with_format("float", |_: &str| true)
        .build(&schema)
        .unwrap();
    let errors: Vec<String> =
        validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{what} breaks the contract: {errors:#?}\n{value:#}");
}
