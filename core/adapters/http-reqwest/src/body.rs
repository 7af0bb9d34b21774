//! A document as a request body: exactly `len` bytes, read in chunks, counted here.
//!
//! A body that comes out short or long must not look like success, but reqwest only sees a stream.
//! So the stream leaves its fault where the exchange looks for it, and breaks the connection. It
//! also leaves there that it was taken to its end: a server may answer before.

use std::io;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};

use casehug_clio::ports::{DocumentReader, HttpFailure, HttpFailureKind, Sent};
use futures_util::stream::unfold;

/// One chunk: large enough to be quick, small enough that many uploads fit into memory.
const CHUNK: usize = 64 * 1024;

const SENDING: u8 = 0;
const WHOLE: u8 = 1;
const SHORT: u8 = 2;
const LONG: u8 = 3;
const UNREADABLE: u8 = 4;

/// How far a body came, and what was wrong with its document.
#[derive(Clone, Debug)]
pub(crate) struct Progress(Arc<AtomicU8>);

impl Progress {
    /// Of a document of which nothing was read yet.
    pub(crate) fn sending() -> Self {
        Self(Arc::new(AtomicU8::new(SENDING)))
    }

    /// Of a body that is not a stream.
    pub(crate) fn whole() -> Self {
        Self(Arc::new(AtomicU8::new(WHOLE)))
    }

    pub(crate) fn fault(&self) -> Option<HttpFailureKind> {
        match self.0.load(Ordering::Acquire) {
            SHORT => Some(HttpFailureKind::BodyShort),
            LONG => Some(HttpFailureKind::BodyLong),
            UNREADABLE => Some(HttpFailureKind::BodyUnreadable),
            _ => None,
        }
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.0.load(Ordering::Acquire) == WHOLE
    }

    fn set(&self, progress: u8) -> io::Error {
        self.0.store(progress, Ordering::Release);
        io::Error::other("document")
    }
}

struct State {
    reader: Box<dyn DocumentReader>,
    left: u64,
    last: bool,
    progress: Progress,
    ended: bool,
}

/// The body. The last chunk is held back until the end of the document was checked, so that a
/// longer one never arrives whole.
pub(crate) fn stream(reader: Box<dyn DocumentReader>, len: u64, last: bool, progress: Progress) -> reqwest::Body {
    let state = State { reader, left: len, last, progress, ended: false };
    // The reader is only `Send`; reqwest asks for `Sync`, which a mutex gives.
    let chunks = unfold(state, |mut state| async move {
        if state.ended {
            return None;
        }
        let chunk = next(&mut state).await;
        match chunk {
            Ok(chunk) if chunk.is_empty() => None,
            other => Some((other, state)),
        }
    });
    reqwest::Body::wrap_stream(SyncStream(Mutex::new(Box::pin(chunks))))
}

/// For a slice without bytes, which nobody would read: the document must really end here, if it
/// says so.
pub(crate) async fn require_end(mut reader: Box<dyn DocumentReader>, last: bool) -> Result<(), HttpFailure> {
    let failed = |kind| HttpFailure { kind, sent: Sent::No };
    match reader.read(&mut [0; 1]).await {
        _ if !last => Ok(()),
        Ok(0) => Ok(()),
        Ok(_) => Err(failed(HttpFailureKind::BodyLong)),
        Err(_) => Err(failed(HttpFailureKind::BodyUnreadable)),
    }
}

async fn next(state: &mut State) -> io::Result<Vec<u8>> {
    let want = usize::try_from(state.left).unwrap_or(CHUNK).min(CHUNK);
    let mut chunk = vec![0; want];
    let mut filled = 0;
    while filled < want {
        let Ok(read) = state.reader.read(&mut chunk[filled..]).await else {
            state.ended = true;
            return Err(state.progress.set(UNREADABLE));
        };
        if read == 0 {
            state.ended = true;
            return Err(state.progress.set(SHORT));
        }
        filled += read;
    }
    state.left -= want as u64;
    if state.left == 0 {
        state.ended = true;
        if state.last {
            match state.reader.read(&mut [0; 1]).await {
                Ok(0) => {}
                Ok(_) => return Err(state.progress.set(LONG)),
                Err(_) => return Err(state.progress.set(UNREADABLE)),
            }
        }
        // Nobody can have all bytes before this moment, so an answer to all of them comes later.
        state.progress.0.store(WHOLE, Ordering::Release);
    }
    Ok(chunk)
}

type Chunks = std::pin::Pin<Box<dyn futures_util::Stream<Item = io::Result<Vec<u8>>> + Send>>;

struct SyncStream(Mutex<Chunks>);

impl futures_util::Stream for SyncStream {
    type Item = io::Result<Vec<u8>>;

    fn poll_next(
        self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let chunks = this.0.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        chunks.as_mut().poll_next(context)
    }
}
