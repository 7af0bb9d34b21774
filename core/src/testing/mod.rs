//! Conformance suites, scripted HTTP and the virtual clock. For tests only: no stability is promised.

mod runtime;
pub mod store;

pub use runtime::VirtualRuntime;
