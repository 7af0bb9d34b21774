//! CaseHug to Clio sync: the pure core.
//!
//! **The promise.** This crate opens no socket, no file and no database, starts no thread, reads no
//! clock, no environment and no random source. Everything it needs from outside comes through the
//! six traits of [`ports`], so that one engine runs behind the C ABI, in Node as WebAssembly, and
//! in Rust services.
#![cfg_attr(
    target_family = "wasm",
    allow(clippy::arc_with_non_send_sync, reason = "one source for all targets; there, one thread")
)]

#[macro_use]
mod mutate;
#[cfg(mutate)]
pub use mutate::switch as mutations;

pub mod api;
mod calls;
pub mod clio;
pub mod connection;
pub mod contact_review;
pub mod crypto;
mod detached;
pub mod domain;
pub mod error;
mod failure_log;
pub mod history;
pub mod inbound;
pub mod jobs;
pub mod json;
pub mod lifecycle;
pub mod lines;
pub mod links;
pub mod maybe_send;
pub mod memory;
mod notify;
pub mod ports;
pub mod settings;
mod stop;
pub mod store;
pub mod sync;

pub use api::{Ports, Sdk, SdkBuilder};
pub use error::{Code, Error, ErrorKind, Result, Retry};

/// The tests of a host's ports and of this crate share these files, and name this crate alike.
#[cfg(test)]
extern crate self as casehug_clio;
#[cfg(test)]
#[path = "../testkit/src/lib.rs"]
pub mod testkit;
