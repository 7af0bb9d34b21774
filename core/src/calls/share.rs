//! What the work for one firm shares in this process.

use std::sync::Arc;

use super::budget::Budget;
use super::retry::Quota;
use crate::domain::FirmId;
use crate::store::Journal;

/// The request budget, and how often something may be tried again.
#[derive(Debug)]
pub(crate) struct FirmShare {
    pub budget: Arc<Budget>,
    pub quota: Quota,
}

impl FirmShare {
    pub(super) fn new(journal: &Journal, firm: &FirmId) -> Self {
        Self { budget: Arc::new(Budget::new(journal.clone(), firm.clone())), quota: Quota::default() }
    }
}
