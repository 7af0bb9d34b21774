//! One authorised call to Clio: token, request budget, retries, and what became of it.

pub(crate) mod budget;
pub(crate) mod call;
pub(crate) mod retry;
pub(crate) mod share;

pub(crate) use call::{Caller, Executed, executed, refused};
pub(crate) use share::Doubtful;
