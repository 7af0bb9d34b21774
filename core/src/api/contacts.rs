//! Review of changed contacts: handlers of the operations in group `contacts`.

use super::Sdk;
use super::results::{ProposalCreated, ProposedContact};
use crate::calls::Context;
use crate::contact_review::proposals::{self, Decision};
use crate::domain::{Actor, MatterId};
use crate::error::Result;

pub(super) async fn list_contact_proposals(sdk: &Sdk, actor: &Actor) -> Result<Vec<ProposedContact>> {
    let proposals = proposals::contact_proposals(&sdk.queue.ctx, &actor.firm).await?;
    Ok(proposals.into_iter().map(ProposedContact::from).collect())
}

pub(super) async fn accept_contact_proposal(sdk: &Sdk, actor: &Actor, proposal: String) -> Result<()> {
    let (stop, actor) = (&sdk.queue.ctx.stop, actor.clone());
    // What an admin has accepted is sent, whether they wait for it, leave or cancel. The whole
    // SDK's end ends it.
    let ctx = Context { stop: stop.whole(), ..sdk.queue.ctx.clone() };
    let accepting = sdk.to_the_end(async move { proposals::resolve(&ctx, &actor, &proposal, Decision::Accept).await });
    if sdk.is_part { stop.unless_stopped(accepting).await.and_then(|done| done) } else { accepting.await }
}

pub(super) async fn reject_contact_proposal(sdk: &Sdk, actor: &Actor, proposal: String) -> Result<()> {
    proposals::resolve(&sdk.queue.ctx, actor, &proposal, Decision::Reject).await
}

pub(super) async fn propose_contact(sdk: &Sdk, actor: &Actor, matter: MatterId) -> Result<ProposalCreated> {
    let proposal = proposals::propose_to_clio(&sdk.queue.ctx, actor, &matter).await?;
    Ok(ProposalCreated { proposal })
}
