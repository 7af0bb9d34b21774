//! SIGPIPE: by default it ends a process that writes to a connection which its other end has
//! closed.
//!
//! A program of Rust's ignores it; a library in somebody else's program finds it as it is there. A
//! write of one buffer can be told not to raise it, but not one of several buffers (`writev`), as
//! hyper and rustls make them.

/// Blocks SIGPIPE on this thread for as long as it lives, so that such a write is an error and
/// nothing more. For `on_thread_start` of a runtime that [`on`](crate::ReqwestTransport::on) is
/// given, where a library does not own the process. The signal stays pending on the thread.
/// Threads and processes that are started on it inherit the mask.
pub fn block_sigpipe() {
    #[cfg(unix)]
    {
        use nix::sys::signal::{SigSet, Signal};
        let mut signals = SigSet::empty();
        signals.add(Signal::SIGPIPE);
        // It refuses no such argument.
        let _ = signals.thread_block();
    }
}
