//! The conformance suites of the ports, for stores, vaults and keys that hosts write.

use core::ffi::c_char;
use std::sync::Arc;

use casehug_clio::ports::{KeyProvider, Store, TokenStore};
use casehug_clio::{Code, Error, Result};
use casehug_clio_runtime_tokio::TokioRuntime;
use casehug_clio_testkit::{keys, store, token_store};
use serde::Serialize;

use crate::entry::{answer, host};
use crate::host::{Table, inside_callback};
use crate::keys::{HostKeys, casehug_clio_keys};
use crate::store::{HostStore, casehug_clio_store};
use crate::text::Misuse;
use crate::threads::Threads;
use crate::tokens::{HostTokens, casehug_clio_tokens};

/// One promise of a port, and how it was broken.
#[derive(Serialize)]
struct Checked {
    case: &'static str,
    wrong: Option<String>,
}

/// Checks a store of yours against everything that the SDK relies on, in a test of yours. `store`
/// is empty and of nobody else; `second` is another connection to the same records, or NULL. Takes
/// seconds, and leaves records behind.
///
/// With `CASEHUG_CLIO_OK` `*out` is a JSON array of `{"case","wrong"}`: the name of each promise,
/// and what was found, or null if it is kept. What only a power cut shows is not checked. `release`
/// of both is called before it returns, once each, also when checking is refused; a `second` with
/// the functions and the context of `store` is the same store.
///
/// # Safety
/// `store` and `second` are NULL or stores as the header describes them; `out` and `error` are NULL
/// or point to a place for a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn casehug_clio_check_store(
    store: *const casehug_clio_store,
    second: *const casehug_clio_store,
    out: *mut *mut c_char,
    error: *mut *mut c_char,
) -> i32 {
    let work = || {
        // Both are taken first: each `release` is called whatever else is wrong. SAFETY: each is
        // NULL or a store, by the caller's promise.
        let (first, mut second) = unsafe { (Table::take(store), Table::take(second)) };
        if let (Ok(Some(first)), Ok(second)) = (&first, &mut second)
            && let Some(twin) = second.take_if(|second| second.0.is(&first.0))
        {
            // It is released with the first.
            core::mem::forget(twin);
        }
        let threads = own_threads()?;
        let pool = threads.records.handle();
        let first = HostStore::from(host(first, pool)?.ok_or_else(|| Misuse::Null.of("store"))?);
        let second = host(second, pool)?.map_or_else(|| first.clone(), HostStore::from);
        let (first, second): (Arc<dyn Store>, Arc<dyn Store>) = (Arc::new(first), Arc::new(second));
        let open = async || store::StoreUnderTest::new(Arc::clone(&first), Arc::clone(&second), Arc::new(TokioRuntime));
        told(threads.runtime.block_on(store::run_all(open)))
    };
    // SAFETY: `out` and `error` are NULL or writable by the caller's promise.
    unsafe { answer(work, out, error) }
}

/// The same for a vault: `tokens` is empty and of nobody else. `release` is called before it
/// returns, also when checking is refused.
///
/// # Safety
/// As of `casehug_clio_check_store`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn casehug_clio_check_tokens(
    tokens: *const casehug_clio_tokens,
    out: *mut *mut c_char,
    error: *mut *mut c_char,
) -> i32 {
    let work = || {
        // SAFETY: NULL or a vault, by the caller's promise.
        let tokens = unsafe { Table::take(tokens) };
        let threads = own_threads()?;
        let tokens = host(tokens, threads.records.handle())?.ok_or_else(|| Misuse::Null.of("tokens"))?;
        let tokens: Arc<dyn TokenStore> = Arc::new(HostTokens(tokens));
        told(threads.runtime.block_on(token_store::run_all(async || Arc::clone(&tokens))))
    };
    // SAFETY: `out` and `error` are NULL or writable by the caller's promise.
    unsafe { answer(work, out, error) }
}

/// The same for keys, with data keys and records that it makes up. `release` is called before it
/// returns, also when checking is refused.
///
/// # Safety
/// As of `casehug_clio_check_store`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn casehug_clio_check_keys(
    keys: *const casehug_clio_keys,
    out: *mut *mut c_char,
    error: *mut *mut c_char,
) -> i32 {
    let work = || {
        // SAFETY: NULL or keys, by the caller's promise.
        let keys = unsafe { Table::take(keys) };
        let threads = own_threads()?;
        let keys = host(keys, threads.records.handle())?.ok_or_else(|| Misuse::Null.of("keys"))?;
        let keys: Arc<dyn KeyProvider> = Arc::new(HostKeys(keys));
        told(threads.runtime.block_on(keys::run_all(async || Arc::clone(&keys))))
    };
    // SAFETY: `out` and `error` are NULL or writable by the caller's promise.
    unsafe { answer(work, out, error) }
}

fn own_threads() -> Result<Threads> {
    if inside_callback() { Err(Misuse::InsideCallback.of("check")) } else { Threads::start() }
}

fn told(outcomes: Vec<(&'static str, Result<(), String>)>) -> Result<Option<String>> {
    let told: Vec<Checked> =
        outcomes.into_iter().map(|(case, outcome)| Checked { case, wrong: outcome.err() }).collect();
    let told = serde_json::to_string(&told);
    told.map(Some).map_err(|_| Error::new(Code::Internal).with("reason", "not_encodable"))
}
