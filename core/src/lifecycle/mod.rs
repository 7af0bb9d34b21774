//! The life of a firm's connection: connecting, disconnecting, and what either leaves behind. The
//! only place that may touch all of the features.

mod account;
pub(crate) mod attempt;
pub(crate) mod callback;
pub(crate) mod connect;
pub(crate) mod connection_check;
pub(crate) mod disconnect;
pub(crate) mod give_back;
pub(crate) mod leftovers;
pub(crate) mod lost_keys;
pub(crate) mod service;
pub(crate) mod unused;

pub use connect::ConnectStart;
pub(crate) use connect::check_public_url;
pub use lost_keys::ForgottenKeys;
pub(crate) use service::Auth;

#[cfg(test)]
mod tests;
