//! Changes of contacts, in either direction: proposals that wait for an admin.

pub(crate) mod contacts;
pub(crate) mod proposals;
mod sending;

pub(crate) use contacts::{
    KNOWN, contact_is_gone, known_key, known_name_agrees, note_contact_gone, note_contact_there, note_known,
};
pub use proposals::{ContactProposal, ContactValues, Direction};
pub(crate) use proposals::{
    PROPOSALS, drop_proposals, is_lost as is_lost_proposal, sealed_with as proposals_sealed_with,
};
