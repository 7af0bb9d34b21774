//! The right to go on with a run: a check put into each of its commits, and a time after which none
//! of its requests begins.

use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::domain::Monotonic;
use crate::error::Result;
use crate::ports::{Expect, Key, Version};
use crate::store::{Repository, Transaction};

/// Stands for one version of a record that whoever takes the run over writes anew.
#[derive(Debug)]
pub(crate) struct Fence {
    key: Key,
    version: Version,
    until: Mutex<Monotonic>,
    lost: AtomicBool,
}

impl Fence {
    pub(crate) fn new(key: Key, version: Version, until: Monotonic) -> Self {
        Self { key, version, until: Mutex::new(until), lost: AtomicBool::new(false) }
    }

    /// Makes a commit depend on it: a worker that was given up on writes nothing.
    pub(crate) fn check(&self, transaction: &mut Transaction) {
        if !mutated!(LeaseFence) {
            transaction.check(self.key.clone(), Expect::Version(self.version.clone()));
        }
    }

    /// Whether it still stands.
    pub(crate) async fn holds(&self, repository: &Repository) -> Result<bool> {
        let now = repository.store().get(&self.key).await?;
        let holds = now.is_some_and(|record| record.version == self.version);
        if !holds {
            self.lost.store(true, Ordering::SeqCst);
        }
        Ok(holds)
    }

    /// Takes it away, in the run's last commit.
    pub(crate) fn remove(&self, transaction: &mut Transaction) {
        transaction.delete(self.key.clone(), self.version.clone());
    }

    /// No request may begin after this: somebody else may hold the right then.
    pub(crate) fn send_until(&self) -> Monotonic {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Requests may begin for longer.
    pub(crate) fn extend(&self, until: Monotonic) {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }

    /// Whether somebody else was seen to hold the right.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::SeqCst)
    }
}
