//! The bytes of a document go from the host's source to Clio's storage. Core names ranges; the
//! transport moves them.

use core::time::Duration;

use super::driver::Driver;
use crate::calls::refused;
use crate::calls::retry::Schedule;
use crate::clio::{CallLimits, DocumentStub, Part, PartPlan, PartTarget, SendOutcome, UploadTarget, documents};
use crate::domain::DocumentRef;
use crate::error::{Code, Error, Result, Retry};
use crate::ports::DocumentSlice;

/// Attempts of one PUT, and of one document's upload.
pub(crate) const MOST_ATTEMPTS: u32 = 3;
/// A slow line still moves this many bytes in a second.
const SLOWEST: u64 = 64 * 1024;
const LONGEST: Duration = Duration::from_secs(3600);

/// An upload that did not arrive.
pub(crate) struct Broken {
    pub error: Error,
    /// Whether it may be tried with another address.
    pub elsewhere: bool,
    /// How many parts one request should name next time.
    pub batch: usize,
}

/// Why one PUT did not arrive.
struct Missed {
    error: Error,
    elsewhere: bool,
}

impl Missed {
    fn of(self, batch: usize) -> Broken {
        Broken { error: self.error, elsewhere: self.elsewhere, batch }
    }
}

impl From<Error> for Missed {
    /// The address expired, or storage forgot it.
    fn from(error: Error) -> Self {
        Self { elsewhere: error.code() == Code::UploadRefused, error }
    }
}

/// Where bytes go again to which nobody answered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Anew {
    /// To the same address. Storage takes a part whole or not at all.
    There,
    /// To the address of another version: some S3-like stores keep what arrived of a request that
    /// broke off, and that may come after, and so replace, what was sent in its place.
    Elsewhere,
}

impl Driver<'_> {
    /// Sends all bytes to the stub's addresses.
    ///
    /// An address lives 10 minutes, and Clio names each part once. So where a part's turn came too
    /// late, all parts need a new version; fewer of them are then named at once, half of those
    /// that arrived in time, so that a slow line is waited for.
    pub(crate) async fn upload(
        &self,
        document: &DocumentRef,
        stub: &DocumentStub,
        len: u64,
        parts: &PartPlan,
    ) -> Result<(), Broken> {
        let broken = |error: Error| Missed::from(error).of(parts.batch());
        if !parts.is_multipart() {
            let slice = DocumentSlice { document: document.clone(), offset: 0, len, last: true };
            let target = stub.target.as_ref().ok_or_else(|| broken(no_address("put_url")))?;
            return self.put(target, slice, Anew::Elsewhere).await.map_err(|missed| missed.of(parts.batch()));
        }
        let mut targets = stub.parts.clone();
        for (index, batch) in parts.batches().enumerate() {
            if index > 0 {
                targets = self.further_parts(stub, batch).await.map_err(broken)?;
            }
            for (arrived, part) in batch.iter().enumerate() {
                // Nothing of it is visible yet, and the rest may take an hour.
                self.ctx.stop.check().map_err(broken)?;
                let target = target_of(&targets, part.number).ok_or_else(|| broken(no_address("part")))?;
                let slice = DocumentSlice {
                    document: document.clone(),
                    offset: part.offset,
                    len: part.len,
                    last: part.offset + part.len == len,
                };
                // The first one was not late: its address was as fresh as another batch's would be.
                let batch = if arrived == 0 { parts.batch() } else { arrived / 2 };
                self.put(&target, slice, Anew::There).await.map_err(|missed| missed.of(batch))?;
            }
        }
        Ok(())
    }

    /// The addresses of further parts. They come once: if the answer was lost, Clio refuses to name
    /// them again, and only a new version has others.
    async fn further_parts(&self, stub: &DocumentStub, batch: &[Part]) -> Result<Vec<PartTarget>> {
        let request = documents::add_parts(stub.id, &stub.uuid, batch)?;
        match self.client_api.repeat_at_any_age(&request).await.map_err(refused) {
            Ok(named) if named.id == stub.id && named.uuid == stub.uuid => Ok(named.parts),
            // Bytes must not go where another document's belong.
            Ok(_) => Err(Error::new(Code::ClioAnswerInvalid).with("reason", "another_document")),
            Err(error) if error.code() == Code::ClioValidation => {
                Err(Error::new(Code::UploadRefused).with("reason", "parts_named_before").caused_by(error))
            }
            Err(error) => Err(error),
        }
    }

    /// One PUT, and again to the same address.
    async fn put(&self, target: &UploadTarget, slice: DocumentSlice, after_a_doubt: Anew) -> Result<(), Missed> {
        let firm_state = self.ctx.firm_state_of(self.firm);
        let mut schedule = Schedule::new();
        let mut attempt = 0;
        loop {
            attempt += 1;
            let timeout = (Duration::from_secs(60) + Duration::from_secs(slice.len / SLOWEST)).min(LONGEST);
            let limits = CallLimits { timeout, not_after: Some(self.order.fence.send_until()) };
            let failure = match self.ctx.clio.put_document(target, slice.clone(), limits).await {
                Ok(()) => {
                    firm_state.retry_budget.refund();
                    return Ok(());
                }
                Err(failure) => failure,
            };
            // Storage's own refusal is about the address: another one is asked for, not the same
            // again.
            let again = failure.error.retry() != Retry::Never
                && !matches!(failure.error.code(), Code::UploadRefused | Code::DocumentChanged);
            // The age of the run does not count: another one would begin with the first byte again.
            if !again
                || attempt >= MOST_ATTEMPTS
                || !self.client_api.has_retries_left()
                || !firm_state.retry_budget.spend()
            {
                return Err(refused(failure).into());
            }
            let in_doubt = failure.outcome == SendOutcome::Unknown && failure.http_status.is_none();
            let elsewhere = in_doubt && after_a_doubt == Anew::Elsewhere && !mutated!(OtherAddress);
            let wait = schedule.next_wait(&*self.ctx.runtime)?;
            self.ctx.stop.unless_stopped(self.ctx.runtime.sleep(wait)).await?;
            self.client_api.note_retry(&failure.error);
            if elsewhere {
                return Err(Missed { error: refused(failure), elsewhere });
            }
        }
    }
}

fn target_of(targets: &[PartTarget], number: u32) -> Option<UploadTarget> {
    targets.iter().find(|part| part.number == number).map(|part| part.target.clone())
}

fn no_address(what: &'static str) -> Error {
    Error::new(Code::ClioAnswerInvalid).with("reason", "no_upload_address").with("field", what)
}
