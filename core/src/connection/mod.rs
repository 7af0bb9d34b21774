//! The connection of a firm to Clio: who may make it, how it is made, how it stays alive, and how
//! its secrets are kept.
//!
//! **Problem.** One person's consent opens a law firm's client data to us, for years. The tokens
//! behind it must never be read by anybody who holds the database, a log or a browser; must survive
//! crashes, races and rotations; and must point into the account that the saved Clio ids came from.
//!
//! **Model.** A firm has at most one [`Connection`]: a record without secrets. Its tokens stand
//! sealed in the [`TokenStore`](crate::ports::TokenStore) under the connection's id, its data key
//! stands wrapped beside them. [`Auth`] makes connections (`connect.rs`), [`Session`] hands out
//! access tokens (`session.rs`), [`Keyring`] and [`Sealer`] keep secrets (`keyring.rs`,
//! `sealing.rs`). Each of these files tells its own problem, life and failure cases.
//!
//! **Life of a connection.** Nothing → *connected*, or *degraded* where a permission is missing →
//! *reconnect required*, when Clio no longer accepts the refresh token, or *revoking* and
//! *disconnected*, when an admin ends it (`disconnect.rs`) → connected again, one generation later,
//! with the same links.
//!
//! **Where a token may be.** In the sealed envelope; in a [`Grant`] and the session's memory, wiped
//! on drop; in the request to Clio; and for a moment inside the `oauth2` crate, which holds plain
//! strings (`oauth.rs`). Nowhere else: no `Debug`, error, log or URL. It is compared in constant
//! time.

pub(crate) mod account_scope;
pub(crate) mod lease;
pub(crate) mod mark;
pub(crate) mod oauth;
pub(crate) mod record;
pub(crate) mod session;
pub(crate) mod token_store;
pub(crate) mod tokens;

pub(crate) use account_scope::{AccountScope, ScopeName};
pub use oauth::ClioApp;
pub(crate) use record::Connection;
pub use record::{ClioAccount, ClioUser, ConnectionState, Readable};
pub(crate) use session::{Grant, Session};
pub use token_store::StoreTokens;
