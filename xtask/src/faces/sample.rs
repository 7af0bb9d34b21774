//! A value of each shape, with no more in it than has to be: what generated tests hand over.

use serde_json::{Map, Value, json};

use super::model::{Api, Field, Shape, Type};

/// A value that core can read. `name` is that of the argument or field: ids of CaseHug's are those
/// of the examples.
pub(super) fn value(api: &Api, name: &str, shape: &Shape) -> Value {
    match shape {
        Shape::Unit => json!({}),
        Shape::Boolean => json!(true),
        Shape::Integer | Shape::Milliseconds => json!(1),
        Shape::String => json!("sample"),
        Shape::CasehugId if name.starts_with("firm") => json!("firm_1"),
        Shape::CasehugId => json!("mat_0001"),
        Shape::ClioId => json!("1"),
        Shape::Time => json!("2026-01-01T00:00:00Z"),
        Shape::Array(item) => json!([value(api, name, item)]),
        Shape::Map(_) => json!({}),
        Shape::Optional(_) => Value::Null,
        Shape::Named(of) => match api.types.get(of) {
            Some(Type::Object { fields, .. }) => Value::Object(object(api, fields)),
            Some(Type::Enum { values, .. }) => json!(values.first().map(|value| &value.name)),
            Some(Type::Union { tag, variants, .. }) => {
                let mut sample = Map::new();
                if let Some(variant) = variants.first() {
                    sample = object(api, &variant.fields);
                    sample.insert(tag.clone(), json!(variant.name));
                }
                Value::Object(sample)
            }
            None => Value::Null,
        },
    }
}

fn object(api: &Api, fields: &[Field]) -> Map<String, Value> {
    let required = fields.iter().filter(|field| field.required);
    required.map(|field| (field.name.clone(), value(api, &field.name, &field.shape))).collect()
}
