//! The connection: OAuth, sessions, sealing.

mod actor;
mod aead;
mod attempt;
mod callback;
mod connect;
mod connection;
mod keyring;
mod keys;
mod oauth;
mod practice_areas;
mod sealing;
mod service;
mod session;
mod survey;
mod token_store;
mod tokens;

pub use actor::{Actor, Role};
pub use connect::ConnectStart;
pub use connection::{ClioAccount, ClioUser, Connection, ConnectionState, Readable};
pub use keyring::Keyring;
pub use keys::ConfiguredKeys;
pub use oauth::ClioApp;
pub use practice_areas::{PracticeArea, PracticeAreas};
pub use sealing::Sealer;
pub use service::Auth;
pub use session::{Grant, Session};
pub use token_store::StoreTokens;
