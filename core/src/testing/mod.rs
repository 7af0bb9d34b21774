//! Conformance suites, scripted HTTP and the virtual clock. For tests only: no stability is
//! promised.

pub mod http;
pub mod keys;
mod runtime;
mod scripted;
pub mod store;
pub mod token_store;

pub use runtime::VirtualRuntime;
pub use scripted::{ScriptedHttp, body_of};
