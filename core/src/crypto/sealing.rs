//! Sealing: what must be kept, and may not be read by whoever reads the database.
//!
//! **Problem.** Tokens, webhook secrets and the natural key of an open intent must outlive a crash.
//! A stolen database must not tell them, and whoever can write to it must not be able to move one
//! firm's token into another firm's row.
//!
//! **Model.** Each connection has one *data key*, and the host's
//! [`KeyProvider`](crate::ports::KeyProvider) wraps it into the record `data-key/<connection>`
//! ([`Keyring`](super::Keyring)). A [`Sealer`] holds the unwrapped data key of one connection and
//! turns bytes into an *envelope*: text that stands in any record.
//!
//! ```json
//! {"v":1,"key":"<connection>","box":"<base64url: nonce, ciphertext, tag>"}
//! ```
//!
//! The associated data is the [`SealContext`] (format version, firm, record, field) and the
//! connection. So an envelope opens in its own place only. Rotating the host's key re-wraps data
//! keys; envelopes stay as they are.
//!
//! **Failure cases.** Everything that does not open is [`SealBroken`](Code::SealBroken), with a
//! fixed word why: `not_an_envelope`, `unknown_version` (written by a later SDK), `other_key`
//! (sealed for another connection), or `changed` (moved, cut, altered, or sealed with another key;
//! nobody can tell these apart). A data key that is not there or does not unwrap is
//! [`KeyFailed`](Code::KeyFailed), before any envelope is looked at.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::aead;
use crate::domain::{ConnectionId, FirmId};
use crate::error::{Code, Error, Result};
use crate::ports::{DataKey, Runtime, SealContext};
use crate::store::encode;

const VERSION: u32 = 1;

/// Seals and opens values of one connection. Get one from
/// [`Keyring::for_connection`](super::Keyring::for_connection); keep it for one piece of work, not
/// for the life of the process.
#[derive(Clone, Debug)]
pub struct Sealer {
    firm: FirmId,
    connection: ConnectionId,
    key: Arc<DataKey>,
    runtime: Arc<dyn Runtime>,
}

#[derive(Serialize, Deserialize)]
struct Envelope {
    v: u32,
    key: String,
    #[serde(rename = "box")]
    sealed: String,
}

/// Read first: the other fields of a later version are not known here.
#[derive(Deserialize)]
struct Header {
    v: u32,
}

impl Sealer {
    pub(crate) fn new(firm: &FirmId, connection: &ConnectionId, key: Arc<DataKey>, runtime: Arc<dyn Runtime>) -> Self {
        Self { firm: firm.clone(), connection: connection.clone(), key, runtime }
    }

    /// The context of a field in one of this firm's records; `record` is collection and id, e.g.
    /// `contact/cli_1`.
    #[must_use]
    pub fn context(&self, record: impl Into<String>, field: &'static str) -> SealContext {
        SealContext { firm: self.firm.to_string(), record: record.into(), field }
    }

    /// Seals bytes into an envelope. Equal bytes give different envelopes.
    ///
    /// # Errors
    /// [`Code::RuntimeFailed`] without randomness.
    pub fn seal(&self, context: &SealContext, plain: &[u8]) -> Result<String> {
        let locked = aead::lock(self.runtime.as_ref(), &self.key, plain, &self.associated(context))?;
        encode(&Envelope { v: VERSION, key: self.connection.to_string(), sealed: URL_SAFE_NO_PAD.encode(locked) })
    }

    /// Opens an envelope that was sealed under the same context.
    ///
    /// # Errors
    /// [`Code::SealBroken`].
    pub fn open(&self, context: &SealContext, envelope: &str) -> Result<Zeroizing<Vec<u8>>> {
        let broken = |reason: &'static str| {
            Error::new(Code::SealBroken).with("connection", &self.connection).with("reason", reason)
        };
        let header: Header = serde_json::from_str(envelope).map_err(|_| broken("not_an_envelope"))?;
        if header.v != VERSION {
            return Err(broken("unknown_version"));
        }
        let envelope: Envelope = serde_json::from_str(envelope).map_err(|_| broken("not_an_envelope"))?;
        if envelope.key != self.connection.as_str() {
            return Err(broken("other_key"));
        }
        let locked = URL_SAFE_NO_PAD.decode(&envelope.sealed).map_err(|_| broken("not_an_envelope"))?;
        aead::unlock(&self.key, &locked, &self.associated(context)).ok_or_else(|| broken("changed"))
    }

    fn associated(&self, context: &SealContext) -> Vec<u8> {
        let mut data = context.associated_data();
        data.extend_from_slice(&(self.connection.as_str().len() as u64).to_be_bytes());
        data.extend_from_slice(self.connection.as_str().as_bytes());
        data
    }
}
