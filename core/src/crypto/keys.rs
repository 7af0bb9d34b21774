//! A [`KeyProvider`] from configuration: for hosts without a KMS.
//!
//! Several 32-byte root keys by id, one of them current. New data keys are wrapped with the current
//! one; older ones still unwrap what they wrapped. To rotate: add a key, make it current, call
//! [`Keyring::rewrap`](super::Keyring::rewrap) for each firm, then remove the old key. The blob is
//! nonce, ciphertext and tag of XChaCha20-Poly1305; the context and the key id are its associated
//! data.

use core::fmt;
use std::collections::BTreeMap;
use std::sync::Arc;

use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{Engine, alphabet};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::aead;
use crate::error::{Code, Error, Result};
use crate::maybe_send::BoxFuture;
use crate::ports::{DataKey, KeyProvider, Runtime, SealContext, WrappedKey};

/// Root keys in memory, wiped on drop. `Debug` shows their ids only.
pub struct ConfiguredKeys {
    runtime: Arc<dyn Runtime>,
    current: String,
    keys: BTreeMap<String, DataKey>,
}

impl ConfiguredKeys {
    /// Takes root keys as text: 64 hexadecimal digits, or base64 (standard or URL-safe, padded or
    /// not) of 32 bytes. `current` names the one that wraps.
    ///
    /// # Errors
    /// [`Code::SettingInvalid`] with a `reason`: no key is current, an id is repeated or not of the
    /// id alphabet, a key is not 32 bytes, or all its bytes are zero (an unfilled placeholder).
    pub fn from_text<'a>(
        runtime: Arc<dyn Runtime>,
        current: &str,
        keys: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self> {
        let keys = keys.into_iter().map(|(id, text)| Ok((id.to_owned(), decode(text)?)));
        Self::new(runtime, current, keys.collect::<Result<Vec<_>>>()?)
    }

    /// Takes root keys as bytes.
    ///
    /// # Errors
    /// As [`from_text`](Self::from_text).
    pub fn new(
        runtime: Arc<dyn Runtime>,
        current: &str,
        keys: impl IntoIterator<Item = (String, DataKey)>,
    ) -> Result<Self> {
        let mut known = BTreeMap::new();
        for (id, key) in keys {
            add(&mut known, id, key)?;
        }
        if !known.contains_key(current) {
            return Err(invalid("no_current_key"));
        }
        Ok(Self { runtime, current: current.to_owned(), keys: known })
    }

    /// Adds root keys, by id, that only unwrap what they wrapped: as text, like those of
    /// [`from_text`](Self::from_text).
    ///
    /// # Errors
    /// [`Code::SettingInvalid`] of the setting `earlier_sealing_keys`, for the same reasons.
    pub fn with_earlier<'a>(mut self, keys: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self> {
        for (id, text) in keys {
            let added = decode(text).and_then(|key| add(&mut self.keys, id.to_owned(), key));
            added.map_err(|error| error.with("path", "earlier_sealing_keys"))?;
        }
        Ok(self)
    }
}

fn add(known: &mut BTreeMap<String, DataKey>, id: String, key: DataKey) -> Result<()> {
    if !is_key_id(&id) {
        return Err(invalid("key_id"));
    }
    if bool::from(key.0.ct_eq(&[0; 32])) {
        return Err(invalid("key_all_zero"));
    }
    if known.insert(id, key).is_some() {
        return Err(invalid("key_id_repeated"));
    }
    Ok(())
}

impl KeyProvider for ConfiguredKeys {
    fn wrap<'a>(&'a self, key: &'a DataKey, context: &'a SealContext) -> BoxFuture<'a, Result<WrappedKey>> {
        Box::pin(async move {
            let root = self.keys.get(&self.current).ok_or_else(|| failed("unknown_key_id"))?;
            let blob = aead::lock(self.runtime.as_ref(), root, &key.0, &associated(context, &self.current))?;
            Ok(WrappedKey { key_id: self.current.clone(), blob })
        })
    }

    fn unwrap<'a>(&'a self, wrapped: &'a WrappedKey, context: &'a SealContext) -> BoxFuture<'a, Result<DataKey>> {
        Box::pin(async move {
            let root = self.keys.get(&wrapped.key_id).ok_or_else(|| failed("unknown_key_id"))?;
            let plain = aead::unlock(root, &wrapped.blob, &associated(context, &wrapped.key_id));
            let plain = plain.ok_or_else(|| failed("does_not_open"))?;
            let mut key = DataKey([0; 32]);
            if plain.len() != key.0.len() {
                return Err(failed("does_not_open"));
            }
            key.0.copy_from_slice(&plain);
            Ok(key)
        })
    }
}

impl fmt::Debug for ConfiguredKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<&String> = self.keys.keys().collect();
        f.debug_struct("ConfiguredKeys").field("current", &self.current).field("ids", &ids).finish_non_exhaustive()
    }
}

fn associated(context: &SealContext, key_id: &str) -> Vec<u8> {
    let mut data = context.associated_data();
    data.extend_from_slice(key_id.as_bytes());
    data
}

fn decode(text: &str) -> Result<DataKey> {
    const ANY_PADDING: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let text = text.trim();
    let mut bytes = Zeroizing::new(Vec::new());
    // 64 hexadecimal digits are base64 too, but of 48 bytes: no key is ambiguous.
    *bytes = if text.len() == 64 {
        hex::decode(text).map_err(|_| invalid("key_not_32_bytes"))?
    } else {
        let letters = if text.contains(['-', '_']) { alphabet::URL_SAFE } else { alphabet::STANDARD };
        GeneralPurpose::new(&letters, ANY_PADDING).decode(text).map_err(|_| invalid("key_not_base64_or_hex"))?
    };
    let mut key = DataKey([0; 32]);
    if bytes.len() != key.0.len() {
        return Err(invalid("key_not_32_bytes"));
    }
    key.0.copy_from_slice(&bytes);
    Ok(key)
}

/// 1 to 128 bytes of the id alphabet: key ids appear in records and errors.
fn is_key_id(id: &str) -> bool {
    (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte))
}

/// Under the names that these settings have in every language.
fn invalid(reason: &'static str) -> Error {
    let is_of_id = matches!(reason, "key_id" | "key_id_repeated" | "no_current_key");
    let setting = if is_of_id { "sealing_key_id" } else { "sealing_key" };
    Error::new(Code::SettingInvalid).with("setting", setting).with("reason", reason)
}

fn failed(reason: &'static str) -> Error {
    Error::new(Code::KeyFailed).with("reason", reason)
}
