//! What a host provides: six small, object-safe traits.
//!
//! | port | duty | built in |
//! | --- | --- | --- |
//! | [`HttpTransport`] | send one request, return one response | `casehug-clio-http-reqwest`, Node |
//! | [`TokenStore`] | keep one sealed envelope per connection | [`StoreTokens`](crate::connection::StoreTokens), over [`Store`] |
//! | [`KeyProvider`] | wrap and unwrap data keys | [`ConfiguredKeys`](crate::crypto::ConfiguredKeys) |
//! | [`Store`] | persistence: `get`, `scan`, `commit` | `casehug-clio-store-sqlite`, [memory](crate::memory) |
//! | [`IntakeSource`] | the firm's approved intakes | a folder, [memory](crate::memory) |
//! | [`Runtime`] | clocks, sleep, randomness | `casehug-clio-runtime-tokio`, Node, virtual time |
//!
//! The contracts are written as MUST and MUST NOT; the suites of `casehug-clio-testkit` hold every
//! implementation to them. All methods take `&self` and may be called concurrently. A method
//! that fails returns an error; it MUST NOT panic.

mod http;
mod intake;
mod keys;
mod rows;
mod runtime;
mod store;
mod token_store;

pub use crate::maybe_send::{BoxFuture, MaybeSend, MaybeSync};
pub use http::{
    DocumentSlice, Headers, HttpBody, HttpConnection, HttpFailure, HttpFailureKind, HttpRequest, HttpResponse,
    HttpTransport, Method, Sent,
};
pub use intake::{DocumentBytes, DocumentReader, DocumentStat, IntakeSource};
pub use keys::{DataKey, KeyProvider, SealContext, WrappedKey};
pub use rows::{Row, RowKey, Rows};
pub use runtime::Runtime;
pub use store::{Commit, Expect, Key, Order, Record, Scan, Store, Version, Write};
pub use token_store::{SealedTokens, Swap, TokenStore};
