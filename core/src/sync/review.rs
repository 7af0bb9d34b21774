//! What only a person can decide: whether a record in Clio is the one whose answer was lost.
//!
//! A lookup that finds something near, or several, stops its step as `needs_review`: to link a
//! stranger's record would show one client's file to another's lawyer, to post again may make a
//! duplicate. The candidates' ids are kept, an admin looks at them in Clio, and the decision is
//! written into the open intent itself: the next run, and no other, acts on it.

use crate::links::Decision;
use serde::{Deserialize, Serialize};

use super::driver::Driver;
use crate::calls::{Context, refused};
use crate::clio::ApiRequest;
use crate::connection::AccountScope;
use crate::domain::report::StepKind;
use crate::domain::{Actor, ClientId, ClioId, DocumentKey, FirmId, MatterId, Timestamp};
use crate::error::{Code, Error, Result};
use crate::links::link_record;
use crate::links::link_record::{Chosen, Decided, DocumentRecord, LinkRecord};
use crate::ports::{Commit, Expect, Key, Version};
use crate::store::{Action, AuditEntry, AuditStatus, Repository, Transaction, Versioned};

const REVIEWS: &str = "review";

/// A question to an admin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Review {
    /// What it is about.
    pub step: StepKind,
    /// CaseHug's id: of the client, of the matter, or `matter/document/upload`.
    pub id: String,
    /// The matters whose sync waits for the answer: several, if it is about their common client.
    pub matters: Vec<MatterId>,
    /// The records in Clio that resemble it; none if a document that was being published is gone.
    pub candidates: Vec<ClioId>,
    /// When the question arose, on the host's clock.
    pub since: Timestamp,
}

impl Review {
    fn key(scope: &AccountScope, step: StepKind, id: &str) -> Key {
        scope.key(REVIEWS, format_args!("{}/{id}", step.name()))
    }

    /// Adds the question to the commit of the step that raised it.
    pub(crate) async fn put(
        &self,
        repository: &Repository,
        transaction: &mut Transaction,
        scope: &AccountScope,
    ) -> Result<()> {
        let key = Self::key(scope, self.step, &self.id);
        let Some(known) = repository.get::<Self>(&key).await? else {
            return transaction.put(key, Expect::Absent, self).map(|_| ());
        };
        let mut review = self.clone();
        review.matters.extend(known.value.matters.into_iter().filter(|matter| !self.matters.contains(matter)));
        transaction.put(key, Expect::Version(known.version), &review).map(|_| ())
    }
}

impl Driver<'_> {
    /// The error of a step that a person must decide about. `intent` is the version that Clio was
    /// asked about: should an answer be written into it before the question is, the question
    /// would never be answered, so its commit depends on that.
    pub(crate) fn needs_review(
        &mut self,
        step: StepKind,
        id: impl ToString,
        candidates: Vec<ClioId>,
        intent: (Key, Version),
    ) -> Error {
        let id = id.to_string();
        let error = Error::new(Code::NeedsReview).with(step.name(), &id).with("candidates", candidates.len());
        let (matters, since) = (vec![self.intake.matter.id.clone()], self.ctx.runtime.now());
        self.review = Some((Review { step, id, matters, candidates, since }, intent));
        error
    }

    /// Adds to the commit that settles what stands under `key` otherwise: a question about it is
    /// over. Other matters that wait for the answer are synced.
    pub(crate) async fn close_question_in(&self, transaction: &mut Transaction, key: &Key) -> Result<()> {
        let scope = &self.order.scope;
        let question =
            scope.key(REVIEWS, format_args!("{}/{}", key.collection, scope.strip(&key.id).unwrap_or_default()));
        let Some(Versioned { value: review, version, .. }) = self.ctx.repository.get::<Review>(&question).await? else {
            return Ok(());
        };
        for matter in review.matters.iter().filter(|matter| **matter != self.order.matter) {
            // Nobody asks for it: it is synced if what is approved is.
            self.followers.follow(self.order, matter).await?;
        }
        transaction.delete(question, version);
        Ok(())
    }

    /// The record that an admin named, if it is there.
    pub(crate) async fn named<A>(&self, show: &ApiRequest<A>) -> Result<Option<A>> {
        match self.client_api.repeat(show).await {
            Ok(record) => Ok(Some(record)),
            Err(failure) if failure.error.code() == Code::ClioNotFound => Ok(None),
            Err(failure) => Err(refused(failure)),
        }
    }

    /// Takes back an answer that names a record which cannot be the one: a mistyped id is somebody
    /// else's. Gives the error that says so; the question is open again.
    pub(crate) async fn take_back<T: Serialize>(
        &mut self,
        step: StepKind,
        id: impl ToString,
        key: Key,
        undecided: Versioned<T>,
        chosen: Chosen,
        wrong: &'static str,
    ) -> Result<Error> {
        let now = self.ctx.repository.store_now(&key.firm).await?;
        let due = undecided.due_at.map(|due| now.until(due));
        let mut transaction = self.transaction()?;
        let version = transaction.put_due(key.clone(), Expect::Version(undecided.version), due, &undecided.value)?;
        if self.commit_unit(&transaction).await? == Commit::Conflict {
            return Err(Error::new(Code::SyncBusy).with("clio", chosen.clio));
        }
        let error = self.needs_review(step, id, chosen.among, (key, version));
        Ok(error.with("decision", wrong).with("clio", chosen.clio))
    }
}

/// A question that was answered.
#[derive(Debug)]
pub(crate) struct Answered {
    question: Key,
    version: Version,
    pub matters: Vec<MatterId>,
}

/// The intent that waits, and when it is due.
enum Waiting {
    LinkRecord(Key, Versioned<LinkRecord>),
    Document(Key, Versioned<DocumentRecord>),
}

async fn waiting(ctx: &Context, scope: &AccountScope, step: StepKind, id: &str) -> Result<Option<Waiting>> {
    let link_record = |key: Key| async move {
        let stored = ctx.repository.get::<LinkRecord>(&key).await?;
        let open = stored.filter(|stored| matches!(stored.value, LinkRecord::Intent(_)));
        Ok(open.map(|stored| Waiting::LinkRecord(key, stored)))
    };
    match step {
        StepKind::Contact => link_record(link_record::contact_key(scope, &ClientId::new(id)?)).await,
        StepKind::Matter => link_record(link_record::matter_key(scope, &MatterId::new(id)?)).await,
        StepKind::Document => {
            let key = link_record::document_key(scope, &DocumentKey::parse(id)?);
            let stored = ctx.repository.get::<DocumentRecord>(&key).await?;
            let open = stored.filter(|stored| matches!(stored.value, DocumentRecord::Intent(_)));
            Ok(open.map(|stored| Waiting::Document(key, stored)))
        }
    }
}

/// The questions that are open. Those that answered themselves are left out.
pub(crate) async fn reviews(ctx: &Context, firm: &FirmId) -> Result<Vec<Review>> {
    let scope = AccountScope::current(&ctx.repository, firm).await?;
    let mut open = Vec::new();
    for (_, stored) in ctx.repository.list::<Review>(firm, REVIEWS, &scope.id("")).await? {
        let review = stored.value;
        if waiting(ctx, &scope, review.step, &review.id).await?.is_some() {
            open.push(review);
        }
    }
    Ok(open)
}

/// Writes an answer into the intent. Gives the matters that wait for it. Refused if the question has
/// a candidate by now that is not among those that were shown.
pub(crate) async fn answer(
    ctx: &Context,
    actor: &Actor,
    step: StepKind,
    id: &str,
    decision: Decision,
    shown: Option<&[ClioId]>,
) -> Result<Answered> {
    let firm = &actor.firm;
    let scope = AccountScope::current(&ctx.repository, firm).await?;
    let question = Review::key(&scope, step, id);
    let unknown = || Error::new(Code::RecordUnknown).with("type", "review");
    let Versioned { value: review, version, .. } =
        ctx.repository.get::<Review>(&question).await?.ok_or_else(unknown)?;
    let waiting = waiting(ctx, &scope, step, id).await?.ok_or_else(unknown)?;
    if let Some(other) = review.candidates.iter().find(|clio| shown.is_some_and(|shown| !shown.contains(clio))) {
        return Err(Error::new(Code::ReviewChanged).with(step.name(), id).with("clio", other));
    }
    // Contacts of one email may be shared; anything else belongs to one record.
    if let Decision::Link { clio } = decision
        && step != StepKind::Contact
        && link_record::is_owned(&ctx.repository, &scope, step.name(), clio).await?.is_some()
    {
        return Err(Error::new(Code::SettingInvalid)
            .with("argument", "decision")
            .with("reason", "belongs_to_another_record"));
    }
    let mut transaction = ctx.repository.transaction(firm)?;
    // A run of one more matter may be asking it in this moment: that matter waits for the answer
    // too.
    transaction.check(question.clone(), Expect::Version(version.clone()));
    let now = ctx.repository.store_now(firm).await?;
    match waiting {
        Waiting::LinkRecord(key, stored) => {
            let LinkRecord::Intent(mut intent) = stored.value else { return Err(unknown()) };
            // The due time is written anew, and no longer tells when the intent was made.
            intent.committed_at = link_record::committed_at(&intent, stored.due_at);
            intent.decide(decision, &review.candidates);
            // One that is settled, and listed, since long is so without a due time.
            let open = stored.due_at.filter(|due| *due + ctx.config.index_delay > now);
            let due = open.map(|due| now.until(due));
            transaction.put_due(key, Expect::Version(stored.version), due, &LinkRecord::Intent(intent))?;
        }
        Waiting::Document(key, stored) => {
            let DocumentRecord::Intent(mut intent) = stored.value else { return Err(unknown()) };
            intent.decision = Some(match decision {
                Decision::Link { clio } => Decided::Link(Chosen { clio, among: Vec::new(), not: Vec::new() }),
                Decision::Create => Decided::Create { not: Vec::new() },
            });
            let due = stored.due_at.map(|due| now.until(due));
            transaction.put_due(key, Expect::Version(stored.version), due, &DocumentRecord::Intent(intent))?;
        }
    }
    let entry = AuditEntry::by(&actor.id, Action::Review, AuditStatus::Ok).with(step.name(), id);
    transaction.audit(told(entry, decision, &review.candidates));
    ctx.repository.commit_or_conflict(&transaction).await?;
    Ok(Answered { question, version, matters: review.matters })
}

fn told(entry: AuditEntry, decision: Decision, candidates: &[ClioId]) -> AuditEntry {
    match decision {
        Decision::Link { clio } => entry.with("decision", "link").with("clio", clio),
        Decision::Create => {
            let not: Vec<String> = candidates.iter().map(ToString::to_string).collect();
            entry.with("decision", "create").with("not", not.join(","))
        }
    }
}

/// Takes an answered question off the list, once somebody acts on the answer.
pub(crate) async fn close_answered(ctx: &Context, firm: &FirmId, answered: Answered) -> Result<()> {
    // Answered, and somebody acts on it: it must not be answered once more, when what is being
    // created is another try.
    let mut transaction = ctx.repository.transaction(firm)?;
    transaction.delete(answered.question, answered.version);
    // A conflict: a run has asked anew.
    ctx.repository.commit(&transaction).await.map(|_| ())
}
