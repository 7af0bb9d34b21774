//! One authorised call to Clio: token, request budget, retries, and what became of it. And what
//! every feature works with: the [`Context`].

pub(crate) mod budget;
pub(crate) mod call;
pub(crate) mod context;
pub(crate) mod fence;
pub(crate) mod firm_state;
pub(crate) mod plan_access;
pub(crate) mod retry;

pub(crate) use call::{ApiClient, Executed, executed, is_of_one_record, refused};
pub(crate) use context::Context;
pub(crate) use fence::Fence;
