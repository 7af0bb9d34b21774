//! How long to wait before trying again.
//!
//! `backoff` supplies the exponential intervals only: it is unmaintained (deny.toml) and draws from
//! `rand` even when told not to, which would break replay. So its public `current_interval` is read
//! and its own result ignored; the jitter is ours, from the [`Runtime`] port: full jitter, a
//! uniform draw between zero and the interval, so that a thousand clients that failed together do
//! not return together.

use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;

use backoff::ExponentialBackoff;
use backoff::backoff::Backoff as _;

use crate::error::Result;
use crate::ports::Runtime;

/// The first interval.
const FIRST: Duration = Duration::from_millis(500);
/// The longest interval.
const LONGEST: Duration = Duration::from_secs(20);
/// A random draw of zero would be no wait at all.
const SHORTEST: Duration = Duration::from_millis(50);

/// A growing series of waits.
#[derive(Debug)]
pub struct Schedule {
    exponential: ExponentialBackoff,
}

impl Schedule {
    /// 0.5 s, doubling up to 20 s; each wait is a uniform draw from zero to that.
    #[must_use]
    pub fn new() -> Self {
        let exponential = ExponentialBackoff {
            current_interval: FIRST,
            initial_interval: FIRST,
            randomization_factor: 0.0,
            multiplier: 2.0,
            max_interval: LONGEST,
            max_elapsed_time: None,
            ..ExponentialBackoff::default()
        };
        Self { exponential }
    }

    /// The next wait.
    ///
    /// # Errors
    /// [`Code::RuntimeFailed`](crate::Code::RuntimeFailed).
    pub fn next_wait(&mut self, runtime: &dyn Runtime) -> Result<Duration> {
        let interval = self.exponential.current_interval;
        let _ = self.exponential.next_backoff();
        let mut random = [0; 8];
        runtime.random(&mut random)?;
        let millis = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX);
        Ok(Duration::from_millis(u64::from_le_bytes(random) % (millis + 1)).max(SHORTEST))
    }
}

impl Default for Schedule {
    fn default() -> Self {
        Self::new()
    }
}

/// What a firm's runs may spend on trying again, so that an outage is not amplified: with every
/// attempt failing, three in four calls would be retries.
///
/// A retry costs [`RetryBudget::COST`], a success gives one back. With a Clio that fails now and
/// then the retry budget is never felt; in an outage a process makes a few dozen retries and from
/// then on one attempt per operation, until calls succeed again. An idea of the AWS SDKs' standard
/// retry mode.
#[derive(Debug)]
pub(crate) struct RetryBudget(AtomicU32);

impl RetryBudget {
    const FULL: u32 = 500;
    const COST: u32 = 10;

    /// Takes the cost of a retry, if it is there.
    pub(crate) fn spend(&self) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(Self::COST)).is_ok()
    }

    /// A call succeeded.
    pub(crate) fn refund(&self) {
        let _ =
            self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| (left < Self::FULL).then_some(left + 1));
    }
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self(AtomicU32::new(Self::FULL))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::VirtualRuntime;

    /// The waits of one client after another that all failed together.
    fn waits(seed: u64, clients: usize) -> Vec<Vec<Duration>> {
        let runtime = VirtualRuntime::new(seed);
        let client = |_| {
            let mut schedule = Schedule::new();
            (0..10).map(|_| schedule.next_wait(&runtime).unwrap()).collect()
        };
        (0..clients).map(client).collect()
    }

    #[test]
    fn waits_double_up_to_twenty_seconds_and_are_spread_over_the_whole_interval() {
        let clients = waits(1, 1_000);
        let intervals = [500, 1_000, 2_000, 4_000, 8_000, 16_000, 20_000, 20_000, 20_000, 20_000];
        for (step, most) in intervals.into_iter().enumerate() {
            let waits: Vec<u128> = clients.iter().map(|client| client[step].as_millis()).collect();
            assert!(waits.iter().all(|wait| (50..=most).contains(wait)), "step {step}");
            // A thousand uniform draws: each tenth of the interval holds some, the last as well as
            // the first.
            for tenth in 0..10 {
                let within = |wait: &&u128| (**wait * 10 / (most + 1)) == tenth;
                let share = waits.iter().filter(within).count();
                assert!((60..=140).contains(&share), "step {step}, tenth {tenth}: {share} of 1000");
            }
        }
    }

    #[test]
    fn clients_that_failed_together_do_not_return_together() {
        assert_eq!(waits(1, 1), waits(1, 1), "a seed can be replayed");
        assert_ne!(waits(1, 1), waits(2, 1));
    }

    #[test]
    fn an_outage_uses_the_quota_up_and_successes_restore_it() {
        let retry_budget = RetryBudget::default();
        let retries = (0..1000).filter(|_| retry_budget.spend()).count();
        assert_eq!(retries, 50);
        (0..9).for_each(|_| retry_budget.refund());
        assert!(!retry_budget.spend());
        retry_budget.refund();
        assert!(retry_budget.spend());
        (0..10_000).for_each(|_| retry_budget.refund());
        assert_eq!((0..1000).filter(|_| retry_budget.spend()).count(), 50, "never more than full");
    }
}
