//! The description of the API from which bindings, headers and pages are generated. At build time
//! only.
//!
//! `operations` comes from the table, `types` from the Rust types by schemars, `errors` from the
//! table of codes. The generator (`cargo xtask faces`) refuses what is not allowed on the wire.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::table::Operation;
use super::{Millis, Nullable, operations};
use crate::domain::{ActorId, ClientId, ClioId, ConnectionId, DocumentId, FirmId, MatterId, Timestamp, UploadId};
use crate::error::{ALL_CODES, Error, Failure};
use crate::settings::{Mapping, MappingWire, SeenMapping, SeenMappingWire};
use crate::sync::{Plan, PlanWire};

/// The schemas of one operation.
#[derive(Debug, Serialize)]
pub(super) struct Shapes {
    #[serde(flatten)]
    operation: Operation,
    argument_schema: Schema,
    result_schema: Schema,
}

impl Shapes {
    pub(super) fn new<A: JsonSchema, R: JsonSchema>(
        operation: &Operation,
        arguments: &mut SchemaGenerator,
        results: &mut SchemaGenerator,
    ) -> Self {
        Self {
            operation: *operation,
            argument_schema: A::json_schema(arguments),
            result_schema: results.subschema_for::<R>(),
        }
    }
}

/// The whole API.
#[must_use]
pub fn describe() -> Value {
    let settings = SchemaSettings::draft2020_12();
    let mut arguments = settings.clone().for_deserialize().into_generator();
    let mut results = settings.for_serialize().into_generator();
    let operations = operations::schemas(&mut arguments, &mut results);
    // Every failure has this shape, also where no operation returns it.
    let failure = results.subschema_for::<Failure>();
    let errors: Vec<Value> = ALL_CODES
        .iter()
        .map(|code| {
            json!({ "name": code.name(), "number": code.number(), "kind": code.kind().name(),
                "retry": code.retry().name(), "message": code.message() })
        })
        .collect();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "operations": operations,
        "argument_types": sorted(arguments.take_definitions(true)),
        "result_types": sorted(results.take_definitions(true)),
        "failure": failure,
        "errors": errors,
    })
}

fn sorted(types: Map<String, Value>) -> Map<String, Value> {
    let mut types: Vec<(String, Value)> = types.into_iter().collect();
    types.sort_by(|one, other| one.0.cmp(&other.0));
    types.into_iter().collect()
}

/// Types that are a string or number on the wire.
macro_rules! scalars {
    ($( $type:ident { $($schema:tt)+ } )+) => { $(
        impl JsonSchema for $type {
            fn inline_schema() -> bool { true }
            fn schema_name() -> Cow<'static, str> { stringify!($type).into() }
            fn json_schema(_: &mut SchemaGenerator) -> Schema { json_schema!({ $($schema)+ }) }
        }
    )+ };
}

scalars! {
    ActorId { "type": "string", "format": "casehug-id" }
    ClientId { "type": "string", "format": "casehug-id" }
    ConnectionId { "type": "string", "format": "casehug-id" }
    DocumentId { "type": "string", "format": "casehug-id" }
    FirmId { "type": "string", "format": "casehug-id" }
    MatterId { "type": "string", "format": "casehug-id" }
    UploadId { "type": "string", "format": "casehug-id" }
    ClioId { "type": "string", "format": "clio-id" }
    Timestamp { "type": "string", "format": "date-time" }
    Millis { "type": "integer", "format": "milliseconds", "minimum": 0 }
}

impl<T: JsonSchema> JsonSchema for Nullable<T> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        format!("Nullable{}", T::schema_name()).into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Option::<T>::json_schema(generator)
    }
}

/// Types whose JSON is that of another one.
macro_rules! written_as {
    ($( $type:ident as $wire:ident; )+) => { $(
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> { stringify!($type).into() }
            fn json_schema(generator: &mut SchemaGenerator) -> Schema { $wire::json_schema(generator) }
        }
    )+ };
}

written_as! {
    Mapping as MappingWire;
    SeenMapping as SeenMappingWire;
    Plan as PlanWire;
}

/// An error is written as its [`Failure`].
impl JsonSchema for Error {
    fn schema_name() -> Cow<'static, str> {
        Failure::schema_name()
    }
    fn schema_id() -> Cow<'static, str> {
        Failure::schema_id()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Failure::json_schema(generator)
    }
}
