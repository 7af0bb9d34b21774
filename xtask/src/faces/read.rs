//! From core's description (JSON Schema) to the model. What may not be on the wire is refused here:
//! untagged unions, flattened maps, tuples, numbers with fractions, types of one name that differ.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::model::{Api, ErrorCode, Field, Operation, Shape, Type, Value, Variant};
use super::prose::plain;
use super::typescript::results;

type Read<T> = Result<T, String>;

pub(crate) fn api(description: &Json) -> Read<Api> {
    let mut types = BTreeMap::new();
    for group in ["argument_types", "result_types"] {
        for (name, schema) in object(&description[group])? {
            let read = named_type(schema).map_err(|reason| format!("type {name}: {reason}"))?;
            match types.get(name) {
                Some(known) if !same(known, &read) => {
                    return Err(format!("type {name} is one thing as an argument and another as a result"));
                }
                Some(_) => {}
                None => drop(types.insert(name.clone(), read)),
            }
        }
    }
    let operations = list(&description["operations"])?.iter().map(operation).collect::<Read<Vec<_>>>()?;
    let errors = list(&description["errors"])?.iter().map(error).collect::<Read<Vec<_>>>()?;
    let api = Api { version: text(&description["version"])?, operations, types, errors };
    check(&api)?;
    Ok(api)
}

/// Whether an argument and a result of one name are the same but for being closed.
fn same(one: &Type, other: &Type) -> bool {
    match (one, other) {
        (Type::Object { fields, .. }, Type::Object { fields: others, .. }) => fields == others,
        _ => one == other,
    }
}

fn operation(json: &Json) -> Read<Operation> {
    let name = text(&json["name"])?;
    let schema = &json["argument_schema"];
    let required = names(&schema["required"]);
    let argument = |argument: &Json| {
        let name = text(&argument["name"])?;
        let shape = shape(&schema["properties"][&name]).map_err(|reason| format!("argument {name}: {reason}"))?;
        let docs = plain(&text(&argument["docs"])?);
        Ok(Field { docs, required: required.contains(&name), shape, name, null_clears: false, confidential: false })
    };
    let arguments = list(&json["arguments"])?.iter().map(argument).collect::<Read<Vec<_>>>();
    let result = match &json["result_schema"] {
        schema if schema["type"] == "null" => Ok(Shape::Unit),
        schema => shape(schema),
    };
    let of = |reason: String| format!("operation {name}: {reason}");
    Ok(Operation {
        group: text(&json["group"])?,
        method: text(&json["method"])?,
        docs: plain(&text(&json["docs"])?),
        access: text(&json["access"])?,
        effect: text(&json["effect"])?,
        arguments: arguments.map_err(of)?,
        result: result.map_err(of)?,
        errors: names(&json["errors"]),
        name,
    })
}

fn error(json: &Json) -> Read<ErrorCode> {
    Ok(ErrorCode {
        name: text(&json["name"])?,
        number: json["number"].as_u64().ok_or("an error without a number")?,
        kind: text(&json["kind"])?,
        retry: text(&json["retry"])?,
        message: text(&json["message"])?,
    })
}

fn named_type(schema: &Json) -> Read<Type> {
    let docs = docs(schema);
    if let Some(variants) = schema["oneOf"].as_array() {
        if variants.iter().all(|variant| variant["const"].is_string()) {
            let value =
                |one: &Json| Value { name: one["const"].as_str().unwrap_or_default().into(), docs: self::docs(one) };
            return Ok(Type::Enum { docs, values: variants.iter().map(value).collect() });
        }
        return union(docs, variants);
    }
    if let Some(values) = schema["enum"].as_array() {
        let value = |one: &Json| Ok(Value { name: text(one)?, docs: String::new() });
        return Ok(Type::Enum { docs, values: values.iter().map(value).collect::<Read<Vec<_>>>()? });
    }
    if schema["type"] != "object" {
        return Err(format!("only objects, enumerations and tagged unions have names: {schema}"));
    }
    if schema["properties"].is_object() && schema["additionalProperties"].is_object() {
        return Err(String::from("a map that is flattened into an object"));
    }
    Ok(Type::Object { docs, fields: fields(schema, None)?, closed: schema["additionalProperties"] == false })
}

fn union(docs: String, variants: &[Json]) -> Read<Type> {
    let tag_of = |variant: &Json| {
        let properties = variant["properties"].as_object();
        let tagged = properties.into_iter().flatten().find(|(_, schema)| schema["const"].is_string());
        tagged.map(|(tag, schema)| (tag.clone(), schema["const"].as_str().unwrap_or_default().to_owned()))
    };
    let mut tag = None;
    let mut read = Vec::new();
    for variant in variants {
        let (this, name) = tag_of(variant).ok_or("a union without a tag")?;
        if tag.get_or_insert_with(|| this.clone()) != &this {
            return Err(String::from("a union with two tags"));
        }
        read.push(Variant { name, docs: self::docs(variant), fields: fields(variant, Some(&this))? });
    }
    Ok(Type::Union { docs, tag: tag.ok_or("an empty union")?, variants: read })
}

fn fields(schema: &Json, but: Option<&str>) -> Read<Vec<Field>> {
    let required = names(&schema["required"]);
    let empty = Map::new();
    let properties = schema["properties"].as_object().unwrap_or(&empty);
    let field = |(name, schema): (&String, &Json)| {
        let shape = shape(schema).map_err(|reason| format!("field {name}: {reason}"))?;
        Ok(Field {
            name: name.clone(),
            docs: docs(schema),
            required: required.contains(name) || schema["x-required"] == true,
            shape,
            null_clears: schema["x-null-clears"] == true,
            confidential: schema["x-confidential"] == true,
        })
    };
    properties.iter().filter(|(name, _)| Some(name.as_str()) != but).map(field).collect()
}

fn shape(schema: &Json) -> Read<Shape> {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/")) {
        return Ok(Shape::Named(name.to_owned()));
    }
    if let Some([one, null]) = schema["anyOf"].as_array().map(Vec::as_slice)
        && null["type"] == "null"
    {
        return Ok(Shape::Optional(Box::new(shape(one)?)));
    }
    if let Some([one, null]) = schema["type"].as_array().map(Vec::as_slice)
        && null == "null"
    {
        let mut plain = schema.clone();
        plain["type"] = one.clone();
        return Ok(Shape::Optional(Box::new(shape(&plain)?)));
    }
    Ok(match (schema["type"].as_str(), schema["format"].as_str()) {
        (Some("boolean"), _) => Shape::Boolean,
        (Some("integer"), Some("milliseconds")) => Shape::Milliseconds,
        (Some("integer"), _) => Shape::Integer,
        (Some("string"), None) => Shape::String,
        (Some("string"), Some("casehug-id")) => Shape::CasehugId,
        (Some("string"), Some("clio-id")) => Shape::ClioId,
        (Some("string"), Some("date-time")) => Shape::Time,
        (Some("array"), _) if schema["items"].is_object() => Shape::Array(Box::new(shape(&schema["items"])?)),
        (Some("object"), _) if schema["additionalProperties"].is_object() => {
            Shape::Map(Box::new(shape(&schema["additionalProperties"])?))
        }
        _ => return Err(format!("not allowed on the wire: {schema}")),
    })
}

/// Every error that is named exists, and what is for arguments is in none but these.
fn check(api: &Api) -> Read<()> {
    for name in results(api) {
        // What is given has a value or none: there is nothing to take away.
        if let Some(Type::Object { fields, .. }) = api.types.get(name)
            && let Some(field) = fields.iter().find(|field| field.null_clears)
        {
            return Err(format!("type {name}: null takes {} away, and it is a result", field.name));
        }
    }
    for operation in &api.operations {
        for error in &operation.errors {
            if api.errors.iter().all(|known| known.name != *error) {
                return Err(format!("operation {} names an unknown error {error}", operation.name));
            }
        }
    }
    Ok(())
}

fn docs(schema: &Json) -> String {
    schema["description"].as_str().map(plain).unwrap_or_default()
}

fn names(json: &Json) -> Vec<String> {
    json.as_array().into_iter().flatten().filter_map(|name| name.as_str().map(str::to_owned)).collect()
}

fn text(json: &Json) -> Read<String> {
    json.as_str().map(str::to_owned).ok_or_else(|| format!("a text was expected: {json}"))
}

fn list(json: &Json) -> Read<&Vec<Json>> {
    json.as_array().ok_or_else(|| String::from("a list was expected"))
}

fn object(json: &Json) -> Read<&Map<String, Json>> {
    json.as_object().ok_or_else(|| String::from("an object was expected"))
}
