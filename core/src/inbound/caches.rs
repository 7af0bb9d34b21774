//! What this process remembers of deliveries: their subscriptions, and what anybody can cause who
//! knows a webhook's URL.

use core::time::Duration;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::hook::Hook;
use crate::domain::{FirmId, Monotonic};
use crate::store::Versioned;

/// What anybody can cause who knows a webhook's URL. Each is done once in a while only.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Doubtful {
    /// Writing down that a delivery was refused.
    Tell,
    /// Asking Clio about the subscriptions because of a delivery.
    Look,
    /// The same because of a handshake of this subscription.
    Handshake(String),
}

const DOUBTFUL_PAUSE: Duration = Duration::from_secs(60);

/// Of all firms. Whoever invents firms makes none: something is kept of a subscription that has a
/// record.
#[derive(Debug, Default)]
pub(crate) struct Caches {
    /// When what anybody can cause was last done.
    doubtful: Mutex<HashMap<(FirmId, Doubtful), Monotonic>>,
    /// Subscriptions that delivered, as they were stored then, by their tokens' digests.
    hooks: Mutex<HashMap<(FirmId, String), Versioned<Hook>>>,
}

impl Caches {
    pub(super) fn hook(&self, firm: &FirmId, digest: &str) -> Option<Versioned<Hook>> {
        let hooks = self.hooks.lock().unwrap_or_else(PoisonError::into_inner);
        hooks.get(&(firm.clone(), digest.to_owned())).cloned()
    }

    pub(super) fn keep_hook(&self, firm: &FirmId, digest: &str, hook: Versioned<Hook>) {
        let mut hooks = self.hooks.lock().unwrap_or_else(PoisonError::into_inner);
        hooks.insert((firm.clone(), digest.to_owned()), hook);
    }

    /// Whether it may be done now; if so, not again for a minute.
    pub(super) fn may(&self, firm: &FirmId, what: Doubtful, now: Monotonic) -> bool {
        let mut done = self.doubtful.lock().unwrap_or_else(PoisonError::into_inner);
        done.retain(|_, at| at.until(now) < DOUBTFUL_PAUSE);
        let what = (firm.clone(), what);
        let may = !done.contains_key(&what);
        if may {
            done.insert(what, now);
        }
        may
    }
}
