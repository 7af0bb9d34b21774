//! The store on real files, with real processes that die.
//!
//! One program, because linking one takes seconds: each file is a module of it.

mod backup;
mod common;
mod conformance;
mod copied;
mod first_open;
mod group;
mod kills;
mod opening;
mod tampering;
