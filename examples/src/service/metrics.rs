//! What the process did, as numbers for Prometheus: calls to Clio, operations, the store, and lines
//! that were logged as warnings. Made from the SDK's tracing events and from the store port; no
//! label holds client data, an id or an address.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use casehug_clio::ports::{BoxFuture, Commit, Key, Record, Scan, Store, Write};
use casehug_clio::{FirmId, Result, Timestamp};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// Upper bounds in seconds: a store answers in the first ones, Clio in the last ones.
const BUCKETS: [f64; 10] = [0.001, 0.005, 0.02, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Call {
    method: String,
    resource: String,
    code: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    name: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfResource {
    resource: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfOperation {
    operation: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Warning {
    level: &'static str,
    code: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StoreCall {
    name: &'static str,
    outcome: &'static str,
}

type Durations<L> = Family<L, Histogram, fn() -> Histogram>;

/// The numbers. A clone counts into the same.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    calls: Family<Call, Counter>,
    call_durations: Durations<OfResource>,
    operations: Durations<OfOperation>,
    store_calls: Family<StoreCall, Counter>,
    store_durations: Durations<Of>,
    warnings: Family<Warning, Counter>,
    registry: Arc<Registry>,
}

fn histogram() -> Histogram {
    Histogram::new(BUCKETS)
}

fn durations<L: Clone + std::hash::Hash + Eq>() -> Durations<L> {
    Family::new_with_constructor(histogram)
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let (calls, warnings, store_calls) = (Family::default(), Family::default(), Family::default());
        let (call_durations, operations, store_durations) = (durations(), durations(), durations());
        let mut registry = Registry::with_prefix("casehug_clio");
        registry.register("calls", "Requests to Clio and its storage, by what came of them", calls.clone());
        registry.register_with_unit("call_duration", "How long they took", Unit::Seconds, call_durations.clone());
        registry.register_with_unit("operation_duration", "Operations of the SDK", Unit::Seconds, operations.clone());
        registry.register("store_calls", "Calls of the database", store_calls.clone());
        registry.register_with_unit(
            "store_call_duration",
            "How long they took",
            Unit::Seconds,
            store_durations.clone(),
        );
        registry.register("warnings", "Lines logged as a warning or an error, by the error's code", warnings.clone());
        // What an alarm watches is there before it happens.
        let _ = warnings.get_or_create(&Warning { level: "warn", code: String::from("store_failed") });
        let registry = Arc::new(registry);
        Self { calls, call_durations, operations, store_calls, store_durations, warnings, registry }
    }

    /// `GET /metrics`, for an address of its own: whoever may ask it need not be known to CaseHug.
    pub(crate) fn routes(&self) -> Router {
        let registry = Arc::clone(&self.registry);
        let answer = move || async move {
            let mut text = String::new();
            // Writing to a string does not fail.
            let _ = encode(&mut text, &registry);
            ([(CONTENT_TYPE, OPEN_METRICS)], text)
        };
        Router::new().route("/metrics", get(answer))
    }

    /// The same store, counted.
    pub(crate) fn counting(&self, store: Arc<dyn Store>) -> Arc<dyn Store> {
        Arc::new(Counted { store, metrics: self.clone() })
    }

    fn store_call(&self, name: &'static str, began: Instant, outcome: &'static str) {
        self.store_calls.get_or_create(&StoreCall { name, outcome }).inc();
        self.store_durations.get_or_create(&Of { name }).observe(began.elapsed().as_secs_f64());
    }
}

/// The fields of an event or a span that are counted by.
#[derive(Debug, Default)]
struct Fields {
    method: String,
    resource: String,
    code: String,
    name: String,
    ms: Option<u64>,
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        let kept = match field.name() {
            "method" => &mut self.method,
            "resource" => &mut self.resource,
            "code" => &mut self.code,
            "name" => &mut self.name,
            _ => return,
        };
        value.clone_into(kept);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "ms" {
            self.ms = Some(value);
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}

/// When a span of an operation began, and the operation's name.
struct Running(Instant, String);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Metrics {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        if let Some(ms) = fields.ms.filter(|_| !fields.resource.is_empty()) {
            let of = OfResource { resource: fields.resource.clone() };
            self.call_durations.get_or_create(&of).observe(Duration::from_millis(ms).as_secs_f64());
            let Fields { method, resource, code, .. } = fields;
            self.calls.get_or_create(&Call { method, resource, code }).inc();
            return;
        }
        let level = match *event.metadata().level() {
            Level::ERROR => "error",
            Level::WARN => "warn",
            _ => return,
        };
        self.warnings.get_or_create(&Warning { level, code: fields.code }).inc();
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if attributes.metadata().name() != "clio_operation" {
            return;
        }
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(Running(Instant::now(), fields.name));
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let ended = context.span(&id).and_then(|span| span.extensions_mut().remove::<Running>());
        if let Some(Running(began, operation)) = ended {
            self.operations.get_or_create(&OfOperation { operation }).observe(began.elapsed().as_secs_f64());
        }
    }
}

#[derive(Debug)]
struct Counted {
    store: Arc<dyn Store>,
    metrics: Metrics,
}

impl Counted {
    async fn counted<T>(&self, name: &'static str, call: impl Future<Output = Result<T>>) -> Result<T> {
        let began = Instant::now();
        let answer = call.await;
        self.metrics.store_call(name, began, if answer.is_ok() { "ok" } else { "failed" });
        answer
    }
}

impl Store for Counted {
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Record>>> {
        Box::pin(self.counted("get", self.store.get(key)))
    }

    fn get_many<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Record>>>> {
        Box::pin(self.counted("get_many", self.store.get_many(keys)))
    }

    fn scan<'a>(&'a self, scan: &'a Scan) -> BoxFuture<'a, Result<Vec<Record>>> {
        Box::pin(self.counted("scan", self.store.scan(scan)))
    }

    fn commit<'a>(&'a self, writes: &'a [Write]) -> BoxFuture<'a, Result<Commit>> {
        Box::pin(async move {
            let began = Instant::now();
            let answer = self.store.commit(writes).await;
            let outcome = match &answer {
                Ok(Commit::Done { .. }) => "ok",
                Ok(Commit::Conflict) => "conflict",
                Err(_) => "failed",
            };
            self.metrics.store_call("commit", began, outcome);
            answer
        })
    }

    fn now<'a>(&'a self, firm: &'a FirmId) -> BoxFuture<'a, Result<Timestamp>> {
        Box::pin(self.counted("now", self.store.now(firm)))
    }

    fn due_elsewhere(&self) -> BoxFuture<'_, ()> {
        self.store.due_elsewhere()
    }
}
