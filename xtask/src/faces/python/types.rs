//! `types.py` and `_read.py`: what operations take and give, and how it comes out of JSON.

use core::fmt::Write as _;

use super::{HEAD, docstring, item, plain_name, prose, python};
use crate::faces::model::{Api, Field, Shape, Type, Variant};
use crate::faces::node::pascal;
use crate::faces::prose::NULL;
use crate::faces::typescript::results;

/// `types.py`.
pub(crate) fn types(api: &Api) -> String {
    let open = results(api);
    let mut text = format!(
        "\"\"\"What operations take and give. Keys are the same in every language.\"\"\"\n\n{HEAD}\n\
         from __future__ import annotations\n\n\
         from collections import abc\nfrom dataclasses import dataclass, field\n\
         from datetime import datetime\nfrom typing import Any, ClassVar, NewType\n\n\
         from ._wire import CLEAR as CLEAR\nfrom ._wire import Clear as Clear\nfrom ._wire import OpenEnum\n\nClioId = NewType(\"ClioId\", str)\n\"\"\"An id of Clio's: a decimal string.\"\"\"\n"
    );
    // A union names its variants, which have to be there before it.
    let (unions, others): (Vec<_>, Vec<_>) =
        api.types.iter().partition(|(_, described)| matches!(described, Type::Union { .. }));
    for (name, described) in others.into_iter().chain(unions) {
        match described {
            Type::Object { docs, fields, .. } => {
                text += &dataclass(api, name, docs, fields, open.contains(name.as_str()), None);
            }
            Type::Enum { docs, values } => {
                let _ = write!(text, "\n\nclass {name}(OpenEnum):\n");
                text += &docstring(&prose(api, docs), 1);
                for value in values {
                    let _ = writeln!(text, "\n    {} = {:?}", value.name.to_uppercase(), value.name);
                    if !value.docs.is_empty() {
                        text += &docstring(&prose(api, &value.docs), 1);
                    }
                }
            }
            Type::Union { docs, tag, variants } => {
                let is_open = open.contains(name.as_str());
                let mut names: Vec<String> = Vec::new();
                for Variant { name: variant, docs, fields } in variants {
                    let named = format!("{name}{}", pascal(variant));
                    text += &dataclass(api, &named, docs, fields, is_open, Some((tag, variant)));
                    names.push(named);
                }
                if is_open {
                    let _ = write!(
                        text,
                        "\n\n@dataclass(frozen=True, slots=True, kw_only=True)\nclass {name}Unknown:\n    \"\"\"A variant that a later version \
                         added.\"\"\"\n\n    raw: abc.Mapping[str, Any] = field(repr=False)\n    \"\"\"The whole, as it came.\"\"\"\n"
                    );
                    names.push(format!("{name}Unknown"));
                }
                let _ = write!(text, "\n\n{name} = (\n    {}\n)\n", names.join("\n    | "));
                text += &docstring(&prose(api, docs), 0);
            }
        }
    }
    text
}

fn dataclass(
    api: &Api,
    name: &str,
    docs: &str,
    fields: &[Field],
    is_result: bool,
    tag: Option<(&String, &String)>,
) -> String {
    let docs = if docs.is_empty() { String::from("A part of others.") } else { prose(api, docs) };
    let mut text =
        format!("\n\n@dataclass(frozen=True, slots=True, kw_only=True)\nclass {name}:\n{}", docstring(&docs, 1));
    if let Some((tag, value)) = tag {
        let _ = writeln!(text, "\n    TAG: ClassVar[tuple[str, str]] = ({tag:?}, {value:?})");
    }
    for field in fields {
        let mut shape = python(&field.shape, is_result);
        let mut default = String::new();
        if !field.required {
            default = match &field.shape {
                Shape::Array(_) if is_result => format!(" = field(default_factory=list[{}])", item(&field.shape)),
                Shape::Map(_) if is_result => format!(" = field(default_factory=dict[str, {}])", item(&field.shape)),
                Shape::Optional(inner) if field.null_clears => {
                    shape = format!("{} | Clear | None", python(inner, is_result));
                    String::from(" = None")
                }
                Shape::Optional(_) => String::from(" = None"),
                _ => {
                    shape += " | None";
                    String::from(" = None")
                }
            };
        }
        if field.confidential {
            default = match default.strip_prefix(" = ") {
                None => String::from(" = field(repr=False)"),
                Some(value) if value.starts_with("field(") => default.replace("field(", "field(repr=False, "),
                Some(value) => format!(" = field(default={value}, repr=False)"),
            };
        }
        let _ = writeln!(text, "\n    {}: {shape}{default}", plain_name(&field.name));
        let docs = if field.null_clears { field.docs.replace(NULL, "`CLEAR`") } else { field.docs.clone() };
        text += &docstring(&prose(api, &docs), 1);
    }
    text
}

/// `_read.py`: from JSON.
pub(crate) fn readers(api: &Api) -> String {
    let open = results(api);
    let mut text = format!(
        "\"\"\"From JSON to what operations give.\"\"\"\n\n{HEAD}\nfrom __future__ import annotations\n\n\
         from typing import Any\n\nfrom . import types\nfrom ._wire import listed, mapped, optional, time\n\nJson = Any\n"
    );
    for (name, described) in &api.types {
        if !open.contains(name.as_str()) {
            continue;
        }
        let built = |of: &str, fields: &[Field]| {
            let fields: Vec<String> = fields
                .iter()
                .map(|field| {
                    let key = &field.name;
                    let value = match (field.required, &field.shape) {
                        (true, shape) => read(api, shape, &format!("j[{key:?}]")),
                        (false, shape @ Shape::Array(_)) => read(api, shape, &format!("listed(j.get({key:?}))")),
                        (false, shape @ Shape::Map(_)) => read(api, shape, &format!("mapped(j.get({key:?}))")),
                        (false, shape) => read(api, &nullable(shape), &format!("j.get({key:?})")),
                    };
                    format!("        {}={value},\n", plain_name(key))
                })
                .collect();
            format!("types.{of}(\n{}    )", fields.concat())
        };
        let head = format!("\n\ndef {}(j: Json) -> types.{name}:\n", reader_name(name));
        match described {
            Type::Object { fields, .. } => {
                let _ = writeln!(text, "{head}    return {}", built(name, fields));
            }
            Type::Union { tag, variants, .. } => {
                text += &head;
                let _ = writeln!(text, "    tag = j[{tag:?}]");
                for Variant { name: variant, fields, .. } in variants {
                    let of = built(&format!("{name}{}", pascal(variant)), fields).replace('\n', "\n    ");
                    let _ = writeln!(text, "    if tag == {variant:?}:\n        return {of}");
                }
                let _ = writeln!(text, "    return types.{name}Unknown(raw=j)");
            }
            Type::Enum { .. } => {}
        }
    }
    text
}

pub(super) fn reader_name(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

fn nullable(shape: &Shape) -> Shape {
    match shape {
        Shape::Optional(_) => shape.clone(),
        shape => Shape::Optional(Box::new(shape.clone())),
    }
}

/// Whether JSON's own value is what is given.
fn is_plain(shape: &Shape) -> bool {
    match shape {
        Shape::Time | Shape::Named(_) => false,
        Shape::Array(inner) | Shape::Map(inner) | Shape::Optional(inner) => is_plain(inner),
        _ => true,
    }
}

/// The function that reads this shape.
fn reader(api: &Api, shape: &Shape) -> String {
    match shape {
        Shape::Time => String::from("time"),
        Shape::Named(name) if matches!(api.types.get(name), Some(Type::Enum { .. })) => format!("types.{name}"),
        Shape::Named(name) => reader_name(name),
        shape => format!("lambda v: {}", read(api, shape, "v")),
    }
}

/// The expression that reads `value`.
pub(super) fn read(api: &Api, shape: &Shape, value: &str) -> String {
    match shape {
        shape if is_plain(shape) => value.to_owned(),
        Shape::Array(inner) => format!("[{} for i in {value}]", read(api, inner, "i")),
        Shape::Map(inner) => format!("{{k: {} for k, i in {value}.items()}}", read(api, inner, "i")),
        Shape::Optional(inner) => format!("optional({}, {value})", reader(api, inner)),
        shape => format!("{}({value})", reader(api, shape)),
    }
}
