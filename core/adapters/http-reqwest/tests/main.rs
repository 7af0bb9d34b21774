//! The transport over real sockets.
//!
//! One program, because linking one takes seconds: each file is a module of it.

mod common;
mod conformance;
mod faults;
mod kept;
mod process;
mod tls;
