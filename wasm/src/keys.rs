//! The keys port over a JavaScript object: for a KMS, which never hands out its root key.

use core::fmt;

use casehug_clio::ports::{BoxFuture, DataKey, KeyProvider, SealContext, WrappedKey};
use casehug_clio::{Code, Error, Result};
use js_sys::Uint8Array;
use wasm_bindgen::prelude::*;
use zeroize::Zeroize as _;

use crate::host::{bytes_of, field, object, require_functions, settled, word};

/// The largest wrapped key.
const LARGEST_BLOB: usize = 64 * 1024;
/// Bytes of a key.
const KEY: usize = 32;

#[wasm_bindgen]
extern "C" {
    /// `KeyProvider` of `index.d.mts`.
    #[derive(Clone)]
    pub type KeysObject;

    #[wasm_bindgen(method, catch)]
    fn wrap(this: &KeysObject, key: Uint8Array, context: Uint8Array) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn unwrap(this: &KeysObject, wrapped: JsValue, context: Uint8Array) -> Result<JsValue, JsValue>;
}

/// The [`KeyProvider`] port over a JavaScript object.
#[derive(Clone)]
pub(crate) struct JsKeys(KeysObject);

impl fmt::Debug for JsKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JsKeys")
    }
}

impl JsKeys {
    pub(crate) fn new(keys: KeysObject) -> Result<Self> {
        require_functions(&keys, "keys", &["wrap", "unwrap"])?;
        Ok(Self(keys))
    }
}

fn failed(reason: &'static str) -> Error {
    Error::new(Code::KeyFailed).with("reason", reason)
}

fn wrong(field: &'static str) -> Error {
    failed("callback_answer").with("field", field)
}

fn bound_to(context: &SealContext) -> Uint8Array {
    Uint8Array::from(context.associated_data().as_slice())
}

impl KeyProvider for JsKeys {
    fn wrap<'a>(&'a self, key: &'a DataKey, context: &'a SealContext) -> BoxFuture<'a, Result<WrappedKey>> {
        Box::pin(async move {
            let plain = Uint8Array::from(key.0.as_slice());
            let answer = settled(self.0.wrap(plain.clone(), bound_to(context))).await;
            // JavaScript's copy; whatever the host made of it is the host's.
            plain.fill(0, 0, plain.length());
            let answer = answer.map_err(|_| failed("callback_failed"))?;
            let key_id = word(&answer, "keyId").ok_or_else(|| wrong("key_id"))?;
            let blob = field(&answer, "blob").and_then(|blob| bytes_of(blob, 1..=LARGEST_BLOB));
            Ok(WrappedKey { key_id, blob: blob.ok_or_else(|| wrong("blob"))? })
        })
    }

    fn unwrap<'a>(&'a self, wrapped: &'a WrappedKey, context: &'a SealContext) -> BoxFuture<'a, Result<DataKey>> {
        Box::pin(async move {
            let blob = Uint8Array::from(wrapped.blob.as_slice());
            let wrapped = object([("keyId", wrapped.key_id.as_str().into()), ("blob", blob.into())]);
            let answer = settled(self.0.unwrap(wrapped, bound_to(context))).await;
            let answer = answer.map_err(|_| failed("callback_failed"))?;
            let mut plain = bytes_of(answer, KEY..=KEY).ok_or_else(|| wrong("key"))?;
            let key = <[u8; KEY]>::try_from(plain.as_slice());
            plain.zeroize();
            match key {
                Ok(key) if key != [0; KEY] => Ok(DataKey(key)),
                _ => Err(wrong("key")),
            }
        })
    }
}
