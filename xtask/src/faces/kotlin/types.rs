//! `Types.kt`: what operations take and give.

use core::fmt::Write as _;
use std::collections::BTreeSet;

use super::{HEAD, kdoc, kotlin, name, prose};
use crate::faces::model::{Api, Field, Shape, Type, Variant};
use crate::faces::node::pascal;
use crate::faces::prose::NULL;
use crate::faces::typescript::results;

/// `Types.kt`.
pub(crate) fn types(api: &Api) -> String {
    let (given, taken) = (results(api), arguments(api));
    let mut text = format!(
        "{HEAD}\npackage com.casehug.clio.types\n\nimport com.casehug.clio.OpenEnum\nimport java.time.Instant\n\n\
         /** An id of Clio's: a decimal string. */\n\
         public data class ClioId(val value: String) {{\n    override fun toString(): String = value\n}}\n"
    );
    for (of, described) in &api.types {
        text.push('\n');
        let is_result = given.contains(of.as_str());
        match described {
            Type::Object { docs, fields, .. } => {
                let builds = taken.contains(of) && fields.iter().any(|field| !field.required);
                text += &kdoc(&part(api, docs), 0);
                text += &data_class(api, of, fields, is_result, None, builds);
            }
            Type::Enum { docs, values } => {
                text += &kdoc(&part(api, docs), 0);
                let _ = writeln!(text, "public class {of} private constructor(value: String) : OpenEnum(value) {{");
                text += "    public companion object {\n";
                for value in values {
                    if !value.docs.is_empty() {
                        text += &kdoc(&prose(api, &value.docs), 2);
                    }
                    let constant = value.name.to_uppercase();
                    let _ = write!(
                        text,
                        "        @JvmField\n        public val {constant}: {of} = {of}({:?})\n\n",
                        value.name
                    );
                }
                let all: Vec<String> = values.iter().map(|value| value.name.to_uppercase()).collect();
                let _ = write!(
                    text,
                    "        /** All that this version knows. */\n        @JvmField\n        public val entries: List<{of}> = \
                     listOf({})\n\n        /** The value of this word, which may be one of a later version's. */\n        \
                     @JvmStatic\n        public fun of(value: String): {of} = entries.find {{ it.value == value }} ?: \
                     {of}(value)\n    }}\n}}\n",
                    all.join(", ")
                );
            }
            Type::Union { docs, variants, .. } => {
                text += &kdoc(&part(api, docs), 0);
                let _ = writeln!(text, "public sealed interface {of} {{");
                let inside: Vec<String> = variants.iter().map(|variant| pascal(&variant.name)).collect();
                for Variant { name: variant, docs, fields } in variants {
                    let mut body = kdoc(&part(api, docs), 0);
                    let fields: Vec<Field> = fields.iter().map(|field| outside(field, &inside)).collect();
                    let fields = &fields;
                    body += &data_class(api, &pascal(variant), fields, is_result, Some(of), false);
                    text += &indented(&body);
                    text.push('\n');
                }
                if is_result {
                    let _ = write!(
                        text,
                        "    /** A variant that a later version added. */\n    public class Unknown(\n        /** The whole, as \
                         JSON. */\n        public val raw: String,\n    ) : {of} {{\n        override fun toString(): String = \
                         \"Unknown\"\n    }}\n"
                    );
                }
                text.truncate(text.trim_end().len());
                text += "\n}\n";
            }
        }
    }
    text
}

/// A field whose type is named in full, if a variant beside it has the same name.
fn outside(field: &Field, inside: &[String]) -> Field {
    let mut field = field.clone();
    if let Shape::Named(of) = &mut field.shape
        && inside.contains(of)
    {
        *of = format!("com.casehug.clio.types.{of}");
    }
    field
}

fn part(api: &Api, docs: &str) -> String {
    if docs.is_empty() { String::from("A part of others.") } else { prose(api, docs) }
}

fn indented(text: &str) -> String {
    text.lines().map(|line| if line.is_empty() { String::from("\n") } else { format!("    {line}\n") }).collect()
}

fn data_class(api: &Api, of: &str, fields: &[Field], is_result: bool, union: Option<&str>, builds: bool) -> String {
    let base = union.map_or_else(String::new, |union| format!(" : {union}"));
    if fields.is_empty() {
        return format!("public data object {of}{base}\n");
    }
    let mut text = format!("public data class {of}(\n");
    for field in fields {
        let docs = if field.null_clears { field.docs.replace(NULL, "[Change.clear]") } else { field.docs.clone() };
        text += &kdoc(&prose(api, &docs), 1);
        let (shape, default) = declared(field, is_result);
        let _ = writeln!(text, "    val {}: {shape}{default},", name(&field.name));
    }
    let _ = write!(text, "){base}");
    let hides = fields.iter().any(|field| field.confidential);
    if !hides && !builds {
        return text + "\n";
    }
    text += " {\n";
    if hides {
        let shown = |field: &Field| {
            let name = name(&field.name);
            if field.confidential { format!("{name}=…") } else { format!("{name}=${{{name}}}") }
        };
        let shown: Vec<String> = fields.iter().map(shown).collect();
        let _ = write!(
            text,
            "    override fun toString(): String =\n        \"{of}({})\"\n",
            shown.join(", ").replace('`', "")
        );
    }
    if builds {
        if hides {
            text.push('\n');
        }
        text += &builder(of, fields, is_result);
    }
    text + "}\n"
}

/// For Java, which has no names of arguments.
fn builder(of: &str, fields: &[Field], is_result: bool) -> String {
    let (required, optional): (Vec<&Field>, Vec<&Field>) = fields.iter().partition(|field| field.required);
    let parameter = |field: &&Field| format!("{}: {}", name(&field.name), declared(field, is_result).0);
    let parameters = required.iter().map(parameter).collect::<Vec<_>>().join(", ");
    let mut text = format!("    /** Builds one in Java. */\n    public class Builder({parameters}) {{\n");
    let first: Vec<String> = required.iter().map(|field| format!("{0} = {0}", name(&field.name))).collect();
    let _ = writeln!(text, "        private var built: {of} = {of}({})", first.join(", "));
    for field in optional {
        let name = name(&field.name);
        let _ = write!(
            text,
            "\n        /** See [{of}.{name}]. */\n        public fun {name}({name}: {}): Builder = apply {{ built = \
             built.copy({name} = {name}) }}\n",
            declared(field, is_result).0
        );
    }
    let _ = write!(text, "\n        /** What was built. */\n        public fun build(): {of} = built\n    }}\n");
    text
}

/// How a field is declared: its type, and its default.
pub(super) fn declared(field: &Field, is_result: bool) -> (String, &'static str) {
    let shape = kotlin(&field.shape);
    match &field.shape {
        _ if field.required => (shape, ""),
        Shape::Array(_) if is_result => (shape, " = emptyList()"),
        Shape::Map(_) if is_result => (shape, " = emptyMap()"),
        Shape::Optional(inner) if field.null_clears => (format!("Change<{}>?", kotlin(inner)), " = null"),
        Shape::Optional(_) => (shape, " = null"),
        _ => (shape + "?", " = null"),
    }
}

/// The types that operations take.
fn arguments(api: &Api) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut left: Vec<&Shape> = api.operations.iter().flat_map(|one| &one.arguments).map(|one| &one.shape).collect();
    while let Some(shape) = left.pop() {
        match shape {
            Shape::Array(inner) | Shape::Map(inner) | Shape::Optional(inner) => left.push(inner),
            Shape::Named(name) if names.insert(name.clone()) => {
                if let Some(Type::Object { fields, .. }) = api.types.get(name) {
                    left.extend(fields.iter().map(|field| &field.shape));
                }
            }
            _ => {}
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str, shape: Shape, required: bool) -> Field {
        let docs = String::from("What it is.");
        Field { name: name.into(), docs, shape, required, null_clears: false, confidential: name.ends_with("name") }
    }

    #[test]
    fn what_is_confidential_is_not_shown() {
        let api = Api { version: String::new(), operations: Vec::new(), types: Default::default(), errors: Vec::new() };
        let fields = [
            field("id", Shape::String, true),
            field("last_name", Shape::String, true),
            field("count", Shape::Integer, true),
        ];
        let class = data_class(&api, "Person", &fields, true, None, false);
        assert!(class.contains("\"Person(id=${id}, lastName=…, count=${count})\""), "{class}");
        let class = data_class(&api, "Plain", &fields[2..], true, None, false);
        assert!(!class.contains("toString"), "{class}");
    }

    #[test]
    fn what_may_be_left_out_has_a_default() {
        let list = || Shape::Array(Box::new(Shape::Integer));
        assert_eq!(declared(&field("a", list(), false), true), (String::from("List<Long>"), " = emptyList()"));
        assert_eq!(declared(&field("a", list(), false), false), (String::from("List<Long>?"), " = null"));
        assert_eq!(declared(&field("a", Shape::Time, true), false), (String::from("Instant"), ""));
        let cleared = Field { null_clears: true, ..field("a", Shape::Optional(Box::new(Shape::ClioId)), false) };
        assert_eq!(declared(&cleared, false), (String::from("Change<ClioId>?"), " = null"));
    }
}
