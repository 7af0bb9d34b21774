//! One document: an invisible stub, its bytes, and the finishing PATCH that publishes it.
//!
//! Life of one document: `stat` (may it be sent?) → intent → POST (the stub) → PUT (the bytes, by
//! the transport) → `stat` again (is it still the same, and still approved?) → the intent names the
//! stub → PATCH → link. Where the commit before announced the intent, `stat` follows it; where the
//! stub was made ahead (`ahead.rs`), it is asked again before the PUT.
//!
//! Until the PATCH nothing is visible in Clio, so what fails before it needs no waiting: the next
//! run finds the stub by its properties, asks for a new upload address and sends the bytes again.
//! From the moment a PATCH may have been sent, that stub is the only candidate, whatever happens.
//! What becomes of a document that is not to be sent after all: `abandon.rs`.

use core::time::Duration;

use futures_util::future::join;

use super::abandon::is_not_to_be_sent;
use super::ahead::Prepared;
use super::driver::Driver;
use super::upload::MOST_ATTEMPTS;
use crate::calls::call::{Executed, Patience, Permit, executed};
use crate::calls::refused;
use crate::clio::{ApiRequest, Document, DocumentStub, NewDocument, PartPlan, documents};
use crate::domain::report::{Note, StepKind, StepOutcome, StepReport};
use crate::domain::{
    ClioId, DocumentKey, DocumentOrigin, DocumentRef, DocumentStatus, IntakeDocument, Timestamp, text,
};
use crate::error::{Code, Detail, Error, Result, Retry};
use crate::links::link_record;
use crate::links::link_record::{Chosen, Decided, DocumentIntent, DocumentRecord, Finishing, How, Link, Owner};
use crate::ports::{Commit, DocumentStat, Expect, Key, Version};
use crate::store::{Action, AuditStatus, Versioned};

/// Clio may need 60 s to process an upload (FAQ); it is asked a little longer.
const PROCESSING: Duration = Duration::from_secs(75);
const PROCESSING_FIRST_WAIT: Duration = Duration::from_secs(1);
const PROCESSING_LONGEST_WAIT: Duration = Duration::from_secs(10);

/// What any file is. For names whose ending is no registered one, Clio demands a type.
const ANY_TYPE: &str = "application/octet-stream";

/// How often one run sends the bytes of one document for another version of it.
const MOST_VERSIONS: u32 = 2;

/// What Clio holds of a document.
pub(super) enum Found {
    Nothing,
    Stub(ClioId),
    Finished(ClioId),
}

/// A document that is being sent.
struct Sending {
    open: Open,
    /// An earlier run may have sent it.
    resumed: bool,
    /// What that one created.
    stub: Option<ClioId>,
}

/// How a document's step begins.
enum Begun {
    /// It is linked already.
    Linked(ClioId),
    /// Its intent, whether an earlier run left it, and when that is settled.
    Open(Open, bool, Option<Timestamp>),
}

/// An intent and the version it is stored under.
#[derive(Clone)]
pub(crate) struct Open {
    pub intent: DocumentIntent,
    pub version: Version,
}

impl Driver<'_> {
    pub(crate) async fn document(&mut self, document: &IntakeDocument, matter: ClioId) -> Result<StepReport> {
        let key = self.intake.key_of(document);
        let reference = DocumentRef { firm: self.firm.clone(), key };
        match self.bring(document, &reference, matter).await {
            Err(error) if is_not_to_be_sent(error.code()) => self.abandon(&reference, matter, error).await,
            brought => brought,
        }
    }

    async fn bring(
        &mut self,
        document: &IntakeDocument,
        reference: &DocumentRef,
        matter: ClioId,
    ) -> Result<StepReport> {
        let key = &reference.key;
        let (mut open, resumed, due_at) = match self.begin_document(document, key, reference).await? {
            Begun::Open(open, resumed, due_at) => (open, resumed, due_at),
            Begun::Linked(clio) => {
                return Ok(StepReport::done(StepKind::Document, key, StepOutcome::Unchanged, Some(clio)));
            }
        };
        match open.intent.decision.take() {
            Some(Decided::Link(chosen)) => return self.link_chosen(key, matter, chosen, &open, due_at).await,
            Some(Decided::Create { .. }) => open.intent.finishing = None,
            None => {}
        }
        let may = check_approval(document.origin, document.status);
        let mut stub = None;
        if resumed {
            match self.find(key, matter, &open.intent).await? {
                Found::Finished(clio) => {
                    return self.link_found(reference, clio, may.is_err(), &open).await;
                }
                Found::Stub(id) => stub = Some(id),
                // A stub whose PATCH may have been sent, and which is not to be seen any more:
                // somebody removed or hid it.
                Found::Nothing if open.intent.finishing.is_some() => {
                    let intent = (link_record::document_key(&self.order.scope, key), open.version);
                    return Err(self.needs_review(StepKind::Document, key, Vec::new(), intent));
                }
                Found::Nothing => {}
            }
        }
        let stat = self.ctx.intake.stat(reference).await?;
        may_be_sent(&stat)?;
        may?;
        document.check()?;
        self.send_document(document, reference, matter, Sending { open, resumed, stub }, &stat).await
    }

    /// The document's record: linked already, or with its intent, which this run commits if there
    /// is none.
    async fn begin_document(
        &mut self,
        document: &IntakeDocument,
        key: &DocumentKey,
        reference: &DocumentRef,
    ) -> Result<Begun> {
        let record = link_record::document_key(&self.order.scope, key);
        let stored = match self.known.contains_key(&key.to_string()) {
            true => self.ctx.repository.get::<DocumentRecord>(&record).await?,
            // Nobody but this run creates it: the intent's commit expects so.
            false => None,
        };
        let linked = stored.as_ref().is_some_and(|stored| matches!(stored.value, DocumentRecord::Link(_)));
        if let Some(recovery) = self.recovery.filter(|_| !linked) {
            // The store may have lost which stub was being published, and that may still happen.
            recovery.must_be_settled("document")?;
        }
        let due_at = stored.as_ref().and_then(|stored| stored.due_at);
        let (open, resumed) = match stored {
            Some(Versioned { value: DocumentRecord::Link(link), .. }) => {
                return Ok(Begun::Linked(link.clio));
            }
            Some(Versioned { value: DocumentRecord::Intent(intent), version, .. }) => (Open { intent, version }, true),
            None => match self.announced.iter().position(|(announced, _)| announced == key) {
                Some(at) => (self.announced.swap_remove(at).1, false),
                None => self.intend(key, record, reference, document).await?,
            },
        };
        Ok(Begun::Open(open, resumed, due_at))
    }

    /// Commits the document's intent. Gives whether there may be a stub all the same.
    async fn intend(
        &self,
        key: &DocumentKey,
        record: Key,
        reference: &DocumentRef,
        document: &IntakeDocument,
    ) -> Result<(Open, bool)> {
        document.check()?;
        may_be_sent(&self.ctx.intake.stat(reference).await?)?;
        let intent = DocumentIntent { at: self.ctx.runtime.now(), finishing: None, decision: None };
        let mut transaction = self.unit_before_sending()?;
        let version = transaction.put(record, Expect::Absent, &DocumentRecord::Intent(intent.clone()))?;
        if self.commit_unit(&transaction).await? == Commit::Conflict {
            return Err(Error::new(Code::SyncBusy).with("document", key));
        }
        // After the store lost its tail there may be one.
        Ok((Open { intent, version }, self.recovery.is_some()))
    }

    /// Sends the bytes, unless they are there, and publishes them; once more as another version of
    /// the same document if that is refused.
    async fn send_document(
        &mut self,
        document: &IntakeDocument,
        reference: &DocumentRef,
        matter: ClioId,
        Sending { mut open, resumed, mut stub }: Sending,
        stat: &DocumentStat,
    ) -> Result<StepReport> {
        let key = &reference.key;
        // The bytes are there already if only the PATCH was in doubt.
        let mut ready = open.intent.finishing.clone().filter(|finishing| finishing.revision == stat.revision);
        let mut sent = 0;
        loop {
            let finishing = match ready.take() {
                Some(finishing) => finishing,
                None => {
                    sent += 1;
                    self.send_bytes(document, reference, matter, stub, stat, &open.intent).await?
                }
            };
            match self.publish(reference, &mut open, &finishing).await {
                Ok(()) => {
                    let how = if resumed && stub.is_some() { How::Recovered } else { How::Created };
                    return self.link_document(key, finishing.stub, how, None, &open).await;
                }
                // The bytes once again, as the newest version of the same document. Those that an
                // earlier run sent had all the time that Clio may take.
                Err(error) if sent < MOST_VERSIONS && (is_refused(&error) || sent == 0 && is_lost(&error)) => {
                    stub = Some(finishing.stub)
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Before each PATCH its stub becomes, or stays, the only candidate, until that PATCH cannot be
    /// executed any more.
    ///
    /// `false`: the connection changed, and the PATCH needs another permit.
    async fn note_finishing(
        &mut self,
        key: &DocumentKey,
        open: &mut Open,
        finishing: &Finishing,
        permit: &Permit,
    ) -> Result<bool> {
        let intent = DocumentIntent { finishing: Some(finishing.clone()), ..open.intent.clone() };
        let record = link_record::document_key(&self.order.scope, key);
        let mut transaction = self.unit_before_sending()?;
        permit.expect_connection(&mut transaction);
        let expect = Expect::Version(open.version.clone());
        let over = self.ctx.config.late_execution_window();
        let thing = DocumentRecord::Intent(intent.clone());
        let version = transaction.put_due(record.clone(), expect, Some(over), &thing)?;
        let since = self.ctx.runtime.monotonic();
        if self.commit_unit(&transaction).await? == Commit::Conflict {
            let now = self.ctx.repository.store().get(&record).await?;
            return match now.is_some_and(|now| now.version == open.version) {
                true => Ok(false),
                false => Err(Error::new(Code::SyncBusy).with("document", key)),
            };
        }
        self.client_api.connection_stood(since);
        *open = Open { intent, version };
        Ok(true)
    }

    /// POST and PUT: gives the stub whose bytes are in Clio's storage. Meanwhile the next
    /// document's stub is made (`ahead.rs`).
    async fn send_bytes(
        &mut self,
        document: &IntakeDocument,
        reference: &DocumentRef,
        matter: ClioId,
        known: Option<ClioId>,
        stat: &DocumentStat,
        intent: &DocumentIntent,
    ) -> Result<Finishing> {
        let key = &reference.key;
        let (mut known, mut addressed) = (known, None);
        match self.take_ahead(key, stat) {
            Some(Prepared::Addressed(stub)) => addressed = Some(stub),
            Some(Prepared::Stub(stub)) => known = known.or(Some(stub)),
            Some(Prepared::Perhaps) => known = self.stub_of(key, matter, intent).await?,
            None => {}
        }
        let mut parts = PartPlan::new(stat.len);
        let mut attempt = 0;
        loop {
            attempt += 1;
            let stub = match addressed.take() {
                Some(stub) => stub,
                None => self.open_stub(document, key, matter, known, &parts, intent).await?,
            };
            let sent = if parts.is_multipart() {
                // Its parts are named by calls of their own.
                self.upload(reference, &stub, stat.len, &parts).await
            } else {
                let uploading = self.upload(reference, &stub, stat.len, &parts);
                let (sent, ahead) = join(Box::pin(uploading), Box::pin(self.open_ahead(matter))).await;
                self.ahead = ahead.or(self.ahead.take());
                sent
            };
            match sent {
                Ok(()) => {
                    return Ok(Finishing {
                        stub: stub.id,
                        uuid: stub.uuid,
                        revision: stat.revision.clone(),
                        len: Some(stat.len),
                    });
                }
                // Another address for the same stub.
                Err(broken) if broken.elsewhere && attempt < MOST_ATTEMPTS => {
                    known = Some(stub.id);
                    parts = parts.in_batches_of(broken.batch);
                }
                Err(broken) => return Err(broken.error),
            }
        }
    }

    /// A stub to upload to: a new one, or a new version of a known one.
    async fn open_stub(
        &self,
        document: &IntakeDocument,
        key: &DocumentKey,
        matter: ClioId,
        known: Option<ClioId>,
        parts: &PartPlan,
        intent: &DocumentIntent,
    ) -> Result<DocumentStub> {
        let (mut known, mut content_type) = (known, document.content_type());
        let mut patience = Patience::default();
        loop {
            let request = stub_request(document, content_type, key, matter, known, parts)?;
            let permit = self.client_api.ready().await?;
            let failed = match self.client_api.send_once(permit, &request, None).await {
                Ok(stub) if known.is_none_or(|known| known == stub.id) && !stub.is_of_another(key, matter) => {
                    return Ok(stub);
                }
                // A second document instead of a version of the first would be a duplicate once it
                // is finished.
                Ok(_) => return Err(Error::new(Code::ClioAnswerInvalid).with("reason", "another_document")),
                Err(failed) => failed,
            };
            if content_type.is_none() && failed.failure.error.code() == Code::ClioValidation {
                // Clio cannot tell the type from the name.
                content_type = Some(ANY_TYPE);
                continue;
            }
            let perhaps = executed(&failed.failure) != Executed::No;
            self.client_api.wait_to_repeat(&mut patience, failed).await.map_err(refused)?;
            if perhaps && known.is_none() {
                known = self.stub_of(key, matter, intent).await?;
            }
        }
    }

    /// The stub of a document that nobody has finished yet, if there is one.
    async fn stub_of(&self, key: &DocumentKey, matter: ClioId, intent: &DocumentIntent) -> Result<Option<ClioId>> {
        Ok(match self.find(key, matter, intent).await? {
            Found::Stub(stub) => Some(stub),
            Found::Nothing | Found::Finished(_) => None,
        })
    }

    /// Looks for what earlier attempts left in Clio. Every property and the matter are compared
    /// again: unknown filters are ignored by Clio.
    ///
    /// A stub that is being finished is read by its id: lists lag behind. It is the only one,
    /// unless the store lost that another one followed it.
    pub(super) async fn find(&self, key: &DocumentKey, matter: ClioId, intent: &DocumentIntent) -> Result<Found> {
        let mut listed = Vec::new();
        if let Some(finishing) = &intent.finishing {
            match self.client_api.repeat(&documents::show(finishing.stub)).await {
                Ok(document) => listed.push(document),
                Err(failure) if failure.error.code() == Code::ClioNotFound => {}
                Err(failure) => return Err(refused(failure)),
            }
        }
        if intent.finishing.is_none() || self.recovery.is_some() {
            listed.extend(self.client_api.all_pages(documents::by_upload(matter, &key.upload)).await.map_err(refused)?);
        }
        let mut ours: Vec<Document> = listed.into_iter().filter(|found| found.is_for(key, matter)).collect();
        ours.sort_by_key(|found| found.id);
        let mut finished = ours.iter().find(|found| found.fully_uploaded == Some(true)).map(|found| found.id);
        if finished.is_none() && !ours.is_empty() && self.recovery.is_some() {
            finished = self.published(key, matter).await?;
        }
        Ok(match (finished, ours.first()) {
            (Some(document), _) => Found::Finished(document),
            (None, Some(stub)) => Found::Stub(stub.id),
            (None, None) => Found::Nothing,
        })
    }

    /// The document of this upload that people see. What looks like a stub by its id may have been
    /// published, and a late request for another version have come after that.
    pub(super) async fn published(&self, key: &DocumentKey, matter: ClioId) -> Result<Option<ClioId>> {
        let seen = documents::published_by_upload(matter, &key.upload);
        let seen = self.client_api.all_pages(seen).await.map_err(refused)?;
        Ok(seen.iter().filter(|found| found.is_for(key, matter)).map(|found| found.id).min())
    }

    /// The finishing PATCH, until Clio says that the document is there. Asked right before each:
    /// nothing withdrawn or changed meanwhile may be published.
    async fn publish(&mut self, reference: &DocumentRef, open: &mut Open, finishing: &Finishing) -> Result<()> {
        let request = documents::finish(finishing.stub, &finishing.uuid)?;
        let runtime = &self.ctx.runtime;
        let deadline = runtime.monotonic() + PROCESSING;
        let mut wait = PROCESSING_FIRST_WAIT;
        let mut patience = Patience::default();
        loop {
            let permit = self.client_api.ready_to_commit().await?;
            let now = self.ctx.intake.stat(reference).await?;
            if !mutated!(ApprovalBeforePublish) {
                may_be_sent(&now).map_err(|_| Error::new(Code::DocumentWithdrawn))?;
            }
            if now.revision != finishing.revision {
                return Err(Error::new(Code::DocumentChanged));
            }
            let not_after = runtime.monotonic() + self.ctx.config.send_window;
            if !self.note_finishing(&reference.key, open, finishing, &permit).await? {
                continue;
            }
            let processing = match self.client_api.send_once(permit, &request, Some(not_after)).await {
                Ok(document) if self.says_published(&document, finishing).await? => return Ok(()),
                Ok(_) => Error::new(Code::DocumentProcessing),
                Err(failed) if failed.failure.error.code() == Code::DocumentProcessing => refused(failed.failure),
                Err(failed) => {
                    let refused_by_clio = failed.failure.error.code() == Code::ClioValidation;
                    let mut shown = None;
                    if refused_by_clio || executed(&failed.failure) != Executed::No {
                        // "Finishing twice is an error", and the answer may have been lost: what
                        // counts is what Clio holds.
                        let document =
                            self.client_api.repeat(&documents::show(finishing.stub)).await.map_err(refused)?;
                        if document.is_finished(&finishing.uuid) {
                            return Ok(());
                        }
                        shown = document.uuid;
                    }
                    if refused_by_clio && shown.is_some_and(|newest| newest != finishing.uuid) {
                        // A lost request for another version came late: ours can be neither
                        // finished nor seen any more.
                        let error = refused(failed.failure).with("reason", "another_version");
                        return Err(error.retry_as(Retry::Retry));
                    }
                    if refused_by_clio && now.len == 0 {
                        return Err(Error::new(Code::DocumentEmptyRefused));
                    }
                    self.client_api.wait_to_repeat(&mut patience, failed).await.map_err(refused)?;
                    continue;
                }
            };
            if self.processing_is_slow || runtime.monotonic() >= deadline {
                self.processing_is_slow = true;
                return Err(processing);
            }
            self.ctx.stop.unless_stopped(runtime.sleep(wait)).await?;
            wait = (wait * 2).min(PROCESSING_LONGEST_WAIT);
        }
    }

    /// Whether an answer to the finishing PATCH says that it did. One without the version, or of
    /// another document, says nothing, so Clio is asked what it holds.
    async fn says_published(&self, answer: &Document, finishing: &Finishing) -> Result<bool> {
        let of_this = answer.id == finishing.stub && answer.uuid.as_ref() == Some(&finishing.uuid);
        if let Some(done) = answer.fully_uploaded.filter(|_| of_this) {
            return Ok(done);
        }
        let document = self.client_api.repeat(&documents::show(finishing.stub)).await.map_err(refused)?;
        Ok(document.is_finished(&finishing.uuid))
    }

    /// Links the document that an admin named, if it can be this one.
    async fn link_chosen(
        &mut self,
        key: &DocumentKey,
        matter: ClioId,
        chosen: Chosen,
        open: &Open,
        due_at: Option<Timestamp>,
    ) -> Result<StepReport> {
        let clio = chosen.clio;
        let owned = link_record::is_owned(&self.ctx.repository, &self.order.scope, "document", clio).await?.is_some();
        let wrong = match self.named(&documents::show(clio)).await? {
            None => "not_found",
            Some(document) if document.matter_id != Some(matter) => "another_matter",
            Some(_) if owned => "belongs_to_another_record",
            Some(document) if document.fully_uploaded != Some(true) => "not_uploaded",
            Some(_) => return self.link_document(key, clio, How::Linked, None, open).await,
        };
        let value = DocumentRecord::Intent(open.intent.clone());
        let undecided = Versioned { value, version: open.version.clone(), due_at };
        let record = link_record::document_key(&self.order.scope, key);
        Err(self.take_back(StepKind::Document, key, record, undecided, chosen, wrong).await?)
    }

    /// Links what an earlier request published. The firm is told if that should not be in Clio any
    /// more, and if it is not what CaseHug has by now.
    async fn link_found(
        &mut self,
        reference: &DocumentRef,
        clio: ClioId,
        withdrawn: bool,
        open: &Open,
    ) -> Result<StepReport> {
        let note = withdrawn.then_some(Note::ApprovalWithdrawn);
        let step = self.link_document(&reference.key, clio, How::Recovered, note, open).await?;
        let now = self.ctx.intake.stat(reference).await.ok().filter(|_| !withdrawn);
        match now.zip(open.intent.finishing.as_ref()) {
            Some((now, sent)) if now.revision != sent.revision => Err(replaced(clio)),
            _ => Ok(step),
        }
    }

    pub(super) async fn link_document(
        &mut self,
        key: &DocumentKey,
        clio: ClioId,
        how: How,
        note: Option<Note>,
        open: &Open,
    ) -> Result<StepReport> {
        let (outcome, action) = match how {
            How::Created => (StepOutcome::Created, Action::DocumentCreated),
            How::Recovered => (StepOutcome::Recovered, Action::DocumentCreated),
            How::Linked => (StepOutcome::Linked, Action::DocumentLinked),
        };
        let step = StepReport::done(StepKind::Document, key, outcome, Some(clio)).noting(note);
        // What an admin named may be another file.
        let sent = open.intent.finishing.as_ref().filter(|_| how != How::Linked);
        let link = Link {
            clio,
            how,
            at: self.ctx.runtime.now(),
            notes: step.notes.clone(),
            client: None,
            named: false,
            len: sent.and_then(|finishing| finishing.len),
        };
        let link = DocumentRecord::Link(link);
        for with_next in [true, false] {
            let mut transaction = self.transaction()?;
            let record = link_record::document_key(&self.order.scope, key);
            transaction.put(record, Expect::Version(open.version.clone()), &link)?;
            let owner = Owner { owner: key.to_string() };
            transaction.put(link_record::owner_key(&self.order.scope, "document", clio), Expect::Absent, &owner)?;
            transaction.audit(self.audit(action, AuditStatus::Ok, &step));
            let next = if with_next { self.announce_next_in(&mut transaction)? } else { Vec::new() };
            let alone = next.is_empty();
            if self.commit(transaction, &step).await? {
                self.announced.extend(next);
                return Ok(step);
            }
            if alone {
                break;
            }
        }
        Err(Error::new(Code::SyncBusy).with("document", key))
    }
}

/// The request for a stub: a new one, or a new version of a known one.
pub(super) fn stub_request(
    document: &IntakeDocument,
    content_type: Option<&str>,
    key: &DocumentKey,
    matter: ClioId,
    known: Option<ClioId>,
    parts: &PartPlan,
) -> Result<ApiRequest<DocumentStub>> {
    let name = text::file_name(document.file_name.expose());
    let new = NewDocument { name: &name, content_type, matter, key, parts: parts.first_batch() };
    match known {
        Some(stub) => documents::new_version(stub, &new),
        None => documents::create(&new),
    }
}

/// There is another file by now than the one that Clio has.
pub(super) fn replaced(clio: ClioId) -> Error {
    Error::new(Code::DocumentReplaced).with("clio", clio)
}

/// Whether a document may leave, as it is now.
pub(super) fn may_be_sent(stat: &DocumentStat) -> Result<()> {
    check_approval(stat.origin, stat.status)
}

fn check_approval(origin: DocumentOrigin, status: DocumentStatus) -> Result<()> {
    if origin != DocumentOrigin::ClientUpload {
        return Err(Error::new(Code::DocumentNotClientUpload).with("origin", origin.name()));
    }
    if status != DocumentStatus::Approved {
        return Err(Error::new(Code::DocumentNotApproved).with("status", status.name()));
    }
    Ok(())
}

/// Whether Clio will not take these bytes as they are.
fn is_refused(error: &Error) -> bool {
    error.code() == Code::ClioValidation
}

/// Whether Clio still waits for bytes to arrive, and does not merely process them.
fn is_lost(error: &Error) -> bool {
    error.is(Detail::UploadNotFound)
}
