//! What the runs and chores of one firm share in this process.

use core::time::Duration;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use super::budget::Budget;
use super::retry::Quota;
use crate::domain::{FirmId, Monotonic};
use crate::inbound::Hook;
use crate::store::Stored;
use crate::sync::engine::Engine;

/// What the runs of one firm share in this process.
#[derive(Debug)]
pub(crate) struct FirmShare {
    pub budget: Arc<Budget>,
    pub quota: Quota,
    /// When what anybody can cause was last done.
    doubtful: Mutex<HashMap<Doubtful, Monotonic>>,
    /// Subscriptions that delivered, as they were stored then, by their tokens' digests.
    hooks: Mutex<HashMap<String, Stored<Hook>>>,
}

/// What anybody can cause who knows a webhook's URL. Each is done once in a while only.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Doubtful {
    /// Writing down that a delivery was refused.
    Tell,
    /// Asking Clio about the subscriptions because of a delivery.
    Look,
    /// The same because of a handshake of this subscription.
    Shake(String),
}

const DOUBTFUL_PAUSE: Duration = Duration::from_secs(60);

impl FirmShare {
    pub(crate) fn hook(&self, digest: &str) -> Option<Stored<Hook>> {
        self.hooks.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get(digest).cloned()
    }

    pub(crate) fn keep_hook(&self, digest: &str, hook: Stored<Hook>) {
        self.hooks.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(digest.to_owned(), hook);
    }

    /// Whether it may be done now; if so, not again for a minute.
    pub(crate) fn may(&self, what: Doubtful, now: Monotonic) -> bool {
        let mut done = self.doubtful.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        done.retain(|_, at| at.until(now) < DOUBTFUL_PAUSE);
        let may = !done.contains_key(&what);
        if may {
            done.insert(what, now);
        }
        may
    }
}

impl Engine {
    /// As [`share_of`](Self::share_of), of a firm that this process has to do with already: whoever invents firms makes none.
    pub(crate) fn known_share(&self, firm: &FirmId) -> Option<Arc<FirmShare>> {
        self.firms.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get(firm).cloned()
    }

    pub(crate) fn share_of(&self, firm: &FirmId) -> Arc<FirmShare> {
        let mut firms = self.firms.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let share = firms.entry(firm.clone()).or_insert_with(|| {
            let budget = Arc::new(Budget::new(self.journal.clone(), firm.clone()));
            Arc::new(FirmShare { budget, quota: Quota::default(), doubtful: Mutex::default(), hooks: Mutex::default() })
        });
        Arc::clone(share)
    }
}
