//! How secrets are kept: the cipher, sealing, and the keys of a firm.

pub(crate) mod aead;
pub(crate) mod keyring;
pub(crate) mod keys;
mod lost_keys;
pub(crate) mod sealing;

pub(crate) use keyring::{KEPT, Keyring, may_be_of_this_process};
pub use keys::ConfiguredKeys;
pub(crate) use lost_keys::LostKeys;
pub(crate) use sealing::Sealer;
