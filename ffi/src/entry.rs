//! Opening and closing, and how every function answers.
//!
//! Each answers 1 (`CASEHUG_CLIO_OK`) or a code of the table, never 0. `out` takes a JSON text or a
//! handle, `error` a JSON text with code, name, retry verdict, message and context; both may be
//! NULL if you do not want them, and both are set in every case.

use core::ffi::{CStr, c_char};
use core::panic::AssertUnwindSafe;
use core::ptr;
use std::panic::catch_unwind;
use std::sync::Arc;

use ::casehug_clio_store::StoreLocation;
use casehug_clio::ports::{DocumentBytes, IntakeSource, KeyProvider, Store};
use casehug_clio::{ClioApp, ClioHost, Code, ConfiguredKeys, Error, Ports, Result, Sdk};
use casehug_clio_http_reqwest::ReqwestTransport;
use casehug_clio_intake_folder::FolderIntake;
use casehug_clio_runtime_tokio::TokioRuntime;
use tokio::runtime::{Handle, Runtime};

use crate::config::{Config, casehug_clio_config};
use crate::handle::{self, casehug_clio_sdk};
use crate::host::{Functions, Host, POOL, Table, inside_callback};
use crate::intake::HostIntakes;
use crate::keys::HostKeys;
use crate::log::Log;
use crate::store::{HostStore, casehug_clio_store};
use crate::text::{Misuse, give};
use crate::tokens::HostTokens;

const OK: i32 = 1;

/// The library's version, e.g. `0.1.0`; that of the header is `CASEHUG_CLIO_VERSION`. Lives for
/// ever; do not free it.
#[unsafe(no_mangle)]
pub extern "C" fn casehug_clio_version() -> *const c_char {
    const VERSION: &CStr = match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
        Ok(version) => version,
        Err(_) => c"",
    };
    VERSION.as_ptr()
}

/// What this library's functions and structs mean. It grows when something that was there changes
/// its meaning or goes, never for additions: compare it with `CASEHUG_CLIO_ABI` of the header you
/// compiled with, if the library is loaded apart.
#[unsafe(no_mangle)]
pub extern "C" fn casehug_clio_abi() -> u32 {
    CASEHUG_CLIO_ABI
}

/// What `casehug_clio_abi` answers in the library of this header.
pub const CASEHUG_CLIO_ABI: u32 = 1;

/// Opens the SDK. `store` NULL: the database that the configuration names. Opens no connection.
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
        // What the host implements comes first: each `release` is called whatever is wrong with the
        // rest. SAFETY: each is NULL or what its type says, by the caller's promise.
        let (store, config, keys, intakes, tokens) = unsafe {
            let (store, config) = (Table::take(store), casehug_clio_config::copied(config));
            let none = (ptr::null(), ptr::null(), ptr::null());
            let tables = config.as_ref().map_or(none, |config| (config.keys, config.intakes, config.tokens));
            (store, config, Table::take(tables.0), Table::take(tables.1), Table::take(tables.2))
        };
        if inside_callback() {
            return Err(Misuse::InsideCallback.of("open"));
        }
        let runtime = threads()?;
        let pool = runtime.handle();
        let (store, config) = (host(store, pool)?.map(HostStore::from), config?);
        let hosts = Hosts {
            store,
            keys: host(keys, pool)?.map(HostKeys),
            intakes: host(intakes, pool)?.map(HostIntakes),
            tokens: host(tokens, pool)?.map(HostTokens),
        };
        if out.is_null() {
            return Err(Misuse::Null.of("out"));
        }
        // SAFETY: NULL or NUL-terminated texts, by the caller's promise.
        let mut config = unsafe { Config::read(&config) }?;
        let log = config.log.take();
        let built = build(&config, hosts);
        let sdk = Log::during(log.as_ref(), || runtime.block_on(built))?;
        // SAFETY: not null, and writable by the caller's promise.
        unsafe { out.write(handle::register(sdk, runtime, log)) };
        Ok(None)
    };
    // SAFETY: `error` is NULL or writable by the caller's promise.
    unsafe { answer(work, ptr::null_mut(), error) }
}

/// Two threads that poll, and a pool for what the host implements.
pub(crate) fn threads() -> Result<Runtime> {
    let mut threads = tokio::runtime::Builder::new_multi_thread();
    threads.worker_threads(2).max_blocking_threads(POOL).thread_name("casehug-clio").enable_all();
    threads.build().map_err(|_| Error::new(Code::RuntimeFailed).with("source", "threads"))
}

/// What calls the functions that were taken, if there are any.
pub(crate) fn host<T: Functions>(taken: Result<Option<Table<T>>>, pool: &Handle) -> Result<Option<Host<T>>> {
    taken?.map(|table| Host::new(table, pool)).transpose()
}

/// What the host implements.
struct Hosts {
    store: Option<HostStore>,
    keys: Option<HostKeys>,
    intakes: Option<HostIntakes>,
    tokens: Option<HostTokens>,
}

async fn build(config: &Config<'_>, hosts: Hosts) -> Result<Sdk> {
    let Hosts { store, keys, intakes, tokens } = hosts;
    let runtime = Arc::new(TokioRuntime);
    let store: Arc<dyn Store> = match (store, config.sqlite_path, config.store) {
        (Some(store), None, None) => Arc::new(store),
        (None, Some(path), None) => StoreLocation::file(path).open().await?.store(),
        (None, None, Some(line)) => line.parse::<StoreLocation>()?.open().await?.store(),
        (None, None, None) => return Err(Misuse::Missing.of("store")),
        (_, Some(_), _) => return Err(Misuse::GivenTwice.of("sqlite_path")),
        (..) => return Err(Misuse::GivenTwice.of("store")),
    };
    let keys: Arc<dyn KeyProvider> = match (keys, config.key) {
        (Some(_), None) if !config.earlier_keys.is_empty() => {
            return Err(Misuse::GivenTwice.of("earlier_sealing_keys"));
        }
        (Some(keys), None) => Arc::new(keys),
        (None, Some((id, key))) => {
            let current = ConfiguredKeys::from_text(runtime.clone(), id, [(id, key)])?;
            Arc::new(current.with_earlier(config.earlier_keys.iter().copied())?)
        }
        (None, None) => return Err(Misuse::Null.of("sealing_key")),
        (Some(_), Some(_)) => return Err(Misuse::GivenTwice.of("keys")),
    };
    let (intake, documents): (Arc<dyn IntakeSource>, Arc<dyn DocumentBytes>) = match (intakes, config.intake_folder) {
        (Some(intakes), None) => (Arc::new(intakes.clone()), Arc::new(intakes)),
        (None, Some(folder)) => {
            let folder = FolderIntake::new(folder)?;
            (Arc::new(folder.clone()), Arc::new(folder))
        }
        (None, None) => return Err(Misuse::Null.of("intake_folder")),
        (Some(_), Some(_)) => return Err(Misuse::GivenTwice.of("intakes")),
    };
    let host: ClioHost = config.clio_url.parse().map_err(|error: Error| error.with("argument", "clio_url"))?;
    let app = ClioApp::new(config.client_id, config.client_secret.to_owned().into())?;
    let transport = Arc::new(ReqwestTransport::with(documents, runtime.clone(), &config.network)?);
    let ports = Ports { transport, store, keys, intake, runtime };
    let mut builder = Sdk::builder(app, host, ports);
    if let Some(tokens) = tokens {
        builder = builder.tokens(Arc::new(tokens));
    }
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

/// Closes the SDK: waits for calls in progress on other threads, stops the worker, then calls the
/// store's `release`. Refused inside a callback.
///
/// # Safety
/// `error` is NULL or points to a place for a pointer. Any `sdk` is allowed; one that is not open
/// is an error.
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
        Err(error) => (i32::from(error.code().number()), None, serde_json::to_string(&error).ok()),
    };
    // SAFETY: by this function's own contract.
    unsafe {
        give(out, value);
        give(error, failure);
    }
    status
}
