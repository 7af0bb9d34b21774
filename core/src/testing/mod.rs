//! Conformance suites, scripted HTTP and the virtual clock. For tests only: no stability is promised.

pub mod keys;
pub mod token_store;
