//! What is known of one attempt to send: whether it has a connection yet, and until when it may get
//! one.
//!
//! **Problem.** The port wants to know whether a byte of the request was written, and forbids
//! writing after `not_after`. reqwest tells neither, and resolving a name, connecting and the TLS
//! handshake take as long as they like between our last look at the clock and the first byte.
//!
//! **Model.** A layer around the connector of the client that keeps no connection. Every request
//! connects, in the task that sends it, so a task-local carries the attempt to the layer. Until the
//! layer hands the connection on, nothing can have been written; it looks at the clock when it
//! does. An attempt gets one connection: even a stack that tried again by itself could not write a
//! request twice.
//!
//! The client that keeps connections has the layer, too, for the look at the clock. But there a
//! request may go on a kept connection while one that was begun for it is still connecting. So of
//! such a request it is only known that nothing was written when reqwest says that it failed to
//! connect.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use crate::failure;
use casehug_clio::Monotonic;
use casehug_clio::ports::{HttpFailure, HttpFailureKind, Runtime, Sent};
use tower_layer::Layer;
use tower_service::Service;

const NEW: u8 = 0;
const CONNECTING: u8 = 1;
const CONNECTED: u8 = 2;
const TOO_LATE: u8 = 3;

tokio::task_local! {
    static ATTEMPT: Attempt;
}

#[derive(Clone)]
pub(crate) struct Attempt {
    phase: Arc<AtomicU8>,
    own: bool,
    not_after: Option<Monotonic>,
    runtime: Arc<dyn Runtime>,
}

impl Attempt {
    /// `own`: on a connection of its own.
    pub(crate) fn new(own: bool, not_after: Option<Monotonic>, runtime: Arc<dyn Runtime>) -> Self {
        Self { phase: Arc::new(AtomicU8::new(NEW)), own, not_after, runtime }
    }

    /// Fails if writing may not begin any more.
    pub(crate) fn in_time(&self) -> Result<(), HttpFailure> {
        match self.not_after {
            Some(not_after) if self.runtime.monotonic() >= not_after => {
                Err(HttpFailure { kind: HttpFailureKind::NotAfter, sent: Sent::No })
            }
            _ => Ok(()),
        }
    }

    /// Runs what sends, so that the connector finds this attempt.
    pub(crate) async fn scope<T>(&self, sending: impl Future<Output = T>) -> T {
        ATTEMPT.scope(self.clone(), sending).await
    }

    /// What a failure means, now that it is known how far the attempt came.
    pub(crate) fn explain(&self, failure: HttpFailure) -> HttpFailure {
        match self.phase.load(Ordering::Acquire) {
            TOO_LATE if self.own || failure == failure::not_sent(HttpFailureKind::Connect) => {
                failure::not_sent(HttpFailureKind::NotAfter)
            }
            _ if !self.own => failure,
            CONNECTED => HttpFailure { sent: Sent::Maybe, ..failure },
            _ => HttpFailure { sent: Sent::No, ..failure },
        }
    }

    fn begin(&self) -> bool {
        !self.own || self.phase.compare_exchange(NEW, CONNECTING, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// The connection is there: whether it may be used.
    fn connected(&self) -> bool {
        let usable = self.in_time().is_ok();
        self.phase.store(if usable { CONNECTED } else { TOO_LATE }, Ordering::Release);
        usable
    }
}

/// Puts [`Guarded`] around reqwest's connector.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Guard;

impl<S> Layer<S> for Guard {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded(inner)
    }
}

/// A connector that asks the attempt.
#[derive(Clone, Debug)]
pub(crate) struct Guarded<S>(S);

type BoxError = Box<dyn Error + Send + Sync>;

impl<S, R> Service<R> for Guarded<S>
where
    S: Service<R, Error = BoxError>,
    S::Response: 'static,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, to: R) -> Self::Future {
        let attempt = ATTEMPT.try_with(Attempt::clone).ok().filter(Attempt::begin);
        let connecting = self.0.call(to);
        Box::pin(async move {
            let attempt = attempt.ok_or("a connection that no attempt asked for")?;
            let connection = connecting.await?;
            if attempt.connected() { Ok(connection) } else { Err("connected too late".into()) }
        })
    }
}
