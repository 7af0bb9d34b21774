//! How long to wait before trying again.
//!
//! `backoff` supplies the exponential intervals only: it is unmaintained (deny.toml) and draws from `rand` even when told not to, which would
//! break replay. So its public `current_interval` is read and its own result ignored; the jitter is ours, from the
//! [`Runtime`] port: full jitter, a uniform draw between zero and the interval, so that a thousand clients that failed together do not return together.

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
