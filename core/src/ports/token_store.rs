//! Where the sealed tokens of a connection are kept.

use core::fmt::Debug;

use super::store::Version;
use crate::domain::{ConnectionId, FirmId};
use crate::error::Result;
use crate::maybe_send::{BoxFuture, MaybeSend, MaybeSync};

/// Keeps one sealed envelope per connection. It never sees a token in plain.
pub trait TokenStore: Debug + MaybeSend + MaybeSync {
    /// The envelope and its version. MUST see every earlier successful swap of any process.
    ///
    /// # Errors
    /// [`StoreFailed`](crate::Code::StoreFailed).
    fn load<'a>(
        &'a self,
        firm: &'a FirmId,
        connection: &'a ConnectionId,
    ) -> BoxFuture<'a, Result<Option<SealedTokens>>>;

    /// Replaces the envelope if its version is still `expected` (`None`: there is none yet).
    /// Success MUST mean durable.
    ///
    /// # Errors
    /// [`StoreFailed`](crate::Code::StoreFailed): unknown whether it happened; the caller loads
    /// again.
    fn compare_and_swap<'a>(
        &'a self,
        firm: &'a FirmId,
        connection: &'a ConnectionId,
        expected: Option<&'a Version>,
        new: SealedTokens,
    ) -> BoxFuture<'a, Result<Swap>>;

    /// Removes the envelope, whatever its version. Removing what is not there succeeds.
    ///
    /// # Errors
    /// [`StoreFailed`](crate::Code::StoreFailed).
    fn delete<'a>(&'a self, firm: &'a FirmId, connection: &'a ConnectionId) -> BoxFuture<'a, Result<()>>;
}

/// A sealed token envelope: text that says which key opens it, and nothing else to whoever lacks
/// that key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedTokens {
    /// Minted by core at each swap.
    pub version: Version,
    /// The envelope, returned byte for byte.
    pub envelope: String,
}

/// What became of a compare-and-swap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Swap {
    /// Durable.
    Done,
    /// Somebody else was first; nothing was changed.
    Conflict,
}
