//! What the faces for Python and Kotlin stand on: the SDK behind UniFFI, a few calls wide.
//!
//! **Problem.** UniFFI could carry every operation with its types. But its futures are polled on
//! the host's event loop and dropped when a task is cancelled, its errors do not survive pickle,
//! its generated code compares no versions, and no docs of fields come through.
//!
//! **Model.** Here an operation crosses as its name and JSON, as in C, and answers a [`Call`] that
//! is awaited, waited for, or cancelled: the work itself runs on threads of ours. What a programmer
//! sees, `cargo xtask faces` writes in their language. So this crate does not change when an
//! operation is added.
//!
//! **Ports** are synchronous foreign traits, called on bounded pools. Each method returns a
//! `Result` of a record or an enum: a foreign method that is interrupted (`KeyboardInterrupt`,
//! `java.lang.Error`) reaches Rust as success with an empty value, and only of a record or an enum
//! is that no value (UniFFI 0.32.2).

mod call;
mod check;
mod config;
mod engine;
mod failure;
mod host;
mod intakes;
mod keys;
mod log;
mod operations;
mod store;
mod threads;
mod tokens;
mod waking;

pub use call::{Call, Looked};
pub use check::{Checked, check_keys, check_store, check_tokens};
pub use config::{Actor, Config, Header, Ports, Role, WorkerSettings};
pub use engine::Engine;
pub use failure::{Failure, HostFailure};
pub use intakes::{
    Chunk, DocumentName, HostIntakes, HostReader, IntakeText, OpenedDocument, ReaderClosed, StatedDocument,
};
pub use keys::{HostKeys, UnwrappedKey, WrappedBlob};
pub use log::{HostLog, LineTaken, LogLevel};
pub use store::{CommitAnswer, FoundRecord, FoundRecords, HostStore, StoreKey, StoreRecord, StoreScan, StoreWrite};
pub use tokens::{Envelope, EnvelopeRemoved, FoundEnvelope, HostTokens, SwapAnswer};

uniffi::setup_scaffolding!();

/// The SDK's version.
#[uniffi::export]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}

/// The same for who cannot use the rest, being of another build: NUL-terminated, and never changed.
#[unsafe(no_mangle)]
pub extern "C" fn casehug_clio_uniffi_version() -> *const core::ffi::c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// The digest of the table of operations that this library was built with. A face compares it with
/// its own: nothing else would notice that the two are of different builds.
#[uniffi::export]
pub fn operations_digest() -> String {
    operations::DIGEST.to_owned()
}
