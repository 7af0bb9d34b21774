//! Opening and closing, and how every function answers.
//!
//! Each answers 1 (`CASEHUG_CLIO_OK`) or a code of the table, never 0. `out` takes a JSON text or a
//! handle, `error` a JSON text with code, name, retry verdict, message and context; both may be
//! NULL if you do not want them, and both are set in every case.

use core::ffi::{CStr, c_char};
use core::panic::AssertUnwindSafe;
use core::ptr;
use std::panic::{catch_unwind, resume_unwind};
use std::sync::Arc;

use ::casehug_clio_store::{OpenStore, StoreLocation};
use casehug_clio::ports::{DocumentBytes, IntakeSource, KeyProvider, Store};
use casehug_clio::{ClioApp, ClioHost, Code, ConfiguredKeys, Error, Ports, Result, Sdk};
use casehug_clio_http_reqwest::{ReqwestTransport, block_sigpipe};
use casehug_clio_intake_folder::FolderIntake;
use casehug_clio_runtime_tokio::TokioRuntime;
use tokio::runtime::Handle;

use crate::config::{Config, casehug_clio_config};
use crate::handle::{self, Opened, casehug_clio_sdk};
use crate::host::{Functions, Host, Table, inside_callback};
use crate::intake::HostIntakes;
use crate::keys::HostKeys;
use crate::log::Log;
use crate::store::{HostStore, casehug_clio_store};
use crate::text::{Misuse, give};
use crate::threads::Threads;
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
        let threads = Threads::start()?;
        let (records, documents) = (threads.records.handle(), threads.documents.handle());
        let (store, config) = (host(store, records)?.map(HostStore::from), config?);
        let hosts = Hosts {
            store,
            keys: host(keys, records)?.map(HostKeys),
            intakes: host(intakes, documents)?.map(HostIntakes),
            tokens: host(tokens, records)?.map(HostTokens),
        };
        if out.is_null() {
            return Err(Misuse::Null.of("out"));
        }
        // SAFETY: NULL or NUL-terminated texts, by the caller's promise.
        let mut config = unsafe { Config::read(&config) }?;
        let log = config.log.take();
        let (sdk, database) = apart(|| {
            let built = build(&config, hosts, threads.runtime.handle());
            Log::during(log.as_ref(), || threads.runtime.block_on(built))
        })?;
        // SAFETY: not null, and writable by the caller's promise.
        unsafe { out.write(handle::register(Opened { sdk, database, threads, log })) };
        Ok(None)
    };
    // SAFETY: `error` is NULL or writable by the caller's promise.
    unsafe { answer(work, ptr::null_mut(), error) }
}

/// Does something on a thread of its own: a connection to a database is made there, and SIGPIPE is
/// no matter of the host's thread.
fn apart<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name(String::from("casehug-clio-open"));
        let work = || {
            block_sigpipe();
            work()
        };
        let thread = thread.spawn_scoped(scope, work);
        let thread = thread.map_err(|_| Error::new(Code::RuntimeFailed).with("source", "threads"))?;
        thread.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
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

/// The SDK, and its database if that is not the host's.
async fn build(config: &Config<'_>, hosts: Hosts, driving: &Handle) -> Result<(Sdk, Option<OpenStore>)> {
    let database = match (&hosts.store, config.sqlite_path, config.store) {
        (Some(_), None, None) => None,
        (None, Some(path), None) => Some(StoreLocation::file(path).open().await?),
        (None, None, Some(line)) => Some(line.parse::<StoreLocation>()?.open().await?),
        (None, None, None) => return Err(Misuse::Missing.of("store")),
        (_, Some(_), _) => return Err(Misuse::GivenTwice.of("sqlite_path")),
        (..) => return Err(Misuse::GivenTwice.of("store")),
    };
    match (assemble(config, hosts, database.as_ref(), driving), database) {
        (Err(error), Some(database)) => {
            database.close().await;
            Err(error)
        }
        (sdk, database) => Ok((sdk?, database)),
    }
}

fn assemble(config: &Config<'_>, hosts: Hosts, database: Option<&OpenStore>, driving: &Handle) -> Result<Sdk> {
    let Hosts { store, keys, intakes, tokens } = hosts;
    let runtime = Arc::new(TokioRuntime);
    let store: Arc<dyn Store> = match (store, database) {
        (Some(store), _) => Arc::new(store),
        (None, Some(database)) => database.store(),
        (None, None) => return Err(Misuse::Missing.of("store")),
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
    let transport = ReqwestTransport::with(documents, runtime.clone(), &config.network)?;
    // On threads that close waits for: an exchange reads documents of the host.
    let transport = Arc::new(transport.on(driving.clone()));
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

/// Closes the SDK: waits for calls in progress on other threads, stops the worker, closes the
/// database, then calls `release` of whatever you implement. When it returns, nothing of yours is
/// called any more, and a SQLite file may be moved, copied, or opened again, also by the child of a
/// fork. Refused inside a callback.
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
