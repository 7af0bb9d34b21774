//! Conformance suites, scripted HTTP and the virtual clock. For tests only: no stability is promised.

pub mod keys;
mod runtime;
pub mod store;
pub mod token_store;

pub use runtime::VirtualRuntime;
