//! What a run is asked to do, and what it may count on. It knows of no queue: whoever orders it
//! claims the matter, and ends the claim.

use crate::calls::Fence;
use crate::calls::budget::Class;
use crate::connection::AccountScope;
use crate::domain::{ActorId, MatterId, Trigger};
use crate::error::Result;
use crate::maybe_send::{BoxFuture, MaybeSend, MaybeSync};

/// One run of one matter.
#[derive(Debug)]
pub(crate) struct Order {
    /// The run's id.
    pub run: String,
    pub matter: MatterId,
    pub trigger: Trigger,
    /// Its place in the request budget.
    pub class: Class,
    pub attempt: u32,
    pub actor: ActorId,
    /// The firm, and the account that the run works for.
    pub scope: AccountScope,
    /// The right to go on.
    pub fence: Fence,
}

/// Has other matters synced, which waited for what a run settled.
pub(crate) trait Followers: MaybeSend + MaybeSync {
    /// Has this one synced, if what is approved is.
    fn follow<'a>(&'a self, order: &'a Order, matter: &'a MatterId) -> BoxFuture<'a, Result<()>>;
}
