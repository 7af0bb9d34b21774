//! What the JavaScript side calls. Every function gives the number of a task.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use casehug_clio::ports::{Headers, KeyProvider};
use casehug_clio::{
    Actor, ActorId, Caller, ClioApp, ClioHost, Code, ConfiguredKeys, Error, FirmId, Ports, Result, Role, Sdk,
    WorkerConfig, json,
};
use js_sys::Promise;
use serde::Deserialize;
use serde_json::json;
use tracing::Dispatch;
use tracing::dispatcher::with_default;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::executor::{NOTHING, describe, spawn};
use crate::http::{HttpObject, JsHttp};
use crate::intake::{IntakeObject, JsIntake};
use crate::keys::{JsKeys, KeysObject};
use crate::log::{self, LogLevel};
use crate::runtime::JsRuntime;
use crate::store::{JsStore, StoreObject};

/// The shortest wait between two looks of a worker.
const LEAST_POLL: Duration = Duration::from_millis(10);

/// The error that a panic becomes, made beforehand: afterwards nothing may be asked of the
/// instance.
#[wasm_bindgen(js_name = panicError)]
pub fn panic_error() -> String {
    describe(&Error::new(Code::Panic))
}

/// The error of a call on an SDK that is closed.
#[wasm_bindgen(js_name = closedError)]
pub fn closed_error() -> String {
    describe(&Error::new(Code::SettingInvalid).with("argument", "sdk").with("reason", "closed"))
}

/// An error of this code, as JavaScript found its reason, and of this setting. An unknown code is a
/// defect.
#[wasm_bindgen(js_name = describe)]
pub fn describe_code(code: &str, reason: &str, setting: Option<String>) -> String {
    let known = [Code::StoreOpenFailed, Code::StoreLogMissing, Code::SettingInvalid, Code::Cancelled];
    let error = Error::new(known.into_iter().find(|known| known.name() == code).unwrap_or(Code::Internal));
    let error = match setting {
        Some(setting) => error.with("setting", setting),
        None => error,
    };
    // Errors hold fixed words only; these come from our own JavaScript, a few times at most.
    describe(&error.with("reason", reason))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Config {
    client_id: String,
    client_secret: String,
    clio_url: String,
    sealing_key: Option<SealingKey>,
    late_execution_window_seconds: Option<f64>,
    index_delay_seconds: Option<f64>,
    request_timeout_seconds: Option<f64>,
    webhook_url: Option<String>,
    log_level: Option<LogLevel>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SealingKey {
    id: String,
    key: String,
    #[serde(default)]
    earlier: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Who {
    user: String,
    firm: String,
    role: WhoRole,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum WhoRole {
    Admin,
    Member,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Work {
    concurrency: Option<NonZeroUsize>,
    per_firm: Option<NonZeroUsize>,
    poll_seconds: Option<f64>,
}

/// An open SDK.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Engine {
    sdk: Rc<Sdk>,
    log: Dispatch,
}

#[wasm_bindgen]
impl Engine {
    /// Opens the SDK over the host's ports. Opens no connection. The error is the JSON text of one.
    /// `log` is the number of its log function.
    pub fn open(
        config: &str,
        store: StoreObject,
        http: HttpObject,
        intake: IntakeObject,
        keys: Option<KeysObject>,
        log: Option<u32>,
    ) -> core::result::Result<Self, String> {
        build(config, store, http, intake, keys, log).map_err(|error| describe(&error))
    }

    /// Runs an operation. `who` is the JSON of the actor, absent for the host itself; `arguments`
    /// a JSON object. Its result is the operation's.
    pub fn call(&self, who: Option<String>, operation: String, arguments: String) -> u32 {
        let sdk = Rc::clone(&self.sdk);
        self.run(async move {
            let actor = who.as_deref().map(actor).transpose()?;
            let caller = actor.as_ref().map_or(Caller::Host, Caller::User);
            sdk.call(caller, &operation, arguments.as_bytes()).await
        })
    }

    /// Takes in what Clio posted. `headers` is the JSON of their pairs. Its result is
    /// `{"status","headers"}`.
    #[wasm_bindgen(js_name = handleWebhook)]
    pub fn handle_webhook(&self, token: String, headers: &str, body: Vec<u8>) -> u32 {
        let (sdk, headers) = (Rc::clone(&self.sdk), read_headers(headers));
        self.run(async move {
            let reply = sdk.handle_webhook(&token, &headers?, &body).await;
            Ok(json!({ "status": reply.status, "headers": reply.headers }).to_string())
        })
    }

    /// Works on the due jobs of all firms until `stopped` settles, and what is in progress has
    /// ended.
    pub fn work(&self, config: &str, stopped: Promise) -> u32 {
        let (sdk, config) = (Rc::clone(&self.sdk), worker_config(config));
        self.run(async move {
            let stopped = async { drop(JsFuture::from(stopped).await) };
            sdk.worker(config?).run(stopped).await;
            Ok(NOTHING.to_owned())
        })
    }

    /// The same SDK, whose calls can be stopped alone: they end with `cancelled`.
    pub fn part(&self) -> Self {
        Self { sdk: Rc::new(self.sdk.part()), log: self.log.clone() }
    }

    /// Tells everything in progress to end after its step.
    pub fn stop(&self) {
        self.sdk.stop();
    }

    /// Runs what is due now. Its result is the number of runs.
    #[wasm_bindgen(js_name = runDue)]
    pub fn run_due(&self) -> u32 {
        let sdk = Rc::clone(&self.sdk);
        self.run(async move { Ok(sdk.worker(WorkerConfig::default()).run_due().await?.to_string()) })
    }
}

impl Engine {
    fn run(&self, work: impl Future<Output = Result<String>> + 'static) -> u32 {
        with_default(&self.log, || spawn(work))
    }
}

fn build(
    config: &str,
    store: StoreObject,
    http: HttpObject,
    intake: IntakeObject,
    keys: Option<KeysObject>,
    log: Option<u32>,
) -> Result<Engine> {
    let invalid = |argument| Error::new(Code::SettingInvalid).with("argument", argument);
    let config: Config =
        json::read(config.as_bytes(), Code::SettingInvalid).map_err(|error| error.with("argument", "config"))?;
    let host: ClioHost = config.clio_url.parse().map_err(|error: Error| error.with("argument", "clioUrl"))?;
    let runtime = Arc::new(JsRuntime);
    let keys = key_provider(config.sealing_key, keys, runtime.clone())?;
    let ports = Ports {
        transport: Arc::new(JsHttp::new(http)?),
        store: Arc::new(JsStore::new(store)?),
        keys,
        intake: Arc::new(JsIntake::new(intake)?),
        runtime,
    };
    let app = ClioApp::new(config.client_id, config.client_secret.into())?;
    let mut builder = Sdk::builder(app, host, ports);
    let seconds = |seconds: f64, argument| {
        let time = Duration::try_from_secs_f64(seconds).ok().filter(|time| !time.is_zero());
        time.ok_or_else(|| invalid(argument))
    };
    if let Some(settle) = config.late_execution_window_seconds {
        builder = builder.late_execution_window(seconds(settle, "lateExecutionWindowSeconds")?);
    }
    if let Some(delay) = config.index_delay_seconds {
        builder = builder.index_delay(seconds(delay, "indexDelaySeconds")?);
    }
    if let Some(timeout) = config.request_timeout_seconds {
        builder = builder.request_timeout(seconds(timeout, "requestTimeoutSeconds")?);
    }
    if let Some(url) = config.webhook_url {
        let url = url.parse().map_err(|_| Error::new(Code::UrlRefused).with("argument", "webhookUrl"))?;
        builder = builder.webhook_url(url);
    }
    let log = log::to(log, config.log_level.unwrap_or(LogLevel::Warn));
    let sdk = with_default(&log, || builder.build())?;
    Ok(Engine { sdk: Rc::new(sdk), log })
}

/// One of the two: a key that is told, or keys of the host's own.
fn key_provider(
    told: Option<SealingKey>,
    keys: Option<KeysObject>,
    runtime: Arc<JsRuntime>,
) -> Result<Arc<dyn KeyProvider>> {
    match (told, keys) {
        (Some(SealingKey { id, key, earlier }), None) => {
            let current = ConfiguredKeys::from_text(runtime, &id, [(id.as_str(), key.as_str())])?;
            Ok(Arc::new(current.with_earlier(earlier.iter().map(|(id, key)| (id.as_str(), key.as_str())))?))
        }
        (None, Some(keys)) => Ok(Arc::new(JsKeys::new(keys)?)),
        _ => Err(Error::new(Code::SettingInvalid).with("argument", "sealingKey").with("reason", "key_or_keys")),
    }
}

fn actor(text: &str) -> Result<Actor> {
    let who: Who =
        json::read(text.as_bytes(), Code::RequestInvalid).map_err(|error| error.with("argument", "actor"))?;
    let role = match who.role {
        WhoRole::Admin => Role::Admin,
        WhoRole::Member => Role::Member,
    };
    Ok(Actor { id: ActorId::new(who.user)?, firm: FirmId::new(who.firm)?, role })
}

fn read_headers(text: &str) -> Result<Headers> {
    let refused = |_| Error::new(Code::RequestInvalid).with("argument", "headers");
    let pairs: Vec<(String, String)> = serde_json::from_str(text).map_err(refused)?;
    Ok(pairs.into_iter().fold(Headers::new(), |headers, (name, value)| headers.with(&name, value)))
}

fn worker_config(text: &str) -> Result<WorkerConfig> {
    let work: Work = json::read(text.as_bytes(), Code::SettingInvalid)?;
    let mut config = WorkerConfig::default();
    if let Some(concurrency) = work.concurrency {
        config.concurrency = concurrency.get();
    }
    if let Some(per_firm) = work.per_firm {
        config.per_firm = per_firm.get();
    }
    if let Some(poll) = work.poll_seconds {
        let refused = || Error::new(Code::SettingInvalid).with("argument", "pollSeconds");
        let poll = Duration::try_from_secs_f64(poll).map_err(|_| refused())?;
        // A worker that never waits would hold up all else that runs on this thread.
        config.poll = Some(poll).filter(|poll| *poll >= LEAST_POLL).ok_or_else(refused)?;
    }
    Ok(config)
}
