//! Keys of the host, such as a KMS.

use casehug_clio::ports::{BoxFuture, DataKey, KeyProvider, SealContext, WrappedKey};
use casehug_clio::{Code, Error, Result};
use zeroize::Zeroize as _;

use crate::failure::HostFailure;
use crate::host::{Host, reason};

/// The largest wrapped key.
const LARGEST_BLOB: usize = 64 * 1024;

/// A wrapped key, as the host gives it.
#[derive(Clone, Debug, uniffi::Record)]
pub struct WrappedBlob {
    /// Which root key wrapped it.
    pub key_id: String,
    /// The wrapped bytes.
    pub blob: Vec<u8>,
}

/// A key that was unwrapped.
#[derive(Clone, uniffi::Record)]
pub struct UnwrappedKey {
    /// Its 32 bytes.
    pub key: Vec<u8>,
}

impl std::fmt::Debug for UnwrappedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("UnwrappedKey")
    }
}

/// Wraps data keys with a root key that never leaves the host.
#[uniffi::export(foreign)]
pub trait HostKeys: Send + Sync {
    /// Wraps the 32 bytes, bound to `associated`.
    fn wrap(&self, key: Vec<u8>, associated: Vec<u8>) -> Result<WrappedBlob, HostFailure>;
    /// Gives the 32 bytes again. Fails under another `associated`.
    fn unwrap(&self, key_id: String, blob: Vec<u8>, associated: Vec<u8>) -> Result<UnwrappedKey, HostFailure>;
}

fn failed(reason: &'static str) -> Error {
    Error::new(Code::KeyFailed).with("reason", reason)
}

fn wrong(field: &'static str) -> Error {
    failed("callback_answer").with("field", field)
}

/// The [`KeyProvider`] port over a host's object.
#[derive(Clone, Debug)]
pub(crate) struct KeyPort(pub Host<dyn HostKeys>);

impl KeyProvider for KeyPort {
    fn wrap<'a>(&'a self, key: &'a DataKey, context: &'a SealContext) -> BoxFuture<'a, Result<WrappedKey>> {
        let (key, associated) = (key.clone(), context.associated_data());
        Box::pin(self.0.on_pool(failed, move |keys| {
            let wrapped = keys.wrap(key.0.to_vec(), associated).map_err(|error| failed(reason(error)))?;
            if wrapped.key_id.is_empty() || wrapped.key_id.len() > 128 {
                return Err(wrong("key_id"));
            }
            if !(1..=LARGEST_BLOB).contains(&wrapped.blob.len()) {
                return Err(wrong("blob"));
            }
            Ok(WrappedKey { key_id: wrapped.key_id, blob: wrapped.blob })
        }))
    }

    fn unwrap<'a>(&'a self, wrapped: &'a WrappedKey, context: &'a SealContext) -> BoxFuture<'a, Result<DataKey>> {
        let (wrapped, associated) = (wrapped.clone(), context.associated_data());
        Box::pin(self.0.on_pool(failed, move |keys| {
            let unwrapped = keys.unwrap(wrapped.key_id, wrapped.blob, associated);
            let mut unwrapped = unwrapped.map_err(|error| failed(reason(error)))?;
            let key = <[u8; 32]>::try_from(unwrapped.key.as_slice());
            unwrapped.key.zeroize();
            match key {
                Ok(key) if key != [0; 32] => Ok(DataKey(key)),
                _ => Err(wrong("key")),
            }
        }))
    }
}
