//! What jobs work with, and how a matter gets into the queue.

use std::sync::Arc;

use super::claims::Claims;
use super::held::hold;
use crate::calls::Context;
use crate::domain::{ActorId, FirmId, MatterId, Trigger};
use crate::error::Result;
use crate::lifecycle::Auth;
use crate::maybe_send::BoxFuture;
use crate::sync::{Followers, Order};

/// The context, the claims of this process, and the connections. Clones share everything but what
/// tells them to stop.
#[derive(Clone, Debug)]
pub(crate) struct Queue {
    pub ctx: Context,
    pub claims: Arc<Claims>,
    pub auth: Auth,
}

impl Queue {
    pub(crate) fn new(ctx: Context, auth: Auth) -> Result<Self> {
        let claims = Claims::new(ctx.repository.clone(), ctx.config.lease, Arc::clone(&ctx.workers))?;
        Ok(Self { ctx, claims: Arc::new(claims), auth })
    }

    /// One that can be told to stop alone.
    pub(crate) fn below(&self) -> Self {
        Self { ctx: self.ctx.below(), ..self.clone() }
    }

    /// Has a worker sync a matter; while the firm is not connected, keeps that an admin may ask for
    /// it later.
    pub(crate) async fn trigger(
        &self,
        firm: &FirmId,
        matter: &MatterId,
        trigger: Trigger,
        actor: &ActorId,
    ) -> Result<()> {
        if !hold(&self.ctx.repository, firm, matter, trigger, actor).await? {
            self.claims.trigger(firm, matter, trigger, actor).await?;
        }
        Ok(())
    }
}

impl Followers for Queue {
    fn follow<'a>(&'a self, order: &'a Order, matter: &'a MatterId) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.trigger(&order.scope.firm, matter, Trigger::Approved, &order.actor))
    }
}
