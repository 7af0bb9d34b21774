//! Sealed tokens in memory.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::domain::{ConnectionId, FirmId};
use crate::error::Result;
use crate::maybe_send::BoxFuture;
use crate::ports::{SealedTokens, Swap, TokenStore, Version};

/// A [`TokenStore`] that forgets with the process: what a vault's adapter has to do, in its
/// shortest form.
#[derive(Debug, Default)]
pub struct MemoryTokens {
    envelopes: Mutex<HashMap<(FirmId, ConnectionId), SealedTokens>>,
}

impl MemoryTokens {
    /// No tokens.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn envelopes(&self) -> MutexGuard<'_, HashMap<(FirmId, ConnectionId), SealedTokens>> {
        self.envelopes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TokenStore for MemoryTokens {
    fn load<'a>(
        &'a self,
        firm: &'a FirmId,
        connection: &'a ConnectionId,
    ) -> BoxFuture<'a, Result<Option<SealedTokens>>> {
        Box::pin(async move { Ok(self.envelopes().get(&(firm.clone(), connection.clone())).cloned()) })
    }

    fn compare_and_swap<'a>(
        &'a self,
        firm: &'a FirmId,
        connection: &'a ConnectionId,
        expected: Option<&'a Version>,
        new: SealedTokens,
    ) -> BoxFuture<'a, Result<Swap>> {
        Box::pin(async move {
            let mut envelopes = self.envelopes();
            let key = (firm.clone(), connection.clone());
            if envelopes.get(&key).map(|tokens| &tokens.version) != expected {
                return Ok(Swap::Conflict);
            }
            envelopes.insert(key, new);
            Ok(Swap::Done)
        })
    }

    fn delete<'a>(&'a self, firm: &'a FirmId, connection: &'a ConnectionId) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            self.envelopes().remove(&(firm.clone(), connection.clone()));
            Ok(())
        })
    }
}
