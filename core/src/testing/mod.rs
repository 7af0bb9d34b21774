//! Conformance suites, scripted HTTP and the virtual clock. For tests only: no stability is promised.

mod scripted;

pub use scripted::{ScriptedHttp, body_of};
