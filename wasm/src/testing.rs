//! For tests only: the conformance suites on ports in JavaScript, and a panic to order.

use std::sync::Arc;
use std::time::Duration;

use casehug_clio::ports::{Runtime as _, Store};
use casehug_clio::{Code, Error};
use casehug_clio_testkit::http::HttpUnderTest;
use casehug_clio_testkit::store::StoreUnderTest;
use casehug_clio_testkit::{http, store};
use serde_json::{Value, json};
use wasm_bindgen::prelude::*;

use crate::executor::{NOTHING, spawn};
use crate::http::{HttpObject, JsHttp};
use crate::runtime::JsRuntime;
use crate::store::{JsStore, StoreObject};

/// Runs the suite of the store port on an empty store; gives `[[case, null or what went wrong]]`.
#[wasm_bindgen(js_name = storeConformance)]
pub fn store_conformance(object: StoreObject) -> u32 {
    spawn(async move {
        let tested: Arc<dyn Store> = Arc::new(JsStore::new(object)?);
        let open = async || StoreUnderTest::new(Arc::clone(&tested), Arc::clone(&tested), Arc::new(JsRuntime));
        Ok(told(store::run_all(open).await))
    })
}

/// Runs the suite of the HTTP port against a running conformance server.
#[wasm_bindgen(js_name = httpConformance)]
pub fn http_conformance(object: HttpObject, server: String) -> u32 {
    spawn(async move {
        let tested = Arc::new(JsHttp::new(object)?);
        let server: url::Url = server.parse().map_err(|_| Error::new(Code::UrlRefused))?;
        let open = async || HttpUnderTest::new(tested.clone(), server.clone(), Arc::new(JsRuntime));
        Ok(told(http::run_all(open).await))
    })
}

fn told(outcomes: Vec<(&'static str, Result<(), String>)>) -> String {
    let told: Value = outcomes.into_iter().map(|(case, outcome)| json!([case, outcome.err()])).collect();
    told.to_string()
}

/// Sleeps for this long.
#[wasm_bindgen]
pub fn sleep(millis: f64) -> u32 {
    spawn(async move {
        JsRuntime.sleep(Duration::from_secs_f64(millis / 1000.0)).await;
        Ok(NOTHING.to_owned())
    })
}

/// Panics after an await: the hard place, as nobody is on the stack who could be told.
#[wasm_bindgen(js_name = panicLater)]
#[allow(clippy::panic, reason = "that is what it is for")]
pub fn panic_later() -> u32 {
    spawn(async move {
        JsRuntime.sleep(Duration::from_millis(1)).await;
        panic!("to order")
    })
}
