//! The one place that touches the cipher: XChaCha20-Poly1305 with a random 192-bit nonce in front
//! of the ciphertext.
//!
//! The nonce is long enough to be drawn at random for as long as a key lives; a counter would have
//! to survive crashes and restores.

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{Key, KeyInit, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use crate::error::{Code, Error, Result};
use crate::ports::{DataKey, Runtime};

const NONCE: usize = 24;

/// Nonce and ciphertext with its tag.
///
/// # Errors
/// [`Code::RuntimeFailed`] without randomness.
pub(crate) fn lock(runtime: &dyn Runtime, key: &DataKey, plain: &[u8], associated: &[u8]) -> Result<Vec<u8>> {
    let mut nonce = [0; NONCE];
    runtime.random(&mut nonce)?;
    let mut locked = nonce.to_vec();
    let sealed = cipher(key)
        .encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: associated })
        .map_err(|_| Error::new(Code::Internal).with("reason", "value_too_large_to_seal"))?;
    locked.extend_from_slice(&sealed);
    Ok(locked)
}

/// The plaintext, or `None` if one bit of `locked`, the key or `associated` is not what it was.
pub(crate) fn unlock(key: &DataKey, locked: &[u8], associated: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, sealed) = locked.split_first_chunk::<NONCE>()?;
    let payload = Payload { msg: sealed, aad: associated };
    cipher(key).decrypt(&XNonce::from(*nonce), payload).ok().map(Zeroizing::new)
}

fn cipher(key: &DataKey) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(<&Key>::from(&key.0))
}
