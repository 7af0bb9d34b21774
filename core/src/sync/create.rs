//! What the contact and the matter share: the beats of a creation, and what becomes of its intent.

use super::duplicate_check;
use crate::calls::refused;
use crate::links::intent;
use core::time::Duration;

use futures_util::future::{Either, ready};

use super::driver::Driver;
use crate::calls::call::{Executed, Patience, Permit, executed};
use crate::clio::ApiRequest;
use crate::connection::Connection;
use crate::domain::report::{Note, StepReport};
use crate::domain::{ClioId, Timestamp};
use crate::error::{ANSWER, Code, Error, Failure, Result, Retry};
use crate::links::link_record;
use crate::links::link_record::{ContactKey, Decided, How, Intent, Link, LinkRecord, committed_at};
use crate::ports::{Commit, Expect, Key, Version};
use crate::store::{Transaction, Versioned};

/// How long it is before Clio is asked about a creation in doubt for the second time. After that
/// each wait is as long as all before it.
const FIRST_WAIT: Duration = Duration::from_secs(5);

/// So long after a creation was sent, its answer is waited for where another run sent it.
const ANSWERED_AFTER: Duration = Duration::from_secs(3);
/// How long it is at least before a look for that answer.
const FIRST_LOOK: Duration = Duration::from_millis(50);

/// How often in a row a creation is sent that Clio does not carry out, before that is a failure.
const MOST_ROUNDS: u32 = 3;

/// What became of an open intent.
pub(crate) enum Resolved {
    /// It is a link now.
    Linked(StepReport),
    /// Quiet, and nothing was found: it is gone, the step may start afresh.
    Released,
}

/// What stands in the place of a record that is to be created, and what an admin said not to be it.
#[derive(Default)]
pub(crate) struct Asked {
    /// The version of the question.
    pub version: Option<Version>,
    pub not: Vec<ClioId>,
}

impl Asked {
    /// Of a record that stands for a question, or for what was answered to it: nothing is being
    /// created. `None`: something is, or was linked, or an admin named the record.
    pub(crate) fn of(stored: &Versioned<LinkRecord>) -> Option<Self> {
        match &stored.value {
            LinkRecord::Intent(intent) if intent.question && intent.chosen().is_none() => {
                Some(Self { version: Some(stored.version.clone()), not: intent.excluded().to_vec() })
            }
            _ => None,
        }
    }

    pub(crate) fn expect(&self) -> Expect {
        self.version.clone().map_or(Expect::Absent, Expect::Version)
    }

    pub(crate) fn decision(&self) -> Option<Decided> {
        excluding(&self.not)
    }
}

/// What an admin answered, as it outlives what it was answered about.
fn excluding(not: &[ClioId]) -> Option<Decided> {
    (!not.is_empty()).then(|| Decided::Create { not: not.to_vec() })
}

/// What became of a creating request.
pub(crate) enum Creation<A> {
    /// Clio answered; this is the intent.
    Created(A, Box<Versioned<Intent>>),
    /// It may have been executed.
    Doubt,
    /// Another run holds the key.
    Raced,
}

impl Driver<'_> {
    /// Beats 1 and 2 of a creation: commits the intent and sends, as often as it is certain that
    /// nothing was executed.
    pub(crate) async fn create<A, N: serde::Serialize>(
        &mut self,
        key: &Key,
        email_index: Option<&(Key, ContactKey)>,
        natural: &N,
        email: Option<String>,
        asked: &Asked,
        request: &ApiRequest<A>,
    ) -> Result<Creation<A>> {
        let config = self.ctx.config;
        let mut patience = Patience::default();
        let mut current: Option<Version> = None;
        let mut sends = 0;
        let rounds = core::mem::take(&mut self.rounds) + 1;
        loop {
            let permit = self.permit_or_release(key, email_index, current.as_ref(), asked).await?;
            sends += 1;
            let intent = self.intent_to_create(key, &permit, natural, (sends, rounds), email.clone(), asked).await?;
            let not_after = self.ctx.runtime.monotonic() + config.send_window;
            let mut transaction = self.unit_before_sending()?;
            permit.expect_connection(&mut transaction);
            let expect = current.clone().map_or_else(|| asked.expect(), Expect::Version);
            let (window, record) = (config.late_execution_window(), LinkRecord::Intent(intent.clone()));
            let version = transaction.put_due(key.clone(), expect, Some(window), &record)?;
            if let (None, Some(index)) = (&current, email_index) {
                self.index_email(&mut transaction, index).await?;
            }
            // It begins where it is awaited.
            let sending = self.client_api.send_once(permit, request, Some(not_after));
            let sending =
                if mutated!(IntentBeforeSend) { Either::Left(ready(sending.await)) } else { Either::Right(sending) };
            let since = self.ctx.runtime.monotonic();
            let Commit::Done { at } = self.commit_unit(&transaction).await? else {
                drop(sending);
                self.release_unsent(key, email_index, current, asked).await?;
                return Ok(Creation::Raced);
            };
            self.client_api.connection_stood(since);
            current = Some(version.clone());
            let sent = Intent { committed_at: Some(at), ..intent };
            let failed = match sending.await {
                Ok(answer) => {
                    return Ok(Creation::Created(answer, Box::new(Versioned { value: sent, version, due_at: None })));
                }
                Err(failed) => failed,
            };
            match executed(&failed.failure) {
                perhaps @ (Executed::Perhaps | Executed::PerhapsEnded) => {
                    let over = matches!(perhaps, Executed::PerhapsEnded);
                    self.leave_in_doubt(key, version, sent, refused(failed.failure), over).await?;
                    return Ok(Creation::Doubt);
                }
                Executed::No => {
                    let Err(failure) = self.client_api.wait_to_repeat(&mut patience, failed).await else { continue };
                    self.release_unsent(key, email_index, Some(version), asked).await?;
                    return Err(refused(failure));
                }
            }
        }
    }

    /// Leave to commit and to send. Without it, what was refused before is not sent again.
    async fn permit_or_release(
        &mut self,
        key: &Key,
        email_index: Option<&(Key, ContactKey)>,
        current: Option<&Version>,
        asked: &Asked,
    ) -> Result<Permit> {
        let permit = self.client_api.ready_to_commit().await;
        if permit.is_err() {
            self.release_unsent(key, email_index, current.cloned(), asked).await?;
        }
        permit
    }

    /// Takes back an intent whose request was certainly not carried out, if there is one. What an
    /// admin answered before it stays answered.
    async fn release_unsent(
        &mut self,
        key: &Key,
        email_index: Option<&(Key, ContactKey)>,
        version: Option<Version>,
        asked: &Asked,
    ) -> Result<()> {
        if let Some(version) = version {
            let transaction = self.releasing(key, email_index.map(|(key, _)| key), version, asked.decision()).await?;
            self.commit_unit(&transaction).await?;
        }
        Ok(())
    }

    /// Adds whose contact has this email: of two runs at once, one fails there.
    async fn index_email(&self, transaction: &mut Transaction, (key, value): &(Key, ContactKey)) -> Result<()> {
        let was = if mutated!(ContactKeyAbsent) { self.ctx.repository.store().get(key).await? } else { None };
        transaction.put(key.clone(), was.map_or(Expect::Absent, |was| Expect::Version(was.version)), value)?;
        Ok(())
    }

    /// What is committed before a request to create is sent.
    async fn intent_to_create<N: serde::Serialize>(
        &self,
        key: &Key,
        permit: &Permit,
        natural: &N,
        (sends, rounds): (u32, u32),
        email: Option<String>,
        asked: &Asked,
    ) -> Result<Intent> {
        let connection = permit.grant.connection.id.clone();
        let late_window = self.ctx.config.late_execution_window();
        Ok(Intent {
            sealed: intent::seal_natural_key(self.ctx, key, &connection, natural).await?,
            connection,
            clio_at: self.ctx.clio.clio_now(),
            late_window_ms: u64::try_from(late_window.as_millis()).unwrap_or(u64::MAX),
            committed_at: None,
            sends,
            rounds,
            email,
            cause: None,
            decision: asked.decision(),
            question: false,
        })
    }

    /// Commits that a request may have been executed, and why nobody knows. `over`: from now on it
    /// is not executed any more.
    async fn leave_in_doubt(
        &mut self,
        key: &Key,
        version: Version,
        intent: Intent,
        cause: Error,
        over: bool,
    ) -> Result<()> {
        self.client_api.note_doubt(&cause);
        let mut transaction = self.transaction()?;
        let due = match intent.committed_at {
            // Settled when it would have been, and not a moment earlier.
            Some(committed_at) if !over => {
                let settled = committed_at + self.ctx.config.late_execution_window();
                self.ctx.repository.store_now(&key.firm).await?.until(settled)
            }
            // What was executed may not be listed yet.
            _ => Duration::ZERO,
        };
        let doubt = LinkRecord::Intent(Intent { cause: Some(Box::new(Failure::from(&cause))), ..intent });
        transaction.put_due(key.clone(), Expect::Version(version), Some(due), &doubt)?;
        self.commit_unit(&transaction).await?;
        Ok(())
    }

    /// Whether another run notes in a moment what became of its request: two matters of a new client
    /// are often approved together. Asked now, Clio may not show yet what it is just creating.
    pub(crate) async fn is_answered_soon(&self, key: &Key, intent: &Versioned<Intent>) -> Result<bool> {
        if intent.value.cause.is_some() || intent.value.sends == 0 {
            return Ok(false);
        }
        let store = &self.ctx.repository;
        let Some(committed_at) = committed_at(&intent.value, intent.due_at) else { return Ok(false) };
        let mut waited = committed_at.until(store.store_now(&key.firm).await?);
        while waited < ANSWERED_AFTER {
            let wait = waited.max(FIRST_LOOK).min(ANSWERED_AFTER - waited);
            self.ctx.stop.unless_stopped(self.ctx.runtime.sleep(wait)).await?;
            waited += wait;
            if store.store().get(key).await?.is_none_or(|now| now.version != intent.version) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Releases an intent that was not found, and keeps what an admin said not to be it, if
    /// whatever it created had to be listed when Clio was asked (`asked_at`, on the store's clock):
    /// it was settled an `index_delay` before that. Else says when to come back. When it was sent
    /// in vain too often, it stays, and the next run goes on with it.
    ///
    /// Not "if it is settled now": between Clio's answer and this moment the process may have stood
    /// still for as long as you like.
    pub(crate) async fn release_if_settled(
        &mut self,
        key: &Key,
        intent: &Versioned<Intent>,
        asked_at: Timestamp,
    ) -> Result<Resolved> {
        if let Some(recovery) = self.recovery {
            // The store may have lost that it was sent once more.
            recovery.must_be_settled(key.collection)?;
        }
        let listed_at = intent.due_at.map(|settled_at| {
            let settled_at = if mutated!(LateExecution) { Timestamp(0) } else { settled_at };
            if mutated!(IndexDelay) { settled_at } else { settled_at + self.ctx.config.index_delay }
        });
        if let Some(listed_at) = listed_at.filter(|listed_at| *listed_at > asked_at) {
            let left = asked_at.until(listed_at) + Duration::from_millis(1);
            // What was created shows long before it is certain that nothing was; and where another
            // matter's run is creating it, that run is done in a moment.
            let committed_at = committed_at(&intent.value, intent.due_at);
            let waited = committed_at.map_or(Duration::ZERO, |committed_at| committed_at.until(asked_at));
            let wait = Retry::After(left.min(waited.max(FIRST_WAIT)));
            return Err(caused(Code::SyncInDoubt, key.collection, intent.value.cause.as_deref()).retry_as(wait));
        }
        if intent.value.rounds >= MOST_ROUNDS {
            return Err(self.give_up_for_now(key, intent).await?);
        }
        let email_index = intent.value.email.as_ref().map(|digest| link_record::email_key(&self.order.scope, digest));
        loop {
            let answered = excluding(intent.value.excluded());
            let mut transaction = self.releasing(key, email_index.as_ref(), intent.version.clone(), answered).await?;
            let wait = self.ctx.config.recheck_after();
            duplicate_check::look_again_in(self.ctx, &mut transaction, &self.order.scope, key, intent, wait).await?;
            if matches!(self.commit_unit(&transaction).await?, Commit::Done { .. }) {
                self.rounds = intent.value.rounds;
                return Ok(Resolved::Released);
            }
            // Another run resolved it meanwhile, and the caller reads again; or it was the look's
            // maintenance task that was written.
            let now = self.ctx.repository.store().get(key).await?;
            if now.is_none_or(|now| now.version != intent.version) {
                return Ok(Resolved::Released);
            }
        }
    }

    /// Gives the error of a creation that Clio did not carry out however often it was sent. Its
    /// intent stays open, so that the next run asks Clio once more before it sends anything:
    /// that run comes when a passing cause is tried again, or when somebody asks for it.
    async fn give_up_for_now(&mut self, key: &Key, intent: &Versioned<Intent>) -> Result<Error> {
        let sent = intent.value.rounds;
        let committed_at = committed_at(&intent.value, intent.due_at);
        let mut transaction = self.transaction()?;
        let link_record = LinkRecord::Intent(Intent { rounds: 0, committed_at, ..intent.value.clone() });
        // Without a due time: what it created is listed since long.
        transaction.put(key.clone(), Expect::Version(intent.version.clone()), &link_record)?;
        if self.commit_unit(&transaction).await? == Commit::Conflict {
            return Ok(Error::new(Code::SyncBusy).with("collection", key.collection));
        }
        Ok(caused(Code::NotCreated, key.collection, intent.value.cause.as_deref()).with("sent", sent))
    }

    /// Adds a look to the commit of a link that closes a doubt without knowing what became of its
    /// request, if that may still be executed.
    pub(crate) async fn look_after_doubt_in(
        &self,
        transaction: &mut Transaction,
        key: &Key,
        doubt: &Versioned<Intent>,
    ) -> Result<()> {
        let now = self.ctx.repository.store_now(&key.firm).await?;
        let left = doubt.due_at.map_or(Duration::ZERO, |due| now.until(due));
        if left.is_zero() {
            return Ok(());
        }
        let wait = left + self.ctx.config.recheck_after();
        duplicate_check::look_again_in(self.ctx, transaction, &self.order.scope, key, doubt, wait).await
    }

    async fn releasing(
        &self,
        key: &Key,
        email_index: Option<&Key>,
        version: Version,
        decision: Option<Decided>,
    ) -> Result<Transaction> {
        let mut transaction = self.unit_before_sending()?;
        // An answer that is still to come would be taken for one about the next try.
        self.close_question_in(&mut transaction, key).await?;
        if let Some(decision) = decision
            && let Some(connection) = Connection::load(&self.ctx.repository, self.firm).await?
        {
            let answered = Intent::question(connection.value.id, Some(decision));
            transaction.put(key.clone(), Expect::Version(version), &LinkRecord::Intent(answered))?;
        } else {
            transaction.delete(key.clone(), version);
        }
        if let Some(email_index) = email_index
            && let Some(record) = self.ctx.repository.store().get(email_index).await?
        {
            transaction.delete(email_index.clone(), record.version);
        }
        Ok(transaction)
    }

    pub(crate) fn link(&self, clio: ClioId, how: How, notes: Vec<Note>) -> LinkRecord {
        LinkRecord::Link(Link { clio, how, at: self.ctx.runtime.now(), notes, client: None, named: true, len: None })
    }
}

/// What is told of a creation that is, or was, in doubt: what was answered to it, however long ago.
fn caused(code: Code, collection: &'static str, cause: Option<&Failure>) -> Error {
    let error = Error::new(code).with("collection", collection);
    let Some(cause) = cause else { return error.with("reason", "no_answer_recorded") };
    let answered = ANSWER.into_iter().filter_map(|key| Some((key, cause.get(key)?)));
    answered.fold(error.with("cause", &cause.code), |error, (key, value)| error.with(key, value))
}
