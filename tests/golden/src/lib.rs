//! Golden scenarios: what the SDK does, as data, replayed through every language.
//!
//! **Problem.** One engine has many faces, and each can lose an argument, an error's field or a
//! callback in its own way. Tests written once per language drift apart.
//!
//! **Model.** A scenario (`scenarios/*.json`) names operations with JSON arguments and what they
//! must answer. This crate plays it: it runs a simulated Clio, writes the intakes, stands in for
//! the person at the consent page and for the HTTP server that takes webhooks in, and compares.
//! What a language adds is an *agent* of some eighty lines, which opens the SDK and does what lines
//! on its standard input say ([`agent`]). It is a process, so that a crash is a real one.
//!
//! The format of scenarios and the agent's lines are described in `README.md`.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test's machinery: it fails by panicking")]

pub mod agent;
mod hooks;
mod http;
mod matching;
mod play;
mod scenario;

pub use http::consent;
pub use play::{play, play_all};
pub use scenario::{Scenario, scenarios};
