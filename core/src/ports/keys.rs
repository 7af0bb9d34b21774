//! Keys: the host's root key wraps one data key per connection.

use core::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::error::Result;
use crate::maybe_send::{BoxFuture, MaybeSend, MaybeSync};

/// Wraps and unwraps data keys. Made for a KMS, which never hands out its root key.
pub trait KeyProvider: fmt::Debug + MaybeSend + MaybeSync {
    /// Wraps `key` with the current root key. The context MUST be bound: unwrapping under another
    /// context MUST fail.
    ///
    /// # Errors
    /// [`KeyFailed`](crate::Code::KeyFailed).
    fn wrap<'a>(&'a self, key: &'a DataKey, context: &'a SealContext) -> BoxFuture<'a, Result<WrappedKey>>;

    /// Unwraps a blob that [`wrap`](Self::wrap) gave, also one wrapped with an earlier root key, by
    /// its id.
    ///
    /// # Errors
    /// [`KeyFailed`](crate::Code::KeyFailed) when the key id is unknown or the blob does not open
    /// under it.
    fn unwrap<'a>(&'a self, wrapped: &'a WrappedKey, context: &'a SealContext) -> BoxFuture<'a, Result<DataKey>>;
}

/// A 256-bit data key. Wiped on drop, never printed.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct DataKey(pub [u8; 32]);

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey([secret])")
    }
}

/// A wrapped data key: safe to store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrappedKey {
    /// Which root key wrapped it. Not secret; 1 to 128 bytes of the id alphabet.
    pub key_id: String,
    /// The wrapped bytes.
    pub blob: Vec<u8>,
}

/// What a sealed value is bound to: moved to another row, it no longer opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealContext {
    /// The firm.
    pub firm: String,
    /// The record that the value stands in.
    pub record: String,
    /// The field in that record.
    pub field: &'static str,
}

impl SealContext {
    /// The associated data: format version, firm, record and field, each with its length so that no
    /// two contexts are alike.
    #[must_use]
    pub fn associated_data(&self) -> Vec<u8> {
        let mut data = b"casehug-clio/1".to_vec();
        for part in [self.firm.as_str(), self.record.as_str(), self.field] {
            data.extend_from_slice(&(part.len() as u64).to_be_bytes());
            data.extend_from_slice(part.as_bytes());
        }
        data
    }
}
