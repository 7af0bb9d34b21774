//! The integration card: what each operation takes and answers with on the wire, so that a renamed
//! operation, argument or field does not compile there.

use core::fmt::Write as _;
use std::collections::BTreeSet;

use super::model::{Api, Field, Operation, Shape};
use super::node::GENERATED;
use super::typescript::{comment, shape};

/// `bindings/node/card/src/operations.ts`.
pub(super) fn operations(api: &Api) -> String {
    let of_users: Vec<&Operation> = api.operations.iter().filter(|operation| operation.access != "host").collect();
    let shapes = of_users.iter().flat_map(|of| of.arguments.iter().map(|field| &field.shape).chain([&of.result]));
    let mut names = BTreeSet::new();
    shapes.for_each(|shape| named(shape, &mut names));
    let mut page = format!("{GENERATED}\nimport type {{\n");
    for name in names {
        let _ = writeln!(page, "  {name},");
    }
    page += "} from '../../src/operations.mjs';\n";
    page += "\n/** The operations of a firm's users: the fields of the body that is sent, and the answer. */\n";
    page += "export interface Operations {\n";
    for operation in &of_users {
        let _ = writeln!(
            page,
            "  {}: {{ sent: {}; answer: {} }};",
            operation.name,
            fields(&operation.arguments),
            shape(&operation.result)
        );
    }
    page += "}\n";
    page += &comment("What to say of an attempt to connect that ended with this code.", 0);
    page += "export const CONNECT_FAILURES: Readonly<Record<string, string>> = {\n";
    let ends = of_users.iter().filter(|operation| operation.name == "finish_connect");
    for code in ends.flat_map(|operation| &operation.errors) {
        if let Some(error) = api.errors.iter().find(|error| error.name == *code) {
            let _ = writeln!(page, "  {code}: {},", quoted(&error.message));
        }
    }
    page + "};\n"
}

fn fields(of: &[Field]) -> String {
    if of.is_empty() {
        return String::from("Record<string, never>");
    }
    let fields = of.iter().map(|field| {
        let optional = if field.required { "" } else { "?" };
        format!("{}{optional}: {}", field.name, shape(&field.shape))
    });
    format!("{{ {} }}", fields.collect::<Vec<_>>().join("; "))
}

fn named(of: &Shape, found: &mut BTreeSet<String>) {
    match of {
        Shape::Array(inner) | Shape::Map(inner) | Shape::Optional(inner) => named(inner, found),
        Shape::Unit | Shape::Boolean | Shape::Integer | Shape::String => {}
        other => {
            found.insert(shape(other));
        }
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}
