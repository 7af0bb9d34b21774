//! A document that is not to be sent after all: it was withdrawn, replaced, changed or lost.
//!
//! **Problem.** A finishing PATCH whose answer was lost may still be executed. Whoever withdrew the
//! document and was told "not published" would never look again, and the document be seen in Clio.
//!
//! **Model.** As long as such a PATCH may be executed, and what it publishes may not be listed yet,
//! the step is in doubt, so a run comes once that is over. It finds the document, and links it with
//! a note; or it forgets the stub, which Clio hides.

use core::time::Duration;

use super::document::{Found, Open};
use super::driver::Driver;
use crate::domain::report::{Note, StepKind, StepOutcome, StepReport};
use crate::domain::{ClioId, DocumentKey, DocumentRef, Timestamp};
use crate::error::{Code, Error, Result, Retry};
use crate::links::link_record::{self, DocumentRecord, How};
use crate::store::{Action, AuditStatus, Versioned};

/// Failures that lie in the document: the same bytes are not sent again.
pub(super) fn is_not_to_be_sent(code: Code) -> bool {
    matches!(
        code,
        Code::DocumentNotApproved
            | Code::DocumentNotClientUpload
            | Code::DocumentWithdrawn
            | Code::DocumentChanged
            | Code::DocumentMissing
            | Code::DocumentEmptyRefused
            | Code::DocumentTooLarge
            | Code::IntakeInvalid
    )
}

impl Driver<'_> {
    /// Leaves what was begun of a document as a stub, unless a PATCH published it.
    pub(super) async fn abandon(
        &mut self,
        reference: &DocumentRef,
        matter: ClioId,
        error: Error,
    ) -> Result<StepReport> {
        let key = &reference.key;
        let Some((open, due_at)) = self.begun(key).await? else { return Err(error) };
        // Empty bytes are refused whenever the PATCH comes.
        if open.intent.finishing.is_some() && error.code() != Code::DocumentEmptyRefused {
            // It goes on with the next run, as another version of the same document.
            if error.code() == Code::DocumentChanged {
                return Err(error);
            }
            let withdrawn = matches!(
                error.code(),
                Code::DocumentNotApproved | Code::DocumentNotClientUpload | Code::DocumentWithdrawn
            );
            match self.published_late(key, matter, due_at).await {
                Ok(Some(clio)) => {
                    let note = withdrawn.then_some(Note::ApprovalWithdrawn);
                    return self.link_document(key, clio, How::Recovered, note, &open).await;
                }
                Ok(None) => {}
                Err(doubt) if doubt.code() == Code::SyncInDoubt => return Err(doubt.caused_by(error)),
                Err(failed) => return Err(failed),
            }
        }
        let (outcome, action, status) = match error.code() {
            Code::DocumentNotApproved => (StepOutcome::NotApproved, Action::DocumentSkipped, AuditStatus::Noted),
            Code::DocumentNotClientUpload => (StepOutcome::Refused, Action::DocumentRefused, AuditStatus::Refused),
            _ => (StepOutcome::Failed, Action::DocumentFailed, AuditStatus::Failed),
        };
        let step = StepReport::error(StepKind::Document, key, outcome, error);
        let mut transaction = self.transaction()?;
        transaction.delete(link_record::document_key(&self.order.scope, key), open.version);
        transaction.audit(self.audit(action, status, &step));
        if self.commit(transaction, &step).await? {
            Ok(step)
        } else {
            Err(Error::new(Code::SyncBusy).with("document", key))
        }
    }

    /// A document that was begun when the intake stopped naming it: another upload took its slot.
    /// If it was being published and is in Clio, the records say so.
    pub(crate) async fn orphan(&mut self, key: &DocumentKey, matter: ClioId) -> Result<Option<StepReport>> {
        let Some((open, due_at)) = self.begun(key).await? else { return Ok(None) };
        let is_finishing = open.intent.finishing.is_some();
        let mut published = None;
        if (is_finishing || self.recovery.is_some())
            && let Found::Finished(clio) = self.find(key, matter, &open.intent).await?
        {
            published = Some(clio);
        }
        if is_finishing && published.is_none() {
            published = self.published_late(key, matter, due_at).await?;
        }
        if let Some(clio) = published {
            let note = Some(Note::ApprovalWithdrawn);
            return self.link_document(key, clio, How::Recovered, note, &open).await.map(Some);
        }
        let mut transaction = self.transaction()?;
        transaction.delete(link_record::document_key(&self.order.scope, key), open.version);
        self.commit_unit(&transaction).await?;
        Ok(None)
    }

    /// What was begun of a document, and when no PATCH of it can be executed any more.
    async fn begun(&self, key: &DocumentKey) -> Result<Option<(Open, Option<Timestamp>)>> {
        let record = link_record::document_key(&self.order.scope, key);
        let stored = self.ctx.repository.get::<DocumentRecord>(&record).await?;
        Ok(match stored {
            Some(Versioned { value: DocumentRecord::Intent(intent), version, due_at }) => {
                Some((Open { intent, version }, due_at))
            }
            Some(Versioned { value: DocumentRecord::Link(_), .. }) | None => None,
        })
    }

    /// What a PATCH published whose answer was lost. In doubt while it may still be executed, or
    /// not be listed yet: lists are asked, as a stub's own page tells of its newest version only.
    async fn published_late(
        &self,
        key: &DocumentKey,
        matter: ClioId,
        due_at: Option<Timestamp>,
    ) -> Result<Option<ClioId>> {
        let now = self.ctx.repository.store_now(&self.order.scope.firm).await?;
        let left = due_at.map_or(Duration::ZERO, |due| now.until(due + self.ctx.config.index_delay));
        if left.is_zero() || mutated!(LatePublication) {
            return self.published(key, matter).await;
        }
        let wait = Retry::After(left + Duration::from_millis(1));
        Err(Error::new(Code::SyncInDoubt).with("document", key).with("reason", "publishing").retry_as(wait))
    }
}
