//! What only a person can decide: whether a record in Clio is the one whose answer was lost.
//!
//! A probe that finds something near, or several, stops its step as `needs_review`: to link a stranger's record would show one client's file to
//! another's lawyer, to post again may make a duplicate. The candidates' ids are kept, an admin looks at them in Clio, and the decision is written into the open intent itself: the next run,
//! and no other, acts on it.

use crate::links::Decision;
use serde::{Deserialize, Serialize};

use super::driver::Driver;
use crate::calls::{Context, refused};
use crate::clio::ApiRequest;
use crate::connection::Links;
use crate::domain::report::StepKind;
use crate::domain::{Actor, ClientId, ClioId, DocumentKey, FirmId, MatterId, Timestamp};
use crate::error::{Code, Error, Result};
use crate::links::things;
use crate::links::things::{Chosen, Decided, DocumentThing, Thing};
use crate::ports::{Commit, Expect, Key, Version};
use crate::store::{Action, AuditEntry, AuditStatus, Journal, Stored, Unit};

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
    fn key(links: &Links, step: StepKind, id: &str) -> Key {
        links.key(REVIEWS, format_args!("{}/{id}", step.name()))
    }

    /// Adds the question to the commit of the step that raised it.
    pub(crate) async fn put(&self, journal: &Journal, unit: &mut Unit, links: &Links) -> Result<()> {
        let key = Self::key(links, self.step, &self.id);
        let Some(known) = journal.get::<Self>(&key).await? else {
            return unit.put(key, Expect::Absent, self).map(|_| ());
        };
        let mut review = self.clone();
        review.matters.extend(known.value.matters.into_iter().filter(|matter| !self.matters.contains(matter)));
        unit.put(key, Expect::Version(known.version), &review).map(|_| ())
    }
}

impl Driver<'_> {
    /// The error of a step that a person must decide about. `intent` is the version that Clio was asked about: should an answer be written into it before the
    /// question is, the question would never be answered, so its commit depends on that.
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

    /// Adds to the commit that settles what stands under `key` otherwise: a question about it is over. Other matters that wait for the answer are synced.
    pub(crate) async fn close_question_in(&self, unit: &mut Unit, key: &Key) -> Result<()> {
        let links = &self.order.links;
        let question =
            links.key(REVIEWS, format_args!("{}/{}", key.collection, links.strip(&key.id).unwrap_or_default()));
        let Some(Stored { value: review, version, .. }) = self.ctx.journal.get::<Review>(&question).await? else {
            return Ok(());
        };
        for matter in review.matters.iter().filter(|matter| **matter != self.order.matter) {
            // Nobody asks for it: it is synced if what is approved is.
            self.followers.follow(self.order, matter).await?;
        }
        unit.delete(question, version);
        Ok(())
    }

    /// The record that an admin named, if it is there.
    pub(crate) async fn named<A>(&self, show: &ApiRequest<A>) -> Result<Option<A>> {
        match self.caller.repeat(show).await {
            Ok(record) => Ok(Some(record)),
            Err(failure) if failure.error.code() == Code::ClioNotFound => Ok(None),
            Err(failure) => Err(refused(failure)),
        }
    }

    /// Takes back an answer that names a record which cannot be the one: a mistyped id is somebody else's. Gives the error that says so; the question is open again.
    pub(crate) async fn take_back<T: Serialize>(
        &mut self,
        step: StepKind,
        id: impl ToString,
        key: Key,
        undecided: Stored<T>,
        chosen: Chosen,
        wrong: &'static str,
    ) -> Result<Error> {
        let now = self.ctx.journal.store_now().await?;
        let due = undecided.due_at.map(|due| now.until(due));
        let mut unit = self.unit()?;
        let version = unit.put_due(key.clone(), Expect::Version(undecided.version), due, &undecided.value)?;
        if self.commit_unit(&unit).await? == Commit::Conflict {
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
    Thing(Key, Stored<Thing>),
    Document(Key, Stored<DocumentThing>),
}

async fn waiting(ctx: &Context, links: &Links, step: StepKind, id: &str) -> Result<Option<Waiting>> {
    let thing = |key: Key| async move {
        let stored = ctx.journal.get::<Thing>(&key).await?;
        let open = stored.filter(|stored| matches!(stored.value, Thing::Intent(_)));
        Ok(open.map(|stored| Waiting::Thing(key, stored)))
    };
    match step {
        StepKind::Contact => thing(things::contact_key(links, &ClientId::new(id)?)).await,
        StepKind::Matter => thing(things::matter_key(links, &MatterId::new(id)?)).await,
        StepKind::Document => {
            let key = things::document_key(links, &DocumentKey::parse(id)?);
            let stored = ctx.journal.get::<DocumentThing>(&key).await?;
            let open = stored.filter(|stored| matches!(stored.value, DocumentThing::Intent(_)));
            Ok(open.map(|stored| Waiting::Document(key, stored)))
        }
    }
}

/// The questions that are open. Those that answered themselves are left out.
pub(crate) async fn reviews(ctx: &Context, firm: &FirmId) -> Result<Vec<Review>> {
    let links = Links::current(&ctx.journal, firm).await?;
    let mut open = Vec::new();
    for (_, stored) in ctx.journal.list::<Review>(firm, REVIEWS, &links.id("")).await? {
        let review = stored.value;
        if waiting(ctx, &links, review.step, &review.id).await?.is_some() {
            open.push(review);
        }
    }
    Ok(open)
}

/// Writes an answer into the intent. Gives the matters that wait for it.
pub(crate) async fn answer(
    ctx: &Context,
    actor: &Actor,
    step: StepKind,
    id: &str,
    decision: Decision,
) -> Result<Answered> {
    let firm = &actor.firm;
    let links = Links::current(&ctx.journal, firm).await?;
    let question = Review::key(&links, step, id);
    let unknown = || Error::new(Code::RecordUnknown).with("type", "review");
    let Stored { value: review, version, .. } = ctx.journal.get::<Review>(&question).await?.ok_or_else(unknown)?;
    let waiting = waiting(ctx, &links, step, id).await?.ok_or_else(unknown)?;
    // Contacts of one email may be shared; anything else belongs to one record.
    if let Decision::Link { clio } = decision
        && step != StepKind::Contact
        && things::is_owned(&ctx.journal, &links, step.name(), clio).await?.is_some()
    {
        return Err(Error::new(Code::SettingInvalid)
            .with("argument", "decision")
            .with("reason", "belongs_to_another_record"));
    }
    let mut unit = ctx.journal.unit(firm)?;
    // A run of one more matter may be asking it in this moment: that matter waits for the answer too.
    unit.check(question.clone(), Expect::Version(version.clone()));
    let now = ctx.journal.store_now().await?;
    match waiting {
        Waiting::Thing(key, stored) => {
            let Thing::Intent(mut intent) = stored.value else { return Err(unknown()) };
            // The due time is written anew, and no longer tells when the intent was made.
            intent.committed_at = Some(things::committed_at(&intent, stored.due_at));
            intent.decide(decision, &review.candidates);
            // One that is quiet, and listed, since long is so without a due time.
            let open = stored.due_at.filter(|due| *due + ctx.config.index_delay > now);
            let due = open.map(|due| now.until(due));
            unit.put_due(key, Expect::Version(stored.version), due, &Thing::Intent(intent))?;
        }
        Waiting::Document(key, stored) => {
            let DocumentThing::Intent(mut intent) = stored.value else { return Err(unknown()) };
            intent.decision = Some(match decision {
                Decision::Link { clio } => Decided::Link(Chosen { clio, among: Vec::new(), not: Vec::new() }),
                Decision::Create => Decided::Create { not: Vec::new() },
            });
            let due = stored.due_at.map(|due| now.until(due));
            unit.put_due(key, Expect::Version(stored.version), due, &DocumentThing::Intent(intent))?;
        }
    }
    let entry = AuditEntry::by(&actor.id, Action::Review, AuditStatus::Ok).with(step.name(), id);
    unit.audit(match decision {
        Decision::Link { clio } => entry.with("decision", "link").with("clio", clio),
        Decision::Create => entry.with("decision", "create"),
    });
    ctx.journal.commit_or_conflict(&unit).await?;
    Ok(Answered { question, version, matters: review.matters })
}

/// Takes an answered question off the list, once somebody acts on the answer.
pub(crate) async fn close_answered(ctx: &Context, firm: &FirmId, answered: Answered) -> Result<()> {
    // Answered, and somebody acts on it: it must not be answered once more, when what is being created is another try.
    let mut unit = ctx.journal.unit(firm)?;
    unit.delete(answered.question, answered.version);
    // A conflict: a run has asked anew.
    ctx.journal.commit(&unit).await.map(|_| ())
}
