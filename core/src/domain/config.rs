//! How long a sync waits for what.

use core::time::Duration;

/// Times of a sync; [`SdkBuilder`](crate::SdkBuilder) says of each what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyncConfig {
    pub late_execution_window: Duration,
    pub index_delay: Duration,
    pub request_timeout: Duration,
    pub send_window: Duration,
    pub lease: Duration,
}

impl Default for SyncConfig {
    fn default() -> Self {
        Self {
            late_execution_window: Duration::from_secs(120),
            index_delay: Duration::from_secs(60),
            request_timeout: Duration::from_secs(30),
            send_window: Duration::from_secs(5),
            lease: Duration::from_secs(30),
        }
    }
}

impl SyncConfig {
    /// How long after its intent's commit a creating request may still be executed.
    pub(crate) fn late_execution_window(&self) -> Duration {
        self.send_window + self.request_timeout + self.late_execution_window
    }

    /// How much later than a doubt ends Clio is asked whether a second record came after all.
    pub(crate) fn recheck_after(&self) -> Duration {
        self.late_execution_window.max(self.index_delay)
    }
}
