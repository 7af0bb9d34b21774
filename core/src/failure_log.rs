//! A failure that lasts is told when it begins, changes and ends, not at each look: an office's
//! full disk must not be filled by the log of a night.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::{Code, Result};

/// What fails now, by name.
#[derive(Debug, Default)]
pub(crate) struct FailureLog(Mutex<BTreeMap<String, Code>>);

impl FailureLog {
    /// Notes what came of something that is done over and over.
    pub(crate) fn note<T>(&self, name: &str, what: &'static str, outcome: &Result<T>) {
        match outcome {
            Err(error) if self.is_news(name, error.code()) => {
                tracing::warn!(what, code = error.code().name(), "it fails, and is tried over and over");
            }
            Err(_) => {}
            Ok(_) => {
                if self.works(name) {
                    tracing::info!(what, "it works again");
                }
            }
        }
    }

    /// Notes a failure, for a caller with words of its own. Gives whether it is to be told: it did
    /// not fail before, or otherwise.
    pub(crate) fn is_news(&self, name: impl Into<String>, code: Code) -> bool {
        self.failing().insert(name.into(), code) != Some(code)
    }

    /// Notes that it works. Gives whether it failed before.
    pub(crate) fn works(&self, name: &str) -> bool {
        self.failing().remove(name).is_some()
    }

    fn failing(&self) -> MutexGuard<'_, BTreeMap<String, Code>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::Error;

    #[test]
    fn a_night_of_failures_is_a_line_at_its_beginning_and_one_at_its_end() {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&lines);
        let dispatch = crate::lines::to(tracing::Level::INFO, move |level, _, text| {
            into.lock().unwrap().push(format!("{level} {text}"));
        });
        let failed = |code| Err::<(), _>(Error::new(code));
        tracing::dispatcher::with_default(&dispatch, || {
            let failures = FailureLog::default();
            failures.note("jobs", "looking for jobs", &Ok(()));
            for _ in 0..10_000 {
                failures.note("jobs", "looking for jobs", &failed(Code::StoreFailed));
                failures.note("other", "looking for maintenance tasks", &Ok(()));
            }
            failures.note("jobs", "looking for jobs", &failed(Code::StoreCorrupt));
            failures.note("jobs", "looking for jobs", &Ok(()));
            failures.note("jobs", "looking for jobs", &Ok(()));
        });
        assert_eq!(
            *lines.lock().unwrap(),
            [
                "WARN it fails, and is tried over and over what=looking for jobs code=store_failed",
                "WARN it fails, and is tried over and over what=looking for jobs code=store_corrupt",
                "INFO it works again what=looking for jobs",
            ]
        );
    }
}
