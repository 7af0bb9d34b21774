//! The store on a real PostgreSQL. One binary, so that one server serves all of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)] // Tests.
#![cfg(unix)]

mod common;
mod conformance;
mod crossing;
mod differential;
mod failover;
mod hints;
mod migrations;
mod opening;
mod pooler;
mod proxy;
mod retention;
mod statements;
mod tls;
mod unknown;
