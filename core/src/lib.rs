//! CaseHug to Clio sync: the pure core.
//!
//! **The promise.** This crate opens no socket, no file and no database, starts no thread, reads no
//! clock, no environment and no random source. Everything it needs from outside comes through the
//! six traits of [`ports`], so that one engine runs behind the C ABI, in Node as WebAssembly, and
//! in Rust services.
//!
//! **A tour.** What a host writes is named here, without folders:
//!
//! - [`Sdk::builder`] takes a [`ClioApp`], a [`ClioHost`] and the [`Ports`]; [`memory`] and
//!   [`ConfiguredKeys`] are ports that are there already.
//! - [`Sdk::firm`] is what a user of a firm may ask for, as [`Actor`], in groups: matters,
//!   connection, settings, reviews, contacts, backfills, audit. [`Sdk::host`] is what the embedding
//!   service does itself. Every operation is declared once ([`operations`]) and runs by name with
//!   JSON, too ([`Sdk::call`]).
//! - [`Sdk::worker`] works off what is due; [`Sdk::handle_webhook`] takes what Clio delivers.
//! - What fails is an [`Error`] with a [`Code`], what to do about it ([`Retry`]), and no client
//!   data.
//!
//! A matter's way through the folders is told in `docs/architecture.md`.
#![warn(unnameable_types)]
#![cfg_attr(
    target_family = "wasm",
    allow(clippy::arc_with_non_send_sync, reason = "one source for all targets; there, one thread")
)]

#[macro_use]
mod mutate;
#[cfg(mutate)]
pub use mutate::switch as mutations;

mod api;
mod calls;
mod clio;
mod connection;
mod contact_review;
mod crypto;
mod detached;
mod domain;
mod error;
mod failure_log;
mod history;
mod inbound;
mod jobs;
pub mod json;
mod lifecycle;
pub mod lines;
mod links;
mod maybe_send;
pub mod memory;
mod notify;
pub mod ports;
mod settings;
mod stop;
mod store;
mod sync;

// The SDK, and who calls it.
#[cfg(feature = "schema")]
pub use api::schema;
pub use api::{
    Access, Argument, AuditOperations, BackfillOperations, Caller, ConnectionOperations, ContactOperations, Effect,
    Firm, Host, MatterOperations, Operation, Ports, ReviewOperations, Sdk, SdkBuilder, SettingsOperations, operations,
};
pub use clio::{ClioHost, MatterStatus, Region};
pub use connection::{ClioApp, StoreTokens};
pub use crypto::ConfiguredKeys;
pub use domain::{Actor, Confidential, Role};
pub use error::{ALL_CODES, Code, Error, ErrorKind, Failure, Result, Retry};
pub use jobs::{Worker, WorkerConfig};

// What an intake is made of.
pub use domain::{
    ActorId, ClientId, ClioId, ConnectionId, DocumentId, DocumentKey, DocumentOrigin, DocumentRef, DocumentStatus,
    FirmId, Intake, IntakeClient, IntakeDocument, IntakeMatter, MatterId, Monotonic, Timestamp, Trigger, UploadId,
};

// What operations take and give, group by group.
pub use api::{
    Advice, AuditCheck, BackfillStarted, BudgetHealth, CaseHugEvent, ConnectionHealth, ConnectionInfo, Deauthorization,
    EventData, EventEffect, EventHandled, EventMatter, FailureHealth, Health, MappingPage, MatterCount, Millis,
    Nullable, ProposalCreated, ProposedContact, PrunedEntries, PrunedRuns, RewrappedKeys, SettingsDocument,
    SettingsRevision, TriggerAnswer, WebhookHealth,
};
pub use connection::{ClioAccount, ClioUser, ConnectionState, Readable};
pub use contact_review::{ContactProposal, ContactValues, Direction};
pub use domain::{Note, RunStatus, StepKind, StepOutcome, StepReport, SyncReport};
pub use history::{AuditExport, AuditQuery, LogPage, LoggedRun, LoggedStep, RunQuery};
pub use inbound::{ClioStatus, WebhookReply};
pub use jobs::{BackfillPlan, BackfillState, BackfillStatus, HeldMatter, LastRun, MatterState, MatterSyncState};
pub use lifecycle::{ConnectStart, ForgottenKeys};
pub use links::{Decision, SecondRecord};
pub use settings::{
    CaseHugArea, Chosen, FirmSettings, MappedBy, MappedTo, Mapping, OnNameMismatch, PracticeArea, SeenMapping,
    SettingsChange, Unmapped,
};
pub use store::{Action, AuditRecord, AuditStatus, Event, EventBody, OutboxEvent};
pub use sync::{Calls, Plan, PlannedContact, PlannedDocument, PlannedMatter, Progress, Review};

/// The tests of a host's ports and of this crate share these files, and name this crate alike.
#[cfg(test)]
extern crate self as casehug_clio;
#[cfg(test)]
#[path = "../testkit/src/lib.rs"]
pub mod testkit;
