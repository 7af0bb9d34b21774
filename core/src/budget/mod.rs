//! Clio's request budget: one fixed window of 60 s per access token, 50 calls at peak (Clio: Rate limits).
//!
//! The headers of every answer say what is left and when the window ends. The budget is spent down to zero and then waited out, so that a
//! 429 is not provoked. It is fed by every call of the firm in this process.

use core::time::Duration;
use std::sync::Mutex;

use crate::clio::RateWindow;
use crate::model::Timestamp;
use crate::ports::Runtime;

/// No window is longer than this, whatever a header says: a garbled reset time must not stall a firm.
const LONGEST_WAIT: Duration = Duration::from_secs(65);

/// The window that is known from the last answer.
#[derive(Debug, Default)]
pub struct Budget {
    window: Mutex<Option<Window>>,
}

#[derive(Clone, Copy, Debug)]
struct Window {
    remaining: u64,
    /// On the host's clock.
    ends: Timestamp,
}

impl Budget {
    /// Takes in the headers of an answer. `clio_time` is its `Date`: the reset time is on Clio's clock, the wait on ours.
    pub fn learn(&self, rate: RateWindow, clio_time: Option<Timestamp>, now: Timestamp) {
        let skew = clio_time.map_or(0, |clio| now.millis_since(clio));
        let ends = Timestamp(rate.reset_unix_secs.saturating_mul(1000).saturating_add(skew));
        self.set(Some(Window { remaining: rate.remaining, ends: ends.min(now + LONGEST_WAIT) }));
    }

    /// Waits until a call may be made, and counts it.
    pub async fn take(&self, runtime: &dyn Runtime) {
        while let Some(wait) = self.take_or_wait(runtime.now()) {
            tracing::info!(seconds = wait.as_secs(), "waiting for Clio's request limit to reset");
            runtime.sleep(wait).await;
        }
    }

    fn take_or_wait(&self, now: Timestamp) -> Option<Duration> {
        let mut guard = self.window.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match guard.as_mut() {
            Some(window) if window.ends <= now => *guard = None,
            Some(window) if window.remaining == 0 => {
                let millis = u64::try_from(window.ends.millis_since(now)).unwrap_or(0);
                return Some(Duration::from_millis(millis + 1).min(LONGEST_WAIT));
            }
            Some(window) => window.remaining -= 1,
            None => {}
        }
        None
    }

    fn set(&self, window: Option<Window>) {
        *self.window.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = window;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spends_to_zero_then_waits_for_the_reset_on_clios_clock() {
        let budget = Budget::default();
        let now = Timestamp(1_000_000_000);
        // Clio's clock is 30 s ahead of ours; its window ends in 10 s.
        let rate = RateWindow { limit: 50, remaining: 1, reset_unix_secs: 1_000_040 };
        budget.learn(rate, Some(Timestamp(1_000_030_000)), now);
        assert_eq!(budget.take_or_wait(now), None);
        assert_eq!(budget.take_or_wait(now), Some(Duration::from_millis(10_001)));
        assert_eq!(budget.take_or_wait(now + Duration::from_secs(10)), None);
    }

    #[test]
    fn a_garbled_reset_does_not_stall() {
        let budget = Budget::default();
        let now = Timestamp(1_000_000_000);
        budget.learn(RateWindow { limit: 50, remaining: 0, reset_unix_secs: i64::MAX }, None, now);
        assert!(budget.take_or_wait(now).unwrap() <= LONGEST_WAIT);
        assert_eq!(budget.take_or_wait(now + LONGEST_WAIT), None);
    }
}
