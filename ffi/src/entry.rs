//! Opening and closing, and how every function answers.
//!
//! Each answers 1 (`CASEHUG_CLIO_OK`) or a code of the table, never 0. `out` takes a JSON text or a handle, `error` a JSON text with code, name, retry verdict,
//! message and context; both may be NULL if you do not want them, and both are set in every case.

use core::ffi::{CStr, c_char};
use core::panic::AssertUnwindSafe;
use core::ptr;
use std::panic::catch_unwind;
use std::sync::Arc;

use casehug_clio::clio::ClioHost;
use casehug_clio::connection::ClioApp;
use casehug_clio::crypto::ConfiguredKeys;
use casehug_clio::ports::Store;
use casehug_clio::{Code, Error, Ports, Result, Sdk};
use casehug_clio_http_reqwest::ReqwestTransport;
use casehug_clio_intake_folder::FolderIntake;
use casehug_clio_runtime_tokio::TokioRuntime;
use casehug_clio_store_sqlite::SqliteStore;

use crate::config::{Config, casehug_clio_config};
use crate::handle::{self, casehug_clio_sdk};
use crate::log::Log;
use crate::store::{HostStore, POOL, casehug_clio_store, inside_callback};
use crate::text::{Misuse, give};

const OK: i32 = 1;

/// The SDK's version, e.g. `0.1.0`. Lives for ever; do not free it.
#[unsafe(no_mangle)]
pub extern "C" fn casehug_clio_version() -> *const c_char {
    const VERSION: &CStr = match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
        Ok(version) => version,
        Err(_) => c"",
    };
    VERSION.as_ptr()
}

/// Opens the SDK. `store` NULL: SQLite at `config->sqlite_path`. Opens no connection.
///
/// # Safety
/// Pointers are NULL or valid as the header describes them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn casehug_clio_open(
    config: *const casehug_clio_config,
    store: *const casehug_clio_store,
    out: *mut *mut casehug_clio_sdk,
    error: *mut *mut c_char,
) -> i32 {
    if !out.is_null() {
        // SAFETY: not null, and writable by the caller's promise.
        unsafe { out.write(ptr::null_mut()) };
    }
    let work = || {
        if inside_callback() {
            return Err(Misuse::InsideCallback.of("open"));
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .max_blocking_threads(POOL)
            .thread_name("casehug-clio")
            .enable_all()
            .build()
            .map_err(|_| Error::new(Code::RuntimeFailed).with("source", "threads"))?;
        // The store first: its `release` is called whatever is wrong with the rest.
        let host_store = if store.is_null() {
            None
        } else {
            // SAFETY: not null, and a store by the caller's promise.
            Some(unsafe { HostStore::new(store, runtime.handle().clone()) }?)
        };
        if out.is_null() {
            return Err(Misuse::Null.of("out"));
        }
        // SAFETY: NULL or a configuration, by the caller's promise.
        let mut config = unsafe { Config::read(config) }?;
        let log = config.log.take();
        let sdk = Log::during(log.as_ref(), || runtime.block_on(build(&config, host_store)))?;
        // SAFETY: not null, and writable by the caller's promise.
        unsafe { out.write(handle::register(sdk, runtime, log)) };
        Ok(None)
    };
    // SAFETY: `error` is NULL or writable by the caller's promise.
    unsafe { answer(work, ptr::null_mut(), error) }
}

async fn build(config: &Config<'_>, store: Option<HostStore>) -> Result<Sdk> {
    let store: Arc<dyn Store> = match (store, config.sqlite_path) {
        (Some(store), None) => Arc::new(store),
        (None, Some(path)) => Arc::new(SqliteStore::open(path).await?),
        (Some(_), Some(_)) => return Err(Misuse::UnknownValue.of("sqlite_path")),
        (None, None) => return Err(Misuse::Missing.of("store")),
    };
    let runtime = Arc::new(TokioRuntime);
    let intake = FolderIntake::new(config.intake_folder);
    let host: ClioHost = config.clio_url.parse().map_err(|error: Error| error.with("argument", "clio_url"))?;
    let keys = ConfiguredKeys::from_text(runtime.clone(), config.key_id, [(config.key_id, config.key)])?;
    let app = ClioApp::new(config.client_id, config.client_secret.to_owned().into())?;
    let ports = Ports {
        transport: Arc::new(ReqwestTransport::with(Arc::new(intake.clone()), runtime.clone(), &config.network)?),
        store,
        keys: Arc::new(keys),
        intake: Arc::new(intake),
        runtime,
    };
    let mut builder = Sdk::builder(app, host, ports);
    if let Some(window) = config.late_execution_window {
        builder = builder.late_execution_window(window);
    }
    if let Some(delay) = config.index_delay {
        builder = builder.index_delay(delay);
    }
    if let Some(timeout) = config.request_timeout {
        builder = builder.request_timeout(timeout);
    }
    if let Some(url) = config.webhook_url {
        let url = url.parse().map_err(|_| Error::new(Code::UrlRefused).with("argument", "webhook_url"))?;
        builder = builder.webhook_url(url);
    }
    builder.build()
}

/// Closes the SDK: waits for calls in progress on other threads, stops the worker, then calls the store's `release`. Refused inside a callback.
///
/// # Safety
/// `error` is NULL or points to a place for a pointer. Any `sdk` is allowed; one that is not open is an error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn casehug_clio_close(sdk: *mut casehug_clio_sdk, error: *mut *mut c_char) -> i32 {
    // SAFETY: `error` is NULL or writable by the caller's promise.
    unsafe { answer(|| handle::close(sdk).map(|()| None), ptr::null_mut(), error) }
}

/// Does the work behind a boundary that no panic crosses, and hands over what came of it.
///
/// # Safety
/// `out` and `error` are NULL or point to a place for a pointer.
pub(crate) unsafe fn answer(
    work: impl FnOnce() -> Result<Option<String>>,
    out: *mut *mut c_char,
    error: *mut *mut c_char,
) -> i32 {
    let result = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        // A payload whose own drop panics must not get out either.
        core::mem::forget(panic);
        Err(Error::new(Code::Panic))
    });
    let (status, value, failure) = match result {
        Ok(value) => (OK, value, None),
        Err(error) => {
            let failure = serde_json::to_value(&error).unwrap_or_default();
            (i32::from(error.code().number()), None, Some(failure.to_string()))
        }
    };
    // SAFETY: by this function's own contract.
    unsafe {
        give(out, value);
        give(error, failure);
    }
    status
}
