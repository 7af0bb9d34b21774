//! What the work for one firm shares in this process.

use std::sync::Arc;

use super::budget::Budget;
use super::retry::RetryBudget;
use crate::domain::FirmId;
use crate::store::Repository;

/// The request budget, and how often something may be tried again.
#[derive(Debug)]
pub(crate) struct FirmState {
    pub budget: Arc<Budget>,
    pub retry_budget: RetryBudget,
}

impl FirmState {
    pub(super) fn new(repository: &Repository, firm: &FirmId) -> Self {
        Self { budget: Arc::new(Budget::new(repository.clone(), firm.clone())), retry_budget: RetryBudget::default() }
    }
}
