//! Sealed tokens in the host's own vault.

use casehug_clio::ports::{BoxFuture, SealedTokens, Swap, TokenStore, Version};
use casehug_clio::{Code, ConnectionId, Error, FirmId, Result};

use crate::failure::HostFailure;
use crate::host::{Host, reason};

/// A sealed envelope.
#[derive(Clone, uniffi::Record)]
pub struct Envelope {
    /// Its version.
    pub version: String,
    /// Kept byte for byte.
    pub envelope: String,
}

impl std::fmt::Debug for Envelope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Envelope").field("version", &self.version).finish_non_exhaustive()
    }
}

/// What `load` found.
#[derive(Clone, Debug, uniffi::Record)]
pub struct FoundEnvelope {
    /// The envelope, if there is one.
    pub envelope: Option<Envelope>,
}

/// What became of a swap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum SwapAnswer {
    /// Durable.
    Done,
    /// Somebody else was first; nothing was changed.
    Conflict,
}

/// Says that nothing is there any more.
#[derive(Clone, Copy, Debug, uniffi::Record)]
pub struct EnvelopeRemoved {
    /// Always true.
    pub removed: bool,
}

/// One sealed envelope for each connection. Used by several threads at once.
#[uniffi::export(foreign)]
pub trait HostTokens: Send + Sync {
    /// The envelope of this connection, if there is one.
    fn load(&self, firm: String, connection: String) -> Result<FoundEnvelope, HostFailure>;
    /// Replaces it if its version is still this one; none: there is none yet.
    fn compare_and_swap(
        &self,
        firm: String,
        connection: String,
        expected: Option<String>,
        sealed: Envelope,
    ) -> Result<SwapAnswer, HostFailure>;
    /// Removes it, whatever its version.
    fn remove(&self, firm: String, connection: String) -> Result<EnvelopeRemoved, HostFailure>;
}

fn failed(reason: &'static str) -> Error {
    Error::new(Code::StoreFailed).with("reason", reason).with("port", "tokens")
}

fn refused(failure: HostFailure) -> Error {
    failed(reason(failure))
}

/// The [`TokenStore`] port over a host's object.
#[derive(Clone, Debug)]
pub(crate) struct TokenPort(pub Host<dyn HostTokens>);

impl TokenStore for TokenPort {
    fn load<'a>(
        &'a self,
        firm: &'a FirmId,
        connection: &'a ConnectionId,
    ) -> BoxFuture<'a, Result<Option<SealedTokens>>> {
        let (firm, connection) = (firm.as_str().to_owned(), connection.as_str().to_owned());
        Box::pin(self.0.on_pool(failed, move |tokens| {
            let found = tokens.load(firm, connection).map_err(refused)?.envelope;
            Ok(found.map(|found| SealedTokens { version: Version(found.version), envelope: found.envelope }))
        }))
    }

    fn compare_and_swap<'a>(
        &'a self,
        firm: &'a FirmId,
        connection: &'a ConnectionId,
        expected: Option<&'a Version>,
        new: SealedTokens,
    ) -> BoxFuture<'a, Result<Swap>> {
        let (firm, connection) = (firm.as_str().to_owned(), connection.as_str().to_owned());
        let expected = expected.map(|version| version.0.clone());
        let sealed = Envelope { version: new.version.0, envelope: new.envelope };
        Box::pin(self.0.on_pool(failed, move |tokens| {
            match tokens.compare_and_swap(firm, connection, expected, sealed).map_err(refused)? {
                SwapAnswer::Done => Ok(Swap::Done),
                SwapAnswer::Conflict => Ok(Swap::Conflict),
            }
        }))
    }

    fn delete<'a>(&'a self, firm: &'a FirmId, connection: &'a ConnectionId) -> BoxFuture<'a, Result<()>> {
        let (firm, connection) = (firm.as_str().to_owned(), connection.as_str().to_owned());
        Box::pin(self.0.on_pool(failed, move |tokens| {
            let removed = tokens.remove(firm, connection).map_err(refused)?.removed;
            if removed { Ok(()) } else { Err(failed("callback_answer").with("field", "removed")) }
        }))
    }
}
