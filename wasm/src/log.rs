//! The log function of one SDK, which stays in JavaScript: a line goes there under a number.
//!
//! JavaScript calls the function later, never inside the module: what it does, and how it fails,
//! meets no call in progress.

use casehug_clio::lines;
use serde::Deserialize;
use tracing::{Dispatch, Level};

use crate::host;

/// The least grave lines wanted.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
}

/// Lines for the function of this number; no number, no lines.
pub(crate) fn to(number: Option<u32>, most: LogLevel) -> Dispatch {
    let most = match most {
        LogLevel::Error => Level::ERROR,
        LogLevel::Warn => Level::WARN,
        LogLevel::Info => Level::INFO,
        LogLevel::Debug => Level::DEBUG,
    };
    number.map_or_else(Dispatch::none, |number| {
        lines::to(most, move |level, target, message| {
            let level = level.as_str().to_ascii_lowercase();
            // A host that takes no line cannot be told so either.
            let _ = host::with(|host| host.log(number, &level, target, message));
        })
    })
}
