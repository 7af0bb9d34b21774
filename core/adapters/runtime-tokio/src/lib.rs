//! The [`Runtime`] port on tokio: the system's clocks and random source, tokio's timer. And
//! [`keep_working`], a worker that a defect does not end.
//!
//! `sleep` must be polled inside a tokio runtime with time enabled, and what is spawned runs there.
//! The monotonic clock goes on while a Linux machine is suspended (`CLOCK_BOOTTIME`), as the port
//! asks; elsewhere it is [`std::time::Instant`], which may stand still then.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use casehug_clio::ports::{BoxFuture, Runtime};
use casehug_clio::{Code, Error, Monotonic, Result, Timestamp};

mod worker;

pub use worker::keep_working;

/// Real time, real chance. Costs nothing to create; two of them read the same clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokioRuntime;

impl Runtime for TokioRuntime {
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Timestamp(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }

    fn monotonic(&self) -> Monotonic {
        Monotonic(boot_time())
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }

    fn spawn(&self, work: BoxFuture<'static, ()>) {
        // Outside of a runtime nothing can go on; what is stored is then taken up as after a crash.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(work);
        }
    }

    fn random(&self, out: &mut [u8]) -> Result<()> {
        getrandom::fill(out).map_err(|_| Error::new(Code::RuntimeFailed).with("source", "random"))
    }
}

#[cfg(target_os = "linux")]
fn boot_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(not(target_os = "linux"))]
fn boot_time() -> Duration {
    use std::sync::OnceLock;
    static ORIGIN: OnceLock<std::time::Instant> = OnceLock::new();
    ORIGIN.get_or_init(std::time::Instant::now).elapsed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn clocks_run_and_bytes_differ() {
        let runtime = TokioRuntime;
        let before = (runtime.now(), runtime.monotonic());
        runtime.sleep(Duration::from_millis(5)).await;
        assert!(runtime.monotonic().0 >= before.1.0 + Duration::from_millis(5));
        assert!(runtime.now() >= before.0);
        let (mut a, mut b) = ([0; 32], [0; 32]);
        runtime.random(&mut a).unwrap();
        runtime.random(&mut b).unwrap();
        assert_ne!(a, b);
    }
}
