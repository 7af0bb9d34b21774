//! Clio's API: build a request, read an answer, say what a failure means.
//!
//! **The model.** A function of [`contacts`], [`matters`], [`documents`], [`practice_areas`],
//! [`users`] or [`lookup`] builds an [`ApiRequest`]: plain data that knows how to read its own
//! answer. [`ClioApi::call`] sends it once and gives an [`Answered`] or a [`CallError`]. Retries,
//! the request budget and the refresh of tokens are the caller's, who knows what was promised to
//! whom.
//!
//! **What must hold.** Every request asks for its `fields`, pins the API version and names this
//! SDK. The bearer token goes to one origin only: a redirect is not followed (one 307 of practice
//! areas excepted), a `next` link is followed byte for byte if it is Clio's own, and document bytes
//! go to allowed storage hosts with the signed headers and without the token. No URL, header or
//! body reaches a log or an error.
//!
//! **When a call fails**, its [`SendOutcome`] is what matters for not making a duplicate: not sent,
//! refused by Clio itself, or unknown.

mod call;
mod challenge;
pub(crate) mod contacts;
mod decode;
pub(crate) mod documents;
mod errors;
mod host;
pub(crate) mod lookup;
pub(crate) mod matters;
mod parts;
pub(crate) mod practice_areas;
mod refused_field;
mod request;
mod storage;
#[cfg(test)]
mod tests;
mod token;
mod upload;
pub(crate) mod users;
pub(crate) mod webhooks;

pub(crate) use call::{Answered, CallLimits, ClioApi, USER_AGENT};
pub(crate) use challenge::Bearer;
pub(crate) use contacts::{Contact, ContactChange, NewContact};
pub(crate) use documents::{Document, DocumentStub, NewDocument, PartTarget};
pub(crate) use errors::{CallError, RateWindow, SendOutcome, transport_error};
pub use host::{ClioHost, Region};
pub use matters::MatterStatus;
pub(crate) use matters::{Matter, NewMatter};
pub(crate) use parts::{Part, PartPlan};
pub(crate) use request::{ApiRequest, Page, Resource};
pub(crate) use token::AccessToken;
pub(crate) use upload::UploadTarget;
pub(crate) use webhooks::{HookModel, HookStatus, Webhook};
