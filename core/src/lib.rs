//! CaseHug to Clio sync: the pure core.
//!
//! **The promise.** This crate opens no socket, no file and no database, starts no thread, reads no clock, no environment and no
//! random source. Everything it needs from outside comes through the six traits of [`ports`], so that one engine runs
//! behind the C ABI, in Node as WebAssembly, and in Rust services.
#![cfg_attr(
    target_family = "wasm",
    allow(clippy::arc_with_non_send_sync, reason = "one source for all targets; there, one thread")
)]

pub mod auth;
mod budget;
pub mod clio;
mod detached;
pub mod error;
pub mod json;
pub mod lines;
pub mod log;
pub mod maybe_send;
pub mod memory;
pub mod model;
pub mod ports;
pub mod queue;
pub mod records;
mod retry;
pub mod sdk;
pub mod settings;
pub mod sync;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod webhook;

pub use error::{Code, Error, ErrorKind, Result, Retry};
pub use sdk::{Sdk, SdkBuilder};
