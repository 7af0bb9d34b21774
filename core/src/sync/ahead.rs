//! The next document's stub, made while the bytes of one travel to the storage.
//!
//! **Problem.** Clio's calls for a matter come one after the other (FAQ: "Syncs are sequential per
//! matter"). The storage is not Clio: while it takes in a document, Clio would wait for nothing.
//!
//! **Model.** The commit that links the matter or a document announces the intents of the next two
//! uploads. So the stub of the second may be created while the bytes of the first are on their way:
//! its intent is durable, the stub is invisible, and no other call to Clio is made meanwhile.
//!
//! **Failure.** It is one attempt, with what the request budget has at once. Whatever becomes of
//! it, the document's own step asks again whether it may be sent, and goes on from there: with the
//! stub and its address, with a new address where this one is old or the document another by now,
//! looking for the stub where nobody knows, or as if nothing had been tried.

use core::time::Duration;

use super::document::{Open, may_be_sent, stub_request};
use super::driver::Driver;
use crate::calls::call::{Executed, executed};
use crate::clio::{DocumentStub, PartPlan};
use crate::domain::{ClioId, DocumentKey, DocumentRef, Monotonic};
use crate::error::Result;
use crate::links::link_record::{self, DocumentIntent, DocumentRecord};
use crate::ports::{DocumentStat, Expect};
use crate::store::Transaction;

/// Uploads that are announced together: the next one, and the one whose stub may be made ahead.
const TOGETHER: usize = 2;
/// An address lives ten minutes (Clio: Documents). One as old as this has enough left for bytes to
/// begin.
const FRESH: Duration = Duration::from_secs(300);

/// What was done ahead for a document.
pub(crate) struct Ahead {
    key: DocumentKey,
    /// `None`: it is not known whether there is a stub.
    made: Option<Made>,
}

struct Made {
    stub: DocumentStub,
    revision: String,
    at: Monotonic,
}

/// What a document's step begins with.
pub(crate) enum Prepared {
    /// A stub to whose address the bytes may go.
    Addressed(DocumentStub),
    /// A stub that needs another address.
    Stub(ClioId),
    /// Nobody knows whether there is one.
    Perhaps,
}

impl Driver<'_> {
    /// Creates the stub of the next upload, if its intent is announced, it may be sent, and a call
    /// may be made now.
    pub(crate) async fn open_ahead(&self, matter: ClioId) -> Option<Ahead> {
        let document = self.uploads.front()?;
        let key = self.intake.key_of(document);
        let announced = self.announced.iter().any(|(announced, _)| *announced == key);
        let known = self.ahead.as_ref().is_some_and(|ahead| ahead.key == key);
        if !announced || known || self.ctx.stop.is_told() {
            return None;
        }
        let reference = DocumentRef { firm: self.firm.clone(), key: key.clone() };
        let stat = self.ctx.intake.stat(&reference).await.ok()?;
        may_be_sent(&stat).ok()?;
        let parts = PartPlan::new(stat.len);
        if parts.is_multipart() {
            // The addresses of its parts would age while another document travels.
            return None;
        }
        let request = stub_request(document, document.content_type(), &key, matter, None, &parts).ok()?;
        let permit = self.client_api.ready_now().await.ok()??;
        let at = self.ctx.runtime.monotonic();
        match self.client_api.send_once(permit, &request, None).await {
            Ok(stub) if !stub.is_of_another(&key, matter) => {
                Some(Ahead { key, made: Some(Made { stub, revision: stat.revision, at }) })
            }
            Err(failed) if executed(&failed.failure) == Executed::No => None,
            Ok(_) | Err(_) => Some(Ahead { key, made: None }),
        }
    }

    /// What was done ahead for this document, as it is now.
    pub(crate) fn take_ahead(&mut self, key: &DocumentKey, stat: &DocumentStat) -> Option<Prepared> {
        let ahead = self.ahead.take_if(|ahead| ahead.key == *key)?;
        Some(match ahead.made {
            None => Prepared::Perhaps,
            Some(Made { stub, revision, at }) => {
                match revision == stat.revision && at.until(self.ctx.runtime.monotonic()) <= FRESH {
                    true => Prepared::Addressed(stub),
                    false => Prepared::Stub(stub.id),
                }
            }
        })
    }

    /// Adds the intents of the next uploads to the commit of a link, which saves a commit for each.
    /// Whoever commits them does so without, if it conflicts. After a restore each document is
    /// looked at by itself.
    pub(crate) fn announce_next_in(&self, transaction: &mut Transaction) -> Result<Vec<(DocumentKey, Open)>> {
        let mut announced = Vec::new();
        if self.recovery.is_some() {
            return Ok(announced);
        }
        for next in self.uploads.iter().take(TOGETHER).filter(|next| next.check().is_ok()) {
            let key = self.intake.key_of(next);
            if self.announced.iter().any(|(announced, _)| *announced == key) {
                continue;
            }
            let intent = DocumentIntent { at: self.ctx.runtime.now(), finishing: None, decision: None };
            let record = link_record::document_key(&self.order.scope, &key);
            let version = transaction.put(record, Expect::Absent, &DocumentRecord::Intent(intent.clone()))?;
            announced.push((key, Open { intent, version }));
        }
        if !announced.is_empty() {
            self.expect_recovery_in(transaction);
        }
        Ok(announced)
    }
}
