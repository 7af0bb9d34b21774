//! What clio-sim answers.
//!
//! One program, because linking one takes seconds: each file is a module of it.

mod api;
mod binary;
mod documents;
mod faults;
mod model;
mod oauth;
mod page;
mod pipedream;
mod rails;
mod records;
mod support;
mod webhooks;
