//! What reached the server.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::wire::Head;

/// Every request by its id.
#[derive(Clone, Debug, Default)]
pub(crate) struct Got(Arc<Mutex<HashMap<String, Vec<Entry>>>>);

/// One request; a clone is the same request.
#[derive(Clone, Debug)]
pub(crate) struct Entry(Arc<Mutex<Request>>);

/// Also the JSON of `/__got`.
#[derive(Debug, Serialize)]
struct Request {
    /// Which connection it came on, counted from 1.
    connection: u64,
    method: String,
    /// Path and query, as written.
    target: String,
    /// Names as written, values without the white space around them.
    headers: Vec<(String, String)>,
    /// Bytes of the body so far. Of a chunked one: with its framing.
    body_len: u64,
    /// Of those bytes; none before the body is complete, and none if the behaviour only counts.
    body_sha256: Option<String>,
    /// Whether the body arrived up to its declared end.
    complete: bool,
    #[serde(skip)]
    digest: Sha256,
}

impl Got {
    pub(crate) fn note(&self, id: &str, connection: u64, head: &Head) -> Entry {
        let entry = Entry(Arc::new(Mutex::new(Request {
            connection,
            method: head.method.clone(),
            target: head.target.clone(),
            headers: head.headers.clone(),
            body_len: 0,
            body_sha256: None,
            complete: false,
            digest: Sha256::new(),
        })));
        lock(&self.0).entry(id.to_owned()).or_default().push(entry.clone());
        entry
    }

    pub(crate) fn json(&self, id: &str) -> String {
        let known = lock(&self.0);
        let requests = known.get(id).map(Vec::as_slice).unwrap_or_default();
        let requests: Vec<_> = requests.iter().map(|entry| serde_json::json!(*lock(&entry.0))).collect();
        serde_json::Value::from(requests).to_string()
    }
}

impl Entry {
    pub(crate) fn bytes(&self, bytes: &[u8], hashed: bool) {
        let mut request = lock(&self.0);
        request.body_len += bytes.len() as u64;
        if hashed {
            request.digest.update(bytes);
        }
    }

    pub(crate) fn complete(&self, hashed: bool) {
        let mut request = lock(&self.0);
        request.complete = true;
        request.body_sha256 = hashed.then(|| hex::encode(request.digest.clone().finalize()));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
