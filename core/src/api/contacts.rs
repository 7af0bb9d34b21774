//! Review of changed contacts: handlers of the operations in group `contacts`.

use super::Sdk;
use super::results::{ProposalCreated, ProposedContact};
use crate::domain::Actor;
use crate::domain::MatterId;
use crate::error::Result;

pub(super) async fn list_contact_proposals(sdk: &Sdk, actor: &Actor) -> Result<Vec<ProposedContact>> {
    let proposals = sdk.engine.contact_proposals(&actor.firm).await?;
    Ok(proposals.into_iter().map(ProposedContact::from).collect())
}

pub(super) async fn accept_contact_proposal(sdk: &Sdk, actor: &Actor, proposal: String) -> Result<()> {
    sdk.engine.decide_contact(actor, &proposal, true).await
}

pub(super) async fn reject_contact_proposal(sdk: &Sdk, actor: &Actor, proposal: String) -> Result<()> {
    sdk.engine.decide_contact(actor, &proposal, false).await
}

pub(super) async fn propose_contact(sdk: &Sdk, actor: &Actor, matter: MatterId) -> Result<ProposalCreated> {
    let proposal = sdk.engine.propose_to_clio(actor, &matter).await?;
    Ok(ProposalCreated { proposal })
}
