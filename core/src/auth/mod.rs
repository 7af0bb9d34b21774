//! The connection: OAuth, sessions, sealing.

mod aead;
mod keyring;
mod keys;
mod sealing;
mod token_store;

pub use keyring::Keyring;
pub use keys::ConfiguredKeys;
pub use sealing::Sealer;
pub use token_store::StoreTokens;
