//! Clocks, sleep, randomness, and what goes on without its caller.

use core::fmt::Debug;
use core::time::Duration;

use crate::domain::{Monotonic, Timestamp};
use crate::error::Result;
use crate::maybe_send::{BoxFuture, MaybeSend, MaybeSync};

/// Time and chance. Built in per target; a host does not write one. Tests use a virtual clock.
pub trait Runtime: Debug + MaybeSend + MaybeSync {
    /// The host's wall clock. May jump.
    fn now(&self) -> Timestamp;

    /// A clock that MUST NOT jump and MUST go on while the machine is suspended (Linux:
    /// `CLOCK_BOOTTIME`), because [`HttpRequest::not_after`](super::HttpRequest::not_after)
    /// bounds sending by it.
    fn monotonic(&self) -> Monotonic;

    /// Completes after at least `duration`. MUST work for any duration (JavaScript timers above
    /// 2^31 ms fire at once).
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;

    /// Runs `work` to its end beside everything else, though nobody waits for it: whoever asked for
    /// it is gone. What was begun with Clio is then still finished.
    fn spawn(&self, work: BoxFuture<'static, ()>);

    /// Fills `out` with cryptographically secure random bytes.
    ///
    /// # Errors
    /// [`RuntimeFailed`](crate::Code::RuntimeFailed) when the system gives none; `out` MUST then
    /// not be used.
    fn random(&self, out: &mut [u8]) -> Result<()>;
}
