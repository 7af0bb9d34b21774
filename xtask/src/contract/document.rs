//! Clio's OpenAPI document: where it is, and the closed form of it that is checked against.

use std::path::PathBuf;

use serde_json::{Map, Value};

use crate::root;

/// The document. `None` where this checkout has none.
pub(super) fn find() -> Result<Option<Value>, String> {
    let named = std::env::var_os("CLIO_OPENAPI").map(PathBuf::from);
    let path = named.clone().unwrap_or_else(|| root().join("../shared/clio/openapi-subset.json"));
    match std::fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| format!("the OpenAPI document: {error}")),
        Err(error) if named.is_some() => Err(format!("CLIO_OPENAPI: {error}")),
        Err(_) => Ok(None),
    }
}

/// The document, and no property that it does not name.
///
/// OpenAPI lets an object have properties that its schema does not mention, so a misspelt name
/// would be valid. Closed means `additionalProperties: false` on every object; the parts of an
/// `allOf` are put together first, as each part alone would refuse the properties of the others.
pub(super) fn closed(mut document: Value) -> Value {
    let parts = document["components"]["schemas"].clone();
    close(&mut document, &parts);
    document
}

fn close(value: &mut Value, parts: &Value) {
    match value {
        Value::Object(members) => {
            if let Some(Value::Array(all)) = members.remove("allOf") {
                merge(members, &all, parts);
            }
            if members.get("type").is_some_and(|kind| kind == "object") && members.contains_key("properties") {
                members.insert("additionalProperties".into(), Value::Bool(false));
            }
            members.values_mut().for_each(|member| close(member, parts));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| close(item, parts)),
        _ => {}
    }
}

/// Puts the parts of an `allOf` into `schema`.
fn merge(schema: &mut Map<String, Value>, all: &[Value], parts: &Value) {
    schema.insert("type".into(), "object".into());
    for part in all {
        let name = part["$ref"].as_str().and_then(|reference| reference.rsplit('/').next());
        let part = name.map_or(part, |name| &parts[name]);
        if let Some(nested) = part["allOf"].as_array() {
            merge(schema, nested, parts);
        }
        if let Some(own) = part["properties"].as_object() {
            let properties = schema.entry("properties").or_insert_with(|| Value::Object(Map::new()));
            properties.as_object_mut().unwrap_or(&mut Map::new()).extend(own.clone());
        }
        if let Some(own) = part["required"].as_array() {
            let required = schema.entry("required").or_insert_with(|| Value::Array(Vec::new()));
            required.as_array_mut().unwrap_or(&mut Vec::new()).extend(own.iter().cloned());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::closed;

    #[test]
    fn parts_are_put_together_and_every_object_is_closed() {
        let document = closed(json!({ "components": { "schemas": {
            "base": { "type": "object", "required": ["id"], "properties": { "id": { "type": "integer" } } },
            "whole": { "allOf": [
                { "$ref": "#/components/schemas/base" },
                { "type": "object", "properties": { "one": { "$ref": "#/components/schemas/base" } } }] } } } }));
        let schemas = &document["components"]["schemas"];
        assert_eq!(schemas["base"]["additionalProperties"], false);
        assert_eq!(
            schemas["whole"],
            json!({ "type": "object", "required": ["id"], "additionalProperties": false, "properties": {
                "id": { "type": "integer" }, "one": { "$ref": "#/components/schemas/base" } } })
        );
    }
}
