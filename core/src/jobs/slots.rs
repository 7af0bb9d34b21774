//! Which runs are in progress, and whether there is room for another.
//!
//! Bulk runs wait for the request budget, for whole windows sometimes, and hold their slots
//! meanwhile. So they get some of the slots only, of each firm and of all: what was just approved,
//! or asked for, finds room.

use std::collections::HashMap;

use super::claims::Claim;
use super::job::Job;
use super::quarantine::PassedOver;
use super::worker::WorkerConfig;
use crate::domain::FirmId;
use crate::ports::Record;

/// The slots of a worker.
#[derive(Debug)]
pub(crate) struct Slots {
    config: WorkerConfig,
    all: Runs,
    firms: HashMap<FirmId, Runs>,
}

/// Runs in progress.
#[derive(Clone, Copy, Debug, Default)]
struct Runs {
    all: usize,
    bulk: usize,
}

/// The slot that a run holds.
#[derive(Debug)]
pub(crate) struct Slot {
    firm: FirmId,
    bulk: bool,
}

impl Slot {
    pub(crate) fn of(claim: &Claim) -> Self {
        Self { firm: claim.firm().clone(), bulk: claim.bulk }
    }
}

impl Slots {
    pub(crate) fn new(config: WorkerConfig) -> Self {
        Self { config, all: Runs::default(), firms: HashMap::new() }
    }

    pub(crate) fn free(&self) -> usize {
        self.config.concurrency.saturating_sub(self.all.all)
    }

    /// Whether there is room for this one.
    fn has_room(&self, slot: &Slot) -> bool {
        let of_firm = self.firms.get(&slot.firm).copied().unwrap_or_default();
        let fits = |runs: Runs, slots: usize| runs.all < slots && (!slot.bulk || runs.bulk < for_bulk(slots));
        fits(self.all, self.config.concurrency) && fits(of_firm, self.config.per_firm)
    }

    /// The next due records for which there is room, each with the slot that it has taken. The
    /// others go to `waiting`.
    pub(crate) fn choose(
        &mut self,
        due: &mut impl Iterator<Item = Record>,
        passed: &PassedOver<'_>,
        waiting: &mut Vec<Record>,
    ) -> Vec<(Record, Slot)> {
        let mut chosen = Vec::new();
        while self.free() > 0
            && let Some(record) = due.next()
        {
            // Nothing that is first is bulk.
            let bulk = serde_json::from_str::<Job>(&record.body).is_ok_and(|job| job.is_bulk());
            let slot = Slot { firm: record.key.firm.clone(), bulk };
            if passed.has(&record) || !self.has_room(&slot) {
                waiting.push(record);
            } else {
                self.take(&slot);
                chosen.push((record, slot));
            }
        }
        chosen
    }

    pub(crate) fn take(&mut self, slot: &Slot) {
        for runs in [&mut self.all, self.firms.entry(slot.firm.clone()).or_default()] {
            runs.all += 1;
            runs.bulk += usize::from(slot.bulk);
        }
    }

    pub(crate) fn leave(&mut self, slot: &Slot) {
        if let Some(of_firm) = self.firms.get_mut(&slot.firm) {
            for runs in [&mut self.all, of_firm] {
                runs.all = runs.all.saturating_sub(1);
                runs.bulk = runs.bulk.saturating_sub(usize::from(slot.bulk));
            }
            if self.firms.get(&slot.firm).is_some_and(|runs| runs.all == 0) {
                self.firms.remove(&slot.firm);
            }
        }
    }
}

/// The part of some slots that bulk runs may hold: three quarters, and never all if there are
/// several.
fn for_bulk(slots: usize) -> usize {
    (slots - slots.div_ceil(4)).max(1)
}
