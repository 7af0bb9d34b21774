//! The C ABI of the SDK. The conventions that a C programmer needs are in `README.md` beside this
//! folder, and in the header's comments.
//!
//! **Problem.** Behind a C boundary nothing is checked for us: pointers may be null, dangling or
//! freed, text may not be UTF-8, callbacks may fail, block, answer nonsense or call back. And what
//! happens in here must never unwind out.
//!
//! **Model.** A handle is a number in a table, dressed as a pointer: it is never followed, so a
//! stale one is an error and not a crash (`handle.rs`). Every entry goes through `entry.rs`, which
//! catches panics and turns failures into a status and a JSON text. `call.rs` runs every operation
//! of core by its name; the typed functions of the header are written by `cargo xtask faces`. The
//! host's functions are called on bounded pools of our own (`threads.rs`), never on a thread that
//! polls, with copies of everything (`host.rs`).
//!
//! **Success is never 0.** A foreign callback that dies halfway answers 0 in several languages; a
//! store whose failed commit counted as done would lose links.
#![allow(non_camel_case_types, reason = "C names")]

mod call;
mod check;
mod codes;
mod config;
mod entry;
mod handle;
mod host;
mod intake;
mod keys;
mod log;
mod store;
mod text;
mod threads;
mod tokens;
mod webhook;
mod worker;

pub use call::{
    casehug_clio_argument, casehug_clio_argument_kind, casehug_clio_call, casehug_clio_call_host,
    casehug_clio_call_host_json, casehug_clio_call_json,
};
pub use check::{casehug_clio_check_keys, casehug_clio_check_store, casehug_clio_check_tokens};
pub use codes::casehug_clio_code;
pub use config::{casehug_clio_actor, casehug_clio_config, casehug_clio_root_key};
pub use entry::*;
pub use handle::{casehug_clio_cancel, casehug_clio_sdk, casehug_clio_ticket_new};
pub use intake::{
    casehug_clio_document, casehug_clio_intake_answer, casehug_clio_intake_set, casehug_clio_intakes,
    casehug_clio_stat_answer, casehug_clio_stat_set,
};
pub use keys::{casehug_clio_keys, casehug_clio_wrapped, casehug_clio_wrapped_set};
pub use store::{
    HostStore, casehug_clio_records, casehug_clio_records_push, casehug_clio_scan, casehug_clio_store,
    casehug_clio_write,
};
pub use text::{casehug_clio_free, casehug_clio_str};
pub use tokens::{casehug_clio_tokens, casehug_clio_tokens_answer, casehug_clio_tokens_set};
pub use webhook::{casehug_clio_handle_webhook, casehug_clio_header};
pub use worker::{
    casehug_clio_worker_config, casehug_clio_worker_start, casehug_clio_worker_start_with, casehug_clio_worker_stop,
};
