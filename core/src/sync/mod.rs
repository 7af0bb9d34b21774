//! One approved intake reaches Clio, once.
//!
//! **Problem.** Clio has no idempotency key. A request whose answer was lost may have been
//! executed, may be executed later, or never. Sending it again blindly makes a duplicate; not
//! sending it again loses the client's matter.
//!
//! **Model.** *Plan, then drive.* [`plan`] is a pure function: the intake, what is already linked,
//! and the settings go in; ordered steps with their predicted calls come out. The driver executes
//! them one after another: the contact, the matter, then each document. Every creation takes three
//! beats:
//!
//! 1. commit an *intent*: the record of the record itself, put where there was none. It is the
//!    lock, and it never expires;
//! 2. send the request, once, within a short window;
//! 3. commit the *link*: the same record now holds Clio's id; with it, in one commit, the audit
//!    entry and the step's result.
//!
//! **Life of one intent.** Between 1 and 3 a crash or a lost answer leaves it open, and whoever
//! meets it resolves it first, by looking in Clio (the *lookup*). Found: it becomes the link,
//! reported as `recovered`. Not found proves nothing until the intent is *settled* and whatever it
//! created is *listed*.
//!
//! - Quiet is the last moment at which it may have been sent, plus the request's deadline, plus
//!   `late_execution_window`, on the store's clock; or Clio's answer, if that was an error of its
//!   own: the request is over then, but may have been carried out. That moment is the record's due
//!   time.
//! - Listed is an `index_delay` after that: so long Clio's lists may lag behind what Clio has done.
//!
//! Before that the step ends as `in_doubt` with the time to come back: after 5 s, and then each
//! time after as long as all waits before. What shows earlier is linked at once. After it the
//! request is sent again, and a `late_execution_window` later Clio is asked whether the first one
//! came after all (`duplicate_check.rs`). After three rounds the step has failed (`not_created`):
//! its intent stays, and the next run, by the slow interval or because somebody asks, begins with
//! the look in Clio. A request that was certainly not executed (not one byte written, or refused by
//! Clio with a 4xx) releases its intent at once.
//!
//! What is ours is told from what was there before by its time of creation, in Clio's time. Where
//! no answer of Clio's had been seen before the request was sent, and the database's clock was set
//! back since, ours looks too old: such a record is asked about (`reviews`), never created again.
//!
//! Documents need not wait: Clio shows none before the finishing PATCH, so that a stub which the
//! lists do not show yet does no harm. The intent records *which stub* is being finished before the
//! PATCH is sent; that stub is from then on the only candidate, and is read by its id, not from a
//! list. Whoever abandons that document waits as above, and says it if it is in Clio after all
//! (`abandon.rs`).
//!
//! **Failure of one thing** does not stop what does not depend on it: a document that fails leaves
//! the others alone; without a contact there is no matter, and without a matter no document
//! ([`Code::StepBlocked`](crate::Code::StepBlocked)).
//!
//! **Guarantee.** No duplicate as long as Clio executes a request within `late_execution_window` of
//! our giving up on it and lists what it created within `index_delay`, and the store does not lose
//! what it acknowledged.

mod abandon;
mod ahead;
pub(crate) mod contact;
pub(crate) mod create;
pub(crate) mod document;
pub(crate) mod driver;
pub(crate) mod duplicate_check;
pub(crate) mod execute;
pub(crate) mod matter;
pub(crate) mod missing_parent;
pub(crate) mod order;
pub(crate) mod plan;
pub(crate) mod plan_input;
mod plan_wire;
pub(crate) mod recovery;
pub(crate) mod review;
pub(crate) mod run;
pub(crate) mod same_email;
pub(crate) mod upload;

pub(crate) use duplicate_check::{REPEATED, is_lost as is_lost_check, looks_sealed_with};
pub use execute::Progress;
pub(crate) use execute::{Ended, execute};
pub(crate) use order::{Followers, Order};
pub use plan::{Calls, Plan, PlannedContact, PlannedDocument, PlannedMatter};
#[cfg(feature = "schema")]
pub(crate) use plan_wire::PlanWire;
pub(crate) use recovery::recover;
pub use review::Review;
pub(crate) use run::{RUNS, RUNS_OF_MATTERS, Run, RunRecord, StepRecord, end_taken_over, fallen_short};
