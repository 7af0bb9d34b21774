//! The conformance suites of the ports, for stores, vaults and keys that hosts write.

use std::sync::Arc;

use casehug_clio::ports::{KeyProvider, Store, TokenStore};
use casehug_clio_runtime_tokio::TokioRuntime;
use casehug_clio_testkit::store::StoreUnderTest;
use casehug_clio_testkit::{keys, store, token_store};

use crate::failure::{Failure, Misuse};
use crate::host::{Host, inside_callback};
use crate::keys::{HostKeys, KeyPort};
use crate::store::{HostStore, StorePort};
use crate::threads::Threads;
use crate::tokens::{HostTokens, TokenPort};

/// One promise of a port, and how it was broken.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Checked {
    /// The promise.
    pub case: String,
    /// What was found; none if it is kept.
    pub wrong: Option<String>,
}

/// Runs the suite of the store port on an empty store; `second` is another connection to the same
/// records.
///
/// # Errors
/// `setting_invalid` inside a method of the host.
#[uniffi::export]
pub fn check_store(store: Arc<dyn HostStore>, second: Option<Arc<dyn HostStore>>) -> Result<Vec<Checked>, Failure> {
    let threads = threads()?;
    let port =
        |object| -> Arc<dyn Store> { Arc::new(StorePort(Host { object, pool: threads.records.handle().clone() })) };
    let first = port(store);
    let second = second.map_or_else(|| Arc::clone(&first), port);
    let open = async || StoreUnderTest::new(Arc::clone(&first), Arc::clone(&second), Arc::new(TokioRuntime));
    Ok(told(threads.runtime.block_on(store::run_all(open))))
}

/// Runs the suite of the vault port on an empty vault.
///
/// # Errors
/// As of [`check_store`].
#[uniffi::export]
pub fn check_tokens(tokens: Arc<dyn HostTokens>) -> Result<Vec<Checked>, Failure> {
    let threads = threads()?;
    let pool = threads.records.handle().clone();
    let port: Arc<dyn TokenStore> = Arc::new(TokenPort(Host { object: tokens, pool }));
    Ok(told(threads.runtime.block_on(token_store::run_all(async || Arc::clone(&port)))))
}

/// Runs the suite of the key port.
///
/// # Errors
/// As of [`check_store`].
#[uniffi::export]
pub fn check_keys(keys: Arc<dyn HostKeys>) -> Result<Vec<Checked>, Failure> {
    let threads = threads()?;
    let pool = threads.records.handle().clone();
    let port: Arc<dyn KeyProvider> = Arc::new(KeyPort(Host { object: keys, pool }));
    Ok(told(threads.runtime.block_on(keys::run_all(async || Arc::clone(&port)))))
}

fn threads() -> Result<Threads, Failure> {
    if inside_callback() {
        return Err(Misuse::InsideCallback.of("check").into());
    }
    Ok(Threads::start()?)
}

fn told(outcomes: Vec<(&'static str, Result<(), String>)>) -> Vec<Checked> {
    outcomes.into_iter().map(|(case, outcome)| Checked { case: case.to_owned(), wrong: outcome.err() }).collect()
}
