//! One of several databases: whether it answers when it is asked what is due.
//!
//! A worker asks all of them at once, so a silent one would hold up the firms of all others: by ten
//! seconds where nobody takes its connections, by thirty where nobody answers its statements, and
//! with every look. So one that failed is left out of the looks, and asked beside them until it
//! answers.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use casehug_clio::Result;
use casehug_clio::ports::{Record, Scan};
use tokio::runtime::Handle;

use crate::OpenStore;

/// So long after an answer that failed it is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(5);
/// No answer takes longer. Whoever asks, and is gone by then, was ended.
const LONGEST_ANSWER: Duration = Duration::from_secs(120);

#[derive(Debug)]
pub(crate) struct Database {
    /// The operator's word for it.
    name: String,
    pub(crate) store: OpenStore,
    /// It does not answer, and is asked again then.
    away: Mutex<Option<Instant>>,
}

impl Database {
    pub(crate) fn new(name: &str, store: OpenStore) -> Self {
        Self { name: name.to_owned(), store, away: Mutex::default() }
    }

    /// Whether its last answer was one.
    pub(crate) fn answers(&self) -> bool {
        self.away().is_none()
    }

    /// Asks what is due.
    pub(crate) async fn due(&self, scan: &Scan) -> Result<Vec<Record>> {
        let found = self.store.as_store().scan(scan).await;
        self.note(&found);
        found
    }

    /// Asks one that does not answer again, if it is time, and waits for nothing.
    pub(crate) fn ask_again(self: &Arc<Self>, runtime: &Handle, collection: &'static str) {
        let mut away = self.away();
        let now = Instant::now();
        if away.is_some_and(|next| next <= now) {
            *away = Some(now + LONGEST_ANSWER);
            let database = Arc::clone(self);
            runtime.spawn(async move {
                // What comes of it is noted.
                let _ = database.due(&Scan::Due { firm: None, collection, limit: 1 }).await;
            });
        }
    }

    /// Told when it begins and when it ends, not at each look.
    fn note(&self, found: &Result<Vec<Record>>) {
        let database = self.name.as_str();
        let next = found.as_ref().err().map(|_| Instant::now() + ASK_AGAIN);
        let was_away = std::mem::replace(&mut *self.away(), next).is_some();
        match found {
            Err(error) if !was_away => {
                let (code, reason) = (error.code().name(), error.get("reason").unwrap_or_default());
                tracing::warn!(database, code, reason, "a database does not answer: its firms wait, others go on");
            }
            Ok(_) if was_away => tracing::info!(database, "a database answers again"),
            _ => {}
        }
    }

    fn away(&self) -> MutexGuard<'_, Option<Instant>> {
        self.away.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
