//! Which runs are in progress, and whether there is room for another.
//!
//! Bulk runs wait for the request budget, for whole windows sometimes, and hold their slots
//! meanwhile. So they get some of the slots only, of each firm and of all: what was just approved,
//! or asked for, finds room.
//!
//! And some slots are kept for firms that have no run in progress. The due jobs of a firm with a
//! backlog are older than what another firm approves now: whenever one of its runs ended, the next
//! would take the place, and as many such firms as fill all slots would hold up every other.

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

/// Who is offered a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Offer {
    /// All, but for the slots that are kept for firms without a run.
    All,
    /// As nobody needs those now, also a firm that has all runs that are in progress, so that one
    /// alone loses nothing; and one that has bulk runs only, for what was approved meanwhile.
    Kept,
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

    /// Whether some are free, and all of those are kept for firms without a run.
    pub(crate) fn are_kept(&self) -> bool {
        self.free() > 0 && self.all.all >= but_a_quarter(self.config.concurrency)
    }

    /// Whether there is room for this one.
    fn has_room(&self, slot: &Slot, offer: Offer) -> bool {
        let of_firm = self.firms.get(&slot.firm).copied().unwrap_or_default();
        let fits = |runs: Runs, slots: usize| runs.all < slots && (!slot.bulk || runs.bulk < but_a_quarter(slots));
        let may_have_it = || match offer {
            _ if !self.are_kept() || of_firm.all == 0 => true,
            Offer::All => false,
            Offer::Kept => self.firms.len() == 1 || (!slot.bulk && of_firm.bulk == of_firm.all),
        };
        fits(self.all, self.config.concurrency) && fits(of_firm, self.config.per_firm) && may_have_it()
    }

    /// The next due records for which there is room, each with the slot that it has taken. The
    /// others go to `waiting`.
    pub(crate) fn choose(
        &mut self,
        due: &mut impl Iterator<Item = Record>,
        offer: Offer,
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
            if passed.has(&record) || !self.has_room(&slot, offer) {
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

/// The part of some slots that bulk runs may hold, and firms that have a run already: three
/// quarters, and never all if there are several.
fn but_a_quarter(slots: usize) -> usize {
    (slots - slots.div_ceil(4)).max(1)
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use serde_json::json;

    use super::super::job::JOBS;
    use super::*;
    use crate::ports::{Key, Version};
    use crate::testkit::VirtualRuntime;

    fn slots(concurrency: usize, per_firm: usize) -> Slots {
        Slots::new(WorkerConfig { concurrency, per_firm, poll: Duration::from_secs(1) })
    }

    /// So many due jobs of a firm.
    fn due(firm: &str, trigger: &str, jobs: usize) -> Vec<Record> {
        let record = |n| Record {
            key: Key::new(&FirmId::new(firm).unwrap(), JOBS, format!("m{n}")),
            version: Version("1".into()),
            due_at: None,
            body: json!({ "matter": format!("m{n}"), "generation": 1, "trigger": trigger, "actor": "u" }).to_string(),
        };
        (0..jobs).map(record).collect()
    }

    /// Whose jobs are begun in a look at these, in order.
    fn begun(slots: &mut Slots, offer: Offer, due: &[Vec<Record>]) -> Vec<String> {
        let runtime = VirtualRuntime::new(1);
        let passed = PassedOver::new(&runtime);
        let chosen = slots.choose(&mut due.concat().into_iter(), offer, &passed, &mut Vec::new());
        chosen.into_iter().map(|(record, _)| record.key.firm.to_string()).collect()
    }

    fn end(slots: &mut Slots, firm: &str, bulk: bool) {
        slots.leave(&Slot { firm: FirmId::new(firm).unwrap(), bulk });
    }

    #[test]
    fn four_firms_with_a_backlog_leave_room_for_a_fifth() {
        let mut slots = slots(16, 4);
        let mut all: Vec<_> = ["a", "b", "c", "d"].map(|firm| due(firm, "approved", 100)).into();
        assert_eq!(begun(&mut slots, Offer::All, &all).len(), 13);
        assert_eq!(begun(&mut slots, Offer::Kept, &all), [""; 0]);
        all.push(due("x", "approved", 4));
        assert_eq!(begun(&mut slots, Offer::All, &all), ["x"], "no more than one of those that are kept");
        all.push(due("y", "backfill", 4));
        all.push(due("z", "manual", 4));
        assert_eq!(begun(&mut slots, Offer::All, &all), ["y", "z"]);
        end(&mut slots, "a", false);
        assert_eq!(begun(&mut slots, Offer::All, &all), [""; 0], "it has its share: what is free is for others");
    }

    /// How many runs of a firm begin if it has all the work, and if another firm has some, too.
    fn alone_and_beside_another(concurrency: usize, per_firm: usize) -> (usize, usize) {
        let backlog = [due("a", "approved", 100)];
        let mut slots = slots(concurrency, per_firm);
        let of_a = begun(&mut slots, Offer::All, &backlog).len();
        let alone = of_a + begun(&mut slots, Offer::Kept, &backlog).len();
        end(&mut slots, "a", false);
        let both = [due("a", "approved", 100), due("x", "approved", 1)];
        let beside = begun(&mut slots, Offer::All, &both);
        if concurrency > 1 {
            assert!(beside.iter().any(|firm| firm == "x"), "{concurrency}: the next that is free is the other firm's");
        }
        (alone, of_a)
    }

    #[test]
    fn a_firm_alone_has_its_whole_share_and_the_next_slot_is_for_another() {
        for (concurrency, per_firm, expected) in
            [(1, 4, (1, 1)), (2, 4, (2, 1)), (3, 4, (3, 2)), (4, 4, (4, 3)), (5, 4, (4, 3)), (16, 4, (4, 4))]
        {
            assert_eq!(alone_and_beside_another(concurrency, per_firm), expected, "{concurrency}");
        }
    }

    #[test]
    fn what_is_approved_finds_room_though_bulk_runs_of_its_firm_fill_what_is_open() {
        let firms = ["a", "b", "c", "d"];
        let bulk = firms.map(|firm| due(firm, "backfill", 4));
        let mut slots = slots(16, 4);
        assert_eq!(begun(&mut slots, Offer::All, &bulk).len(), 12);
        assert_eq!(begun(&mut slots, Offer::Kept, &bulk), [""; 0]);
        let live = ["b", "x"].map(|firm| due(firm, "approved", 4));
        assert_eq!(begun(&mut slots, Offer::All, &live), ["x"], "first who has no run");
        assert_eq!(begun(&mut slots, Offer::Kept, &live), ["b"], "one of a firm");
    }
}
