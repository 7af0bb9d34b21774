//! How often a worker looks for what nobody waits for: backfills that go on, releases, maintenance.
//!
//! While anything is done, each look is at that too, for a backfill goes on as its matters end. At
//! rest only every third one is: an idle process is to cost the database little.

use core::time::Duration;

use crate::domain::Monotonic;

/// Polls from one look at everything to the next, at rest.
const POLLS: u32 = 3;

pub(super) struct Idle {
    active_at: Monotonic,
    looked_at: Monotonic,
    /// Half a poll less than [`POLLS`], as ticks come early by chance.
    patience: Duration,
}

impl Idle {
    pub(super) fn new(now: Monotonic, poll: Duration) -> Self {
        let patience = (poll / 2).saturating_mul(2 * POLLS - 1);
        Self { active_at: now, looked_at: now, patience }
    }

    /// Something was told or is done.
    pub(super) fn is_active(&mut self, now: Monotonic) {
        self.active_at = now;
    }

    /// Whether the look that begins is at everything.
    pub(super) fn looks_at_all(&mut self, now: Monotonic) -> bool {
        let all = self.active_at.until(now) < self.patience || self.looked_at.until(now) >= self.patience;
        if all {
            self.looked_at = now;
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The seconds at which it looks at everything, of those at which it looks.
    fn looks(idle: &mut Idle, seconds: core::ops::Range<u64>) -> Vec<u64> {
        seconds.filter(|second| idle.looks_at_all(Monotonic(Duration::from_secs(*second)))).collect()
    }

    #[test]
    fn at_rest_every_third_look_is_at_everything_and_in_between_none_is_left_out() {
        let mut idle = Idle::new(Monotonic(Duration::ZERO), Duration::from_secs(1));
        assert_eq!(looks(&mut idle, 0..12), [0, 1, 2, 5, 8, 11]);
        idle.is_active(Monotonic(Duration::from_secs(12)));
        assert_eq!(looks(&mut idle, 12..20), [12, 13, 14, 17]);
        // A host that wants no polls.
        let mut never = Idle::new(Monotonic(Duration::ZERO), Duration::MAX);
        assert!(never.looks_at_all(Monotonic(Duration::from_secs(1))));
    }
}
