//! `GET /api/stream`: tells a page what of its firm changed, so that it asks again. Server-sent
//! events; never client data.
//!
//! One look at the firm serves all who listen in this process, and there is none while nobody does.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use casehug_clio::{FirmId, Sdk};
use futures_util::{StreamExt as _, stream};
use serde_json::json;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};

use crate::answer::{Answer, Who, refusal, refused};
use crate::routes::Shared;
use crate::web::digest::Digest;

/// Streams of one firm in this process. A browser's tabs share one.
const MOST_OF_A_FIRM: usize = 64;
const EVERY: Duration = Duration::from_secs(1);
const HEARTBEAT: Duration = Duration::from_secs(15);
/// After how long a browser asks again when a stream ended.
const AGAIN: Duration = Duration::from_secs(2);
/// Changes that wait for a slow listener; who lags behind further is told `hello` again.
const WAITING: usize = 16;

type Change = Vec<&'static str>;

/// Who listens to a firm.
struct Heard {
    sender: broadcast::Sender<Change>,
    /// Becomes true after the first look. What changes from then on is told, so what a page reads
    /// before may be old.
    looked: watch::Receiver<bool>,
}

struct Listener {
    changes: broadcast::Receiver<Change>,
    looked: watch::Receiver<bool>,
}

/// Who listens, by firm.
#[derive(Clone)]
pub(crate) struct Streams {
    firms: Arc<Mutex<BTreeMap<FirmId, Heard>>>,
    /// Becomes true when the service is told to stop.
    stop: watch::Receiver<bool>,
}

impl Streams {
    pub(crate) fn new(stop: watch::Receiver<bool>) -> Self {
        Self { firms: Arc::default(), stop }
    }

    /// Begins to listen. `None`: as many as may do.
    fn listen(&self, sdk: &Arc<Sdk>, firm: &FirmId) -> casehug_clio::Result<Option<Listener>> {
        let mut firms = self.firms.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Heard { sender, looked }) = firms.get(firm) {
            let more = sender.receiver_count() < MOST_OF_A_FIRM;
            return Ok(more.then(|| Listener { changes: sender.subscribe(), looked: looked.clone() }));
        }
        let digest = Digest::new(firm)?;
        let ((sender, changes), (done, looked)) = (broadcast::channel(WAITING), watch::channel(false));
        firms.insert(firm.clone(), Heard { sender: sender.clone(), looked: looked.clone() });
        let telling = Telling { streams: self.clone(), firm: firm.clone(), sender };
        // A runtime that ends drops what it is given, which asks for the map.
        drop(firms);
        tokio::spawn(telling.tell(Arc::clone(sdk), digest, done));
        Ok(Some(Listener { changes, looked }))
    }
}

/// What looks at a firm for all who listen. When it ends, however it does, their streams end too,
/// and the next who listens begins anew.
struct Telling {
    streams: Streams,
    firm: FirmId,
    sender: broadcast::Sender<Change>,
}

impl Telling {
    async fn tell(mut self, sdk: Arc<Sdk>, mut digest: Digest, looked: watch::Sender<bool>) {
        while !self.forgotten() {
            let changed = digest.look(&sdk).await;
            looked.send_replace(true);
            if !changed.is_empty() {
                // Nobody may be there any more.
                let _ = self.sender.send(changed);
            }
            tokio::select! { () = tokio::time::sleep(EVERY) => {}, () = stopped(&mut self.streams.stop) => return }
        }
    }

    /// Whether nobody listens any more; nobody can begin to from then on.
    fn forgotten(&self) -> bool {
        let mut firms = self.streams.firms.lock().unwrap_or_else(PoisonError::into_inner);
        let over = self.sender.receiver_count() == 0;
        if over {
            firms.remove(&self.firm);
        }
        over
    }
}

impl Drop for Telling {
    fn drop(&mut self) {
        let mut firms = self.streams.firms.lock().unwrap_or_else(PoisonError::into_inner);
        // Another may have begun since this one was forgotten.
        if firms.get(&self.firm).is_some_and(|heard| heard.sender.same_channel(&self.sender)) {
            firms.remove(&self.firm);
        }
    }
}

/// Completes when the service is told to stop.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// `hello` first, and after changes that were lost: a page asks for everything then, since nothing
/// of what happened before is told.
pub(crate) async fn stream(State(service): Shared, Who(actor): Who) -> Answer<Response> {
    let Some(Listener { changes, mut looked }) = service.streams.listen(&service.sdk, &actor.firm)? else {
        let many = refusal(StatusCode::SERVICE_UNAVAILABLE, refused("stream", "too_many"));
        return Ok(([(header::RETRY_AFTER, "10")], many).into_response());
    };
    let begun = async move {
        let _ = looked.wait_for(|looked| *looked).await;
        Ok(hello())
    };
    let told = stream::unfold(changes, |mut changes| async move {
        let event = said(changes.recv().await)?;
        Some((Ok::<_, Infallible>(event), changes))
    });
    let mut stop = service.streams.stop.clone();
    let events = stream::once(begun).chain(told).take_until(async move { stopped(&mut stop).await });
    let stream = Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT).text("heartbeat"));
    // Not to be collected by a proxy.
    Ok(([(HeaderName::from_static("x-accel-buffering"), "no")], stream).into_response())
}

fn hello() -> Event {
    Event::default().event("hello").retry(AGAIN).data("{}")
}

fn said(told: Result<Change, RecvError>) -> Option<Event> {
    match told {
        Ok(what) => Some(Event::default().event("changed").data(json!({ "what": what }).to_string())),
        Err(RecvError::Lagged(_)) => Some(hello()),
        Err(RecvError::Closed) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What looks at a firm, and who listens to it.
    fn begun(streams: &Streams) -> (Telling, broadcast::Receiver<Change>) {
        let firm = FirmId::new("firm_1").unwrap();
        let (sender, changes) = broadcast::channel(WAITING);
        let heard = Heard { sender: sender.clone(), looked: watch::channel(true).1 };
        streams.firms.lock().unwrap().insert(firm.clone(), heard);
        (Telling { streams: streams.clone(), firm, sender }, changes)
    }

    /// What is written to a page next.
    async fn next(changes: &mut broadcast::Receiver<Change>) -> String {
        let told = said(changes.recv().await).map(Ok::<_, Infallible>);
        let answer = Sse::new(stream::iter(told)).into_response();
        let written = axum::body::to_bytes(answer.into_body(), 1_000).await.unwrap();
        String::from_utf8(written.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn streams_end_when_a_look_panics_and_the_next_begin_anew() {
        let streams = Streams::new(watch::channel(false).1);
        let (telling, mut changes) = begun(&streams);
        let panicked = tokio::spawn(async move {
            let _telling = telling;
            panic!("a look");
        });
        assert!(panicked.await.is_err());
        assert!(streams.firms.lock().unwrap().is_empty());
        assert!(matches!(changes.recv().await, Err(RecvError::Closed)));
    }

    #[tokio::test]
    async fn who_lags_behind_is_greeted_again_and_then_hears_the_rest() {
        let streams = Streams::new(watch::channel(false).1);
        let (telling, mut changes) = begun(&streams);
        for _ in 0..=WAITING {
            telling.sender.send(vec!["runs"]).unwrap();
        }
        assert!(next(&mut changes).await.starts_with("event: hello\n"));
        assert!(next(&mut changes).await.starts_with("event: changed\n"));
    }

    #[test]
    fn one_that_was_forgotten_ends_no_other() {
        let streams = Streams::new(watch::channel(false).1);
        let (telling, changes) = begun(&streams);
        drop(changes);
        assert!(telling.forgotten());
        let (_other, _changes) = begun(&streams);
        drop(telling);
        assert_eq!(streams.firms.lock().unwrap().len(), 1);
    }
}
