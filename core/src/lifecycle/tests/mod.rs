//! Tests of the module as a whole; what one file can tell alone stands beside it.

mod another_account;
mod connect;
mod sealing;
mod session;
mod support;
