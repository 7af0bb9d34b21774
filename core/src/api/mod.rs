//! What a host calls.
//!
//! [`operations`] is the table of all operations: [`Sdk::firm`] and [`Sdk::host`] give their typed
//! methods, [`Sdk::call`] runs them by name with JSON, and every binding is generated from the
//! table. By hand are the builder, the worker, the webhook endpoint (raw bytes), and stopping.

mod audit;
mod backfills;
mod card_words;
mod casehug_events;
mod connection;
mod contacts;
mod execute;
mod health;
mod host;
mod matters;
mod operations;
mod results;
mod reviews;
#[cfg(feature = "schema")]
pub mod schema;
mod sdk;
mod settings;
mod table;
#[cfg(test)]
mod tests;

pub use casehug_events::{CaseHugEvent, EventData, EventEffect, EventHandled, EventMatter};
pub use health::{Advice, BudgetHealth, ConnectionHealth, FailureHealth, Health, WebhookHealth};
pub use operations::{
    AuditOperations, BackfillOperations, ConnectionOperations, ContactOperations, Host, MatterOperations,
    ReviewOperations, SettingsOperations, operations,
};
pub use results::{
    AuditCheck, BackfillStarted, ConnectionInfo, Deauthorization, MatterCount, Millis, Nullable, ProposalCreated,
    ProposedContact, PrunedEntries, PrunedRuns, RewrappedKeys, SettingsDocument, SettingsRevision, TriggerAnswer,
};
pub use sdk::{Ports, Sdk, SdkBuilder};
pub use settings::MappingPage;
pub use table::{Access, Argument, Effect, Operation};

use crate::domain::Actor;

/// Who calls.
#[derive(Clone, Copy, Debug)]
pub enum Caller<'a> {
    /// A user, as the host authenticated them.
    User(&'a Actor),
    /// The embedding service itself, for no user.
    Host,
}

/// The operations that a user of a firm may ask for, by group.
#[derive(Clone, Copy, Debug)]
pub struct Firm<'a> {
    sdk: &'a Sdk,
    actor: &'a Actor,
}

macro_rules! groups {
    ($( $(#[$docs:meta])* $group:ident: $Handle:ident; )+) => {
        impl<'a> Firm<'a> {
            $(
                $(#[$docs])*
                #[must_use]
                pub fn $group(self) -> $Handle<'a> { $Handle { sdk: self.sdk, actor: self.actor } }
            )+
        }
    };
}

groups! {
    /// The firm's connection to Clio.
    connection: ConnectionOperations;
    /// The firm's settings.
    settings: SettingsOperations;
    /// Syncing matters.
    matters: MatterOperations;
    /// Questions that only an admin can answer.
    reviews: ReviewOperations;
    /// Syncing many older matters.
    backfills: BackfillOperations;
    /// Changes of contacts for review.
    contacts: ContactOperations;
    /// The audit log.
    audit: AuditOperations;
}
