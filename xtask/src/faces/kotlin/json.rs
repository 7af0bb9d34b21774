//! `Json.kt`: every type out of JSON, and into it.

use core::fmt::Write as _;

use super::{HEAD, name};
use crate::faces::model::{Api, Field, Shape, Type, Variant};
use crate::faces::node::pascal;
use crate::faces::typescript::results;

/// `Json.kt`.
pub(crate) fn json(api: &Api) -> String {
    let open = results(api);
    let mut text = format!(
        "{HEAD}\n@file:Suppress(\"CyclomaticComplexMethod\", \"LongMethod\")\n\npackage com.casehug.clio.types\n\n\
         import com.casehug.clio.asList\nimport com.casehug.clio.asMap\nimport com.casehug.clio.boolean\n\
         import com.casehug.clio.listOrEmpty\nimport com.casehug.clio.long\nimport com.casehug.clio.mapOrEmpty\n\
         import com.casehug.clio.optional\nimport com.casehug.clio.orNull\n\
         import com.casehug.clio.required\nimport com.casehug.clio.text\nimport com.casehug.clio.time\n\
         import kotlinx.serialization.json.JsonArray\nimport kotlinx.serialization.json.JsonElement\n\
         import kotlinx.serialization.json.JsonObject\nimport kotlinx.serialization.json.JsonPrimitive\n\
         import kotlinx.serialization.json.buildJsonObject\nimport kotlinx.serialization.json.jsonObject\n"
    );
    for (of, described) in &api.types {
        let is_result = open.contains(of.as_str());
        match described {
            Type::Object { fields, .. } => {
                let _ = write!(
                    text,
                    "\ninternal fun read{of}(j: JsonElement): {of} {{\n    val o = j.jsonObject\n    return {}\n}}\n",
                    built(api, of, fields, is_result).replace('\n', "\n    ")
                );
                let _ = write!(
                    text,
                    "\ninternal fun {of}.json(): JsonObject = buildJsonObject {{\n{}}}\n",
                    entries(api, fields, is_result, "")
                );
            }
            Type::Union { tag, variants, .. } => {
                let _ = write!(
                    text,
                    "\ninternal fun read{of}(j: JsonElement): {of} {{\n    val o = j.jsonObject\n    return when (val tag = \
                     o.required({tag:?}).text()) {{\n"
                );
                for Variant { name: variant, fields, .. } in variants {
                    let class = format!("{of}.{}", pascal(variant));
                    let value = built(api, &class, fields, is_result).replace('\n', "\n        ");
                    let _ = writeln!(text, "        {variant:?} -> {value}");
                }
                let other = if is_result {
                    format!("{of}.Unknown(o.toString())")
                } else {
                    String::from("throw IllegalArgumentException(tag)")
                };
                let _ = write!(text, "        else -> {other}\n    }}\n}}\n");
                let _ = write!(text, "\ninternal fun {of}.json(): JsonElement = when (this) {{\n");
                for Variant { name: variant, fields, .. } in variants {
                    let entries = entries(api, fields, is_result, "    ");
                    let _ = write!(
                        text,
                        "    is {of}.{} -> buildJsonObject {{\n        put({tag:?}, JsonPrimitive({variant:?}))\n{entries}    \
                         }}\n",
                        pascal(variant)
                    );
                }
                if is_result {
                    let _ = writeln!(
                        text,
                        "    is {of}.Unknown -> kotlinx.serialization.json.Json.parseToJsonElement(raw)"
                    );
                }
                text += "}\n";
            }
            Type::Enum { .. } => {}
        }
    }
    text
}

/// An object out of `o`.
fn built(api: &Api, of: &str, fields: &[Field], is_result: bool) -> String {
    if fields.is_empty() {
        return of.to_owned();
    }
    let mut text = format!("{of}(\n");
    for field in fields {
        let key = &field.name;
        let value = match (field.required, &field.shape) {
            (true, shape) => read(api, shape, &format!("o.required({key:?})")),
            (false, Shape::Array(inner)) if is_result => {
                format!("o[{key:?}].listOrEmpty {{ {} }}", read(api, inner, "it"))
            }
            (false, Shape::Map(inner)) if is_result => {
                format!("o[{key:?}].mapOrEmpty {{ {} }}", read(api, inner, "it"))
            }
            (false, Shape::Optional(inner)) if field.null_clears => {
                format!("o[{key:?}]?.let {{ given -> Change(given.optional {{ {} }}) }}", read(api, inner, "it"))
            }
            (false, Shape::Optional(inner)) => read_optional(api, inner, &format!("o[{key:?}]")),
            (false, shape) => read_optional(api, shape, &format!("o[{key:?}]")),
        };
        let _ = writeln!(text, "    {} = {value},", name(key));
    }
    text + ")"
}

fn read_optional(api: &Api, shape: &Shape, element: &str) -> String {
    format!("{element}.optional {{ {} }}", read(api, shape, "it"))
}

/// The expression that reads `element`.
pub(super) fn read(api: &Api, shape: &Shape, element: &str) -> String {
    match shape {
        Shape::Unit => String::from("Unit"),
        Shape::Boolean => format!("{element}.boolean()"),
        Shape::Integer | Shape::Milliseconds => format!("{element}.long()"),
        Shape::String | Shape::CasehugId => format!("{element}.text()"),
        Shape::ClioId => format!("ClioId({element}.text())"),
        Shape::Time => format!("{element}.time()"),
        Shape::Array(inner) => format!("{element}.asList {{ {} }}", read(api, inner, "it")),
        Shape::Map(inner) => format!("{element}.asMap {{ {} }}", read(api, inner, "it")),
        Shape::Optional(inner) => read_optional(api, inner, element),
        Shape::Named(of) if is_enum(api, of) => format!("{of}.of({element}.text())"),
        Shape::Named(of) => format!("read{of}({element})"),
    }
}

/// The expression that makes JSON of `value`.
pub(super) fn written(api: &Api, shape: &Shape, value: &str) -> String {
    match shape {
        Shape::Unit => String::from("JsonObject(emptyMap())"),
        Shape::Boolean | Shape::Integer | Shape::Milliseconds | Shape::String | Shape::CasehugId => {
            format!("JsonPrimitive({value})")
        }
        Shape::ClioId => format!("JsonPrimitive({value}.value)"),
        Shape::Time => format!("JsonPrimitive({value}.toString())"),
        Shape::Array(inner) => format!("JsonArray({value}.map {{ {} }})", written(api, inner, "it")),
        Shape::Map(inner) => format!("JsonObject({value}.mapValues {{ (_, v) -> {} }})", written(api, inner, "v")),
        Shape::Optional(inner) => format!("{value}.orNull {{ {} }}", written(api, inner, "it")),
        Shape::Named(of) if is_enum(api, of) => format!("JsonPrimitive({value}.value)"),
        Shape::Named(_) => format!("{value}.json()"),
    }
}

fn is_enum(api: &Api, of: &str) -> bool {
    matches!(api.types.get(of), Some(Type::Enum { .. }))
}

fn entries(api: &Api, fields: &[Field], is_result: bool, indent: &str) -> String {
    let mut text = String::new();
    for field in fields {
        let (key, name) = (&field.name, name(&field.name));
        let has_default = is_result && matches!(field.shape, Shape::Array(_) | Shape::Map(_));
        let inner = match &field.shape {
            Shape::Optional(inner) => inner,
            shape => shape,
        };
        let _ = if field.null_clears {
            let value = format!("it.value.orNull {{ value -> {} }}", written(api, inner, "value"));
            writeln!(text, "{indent}    {name}?.let {{ put({key:?}, {value}) }}")
        } else if field.required || has_default {
            writeln!(text, "{indent}    put({key:?}, {})", written(api, &field.shape, &name))
        } else {
            writeln!(text, "{indent}    {name}?.let {{ put({key:?}, {}) }}", written(api, inner, "it"))
        };
    }
    text
}
