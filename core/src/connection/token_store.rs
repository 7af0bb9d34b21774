//! The [`TokenStore`] over the [`Store`] port: one record `tokens/<connection>` whose body is the
//! envelope.

use std::sync::Arc;

use crate::domain::{ConnectionId, FirmId};
use crate::error::Result;
use crate::maybe_send::BoxFuture;
use crate::ports::{Commit, Expect, Key, SealedTokens, Store, Swap, TokenStore, Version, Write};

const TOKENS: &str = "tokens";

/// Keeps sealed tokens beside everything else. A host with a vault gives its own [`TokenStore`]
/// instead.
#[derive(Clone, Debug)]
pub struct StoreTokens {
    store: Arc<dyn Store>,
}

impl StoreTokens {
    /// Over this store.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }
}

fn key(firm: &FirmId, connection: &ConnectionId) -> Key {
    Key::new(firm, TOKENS, connection.as_str())
}

impl TokenStore for StoreTokens {
    fn load<'a>(
        &'a self,
        firm: &'a FirmId,
        connection: &'a ConnectionId,
    ) -> BoxFuture<'a, Result<Option<SealedTokens>>> {
        Box::pin(async move {
            let record = self.store.get(&key(firm, connection)).await?;
            Ok(record.map(|record| SealedTokens { version: record.version, envelope: record.body }))
        })
    }

    fn compare_and_swap<'a>(
        &'a self,
        firm: &'a FirmId,
        connection: &'a ConnectionId,
        expected: Option<&'a Version>,
        new: SealedTokens,
    ) -> BoxFuture<'a, Result<Swap>> {
        Box::pin(async move {
            let put = Write::Put {
                key: key(firm, connection),
                expect: expected.cloned().map_or(Expect::Absent, Expect::Version),
                version: new.version,
                due_in: None,
                body: new.envelope,
            };
            match self.store.commit(&[put]).await? {
                Commit::Done { .. } => Ok(Swap::Done),
                Commit::Conflict => Ok(Swap::Conflict),
            }
        })
    }

    fn delete<'a>(&'a self, firm: &'a FirmId, connection: &'a ConnectionId) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let key = key(firm, connection);
            // A conflict means that somebody swapped in between: the new envelope has to go as
            // well.
            while let Some(record) = self.store.get(&key).await? {
                let delete = Write::Delete { key: key.clone(), version: record.version };
                if matches!(self.store.commit(&[delete]).await?, Commit::Done { .. }) {
                    break;
                }
            }
            Ok(())
        })
    }
}
