//! What holds a host's own ports to their contracts, and what tests run on.
//!
//! | | |
//! | --- | --- |
//! | [`store`], [`http`], [`keys`], [`token_store`] | conformance suites: every store, transport, key provider and token store must pass its own |
//! | [`ScriptedHttp`] | a transport whose answers are a script |
//! | [`VirtualRuntime`] | a clock that a test moves, with random numbers from a seed |
//! | [`PanicsOnce`] | a store on which a worker ends as by a defect |
//!
//! A crate with a port of its own takes this one as a dev-dependency. The suites may grow: a new
//! case is no breaking change.
//!
//! Core's unit tests compile these files too (`core/src/lib.rs`), as a crate cannot depend on one
//! that depends on it and still share its types. Hence their paths begin with `casehug_clio`.
#![cfg_attr(
    target_family = "wasm",
    allow(clippy::arc_with_non_send_sync, reason = "one source for all targets; there, one thread")
)]

mod defect;
pub mod http;
pub mod keys;
mod runtime;
mod scripted;
pub mod store;
pub mod token_store;

pub use defect::PanicsOnce;
pub use runtime::VirtualRuntime;
pub use scripted::{ScriptedHttp, body_of};

/// The macros find the suites by this name, here and in core's unit tests.
#[doc(hidden)]
pub use crate as testkit;
