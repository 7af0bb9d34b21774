//! Tests of the module as a whole; what one file can tell alone stands beside it.

mod another_account;
mod connect;
mod crashes;
mod give_back;
mod sealing;
mod session;
mod support;
