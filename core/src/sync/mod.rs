//! One approved intake reaches Clio, once.
//!
//! **Problem.** Clio has no idempotency key. A request whose answer was lost may have been executed, may be executed
//! later, or never. Sending it again blindly makes a duplicate; not sending it again loses the client's matter.
//!
//! **Model.** *Plan, then drive.* [`plan`] is a pure function: the intake, what is already linked, and the settings go in; ordered steps with
//! their predicted calls come out. The driver executes them one after another: the contact, the matter, then each document.
//! Every creation takes three beats:
//!
//! 1. commit an *intent*: the record of the thing itself, put where there was none. It is the lock, and it never expires;
//! 2. send the request, once, within a short window;
//! 3. commit the *link*: the same record now holds Clio's id; with it, in one commit, the audit entry and the step's result.
//!
//! **Life of one intent.** Between 1 and 3 a crash or a lost answer leaves it open, and whoever meets it resolves it first, by looking in Clio (the *probe*). Found:
//! it becomes the link, reported as `recovered`. Not found proves nothing until the intent is *quiet*: the last
//! moment at which it may have been sent, plus the request's deadline, plus `settle`, on the store's clock. That moment is the record's due time. Before
//! it the step ends as `in_doubt` with the time to come back; after it the request is sent again, and a `settle` later Clio is asked whether the first one came after all (`repeated.rs`).
//! A request that was certainly not executed (not one byte written, or refused by Clio with a 4xx) releases its intent at once.
//!
//! Documents need not wait: Clio shows none before the finishing PATCH. So the intent records *which stub* is being finished before the PATCH is
//! sent, and that stub is from then on the only candidate.
//!
//! **Failure of one thing** does not stop what does not depend on it: a document that fails leaves the others alone; without a
//! contact there is no matter, and without a matter no document ([`Code::StepBlocked`](crate::Code::StepBlocked)).
//!
//! **Guarantee.** No duplicate as long as Clio executes a request within `settle` of our giving up on it, and the store does not lose what it acknowledged.

mod call;
mod contact;
mod create;
mod dedupe;
mod document;
mod driver;
mod gone;
mod known;
mod matter;
mod plan;
mod plan_access;
mod recovery;
mod repeated;
mod report;
mod review;
mod run;
mod share;
mod things;
mod upload;

pub(crate) use call::{Caller, Executed, executed};
pub(crate) use driver::Engine;
pub use driver::{Progress, SyncConfig};
pub use plan::{Calls, LinkState, Plan, PlanInput, PlannedContact, PlannedDocument, PlannedMatter, plan};
pub(crate) use recovery::{epoch, recover};
pub(crate) use repeated::looks_sealed_with;
pub use report::{Note, RunStatus, StepKind, StepOutcome, StepReport, SyncReport};
pub use review::{Decision, Review};
pub(crate) use run::{RunRecord, StepRecord, end_taken_over};
pub(crate) use share::Doubtful;
pub(crate) use things::{
    Owner, intents_sealed_with, linked_contact, linked_documents, linked_matter, linked_matters, owner_key,
};
