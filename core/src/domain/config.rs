//! How long a sync waits for what.

use core::time::Duration;

/// Times of a sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyncConfig {
    /// How long after we gave up on a request Clio may still execute it. A creation in doubt is not
    /// repeated before. Default 2 minutes.
    pub late_execution_window: Duration,
    /// How long Clio's lists and search may not show yet what Clio has created. What they do not
    /// show counts as not created only when so much time has passed since it may have been.
    /// Default 60 s.
    pub index_delay: Duration,
    /// For one call to Clio's API. Default 30 s.
    pub request_timeout: Duration,
    /// How long after its intent was committed a creating request may begin to be sent. Default 5
    /// s.
    pub send_window: Duration,
    /// How long a run may be silent before another worker takes its matter over. No request begins
    /// after it. Default 30 s.
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
