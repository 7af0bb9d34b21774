//! Which data keys may go.
//!
//! A data key seals a connection's tokens, webhook secrets and contact proposals, and the natural
//! keys of intents in doubt. A connection that was ended or replaced leaves it behind, and an
//! intent of it may still have to be opened. So a key goes when nothing names its connection any
//! more, and what is read to find that out is read after the keys: whatever comes to be later is
//! sealed with the key of the connection that is in use, and the commit checks that this is still
//! the same one.

use std::collections::HashSet;

use super::attempt::DRAFTS;
use super::connect::Connect;
use crate::connection::{Connection, ConnectionState};
use crate::contact_review::proposals_sealed_with;
use crate::domain::{ConnectionId, FirmId};
use crate::error::Result;
use crate::inbound::{HOOKS, Hook, HookState};
use crate::links::intents_sealed_with;
use crate::ports::{Commit, Expect};
use crate::sync::looks_sealed_with;

impl Connect {
    /// Drops the data keys that seal nothing any more. Gives whether only the key of the connection
    /// in use is left.
    pub(crate) async fn drop_unneeded_keys(&self, firm: &FirmId) -> Result<bool> {
        let Some(stored) = Connection::load(&self.repository, firm).await? else { return Ok(true) };
        let over = matches!(stored.value.state, ConnectionState::Disconnected);
        let mut left = self.keyring.connections(firm).await?;
        left.retain(|id| over || *id != stored.value.id);
        if left.is_empty() {
            return Ok(true);
        }
        let needed = self.needed_keys(firm, over).await?;
        let (kept, unneeded): (Vec<_>, Vec<_>) = left.into_iter().partition(|id| needed.contains(id));
        let mut transaction = self.repository.transaction(firm)?;
        transaction.check(Connection::key(firm), Expect::Version(stored.version));
        for id in &unneeded {
            self.keyring.drop_connection(&mut transaction, id).await?;
        }
        Ok(self.repository.commit(&transaction).await? != Commit::Conflict && kept.is_empty())
    }

    async fn needed_keys(&self, firm: &FirmId, over: bool) -> Result<HashSet<ConnectionId>> {
        let mut needed = HashSet::new();
        // A connection that is being made.
        for (id, _) in self.repository.list::<serde_json::Value>(firm, DRAFTS, "").await? {
            needed.insert(ConnectionId::new(id)?);
        }
        needed.extend(intents_sealed_with(&self.repository, firm).await?);
        if !over {
            // Nobody looks for a second record once the firm has gone; after a reconnect it is
            // looked for.
            needed.extend(looks_sealed_with(&self.repository, firm).await?);
        }
        needed.extend(proposals_sealed_with(&self.repository, firm).await?);
        let hooks = self.repository.list::<Hook>(firm, HOOKS, "").await?;
        let live = hooks.into_iter().map(|(_, hook)| hook.value).filter(|hook| hook.state != HookState::Retired);
        needed.extend(live.map(|hook| hook.connection));
        Ok(needed)
    }
}
