//! Ports of loopback for programs that cannot pick a free one themselves.
//!
//! They lie below the range from which the system gives ports to whoever asks for any: there a
//! connection or listener of another test may take the port between the look and the start.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below Linux's range, which begins at 32,768.
const FIRST: u16 = 15_000;
const COUNT: u16 = 17_000;

/// A port that nobody listens on now. Processes begin at different places, and no process gives
/// one twice.
pub(crate) fn free() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let begin = std::process::id().wrapping_mul(61) % u32::from(COUNT);
    let mut candidates = (0..COUNT).map(|_| {
        let at = begin + u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        FIRST + u16::try_from(at % u32::from(COUNT)).unwrap_or_default()
    });
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    candidates.find(is_free).expect("a free port")
}
