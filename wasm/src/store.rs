//! The store port over a JavaScript object.
//!
//! `get`, `scan` and `commit` may return promises or plain values. An exception, a rejection or an
//! answer of another shape than asked for is an error, and an error means *unknown* (see the port):
//! core reads again.

use core::fmt;

use casehug_clio::ports::{BoxFuture, Commit, Expect, Key, Order, Record, Scan, Store, Version, Write};
use casehug_clio::{Code, Error, FirmId, Result, Timestamp};
use js_sys::Array;
use wasm_bindgen::prelude::*;

use crate::host::{field, integer, object, require_functions, settled, text, whole, word};

#[wasm_bindgen]
extern "C" {
    /// `Store` of `js/index.d.ts`.
    #[derive(Clone)]
    pub type StoreObject;

    #[wasm_bindgen(method, catch)]
    fn get(this: &StoreObject, key: JsValue) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn scan(this: &StoreObject, scan: JsValue) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn commit(this: &StoreObject, writes: Array) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn now(this: &StoreObject, firm: &str) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch, js_name = dueElsewhere)]
    fn due_elsewhere(this: &StoreObject) -> Result<JsValue, JsValue>;
}

/// The [`Store`] port over a JavaScript object.
#[derive(Clone)]
pub(crate) struct JsStore(StoreObject);

impl fmt::Debug for JsStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JsStore")
    }
}

impl JsStore {
    pub(crate) fn new(store: StoreObject) -> Result<Self> {
        require_functions(&store, "store", &["get", "scan", "commit"])?;
        Ok(Self(store))
    }

    /// Whether the host offers what it need not.
    fn has(&self, name: &str) -> bool {
        field(&self.0, name).is_some_and(|value| value.is_function())
    }
}

fn failed(reason: &'static str) -> Error {
    Error::new(Code::StoreFailed).with("reason", reason)
}

/// The codes that a store may throw, in the property `code`.
const THROWN: [Code; 4] = [Code::StoreFailed, Code::StoreCorrupt, Code::StoreTampered, Code::StoreLogMissing];

/// The reasons that a store may give beside its code, in the property `reason`.
const REASONS: [&str; 2] = ["firm_in_another_database", "several_databases"];

/// What was thrown, if it names one of the port's codes; of its text nothing is kept.
fn threw(thrown: JsValue) -> Error {
    let named = word(&thrown, "code").and_then(|name| THROWN.into_iter().find(|code| code.name() == name));
    let reason = word(&thrown, "reason").and_then(|name| REASONS.into_iter().find(|reason| *reason == name));
    named.map_or_else(|| failed("callback_failed"), |code| Error::new(code).with("reason", reason.unwrap_or("host")))
}

fn wrong(field: &'static str) -> Error {
    failed("callback_answer").with("field", field)
}

/// One record as the host gives it. Its collection is the one that was asked for.
fn record(value: &JsValue, firm: Option<&FirmId>, collection: &'static str) -> Result<Record> {
    let firm = match (text(value, "firm"), firm) {
        (Some(text), _) => FirmId::new(text).map_err(|_| wrong("firm"))?,
        (None, Some(asked)) => asked.clone(),
        (None, None) => return Err(wrong("firm")),
    };
    let due_at = match field(value, "dueAt") {
        None => None,
        Some(_) => Some(Timestamp(integer(value, "dueAt").ok_or_else(|| wrong("dueAt"))?)),
    };
    Ok(Record {
        key: Key::new(&firm, collection, text(value, "id").ok_or_else(|| wrong("id"))?),
        version: Version(text(value, "version").ok_or_else(|| wrong("version"))?),
        due_at,
        body: text(value, "body").ok_or_else(|| wrong("body"))?,
    })
}

impl Store for JsStore {
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Record>>> {
        Box::pin(async move {
            let found = settled(self.0.get(object(key_fields(key)))).await.map_err(threw)?;
            if found.is_null() || found.is_undefined() {
                return Ok(None);
            }
            let record = record(&found, Some(&key.firm), key.collection)?;
            if record.key == *key { Ok(Some(record)) } else { Err(wrong("key")) }
        })
    }

    fn scan<'a>(&'a self, scan: &'a Scan) -> BoxFuture<'a, Result<Vec<Record>>> {
        Box::pin(async move {
            let (firm, collection, limit) = match scan {
                Scan::Ids { firm, collection, limit, .. } => (Some(firm), *collection, *limit),
                Scan::Due { firm, collection, limit } => (firm.as_ref(), *collection, *limit),
            };
            let found = settled(self.0.scan(scan_object(scan))).await.map_err(threw)?;
            let found: Array = found.dyn_into().map_err(|_| wrong("records"))?;
            if found.length() as usize > limit {
                return Err(wrong("limit"));
            }
            let found: Vec<Record> =
                found.iter().map(|value| record(&value, firm, collection)).collect::<Result<_>>()?;
            if scan.is_answered_by(&found) { Ok(found) } else { Err(wrong("order")) }
        })
    }

    fn commit<'a>(&'a self, writes: &'a [Write]) -> BoxFuture<'a, Result<Commit>> {
        Box::pin(async move {
            Write::require_distinct_keys(writes)?;
            let answer = settled(self.0.commit(writes.iter().map(write_object).collect())).await.map_err(threw)?;
            match word(&answer, "status").as_deref() {
                // Done, or so it says; without its time it cannot be used, and reading again will
                // tell.
                Some("done") => {
                    let at = integer(&answer, "at").filter(|at| *at >= 0).ok_or_else(|| wrong("at"))?;
                    Ok(Commit::Done { at: Timestamp(at) })
                }
                Some("conflict") => Ok(Commit::Conflict),
                _ => Err(wrong("status")),
            }
        })
    }

    fn now<'a>(&'a self, firm: &'a FirmId) -> BoxFuture<'a, Result<Timestamp>> {
        Box::pin(async move {
            if !self.has("now") {
                return match self.commit(&[]).await? {
                    Commit::Done { at } => Ok(at),
                    Commit::Conflict => Err(wrong("status")),
                };
            }
            let now = settled(self.0.now(firm.as_str())).await.map_err(threw)?;
            whole(&now).filter(|now| *now >= 0).map(Timestamp).ok_or_else(|| wrong("now"))
        })
    }

    fn due_elsewhere(&self) -> BoxFuture<'_, ()> {
        if !self.has("dueElsewhere") {
            return Box::pin(core::future::pending());
        }
        let hint = self.0.due_elsewhere();
        Box::pin(async move {
            // A store that cannot tell is one that does not: workers look at intervals.
            if settled(hint).await.is_err() {
                core::future::pending::<()>().await;
            }
        })
    }
}

fn key_fields(key: &Key) -> [(&'static str, JsValue); 3] {
    [("firm", key.firm.as_str().into()), ("collection", key.collection.into()), ("id", key.id.as_str().into())]
}

fn optional(text: Option<&str>) -> JsValue {
    text.map_or(JsValue::NULL, JsValue::from_str)
}

// Limits and times fit a double exactly, or are meant as "no limit".
#[allow(clippy::cast_precision_loss)]
fn scan_object(scan: &Scan) -> JsValue {
    match scan {
        Scan::Ids { firm, collection, from, until, order, limit } => object([
            ("kind", "ids".into()),
            ("firm", firm.as_str().into()),
            ("collection", (*collection).into()),
            ("from", from.as_str().into()),
            ("until", optional(until.as_deref())),
            ("descending", (*order == Order::Descending).into()),
            ("limit", JsValue::from_f64(*limit as f64)),
        ]),
        Scan::Due { firm, collection, limit } => object([
            ("kind", "due".into()),
            ("firm", optional(firm.as_ref().map(FirmId::as_str))),
            ("collection", (*collection).into()),
            ("limit", JsValue::from_f64(*limit as f64)),
        ]),
    }
}

#[allow(clippy::cast_precision_loss)]
fn write_object(write: &Write) -> JsValue {
    let expected = |expect: &Expect| match expect {
        Expect::Absent => JsValue::NULL,
        Expect::Version(version) => version.0.as_str().into(),
    };
    let [firm, collection, id] = key_fields(write.key());
    match write {
        Write::Put { expect, version, due_in, body, .. } => object([
            ("kind", "put".into()),
            firm,
            collection,
            id,
            ("expect", expected(expect)),
            ("version", version.0.as_str().into()),
            ("dueInMs", due_in.map_or(JsValue::NULL, |due| JsValue::from_f64(due.as_millis() as f64))),
            ("body", body.as_str().into()),
        ]),
        Write::Delete { version, .. } => {
            object([("kind", "delete".into()), firm, collection, id, ("expect", version.0.as_str().into())])
        }
        Write::Check { expect, .. } => {
            object([("kind", "check".into()), firm, collection, id, ("expect", expected(expect))])
        }
    }
}
