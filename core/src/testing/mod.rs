//! Conformance suites, scripted HTTP and the virtual clock. For tests only: no stability is promised.

mod runtime;

pub use runtime::VirtualRuntime;
