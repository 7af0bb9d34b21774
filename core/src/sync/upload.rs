//! The bytes of a document go from the host's source to Clio's storage. Core names ranges; the transport moves them.

use core::time::Duration;

use super::create::refused;
use super::driver::Driver;
use crate::clio::{CallLimits, DocumentStub, PartPlan, PartTarget, UploadTarget, documents};
use crate::error::{Code, Error, Result, Retry};
use crate::model::DocumentRef;
use crate::ports::DocumentSlice;
use crate::retry::Schedule;

/// Attempts of one PUT, and of one document's upload.
pub(super) const MOST_ATTEMPTS: u32 = 3;
/// A slow line still moves this many bytes in a second.
const SLOWEST: u64 = 64 * 1024;
const LONGEST: Duration = Duration::from_secs(3600);

impl Driver<'_> {
    /// Sends all bytes to the stub's addresses.
    pub(super) async fn upload(&mut self, document: &DocumentRef, stub: &DocumentStub, len: u64) -> Result<()> {
        let parts = PartPlan::new(len);
        let Some(mut targets) = parts.is_multipart().then(|| stub.parts.clone()) else {
            let slice = DocumentSlice { document: document.clone(), offset: 0, len, last: true };
            let target = stub.target.as_ref().ok_or_else(|| no_address("put_url"))?;
            return self.put(target, slice).await;
        };
        for (index, batch) in parts.batches().enumerate() {
            if index > 0 {
                let request = documents::add_parts(stub.id, &stub.uuid, batch)?;
                targets = self.caller.repeat(&request).await.map_err(refused)?.parts;
            }
            for part in batch {
                let target = target_of(&targets, part.number).ok_or_else(|| no_address("part"))?;
                let slice = DocumentSlice {
                    document: document.clone(),
                    offset: part.offset,
                    len: part.len,
                    last: part.offset + part.len == len,
                };
                match self.put(&target, slice.clone()).await {
                    Err(error) if error.code() == Code::UploadRefused => {
                        // A part's address lives 10 minutes; a long upload outlives the later ones.
                        let request = documents::add_parts(stub.id, &stub.uuid, core::slice::from_ref(part))?;
                        let fresh = self.caller.repeat(&request).await.map_err(refused)?.parts;
                        let target = target_of(&fresh, part.number).ok_or_else(|| no_address("part"))?;
                        self.put(&target, slice).await?;
                    }
                    other => other?,
                }
            }
        }
        Ok(())
    }

    /// One PUT. The same bytes to the same address may be sent again.
    async fn put(&self, target: &UploadTarget, slice: DocumentSlice) -> Result<()> {
        let share = self.engine.share_of(self.firm);
        let mut schedule = Schedule::new();
        let mut attempt = 0;
        loop {
            attempt += 1;
            let timeout = (Duration::from_secs(60) + Duration::from_secs(slice.len / SLOWEST)).min(LONGEST);
            let limits = CallLimits { timeout, not_after: Some(self.claim.send_until()) };
            let failure = match self.engine.clio.put_document(target, slice.clone(), limits).await {
                Ok(()) => {
                    share.quota.refund();
                    return Ok(());
                }
                Err(failure) => failure,
            };
            // Storage's own refusal is about the address: another one is asked for, not the same again.
            let again = failure.error.retry() != Retry::Never
                && !matches!(failure.error.code(), Code::UploadRefused | Code::DocumentChanged);
            if !again || attempt >= MOST_ATTEMPTS || !share.quota.spend() {
                return Err(refused(failure));
            }
            let wait = schedule.next_wait(&*self.engine.runtime)?;
            self.engine.runtime.sleep(wait).await;
        }
    }
}

fn target_of(targets: &[PartTarget], number: u32) -> Option<UploadTarget> {
    targets.iter().find(|part| part.number == number).map(|part| part.target.clone())
}

fn no_address(what: &'static str) -> Error {
    Error::new(Code::ClioAnswerInvalid).with("reason", "no_upload_address").with("field", what)
}
