//! Progress of long work: told to whoever reads the outbox at that moment, and to nobody else.
//! Nothing of it is stored or acknowledged.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::outbox::{EventBody, OutboxEvent};
use crate::domain::FirmId;

/// What nobody fetched in time is forgotten, oldest first.
const MOST: usize = 256;

/// Progress that waits to be read, in this process.
#[derive(Debug, Default)]
pub(crate) struct ProgressFeed(Mutex<VecDeque<OutboxEvent>>);

impl ProgressFeed {
    pub(crate) fn tell(&self, firm: &FirmId, body: EventBody) {
        let mut waiting = self.waiting();
        if waiting.len() == MOST {
            waiting.pop_front();
        }
        waiting.push_back(OutboxEvent { firm: firm.clone(), id: None, body });
    }

    /// Takes what waits, of one firm or of all.
    pub(crate) fn take(&self, firm: Option<&FirmId>, limit: usize) -> Vec<OutboxEvent> {
        let mut waiting = self.waiting();
        let (mut taken, mut left) = (Vec::new(), VecDeque::new());
        for event in waiting.drain(..) {
            if taken.len() < limit && firm.is_none_or(|firm| *firm == event.firm) {
                taken.push(event);
            } else {
                left.push_back(event);
            }
        }
        *waiting = left;
        taken
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<OutboxEvent>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
