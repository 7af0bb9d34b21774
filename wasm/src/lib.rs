//! Core as WebAssembly for Node. What a JavaScript programmer uses is `js/index.mjs`, which is
//! built on the few functions exported here.
//!
//! **Problem.** WebAssembly has no threads, no clock and no sockets; JavaScript objects are not
//! `Send`; and a panic kills the whole instance, with every promise that somebody awaits left
//! pending for ever.
//!
//! **Model.** The ports are JavaScript objects ([`store`], [`http`], [`intake`], [`keys`]); the
//! runtime port is ours ([`runtime`]), over a handful of host functions ([`host`]). Every call
//! becomes a task of our own executor ([`executor`]): a number for which the JavaScript side keeps
//! the promise. It calls [`poll`](executor::poll) in a try block, so that a panic, which arrives
//! there as an exception, rejects all promises instead of none.
//!
//! **What crosses.** Configuration, actors and results as JSON text, so that one description serves
//! every language. Requests and records as plain objects. A document never: the transport gets its
//! name and reads it in JavaScript. Text of a JavaScript exception is dropped, as nobody knows what
//! it quotes.
#![cfg(target_family = "wasm")]
#![allow(clippy::arc_with_non_send_sync, reason = "the builder takes Arc; there is one thread")]

mod api;
mod executor;
mod host;
mod http;
mod intake;
mod keys;
mod log;
mod runtime;
mod store;
#[cfg(feature = "testing")]
mod testing;
