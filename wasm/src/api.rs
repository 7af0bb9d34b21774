//! What the JavaScript side calls. Every function gives the number of a task.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use casehug_clio::clio::ClioHost;
use casehug_clio::connection::ClioApp;
use casehug_clio::crypto::ConfiguredKeys;
use casehug_clio::domain::{Actor, ActorId, FirmId, MatterId, Role};
use casehug_clio::{Code, Error, Ports, Result, Sdk, json};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tracing::Dispatch;
use tracing::dispatcher::with_default;
use wasm_bindgen::prelude::*;

use crate::executor::{describe, spawn};
use crate::http::{HttpObject, JsHttp};
use crate::intake::{IntakeObject, JsIntake};
use crate::log::{self, LogLevel};
use crate::runtime::JsRuntime;
use crate::store::{JsStore, StoreObject};

/// The error that a panic becomes, made beforehand: afterwards nothing may be asked of the instance.
#[wasm_bindgen(js_name = panicError)]
pub fn panic_error() -> String {
    describe(&Error::new(Code::Panic))
}

/// The error of a call on an SDK that is closed.
#[wasm_bindgen(js_name = closedError)]
pub fn closed_error() -> String {
    describe(&Error::new(Code::SettingInvalid).with("argument", "sdk").with("reason", "closed"))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Config {
    client_id: String,
    client_secret: String,
    clio_url: String,
    sealing_key: SealingKey,
    settle_seconds: Option<f64>,
    index_delay_seconds: Option<f64>,
    request_timeout_seconds: Option<f64>,
    log_level: Option<LogLevel>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SealingKey {
    id: String,
    key: String,
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
        log: Option<u32>,
    ) -> core::result::Result<Self, String> {
        build(config, store, http, intake, log).map_err(|error| describe(&error))
    }

    /// `{"authorize_url"}`.
    #[wasm_bindgen(js_name = beginConnect)]
    pub fn begin_connect(&self, who: &str, redirect_uri: String) -> u32 {
        let (sdk, who) = (Rc::clone(&self.sdk), actor(who));
        self.run(async move {
            let start = sdk.firm(&who?).connection().begin(&redirect_uri).await?;
            Ok(json!({ "authorize_url": start.authorize_url.as_str() }))
        })
    }

    /// The connection, without secrets.
    #[wasm_bindgen(js_name = finishConnect)]
    pub fn finish_connect(&self, who: &str, callback_query: String) -> u32 {
        let (sdk, who) = (Rc::clone(&self.sdk), actor(who));
        self.run(async move { to_json(&sdk.firm(&who?).connection().finish(&callback_query).await?) })
    }

    /// The firm's connection, or null.
    pub fn connection(&self, who: &str) -> u32 {
        let (sdk, who) = (Rc::clone(&self.sdk), actor(who));
        self.run(async move { to_json(&sdk.firm(&who?).connection().get().await?) })
    }

    /// `{"calls":{"least","most"}}`.
    #[wasm_bindgen(js_name = planMatter)]
    pub fn plan_matter(&self, who: &str, matter: String) -> u32 {
        let (sdk, who) = (Rc::clone(&self.sdk), actor(who));
        self.run(async move {
            let plan = sdk.firm(&who?).matters().plan(&MatterId::new(matter)?).await?;
            Ok(json!({ "calls": { "least": plan.calls.least, "most": plan.calls.most } }))
        })
    }

    /// The report.
    #[wasm_bindgen(js_name = syncMatter)]
    pub fn sync_matter(&self, who: &str, matter: String) -> u32 {
        let (sdk, who) = (Rc::clone(&self.sdk), actor(who));
        self.run(async move { to_json(&sdk.firm(&who?).matters().sync(&MatterId::new(matter)?).await?) })
    }
}

impl Engine {
    fn run(&self, work: impl Future<Output = Result<Value>> + 'static) -> u32 {
        with_default(&self.log, || spawn(work))
    }
}

fn build(config: &str, store: StoreObject, http: HttpObject, intake: IntakeObject, log: Option<u32>) -> Result<Engine> {
    let invalid = |argument| Error::new(Code::SettingInvalid).with("argument", argument);
    let config: Config =
        json::read(config.as_bytes(), Code::SettingInvalid).map_err(|error| error.with("argument", "config"))?;
    let url = config.clio_url.parse().map_err(|_| Error::new(Code::UrlRefused).with("argument", "clioUrl"))?;
    let key = &config.sealing_key;
    let runtime = Arc::new(JsRuntime);
    let keys = ConfiguredKeys::from_text(runtime.clone(), &key.id, [(key.id.as_str(), key.key.as_str())])?;
    let ports = Ports {
        transport: Arc::new(JsHttp::new(http)?),
        store: Arc::new(JsStore::new(store)?),
        keys: Arc::new(keys),
        intake: Arc::new(JsIntake::new(intake)?),
        runtime,
    };
    let app = ClioApp::new(config.client_id, config.client_secret.into())?;
    let mut builder = Sdk::builder(app, ClioHost::custom(url)?, ports);
    let seconds = |seconds: f64, argument| Duration::try_from_secs_f64(seconds).map_err(|_| invalid(argument));
    if let Some(settle) = config.settle_seconds {
        builder = builder.settle(seconds(settle, "settleSeconds")?);
    }
    if let Some(delay) = config.index_delay_seconds {
        builder = builder.index_delay(seconds(delay, "indexDelaySeconds")?);
    }
    if let Some(timeout) = config.request_timeout_seconds {
        builder = builder.request_timeout(seconds(timeout, "requestTimeoutSeconds")?);
    }
    let log = log::to(log, config.log_level.unwrap_or(LogLevel::Warn));
    let sdk = with_default(&log, || builder.build())?;
    Ok(Engine { sdk: Rc::new(sdk), log })
}

fn actor(text: &str) -> Result<Actor> {
    let who: Who =
        json::read(text.as_bytes(), Code::SettingInvalid).map_err(|error| error.with("argument", "actor"))?;
    let role = match who.role {
        WhoRole::Admin => Role::Admin,
        WhoRole::Member => Role::Member,
    };
    Ok(Actor { id: ActorId::new(who.user)?, firm: FirmId::new(who.firm)?, role })
}

fn to_json(value: &impl Serialize) -> Result<Value> {
    serde_json::to_value(value).map_err(|_| Error::new(Code::Internal).with("reason", "answer_not_encodable"))
}
