//! The connection, and what comes back from Clio.

use super::Sdk;
use crate::connection::{Connection, Links};
use crate::contact_review::ContactProposal;
use crate::domain::{Actor, FirmId, MatterId, Timestamp};
use crate::error::{Code, Error, Result};
use crate::inbound::{WebhookReply, status};
use crate::links::linked_matter;
use crate::ports::{Commit, Headers};
use crate::store::{Action, AuditEntry, AuditStatus};

/// Clocks that differ by less are taken for equal.
const NO_SKEW_MS: i64 = 2_000;

impl Sdk {
    /// Ends the firm's connection: gives back what Clio granted and removes our webhook subscriptions; what Clio could not be asked for is done later by a
    /// [worker](Self::worker). Links, logs and settings stay, and nothing else in Clio is touched.
    ///
    /// # Errors
    /// [`Code::NotAllowed`] unless the actor is an admin; [`Code::NotConnected`]; [`Code::StoreFailed`].
    pub async fn disconnect(&self, actor: &Actor) -> Result<Connection> {
        self.auth.disconnect(actor).await
    }

    /// Wraps the firm's keys again with the key provider's current root key, after that was rotated. Gives how many. Sealed values stay as they are; the old root
    /// key may go once this was done for every firm.
    ///
    /// # Errors
    /// [`Code::NotAllowed`] unless the actor is an admin; [`Code::KeyFailed`], [`Code::StoreFailed`]: do it again.
    pub async fn rewrap_keys(&self, actor: &Actor) -> Result<usize> {
        self.auth.require_admin(actor, "key_rotation").await?;
        let keys = self.engine.keyring.rewrap(&actor.firm).await?;
        let mut unit = self.journal.unit(&actor.firm)?;
        unit.audit(AuditEntry::by(&actor.id, Action::KeyRotation, AuditStatus::Ok).with("keys", keys));
        self.journal.commit_or_conflict(&unit).await?;
        Ok(keys)
    }

    /// For the host's deauthorization callback: Clio is asked whether it is true. Gives whether the firm is disconnected now.
    ///
    /// # Errors
    /// [`Code::NotConnected`], or what kept Clio from answering.
    pub async fn deauthorization_reported(&self, firm: &FirmId) -> Result<bool> {
        self.auth.deauthorization_reported(firm).await
    }

    /// Takes in what Clio posted to the [webhook URL](super::SdkBuilder::webhook_url): the last segment of the path, all headers and the raw body, as they came.
    /// The reply is to be sent with its headers and without a body. Answers after one durable commit; a [worker](Self::worker) applies it.
    pub async fn handle_webhook(&self, token: &str, headers: &Headers, body: &[u8]) -> WebhookReply {
        self.engine.receive(token, headers, body).await
    }

    /// Changes of contacts that wait for an admin, in both directions, and accepted ones that the host has not applied yet. They hold client data.
    ///
    /// # Errors
    /// [`Code::NotAllowed`] unless the actor is an admin.
    pub async fn contact_proposals(&self, actor: &Actor) -> Result<Vec<ContactProposal>> {
        self.auth.require_admin(actor, "contact_review").await?;
        self.engine.contact_proposals(&actor.firm).await
    }

    /// Accepts or rejects a change of a contact. From Clio and accepted: the host is told to apply it. To Clio and accepted: it is sent now.
    ///
    /// # Errors
    /// [`Code::NotAllowed`] unless the actor is an admin; [`Code::RecordUnknown`] when there is no such proposal, [`Code::AlreadyDecided`] when it was accepted before; [`Code::ClioConflict`] when the contact was changed in
    /// Clio since: reject it, and propose it again. What kept Clio from taking it; the proposal stays then.
    pub async fn decide_contact(&self, actor: &Actor, proposal: &str, accept: bool) -> Result<()> {
        self.auth.require_admin(actor, "contact_review").await?;
        self.engine.decide_contact(actor, proposal, accept).await
    }

    /// The client of this matter was changed in CaseHug: an admin may send that to Clio. Gives the proposal's id; `None`: Clio says the same already.
    ///
    /// # Errors
    /// What the intake source reports; [`Code::NotSyncedYet`] when the client is not in Clio yet; [`Code::NotConnected`], or what kept Clio
    /// from showing the contact.
    pub async fn propose_contact(&self, actor: &Actor, matter: &MatterId) -> Result<Option<String>> {
        self.engine.propose_to_clio(actor, matter).await
    }

    /// The host applied an accepted change from Clio: it is forgotten here.
    ///
    /// # Errors
    /// [`Code::StoreFailed`].
    pub async fn contact_applied(&self, actor: &Actor, proposal: &str) -> Result<()> {
        self.engine.contact_applied(actor, proposal).await
    }

    /// The host changed a matter's status itself, at this time on its clock: an older change in Clio that comes in later is dropped. A time that is yet to come counts as now.
    /// Clio's times are whole seconds; of a change in the same second Clio's wins.
    ///
    /// # Errors
    /// [`Code::NotSyncedYet`] when the matter is not in Clio yet; [`Code::StoreFailed`].
    pub async fn status_changed_here(&self, actor: &Actor, matter: &MatterId, at: Timestamp) -> Result<()> {
        let links = Links::current(&self.journal, &actor.firm).await?;
        let clio = linked_matter(&self.journal, &links, matter).await?;
        let clio = clio.ok_or_else(|| Error::new(Code::NotSyncedYet).with("matter", matter))?;
        // On Clio's clock, whatever the host's shows; Clio tells whole seconds, so it is not known better than that.
        let now = self.engine.runtime.now();
        let ahead = self.engine.clio.clio_now().map_or(0, |clio_now| clio_now.millis_since(now));
        let ahead = if ahead.abs() <= NO_SKEW_MS { 0 } else { ahead };
        let at = Timestamp((at.0.min(now.0) + ahead) / 1000 * 1000);
        loop {
            let mut unit = self.journal.unit(&actor.firm)?;
            status::host_changed(&self.journal, &mut unit, &links, clio, at).await?;
            let entry = AuditEntry::by(&actor.id, Action::StatusChanged, AuditStatus::Noted);
            unit.audit(entry.with("matter", matter).with("at", at.to_rfc3339()));
            if matches!(self.journal.commit(&unit).await?, Commit::Done { .. }) {
                return Ok(());
            }
        }
    }
}
